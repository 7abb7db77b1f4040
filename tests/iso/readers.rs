//! The independent readers of disc images, and our own: each must find the whole tree of a sample in an image, byte for
//! byte, and complain of nothing.

use std::fs;
use std::path::Path;

use super::{Sample, assert_quiet, etfsboot, run, run_for_bytes};

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// All readers; gives what xorriso says of the boot catalog.
pub fn with_all(sample: &Sample, image: &Path) -> String {
    with_udfinfo(sample, image);
    with_isoinfo(sample, image);
    with_7z(sample, image);
    with_bsdtar(sample, image);
    with_pycdlib(sample, image);
    with_our_own(sample, image);
    with_etfsboot(sample, image);
    with_xorriso(sample, image)
}

/// Returns the sectors of the file entries that it reads.
pub fn with_etfsboot(sample: &Sample, image: &Path) -> Vec<u16> {
    let disc = etfsboot::Disc::open(image);
    let mut sectors = Vec::new();
    for path in etfsboot::PATHS {
        let is_there = |name: &&String| name.eq_ignore_ascii_case(path);
        let source = sample.files.keys().find(is_there).map(|name| &sample.files[name]);
        let is_folder = path.is_empty() || sample.folders.iter().any(|name| is_there(&name));
        let Some(found) = disc.find(path) else {
            assert!(source.is_none() && !is_folder, "etfsboot.com does not find `{path}`");
            continue;
        };
        sectors.push(found.entry);
        assert_eq!(found.is_folder, is_folder, "`{path}`");
        if let Some(source) = source {
            let bytes = fs::read(source).unwrap();
            assert_eq!(found.len as usize, bytes.len(), "`{path}`");
            assert!(bytes.starts_with(&disc.start_of(&found)), "etfsboot.com: `{path}` has other bytes");
        }
    }
    sectors
}

fn with_7z(sample: &Sample, image: &Path) {
    let report = run("7z", &["t", text(image)]);
    assert_quiet("7z t", &report);
    assert!(report.contains("Type = Udf"), "7z reads it as something else:\n{report}");
    // Its reader of UDF, and the one of ISO 9660, which takes Joliet.
    for kind in ["udf", "iso"] {
        let target = sample.target(&format!("7z-{kind}"));
        let report = run("7z", &["x", &format!("-t{kind}"), text(image), &format!("-o{}", text(&target))]);
        assert_quiet("7z x", &report);
        // It shows boot programs as files of a folder that isn't there.
        let _ = fs::remove_dir_all(target.join("[BOOT]"));
        sample.assert_extracted(&format!("7z {kind}"), &target);
    }
}

fn with_bsdtar(sample: &Sample, image: &Path) {
    let target = sample.target("bsdtar");
    let report = run("bsdtar", &["-xf", text(image), "-C", text(&target)]);
    assert_eq!(report, "", "bsdtar");
    sample.assert_extracted("bsdtar", &target);
}

fn with_xorriso(sample: &Sample, image: &Path) -> String {
    let xorriso = |arguments: &[&str]| {
        let report = run("xorriso", &[&["-report_about", "NOTE"], arguments].concat());
        assert_quiet("xorriso", &report);
        report
    };
    let target = sample.target("xorriso");
    let extract =
        ["-osirrox", "on:auto_chmod_off", "-read_fs", "any", "-indev", text(image), "-extract", "/", text(&target)];
    xorriso(&extract);
    sample.assert_extracted("xorriso", &target);
    xorriso(&["-read_fs", "nojoliet", "-indev", text(image), "-find", "/"]);
    xorriso(&["-indev", text(image), "-report_el_torito", "plain"])
}

pub fn with_isoinfo(sample: &Sample, image: &Path) {
    for arguments in [&["-d"][..], &["-l"], &["-J", "-l"], &["-R", "-l"], &["-p"], &["-f"]] {
        let arguments = [&["-i", text(image)], arguments].concat();
        let report = run("isoinfo", &arguments);
        assert_quiet("isoinfo", &report);
        if arguments.contains(&"-d") {
            assert!(report.contains("NO Rock Ridge present"), "{report}");
            assert!(report.contains("Joliet with UCS level 3 found"), "{report}");
        }
    }
    // Contents by their ISO 9660 names, where these are simple.
    let is_simple = |path: &str| path.chars().all(|c| c.is_ascii_alphanumeric() || c == '/' || c == '.');
    for (path, source) in sample.files.iter().filter(|(path, _)| path.len() < 30 && is_simple(path)).take(20) {
        let Some((_, extension)) = path.rsplit_once('.') else { continue };
        if extension.contains('/') || path.matches('.').count() > 1 || fs::metadata(source).unwrap().len() > 1 << 30 {
            continue;
        }
        let found = run_for_bytes("isoinfo", &["-i", text(image), "-x", &format!("/{};1", path.to_uppercase())]);
        assert!(found == fs::read(source).unwrap(), "isoinfo: `{path}` has other bytes");
    }
}

pub fn with_udfinfo(sample: &Sample, image: &Path) {
    let report = run("udfinfo", &[text(image)]);
    assert_quiet("udfinfo", &report);
    let line = |name: &str, value: &str| {
        assert!(report.lines().any(|line| line == format!("{name}={value}")), "{name}={value}\n{report}");
    };
    line("numfiles", &sample.files.len().to_string());
    line("numdirs", &(sample.folders.len() + 1).to_string());
    line("udfrev", "1.02");
    line("integrity", "closed");
    line("lvid", &sample.volume.label);
}

/// What it reads is compared by the script.
pub fn with_pycdlib(sample: &Sample, image: &Path) {
    let list = sample.folder.path().join("list");
    let mut lines = String::new();
    for (path, source) in &sample.files {
        lines += &format!("{path}\t{}\n", text(source));
    }
    for path in &sample.folders {
        lines += &format!("{path}\t\n");
    }
    fs::write(&list, lines).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/iso/walk.py");
    let report = run("python3", &["-W", "error", script, text(image), text(&list)]);
    assert!(report.starts_with("same: "), "{report}");
}

pub fn with_our_own(sample: &Sample, image: &Path) {
    let disc = tsmedia::format::iso::read(&mut fs::File::open(image).unwrap()).unwrap();
    let mut found: Vec<_> = disc.files().iter().map(|file| (file.path.clone(), file.len)).collect();
    found.sort();
    let files = sample.files.iter().map(|(path, source)| (path.clone(), fs::metadata(source).unwrap().len()));
    let mut expected: Vec<_> = files.chain(sample.folders.iter().map(|path| (path.clone(), 0))).collect();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(disc.disagreements(), []);
}
