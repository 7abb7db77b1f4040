//! Copies sources into an output and hashes them, reading each byte once.
//!
//! A large file is read and written by one thread, while others compute its digests ([`HashThreads`]). So even a single
//! huge file keeps two cores busy, and files are read one after the other, which disks like best. There is one such lane
//! for every two cores. Other files follow, with one thread per core, since handing them over would cost more than it
//! gains. No thread depends on another's results, so the bytes written don't depend on scheduling.
//!
//! # A source that changes meanwhile
//!
//! The digests of a medium have to be those of its own bytes, and no byte may be of another state of the source than the
//! one that the plan is based on. Three ways of copying have this in common: metadata of a source are compared with the
//! plan before its first byte is read and after its last, and the build fails if they differ.
//!
//! - Through memory: the bytes that are hashed are the ones that are written, so a change that metadata don't show (one
//!   through a memory map, or within a tick of the clock) can't make a digest wrong.
//! - On a file system that shares blocks ([`CopyTarget`]): the target shares the blocks of the source first, and then the
//!   *target* is hashed. Later changes of the source go to other blocks, and if the kernel copied bytes
//!   instead, as it does where blocks are not aligned, the digest is still that of the medium. Hashing the source
//!   would be cheaper if it is cached, but then the claim rests on metadata alone.
//! - With known digests: the source is copied within the kernel and not hashed. The plan trusts the same metadata for
//!   the same digests.

mod in_kernel;
mod writeback;

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::fs::{Advice, fadvise};

use super::temporary::Temporary;
use crate::content::Source;
use crate::digest::{Digests, HashThreads};
use crate::error::{Error, Result};
use crate::output::CopyJob;
use crate::progress::Progress;
use crate::source::OpenSource;

pub(super) use in_kernel::copy_range;
pub use in_kernel::copy_source;
use writeback::EarlyWriteback;

/// Length from which a file is hashed by threads of its own.
const LARGE_LEN: u64 = 1 << 20;
/// Length from which files share blocks. Media align files of this length.
pub(super) const SHARED_LEN: u64 = 64 << 10;
/// Number of bytes of a large file after which more is read ahead; twice as many are.
const AHEAD_LEN: u64 = 8 << 20;
/// Magic number of btrfs (`statfs`).
const BTRFS: u64 = 0x9123_683e;

/// File that sources are copied into.
#[derive(Clone, Copy)]
pub struct CopyTarget<'a> {
    /// File being written.
    pub file: &'a Temporary<'a>,
    /// `true` if its file system can share blocks of sources with it.
    pub shares_blocks: bool,
}

/// Runs the jobs and returns the digests of their sources in the same order. Without a target, sources are only hashed.
///
/// # Errors
///
/// The first error of any thread stops all of them. A source that changed since it was found is an error.
pub fn copy(jobs: &[CopyJob], target: Option<CopyTarget>, n_lanes: usize, progress: &Progress) -> Result<Vec<Digests>> {
    let is_large = |index: &usize| jobs[*index].file.len() >= LARGE_LEN;
    let (large, small): (Vec<_>, Vec<_>) = (0..jobs.len()).partition(is_large);
    let results = Mutex::new((vec![None; jobs.len()], None));
    let (failed, written) = (AtomicBool::new(false), EarlyWriteback::default());
    let copying = Copying { jobs, target, progress, failed, written, results };
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (written, is_done_now) = (&copying.written, &is_done);
        let flusher = target.map(|target| scope.spawn(move || written.run(target.file, is_done_now)));
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
pub(crate) fn on_threads(n_threads: usize, work: &(dyn Fn(&AtomicUsize) + Sync)) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 1..n_threads {
            scope.spawn(|| work(&next));
        }
        work(&next);
    });
}

/// Place from which the bytes of a source are read for hashing.
#[derive(Clone, Copy)]
enum ReadFrom<'a> {
    /// The source. They are written to the target on the way.
    Source(&'a OpenSource<'a>),
    /// The target, which has them already.
    Target(&'a Temporary<'a>),
}

/// Function that reads, hashes and, if need be, writes the source of a job.
type HashSource<'a> = dyn FnMut(ReadFrom, &CopyJob) -> Result<Digests> + 'a;

/// State shared by all threads.
struct Copying<'a> {
    jobs: &'a [CopyJob],
    target: Option<CopyTarget<'a>>,
    progress: &'a Progress,
    failed: AtomicBool,
    written: EarlyWriteback,
    results: Mutex<(Vec<Option<Digests>>, Option<Error>)>,
}

