//! An output with a place for every byte: before its sources are read, and after.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::fit;
use super::identity::Fields;
use super::lists::{self, Medium, NOT_YET};
use super::structure::structure_digest;
use super::{BootImage, FORMAT_VERSION, Output};
use crate::content::{Content, Source, SourceKey};
use crate::digest::{Asked, Digest, Digests, Sha1};
use crate::error::{Error, Result};
use crate::layout::{Extent, Layout, Piece, Region, Slack};
use crate::volume::{Folder, Misplaced, Volume};

/// An output that is laid out, with digests of zeros where the real ones are not known yet.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    output: &'a Output,
    volume: Volume,
    slack: Slack,
    len: u64,
    n_write: u64,
    /// Tells one way of placing the extents from every other.
    places: Digest,
    files: Vec<DraftFile>,
}

/// A file of a draft, in the order of the lists.
#[derive(Clone, Debug)]
struct DraftFile {
    path: String,
    content: Content,
    places: Vec<Region>,
}

/// A source to read from its first byte to its last.
#[derive(Clone, Debug)]
pub struct Job {
    /// The source.
    pub file: Arc<Source>,
    /// Where its bytes go, from the first: ranges of the output that together are as long as the source. Empty for
    /// a source that is only hashed.
    pub places: Vec<Region>,
    /// Which digests are needed.
    pub asked: Asked,
    /// Its digests, if they are known: then it is copied without being hashed.
    pub known: Option<Digests>,
}

/// An output whose every byte is decided.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Where each byte goes.
    pub layout: Layout,
    /// The medium's identity.
    pub id: Digest,
    /// Its boot images.
    pub boot: Vec<BootImage>,
    /// Its files, those in `tsmedia` last.
    pub files: Vec<Placed>,
    sources: HashSet<usize>,
}

/// A file of a sealed output.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its path from the root.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// Its digests.
    pub digests: Digests,
    /// Where its bytes are, from the first.
    pub places: Vec<Region>,
}

