use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::*;
use crate::progress::Progress;

/// Folder with a disk image of 14 MiB, partly content and partly hole.
struct DriveFixture {
    folder: TempDir,
}

const LEN: u64 = 14 << 20;

impl DriveFixture {
    fn new() -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        fixture.partition("image", LEN, "label: dos\nstart=2048, type=c, bootable\n");
        let file = fs::File::options().write(true).open(fixture.path("image")).unwrap();
        for (at, len) in [(1 << 20, 100), (5 << 20, 1 << 20), ((12 << 20) + 77, 700_000), (LEN - 9, 9)] {
            let bytes: Vec<u8> = (0..len).map(|n| (n * 31 + n / 251 + at) as u8 | 1).collect();
            file.write_all_at(&bytes, at).unwrap();
        }
        fixture
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    fn partition(&self, name: &str, len: u64, script: &str) {
        fs::File::create(self.path(name)).unwrap().set_len(len).unwrap();
        let line = format!("sfdisk --quiet {} <<'END'\n{script}END", self.path(name));
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    fn image(&self) -> MediumFile {
        MediumFile::open(&self.path("image")).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path("image")).unwrap()
    }
}

/// Drive in memory that may fail or lie.
struct Memory {
    bytes: Vec<u8>,
    /// Number of writes before it fails.
    n_writes: usize,
    n_written: usize,
    /// Offset from which it discards writes, as a stick does that is smaller than it claims.
    end: usize,
}

impl Memory {
    fn of(bytes: Vec<u8>) -> Self {
        Self { end: bytes.len(), bytes, n_writes: usize::MAX, n_written: 0 }
    }

    /// Creates a drive that is full of other data.
    fn used(len: u64) -> Self {
        Self::of(vec![0xa5; len as usize])
    }
}

impl Drive for Memory {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&mut self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        bytes.copy_from_slice(&self.bytes[at as usize..][..bytes.len()]);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        assert!((at % 512, bytes.len() % 512) == (0, 0), "{} bytes at {at} are not whole sectors", bytes.len());
        self.n_writes = self.n_writes.checked_sub(1).ok_or_else(|| io::Error::other("the stick was pulled out"))?;
        let (start, end) = (at as usize, (at as usize + bytes.len()).min(self.end));
        if start < end {
            self.bytes[start..end].copy_from_slice(&bytes[..end - start]);
        }
        self.n_written += bytes.len();
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn transfer(image: &MediumFile, drive: &mut Memory, how: TransferMode) -> Result<TransferResult> {
    let progress = Progress::default();
    let mut transfer = Transfer::new(image, drive, "stick".into(), how)?;
    transfer.write(&progress)?;
    transfer.check(&progress)?;
    transfer.finish()
}

#[test]
fn a_drive_becomes_the_medium_whatever_it_held() {
    let fixture = DriveFixture::new();
    let wanted = fixture.bytes();
    for len in [LEN, LEN + 512, LEN + (3 << 20)] {
        let mut drive = Memory::used(len);
        let done = transfer(&fixture.image(), &mut drive, TransferMode::Whole).unwrap();
        assert!(drive.bytes[..LEN as usize] == wanted, "{len}");
        assert_eq!((done.n_written, done.n_kept), (LEN, 0));
        // Zeros of the medium cost little where the drive has them already.
        let mut blank = Memory::of(vec![0; len as usize]);
        let done = transfer(&fixture.image(), &mut blank, TransferMode::Whole).unwrap();
        assert!(blank.bytes[..LEN as usize] == wanted, "{len}");
        assert!(done.n_written < 9 << 20, "{done:?}");
    }
}

#[test]
fn of_a_drive_that_holds_another_build_only_what_differs_is_written() {
    let fixture = DriveFixture::new();
    let wanted = fixture.bytes();
    let mut drive = Memory::of(wanted.clone());
    let done = transfer(&fixture.image(), &mut drive, TransferMode::Differences).unwrap();
    assert_eq!((done.n_written, done.n_kept, drive.n_written), (0, LEN, 0));
    for at in [3, 5 << 20, LEN as usize - 1] {
        drive.bytes[at] ^= 1;
    }
    let done = transfer(&fixture.image(), &mut drive, TransferMode::Differences).unwrap();
    assert!(drive.bytes == wanted);
    // The start, and two blocks of 64 KiB at most.
    assert!(done.n_written <= (1 << 20) + 2 * (64 << 10), "{done:?}");
}

#[test]
fn of_a_drive_that_was_found_to_be_empty_no_data_are_written_over() {
    let fixture = DriveFixture::new();
    for at in [0, 3, 2 << 20, (5 << 20) + 4_711, LEN as usize - 1, (20 << 20) - 1] {
        let mut drive = Memory::of(vec![0; 20 << 20]);
        drive.bytes[at] = 9;
        let error = transfer(&fixture.image(), &mut drive, TransferMode::Empty).unwrap_err();
        assert_eq!(error.to_string(), format!("`stick` seemed to be empty, but holds data from byte {at} on"));
        assert_eq!(drive.bytes[at], 9);
        let start = &drive.bytes[..1 << 20];
        assert!(start.iter().filter(|byte| **byte != 0).count() <= 1, "it starts something");
    }
    let mut drive = Memory::of(vec![0; 20 << 20]);
    transfer(&fixture.image(), &mut drive, TransferMode::Empty).unwrap();
    assert!(drive.bytes[..LEN as usize] == fixture.bytes());
}

#[test]
fn a_drive_that_fails_at_any_write_starts_nothing() {
    let fixture = DriveFixture::new();
    let mut n_writes = 0;
    loop {
        let mut drive = Memory::used(LEN + (1 << 20));
        drive.n_writes = n_writes;
        let done = transfer(&fixture.image(), &mut drive, TransferMode::Whole);
        if done.is_ok() {
            break;
        }
        let error = done.unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("pulled out"), "{error}");
        // Either nothing was written, or its start is cleared.
        let start = &drive.bytes[..1 << 20];
        let expected = if n_writes == 0 { 0xa5 } else { 0 };
        assert!(start.iter().all(|byte| *byte == expected), "after {n_writes} writes");
        n_writes += 1;
    }
    assert!(n_writes > 5, "only {n_writes} writes");
}

