//! Structures of a WIM file, from which other WIMs are derived.
//!
//! Reads any source, including derived WIMs. Header, table, XML and metadata (by SHA-1) are
//! checked; contents are not. Not supported, with an error for each: split, encrypted and pipable
//! files, and taking single contents out of solid resources.

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

/// Structures of a stand-alone WIM.
#[derive(Clone, Debug)]
pub struct WimStructure {
    source: Arc<Source>,
    /// Header.
    pub header: WimHeader,
    /// Blob table.
    pub blobs: Vec<Blob>,
    /// XML.
    pub xml: Xml,
    /// Integrity table, if there is one.
    pub integrity: Option<Integrity>,
}

impl WimStructure {
    /// Reads the structures of a WIM.
    ///
    /// # Errors
    ///
    /// If it is damaged, or a part of a split WIM.
    pub fn read(source: Arc<Source>) -> Result<Self> {
        let path = source.path().to_owned();
        let open = OpenSource::open(&source)?;
        let read = read_structure(&open);
        open.check()?;
        match read {
            Ok((header, blobs, xml, integrity)) => Ok(Self { source, header, blobs, xml, integrity }),
            Err(StructureError::Damaged(why)) => Err(damaged(&source, &why)),
            Err(StructureError::Part(1)) => {
                Err(Error::new(format!("`{path}` is marked as the only part of a split WIM"))
                    .help(format!("re-export it: `{}`", command::export(&path, None, ""))))
            }
            Err(StructureError::Part(_)) => Err(Error::new(format!("`{path}` is a part of a split WIM"))
                .help(format!("join the parts first: `{}`", command::join(&path)))),
        }
    }

    /// Source of the WIM.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Returns `true` if contents are in solid resources, so that single ones can't be copied.
    pub fn is_solid(&self) -> bool {
        self.blobs.iter().any(Blob::is_solid)
    }

    /// Identity of the images and their contents: equal for two WIMs only if these are equal.
    pub fn identity(&self) -> Digest {
        let numbers = [self.header.version, self.header.flags, self.header.boot_index, self.integrity.is_some().into()];
        let parts = [numbers.map(u32::to_le_bytes).concat(), table_to_bytes(&self.blobs), self.xml.to_bytes()];
        let digests: Vec<u8> = parts.iter().flat_map(|part| Digest::hash(part).0).collect();
        Digest::hash(&digests)
    }

    /// Length of the longest solid chunk in bytes; `None` if the WIM is not solid.
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

    /// Reads the metadata of image `index`, from 1.
    ///
    /// # Errors
    ///
    /// If there is no such image, or its metadata are damaged.
    pub fn metadata(&self, index: u32) -> Result<Metadata> {
        let blob = self.metadata_blob(index)?;
        let open = OpenSource::open(&self.source)?;
        let packing = resource_compression(&self.header).map_err(|why| self.damaged(&why))?;
        let what = |why: String| self.damaged(&format!("the metadata of image {index} can't be read: {why}"));
        let bytes = resource::read(&open, packing, &blob_location(&blob.resource, blob.sha1)).map_err(what)?;
        open.check()?;
        Metadata::parse(&bytes).map_err(what)
    }

    /// Blob of the metadata of image `index`.
    pub(super) fn metadata_blob(&self, index: u32) -> Result<Blob> {
        let at = (index as usize).checked_sub(1);
        let blob = at.and_then(|at| self.blobs.iter().filter(|blob| blob.is_metadata()).nth(at));
        blob.copied().ok_or_else(|| {
            Error::new(format!(
                "`{}` has no image {index}; number of images: {}",
                self.source.path(),
                self.header.n_images
            ))
        })
    }

    /// Compresses a resource as in this WIM. Returns `false` if it stays uncompressed.
    pub(super) fn pack(&self, bytes: Vec<u8>) -> Result<(Vec<u8>, bool)> {
        Ok(resource::pack(bytes, resource_compression(&self.header).map_err(|why| self.damaged(&why))?))
    }

    /// Runs of bytes for a range of the WIM.
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

/// Fields of [`WimStructure`] without the source.
type StructureParts = (WimHeader, Vec<Blob>, Xml, Option<Integrity>);

/// Reason why structures can't be read.
enum StructureError {
    Damaged(String),
    /// The WIM is a part of a split WIM with this number of parts.
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
        return Err(format!("it has {len} bytes, but its header alone has {HEADER_LEN}").into());
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
    // Contents in solid resources have an offset within the unpacked resource.
    let is_inside = |blob: &Blob| {
        let resource = blob.resource;
        let is_placed = !blob.is_solid() || blob.is_solid_resource();
        !is_placed
            || resource.len == 0
            || (resource.offset >= HEADER_LEN as u64 && resource.end().is_some_and(|end| end <= len))
    };
    if !blobs.iter().all(is_inside) {
        return Err(format!("a resource is outside of its {len} bytes").into());
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

/// Compression of the resources, from the header.
pub(super) fn resource_compression(header: &WimHeader) -> std::result::Result<ResourceCompression, String> {
    let number = match header.flags {
        flags if flags & WimHeader::COMPRESSED == 0 => 0,
        flags if flags & WimHeader::LZX != 0 => 2,
        flags if flags & WimHeader::XPRESS != 0 => 1,
        flags if flags & WimHeader::LZMS != 0 => 3,
        _ => return Err("its compression is unknown".into()),
    };
    // Uncompressed files need not give a chunk length.
    let compression = compression(number).unwrap_or(WimCompression::None);
    Ok(ResourceCompression { compression, chunk_len: if header.chunk_len == 0 { 32_768 } else { header.chunk_len } })
}

/// Location of a resource that is not solid.
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
