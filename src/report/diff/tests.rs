use super::*;
use crate::diff::{MediumContents, diff};

/// Returns a comparison of two finished media.
fn compared(diff: Diff, sides: [&str; 2]) -> [ComparedMedium; 1] {
    let sides = sides.map(|path| DiffSide { kind: SideKind::Medium, path: path.into(), outputs: Vec::new() });
    [ComparedMedium { site: None, kind: None, sides, diff }]
}

fn file(bytes: &str) -> FileContent {
    FileContent { len: bytes.len() as u64, blake3: Some(Digest::hash(bytes.as_bytes())) }
}

fn contents(paths: impl Iterator<Item = String>, bytes: &str) -> MediumContents {
    MediumContents { files: paths.map(|path| (path, file(bytes))).collect(), ..MediumContents::default() }
}

/// Returns the difference of two media with different bytes in every file.
fn many(n_packages: usize, n_files: usize) -> Diff {
    let paths = || {
        (0..n_packages).flat_map(move |package| (0..n_files).map(move |n| format!("SMS/PKG/{package:03}/{n:03}.cab")))
    };
    diff(&contents(paths(), "old"), &contents(paths(), "other"))
}

#[test]
fn a_difference_is_a_screen_long_at_most_unless_all_is_asked_for() {
    for n_packages in [1, 2, 3, 4, 7, 10, 19, 20, 21, 50] {
        for n_files in [1, 2, 5, 6, 20] {
            let compared = compared(many(n_packages, n_files), ["a", "b"]);
            let n_lines = text(&compared, &[], false).to_string().lines().count();
            assert!(n_lines <= 26, "{n_packages} × {n_files}: {n_lines} lines");
            let all = text(&compared, &[], true).to_string();
            assert_eq!(all.lines().count(), 5 + n_packages * (n_files + 1));
            let files = &json(&compared, &[])["media"][0]["files"];
            assert_eq!(files.as_array().unwrap().len(), n_packages * n_files);
        }
    }
}

#[test]
fn what_is_not_shown_is_counted() {
    insta::assert_snapshot!(text(&compared(many(3, 8), ["old.iso", "new.iso"]), &[], false), @"
    files: 24 changed

    - old.iso
    + new.iso

    SMS/PKG/000: 24 B → 40 B, 8 changed
      ~ SMS/PKG/000/000.cab (3 B → 5 B, 96a42572 → 3f796163)
      ~ SMS/PKG/000/001.cab (3 B → 5 B, 96a42572 → 3f796163)
      ~ SMS/PKG/000/002.cab (3 B → 5 B, 96a42572 → 3f796163)
      ~ SMS/PKG/000/003.cab (3 B → 5 B, 96a42572 → 3f796163)
      and 4 more
    SMS/PKG/001: 24 B → 40 B, 8 changed
      ~ SMS/PKG/001/000.cab (3 B → 5 B, 96a42572 → 3f796163)
      ~ SMS/PKG/001/001.cab (3 B → 5 B, 96a42572 → 3f796163)
      ~ SMS/PKG/001/002.cab (3 B → 5 B, 96a42572 → 3f796163)
      ~ SMS/PKG/001/003.cab (3 B → 5 B, 96a42572 → 3f796163)
      and 4 more
    SMS/PKG/002: 24 B → 40 B, 8 changed
      ~ SMS/PKG/002/000.cab (3 B → 5 B, 96a42572 → 3f796163)
      ~ SMS/PKG/002/001.cab (3 B → 5 B, 96a42572 → 3f796163)
      ~ SMS/PKG/002/002.cab (3 B → 5 B, 96a42572 → 3f796163)
      ~ SMS/PKG/002/003.cab (3 B → 5 B, 96a42572 → 3f796163)
      and 4 more
    ");
    let many = text(&compared(many(30, 3), ["old.iso", "new.iso"]), &[], false).to_string();
    insta::assert_snapshot!(many.lines().last().unwrap(), @"and in 11 more places: 33 changed");
}

#[test]
fn a_boot_program_that_cannot_be_compared_is_told_and_is_no_difference() {
    let boot = |bytes, made_of| crate::diff::BootContent { firmware: "UEFI".into(), bytes, made_of };
    let old = MediumContents { boot: vec![boot(Some(Digest::hash(b"a")), None)], ..MediumContents::default() };
    let new = MediumContents { boot: vec![boot(None, Some(Digest::hash(b"a")))], ..MediumContents::default() };
    insta::assert_snapshot!(text(&compared(diff(&old, &new), ["a.iso", "media.record.json"]), &[], false), @"
    no differences in what both sides know

    - a.iso
    + media.record.json

    boot  program for UEFI: unknown whether it differs: one side has no digest of it
    ");
    assert_eq!(summary(&diff(&old, &old)), "no differences");
}