#[test]
fn a_drive_that_gives_back_other_bytes_is_told_and_starts_nothing() {
    let fixture = DriveFixture::new();
    let mut drive = Memory::used(LEN);
    drive.end = 13 << 20;
    let error = transfer(&fixture.image(), &mut drive, TransferMode::Whole).unwrap_err();
    // The medium has zeros here, so the drive was to be cleared.
    assert_eq!(error.to_string(), "`stick` returned different bytes than were written, from byte 13631488 on");
    assert!(drive.bytes[..1 << 20].iter().all(|byte| *byte == 0));
}

#[test]
fn a_transfer_can_be_interrupted() {
    let fixture = DriveFixture::new();
    let image = fixture.image();
    let progress = Progress::default();
    let mut drive = Memory::used(LEN);
    let mut transfer = Transfer::new(&image, &mut drive, "stick".into(), TransferMode::Whole).unwrap();
    assert!(!transfer.is_begun());
    transfer.write(&progress).unwrap();
    progress.cancel();
    assert!(transfer.check(&progress).is_err() && transfer.is_begun());
}

#[test]
fn an_image_that_changes_meanwhile_is_not_made_bootable() {
    let fixture = DriveFixture::new();
    let image = fixture.image();
    let progress = Progress::default();
    let mut drive = Memory::used(LEN);
    let mut transfer = Transfer::new(&image, &mut drive, "stick".into(), TransferMode::Whole).unwrap();
    transfer.write(&progress).unwrap();
    fs::File::options().write(true).open(fixture.path("image")).unwrap().write_all_at(b"x", 2 << 20).unwrap();
    assert!(transfer.check(&progress).and_then(|()| transfer.finish().map(drop)).is_err());
    assert!(drive.bytes[..1 << 20].iter().all(|byte| *byte == 0));
}

