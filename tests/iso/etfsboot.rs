//! Reads a disc as `etfsboot.com`, the boot sector of Windows discs, was seen to: by UDF, with the sectors of file
//! entries in 16 bits, and file entries with one short allocation descriptor only.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Paths that it looks for.
pub const PATHS: [&str; 5] = ["", "boot", "boot/bootfix.bin", "boot/bootmgr", "bootmgr"];

/// A disc whose anchor, partition and file set it found.
pub struct Disc {
    image: File,
    partition: u32,
    root: u32,
}

/// A file or folder as its entry has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub is_folder: bool,
    /// Sector of the entry itself.
    pub entry: u16,
    /// First sector of the content.
    pub sector: u32,
    pub len: u32,
}

impl Disc {
    pub fn open(image: &Path) -> Self {
        let image = File::open(image).unwrap();
        let read = |sector: u32| read(&image, sector.into(), 1);
        let anchor = read(256);
        assert_eq!((le16(&anchor, 0), le32(&anchor, 12)), (2, 256), "no anchor");
        let (mut partition, mut file_set) = (None, None);
        for sector in (le32(&anchor, 20)..).take(le32(&anchor, 16) as usize / 2_048) {
            let descriptor = read(sector);
            match le16(&descriptor, 0) {
                5 => partition = Some(le32(&descriptor, 188)),
                6 => file_set = Some(le32(&descriptor, 252)),
                _ => (),
            }
        }
        let partition = partition.unwrap();
        let sector = u16::try_from(partition + file_set.unwrap()).expect("the file set is below sector 65,536");
        let file_set = read(sector.into());
        assert_eq!(le16(&file_set, 0), 256, "no file set");
        let root = le32(&file_set, 404);
        Self { image, partition, root }
    }

    /// What is at a path; none if it is not there. What it could not read is an error of the test.
    pub fn find(&self, path: &str) -> Option<Entry> {
        let mut found = self.entry(self.root, "the root folder");
        for name in path.split('/').filter(|name| !name.is_empty()) {
            assert!(found.is_folder, "`{path}`: not in a folder");
            let block = self.block_of(&found, name)?;
            found = self.entry(block, path);
        }
        Some(found)
    }

    /// Some of the bytes of a file.
    pub fn start_of(&self, entry: &Entry) -> Vec<u8> {
        let mut bytes = read(&self.image, entry.sector.into(), 1);
        bytes.truncate(entry.len as usize);
        bytes
    }

    fn entry(&self, block: u32, what: &str) -> Entry {
        let sector = self.partition + block;
        let entry = u16::try_from(sector).unwrap_or_else(|_| panic!("the entry of `{what}` is in sector {sector}"));
        let d = read(&self.image, entry.into(), 1);
        assert_eq!(le16(&d, 0), 261, "`{what}` has no file entry");
        assert_eq!(le16(&d, 34) & 7, 0, "`{what}` has no short allocation descriptors");
        let (attributes_len, descriptors_len) = (le32(&d, 168), le32(&d, 172));
        assert!(attributes_len < 65_536 && descriptors_len == 8, "`{what}`: {descriptors_len} bytes of descriptors");
        let at = 176 + attributes_len as usize;
        let sector = self.partition + le32(&d, at + 4);
        Entry { is_folder: d[27] == 4, entry, sector, len: le32(&d, at) & 0x3FFF_FFFF }
    }

    /// The block of the entry of what has a name in a folder.
    fn block_of(&self, folder: &Entry, name: &str) -> Option<u32> {
        let mut bytes = read(&self.image, folder.sector.into(), u64::from(folder.len).div_ceil(2_048));
        bytes.truncate(folder.len as usize);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (name_len, use_len) = (usize::from(rest[19]), usize::from(le16(rest, 36)));
            let found: String = match &rest[38 + use_len..][..name_len] {
                [8, bytes @ ..] => bytes.iter().map(|byte| char::from(*byte)).collect(),
                _ => String::new(),
            };
            if found.eq_ignore_ascii_case(name) {
                return Some(le32(rest, 24));
            }
            rest = &rest[(38 + name_len + use_len).next_multiple_of(4)..];
        }
        None
    }
}

fn read(image: &File, sector: u64, n_sectors: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(n_sectors * 2_048).unwrap()];
    image.read_exact_at(&mut bytes, sector * 2_048).unwrap();
    bytes
}

fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
