//! Journal of an output that is being patched in place: `.<name>.tsmedia-journal` beside it.
//!
//! ```text
//! tsmedia journal 2
//! {…}                       ranges to insert and fill, and the lengths: an [`Outline`]
//! sealed <seal>             of all above; only then the output is renamed
//! {…}                       ranges to overwrite, clear and remove: a [`Decision`]
//! <bytes>                   new bytes of the overwritten ranges, in order
//! decided <seal>            of the decision and its bytes; from here on the patch is finished
//! written <seal>            all bytes are written
//! is <seal> <identity> {…}  output that has its name back, with its metadata
//! ```
//!
//! Until `decided`, no byte of the old output is lost, and an unfinished patch is rolled back. After it, the journal
//! and the output hold everything needed to finish. The length of the output tells how many ranges were inserted or
//! removed.
//!
//! Seals are digests keyed with a [`JournalKey`] that the cache stores. A journal that is not sealed with this key
//! comes from elsewhere and is never acted on.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::disk::DiskOps;
use super::open;
use super::temporary::sync_folder;
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::Region;

const TITLE: &str = "tsmedia journal 2\n";

/// Maximum length of a journal that is read, in bytes: twice the bytes that a patch may overwrite, and its regions.
const MAX_LEN: u64 = 192 << 20;

/// Key that seals the journals of one output.
#[derive(Clone, Copy)]
pub struct JournalKey([u8; JournalKey::LEN]);

impl JournalKey {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// Creates a key from its bytes.
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

/// Reversible part of a patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outline {
    /// Identities and lengths of the old output and the new one.
    pub(super) old_id: Digest,
    pub(super) new_id: Digest,
    pub(super) old_len: u64,
    pub(super) new_len: u64,
    /// Length once everything is inserted and nothing is removed yet.
    pub(super) widest: u64,
    /// Ranges to insert, by offset in the old output; processed from last to first.
    pub(super) inserts: Vec<Region>,
    /// Ranges of zeros to overwrite, by offset after the insertions.
    pub(super) fills: Vec<Region>,
    /// Inode of the patched file.
    pub(super) inode: u64,
    /// Boot ID of the system, which changes when it restarts.
    pub(super) boot: String,
}

impl Outline {
    /// Returns `true` if nothing is inserted or filled, so that the patch consists of its decision alone.
    pub(super) fn is_empty(&self) -> bool {
        self.inserts.is_empty() && self.fills.is_empty() && self.widest == self.old_len
    }
}

/// Irreversible part of a patch, by offset after the insertions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decision {
    /// Ranges to overwrite; the journal holds their bytes.
    pub(super) writes: Vec<Region>,
    /// Ranges to fill with zeros.
    pub(super) zeros: Vec<Region>,
    /// Ranges to remove; processed from last to first.
    pub(super) drops: Vec<Region>,
}

/// Progress of a patch, as recorded in its journal.
#[derive(Debug, Default)]
pub(super) struct PatchStage {
    /// Decision, and the offset of its bytes in the journal.
    pub(super) decided: Option<(Decision, u64)>,
    pub(super) is_written: bool,
    /// Identity and metadata of the output that has its name back.
    pub(super) ended: Option<(Digest, Stat)>,
}

/// Open journal.
#[derive(Debug)]
pub struct Journal {
    disk: DiskOps,
    path: Utf8PathBuf,
    file: File,
    key: JournalKey,
    len: u64,
    /// Length up to the decision.
    head_len: u64,
    /// Seal of the outline.
    head: Digest,
    /// Hasher of the decision while it is being written.
    staged: blake3::Hasher,
}

/// Journal found beside an output.
pub(super) enum FoundJournal {
    /// Incomplete journal of a patch that has not changed anything yet.
    Torn,
    /// Not a regular file of this user, or not sealed with the key.
    Foreign,
    /// Journal sealed with the key.
    Ours(Box<JournalState>),
}

/// Contents of a journal that is sealed with the key.
pub(super) struct JournalState {
    pub(super) outline: Outline,
    pub(super) progressed: PatchStage,
    head: Digest,
    len: u64,
    head_len: u64,
}

/// Passes bytes on to the given function, block by block.
type HandOn<'a> = dyn FnMut(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> + 'a;

/// Path of an output's journal.
pub fn journal_path(target: &Utf8Path) -> Utf8PathBuf {
    target.with_file_name(format!(".{}.tsmedia-journal", target.file_name().unwrap_or_default()))
}

/// Returns the boot ID of the system; empty if it can't be read.
pub(super) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

impl Journal {
    /// Creates the journal of an output and writes the outline to it.
    pub(super) fn begin(disk: &DiskOps, target: &Utf8Path, outline: &Outline, key: &JournalKey) -> Result<Self> {
        let path = journal_path(target);
        let failed = |error| Error::io("creating", &path, error);
        disk.remove(&path).map_err(failed)?;
        let file = disk.create(&path).map_err(failed)?;
        let staged = key.hasher("decided");
        let (len, head_len, head) = (0, 0, Digest([0; 32]));
        let mut journal = Self { disk: disk.clone(), path: path.clone(), file, key: *key, len, head_len, head, staged };
        let begun = journal.write_outline(outline);
        if begun.is_err() {
            // Nothing was changed yet, so the journal is not needed.
            let _ = journal.disk.remove(&path);
        }
        begun.map(|()| journal)
    }

