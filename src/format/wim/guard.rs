//! Checks of a WIM file before wimlib reads it. wimlib reads tables, XML and metadata of any length
//! that the header claims, and lists a folder as often as other folders refer to its list.

use super::header::{HEADER_LEN, MAGIC, PIPABLE_MAGIC, Resource, WimHeader};
use super::metadata;
use super::resource::{self, ReadAt, ResourceCompression};
use super::structure::{blob_location, resource_compression};
use super::table::parse_table;
use crate::limits::{MAX_WIM_METADATA_LEN, MAX_WIM_TABLE_LEN, MAX_WIM_XML_LEN};

/// A WIM file with a checked header and table.
#[derive(Debug, Default)]
pub(super) struct Guard {
    packing: Option<ResourceCompression>,
    /// Metadata resources of the images in order.
    metadata: Vec<Resource>,
}

impl Guard {
    /// Checks the header and the table of a file. Files that are not WIMs are left for wimlib to
    /// reject.
    ///
    /// # Errors
    ///
    /// If the table, the XML or metadata are outside of the file or too long.
    pub(super) fn new(file: &impl ReadAt) -> Result<Self, String> {
        let file_len = file.len()?;
        let mut guard = Self::default();
        // Only a pipable file that was written to a pipe has a second header, at its end.
        for at in [0, file_len.saturating_sub(HEADER_LEN as u64)] {
            let mut bytes = [0; HEADER_LEN];
            if file_len < HEADER_LEN as u64 || file.fill(&mut bytes, at).is_err() {
                break;
            }
            let is_pipable = bytes.starts_with(&PIPABLE_MAGIC);
            if is_pipable {
                bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
            }
            if let Some(header) = WimHeader::parse(&bytes) {
                guard.check_header(file, file_len, &header)?;
            }
            if !is_pipable {
                break;
            }
        }
        Ok(guard)
    }

    fn check_header(&mut self, file: &impl ReadAt, file_len: u64, header: &WimHeader) -> Result<(), String> {
        check_resource("table of contents", &header.table, file_len, MAX_WIM_TABLE_LEN)?;
        check_resource("XML", &header.xml, file_len, MAX_WIM_XML_LEN)?;
        // wimlib reports other problems.
        let Ok(packing) = resource_compression(header) else { return Ok(()) };
        let table = resource::unpack(file, packing, &blob_location(&header.table, [0; 20])).unwrap_or_default();
        for blob in parse_table(&table).into_iter().filter(|blob| blob.is_metadata()) {
            check_resource("metadata", &blob.resource, file_len, MAX_WIM_METADATA_LEN)?;
            self.metadata.push(blob.resource);
        }
        self.packing = Some(packing);
        Ok(())
    }

    /// Checks that the folders of an image form a tree.
    pub(super) fn check_image(&self, file: &impl ReadAt, index: u32) -> Result<(), String> {
        let metadata = (index as usize).checked_sub(1).and_then(|at| self.metadata.get(at));
        let (Some(packing), Some(metadata)) = (self.packing, metadata) else { return Ok(()) };
        match resource::unpack(file, packing, &blob_location(metadata, [0; 20])) {
            Ok(bytes) => metadata::check_tree(&bytes),
            // wimlib reports metadata that can't be unpacked.
            Err(_) => Ok(()),
        }
    }

    /// Checks that the folders of every image form a tree.
    pub(super) fn check_images(&self, file: &impl ReadAt) -> Result<(), String> {
        (1..=self.metadata.len() as u32).try_for_each(|index| self.check_image(file, index))
    }
}

