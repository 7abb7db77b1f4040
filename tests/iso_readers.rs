//! Disc images as independent readers see them: all of a tree, byte for byte, and without a complaint.

mod iso;

use std::fs;
use std::path::Path;

use iso::{Sample, assert_quiet, run};
use tsmedia::volume::Platform;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn with_7z(sample: &Sample, image: &Path) {
    let report = run("7z", &["t", text(image)]);
    assert_quiet("7z t", &report);
    assert!(report.contains("Type = Udf"), "7z reads it as something else:\n{report}");
    let target = sample.folder.path().join("7z");
    assert_quiet("7z x", &run("7z", &["x", text(image), &format!("-o{}", text(&target))]));
    fs::create_dir_all(&target).unwrap();
    sample.assert_extracted("7z", &target);
    // Its other reader takes Joliet.
    let target = sample.folder.path().join("7z-iso");
    assert_quiet("7z x -tiso", &run("7z", &["x", "-tiso", text(image), &format!("-o{}", text(&target))]));
}

fn with_bsdtar(sample: &Sample, image: &Path) {
    let target = sample.folder.path().join("bsdtar");
    fs::create_dir(&target).unwrap();
    let report = run("bsdtar", &["-xf", text(image), "-C", text(&target)]);
    assert_eq!(report, "", "bsdtar");
    sample.assert_extracted("bsdtar", &target);
}

fn with_xorriso(image: &Path) -> String {
    let report =
        run("xorriso", &["-report_about", "NOTE", "-indev", text(image), "-report_el_torito", "plain", "-find", "/"]);
    assert_quiet("xorriso", &report);
    report
}

fn with_isoinfo(image: &Path) {
    for arguments in [&["-d"][..], &["-l"], &["-J", "-l"], &["-p"], &["-f"]] {
        let arguments = [&["-i", text(image)], arguments].concat();
        assert_quiet("isoinfo", &run("isoinfo", &arguments));
    }
}

fn with_udfinfo(sample: &Sample, image: &Path) {
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
fn with_pycdlib(sample: &Sample, image: &Path) {
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

fn with_all(sample: &Sample) {
    let image = sample.image();
    with_udfinfo(sample, &image);
    with_xorriso(&image);
    with_isoinfo(&image);
    with_7z(sample, &image);
    with_bsdtar(sample, &image);
    with_pycdlib(sample, &image);
}

fn tiny() -> Sample {
    let mut sample = Sample::new("TINY");
    sample.source("readme.txt", b"hello\n");
    sample.source("SMS/data/TsmBootstrap.ini", b"[x]\r\n");
    sample.source("sources/boot.wim", &vec![7; 3 << 20]);
    sample.source("sources/middle.bin", &vec![9; 70_000]);
    sample.made("tsmedia/medium.toml", b"made = true\n");
    sample.boot(Platform::Bios, &[0xFA; 4_096]);
    sample.boot(Platform::Uefi, &vec![0xEB; 1_474_560]);
    sample
}

#[test]
fn a_tiny_tree_is_read_by_all() {
    with_all(&tiny());
}

#[test]
fn an_empty_tree_is_read_by_all() {
    with_all(&Sample::new("EMPTY"));
}
