//! Memo of a cache in memory, shared by the manifests of a run and merged with those of other processes when it is saved.
//!
//! A run saves after each finished output. What it learnt since then goes into a [log](ChangeLog) beside the memo, which
//! counts as a part of it. When the log is long in comparison, or entries were last used long ago, the memo is written
//! again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};

use super::locks::lock_memo;
use super::memo::{FinishedOutput, Learnt, Memo, MemoChange, Week, decode_changes, encode_changes};
use super::tracked_files::TrackedFiles;
use super::{CacheFolder, ask_time, memo_path, prepare};
use crate::content::{Source, SourceKey, Stat};
use crate::digest::{Digest, Digests};
use crate::error::Result;
use crate::limits::MAX_DIGESTS_LEN;
use crate::write::{ChangeLog, DiskOps, open, read_log, remove_log, replace};

/// Length of a log in bytes that is kept beside any memo.
const MIN_LOG_LEN: u64 = 64 << 10;
/// Part of the memo's length that its log may have. Readers read all of the log.
const LOG_PART: u64 = 8;

/// Number of no store: finds only digests that are valid for all.
const NO_STORE: usize = 0;

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
    /// Changes of this run that were not saved yet.
    unsaved: Vec<MemoChange>,
    /// Log to which this run appended.
    log: Option<ChangeLog>,
    /// `true` once the age of used entries was checked.
    is_renewed: bool,
    /// Caches that an earlier version used, whose digests and outputs are still valid.
    earlier: BTreeMap<Utf8PathBuf, BTreeMap<Digest, FinishedOutput>>,
    n_stores: usize,
    /// Digests of files that `tsmedia.lock` has. They are not stored.
    pub claims: HashMap<SourceKey, Digests>,
    /// Files that Git tracks, whose content may be known from another clone.
    tracked: Rc<TrackedFiles>,
    /// Contents of assembled sources that were read in this run.
    assembled: HashMap<SourceKey, SourceKey>,
}

impl SharedMemo {
    /// Reads the memo of a cache.
    pub fn open(root: &Utf8Path, tracked: Rc<TrackedFiles>) -> Self {
        let memo = read_memo(root);
        let Logged { digests, finished } = Logged::read(root, &memo);
        Self {
            used: vec![false; memo.n_files()],
            finished,
            memo,
            learnt: digests.into_iter().map(|(key, digests)| (key, (digests, None))).collect(),
            touched: BTreeSet::new(),
            unsaved: Vec::new(),
            log: None,
            is_renewed: false,
            earlier: BTreeMap::new(),
            n_stores: 0,
            claims: HashMap::new(),
            tracked,
            assembled: HashMap::new(),
        }
    }

    /// Adds the store of a manifest, with what earlier caches know of its files. Returns its number.
    pub fn add_store(&mut self, folder: &CacheFolder) -> usize {
        for cache in folder.earlier() {
            if self.earlier.contains_key(&cache.path) {
                continue;
            }
            let memo = read_memo(&cache.path);
            for (key, digests) in memo.all() {
                // A newer state of the file must not be replaced.
                if !self.memo.has_file(&key) && !self.learnt.contains_key(&key) {
                    self.learn(key, digests, None);
                }
            }
            self.earlier.insert(cache.path.clone(), Logged::read(&cache.path, &memo).finished);
        }
        self.n_stores += 1;
        self.n_stores
    }

    /// Digests of a source, as known to a store, as locked, or as known for the same content according to Git.
    pub fn digests(&mut self, key: &SourceKey, store: usize) -> Option<Digests> {
        self.verified(key, store).or_else(|| self.claims.get(key).copied()).or_else(|| self.tracked_digests(key))
    }

    /// Digests of a file that Git tracks, if its content was read in any file.
    fn tracked_digests(&mut self, key: &SourceKey) -> Option<Digests> {
        let SourceKey::File(stat) = key else { return None };
        let content = self.tracked.find(stat)?;
        let by_id = self.verified(&SourceKey::Pieced(content.id), NO_STORE);
        if let Some(digests) = by_id.filter(|digests| content.is_of(digests)) {
            return Some(digests);
        }
        let sha256 = content.sha256?;
        let learnt = self.learnt.values().find(|(digests, owner)| owner.is_none() && digests.sha256 == sha256);
        if let Some((digests, _)) = learnt {
            return Some(*digests);
        }
        let (index, digests) = self.memo.find_content(sha256)?;
        self.used[index] = true;
        Some(digests)
    }

    /// Finds the digests of an assembled source by the contents of its files, as far as Git tracks them.
    pub fn claim_assembled(&mut self, source: &Source) {
        let content = self.assembled_content(source);
        if let Some(digests) = content.and_then(|content| self.verified(&content, NO_STORE)) {
            self.claims.insert(source.key(), digests);
        }
    }

    /// Key of an assembled source by the contents of its files. `None` if Git tracks none of them.
    fn assembled_content(&self, source: &Source) -> Option<SourceKey> {
        let Source::Pieced(pieced) = source else { return None };
        let identity = |stat: &Stat| Some(self.tracked.find(stat)?.id);
        Some(SourceKey::Pieced(pieced.key_by(identity)?))
    }

