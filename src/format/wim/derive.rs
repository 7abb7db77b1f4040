//! A WIM made of another: some of its images, one of them changed, another one to start from.
//!
//! It is put together of ranges of the first, the files that are put into it, and structures of our own: nothing is
//! recompressed, and nothing but structures is read. Files are stored as they are, uncompressed. A WIM all of whose
//! images stay keeps its bytes where they are, so that a change of an image changes its end (and its header) alone;
//! one that loses images is packed anew without holes. Dates and the identity come from what it is made of.
//!
//! Not supported: WIMs with solid resources, whose contents can't be taken out.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use sha1::{Digest as _, Sha1};

use super::command;
use super::edit::{Additions, Edit};
use super::header::{HEADER_LEN, Header, Resource};
use super::integrity;
use super::metadata::{FileTime, Metadata};
use super::structure::Structure;
use super::table::{Blob, table_to_bytes};
use super::xml::ImageText;
use crate::content::{ByteRun, Content, Pieced, Source};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::progress::Progress;

impl Structure {
    /// A WIM that holds these images of this one, in this order. Firmware starts the `boot`-th of them, from 1.
    ///
    /// # Errors
    ///
    /// When an image is not there, its metadata is damaged, or contents are solid.
    pub fn export(&self, indexes: &[u32], boot: Option<u32>, progress: &Progress) -> Result<Pieced> {
        let is_whole = indexes.iter().copied().eq(1..=self.header.n_images);
        if is_whole {
            return with_boot_index(self, boot);
        }
        derive(self, indexes, boot, None, false, progress)
    }

    /// This WIM with one of its images changed.
    ///
    /// # Errors
    ///
    /// Those of [`export`](Self::export), when what is to be removed is not there, and when a file and a folder want
    /// the same place.
    pub fn edit(&self, index: u32, edit: &Edit, progress: &Progress) -> Result<Pieced> {
        let all: Vec<_> = (1..=self.header.n_images).collect();
        let boot = Some(self.header.boot_index).filter(|index| *index > 0);
        derive(self, &all, boot, Some((index, edit)), true, progress)
    }

    /// Whether one of its images can be changed so, which a solid one can't be itself.
    ///
    /// # Errors
    ///
    /// Those of [`edit`](Self::edit) that have to do with the image.
    pub fn check_edit(&self, index: u32, edit: &Edit, progress: &Progress) -> Result<()> {
        edit.apply(&mut self.metadata(index)?, &mut Additions::default(), self.source().path(), index, progress)
    }
}

/// The same images with another one to start: only the header is another.
fn with_boot_index(wim: &Structure, boot: Option<u32>) -> Result<Pieced> {
    let mut header = wim.header.clone();
    header.boot_index = boot.unwrap_or(0);
    header.boot_metadata = boot.map(|index| wim.metadata_blob(index)).transpose()?.unwrap_or(NO_BLOB).resource;
    header.guid = guid(&[&wim.header.guid, &header.boot_index.to_le_bytes()]);
    let head = ByteRun::Bytes(header.to_bytes().as_slice().into());
    let rest = wim.runs(HEADER_LEN as u64..wim.source().len());
    Ok(Pieced::new(wim.source().path(), [head].into_iter().chain(rest)))
}

