//! Copying sources into an output while hashing them, each byte read once.
//!
//! A lane is a thread that opens, reads, computes BLAKE3 and writes, beside one that computes SHA-256, which alone
//! takes as long as all the rest: so even a single huge file keeps two cores busy. There is a lane for every two
//! cores; each takes the next file in the order of their places. What a lane does never depends on the others, so
//! neither do the bytes. A source whose digests are known is copied within the kernel and not read here at all.

use std::fs::File;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use sha2::Digest as _;

use super::source::Source;
use super::temporary::Temporary;
use crate::digest::{Digest, Digests, Sha256};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::volume::SourceFile;

/// A source to read from its first byte to its last.
#[derive(Clone, Debug)]
pub struct Job {
    /// The source.
    pub file: Arc<SourceFile>,
    /// Where its bytes go, from the first: ranges of the output that together are as long as the source. Empty for
    /// a source that is only hashed.
    pub places: Vec<Place>,
    /// Its digests, if they are known: then it is copied without being hashed.
    pub known: Option<Digests>,
}

/// A range of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it starts.
    pub offset: u64,
    /// How long it is.
    pub len: u64,
}

/// What is read, hashed and written at a time. Small enough to stay in a core's cache on its way.
const BLOCK_LEN: usize = 512 << 10;
/// How many blocks a lane has under way.
const N_BLOCKS: usize = 4;
/// From here on, handing a file to the second thread costs less than hashing it in the first.
const SMALL_LEN: u64 = 64 << 10;
/// What the kernel copies between two looks at whether to stop.
const COPY_LEN: u64 = 16 << 20;

/// Runs the jobs and returns the digests of their sources in the same order.
///
/// # Errors
///
/// The first failure stops all lanes. A source that is not what its `SourceFile` says, before or after, is one.
pub fn copy(jobs: &[Job], target: Option<&Temporary>, n_lanes: usize, progress: &Progress) -> Result<Vec<Digests>> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results = Mutex::new((vec![None; jobs.len()], None));
    let lane = || {
        thread::scope(|scope| {
            let mut lane = Lane::new(target, progress, &failed);
            let (blocks, hashed) = lane.second_thread();
            scope.spawn(move || sha256(&blocks, &hashed));
            while !failed.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(index) else { break };
                let done = lane.run(job);
                let mut results = results.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                match done {
                    Ok(digests) => results.0[index] = Some(digests),
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
                        results.1.get_or_insert(error);
                    }
                }
            }
        });
    };
    thread::scope(|scope| {
        for _ in 1..n_lanes.min(jobs.len()) {
            scope.spawn(lane);
        }
        lane();
    });
    let (digests, error) = results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    match error {
        Some(error) => Err(error),
        None => digests.into_iter().collect::<Option<_>>().ok_or_else(|| Error::new("a thread stopped too early")),
    }
}

/// How many lanes suit this machine.
pub fn n_lanes() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 4))
}

/// What goes to the second thread: a block with the number of bytes in it, or the end of a file.
enum ToHash {
    Block(Arc<Vec<u8>>, usize),
    End,
}

/// What comes back: a block that is free again, or the digest of a file.
enum Hashed {
    Free(Arc<Vec<u8>>),
    Digest(Sha256),
}

fn sha256(blocks: &Receiver<ToHash>, hashed: &SyncSender<Hashed>) {
    let mut hasher = sha2::Sha256::new();
    for message in blocks {
        let answer = match message {
            ToHash::Block(block, len) => {
                hasher.update(&block[..len]);
                Hashed::Free(block)
            }
            ToHash::End => Hashed::Digest(Sha256(hasher.finalize_reset().into())),
        };
        if hashed.send(answer).is_err() {
            break;
        }
    }
}

struct Lane<'a> {
    target: Option<&'a Temporary<'a>>,
    progress: &'a Progress,
    failed: &'a AtomicBool,
    free: Vec<Arc<Vec<u8>>>,
    to_hash: Option<SyncSender<ToHash>>,
    hashed: Option<Receiver<Hashed>>,
}

impl<'a> Lane<'a> {
    fn new(target: Option<&'a Temporary<'a>>, progress: &'a Progress, failed: &'a AtomicBool) -> Self {
        let free = (0..N_BLOCKS).map(|_| Arc::new(vec![0; BLOCK_LEN])).collect();
        Self { target, progress, failed, free, to_hash: None, hashed: None }
    }

    /// The ends of the channels that the second thread holds. No channel ever fills up: there is room for every block.
    fn second_thread(&mut self) -> (Receiver<ToHash>, SyncSender<Hashed>) {
        let (to_hash, blocks) = sync_channel(N_BLOCKS + 1);
        let (answer, hashed) = sync_channel(N_BLOCKS + 1);
        (self.to_hash, self.hashed) = (Some(to_hash), Some(hashed));
        (blocks, answer)
    }

