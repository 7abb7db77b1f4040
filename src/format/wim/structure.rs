//! The structures of a WIM file, read by us: what a derived WIM is made of.
//!
//! It is read from a source, so from a file or from what is itself derived. Read and checked here are header, table,
//! XML and the metadata of images (by SHA-1); contents are neither. Not supported, each with an error: split and
//! encrypted files, pipable ones, and solid resources where single contents are to be taken out of them.

use std::ops::Range;
use std::sync::Arc;

use super::header::{HEADER_LEN, Resource, WimHeader};
use super::integrity::Integrity;
use super::library::codec::compression;
use super::metadata::Metadata;
use super::resource::{self, ReadAt, ResourceCompression};
use super::table::{Blob, parse_table, table_to_bytes};
use super::xml::Xml;
use super::{WimCompression, command, verify_help};
use crate::content::{ByteRun, Source, SourceFile};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::source::OpenSource;

/// The structures of a stand-alone WIM.
#[derive(Clone, Debug)]
pub struct WimStructure {
    source: Arc<Source>,
    /// Its header.
    pub header: WimHeader,
    /// Its resources.
    pub blobs: Vec<Blob>,
    /// What its images say of themselves.
    pub xml: Xml,
    /// Its integrity table, if it has one.
    pub integrity: Option<Integrity>,
}

impl WimStructure {
    /// Reads the structures of a WIM.
    ///
    /// # Errors
    ///
    /// When it is damaged, or a part of a split WIM.
    pub fn read(source: Arc<Source>) -> Result<Self> {
        let path = source.path().to_owned();
        let open = OpenSource::open(&source)?;
        let read = read_structure(&open);
        open.check()?;
        match read {
            Ok((header, blobs, xml, integrity)) => Ok(Self { source, header, blobs, xml, integrity }),
            Err(StructureError::Damaged(why)) => Err(damaged(&source, &why)),
            Err(StructureError::Part(1)) => {
                Err(Error::new(format!("`{path}` is marked as a part of a split WIM, and the only one"))
                    .help(format!("write it again: `{}`", command::export(&path, None, ""))))
            }
            Err(StructureError::Part(_)) => Err(Error::new(format!("`{path}` is a part of a split WIM"))
                .help(format!("join the parts first: `{}`", command::join(&path)))),
        }
    }

    /// What it was read from.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Whether some of its contents are compressed together, so that none can be taken out as it is.
    pub fn is_solid(&self) -> bool {
        self.blobs.iter().any(Blob::is_solid)
    }

    /// Tells its images from all others: two WIMs with the same have the same images of the same contents.
    pub fn identity(&self) -> Digest {
        let numbers = [self.header.version, self.header.flags, self.header.boot_index, self.integrity.is_some().into()];
        let parts = [numbers.map(u32::to_le_bytes).concat(), table_to_bytes(&self.blobs), self.xml.to_bytes()];
        let digests: Vec<u8> = parts.iter().flat_map(|part| Digest::hash(part).0).collect();
        Digest::hash(&digests)
    }

    /// Length in bytes of the longest chunks that contents are compressed together in; `None` if it is not solid.
    ///
    /// # Errors
    ///
    /// If the WIM can't be read.
    pub fn longest_solid_chunk(&self) -> Result<Option<u64>> {
        let open = OpenSource::open(&self.source)?;
        let solid = self.blobs.iter().filter(|blob| blob.is_solid_resource());
        let chunk = |blob: &Blob| resource::solid_chunk_len(&open, blob.resource.offset);
        let lens = solid.map(chunk).collect::<std::result::Result<Vec<_>, _>>().map_err(|why| self.damaged(&why))?;
        open.check()?;
        Ok(lens.into_iter().max())
    }

    /// The metadata of the `index`-th image, from 1.
    ///
    /// # Errors
    ///
    /// When there is no such image, or its metadata is damaged.
    pub fn metadata(&self, index: u32) -> Result<Metadata> {
        let blob = self.metadata_blob(index)?;
        let open = OpenSource::open(&self.source)?;
        let packing = resource_compression(&self.header).map_err(|why| self.damaged(&why))?;
        let what = |why: String| self.damaged(&format!("the metadata of image {index} can't be read: {why}"));
        let bytes = resource::read(&open, packing, &blob_location(&blob.resource, blob.sha1)).map_err(what)?;
        open.check()?;
        Metadata::parse(&bytes).map_err(what)
    }

    /// The entry of the metadata of the `index`-th image.
    pub(super) fn metadata_blob(&self, index: u32) -> Result<Blob> {
        let at = (index as usize).checked_sub(1);
        let blob = at.and_then(|at| self.blobs.iter().filter(|blob| blob.is_metadata()).nth(at));
        blob.copied().ok_or_else(|| {
            Error::new(format!("`{}` has no image {index}: it holds {}", self.source.path(), self.header.n_images))
        })
    }

