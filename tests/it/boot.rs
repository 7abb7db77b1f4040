//! Boots discs under SeaBIOS, OVMF and AAVMF with the programs that `resolve::boot` finds. The discs are made by
//! genisoimage, and large ones by tsmedia.

mod large;

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixtures::boot_programs;
use crate::fixtures::qemu::{Firmware, boot_disc, boot_stick};
use camino::Utf8Path;
use test_fixtures::is_thorough;
use tsmedia::content::Content;
use tsmedia::date::Date;
use tsmedia::digest::Digest;
use tsmedia::firmware;
use tsmedia::format::fat;
use tsmedia::format::partitions::PartitionScheme;
use tsmedia::format::stick;
use tsmedia::format::wim::Architecture;
use tsmedia::layout::{Layout, Piece, Slack};
use tsmedia::manifest::SecureBootCa;
use tsmedia::resolve::boot::{BootFiles, BootOptions, BootSource, find_boot_files};
use tsmedia::resolve::wim::KnownWim;
use tsmedia::volume::{Folder, Volume};

const MEDIUM: &str = "label = \"WIN11 BER\"\nkind = \"stand-alone\"\n";

fn wanted(architecture: Architecture, firmware: &[firmware::Firmware]) -> BootOptions {
    BootOptions {
        architecture,
        firmware: firmware.to_vec(),
        secure_boot_ca: SecureBootCa::Ca2011,
        store: None,
        prompt: false,
        date: Date::EARLIEST,
    }
}

fn from_wim(path: &Utf8Path, wanted: &BootOptions) -> BootFiles {
    find_boot_files(BootSource::Image { wim: &KnownWim::open(path, None).unwrap(), index: 1 }, wanted).unwrap()
}

/// Writes a layout. Sources of several megabytes are sparse, and so is their content on the medium.
fn write(layout: &Layout, path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    file.set_len(layout.len()).unwrap();
    for extent in layout.extents() {
        file.seek(SeekFrom::Start(extent.offset)).unwrap();
        match &extent.piece {
            Piece::Bytes(bytes) => file.write_all(bytes).unwrap(),
            Piece::Source { .. } if extent.len >= large::HOLE => {}
            Piece::Source { file: source, .. } => file.write_all(&fs::read(source.path()).unwrap()).unwrap(),
        }
    }
}

/// Disc with UDF and Joliet like those that tsmedia makes.
fn disc(found: &BootFiles, scratch: &Path) -> PathBuf {
    disc_made_by(&["genisoimage", "-quiet", "-udf", "-J"], Some(MEDIUM), found, scratch)
}

/// Disc with the boot files, the description of the medium, and so many folders before it that the root folder of ISO
/// 9660 takes several sectors.
fn disc_made_by(program: &[&str], medium: Option<&str>, found: &BootFiles, scratch: &Path) -> PathBuf {
    let tree = scratch.join("tree");
    for n in 0..150 {
        fs::create_dir_all(tree.join(format!("A{n:03}"))).unwrap();
    }
    for (path, content) in &found.files {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&Layout::from(content), &path);
    }
    if let Some(medium) = medium {
        fs::create_dir_all(tree.join("tsmedia")).unwrap();
        fs::write(tree.join("tsmedia/medium.toml"), medium).unwrap();
    }
    let disc = scratch.join("medium.iso");
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).args(["-V", "WIN11 BER", "-o"]).arg(&disc);
    for (n, entry) in found.entries.iter().enumerate() {
        let name = format!("record{n}");
        write(&entry.image, &tree.join(&name));
        if n > 0 {
            command.arg("-eltorito-alt-boot");
        }
        match entry.firmware {
            firmware::Firmware::Bios => command.args(["-b", &name, "-no-emul-boot", "-boot-load-size", "8"]),
            firmware::Firmware::Uefi => command.args(["-e", &name, "-no-emul-boot"]),
        };
    }
    let output = command.arg(&tree).output().expect("the maker of the disc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    disc
}

