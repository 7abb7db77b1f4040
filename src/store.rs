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
//! .tsmedia/now        an empty file that asks the file system for the time
//! ```
//!
//! A file that changes twice within one tick of its file system's clock looks the same after both. So only a file
//! that was last changed before the reading began, by that clock, is remembered beyond this run.

mod memo;
mod objects;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::{Source, SourceKey, Stat};
use crate::digest::{Asked, Digest, Digests};
use crate::error::{Error, Result};
use crate::format::certificate::made::PrivateKey;
use crate::limits;
use crate::secret::Secret;
use crate::secret::Veil;
use crate::size::Size;
use crate::write::{Disk, replace};
use memo::{Finished, Memo};

pub use objects::{DEFAULT_LIMIT, Held, Key, Kind, Object, Objects, ReadingSince};

/// The cache of one folder of manifests.
#[derive(Debug)]
pub struct Store {
    root: Utf8PathBuf,
    memo: Memo,
    used: RefCell<Vec<bool>>,
    /// What was learnt in this run, and whether it holds beyond it.
    learnt: HashMap<SourceKey, (Digests, bool)>,
    finished: BTreeMap<Digest, Finished>,
    /// The finished outputs that were remembered or forgotten in this run.
    touched: BTreeSet<Digest>,
    now: Option<Now>,
}

/// The time, as a file system tells it.
#[derive(Clone, Copy, Debug)]
struct Now {
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
        let memo = Memo::parse(limits::read(memo_path(root), limits::MAX_DIGESTS_LEN).unwrap_or_default());
        let used = RefCell::new(vec![false; memo.n_files()]);
        let finished = memo.finished();
        Ok(Self {
            root: root.to_owned(),
            memo,
            used,
            learnt: HashMap::new(),
            finished,
            touched: BTreeSet::new(),
            now: None,
        })
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
    pub fn known(&self, asked: Asked) -> impl Fn(&SourceKey) -> Option<Digests> {
        move |key| self.digests(key).filter(|digests| digests.answer(asked))
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
        let finished = self.finished.get(&Digest::of(name.as_bytes()));
        finished.map(|finished| (finished.stat, finished.id, finished.secrets))
    }

    /// Remembers a finished output. Waits until the file system's clock has moved on, so that any later change
    /// shows; where the clock is too coarse to wait for, the output is not remembered.
    pub fn remember_finished(&mut self, name: &str, stat: Stat, id: Digest, secrets: Option<Digest>) {
        let key = Digest::of(name.as_bytes());
        self.finished.remove(&key);
        self.touched.insert(key);
        let step = Duration::from_millis(2);
        let mut waited = Duration::ZERO;
        while waited < MAX_WAIT {
            if ask_time(&self.root).is_some_and(|now| stat.changed_ns < now.ns) {
                self.finished.insert(key, Finished { name: key, id, secrets, stat });
                return;
            }
            std::thread::sleep(step);
            waited += step;
        }
    }

    /// Forgets a finished output.
    pub fn forget_finished(&mut self, name: &str) {
        let key = Digest::of(name.as_bytes());
        self.finished.remove(&key);
        self.touched.insert(key);
    }

