//! The journal of an output that is being patched in place: `.<name>.tsmedia-journal`, beside it.
//!
//! ```text
//! tsmedia journal 2
//! {…}                       what is inserted and filled, and the lengths: an [`Outline`]
//! sealed <seal>             of all above; only then the output leaves its name
//! {…}                       what is written over, cleared and dropped: a [`Decision`]
//! <bytes>                   those to be written over, one after the other
//! decided <seal>            of the decision and its bytes: from here on there is only forward
//! written <seal>            all of them are
//! is <seal> <identity> {…}  what bears the name again, and what the file system says of it
//! ```
//!
//! Up to `decided` nothing of the old output is lost, and an unfinished patch is taken back; after it everything that
//! is needed is in the journal and in the output itself. How many ranges are inserted or dropped the length tells.
//!
//! Seals are digests under a [`JournalKey`] that the cache keeps. A journal that is not sealed with it came from
//! elsewhere and is never acted on.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::open;
use super::temporary::sync_folder;
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::Region;

const TITLE: &str = "tsmedia journal 2\n";

/// The longest journal that is read, in bytes: twice what a patch may write over, and its regions.
const MAX_LEN: u64 = 192 << 20;

/// The key that the journals of one output are sealed with.
#[derive(Clone, Copy)]
pub struct JournalKey([u8; JournalKey::LEN]);

impl JournalKey {
    /// Its length in bytes.
    pub const LEN: usize = 32;

    /// Takes the bytes of a key.
    pub fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    fn hasher(&self, purpose: &str) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(purpose.as_bytes());
        hasher
    }

    fn seal(&self, purpose: &str, parts: &[&[u8]]) -> Digest {
        let mut hasher = self.hasher(purpose);
        for part in parts {
            hasher.update(part);
        }
        Digest(*hasher.finalize().as_bytes())
    }
}

impl std::fmt::Debug for JournalKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JournalKey(…)")
    }
}

/// What can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outline {
    /// The identities and lengths of the old output and the new one.
    pub(super) old_id: Digest,
    pub(super) new_id: Digest,
    pub(super) old_len: u64,
    pub(super) new_len: u64,
    /// The length when everything is inserted and nothing dropped.
    pub(super) widest: u64,
    /// What is inserted, by place in the old output; done from the last to the first.
    pub(super) inserts: Vec<Region>,
    /// What was zero and is written to, by place when everything is inserted.
    pub(super) fills: Vec<Region>,
    /// The file that is patched, by its inode.
    pub(super) inode: u64,
    /// The run of the system, which a power cut ends.
    pub(super) boot: String,
}

impl Outline {
    /// Whether nothing is inserted or filled: then the decision is all there is.
    pub(super) fn is_empty(&self) -> bool {
        self.inserts.is_empty() && self.fills.is_empty() && self.widest == self.old_len
    }
}

/// What can't be taken back, by place when everything is inserted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decision {
    /// What is written over; the bytes are in the journal.
    pub(super) writes: Vec<Region>,
    /// What becomes zero.
    pub(super) zeros: Vec<Region>,
    /// What is dropped; done from the last to the first.
    pub(super) drops: Vec<Region>,
}

/// How far a patch had come.
#[derive(Debug, Default)]
pub(super) struct Progressed {
    /// The decision, and where its bytes are in the journal.
    pub(super) decided: Option<(Decision, u64)>,
    pub(super) is_written: bool,
    /// What bears the name again.
    pub(super) ended: Option<(Digest, Stat)>,
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    disk: Disk,
    path: Utf8PathBuf,
    file: File,
    key: JournalKey,
    len: u64,
    /// How long it is up to its decision.
    head_len: u64,
    /// The seal of its head.
    head: Digest,
    /// The decision while it is being written.
    staged: blake3::Hasher,
}

/// A journal that was found beside an output.
pub(super) enum Found {
    /// It never became whole, and nothing was done yet.
    Torn,
    /// It is not a regular file of this user, or not sealed with the key.
    Foreign,
    /// It is ours.
    Ours(Box<Told>),
}

/// What a journal of ours says.
pub(super) struct Told {
    pub(super) outline: Outline,
    pub(super) progressed: Progressed,
    head: Digest,
    len: u64,
    head_len: u64,
}

/// Hands bytes on to whoever takes them.
type HandOn<'a> = dyn FnMut(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> + 'a;

/// Where the journal of an output is.
pub fn journal_path(target: &Utf8Path) -> Utf8PathBuf {
    target.with_file_name(format!(".{}.tsmedia-journal", target.file_name().unwrap_or_default()))
}

/// Names this run of the system, as far as it says.
pub(super) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

