//! Files of 4 GiB and more, which a stick of FAT32 does not hold: refused with the ways out, or split.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use camino::Utf8Path;

use crate::fixtures::desk::{Desk, wimlib};
use test_fixtures::is_thorough;

/// A stick with an operating system image, which holds two files that differ.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    desk.edit("{{ site.code }}.iso", "{{ site.code }}.img");
    desk.edit("[output]\n", "[output]\nformat = \"usb\"\n");
    desk.edit("prompt = false\n", "");
    let entry = "[[operating-system]]\nid = \"BER00010\"\nfile = \"images/install.wim\"\n\n[[package]]";
    desk.edit("[[package]]", entry);
    for name in ["kernel", "shell"] {
        desk.put(&format!("tree/Windows/{name}.dll"), name);
    }
    desk
}

fn capture(desk: &Desk) {
    let (tree, wim) = (desk.path("tree"), desk.path("images/install.wim"));
    wimlib(&["capture", tree.as_str(), wim.as_str(), "System", "--check"]);
}

/// Has each content of a WIM file that is not compressed take so many bytes, all of them holes.
fn stretch(path: &Utf8Path, len: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let read = |at: u64| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at).unwrap();
        u64::from_le_bytes(bytes)
    };
    // The place of the blob table in the header; each of its entries has 50 bytes. Of a length the eighth byte is flags.
    let (table_len, table) = (read(48) & (u64::MAX >> 8), read(56));
    let mut end = file.metadata().unwrap().len().next_multiple_of(4_096);
    for at in (table..table + table_len).step_by(50) {
        const IS_METADATA: u64 = 2;
        let flags = read(at) >> 56;
        if flags & IS_METADATA == 0 {
            for (field, value) in [flags << 56 | len, end, len].into_iter().enumerate() {
                file.write_all_at(&value.to_le_bytes(), at + 8 * field as u64).unwrap();
            }
            end += len;
        }
    }
    // There is no sum of all this; nothing here reads it.
    file.write_all_at(&[0; 24], 124).unwrap();
    file.set_len(end).unwrap();
}

#[test]
fn a_file_that_fat32_does_not_hold_is_refused_with_the_ways_out_or_split() {
    let desk = desk();
    capture(&desk);
    stretch(&desk.path("images/install.wim"), 3 << 30);
    fs::create_dir_all(desk.path("more/sources")).unwrap();
    let large = |name: &str| File::create(desk.path(name)).unwrap().set_len(5 << 30);
    large("packages/vpn/disk.vhdx").unwrap();
    large("more/sources/install.wim").unwrap();
    let more = "[[file]]\nsource = \"more\"\npath = \".\"\n\n";
    desk.edit("[[file]]", &format!("{more}[[file]]"));
    let mut seen = desk.see("check");
    let split = "format = \"usb\"\nlarge-files = \"split\"\n";
    desk.edit("format = \"usb\"\n", split);
    seen += &desk.see("check");
    fs::remove_file(desk.path("packages/vpn/disk.vhdx")).unwrap();
    desk.edit(more, "");
    seen += &(desk.see("check") + &desk.see("plan"));

    // What can't be split: a content that is too large, and a file that has only the name.
    stretch(&desk.path("images/install.wim"), 5 << 30);
    large("packages/vpn/other.WIM").unwrap();
    seen += &desk.see("check");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_prestaged_medium_holds_large_files_and_splits_them_for_fat32() {
    let desk = desk();
    capture(&desk);
    stretch(&desk.path("images/install.wim"), 3 << 30);
    desk.edit("kind = \"stand-alone\"\nlabel = \"WIN11 {{ site.code }}\"", "kind = \"prestaged\"");
    desk.edit("{{ site.code }}.img", "{{ site.code }}.wim");
    desk.edit("format = \"usb\"\n", "format = \"wim\"\n");
    let mut seen = desk.see("plan --verbose");
    desk.edit("format = \"wim\"\n", "format = \"wim\"\nlarge-files = \"ntfs\"\n");
    seen += &desk.see("check");
    desk.edit("large-files = \"ntfs\"", "large-files = \"split\"");
    seen += &desk.see("check");
    File::create(desk.path("packages/vpn/disk.vhdx")).unwrap().set_len(5 << 30).unwrap();
    seen += &desk.see("check");
    insta::assert_snapshot!(seen);
}

/// Gigabytes are written: when an environment variable asks for it.
#[test]
fn the_parts_of_large_files_are_whole_for_others() {
    if !is_thorough() {
        return;
    }
    let desk = desk();
    for name in ["kernel", "shell"] {
        let dll = File::options().write(true).open(desk.path(&format!("tree/Windows/{name}.dll"))).unwrap();
        dll.set_len(2_300 << 20).unwrap();
    }
    capture(&desk);
    fs::remove_dir_all(desk.path("tree")).unwrap();
    let whole = desk.path("images/install.wim");
    let whole_len = fs::metadata(&whole).unwrap().len();
    // The contents are zeros: as holes they leave the disk to the tests that run beside this one.
    let dig_holes = |path: &Utf8Path| drop(desk.run_other("fallocate", &["--dig-holes", path.as_str()]));
    dig_holes(&whole);
    desk.edit("format = \"usb\"\n", "format = \"usb\"\nlarge-files = \"split\"\n");
    desk.done(&["apply"]);
    assert!(desk.done(&["plan"]).starts_with("nothing to do"));
    desk.done(&["verify", "out/win11-BER.img", "--manifest", "media.toml"]);
    dig_holes(&desk.path("out/win11-BER.img"));
    desk.run_other("mcopy", &["-i", "out/win11-BER.img@@1M", "::SMS/PKG/BER00010/*.swm", "."]);
    desk.run_other(
        "dd",
        &["if=out/win11-BER.img", "of=partition.img", "bs=1M", "skip=1", "conv=sparse", "status=none"],
    );
    desk.run_other("fsck.fat", &["-n", "partition.img"]);
    fs::remove_file(desk.path("partition.img")).unwrap();
    fs::remove_file(desk.path("out/win11-BER.img")).unwrap();
    let parts = desk.list(".").into_iter().filter(|name| name.ends_with(".swm")).collect::<Vec<_>>();
    assert_eq!(parts, ["install000.swm", "install001.swm"]);
    assert!(parts.iter().all(|part| fs::metadata(desk.path(part)).unwrap().len() < 4 << 30));
    wimlib(&["verify", desk.path("install000.swm").as_str(), &format!("--ref={}", desk.path("install001.swm"))]);
    let joined = desk.path("joined.wim");
    let parts = parts.iter().map(|part| desk.path(part)).collect::<Vec<_>>();
    for part in &parts {
        dig_holes(part);
    }
    wimlib(&["join", "--check", joined.as_str(), parts[0].as_str(), parts[1].as_str()]);
    assert_eq!(fs::metadata(&joined).unwrap().len(), whole_len);
    wimlib(&["verify", joined.as_str()]);
}
