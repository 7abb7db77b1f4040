//! WIMs derived from others: with some of the images, an edited image, or another boot image.
//!
//! A derived WIM is assembled from ranges of the original, the added files and new structures.
//! Nothing is recompressed, and only structures are read. Added files are stored uncompressed. If
//! all images are kept, existing contents stay at their offsets, so that editing an image only
//! changes the end of the file and its header; if images are removed, the contents are packed
//! without gaps. Dates and GUID are derived from the inputs.
//!
//! Not supported: WIMs with solid resources, whose contents can't be separated.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use sha1::{Digest as _, Sha1};

use super::command;
use super::edit::{Additions, ImageEdit};
use super::header::{HEADER_LEN, Resource, WimHeader};
use super::integrity;
use super::metadata::{FileTime, Metadata};
use super::structure::WimStructure;
use super::table::{Blob, table_to_bytes};
use super::xml::ImageXml;
use crate::content::{ByteRun, Content, Pieced, Source};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::progress::Progress;

impl WimStructure {
    /// Derives a WIM with the given images, in this order. `boot` is the number of the boot image
    /// among them, from 1.
    ///
    /// # Errors
    ///
    /// If an image does not exist, its metadata are damaged, or contents are solid.
    pub fn export(&self, indexes: &[u32], boot: Option<u32>, progress: &Progress) -> Result<Pieced> {
        let is_whole = indexes.iter().copied().eq(1..=self.header.n_images);
        if is_whole {
            return with_boot_index(self, boot);
        }
        derive(self, indexes, boot, None, false, progress)
    }

    /// Derives a WIM with one image edited.
    ///
    /// # Errors
    ///
    /// Those of [`export`](Self::export); if a removed path does not exist, or a file and a folder
    /// have the same path.
    pub fn edit(&self, index: u32, edit: &ImageEdit, progress: &Progress) -> Result<Pieced> {
        let all: Vec<_> = (1..=self.header.n_images).collect();
        let boot = Some(self.header.boot_index).filter(|index| *index > 0);
        derive(self, &all, boot, Some((index, edit)), true, progress)
    }

    /// Checks whether an image can be edited, also in a WIM with solid resources.
    ///
    /// # Errors
    ///
    /// Those of [`edit`](Self::edit) that concern the image.
    pub fn check_edit(&self, index: u32, edit: &ImageEdit, progress: &Progress) -> Result<()> {
        edit.apply(&mut self.metadata(index)?, &mut Additions::default(), self.source().path(), index, progress)
    }
}

/// Changes the boot image, which only affects the header.
fn with_boot_index(wim: &WimStructure, boot: Option<u32>) -> Result<Pieced> {
    let mut header = wim.header.clone();
    header.boot_index = boot.unwrap_or(0);
    header.boot_metadata = boot.map(|index| wim.metadata_blob(index)).transpose()?.unwrap_or(NO_BLOB).resource;
    header.guid = derive_guid(&[&wim.header.guid, &header.boot_index.to_le_bytes()]);
    let head = ByteRun::Bytes(header.to_bytes().as_slice().into());
    let rest = wim.runs(HEADER_LEN as u64..wim.source().len());
    Ok(Pieced::new(wim.source().path(), [head].into_iter().chain(rest)))
}

/// Assembles images. With `in_place`, kept contents stay at their offsets, with holes between them.
fn derive(
    wim: &WimStructure,
    indexes: &[u32],
    boot: Option<u32>,
    edit: Option<(u32, &ImageEdit)>,
    in_place: bool,
    progress: &Progress,
) -> Result<Pieced> {
    let path = wim.source().path();
    if wim.is_solid() {
        return Err(Error::new(format!("`{path}` has solid resources, so single files can't be extracted"))
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
    let known = content_blobs(wim)?;
    let uses = count_uses(&images);
    let missing = uses.keys().find(|sha1| !known.contains_key(*sha1) && !additions.contains(sha1));
    if missing.is_some() {
        return Err(wim.damaged("the contents of a file in its images are missing"));
    }
    // Order of the new WIM: kept contents, added contents, metadata, blob table, XML, integrity
    // table. Appending after the kept part is what lets a patch leave the bulk of the file alone.
    let mut new = Assembly::new();
    let mut blobs = Vec::new();
    let mut kept: Vec<_> = known.values().filter(|blob| uses.contains_key(&blob.sha1)).copied().collect();
    kept.sort_by_key(|blob| (blob.resource.offset, blob.sha1));
    let n_same = place_kept(wim, &kept, &images, in_place, &mut new);
    for mut blob in kept {
        blob.resource.offset = new.new_offset(&blob.resource).ok_or_else(|| wim.damaged("resources overlap"))?;
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
                count_files(metadata, &lens, &mut text);
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
                blob.resource.offset = match new.new_offset(&blob.resource) {
                    Some(at) => at,
                    None => new.add_range(wim, range),
                };
            }
        }
        xml.images.push(text);
        blobs.push(blob);
    }
    // Readers number the images by the order of their metadata in the blob table.
    let metadata: Vec<_> = blobs.iter().filter(|blob| blob.is_metadata()).copied().collect();
    let table = table_to_bytes(&blobs);
    let mut header = WimHeader {
        guid: derive_guid(&[&wim.header.guid, &table]),
        n_images: images.len() as u32,
        boot_index: boot.unwrap_or(0),
        boot_metadata: boot.and_then(|index| metadata.get(index as usize - 1)).unwrap_or(&NO_BLOB).resource,
        ..wim.header.clone()
    };
    header.table = new.add_bytes(table);
    let covered = new.at;
    // `TOTALBYTES` counts the file up to its XML.
    xml.total_len = Some(covered);
    header.xml = new.add_bytes(xml.to_bytes());
    header.integrity = match &wim.integrity {
        Some(old) => {
            // The chunks are hashed from the assembled bytes, which are complete up to here.
            let whole = new.to_pieced(wim, &header);
            new.add_bytes(integrity::updated(old, n_same, covered, &whole, progress)?.to_bytes())
        }
        None => Resource::default(),
    };
    Ok(new.to_pieced(wim, &header))
}

