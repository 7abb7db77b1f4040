//! Creates, renews and checks `tsmedia.lock`.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Environment, Project};
use crate::content::{Source, SourceFile, Stat};
use crate::digest::{DigestKinds, Digests};
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::progress::Progress;
use crate::store::{ContentLock, Store};
use crate::write::{DiskOps, WriteOptions};

/// Differences between a lock and the content that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockChanges {
    /// Path of the lock.
    pub lock: Utf8PathBuf,
    /// Changed files, by path relative to the lock.
    pub changes: Vec<(String, LockChange)>,
    /// Number of locked files afterwards.
    pub n_files: usize,
    /// Their total length in bytes.
    pub len: u64,
}

/// Difference of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockChange {
    /// It was not locked before.
    Added,
    /// It has another size or other bytes.
    Changed,
    /// It does not exist.
    Missing,
}

/// Work on an existing lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockRequest {
    /// Locked files to read; all if there are none.
    pub only: Vec<Utf8PathBuf>,
    /// `true` to compare without writing anything but the cache.
    pub is_check: bool,
}

/// Adds the large content of manifests to their locks. Files that are locked already are not read.
pub fn lock_content(
    projects: &[Project],
    inputs: &Inputs,
    min_len: u64,
    progress: &Progress,
) -> Result<Vec<LockChanges>> {
    let mut by_lock: BTreeMap<Utf8PathBuf, Vec<&Project>> = BTreeMap::new();
    for project in projects {
        by_lock.entry(ContentLock::path_for(project.manifest())).or_default().push(project);
    }
    let mut all = Vec::new();
    for (path, projects) in by_lock {
        let mut lock = ContentLock::load(&path)?.unwrap_or_else(|| ContentLock::new(&path));
        let files = large_files(&projects, inputs, min_len);
        let files = files.into_values().map(|file| (lock.name_of(&file.path), file));
        let files: BTreeMap<_, _> = files.filter(|(name, _)| !lock.files().contains_key(name)).collect();
        let Some(first) = projects.first() else { continue };
        let digests = read(files.values(), &mut first.open_store(), progress)?;
        for ((name, file), digests) in files.iter().zip(digests) {
            lock.put(name.clone(), file.stat.len, digests);
        }
        lock.save(&DiskOps::default())?;
        let changes = files.into_keys().map(|name| (name, LockChange::Added)).collect();
        all.push(LockChanges::new(&lock, changes));
    }
    Ok(all)
}

/// Reads the files of the lock of the current folder's repository, and replaces or compares what it says of them.
pub fn change_lock(request: &LockRequest, environment: &Environment, progress: &Progress) -> Result<LockChanges> {
    let path = ContentLock::path_for("media.toml".into());
    let mut lock = ContentLock::load_to_update(&path)?;
    if lock.text().is_empty() {
        return Err(Error::new(format!("`{path}` does not exist"))
            .help("run `tsmedia lock` with the manifests whose content to lock"));
    }
    if request.is_check {
        ContentLock::load(&path)?;
    }
    let mut changes = BTreeMap::new();
    let mut files = BTreeMap::new();
    for name in chosen(&lock, &request.only)? {
        match fs::metadata(lock.file_path(&name)) {
            Ok(metadata) => {
                let file = SourceFile { path: lock.file_path(&name), stat: Stat::from_metadata(&metadata) };
                files.insert(name, file);
            }
            Err(_) => drop(changes.insert(name, LockChange::Missing)),
        }
    }
    let mut store = environment.caches().open(&path).store();
    let digests = read(files.values(), &mut store, progress)?;
    for ((name, file), digests) in files.iter().zip(digests) {
        let locked = lock.files().get(name);
        if locked.is_none_or(|locked| locked.len != file.stat.len || locked.digests.blake3 != digests.blake3) {
            changes.insert(name.clone(), LockChange::Changed);
            lock.put(name.clone(), file.stat.len, digests);
        }
    }
    if !request.is_check {
        let missing = changes.iter().filter(|(_, change)| **change == LockChange::Missing);
        missing.for_each(|(name, _)| lock.remove(name));
        lock.save(&DiskOps::default())?;
    }
    Ok(LockChanges::new(&lock, changes.into_iter().collect()))
}

/// Names of the locked files to read.
fn chosen(lock: &ContentLock, only: &[Utf8PathBuf]) -> Result<Vec<String>> {
    if only.is_empty() {
        return Ok(lock.files().keys().cloned().collect());
    }
    let name = |path: &Utf8PathBuf| {
        let name = lock.name_of(path);
        match lock.files().contains_key(&name) {
            true => Ok(name),
            false => Err(Error::new(format!("`{path}` is not in `{}`", lock.path()))
                .help("run `tsmedia lock` with the manifests that use it")),
        }
    };
    only.iter().map(name).collect()
}

/// Files of at least `min_len` bytes that manifests read, by path.
pub(super) fn large_files(projects: &[&Project], inputs: &Inputs, min_len: u64) -> BTreeMap<Utf8PathBuf, SourceFile> {
    let of_media = projects.iter().flat_map(|project| project.source_files());
    let mut files: BTreeMap<_, _> = of_media.map(|file| (file.path.clone(), file.clone())).collect();
    for (path, _) in inputs.read() {
        if let Some(metadata) = fs::metadata(path).ok().filter(fs::Metadata::is_file) {
            let file = SourceFile { path: path.to_owned(), stat: Stat::from_metadata(&metadata) };
            files.insert(path.to_owned(), file);
        }
    }
    // Files in the cache are made from others, and outputs of one manifest may be inputs of another.
    let is_made = |path: &Utf8Path| {
        let mut made = projects.iter().flat_map(|project| project.targets()).map(|target| target.path.as_path());
        projects.iter().any(|project| path.starts_with(project.cache().path())) || made.any(|output| output == path)
    };
    files.retain(|path, file| file.stat.len >= min_len && !is_made(path));
    files
}

/// Digests of files, in their order. Those that were read in their current state are not read again.
pub(super) fn read<'a>(
    files: impl Iterator<Item = &'a SourceFile>,
    store: &mut Store,
    progress: &Progress,
) -> Result<Vec<Digests>> {
    let sources: Vec<_> = files.map(|file| Arc::new(Source::File(file.clone()))).collect();
    let is_unread = |source: &&Arc<Source>| store.verified(&source.key()).is_none();
    let unread: Vec<_> = sources.iter().filter(is_unread).cloned().collect();
    if !unread.is_empty() {
        let options = WriteOptions::default();
        store.hash(&unread, DigestKinds::Lists, &options, progress)?;
        // Best effort: the lock does not depend on the cache.
        let _ = store.save(&options.disk);
    }
    let digests = sources.iter().map(|source| store.verified(&source.key()));
    digests.collect::<Option<_>>().ok_or_else(|| Error::new("the digests of a file were lost"))
}

impl LockChanges {
    fn new(lock: &ContentLock, changes: Vec<(String, LockChange)>) -> Self {
        let len = lock.files().values().map(|file| file.len).sum();
        Self { lock: lock.path().to_owned(), changes, n_files: lock.files().len(), len }
    }
}
