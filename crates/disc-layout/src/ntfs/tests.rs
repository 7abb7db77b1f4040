use std::fs;
use std::os::unix::fs::FileExt;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::*;
use crate::digest::Digest;
use crate::layout::Region;
use crate::source::visit;
use crate::volume::Folder;

/// A folder with volumes in it.
struct VolumeFixture {
    folder: TempDir,
}

impl VolumeFixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    /// Writes a layout on its own and at an offset of 1 MiB in a file with other data.
    fn write(&self, name: &str, layout: &Layout) -> Utf8PathBuf {
        let file = fs::File::create(self.path(name)).unwrap();
        file.set_len(layout.len()).unwrap();
        for extent in layout.extents() {
            let mut at = extent.offset;
            let range = Region { offset: extent.offset, len: extent.len };
            visit(layout, &[range], &mut |bytes| {
                file.write_all_at(bytes, at).unwrap();
                at += bytes.len() as u64;
                Ok::<_, Error>(())
            })
            .unwrap();
        }
        self.path(name)
    }

    /// Runs a tool, which must report no problem, and returns its output, or `None` if it is not installed.
    fn run(&self, tool: &str, arguments: &[&str]) -> Option<String> {
        let ran = match Command::new(tool).args(arguments).current_dir(self.folder.path()).output() {
            Ok(ran) => ran,
            Err(_) => {
                assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "`{tool}` is not installed");
                return None;
            }
        };
        let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{tool} {arguments:?}: {said}");
        Some(said)
    }
}

fn volume(root: Folder) -> Volume {
    Volume {
        label: "DATEN für BER".into(),
        id: Digest::hash(b"volume"),
        date: Date::from_unix(1_767_225_600).unwrap(),
        root,
        parts: Vec::new(),
        boot: Vec::new(),
    }
}

fn content(len: usize) -> Content {
    Content::bytes((0..len).map(|n| (n * 7 + n / 256) as u8).collect::<Vec<_>>())
}

/// A tree with a bit of everything.
fn tree() -> Folder {
    let mut root = Folder::default();
    let mut put = |path: &str, len: usize| root.insert(path, content(len)).unwrap();
    put("SMS/PKG/BER00010/install.wim", 3_000_000);
    put("SMS/PKG/BER00021/empty", 0);
    put("SMS/PKG/BER00021/one", 1);
    put("SMS/PKG/BER00021/Grüße, Ωmega und 漢字.txt", 4_096);
    put("SMS/PKG/BER00021/a b c/d.e.f", 4_097);
    put(&format!("SMS/PKG/BER00021/{}", "x".repeat(254)), 10);
    put(&format!("{}/{}", "long ".repeat(50) + "name", "y".repeat(250)), 10);
    root.insert_folder("empty folder").unwrap();
    root
}

fn paths(root: &Folder) -> Vec<String> {
    let mut paths: Vec<_> = root.files().into_iter().map(|(path, _)| path).collect();
    paths.sort();
    paths
}

/// Has every reader that there is look at a volume and compare it with the tree.
fn check(fixture: &VolumeFixture, root: &Folder, slack: Slack) {
    let layout = partition(&volume(root.clone()), slack, 2_048).unwrap();
    let path = fixture.write("volume", &layout);
    if let Some(said) = fixture.run("ntfsfix", &["--no-action", "volume"]) {
        assert!(said.contains("processed successfully"), "{said}");
        assert!(!said.contains("FAILED"), "{said}");
    }
    if let Some(said) = fixture.run("ntfsinfo", &["--mft", "volume"]) {
        assert!(said.contains("Volume Version: 3.1") && said.contains("Volume Name: DATEN für BER"), "{said}");
    }
    // Read through the indexes of the folders with libntfs-3g.
    fixture.run("wimlib-imagex", &["capture", "volume", "volume.wim", "--compress=none"]);
    fs::create_dir(fixture.path("applied")).unwrap();
    fixture.run("wimlib-imagex", &["apply", "volume.wim", "applied", "--no-acls"]);
    fixture.run("7z", &["x", "-bso0", "-bsp0", "-o7z", "volume"]);
    for reader in ["applied", "7z"] {
        for (path, content) in root.files() {
            let Content::Bytes(bytes) = content else { panic!("{path}") };
            let read =
                fs::read(fixture.path(reader).join(&path)).unwrap_or_else(|error| panic!("{reader}, {path}: {error}"));
            assert!(read == **bytes, "{reader}: {path} has other bytes");
        }
        assert!(fixture.path(reader).join("empty folder").is_dir(), "{reader}");
        fs::remove_dir_all(fixture.path(reader)).unwrap();
    }
    fs::remove_file(fixture.path("volume.wim")).unwrap();

    let mut file = fs::File::open(&path).unwrap();
    let found = files(&mut file, 0..layout.len()).unwrap();
    assert_eq!(found.label, "DATEN für BER");
    let facts = super::read(&mut file).unwrap();
    assert_eq!((facts.label.as_str(), facts.state), ("DATEN für BER", VolumeState::Clean));
    let mut files: Vec<_> = found.files.iter().filter(|file| !file.is_folder).map(|file| file.path.clone()).collect();
    files.sort();
    assert_eq!(files, paths(root));
    for file in found.files.iter().filter(|file| !file.is_folder) {
        let mut bytes = Vec::new();
        for range in &file.extents {
            let mut part = vec![0; (range.end - range.start) as usize];
            fs::File::open(&path).unwrap().read_exact_at(&mut part, range.start).unwrap();
            bytes.extend(part);
        }
        let Some(crate::volume::Node::File(Content::Bytes(wanted))) = root.get(&file.path) else { panic!("{file:?}") };
        assert!(bytes == **wanted && file.len == wanted.len() as u64, "{}", file.path);
    }
}

