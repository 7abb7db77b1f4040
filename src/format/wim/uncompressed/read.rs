//! Reader of media in WIM files: header, blob table, XML, and the metadata of the image.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use super::super::header::{HEADER_LEN, Resource, WimHeader};
use super::super::metadata::{ImageEntry, Metadata};
use super::super::table::{Blob, parse_table};
use super::super::xml::{ImageXml, Xml};
use super::layout::find_seal;
use super::{CREATED_BY, UncompressedFile, UncompressedPart, UncompressedWim, VERSION, encode_seal};
use crate::date::Date;
use crate::digest::Digests;
use crate::error::{Error, Result};
use crate::foreign_text::from_utf16;
use crate::limits::{MAX_PATHS_LEN, MAX_WIM_METADATA_LEN};

/// Reads an uncompressed WIM file with one image.
///
/// # Errors
///
/// If it can't be read, is damaged, or is not such a file.
pub fn read<T: Read + Seek + ?Sized>(file: &mut T) -> Result<UncompressedWim> {
    let len = file.seek(SeekFrom::End(0)).map_err(read_error)?;
    let bytes = read_range(file, len, "header", 0..HEADER_LEN as u64)?;
    let header = WimHeader::parse(&bytes).ok_or_else(|| Error::new("it is not a WIM file"))?;
    if header.n_parts > 1 {
        return Err(Error::new(format!("it is part {} of {} of a split WIM file", header.part, header.n_parts)));
    }
    if header.n_images != 1 {
        return Err(Error::new(format!("it contains {} images; a medium has one", header.n_images)));
    }
    let table = parse_table(&read_resource(file, len, "blob table", &header.table)?);
    let xml_bytes = read_resource(file, len, "XML", &header.xml)?;
    let xml = Xml::parse(&xml_bytes).map_err(Error::new)?;
    let image = xml.images.first().ok_or_else(|| Error::new("its XML describes no image"))?;
    let blob = table.iter().find(|blob| blob.is_metadata()).ok_or_else(|| Error::new("it has no metadata"))?;
    let metadata = Metadata::parse(&read_resource(file, len, "metadata", &blob.resource)?)
        .map_err(|why| Error::new(format!("its metadata are damaged: {why}")))?;

    let blobs: HashMap<[u8; 20], &Blob> =
        table.iter().filter(|blob| !blob.is_metadata()).map(|blob| (blob.sha1, blob)).collect();
    let mut listing = FileLister { blobs, len, paths_len: 0, files: Vec::new() };
    listing.list(&metadata.root, "")?;
    let files = listing.files;
    let parts = [
        (UncompressedPart::Header, 0..HEADER_LEN as u64),
        (UncompressedPart::Metadata, resource_range(&blob.resource)),
        (UncompressedPart::BlobTable, resource_range(&header.table)),
        (UncompressedPart::Xml, resource_range(&header.xml)),
        (UncompressedPart::Integrity, resource_range(&header.integrity)),
    ];
    let mut structures: Vec<_> = parts.into_iter().filter(|(_, range)| !range.is_empty()).collect();
    if structures.iter().any(|(_, range)| range.end > len) {
        return Err(Error::new(format!("a table would be past its {len} bytes")).help("copy the file again"));
    }
    structures.sort_by_key(|(_, range)| range.start);
    let seal = find_seal(&xml_bytes).map(|at| {
        let end = at + encode_seal(Digests::NOT_YET.blake3).len();
        let place = header.xml.offset + at as u64..header.xml.offset + end as u64;
        (place, decode_utf16(&xml_bytes[at..end]).and_then(|digits| digits.parse().ok()))
    });
    Ok(UncompressedWim {
        len,
        label: element_text(image, "NAME").unwrap_or_default(),
        guid: header.guid,
        date: image_date(&metadata),
        created_by: element_text(image, CREATED_BY),
        version: element_text(image, VERSION),
        comment: element_text(image, "DESCRIPTION"),
        files,
        structures,
        seal,
    })
}