    fn run(&mut self, job: &Job) -> Result<Digests> {
        self.go_on()?;
        let source = Source::open(&job.file)?;
        let digests = match (job.known, self.target) {
            (Some(digests), Some(target)) => {
                self.copy_known(&source, job, target)?;
                digests
            }
            _ => self.hash(&source, job)?,
        };
        source.check()?;
        Ok(digests)
    }

    fn go_on(&self) -> Result<()> {
        self.progress.go_on()?;
        // Another lane's error is the one that is told.
        if self.failed.load(Ordering::Relaxed) { Err(Error::new("stopped")) } else { Ok(()) }
    }

    fn copy_known(&mut self, source: &Source, job: &Job, target: &Temporary) -> Result<()> {
        let mut start = 0;
        for place in &job.places {
            copy_range(source, start, target, *place, &mut |len| {
                self.progress.add(len);
                self.go_on()
            })?;
            start += place.len;
        }
        Ok(())
    }

    fn hash(&mut self, source: &Source, job: &Job) -> Result<Digests> {
        let len = job.file.stat.len;
        let mut blake3 = blake3::Hasher::new();
        if len <= SMALL_LEN {
            let mut block = self.take()?;
            let bytes = &mut exclusive(&mut block)?[..len as usize];
            source.read(bytes, 0)?;
            blake3.update(bytes);
            let sha256 = Sha256(sha2::Sha256::digest(&*bytes).into());
            self.put(bytes, 0, job)?;
            self.free.push(block);
            return Ok(Digests { blake3: Digest(*blake3.finalize().as_bytes()), sha256 });
        }
        let mut at = 0;
        while at < len {
            let mut block = self.take()?;
            let block_len = (len - at).min(BLOCK_LEN as u64) as usize;
            source.read(&mut exclusive(&mut block)?[..block_len], at)?;
            self.send(ToHash::Block(Arc::clone(&block), block_len))?;
            blake3.update(&block[..block_len]);
            self.put(&block[..block_len], at, job)?;
            at += block_len as u64;
            self.go_on()?;
        }
        self.send(ToHash::End)?;
        let sha256 = loop {
            match self.receive()? {
                Hashed::Free(block) => self.free.push(block),
                Hashed::Digest(digest) => break digest,
            }
        };
        Ok(Digests { blake3: Digest(*blake3.finalize().as_bytes()), sha256 })
    }

    /// Writes a part of the source, from its byte `start`, to where it belongs.
    fn put(&self, bytes: &[u8], start: u64, job: &Job) -> Result<()> {
        self.progress.add(bytes.len() as u64);
        let Some(target) = self.target else { return Ok(()) };
        let end = start + bytes.len() as u64;
        let mut place_start = 0;
        for place in &job.places {
            let place_end = place_start + place.len;
            let (from, to) = (start.max(place_start), end.min(place_end));
            if from < to {
                let part = &bytes[(from - start) as usize..(to - start) as usize];
                target.write(part, place.offset + (from - place_start))?;
            }
            place_start = place_end;
        }
        Ok(())
    }

    /// A block that nobody else holds.
    fn take(&mut self) -> Result<Arc<Vec<u8>>> {
        match self.free.pop() {
            Some(block) => Ok(block),
            None => match self.receive()? {
                Hashed::Free(block) => Ok(block),
                Hashed::Digest(_) => Err(out_of_step()),
            },
        }
    }

    fn send(&self, message: ToHash) -> Result<()> {
        self.to_hash.as_ref().and_then(|to_hash| to_hash.send(message).ok()).ok_or_else(out_of_step)
    }

    fn receive(&self) -> Result<Hashed> {
        self.hashed.as_ref().and_then(|hashed| hashed.recv().ok()).ok_or_else(out_of_step)
    }
}

fn exclusive(block: &mut Arc<Vec<u8>>) -> Result<&mut Vec<u8>> {
    Arc::get_mut(block).ok_or_else(out_of_step)
}

fn out_of_step() -> Error {
    Error::new("the hashing threads lost step with each other")
}

/// Copies a range of a source into the target within the kernel, or through memory where the kernel can't.
pub(super) fn copy_range(
    source: &Source,
    start: u64,
    target: &Temporary,
    place: Place,
    step: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let mut done = 0;
    while done < place.len {
        let want = (place.len - done).min(COPY_LEN);
        let file: &File = &source.file;
        match target.disk().copy(file, start + done, target.file(), place.offset + done, want) {
            Ok(0) => return Err(source.changed()),
            Ok(len) => {
                done += len;
                step(len)?;
            }
            Err(error) if cannot_copy(&error) => break,
            Err(error) => return Err(target.failed(error)),
        }
    }
    let mut block = vec![0; if done < place.len { BLOCK_LEN } else { 0 }];
    while done < place.len {
        let len = (place.len - done).min(BLOCK_LEN as u64) as usize;
        source.read(&mut block[..len], start + done)?;
        target.write(&block[..len], place.offset + done)?;
        done += len as u64;
        step(len as u64)?;
    }
    Ok(())
}

/// Whether this pair of files, and not this copy, is what the kernel objects to.
fn cannot_copy(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let errnos = [Errno::XDEV, Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM, Errno::BADF];
    errnos.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
