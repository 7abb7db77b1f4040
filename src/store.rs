//! Cache of a repository (`.tsmedia/` at its root): digests of unchanged files, the state of finished outputs, and files
//! made from inputs. It may be deleted at any time.
//!
//! ```text
//! .tsmedia/digests          memo of digests and finished outputs (see `memo`)
//! .tsmedia/.digests.tsmedia-log  additions since it was written
//! .tsmedia/digests.lock     lock held while the memo is written
//! .tsmedia/objects          files made from inputs (see `objects`)
//! .tsmedia/lock             lock shared by runs that use the cache
//! .tsmedia/locks            locks held while the outputs of a manifest are built
//! .tsmedia/certificate.key  private key of self-signed certificates without a key; owner only
//! .tsmedia/veil             random key of secret fingerprints; owner only
//! .tsmedia/journal.key      random key that seals the journals of patches; owner only
//! .tsmedia/now              file that is written to read the file system's clock
//! ```
//!
//! Manifests of one repository share a cache, also when several processes build them at once. The outputs of each are
//! kept apart by the path of its record. A [`Cache`] is opened once per run, and each manifest has its own [`Store`] in
//! it.
//!
//! A cache may come from elsewhere, in an archive or a Git clone. It is used only if the folder and its files are not
//! links and belong to the user who runs tsmedia.
//!
//! A file that changes twice within one tick of its file system's clock looks the same after both. So a digest is
//! stored only if the file was last changed before reading began, by that clock.

mod cache;
mod cache_folder;
mod content_lock;
mod contents;
mod git_index;
mod keys;
mod locks;
mod memo;
mod objects;
mod shared_memo;
mod tracked_files;

