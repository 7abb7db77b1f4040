//! WIM files that are damaged, cut off, split, or have not what is asked for; and boot files that are missing.

use std::fs;
use std::process::Command;

use crate::fixtures::sandbox::{Sandbox, wimlib};

/// A sandbox whose manifest has an operating system image too.
fn with_system() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put("images/install.wim", sandbox.get("images/boot.wim"));
    let entry = "[[operating-system]]\nid = \"BER00010\"\nfile = \"images/install.wim\"\n\n[[file]]";
    sandbox.edit("[[file]]", entry);
    sandbox.done(&["check"]);
    sandbox
}

/// Output of `check` when both WIM files are replaced.
fn checked(what: &str, bytes: &[u8]) -> String {
    let sandbox = with_system();
    sandbox.put("images/boot.wim", bytes);
    sandbox.put("images/install.wim", bytes);
    format!("# {what}\n{}", sandbox.see("check --site BER"))
}

#[test]
fn wim_files_that_are_none_are_told_at_both_places() {
    let whole = Sandbox::new().get("images/boot.wim");
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xFF;
        bytes
    };
    let mut seen = checked("empty", b"");
    seen += &checked("text", b"not a WIM file");
    seen += &checked("cut off in the header", &whole[..100]);
    seen += &checked("cut off in the middle", &whole[..whole.len() / 2]);
    seen += &checked("another version", &flipped(12));
    // The place of the list of files in the header.
    seen += &checked("a wrong offset", &flipped(61));
    insta::assert_snapshot!(seen);
}

#[test]
fn a_byte_that_flipped_anywhere_never_makes_a_medium_that_looks_whole_or_a_panic() {
    let sandbox = Sandbox::new();
    let whole = sandbox.get("images/boot.wim");
    for at in (0..whole.len()).step_by(397) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        sandbox.put("images/boot.wim", &bytes);
        let ran = sandbox.run(&["check", "--site", "BER"]);
        assert!(matches!(ran.status.code(), Some(0 | 1)), "byte {at}: {ran:?}");
    }
}

#[test]
fn a_split_wim_is_told_to_be_joined() {
    let sandbox = with_system();
    // More than one part takes more than the smallest one.
    fs::create_dir(sandbox.path("tree")).unwrap();
    for n in 0..4u64 {
        let noise: Vec<_> = (0..400_000u64).map(|i| (i.wrapping_mul(n + 7).wrapping_mul(i) >> 7) as u8).collect();
        sandbox.put(&format!("tree/{n}"), noise);
    }
    let path = |name: &str| sandbox.path(name).into_string();
    wimlib(&["capture", &path("tree"), &path("large.wim"), "Large", "--boot"]);
    wimlib(&["info", &path("large.wim"), "1", "--image-property", "WINDOWS/ARCH=9"]);
    wimlib(&["split", &path("large.wim"), &path("images/boot.swm"), "1"]);
    assert!(sandbox.path("images/boot2.swm").exists());
    sandbox.edit("images/boot.wim", "images/boot.swm");
    sandbox.edit("images/install.wim", "images/boot2.swm");
    insta::assert_snapshot!(sandbox.see("check --site BER"));
}

