//! Fetches a published medium. Only chunks that the medium on disk lacks are fetched.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use camino::Utf8Path;

use super::access::RemoteAccess;
use super::artifact::{BlobDescriptor, CHUNK_TYPE};
use super::attachments::{self, Attachment};
use super::chunker::chunk;
use super::chunks::{ChunkedMedium, MediumChunk, PlacedChunk};
use super::index::{check_manifest, chunked};
use super::push::on_connections;
use super::reference::RemoteReference;
use super::repository::{Repository, StoredManifest};
use crate::content::{Source, SourceFile, Stat};
use crate::digest::{Digest, Digests, Sha256};
use crate::error::{Error, Result};
use crate::layout::{Extent, Layout, Piece, Region};
use crate::output::{self, Listing, PlacedFile, Sealed};
use crate::patch::{Ability, PlacedPart};
use crate::progress::Progress;
use crate::store::Store;
use crate::write::{self, OldOutput, Staging, WriteOptions, open};

/// Options for fetching.
#[derive(Clone, Debug, Default)]
pub struct PullOptions {
    /// Ways to reach the repository.
    pub access: RemoteAccess,
    /// Options for writing.
    pub write: WriteOptions,
    /// `true` to replace a file that is not a medium.
    pub force: bool,
    /// `true` to write a new file beside the old medium instead of patching it.
    pub no_patch: bool,
}

/// Change that a pull made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullAction {
    /// The medium was up to date.
    Keep,
    /// There was none.
    Create,
    /// The old one was patched.
    Patch,
    /// It was put together beside the old one and took its place.
    Rebuild,
}

/// Fetched medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Digest of the manifest.
    pub digest: Sha256,
    /// Change that was made.
    pub action: PullAction,
    /// Length of the medium in bytes.
    pub len: u64,
    /// Number of chunks.
    pub n_chunks: usize,
    /// Number of chunks that were fetched.
    pub n_fetched: usize,
    /// Number of bytes of these chunks.
    pub fetched_len: u64,
    /// Number of bytes of manifest and configuration.
    pub index_len: u64,
    /// Metadata of the finished file.
    pub stat: Stat,
    /// Statements about the medium, if they were asked for.
    pub attachments: Vec<Attachment>,
}

/// Fetches a medium to `target`. `store` has the keys of journals; `wants_attachments` fetches its statements too.
///
/// # Errors
///
/// If the repository has no such medium, or something in it is damaged or beyond the limits; the old medium is then as
/// before. Chunks that were fetched are not fetched again by the next run.
pub fn pull(
    from: &RemoteReference,
    target: &Utf8Path,
    wants_attachments: bool,
    store: &Store,
    options: &PullOptions,
    progress: &Progress,
) -> Result<Pulled> {
    let repository = Repository::open(&from.place, &options.access, &options.write.disk)?;
    open::refuse_link(target)?;
    write::recover(target, store.journal_key(target.as_str()).as_ref(), &options.write.disk)?;
    let (stored, new) = read_index(&repository, from, progress)?;
    let old = OldMedium::open(target, new.average, options.force, progress)?;
    let attachments = match wants_attachments {
        true => attachments::load(&repository, &stored.digest, progress)?,
        false => Vec::new(),
    };
    let (index_len, n_chunks) = (stored.len + stored.manifest.config.size, new.chunks.len());
    let pulled = |action, (n_fetched, fetched_len), stat| Pulled {
        digest: stored.digest,
        action,
        len: new.len,
        n_chunks,
        n_fetched,
        fetched_len,
        index_len,
        stat,
        attachments: attachments.clone(),
    };
    if let Some(old) = old.as_ref().filter(|old| old.chunked == new) {
        return Ok(pulled(PullAction::Keep, (0, 0), old.stat));
    }
    let job = PullJob { new: &new, old: old.as_ref(), target, options, progress };
    let staging = Staging::open(&options.write.disk, target)?;
    let sorted = job.sort();
    staging.check_room(sorted.fetched.iter().chain(&sorted.moved).map(|placed| placed.chunk.len).sum())?;
    let fetched = job.fetch(&sorted.fetched, &repository, &staging)?;
    job.copy_moved(&sorted.moved, &staging)?;
    let id = Digest(stored.digest.0);
    if !options.no_patch
        && let Some(stat) = job.patch(&sorted, &staging, id, store)?
    {
        staging.remove()?;
        return Ok(pulled(PullAction::Patch, fetched, stat));
    }
    let action = if old.is_some() { PullAction::Rebuild } else { PullAction::Create };
    let stat = job.rebuild(&sorted, staging)?;
    Ok(pulled(action, fetched, stat))
}

/// Reads the manifest and configuration of a medium.
fn read_index(
    repository: &Repository,
    from: &RemoteReference,
    progress: &Progress,
) -> Result<(StoredManifest, ChunkedMedium)> {
    let Some(stored) = repository.manifest(from.version()?)? else {
        return Err(Error::new(format!("there is no `{from}`")).help("check the name; `sync` without a tag lists all"));
    };
    let failed = |error| Error::new(format!("`{from}` can't be used")).because(error);
    check_manifest(&stored.manifest).map_err(failed)?;
    let config = repository.blob(&stored.manifest.config, progress)?;
    let chunked = chunked(&stored.manifest, &config).map_err(failed)?;
    Ok((stored, chunked))
}

