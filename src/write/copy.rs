//! Copying sources into an output while hashing them, each byte read once.
//!
//! A large file is read, hashed by BLAKE3 and written by one thread while a second one hashes it by SHA, which takes as
//! long: so even a single huge file keeps two cores busy. There is such a lane for every two cores. Small files, which would only be held up
//! by a second thread, come after the large ones, with a thread for each core. What a thread does never depends on
//! the others, so neither do the bytes. A source whose digests are known is copied within the kernel and not read
//! here at all.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::temporary::Temporary;
use crate::content::{Source, Stretch};
use crate::digest::{Asked, Blake3Hasher, Digests, Sha1, Sha256, ShaHasher};
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::output::Job;
use crate::progress::Progress;
use crate::source::OpenSource;

/// What is read, hashed and written at a time. Small enough to stay in a core's cache on its way.
const BLOCK_LEN: usize = 256 << 10;
/// How many blocks a lane has under way.
const N_BLOCKS: usize = 8;
/// Files from here on are worth a second thread.
const LARGE_LEN: u64 = 64 << 10;
/// What is written between two looks at whether the disk has it.
const FLUSH_LEN: u64 = 32 << 20;
/// How long to wait before looking again.
const FLUSH_PAUSE: Duration = Duration::from_millis(20);
/// What the kernel copies between two looks at whether to stop.
const COPY_LEN: u64 = 16 << 20;

/// Runs the jobs and returns the digests of their sources in the same order.
///
/// # Errors
///
/// The first failure stops all threads. A source that is not what its `Source` says, before or after, is one.
pub fn copy(jobs: &[Job], target: Option<&Temporary>, n_lanes: usize, progress: &Progress) -> Result<Vec<Digests>> {
    let is_large = |index: &usize| jobs[*index].file.len() >= LARGE_LEN;
    let (large, small): (Vec<_>, Vec<_>) = (0..jobs.len()).partition(is_large);
    let results = Mutex::new((vec![None; jobs.len()], None));
    let copying = Copying { jobs, target, progress, failed: AtomicBool::new(false), results };
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let flusher = target.map(|target| scope.spawn(|| copying.flush(target, &is_done)));
        on_threads(n_lanes.min(large.len()), &|next| copying.lane(&large, next));
        on_threads((2 * n_lanes).min(small.len()), &|next| copying.small_files(&small, next));
        is_done.store(true, Ordering::Release);
        flusher.inspect(|flusher| flusher.thread().unpark());
    });
    let (digests, error) = copying.results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    match error {
        Some(error) => Err(error),
        None => digests.into_iter().collect::<Option<_>>().ok_or_else(|| Error::new("a thread stopped too early")),
    }
}

/// How many lanes suit this machine.
pub fn n_lanes() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 4))
}

/// Does the same on so many threads, of which this is one. What they share counts the jobs that are taken.
fn on_threads(n_threads: usize, work: &(dyn Fn(&AtomicUsize) + Sync)) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 1..n_threads {
            scope.spawn(|| work(&next));
        }
        work(&next);
    });
}

/// What all threads share.
struct Copying<'a> {
    jobs: &'a [Job],
    target: Option<&'a Temporary<'a>>,
    progress: &'a Progress,
    failed: AtomicBool,
    results: Mutex<(Vec<Option<Digests>>, Option<Error>)>,
}

