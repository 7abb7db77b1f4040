//! Cache beside the manifest (`.tsmedia/`): digests of unchanged files, the state of finished outputs, and files made
//! from inputs. It may be deleted at any time.
//!
//! ```text
//! .tsmedia/digests          memo of digests and finished outputs (see `memo`)
//! .tsmedia/objects          files made from inputs (see `objects`)
//! .tsmedia/lock             lock held by the running build
//! .tsmedia/certificate.key  private key of self-signed certificates without a key; owner only
//! .tsmedia/veil             random key of secret fingerprints; owner only
//! .tsmedia/journal.key      random key that seals the journals of patches; owner only
//! .tsmedia/now              file that is written to read the file system's clock
//! ```
//!
//! A cache may come from elsewhere, in an archive or a Git clone. It is used only if the folder and its files are not
//! links and belong to the user who runs tsmedia.
//!
//! A file that changes twice within one tick of its file system's clock looks the same after both. So a digest is
//! stored only if the file was last changed before reading began, by that clock.

mod keys;
mod memo;
mod objects;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::{Source, SourceKey, Stat};
use crate::digest::{Digest, DigestKinds, Digests};
use crate::error::{Error, Result};
use crate::limits;
use crate::size::Size;
use crate::write::{DiskOps, JournalKey, open, replace};
use memo::{FinishedOutput, Memo};

pub use keys::{certificate_key, fingerprint_key};
pub use objects::{DEFAULT_LIMIT, KindUsage, Object, ObjectKey, ObjectKind, Objects, ReadingSince};

/// Cache of one folder of manifests.
#[derive(Debug)]
pub struct Store {
    root: Utf8PathBuf,
    /// Distinguishes the outputs of one manifest from those of others in the folder.
    scope: String,
    memo: Memo,
    used: RefCell<Vec<bool>>,
    /// Digests computed in this run, with `true` if they may be stored.
    learnt: HashMap<SourceKey, (Digests, bool)>,
    finished: BTreeMap<Digest, FinishedOutput>,
    /// Finished outputs that were remembered or forgotten in this run.
    touched: BTreeSet<Digest>,
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
    /// Opens the cache in a folder (`.tsmedia`), which need not exist yet. A damaged memo counts as empty.
    pub fn open(root: &Utf8Path) -> Result<Self> {
        let memo = read_memo(root);
        let used = RefCell::new(vec![false; memo.n_files()]);
        let finished = memo.finished();
        Ok(Self {
            root: root.to_owned(),
            scope: String::new(),
            memo,
            used,
            learnt: HashMap::new(),
            finished,
            touched: BTreeSet::new(),
            now: None,
        })
    }

    /// Restricts the finished outputs to those of the manifest with this record.
    pub fn for_record(self, record: &Utf8Path) -> Self {
        Self { scope: record.file_name().unwrap_or_default().to_owned(), ..self }
    }

    /// Key of an output in the memo.
    fn output_key(&self, name: &str) -> Digest {
        let scope = &self.scope;
        Digest::hash(format!("{} {scope} {name}", scope.len()).as_bytes())
    }

    /// Key that seals the journal of an output. `None` if there is none; a journal sealed with another key comes from
    /// elsewhere.
    pub fn journal_key(&self, name: &str) -> Option<JournalKey> {
        keys::find_journal_key(&self.root, self.output_key(name))
    }

    /// Key that seals the journal of an output, created if there is none.
    ///
    /// # Errors
    ///
    /// If it can't be created or written.
    pub fn new_journal_key(&self, name: &str) -> Result<JournalKey> {
        keys::make_journal_key(&self.root, self.output_key(name))
    }

    /// Folder of the cache.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Digests of a source, if they are known for its current state.
    pub fn digests(&self, key: &SourceKey) -> Option<Digests> {
        if let Some((digests, _)) = self.learnt.get(key) {
            return Some(*digests);
        }
        let (index, digests) = self.memo.find(key)?;
        self.used.borrow_mut()[index] = true;
        Some(digests)
    }

    /// Returns a function that looks up [digests](Store::digests), if all of these kinds are known.
    pub fn known(&self, digest_kinds: DigestKinds) -> impl Fn(&SourceKey) -> Option<Digests> {
        move |key| self.digests(key).filter(|digests| digests.contain(digest_kinds))
    }

    /// Reads the file system's clock before sources are read. Without it, nothing that is [remembered](Store::remember)
    /// is stored.
    pub fn start_reading(&mut self) {
        self.now = ask_time(&self.root);
    }

    /// Waits until the file system's clock has passed a point in time that is imminent, so that later changes get a
    /// later timestamp.
    pub fn wait_past(&self, moment_ns: i64) {
        let step = Duration::from_millis(2);
        let mut waited = Duration::ZERO;
        while waited < MAX_WAIT && ask_time(&self.root).is_some_and(|now| now.ns <= moment_ns) {
            std::thread::sleep(step);
            waited += step;
        }
    }

    /// Remembers the digests of a source that was read in full while it was in this state.
    pub fn remember(&mut self, source: &Source, digests: Digests) {
        let lasting = self.now.is_some_and(|now| source.files().iter().all(|file| is_before(&file.stat, &now)));
        self.learnt.insert(source.key(), (digests, lasting));
    }