#[test]
fn every_reader_finds_what_was_put_on_a_volume() {
    for slack in [Slack::Ample, Slack::None] {
        check(&VolumeFixture::new(), &tree(), slack);
    }
}

#[test]
fn folders_of_many_files_are_trees_that_readers_walk() {
    let mut root = tree();
    // Enough files for a tree of three levels, inserted in an order other than that of bytes; then as many as fit a
    // node, and one more or less.
    for n in 0..1_200 {
        let name =
            format!("{}{:05}-{}", if n % 2 == 0 { "B" } else { "a" }, n * 7_919 % 1_200, "n".repeat(n % 60 + 100));
        root.insert(&format!("many/{name}"), content(n % 3)).unwrap();
    }
    for n_files in (1..6).chain(42..50) {
        (0..n_files).for_each(|n| root.insert(&format!("some/{n_files}/{n:03}"), content(1)).unwrap());
    }
    check(&VolumeFixture::new(), &root, Slack::Ample);
}

/// A record of a volume without its fixups.
fn record_of(bytes: &[u8], number: usize) -> Vec<u8> {
    let mft = u64::from_le_bytes(bytes[0x30..0x38].try_into().unwrap()) as usize * 4_096;
    let mut record = bytes[mft + number * RECORD_LEN..][..RECORD_LEN].to_vec();
    for sector in 1..3 {
        let kept = [record[48 + 2 * sector], record[49 + 2 * sector]];
        record[sector * 512 - 2..sector * 512].copy_from_slice(&kept);
    }
    record
}