impl Journal {
    /// Starts the journal of an output and puts the outline in it.
    pub(super) fn begin(disk: &Disk, target: &Utf8Path, outline: &Outline, key: &JournalKey) -> Result<Self> {
        let path = journal_path(target);
        let failed = |error| Error::io("creating", &path, error);
        disk.remove(&path).map_err(failed)?;
        let file = disk.create(&path).map_err(failed)?;
        let staged = key.hasher("decided");
        let (len, head_len, head) = (0, 0, Digest([0; 32]));
        let mut journal = Self { disk: disk.clone(), path: path.clone(), file, key: *key, len, head_len, head, staged };
        let begun = journal.write_outline(outline);
        if begun.is_err() {
            // Nothing was done yet that it would have to take back.
            let _ = journal.disk.remove(&path);
        }
        begun.map(|()| journal)
    }

    /// Opens a journal of ours that was found beside an output, to go on with it.
    pub(super) fn resume(disk: &Disk, target: &Utf8Path, key: &JournalKey, told: &Told) -> Result<Self> {
        let path = journal_path(target);
        let file = open::open_own(&path).map_err(|error| open::failed("opening", &path, error))?;
        let Told { len, head_len, head, .. } = *told;
        let staged = key.hasher("decided");
        Ok(Self { disk: disk.clone(), path, file, key: *key, len, head_len, head, staged })
    }

    fn write_outline(&mut self, outline: &Outline) -> Result<()> {
        let head = format!("{TITLE}{}\n", as_line(outline)?);
        self.head = self.key.seal("sealed", &[head.as_bytes()]);
        self.append(head.as_bytes())?;
        self.append(format!("sealed {}\n", self.head).as_bytes())?;
        self.head_len = self.len;
        self.sync()?;
        sync_folder(&self.disk, &self.path)
    }

    /// Puts the decision in it, and says where its bytes are; `bytes` hands on what is to be written over, in order.
    /// It counts when it is [decided](Self::decide).
    pub(super) fn stage(&mut self, decision: &Decision, bytes: &mut HandOn) -> Result<u64> {
        let line = format!("{}\n", as_line(decision)?);
        self.staged.update(self.head.0.as_slice());
        self.staged.update(line.as_bytes());
        self.append(line.as_bytes())?;
        let at = self.len;
        bytes(&mut |bytes| {
            self.staged.update(bytes);
            self.append(bytes)
        })?;
        self.sync()?;
        Ok(at)
    }

    /// Makes the staged decision final.
    pub(super) fn decide(&mut self) -> Result<()> {
        self.note(&format!("decided {}\n", Digest(*self.staged.finalize().as_bytes())))
    }

    /// Takes a decision out of it that failed, whatever of it is on the disk: from here on there is only back. That
    /// leaves room to say so, too, where the disk is full.
    pub(super) fn undecide(&mut self) -> Result<()> {
        self.disk.set_len(&self.file, self.head_len).map_err(|error| self.failed(error))?;
        self.len = self.head_len;
        self.sync()
    }

    /// Announces that everything is written over.
    pub(super) fn written(&mut self) -> Result<()> {
        self.note(&format!("written {}\n", self.key.seal("written", &[&self.head.0])))
    }

    /// Says what bears the name again.
    pub(super) fn ended(&mut self, id: Digest, stat: &Stat) -> Result<()> {
        let said = format!("{id} {}", as_line(stat)?);
        self.note(&format!("is {} {said}\n", self.key.seal("is", &[&self.head.0, said.as_bytes()])))
    }

    /// Hands on bytes of a decision, from byte `at` of the journal.
    pub(super) fn read(&self, at: u64, len: u64, take: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        let mut block = vec![0; BLOCK_LEN.min(len as usize)];
        let mut done = 0;
        while done < len {
            let step = (len - done).min(BLOCK_LEN as u64) as usize;
            self.file.read_exact_at(&mut block[..step], at + done).map_err(|error| self.failed(error))?;
            take(done, &block[..step])?;
            done += step as u64;
        }
        Ok(())
    }

    /// Removes it: whatever it was for is settled.
    pub fn settle(self) -> Result<()> {
        self.disk.remove(&self.path).map_err(|error| Error::io("removing", &self.path, error))
    }

    fn note(&mut self, line: &str) -> Result<()> {
        self.append(line.as_bytes())?;
        self.sync()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.disk.write_at(&self.file, bytes, self.len).map_err(|error| self.failed(error))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.disk.sync(&self.file).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> Error {
        super::temporary::failed_write(&self.path, error)
    }
}

/// How much of it is held in memory at a time.
const BLOCK_LEN: usize = 256 << 10;

fn as_line(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::new("writing a journal").because(error))
}

