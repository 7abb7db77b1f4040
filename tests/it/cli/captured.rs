//! Captures that a manifest declares: made once, made again when a source changes, and put on media of the same run.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime};

use super::capture::{is_whole, put_disk, tool};
use super::watch::Watching;
use crate::fixtures::sandbox::Sandbox;

/// Not compressed, so that every size in a transcript is the same wherever the test runs.
const MANIFEST: &str = r#"manifest-version = 1

[capture]
path = "images/{{ vars.name }}.wim"
description = "The reference machine"
compression = "none"

[[capture.source]]
path = "reference"
name = "Reference"

[[capture.source]]
path = "data"

[vars]
name = "reference"
"#;

/// Whatever was done to it, a source has times of its own and not of the test's.
fn put_at(sandbox: &Sandbox, path: &str, bytes: impl AsRef<[u8]>, day: u64) {
    sandbox.put(path, bytes);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + day * 86_400);
    for path in sandbox.path(path).ancestors().take_while(|above| *above != sandbox.root) {
        File::open(path).unwrap().set_modified(time).unwrap();
    }
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.put("capture.toml", MANIFEST);
    put_at(&sandbox, "reference/Windows/notepad.exe", vec![7; 50_000], 0);
    put_at(&sandbox, "reference/pagefile.sys", vec![1; 9_000], 0);
    put_at(&sandbox, "data/letter.txt", "Moin\n", 0);
    sandbox
}

fn edit(sandbox: &Sandbox, old: &str, new: &str) {
    let text = String::from_utf8(sandbox.get("capture.toml")).unwrap();
    assert!(text.contains(old), "{old}");
    sandbox.put("capture.toml", text.replacen(old, new, 1));
}

#[test]
fn a_capture_is_made_once_and_again_when_a_source_changes() {
    let sandbox = sandbox();
    let mut seen = String::new();
    let lines = ["check capture.toml", "plan capture.toml", "apply capture.toml", "apply capture.toml"];
    lines.iter().for_each(|line| seen += &sandbox.see(line));
    put_at(&sandbox, "data/letter.txt", "Moin moin\n", 1);
    put_at(&sandbox, "data/other.txt", "Tschüss\n", 1);
    edit(&sandbox, "The reference machine", "The machine in Hamburg");
    seen += &sandbox.see("plan capture.toml --detailed-exitcode");
    seen += &sandbox.see("apply capture.toml --json");
    // Everything else says nothing new: other sources, other places of the cache and of the record.
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    seen += &sandbox.see("plan capture.toml");
    sandbox.done(&["apply", "capture.toml"]);
    fs::remove_file(sandbox.path("capture.record.json")).unwrap();
    seen += &sandbox.see("apply capture.toml");
    seen += &sandbox.see("plan capture.toml");
    // What bears another name now is made under it, and the old one goes.
    edit(&sandbox, "name = \"reference\"\n", "name = \"golden\"\n");
    seen += &sandbox.see("plan capture.toml");
    seen += &sandbox.see("apply capture.toml --yes");
    insta::assert_snapshot!(seen);
    assert_eq!(sandbox.list("images"), ["golden.wim"]);
}

#[test]
fn a_declared_capture_has_the_bytes_of_one_that_is_typed_on_any_machine() {
    let (one, other) = (sandbox(), sandbox());
    for sandbox in [&one, &other] {
        edit(sandbox, "compression = \"none\"", "version = \"2026.1\"\ncheck = true\nsource-date = 2026-01-01");
        sandbox.done(&["apply", "capture.toml"]);
    }
    let made = one.get("images/reference.wim");
    assert!(made == other.get("images/reference.wim"));
    assert_eq!(one.get("capture.record.json"), other.get("capture.record.json"));
    let line = "capture reference data -o typed.wim --name Reference --name data --image-version 2026.1 --check \
                --date 1767225600 --description";
    let words: Vec<_> = line.split_whitespace().chain(["The reference machine"]).collect();
    one.done(&words);
    assert!(made == one.get("typed.wim"));
    // An existing output is not a source when it is rebuilt.
    put_at(&one, "data/letter.txt", "Moin moin\n", 1);
    put_at(&other, "data/letter.txt", "Moin moin\n", 1);
    fs::remove_dir_all(other.path("images")).unwrap();
    for sandbox in [&one, &other] {
        sandbox.done(&["apply", "capture.toml"]);
    }
    assert!(one.get("images/reference.wim") == other.get("images/reference.wim"));
}

