//! A source that is put together: ranges of existing files and a few bytes of our own, one after the other.
//!
//! So a derived file (an edited boot image, a part of a split WIM) is a list that refers to what is there already.
//! Nothing is copied until it is written to where it belongs, and its key is known without reading anything.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::{SourceFile, Stat};
use crate::digest::Digest;

/// Bytes that are put together of runs. A copy shares them.
#[derive(Clone)]
pub struct Pieced(Arc<Inner>);

struct Inner {
    path: Utf8PathBuf,
    files: Vec<SourceFile>,
    runs: Vec<Placed>,
    len: u64,
    key: Digest,
}

/// A run at its place.
struct Placed {
    /// Where it starts in the whole.
    at: u64,
    from: From,
}

enum From {
    Bytes(Arc<[u8]>),
    /// A file by its number, and the byte at which the run starts in it.
    File(usize, u64),
}

/// A run of bytes that something is put together of.
#[derive(Clone, Debug)]
pub enum Run {
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// `len` bytes of a file from its byte `start`.
    Range {
        /// The file.
        file: Arc<SourceFile>,
        /// Where in it they start.
        start: u64,
        /// How many they are.
        len: u64,
    },
}

impl Run {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Range { len, .. } => *len,
        }
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A part of one run, as it is read.
#[derive(Clone, Copy, Debug)]
pub enum Stretch<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// `len` bytes of the `file`-th of the [files](Pieced::files), from its byte `start`.
    File {
        /// The number of the file.
        file: usize,
        /// Where in it they start.
        start: u64,
        /// How many they are.
        len: u64,
    },
}

impl Pieced {
    /// These runs, one after the other. `path` is what messages call the whole.
    ///
    /// # Panics
    ///
    /// If a run passes the end of its file.
    pub fn new(path: &Utf8Path, runs: impl IntoIterator<Item = Run>) -> Self {
        let mut files: Vec<SourceFile> = Vec::new();
        let mut numbers: HashMap<Stat, usize> = HashMap::new();
        let mut placed: Vec<Placed> = Vec::new();
        let mut len = 0;
        for run in runs.into_iter().filter(|run| !run.is_empty()) {
            let at = len;
            len += run.len();
            let from = match run {
                Run::Bytes(bytes) => From::Bytes(bytes),
                Run::Range { file, start, len } => {
                    let fits = start.checked_add(len).is_some_and(|end| end <= file.stat.len);
                    assert!(fits, "a run of {len} bytes from {start} passes the end of `{}`", file.path);
                    let number = *numbers.entry(file.stat).or_insert_with(|| {
                        files.push(SourceFile::clone(&file));
                        files.len() - 1
                    });
                    From::File(number, start)
                }
            };
            // What goes on where the last run ended is the same run: so the key does not hang on how it was cut.
            if let (From::File(file, start), Some(Placed { at: last_at, from: From::File(last_file, last_start) })) =
                (&from, placed.last())
                && file == last_file
                && *start == last_start + (at - last_at)
            {
                continue;
            }
            placed.push(Placed { at, from });
        }
        let key = key(&files, &placed, len);
        Self(Arc::new(Inner { path: path.to_owned(), files, runs: placed, len, key }))
    }

    /// What messages call it.
    pub fn path(&self) -> &Utf8Path {
        &self.0.path
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The digest of what it is put together of: what the file systems say of the files, ranges, and bytes.
    pub fn key(&self) -> Digest {
        self.0.key
    }

    /// The files that it is read from, each once.
    pub fn files(&self) -> &[SourceFile] {
        &self.0.files
    }

    /// What a range of it is read from, in order.
    ///
    /// # Panics
    ///
    /// If the range passes the end.
    pub fn stretches(&self, range: Range<u64>) -> impl Iterator<Item = Stretch<'_>> {
        assert!(range.start <= range.end && range.end <= self.len(), "{range:?} passes the end at {}", self.len());
        let runs = &self.0.runs;
        let first = runs.partition_point(|run| run.at <= range.start).saturating_sub(1);
        let ends = runs[first..].iter().skip(1).map(|run| run.at).chain([self.len()]);
        runs[first..].iter().zip(ends).take_while(move |(run, _)| run.at < range.end).filter_map(move |(run, end)| {
            let (from, to) = (run.at.max(range.start), end.min(range.end));
            let (skip, len) = (from - run.at, to.checked_sub(from).filter(|len| *len > 0)?);
            Some(match &run.from {
                From::Bytes(bytes) => Stretch::Bytes(&bytes[skip as usize..(skip + len) as usize]),
                From::File(file, start) => Stretch::File { file: *file, start: start + skip, len },
            })
        })
    }

    /// A range of it as runs, to put something else together of.
    ///
    /// # Panics
    ///
    /// If the range passes the end.
    pub fn runs(&self, range: Range<u64>) -> Vec<Run> {
        let files: Vec<_> = self.0.files.iter().map(|file| Arc::new(file.clone())).collect();
        let run = |stretch| match stretch {
            Stretch::Bytes(bytes) => Run::Bytes(bytes.into()),
            Stretch::File { file, start, len } => Run::Range { file: Arc::clone(&files[file]), start, len },
        };
        self.stretches(range).map(run).collect()
    }
}

fn key(files: &[SourceFile], runs: &[Placed], len: u64) -> Digest {
    let mut fields: Vec<u8> = Vec::new();
    let mut number = |number: u64| fields.extend(number.to_le_bytes());
    number(len);
    number(files.len() as u64);
    for SourceFile { stat, .. } in files {
        let Stat { device, inode, len, modified_ns, changed_ns } = *stat;
        [device, inode, len, modified_ns as u64, changed_ns as u64].into_iter().for_each(&mut number);
    }
    for run in runs {
        number(run.at);
        match &run.from {
            From::File(file, start) => [0, *file as u64, *start].into_iter().for_each(&mut number),
            From::Bytes(bytes) => {
                number(1);
                Digest::of(bytes).0.as_chunks().0.iter().map(|eight| u64::from_le_bytes(*eight)).for_each(&mut number);
            }
        }
    }
    Digest::of(&fields)
}

/// Two that are put together alike are the same bytes.
impl PartialEq for Pieced {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Pieced {}

impl std::fmt::Debug for Pieced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Inner { path, files, runs, len, .. } = &*self.0;
        write!(f, "Pieced(`{path}`, {len} bytes, {} runs of {} files)", runs.len(), files.len())
    }
}