impl Output {
    /// Lays the output out. `known` are digests of sources: those of the sources [to tell apart](Output::to_tell_apart)
    /// have to be among them if it is to be sealed.
    ///
    /// # Errors
    ///
    /// When it passes its capacity, or content lies where the medium's own lists go.
    pub fn draft(&self, known: &dyn Fn(&SourceKey) -> Option<Digests>) -> Result<Draft<'_>> {
        let (volume, contents) = self.volume(known)?;
        let (slack, layout) = fit::fit(self, &volume)?.map_err(|overflow| {
            Error::new(overflow.message(&self.label))
                .help("leave something out, or choose a larger `capacity` in `[output]`")
        })?;
        let files = find_places(&layout, contents);
        // The layout itself is made again when the digests are known: until then only its measures are kept.
        let (len, n_write) = (layout.len(), layout.extents().iter().map(|extent| extent.len).sum());
        Ok(Draft { output: self, volume, slack, len, n_write, places: places_digest(&layout), files })
    }

    /// The sources that have to be told apart before the output can be laid out, and are not known: where files with
    /// the same contents share them, all those of the same length.
    pub fn to_tell_apart(&self, known: &dyn Fn(&SourceKey) -> Option<Digests>) -> Vec<Arc<Source>> {
        if !self.form.shares_contents() {
            return Vec::new();
        }
        let contents: Vec<_> = self.root.files().into_iter().map(|(path, content)| (path, content.clone())).collect();
        let doubtful = doubtful_lens(&contents);
        let unknown = contents.into_iter().filter_map(|(_, content)| match content {
            Content::Source(source) if doubtful.contains(&source.len()) => Some(source),
            _ => None,
        });
        unknown.filter(|source| known(&source.key()).is_none()).collect()
    }

    /// What is laid out, with lists that have digests of zeros, and its files in the order of the lists.
    pub(crate) fn volume(
        &self,
        known: &dyn Fn(&SourceKey) -> Option<Digests>,
    ) -> Result<(Volume, Vec<(String, Content)>)> {
        let (mut root, mut contents) = if self.form.shares_contents() { shared(self, known) } else { told_apart(self) };
        let structure = if self.form.seal().is_some() { None } else { Some(NOT_YET) };
        let own = own_lists(self, NOT_YET, structure, contents.iter().map(|(path, _)| (path.as_str(), None)));
        for (path, text) in own {
            let content = Content::bytes(text.into_bytes());
            root.insert(path, content.clone()).map_err(|misplaced| taken(path, &misplaced))?;
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
    /// How long the output will be.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it will hold no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many of its bytes have to be written: what lies between is zero.
    pub fn n_write(&self) -> u64 {
        self.n_write
    }

    /// The sources to read, in the order of their places.
    pub fn jobs(&self, known: &dyn Fn(&SourceKey) -> Option<Digests>) -> Vec<Job> {
        let job = |(_, source, places): (usize, &Arc<Source>, &[Region])| Job {
            file: Arc::clone(source),
            places: places.to_vec(),
            asked: self.output.form.asked(),
            known: known(&source.key()),
        };
        self.sources().into_iter().map(job).collect()
    }

    /// The files that come from sources, by number, in the order of their places: of those that share one, one.
    fn sources(&self) -> Vec<(usize, &Arc<Source>, &[Region])> {
        let sources = self.files.iter().enumerate().filter_map(|(index, file)| match &file.content {
            Content::Source(source) => Some((index, source, file.places.as_slice())),
            Content::Bytes(_) => None,
        });
        let mut sources: Vec<_> = sources.collect();
        sources.sort_by_key(|(_, _, places)| places.first().map(|place| place.offset));
        sources.dedup_by(|(_, a, places), (_, b, _)| Arc::ptr_eq(a, b) && !places.is_empty());
        sources
    }

    /// Decides the rest, when the digests of all sources are known.
    pub fn seal_known(self, known: &dyn Fn(&SourceKey) -> Option<Digests>) -> Result<Sealed> {
        let digests: Option<Vec<_>> = self.jobs(known).iter().map(|job| job.known).collect();
        self.seal(&digests.ok_or_else(|| Error::new("the digest of a source is missing"))?)
    }

    /// Decides the rest, given the digests of the [jobs](Draft::jobs) in their order.
    ///
    /// # Panics
    ///
    /// If the format places anything elsewhere when only digests differ: it would be wrong for every input.
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

    /// Decides the rest of a form whose structure has its digest in `medium.toml`: the lists come last.
    fn seal_lists(mut self, boot: Vec<BootImage>, digests: Vec<Digests>) -> Result<Sealed> {
        let layout = self.layout(&HashMap::new(), None)?;
        let structure = structure_digest(&layout, self.files.iter().flat_map(|file| &file.places))?;

        // What stood in for the lists goes before they are made: of many files they are long.
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
            let (digests, content) = (Digests::of(text.as_bytes()), Content::bytes(text.into_bytes()));
            let [place] = places[..] else { return Err(Error::new(format!("`{path}` is not in one place"))) };
            assert_eq!(content.len(), place.len, "the length of `{path}` depends on a digest");
            extents.push(Extent::of(&content, place.offset));
            files.push(Placed { path, len: place.len, digests, places });
        }
        Ok(Sealed { layout: Layout::new(len, extents), id, boot, files, sources })
    }

    /// Decides the rest of a form whose structure carries its own digest, and digests of the lists too: it comes last.
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
        let stand_in = fit::seal(self.output, NOT_YET);
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
        extents.extend(fit::seal(self.output, structure).map(|seal| Extent::of(&seal, place.offset)));
        for file in &self.files[digests.len()..] {
            if let Content::Bytes(bytes) = &file.content {
                digests.push(Digests::of(bytes));
            }
        }
        let (files, sources) = placed(self.files, digests);
        Ok(Sealed { layout: Layout::new(len, extents), id, boot, files, sources })
    }

    /// The layout that it was drafted with, of what is in it now.
    fn layout(&self, sha1s: &HashMap<SourceKey, Sha1>, seal: Option<&Content>) -> Result<Layout> {
        let layout = fit::layout(self.output, &self.volume, self.slack, sha1s, seal)?;
        let label = &self.output.label;
        assert!(places_digest(&layout) == self.places, "the layout of `{label}` depends on a digest");
        Ok(layout)
    }

    /// The identity of the output and of its boot images, given the digests of the jobs.
    fn identity(&self, digests: &[Digests]) -> Result<(Option<Digest>, Vec<BootImage>)> {
        let sources = self.sources();
        let mut known: HashMap<SourceKey, Digests> =
            sources.iter().zip(digests).map(|((_, source, _), digests)| (source.key(), *digests)).collect();
        if self.output.form.shares_contents() {
            // Of sources with the same bytes only one is read; the output names each.
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

    /// The digests of all files but the medium's own lists, in their order, given those of the jobs.
    fn digests(&self, of_jobs: &[Digests]) -> Vec<Digests> {
        let of_jobs: HashMap<_, _> = self
            .sources()
            .into_iter()
            .zip(of_jobs)
            .map(|((_, source, _), digests)| (Arc::as_ptr(source), *digests))
            .collect();
        let others = self.files[..self.files.len() - N_OWN].iter();
        let digests = others.map(|file| match &file.content {
            Content::Bytes(bytes) => Digests::of(bytes),
            Content::Source(source) => of_jobs.get(&Arc::as_ptr(source)).copied().unwrap_or(Digests::NOT_YET),
        });
        digests.collect()
    }

    /// The SHA-1 of sources, given the digests of the jobs.
    fn sha1s(&self, of_jobs: &[Digests]) -> HashMap<SourceKey, Sha1> {
        let sources = self.sources();
        sources
            .iter()
            .zip(of_jobs)
            .filter_map(|((_, source, _), digests)| Some((source.key(), digests.sha1?)))
            .collect()
    }
}

/// The files of a draft with their digests, and the addresses of their sources.
fn placed(files: Vec<DraftFile>, digests: Vec<Digests>) -> (Vec<Placed>, HashSet<usize>) {
    let mut sources = HashSet::with_capacity(files.len());
    let mut placed = Vec::with_capacity(files.len() + N_OWN);
    for (DraftFile { path, content, places }, digests) in files.into_iter().zip(digests) {
        if let Content::Source(_) = content {
            sources.insert(address(&content));
        }
        placed.push(Placed { path, len: content.len(), digests, places });
    }
    (placed, sources)
}

impl Sealed {
    /// The extents that are not content of a source's file: what [jobs](Draft::jobs) do not write.
    pub fn rest(&self) -> impl Iterator<Item = &Extent> {
        self.layout.extents().iter().filter(|extent| !self.sources.contains(&piece_address(&extent.piece)))
    }
}

/// How many lists a medium carries of itself.
const N_OWN: usize = 3;

/// The texts in `tsmedia`, in the order of dependence: each but the last has its digest in those after it.
fn own_lists<'a, 'b>(
    output: &Output,
    id: Digest,
    structure: Option<Digest>,
    files: impl Iterator<Item = (&'b str, Option<Digests>)> + Clone,
) -> [(&'a str, String); N_OWN] {
    let medium = Medium {
        format_version: FORMAT_VERSION,
        label: output.label.clone(),
        description: output.description.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        id,
        secrets: output.secrets(),
        structure,
    }
    .to_toml();
    let of_medium = Digests::of(medium.as_bytes());
    let files = files.map(|(path, known)| (path, known.unwrap_or(Digests::NOT_YET)));
    let files = files.chain([(lists::MEDIUM, of_medium)]);
    let blake3sums = lists::sums(files.clone().map(|(path, digests)| (path, digests.blake3)));
    let of_blake3sums = Digests::of(blake3sums.as_bytes());
    let files = files.chain([(lists::BLAKE3SUMS, of_blake3sums)]);
    let sha256sums = lists::sums(files.map(|(path, digests)| (path, digests.sha256)));
    [(lists::MEDIUM, medium), (lists::BLAKE3SUMS, blake3sums), (lists::SHA256SUMS, sha256sums)]
}

/// The tree of an output and its files in their order. A content that is there more than once gets an `Arc` of its
/// own each time, and so does one that a boot image holds: that is how it is recognised in the layout.
fn told_apart(output: &Output) -> (Folder, Vec<(String, Content)>) {
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

/// The tree of an output and its files in their order, with the same content wherever the bytes are the same, as far as
/// that is known.
fn shared(output: &Output, known: &dyn Fn(&SourceKey) -> Option<Digests>) -> (Folder, Vec<(String, Content)>) {
    let mut root = output.root.clone();
    let mut contents: Vec<_> = output.root.files().into_iter().map(|(path, content)| (path, content.clone())).collect();
    let doubtful = doubtful_lens(&contents);
    let mut seen: HashMap<(u64, std::result::Result<Digest, SourceKey>), Content> = HashMap::new();
    for (path, content) in contents.iter_mut().filter(|(_, content)| doubtful.contains(&content.len())) {
        let bytes = match &*content {
            Content::Bytes(bytes) => Ok(Digest::of(bytes)),
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

/// The lengths that several contents have.
fn doubtful_lens(contents: &[(String, Content)]) -> HashSet<u64> {
    let mut first: HashMap<u64, usize> = HashMap::with_capacity(contents.len());
    let lens = contents.iter().filter(|(_, content)| !content.is_empty()).filter_map(|(_, content)| {
        let is_other = *first.entry(content.len()).or_insert(address(content)) != address(content);
        is_other.then_some(content.len())
    });
    lens.collect()
}

fn taken(path: &str, misplaced: &Misplaced) -> Error {
    match misplaced {
        Misplaced::Taken(by) => Error::new(format!("`{path}` has no place on the medium: `{by}` is there already"))
            .help("the folder `tsmedia` on a medium is for its own lists"),
        Misplaced::BadName(bad) => Error::new(bad.to_string()),
    }
}

/// Finds each content in the layout.
///
/// # Panics
///
/// If the format left out a byte of one: it would be wrong for every input.
fn find_places(layout: &Layout, contents: Vec<(String, Content)>) -> Vec<DraftFile> {
    // Nearly every file is in one piece: lists are made for one.
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

/// The digest of where the extents of a layout are.
fn places_digest(layout: &Layout) -> Digest {
    let mut hasher = Fields::default();
    hasher.bytes(&layout.len().to_le_bytes());
    for extent in layout.extents() {
        hasher.region(&Region { offset: extent.offset, len: extent.len });
    }
    hasher.finish()
}
