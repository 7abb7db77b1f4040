//! FAT volumes and sticks, checked with fsck.fat, mtools and the `fatfs` crate.

mod stick;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use camino::Utf8PathBuf;
use proptest::prelude::*;
use tsmedia::content::{Content, Source, SourceFile, Stat};
use tsmedia::date::Date;
use tsmedia::digest::Digest;
use tsmedia::format::fat;
use tsmedia::layout::{Layout, Piece};
use tsmedia::volume::{Folder, Node, Volume};

fn volume(label: &str, root: Folder) -> Volume {
    let date = Date::from_unix(1_767_225_599).unwrap();
    Volume { label: label.into(), id: Digest::hash(label.as_bytes()), date, root, parts: Vec::new(), boot: Vec::new() }
}

/// Writes a layout over a file with other data, so that missing writes are noticed. Large files are sparse instead.
fn write(layout: &Layout, path: &Path) {
    let is_small = layout.len() < 64 << 20;
    let mut file = File::create(path).unwrap();
    if is_small {
        file.write_all(&vec![0xA5; layout.len() as usize]).unwrap();
    }
    file.set_len(layout.len()).unwrap();
    let mut at = 0;
    let zeros = |mut file: &File, start: u64, end: u64| {
        if is_small {
            file.seek(SeekFrom::Start(start)).unwrap();
            file.write_all(&vec![0; (end - start) as usize]).unwrap();
        }
    };
    for extent in layout.extents() {
        zeros(&file, at, extent.offset);
        file.seek(SeekFrom::Start(extent.offset)).unwrap();
        match &extent.piece {
            Piece::Bytes(bytes) => file.write_all(bytes).unwrap(),
            Piece::Source { file: source, start } => {
                let mut source = File::open(source.path()).unwrap();
                source.seek(SeekFrom::Start(*start)).unwrap();
                assert_eq!(std::io::copy(&mut source.take(extent.len), &mut file).unwrap(), extent.len);
            }
        }
        at = extent.end();
    }
    zeros(&file, at, layout.len());
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

/// Output of fsck.fat without its name and the count of files.
fn fsck(path: &Path) -> Vec<String> {
    let text = run(Command::new("fsck.fat").arg("-n").arg(path));
    let is_usual = |line: &str| line.starts_with("fsck.fat 4") || line.ends_with(" clusters");
    text.lines().filter(|line| !is_usual(line)).map(str::to_owned).collect()
}

/// Files with their bytes, and folders, as the `fatfs` crate reads them.
fn read_back(path: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    fn walk(dir: &fatfs::Dir<'_, &mut File>, prefix: &str, found: &mut BTreeMap<String, Option<Vec<u8>>>) {
        for entry in dir.iter() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            if name == "." || name == ".." {
                continue;
            }
            let path = format!("{prefix}{name}");
            assert_eq!(entry.modified().date.year, 2025);
            if entry.is_dir() {
                walk(&entry.to_dir(), &format!("{path}/"), found);
                found.insert(path, None);
            } else {
                let mut bytes = Vec::new();
                entry.to_file().read_to_end(&mut bytes).unwrap();
                found.insert(path, Some(bytes));
            }
        }
    }
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    let mut found = BTreeMap::new();
    let volume = fatfs::FileSystem::new(&mut file, fatfs::FsOptions::new()).unwrap();
    walk(&volume.root_dir(), "", &mut found);
    found
}