    /// State of a finished output: its metadata, its identity, and the keyed digest of its secrets.
    pub fn finished(&self, name: &str) -> Option<(Stat, Digest, Option<Digest>)> {
        let finished = self.finished.get(&self.output_key(name));
        finished.map(|finished| (finished.stat, finished.id, finished.secrets))
    }

    /// Remembers a finished output. Waits until the file system's clock has advanced, so that any later change shows.
    /// If the clock is too coarse for that, the output is not remembered.
    pub fn remember_finished(&mut self, name: &str, stat: Stat, id: Digest, secrets: Option<Digest>) {
        let key = self.output_key(name);
        self.finished.remove(&key);
        self.touched.insert(key);
        let step = Duration::from_millis(2);
        let mut waited = Duration::ZERO;
        while waited < MAX_WAIT {
            if ask_time(&self.root).is_some_and(|now| stat.changed_ns < now.ns) {
                self.finished.insert(key, FinishedOutput { name: key, id, secrets, stat });
                return;
            }
            std::thread::sleep(step);
            waited += step;
        }
    }

    /// Forgets a finished output.
    pub fn forget_finished(&mut self, name: &str) {
        let key = self.output_key(name);
        self.finished.remove(&key);
        self.touched.insert(key);
    }

    /// Writes the memo, merged with what other processes have stored since it was opened. Entries that were not used in
    /// many runs are dropped.
    pub fn save(&self, disk: &DiskOps) -> Result<()> {
        prepare(&self.root)?;
        let path = memo_path(&self.root);
        let others = read_memo(&self.root);
        let used = self.used.borrow();
        let used = (0..self.memo.n_files()).filter(|index| used[*index]).map(|index| self.memo.key(index)).collect();
        let lasting = self.learnt.iter().filter(|(_, (_, lasting))| *lasting);
        let learnt = lasting.map(|(key, (digests, _))| (*key, *digests)).collect();
        let mut finished = others.finished();
        for key in &self.touched {
            match self.finished.get(key) {
                Some(own) => finished.insert(*key, *own),
                None => finished.remove(key),
            };
        }
        replace(disk, &path, &others.merged(&used, &learnt, &finished))
    }
}

/// Contents of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheContents {
    /// Folder of the cache.
    pub root: Utf8PathBuf,
    /// Number of files with known digests.
    pub n_files: usize,
    /// Number of finished outputs.
    pub n_outputs: usize,
    /// Length of the memo in bytes.
    pub memo_len: u64,
    /// Objects by kind.
    pub objects: Vec<KindUsage>,
    /// Maximum total length of objects.
    pub limit: Size,
}

impl CacheContents {
    /// Examines the cache in a folder.
    pub fn read(root: &Utf8Path, limit: Size) -> Self {
        let memo = read_memo(root);
        let memo_len = memo.len();
        Self {
            root: root.to_owned(),
            n_files: memo.n_files(),
            n_outputs: memo.finished().len(),
            memo_len,
            objects: Objects::open(root, limit, &DiskOps::default()).usage(),
            limit,
        }
    }

    /// Total length in bytes.
    pub fn len(&self) -> u64 {
        self.memo_len + self.objects.iter().map(|usage| usage.len).sum::<u64>()
    }

    /// Returns `true` if the cache is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Empties a cache. The caller must hold its lock.
pub fn clear(root: &Utf8Path) -> Result<()> {
    open::check_folder(root).map_err(|error| open::failed("emptying", root, error))?;
    let objects = root.join("objects");
    open::remove_tree(&objects).map_err(|error| Error::io("removing", &objects, error))?;
    for path in [memo_path(root), root.join("now")] {
        open::remove(&path).map_err(|error| Error::io("removing", &path, error))?;
    }
    Ok(())
}

/// Creates the folder of a cache, and marks it for backup programs (<https://bford.info/cachedir/>) and for Git.
///
/// # Errors
///
/// If it can't be created, is a link or belongs to another user.
pub fn prepare(root: &Utf8Path) -> Result<()> {
    open::create_own_folder(root).map_err(|error| open::failed("using", root, error))?;
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

/// Maximum length of a mark file that is examined, in bytes.
const MAX_MARK_LEN: u64 = 4_096;

fn is_line_of(line: &[u8], text: &[u8]) -> bool {
    text.starts_with(line) || text.windows(line.len() + 1).any(|part| part[0] == b'\n' && part[1..] == *line)
}

/// Reads the clock of the cache's file system.
fn ask_time(root: &Utf8Path) -> Option<FileSystemTime> {
    prepare(root).ok()?;
    let path = root.join("now");
    let mut file = match open::open_own(&path) {
        Ok(file) => file,
        Err(_) => open::remove(&path).and_then(|()| open::create_new(&path)).ok()?,
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

/// Reads the memo of a cache; empty if it is missing, damaged or not trusted.
fn read_memo(root: &Utf8Path) -> Memo {
    let bytes = open::check_folder(root).and_then(|()| open::read_own(&memo_path(root), limits::MAX_DIGESTS_LEN));
    Memo::parse(bytes.unwrap_or_default())
}

fn memo_path(root: &Utf8Path) -> Utf8PathBuf {
    root.join("digests")
}

#[cfg(test)]
mod tests;
