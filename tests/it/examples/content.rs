//! Files that 7z, bsdtar, pycdlib and sha256sum find on the examples' media: the sources, byte for byte, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::project::Project;

/// Folders and files of the stand-alone medium for BER, with their sources.
const STAND_ALONE: [(&str, &str); 16] = [
    ("sources/boot.wim", "images/x64/boot.wim"),
    ("SMS/PKG/BER00010/install.wim", "images/install.wim"),
    ("SMS/PKG/BER00002", "stand-alone/packages/client"),
    ("SMS/PKG/BER00021", "stand-alone/packages/vpn"),
    ("SMS/PKG/BER00030", "stand-alone/drivers/network"),
    ("SMS/PKG/BER00022", "stand-alone/packages/editor"),
    ("Documents/Guten Tag aus Berlin", "stand-alone/extras"),
    ("bootmgr", "images/x64/media/bootmgr"),
    ("bootmgr.efi", "images/x64/media/bootmgr.efi"),
    ("boot/bcd", "images/x64/media/boot/bcd"),
    ("boot/boot.sdi", "images/x64/media/boot/boot.sdi"),
    ("boot/bootfix.bin", "images/x64/media/boot/bootfix.bin"),
    ("efi/boot/bootx64.efi", "images/x64/media/efi/boot/bootx64.efi"),
    ("efi/microsoft/boot/bcd", "images/x64/media/efi/microsoft/boot/bcd"),
    ("efi/microsoft/boot/fonts", "images/x64/media/efi/microsoft/boot/fonts"),
    ("boot/fonts", "images/x64/media/efi/microsoft/boot/fonts"),
];

/// Folders and files of the bootable medium for ARM, with their sources.
const BOOTABLE: [(&str, &str); 5] = [
    ("sources/boot.wim", "images/arm64/boot.wim"),
    ("boot", "images/arm64/media/boot"),
    ("efi", "images/arm64/media/efi"),
    ("bootmgr.efi", "images/arm64/media/bootmgr.efi"),
    ("readme-arm.txt", "bootable/extras/readme.txt"),
];

/// Every file below a path, with its path relative to it; the path itself if it is a file.
fn files(path: &Utf8Path) -> BTreeMap<String, Utf8PathBuf> {
    if path.is_file() {
        return BTreeMap::from([(String::new(), path.to_owned())]);
    }
    let mut found = BTreeMap::new();
    for entry in path.read_dir_utf8().unwrap().map(Result::unwrap) {
        for (below, path) in files(entry.path()) {
            let separator = if below.is_empty() { "" } else { "/" };
            found.insert(format!("{}{separator}{below}", entry.file_name()), path);
        }
    }
    found
}