impl Copying<'_> {
    /// Copies large files, with threads for the digests.
    fn lane(&self, indices: &[usize], next: &AtomicUsize) {
        thread::scope(|scope| {
            let mut threads = None;
            self.take_jobs(indices, next, &mut |from, job| {
                let threads = threads.get_or_insert_with(|| HashThreads::start(scope));
                let read = &mut |block: &mut [u8], at: u64| {
                    self.check_cancelled()?;
                    if at.is_multiple_of(AHEAD_LEN) {
                        from.read_ahead(at, job);
                    }
                    from.read(block, at, job)
                };
                threads.hash(job.file.len(), job.digest_kinds, read, &mut |block, at| self.put(block, at, from, job))
            });
        });
    }

    /// Copies small files on this thread alone.
    fn small_files(&self, indices: &[usize], next: &AtomicUsize) {
        let mut block = vec![0; LARGE_LEN as usize];
        self.take_jobs(indices, next, &mut |from, job| {
            let bytes = &mut block[..job.file.len() as usize];
            from.read(bytes, 0, job)?;
            self.put(bytes, 0, from, job)?;
            Ok(Digests::hash_kinds(bytes, job.digest_kinds))
        });
    }

    /// Takes jobs until none is left or one has failed. `hash` hashes a source whose digests are not known.
    fn take_jobs(&self, indices: &[usize], next: &AtomicUsize, hash: &mut HashSource) {
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

    fn run(&self, job: &CopyJob, hash: &mut HashSource) -> Result<Digests> {
        self.check_cancelled()?;
        let source = OpenSource::open(&job.file)?;
        let digests = match (job.known, self.target) {
            (Some(digests), Some(target)) => {
                self.copy_in_kernel(&source, job, target.file, &|offset, len| {
                    self.progress.add(len);
                    self.written.add(offset, len);
                })?;
                digests
            }
            (None, Some(target)) if target.can_share(&job.file) => {
                // Sharing takes a moment; progress is counted while hashing.
                self.copy_in_kernel(&source, job, target.file, &|_, _| ())?;
                source.check()?;
                hash(ReadFrom::Target(target.file), job)?
            }
            _ => hash(ReadFrom::Source(&source), job)?,
        };
        source.check()?;
        Ok(digests)
    }

    fn check_cancelled(&self) -> Result<()> {
        self.progress.check_cancelled()?;
        // This error is never shown: the other thread has reported its own.
        if self.failed.load(Ordering::Relaxed) { Err(Error::new("stopped")) } else { Ok(()) }
    }

    /// Copies a source to its regions. Calls `copied` with the offset and length of each part that was copied.
    fn copy_in_kernel(
        &self,
        source: &OpenSource,
        job: &CopyJob,
        target: &Temporary,
        copied: &dyn Fn(u64, u64),
    ) -> Result<()> {
        let mut start = 0;
        for place in &job.places {
            let mut at = place.offset;
            copy_range(source, start, target, *place, &mut |len| {
                copied(at, len);
                at += len;
                self.check_cancelled()
            })?;
            start += place.len;
        }
        Ok(())
    }

    /// Writes part of a source, from its byte `start`, to its regions of the target, unless it was read there.
    fn put(&self, bytes: &[u8], start: u64, from: ReadFrom, job: &CopyJob) -> Result<()> {
        self.progress.add(bytes.len() as u64);
        let (Some(target), ReadFrom::Source(_)) = (self.target, from) else { return Ok(()) };
        for (offset, range) in places_of(job, start, bytes.len()) {
            let part = &bytes[range];
            // The target reads as zero wherever nothing was written, so a sparse source stays sparse.
            if part.iter().any(|byte| *byte != 0) {
                target.file.write(part, offset)?;
                self.written.add(offset, part.len() as u64);
            }
        }
        Ok(())
    }
}

impl ReadFrom<'_> {
    /// Has the kernel read what follows byte `at` of the source of a job, so that hashing doesn't wait for the disk. Best
    /// effort.
    fn read_ahead(self, at: u64, job: &CopyJob) {
        let len = (2 * AHEAD_LEN).min(job.file.len() - at);
        let advise = |file: &File, offset, len| fadvise(file, offset, NonZeroU64::new(len), Advice::WillNeed);
        match self {
            Self::Source(source) => {
                // Parts of assembled sources may be in files that are not open.
                if let Source::File(_) = source.what()
                    && let Ok(file) = source.file(0)
                {
                    let _ = advise(&file, at, len);
                }
            }
            Self::Target(target) => {
                for (offset, range) in places_of(job, at, len as usize) {
                    let _ = advise(target.file(), offset, range.len() as u64);
                }
            }
        }
    }

    /// Fills `bytes` with those of the source of a job, from its byte `start`.
    fn read(self, bytes: &mut [u8], start: u64, job: &CopyJob) -> Result<()> {
        match self {
            Self::Source(source) => Ok(source.read(bytes, start)?),
            Self::Target(target) => places_of(job, start, bytes.len()).try_for_each(|(offset, range)| {
                let read = target.file().read_exact_at(&mut bytes[range], offset);
                read.map_err(|error| Error::io("reading", target.target(), error))
            }),
        }
    }
}

/// Offsets in the target of the bytes of a source from `start` on, with the range of these bytes that is there.
fn places_of(job: &CopyJob, start: u64, len: usize) -> impl Iterator<Item = (u64, Range<usize>)> {
    let end = start + len as u64;
    let mut place_start = 0;
    job.places.iter().filter_map(move |place| {
        let (first, place_end) = (place_start, place_start + place.len);
        place_start = place_end;
        let (from, to) = (start.max(first), end.min(place_end));
        (from < to).then(|| (place.offset + (from - first), (from - start) as usize..(to - start) as usize))
    })
}

impl CopyTarget<'_> {
    /// Returns `true` if the target can probably share blocks with a source.
    pub(super) fn can_share(&self, source: &Source) -> bool {
        self.shares_blocks && source.len() >= SHARED_LEN && self.is_beside(source).unwrap_or(false)
    }

    /// Returns `true` if all files of a source are on the file system of the target.
    fn is_beside(&self, source: &Source) -> io::Result<bool> {
        let device = self.file.file().metadata()?.dev();
        // Each subvolume of btrfs has a device number of its own, but they share blocks.
        let is_btrfs = rustix::fs::fstatfs(self.file.file())?.f_type as u64 == BTRFS;
        for file in source.files().iter().filter(|file| file.stat.device != device) {
            if !is_btrfs || rustix::fs::statfs(file.path.as_std_path())?.f_type as u64 != BTRFS {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
