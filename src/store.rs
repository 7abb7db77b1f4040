//! The cache beside the manifest (`.tsmedia/`): digests of files that have not changed since they were read, and
//! what was known of finished outputs when they were written, and files made from inputs. It may be deleted at any
//! time.
//!
//! ```text
//! .tsmedia/digests    the memo: `memo` says how
//! .tsmedia/objects    what was made from inputs: `objects` says how
//! .tsmedia/lock       held by whoever builds here
//! .tsmedia/certificate.key  the private key of certificates that are given none: for its owner only
//! .tsmedia/veil       the random key of what is kept of secrets: for its owner only
//! .tsmedia/journal.key  the random key that journals of patches are sealed with: for its owner only
//! .tsmedia/now        an empty file that asks the file system for the time
//! ```
//!
//! A cache may come from elsewhere, with an archive or a Git clone. So it is used only if the folder and the files in it
//! are real ones that belong to the user who runs tsmedia, and nothing in it is reached over a link.
//!
//! A file that changes twice within one tick of its file system's clock looks the same after both. So only a file
//! that was last changed before the reading began, by that clock, is remembered beyond this run.

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

/// The cache of one folder of manifests.
#[derive(Debug)]
pub struct Store {
    root: Utf8PathBuf,
    /// Tells the outputs of one manifest from those of others in the same folder.
    scope: String,
    memo: Memo,
    used: RefCell<Vec<bool>>,
    /// What was learnt in this run, and whether it holds beyond it.
    learnt: HashMap<SourceKey, (Digests, bool)>,
    finished: BTreeMap<Digest, FinishedOutput>,
    /// The finished outputs that were remembered or forgotten in this run.
    touched: BTreeSet<Digest>,
    now: Option<FileSystemTime>,
}

/// The time, as a file system tells it.
#[derive(Clone, Copy, Debug)]
struct FileSystemTime {
    device: u64,
    ns: i64,
}

/// How far the clock of another file system may be off, or how coarse it may be: FAT counts in two seconds.
const FOREIGN_CLOCK_NS: i64 = 2_000_000_000;
/// How long to wait for the file system's clock to move on after an output is finished.
const MAX_WAIT: Duration = Duration::from_millis(60);

impl Store {
    /// Opens the cache in a folder (`.tsmedia`), which need not exist yet. A damaged memo is an empty one.
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

    /// The same for the outputs of one manifest, which has this record.
    pub fn of_record(self, record: &Utf8Path) -> Self {
        Self { scope: record.file_name().unwrap_or_default().to_owned(), ..self }
    }

    /// What an output is remembered by.
    fn output_key(&self, name: &str) -> Digest {
        let scope = &self.scope;
        Digest::hash(format!("{} {scope} {name}", scope.len()).as_bytes())
    }

    /// The key that the journal of an output is sealed with, if there is one: what is sealed with another key came
    /// from elsewhere.
    pub fn journal_key(&self, name: &str) -> Option<JournalKey> {
        keys::find_journal_key(&self.root, self.output_key(name))
    }

    /// The key to seal the journal of an output with, made now if there is none.
    ///
    /// # Errors
    ///
    /// When it can't be made or written.
    pub fn new_journal_key(&self, name: &str) -> Result<JournalKey> {
        keys::make_journal_key(&self.root, self.output_key(name))
    }

    /// The folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The digests of a source, if it was read while it was like this.
    pub fn digests(&self, key: &SourceKey) -> Option<Digests> {
        if let Some((digests, _)) = self.learnt.get(key) {
            return Some(*digests);
        }
        let (index, digests) = self.memo.find(key)?;
        self.used.borrow_mut()[index] = true;
        Some(digests)
    }

    /// The [digests](Store::digests) of files of which what is asked for is known.
    pub fn known(&self, digest_kinds: DigestKinds) -> impl Fn(&SourceKey) -> Option<Digests> {
        move |key| self.digests(key).filter(|digests| digests.contain(digest_kinds))
    }

    /// Asks the file system for the time: to be called before sources are read. Without it nothing that is
    /// [remembered](Store::remember) outlives this run.
    pub fn start_reading(&mut self) {
        self.now = ask_time(&self.root);
    }

    /// Waits until the file system's clock has passed a moment, if that is soon: what changes afterwards has another
    /// time than what changed then.
    pub fn wait_past(&self, moment_ns: i64) {
        let step = Duration::from_millis(2);
        let mut waited = Duration::ZERO;
        while waited < MAX_WAIT && ask_time(&self.root).is_some_and(|now| now.ns <= moment_ns) {
            std::thread::sleep(step);
            waited += step;
        }
    }

