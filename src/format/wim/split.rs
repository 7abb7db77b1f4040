//! Split WIMs (`.swm`), for files that are too large for a file system or disc.
//!
//! Each part is assembled from ranges of the WIM, so nothing is recompressed. All parts have the
//! GUID and the XML, and each has a table of its own resources. As with wimlib and DISM, the
//! metadata of all images are in the first part, and no image is the boot image. If the WIM has an
//! integrity table, each part gets one. Not supported: WIMs with solid resources, and contents
//! longer than a part.

use super::command;
use super::derive::{Assembly, derive_guid};
use super::header::{HEADER_LEN, Resource, WimHeader};
use super::integrity::{self, Integrity};
use super::structure::WimStructure;
use super::table::{Blob, table_to_bytes};
use crate::content::Pieced;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::size::Size;

/// Naming scheme for the parts of a WIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartNames {
    /// `install.swm`, `install2.swm`: the names that Windows Setup and DISM expect.
    Setup,
    /// `install000.swm`, `install001.swm`: the names on stand-alone media of Configuration Manager.
    ConfigurationManager,
}

impl PartNames {
    /// Name of part `n`, from 1, of a file with the name `stem` without extension.
    pub fn part_name(self, stem: &str, n: usize) -> String {
        match (self, n) {
            (Self::Setup, 1) => format!("{stem}.swm"),
            (Self::Setup, n) => format!("{stem}{n}.swm"),
            (Self::ConfigurationManager, n) => format!("{stem}{:03}.swm", n - 1),
        }
    }
}

impl WimStructure {
    /// Splits this WIM into parts of at most `part_len` bytes.
    ///
    /// # Errors
    ///
    /// If a content is longer than a part, contents are solid, or there would be more than 65,535
    /// parts.
    pub fn split(&self, part_len: u64, progress: &Progress) -> Result<Vec<Pieced>> {
        let path = self.source().path();
        if self.is_solid() {
            return Err(Error::new(format!("`{path}` has solid resources, which can't be split"))
                .help(format!("convert it: `{}`", command::export(path, None, "--compress=LZX"))));
        }
        let parts = divide(self, part_len)?;
        if self.integrity.is_some() {
            progress.start(self.source().len());
        }
        let n_parts = u16::try_from(parts.len())
            .map_err(|_| Error::new(format!("`{path}` would be split into {} parts", parts.len())))?;
        let guid = derive_guid(&[&self.header.guid, &part_len.to_le_bytes(), &n_parts.to_le_bytes()]);
        (1..=n_parts)
            .zip(parts)
            .map(|(number, blobs)| build_part(self, (number, n_parts), guid, blobs, progress))
            .collect()
    }
}

/// Distributes the resources over the parts.
fn divide(wim: &WimStructure, part_len: u64) -> Result<Vec<Vec<Blob>>> {
    let (mut metadata, mut contents): (Vec<Blob>, Vec<Blob>) = wim.blobs.iter().partition(|blob| blob.is_metadata());
    contents.sort_by_key(|blob| (blob.resource.offset, blob.sha1));
    // Every part also has a header, the XML and an integrity table, which is counted at its
    // longest.
    let integrity_len = match &wim.integrity {
        Some(table) => {
            Integrity { chunks: Vec::new(), ..*table }.to_bytes().len() as u64 + 20 * part_len.div_ceil(table.chunk_len)
        }
        None => 0,
    };
    let fixed = HEADER_LEN as u64 + wim.xml.to_bytes().len() as u64 + integrity_len;
    let taken = |blob: &Blob| blob.resource.len + Blob::LEN as u64;
    let first = fixed + metadata.iter().map(taken).sum::<u64>();
    if first > part_len {
        return Err(too_long_error(wim, "the metadata of its images", first, part_len));
    }
    let mut parts = vec![Vec::new()];
    let mut len = first;
    for blob in contents {
        if fixed + taken(&blob) > part_len {
            return Err(too_long_error(wim, &describe_blob(wim, &blob), blob.resource.len, part_len));
        }
        if len + taken(&blob) > part_len {
            parts.push(Vec::new());
            len = fixed;
        }
        len += taken(&blob);
        if let Some(part) = parts.last_mut() {
            part.push(blob);
        }
    }
    parts[0].append(&mut metadata);
    Ok(parts)
}

fn too_long_error(wim: &WimStructure, what: &str, len: u64, part_len: u64) -> Error {
    let path = wim.source().path();
    let (len, part) = (Size(len), Size(part_len));
    Error::new(format!("`{path}` can't be split into parts of {part}: {what} takes {len} and can't be split")).help(
        "remove it from the image, or allow larger files: a larger `capacity` for discs, or \
         `large-files = \"ntfs\"` for sticks",
    )
}

/// Describes a content by the path of the first file that contains it.
fn describe_blob(wim: &WimStructure, blob: &Blob) -> String {
    for index in 1..=wim.header.n_images {
        let Ok(metadata) = wim.metadata(index) else { continue };
        if let Some(path) = metadata.root.find_content(&blob.sha1) {
            return format!("`{path}` in image {index}");
        }
    }
    "a file".into()
}

/// Assembles a part.
fn build_part(
    wim: &WimStructure,
    (part, n_parts): (u16, u16),
    guid: [u8; 16],
    blobs: Vec<Blob>,
    progress: &Progress,
) -> Result<Pieced> {
    let mut new = Assembly::new();
    let mut placed = Vec::with_capacity(blobs.len());
    for mut blob in blobs {
        let range = blob.resource.offset..blob.resource.offset + blob.resource.len;
        blob.resource.offset = new.add_range(wim, range);
        blob.part = part;
        placed.push(blob);
    }
    let mut header = WimHeader {
        flags: wim.header.flags | WimHeader::SPANNED,
        guid,
        part,
        n_parts,
        boot_index: 0,
        boot_metadata: Resource::default(),
        ..wim.header.clone()
    };
    if n_parts == 1 {
        header.flags &= !WimHeader::SPANNED;
    }
    header.table = new.add_bytes(table_to_bytes(&placed));
    let covered = new.at;
    header.xml = new.add_bytes(wim.xml.to_bytes());
    header.integrity = match &wim.integrity {
        Some(old) => {
            let table = integrity::updated(old, 0, covered, &new.to_pieced(wim, &header), progress)?;
            new.add_bytes(table.to_bytes())
        }
        None => Resource::default(),
    };
    Ok(new.to_pieced(wim, &header))
}
