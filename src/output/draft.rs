//! Layout of an output before its sources are read ([`Draft`]) and after ([`Sealed`]).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::capacity;
use super::identity::FieldHasher;
use super::lists::{self, MediumToml, NOT_YET};
use super::structure_digest::structure_digest;
use super::{BootImage, FORMAT_VERSION, Output};
use crate::content::{Content, Source, SourceKey};
use crate::digest::{Digest, DigestKinds, Digests, Sha1};
use crate::error::{Error, Result};
use crate::layout::{Extent, Layout, Piece, Region, Slack};
use crate::volume::{Folder, Misplaced, Volume};

/// Output that is laid out, with zeros in place of unknown digests.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    output: &'a Output,
    volume: Volume,
    slack: Slack,
    len: u64,
    n_write: u64,
    /// Digest of all extents' offsets and lengths.
    places: Digest,
    files: Vec<DraftFile>,
}

/// File of a draft. Files are in the order of the lists.
#[derive(Clone, Debug)]
struct DraftFile {
    path: String,
    content: Content,
    places: Vec<Region>,
}

/// Source to read in full, to copy it, hash it, or both.
#[derive(Clone, Debug)]
pub struct CopyJob {
    /// Source to read.
    pub file: Arc<Source>,
    /// Regions of the output that the bytes go to, in order; together they are as long as the source. Empty if the
    /// source is only hashed.
    pub places: Vec<Region>,
    /// Digests to compute.
    pub digest_kinds: DigestKinds,
    /// Digests if they are known; the source is then copied without hashing.
    pub known: Option<Digests>,
}

/// Output whose every byte is decided.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Layout with all digests in place.
    pub layout: Layout,
    /// Identity of the medium.
    pub id: Digest,
    /// Boot images of the medium.
    pub boot: Vec<BootImage>,
    /// Files of the medium, those in `tsmedia` last.
    pub files: Vec<PlacedFile>,
    sources: HashSet<usize>,
}

/// File of a sealed output.
#[derive(Clone, Debug)]
pub struct PlacedFile {
    /// Path from the root.
    pub path: String,
    /// Length in bytes.
    pub len: u64,
    /// Digests of its contents.
    pub digests: Digests,
    /// Regions of its bytes, in file order.
    pub places: Vec<Region>,
}

impl Output {
    /// Lays the output out. `known` returns the known digests of sources. To seal the draft later, it must know all
    /// [sources to compare](Output::sources_to_compare).
    ///
    /// # Errors
    ///
    /// If the output exceeds its capacity, or content has the path of one of the medium's own lists.
    pub fn draft(&self, known: &dyn Fn(&SourceKey) -> Option<Digests>) -> Result<Draft<'_>> {
        let (volume, contents) = self.volume(known)?;
        let (slack, layout) = capacity::layout_within_capacity(self, &volume)?.map_err(|overflow| {
            Error::new(overflow.message(&self.label))
                .help("leave something out, or choose a larger `capacity` in `[output]`")
        })?;
        let files = find_places(&layout, contents);
        // Keep only the measures: sealing makes the layout again, with the digests in place.
        let (len, n_write) = (layout.len(), layout.extents().iter().map(|extent| extent.len).sum());
        Ok(Draft { output: self, volume, slack, len, n_write, places: places_digest(&layout), files })
    }

    /// Lists the sources whose digests must be known before the layout. For formats that store equal contents once,
    /// these are the sources that have the length of another file.
    pub fn sources_to_compare(&self, known: &dyn Fn(&SourceKey) -> Option<Digests>) -> Vec<Arc<Source>> {
        if !self.form.shares_contents() {
            return Vec::new();
        }
        let contents: Vec<_> = self.root.files().into_iter().map(|(path, content)| (path, content.clone())).collect();
        let doubtful = ambiguous_lens(&contents);
        let unknown = contents.into_iter().filter_map(|(_, content)| match content {
            Content::Source(source) if doubtful.contains(&source.len()) => Some(source),
            _ => None,
        });
        unknown.filter(|source| known(&source.key()).is_none()).collect()
    }

    /// Builds the volume to lay out, with lists of zero digests, and its files in the order of the lists.
    pub(crate) fn volume(
        &self,
        known: &dyn Fn(&SourceKey) -> Option<Digests>,
    ) -> Result<(Volume, Vec<(String, Content)>)> {
        let (mut root, mut contents) =
            if self.form.shares_contents() { shared_contents(self, known) } else { distinct_contents(self) };
        let structure = if self.form.seal().is_some() { None } else { Some(NOT_YET) };
        let own = own_lists(self, NOT_YET, structure, contents.iter().map(|(path, _)| (path.as_str(), None)));
        for (path, text) in own {
            let content = Content::bytes(text.into_bytes());
            root.insert(path, content.clone()).map_err(|misplaced| path_taken(path, &misplaced))?;
            contents.push((path.to_owned(), content));
        }
        let volume = Volume {
            label: self.label.clone(),
            id: NOT_YET,
            date: self.date,
            root,
            parts: self.entries.iter().map(|entry| entry.path.clone()).collect(),
            boot: self.boot.clone(),
        };
        Ok((volume, contents))
    }
}