    /// Remembers the digests of a source that was read, from first byte to last, while it was like this.
    pub fn remember(&mut self, source: &Source, digests: Digests) {
        let lasting = self.now.is_some_and(|now| source.files().iter().all(|file| is_before(&file.stat, &now)));
        self.learnt.insert(source.key(), (digests, lasting));
    }

    /// What the file system said of an output when it was finished, the identity it has, and what is kept of its
    /// secrets.
    pub fn finished(&self, name: &str) -> Option<(Stat, Digest, Option<Digest>)> {
        let finished = self.finished.get(&self.output_key(name));
        finished.map(|finished| (finished.stat, finished.id, finished.secrets))
    }

    /// Remembers a finished output. Waits until the file system's clock has moved on, so that any later change
    /// shows; where the clock is too coarse to wait for, the output is not remembered.
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

    /// Writes the memo, with what others have learnt since it was opened. What was not asked for in many runs is
    /// dropped.
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

/// What is in a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheContents {
    /// Its folder.
    pub root: Utf8PathBuf,
    /// How many files the memo knows the digests of.
    pub n_files: usize,
    /// How many finished outputs it knows.
    pub n_outputs: usize,
    /// How many bytes the memo has.
    pub memo_len: u64,
    /// The objects, by their kinds.
    pub objects: Vec<KindUsage>,
    /// How many bytes objects may have.
    pub limit: Size,
}

impl CacheContents {
    /// What is in the cache of a folder now.
    pub fn of(root: &Utf8Path, limit: Size) -> Self {
        let memo = read_memo(root);
        let memo_len = memo.len();
        Self {
            root: root.to_owned(),
            n_files: memo.n_files(),
            n_outputs: memo.finished().len(),
            memo_len,
            objects: Objects::open(root, limit, &DiskOps::default()).held(),
            limit,
        }
    }

    /// How many bytes it has altogether.
    pub fn len(&self) -> u64 {
        self.memo_len + self.objects.iter().map(|held| held.len).sum::<u64>()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Empties a cache. To be called by whoever holds its lock.
pub fn clear(root: &Utf8Path) -> Result<()> {
    open::check_folder(root).map_err(|error| open::failed("emptying", root, error))?;
    let objects = root.join("objects");
    open::remove_tree(&objects).map_err(|error| Error::io("removing", &objects, error))?;
    for path in [memo_path(root), root.join("now")] {
        open::remove(&path).map_err(|error| Error::io("removing", &path, error))?;
    }
    Ok(())
}

/// Makes the folder of a cache, marked as one for backups (<https://bford.info/cachedir/>) and for Git.
///
/// # Errors
///
/// When it can't be made, is a link or belongs to another user.
pub fn prepare(root: &Utf8Path) -> Result<()> {
    open::create_own_folder(root).map_err(|error| open::failed("using", root, error))?;
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# What tsmedia knows of files; may be deleted.\n";
    for (name, text, line) in [("CACHEDIR.TAG", tag, tag), (".gitignore", "*\n", "*\n")] {
        let path = root.join(name);
        // Git would commit the keys if another `.gitignore` came with the folder.
        let is_marked = open::read_own(&path, MAX_MARK_LEN).is_ok_and(|found| is_line_of(line.as_bytes(), &found));
        if !is_marked {
            // The cache is as good without.
            let _ = open::remove(&path).and_then(|()| open::create_new(&path)?.write_all(text.as_bytes()));
        }
    }
    Ok(())
}

/// The longest file that marks the folder and is looked into, in bytes.
const MAX_MARK_LEN: u64 = 4_096;

fn is_line_of(line: &[u8], text: &[u8]) -> bool {
    text.starts_with(line) || text.windows(line.len() + 1).any(|part| part[0] == b'\n' && part[1..] == *line)
}

/// What the clock of a cache's file system says.
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

/// Whether a file was last changed before a moment. Writing to a file sets this time, and nobody can set it back.
fn is_before(stat: &Stat, now: &FileSystemTime) -> bool {
    let margin = if stat.device == now.device { 0 } else { FOREIGN_CLOCK_NS };
    stat.changed_ns < now.ns.saturating_sub(margin)
}

/// The memo of a cache; an empty one where there is none that can be believed.
fn read_memo(root: &Utf8Path) -> Memo {
    let bytes = open::check_folder(root).and_then(|()| open::read_own(&memo_path(root), limits::MAX_DIGESTS_LEN));
    Memo::parse(bytes.unwrap_or_default())
}

fn memo_path(root: &Utf8Path) -> Utf8PathBuf {
    root.join("digests")
}

#[cfg(test)]
mod tests;