/// Puts images together. `in_place`: what stays is where it was, with holes where something went.
fn derive(
    wim: &Structure,
    indexes: &[u32],
    boot: Option<u32>,
    edit: Option<(u32, &Edit)>,
    in_place: bool,
    progress: &Progress,
) -> Result<Pieced> {
    let path = wim.source().path();
    if wim.is_solid() {
        return Err(Error::new(format!("`{path}` has solid resources, which no single file can be taken out of"))
            .help(format!("convert it: `{}`", command::export(path, None, "--compress=LZX"))));
    }
    let mut additions = Additions::default();
    let mut images = Vec::with_capacity(indexes.len());
    for index in indexes {
        let mut metadata = wim.metadata(*index)?;
        let edit = edit.filter(|(edited, _)| edited == index).map(|(_, edit)| edit);
        if let Some(edit) = edit {
            edit.apply(&mut metadata, &mut additions, path, *index, progress)?;
        }
        images.push((*index, metadata, edit));
    }
    let known = contents(wim)?;
    let uses = uses(&images);
    let missing = uses.keys().find(|sha1| !known.contains_key(*sha1) && !additions.contains(sha1));
    if missing.is_some() {
        return Err(wim.damaged("the contents of a file in its images are not in it"));
    }
    let mut new = Assembly::new();
    let mut blobs = Vec::new();
    let mut kept: Vec<_> = known.values().filter(|blob| uses.contains_key(&blob.sha1)).copied().collect();
    kept.sort_by_key(|blob| (blob.resource.offset, blob.sha1));
    let n_same = place(wim, &kept, &images, in_place, &mut new);
    for mut blob in kept {
        blob.resource.offset = new.place_of(&blob.resource).ok_or_else(|| wim.damaged("resources overlap"))?;
        blob.n_refs = uses[&blob.sha1];
        blobs.push(blob);
    }
    for (sha1, content) in additions.iter().filter(|(sha1, _)| uses.contains_key(sha1) && !known.contains_key(sha1)) {
        let resource = Resource::stored(new.at, content.len(), 0);
        new.add(content);
        blobs.push(Blob { resource, part: 1, n_refs: uses[sha1], sha1: *sha1 });
    }
    let mut xml = wim.xml.clone();
    xml.images.clear();
    let lens: HashMap<_, _> = blobs.iter().map(|blob| (blob.sha1, blob.resource.unpacked_len)).collect();
    for (index, metadata, edit) in &images {
        let mut text = wim.xml.images[*index as usize - 1].clone();
        let mut blob = wim.metadata_blob(*index)?;
        match edit {
            Some(edit) => {
                count(metadata, &lens, &mut text);
                text.set_time("LASTMODIFICATIONTIME", FileTime::from(edit.date).0);
                let bytes = metadata.to_bytes();
                let (sha1, unpacked_len) = (Sha1::digest(&bytes).into(), bytes.len() as u64);
                let (packed, is_compressed) = wim.pack(bytes)?;
                let flags = Resource::METADATA | if is_compressed { Resource::COMPRESSED } else { 0 };
                let resource = Resource { len: packed.len() as u64, flags, offset: new.at, unpacked_len };
                new.add_bytes(packed);
                blob = Blob { resource, part: 1, n_refs: 1, sha1 };
            }
            None => {
                let range = blob.resource.offset..blob.resource.offset + blob.resource.len;
                blob.resource.offset = match new.place_of(&blob.resource) {
                    Some(at) => at,
                    None => new.add_range(wim, range),
                };
            }
        }
        xml.images.push(text);
        blobs.push(blob);
    }
    let metadata: Vec<_> = blobs.iter().filter(|blob| blob.is_metadata()).copied().collect();
    let table = table_to_bytes(&blobs);
    let mut header = Header {
        guid: guid(&[&wim.header.guid, &table]),
        n_images: images.len() as u32,
        boot_index: boot.unwrap_or(0),
        boot_metadata: boot.and_then(|index| metadata.get(index as usize - 1)).unwrap_or(&NO_BLOB).resource,
        ..wim.header.clone()
    };
    header.table = new.add_bytes(table);
    let covered = new.at;
    xml.total_len = Some(covered);
    header.xml = new.add_bytes(xml.to_bytes());
    header.integrity = match &wim.integrity {
        Some(old) => {
            let whole = new.pieced(wim, &header);
            new.add_bytes(integrity::renewed(old, n_same, covered, &whole, progress)?.to_bytes())
        }
        None => Resource::default(),
    };
    Ok(new.pieced(wim, &header))
}

/// The entries of contents, by their SHA-1.
fn contents(wim: &Structure) -> Result<HashMap<[u8; 20], Blob>> {
    Ok(wim.blobs.iter().filter(|blob| !blob.is_metadata()).map(|blob| (blob.sha1, *blob)).collect())
}

/// Places what is kept, and says up to which byte the new WIM is the same as the old one.
fn place(wim: &Structure, kept: &[Blob], images: &[Image], in_place: bool, new: &mut Assembly) -> u64 {
    if in_place {
        // What is read of the metadata of images that don't change stays as well.
        let unchanged = images.iter().filter(|(.., edit)| edit.is_none());
        let metadata = unchanged.filter_map(|(index, ..)| wim.metadata_blob(*index).ok());
        let ends = kept.iter().copied().chain(metadata).filter_map(|blob| blob.resource.end());
        let end = ends.max().unwrap_or(0).max(HEADER_LEN as u64);
        new.keep(wim, HEADER_LEN as u64..end);
        return end;
    }
    for blob in kept {
        let end = blob.resource.offset + blob.resource.len;
        // Several contents may share bytes; then they go on doing so.
        if new.place_of(&blob.resource).is_none() {
            new.keep(wim, blob.resource.offset..end);
        }
    }
    HEADER_LEN as u64
}

/// An image, by its number in the old WIM, and how it was changed.
type Image<'a> = (u32, Metadata, Option<&'a Edit<'a>>);

const NO_BLOB: Blob =
    Blob { resource: Resource { len: 0, flags: 0, offset: 0, unpacked_len: 0 }, part: 0, n_refs: 0, sha1: [0; 20] };