#[test]
fn an_image_that_is_not_in_the_wim_file_is_told_with_those_that_are() {
    let sandbox = with_system();
    sandbox.edit("{ file = \"images/boot.wim\" }", "{ file = \"images/boot.wim\", index = 3 }");
    sandbox.edit("file = \"images/install.wim\"", "file = \"images/install.wim\"\nindex = 2");
    let mut seen = sandbox.see("check --site BER");
    sandbox.edit(", index = 3 }", " }");
    sandbox.edit("index = 2\n", "");
    let path = |name: &str| sandbox.path(name).into_string();
    sandbox.put("tree/file", "file");
    wimlib(&["append", &path("tree"), &path("images/install.wim"), "Another"]);
    wimlib(&["append", &path("tree"), &path("images/boot.wim"), "Another"]);
    seen += &sandbox.see("check --site BER");
    sandbox.edit("file = \"images/install.wim\"", "file = \"images/install.wim\"\nindex = 2");
    sandbox.edit("{ file = \"images/boot.wim\" }", "{ file = \"images/boot.wim\", index = 2 }");
    seen += &sandbox.see("check --site BER");
    sandbox.put("images/boot.wim", sandbox.get("images/install.wim"));
    wimlib(&["info", &path("images/boot.wim"), "2", "--image-property", "WINDOWS/ARCH=9"]);
    wimlib(&["export", &path("images/boot.wim"), "2", &path("images/none.wim")]);
    sandbox.edit("images/boot.wim\", index = 2", "images/none.wim\", index = 1");
    seen += &sandbox.see("check --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn boot_files_that_are_missing_are_told_with_where_they_usually_are() {
    let sandbox = Sandbox::new();
    for name in ["boot/etfsboot.com", "efi/boot/bootx64.efi", "boot/boot.sdi", "efi/microsoft/boot/bcd"] {
        fs::remove_file(sandbox.path("boot-files").join(name)).unwrap();
    }
    let mut seen = sandbox.see("check --site BER");
    sandbox.edit("files = \"boot-files\"", "files = \"boot-image\"");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("files = \"boot-image\"", "files = \"boot-flies\"");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("files = \"boot-flies\"", "files = \"boot-files\"");
    sandbox.put_boot();
    sandbox.put("boot-files/boot/etfsboot.com", [0; 4_097]);
    seen += &sandbox.see("check --site BER");
    sandbox.put_boot();
    sandbox.put("boot-files/efi/microsoft/boot/efisys_noprompt.bin", "");
    seen += &sandbox.see("check --site BER");
    fs::remove_file(sandbox.path("boot-files/efi/microsoft/boot/efisys_noprompt.bin")).unwrap();
    seen += &sandbox.see("check --site BER");
    insta::assert_snapshot!(seen);
}

/// Runs the first command of `wimlib-imagex` that `check` gives as help, and returns the file that it makes.
fn run_help(sandbox: &Sandbox) -> Option<String> {
    let said = String::from_utf8(sandbox.run(&["check", "--site", "BER", "--json"]).stdout).unwrap();
    let command = said.split_once("`wimlib-imagex ")?.1.split('`').next()?.to_owned();
    let ran = Command::new("sh").args(["-c", &format!("wimlib-imagex {command}")]).current_dir(&sandbox.root).output();
    assert!(ran.as_ref().unwrap().status.success(), "{command}: {ran:?}");
    command.split(' ').find(|word| word.ends_with("-new.wim")).map(str::to_owned)
}

/// Puts a WIM file made of a growing tree and another made of it with `options` on the sandbox.
fn put_delta(sandbox: &Sandbox, name: &str, options: &[&str]) {
    let path = |name: &str| sandbox.path(name).into_string();
    sandbox.put("tree/Windows/a.txt", "a".repeat(3_000));
    sandbox.put("tree/Windows/b.txt", "b".repeat(3_000));
    wimlib(&["capture", &path("tree"), &path("images/base.wim"), "Base", "--no-acls", "--boot"]);
    sandbox.put("tree/Windows/c.txt", "c".repeat(3_000));
    let delta = format!("--delta-from={}", path("images/base.wim"));
    let start = ["capture", &path("tree"), &path(name), "Delta", "--no-acls", "--boot", &delta];
    wimlib(&[start.as_slice(), options].concat());
}

#[test]
fn contents_in_other_wim_files_are_told_with_the_command_that_puts_them_in() {
    let sandbox = with_system();
    put_delta(&sandbox, "images/delta.wim", &["--image-property", "WINDOWS/ARCH=9"]);
    sandbox.edit("images/install.wim", "images/delta.wim");
    let as_system = sandbox.see("check --site BER");
    sandbox.edit("images/boot.wim", "images/delta.wim");
    let as_both = sandbox.see("check --site BER");
    let inspected = sandbox.see("inspect images/delta.wim");
    let whole = run_help(&sandbox).unwrap();
    sandbox.edit("images/delta.wim", &whole);
    sandbox.edit("images/delta.wim", &whole);
    sandbox.done(&["check"]);
    // A base that is elsewhere can't be named.
    fs::rename(sandbox.path("images/base.wim"), sandbox.path("base.wim")).unwrap();
    sandbox.edit(&whole, "images/delta.wim");
    insta::assert_snapshot!(as_system + &as_both + &inspected + &sandbox.see("check --site BER"));
}

#[test]
fn a_wim_file_in_a_package_may_be_completed_by_another_one_there() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("packages/vpn/data")).unwrap();
    put_delta(&sandbox, "packages/vpn/data/delta.wim", &[]);
    let seen = sandbox.see("check --site BER");
    fs::copy(sandbox.path("images/base.wim"), sandbox.path("packages/vpn/base.wim")).unwrap();
    let complete = sandbox.see("check --site BER");
    assert!(!complete.contains("delta.wim"), "{complete}");
    insta::assert_snapshot!(seen);
}