fn expected(root: &Folder) -> BTreeMap<String, Option<Vec<u8>>> {
    fn walk(folder: &Folder, prefix: &str, found: &mut BTreeMap<String, Option<Vec<u8>>>) {
        for (name, node) in folder.iter() {
            let path = format!("{prefix}{name}");
            match node {
                Node::Folder(inner) => {
                    walk(inner, &format!("{path}/"), found);
                    found.insert(path, None);
                }
                Node::File(Content::Bytes(bytes)) => {
                    found.insert(path, Some(bytes.to_vec()));
                }
                Node::File(Content::Source(source)) => {
                    found.insert(path, Some(fs::read(source.path()).unwrap()));
                }
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, "", &mut found);
    found
}

fn bytes(len: usize, seed: u8) -> Content {
    Content::bytes((0..len).map(|n| (n as u8).wrapping_mul(31).wrapping_add(seed)).collect::<Vec<_>>())
}

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn boot_folder(program_len: usize) -> Folder {
    let mut root = Folder::default();
    root.insert("EFI/BOOT/BOOTX64.EFI", bytes(program_len, 1)).unwrap();
    root.insert("EFI/Microsoft/Boot/BCD", bytes(28_672, 2)).unwrap();
    root.insert("EFI/Microsoft/Boot/Fonts/größe 12.ttf", bytes(700, 3)).unwrap();
    root.insert("EFI/Microsoft/Boot/empty", bytes(0, 0)).unwrap();
    root.insert_folder("leer").unwrap();
    root
}

#[test]
fn every_width_is_clean_and_holds_what_it_was_given() {
    let scratch = Scratch::new();
    for (program_len, kind) in [
        (1, "FAT12"),
        (1_500_000, "FAT12"),
        (3_000_000, "FAT12"),
        (7_000_000, "FAT12"),
        (12_000_000, "FAT16"),
        (40_000_000, "FAT16"),
    ] {
        let path = scratch.path("volume.img");
        let root = boot_folder(program_len);
        let layout = fat::layout(&volume("Büro Berlin 1", root.clone())).unwrap();
        assert_eq!(layout.len() % 2_048, 0);
        write(&layout, &path);
        assert_eq!(fsck(&path), [""; 0], "{program_len}");
        let facts = run(Command::new("minfo").arg("-i").arg(&path).arg("::"));
        assert!(facts.contains(&format!("disk type=\"{kind}")), "{facts}");
        assert_eq!(read_back(&path), expected(&root), "{program_len}");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn widths_change_where_every_reader_agrees_that_they_do() {
    // FAT12 with clusters of 2 KiB ends at 4068 clusters, and FAT16 begins well after 4085.
    let scratch = Scratch::new();
    let path = scratch.path("volume.img");
    for (n_clusters, kind) in
        [(4_067, "FAT12"), (4_068, "FAT12"), (4_069, "FAT16"), (4_085, "FAT16"), (4_101, "FAT16"), (4_102, "FAT16")]
    {
        let mut root = Folder::default();
        root.insert("A", bytes(n_clusters * 2_048, 1)).unwrap();
        write(&fat::layout(&volume("EDGE", root.clone())).unwrap(), &path);
        assert_eq!(fsck(&path), [""; 0], "{n_clusters}");
        let facts = run(Command::new("minfo").arg("-i").arg(&path).arg("::"));
        assert!(facts.contains(&format!("disk type=\"{kind}")), "{n_clusters}: {facts}");
        assert_eq!(read_back(&path), expected(&root), "{n_clusters}");
    }
}

#[test]
fn a_large_file_makes_a_fat32_volume() {
    let scratch = Scratch::new();
    let source = Utf8PathBuf::try_from(scratch.path("install.swm")).unwrap();
    let mut file = File::create(&source).unwrap();
    file.set_len(700 << 20).unwrap();
    for at in [0, 300 << 20, (700 << 20) - 9] {
        file.seek(SeekFrom::Start(at)).unwrap();
        write!(file, "at {at}").unwrap();
    }
    let stat = Stat::from_metadata(&file.metadata().unwrap());
    let mut root = boot_folder(100_000);
    root.insert("sources/install.swm", Content::file(SourceFile { path: source.clone(), stat })).unwrap();
    let path = scratch.path("stick.img");
    let layout = fat::layout(&volume("STICK", root)).unwrap();
    write(&layout, &path);
    assert_eq!(fsck(&path), [""; 0]);
    let facts = run(Command::new("minfo").arg("-i").arg(&path).arg("::"));
    assert!(facts.contains("disk type=\"FAT32   \""), "{facts}");
    assert!(facts.contains("cluster size: 8 sectors"), "{facts}");
    let copy = scratch.path("copy");
    run(Command::new("mcopy").arg("-i").arg(&path).arg("::sources/install.swm").arg(&copy));
    run(Command::new("cmp").arg(&source).arg(&copy));
    // Every file is one run.
    let clusters = run(Command::new("mshowfat").arg("-i").arg(&path).arg("::sources/install.swm"));
    assert_eq!(clusters.matches('<').count(), 1, "{clusters}");
    // The second boot sector and table are backups of the first.
    let mut image = File::open(&path).unwrap();
    let (mut first, mut second) = (vec![0; 512], vec![0; 512]);
    image.read_exact(&mut first).unwrap();
    image.seek(SeekFrom::Start(6 * 512)).unwrap();
    image.read_exact(&mut second).unwrap();
    assert_eq!(first, second);
}

#[test]
fn sticks_of_many_gigabytes_are_clean() {
    // Files that are never read: only the structures around them are checked. Each stays a cluster short of 4 GiB,
    // for fsck.fat 4.2 takes the last cluster's worth of lengths for zero.
    let scratch = Scratch::new();
    let path = scratch.path("stick.img");
    for (n_files, sectors_per_cluster) in [(1_u32, 8), (3, 16), (9, 64)] {
        let stat = Stat { device: 0, inode: 0, len: (4 << 30) - (64 << 10), modified_ns: 0, changed_ns: 0 };
        let large = Arc::new(Source::File(SourceFile { path: "/nowhere/install.swm".into(), stat }));
        let mut root = boot_folder(200_000);
        for n in 0..n_files {
            root.insert(&format!("sources/install{n}.swm"), Content::Source(Arc::clone(&large))).unwrap();
        }
        let layout = fat::layout(&volume("STICK", root)).unwrap();
        let in_memory = layout.extents().iter().filter(|extent| matches!(extent.piece, Piece::Bytes(_))).cloned();
        write(&Layout::new(layout.len(), in_memory.collect()), &path);
        assert_eq!(fsck(&path), [""; 0]);
        let facts = run(Command::new("minfo").arg("-i").arg(&path).arg("::"));
        assert!(facts.contains(&format!("cluster size: {sectors_per_cluster} sectors")), "{facts}");
        assert!(layout.extents().iter().all(|extent| match extent.piece {
            Piece::Bytes(_) => true,
            Piece::Source { .. } => extent.offset % 4_096 == 0,
        }));
    }
}

#[test]
fn mtools_show_long_names_label_and_times() {
    let scratch = Scratch::new();
    let path = scratch.path("volume.img");
    write(&fat::layout(&volume("WIN11 BER", boot_folder(9_000))).unwrap(), &path);
    let listing = run(Command::new("mdir").args(["-/", "-i"]).arg(&path).arg("::"));
    for part in ["Volume in drive : is WIN11 BER", "BOOTX64  EFI      9000 2025-12-31  23:59", "23:59  leer"] {
        assert!(listing.contains(part), "{part}: {listing}");
    }
    run(Command::new("mcopy").args(["-s", "-i"]).arg(&path).arg("::EFI").arg(scratch.path("")));
    assert_eq!(fs::read(scratch.path("EFI/BOOT/BOOTX64.EFI")).unwrap().len(), 9_000);
}

#[test]
fn a_root_folder_may_pass_512_entries() {
    let scratch = Scratch::new();
    let path = scratch.path("volume.img");
    let mut root = Folder::default();
    for n in 0..3_000 {
        root.insert(&format!("a long name that is much like others {n}.data"), bytes(n % 40, n as u8)).unwrap();
    }
    write(&fat::layout(&volume("MANY", root.clone())).unwrap(), &path);
    assert_eq!(fsck(&path), [""; 0]);
    assert_eq!(read_back(&path), expected(&root));
}

#[test]
fn the_same_volume_is_the_same_bytes_and_a_label_is_not_needed() {
    let scratch = Scratch::new();
    for (name, label) in [("a", ""), ("b", "")] {
        write(&fat::layout(&volume(label, boot_folder(5_000))).unwrap(), &scratch.path(name));
    }
    assert_eq!(fs::read(scratch.path("a")).unwrap(), fs::read(scratch.path("b")).unwrap());
    assert_eq!(fsck(&scratch.path("a")), [""; 0]);
    let no_files = fat::layout(&volume("EMPTY", Folder::default())).unwrap();
    write(&no_files, &scratch.path("empty"));
    assert_eq!(fsck(&scratch.path("empty")), [""; 0]);
}

#[test]
fn what_fat_cannot_hold_is_refused_with_a_way_out() {
    let stat = Stat { device: 0, inode: 0, len: 1 << 32, modified_ns: 0, changed_ns: 0 };
    let mut root = Folder::default();
    let large = SourceFile { path: "/nowhere/install.wim".into(), stat };
    root.insert("sources/install.wim", Content::file(large)).unwrap();
    let error = fat::layout(&volume("X", root)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file `sources/install.wim` has 4294967296 bytes; FAT32 limits files to 4294967295 bytes"
    );
    assert!(error.help().unwrap().contains("split"));

    let mut root = Folder::default();
    for n in 0..22_000 {
        root.insert(&format!("drivers/a name of three entries {n:08}.inf"), bytes(0, 0)).unwrap();
    }
    let error = fat::layout(&volume("X", root)).unwrap_err();
    assert_eq!(error.to_string(), "the folder `/drivers/` needs 88002 FAT directory entries; FAT allows 65536");
}

/// Long and short names, some of which get the same short name.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Z]{1,8}(\\.[A-Z]{1,3})?",
        "[a-c]{1,14}",
        "long name [a-b]{1,3}\\.(txt|html)",
        "[a-zäöжñ日😀 ._+,;=-]{0,30}[a-z0-9]",
        "x{100,254}",
    ]
}

fn tree() -> impl Strategy<Value = Folder> {
    let file = (
        prop::collection::vec(name(), 1..5),
        prop_oneof![Just(0_usize), 1..20_usize, 500..1_500_usize, 9_000..70_000_usize],
        any::<u8>(),
    );
    prop::collection::vec(file, 0..60).prop_map(|files| {
        let mut root = Folder::default();
        for (path, len, seed) in files {
            // A place that is taken, and a name of a device, are not what is tested here.
            let _ = root.insert(&path.join("/"), bytes(len, seed));
        }
        root
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back_as_it_was(root in tree()) {
        let scratch = Scratch::new();
        let path = scratch.path("volume.img");
        write(&fat::layout(&volume("RANDOM", root.clone())).unwrap(), &path);
        prop_assert_eq!(fsck(&path), [""; 0]);
        prop_assert_eq!(read_back(&path), expected(&root));
    }
}
