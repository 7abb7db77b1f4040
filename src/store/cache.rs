//! Caches of a run, each opened once and shared by the manifests that use it.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};

use super::objects::Objects;
use super::shared_memo::SharedMemo;
use super::tracked_files::TrackedFiles;
use super::{CacheFolder, Store};
use crate::content::{SourceFile, SourceKey};
use crate::digest::Digests;
use crate::file_identity::real_path;
use crate::size::Size;
use crate::write::DiskOps;

/// Caches of a run.
#[derive(Debug)]
pub struct Caches {
    chosen: Option<Utf8PathBuf>,
    limit: Size,
    is_read_only: bool,
    tracked: Rc<TrackedFiles>,
    opened: BTreeMap<Utf8PathBuf, Rc<OpenCache>>,
}

impl Caches {
    /// Caches whose objects may have `limit` bytes. `chosen` replaces the folders at the roots of repositories.
    pub fn new(chosen: Option<&Utf8Path>, limit: Size) -> Self {
        let (chosen, tracked) = (chosen.map(Utf8Path::to_owned), Rc::default());
        Self { chosen, limit, is_read_only: false, tracked, opened: BTreeMap::new() }
    }

    /// Disables storing objects.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { is_read_only: true, ..self }
    }

    /// Opens the cache of a manifest.
    pub fn open(&mut self, manifest: &Utf8Path) -> Cache {
        let folder = CacheFolder::find(manifest, self.chosen.as_deref());
        self.tracked.add_repository_of(manifest);
        // One cache may be reached on several paths.
        let identity = real_path(folder.path());
        let open = self.opened.entry(identity).or_insert_with(|| {
            let objects = Objects::open(folder.path(), self.limit, &DiskOps::default());
            let objects = Rc::new(if self.is_read_only { objects.read_only() } else { objects });
            Rc::new(OpenCache { objects, memo: OnceCell::new(), tracked: Rc::clone(&self.tracked) })
        });
        Cache { open: Rc::clone(open), folder }
    }
}

/// Cache as one manifest uses it.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: CacheFolder,
    open: Rc<OpenCache>,
}

/// Cache whose memo is read when it is first needed.
#[derive(Debug)]
struct OpenCache {
    objects: Rc<Objects>,
    memo: OnceCell<Rc<RefCell<SharedMemo>>>,
    tracked: Rc<TrackedFiles>,
}

impl Cache {
    /// Folder of the cache.
    pub fn folder(&self) -> &CacheFolder {
        &self.folder
    }

    /// Files made from inputs.
    pub fn objects(&self) -> Rc<Objects> {
        Rc::clone(&self.open.objects)
    }

    /// Digests and finished outputs.
    pub fn store(&self) -> Store {
        Store::new(self.folder.clone(), Rc::clone(self.memo()))
    }

    /// Uses digests from `tsmedia.lock` for a file that was not read in this state. It has to be
    /// read before it is written to a medium.
    pub fn claim(&self, file: &SourceFile, digests: Digests) {
        let key = SourceKey::File(file.stat);
        let verified = self.store().verified(&key);
        if verified.is_none_or(|verified| verified.blake3 == digests.blake3) {
            self.memo().borrow_mut().claims.insert(key, digests);
            self.open.objects.claim(file.clone(), digests.blake3, verified.is_some());
        }
    }

    fn memo(&self) -> &Rc<RefCell<SharedMemo>> {
        let open = || SharedMemo::open(self.folder.path(), Rc::clone(&self.open.tracked));
        self.open.memo.get_or_init(|| Rc::new(RefCell::new(open())))
    }
}
