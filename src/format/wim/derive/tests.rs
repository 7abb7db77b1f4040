//! Derived WIMs, checked with wimlib.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::content::{SourceFile, Stat};
use crate::date::Date;
use crate::format::wim::PartNames;
use crate::layout::Extent;
use crate::output::fixtures::noise;
use crate::source::visit_piece;
use crate::volume::Folder;

struct WimFixture {
    _folder: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl WimFixture {
    /// Creates a folder with two trees that share some files.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let scratch = Self { _folder: folder, root };
        for n in 0..40u64 {
            let text = format!("line {n}\n").repeat(500 * (n as usize % 5));
            scratch.put(&format!("one/Windows/System32/file {n}.txt"), text.as_bytes());
            scratch.put(&format!("two/Windows/{n}.txt"), text.as_bytes());
        }
        scratch.put("one/Windows/noise.bin", &noise(300_000, 1));
        scratch.put("one/a/deep/folder/größe \u{1f4c0}", b"awkward");
        scratch.put("two/noise.bin", &noise(200_000, 2));
        fs::hard_link(scratch.root.join("one/Windows/noise.bin"), scratch.root.join("one/linked")).unwrap();
        scratch
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn wimlib(&self, arguments: &[&str]) -> String {
        let output = Command::new("wimlib-imagex").args(arguments).current_dir(&self.root).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Captures both trees into a WIM.
    fn capture(&self, options: &[&str]) -> WimStructure {
        let all = |first: &[&str]| self.wimlib(&[first, options].concat());
        all(&["capture", "one", "old.wim", "One", "--boot"]);
        all(&["append", "two", "old.wim", "Two"]);
        self.structure("old.wim")
    }

    fn structure(&self, name: &str) -> WimStructure {
        let path = self.root.join(name);
        let stat = Stat::from_metadata(&fs::metadata(&path).unwrap());
        WimStructure::read(Arc::new(Source::File(SourceFile { path, stat }))).unwrap()
    }

    /// Writes an assembled WIM to a file.
    fn write(&self, pieced: &Pieced, name: &str) {
        let mut bytes = Vec::new();
        visit_piece(&Extent::new(&Content::pieced(pieced.clone()), 0), 0, pieced.len(), &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok::<_, Error>(())
        })
        .unwrap();
        self.put(name, &bytes);
    }

    /// Files of an image after applying it.
    fn apply(&self, arguments: &[&str]) -> BTreeMap<String, Option<Vec<u8>>> {
        let _ = fs::remove_dir_all(self.root.join("applied"));
        self.wimlib(&[&["apply"], arguments, &["applied"]].concat());
        tree(&self.root.join("applied"))
    }

    fn tree(&self, name: &str) -> BTreeMap<String, Option<Vec<u8>>> {
        tree(&self.root.join(name))
    }
}

/// Files with their bytes, and folders.
fn tree(root: &Utf8Path) -> BTreeMap<String, Option<Vec<u8>>> {
    fn walk(folder: &Utf8Path, prefix: &str, found: &mut BTreeMap<String, Option<Vec<u8>>>) {
        for entry in folder.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name());
            if entry.path().is_dir() {
                walk(entry.path(), &format!("{path}/"), found);
                found.insert(path, None);
            } else {
                found.insert(path, Some(fs::read(entry.path()).unwrap()));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, "", &mut found);
    found
}

/// Additions to an image: new files, a replaced file, and one with existing contents.
fn additions() -> Folder {
    let mut additions = Folder::default();
    let mut put = |path: &str, bytes: Vec<u8>| additions.insert(path, Content::bytes(bytes)).unwrap();
    put("new folder/setup.exe", noise(100_000, 3));
    put("new folder/empty", Vec::new());
    put("Windows/NOISE.BIN", b"replaced".to_vec());
    put("Windows/System32/same.txt", "line 4\n".repeat(2_000).into_bytes());
    put("Windows/System32/same too.txt", noise(100_000, 3));
    additions.insert_folder("nothing in it").unwrap();
    additions
}

const DATE: Date = Date::EARLIEST;

#[test]
fn an_edited_image_holds_what_it_held_and_what_was_put_in() {
    let scratch = WimFixture::new();
    for options in [&["--compress=LZX", "--check"][..], &["--compress=XPRESS"], &["--compress=none", "--check"]] {
        let old = scratch.capture(options);
        let removals = ["a/deep".to_owned(), "Windows/System32/file 7.txt".to_owned()];
        let edit = ImageEdit { additions: &additions(), removals: &removals, date: DATE };
        let new = old.edit(1, &edit, &Progress::default()).unwrap();
        assert_eq!(new.key(), old.edit(1, &edit, &Progress::default()).unwrap().key());
        scratch.write(&new, "new.wim");
        scratch.wimlib(&["verify", "new.wim"]);
        let mut expected = scratch.tree("one");
        expected.retain(|path, _| !path.starts_with("a/deep") && path != "Windows/System32/file 7.txt");
        additions().visit(&mut |path, node| {
            let bytes = match node {
                crate::volume::Node::File(Content::Bytes(bytes)) => Some(bytes.to_vec()),
                _ => None,
            };
            let there = expected.keys().find(|there| there.eq_ignore_ascii_case(path)).cloned();
            expected.insert(there.unwrap_or_else(|| path.to_owned()), bytes);
        });
        assert!(scratch.apply(&["new.wim", "1"]) == expected, "{options:?}");
        assert!(scratch.apply(&["new.wim", "2"]) == scratch.tree("two"), "{options:?}");
        let detailed = scratch.wimlib(&["dir", "new.wim", "1", "--detailed", "--path=/new folder/setup.exe"]);
        assert_eq!(detailed.matches("Jan 01 00:00:00 1980").count(), 3, "{detailed}");
        let info = scratch.wimlib(&["info", "new.wim"]);
        assert!(info.contains("Boot Index:     1"), "{info}");
        // Everything but the header and the end stays at its offset.
        let (old_bytes, new_bytes) =
            (fs::read(scratch.root.join("old.wim")).unwrap(), fs::read(scratch.root.join("new.wim")).unwrap());
        let n_same = old_bytes[208..].iter().zip(&new_bytes[208..]).take_while(|(old, new)| old == new).count();
        assert!(n_same > old_bytes.len() * 3 / 4 || options[0].ends_with("LZX"), "{n_same} of {}", old_bytes.len());
        // The counts equal those of wimlib.
        let numbers = |name: &str| {
            let text = scratch.wimlib(&["info", name, "1"]);
            let wanted = ["Directory Count", "File Count", "Total Bytes", "Hard Link Bytes"];
            text.lines()
                .filter(|line| wanted.iter().any(|name| line.starts_with(name)))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let ours = numbers("new.wim");
        scratch.put("again.txt", b"");
        scratch.wimlib(&["export", "new.wim", "1", "counted.wim"]);
        scratch.wimlib(&["update", "counted.wim", "--command=add again.txt /again.txt"]);
        scratch.wimlib(&["update", "counted.wim", "--command=delete /again.txt"]);
        assert_eq!(ours, numbers("counted.wim"));
        fs::remove_file(scratch.root.join("counted.wim")).unwrap();
    }
}

#[test]
fn what_is_exported_is_the_chosen_images_and_nothing_else() {
    let scratch = WimFixture::new();
    let old = scratch.capture(&["--compress=LZX", "--check"]);
    let new = old.export(&[2], Some(1), &Progress::default()).unwrap();
    scratch.write(&new, "new.wim");
    scratch.wimlib(&["verify", "new.wim"]);
    assert!(scratch.apply(&["new.wim"]) == scratch.tree("two"));
    let info = scratch.wimlib(&["info", "new.wim"]);
    assert!(info.contains("Image Count:    1") && info.contains("Boot Index:     1"), "{info}");
    assert!(info.contains("Name:                   Two"), "{info}");
    scratch.wimlib(&["export", "old.wim", "2", "theirs.wim", "--check"]);
    let theirs = fs::metadata(scratch.root.join("theirs.wim")).unwrap().len();
    assert!(new.len().abs_diff(theirs) < 64, "{} and {theirs}", new.len());
    // Changing the boot image leaves everything else in place.
    let marked = old.export(&[1, 2], Some(2), &Progress::default()).unwrap();
    scratch.write(&marked, "marked.wim");
    scratch.wimlib(&["verify", "marked.wim"]);
    assert!(scratch.wimlib(&["info", "marked.wim"]).contains("Boot Index:     2"));
    assert_eq!(marked.len(), old.source().len());
    // A derived WIM can be the base of another one.
    let exported = WimStructure::read(Arc::new(Source::Pieced(new))).unwrap();
    let edit = ImageEdit { additions: &additions(), removals: &[], date: DATE };
    scratch.write(&exported.edit(1, &edit, &Progress::default()).unwrap(), "edited.wim");
    scratch.wimlib(&["verify", "edited.wim"]);
    assert_eq!(scratch.apply(&["edited.wim"]).len(), scratch.tree("two").len() + 8);
    assert_eq!(
        exported.export(&[2], None, &Progress::default()).unwrap_err().to_string().split("` has ").nth(1),
        Some("no image 2; number of images: 1")
    );
}

#[test]
fn parts_are_short_enough_and_joined_they_are_the_whole() {
    let scratch = WimFixture::new();
    for options in [&["--compress=XPRESS", "--check"][..], &["--compress=LZX"]] {
        let old = scratch.capture(options);
        let parts = old.split(330_000, &Progress::default()).unwrap();
        assert!(parts.len() >= 2, "{}", parts.len());
        let names: Vec<_> = (1..=parts.len()).map(|n| PartNames::Setup.part_name("part", n)).collect();
        for (part, name) in parts.iter().zip(&names) {
            assert!(part.len() <= 330_000, "{}", part.len());
            scratch.write(part, name);
        }
        scratch.wimlib(&["verify", "part.swm", "--ref=part*.swm"]);
        let reference = ["part.swm", "1", "--ref=part*.swm"];
        assert!(scratch.apply(&reference) == scratch.tree("one"));
        let mut join = vec!["join", "whole.wim"];
        join.extend(names.iter().map(String::as_str));
        scratch.wimlib(&join);
        scratch.wimlib(&["verify", "whole.wim"]);
        assert!(scratch.apply(&["whole.wim", "2"]) == scratch.tree("two"));
        names
            .iter()
            .chain([&"whole.wim".to_owned()])
            .for_each(|name| fs::remove_file(scratch.root.join(name)).unwrap());
    }
    let error = scratch.structure("old.wim").split(290_000, &Progress::default()).unwrap_err().to_string();
    assert!(error.contains("`linked` in image 1 takes 300 kB"), "{error}");
    assert_eq!(scratch.structure("old.wim").split(1 << 30, &Progress::default()).unwrap().len(), 1);
    assert_eq!(
        [1, 2].map(|n| PartNames::ConfigurationManager.part_name("install", n)),
        ["install000.swm", "install001.swm"]
    );
}

#[test]
fn what_can_not_be_done_is_said_with_the_file() {
    let scratch = WimFixture::new();
    let solid = scratch.capture(&["--solid"]);
    for error in [
        solid.export(&[1], None, &Progress::default()).unwrap_err(),
        solid.split(1 << 20, &Progress::default()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("old.wim` has solid resources"), "{error}");
        assert!(error.advice().unwrap().contains("--compress=LZX"));
    }
    let old = scratch.capture(&["--compress=none"]);
    let cases: [(&str, &[String], &str); 3] = [
        ("Windows", &[], "a folder with that name exists"),
        ("linked/x", &[], "a file or link with that name exists"),
        ("x", &["no/such".to_owned()], "does not contain `no/such`, which should be removed"),
    ];
    for (path, removals, why) in cases {
        let mut additions = Folder::default();
        additions.insert(path, Content::bytes(*b"x")).unwrap();
        let error = old
            .edit(1, &ImageEdit { additions: &additions, removals, date: DATE }, &Progress::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(why) && error.contains("old.wim"), "{error}");
    }
}

#[test]
fn security_streams_and_short_names_of_a_windows_volume_are_kept() {
    let scratch = WimFixture::new();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(&scratch.root).output().unwrap();
        assert!(output.status.success(), "{program}: {output:?}");
    };
    fs::File::create(scratch.root.join("volume")).unwrap().set_len(12 << 20).unwrap();
    run("mkntfs", &["-F", "-q", "volume"]);
    scratch.put("text", b"text");
    run("ntfscp", &["volume", "text", "file.txt"]);
    run("ntfscp", &["-N", "stream", "volume", "text", "file.txt"]);
    scratch.wimlib(&["capture", "volume", "old.wim", "--compress=XPRESS"]);
    let old = scratch.structure("old.wim");
    let metadata = old.metadata(1).unwrap();
    assert!(!metadata.security.is_empty());
    assert_eq!(Metadata::parse(&metadata.to_bytes()).unwrap(), metadata);
    scratch.write(
        &old.edit(1, &ImageEdit { additions: &additions(), removals: &[], date: DATE }, &Progress::default()).unwrap(),
        "new.wim",
    );
    let dir = |name: &str| scratch.wimlib(&["dir", name, "1", "--detailed", "--path=/file.txt"]);
    let before = dir("old.wim");
    assert!(before.contains("\"stream\"") && before.contains("Security Descriptor = 0100"), "{before}");
    let link =
        |text: String| text.lines().filter(|line| !line.contains("Offset in WIM")).collect::<Vec<_>>().join("\n");
    assert_eq!(link(dir("new.wim")), link(dir("old.wim")));
}

#[test]
fn a_damaged_wim_is_an_error_or_another_wim() {
    let scratch = WimFixture::new();
    let old = scratch.capture(&["--compress=XPRESS", "--check"]);
    let whole = fs::read(scratch.root.join("old.wim")).unwrap();
    let (table, xml) = (old.header.table, old.header.xml);
    let metadata = old.blobs.iter().find(|blob| blob.is_metadata()).unwrap().resource;
    let regions =
        [(0, 208, 7), (table.offset, table.len, 97), (xml.offset, xml.len, 61), (metadata.offset, metadata.len, 211)];
    let (mut n_errors, mut n_tried) = (0, 0);
    for (start, len, step) in regions {
        for at in (start..start + len).step_by(step) {
            let mut bytes = whole.clone();
            bytes[at as usize] ^= 0x5F;
            scratch.put("bad.wim", &bytes);
            let path = scratch.root.join("bad.wim");
            let stat = Stat::from_metadata(&fs::metadata(&path).unwrap());
            let source = Arc::new(Source::File(SourceFile { path, stat }));
            let edit = ImageEdit { additions: &Folder::default(), removals: &[], date: DATE };
            let tried = WimStructure::read(source).and_then(|wim| {
                wim.edit(1, &edit, &Progress::default())?;
                wim.export(&[2], Some(1), &Progress::default())?;
                wim.split(400_000, &Progress::default())
            });
            n_tried += 1;
            if let Err(error) = tried {
                assert!(error.to_string().contains("bad.wim`"), "{error}");
                n_errors += 1;
            }
        }
    }
    assert!(n_errors * 3 > n_tried, "only {n_errors} of {n_tried} are noticed");
}