/// Checks the length and place of a resource.
fn check_resource(what: &str, resource: &Resource, file_len: u64, max_len: u64) -> Result<(), String> {
    let len = resource.len.max(resource.unpacked_len);
    if len > max_len {
        return Err(format!("its {what} would have {len} bytes; at most {max_len} are read"));
    }
    match resource.end() {
        Some(end) if end <= file_len => Ok(()),
        _ => Err(format!("its {what} would be at byte {}, but it has {file_len} bytes", resource.offset)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    use camino::Utf8PathBuf;

    use super::super::Wim;
    use super::super::header::{VERSION, array_at};
    use super::super::metadata::{ImageEntry, Metadata};
    use super::super::table::{self, table_to_bytes};
    use super::*;

    /// Header of a WIM with one image, and the given table and XML.
    fn header(table: Resource, xml: Resource) -> WimHeader {
        WimHeader {
            version: VERSION,
            flags: 0,
            chunk_len: 0,
            guid: [1; 16],
            part: 1,
            n_parts: 1,
            n_images: 1,
            table,
            xml,
            boot_metadata: Resource::default(),
            boot_index: 0,
            integrity: Resource::default(),
        }
    }

    fn refusal(header: &WimHeader, parts: &[(u64, &[u8])], len: u64) -> String {
        let root = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(root.path().join("a.wim")).unwrap();
        let file = File::create(&path).unwrap();
        file.set_len(len).unwrap();
        file.write_all_at(&header.to_bytes(), 0).unwrap();
        parts.iter().for_each(|(at, bytes)| file.write_all_at(bytes, *at).unwrap());
        let opened = Wim::open(&path).and_then(|wim| wim.find(1, "a/a/a/b").map(drop));
        opened.unwrap_err().to_string().replace(path.as_str(), "a.wim")
    }

    /// Resources of several gigabytes, in a hole: they must not be read into memory.
    #[test]
    fn lengths_that_a_header_claims_are_checked_before_anything_is_read() {
        const FILE_LEN: u64 = 1 << 42;
        let (small, huge) = (Resource::stored(208, 50, 0), Resource::stored(1 << 20, 8 << 30, 0));
        assert_eq!(
            refusal(&header(huge, small), &[], FILE_LEN),
            "`a.wim` is damaged: its table of contents would have 8589934592 bytes; at most 134217728 are read"
        );
        assert_eq!(
            refusal(&header(small, huge), &[], FILE_LEN),
            "`a.wim` is damaged: its XML would have 8589934592 bytes; at most 16777216 are read"
        );
        let beyond = Resource::stored(4_096, 50, 0);
        assert!(refusal(&header(beyond, small), &[], 4_096).contains("would be at byte 4096, but it has 4096 bytes"));
        // A compressed resource that claims to be huge.
        let packed = Resource { unpacked_len: 8 << 30, ..Resource::stored(1 << 20, 50, Resource::COMPRESSED) };
        assert!(refusal(&header(packed, small), &[], FILE_LEN).contains("its table of contents would have"));
        let blob = |resource| table::Blob { resource, part: 1, n_refs: 1, sha1: [1; 20] };
        let metadata = blob(Resource::stored(1 << 20, 8 << 30, Resource::METADATA));
        let table = table_to_bytes(&[metadata]);
        assert!(refusal(&header(small, small), &[(208, &table)], FILE_LEN).contains("its metadata would have"));
    }

    /// 2^40 paths in a few kilobytes: in each folder, two subfolders share a list.
    #[test]
    fn folders_that_share_their_lists_are_no_tree() {
        let folder = |name: &str, children| ImageEntry {
            name: name.encode_utf16().collect(),
            children,
            ..ImageEntry::default()
        };
        let mut below = Vec::new();
        for _ in 0..40 {
            below = vec![folder("a", below), folder("b", Vec::new())];
        }
        let mut bytes = Metadata { security: Vec::new(), root: folder("", below) }.to_bytes();
        assert_eq!(metadata::check_tree(&bytes), Ok(()));
        // The second subfolder gets the list of the first.
        let mut at = 8_usize;
        let number = |bytes: &[u8], at: usize| u64::from_le_bytes(array_at(bytes, at)) as usize;
        let mut lists = vec![number(&bytes, at + 0x10)];
        for _ in 0..40 {
            at = lists.pop().unwrap();
            let next = number(&bytes, at + 0x10);
            let second = (at + number(&bytes, at)).next_multiple_of(8);
            bytes[second + 0x10..second + 0x18].copy_from_slice(&(next as u64).to_le_bytes());
            lists.push(next);
        }
        assert!(metadata::check_tree(&bytes).unwrap_err().contains("folders"));
        let table_at = 208 + bytes.len() as u64;
        let metadata = Resource::stored(208, bytes.len() as u64, Resource::METADATA);
        let sha1 = <sha1::Sha1 as sha1::Digest>::digest(&bytes).into();
        let table = table_to_bytes(&[table::Blob { resource: metadata, part: 1, n_refs: 1, sha1 }]);
        let xml = "\u{feff}<WIM><IMAGE INDEX=\"1\"></IMAGE></WIM>";
        let xml: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let header = header(Resource::stored(table_at, 50, 0), Resource::stored(table_at + 50, xml.len() as u64, 0));
        let message = refusal(
            &header,
            &[(208, &bytes), (table_at, &table), (table_at + 50, &xml)],
            table_at + 50 + xml.len() as u64,
        );
        assert!(message.contains("folders"), "{message}");
    }
}
