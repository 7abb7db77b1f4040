//! WIM files that are damaged, cut off, split, or have not what is asked for; and boot files that are missing.

use std::fs;
use std::process::Command;

use crate::fixtures::desk::{Desk, wimlib};

/// A desk whose manifest has an operating system image too.
fn with_system() -> Desk {
    let desk = Desk::new();
    desk.put("images/install.wim", desk.get("images/boot.wim"));
    let entry = "[[operating-system]]\nid = \"BER00010\"\nfile = \"images/install.wim\"\n\n[[file]]";
    desk.edit("[[file]]", entry);
    desk.done(&["check"]);
    desk
}

/// What `check` says when both WIM files are replaced.
fn checked(what: &str, bytes: &[u8]) -> String {
    let desk = with_system();
    desk.put("images/boot.wim", bytes);
    desk.put("images/install.wim", bytes);
    format!("# {what}\n{}", desk.see("check --site BER"))
}

#[test]
fn wim_files_that_are_none_are_told_at_both_places() {
    let whole = Desk::new().get("images/boot.wim");
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
    let desk = Desk::new();
    let whole = desk.get("images/boot.wim");
    for at in (0..whole.len()).step_by(397) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        desk.put("images/boot.wim", &bytes);
        let ran = desk.run(&["check", "--site", "BER"]);
        assert!(matches!(ran.status.code(), Some(0 | 1)), "byte {at}: {ran:?}");
    }
}

#[test]
fn a_split_wim_is_told_to_be_joined() {
    let desk = with_system();
    // More than one part takes more than the smallest one.
    fs::create_dir(desk.path("tree")).unwrap();
    for n in 0..4u64 {
        let noise: Vec<_> = (0..400_000u64).map(|i| (i.wrapping_mul(n + 7).wrapping_mul(i) >> 7) as u8).collect();
        desk.put(&format!("tree/{n}"), noise);
    }
    let path = |name: &str| desk.path(name).into_string();
    wimlib(&["capture", &path("tree"), &path("large.wim"), "Large", "--boot"]);
    wimlib(&["info", &path("large.wim"), "1", "--image-property", "WINDOWS/ARCH=9"]);
    wimlib(&["split", &path("large.wim"), &path("images/boot.swm"), "1"]);
    assert!(desk.path("images/boot2.swm").exists());
    desk.edit("images/boot.wim", "images/boot.swm");
    desk.edit("images/install.wim", "images/boot2.swm");
    insta::assert_snapshot!(desk.see("check --site BER"));
}

#[test]
fn an_image_that_is_not_in_the_wim_file_is_told_with_those_that_are() {
    let desk = with_system();
    desk.edit("{ file = \"images/boot.wim\" }", "{ file = \"images/boot.wim\", index = 3 }");
    desk.edit("file = \"images/install.wim\"", "file = \"images/install.wim\"\nindex = 2");
    let mut seen = desk.see("check --site BER");
    desk.edit(", index = 3 }", " }");
    desk.edit("index = 2\n", "");
    let path = |name: &str| desk.path(name).into_string();
    desk.put("tree/file", "file");
    wimlib(&["append", &path("tree"), &path("images/install.wim"), "Another"]);
    wimlib(&["append", &path("tree"), &path("images/boot.wim"), "Another"]);
    seen += &desk.see("check --site BER");
    desk.edit("file = \"images/install.wim\"", "file = \"images/install.wim\"\nindex = 2");
    desk.edit("{ file = \"images/boot.wim\" }", "{ file = \"images/boot.wim\", index = 2 }");
    seen += &desk.see("check --site BER");
    desk.put("images/boot.wim", desk.get("images/install.wim"));
    wimlib(&["info", &path("images/boot.wim"), "2", "--image-property", "WINDOWS/ARCH=9"]);
    wimlib(&["export", &path("images/boot.wim"), "2", &path("images/none.wim")]);
    desk.edit("images/boot.wim\", index = 2", "images/none.wim\", index = 1");
    seen += &desk.see("check --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn boot_files_that_are_missing_are_told_with_where_they_usually_are() {
    let desk = Desk::new();
    for name in ["boot/etfsboot.com", "efi/boot/bootx64.efi", "boot/boot.sdi", "efi/microsoft/boot/bcd"] {
        fs::remove_file(desk.path("boot-files").join(name)).unwrap();
    }
    let mut seen = desk.see("check --site BER");
    desk.edit("files = \"boot-files\"", "files = \"boot-image\"");
    seen += &desk.see("check --site BER");
    desk.edit("files = \"boot-image\"", "files = \"boot-flies\"");
    seen += &desk.see("check --site BER");
    desk.edit("files = \"boot-flies\"", "files = \"boot-files\"");
    desk.put_boot();
    desk.put("boot-files/boot/etfsboot.com", [0; 4_097]);
    seen += &desk.see("check --site BER");
    desk.put_boot();
    desk.put("boot-files/efi/microsoft/boot/efisys_noprompt.bin", "");
    seen += &desk.see("check --site BER");
    fs::remove_file(desk.path("boot-files/efi/microsoft/boot/efisys_noprompt.bin")).unwrap();
    seen += &desk.see("check --site BER");
    insta::assert_snapshot!(seen);
}

/// Runs the first command of `wimlib-imagex` that `check` gives as help, and returns the file that it makes.
fn run_help(desk: &Desk) -> Option<String> {
    let said = String::from_utf8(desk.run(&["check", "--site", "BER", "--json"]).stdout).unwrap();
    let command = said.split_once("`wimlib-imagex ")?.1.split('`').next()?.to_owned();
    let ran = Command::new("sh").args(["-c", &format!("wimlib-imagex {command}")]).current_dir(&desk.root).output();
    assert!(ran.as_ref().unwrap().status.success(), "{command}: {ran:?}");
    command.split(' ').find(|word| word.ends_with("-new.wim")).map(str::to_owned)
}

/// Puts a WIM file made of a growing tree and another made of it with `options` on the desk.
fn put_delta(desk: &Desk, name: &str, options: &[&str]) {
    let path = |name: &str| desk.path(name).into_string();
    desk.put("tree/Windows/a.txt", "a".repeat(3_000));
    desk.put("tree/Windows/b.txt", "b".repeat(3_000));
    wimlib(&["capture", &path("tree"), &path("images/base.wim"), "Base", "--no-acls", "--boot"]);
    desk.put("tree/Windows/c.txt", "c".repeat(3_000));
    let delta = format!("--delta-from={}", path("images/base.wim"));
    let start = ["capture", &path("tree"), &path(name), "Delta", "--no-acls", "--boot", &delta];
    wimlib(&[start.as_slice(), options].concat());
}

#[test]
fn contents_in_other_wim_files_are_told_with_the_command_that_puts_them_in() {
    let desk = with_system();
    put_delta(&desk, "images/delta.wim", &["--image-property", "WINDOWS/ARCH=9"]);
    desk.edit("images/install.wim", "images/delta.wim");
    let as_system = desk.see("check --site BER");
    desk.edit("images/boot.wim", "images/delta.wim");
    let as_both = desk.see("check --site BER");
    let inspected = desk.see("inspect images/delta.wim");
    let whole = run_help(&desk).unwrap();
    desk.edit("images/delta.wim", &whole);
    desk.edit("images/delta.wim", &whole);
    desk.done(&["check"]);
    // A base that is elsewhere can't be named.
    fs::rename(desk.path("images/base.wim"), desk.path("base.wim")).unwrap();
    desk.edit(&whole, "images/delta.wim");
    insta::assert_snapshot!(as_system + &as_both + &inspected + &desk.see("check --site BER"));
}

#[test]
fn a_wim_file_in_a_package_may_be_completed_by_another_one_there() {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("packages/vpn/data")).unwrap();
    put_delta(&desk, "packages/vpn/data/delta.wim", &[]);
    let seen = desk.see("check --site BER");
    fs::copy(desk.path("images/base.wim"), desk.path("packages/vpn/base.wim")).unwrap();
    let complete = desk.see("check --site BER");
    assert!(!complete.contains("delta.wim"), "{complete}");
    insta::assert_snapshot!(seen);
}