use std::cell::RefCell;
use std::io::{self, ErrorKind, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::{Source, SourceKey, Stat};
use crate::digest::{Digest, DigestKinds, Digests};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::write::{self, DiskOps, JournalKey, WriteOptions, open};
use memo::FinishedOutput;
use shared_memo::SharedMemo;

pub use cache::{Cache, Caches};
pub use cache_folder::{CacheFolder, RepositoryRoot, repository_root};
pub use content_lock::{ContentLock, LockedFile};
pub use contents::{CacheContents, clear};
pub use keys::{certificate_key, fingerprint_key};
pub use locks::Lock;
pub use objects::{DEFAULT_LIMIT, KindUsage, Object, ObjectKey, ObjectKind, Objects, ReadingSince};

/// Cache as one manifest uses it.
#[derive(Debug)]
pub struct Store {
    folder: CacheFolder,
    /// Digests and outputs, shared with the other manifests of the run.
    memo: Rc<RefCell<SharedMemo>>,
    /// Distinguishes digests that are valid only for this store.
    number: usize,
    now: Option<FileSystemTime>,
}

/// Time according to a file system's clock.
#[derive(Clone, Copy, Debug)]
struct FileSystemTime {
    device: u64,
    ns: i64,
}

/// Assumed difference to another file system's clock, in nanoseconds, and the resolution of FAT.
const FOREIGN_CLOCK_NS: i64 = 2_000_000_000;
/// Maximum time to wait for the file system's clock to advance after an output is finished.
const MAX_WAIT: Duration = Duration::from_millis(60);

impl Store {
    /// Opens the cache in a folder (`.tsmedia`) for a single manifest. It need not exist yet, and a damaged memo counts
    /// as empty.
    pub fn open(root: &Utf8Path) -> Self {
        Self::new(CacheFolder::at(root), Rc::new(RefCell::new(SharedMemo::open(root, Rc::default()))))
    }

    fn new(folder: CacheFolder, memo: Rc<RefCell<SharedMemo>>) -> Self {
        let number = memo.borrow_mut().add_store(&folder);
        Self { folder, memo, number, now: None }
    }

    /// Key that seals the journal of an output. `None` if there is none; a journal sealed with another key comes from
    /// elsewhere.
    pub fn journal_key(&self, name: &str) -> Option<JournalKey> {
        let (root, scope) = self.folder.key_place(keys::JOURNAL_KEY);
        keys::find_journal_key(root, output_key(scope, name))
    }

    /// Key that seals the journal of an output, created if there is none.
    ///
    /// # Errors
    ///
    /// If it can't be created or written.
    pub fn new_journal_key(&self, name: &str) -> Result<JournalKey> {
        let (root, scope) = self.folder.key_place(keys::JOURNAL_KEY);
        keys::make_journal_key(root, output_key(scope, name))
    }

    /// Folder of the cache.
    pub fn folder(&self) -> &CacheFolder {
        &self.folder
    }

    /// Digests of a source, if they are known for its current state or [locked](Cache::claim).
    pub fn digests(&self, key: &SourceKey) -> Option<Digests> {
        self.memo.borrow_mut().digests(key, self.number)
    }

    /// Digests of a source that was read in its current state. Those that only `tsmedia.lock` has don't count.
    pub fn verified(&self, key: &SourceKey) -> Option<Digests> {
        self.memo.borrow_mut().verified(key, self.number)
    }

    /// Returns the sources whose content is not known in another clone either. The digests of the others are those of
    /// the same content, and count as [not read](Store::verified).
    pub fn without_known_content(&self, sources: Vec<Arc<Source>>, digest_kinds: DigestKinds) -> Vec<Arc<Source>> {
        let mut memo = self.memo.borrow_mut();
        sources.iter().for_each(|source| memo.claim_assembled(source));
        drop(memo);
        let known = self.known(digest_kinds);
        sources.into_iter().filter(|source| known(&source.key()).is_none()).collect()
    }

    /// Returns a function that looks up [digests](Store::digests), if all of these kinds are known.
    pub fn known(&self, digest_kinds: DigestKinds) -> impl Fn(&SourceKey) -> Option<Digests> {
        move |key| self.digests(key).filter(|digests| digests.contain(digest_kinds))
    }

    /// Returns a function that looks up digests of sources that were [read](Store::verified), if all of these kinds are
    /// known.
    pub fn known_by_reading(&self, digest_kinds: DigestKinds) -> impl Fn(&SourceKey) -> Option<Digests> {
        move |key| self.verified(key).filter(|digests| digests.contain(digest_kinds))
    }

    /// Reads the file system's clock before sources are read. Without it, nothing that is [remembered](Store::remember)
    /// is stored.
    pub fn start_reading(&mut self) {
        self.now = ask_time(self.folder.path());
    }

    /// Waits until the file system's clock has passed a point in time that is imminent, so that later changes get a
    /// later timestamp.
    pub fn wait_past(&self, moment_ns: i64) {
        wait_past(self.folder.path(), moment_ns);
    }

    /// Hashes sources, reading each once, and remembers their digests. Returns them in the order of `files`.
    ///
    /// # Errors
    ///
    /// If a source can't be read, or changes meanwhile.
    pub fn hash(
        &mut self,
        files: &[Arc<Source>],
        digest_kinds: DigestKinds,
        options: &WriteOptions,
        progress: &Progress,
    ) -> Result<Vec<Digests>> {
        self.start_reading();
        let digests = write::hash(files, digest_kinds, options, progress)?;
        files.iter().zip(&digests).for_each(|(file, digests)| self.remember(file, *digests));
        Ok(digests)
    }

    /// Remembers the digests of a source that was read in full while it was in this state.
    pub fn remember(&mut self, source: &Source, digests: Digests) {
        let lasting = self.now.is_some_and(|now| source.files().iter().all(|file| is_before(&file.stat, &now)));
        self.memo.borrow_mut().remember(source, digests, (!lasting).then_some(self.number));
    }

    /// State of a finished output: its metadata, its identity, and the keyed digest of its secrets.
    pub fn finished(&self, name: &str) -> Option<(Stat, Digest, Option<Digest>)> {
        let memo = self.memo.borrow();
        let earlier = self.folder.earlier().iter().rev();
        let earlier = earlier.map(|cache| (cache.path.as_path(), output_key(&cache.scope, name)));
        let finished = memo.finished(output_key(self.folder.scope(), name), earlier)?;
        Some((finished.stat, finished.id, finished.secrets))
    }

    /// Remembers a finished output. Waits until the file system's clock has advanced, so that any later change shows.
    /// If the clock is too coarse for that, the output is not remembered.
    pub fn remember_finished(&mut self, name: &str, stat: Stat, id: Digest, secrets: Option<Digest>) {
        let key = output_key(self.folder.scope(), name);
        let is_past = wait_past(self.folder.path(), stat.changed_ns);
        let finished = is_past.then_some(FinishedOutput { name: key, id, secrets, stat });
        self.memo.borrow_mut().set_finished(key, finished);
    }

    /// Forgets a finished output.
    pub fn forget_finished(&mut self, name: &str) {
        self.memo.borrow_mut().set_finished(output_key(self.folder.scope(), name), None);
    }

    /// Saves new digests and outputs, merged with those of other processes. Entries that were not used for months
    /// are dropped in time.
    pub fn save(&self, disk: &DiskOps) -> Result<()> {
        self.memo.borrow_mut().save(self.folder.path(), disk)
    }
}

/// Key of an output in the memo.
fn output_key(scope: &str, name: &str) -> Digest {
    Digest::hash(format!("{} {scope} {name}", scope.len()).as_bytes())
}

/// Waits until the clock of a cache's file system has passed a point in time. Returns `false` if it takes too long.
fn wait_past(root: &Utf8Path, moment_ns: i64) -> bool {
    let step = Duration::from_millis(2);
    let mut waited = Duration::ZERO;
    loop {
        match ask_time(root) {
            Some(now) if moment_ns < now.ns => return true,
            None => return false,
            Some(_) if waited >= MAX_WAIT => return false,
            Some(_) => {}
        }
        std::thread::sleep(step);
        waited += step;
    }
}

/// Creates the folder of a cache, and marks it for backup programs (<https://bford.info/cachedir/>) and for Git.
///
/// # Errors
///
/// If it can't be created, is a link or belongs to another user.
pub fn prepare(root: &Utf8Path) -> Result<()> {
    open::create_own_folder(root).map_err(|error| unusable(root, error))?;
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# What tsmedia knows of files; may be deleted.\n";
    for (name, text, line) in [("CACHEDIR.TAG", tag, tag), (".gitignore", "*\n", "*\n")] {
        let path = root.join(name);
        // If another `.gitignore` came with the folder, Git would commit the keys.
        let is_marked = open::read_own(&path, MAX_MARK_LEN).is_ok_and(|found| is_line_of(line.as_bytes(), &found));
        if !is_marked {
            // Best effort: the cache works without the marks.
            let _ = open::remove(&path).and_then(|()| open::create_new(&path)?.write_all(text.as_bytes()));
        }
    }
    Ok(())
}

/// Error of a cache that can't be used, with help if the file system does not allow it.
fn unusable(root: &Utf8Path, error: io::Error) -> Error {
    let is_read_only = matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied);
    match is_read_only && open::refusal(&error).is_none() {
        true => open::failed("using", root, error).help("choose a folder that you may write to with `--cache-dir`"),
        false => open::failed("using", root, error),
    }
}

