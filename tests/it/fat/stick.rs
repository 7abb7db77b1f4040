//! Sticks as others read them: sfdisk, sgdisk, fsck.fat, mtools, 7z and the `fatfs` crate, beside our own reader.

use std::io::BufReader;

use tsmedia::format::partitions::PartitionScheme;
use tsmedia::format::stick;
use tsmedia::format::stick::Stick;
use tsmedia::layout::{Extent, Slack};
use tsmedia::output::ParsedMedium;

use super::*;

/// Writes the image of a stick, and its partition alone beside it; gives both.
fn made(
    scratch: &Scratch,
    root: &Folder,
    scheme: PartitionScheme,
    slack: Slack,
    capacity: Option<u64>,
) -> (PathBuf, PathBuf) {
    let volume = volume("WIN11 BER", root.clone());
    let (image, partition) = (scratch.path("stick.img"), scratch.path("partition.img"));
    write(&stick::layout(&volume, slack, scheme, capacity).unwrap(), &image);
    write(&fat::partition(&volume, slack, 2_048, capacity).unwrap(), &partition);
    (image, partition)
}

/// Every file with its bytes, and every folder, as our own reader sees them.
fn read_by_us(image: &Path) -> (Stick, BTreeMap<String, Option<Vec<u8>>>) {
    let mut file = BufReader::new(File::open(image).unwrap());
    let stick = read(&mut file).unwrap();
    let mut found = BTreeMap::new();
    for listed in &stick.files {
        let mut bytes = Vec::new();
        for extent in &listed.extents {
            file.seek(SeekFrom::Start(extent.start)).unwrap();
            (&mut file).take(extent.end - extent.start).read_to_end(&mut bytes).unwrap();
        }
        assert_eq!(bytes.len() as u64, listed.len, "{}", listed.path);
        found.insert(listed.path.clone(), (!listed.is_folder).then_some(bytes));
    }
    (stick, found)
}

fn read(image: &mut (impl Read + Seek)) -> tsmedia::error::Result<Stick> {
    match ParsedMedium::read(image)? {
        ParsedMedium::Stick(stick) => Ok(stick),
        other => panic!("{other:?}"),
    }
}

fn awkward() -> Folder {
    let mut root = boot_folder(9_000);
    for n in 0..2_500_usize {
        let path = format!("SMS/PKG/BER{:05}/Treiber für alles/inf {n:04}.inf", n % 9);
        root.insert(&path, bytes(n * 7 % 3_000, n as u8)).unwrap();
    }
    for (n, name) in ["readme.txt", "README~1.TXT", "ReadMe file.TXT", "readme file 2.txt", "LOWER.txt", "a.b.c.d"]
        .into_iter()
        .enumerate()
    {
        root.insert(&format!("names/{name}"), bytes(n * 900, 3)).unwrap();
    }
    let deep = "ebene ".repeat(4).trim_end().to_owned();
    root.insert(&format!("{}/ende.bin", vec![deep.as_str(); 40].join("/")), bytes(5, 5)).unwrap();
    root.insert("日本 😀 ".repeat(12).trim_end(), bytes(70_000, 6)).unwrap();
    root.insert(&"x".repeat(254), bytes(1_300_000, 7)).unwrap();
    root.insert_folder("empty/really/empty").unwrap();
    root
}

#[test]
fn every_reader_sees_a_stick_as_it_is_meant() {
    let root = awkward();
    for (scheme, slack) in [(PartitionScheme::Mbr, Slack::Ample), (PartitionScheme::Gpt, Slack::None)] {
        let scratch = Scratch::new();
        let (image, partition) = made(&scratch, &root, scheme, slack, None);
        let report = run(Command::new("sfdisk").arg("--verify").arg(&image));
        assert!(report.contains("No errors detected"), "{report}");
        let table = run(Command::new("sfdisk").arg("--dump").arg(&image));
        let sectors = fs::metadata(&partition).unwrap().len() / 512;
        match scheme {
            PartitionScheme::Mbr => {
                let line = format!("start=        2048, size= {sectors:>11}, type=c, bootable");
                assert!(table.contains(&line), "{table}");
            }
            PartitionScheme::Gpt => {
                let report = run(Command::new("sgdisk").arg("--verify").arg(&image));
                assert!(report.contains("No problems found"), "{report}");
                let line =
                    format!("start=        2048, size= {sectors:>11}, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7");
                assert!(table.contains(&line) && table.contains("name=\"WIN11 BER\""), "{table}");
            }
        }
        assert_eq!(fsck(&partition), [""; 0]);
        assert_eq!(read_back(&partition), expected(&root));
        let (stick, found) = read_by_us(&image);
        assert_eq!(found, expected(&root));
        assert_eq!((stick.scheme, stick.label.as_str()), (scheme, "WIN11 BER"));
        assert_eq!(stick.date, Date::from_unix(1_767_225_599));

        let target = scratch.path("mcopy");
        fs::create_dir(&target).unwrap();
        let at = format!("{}@@1M", image.display());
        run(Command::new("mcopy").args(["-s", "-n", "-i", &at, "::SMS", "::names", "::empty"]).arg(&target));
        for (path, content) in expected(&root) {
            let is_copied = ["SMS/", "names/", "empty/"].iter().any(|folder| path.starts_with(folder));
            if is_copied && let Some(bytes) = content {
                assert!(fs::read(target.join(&path)).unwrap() == bytes, "mcopy: {path}");
            }
        }
        assert!(target.join("empty/really/empty").is_dir());
        let report = run(Command::new("7z").arg("t").arg(&image));
        assert!(report.contains("Everything is Ok"), "{report}");
    }
}