/// Blobs with contents, by SHA-1.
fn content_blobs(wim: &WimStructure) -> Result<HashMap<[u8; 20], Blob>> {
    Ok(wim.blobs.iter().filter(|blob| !blob.is_metadata()).map(|blob| (blob.sha1, *blob)).collect())
}

/// Adds the kept contents, and returns the offset up to which the new WIM equals the old one.
fn place_kept(wim: &WimStructure, kept: &[Blob], images: &[DerivedImage], in_place: bool, new: &mut Assembly) -> u64 {
    if in_place {
        // Unchanged metadata are kept, too.
        let unchanged = images.iter().filter(|(.., edit)| edit.is_none());
        let metadata = unchanged.filter_map(|(index, ..)| wim.metadata_blob(*index).ok());
        let ends = kept.iter().copied().chain(metadata).filter_map(|blob| blob.resource.end());
        let end = ends.max().unwrap_or(0).max(HEADER_LEN as u64);
        new.keep(wim, HEADER_LEN as u64..end);
        return end;
    }
    for blob in kept {
        let end = blob.resource.offset + blob.resource.len;
        // Contents may share bytes, and then keep sharing them.
        if new.new_offset(&blob.resource).is_none() {
            new.keep(wim, blob.resource.offset..end);
        }
    }
    HEADER_LEN as u64
}

/// An image: index in the old WIM, metadata, and the edit that was applied to it.
type DerivedImage<'a> = (u32, Metadata, Option<&'a ImageEdit<'a>>);

const NO_BLOB: Blob =
    Blob { resource: Resource { len: 0, flags: 0, offset: 0, unpacked_len: 0 }, part: 0, n_refs: 0, sha1: [0; 20] };

/// Counts the uses of each content in the files of the images.
fn count_uses(images: &[DerivedImage]) -> HashMap<[u8; 20], u32> {
    let mut uses = HashMap::new();
    for (_, metadata, _) in images {
        metadata.root.visit(&mut |entry| {
            for sha1 in entry.content_sha1s() {
                let n: &mut u32 = uses.entry(sha1).or_default();
                *n = n.saturating_add(1);
            }
        });
    }
    uses
}

/// Updates the counts of files, folders and bytes in the XML. Every hard link counts.
fn count_files(metadata: &Metadata, lens: &HashMap<[u8; 20], u64>, text: &mut ImageXml) {
    let (mut n_folders, mut n_files, mut total, mut linked) = (0u64, 0u64, 0u64, 0u64);
    // Contents of the second and further names of a file, which wimlib counts separately, too.
    let mut seen = HashSet::new();
    metadata.root.visit(&mut |entry| {
        *(if entry.is_folder() { &mut n_folders } else { &mut n_files }) += 1;
        let len: u64 = entry.content_sha1s().filter_map(|sha1| lens.get(&sha1)).sum();
        total = total.saturating_add(len);
        if entry.hard_link().is_some_and(|link| !seen.insert(link)) {
            linked = linked.saturating_add(len);
        }
    });
    let numbers = [("DIRCOUNT", n_folders), ("FILECOUNT", n_files), ("TOTALBYTES", total), ("HARDLINKBYTES", linked)];
    numbers.iter().for_each(|(name, number)| text.set(name, &number.to_string()));
}

/// Derives a GUID from the inputs of a WIM.
pub(super) fn derive_guid(inputs: &[&[u8]]) -> [u8; 16] {
    let digests: Vec<u8> = inputs.iter().flat_map(|bytes| Digest::hash(bytes).0).collect();
    let mut guid = [0; 16];
    guid.copy_from_slice(&Digest::hash(&digests).0[..16]);
    guid
}

/// A WIM being assembled, without its header.
pub(super) struct Assembly {
    runs: Vec<ByteRun>,
    /// Offset of the next byte.
    pub(super) at: u64,
    /// Kept ranges of the old WIM with their new offsets; ascending in both.
    kept: Vec<(Range<u64>, u64)>,
}

impl Assembly {
    pub(super) fn new() -> Self {
        Self { runs: Vec::new(), at: HEADER_LEN as u64, kept: Vec::new() }
    }

    /// Appends a range of the old WIM after the earlier ones and remembers its new offset.
    pub(super) fn keep(&mut self, wim: &WimStructure, range: Range<u64>) {
        let at = self.add_range(wim, range.clone());
        match self.kept.last_mut() {
            Some((last, _)) if last.end == range.start => last.end = range.end,
            _ => self.kept.push((range, at)),
        }
    }

    /// Appends a range of the old WIM, and returns its new offset.
    pub(super) fn add_range(&mut self, wim: &WimStructure, range: Range<u64>) -> u64 {
        let at = self.at;
        self.at += range.end - range.start;
        self.runs.extend(wim.runs(range));
        at
    }

    /// New offset of a resource of the old WIM, if it was kept.
    pub(super) fn new_offset(&self, resource: &Resource) -> Option<u64> {
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

    /// Assembled WIM with the given header.
    pub(super) fn to_pieced(&self, wim: &WimStructure, header: &WimHeader) -> Pieced {
        let head = ByteRun::Bytes(header.to_bytes().as_slice().into());
        Pieced::new(wim.source().path(), [head].into_iter().chain(self.runs.iter().cloned()))
    }
}

#[cfg(test)]
mod tests;
