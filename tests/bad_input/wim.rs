//! WIM files that are damaged, cut off, split, or have not what is asked for; and boot files that are missing.

use std::fs;

use crate::desk::{Desk, wimlib};

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
