//! Detects the file system of a volume by the signatures in its first 64 KiB and a few more bytes.
//!
//! NTFS, FAT, exFAT, ReFS and BitLocker are recognised by their boot sectors (FAT32 by the length of its table, FAT12
//! and FAT16 by the number of clusters), and the file systems of Linux by the magic numbers that `file` and `blkid`
//! use. A recognised volume may still be damaged; only its reader can tell.

use std::fmt;
use std::io::{self, Read};

use crate::little_endian;

/// Detected contents of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// NTFS.
    Ntfs,
    /// FAT with 12, 16 or 32 bits per cluster.
    Fat(u8),
    /// Other file system, by its name.
    Other(&'static str),
    /// Volume encrypted by BitLocker.
    BitLocker,
    /// Zeros wherever signatures would be.
    Empty,
    /// Unknown contents.
    Unknown,
}

/// Number of bytes that are examined. Btrfs has its signature at 64 KiB.
const LOOK_LEN: usize = (64 << 10) + 512;

/// Name, offset and bytes of each signature, the most reliable ones first.
const MARKS: [(&str, usize, &[u8]); 13] = [
    ("exFAT", 3, b"EXFAT   "),
    ("ReFS", 3, b"ReFS\0\0\0\0"),
    ("LUKS", 0, b"LUKS\xba\xbe"),
    ("XFS", 0, b"XFSB"),
    ("LVM", 536, b"LVM2 001"),
    ("Linux swap", 4086, b"SWAPSPACE2"),
    ("Btrfs", 0x10040, b"_BHRfS_M"),
    ("ISO 9660", 0x8001, b"CD001"),
    ("ext2, ext3 or ext4", 1080, b"\x53\xef"),
    ("HFS+", 1024, b"H+\0\x04"),
    ("APFS", 32, b"NXSB"),
    ("F2FS", 1024, b"\x10\x20\xf5\xf2"),
    ("SquashFS", 0, b"hsqs"),
];

/// Detects the file system of a volume that is read from its beginning.
pub fn recognise(volume: &mut impl Read) -> io::Result<FileSystem> {
    let mut bytes = Vec::with_capacity(LOOK_LEN);
    volume.take(LOOK_LEN as u64).read_to_end(&mut bytes)?;
    let has = |at: usize, mark: &[u8]| bytes.get(at..at + mark.len()) == Some(mark);
    if has(3, b"NTFS    ") {
        return Ok(FileSystem::Ntfs);
    }
    if has(3, b"-FVE-FS-") || has(3, b"MSWIN4.1") && has(0x1a8, BITLOCKER_TO_GO) {
        return Ok(FileSystem::BitLocker);
    }
    if let Some((name, ..)) = MARKS.iter().find(|(_, at, mark)| has(*at, mark)) {
        return Ok(FileSystem::Other(name));
    }
    if let Some(width) = fat_width(&bytes) {
        return Ok(FileSystem::Fat(width));
    }
    Ok(if bytes.iter().all(|byte| *byte == 0) { FileSystem::Empty } else { FileSystem::Unknown })
}

/// GUID in the boot sector of a stick encrypted by BitLocker, which otherwise looks like FAT32.
const BITLOCKER_TO_GO: &[u8] = b"\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01";

/// Number of bits per cluster if the bytes start with a FAT boot sector. A master boot record has other data in the
/// same place, so every field must be valid for FAT.
fn fat_width(bytes: &[u8]) -> Option<u8> {
    let boot = bytes.get(..512)?;
    let u16_at = |at: usize| little_endian::u16_at(boot, at);
    let u32_at = |at: usize| little_endian::u32_at(boot, at);
    let sector_len = u32::from(u16_at(11));
    let cluster_sectors = u32::from(boot[13]);
    let n_reserved = u32::from(u16_at(14));
    let n_tables = u32::from(boot[16]);
    let is_fat = (boot[0] == 0xeb && boot[2] == 0x90 || boot[0] == 0xe9)
        && matches!(sector_len, 512 | 1024 | 2048 | 4096)
        && cluster_sectors.is_power_of_two()
        && n_reserved > 0
        && (1..=2).contains(&n_tables)
        && boot[21] >= 0xf0;
    if !is_fat {
        return None;
    }
    let either = |short: u32, long: u32| if short == 0 { long } else { short };
    let n_sectors = either(u16_at(19).into(), u32_at(32));
    let table_len = either(u16_at(22).into(), u32_at(36));
    let root_sectors = (u32::from(u16_at(17)) * 32).div_ceil(sector_len);
    let before = u64::from(n_reserved) + u64::from(n_tables) * u64::from(table_len) + u64::from(root_sectors);
    match u64::from(n_sectors).checked_sub(before)? / u64::from(cluster_sectors) {
        _ if u16_at(22) == 0 => Some(32),
        0..4085 => Some(12),
        _ => Some(16),
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ntfs => f.write_str("NTFS"),
            Self::Fat(width) => write!(f, "FAT{width}"),
            Self::Other(name) => f.write_str(name),
            Self::BitLocker => f.write_str("BitLocker"),
            Self::Empty => f.write_str("empty"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::process::Command;

    use super::*;

    /// Detects a volume made by a system tool. `None` if the tool is missing.
    fn made(tool: &str, arguments: &[&str], len: u64) -> Option<FileSystem> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volume");
        std::fs::File::create(&path).unwrap().set_len(len).unwrap();
        match Command::new(tool).args(arguments).arg(&path).output() {
            Ok(output) => assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr)),
            Err(_) => {
                assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "`{tool}` is not installed");
                return None;
            }
        }
        Some(recognise(&mut std::fs::File::open(&path).unwrap()).unwrap())
    }

    #[test]
    fn volumes_are_recognised_that_other_tools_made() {
        for (tool, arguments, len, expected) in [
            ("mkntfs", &["-F", "-Q", "-T", "-q"][..], 2 << 20, FileSystem::Ntfs),
            ("mkfs.fat", &["-F", "12"], 1 << 20, FileSystem::Fat(12)),
            ("mkfs.fat", &["-F", "16"], 32 << 20, FileSystem::Fat(16)),
            ("mkfs.fat", &["-F", "32"], 64 << 20, FileSystem::Fat(32)),
            ("mke2fs", &["-q", "-t", "ext4"], 2 << 20, FileSystem::Other("ext2, ext3 or ext4")),
            ("mkswap", &[], 1 << 20, FileSystem::Other("Linux swap")),
        ] {
            if let Some(found) = made(tool, arguments, len) {
                assert_eq!(found, expected, "{tool} {arguments:?}");
            }
        }
    }

    #[test]
    fn what_holds_no_file_system_is_not_taken_for_one() {
        let found = |bytes: &[u8]| recognise(&mut Cursor::new(bytes)).unwrap();
        assert_eq!(found(&[]), FileSystem::Empty);
        assert_eq!(found(&[0; 4096]), FileSystem::Empty);
        assert_eq!(found(&[0xeb; 4096]), FileSystem::Unknown);
        let mut locked = vec![0; 4096];
        locked[..11].copy_from_slice(b"\xeb\x58\x90-FVE-FS-");
        assert_eq!(found(&locked), FileSystem::BitLocker);
    }
}
