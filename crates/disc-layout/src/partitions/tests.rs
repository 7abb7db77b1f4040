use std::io::{Cursor, Write};
use std::process::{Command, Stdio};

use super::*;

/// A disk that sfdisk made as a script says. None if there is no sfdisk.
fn disk(len: u64, script: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    std::fs::File::create(&path).unwrap().set_len(len).unwrap();
    let child = Command::new("sfdisk").arg("--quiet").arg(&path).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let Ok(mut child) = child else {
        assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "`sfdisk` is not installed");
        return None;
    };
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "sfdisk refused: {script}");
    Some(std::fs::read(&path).unwrap())
}

fn table(disk: &[u8]) -> Result<Option<PartitionTable>, PartitionFault> {
    read(&mut Cursor::new(disk))
}

/// Number, first sector and number of sectors of each partition.
fn places(table: &PartitionTable) -> Vec<(u32, u64, u64)> {
    table.partitions.iter().map(|p| (p.number, p.offset / 512, p.len / 512)).collect()
}

const MBR: &str = "label: dos
start=2048, size=4096, type=7, bootable
start=8192, size=16384, type=5
start=10240, size=2048, type=c
start=14336, size=2048, type=83
start=18432, size=1024, type=7
";

const GPT: &str = "label: gpt
start=2048, size=2048, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=\"EFI system partition\"
start=4096, size=2048, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE
start=6144, size=8192, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, name=\"Grüße\"
";

#[test]
fn an_mbr_has_its_primary_and_then_its_logical_partitions() {
    let Some(disk) = disk(16 << 20, MBR) else { return };
    let table = table(&disk).unwrap().unwrap();
    assert_eq!(table.scheme, PartitionScheme::Mbr);
    assert_eq!(places(&table), [(1, 2048, 4096), (5, 10240, 2048), (6, 14336, 2048), (7, 18432, 1024)]);
    assert!(table.partitions[0].is_active && !table.partitions[1].is_active);
    assert_eq!(table.partitions[2].kind.to_string(), "Linux");
}

#[test]
fn a_gpt_has_names_and_types() {
    let Some(disk) = disk(16 << 20, GPT) else { return };
    let table = table(&disk).unwrap().unwrap();
    assert_eq!((table.scheme, table.damage), (PartitionScheme::Gpt, None));
    assert_eq!(places(&table), [(1, 2048, 2048), (2, 4096, 2048), (3, 6144, 8192)]);
    let said: Vec<_> = table.partitions.iter().map(|p| (p.kind.to_string(), p.name.as_str())).collect();
    assert_eq!(said[0], ("EFI system".into(), "EFI system partition"));
    assert_eq!(said[1], ("Microsoft reserved".into(), ""));
    assert_eq!(said[2], ("basic data".into(), "Grüße"));
}

#[test]
fn a_gpt_with_one_good_copy_is_read_from_that() {
    let Some(whole) = disk(16 << 20, GPT) else { return };
    let places_of = |disk: &[u8]| {
        let table = table(disk).unwrap().unwrap();
        (places(&table), table.damage.unwrap())
    };
    let good = places(&table(&whole).unwrap().unwrap());
    let with = |at: usize| {
        let mut disk = whole.clone();
        disk[at] ^= 1;
        disk
    };
    // A bit of the first header, of its signature and of its entries; then a bit of the last header, and a truncated
    // disk.
    assert_eq!(places_of(&with(512 + 60)), (good.clone(), "the CRC of a GPT header is wrong"));
    assert_eq!(places_of(&with(512)), (good.clone(), "the first GPT header is missing"));
    assert_eq!(places_of(&with(1024 + 33)), (good.clone(), "the CRC of the GPT's entries is wrong"));
    let last = whole.len() - 512;
    assert_eq!(places_of(&with(last + 60)), (good.clone(), "the CRC of a GPT header is wrong"));
    assert_eq!(places_of(&whole[..last]), (good.clone(), "the backup GPT is missing"));
    let mut both = with(512 + 60);
    both[last + 60] ^= 1;
    assert!(matches!(table(&both), Err(PartitionFault::Damaged("the CRC of a GPT header is wrong"))));
    both[512..1024].fill(0);
    both[last..].fill(0);
    assert!(matches!(table(&both), Err(PartitionFault::Damaged(_))));
}

