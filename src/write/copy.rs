//! Copies sources into an output and hashes them, reading each byte once.
//!
//! A large file is read, hashed with BLAKE3 and written by one thread, while a second one computes the SHA digests,
//! which takes as long. So even a single huge file keeps two cores busy. There is one such lane for every two cores.
//! Small files follow, with one thread per core, since handing them over would cost more than it gains. No thread
//! depends on another's results, so the bytes written don't depend on scheduling. A source whose digests are known is
//! copied within the kernel.

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
use crate::digest::{Blake3Hasher, DigestKinds, Digests, Sha1, Sha256, ShaHasher};
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::output::CopyJob;
use crate::progress::Progress;
use crate::source::OpenSource;

/// Number of bytes that are read, hashed and written at a time; small enough to stay in a core's cache.
const BLOCK_LEN: usize = 256 << 10;
/// Number of blocks of a lane.
const N_BLOCKS: usize = 8;
/// Length from which a file is hashed by two threads.
const LARGE_LEN: u64 = 64 << 10;
/// Number of bytes written between two syncs.
const FLUSH_LEN: u64 = 32 << 20;
/// Pause between two checks of the progress.
const FLUSH_PAUSE: Duration = Duration::from_millis(20);
/// Number of bytes that the kernel copies between two checks for cancellation.
const COPY_LEN: u64 = 16 << 20;

/// Runs the jobs and returns the digests of their sources in the same order. Without a target, sources are only hashed.
///
/// # Errors
///
/// The first error of any thread stops all of them. A source that changed since it was found is an error.
pub fn copy(jobs: &[CopyJob], target: Option<&Temporary>, n_lanes: usize, progress: &Progress) -> Result<Vec<Digests>> {
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

/// Default number of lanes for this machine.
pub fn n_lanes() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 4))
}

/// Runs `work` on `n_threads` threads, the current one included. They share the counter of jobs taken.
fn on_threads(n_threads: usize, work: &(dyn Fn(&AtomicUsize) + Sync)) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 1..n_threads {
            scope.spawn(|| work(&next));
        }
        work(&next);
    });
}

/// State shared by all threads.
struct Copying<'a> {
    jobs: &'a [CopyJob],
    target: Option<&'a Temporary<'a>>,
    progress: &'a Progress,
    failed: AtomicBool,
    results: Mutex<(Vec<Option<Digests>>, Option<Error>)>,
}

