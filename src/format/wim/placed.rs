//! Files of a WIM file with one image, such as prestaged media, and the locations of their bytes.
//!
//! Uncompressed files are ranges of the WIM file. Compressed ones are unpacked into memory up to a
//! limit: programs and scripts compress well, but images and archives, the bulk of a medium, are
//! usually stored uncompressed.

use std::ops::Range;
use std::sync::Arc;

use super::library::{LocatedEntry, WimEntryKind};
use super::view::WimView;
use crate::content::Source;
use crate::error::{Error, Result};
use crate::limits::{MAX_UNPACKED_LEN, MAX_WIM_FILES};

/// Index of the image.
const INDEX: u32 = 1;

/// A file or folder in a WIM.
pub struct PlacedFile {
    /// Path from the root of the image.
    pub path: String,
    /// `true` for a folder.
    pub is_folder: bool,
    /// Length in bytes.
    pub len: u64,
    /// Location of the bytes.
    pub bytes: PlacedBytes,
}

/// Location of the bytes of a file in a WIM.
pub enum PlacedBytes {
    /// Range of the WIM.
    Range(Range<u64>),
    /// Unpacked in memory.
    Unpacked(Arc<[u8]>),
    /// Not readable, with the reason as a sentence fragment.
    Unreadable(String),
}

/// Files of a WIM, and the name of its image.
pub struct PlacedFiles {
    /// Name of the image; may be empty.
    pub label: String,
    /// Files and folders; folders come before their contents.
    pub files: Vec<PlacedFile>,
}

/// Locates the files of a WIM with one image.
///
/// # Errors
///
/// If it can't be read, is not a WIM, is damaged, or has several images.
pub fn placed_files(source: &Arc<Source>) -> Result<PlacedFiles> {
    let (view, facts) = WimView::open(source)?;
    if facts.n_images != 1 {
        return Err(Error::new(format!("`{}` contains {} images; a medium has one", source.path(), facts.n_images))
            .help("apply the right one to a folder (`wimlib-imagex apply FILE INDEX FOLDER`), and use the folder"));
    }
    let mut placed = PlacedFiles { label: view.property(INDEX, "NAME").unwrap_or_default(), files: Vec::new() };
    let mut memory_left = MAX_UNPACKED_LEN;
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in view.children(INDEX, &folder)? {
            if placed.files.len() == MAX_WIM_FILES {
                let message = format!("`{}` contains more than {MAX_WIM_FILES} files", source.path());
                return Err(Error::new(message)
                    .help("apply it to a folder (`wimlib-imagex apply FILE 1 FOLDER`), and use the folder"));
            }
            if entry.found.is_folder && matches!(entry.kind, WimEntryKind::Plain) {
                folders.push(entry.found.path.clone());
            }
            let bytes = locate_bytes(&view, &entry, &mut memory_left)?;
            let found = entry.found;
            placed.files.push(PlacedFile { path: found.path, is_folder: found.is_folder, len: found.len, bytes });
        }
    }
    Ok(placed)
}

/// Locates the bytes of a file. Unpacks compressed ones while `memory_left` permits.
fn locate_bytes(view: &WimView, entry: &LocatedEntry, memory_left: &mut u64) -> Result<PlacedBytes> {
    let unreadable = |why: &str| Ok(PlacedBytes::Unreadable(why.to_owned()));
    let blob = &entry.blob;
    match entry.kind {
        WimEntryKind::Link => return unreadable("it is a link"),
        WimEntryKind::Encrypted => return unreadable("it is encrypted"),
        WimEntryKind::Plain if blob.is_missing => return unreadable("its contents are missing from the WIM file"),
        WimEntryKind::Plain => {}
    }
    if !blob.is_compressed {
        return match range(blob.resource_offset, blob.offset, blob.len) {
            Some(range) => Ok(PlacedBytes::Range(range)),
            None => unreadable("its place in the WIM file is beyond any file"),
        };
    }
    let Some(left) = memory_left.checked_sub(blob.len) else {
        return unreadable("it is compressed, and too large to be unpacked into memory");
    };
    *memory_left = left;
    match view.read(blob)? {
        Ok(bytes) => Ok(PlacedBytes::Unpacked(bytes.into())),
        Err(why) => unreadable(&why),
    }
}

/// Returns the bytes of a blob at an offset in a resource; `None` if no file is that long.
fn range(resource_offset: u64, offset: u64, len: u64) -> Option<Range<u64>> {
    let start = resource_offset.checked_add(offset)?;
    Some(start..start.checked_add(len)?)
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn places_beyond_any_file_are_none() {
        assert_eq!(range(208, 16, 4), Some(224..228));
        assert_eq!(range(u64::MAX, 1, 0), None);
        assert_eq!(range(u64::MAX - 1, 1, 1), None);
    }
}