/// Reads the journal of an output, if there is one.
///
/// # Errors
///
/// Those of reading one that is ours by its looks.
pub(super) fn find(target: &Utf8Path, key: Option<&JournalKey>) -> Result<Option<Found>> {
    let path = journal_path(target);
    let file = match open::open_own_to_read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Ok(Some(Found::Foreign)),
        Ok(file) => file,
    };
    let mut bytes = Vec::new();
    file.take(MAX_LEN + 1).read_to_end(&mut bytes).map_err(|error| Error::io("reading", &path, error))?;
    Ok(Some(if bytes.len() as u64 > MAX_LEN { Found::Foreign } else { parse(&bytes, key) }))
}

/// Whether there is anything at the place of an output's journal.
pub(super) fn is_there(target: &Utf8Path) -> bool {
    fs::symlink_metadata(journal_path(target)).is_ok()
}

fn parse(bytes: &[u8], key: Option<&JournalKey>) -> Found {
    let mut lines = Lines { bytes, at: 0 };
    let is_ours = bytes.starts_with(TITLE.as_bytes()) || TITLE.as_bytes().starts_with(bytes);
    let mut head_line = || {
        let line = lines.next_bytes()?;
        Some((line, lines.at))
    };
    let (Some(_), Some((outline, outline_end)), Some((sealed, head_end))) = (head_line(), head_line(), head_line())
    else {
        return if is_ours { Found::Torn } else { Found::Foreign };
    };
    let Some(key) = key.filter(|_| is_ours) else { return Found::Foreign };
    let head = key.seal("sealed", &[&bytes[..outline_end]]);
    if sealed != format!("sealed {head}").as_bytes() {
        return Found::Foreign;
    }
    let Ok(outline) = serde_json::from_slice(outline) else { return Found::Foreign };
    let mut progressed = Progressed::default();
    let mut whole = head_end;
    while let Some(line) = lines.next() {
        if let Some(seal) = line.strip_prefix("written ") {
            if seal != key.seal("written", &[&head.0]).to_string() {
                break;
            }
            progressed.is_written = true;
        } else if let Some(ended) = line.strip_prefix("is ") {
            let Some(ended) = parse_ended(ended, key, &head) else { break };
            progressed.ended = Some(ended);
        } else {
            match parse_decision(line, &mut lines, whole, key, &head) {
                Some(decided) => progressed.decided = Some(decided),
                None => break,
            }
        }
        whole = lines.at;
    }
    Found::Ours(Box::new(Told { outline, progressed, head, len: whole as u64, head_len: head_end as u64 }))
}

/// A decision that is whole, and where its bytes start; `start` is where its line does.
fn parse_decision(
    line: &str,
    lines: &mut Lines,
    start: usize,
    key: &JournalKey,
    head: &Digest,
) -> Option<(Decision, u64)> {
    let decision: Decision = serde_json::from_str(line).ok()?;
    let at = lines.at;
    let mut lens = decision.writes.iter().map(|region| usize::try_from(region.len).ok());
    let n_bytes = lens.try_fold(0usize, |all, len| all.checked_add(len?))?;
    lines.at = at.checked_add(n_bytes).filter(|end| *end <= lines.bytes.len())?;
    let seal = key.seal("decided", &[&head.0, &lines.bytes[start..lines.at]]);
    let decided: Digest = lines.next()?.strip_prefix("decided ")?.parse().ok()?;
    (decided == seal).then_some((decision, at as u64))
}

fn parse_ended(line: &str, key: &JournalKey, head: &Digest) -> Option<(Digest, Stat)> {
    let (seal, said) = line.split_once(' ')?;
    if seal != key.seal("is", &[&head.0, said.as_bytes()]).to_string() {
        return None;
    }
    let (id, stat) = said.split_once(' ')?;
    Some((id.parse().ok()?, serde_json::from_str(stat).ok()?))
}

/// Lines that are whole.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.next_bytes()?).ok()
    }

    fn next_bytes(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|byte| *byte == b'\n')?;
        self.at += len + 1;
        Some(&rest[..len])
    }
}

/// Has a journal say that the system was started again since it was begun.
#[cfg(test)]
pub(crate) fn reseal_as_of_another_boot(path: &Utf8Path, key: &JournalKey) {
    let bytes = fs::read(path).unwrap();
    let Found::Ours(told) = parse(&bytes, Some(key)) else { panic!("another key") };
    let outline = Outline { boot: "before".into(), ..told.outline };
    let head = format!("{TITLE}{}\n", as_line(&outline).unwrap());
    let seal = key.seal("sealed", &[head.as_bytes()]);
    fs::write(path, format!("{head}sealed {seal}\n")).unwrap();
}