impl Copying<'_> {
    /// Syncs the target while sources are still being read and hashed. It has to be synced before it gets its name, and
    /// this way the final sync has little left to write.
    fn flush(&self, target: &Temporary, is_done: &AtomicBool) {
        let mut n_flushed = 0;
        while !is_done.load(Ordering::Acquire) {
            thread::park_timeout(FLUSH_PAUSE);
            let (n_written, _) = self.progress.counts();
            if n_written < n_flushed + FLUSH_LEN {
                continue;
            }
            n_flushed = n_written;
            // The kernel reports a failed write-back only once, so the final sync would not see it.
            if let Err(error) = target.file().sync_data() {
                self.failed.store(true, Ordering::Relaxed);
                let mut results = self.results.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                results.1.get_or_insert(target.failed(error));
                return;
            }
        }
    }

    /// Copies large files, with a second thread for the SHA digests.
    fn lane(&self, indices: &[usize], next: &AtomicUsize) {
        thread::scope(|scope| {
            let (mut pipe, blocks, hashed) = Pipe::new();
            scope.spawn(move || hash_blocks(&blocks, &hashed));
            self.take_jobs(indices, next, &mut |source, job| self.hash_large(source, job, &mut pipe));
        });
    }

    /// Copies small files on this thread alone.
    fn small_files(&self, indices: &[usize], next: &AtomicUsize) {
        let mut block = vec![0; LARGE_LEN as usize];
        self.take_jobs(indices, next, &mut |source, job| {
            let bytes = &mut block[..job.file.len() as usize];
            source.read(bytes, 0)?;
            self.put(bytes, 0, job)?;
            Ok(Digests::hash_kinds(bytes, job.digest_kinds))
        });
    }

    /// Takes jobs until none is left or one has failed. `hash` reads, hashes and writes a source whose digests are not
    /// known.
    fn take_jobs(
        &self,
        indices: &[usize],
        next: &AtomicUsize,
        hash: &mut dyn FnMut(&OpenSource, &CopyJob) -> Result<Digests>,
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

    fn run(&self, job: &CopyJob, hash: &mut dyn FnMut(&OpenSource, &CopyJob) -> Result<Digests>) -> Result<Digests> {
        self.check_cancelled()?;
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

    fn check_cancelled(&self) -> Result<()> {
        self.progress.check_cancelled()?;
        // This error is never shown: the other thread has reported its own.
        if self.failed.load(Ordering::Relaxed) { Err(Error::new("stopped")) } else { Ok(()) }
    }

    fn copy_known(&self, source: &OpenSource, job: &CopyJob, target: &Temporary) -> Result<()> {
        let mut start = 0;
        for place in &job.places {
            copy_range(source, start, target, *place, &mut |len| {
                self.progress.add(len);
                self.check_cancelled()
            })?;
            start += place.len;
        }
        Ok(())
    }

    fn hash_large(&self, source: &OpenSource, job: &CopyJob, pipe: &mut Pipe) -> Result<Digests> {
        let len = job.file.len();
        pipe.send(HashRequest::Start(job.digest_kinds))?;
        let mut blake3 = Blake3Hasher::default();
        let mut at = 0;
        while at < len {
            let mut block = pipe.take()?;
            let block_len = (len - at).min(BLOCK_LEN as u64) as usize;
            source.read(&mut exclusive(&mut block)?[..block_len], at)?;
            pipe.send(HashRequest::Block(Arc::clone(&block), block_len))?;
            blake3.update(&block[..block_len]);
            self.put(&block[..block_len], at, job)?;
            at += block_len as u64;
            self.check_cancelled()?;
        }
        pipe.send(HashRequest::End)?;
        loop {
            match pipe.receive()? {
                HashReply::Free(block) => pipe.free.push(block),
                HashReply::Sha(sha256, sha1) => return Ok(Digests { blake3: blake3.finish(), sha256, sha1 }),
            }
        }
    }

    /// Writes part of a source, from its byte `start`, to its regions of the target.
    fn put(&self, bytes: &[u8], start: u64, job: &CopyJob) -> Result<()> {
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

/// Message to the SHA thread: start of a file, block with the number of bytes in it, or end of a file.
enum HashRequest {
    Start(DigestKinds),
    Block(Arc<Vec<u8>>, usize),
    End,
}

/// Reply of the SHA thread: block that can be reused, or digests of a file.
enum HashReply {
    Free(Arc<Vec<u8>>),
    Sha(Sha256, Option<Sha1>),
}

fn hash_blocks(blocks: &Receiver<HashRequest>, hashed: &SyncSender<HashReply>) {
    let mut hasher = ShaHasher::new(DigestKinds::Lists);
    for message in blocks {
        let answer = match message {
            HashRequest::Start(digest_kinds) => {
                hasher = ShaHasher::new(digest_kinds);
                continue;
            }
            HashRequest::Block(block, len) => {
                hasher.update(&block[..len]);
                HashReply::Free(block)
            }
            HashRequest::End => {
                let (sha256, sha1) = std::mem::replace(&mut hasher, ShaHasher::new(DigestKinds::Lists)).finish();
                HashReply::Sha(sha256, sha1)
            }
        };
        if hashed.send(answer).is_err() {
            break;
        }
    }
}

/// Reading thread's end of a lane.
struct Pipe {
    free: Vec<Arc<Vec<u8>>>,
    to_hash: SyncSender<HashRequest>,
    hashed: Receiver<HashReply>,
}

impl Pipe {
    /// Creates a lane. Returns this end and the channels of the SHA thread. Sending never blocks, since each channel
    /// has room for every block.
    fn new() -> (Self, Receiver<HashRequest>, SyncSender<HashReply>) {
        let (to_hash, blocks) = sync_channel(N_BLOCKS + 2);
        let (answer, hashed) = sync_channel(N_BLOCKS + 1);
        let free = (0..N_BLOCKS).map(|_| Arc::new(vec![0; BLOCK_LEN])).collect();
        (Self { free, to_hash, hashed }, blocks, answer)
    }

    /// Takes a free block, waiting for one if necessary.
    fn take(&mut self) -> Result<Arc<Vec<u8>>> {
        match self.free.pop() {
            Some(block) => Ok(block),
            None => match self.receive()? {
                HashReply::Free(block) => Ok(block),
                HashReply::Sha(..) => Err(out_of_step()),
            },
        }
    }

    fn send(&self, message: HashRequest) -> Result<()> {
        self.to_hash.send(message).map_err(|_| out_of_step())
    }

    fn receive(&self) -> Result<HashReply> {
        self.hashed.recv().map_err(|_| out_of_step())
    }
}

fn exclusive(block: &mut Arc<Vec<u8>>) -> Result<&mut Vec<u8>> {
    Arc::get_mut(block).ok_or_else(out_of_step)
}

fn out_of_step() -> Error {
    Error::new("the hashing thread stopped unexpectedly")
}

/// Copies a whole source to the start of the target within the kernel. Blocks are shared if the file system supports
/// it.
///
/// # Errors
///
/// If a file of the source has changed or can't be read, or the target can't be written.
pub fn copy_source(source: &Source, target: &Temporary, progress: &Progress) -> Result<()> {
    let open = OpenSource::open(source)?;
    copy_range(&open, 0, target, Region { offset: 0, len: source.len() }, &mut |len| {
        progress.add(len);
        progress.check_cancelled()
    })?;
    Ok(open.check()?)
}

/// Copies a range of a source into the target within the kernel, or through memory if the kernel can't.
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
    // Reached at once if the kernel can't copy between these files, or after a part if it gave up midway.
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

/// Returns `true` if the kernel can't copy between these two files at all.
fn cannot_copy(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let errnos = [Errno::XDEV, Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM, Errno::BADF];
    errnos.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
