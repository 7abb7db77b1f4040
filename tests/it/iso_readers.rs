//! Disc images in independent readers, which must find all files byte for byte and report no problem.

mod grub;

use std::fs;
use std::os::unix::fs::FileExt;

use crate::fixtures::disc::readers::{
    self, text, with_etfsboot, with_isoinfo, with_our_own, with_pycdlib, with_udfinfo,
};
use crate::fixtures::disc::{Sample, assert_quiet, assert_same_stream, run};
use test_fixtures::is_thorough;
use tsmedia::firmware::Firmware;
use tsmedia::format::iso::layout;
use tsmedia::layout::Slack;

/// Runs all readers. Returns what xorriso reports about the boot catalog.
fn with_all(sample: &Sample) -> String {
    readers::with_all(sample, &sample.image())
}

fn iso_read(image: &std::path::Path) -> tsmedia::format::iso::IsoDisc {
    tsmedia::format::iso::read(&mut fs::File::open(image).unwrap()).unwrap()
}

fn tiny() -> Sample {
    let mut sample = Sample::new("TINY");
    sample.source("readme.txt", b"hello\n");
    sample.source("SMS/data/TsmBootstrap.ini", b"[x]\r\n");
    sample.source("sources/boot.wim", &noise(3 << 20));
    sample.source("sources/middle.bin", &noise(70_001));
    sample.made("tsmedia/medium.toml", b"made = true\n");
    sample
}

