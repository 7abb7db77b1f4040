//! Compares the content of a run with `tsmedia.lock`.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::rc::Rc;
use std::sync::Arc;

use camino::Utf8PathBuf;

use super::Project;
use crate::apply::LockedSource;
use crate::content::{Source, SourceFile, Stat};
use crate::inputs::Inputs;
use crate::problem::{Place, Problem, Problems, SourceId};
use crate::rule::Rule;
use crate::store::{Cache, ContentLock, LockedFile, Store};

/// Lock files of a run.
pub(super) struct LockedContent {
    locks: Vec<OpenLock>,
}

/// Lock file with the files that it names, as far as they exist.
struct OpenLock {
    lock: ContentLock,
    store: Store,
    found: BTreeMap<String, SourceFile>,
}

impl LockedContent {
    /// Reads the locks of manifests, and lets the cache of each use their digests.
    pub fn open(caches: &[Cache], problems: &mut Problems, inputs: &mut Inputs) -> Self {
        let mut paths: BTreeMap<Utf8PathBuf, &Cache> = BTreeMap::new();
        for cache in caches {
            paths.entry(ContentLock::path_for(cache.folder().manifest())).or_insert(cache);
        }
        let mut locks = Vec::new();
        for (path, cache) in paths {
            inputs.note(&path);
            match ContentLock::load(&path) {
                Ok(Some(lock)) => locks.push(OpenLock::new(lock, cache)),
                Ok(None) => {}
                Err(error) => problems.add(Problem::from(&error)),
            }
        }
        Self { locks }
    }

    /// Reports files that manifests use and that differ from their locks. Returns those that agree, to be read before
    /// they are written to a medium.
    pub fn check(&self, projects: &[Project], inputs: &Inputs, problems: &mut Problems) -> Rc<[LockedSource]> {
        let mut agreed = Vec::new();
        if self.locks.iter().all(|open| open.found.is_empty()) {
            return agreed.into();
        }
        let used = used_files(projects, inputs);
        for open in &self.locks {
            let is_used = |file: &SourceFile| used.contains(&(file.stat.device, file.stat.inode));
            for (name, file) in open.found.iter().filter(|(_, file)| is_used(file)) {
                let Some(locked) = open.lock.files().get(name) else { continue };
                match open.difference(file, locked) {
                    Some(message) => {
                        let source = problems.add_source_once(open.lock.path().as_str(), open.lock.text());
                        problems.add(open.problem(file, locked, message, source));
                    }
                    None => agreed.push(LockedSource {
                        source: Arc::new(Source::File(file.clone())),
                        blake3: locked.digests.blake3,
                        lock: open.lock.path().to_owned(),
                    }),
                }
            }
        }
        agreed.into()
    }
}

impl OpenLock {
    fn new(lock: ContentLock, cache: &Cache) -> Self {
        let mut found = BTreeMap::new();
        for (name, locked) in lock.files() {
            let path = lock.file_path(name);
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let file = SourceFile { path, stat: Stat::from_metadata(&metadata) };
            if file.stat.len == locked.len {
                cache.claim(&file, locked.digests);
            }
            found.insert(name.clone(), file);
        }
        Self { lock, store: cache.store(), found }
    }

    /// Describes the difference of a file, as far as it is known without reading the file.
    fn difference(&self, file: &SourceFile, locked: &LockedFile) -> Option<String> {
        let (path, lock) = (&file.path, self.lock.path());
        if file.stat.len != locked.len {
            let (len, locked_len) = (file.stat.len, locked.len);
            return Some(format!("`{path}` has {len} bytes, but {locked_len} in `{lock}`"));
        }
        let read = self.store.verified(&Source::File(file.clone()).key())?;
        (read.blake3 != locked.digests.blake3).then(|| format!("`{path}` has other bytes than in `{lock}`"))
    }

    fn problem(&self, file: &SourceFile, locked: &LockedFile, message: String, source: SourceId) -> Problem {
        let place = Place { source, span: locked.span.clone() };
        Problem::new(Rule::LockMismatch, message)
            .at(place, "")
            .help(format!("run `tsmedia lock --update {}` and review the change, or restore the file", file.path))
    }
}

/// Devices and inodes of the files that media and manifests read.
fn used_files(projects: &[Project], inputs: &Inputs) -> HashSet<(u64, u64)> {
    let of_media = projects.iter().flat_map(Project::source_files).map(|file| file.stat);
    let read = inputs.read().filter_map(|(path, _)| fs::metadata(path).ok());
    let stats = of_media.chain(read.map(|metadata| Stat::from_metadata(&metadata)));
    stats.map(|stat| (stat.device, stat.inode)).collect()
}
