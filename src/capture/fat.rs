//! Stages the files of a FAT volume in a folder beside the output for wimlib, and their FAT metadata separately.
//!
//! wimlib can't read FAT, and a folder on Linux has no attributes, short names or creation times. These are kept
//! separately and written into the finished WIM file. Staging needs a copy of the volume's files, which only its owner
//! can read, and which is removed at the end; the next capture to the same output replaces what a killed one left. FAT
//! stores local times, which are taken as UTC, as on Linux. The last access time is set to that of the last write.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};

use crate::date::Date;
use crate::error::{Error, Result};
use crate::format::fat::{self, CodePage};
use crate::format::partitions::Window;
use crate::format::wim::capture::{CaptureTree, WindowsMetadata};
use crate::format::wim::metadata::{FileTime, ImageEntry};
use crate::progress::Progress;
use crate::write::open;

/// Files of a volume, removed when dropped.
pub(super) struct Staged {
    folder: Utf8PathBuf,
    marks: BTreeMap<String, WindowsMetadata>,
}

const COPY_LEN: u64 = 1 << 20;

impl Staged {
    /// Copies the files of a volume. `place` names it in messages.
    ///
    /// # Errors
    ///
    /// If the volume contradicts itself, reading or writing fails, or the run is interrupted.
    pub(super) fn make(
        volume: &Window,
        place: &str,
        folder: Utf8PathBuf,
        code_page: CodePage,
        progress: &Progress,
    ) -> Result<Self> {
        let unreadable = |error| {
            Error::new(format!("the FAT volume `{place}` can't be read"))
                .because(error)
                .help("repair it with `fsck.fat`, or copy it again")
        };
        let entries = fat::entries(&mut volume.clone(), 0..volume.len(), code_page).map_err(unreadable)?;
        open::remove_tree(&folder).map_err(|error| Error::io("removing", &folder, error))?;
        make_folder(&folder)?;
        let mut staged = Self { folder, marks: BTreeMap::new() };
        for entry in entries {
            progress.check_cancelled()?;
            let target = staged.folder.join(&entry.file.path);
            if entry.file.is_folder {
                make_folder(&target)?;
            } else {
                copy(volume, &entry.file.extents, &target, progress)?;
            }
            staged.marks.insert(entry.file.path.clone(), marks(&entry));
        }
        Ok(staged)
    }

    pub(super) fn tree(&self) -> CaptureTree<'_> {
        CaptureTree::Staged(&self.folder, &self.marks)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // The next run replaces leftovers.
        let _ = open::remove_tree(&self.folder);
    }
}

/// Creates a folder for its owner only, since the volume may be confidential.
fn make_folder(path: &Utf8Path) -> Result<()> {
    open::create_private_folder(path).map_err(|error| Error::io("creating", path, error))
}

fn copy(volume: &Window, extents: &[Range<u64>], to: &Utf8Path, progress: &Progress) -> Result<()> {
    let failed = |error: io::Error| {
        let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let error = Error::io("writing", to, error);
        if is_full {
            error.help("free some space beside the output, where a FAT volume's files are copied")
        } else {
            error
        }
    };
    let mut target = open::create_private(to).map_err(failed)?;
    let mut buffer = Vec::new();
    for extent in extents {
        let mut at = extent.start;
        while at < extent.end {
            progress.check_cancelled()?;
            buffer.resize((extent.end - at).min(COPY_LEN) as usize, 0);
            volume.read_exact_at(&mut buffer, at).map_err(|error| Error::io("reading the source of", to, error))?;
            target.write_all(&buffer).map_err(failed)?;
            at += buffer.len() as u64;
        }
    }
    Ok(())
}

fn marks(entry: &fat::FatEntry) -> WindowsMetadata {
    let exact = |(date, hundredths): (Date, u8)| {
        let FileTime(time) = date.into();
        FileTime(time + u64::from(hundredths) * 100_000)
    };
    let written = entry.written.map(FileTime::from);
    let created = entry.created.map(exact).or(written).unwrap_or(Date::EARLIEST.into());
    let written = written.unwrap_or(created);
    WindowsMetadata {
        attributes: if entry.attributes == 0 { ImageEntry::NORMAL } else { entry.attributes.into() },
        short_name: entry.short_name.clone(),
        times: [created, written, written],
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use super::*;
    use crate::content::Content;
    use crate::digest::Digest;
    use crate::layout::Region;
    use crate::source::visit;
    use crate::volume::{Folder, Volume};

    #[test]
    fn the_copy_of_a_volume_can_be_read_by_its_owner_only() {
        let mut root = Folder::default();
        root.insert("EFI/Boot/bootx64.efi", Content::bytes(vec![7; 3_000_000])).unwrap();
        let (label, id, parts, boot) = ("ESP".into(), Digest::hash(b"volume"), Vec::new(), Vec::new());
        let layout = fat::layout(&Volume { label, id, date: Date::EARLIEST, root, parts, boot }).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        visit(&layout, &[Region { offset: 0, len: layout.len() }], &mut |bytes| {
            file.write_all(bytes).unwrap();
            Ok::<_, Error>(())
        })
        .unwrap();
        let volume = Window::new(Arc::new(file), 0, layout.len());
        let scratch = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(scratch.path()).unwrap().join("staged");
        let staged = Staged::make(&volume, "esp", folder.clone(), CodePage::default(), &Progress::default()).unwrap();
        assert!(fs::read(folder.join("EFI/Boot/bootx64.efi")).unwrap() == vec![7; 3_000_000]);
        for path in ["", "EFI", "EFI/Boot", "EFI/Boot/bootx64.efi"] {
            let mode = fs::metadata(folder.join(path)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{path}");
        }
        drop(staged);
        assert!(!folder.exists());
    }
}