/// Output of `sgdisk --verify` for a file.
fn sgdisk(path: &Utf8Path) -> String {
    let ran = Command::new("sgdisk").args(["--verify", path.as_str()]).output().unwrap();
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn on_a_larger_drive_the_second_partition_table_is_at_its_end_and_the_medium_is_found_as_it_was_made() {
    let fixture = DriveFixture::new();
    fixture.partition("image", LEN, "label: gpt\nstart=2048, size=24000, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n");
    let wanted = fixture.bytes();
    for more in [0, 512, 33 * 512, 8 << 20, (20 << 20) + 512] {
        let mut drive = Memory::used(LEN + more);
        transfer(&fixture.image(), &mut drive, TransferMode::Whole).unwrap();
        fs::write(fixture.path("stick"), &drive.bytes).unwrap();
        let said = sgdisk(&fixture.path("stick"));
        assert!(said.contains("No problems found") || (1..33 * 512).contains(&more), "{more}: {said}");
        let mut original = Original::find(fs::File::open(fixture.path("stick")).unwrap()).unwrap();
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut original, &mut bytes).unwrap();
        assert!(bytes[..LEN as usize] == wanted, "{more}");
        assert!(bytes.len() as u64 == LEN || (1..33 * 512).contains(&more), "{more}: {}", bytes.len());
        // A second transfer has nothing left to write.
        let done = transfer(&fixture.image(), &mut drive, TransferMode::Differences).unwrap();
        assert_eq!(done.n_written, 0, "{more}");
    }
}