    /// Opens a journal that was found beside an output, to continue its patch.
    pub(super) fn resume(disk: &DiskOps, target: &Utf8Path, key: &JournalKey, state: &JournalState) -> Result<Self> {
        let path = journal_path(target);
        let file = open::open_own(&path).map_err(|error| open::failed("opening", &path, error))?;
        let JournalState { len, head_len, head, .. } = *state;
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

    /// Appends the decision and returns the offset of its bytes, which `bytes` supplies in order. It takes effect once
    /// it is [decided](Self::decide).
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

    /// Removes a decision after a failure, so that the patch can only be rolled back. This also frees space for the
    /// final record if the disk is full.
    pub(super) fn undecide(&mut self) -> Result<()> {
        self.disk.set_len(&self.file, self.head_len).map_err(|error| self.failed(error))?;
        self.len = self.head_len;
        self.sync()
    }

    /// Records that all bytes are written.
    pub(super) fn written(&mut self) -> Result<()> {
        self.note(&format!("written {}\n", self.key.seal("written", &[&self.head.0])))
    }

    /// Records the output that has its name back.
    pub(super) fn ended(&mut self, id: Digest, stat: &Stat) -> Result<()> {
        let said = format!("{id} {}", as_line(stat)?);
        self.note(&format!("is {} {said}\n", self.key.seal("is", &[&self.head.0, said.as_bytes()])))
    }

    /// Reads bytes of a decision, from byte `at` of the journal. `take` gets each block and its offset from `at`.
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

    /// Removes the journal of a patch that is done or rolled back.
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

/// Number of bytes of a journal that are held in memory at a time.
const BLOCK_LEN: usize = 256 << 10;

fn as_line(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::new("writing a journal").because(error))
}

/// Reads the journal of an output. `None` if there is none.
///
/// # Errors
///
/// If the file belongs to this user but can't be read.
pub(super) fn find(target: &Utf8Path, key: Option<&JournalKey>) -> Result<Option<FoundJournal>> {
    let path = journal_path(target);
    let file = match open::open_own_to_read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Ok(Some(FoundJournal::Foreign)),
        Ok(file) => file,
    };
    let mut bytes = Vec::new();
    file.take(MAX_LEN + 1).read_to_end(&mut bytes).map_err(|error| Error::io("reading", &path, error))?;
    Ok(Some(if bytes.len() as u64 > MAX_LEN { FoundJournal::Foreign } else { parse(&bytes, key) }))
}

/// Returns `true` if anything has the name of the output's journal.
pub(super) fn is_there(target: &Utf8Path) -> bool {
    fs::symlink_metadata(journal_path(target)).is_ok()
}

fn parse(bytes: &[u8], key: Option<&JournalKey>) -> FoundJournal {
    let mut lines = Lines { bytes, at: 0 };
    let is_ours = bytes.starts_with(TITLE.as_bytes()) || TITLE.as_bytes().starts_with(bytes);
    let mut head_line = || {
        let line = lines.next_bytes()?;
        Some((line, lines.at))
    };
    let (Some(_), Some((outline, outline_end)), Some((sealed, head_end))) = (head_line(), head_line(), head_line())
    else {
        return if is_ours { FoundJournal::Torn } else { FoundJournal::Foreign };
    };
    // From here on every line must carry a valid seal. The first that doesn't is where a crash cut the journal off.
    let Some(key) = key.filter(|_| is_ours) else { return FoundJournal::Foreign };
    let head = key.seal("sealed", &[&bytes[..outline_end]]);
    if sealed != format!("sealed {head}").as_bytes() {
        return FoundJournal::Foreign;
    }
    let Ok(outline) = serde_json::from_slice(outline) else { return FoundJournal::Foreign };
    let mut progressed = PatchStage::default();
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
    FoundJournal::Ours(Box::new(JournalState {
        outline,
        progressed,
        head,
        len: whole as u64,
        head_len: head_end as u64,
    }))
}

/// Parses a complete decision, whose line begins at `start`. Also returns the offset of its bytes.
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

/// Iterates over complete lines.
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

/// Rewrites a journal as if the system had restarted since.
#[cfg(test)]
pub(crate) fn reseal_as_of_another_boot(path: &Utf8Path, key: &JournalKey) {
    let bytes = fs::read(path).unwrap();
    let FoundJournal::Ours(state) = parse(&bytes, Some(key)) else { panic!("another key") };
    let outline = Outline { boot: "before".into(), ..state.outline };
    let head = format!("{TITLE}{}\n", as_line(&outline).unwrap());
    let seal = key.seal("sealed", &[head.as_bytes()]);
    fs::write(path, format!("{head}sealed {seal}\n")).unwrap();
}
