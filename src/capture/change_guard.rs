//! Detects changes of a source during its capture.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::format::virtual_disk::ReferencedFile;

/// State of a source when its capture began.
#[derive(Clone)]
pub(super) struct ChangeGuard {
    path: Utf8PathBuf,
    state: SourceState,
}

#[derive(Clone)]
enum SourceState {
    /// Source that can't change, or does not show it.
    Nothing,
    /// Files with their metadata.
    Files(Vec<(Utf8PathBuf, Stat)>),
    /// Digest of names and metadata for each folder, by path from the source.
    Folder(BTreeMap<Utf8PathBuf, Digest>),
}

impl ChangeGuard {
    /// Guards a source that no other process can change.
    pub(super) fn nothing() -> Self {
        Self { path: Utf8PathBuf::new(), state: SourceState::Nothing }
    }

    /// Guards an image file and the files that its virtual disk refers to. Devices don't record when they are written.
    pub(super) fn disk(path: &Utf8Path, metadata: &Metadata, named: &[ReferencedFile]) -> Result<Self> {
        let mut files = Vec::new();
        if metadata.is_file() {
            files.push((path.to_owned(), Stat::from_metadata(metadata)));
        }
        for named in named {
            let metadata = named.metadata().map_err(|error| Error::io("looking at", &named.path, error))?;
            files.push((named.path.clone(), Stat::from_metadata(&metadata)));
        }
        Ok(Self { path: path.to_owned(), state: SourceState::Files(files) })
    }

    /// Guards a folder with all its contents.
    pub(super) fn folder(path: &Utf8Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), state: SourceState::Folder(walk(path)?) })
    }

    /// Fails if the source has changed.
    pub(super) fn check(&self) -> Result<()> {
        let changed = match &self.state {
            SourceState::Nothing => None,
            SourceState::Files(files) => {
                let mut changed = None;
                for (path, stat) in files {
                    let metadata = fs::metadata(path).map_err(|error| Error::io("looking at", path, error))?;
                    changed = changed.or((Stat::from_metadata(&metadata) != *stat).then(|| path.clone()));
                }
                changed
            }
            SourceState::Folder(before) => {
                let now = walk(&self.path)?;
                let other = before.iter().find(|(path, digest)| now.get(*path) != Some(digest));
                let new = || now.keys().find(|path| !before.contains_key(*path));
                other.map(|(path, _)| path).or_else(new).map(|path| match path.as_str() {
                    "" => self.path.clone(),
                    _ => self.path.join(path),
                })
            }
        };
        match changed {
            Some(path) => Err(Error::new(format!("`{path}` changed while it was being captured"))
                .help("try again when no other process is writing to it, or capture a copy")),
            None => Ok(()),
        }
    }
}

/// Computes a digest for every folder. The capture itself reports what can't be read.
fn walk(root: &Utf8Path) -> Result<BTreeMap<Utf8PathBuf, Digest>> {
    let mut digests = BTreeMap::new();
    let mut folders = vec![Utf8PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let Ok(entries) = fs::read_dir(&path) else { continue };
        let mut lines = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Error::io("reading", &path, error))?;
            let Ok(metadata) = entry.metadata() else { continue };
            let name = entry.file_name();
            let stat = Stat::from_metadata(&metadata);
            lines.push(format!("{name:?} {} {} {} {}", stat.inode, stat.len, stat.modified_ns, stat.changed_ns));
            if metadata.is_dir()
                && let Some(name) = name.to_str()
            {
                folders.push(folder.join(name));
            }
        }
        lines.sort_unstable();
        digests.insert(folder, Digest::hash(lines.join("\n").as_bytes()));
    }
    Ok(digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_changes_is_noticed_and_one_that_is_read_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(scratch.path()).unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "before").unwrap();
        let still = ChangeGuard::folder(root).unwrap();
        fs::read(root.join("a/b/file")).unwrap();
        still.check().unwrap();
        let changed = |still: &ChangeGuard| still.check().unwrap_err().to_string();
        fs::write(root.join("a/b/file"), "afterwards").unwrap();
        assert_eq!(changed(&still), format!("`{}` changed while it was being captured", root.join("a/b")));
        let still = ChangeGuard::folder(root).unwrap();
        fs::create_dir(root.join("new")).unwrap();
        assert_eq!(changed(&still), format!("`{}` changed while it was being captured", root));
    }

    #[test]
    fn an_image_file_that_changes_is_noticed() {
        let scratch = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(scratch.path()).unwrap().join("disk.img");
        fs::write(&path, "before").unwrap();
        let still = ChangeGuard::disk(&path, &fs::metadata(&path).unwrap(), &[]).unwrap();
        still.check().unwrap();
        fs::write(&path, "afterwards").unwrap();
        assert_eq!(still.check().unwrap_err().to_string(), format!("`{path}` changed while it was being captured"));
    }
}