/// Makes bytes that are the same in every run but differ from file to file.
fn noise(len: usize) -> Vec<u8> {
    let mut state = len as u64 | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn a_tiny_tree_with_bios_and_uefi_programs_is_read_by_all() {
    let mut sample = tiny();
    sample.boot(Firmware::Bios, &[0xFA; 4_096]);
    sample.boot(Firmware::Uefi, &noise(1_474_560));
    let report = with_all(&sample);
    let lines: Vec<_> = report.lines().filter(|line| line.starts_with("El Torito boot img")).collect();
    assert_eq!(lines.len(), 2, "{report}");
    assert!(lines[0].contains("BIOS  y   none  0x0000  0x00      8"), "{report}");
    assert!(lines[1].contains("UEFI  y   none  0x0000  0x00   2880"), "{report}");
}

#[test]
fn boot_programs_that_are_files_of_the_tree_are_found_there() {
    let mut sample = tiny();
    for (platform, path, len) in
        [(Firmware::Bios, "boot/start.com", 4_096), (Firmware::Uefi, "efi/boot.img", 1_474_560)]
    {
        let bytes = noise(len);
        sample.made(path, &bytes);
        sample.boot(platform, &bytes);
    }
    let report = with_all(&sample);
    assert!(!report.contains("hidden"), "{report}");
    for line in ["El Torito img path :   1  /boot/start.com", "El Torito img path :   2  /efi/boot.img"] {
        assert!(report.contains(line), "{report}");
    }
}

#[test]
fn a_disc_for_uefi_alone_is_read_by_all() {
    let mut sample = tiny();
    sample.boot(Firmware::Uefi, &noise(40 << 20));
    let report = with_all(&sample);
    // The size has no room in the catalog.
    assert!(report.contains("UEFI  y   none  0x0000  0x00      1"), "{report}");
    assert!(!report.contains("BIOS"), "{report}");
}

#[test]
fn a_disc_for_bios_alone_is_read_by_all() {
    let mut sample = tiny();
    sample.boot(Firmware::Bios, &[0xFA; 2_048]);
    let report = with_all(&sample);
    assert!(report.contains("BIOS  y   none  0x0000  0x00      8"), "{report}");
    assert!(!report.contains("UEFI"), "{report}");
}

#[test]
fn an_empty_tree_is_read_by_all() {
    with_all(&Sample::new("EMPTY"));
}

#[test]
fn empty_files_and_folders_are_read_by_all() {
    let mut sample = Sample::new("NOTHING IN IT");
    sample.empty_folder("a");
    sample.empty_folder("b/c/d");
    sample.source("empty.txt", b"");
    sample.source("b/empty", b"");
    sample.made("b/made.txt", b"");
    with_all(&sample);
    sample.source("b/c/full.txt", b"full");
    with_all(&sample);
}

#[test]
fn names_beyond_ascii_are_read_by_all() {
    let mut sample = Sample::new("Größe ЖЖ");
    for (n, name) in [
        "größe.txt",
        "Ünïcödé",
        "жизнь.ini",
        "日本語のファイル.txt",
        "with space.txt",
        "plus+minus-.txt",
        "a.b.c.d",
        ".hidden",
        "no_extension",
        "ÿ.bin",
        "UPPER.TXT",
        "mixed.Case",
        "€uro/fünf/жук.dat",
        "brackets[1].{2}.txt",
        "100%.txt",
        "quote'.txt",
        "a&b=c,d~e`f!g@h#i$.txt",
    ]
    .iter()
    .enumerate()
    {
        sample.source(name, name.repeat(n + 1).as_bytes());
    }
    sample.source(&format!("{}.txt", "n".repeat(99)), b"as long as Joliet holds");
    with_all(&sample);
}

#[test]
fn names_that_only_udf_holds_are_whole_there() {
    let mut sample = Sample::new("LONG");
    for (n, name) in [
        "l".repeat(254),
        format!("{}m", "l".repeat(253)),
        "ж".repeat(127),
        "😀".repeat(63),
        "semi;colon.txt".into(),
        "smile 😀.txt".into(),
    ]
    .iter()
    .enumerate()
    {
        sample.source(name, format!("content {n}").as_bytes());
    }
    let image = sample.image();
    with_udfinfo(&sample, &image);
    with_isoinfo(&sample, &image);
    with_pycdlib(&sample, &image);
    with_our_own(&sample, &image);
    let report = run("7z", &["l", "-ba", "-slt", text(&image)]);
    assert_quiet("7z l", &run("7z", &["t", text(&image)]));
    for path in sample.files.keys() {
        assert!(report.contains(&format!("Path = {path}\n")), "{report}");
    }
}

#[test]
fn thirty_levels_of_folders_are_read_by_all() {
    let mut sample = Sample::new("DEEP");
    let mut path = String::new();
    for level in 0..30 {
        path += &format!("level{level}/");
        sample.source(&format!("{path}file{level}.txt"), format!("at level {level}").as_bytes());
    }
    with_all(&sample);
}

#[test]
fn three_thousand_files_are_read_by_all() {
    let mut sample = Sample::new("FILES");
    for n in 0..3_000usize {
        let bytes = noise(n * 7 % 5_000);
        sample.source(&format!("package{}/folder{}/file number {n}.dat", n % 7, n % 41), &bytes);
    }
    with_all(&sample);
}

#[test]
fn many_folders_whose_path_tables_follow_the_head_are_read_by_all() {
    let mut sample = Sample::new("FOLDERS");
    for n in 0..60 {
        for m in 0..60 {
            sample.empty_folder(&format!("folder with a long name {n}/another long name {m}"));
        }
    }
    sample.source("one.txt", b"one");
    with_all(&sample);
}

/// Three packages with files of each size class, and files outside of packages.
fn with_parts() -> Sample {
    let mut sample = tiny();
    for n in 0..400usize {
        let part = ["SMS/PKG/BER00001", "SMS/PKG/BER00002", "SMS/PKG/BER00003"][n % 3];
        sample.source(&format!("{part}/folder {}/file {n}.dat", n % 7), &noise(n * 37 % 9_000));
    }
    // A slot of its own, a group of its own, and one that ends in the middle of a sector.
    for (n, len) in [(1, (1 << 20) + 1), (2, 64 << 10), (3, 300_001)] {
        sample.source(&format!("SMS/PKG/BER0000{n}/large.bin"), &noise(len));
    }
    sample.source("SMS/PKG/BER00004.wim", &noise(90_000));
    sample.volume.parts = (1..4).map(|n| format!("SMS/PKG/BER0000{n}")).collect();
    sample.volume.parts.push("SMS/PKG/BER00004.wim".into());
    sample.boot(Firmware::Bios, &[0xFA; 4_096]);
    sample.boot(Firmware::Uefi, &noise(1_474_560));
    sample
}

#[test]
fn packages_that_have_regions_of_their_own_are_read_by_all() {
    let mut sample = with_parts();
    let places = |sample: &Sample| {
        let layout = layout(&sample.volume, Slack::Ample).unwrap();
        layout.extents().iter().map(|extent| extent.offset).collect::<Vec<_>>()
    };
    let apart = places(&sample);
    with_all(&sample);
    sample.volume.parts.clear();
    assert_ne!(apart, places(&sample), "the packages are where they would be without regions");
}

#[test]
fn a_disc_without_slack_is_read_by_all() {
    let mut sample = with_parts();
    let len = |slack| layout(&sample.volume, slack).unwrap().len();
    assert!(len(Slack::None) < len(Slack::Ample));
    sample.slack = Slack::None;
    with_all(&sample);
}

#[test]
fn a_file_beyond_four_gib_is_read_by_all() {
    if !is_thorough() {
        return;
    }
    let mut sample = Sample::new("LARGE");
    let source = sample.folder.path().join("large.wim");
    let file = fs::File::create(&source).unwrap();
    let len = (4 << 30) + (300 << 20) + 12_345;
    file.set_len(len).unwrap();
    // Marks at the ends, and on both sides of where extents of UDF (1 GiB) and ISO 9660 (4 GiB) meet.
    for (n, at) in [0, 0x3FFF_F7FE, 0x7FFF_EFFE, 0xFFFF_DFFC, 0xFFFF_F7FE, len - 4].into_iter().enumerate() {
        file.write_all_at(format!("<{n}>!").as_bytes(), at).unwrap();
    }
    drop(file);
    sample.add("sources/large.wim", &source);
    sample.source("sources/small.txt", b"small");
    sample.made("tsmedia/made.txt", b"made");
    let image = sample.sparse_image();
    with_udfinfo(&sample, &image);
    with_isoinfo(&sample, &image);
    with_our_own(&sample, &image);
    // The script compares the surroundings of all multiples of 1 GiB, and of the end.
    with_pycdlib(&sample, &image);
    // Extracting to a file would fill the disk of a small machine.
    let image = text(&image);
    let path = "sources/large.wim";
    assert_same_stream("7z", &["x", "-tudf", "-so", image, path], &source);
    assert_same_stream("7z", &["x", "-tiso", "-so", image, path], &source);
    assert_same_stream("bsdtar", &["-xOf", image, path], &source);
    for kind in ["-tudf", "-tiso"] {
        assert_quiet("7z t", &run("7z", &["t", kind, image]));
    }
    let report = run("xorriso", &["-report_about", "NOTE", "-indev", image, "-lsl", "/sources"]);
    assert_quiet("xorriso", &report);
    assert!(report.contains(&len.to_string()), "{report}");
}

/// Boot files for BIOS with names in some spelling, and a large sparse file.
fn started(len: u64, spelling: impl Fn(&str) -> String) -> Sample {
    let mut sample = Sample::new("STARTED");
    for path in ["bootmgr", "boot/bcd", "boot/bootfix.bin", "boot/fonts/a.ttf"] {
        sample.source(&spelling(path), &noise(path.len() * 1_000));
    }
    sample.boot(Firmware::Bios, &[0xFA; 4_096]);
    sample.boot(Firmware::Uefi, &noise(1_474_560));
    let hole = sample.folder.path().join("hole");
    fs::File::create(&hole).unwrap().set_len(len).unwrap();
    sample.add("sources/boot.wim", &hole);
    sample
}

#[test]
fn the_boot_sector_finds_bootmgr_however_long_the_disc_is() {
    let capitals = |path: &str| path.to_uppercase();
    let lens: &[u64] = if is_thorough() { &[1 << 20, 140 << 20, 400 << 20, 5 << 30, 40 << 30] } else { &[400 << 20] };
    for len in lens.iter().copied() {
        for slack in [Slack::Ample, Slack::None] {
            let mut sample = started(len, capitals);
            sample.slack = slack;
            let image = sample.sparse_image();
            // Root folder, `boot`, `bootfix.bin` and `bootmgr` each have their own sector, whatever else is there.
            assert_eq!(with_etfsboot(&sample, &image), [259, 260, 261, 263], "{len} {slack:?}");
            with_our_own(&sample, &image);
            with_udfinfo(&sample, &image);
            with_isoinfo(&sample, &image);
        }
    }
}

#[test]
fn the_boot_sector_finds_bootmgr_on_a_disc_with_very_many_folders() {
    if !is_thorough() {
        return;
    }
    let mut sample = started(300 << 20, str::to_owned);
    // In the folder of Windows discs that others take it from, too; this one is empty.
    sample.source("boot/BootMgr", b"");
    for n in 0..20_000 {
        let path = format!("SMS/PKG/BER{:05}/a folder with a long name {n}", n / 100);
        sample.volume.root.insert_folder(&path).unwrap();
    }
    for slack in [Slack::Ample, Slack::None] {
        sample.slack = slack;
        let image = sample.sparse_image();
        assert_eq!(with_etfsboot(&sample, &image), [259, 260, 261, 262, 263]);
        assert_quiet("udfinfo", &run("udfinfo", &[text(&image)]));
        assert_quiet("isoinfo", &run("isoinfo", &["-p", "-i", text(&image)]));
        let disc = iso_read(&image);
        assert_eq!(disc.disagreements(), []);
        assert!(disc.files().len() > 20_000);
    }
}

#[test]
fn the_file_entries_that_a_boot_sector_reads_stay_when_anything_else_grows() {
    let bytes_of = |len: u64, n_packages: usize| {
        let mut sample = started(len, str::to_owned);
        for n in 0..n_packages {
            sample.source(&format!("SMS/PKG/BER0000{n}/setup.cmd"), &noise(n * 1_000));
        }
        let mut bytes = vec![0; 8 * 2_048];
        fs::File::open(sample.sparse_image()).unwrap().read_exact_at(&mut bytes, 257 * 2_048).unwrap();
        bytes
    };
    let before = bytes_of(300 << 20, 3);
    // There is one more package, whose structures have room.
    assert_eq!(bytes_of(300 << 20, 4), before);
    let after = bytes_of((300 << 20) + 4_096, 3);
    let changed: Vec<_> = (0..8).filter(|n| before[n * 2_048..][..2_048] != after[n * 2_048..][..2_048]).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

/// Reads images made by other programs with our reader.
#[test]
fn images_by_genisoimage_and_xorriso_are_read() {
    let mut sample = Sample::new("OTHERS");
    let tree = sample.target("tree");
    for (path, bytes) in [("readme.txt", &b"hello\n"[..]), ("a/b/größe.txt", b"deep"), ("a/empty", b"")] {
        sample.source(path, bytes);
        fs::create_dir_all(tree.join(path).parent().unwrap()).unwrap();
        fs::write(tree.join(path), bytes).unwrap();
    }
    for n in 0..200 {
        fs::create_dir_all(tree.join(format!("many/{n}"))).unwrap();
        fs::write(tree.join(format!("many/{n}/file.txt")), n.to_string()).unwrap();
    }
    fs::write(tree.join("boot.img"), [0xFA; 2_048]).unwrap();
    let image = sample.folder.path().join("other.iso");
    let read = || tsmedia::format::iso::read(&mut fs::File::open(&image).unwrap()).unwrap();
    let bytes_at = |disc: &tsmedia::format::iso::IsoDisc, path: &str| {
        let file = disc.files().iter().find(|file| file.path == path).unwrap_or_else(|| panic!("no {path}: {disc:?}"));
        let mut bytes = vec![0; file.len as usize];
        if let [range] = &file.extents[..] {
            fs::File::open(&image).unwrap().read_exact_at(&mut bytes, range.start).unwrap();
        }
        bytes
    };
    let (tree, out) = (text(&tree), text(&image));

    let boot = ["-b", "boot.img", "-no-emul-boot", "-boot-load-size", "4"];
    let names = ["-input-charset", "utf-8", "-V", "OTHERS", "-J", "-quiet", "-o", out];
    run("genisoimage", &[&["-udf"][..], &names, &boot, &[tree]].concat());
    let disc = read();
    assert_eq!((disc.label.udf.as_deref(), disc.label.iso.as_deref()), (Some("OTHERS"), Some("OTHERS")));
    assert_eq!((disc.boot.len(), disc.boot[0].platform, disc.boot[0].n_sectors), (1, 0, 4));
    assert_eq!(bytes_at(&disc, "a/b/größe.txt"), b"deep");
    assert_eq!(bytes_at(&disc, "many/150/file.txt"), b"150");
    // Its boot catalog is a file, too.
    assert_eq!(disc.files().iter().filter(|file| !file.is_folder).count(), 205);

    run("xorriso", &["-as", "mkisofs", "-quiet", "-J", "-V", "OTHERS", "-o", out, tree]);
    let disc = read();
    assert_eq!((disc.udf.is_none(), disc.label.joliet.as_deref()), (true, Some("OTHERS")));
    assert_eq!(bytes_at(&disc, "a/b/größe.txt"), b"deep");
    assert_eq!(disc.disagreements(), []);

    run("xorriso", &["-as", "mkisofs", "-quiet", "-V", "OTHERS", "-o", out, tree]);
    assert_eq!(bytes_at(&read(), "README.TXT"), b"hello\n");
}