/// Output of the stand-in programs.
fn assert_started(said: &str, by: &str) {
    let at = said.find("tsmedia stand-in boot program").unwrap_or_else(|| panic!("{said}"));
    let expected =
        format!("tsmedia stand-in boot program ({by})\nvolume label: WIN11 BER\n{MEDIUM}\ntsmedia: started by {by}\n");
    assert_eq!(&said[at..], expected);
}

#[test]
fn a_disc_with_boot_files_of_a_boot_image_starts_from_both_firmwares() {
    if !is_thorough() {
        return;
    }
    use firmware::Firmware::{Bios, Uefi};
    let scratch = tempfile::tempdir().unwrap();
    let found = from_wim(&boot_programs::made().join("x64/boot.wim"), &wanted(Architecture::X64, &[Uefi, Bios]));
    assert_eq!(found.notes, []);
    let disc = disc(&found, scratch.path());
    let said = boot_disc(Firmware::SeaBios, &disc, scratch.path(), "tsmedia: started by");
    assert_started(&said, "BIOS");
    let said = boot_disc(Firmware::Ovmf, &disc, scratch.path(), "tsmedia: started by");
    assert_started(&said, "UEFI");
}

#[test]
fn a_bios_finds_the_description_however_names_are_written() {
    let found =
        from_wim(&boot_programs::made().join("x64/boot.wim"), &wanted(Architecture::X64, &[firmware::Firmware::Bios]));
    for program in [
        &["genisoimage", "-quiet", "-iso-level", "1"][..],
        &["genisoimage", "-quiet", "-iso-level", "3", "-l", "-allow-lowercase"],
        &["genisoimage", "-quiet", "-iso-level", "4"],
        &["xorriso", "-as", "mkisofs", "-quiet", "-J", "-iso-level", "3"],
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let disc = disc_made_by(program, Some(MEDIUM), &found, scratch.path());
        assert_started(&boot_disc(Firmware::SeaBios, &disc, scratch.path(), "tsmedia: started by"), "BIOS");
    }
}

#[test]
fn a_description_may_take_several_sectors() {
    if !is_thorough() {
        return;
    }
    let text: String = (0..400).map(|n| format!("key-{n} = \"value\"\n")).collect();
    let found = from_wim(
        &boot_programs::made().join("x64/boot.wim"),
        &wanted(Architecture::X64, &[firmware::Firmware::Uefi, firmware::Firmware::Bios]),
    );
    let scratch = tempfile::tempdir().unwrap();
    let disc = disc_made_by(&["genisoimage", "-quiet", "-udf", "-J"], Some(&text), &found, scratch.path());
    for firmware in [Firmware::SeaBios, Firmware::Ovmf] {
        let said = boot_disc(firmware, &disc, scratch.path(), "tsmedia: started by");
        assert!(said.contains(&text), "{firmware:?}: {said}");
    }
}

#[test]
fn a_disc_without_a_description_is_said_to_be_so() {
    if !is_thorough() {
        return;
    }
    let found = from_wim(
        &boot_programs::made().join("x64/boot.wim"),
        &wanted(Architecture::X64, &[firmware::Firmware::Uefi, firmware::Firmware::Bios]),
    );
    let scratch = tempfile::tempdir().unwrap();
    let disc = disc_made_by(&["genisoimage", "-quiet", "-udf", "-J"], None, &found, scratch.path());
    let said = boot_disc(Firmware::SeaBios, &disc, scratch.path(), "tsmedia: stopped");
    assert!(said.ends_with("tsmedia: stopped: there is no tsmedia/medium.toml on the disc\n"), "{said}");
    let said = boot_disc(Firmware::Ovmf, &disc, scratch.path(), "tsmedia: stopped");
    assert!(said.ends_with("tsmedia: stopped: no volume has a tsmedia/medium.toml\n"), "{said}");
}