    /// A resource that holds bytes, as this WIM stores them, and whether it is compressed.
    pub(super) fn pack(&self, bytes: Vec<u8>) -> Result<(Vec<u8>, bool)> {
        Ok(resource::pack(bytes, resource_compression(&self.header).map_err(|why| self.damaged(&why))?))
    }

    /// A range of the WIM, to put something else together of.
    pub(super) fn runs(&self, range: Range<u64>) -> Vec<ByteRun> {
        match &*self.source {
            Source::File(file) => {
                let file: Arc<SourceFile> = Arc::new(file.clone());
                vec![ByteRun::Range { file, start: range.start, len: range.end - range.start }]
            }
            Source::Pieced(pieced) => pieced.runs(range),
        }
    }

    pub(super) fn damaged(&self, why: &str) -> Error {
        damaged(&self.source, why)
    }
}

fn damaged(source: &Source, why: &str) -> Error {
    Error::new(format!("`{}` is damaged: {why}", source.path())).help(verify_help(source.path()))
}

type StructureParts = (WimHeader, Vec<Blob>, Xml, Option<Integrity>);

/// Why structures can't be read.
enum StructureError {
    Damaged(String),
    /// It is a part of a split WIM, which has so many.
    Part(u16),
}

impl<T: Into<String>> From<T> for StructureError {
    fn from(why: T) -> Self {
        Self::Damaged(why.into())
    }
}

fn read_structure(open: &OpenSource) -> std::result::Result<StructureParts, StructureError> {
    let len = open.len()?;
    if len < HEADER_LEN as u64 {
        return Err(format!("it has {len} bytes, and its header alone takes {HEADER_LEN}").into());
    }
    let mut bytes = [0; HEADER_LEN];
    open.fill(&mut bytes, 0)?;
    let header = WimHeader::parse(&bytes).ok_or("it does not begin with the header of a WIM file")?;
    if header.n_parts != 1 || header.flags & WimHeader::SPANNED != 0 {
        return Err(StructureError::Part(header.n_parts));
    }
    let packing = resource_compression(&header)?;
    let get = |what: &str, resource: &Resource| {
        let read = resource::unpack(open, packing, &blob_location(resource, [0; 20]));
        read.map_err(|why| format!("its {what} can't be read: {why}"))
    };
    let blobs = parse_table(&get("table of resources", &header.table)?);
    // Of solid resources the entries of contents say where they are within them.
    let is_inside = |blob: &Blob| {
        let resource = blob.resource;
        let is_placed = !blob.is_solid() || blob.is_solid_resource();
        !is_placed
            || resource.len == 0
            || (resource.offset >= HEADER_LEN as u64 && resource.end().is_some_and(|end| end <= len))
    };
    if !blobs.iter().all(is_inside) {
        return Err(format!("a resource lies outside of its {len} bytes").into());
    }
    let xml = Xml::parse(&get("XML", &header.xml)?)?;
    let integrity = match header.integrity.len {
        0 => None,
        _ => Some(Integrity::parse(&get("integrity table", &header.integrity)?)?),
    };
    let n_metadata = blobs.iter().filter(|blob| blob.is_metadata()).count();
    if n_metadata != header.n_images as usize || xml.images.len() != n_metadata {
        let n_described = xml.images.len();
        return Err(format!(
            "its header counts {} images, its table {n_metadata}, and its XML {n_described}",
            header.n_images
        )
        .into());
    }
    Ok((header, blobs, xml, integrity))
}

/// How the resources of a file are compressed.
pub(super) fn resource_compression(header: &WimHeader) -> std::result::Result<ResourceCompression, String> {
    let number = match header.flags {
        flags if flags & WimHeader::COMPRESSED == 0 => 0,
        flags if flags & WimHeader::LZX != 0 => 2,
        flags if flags & WimHeader::XPRESS != 0 => 1,
        flags if flags & WimHeader::LZMS != 0 => 3,
        _ => return Err("its compression is unknown".into()),
    };
    // A file says no chunk length where nothing is compressed.
    let compression = compression(number).unwrap_or(WimCompression::None);
    Ok(ResourceCompression { compression, chunk_len: if header.chunk_len == 0 { 32_768 } else { header.chunk_len } })
}

/// A resource as the reading of contents takes it.
pub(super) fn blob_location(resource: &Resource, sha1: [u8; 20]) -> resource::BlobLocation {
    resource::BlobLocation {
        len: resource.unpacked_len,
        sha1,
        is_missing: false,
        is_compressed: resource.flags & Resource::COMPRESSED != 0,
        is_solid: false,
        offset: 0,
        resource_offset: resource.offset,
        resource_len: resource.len,
        resource_unpacked_len: resource.unpacked_len,
    }
}