impl Copying<'_> {
    /// Has the disk take what is written while the rest is still being read and hashed. The file is synced before it
    /// gets its name, and would be waited for then.
    fn flush(&self, target: &Temporary, is_done: &AtomicBool) {
        let mut n_flushed = 0;
        while !is_done.load(Ordering::Acquire) {
            thread::park_timeout(FLUSH_PAUSE);
            let (n_written, _) = self.progress.state();
            if n_written < n_flushed + FLUSH_LEN {
                continue;
            }
            n_flushed = n_written;
            // The system tells of a failed write once, and the sync at the end would not hear of it.
            if let Err(error) = target.file().sync_data() {
                self.failed.store(true, Ordering::Relaxed);
                let mut results = self.results.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                results.1.get_or_insert(target.failed(error));
                return;
            }
        }
    }

    /// Copies files with a second thread that hashes.
    fn lane(&self, indices: &[usize], next: &AtomicUsize) {
        thread::scope(|scope| {
            let (mut pipe, blocks, hashed) = Pipe::new();
            scope.spawn(move || hash_blocks(&blocks, &hashed));
            self.take_jobs(indices, next, &mut |source, job| self.hash_large(source, job, &mut pipe));
        });
    }

    /// Copies files on this thread alone.
    fn small_files(&self, indices: &[usize], next: &AtomicUsize) {
        let mut block = vec![0; LARGE_LEN as usize];
        self.take_jobs(indices, next, &mut |source, job| {
            let bytes = &mut block[..job.file.len() as usize];
            source.read(bytes, 0)?;
            self.put(bytes, 0, job)?;
            Ok(Digests::asked(bytes, job.asked))
        });
    }

    /// Does one job after the other until none is left, or one has failed. `hash` reads a source whose digests are
    /// not known, writes it, and returns them.
    fn take_jobs(
        &self,
        indices: &[usize],
        next: &AtomicUsize,
        hash: &mut dyn FnMut(&OpenSource, &Job) -> Result<Digests>,
    ) {
        while let Some(&index) = indices.get(next.fetch_add(1, Ordering::Relaxed))
            && !self.failed.load(Ordering::Relaxed)
        {
            let done = self.run(&self.jobs[index], hash);
            let mut results = self.results.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            match done {
                Ok(digests) => results.0[index] = Some(digests),
                Err(error) => {
                    self.failed.store(true, Ordering::Relaxed);
                    results.1.get_or_insert(error);
                }
            }
        }
    }

    fn run(&self, job: &Job, hash: &mut dyn FnMut(&OpenSource, &Job) -> Result<Digests>) -> Result<Digests> {
        self.go_on()?;
        let source = OpenSource::open(&job.file)?;
        let digests = match (job.known, self.target) {
            (Some(digests), Some(target)) => {
                self.copy_known(&source, job, target)?;
                digests
            }
            _ => hash(&source, job)?,
        };
        source.check()?;
        Ok(digests)
    }

    fn go_on(&self) -> Result<()> {
        self.progress.go_on()?;
        // Another thread's error is the one that is told.
        if self.failed.load(Ordering::Relaxed) { Err(Error::new("stopped")) } else { Ok(()) }
    }

    fn copy_known(&self, source: &OpenSource, job: &Job, target: &Temporary) -> Result<()> {
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

    fn hash_large(&self, source: &OpenSource, job: &Job, pipe: &mut Pipe) -> Result<Digests> {
        let len = job.file.len();
        pipe.send(ToHash::Start(job.asked))?;
        let mut blake3 = Blake3Hasher::default();
        let mut at = 0;
        while at < len {
            let mut block = pipe.take()?;
            let block_len = (len - at).min(BLOCK_LEN as u64) as usize;
            source.read(&mut exclusive(&mut block)?[..block_len], at)?;
            pipe.send(ToHash::Block(Arc::clone(&block), block_len))?;
            blake3.update(&block[..block_len]);
            self.put(&block[..block_len], at, job)?;
            at += block_len as u64;
            self.go_on()?;
        }
        pipe.send(ToHash::End)?;
        loop {
            match pipe.receive()? {
                Hashed::Free(block) => pipe.free.push(block),
                Hashed::Sha(sha256, sha1) => return Ok(Digests { blake3: blake3.finish(), sha256, sha1 }),
            }
        }
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
                // The target reads as zero wherever nothing was written, so a sparse source stays sparse.
                if part.iter().any(|byte| *byte != 0) {
                    target.write(part, place.offset + (from - place_start))?;
                }
            }
            place_start = place_end;
        }
        Ok(())
    }
}

/// What goes to the second thread: the start of a file, a block with the number of bytes in it, or the end of a file.
enum ToHash {
    Start(Asked),
    Block(Arc<Vec<u8>>, usize),
    End,
}

/// What comes back: a block that is free again, or the digests of a file.
enum Hashed {
    Free(Arc<Vec<u8>>),
    Sha(Sha256, Option<Sha1>),
}

