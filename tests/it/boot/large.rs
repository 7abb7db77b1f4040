//! Discs as long as real ones, made by tsmedia: the boot sector finds `bootmgr` with 16 bits for the sectors of file
//! entries, and both firmwares read the description at the end of the disc.

use std::fs;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;
use tsmedia::content::{Content, SourceFile, Stat};
use tsmedia::date::Date;
use tsmedia::digest::Digest;
use tsmedia::firmware::Firmware::{Bios, Uefi};
use tsmedia::format::fat;
use tsmedia::format::iso;
use tsmedia::format::wim::Architecture;
use tsmedia::layout::{Layout, Slack};
use tsmedia::volume::{Folder, Volume};

use super::{MEDIUM, assert_started, from_wim, wanted, write};
use crate::fixtures::boot_programs;
use crate::fixtures::qemu::{Firmware, boot_disc};
use test_fixtures::is_thorough;

/// Sources of this length and longer are holes.
pub const HOLE: u64 = 16 << 20;

/// A disc with boot files, a boot image of so many bytes, and packages.
fn disc(len: u64, slack: Slack, scratch: &Path) -> PathBuf {
    let found = from_wim(&boot_programs::made().join("x64/boot.wim"), &wanted(Architecture::X64, &[Uefi, Bios]));
    let mut root = Folder::default();
    for (path, content) in found.files {
        root.insert(&path, content).unwrap();
    }
    root.insert("sources/boot.wim", hole(len, scratch)).unwrap();
    for n in 0..3_000 {
        let path = format!("SMS/PKG/BER{:05}/a folder with a long name {n}/setup.cmd", n / 30);
        root.insert(&path, Content::bytes(*b"rem\r\n")).unwrap();
    }
    root.insert("tsmedia/medium.toml", Content::bytes(MEDIUM.as_bytes())).unwrap();
    let mut boot = found.entries;
    if len > 4 << 30 {
        boot[1].image = large_efi_image(scratch);
    }
    let volume = Volume {
        label: "WIN11 BER".into(),
        id: Digest::hash(b"large"),
        date: Date::EARLIEST,
        root,
        parts: Vec::new(),
        boot,
    };
    let path = scratch.join("medium.iso");
    write(&iso::layout(&volume, slack).unwrap(), &path);
    path
}

/// An EFI boot image whose length has no room in the boot catalog.
fn large_efi_image(scratch: &Path) -> Layout {
    let program = fs::read(boot_programs::made().join("x64/media/efi/boot/bootx64.efi")).unwrap();
    let mut root = Folder::default();
    root.insert("EFI/BOOT/BOOTX64.EFI", Content::bytes(program)).unwrap();
    root.insert("padding", hole(40 << 20, scratch)).unwrap();
    let id = Digest::hash(b"image");
    let label = "EFI BOOT".into();
    let volume = Volume { label, id, date: Date::EARLIEST, root, parts: Vec::new(), boot: Vec::new() };
    fat::layout(&volume).unwrap()
}

fn hole(len: u64, scratch: &Path) -> Content {
    let path = Utf8PathBuf::try_from(scratch.join(format!("hole-{len}"))).unwrap();
    fs::File::create(&path).unwrap().set_len(len).unwrap();
    let stat = Stat::from_metadata(&fs::metadata(&path).unwrap());
    Content::file(SourceFile { path, stat })
}

fn starts(len: u64, slack: Slack, firmwares: &[Firmware]) {
    let scratch = tempfile::tempdir().unwrap();
    let disc = disc(len, slack, scratch.path());
    for firmware in firmwares {
        let by = if *firmware == Firmware::SeaBios { "BIOS" } else { "UEFI" };
        assert_started(&boot_disc(*firmware, &disc, scratch.path(), "tsmedia: st"), by);
    }
}

#[test]
fn a_disc_of_hundreds_of_megabytes_starts() {
    starts(400 << 20, Slack::Ample, &[Firmware::SeaBios]);
}

/// Its EFI boot image is longer than the boot catalog can say.
#[test]
fn a_disc_of_several_gigabytes_starts_from_both_firmwares() {
    if !is_thorough() {
        return;
    }
    starts(5 << 30, Slack::None, &[Firmware::SeaBios, Firmware::Ovmf]);
}