#[test]
fn a_stick_holds_the_largest_files_of_fat() {
    // Of a file whose clusters have 4 GiB fsck.fat says that they have none: it counts their bytes with 32 bits.
    for (len, is_for_fsck) in [(u64::from(u32::MAX), false), ((4 << 30) - (16 << 10), true)] {
        assert_holds_one_of(len, is_for_fsck);
    }
}

fn assert_holds_one_of(len: u64, is_for_fsck: bool) {
    let scratch = Scratch::new();
    let source = Utf8PathBuf::try_from(scratch.path("install.swm")).unwrap();
    File::create(&source).unwrap().set_len(len).unwrap();
    let stat = Stat::from_metadata(&fs::metadata(&source).unwrap());
    let mut root = boot_folder(9_000);
    let install = Content::file(SourceFile { path: source, stat });
    root.insert("sources/install.swm", install.clone()).unwrap();
    let volume = volume("WIN11 BER", root);
    // All but the bytes of the file, which are zeros: writing 4 GiB of them would only take time.
    let write_rest = |layout: &Layout, path: &Path| {
        let is_rest = |piece: &Piece| matches!(piece, Piece::Bytes(_));
        let rest = layout.extents().iter().filter(|extent| is_rest(&extent.piece)).cloned();
        write(&Layout::new(layout.len(), rest.collect()), path);
    };
    let (image, partition) = (scratch.path("stick.img"), scratch.path("partition.img"));
    write_rest(&stick::layout(&volume, Slack::Ample, PartitionScheme::Gpt, None).unwrap(), &image);
    write_rest(&fat::partition(&volume, Slack::Ample, 2_048, None).unwrap(), &partition);
    if is_for_fsck {
        assert_eq!(fsck(&partition), [""; 0]);
    }
    let report = run(Command::new("sgdisk").arg("--verify").arg(&image));
    assert!(report.contains("No problems found"), "{report}");
    let report = run(Command::new("mdir").arg("-i").arg(format!("{}@@1M", image.display())).arg("::sources"));
    let listed = report.replace(' ', "");
    assert!(listed.contains(&len.to_string()), "{report}");
    let mut file = File::open(&image).unwrap();
    let stick = read(&mut file).unwrap();
    let found = stick.files.iter().find(|file| file.path == "sources/install.swm").unwrap();
    let [extent] = &found.extents[..] else { panic!("{:?}", found.extents) };
    assert_eq!(extent.end - extent.start, install.len());
    // What is 16 KiB away from it is not its.
    assert!(extent.start.is_multiple_of(16 << 10));
}

