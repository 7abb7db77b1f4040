//! Normalization of WIM files that wimlib has just written, so that equal inputs give equal bytes.
//!
//! Metadata of new images are corrected (access times, and what a staged folder can't store). Blob
//! table, XML and integrity table lie after the contents and move accordingly. Times in the XML are
//! set to the caller's date, and the random GUID is replaced by one derived from blob table and
//! XML, which cover the whole contents.

use std::fs::File;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;
use sha1::{Digest as _, Sha1};

use super::header::{HEADER_LEN, Resource, WimHeader};
use super::integrity::{self, CHUNK_LEN, Integrity};
use super::library;
use super::metadata::{FileTime, Metadata};
use super::resource::{self, ResourceCompression};
use super::table::{self, Blob};
use super::xml::Xml;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::write::open;

/// Key derivation context of the GUID, for domain separation.
const PURPOSE: &str = "tsmedia 2026 guid of a captured WIM file";

/// Options for normalizing a file.
pub(super) struct Normalization<'a> {
    /// Indexes of the new images.
    pub images: RangeInclusive<u32>,
    pub date: Date,
    /// Adds an integrity table. wimlib must not have written one.
    pub with_check: bool,
    /// Corrects the metadata of a new image. Returns `true` if they have to be rewritten.
    pub edit: &'a dyn Fn(u32, &mut Metadata) -> bool,
}

/// Normalizes a WIM file in place.
pub(super) fn normalize(path: &Utf8Path, options: &Normalization, progress: &Progress) -> Result<()> {
    let failed = |error| Error::io("finishing", path, error);
    let wrong = |why: String| Error::new(format!("finishing `{path}`: {why}"));
    let file = open::open_own(path).map_err(failed)?;
    let mut bytes = [0; HEADER_LEN];
    file.read_exact_at(&mut bytes, 0).map_err(failed)?;
    let mut header = WimHeader::parse(&bytes).ok_or_else(|| wrong("it has no header".into()))?;
    let read = |place: &Resource| {
        let mut bytes = vec![0; place.len as usize];
        file.read_exact_at(&mut bytes, place.offset).map(|()| bytes).map_err(failed)
    };
    let mut blobs = table::parse_table(&read(&header.table)?);
    let mut xml = Xml::parse(&read(&header.xml)?).map_err(wrong)?;

    // New metadata, and all metadata after the first edited one, in the order of their offsets.
    let mut images: Vec<usize> = (0..blobs.len()).filter(|at| blobs[*at].is_metadata()).collect();
    let boot_image = header.boot_index.checked_sub(1).and_then(|index| images.get(index as usize).copied());
    let packing = read_compression(path)?;
    let mut edited = Vec::new();
    for (&at, index) in images.iter().zip(1..) {
        if options.images.contains(&index) {
            progress.check_cancelled()?;
            let unpacked = unpack(&file, packing, &blobs[at]).map_err(wrong)?;
            let mut metadata = Metadata::parse(&unpacked).map_err(wrong)?;
            if (options.edit)(index, &mut metadata) {
                edited.push((at, metadata.to_bytes()));
            }
        }
    }
    if let Some(mut end) = edited.iter().map(|(at, _)| blobs[*at].resource.offset).min() {
        if blobs.iter().any(|blob| !blob.is_metadata() && is_stored_after(blob, end)) {
            return Err(wrong("contents are stored after the metadata of an image".into()));
        }
        images.retain(|at| blobs[*at].resource.offset >= end);
        images.sort_by_key(|at| blobs[*at].resource.offset);
        // All are read before any is written: their old and new ranges overlap.
        let mut packed = Vec::new();
        for at in images {
            let resource = blobs[at].resource;
            packed.push(match edited.iter().find(|(edited, _)| *edited == at) {
                None => (at, read(&resource)?, resource.flags),
                Some((_, bytes)) => {
                    blobs[at].sha1 = Sha1::digest(bytes).into();
                    blobs[at].resource.unpacked_len = bytes.len() as u64;
                    let (bytes, is_compressed) = resource::pack(bytes.clone(), packing);
                    let flags = if is_compressed { Resource::COMPRESSED } else { 0 };
                    (at, bytes, flags | Resource::METADATA)
                }
            });
        }
        for (at, bytes, flags) in packed {
            file.write_all_at(&bytes, end).map_err(failed)?;
            let unpacked_len = blobs[at].resource.unpacked_len;
            blobs[at].resource = Resource { len: bytes.len() as u64, flags, offset: end, unpacked_len };
            end += bytes.len() as u64;
        }
        if let Some(at) = boot_image {
            header.boot_metadata = blobs[at].resource;
        }
        header.table = at_offset(header.table, end);
        header.xml = at_offset(header.xml, end + header.table.len);
    }

    let table = table::table_to_bytes(&blobs);
    for (image, index) in xml.images.iter_mut().zip(1..) {
        if options.images.contains(&index) {
            let FileTime(time) = options.date.into();
            image.set_time("CREATIONTIME", time);
            image.set_time("LASTMODIFICATIONTIME", time);
        }
    }
    xml.total_len = xml.total_len.map(|_| header.xml.offset);
    let xml = xml.to_bytes();
    header.xml = Resource { len: xml.len() as u64, unpacked_len: xml.len() as u64, ..header.xml };
    file.write_all_at(&table, header.table.offset).map_err(failed)?;
    file.write_all_at(&xml, header.xml.offset).map_err(failed)?;
    let mut end = header.xml.offset + header.xml.len;
    if options.with_check {
        let integrity = build_integrity_table(&file, header.table.offset + header.table.len, progress, &failed)?;
        file.write_all_at(&integrity, end).map_err(failed)?;
        header.integrity = Resource::stored(end, integrity.len() as u64, 0);
        end += integrity.len() as u64;
    }
    file.set_len(end).map_err(failed)?;
    header.guid = content_guid(&table, &xml);
    file.write_all_at(&header.to_bytes(), 0).map_err(failed)
}

