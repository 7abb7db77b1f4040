//! Sources assembled from ranges of existing files and bytes in memory.
//!
//! A derived file, such as an edited boot image or a part of a split WIM, is just a list of runs. Nothing is copied
//! until the output is written, and the key is known without reading anything.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::{SourceFile, Stat};
use crate::digest::Digest;

/// Sequence of byte runs. Clones share it.
#[derive(Clone)]
pub struct Pieced(Arc<PiecedInner>);

struct PiecedInner {
    path: Utf8PathBuf,
    files: Vec<SourceFile>,
    runs: Vec<PlacedRun>,
    len: u64,
    key: Digest,
}

/// Run with its position.
struct PlacedRun {
    /// Offset in the source.
    at: u64,
    from: RunOrigin,
}

enum RunOrigin {
    Bytes(Arc<[u8]>),
    /// Number of the file, and offset in it.
    File(usize, u64),
}

/// Run of bytes to assemble a source from.
#[derive(Clone, Debug)]
pub enum ByteRun {
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// Range of a file.
    Range {
        /// File.
        file: Arc<SourceFile>,
        /// Offset in the file.
        start: u64,
        /// Length in bytes.
        len: u64,
    },
}

impl ByteRun {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Range { len, .. } => *len,
        }
    }

    /// Returns `true` if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Part of one run, as it is read.
#[derive(Clone, Copy, Debug)]
pub enum Stretch<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// Range of one of the [files](Pieced::files).
    File {
        /// Index of the file.
        file: usize,
        /// Offset in the file.
        start: u64,
        /// Length in bytes.
        len: u64,
    },
}

impl Pieced {
    /// Assembles a source from runs. `path` is its name in messages.
    ///
    /// # Panics
    ///
    /// If a run extends past the end of its file.
    pub fn new(path: &Utf8Path, runs: impl IntoIterator<Item = ByteRun>) -> Self {
        let mut files: Vec<SourceFile> = Vec::new();
        let mut numbers: HashMap<Stat, usize> = HashMap::new();
        let mut placed: Vec<PlacedRun> = Vec::new();
        let mut len = 0;
        for run in runs.into_iter().filter(|run| !run.is_empty()) {
            let at = len;
            len += run.len();
            let from = match run {
                ByteRun::Bytes(bytes) => RunOrigin::Bytes(bytes),
                ByteRun::Range { file, start, len } => {
                    let fits = start.checked_add(len).is_some_and(|end| end <= file.stat.len);
                    assert!(fits, "a run of {len} bytes from {start} passes the end of `{}`", file.path);
                    let number = *numbers.entry(file.stat).or_insert_with(|| {
                        files.push(SourceFile::clone(&file));
                        files.len() - 1
                    });
                    RunOrigin::File(number, start)
                }
            };
            // Join runs that are contiguous in a file, so that the key does not depend on how the source was cut.
            if let (
                RunOrigin::File(file, start),
                Some(PlacedRun { at: last_at, from: RunOrigin::File(last_file, last_start) }),
            ) = (&from, placed.last())
                && file == last_file
                && *start == last_start + (at - last_at)
            {
                continue;
            }
            placed.push(PlacedRun { at, from });
        }
        let key = key(&files, &placed, len, |_| None);
        Self(Arc::new(PiecedInner { path: path.to_owned(), files, runs: placed, len, key }))
    }

    /// Key with other identities in place of the metadata of files, for those that have one. `None` if no file has one.
    pub fn key_by(&self, identity: impl Fn(&Stat) -> Option<Digest>) -> Option<Digest> {
        let PiecedInner { files, runs, len, .. } = &*self.0;
        let has_one = files.iter().any(|file| identity(&file.stat).is_some());
        has_one.then(|| key(files, runs, *len, identity))
    }

    /// Name for messages.
    pub fn path(&self) -> &Utf8Path {
        &self.0.path
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// Returns `true` if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Digest of the metadata of the files, the ranges and the bytes in memory.
    pub fn key(&self) -> Digest {
        self.0.key
    }

    /// Files that are read, each listed once.
    pub fn files(&self) -> &[SourceFile] {
        &self.0.files
    }

    /// Parts of runs that make up a range, in order.
    ///
    /// # Panics
    ///
    /// If the range extends past the end.
    pub fn stretches(&self, range: Range<u64>) -> impl Iterator<Item = Stretch<'_>> {
        assert!(range.start <= range.end && range.end <= self.len(), "{range:?} passes the end at {}", self.len());
        let runs = &self.0.runs;
        let first = runs.partition_point(|run| run.at <= range.start).saturating_sub(1);
        let ends = runs[first..].iter().skip(1).map(|run| run.at).chain([self.len()]);
        runs[first..].iter().zip(ends).take_while(move |(run, _)| run.at < range.end).filter_map(move |(run, end)| {
            let (from, to) = (run.at.max(range.start), end.min(range.end));
            let (skip, len) = (from - run.at, to.checked_sub(from).filter(|len| *len > 0)?);
            Some(match &run.from {
                RunOrigin::Bytes(bytes) => Stretch::Bytes(&bytes[skip as usize..(skip + len) as usize]),
                RunOrigin::File(file, start) => Stretch::File { file: *file, start: start + skip, len },
            })
        })
    }

    /// Runs that make up a range, to assemble another source from.
    ///
    /// # Panics
    ///
    /// If the range extends past the end.
    pub fn runs(&self, range: Range<u64>) -> Vec<ByteRun> {
        let files: Vec<_> = self.0.files.iter().map(|file| Arc::new(file.clone())).collect();
        let run = |stretch| match stretch {
            Stretch::Bytes(bytes) => ByteRun::Bytes(bytes.into()),
            Stretch::File { file, start, len } => ByteRun::Range { file: Arc::clone(&files[file]), start, len },
        };
        self.stretches(range).map(run).collect()
    }
}

fn key(files: &[SourceFile], runs: &[PlacedRun], len: u64, identity: impl Fn(&Stat) -> Option<Digest>) -> Digest {
    let mut fields: Vec<u8> = Vec::new();
    let mut number = |number: u64| fields.extend(number.to_le_bytes());
    number(len);
    number(files.len() as u64);
    for SourceFile { stat, .. } in files {
        if let Some(identity) = identity(stat) {
            // No device has this number.
            number(u64::MAX);
            numbers_of(&identity).for_each(&mut number);
            continue;
        }
        let Stat { device, inode, len, modified_ns, changed_ns } = *stat;
        [device, inode, len, modified_ns as u64, changed_ns as u64].into_iter().for_each(&mut number);
    }
    for run in runs {
        number(run.at);
        match &run.from {
            RunOrigin::File(file, start) => [0, *file as u64, *start].into_iter().for_each(&mut number),
            RunOrigin::Bytes(bytes) => {
                number(1);
                numbers_of(&Digest::hash(bytes)).for_each(&mut number);
            }
        }
    }
    Digest::hash(&fields)
}

fn numbers_of(digest: &Digest) -> impl Iterator<Item = u64> {
    digest.0.as_chunks().0.iter().map(|eight| u64::from_le_bytes(*eight))
}

/// Compares keys: sources assembled from the same runs have the same bytes.
impl PartialEq for Pieced {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Pieced {}

impl std::fmt::Debug for Pieced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let PiecedInner { path, files, runs, len, .. } = &*self.0;
        write!(f, "Pieced(`{path}`, {len} bytes, {} runs of {} files)", runs.len(), files.len())
    }
}