#[test]
fn a_table_of_a_larger_medium_is_cleared_from_the_end() {
    let fixture = DriveFixture::new();
    fixture.partition("stick", LEN + (8 << 20), "label: gpt\nstart=2048, size=2048\n");
    let mut drive = Memory::of(fs::read(fixture.path("stick")).unwrap());
    assert!(drive.bytes[drive.bytes.len() - 512..].starts_with(b"EFI PART"));
    transfer(&fixture.image(), &mut drive, TransferMode::Whole).unwrap();
    assert!(drive.bytes[LEN as usize..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_file_takes_the_place_of_a_disk_and_is_locked() {
    let fixture = DriveFixture::new();
    fs::write(fixture.path("stick"), vec![7; (LEN + 5_000) as usize]).unwrap();
    let target = DeviceTarget::find(&fixture.path("stick"), &System::at("/nowhere")).unwrap();
    assert_eq!((target.disk.len % 512, target.refusals(LEN), target.refusals(LEN + 5_120).len()), (0, vec![], 1));
    let mut drive = target.open(&System::at("/")).unwrap();
    assert!(target.open(&System::at("/")).is_err(), "it was opened twice");
    let image = fixture.image();
    let progress = Progress::default();
    let mut transfer = Transfer::new(&image, &mut drive, "stick".into(), TransferMode::Whole).unwrap();
    transfer.write(&progress).and_then(|()| transfer.check(&progress)).unwrap();
    transfer.finish().unwrap();
    let mut odd = vec![0; 10_000];
    drive.read(&mut odd, (5 << 20) + 333).unwrap();
    let bytes = fs::read(fixture.path("stick")).unwrap();
    assert!(bytes[..LEN as usize] == fixture.bytes() && bytes[(5 << 20) + 333..][..10_000] == odd);
}

#[test]
fn what_a_link_led_to_is_written_to_wherever_it_leads_by_then() {
    let fixture = DriveFixture::new();
    let (first, other, link) = (fixture.path("first"), fixture.path("other"), fixture.path("link"));
    fs::write(&first, vec![0; 20 << 20]).unwrap();
    fs::write(&other, vec![7; 20 << 20]).unwrap();
    std::os::unix::fs::symlink(&first, &link).unwrap();
    let target = DeviceTarget::find(&link, &System::at("/nowhere")).unwrap();
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&other, &link).unwrap();
    assert!(DriveContents::read(&target, &Progress::default()).unwrap().is_blank);
    let mut drive = target.open(&System::at("/")).unwrap();
    let image = fixture.image();
    let mut transfer = Transfer::new(&image, &mut drive, "stick".into(), TransferMode::Empty).unwrap();
    transfer.write(&Progress::default()).unwrap();
    transfer.finish().unwrap();
    assert!(fs::read(&first).unwrap()[..LEN as usize] == fixture.bytes());
    assert!(fs::read(&other).unwrap() == vec![7; 20 << 20]);
}

/// Finds signs of use in a file of 100 MB with these bytes at these offsets.
fn signs_of(marks: &[(u64, &[u8])]) -> DriveContents {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("stick");
    let file = fs::File::create_new(&path).unwrap();
    file.set_len(100 << 20).unwrap();
    marks.iter().for_each(|(at, bytes)| file.write_all_at(bytes, *at).unwrap());
    let target = DeviceTarget::find(&path, &System::at("/nowhere")).unwrap();
    DriveContents::read(&target, &Progress::default()).unwrap()
}

#[test]
fn a_file_is_empty_only_if_all_of_it_is_and_says_what_it_seems_to_hold() {
    const END: u64 = 100 << 20;
    assert!(signs_of(&[]).is_blank);
    // Written zeros count as empty, like holes.
    assert!(signs_of(&[(50 << 20, &[0; 9_000])]).is_blank);
    for (at, mark, what) in [
        (END - 512, b"EFI PART".as_slice(), "a backup GPT"),
        (END - 4096, b"EFI PART", "a backup GPT"),
        (END - 8192, b"\xfc\x4e\x2b\xa9", "Linux RAID"),
        (END - 65536, b"\xfc\x4e\x2b\xa9", "Linux RAID"),
        (END - 1024, b"Intel Raid ISM Cfg Sig. ", "Intel RAID"),
        (END - (384 << 10) + 5 * 1024, b"\x0c\xb1\xba\0\0\0\0\0", "ZFS"),
        ((1 << 20) + 1080, b"\x53\xef", "ext2, ext3 or ext4"),
        ((1 << 20) + 3, b"NTFS    ", "NTFS"),
        (63 * 512 + 3, b"EXFAT   ", "exFAT"),
        ((64 << 20) + 64, b"_BHRfS_M", "Btrfs"),
        (4 << 20, b"LUKS\xba\xbe", "LUKS"),
    ] {
        let found = signs_of(&[(at, mark)]);
        let seen: Vec<_> = found.signs.iter().map(|sign| sign.what).collect();
        assert_eq!((seen, found.is_blank, found.status(None, 1)), (vec![what], false, DriveStatus::Other));
    }
    assert!(!signs_of(&[(0, b"x")]).is_blank);
    for at in [1 << 20, (33 << 20) + 77, END - 1] {
        let found = signs_of(&[(at, b"x")]);
        assert_eq!((found.first_data, found.is_blank, found.status(None, 1)), (Some(at), false, DriveStatus::Other));
    }
}

#[test]
fn a_drive_is_looked_at_by_sample_and_a_file_as_a_whole() {
    const LEN: u64 = 40 << 30;
    let found = |at: u64, is_device: bool| {
        let file = tempfile::tempfile().unwrap();
        file.set_len(LEN).unwrap();
        file.write_all_at(b"x", at).unwrap();
        signs::first_data(&file, LEN, is_device, &Progress::default()).unwrap()
    };
    for at in [0, (16 << 20) - 1, 16 << 20, LEN - (16 << 20), LEN - 1] {
        assert_eq!([found(at, true), found(at, false)], [(Some(at), SearchExtent::Enough); 2]);
    }
    let between = (16 << 20) + 4096;
    let (none, looked) = found(between, true);
    assert!(none.is_none() && matches!(looked, SearchExtent::Sample { n_places: 4000..4200, .. }), "{looked:?}");
    assert_eq!(found(between, false), (Some(between), SearchExtent::Enough));
}

/// Needs the loop device that `tests/file-systems` sets up as root.
#[test]
fn a_block_device_is_opened_for_nobody_else_and_written_past_the_cache() {
    let Some(path) = std::env::var_os("TSMEDIA_TEST_DEVICE") else { return };
    let fixture = DriveFixture::new();
    let path = Utf8PathBuf::from(path.into_string().unwrap());
    let target = DeviceTarget::find(&path, &System::at("/")).unwrap();
    assert!(target.is_device && target.disk.len > LEN, "{target:?}");
    assert_eq!(target.refusals(LEN), [DiskRefusal::NotRemovable]);
    let mut drive = target.open(&System::at("/")).unwrap();
    assert_eq!(
        target.open(&System::at("/")).unwrap_err().advice(),
        target.cannot_open(io::ErrorKind::ResourceBusy.into()).advice()
    );
    let image = fixture.image();
    let progress = Progress::default();
    let mut transfer = Transfer::new(&image, &mut drive, &path, TransferMode::Whole).unwrap();
    transfer.write(&progress).and_then(|()| transfer.check(&progress)).unwrap();
    transfer.finish().unwrap();
    assert!(drive.is_direct(), "it went through the page cache");
    drop(drive);
    assert!(fs::read(&path).unwrap()[..LEN as usize] == fixture.bytes());
}