/// Moves a resource to another offset.
fn at_offset(resource: Resource, offset: u64) -> Resource {
    Resource { offset, ..resource }
}

/// Returns `true` for contents stored after an offset. Contents in solid resources have no offset
/// in the file.
fn is_stored_after(blob: &Blob, place: u64) -> bool {
    blob.resource.flags & Resource::SOLID == 0 && blob.resource.offset >= place
}

/// Compression of the file, as wimlib parses it from the header.
fn read_compression(path: &Utf8Path) -> Result<ResourceCompression> {
    let failed = |failure| super::library_error(path, "finishing", failure);
    let facts = library::WimHandle::open(path).and_then(|handle| handle.info()).map_err(failed)?.facts;
    Ok(ResourceCompression { compression: facts.compression, chunk_len: facts.chunk_len })
}

fn unpack(file: &File, packing: ResourceCompression, blob: &Blob) -> std::result::Result<Vec<u8>, String> {
    let Resource { len, flags, offset, unpacked_len } = blob.resource;
    let blob = super::resource::BlobLocation {
        len: unpacked_len,
        sha1: blob.sha1,
        is_compressed: flags & Resource::COMPRESSED != 0,
        resource_offset: offset,
        resource_len: len,
        ..super::resource::BlobLocation::default()
    };
    resource::read(file, packing, &blob)
}

/// Builds the integrity table of a file whose blob table ends at `end`.
fn build_integrity_table(
    file: &File,
    end: u64,
    progress: &Progress,
    failed: &dyn Fn(std::io::Error) -> Error,
) -> Result<Vec<u8>> {
    let mut table = Integrity { chunk_len: CHUNK_LEN, chunks: Vec::new() };
    let mut buffer = vec![0; CHUNK_LEN as usize];
    for chunk in integrity::chunk_ranges(CHUNK_LEN, end) {
        progress.check_cancelled()?;
        let bytes = &mut buffer[..(chunk.end - chunk.start) as usize];
        file.read_exact_at(bytes, chunk.start).map_err(failed)?;
        table.chunks.push(Sha1::digest(&*bytes).into());
    }
    Ok(table.to_bytes())
}

fn content_guid(table: &[u8], xml: &[u8]) -> [u8; 16] {
    let digest = blake3::Hasher::new_derive_key(PURPOSE).update(table).update(xml).finalize();
    let mut guid = [0; 16];
    guid.copy_from_slice(&digest.as_bytes()[..16]);
    // Version 8 of RFC 9562: a custom format.
    guid[7] = guid[7] & 0x0f | 0x80;
    guid[8] = guid[8] & 0x3f | 0x80;
    guid
}
