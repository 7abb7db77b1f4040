//! Publishes a medium: stores the chunks that the repository lacks, then the manifest, then the attachments.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use camino::Utf8Path;

use super::access::RemoteAccess;
use super::artifact::{Annotations, BlobDescriptor, CHUNK_TYPE, TITLE};
use super::attachments::{self, Attachment};
use super::chunker::chunk;
use super::chunks::{ChunkedMedium, MediumChunk, PlacedChunk};
use super::index::{MediumArtifact, check_manifest};
use super::reference::{RemoteReference, RemoteVersion};
use super::repository::Repository;
use crate::content::Stat;
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::output::lists::MediumToml;
use crate::output::{self, Listing};
use crate::progress::Progress;
use crate::write::{self, DiskOps, on_threads, open_finished};

/// Number of connections that chunks travel through.
pub(super) const N_CONNECTIONS: usize = 4;

/// Options for publishing.
#[derive(Clone, Debug, Default)]
pub struct PushOptions {
    /// Ways to reach the repository.
    pub access: RemoteAccess,
    /// Calls that change the disk, for repositories in folders.
    pub disk: DiskOps,
    /// Statements to attach.
    pub attachments: Vec<Attachment>,
}

/// Published medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Digest of the manifest.
    pub digest: Sha256,
    /// Length of the medium in bytes.
    pub len: u64,
    /// Number of chunks.
    pub n_chunks: usize,
    /// Number of chunks that were stored.
    pub n_sent: usize,
    /// Number of bytes of these chunks.
    pub sent_len: u64,
    /// Number of attachments.
    pub n_attachments: usize,
}

/// Publishes a finished medium under a tag.
///
/// # Errors
///
/// If the file is not a medium, changes meanwhile, or the repository can't be used. Chunks that were stored are not sent
/// again by the next run.
pub fn push(path: &Utf8Path, to: &RemoteReference, options: &PushOptions, progress: &Progress) -> Result<Pushed> {
    let RemoteVersion::Tag(tag) = to.version()? else {
        return Err(Error::new(format!("`{to}` has a digest, which is known only once the medium is published"))
            .help("give a tag instead"));
    };
    let repository = Repository::open(&to.place, &options.access, &options.disk)?;
    let medium = OpenMedium::open(path)?;
    let chunked = medium.chunked(progress)?;
    let artifact = MediumArtifact::new(&chunked, medium.annotations())?;
    let known = stored_chunks(&repository, tag)?;
    let sending = Sending { medium: &medium, repository: &repository, known: &known, progress };
    let (n_sent, sent_len) = sending.send_all(&chunked)?;
    // Nothing refers to the chunks until the manifest does.
    medium.check()?;
    if !repository.has_blob(&artifact.manifest.config)? {
        repository.write_blob(&artifact.manifest.config, &artifact.config)?;
    }
    let stored = repository.write_manifest(&artifact.manifest, Some(tag))?;
    for attachment in &options.attachments {
        progress.check_cancelled()?;
        attachments::store(&repository, &stored, attachment)?;
    }
    Ok(Pushed {
        digest: stored.digest,
        len: chunked.len,
        n_chunks: chunked.chunks.len(),
        n_sent,
        sent_len,
        n_attachments: options.attachments.len(),
    })
}

/// Chunks of the medium that has the tag now, which need not be asked for one by one.
fn stored_chunks(repository: &Repository, tag: &str) -> Result<HashSet<MediumChunk>> {
    // Another artifact under this tag is replaced.
    let Ok(Some(stored)) = repository.manifest(&RemoteVersion::Tag(tag.to_owned())) else { return Ok(HashSet::new()) };
    if check_manifest(&stored.manifest).is_err() {
        return Ok(HashSet::new());
    }
    let layers = stored.manifest.layers.iter();
    Ok(layers.map(|layer| MediumChunk { sha256: layer.digest, len: layer.size }).collect())
}

/// Medium to publish.
struct OpenMedium<'a> {
    path: &'a Utf8Path,
    file: File,
    stat: Stat,
    listing: Listing,
    description: Option<MediumToml>,
}

impl<'a> OpenMedium<'a> {
    fn open(path: &'a Utf8Path) -> Result<Self> {
        let mut file = open_finished(path)?;
        let metadata = file.metadata().map_err(|error| Error::io("looking at", path, error))?;
        if !metadata.is_file() {
            return Err(Error::new(format!("`{path}` is not a file")));
        }
        let listing = output::read(&mut file).map_err(|error| {
            Error::new(format!("`{path}` is not a medium")).because(error).help("publish a file that `apply` has made")
        })?;
        let description = listing.medium(&mut file);
        Ok(Self { path, file, stat: Stat::from_metadata(&metadata), listing, description })
    }

