//! Memo of a cache in memory, shared by the manifests of a run and merged with those of other processes when it is saved.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::locks::lock_memo;
use super::memo::{FinishedOutput, Memo, Week};
use super::{CacheFolder, ask_time, memo_path, prepare};
use crate::content::SourceKey;
use crate::digest::{Digest, Digests};
use crate::error::Result;
use crate::limits;
use crate::write::{DiskOps, open, replace};

/// Memo of a run.
#[derive(Debug)]
pub(super) struct SharedMemo {
    memo: Memo,
    used: Vec<bool>,
    /// Digests computed in this run. Those that may not be stored have the number of the store that they are valid for.
    learnt: HashMap<SourceKey, (Digests, Option<usize>)>,
    finished: BTreeMap<Digest, FinishedOutput>,
    /// Finished outputs that were remembered or forgotten in this run.
    touched: BTreeSet<Digest>,
    /// Caches that an earlier version used, whose digests and outputs are still valid.
    earlier: BTreeMap<Utf8PathBuf, BTreeMap<Digest, FinishedOutput>>,
    n_stores: usize,
    /// Digests of files that `tsmedia.lock` has. They are not stored.
    pub claims: HashMap<SourceKey, Digests>,
}

impl SharedMemo {
    /// Reads the memo of a cache.
    pub fn open(root: &Utf8Path) -> Self {
        let memo = read_memo(root);
        Self {
            used: vec![false; memo.n_files()],
            finished: memo.finished(),
            memo,
            learnt: HashMap::new(),
            touched: BTreeSet::new(),
            earlier: BTreeMap::new(),
            n_stores: 0,
            claims: HashMap::new(),
        }
    }

    /// Adds the store of a manifest, with what earlier caches know of its files. Returns its number.
    pub fn add_store(&mut self, folder: &CacheFolder) -> usize {
        for cache in folder.earlier() {
            if self.earlier.contains_key(&cache.path) {
                continue;
            }
            let memo = read_memo(&cache.path);
            for index in 0..memo.n_files() {
                let (key, digests) = memo.entry(index);
                // A newer state of the file must not be replaced.
                if !self.memo.has_file(&key) {
                    self.learnt.entry(key).or_insert((digests, None));
                }
            }
            self.earlier.insert(cache.path.clone(), memo.finished());
        }
        self.n_stores += 1;
        self.n_stores
    }

    /// Digests of a source, as known to a store, or as locked.
    pub fn digests(&mut self, key: &SourceKey, store: usize) -> Option<Digests> {
        self.verified(key, store).or_else(|| self.claims.get(key).copied())
    }

    /// Digests of a source that was read, as known to a store.
    pub fn verified(&mut self, key: &SourceKey, store: usize) -> Option<Digests> {
        if let Some((digests, owner)) = self.learnt.get(key)
            && owner.is_none_or(|owner| owner == store)
        {
            return Some(*digests);
        }
        let (index, digests) = self.memo.find(key)?;
        self.used[index] = true;
        Some(digests)
    }

    /// Remembers digests, to be stored unless they are valid for one store only.
    pub fn remember(&mut self, key: SourceKey, digests: Digests, owner: Option<usize>) {
        self.learnt.insert(key, (digests, owner));
    }

    /// Finds a finished output by its key, or by those that it has in earlier caches.
    pub fn finished<'a>(
        &self,
        own: Digest,
        mut earlier: impl Iterator<Item = (&'a Utf8Path, Digest)>,
    ) -> Option<&FinishedOutput> {
        if self.touched.contains(&own) {
            return self.finished.get(&own);
        }
        self.finished.get(&own).or_else(|| earlier.find_map(|(path, key)| self.earlier.get(path)?.get(&key)))
    }

    /// Remembers or forgets a finished output.
    pub fn set_finished(&mut self, key: Digest, finished: Option<FinishedOutput>) {
        self.touched.insert(key);
        match finished {
            Some(finished) => self.finished.insert(key, finished),
            None => self.finished.remove(&key),
        };
    }

    /// Writes the memo, merged with what other processes have stored since it was opened.
    pub fn save(&self, root: &Utf8Path, disk: &DiskOps) -> Result<()> {
        prepare(root)?;
        let _lock = lock_memo(root)?;
        let others = read_memo(root);
        let indices = (0..self.memo.n_files()).filter(|index| self.used[*index]);
        let used: HashSet<_> = indices.map(|index| self.memo.entry(index).0).collect();
        let lasting = self.learnt.iter().filter(|(_, (_, owner))| owner.is_none());
        let learnt = lasting.map(|(key, (digests, _))| (*key, *digests)).collect();
        let mut finished = others.finished();
        for key in &self.touched {
            match self.finished.get(key) {
                Some(own) => finished.insert(*key, *own),
                None => finished.remove(key),
            };
        }
        let week = ask_time(root).map(|now| Week::from_ns(now.ns));
        replace(disk, &memo_path(root), &others.merged(&used, &learnt, &finished, week))
    }
}

/// Reads the memo of a cache; empty if it is missing, damaged or not trusted.
pub(super) fn read_memo(root: &Utf8Path) -> Memo {
    let bytes = open::check_folder(root).and_then(|()| open::read_own(&memo_path(root), limits::MAX_DIGESTS_LEN));
    Memo::parse(bytes.unwrap_or_default())
}