/// How often each content is used by the files of images.
fn uses(images: &[Image]) -> HashMap<[u8; 20], u32> {
    let mut uses = HashMap::new();
    for (_, metadata, _) in images {
        metadata.root.visit(&mut |entry| {
            for sha1 in entry.all_contents() {
                let n: &mut u32 = uses.entry(sha1).or_default();
                *n = n.saturating_add(1);
            }
        });
    }
    uses
}

/// Counts files, folders and bytes of an image into its text, each name of a file with several on its own.
fn count(metadata: &Metadata, lens: &HashMap<[u8; 20], u64>, text: &mut ImageText) {
    let (mut n_folders, mut n_files, mut total, mut linked) = (0u64, 0u64, 0u64, 0u64);
    let mut seen = HashSet::new();
    metadata.root.visit(&mut |entry| {
        *(if entry.is_folder() { &mut n_folders } else { &mut n_files }) += 1;
        let len: u64 = entry.all_contents().filter_map(|sha1| lens.get(&sha1)).sum();
        total = total.saturating_add(len);
        if entry.hard_link().is_some_and(|link| !seen.insert(link)) {
            linked = linked.saturating_add(len);
        }
    });
    let numbers = [("DIRCOUNT", n_folders), ("FILECOUNT", n_files), ("TOTALBYTES", total), ("HARDLINKBYTES", linked)];
    numbers.iter().for_each(|(name, number)| text.set(name, &number.to_string()));
}

/// The identity of a WIM that is made of this: the same each time.
pub(super) fn guid(made_of: &[&[u8]]) -> [u8; 16] {
    let digests: Vec<u8> = made_of.iter().flat_map(|bytes| Digest::hash(bytes).0).collect();
    let mut guid = [0; 16];
    guid.copy_from_slice(&Digest::hash(&digests).0[..16]);
    guid
}

/// A WIM that is being put together, but for its header.
pub(super) struct Assembly {
    runs: Vec<ByteRun>,
    /// Where the next byte goes.
    pub(super) at: u64,
    /// Ranges of the old WIM, and where they are now; ascending in both.
    kept: Vec<(Range<u64>, u64)>,
}

impl Assembly {
    pub(super) fn new() -> Self {
        Self { runs: Vec::new(), at: HEADER_LEN as u64, kept: Vec::new() }
    }

    /// Goes on with a range of the old WIM that is behind those before it, so that it is found again.
    pub(super) fn keep(&mut self, wim: &Structure, range: Range<u64>) {
        let at = self.add_range(wim, range.clone());
        match self.kept.last_mut() {
            Some((last, _)) if last.end == range.start => last.end = range.end,
            _ => self.kept.push((range, at)),
        }
    }

    /// Goes on with a range of the old WIM, and says where it is now.
    pub(super) fn add_range(&mut self, wim: &Structure, range: Range<u64>) -> u64 {
        let at = self.at;
        self.at += range.end - range.start;
        self.runs.extend(wim.runs(range));
        at
    }

    /// Where a resource of the old WIM is now, if it was kept.
    pub(super) fn place_of(&self, resource: &Resource) -> Option<u64> {
        let end = resource.offset.checked_add(resource.len)?;
        let holds = |(range, _): &&(Range<u64>, u64)| range.start <= resource.offset && end <= range.end;
        let after = self.kept.partition_point(|(range, _)| range.start <= resource.offset);
        let (range, at) = self.kept[..after].last().filter(holds)?;
        Some(at + (resource.offset - range.start))
    }

    fn add(&mut self, content: &Content) {
        self.at += content.len();
        match content {
            Content::Bytes(bytes) => self.runs.push(ByteRun::Bytes(bytes.clone())),
            Content::Source(source) => match &**source {
                Source::File(file) => {
                    self.runs.push(ByteRun::Range { file: file.clone().into(), start: 0, len: file.stat.len });
                }
                Source::Pieced(pieced) => self.runs.extend(pieced.runs(0..pieced.len())),
            },
        }
    }

    pub(super) fn add_bytes(&mut self, bytes: Vec<u8>) -> Resource {
        let resource = Resource::stored(self.at, bytes.len() as u64, 0);
        self.at += resource.len;
        self.runs.push(ByteRun::Bytes(bytes.into()));
        resource
    }

    /// What is put together so far, with a header.
    pub(super) fn pieced(&self, wim: &Structure, header: &Header) -> Pieced {
        let head = ByteRun::Bytes(header.to_bytes().as_slice().into());
        Pieced::new(wim.source().path(), [head].into_iter().chain(self.runs.iter().cloned()))
    }
}

#[cfg(test)]
mod tests;