    fn chunked(&self, progress: &Progress) -> Result<ChunkedMedium> {
        let mut file = &self.file;
        chunk(&mut file, self.stat.len, &self.listing, None, progress)
            .map_err(|error| Error::new(format!("cutting `{}` into chunks", self.path)).because(error))
    }

    /// Description of the medium. Nothing in it depends on the machine or the time.
    fn annotations(&self) -> Annotations {
        let mut annotations = Annotations::new();
        annotations.insert(TITLE.into(), self.path.file_name().unwrap_or("medium").to_owned());
        if let Some(medium) = &self.description {
            annotations.insert("com.tsmedia.id".into(), medium.id.to_string());
            annotations.insert("com.tsmedia.label".into(), medium.label.clone());
            for (key, value) in &medium.description {
                annotations.insert(format!("com.tsmedia.{key}"), value.clone());
            }
        }
        annotations
    }

    /// Fails if the file changed since it was opened.
    fn check(&self) -> Result<()> {
        let metadata = self.file.metadata().map_err(|error| Error::io("looking at", self.path, error))?;
        if Stat::from_metadata(&metadata) == self.stat { Ok(()) } else { Err(write::modified(self.path)) }
    }

    fn read(&self, placed: &PlacedChunk) -> Result<Vec<u8>> {
        let mut bytes = vec![0; placed.chunk.len as usize];
        let mut rest = &mut bytes[..];
        for place in &placed.places {
            let (part, after) = rest.split_at_mut(place.len as usize);
            self.file.read_exact_at(part, place.offset).map_err(|error| Error::io("reading", self.path, error))?;
            rest = after;
        }
        if Sha256::hash(&bytes) == placed.chunk.sha256 { Ok(bytes) } else { Err(write::modified(self.path)) }
    }
}

/// Chunks on their way to a repository.
struct Sending<'a> {
    medium: &'a OpenMedium<'a>,
    repository: &'a Repository,
    known: &'a HashSet<MediumChunk>,
    progress: &'a Progress,
}

impl Sending<'_> {
    /// Stores all chunks that the repository lacks. Returns their number and length.
    fn send_all(&self, chunked: &ChunkedMedium) -> Result<(usize, u64)> {
        let mut seen = HashSet::new();
        let mut placed = chunked.placed();
        placed.retain(|placed| !self.known.contains(&placed.chunk) && seen.insert(placed.chunk));
        self.progress.start(placed.iter().map(|placed| placed.chunk.len).sum());
        let sent = on_connections(placed.len(), &|index| {
            self.progress.check_cancelled()?;
            self.send(&placed[index])
        })?;
        let lens = sent.into_iter().filter(|len| *len > 0);
        Ok(lens.fold((0, 0), |(n, total), len| (n + 1, total + len)))
    }

    /// Stores a chunk unless the repository has it. Returns the number of bytes sent.
    fn send(&self, placed: &PlacedChunk) -> Result<u64> {
        let MediumChunk { sha256, len } = placed.chunk;
        let blob = BlobDescriptor::known(CHUNK_TYPE, sha256, len);
        let is_stored = self.repository.has_blob(&blob)?;
        if !is_stored {
            self.repository.write_blob(&blob, &self.medium.read(placed)?)?;
        }
        self.progress.add(len);
        Ok(if is_stored { 0 } else { len })
    }
}

/// Calls `work` with every index below `n`, on as many threads as there are connections. Returns the results in order; the
/// first error stops all threads.
pub(super) fn on_connections<T: Send>(n: usize, work: &(dyn Fn(usize) -> Result<T> + Sync)) -> Result<Vec<T>> {
    let results = Mutex::new((Vec::with_capacity(n), None));
    on_threads(N_CONNECTIONS.min(n), &|next| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= n {
                return;
            }
            let done = work(index);
            let mut results = results.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            match done {
                Ok(value) => results.0.push((index, value)),
                Err(error) => {
                    next.store(n, Ordering::Relaxed);
                    results.1.get_or_insert(error);
                }
            }
        }
    });
    let (mut done, error) = results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(error) = error {
        return Err(error);
    }
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, value)| value).collect())
}