    /// Writes the memo, with what others have learnt since it was opened. What was not asked for in many runs is
    /// dropped.
    pub fn save(&self, disk: &Disk) -> Result<()> {
        let path = memo_path(&self.root);
        let others = Memo::parse(limits::read(&path, limits::MAX_DIGESTS_LEN).unwrap_or_default());
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
pub struct Contents {
    /// Its folder.
    pub root: Utf8PathBuf,
    /// How many files the memo knows the digests of.
    pub n_files: usize,
    /// How many finished outputs it knows.
    pub n_outputs: usize,
    /// How many bytes the memo has.
    pub memo_len: u64,
    /// The objects, by their kinds.
    pub objects: Vec<Held>,
    /// How many bytes objects may have.
    pub limit: Size,
}

impl Contents {
    /// What is in the cache of a folder now.
    pub fn of(root: &Utf8Path, limit: Size) -> Self {
        let memo = limits::read(memo_path(root), limits::MAX_DIGESTS_LEN).unwrap_or_default();
        let memo_len = memo.len() as u64;
        let memo = Memo::parse(memo);
        Self {
            root: root.to_owned(),
            n_files: memo.n_files(),
            n_outputs: memo.finished().len(),
            memo_len,
            objects: Objects::open(root, limit, &Disk::default()).held(),
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
    let gone = |done: io::Result<()>| match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    };
    let objects = root.join("objects");
    gone(fs::remove_dir_all(&objects)).map_err(|error| Error::io("removing", &objects, error))?;
    for path in [memo_path(root), root.join("now")] {
        gone(fs::remove_file(&path)).map_err(|error| Error::io("removing", &path, error))?;
    }
    Ok(())
}

/// Makes the folder of a cache, marked as one for backups (<https://bford.info/cachedir/>) and for Git.
pub fn prepare(root: &Utf8Path) -> Result<()> {
    if root.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(root).map_err(|error| Error::io("making", root, error))?;
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# What tsmedia knows of files; may be deleted.\n";
    for (name, text) in [("CACHEDIR.TAG", tag), (".gitignore", "*\n")] {
        // The cache is as good without.
        let _ = fs::write(root.join(name), text);
    }
    Ok(())
}

/// What the clock of a cache's file system says.
fn ask_time(root: &Utf8Path) -> Option<Now> {
    prepare(root).ok()?;
    let mut file = File::create(root.join("now")).ok()?;
    file.write_all(b".").ok()?;
    let stat = Stat::of(&file.metadata().ok()?);
    Some(Now { device: stat.device, ns: stat.modified_ns })
}

/// Whether a file was last changed before a moment. Writing to a file sets this time, and nobody can set it back.
fn is_before(stat: &Stat, now: &Now) -> bool {
    let margin = if stat.device == now.device { 0 } else { FOREIGN_CLOCK_NS };
    stat.changed_ns < now.ns.saturating_sub(margin)
}

/// The private key that certificates are made of which are given none: the one in the folder of a cache, or a new one,
/// which stays there. Emptying the cache leaves it where it is.
///
/// # Errors
///
/// When there is none and none can be made or written, or when what is there is no key.
pub fn certificate_key(root: &Utf8Path) -> Result<PrivateKey> {
    let path = root.join("certificate.key");
    let read = || -> Result<Option<PrivateKey>> {
        let file = match limits::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| Error::io("reading", &path, error))?,
        };
        let bytes = Secret::read(file).map_err(|error| Error::io("reading", &path, error))?;
        let damaged = |_| Error::new(format!("`{path}` is no private key")).help(format!("remove it: `rm {path}`"));
        PrivateKey::read(bytes.bytes()).map(Some).map_err(damaged)
    };
    if let Some(key) = read()? {
        return Ok(key);
    }
    prepare(root)?;
    let key = PrivateKey::random().map_err(|error| Error::new("making a private key").because(error))?;
    // Nobody else may read it, not even for a moment; of two runs that make one, the first wins.
    let own = root.join(format!("certificate.key.{}", std::process::id()));
    let written = File::options().write(true).create_new(true).mode(0o600).open(&own);
    let written = written.and_then(|mut file| file.write_all(key.to_pem().as_bytes()).and_then(|()| file.sync_all()));
    let linked = written.and_then(|()| match fs::hard_link(&own, &path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(&own, &path),
        _ => Ok(()),
    });
    let _ = fs::remove_file(&own);
    linked.map_err(|error| Error::io("writing", &path, error))?;
    Ok(read()?.unwrap_or(key))
}

/// The veil of the cache in a folder, under which it keeps what depends on secrets. One that has none is given one,
/// which stays if it can be written down.
pub fn veil(root: &Utf8Path) -> Result<Veil> {
    let path = root.join("veil");
    if let Some(veil) = read_veil(&path) {
        return Ok(veil);
    }
    let veil = Veil::random().map_err(|error| Error::new("asking the system for random bytes").because(error))?;
    // Nobody else may read it, not even for a moment; of two runs that write it, the first one wins. Where it can't
    // be written, nothing is kept either.
    let own = root.join(format!("veil.{}", std::process::id()));
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    let written = fs::create_dir_all(root).and_then(|()| options.open(&own)?.write_all(veil.key()));
    if written.is_ok() {
        // What is there and no key is damaged.
        let is_damaged = fs::metadata(&path).is_ok_and(|metadata| metadata.len() != Veil::LEN as u64);
        let _ = if is_damaged { fs::rename(&own, &path) } else { fs::hard_link(&own, &path) };
    }
    let _ = fs::remove_file(&own);
    Ok(read_veil(&path).unwrap_or(veil))
}

fn read_veil(path: &Utf8Path) -> Option<Veil> {
    let secret = Secret::read(limits::open(path).ok()?).ok()?;
    secret.bytes().try_into().ok().map(Veil::new)
}

fn memo_path(root: &Utf8Path) -> Utf8PathBuf {
    root.join("digests")
}

#[cfg(test)]
mod tests;