impl Draft<'_> {
    /// Length of the output in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns `true` if the output has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of bytes to write; the rest of the output is zero.
    pub fn n_write(&self) -> u64 {
        self.n_write
    }

    /// Sources to read, in the order of their regions.
    pub fn jobs(&self, known: &dyn Fn(&SourceKey) -> Option<Digests>) -> Vec<CopyJob> {
        let job = |(_, source, places): (usize, &Arc<Source>, &[Region])| CopyJob {
            file: Arc::clone(source),
            places: places.to_vec(),
            digest_kinds: self.output.form.digest_kinds(),
            known: known(&source.key()),
        };
        self.sources().into_iter().map(job).collect()
    }

    /// Files that come from sources, with their index, in the order of their regions. Of files that share a source,
    /// only one is listed.
    fn sources(&self) -> Vec<(usize, &Arc<Source>, &[Region])> {
        let sources = self.files.iter().enumerate().filter_map(|(index, file)| match &file.content {
            Content::Source(source) => Some((index, source, file.places.as_slice())),
            Content::Bytes(_) => None,
        });
        let mut sources: Vec<_> = sources.collect();
        sources.sort_by_key(|(_, _, places)| places.first().map(|place| place.offset));
        // Empty files have no region, so each is listed: only a shared region shows that one read is enough.
        sources.dedup_by(|(_, a, places), (_, b, _)| Arc::ptr_eq(a, b) && !places.is_empty());
        sources
    }

    /// Seals the draft if the digests of all sources are known.
    pub fn seal_known(self, known: &dyn Fn(&SourceKey) -> Option<Digests>) -> Result<Sealed> {
        let digests: Option<Vec<_>> = self.jobs(known).iter().map(|job| job.known).collect();
        self.seal(&digests.ok_or_else(|| Error::new("the digest of a source is missing"))?)
    }

    /// Seals the draft, given the digests of its [jobs](Draft::jobs) in their order.
    ///
    /// # Panics
    ///
    /// If the layout depends on a digest. That would be a bug in the format for every input.
    pub fn seal(mut self, digests: &[Digests]) -> Result<Sealed> {
        let (id, boot) = self.identity(digests)?;
        self.volume.id = id.ok_or_else(|| Error::new("the digest of a source is missing"))?;
        let sha1s = self.sha1s(digests);
        let digests = self.digests(digests);
        if self.output.form.seal().is_some() {
            self.seal_structure(boot, &sha1s, digests)
        } else {
            self.seal_lists(boot, digests)
        }
    }

    /// Seals a format whose digest of the structure is in `medium.toml`, so the lists come last.
    fn seal_lists(mut self, boot: Vec<BootImage>, digests: Vec<Digests>) -> Result<Sealed> {
        let layout = self.layout(&HashMap::new(), None)?;
        let structure = structure_digest(&layout, self.files.iter().flat_map(|file| &file.places))?;

        // Drop the placeholders before the real lists are made: with many files both are large.
        let own = self.files.split_off(self.files.len() - N_OWN);
        let stand_ins: HashSet<_> = own.iter().map(|file| address(&file.content)).collect();
        let len = layout.len();
        let mut extents = layout.into_extents();
        extents.retain(|extent| !stand_ins.contains(&piece_address(&extent.piece)));
        let own: Vec<_> = own.into_iter().map(|file| (file.path, file.places)).collect();
        let id = self.volume.id;
        self.volume.root = Folder::default();
        let lines = self.files.iter().zip(&digests).map(|(file, digests)| (file.path.as_str(), Some(*digests)));
        let texts = own_lists(self.output, id, Some(structure), lines);
        let (mut files, sources) = placed(self.files, digests);
        for ((path, places), (_, text)) in own.into_iter().zip(texts) {
            let (digests, content) = (Digests::hash(text.as_bytes()), Content::bytes(text.into_bytes()));
            let [place] = places[..] else { return Err(Error::new(format!("`{path}` is not in one place"))) };
            assert_eq!(content.len(), place.len, "the length of `{path}` depends on a digest");
            extents.push(Extent::new(&content, place.offset));
            files.push(PlacedFile { path, len: place.len, digests, places });
        }
        Ok(Sealed { layout: Layout::new(len, extents), id, boot, files, sources })
    }

    /// Seals a format that stores the digest of its structure itself. The structure includes digests of the lists, so
    /// it comes last.
    fn seal_structure(
        mut self,
        boot: Vec<BootImage>,
        sha1s: &HashMap<SourceKey, Sha1>,
        mut digests: Vec<Digests>,
    ) -> Result<Sealed> {
        let id = self.volume.id;
        let (others, own) = self.files.split_at_mut(digests.len());
        let lines = others.iter().zip(&digests).map(|(file, digests)| (file.path.as_str(), Some(*digests)));
        let texts = own_lists(self.output, id, None, lines);
        for (file, (path, text)) in own.iter_mut().zip(texts) {
            let content = Content::bytes(text.into_bytes());
            assert_eq!(content.len(), file.content.len(), "the length of `{path}` depends on a digest");
            self.volume.root.replace(path, content.clone());
            file.content = content;
        }
        let stand_in = capacity::seal(self.output, NOT_YET);
        // The seal is found by the address of its placeholder. It is left out of the digest, as it can't contain
        // itself.
        let layout = self.layout(sha1s, stand_in.as_ref())?;
        let stand_in = stand_in.as_ref().map(address);
        let is_seal = |extent: &Extent| Some(piece_address(&extent.piece)) == stand_in;
        let place = layout.extents().iter().find(|extent| is_seal(extent));
        let place = place.map(|extent| Region { offset: extent.offset, len: extent.len });
        let place = place.ok_or_else(|| Error::new("the digest of the structure has no place"))?;
        let files = self.files.iter().flat_map(|file| &file.places);
        let structure = structure_digest(&layout, files.chain([&place]))?;
        let len = layout.len();
        let mut extents = layout.into_extents();
        extents.retain(|extent| !is_seal(extent));
        extents.extend(capacity::seal(self.output, structure).map(|seal| Extent::new(&seal, place.offset)));
        for file in &self.files[digests.len()..] {
            if let Content::Bytes(bytes) = &file.content {
                digests.push(Digests::hash(bytes));
            }
        }
        let (files, sources) = placed(self.files, digests);
        Ok(Sealed { layout: Layout::new(len, extents), id, boot, files, sources })
    }

    /// Lays the current contents out again, in the layout of the draft.
    fn layout(&self, sha1s: &HashMap<SourceKey, Sha1>, seal: Option<&Content>) -> Result<Layout> {
        let layout = capacity::layout(self.output, &self.volume, self.slack, sha1s, seal)?;
        let label = &self.output.label;
        assert!(places_digest(&layout) == self.places, "the layout of `{label}` depends on a digest");
        Ok(layout)
    }

    /// Computes the identity and the boot images, given the digests of the jobs.
    fn identity(&self, digests: &[Digests]) -> Result<(Option<Digest>, Vec<BootImage>)> {
        let sources = self.sources();
        let mut known: HashMap<SourceKey, Digests> =
            sources.iter().zip(digests).map(|((_, source, _), digests)| (source.key(), *digests)).collect();
        if self.output.form.shares_contents() {
            // Sources with equal bytes share one job, but the identity asks for the digest of each.
            let files = self.output.root.files().into_iter().zip(self.digests(digests));
            known.extend(files.filter_map(|((_, content), digests)| match content {
                Content::Source(source) => Some((source.key(), digests)),
                Content::Bytes(_) => None,
            }));
        }
        let known = |key: &SourceKey| known.get(key).copied();
        let boot = self.output.boot_images(&known)?;
        Ok((self.output.id(&boot, &known), boot))
    }

    /// Digests of all files but the medium's own lists, in their order, given those of the jobs.
    fn digests(&self, of_jobs: &[Digests]) -> Vec<Digests> {
        let of_jobs: HashMap<_, _> = self
            .sources()
            .into_iter()
            .zip(of_jobs)
            .map(|((_, source, _), digests)| (Arc::as_ptr(source), *digests))
            .collect();
        let others = self.files[..self.files.len() - N_OWN].iter();
        let digests = others.map(|file| match &file.content {
            Content::Bytes(bytes) => Digests::hash(bytes),
            Content::Source(source) => of_jobs.get(&Arc::as_ptr(source)).copied().unwrap_or(Digests::NOT_YET),
        });
        digests.collect()
    }

    /// SHA-1 digests of sources, given the digests of the jobs.
    fn sha1s(&self, of_jobs: &[Digests]) -> HashMap<SourceKey, Sha1> {
        let sources = self.sources();
        sources
            .iter()
            .zip(of_jobs)
            .filter_map(|((_, source, _), digests)| Some((source.key(), digests.sha1?)))
            .collect()
    }
}

