//! The journal of an output that is being patched in place: `.<name>.tsmedia-journal`, beside it.
//!
//! ```text
//! tsmedia journal 1
//! {…}                       what is inserted and filled, and the lengths: an [`Outline`]
//! sealed <digest>           of all above; only then the output leaves its name
//! {…}                       what is written over, cleared and dropped: a [`Decision`]
//! <bytes>                   those to be written over, one after the other
//! decided <digest>          of the decision and its bytes: from here on there is only forward
//! written                   all of them are
//! is <identity> {…}         what bears the name again, and what the file system says of it
//! ```
//!
//! Up to `decided` nothing of the old output is lost, and an unfinished patch is taken back; after it everything that
//! is needed is in the journal and in the output itself. How many ranges are inserted or dropped the length tells.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::temporary::sync_folder;
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::Region;

const TITLE: &str = "tsmedia journal 1\n";

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
    /// The run of the system, which a power cut ends.
    pub(super) boot: String,
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
    len: u64,
    /// How long it is up to its decision.
    head_len: u64,
}

/// A journal that was found, and what it says: nothing when its outline never became whole, in which case nothing was
/// done.
pub(super) struct Found {
    pub(super) journal: Journal,
    pub(super) says: Option<(Outline, Progressed)>,
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
    pub(super) fn begin(disk: &Disk, target: &Utf8Path, outline: &Outline) -> Result<Self> {
        let path = journal_path(target);
        let failed = |error| Error::io("creating", &path, error);
        let file = disk.open(&path).map_err(failed)?;
        let mut journal = Self { disk: disk.clone(), path: path.clone(), file, len: 0, head_len: 0 };
        let begun = journal.write_outline(outline);
        if begun.is_err() {
            // Nothing was done yet that it would have to take back.
            let _ = journal.disk.remove(&path);
        }
        begun.map(|()| journal)
    }

    fn write_outline(&mut self, outline: &Outline) -> Result<()> {
        self.disk.set_len(&self.file, 0).map_err(|error| self.failed(error))?;
        let head = format!("{TITLE}{}\n", as_line(outline)?);
        self.append(head.as_bytes())?;
        self.append(format!("sealed {}\n", Digest::of(head.as_bytes())).as_bytes())?;
        self.head_len = self.len;
        self.sync()?;
        sync_folder(&self.disk, &self.path)
    }

    /// Puts the decision in it, and says where its bytes are; `bytes` hands on what is to be written over, in order.
    pub(super) fn decide(&mut self, decision: &Decision, bytes: &mut HandOn) -> Result<u64> {
        let line = format!("{}\n", as_line(decision)?);
        let mut hasher = blake3::Hasher::new();
        hasher.update(line.as_bytes());
        self.append(line.as_bytes())?;
        let at = self.len;
        bytes(&mut |bytes| {
            hasher.update(bytes);
            self.append(bytes)
        })?;
        self.sync()?;
        self.note(&format!("decided {}\n", Digest(*hasher.finalize().as_bytes())))?;
        Ok(at)
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
        self.note("written\n")
    }

    /// Says what bears the name again.
    pub(super) fn ended(&mut self, id: Digest, stat: &Stat) -> Result<()> {
        self.note(&format!("is {id} {}\n", as_line(stat)?))
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

    /// Opens the journal of an output, if there is one.
    pub(super) fn find(disk: &Disk, target: &Utf8Path) -> Result<Option<Found>> {
        let path = journal_path(target);
        let failed = |error| Error::io("reading", &path, error);
        let mut file = match File::options().read(true).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed)?,
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let (says, len, head_len) = parse(&bytes);
        Ok(Some(Found { journal: Self { disk: disk.clone(), path, file, len, head_len }, says }))
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

/// What a journal says, and how long it is as far as it is whole, and up to its decision.
fn parse(bytes: &[u8]) -> (Option<(Outline, Progressed)>, u64, u64) {
    let mut lines = Lines { bytes, at: 0 };
    let Some((outline, n_head)) = parse_outline(&mut lines) else { return (None, 0, 0) };
    let mut progressed = Progressed::default();
    let mut whole = n_head;
    while let Some(line) = lines.next() {
        if line == "written" {
            progressed.is_written = true;
        } else if let Some(ended) = line.strip_prefix("is ") {
            progressed.ended = parse_ended(ended);
        } else {
            match parse_decision(line, &mut lines, whole) {
                Some(decided) => progressed.decided = Some(decided),
                None => break,
            }
        }
        whole = lines.at;
    }
    (Some((outline, progressed)), whole as u64, n_head as u64)
}

fn parse_outline(lines: &mut Lines) -> Option<(Outline, usize)> {
    let title = lines.next()?;
    let outline = serde_json::from_str(lines.next()?).ok()?;
    let digest = Digest::of(&lines.bytes[..lines.at]);
    let sealed: Digest = lines.next()?.strip_prefix("sealed ")?.parse().ok()?;
    (title == TITLE.trim_end() && sealed == digest).then_some((outline, lines.at))
}

/// A decision that is whole, and where its bytes start; `start` is where its line does.
fn parse_decision(line: &str, lines: &mut Lines, start: usize) -> Option<(Decision, u64)> {
    let decision: Decision = serde_json::from_str(line).ok()?;
    let at = lines.at;
    let n_bytes = decision.writes.iter().map(|region| region.len as usize).sum::<usize>();
    lines.at = at.checked_add(n_bytes).filter(|end| *end <= lines.bytes.len())?;
    let digest = Digest::of(&lines.bytes[start..lines.at]);
    let decided: Digest = lines.next()?.strip_prefix("decided ")?.parse().ok()?;
    (decided == digest).then_some((decision, at as u64))
}

fn parse_ended(line: &str) -> Option<(Digest, Stat)> {
    let (id, stat) = line.split_once(' ')?;
    Some((id.parse().ok()?, serde_json::from_str(stat).ok()?))
}

/// Lines that are whole.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|byte| *byte == b'\n')?;
        self.at += len + 1;
        std::str::from_utf8(&rest[..len]).ok()
    }
}