#[test]
fn what_fat_can_not_hold_is_on_ntfs_with_all_content() {
    let scratch = Scratch::new();
    let source = Utf8PathBuf::try_from(scratch.path("install.wim")).unwrap();
    let len = (5 << 30) + 77;
    File::create(&source).unwrap().set_len(len).unwrap();
    let stat = Stat::from_metadata(&fs::metadata(&source).unwrap());
    let mut root = boot_folder(9_000);
    for n in 0..100 {
        root.insert(&format!("SMS/PKG/BER{:05}/{n}.inf", n % 9), bytes(n * 70, n as u8)).unwrap();
    }
    let large = || Content::file(SourceFile { path: source.clone(), stat });
    root.insert("SMS/PKG/BER00010/install.wim", large()).unwrap();
    root.insert("names/large.vhdx", large()).unwrap();
    let volume = volume("WIN11 BER", root.clone());
    for scheme in [PartitionScheme::Mbr, PartitionScheme::Gpt] {
        let layout = stick::layout_with_ntfs(&volume, Slack::Ample, scheme, None).unwrap();
        let image = scratch.path("stick.img");
        let rest = layout.extents().iter().filter(|extent| !matches!(extent.piece, Piece::Source { .. })).cloned();
        write(&Layout::new(layout.len(), rest.collect()), &image);
        let report = run(Command::new("sfdisk").arg("--dump").arg(&image));
        let types: Vec<_> = report.lines().filter_map(|line| line.split("type=").nth(1)?.split(',').next()).collect();
        match scheme {
            PartitionScheme::Mbr => assert_eq!(types, ["c", "7"]),
            PartitionScheme::Gpt => {
                assert_eq!(types, ["EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"; 2]);
                let report = run(Command::new("sgdisk").arg("--verify").arg(&image));
                assert!(report.contains("No problems found"), "{report}");
            }
        }
        let stick = read(&mut BufReader::new(File::open(&image).unwrap())).unwrap();
        let mut found: Vec<_> =
            stick.files.iter().filter(|file| !file.is_folder).map(|file| file.path.clone()).collect();
        let mut wanted: Vec<_> = root.files().into_iter().map(|(path, _)| path).collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted);
        let (second, _) = stick.second.unwrap();
        for file in stick.files.iter().filter(|file| file.len > 0) {
            let is_on_ntfs = file.extents[0].start >= second.offset;
            assert_eq!(is_on_ntfs, file.path.starts_with("SMS/") || file.len == len, "{}", file.path);
        }
        if scheme == PartitionScheme::Mbr {
            let ntfs = scratch.path("ntfs.img");
            let is_on_it = |extent: &&Extent| extent.offset >= second.offset && matches!(extent.piece, Piece::Bytes(_));
            let own = layout.extents().iter().filter(is_on_it);
            let own = own.map(|extent| Extent { offset: extent.offset - second.offset, ..extent.clone() });
            write(&Layout::new(second.len, own.collect()), &ntfs);
            let report = run(Command::new("ntfsfix").arg("--no-action").arg(&ntfs));
            assert!(report.contains("processed successfully"), "{report}");
            let report = run(Command::new("ntfsinfo").args(["-F", "SMS/PKG/BER00010/install.wim"]).arg(&ntfs));
            assert!(report.contains(&len.to_string()), "{report}");
            fs::remove_file(ntfs).unwrap();
        }
    }
    // Where nothing is too large there is one partition.
    let plain = super::volume("WIN11 BER", boot_folder(9_000));
    let [with, without] = [stick::layout_with_ntfs, stick::layout].map(|layout| {
        let layout = layout(&plain, Slack::Ample, PartitionScheme::Mbr, None).unwrap();
        write(&layout, &scratch.path("plain.img"));
        fs::read(scratch.path("plain.img")).unwrap()
    });
    assert!(with == without);
}

#[test]
fn a_damaged_stick_is_refused_and_never_believed() {
    let scratch = Scratch::new();
    let (image, _) = made(&scratch, &boot_folder(9_000), PartitionScheme::Mbr, Slack::Ample, None);
    let sound = fs::read(&image).unwrap();
    let (table, root) = ((2 << 20), (3 << 20));
    let read = |bytes: &[u8]| ParsedMedium::read(&mut std::io::Cursor::new(bytes)).map_err(|error| error.to_string());
    assert!(read(&sound).is_ok());
    // A folder that leads back to itself, and a chain that leaves the volume.
    let mut circle = sound.clone();
    let root_cluster = 2;
    circle[table + 4 * root_cluster..][..4].copy_from_slice(&2u32.to_le_bytes());
    assert_eq!(read(&circle).unwrap_err(), "the root folder has more clusters than possible");
    let mut outside = sound.clone();
    outside[table + 4 * root_cluster..][..4].copy_from_slice(&0x00FF_FFFFu32.to_le_bytes());
    assert_eq!(read(&outside).unwrap_err(), "the root folder continues in cluster 16777215, which does not exist");
    let error = read(&sound[..20 << 20]).unwrap_err();
    assert!(error.starts_with("partition 1 ends at byte"), "{error}");
    // Whatever byte is another one: no panic, and no file outside of the stick.
    let mut other = sound;
    for at in (0..64).map(|n| 446 + n).chain((1 << 20)..(1 << 20) + 96).chain(root..root + 640) {
        other[at] ^= 0x5A;
        if let Ok(ParsedMedium::Stick(stick)) = read(&other) {
            let ends = stick.files.iter().flat_map(|file| &file.extents).map(|extent| extent.end);
            assert!(ends.max().is_none_or(|end| end <= other.len() as u64), "byte {at}");
        }
        other[at] ^= 0x5A;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back_from_a_stick_as_it_was(root in tree(), is_gpt: bool, is_tight: bool) {
        let scratch = Scratch::new();
        let scheme = if is_gpt { PartitionScheme::Gpt } else { PartitionScheme::Mbr };
        let slack = if is_tight { Slack::None } else { Slack::Ample };
        let (image, partition) = made(&scratch, &root, scheme, slack, None);
        prop_assert_eq!(fsck(&partition), [""; 0]);
        prop_assert_eq!(read_back(&partition), expected(&root));
        prop_assert_eq!(read_by_us(&image).1, expected(&root));
    }
}
