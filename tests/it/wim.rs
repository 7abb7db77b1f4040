//! WIM files made by wimlib-imagex, intact and damaged in many ways.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use test_fixtures::is_thorough;
use tsmedia::format::wim::{Architecture, Wim, WimCompression, WindowsVersion};

struct Scratch {
    folder: Utf8PathBuf,
    _removed_at_the_end: tempfile::TempDir,
}

impl Scratch {
    /// Makes a tree with a small, a large, a compressible, an incompressible and an empty file.
    fn new() -> Self {
        let removed = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::try_from(removed.path().to_owned()).unwrap();
        let scratch = Self { folder, _removed_at_the_end: removed };
        for (path, bytes) in scratch.files() {
            let path = scratch.path("tree").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        symlink("bootmgr", scratch.path("tree/Windows/Boot/PCAT/link")).unwrap();
        scratch
    }

    fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut state = 7_u32;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        vec![
            ("Windows/Boot/PCAT/bootmgr", b"a small boot manager".to_vec()),
            ("Windows/Boot/Fonts/größe.ttf", (0..200_000_u32).map(|n| (n / 700) as u8).collect()),
            ("Windows/System32/noise.dll", (0..100_000).map(|_| noise()).collect()),
            (
                "Windows/System32/mixed.dll",
                (0..300_001_u32).map(|n| if n % 65_536 < 30_000 { noise() } else { n as u8 }).collect(),
            ),
            ("Windows/empty", Vec::new()),
        ]
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(name)
    }

    fn capture(&self, name: &str, options: &[&str]) -> Utf8PathBuf {
        let wim = self.path(name);
        imagex(
            &[&["capture", self.path("tree").as_str(), wim.as_str(), "First", "The first one", "--quiet"], options]
                .concat(),
        );
        wim
    }
}