#[test]
fn wim_files_that_windows_does_not_read_are_told_with_the_command_that_converts_them() {
    let sandbox = with_system();
    let path = |name: &str| sandbox.path(name).into_string();
    let mut seen = String::new();
    let unfinished = |name: &str| {
        let mut bytes = sandbox.get("images/boot.wim");
        bytes[0x10] |= 0x40;
        sandbox.put(name, bytes);
    };
    let made = |name: &str, options: &[&str]| {
        wimlib(&[&["export", &path("images/boot.wim"), "1", &path(name), "--boot"], options].concat());
    };
    unfinished("images/unfinished.wim");
    made("images/lzx.wim", &["--compress=LZX", "--chunk-size=64K"]);
    made("images/xpress.wim", &["--compress=XPRESS", "--chunk-size=8K"]);
    made("images/wimboot.wim", &["--compress=XPRESS", "--chunk-size=4K"]);
    made("images/lzms.esd", &["--compress=LZMS", "--chunk-size=1M"]);
    made("images/solid.esd", &["--solid", "--solid-compress=LZX"]);
    // The chunk length of the only solid resource, which comes first.
    let mut solid = sandbox.get("images/solid.esd");
    solid[208 + 8..208 + 12].copy_from_slice(&(128_u32 << 20).to_le_bytes());
    solid[208 + 12] = 3;
    sandbox.put("images/solid.esd", solid);
    made("images/pipable.wim", &["--pipable"]);
    let mut lone_part = sandbox.get("images/boot.wim");
    lone_part[0x10] |= 0x8;
    sandbox.put("images/lone-part.wim", lone_part);
    for name in [
        "unfinished.wim",
        "lzx.wim",
        "xpress.wim",
        "wimboot.wim",
        "lzms.esd",
        "solid.esd",
        "pipable.wim",
        "lone-part.wim",
    ] {
        let name = format!("images/{name}");
        let (boot, system) = ("images/boot.wim", "images/install.wim");
        sandbox.edit(boot, &name);
        let as_boot_image = sandbox.see("check --site BER");
        sandbox.edit(&name, boot);
        sandbox.edit(system, &name);
        let as_system = sandbox.see("check --site BER");
        seen += &format!("# {name} starts\n{as_boot_image}# {name} is applied\n{as_system}");
        // The contents of the solid one are not what its header says here.
        match (name != "images/solid.esd").then(|| run_help(&sandbox)).flatten() {
            Some(new) => {
                sandbox.edit(&name, &new);
                sandbox.done(&["check"]);
                sandbox.edit(&new, system);
            }
            None => sandbox.edit(&name, system),
        }
        seen += &sandbox.see(&format!("inspect {name}"));
    }
    seen += &sandbox.see("verify images/pipable.wim");
    seen += &sandbox.see("capture boot-files --output new.wim --update-from images/unfinished.wim");
    insta::assert_snapshot!(seen);
}

#[test]
fn wim_files_in_packages_that_windows_does_not_read_are_warned_of() {
    let sandbox = Sandbox::new();
    let path = |name: &str| sandbox.path(name).into_string();
    for n in 0..4u64 {
        let noise: Vec<_> = (0..400_000u64).map(|i| (i.wrapping_mul(n + 7).wrapping_mul(i) >> 7) as u8).collect();
        sandbox.put(&format!("tree/{n}"), noise);
    }
    wimlib(&["capture", &path("tree"), &path("large.wim"), "Large", "--no-acls"]);
    wimlib(&["export", &path("large.wim"), "1", &path("packages/vpn/pipable.wim"), "--pipable"]);
    fs::create_dir(sandbox.path("packages/vpn/set")).unwrap();
    wimlib(&["split", &path("large.wim"), &path("packages/vpn/set/data.swm"), "0.5"]);
    let mut bytes = sandbox.get("large.wim");
    bytes[0x10] |= 0x40;
    sandbox.put("packages/vpn/unfinished.wim", bytes);
    sandbox.put("packages/vpn/other.wim", "w".repeat(1_000));
    let whole = sandbox.see("check --site BER");
    assert!(!whole.contains("split WIM"), "{whole}");
    fs::remove_file(sandbox.path("packages/vpn/set/data2.swm")).unwrap();
    insta::assert_snapshot!(sandbox.see("check --site BER"));
}