fn read_error(error: std::io::Error) -> Error {
    Error::new("it can't be read").because(error)
}

/// Reads an uncompressed resource.
fn read_resource<T: Read + Seek + ?Sized>(file: &mut T, len: u64, what: &str, resource: &Resource) -> Result<Vec<u8>> {
    if !resource.is_stored() {
        return Err(Error::new(format!("its {what} is compressed; a medium is uncompressed"))
            .help("list its images with `tsmedia inspect`"));
    }
    read_range(file, len, what, resource_range(resource))
}

fn read_range<T: Read + Seek + ?Sized>(file: &mut T, len: u64, what: &str, range: Range<u64>) -> Result<Vec<u8>> {
    if range.end > len || range.end - range.start > MAX_WIM_METADATA_LEN {
        let (start, end) = (range.start, range.end);
        return Err(Error::new(format!("its {what} should be at bytes {start} to {end}, but it has {len} bytes"))
            .help("copy the file again"));
    }
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.seek(SeekFrom::Start(range.start)).and_then(|_| file.read_exact(&mut bytes)).map_err(read_error)?;
    Ok(bytes)
}

/// Range of a resource. It ends at the maximum on overflow, which fails later checks.
fn resource_range(resource: &Resource) -> Range<u64> {
    resource.offset..resource.end().unwrap_or(u64::MAX)
}

/// Lists the files of an image.
struct FileLister<'a> {
    blobs: HashMap<[u8; 20], &'a Blob>,
    /// Length of the medium in bytes.
    len: u64,
    /// Total length of all paths so far in bytes.
    paths_len: u64,
    files: Vec<UncompressedFile>,
}

impl FileLister<'_> {
    /// Lists the contents of a folder and its subfolders.
    fn list(&mut self, folder: &ImageEntry, path: &str) -> Result<()> {
        for entry in &folder.children {
            let name = from_utf16(entry.name.iter().copied());
            let path = if path.is_empty() { name } else { format!("{path}/{name}") };
            self.paths_len += path.len() as u64;
            if self.paths_len > MAX_PATHS_LEN {
                return Err(Error::new(format!("its paths take more than {MAX_PATHS_LEN} bytes")));
            }
            if entry.is_folder() {
                self.files.push(UncompressedFile { path: path.clone(), is_folder: true, len: 0, place: None });
                self.list(entry, &path)?;
                continue;
            }
            let file = self.file(path, entry.contents())?;
            self.files.push(file);
        }
        Ok(())
    }

    fn file(&self, path: String, sha1: [u8; 20]) -> Result<UncompressedFile> {
        if sha1 == [0; 20] {
            return Ok(UncompressedFile { path, is_folder: false, len: 0, place: None });
        }
        let Some(blob) = self.blobs.get(&sha1) else {
            return Err(Error::new(format!("the contents of `{path}` are missing")));
        };
        if !blob.resource.is_stored() {
            let message = format!("the contents of `{path}` are compressed; a medium is uncompressed");
            return Err(Error::new(message).help("list its images with `tsmedia inspect`"));
        }
        let place = resource_range(&blob.resource);
        if place.end > self.len {
            let (start, end, len) = (place.start, place.end, self.len);
            let message =
                format!("the contents of `{path}` should be at bytes {start} to {end}, but it has {len} bytes");
            return Err(Error::new(message).help("copy the file again"));
        }
        Ok(UncompressedFile { path, is_folder: false, len: blob.resource.len, place: Some(place) })
    }
}

/// Date of the image: the time of the last write of its root.
fn image_date(metadata: &Metadata) -> Option<Date> {
    metadata.root.times[2].date()
}

/// Text of a child element of the image.
fn element_text(image: &ImageXml, name: &str) -> Option<String> {
    let text = image.get(name)?;
    Some(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

fn decode_utf16(utf16: &[u8]) -> Option<String> {
    let units: Vec<_> = utf16.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16(&units).ok()
}