fn imagex(arguments: &[&str]) {
    let output = Command::new("wimlib-imagex").args(arguments).output().expect("wimlib-imagex");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

const LIMIT: u64 = 1 << 20;

fn refusal(path: &Utf8Path) -> String {
    let error = Wim::open(path).unwrap_err();
    format!("{error} / {}", error.advice().unwrap_or_default()).replace(path.parent().unwrap().as_str(), "DIR")
}

#[test]
fn contents_come_out_of_every_compression() {
    let scratch = Scratch::new();
    for (n, (options, compression)) in [
        (&["--compress=none"][..], WimCompression::None),
        (&["--compress=XPRESS"], WimCompression::Xpress),
        (&["--compress=LZX"], WimCompression::Lzx),
        (&["--compress=LZX", "--chunk-size=64K"], WimCompression::Lzx),
        (&["--compress=LZMS"], WimCompression::Lzms),
        (&["--solid"], WimCompression::Lzms),
        (&["--solid", "--solid-compress=XPRESS", "--solid-chunk-size=8K"], WimCompression::Lzms),
        (&["--solid", "--solid-compress=LZX", "--solid-chunk-size=32K"], WimCompression::Lzms),
    ]
    .into_iter()
    .enumerate()
    {
        let wim = Wim::open(&scratch.capture(&format!("{n}.wim"), options)).unwrap();
        if !options.contains(&"--solid") {
            assert_eq!(wim.facts().compression, compression, "{options:?}");
        }
        for (path, bytes) in scratch.files() {
            assert_eq!(wim.extract(1, path, LIMIT).unwrap().as_deref(), Some(&bytes[..]), "{options:?} {path}");
        }
    }
}

#[test]
fn paths_are_found_in_any_case_and_spelled_as_they_are() {
    let scratch = Scratch::new();
    let wim = Wim::open(&scratch.capture("a.wim", &[])).unwrap();
    let found = wim.find(1, "windows/BOOT/pcat/BOOTMGR").unwrap().unwrap();
    assert_eq!((found.path.as_str(), found.is_folder, found.len), ("Windows/Boot/PCAT/bootmgr", false, 20));
    assert!(wim.find(1, "WINDOWS/boot/FONTS/GRÖSSE.ttf").unwrap().is_none());
    assert!(wim.find(1, "WINDOWS/boot/FONTS/GRÖßE.TTF").unwrap().is_some());
    assert!(wim.find(1, "windows").unwrap().unwrap().is_folder);
    let mut names: Vec<_> = wim.list(1, "WINDOWS").unwrap().unwrap().into_iter().map(|found| found.path).collect();
    names.sort();
    assert_eq!(names, ["Windows/Boot", "Windows/System32", "Windows/empty"]);
    assert_eq!(wim.list(1, "Windows/none").unwrap(), None);
    assert_eq!(wim.list(1, "Windows/empty").unwrap(), None);
    assert_eq!(wim.extract(1, "Windows/none", LIMIT).unwrap(), None);
    assert_eq!(wim.extract(1, "Windows", LIMIT).unwrap(), None);
    assert_eq!(
        wim.extract(1, "a\0b", LIMIT).unwrap_err().to_string().replace(scratch.folder.as_str(), "DIR"),
        "reading image 1 of `DIR/a.wim`: a path can't contain a NUL"
    );
}

#[test]
fn header_and_xml_say_what_an_image_is() {
    let scratch = Scratch::new();
    let path = scratch.capture("a.wim", &["--boot"]);
    imagex(&["append", scratch.path("tree").as_str(), path.as_str(), "Second", "--quiet"]);
    for property in [
        "WINDOWS/ARCH=9",
        "WINDOWS/VERSION/MAJOR=10",
        "WINDOWS/VERSION/MINOR=0",
        "WINDOWS/VERSION/BUILD=26100",
        "WINDOWS/VERSION/SPBUILD=1742",
        "WINDOWS/EDITIONID=WindowsPE",
        "WINDOWS/LANGUAGES/DEFAULT=de-DE",
    ] {
        imagex(&["info", path.as_str(), "1", "--image-property", property]);
    }
    let wim = Wim::open(&path).unwrap();
    assert_eq!((wim.facts().n_images, wim.facts().boot_index), (2, Some(1)));
    let images = wim.images();
    assert_eq!(images[0].name.as_deref(), Some("First"));
    assert_eq!(images[0].description.as_deref(), Some("The first one"));
    assert_eq!(images[0].architecture, Some(Architecture::X64));
    assert_eq!(images[0].version, Some(WindowsVersion { major: 10, minor: 0, build: 26_100, revision: 1_742 }));
    assert_eq!(images[0].edition.as_deref(), Some("WindowsPE"));
    assert_eq!(images[0].language.as_deref(), Some("de-DE"));
    assert_eq!((images[1].name.as_deref(), images[1].architecture, images[1].version), (Some("Second"), None, None));
    let error = wim.image(3).unwrap_err();
    assert!(error.to_string().ends_with("a.wim` has no image 3; number of images: 2"), "{error}");
    assert_eq!(error.advice(), Some("use an index from 1 to 2"));
    assert!(wim.find(0, "Windows").is_err());
}

#[test]
fn a_file_that_is_too_long_or_a_link_is_not_taken_out() {
    let scratch = Scratch::new();
    let wim = Wim::open(&scratch.capture("a.wim", &[])).unwrap();
    let error = wim.extract(1, "Windows/System32/noise.dll", 99_999).unwrap_err().to_string();
    assert!(error.contains("has 100000 bytes; at most 99999 were expected"), "{error}");
    let error = wim.extract(1, "windows/boot/pcat/LINK", LIMIT).unwrap_err().to_string();
    assert!(
        error.contains("`Windows/Boot/PCAT/link` in image 1 of ") && error.ends_with("is a link, not a file"),
        "{error}"
    );
}

#[test]
fn what_is_no_whole_wim_is_refused_by_name() {
    let scratch = Scratch::new();
    let whole = scratch.capture("whole.wim", &["--compress=XPRESS"]);
    imagex(&["split", whole.as_str(), scratch.path("part.swm").as_str(), "0.1", "--quiet"]);
    imagex(&["export", whole.as_str(), "all", scratch.path("pipe.wim").as_str(), "--pipable", "--quiet"]);
    fs::write(scratch.path("text.wim"), "MSWIN, but not quite, and long enough to be a header ".repeat(9)).unwrap();
    fs::write(scratch.path("empty.wim"), "").unwrap();
    let bytes = fs::read(&whole).unwrap();
    fs::write(scratch.path("cut.wim"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(scratch.path("header.wim"), &bytes[..100]).unwrap();
    let table = u64::from_le_bytes(bytes[0x38..0x40].try_into().unwrap());
    let mut flags = bytes.clone();
    flags[0x10] |= 0x8; // spanned, but only one part
    flags[0x2C] = 9; // images
    fs::write(scratch.path("count.wim"), flags).unwrap();
    for (name, message) in [
        (
            "part.swm",
            "`DIR/part.swm` is part 1 of 3 of a split WIM / join the parts first: `wimlib-imagex join DIR/part.wim DIR/part*.swm`",
        ),
        (
            "part2.swm",
            "`DIR/part2.swm` is part 2 of 3 of a split WIM / join the parts first: `wimlib-imagex join DIR/part.wim DIR/part*.swm`",
        ),
        (
            "pipe.wim",
            "`DIR/pipe.wim` is a pipable WIM, which Windows can't read / convert it: `wimlib-imagex export DIR/pipe.wim all DIR/pipe-new.wim --not-pipable`",
        ),
        ("text.wim", "`DIR/text.wim` is not a WIM file / check the path; a WIM file begins with `MSWIM`"),
        ("empty.wim", "`DIR/empty.wim` is empty / copy the file again"),
        (
            "cut.wim",
            "`DIR/cut.wim` is damaged: its table of contents would be at byte TABLE, but it has HALF bytes / copy the file again, or check it with `wimlib-imagex verify DIR/cut.wim`",
        ),
        (
            "header.wim",
            "`DIR/header.wim` is damaged: unexpectedly reached the end of the file / copy the file again, or check it with `wimlib-imagex verify DIR/header.wim`",
        ),
        (
            "count.wim",
            "`DIR/count.wim` is damaged: inconsistent image count among the metadata resources, the WIM header, and/or the XML data / copy the file again, or check it with `wimlib-imagex verify DIR/count.wim`",
        ),
        ("", "`DIR/` is not a WIM file but a folder / "),
        ("none.wim", "opening `DIR/none.wim` / "),
    ] {
        let path = scratch.path(name);
        let message = message.replace("TABLE", &table.to_string()).replace("HALF", &(bytes.len() / 2).to_string());
        let message = if name.is_empty() { message.replace("DIR/", path.as_str()) } else { message };
        let shown = if name.is_empty() {
            let error = Wim::open(&path).unwrap_err();
            format!("{error} / ")
        } else {
            refusal(&path)
        };
        assert_eq!(shown, message, "{name}");
    }
}

#[test]
fn no_damage_gives_wrong_contents_or_ends_the_process() {
    let scratch = Scratch::new();
    for options in [&["--compress=XPRESS"][..], &["--compress=none"], &["--solid"]] {
        let whole = fs::read(scratch.capture("whole.wim", options)).unwrap();
        let path = scratch.path("damaged.wim");
        // Bytes of the header, then bytes all over the file.
        let step = if is_thorough() { 1 } else { 5 };
        let places = (0..208).step_by(step).chain((208..whole.len()).step_by(whole.len() / 40));
        let (mut n_refused, mut n_whole) = (0, 0);
        for place in places {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x81;
            fs::write(&path, damaged).unwrap();
            let Ok(wim) = Wim::open(&path) else {
                n_refused += 1;
                continue;
            };
            wim.images();
            for (name, bytes) in scratch.files() {
                match wim.extract(1, name, LIMIT) {
                    Ok(Some(read)) => {
                        assert!(read == bytes, "{options:?}: byte {place} changed {name}");
                        n_whole += 1;
                    }
                    Ok(None) | Err(_) => n_refused += 1,
                }
            }
        }
        assert!(n_refused > 20 && n_whole > 20, "{n_refused} refused, {n_whole} whole");
    }
}
