//! Reads boot programs, and caches the result: an unchanged program is not read again.
//!
//! A content is a program itself, or a FAT volume with programs, such as the EFI boot image of a
//! disc.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Cursor;
use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::content::{Content, SourceKey};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::format::boot_program::{self, BootProgram};
use crate::format::fat;
use crate::limits::MAX_PROGRAM_LEN;
use crate::source::read_start;
use crate::store::{ObjectKey, ObjectKind, Objects};

/// Interpretation of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ReadAs {
    /// A program.
    Program,
    /// A FAT volume with programs.
    Volume,
}

/// A program, as read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ReadProgram {
    /// Path in the volume; empty if the content is the program.
    pub path: String,
    /// Properties of the program, or the reason why it isn't one.
    pub program: std::result::Result<BootProgram, NotAProgram>,
}

/// A file that is not a program.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct NotAProgram {
    /// The file starts with the signature of a program (`MZ`).
    pub begins: bool,
    /// Reason, as a fragment about "it".
    pub why: String,
}

/// Version of the cache entry; bump it when the encoding or meaning changes.
const VERSION: u32 = 1;

/// Results by content and interpretation.
type KnownPrograms = HashMap<(ContentId, ReadAs), Rc<Vec<ReadProgram>>>;

/// Boot programs read in this run.
#[derive(Debug, Default)]
pub(super) struct ProgramCache {
    known: RefCell<KnownPrograms>,
}

/// Identifies the bytes of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ContentId {
    Source(SourceKey),
    Bytes(Digest),
}

impl ProgramCache {
    /// Returns the programs in a content.
    ///
    /// # Errors
    ///
    /// The content can't be read, or changed meanwhile.
    pub(super) fn get(
        &self,
        content: &Content,
        read_as: ReadAs,
        cache: Option<&Objects>,
    ) -> Result<Rc<Vec<ReadProgram>>> {
        let identity = match content {
            Content::Bytes(bytes) => ContentId::Bytes(Digest::hash(bytes)),
            Content::Source(source) => ContentId::Source(source.key()),
        };
        if let Some(known) = self.known.borrow().get(&(identity, read_as)) {
            return Ok(Rc::clone(known));
        }
        let key = key(&identity, read_as);
        let remembered = cache.and_then(|cache| serde_json::from_slice(&cache.bytes(&key)?).ok());
        let read = match remembered {
            Some(read) => read,
            None => {
                let since = cache.and_then(Objects::start_reading);
                let read = read_programs(&read_bytes(content)?, read_as);
                let is_lasting = match content {
                    Content::Bytes(_) => true,
                    Content::Source(source) => since.is_some_and(|since| since.is_lasting_of(source)),
                };
                if let (Some(cache), true) = (cache, is_lasting) {
                    // Serializing numbers and texts can't fail.
                    cache.keep(&key, &serde_json::to_vec(&read).unwrap_or_default());
                }
                read
            }
        };
        let read = Rc::new(read);
        self.known.borrow_mut().insert((identity, read_as), Rc::clone(&read));
        Ok(read)
    }
}

fn key(identity: &ContentId, read_as: ReadAs) -> ObjectKey {
    // The hashed fields have no separators, so the version must have a fixed length and come first.
    let version = VERSION * 2 + u32::from(read_as == ReadAs::Volume);
    match identity {
        ContentId::Source(SourceKey::File(stat)) => ObjectKey::of_file(ObjectKind::Programs, version, stat),
        ContentId::Source(SourceKey::Pieced(digest)) => {
            ObjectKey::new(ObjectKind::Programs, &[b"pieced", &version.to_le_bytes()[..], &digest.0].concat())
        }
        ContentId::Bytes(digest) => {
            ObjectKey::new(ObjectKind::Programs, &[b"bytes", &version.to_le_bytes()[..], &digest.0].concat())
        }
    }
}

fn read_bytes(content: &Content) -> Result<Arc<[u8]>> {
    let source = match content {
        Content::Bytes(bytes) => return Ok(Arc::clone(bytes)),
        Content::Source(source) => source,
    };
    if source.len() > MAX_PROGRAM_LEN {
        return Err(Error::new(format!(
            "`{}` has {} bytes; a boot program has at most {MAX_PROGRAM_LEN}",
            source.path(),
            source.len()
        ))
        .help("check that it is the intended file"));
    }
    Ok(read_start(source, source.len() as usize)?.into())
}

fn read_programs(bytes: &[u8], read_as: ReadAs) -> Vec<ReadProgram> {
    let program = |path: &str, bytes: &[u8]| {
        let no_program = |why: &dyn ToString| NotAProgram { begins: bytes.starts_with(b"MZ"), why: why.to_string() };
        ReadProgram { path: path.to_owned(), program: BootProgram::read(bytes).map_err(|why| no_program(&why)) }
    };
    if read_as == ReadAs::Program {
        return vec![program("", bytes)];
    }
    // Anything but an intact FAT volume has no programs to check.
    let Ok(volume) = fat::read(&mut Cursor::new(bytes), 0..bytes.len() as u64) else { return Vec::new() };
    let programs = volume.files.iter().filter(|file| !file.is_folder && boot_program::is_boot_program(&file.path));
    let read = programs.map(|file| {
        let extents = file.extents.iter().map(|extent| bytes.get(extent.start as usize..extent.end as usize));
        let whole = extents.collect::<Option<Vec<_>>>().unwrap_or_default().concat();
        program(&file.path, &whole[..whole.len().min(file.len as usize)])
    });
    read.collect()
}