/// Medium that is to be replaced, cut like the new one.
struct OldMedium {
    file: File,
    stat: Stat,
    chunked: ChunkedMedium,
    placed: Vec<PlacedChunk>,
}

impl OldMedium {
    /// Opens the file at the target. `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it is not a medium and `force` is not set.
    fn open(target: &Utf8Path, average: u64, force: bool, progress: &Progress) -> Result<Option<Self>> {
        let mut file = match open::open_to_inspect(target) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| open::failed("opening", target, error))?,
        };
        let listing = match output::read(&mut file) {
            Ok(listing) => listing,
            // Most of a damaged medium can still be used.
            Err(_) if force => Listing::default(),
            Err(error) => {
                return Err(Error::new(format!("`{target}` already exists and is not a medium"))
                    .because(error)
                    .help(format!("move `{target}` away, or replace it with `--force`")));
            }
        };
        let metadata = file.metadata().map_err(|error| Error::io("looking at", target, error))?;
        let stat = Stat::from_metadata(&metadata);
        let chunked = chunk(&mut file, stat.len, &listing, Some(average), progress)
            .map_err(|error| Error::new(format!("reading `{target}`")).because(error))?;
        let placed = chunked.placed();
        Ok(Some(Self { file, stat, chunked, placed }))
    }

    fn parts(&self) -> Vec<PlacedPart> {
        let parts = self.placed.iter().flat_map(PlacedChunk::parts);
        parts.map(|(region, blake3)| PlacedPart { region, blake3 }).collect()
    }
}

/// Chunks of the new medium by where their bytes come from.
struct SortedChunks {
    /// Chunks that the old medium has in the same regions.
    kept: Vec<PlacedChunk>,
    /// Chunks that it has elsewhere.
    moved: Vec<PlacedChunk>,
    /// Chunks that it lacks.
    fetched: Vec<PlacedChunk>,
}

/// One pull.
struct PullJob<'a> {
    new: &'a ChunkedMedium,
    old: Option<&'a OldMedium>,
    target: &'a Utf8Path,
    options: &'a PullOptions,
    progress: &'a Progress,
}