#[test]
fn what_has_no_partition_table_has_none() {
    for disk in [vec![], vec![0; 100], vec![0; 4096], vec![0xff; 1 << 20]] {
        assert_eq!(table(&disk).unwrap(), None);
    }
}

#[test]
fn a_chain_of_logical_partitions_that_never_ends_is_an_error() {
    let Some(mut disk) = disk(16 << 20, MBR) else { return };
    // The second record contains the location of the third. Replace it with its own.
    let second = (14336 - 2048) * 512;
    let own = (14336u32 - 2048 - 8192).to_le_bytes();
    disk[second + 446 + 16 + 8..][..4].copy_from_slice(&own);
    assert!(matches!(table(&disk), Err(PartitionFault::Damaged("the chain of logical partitions forms a loop"))));
}

#[test]
fn an_mbr_counts_in_the_sectors_in_which_its_partitions_begin() {
    let Some(disk) = disk(16 << 20, MBR) else { return };
    let sector_len = |disk: &[u8]| table(disk).unwrap().unwrap().sector_len;
    assert_eq!(sector_len(&disk), 512, "nothing is there");
    // The same values on a disk with sectors of 4,096 bytes. Each record is moved to where it belongs there.
    let mut wide = vec![0; 100 << 20];
    for sector in [0, 8192, 12288, 16384] {
        wide[sector * 4096..][..512].copy_from_slice(&disk[sector * 512..][..512]);
    }
    let boot = |disk: &mut [u8], at: usize, sector_len: u16| {
        disk[at..at + 11].copy_from_slice(b"\xeb\x52\x90NTFS    ");
        disk[at + 11..at + 13].copy_from_slice(&sector_len.to_le_bytes());
    };
    boot(&mut wide, 2048 * 4096, 4096);
    let found = table(&wide).unwrap().unwrap();
    assert_eq!((found.sector_len, found.partitions[0].offset), (4096, 2048 * 4096));
    // Remains of an older table in the other locations are ignored.
    boot(&mut wide, 2048 * 512, 4096);
    assert_eq!(sector_len(&wide), 4096);
    boot(&mut wide, 2048 * 512, 512);
    wide[8192 * 512 + 510..][..2].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(sector_len(&wide), 512);
}

#[test]
fn a_gpt_of_4096_byte_sectors_is_found() {
    let Some(disk) = disk(16 << 20, GPT) else { return };
    // The same table with each sector moved to where it belongs, and with matching headers.
    let mut wide = vec![0; 64 << 20];
    wide[..512].copy_from_slice(&disk[..512]);
    wide[2 * 4096..][..16384].copy_from_slice(&disk[1024..][..16384]);
    let mut header = disk[512..1024].to_vec();
    header[16..20].fill(0);
    let crc = gpt::crc32(&header[..92]);
    header[16..20].copy_from_slice(&crc.to_le_bytes());
    wide[4096..4608].copy_from_slice(&header);
    let table = table(&wide).unwrap().unwrap();
    assert_eq!((table.sector_len, table.partitions[0].offset), (4096, 2048 * 4096));
    assert_eq!(table.damage, Some("the backup GPT is missing"));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(200))]
    #[test]
    fn no_bytes_make_the_reader_panic(
        at in 0usize..1024, bytes in proptest::collection::vec(proptest::num::u8::ANY, 1..600), is_gpt: bool,
    ) {
        let mut disk = vec![0; 64 << 10];
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        if is_gpt {
            disk[446 + 4] = 0xee;
            disk[512..520].copy_from_slice(b"EFI PART");
        }
        disk[at..at + bytes.len()].copy_from_slice(&bytes);
        let _ = table(&disk);
    }
}