/// The bytes of every file that a medium should hold, but for its own lists.
fn expected(project: &Project, sources: &[(&str, &str)], own: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    let mut expected = BTreeMap::new();
    for (target, source) in sources {
        for (below, path) in files(&project.path(source)) {
            let separator = if below.is_empty() { "" } else { "/" };
            expected.insert(format!("{target}{separator}{below}"), fs::read(path).unwrap());
        }
    }
    expected.extend(own.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
    expected
}

/// Extracts with a program and compares; the lists on the medium are checked by sha256sum.
fn assert_extracted(project: &Project, program: &[&str], medium: &Utf8Path, expected: &BTreeMap<String, Vec<u8>>) {
    let target = project.scratch().join(program[0]);
    fs::create_dir(&target).unwrap();
    let mut extract = Command::new(program[0]);
    let ran = extract.args(&program[1..]).arg(medium).current_dir(&target).env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(ran.status.success(), "{program:?}: {}", String::from_utf8_lossy(&ran.stderr));
    let mut found = BTreeMap::new();
    for (path, file) in files(&target) {
        // Folders keep the spelling of whatever came first.
        found.insert(path.to_lowercase(), fs::read(file).unwrap());
    }
    let own: Vec<_> = found.keys().filter(|path| path.starts_with("tsmedia/")).cloned().collect();
    assert_eq!(own, ["tsmedia/blake3sums", "tsmedia/medium.toml", "tsmedia/sha256sums"], "{program:?}");
    found.retain(|path, _| !path.starts_with("tsmedia/"));
    // What it tells the client is encrypted; other tests read it.
    let bootstrap = String::from_utf8(found.remove("sms/data/tsmbootstrap.ini").unwrap()).unwrap();
    let carries_sequence = bootstrap.contains("FullMedia");
    let encrypted = [Some("sms/data/variables.dat"), carries_sequence.then_some("sms/data/policy.xml")];
    for path in encrypted.into_iter().flatten() {
        let bytes = found.remove(path).unwrap();
        assert!(bytes.starts_with(b"\0\0\xED\xEC\x14\0\0\0"), "{program:?}: {path}");
    }
    assert!(bootstrap.starts_with("[MediaInfo]\r\nMediaType="), "{program:?}: {bootstrap}");
    let expected: BTreeMap<_, _> = expected.iter().map(|(path, bytes)| (path.to_lowercase(), bytes)).collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{program:?}");
    for (path, bytes) in expected {
        assert!(found[&path] == *bytes, "{program:?}: `{path}` has other bytes");
    }
    let mut check = Command::new("sha256sum");
    let ran =
        check.args(["--check", "--strict", "--quiet", "tsmedia/SHA256SUMS"]).current_dir(&target).output().unwrap();
    assert!(ran.status.success(), "{program:?}: {}", String::from_utf8_lossy(&ran.stderr));
    // No more and no less is on the list than on the medium, but for the list itself.
    let n_listed = fs::read_to_string(target.join("tsmedia/SHA256SUMS")).unwrap().lines().count();
    assert_eq!(n_listed + 1, files(&target).len(), "{program:?}");
}

/// Compares what pycdlib reads in UDF, ISO 9660 and Joliet with what 7z extracted, which was compared with the sources.
fn assert_walked(project: &Project, medium: &Utf8Path) {
    let extracted = project.scratch().join("7z");
    let mut listing = String::new();
    let mut folders = std::collections::BTreeSet::new();
    for (path, file) in files(&extracted) {
        listing += &format!("{path}\t{file}\n");
        folders.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
    }
    listing.extend(folders.iter().map(|folder| format!("{folder}\t\n")));
    let list = project.scratch().join("listing");
    fs::write(&list, listing).unwrap();
    let walk = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/disc/walk.py");
    let ran = Command::new("python3").args([walk, medium.as_str(), list.as_str()]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

fn assert_read_by_all(example: &str, site: &str, sources: &[(&str, &str)], own: &[(&str, &str)]) {
    let project = Project::examples();
    project.done(&["apply", &format!("{example}/media.toml"), "--site", site]);
    let media = project.media(example);
    let expected = expected(&project, sources, own);
    for program in [&["7z", "x", "-bso0", "-bsp0"][..], &["bsdtar", "-xf"]] {
        assert_extracted(&project, program, &media[0].path, &expected);
    }
    assert_walked(&project, &media[0].path);
}

/// The stick for ARM, as 7z finds it behind its GPT.
#[test]
fn the_stick_holds_its_sources() {
    let project = Project::examples();
    project.done(&["apply", "stick/media.toml", "--site", "ARM"]);
    let sources = BOOTABLE.map(|(path, source)| match path {
        "readme-arm.txt" => ("readme.txt", "stick/extras/readme.txt"),
        _ => (path, source),
    });
    let expected = expected(&project, &sources, &[("MediaLabel.txt", "label=STICK ARM\r\n")]);
    let path = &project.media("stick")[0].path;
    // What a partition is, 7z shows as a file; what is in it, in a second step.
    let partition = project.scratch().join("partition.img");
    let skip = ["bs=1M", "skip=1", "conv=sparse", "status=none"];
    let copy = Command::new("dd").arg(format!("if={path}")).arg(format!("of={partition}")).args(skip).status();
    assert!(copy.unwrap().success());
    assert_extracted(&project, &["7z", "x", "-tfat", "-bso0", "-bsp0"], &partition, &expected);
}

#[test]
fn the_stand_alone_medium_holds_its_sources() {
    assert_read_by_all("stand-alone", "BER", &STAND_ALONE, &[("MediaLabel.txt", "label=WIN11 BER\r\n")]);
}

#[test]
fn the_bootable_medium_holds_its_sources() {
    assert_read_by_all("bootable", "ARM", &BOOTABLE, &[("MediaLabel.txt", "label=BOOT ARM\r\n")]);
}
