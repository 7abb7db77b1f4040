//! Derives boot images from WIM files, and caches the result by its inputs: nothing is opened if
//! boot image and added files are unchanged.

use std::sync::Arc;

use super::KnownWim;
use super::recipe;
use super::reexported::{as_pieced, ensure_reexported, find_reexported, read_structure};
use crate::content::{Content, Source, SourceFile, SourceKey, Stat};
use crate::date::Date;
use crate::digest::Digest;
use crate::error::Result;
use crate::format::wim::{ImageEdit, WimStructure};
use crate::progress::Progress;
use crate::store::{ObjectKey, ObjectKind};
use crate::volume::{Folder, Node};

/// Version of the cache entry; bump it when the derivation, encoding or meaning changes.
const VERSION: u64 = 2;

/// A WIM file turned into a boot image.
#[derive(Clone, Debug)]
pub enum DerivedImage {
    /// The file is a boot image already.
    Unchanged,
    /// The derived file.
    Made(Content),
    /// The file has to be recompressed, but the cache is read-only.
    Deferred,
}

/// Derives a boot image that starts the image `index`, with files added.
///
/// # Errors
///
/// The file is damaged, or can't hold the additions.
pub fn derive_boot_image(known: &KnownWim, index: u32, additions: &Folder, date: Date) -> Result<DerivedImage> {
    let is_edited = additions.iter().len() > 0;
    let edit = ImageEdit { additions, removals: &[], date };
    // A solid file can't be edited, so the image is re-exported first; the copy has one image,
    // already marked.
    let (source, index, is_marked) = match &known.facts.packed {
        None => (Arc::clone(&known.source), index, known.facts.boot_index == Some(index)),
        Some(_) => {
            if is_edited && find_reexported(known, Some(index))?.is_none() {
                // Report a wrong edit now, rather than after minutes of re-exporting.
                let wim = WimStructure::read(Arc::clone(&known.source))?;
                wim.check_edit(index, &edit, &Progress::default())?;
            }
            match ensure_reexported(known, Some(index))? {
                Some(file) if is_edited => (Arc::new(Source::File(file)), 1, true),
                Some(file) => return Ok(DerivedImage::Made(Content::pieced(as_pieced(known, &Source::File(file))))),
                None => return Ok(DerivedImage::Deferred),
            }
        }
    };
    if is_marked && !is_edited {
        return Ok(DerivedImage::Unchanged);
    }
    let (made_of, inputs) = recipe_key(&source, index, is_marked, additions, date);
    let key = ObjectKey::new(ObjectKind::WimReads, &made_of);
    let remembered = known.cache.as_ref().and_then(|cache| recipe::parse(&cache.bytes(&key)?, &inputs, known.path()));
    if let Some(derived) = remembered.and_then(|sources| sources.into_iter().next()) {
        return Ok(DerivedImage::Made(Content::pieced(derived)));
    }
    let since = known.cache.as_ref().and_then(|cache| cache.start_reading());
    let wim = read_structure(known, &source)?;
    // Edit in place if the image is marked as bootable; otherwise export it alone, marked, and edit
    // the copy.
    let derived = with_progress(known, &wim, |progress| {
        if is_marked {
            return wim.edit(index, &edit, progress);
        }
        let exported = wim.export(&[index], Some(1), progress)?;
        match is_edited {
            true => WimStructure::read(Arc::new(Source::Pieced(exported)))?.edit(1, &edit, progress),
            false => Ok(exported),
        }
    })?;
    if let (Some(cache), Some(since)) = (&known.cache, since)
        && inputs.iter().all(|input| since.is_lasting(&input.stat))
        && let Some(bytes) = recipe::to_bytes(std::slice::from_ref(&derived), &inputs)
    {
        cache.keep(&key, &bytes);
    }
    Ok(DerivedImage::Made(Content::pieced(derived)))
}

/// Runs `make`, reporting progress if the WIM has an integrity table, which requires reading all of
/// it.
pub(super) fn with_progress<T>(
    known: &KnownWim,
    wim: &WimStructure,
    make: impl FnOnce(&Progress) -> Result<T>,
) -> Result<T> {
    match wim.integrity {
        Some(_) => known.reporter.watch(&format!("reading `{}`", known.path()), false, make),
        None => make(&Progress::default()),
    }
}

/// Returns everything that determines the derived image, as bytes, and the files it is derived
/// from.
fn recipe_key(
    source: &Source,
    index: u32,
    is_marked: bool,
    additions: &Folder,
    date: Date,
) -> (Vec<u8>, Vec<SourceFile>) {
    let mut made_of = b"boot image".to_vec();
    let number = |number: u64, made_of: &mut Vec<u8>| made_of.extend(number.to_le_bytes());
    for field in [VERSION, index.into(), is_marked.into(), date.unix()] {
        number(field, &mut made_of);
    }
    made_of.extend(key_digest(source.key()).0);
    let mut inputs = source.files().to_vec();
    additions.visit(&mut |path, node| {
        number(path.len() as u64, &mut made_of);
        made_of.extend(path.as_bytes());
        let digest = match node {
            Node::Folder(_) => Digest([0; 32]),
            Node::File(Content::Bytes(bytes)) => Digest::hash(bytes),
            Node::File(Content::Source(source)) => {
                inputs.extend_from_slice(source.files());
                key_digest(source.key())
            }
        };
        made_of.extend(digest.0);
    });
    (made_of, inputs)
}

pub(super) fn key_digest(key: SourceKey) -> Digest {
    match key {
        SourceKey::Pieced(digest) => digest,
        SourceKey::File(Stat { device, inode, len, modified_ns, changed_ns }) => {
            let fields = [device, inode, len, modified_ns as u64, changed_ns as u64];
            Digest::hash(fields.map(u64::to_le_bytes).as_flattened())
        }
    }
}