    /// Digests of the contents of files that were read and that Git tracks, by content.
    fn contents(&self, read: &HashMap<SourceKey, Digests>) -> HashMap<SourceKey, Digests> {
        let content = |(key, digests): (&SourceKey, &Digests)| match key {
            SourceKey::File(stat) => {
                let content = self.tracked.find(stat).filter(|content| content.is_of(digests))?;
                Some((SourceKey::Pieced(content.id), *digests))
            }
            SourceKey::Pieced(_) => Some((*self.assembled.get(key)?, *digests)),
        };
        let is_new = |(key, digests): &(SourceKey, Digests)| {
            self.memo.find(key).is_none_or(|(_, known)| known.sha1.is_none() && digests.sha1.is_some())
        };
        read.iter().filter_map(content).filter(is_new).collect()
    }

    /// Learns the digests of contents that Git tracks from files with these contents. Asks Git only after a read.
    fn learn_contents(&mut self) {
        if !self.unsaved.iter().any(|change| matches!(change, MemoChange::Source(..))) {
            return;
        }
        let mut read = self.memo.marked_digests(&self.used);
        let lasting = self.learnt.iter().filter(|(_, (_, owner))| owner.is_none());
        read.extend(lasting.map(|(key, (digests, _))| (*key, *digests)));
        for (content, digests) in self.contents(&read) {
            self.learn(content, digests, None);
        }
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
    pub fn remember(&mut self, source: &Source, digests: Digests, owner: Option<usize>) {
        let key = source.key();
        self.learn(key, digests, owner);
        let content = self.assembled_content(source);
        self.assembled.extend(content.map(|content| (key, content)));
    }

    /// Remembers the digests of a key, to be stored unless they are valid for one store only.
    pub(super) fn learn(&mut self, key: SourceKey, digests: Digests, owner: Option<usize>) {
        let before = self.learnt.insert(key, (digests, owner));
        let is_stored = || self.memo.find(&key).is_some_and(|(_, known)| known == digests);
        if owner.is_none() && before != Some((digests, None)) && !is_stored() {
            self.unsaved.push(MemoChange::Source(key, digests));
        }
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
        self.unsaved.push(match finished {
            Some(finished) => {
                self.finished.insert(key, finished);
                MemoChange::Finished(finished)
            }
            None => {
                self.finished.remove(&key);
                MemoChange::Forgotten(key)
            }
        });
    }

    /// Saves the changes since it was last saved, merged with those of other processes.
    pub fn save(&mut self, root: &Utf8Path, disk: &DiskOps) -> Result<()> {
        prepare(root)?;
        let _lock = lock_memo(root)?;
        self.learn_contents();
        let week = ask_time(root).map(|now| Week::from_ns(now.ns));
        let has_faded = !self.is_renewed && week.is_some_and(|week| self.memo.has_faded(&self.used, week));
        let others = read_memo(root);
        let is_appended = match others.state() {
            Some(state) if !has_faded => self.append(root, &state, others.len(), disk)?,
            _ => false,
        };
        if !is_appended {
            self.log = None;
            let Logged { mut digests, mut finished } = Logged::read(root, &others);
            let used = self.memo.used(&self.used);
            let lasting = self.learnt.iter().filter(|(_, (_, owner))| owner.is_none());
            digests.extend(lasting.map(|(key, (digests, _))| (*key, *digests)));
            for key in &self.touched {
                match self.finished.get(key) {
                    Some(own) => finished.insert(*key, *own),
                    None => finished.remove(key),
                };
            }
            let learnt = Learnt { used: &used, digests: &digests, finished: &finished, week };
            replace(disk, &memo_path(root), &others.merged(&learnt))?;
            remove_log(disk, &memo_path(root))?;
        }
        self.unsaved.clear();
        self.is_renewed = true;
        Ok(())
    }

    /// Appends unsaved changes to the log of a memo in this state. Returns `false` if the log would become too long.
    fn append(&mut self, root: &Utf8Path, state: &Digest, memo_len: u64, disk: &DiskOps) -> Result<bool> {
        if self.unsaved.is_empty() {
            return Ok(true);
        }
        let change = encode_changes(&self.unsaved);
        let max_len = (memo_len / LOG_PART).max(MIN_LOG_LEN);
        if change.len() as u64 > max_len {
            return Ok(false);
        }
        let log = match self.log.take().filter(|log| log.continues(state)) {
            Some(log) => log,
            None => ChangeLog::open(disk, &memo_path(root), state, MAX_DIGESTS_LEN)?,
        };
        let log = self.log.insert(log);
        if log.log_len() + change.len() as u64 > max_len {
            return Ok(false);
        }
        log.append(disk, &change)?;
        Ok(true)
    }
}

/// Reads the memo of a cache; empty if it is missing, damaged or not trusted.
pub(super) fn read_memo(root: &Utf8Path) -> Memo {
    let file = open::check_folder(root).and_then(|()| open::open_own_to_read(&memo_path(root)));
    file.and_then(Memo::read).unwrap_or_default()
}

/// Digests that only the log of a memo has, and the finished outputs of both.
pub(super) struct Logged {
    pub digests: HashMap<SourceKey, Digests>,
    pub finished: BTreeMap<Digest, FinishedOutput>,
}

impl Logged {
    /// Reads the log of a memo in its present state.
    pub fn read(root: &Utf8Path, memo: &Memo) -> Self {
        let mut logged = Self { digests: HashMap::new(), finished: memo.finished().clone() };
        let Some(state) = memo.state() else { return logged };
        for change in read_log(&memo_path(root), &state, MAX_DIGESTS_LEN) {
            for change in decode_changes(&change) {
                match change {
                    MemoChange::Source(key, digests) => drop(logged.digests.insert(key, digests)),
                    MemoChange::Finished(finished) => drop(logged.finished.insert(finished.name, finished)),
                    MemoChange::Forgotten(name) => drop(logged.finished.remove(&name)),
                }
            }
        }
        logged
    }
}