/// Of a disk each volume becomes an image; what a file lists stays out; what an earlier capture has is not read again.
#[test]
fn a_declared_capture_takes_disks_exclusions_and_earlier_captures() {
    let sandbox = Sandbox::empty();
    put_disk(&sandbox);
    sandbox.put(
        "capture.toml",
        r#"manifest-version = 1

[capture]
path = "disk.wim"
compression = "none"
exclusions = "own.ini"
check = true

[[capture.source]]
path = "disk.img"
"#,
    );
    sandbox.put("own.ini", "[ExclusionList]\n*.dll\n");
    let mut seen = sandbox.see("check capture.toml") + &sandbox.see("apply capture.toml");
    is_whole(&sandbox, "disk.wim");
    let said = tool(&sandbox, "wimlib-imagex", &["dir", "disk.wim", "2"]);
    assert!(said.contains("docs/a.txt") && !said.contains(".dll"), "{said}");
    edit(&sandbox, "check = true", "update-from = \"old.wim\"");
    fs::rename(sandbox.path("disk.wim"), sandbox.path("old.wim")).unwrap();
    seen +=
        &(sandbox.see("plan capture.toml") + &sandbox.see("apply capture.toml") + &sandbox.see("plan capture.toml"));
    is_whole(&sandbox, "disk.wim");
    // The earlier capture and the list are sources too.
    sandbox.put("own.ini", "[ExclusionList]\n*.dll\n\\docs\n");
    seen += &sandbox.see("plan capture.toml");
    edit(&sandbox, "old.wim", "missing.wim");
    seen += &sandbox.see("plan capture.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn what_sizes_and_times_do_not_show_is_seen_and_strangers_are_left_alone() {
    let sandbox = sandbox();
    sandbox.done(&["apply", "capture.toml"]);
    std::thread::sleep(Duration::from_millis(20));
    put_at(&sandbox, "data/letter.txt", "Mein\n", 0);
    let mut seen = sandbox.see("plan capture.toml");
    sandbox.done(&["apply", "capture.toml"]);
    assert!(sandbox.done(&["plan", "capture.toml"]).starts_with("nothing to do"));
    // Written to in place, and replaced by something else.
    let wim = File::options().append(true).open(sandbox.path("images/reference.wim")).unwrap();
    wim.set_len(1_000).unwrap();
    seen += &sandbox.see("plan capture.toml");
    fs::remove_file(sandbox.path("images/reference.wim")).unwrap();
    fs::remove_file(sandbox.path("capture.record.json")).unwrap();
    sandbox.put("images/stranger", "a letter");
    fs::rename(sandbox.path("images/stranger"), sandbox.path("images/reference.wim")).unwrap();
    seen += &sandbox.see("plan capture.toml");
    seen += &sandbox.see("apply capture.toml");
    assert_eq!(sandbox.get("images/reference.wim"), b"a letter");
    seen += &sandbox.see("apply capture.toml --force");
    insta::assert_snapshot!(seen);
}

/// A medium whose operating system is captured.
fn with_medium() -> Sandbox {
    let sandbox = sandbox();
    let system = "[[operating-system]]\nid = \"BER00010\"\nfile = \"images/reference.wim\"\nindex = 1\n\n[[package]]";
    sandbox.put("media.toml", crate::fixtures::sandbox::MANIFEST.replacen("[[package]]", system, 1));
    sandbox.put("packages/vpn/setup.cmd", "rem installs the client\r\n");
    sandbox.put("readme.txt", "Moin\n");
    sandbox.put_boot();
    sandbox
}

/// A disk in two files, one of its volumes not in order.
#[test]
fn a_declared_capture_knows_the_files_of_a_disk_its_partitions_and_what_was_left_out() {
    let sandbox = Sandbox::empty();
    put_disk(&sandbox);
    tool(&sandbox, "qemu-img", &["create", "-q", "-f", "qcow2", "-b", "disk.img", "-F", "raw", "clone.qcow2"]);
    sandbox.put(
        "capture.toml",
        "manifest-version = 1\n\n[capture]\npath = \"disk.wim\"\ncompression = \"none\"\n\n[[capture.source]]\n\
         path = \"clone.qcow2\"\n",
    );
    let mut seen = sandbox.see("check capture.toml");
    edit(&sandbox, "clone.qcow2\"\n", "clone.qcow2\"\nallow-references = [\"disk.img\"]\npartitions = [1, 3]\n");
    for line in ["apply capture.toml", "plan capture.toml"] {
        seen += &sandbox.see(line);
    }
    is_whole(&sandbox, "disk.wim");
    // A change of the file below is one of the source.
    File::options().write(true).open(sandbox.path("disk.img")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    edit(&sandbox, "partitions = [1, 3]", "partitions = [3]");
    for line in ["plan capture.toml", "apply capture.toml", "plan capture.toml"] {
        seen += &sandbox.see(line);
    }
    edit(&sandbox, "partitions = [3]", "partitions = [3]\nskip-partitions = [1]");
    seen += &sandbox.see("check capture.toml");
    insta::assert_snapshot!(seen);
    // A volume that is left out is tried again.
    let disk = File::options().read(true).write(true).open(sandbox.path("disk.img")).unwrap();
    let mut volume = vec![0; 65536 * 512];
    disk.read_exact_at(&mut volume, 12288 * 512).unwrap();
    sandbox.put("volume", &volume);
    tool(&sandbox, "ntfsfix", &["volume"]);
    disk.write_all_at(&sandbox.get("volume"), 12288 * 512).unwrap();
    edit(&sandbox, "partitions = [3]\nskip-partitions = [1]", "");
    let mut seen = String::new();
    for line in ["apply capture.toml", "plan capture.toml"] {
        seen += &sandbox.see(line);
    }
    disk.write_all_at(&volume, 12288 * 512).unwrap();
    for line in ["apply capture.toml", "plan capture.toml"] {
        seen += &sandbox.see(line);
    }
    insta::assert_snapshot!("a_volume_that_was_left_out_is_tried_again", seen);
}

#[test]
fn what_is_captured_is_put_on_media_of_the_same_run() {
    let sandbox = with_medium();
    let mut seen = sandbox.see("check media.toml");
    for line in ["check", "plan", "plan --out ci.plan", "apply", "apply"] {
        // The order in which they are named is not the order in which they depend on each other.
        seen += &sandbox.see(&format!("{line} media.toml capture.toml"));
    }
    put_at(&sandbox, "data/letter.txt", "Moin moin\n", 1);
    seen += &sandbox.see("plan capture.toml media.toml");
    seen += &sandbox.see("apply capture.toml media.toml");
    insta::assert_snapshot!(seen);
    assert!(sandbox.done(&["plan", "capture.toml", "media.toml"]).starts_with("nothing to do"));
    let wim = sandbox.get("images/reference.wim");
    let medium = sandbox.get("out/win11-BER.iso");
    assert!(medium.chunks(2_048).any(|sector| sector.starts_with(&wim[..512])), "the medium holds the new WIM file");
}

#[test]
fn a_saved_plan_captures_or_says_what_moved() {
    let sandbox = sandbox();
    let mut seen = sandbox.see("plan capture.toml --out ci.plan");
    seen += &sandbox.see("apply ci.plan");
    seen += &sandbox.see("apply ci.plan");
    put_at(&sandbox, "data/letter.txt", "Moin moin\n", 1);
    seen += &sandbox.see("apply ci.plan");
    insta::assert_snapshot!(seen);
}

#[test]
fn what_is_wrong_with_sources_is_told_at_their_lines() {
    let sandbox = sandbox();
    fs::create_dir(sandbox.path("sub")).unwrap();
    let refused = |old: &str, new: &str| {
        sandbox.put("capture.toml", MANIFEST);
        edit(&sandbox, old, new);
        sandbox.see("check capture.toml")
    };
    let mut seen = refused("path = \"reference\"", "path = \"refrence\"");
    seen += &refused("path = \"reference\"", "path = \".\"");
    seen += &refused("path = \"images/{{ vars.name }}.wim\"", "path = \"data/all.wim\"");
    seen += &refused("compression", "exclusions = \"WimScript.ini\"\ncompression");
    seen += &refused("compression", "update-from = \"images/reference.wim\"\ncompression");
    seen += &refused("compression", "update-from = \"data/letter.txt\"\ncompression");
    sandbox.put("capture.toml", MANIFEST);
    for line in ["diff capture.toml capture.toml", "verify media.iso --manifest capture.toml"] {
        seen += &sandbox.see(line);
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn sites_capture_what_is_theirs_and_watch_captures_what_changes() {
    let sandbox = sandbox();
    edit(&sandbox, "path = \"data\"\n", "path = \"data\"\nwhen = \"{{ site.code == 'BER' }}\"\n");
    edit(&sandbox, "{{ vars.name }}", "{{ vars.name }}-{{ site.code }}");
    edit(&sandbox, "[vars]", "[[sites]]\ncode = \"BER\"\n\n[[sites]]\ncode = \"HAM\"\n\n[vars]");
    sandbox.done(&["apply", "capture.toml", "--site", "HAM"]);
    assert_eq!(sandbox.list("images"), ["reference-HAM.wim"]);
    let mut watching = Watching::start(&sandbox, &["capture.toml"]);
    watching.until("watching");
    assert_eq!(sandbox.list("images"), ["reference-BER.wim", "reference-HAM.wim"]);
    put_at(&sandbox, "data/letter.txt", "Moin moin\n", 1);
    let said = watching.until("wrote");
    assert!(said.contains("rebuilt   images/reference-BER.wim"), "{said}");
    assert!(!said.contains("HAM"), "{said}");
    watching.stop();
}

#[test]
fn git_lfs_pointers_in_sources_are_told_before_they_are_captured() {
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 512345678\n", "4d".repeat(32));
    let sandbox = sandbox();
    fs::create_dir(sandbox.path(".git")).unwrap();
    // One of a folder, in every command that would capture it.
    put_at(&sandbox, "reference/Windows/explorer.exe", &pointer, 0);
    let mut seen =
        ["check capture.toml", "plan capture.toml", "apply capture.toml"].map(|line| sandbox.see(line)).concat();
    assert!(!sandbox.path("images").exists());
    // Many of a folder.
    (0..12).for_each(|n| put_at(&sandbox, &format!("data/deep/{n:02}.bin"), &pointer, 0));
    fs::remove_file(sandbox.path("reference/Windows/explorer.exe")).unwrap();
    seen += &sandbox.see("check capture.toml");
    // A list of exclusions may leave them out, so they are only warned of.
    sandbox.put("exclusions.ini", "[ExclusionList]\n\\deep\n");
    let with_list = MANIFEST.replace("compression", "exclusions = \"exclusions.ini\"\ncompression");
    sandbox.put("capture.toml", &with_list);
    seen += &sandbox.see("check capture.toml");
    // The list itself, and an image file.
    sandbox.put("exclusions.ini", &pointer);
    sandbox.put("disk.img", &pointer);
    sandbox.put("capture.toml", with_list.replace("path = \"data\"", "path = \"disk.img\""));
    seen += &sandbox.see("check capture.toml");
    insta::assert_snapshot!(seen);
}