impl Sealed {
    /// Creates an output from a layout that was made elsewhere. `files` are the parts that may be kept in a patch.
    pub fn received(layout: Layout, id: Digest, files: Vec<PlacedFile>) -> Self {
        Self { layout, id, boot: Vec::new(), files, sources: HashSet::new() }
    }
}

/// Combines files with their digests. Also returns the addresses of their sources.
fn placed(files: Vec<DraftFile>, digests: Vec<Digests>) -> (Vec<PlacedFile>, HashSet<usize>) {
    let mut sources = HashSet::with_capacity(files.len());
    let mut placed = Vec::with_capacity(files.len() + N_OWN);
    for (DraftFile { path, content, places }, digests) in files.into_iter().zip(digests) {
        if let Content::Source(_) = content {
            sources.insert(address(&content));
        }
        placed.push(PlacedFile { path, len: content.len(), digests, places });
    }
    (placed, sources)
}

impl Sealed {
    /// Extents that are not written by [jobs](Draft::jobs): everything but the contents of sources.
    pub fn rest(&self) -> impl Iterator<Item = &Extent> {
        self.layout.extents().iter().filter(|extent| !self.sources.contains(&piece_address(&extent.piece)))
    }
}

/// Number of lists that a medium carries of itself.
const N_OWN: usize = 3;