impl PullJob<'_> {
    fn sort(&self) -> SortedChunks {
        let mut old: HashMap<MediumChunk, Vec<&[Region]>> = HashMap::new();
        for placed in self.old.iter().flat_map(|old| &old.placed) {
            old.entry(placed.chunk).or_default().push(&placed.places);
        }
        let mut sorted = SortedChunks { kept: Vec::new(), moved: Vec::new(), fetched: Vec::new() };
        for placed in self.new.placed() {
            let list = match old.get(&placed.chunk) {
                None => &mut sorted.fetched,
                Some(places) if places.contains(&placed.places.as_slice()) => &mut sorted.kept,
                Some(_) => &mut sorted.moved,
            };
            list.push(placed);
        }
        sorted
    }

    /// Fetches chunks that an earlier run has not left in the staging file. Returns their number and length.
    fn fetch(&self, wanted: &[PlacedChunk], repository: &Repository, staging: &Staging) -> Result<(usize, u64)> {
        // A chunk that is needed in several places is fetched once.
        let mut by_chunk: Vec<Vec<&PlacedChunk>> = Vec::new();
        let mut index = HashMap::new();
        for placed in wanted {
            let at = *index.entry(placed.chunk).or_insert_with(|| {
                by_chunk.push(Vec::new());
                by_chunk.len() - 1
            });
            by_chunk[at].push(placed);
        }
        self.progress.start(by_chunk.iter().map(|places| places[0].chunk.len).sum());
        let lens = on_connections(by_chunk.len(), &|index| {
            self.progress.check_cancelled()?;
            let places = &by_chunk[index];
            let MediumChunk { sha256, len } = places[0].chunk;
            if staging.is_resumed() && are_staged(places, staging)? {
                self.progress.add(len);
                return Ok(0);
            }
            let bytes = repository.blob(&BlobDescriptor::known(CHUNK_TYPE, sha256, len), self.progress)?;
            places.iter().try_for_each(|placed| place(placed, &bytes, staging))?;
            Ok(len)
        })?;
        let lens = lens.into_iter().filter(|len| *len > 0);
        Ok(lens.fold((0, 0), |(n, total), len| (n + 1, total + len)))
    }

    /// Copies chunks from elsewhere in the old medium to the staging file, comparing them once more.
    fn copy_moved(&self, moved: &[PlacedChunk], staging: &Staging) -> Result<()> {
        let Some(old) = self.old else { return Ok(()) };
        let places: HashMap<_, _> = old.placed.iter().map(|placed| (placed.chunk, &placed.places)).collect();
        for placed in moved {
            self.progress.check_cancelled()?;
            let bytes = read(&places[&placed.chunk][..], placed.chunk.len, &|bytes, at| {
                old.file.read_exact_at(bytes, at).map_err(|error| Error::io("reading", self.target, error))
            })?;
            if Sha256::hash(&bytes) != placed.chunk.sha256 {
                return Err(write::modified(self.target));
            }
            place(placed, &bytes, staging)?;
        }
        Ok(())
    }

    /// Patches the old medium. `None` if it should be rebuilt.
    fn patch(&self, sorted: &SortedChunks, staging: &Staging, id: Digest, store: &Store) -> Result<Option<Stat>> {
        let Some(old) = self.old.filter(|_| !sorted.kept.is_empty()) else { return Ok(None) };
        let source = staging.source(self.new.len)?;
        let old_source = SourceFile { path: self.target.to_owned(), stat: old.stat };
        let sealed = self.sealed(sorted, source, old_source, id);
        let folder = self.target.parent().unwrap_or(Utf8Path::new("."));
        let can_clone = || write::can(Ability::Clone, folder);
        // Blocks are not inserted or removed: what moved has been copied to the staging file already.
        let ability = match self.options.write.ability {
            Some(Ability::Clone) => Ability::Clone,
            None if can_clone() => Ability::Clone,
            _ => Ability::Overwrite,
        };
        let options = WriteOptions { ability: Some(ability), ..self.options.write.clone() };
        let outdated = OldOutput {
            id: Digest(Sha256::hash(&old.stat.len.to_le_bytes()).0),
            len: old.stat.len,
            stat: old.stat,
            parts: old.parts(),
        };
        let new_key = || store.new_journal_key(self.target.as_str());
        let patched = write::patch(self.target, &outdated, &sealed, &options, &new_key, self.progress)?;
        let Some(patched) = patched else { return Ok(None) };
        if let Some(journal) = patched.journal {
            journal.settle()?;
        }
        Ok(Some(patched.stat))
    }

    /// Describes the new medium for a patch: chunks that are kept come from the old one, all others from the staging file.
    fn sealed(&self, sorted: &SortedChunks, staged: SourceFile, old: SourceFile, id: Digest) -> Sealed {
        let [staged, old] = [staged, old].map(|file| Arc::new(Source::File(file)));
        let (mut extents, mut files) = (Vec::new(), Vec::new());
        let kept = sorted.kept.iter().map(|placed| (placed, &old));
        for (placed, source) in kept.chain(sorted.moved.iter().chain(&sorted.fetched).map(|it| (it, &staged))) {
            for (region, blake3) in placed.parts() {
                let Region { offset, len } = region;
                extents.push(Extent { offset, len, piece: Piece::Source { file: Arc::clone(source), start: offset } });
                let digests = Digests { blake3, ..Digests::NOT_YET };
                files.push(PlacedFile { path: String::new(), len, digests, places: vec![region] });
            }
        }
        Sealed::received(Layout::new(self.new.len, extents), id, files)
    }

    /// Completes the staging file from the old medium and lets it take its place.
    fn rebuild(&self, sorted: &SortedChunks, staging: Staging) -> Result<Stat> {
        staging.check_room(self.new.data_len())?;
        if let Some(old) = self.old {
            self.progress.start(sorted.kept.iter().map(|placed| placed.chunk.len).sum());
            for place in sorted.kept.iter().flat_map(|placed| &placed.places) {
                self.progress.check_cancelled()?;
                staging.copy_from(&old.file, *place)?;
                self.progress.add(place.len);
            }
            let metadata = old.file.metadata().map_err(|error| Error::io("looking at", self.target, error))?;
            if Stat::from_metadata(&metadata) != old.stat {
                return Err(write::modified(self.target));
            }
        }
        let over = self.old.map(|old| (old.stat.device, old.stat.inode));
        staging.finish(&self.new.extents, self.new.len, over)
    }
}

/// Returns `true` if the staging file has chunks where they belong.
fn are_staged(chunks: &[&PlacedChunk], staging: &Staging) -> Result<bool> {
    for placed in chunks {
        let bytes = read(&placed.places, placed.chunk.len, &|bytes, at| staging.read_at(bytes, at))?;
        if Sha256::hash(&bytes) != placed.chunk.sha256 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads a chunk from its regions.
fn read(places: &[Region], len: u64, read: &dyn Fn(&mut [u8], u64) -> Result<()>) -> Result<Vec<u8>> {
    let mut bytes = vec![0; len as usize];
    let mut rest = &mut bytes[..];
    for place in places {
        let (part, after) = rest.split_at_mut(place.len as usize);
        read(part, place.offset)?;
        rest = after;
    }
    Ok(bytes)
}

/// Writes a chunk to its regions of the staging file.
fn place(placed: &PlacedChunk, mut bytes: &[u8], staging: &Staging) -> Result<()> {
    for place in &placed.places {
        let (part, rest) = bytes.split_at(place.len as usize);
        staging.write(part, place.offset)?;
        bytes = rest;
    }
    Ok(())
}