#[test]
fn a_disc_for_arm64_starts() {
    if !is_thorough() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let wanted = wanted(Architecture::Arm64, &[firmware::Firmware::Uefi]);
    let found = from_wim(&boot_programs::made().join("arm64/boot.wim"), &wanted);
    let said = boot_disc(Firmware::Aavmf, &disc(&found, scratch.path()), scratch.path(), "tsmedia: started by");
    assert_started(&said, "UEFI");
}

#[test]
fn uefi_reads_fat_volumes_of_every_width() {
    if !is_thorough() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let program = fs::read(boot_programs::made().join("x64/media/efi/boot/bootx64.efi")).unwrap();
    // FAT12, FAT16 and FAT32 by their sizes; the last is mostly a hole.
    let padding = scratch.path().join("padding");
    for len in [1 << 20, 20 << 20, 600 << 20] {
        fs::File::create(&padding).unwrap().set_len(len).unwrap();
        let mut root = Folder::default();
        root.insert("EFI/BOOT/BOOTX64.EFI", Content::bytes(program.clone())).unwrap();
        root.insert("tsmedia/medium.toml", Content::bytes(MEDIUM.as_bytes())).unwrap();
        let id = Digest::hash(b"stick");
        let volume =
            Volume { label: "WIN11 BER".into(), id, date: Date::EARLIEST, root, parts: Vec::new(), boot: Vec::new() };
        // The padding is never written: the extents are those of a volume that has it.
        let mut with_padding = volume.clone();
        let stat = tsmedia::content::Stat::from_metadata(&fs::metadata(&padding).unwrap());
        let path = camino::Utf8PathBuf::try_from(padding.clone()).unwrap();
        let source = tsmedia::content::SourceFile { path, stat };
        with_padding.root.insert("sources/padding", Content::file(source)).unwrap();
        let layout = fat::layout(&with_padding).unwrap();
        let in_memory = layout.extents().iter().filter(|extent| matches!(extent.piece, Piece::Bytes(_))).cloned();
        let stick = scratch.path().join("stick.img");
        write(&Layout::new(layout.len(), in_memory.collect()), &stick);
        let said = boot_stick(Firmware::Ovmf, &stick, scratch.path(), "tsmedia: started by");
        assert_started(&said, "UEFI");
    }
}

#[test]
fn a_stick_starts_under_uefi_whatever_its_partition_table() {
    if !is_thorough() {
        return;
    }
    for (machine, folder, name, scheme) in [
        // The example starts the other way round.
        (Firmware::Ovmf, "x64", "BOOTX64.EFI", PartitionScheme::Gpt),
        (Firmware::Aavmf, "arm64", "BOOTAA64.EFI", PartitionScheme::Mbr),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let program = format!("{folder}/media/efi/boot/{}", name.to_lowercase());
        let mut root = Folder::default();
        root.insert(
            &format!("EFI/BOOT/{name}"),
            Content::bytes(fs::read(boot_programs::made().join(program)).unwrap()),
        )
        .unwrap();
        root.insert("tsmedia/medium.toml", Content::bytes(MEDIUM.as_bytes())).unwrap();
        let id = Digest::hash(b"stick");
        let volume =
            Volume { label: "WIN11 BER".into(), id, date: Date::EARLIEST, root, parts: Vec::new(), boot: Vec::new() };
        // As on a stick of 8 GB: with clusters of 16 KiB.
        let layout = stick::layout(&volume, Slack::Ample, scheme, Some(8_000_000_000)).unwrap();
        let image = scratch.path().join("stick.img");
        write(&layout, &image);
        assert_started(&boot_stick(machine, &image, scratch.path(), "tsmedia: started by"), "UEFI");
    }
}

#[test]
fn the_examples_are_the_same_bytes_every_time() {
    let scratch = tempfile::tempdir().unwrap();
    let again = camino::Utf8PathBuf::try_from(scratch.path().join("again")).unwrap();
    boot_programs::make(&again);
    let output = Command::new("diff").args(["-r", boot_programs::made().as_str(), again.as_str()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