/// Formats the texts in `tsmedia`. Each list contains the digest of those before it.
fn own_lists<'a, 'b>(
    output: &Output,
    id: Digest,
    structure: Option<Digest>,
    files: impl Iterator<Item = (&'b str, Option<Digests>)> + Clone,
) -> [(&'a str, String); N_OWN] {
    let medium = MediumToml {
        format_version: FORMAT_VERSION,
        label: output.label.clone(),
        description: output.description.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        id,
        secrets: output.secrets(),
        structure,
    }
    .to_toml();
    let of_medium = Digests::hash(medium.as_bytes());
    let files = files.map(|(path, known)| (path, known.unwrap_or(Digests::NOT_YET)));
    let files = files.chain([(lists::MEDIUM, of_medium)]);
    let blake3sums = lists::sums(files.clone().map(|(path, digests)| (path, digests.blake3)));
    let of_blake3sums = Digests::hash(blake3sums.as_bytes());
    let files = files.chain([(lists::BLAKE3SUMS, of_blake3sums)]);
    let sha256sums = lists::sums(files.map(|(path, digests)| (path, digests.sha256)));
    [(lists::MEDIUM, medium), (lists::BLAKE3SUMS, blake3sums), (lists::SHA256SUMS, sha256sums)]
}

/// Returns the tree and the files in order, with a separate `Arc` for every content. Contents that occur twice, or in a
/// boot image, are copied, since the layout is searched by address.
fn distinct_contents(output: &Output) -> (Folder, Vec<(String, Content)>) {
    let mut root = output.root.clone();
    let mut contents: Vec<_> = output.root.files().into_iter().map(|(path, content)| (path, content.clone())).collect();
    let in_boot_images = output.boot.iter().flat_map(|entry| entry.image.extents());
    let mut seen: HashSet<_> = in_boot_images.map(|extent| piece_address(&extent.piece)).collect();
    for (path, content) in &mut contents {
        if !seen.insert(address(content)) {
            *content = match content {
                Content::Bytes(bytes) => Content::bytes(bytes.to_vec()),
                Content::Source(source) => Content::Source(Arc::new(Source::clone(source))),
            };
            root.replace(path, content.clone());
        }
    }
    (root, contents)
}

/// Returns the tree and the files in order, with one `Arc` for all files whose bytes are known to be equal.
fn shared_contents(output: &Output, known: &dyn Fn(&SourceKey) -> Option<Digests>) -> (Folder, Vec<(String, Content)>) {
    let mut root = output.root.clone();
    let mut contents: Vec<_> = output.root.files().into_iter().map(|(path, content)| (path, content.clone())).collect();
    let doubtful = ambiguous_lens(&contents);
    let mut seen: HashMap<(u64, std::result::Result<Digest, SourceKey>), Content> = HashMap::new();
    for (path, content) in contents.iter_mut().filter(|(_, content)| doubtful.contains(&content.len())) {
        let bytes = match &*content {
            Content::Bytes(bytes) => Ok(Digest::hash(bytes)),
            Content::Source(source) => known(&source.key()).map(|digests| digests.blake3).ok_or(source.key()),
        };
        let first = seen.entry((content.len(), bytes)).or_insert_with(|| content.clone());
        if address(first) != address(content) {
            *content = first.clone();
            root.replace(path, content.clone());
        }
    }
    (root, contents)
}

/// Lengths that more than one content has.
fn ambiguous_lens(contents: &[(String, Content)]) -> HashSet<u64> {
    let mut first: HashMap<u64, usize> = HashMap::with_capacity(contents.len());
    let lens = contents.iter().filter(|(_, content)| !content.is_empty()).filter_map(|(_, content)| {
        let is_other = *first.entry(content.len()).or_insert(address(content)) != address(content);
        is_other.then_some(content.len())
    });
    lens.collect()
}

fn path_taken(path: &str, misplaced: &Misplaced) -> Error {
    match misplaced {
        Misplaced::Taken(by) => Error::new(format!("content has the path `{path}`: `{by}` is on the medium already"))
            .help("move the content out of the folder `tsmedia`, which tsmedia keeps for the medium's own lists"),
        Misplaced::BadName(bad) => Error::new(bad.to_string()),
    }
}

/// Finds the regions of each content in the layout.
///
/// # Panics
///
/// If the layout lacks a byte of some content. That would be a bug in the format for every input.
fn find_places(layout: &Layout, contents: Vec<(String, Content)>) -> Vec<DraftFile> {
    // Nearly every file is in one piece, so start with room for one region.
    let mut found: HashMap<usize, Vec<(u64, Region)>> = HashMap::with_capacity(contents.len());
    for extent in layout.extents() {
        let start = match extent.piece {
            Piece::Source { start, .. } => start,
            Piece::Bytes(_) => 0,
        };
        let place = Region { offset: extent.offset, len: extent.len };
        found.entry(piece_address(&extent.piece)).or_insert_with(|| Vec::with_capacity(1)).push((start, place));
    }
    let place = |(path, content): (String, Content)| {
        let found = found.get(&address(&content)).filter(|_| !content.is_empty());
        let mut places = found.cloned().unwrap_or_default();
        places.sort_by_key(|(start, _)| *start);
        let mut at = 0;
        for (start, place) in &places {
            assert!(*start == at || matches!(content, Content::Bytes(_)), "the layout skips a part of `{path}`");
            at += place.len;
        }
        assert_eq!(at, content.len(), "the layout does not hold all of `{path}`");
        DraftFile { path, content, places: places.iter().map(|(_, place)| *place).collect() }
    };
    contents.into_iter().map(place).collect()
}

fn address(content: &Content) -> usize {
    match content {
        Content::Bytes(bytes) => bytes.as_ptr() as usize,
        Content::Source(source) => Arc::as_ptr(source) as usize,
    }
}

fn piece_address(piece: &Piece) -> usize {
    match piece {
        Piece::Bytes(bytes) => bytes.as_ptr() as usize,
        Piece::Source { file, .. } => Arc::as_ptr(file) as usize,
    }
}

/// Digest of the offsets and lengths of all extents.
fn places_digest(layout: &Layout) -> Digest {
    let mut hasher = FieldHasher::default();
    hasher.bytes(&layout.len().to_le_bytes());
    for extent in layout.extents() {
        hasher.region(&Region { offset: extent.offset, len: extent.len });
    }
    hasher.finish()
}