/// Maximum length of a mark file that is examined, in bytes.
const MAX_MARK_LEN: u64 = 4_096;

fn is_line_of(line: &[u8], text: &[u8]) -> bool {
    text.starts_with(line) || text.windows(line.len() + 1).any(|part| part[0] == b'\n' && part[1..] == *line)
}

/// Reads the clock of the cache's file system.
fn ask_time(root: &Utf8Path) -> Option<FileSystemTime> {
    prepare(root).ok()?;
    let path = root.join("now");
    // Other processes may create the file at the same time.
    let mut file = match open::open_or_create(&path) {
        Ok(file) => file,
        Err(_) => open::remove(&path).and_then(|()| open::open_or_create(&path)).ok()?,
    };
    file.write_all(b".").ok()?;
    let stat = Stat::from_metadata(&file.metadata().ok()?);
    Some(FileSystemTime { device: stat.device, ns: stat.modified_ns })
}

/// Returns `true` if a file was last changed before a point in time. Every write sets this timestamp, and it can't be
/// set back.
fn is_before(stat: &Stat, now: &FileSystemTime) -> bool {
    let margin = if stat.device == now.device { 0 } else { FOREIGN_CLOCK_NS };
    stat.changed_ns < now.ns.saturating_sub(margin)
}

/// Path of the memo of a cache.
fn memo_path(root: &Utf8Path) -> Utf8PathBuf {
    root.join("digests")
}

#[cfg(test)]
mod tests;