/// Returns the attributes of a record with their types, their names, and their values, or lengths if the values are outside of the record.
fn attributes(record: &[u8]) -> Vec<(u32, String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut at = usize::from(u16::from_le_bytes([record[20], record[21]]));
    let word = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
    while word(at) != u32::MAX {
        let (len, name_len) = (word(at + 4) as usize, usize::from(record[at + 9]));
        let name_at = at + usize::from(u16::from_le_bytes([record[at + 10], record[at + 11]]));
        let name: Vec<u16> = record[name_at..name_at + 2 * name_len]
            .chunks(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
            .collect();
        let value = if record[at + 8] == 0 {
            let start = at + usize::from(u16::from_le_bytes([record[at + 20], record[at + 21]]));
            record[start..start + word(at + 16) as usize].to_vec()
        } else {
            record[at + 48..at + 56].to_vec()
        };
        found.push((word(at), String::from_utf16(&name).unwrap(), value));
        at += len;
    }
    found
}

#[test]
fn the_files_of_the_system_are_those_that_mkntfs_makes() {
    let fixture = VolumeFixture::new();
    let ours = partition(&volume(Folder::default()), Slack::None, 2_048).unwrap();
    let ours = fs::read(fixture.write("ours", &ours)).unwrap();
    fs::write(fixture.path("theirs"), vec![0; 64 << 20]).unwrap();
    let arguments = ["-F", "-Q", "-T", "-q", "-p", "2048", "-H", "255", "-S", "63", "-L", "DATEN für BER", "theirs"];
    if fixture.run("mkntfs", &arguments).is_none() {
        return;
    }
    let theirs = fs::read(fixture.path("theirs")).unwrap();
    // Code, length, serial number and locations differ from volume to volume.
    for range in [0..0x28, 0x40..0x48, 0x1fe..0x200] {
        assert_eq!(ours[range.clone()], theirs[range.clone()], "boot sector, {range:x?}");
    }
    let without_times = |kind: u32, mut value: Vec<u8>| {
        match kind {
            record::STANDARD_INFORMATION => value[..32].fill(0),
            // These lengths depend on the size of the volume.
            record::FILE_NAME => value[8..56].fill(0),
            _ => {}
        }
        value
    };
    for number in (0..5).chain(6..16).chain(24..27) {
        let [ours, theirs] = [&ours, &theirs].map(|bytes| record_of(bytes, number));
        assert_eq!(ours[16..24], theirs[16..24], "the head of record {number}");
        let [ours, theirs] = [ours, theirs].map(|record| {
            let all = attributes(&record).into_iter().filter(|(.., name, _)| name != "$Info");
            all.map(|(kind, name, value)| (kind, name.clone(), without_times(kind, value))).collect::<Vec<_>>()
        });
        let heads = |all: &[(u32, String, Vec<u8>)]| {
            all.iter().map(|(kind, name, _)| (*kind, name.clone())).collect::<Vec<_>>()
        };
        assert_eq!(heads(&ours), heads(&theirs), "record {number}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            // Not compared are times, lengths, and security descriptors that only our volumes have.
            let is_own = ["$Q", "$SDH", "$SII"].contains(&ours.1.as_str())
                || number == 11 && ours.0 == record::INDEX_ROOT
                || matches!(ours.0, record::DATA | record::BITMAP);
            assert!(is_own || ours.2 == theirs.2, "record {number}: {:x?}\n{:x?}", ours, theirs);
            assert!(ours.2.len() == theirs.2.len() || ours.1.starts_with("$S"), "record {number}: {ours:x?}");
        }
    }
    let contents = |name: &str| {
        let ran = Command::new("ntfscat").arg(fixture.path("theirs")).arg(name).output().unwrap();
        ran.stdout
    };
    let at = |run: NtfsRun, len: usize| &ours[(run.start * CLUSTER_LEN) as usize..][..len];
    assert!(contents("$UpCase") == at(CAPITALS, 131_072));
    assert!(contents("$AttrDef") == at(DEFINITIONS, 2_560));
    // The first security descriptors are the same on all volumes; those of files are ours.
    let ran =
        Command::new("ntfscat").args(["-a", "0x80", "-n", "$SDS"]).arg(fixture.path("theirs")).arg("$Secure").output();
    let sds = ran.unwrap().stdout;
    assert!(sds.len() > 0xfc && sds[..0xfc] == *at(DESCRIPTORS, 0xfc), "{:x?}", &sds[..sds.len().min(0xfc)]);
}

#[test]
fn the_same_tree_makes_the_same_bytes_and_a_small_change_few_others() {
    let files = |changed: usize| {
        let mut root = tree();
        for n in 0..300 {
            root.insert(&format!("SMS/PKG/BER{:05}/{n}.bin", n / 20), content(20_000 + n)).unwrap();
        }
        root.insert("SMS/PKG/BER00021/changing", content(changed)).unwrap();
        let fixture = VolumeFixture::new();
        fs::read(fixture.write("volume", &partition(&volume(root), Slack::Ample, 2_048).unwrap())).unwrap()
    };
    let before = files(500);
    assert!(before == files(500));
    let after = files(700);
    assert_eq!(before.len(), after.len());
    let n_other = before.chunks(4_096).zip(after.chunks(4_096)).filter(|(before, after)| before != after).count();
    assert!((2..8).contains(&n_other), "{n_other} clusters differ");
}

#[test]
fn a_run_is_spelled_in_as_few_bytes_as_it_needs() {
    let pairs = |start, n_clusters| record::tests::pairs(start, n_clusters);
    assert_eq!(pairs(4, 7), [0x11, 7, 4, 0]);
    assert_eq!(pairs(128, 127), [0x21, 127, 128, 0, 0]);
    assert_eq!(pairs(0x12_3456, 0x8000), [0x33, 0, 0x80, 0, 0x56, 0x34, 0x12, 0]);
    assert_eq!(pairs(0, 2), [0x11, 2, 0, 0]);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 40, failure_persistence: None, ..Default::default() })]
    #[test]
    fn no_bytes_make_the_reader_panic(at in 0usize..30_000, bytes in proptest::collection::vec(proptest::num::u8::ANY, 1..40)) {
        static MADE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let made = MADE.get_or_init(|| {
            let layout = partition(&volume(tree()), Slack::None, 2_048).unwrap();
            let fixture = VolumeFixture::new();
            fs::read(fixture.write("volume", &layout)).unwrap()
        });
        let mut volume = made.clone();
        // The boot sector or the MFT.
        let mft = u64::from_le_bytes(made[0x30..0x38].try_into().unwrap()) as usize * 4_096;
        let at = if at < 512 { at } else { mft + at };
        let end = (at + bytes.len()).min(volume.len());
        volume[at..end].copy_from_slice(&bytes[..end - at]);
        let _ = files(&mut std::io::Cursor::new(&volume), 0..volume.len() as u64);
    }
}