#[test]
fn wim_files_that_windows_does_not_read_are_told_with_the_command_that_converts_them() {
    let desk = with_system();
    let path = |name: &str| desk.path(name).into_string();
    let mut seen = String::new();
    let unfinished = |name: &str| {
        let mut bytes = desk.get("images/boot.wim");
        bytes[0x10] |= 0x40;
        desk.put(name, bytes);
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
    let mut solid = desk.get("images/solid.esd");
    solid[208 + 8..208 + 12].copy_from_slice(&(128_u32 << 20).to_le_bytes());
    solid[208 + 12] = 3;
    desk.put("images/solid.esd", solid);
    made("images/pipable.wim", &["--pipable"]);
    let mut lone_part = desk.get("images/boot.wim");
    lone_part[0x10] |= 0x8;
    desk.put("images/lone-part.wim", lone_part);
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
        desk.edit(boot, &name);
        let as_boot_image = desk.see("check --site BER");
        desk.edit(&name, boot);
        desk.edit(system, &name);
        let as_system = desk.see("check --site BER");
        seen += &format!("# {name} starts\n{as_boot_image}# {name} is applied\n{as_system}");
        // The contents of the solid one are not what its header says here.
        match (name != "images/solid.esd").then(|| run_help(&desk)).flatten() {
            Some(new) => {
                desk.edit(&name, &new);
                desk.done(&["check"]);
                desk.edit(&new, system);
            }
            None => desk.edit(&name, system),
        }
        seen += &desk.see(&format!("inspect {name}"));
    }
    seen += &desk.see("verify images/pipable.wim");
    seen += &desk.see("capture boot-files --output new.wim --update-from images/unfinished.wim");
    insta::assert_snapshot!(seen);
}

#[test]
fn wim_files_in_packages_that_windows_does_not_read_are_warned_of() {
    let desk = Desk::new();
    let path = |name: &str| desk.path(name).into_string();
    for n in 0..4u64 {
        let noise: Vec<_> = (0..400_000u64).map(|i| (i.wrapping_mul(n + 7).wrapping_mul(i) >> 7) as u8).collect();
        desk.put(&format!("tree/{n}"), noise);
    }
    wimlib(&["capture", &path("tree"), &path("large.wim"), "Large", "--no-acls"]);
    wimlib(&["export", &path("large.wim"), "1", &path("packages/vpn/pipable.wim"), "--pipable"]);
    fs::create_dir(desk.path("packages/vpn/set")).unwrap();
    wimlib(&["split", &path("large.wim"), &path("packages/vpn/set/data.swm"), "0.5"]);
    let mut bytes = desk.get("large.wim");
    bytes[0x10] |= 0x40;
    desk.put("packages/vpn/unfinished.wim", bytes);
    desk.put("packages/vpn/other.wim", "w".repeat(1_000));
    let whole = desk.see("check --site BER");
    assert!(!whole.contains("split WIM"), "{whole}");
    fs::remove_file(desk.path("packages/vpn/set/data2.swm")).unwrap();
    insta::assert_snapshot!(desk.see("check --site BER"));
}
