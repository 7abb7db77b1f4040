//! Puts right what wimlib can't, in a WIM file that it has just written whole, and makes it the same each time.
//!
//! Metadata of new images are edited (times of last access, and what a staged folder can't hold); with them blob
//! table, XML and integrity table move, which all lie behind the contents. The times in the XML become the caller's, and the
//! random GUID one that follows from blob table and XML, which name all that the file holds.

use std::fs::File;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;
use sha1::{Digest as _, Sha1};

use super::header::{HEADER_LEN, Header, Resource};
use super::integrity::{self, CHUNK_LEN, Integrity};
use super::library;
use super::metadata::{FileTime, Metadata};
use super::resource::{self, Packing};
use super::table::{self, Blob};
use super::xml::Xml;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::write::open;

/// What a GUID's digest is taken for, so that it is no other digest of the same bytes.
const PURPOSE: &str = "tsmedia 2026 guid of a captured WIM file";

/// How a file is sealed.
pub(super) struct Sealing<'a> {
    /// The indexes of the new images.
    pub images: RangeInclusive<u32>,
    pub date: Date,
    /// Whether it gets an integrity table. wimlib must not have written one.
    pub with_check: bool,
    /// Changes the metadata of a new image; says whether it is to be written anew.
    pub edit: &'a dyn Fn(u32, &mut Metadata) -> bool,
}

pub(super) fn seal(path: &Utf8Path, sealing: &Sealing, progress: &Progress) -> Result<()> {
    let failed = |error| Error::io("finishing", path, error);
    let wrong = |why: String| Error::new(format!("finishing `{path}`: {why}"));
    let file = open::open_own(path).map_err(failed)?;
    let mut bytes = [0; HEADER_LEN];
    file.read_exact_at(&mut bytes, 0).map_err(failed)?;
    let mut header = Header::parse(&bytes).ok_or_else(|| wrong("it has no header".into()))?;
    let read = |place: &Resource| {
        let mut bytes = vec![0; place.len as usize];
        file.read_exact_at(&mut bytes, place.offset).map(|()| bytes).map_err(failed)
    };
    let mut blobs = table::parse_table(&read(&header.table)?);
    let mut xml = Xml::parse(&read(&header.xml)?).map_err(wrong)?;

    // Metadata from the first edited one on, in the order in which they lie, with their new bytes.
    let mut images: Vec<usize> = (0..blobs.len()).filter(|at| blobs[*at].is_metadata()).collect();
    let boot_image = header.boot_index.checked_sub(1).and_then(|index| images.get(index as usize).copied());
    let packing = packing(path)?;
    let mut edited = Vec::new();
    for (&at, index) in images.iter().zip(1..) {
        if sealing.images.contains(&index) {
            progress.check_cancelled()?;
            let unpacked = unpack(&file, packing, &blobs[at]).map_err(wrong)?;
            let mut metadata = Metadata::parse(&unpacked).map_err(wrong)?;
            if (sealing.edit)(index, &mut metadata) {
                edited.push((at, metadata.to_bytes()));
            }
        }
    }
    if let Some(mut end) = edited.iter().map(|(at, _)| blobs[*at].resource.offset).min() {
        if blobs.iter().any(|blob| !blob.is_metadata() && is_stored_behind(blob, end)) {
            return Err(wrong("contents lie behind the metadata of an image".into()));
        }
        images.retain(|at| blobs[*at].resource.offset >= end);
        images.sort_by_key(|at| blobs[*at].resource.offset);
        // All are taken into memory first, for they are written over each other.
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
        header.table = moved(header.table, end);
        header.xml = moved(header.xml, end + header.table.len);
    }

    let table = table::table_to_bytes(&blobs);
    for (image, index) in xml.images.iter_mut().zip(1..) {
        if sealing.images.contains(&index) {
            let FileTime(time) = sealing.date.into();
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
    if sealing.with_check {
        let integrity = integrity(&file, header.table.offset + header.table.len, progress, &failed)?;
        file.write_all_at(&integrity, end).map_err(failed)?;
        header.integrity = Resource::stored(end, integrity.len() as u64, 0);
        end += integrity.len() as u64;
    }
    file.set_len(end).map_err(failed)?;
    header.guid = guid(&table, &xml);
    file.write_all_at(&header.to_bytes(), 0).map_err(failed)
}

/// The same resource elsewhere.
fn moved(resource: Resource, offset: u64) -> Resource {
    Resource { offset, ..resource }
}

/// Whether contents lie behind a place in the file. What is in a solid resource has a place within that.
fn is_stored_behind(blob: &Blob, place: u64) -> bool {
    blob.resource.flags & Resource::SOLID == 0 && blob.resource.offset >= place
}

/// How the file is compressed, as wimlib has it of the header.
fn packing(path: &Utf8Path) -> Result<Packing> {
    let failed = |failure| super::failed(path, "finishing", failure);
    let facts = library::Handle::open(path).and_then(|handle| handle.info()).map_err(failed)?.facts;
    Ok(Packing { compression: facts.compression, chunk_len: facts.chunk_len })
}

fn unpack(file: &File, packing: Packing, blob: &Blob) -> std::result::Result<Vec<u8>, String> {
    let Resource { len, flags, offset, unpacked_len } = blob.resource;
    let blob = super::resource::Blob {
        len: unpacked_len,
        sha1: blob.sha1,
        is_compressed: flags & Resource::COMPRESSED != 0,
        resource_offset: offset,
        resource_len: len,
        ..super::resource::Blob::default()
    };
    resource::read(file, packing, &blob)
}

fn integrity(file: &File, end: u64, progress: &Progress, failed: &dyn Fn(std::io::Error) -> Error) -> Result<Vec<u8>> {
    let mut table = Integrity { chunk_len: CHUNK_LEN, chunks: Vec::new() };
    let mut buffer = vec![0; CHUNK_LEN as usize];
    for chunk in integrity::chunks(CHUNK_LEN, end) {
        progress.check_cancelled()?;
        let bytes = &mut buffer[..(chunk.end - chunk.start) as usize];
        file.read_exact_at(bytes, chunk.start).map_err(failed)?;
        table.chunks.push(Sha1::digest(&*bytes).into());
    }
    Ok(table.to_bytes())
}

fn guid(table: &[u8], xml: &[u8]) -> [u8; 16] {
    let digest = blake3::Hasher::new_derive_key(PURPOSE).update(table).update(xml).finalize();
    let mut guid = [0; 16];
    guid.copy_from_slice(&digest.as_bytes()[..16]);
    // Marked as a version 8 GUID of RFC 9562, whose bits mean what its maker says.
    guid[7] = guid[7] & 0x0f | 0x80;
    guid[8] = guid[8] & 0x3f | 0x80;
    guid
}
