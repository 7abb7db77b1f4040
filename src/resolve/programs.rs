//! What is read of boot programs, remembered in the cache: one that did not change is not read again.
//!
//! A content is a program itself, or a FAT volume that holds some: the EFI boot image of a disc.

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
use crate::store::{Key, Kind, Objects};

/// What a content is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum As {
    /// A program.
    Program,
    /// A FAT volume with programs.
    Volume,
}

/// A program as it was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Read {
    /// Its path in the volume; empty for a content that is a program itself.
    pub path: String,
    /// What was read, or why it is no program.
    pub program: std::result::Result<BootProgram, NoProgram>,
}

/// A file that is no program.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct NoProgram {
    /// Whether it begins as one.
    pub begins: bool,
    /// Why it is none, as a fragment about "it".
    pub why: String,
}

/// Raised when what is remembered is written or meant in another way.
const VERSION: u32 = 1;

/// What was read, by what was read and as what.
type Known = HashMap<(Identity, As), Rc<Vec<Read>>>;

/// What was read of programs in this run.
#[derive(Debug, Default)]
pub(super) struct Programs {
    known: RefCell<Known>,
}

/// What tells the bytes of a content from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Identity {
    Source(SourceKey),
    Bytes(Digest),
}

impl Programs {
    /// The programs of a content.
    ///
    /// # Errors
    ///
    /// When it can't be read, or changes while it is.
    pub(super) fn of(&self, content: &Content, taken_for: As, cache: Option<&Objects>) -> Result<Rc<Vec<Read>>> {
        let identity = match content {
            Content::Bytes(bytes) => Identity::Bytes(Digest::of(bytes)),
            Content::Source(source) => Identity::Source(source.key()),
        };
        if let Some(known) = self.known.borrow().get(&(identity, taken_for)) {
            return Ok(Rc::clone(known));
        }
        let key = key(&identity, taken_for);
        let remembered = cache.and_then(|cache| serde_json::from_slice(&cache.bytes(&key)?).ok());
        let read = match remembered {
            Some(read) => read,
            None => {
                let since = cache.and_then(Objects::start_reading);
                let read = read(&bytes(content)?, taken_for);
                let is_lasting = match content {
                    Content::Bytes(_) => true,
                    Content::Source(source) => since.is_some_and(|since| since.is_lasting_of(source)),
                };
                if let (Some(cache), true) = (cache, is_lasting) {
                    // Numbers and texts can always be written.
                    cache.keep(&key, &serde_json::to_vec(&read).unwrap_or_default());
                }
                read
            }
        };
        let read = Rc::new(read);
        self.known.borrow_mut().insert((identity, taken_for), Rc::clone(&read));
        Ok(read)
    }
}

fn key(identity: &Identity, taken_for: As) -> Key {
    // The digest of a key is over all fields one after the other: two numbers of fixed length, then the identity.
    let version = VERSION * 2 + u32::from(taken_for == As::Volume);
    match identity {
        Identity::Source(SourceKey::File(stat)) => Key::of_file(Kind::Programs, version, stat),
        Identity::Source(SourceKey::Pieced(digest)) => {
            Key::new(Kind::Programs, &[b"pieced", &version.to_le_bytes()[..], &digest.0].concat())
        }
        Identity::Bytes(digest) => {
            Key::new(Kind::Programs, &[b"bytes", &version.to_le_bytes()[..], &digest.0].concat())
        }
    }
}

fn bytes(content: &Content) -> Result<Arc<[u8]>> {
    let source = match content {
        Content::Bytes(bytes) => return Ok(Arc::clone(bytes)),
        Content::Source(source) => source,
    };
    if source.len() > MAX_PROGRAM_LEN {
        return Err(Error::new(format!(
            "`{}` has {} bytes, and no boot program has so many",
            source.path(),
            source.len()
        ))
        .help("see whether it is the file that was meant"));
    }
    Ok(read_start(source, source.len() as usize)?.into())
}

fn read(bytes: &[u8], taken_for: As) -> Vec<Read> {
    let program = |path: &str, bytes: &[u8]| {
        let no_program = |why: &dyn ToString| NoProgram { begins: bytes.starts_with(b"MZ"), why: why.to_string() };
        Read { path: path.to_owned(), program: BootProgram::read(bytes).map_err(|why| no_program(&why)) }
    };
    if taken_for == As::Program {
        return vec![program("", bytes)];
    }
    // What is no FAT volume, or a damaged one, holds no program that could be looked at.
    let Ok(volume) = fat::read(&mut Cursor::new(bytes), 0..bytes.len() as u64) else { return Vec::new() };
    let programs = volume.files.iter().filter(|file| !file.is_folder && boot_program::is_one(&file.path));
    let read = programs.map(|file| {
        let extents = file.extents.iter().map(|extent| bytes.get(extent.start as usize..extent.end as usize));
        let whole = extents.collect::<Option<Vec<_>>>().unwrap_or_default().concat();
        program(&file.path, &whole[..whole.len().min(file.len as usize)])
    });
    read.collect()
}