fn hash_blocks(blocks: &Receiver<ToHash>, hashed: &SyncSender<Hashed>) {
    let mut hasher = ShaHasher::new(Asked::Lists);
    for message in blocks {
        let answer = match message {
            ToHash::Start(asked) => {
                hasher = ShaHasher::new(asked);
                continue;
            }
            ToHash::Block(block, len) => {
                hasher.update(&block[..len]);
                Hashed::Free(block)
            }
            ToHash::End => {
                let (sha256, sha1) = std::mem::replace(&mut hasher, ShaHasher::new(Asked::Lists)).finish();
                Hashed::Sha(sha256, sha1)
            }
        };
        if hashed.send(answer).is_err() {
            break;
        }
    }
}

/// The first thread's end of a lane.
struct Pipe {
    free: Vec<Arc<Vec<u8>>>,
    to_hash: SyncSender<ToHash>,
    hashed: Receiver<Hashed>,
}

impl Pipe {
    /// This end, and what the second thread holds. No channel ever fills up: there is room for every block.
    fn new() -> (Self, Receiver<ToHash>, SyncSender<Hashed>) {
        let (to_hash, blocks) = sync_channel(N_BLOCKS + 2);
        let (answer, hashed) = sync_channel(N_BLOCKS + 1);
        let free = (0..N_BLOCKS).map(|_| Arc::new(vec![0; BLOCK_LEN])).collect();
        (Self { free, to_hash, hashed }, blocks, answer)
    }

    /// A block that nobody else holds.
    fn take(&mut self) -> Result<Arc<Vec<u8>>> {
        match self.free.pop() {
            Some(block) => Ok(block),
            None => match self.receive()? {
                Hashed::Free(block) => Ok(block),
                Hashed::Sha(..) => Err(out_of_step()),
            },
        }
    }

    fn send(&self, message: ToHash) -> Result<()> {
        self.to_hash.send(message).map_err(|_| out_of_step())
    }

    fn receive(&self) -> Result<Hashed> {
        self.hashed.recv().map_err(|_| out_of_step())
    }
}

fn exclusive(block: &mut Arc<Vec<u8>>) -> Result<&mut Vec<u8>> {
    Arc::get_mut(block).ok_or_else(out_of_step)
}

fn out_of_step() -> Error {
    Error::new("the hashing threads lost step with each other")
}

/// Copies a whole source to the start of the target within the kernel, which shares blocks where the file system can.
///
/// # Errors
///
/// If a file of the source is not what it was, can't be read, or the target can't be written.
pub fn copy_source(source: &Source, target: &Temporary, progress: &Progress) -> Result<()> {
    let open = OpenSource::open(source)?;
    copy_range(&open, 0, target, Region { offset: 0, len: source.len() }, &mut |len| {
        progress.add(len);
        progress.go_on()
    })?;
    Ok(open.check()?)
}

/// Copies a range of a source into the target within the kernel, or through memory where the kernel can't.
pub(super) fn copy_range(
    source: &OpenSource,
    start: u64,
    target: &Temporary,
    place: Region,
    step: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let mut at = place.offset;
    for stretch in source.stretches(start, place.len) {
        match stretch {
            Stretch::Bytes(bytes) => {
                target.write(bytes, at)?;
                at += bytes.len() as u64;
                step(bytes.len() as u64)?;
            }
            Stretch::File { file, start, len } => {
                copy_file(source, file, start, target, Region { offset: at, len }, step)?;
                at += len;
            }
        }
    }
    Ok(())
}

/// Copies a range of the `number`-th file of a source.
fn copy_file(
    source: &OpenSource,
    number: usize,
    start: u64,
    target: &Temporary,
    place: Region,
    step: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let file = source.file(number)?;
    let mut done = 0;
    while done < place.len {
        let want = (place.len - done).min(COPY_LEN);
        match target.disk().copy(&file, start + done, target.file(), place.offset + done, want) {
            Ok(0) => return Err(source.changed(number).into()),
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
        file.read_exact_at(&mut block[..len], start + done).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => source.changed(number),
            _ => source.failed(number, error),
        })?;
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
