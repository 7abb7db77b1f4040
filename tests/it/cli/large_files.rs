//! Files of 4 GiB and more, which a stick of FAT32 does not hold: refused with the ways out, or split.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use camino::Utf8Path;

use crate::fixtures::sandbox::{Sandbox, wimlib};
use test_fixtures::is_thorough;

/// A stick with an operating system image, which holds two files that differ.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.edit("{{ site.code }}.iso", "{{ site.code }}.img");
    sandbox.edit("[output]\n", "[output]\nformat = \"usb\"\n");
    sandbox.edit("prompt = false\n", "");
    let entry = "[[operating-system]]\nid = \"BER00010\"\nfile = \"images/install.wim\"\n\n[[package]]";
    sandbox.edit("[[package]]", entry);
    for name in ["kernel", "shell"] {
        sandbox.put(&format!("tree/Windows/{name}.dll"), name);
    }
    sandbox
}

fn capture(sandbox: &Sandbox) {
    let (tree, wim) = (sandbox.path("tree"), sandbox.path("images/install.wim"));
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
    let sandbox = sandbox();
    capture(&sandbox);
    stretch(&sandbox.path("images/install.wim"), 3 << 30);
    fs::create_dir_all(sandbox.path("more/sources")).unwrap();
    let large = |name: &str| File::create(sandbox.path(name)).unwrap().set_len(5 << 30);
    large("packages/vpn/disk.vhdx").unwrap();
    large("more/sources/install.wim").unwrap();
    let more = "[[file]]\nsource = \"more\"\npath = \".\"\n\n";
    sandbox.edit("[[file]]", &format!("{more}[[file]]"));
    let mut seen = sandbox.see("check");
    let split = "format = \"usb\"\nlarge-files = \"split\"\n";
    sandbox.edit("format = \"usb\"\n", split);
    seen += &sandbox.see("check");
    fs::remove_file(sandbox.path("packages/vpn/disk.vhdx")).unwrap();
    sandbox.edit(more, "");
    seen += &(sandbox.see("check") + &sandbox.see("plan"));

    // What can't be split: a content that is too large, and a file that has only the name.
    stretch(&sandbox.path("images/install.wim"), 5 << 30);
    large("packages/vpn/other.WIM").unwrap();
    seen += &sandbox.see("check");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_prestaged_medium_holds_large_files_and_splits_them_for_fat32() {
    let sandbox = sandbox();
    capture(&sandbox);
    stretch(&sandbox.path("images/install.wim"), 3 << 30);
    sandbox.edit("kind = \"stand-alone\"\nlabel = \"WIN11 {{ site.code }}\"", "kind = \"prestaged\"");
    sandbox.edit("{{ site.code }}.img", "{{ site.code }}.wim");
    sandbox.edit("format = \"usb\"\n", "format = \"wim\"\n");
    let mut seen = sandbox.see("plan --verbose");
    sandbox.edit("format = \"wim\"\n", "format = \"wim\"\nlarge-files = \"ntfs\"\n");
    seen += &sandbox.see("check");
    sandbox.edit("large-files = \"ntfs\"", "large-files = \"split\"");
    seen += &sandbox.see("check");
    File::create(sandbox.path("packages/vpn/disk.vhdx")).unwrap().set_len(5 << 30).unwrap();
    seen += &sandbox.see("check");
    insta::assert_snapshot!(seen);
}

/// Gigabytes are written: when an environment variable asks for it.
#[test]
fn the_parts_of_large_files_are_whole_for_others() {
    if !is_thorough() {
        return;
    }
    let sandbox = sandbox();
    for name in ["kernel", "shell"] {
        let dll = File::options().write(true).open(sandbox.path(&format!("tree/Windows/{name}.dll"))).unwrap();
        dll.set_len(2_300 << 20).unwrap();
    }
    capture(&sandbox);
    fs::remove_dir_all(sandbox.path("tree")).unwrap();
    let whole = sandbox.path("images/install.wim");
    let whole_len = fs::metadata(&whole).unwrap().len();
    // The contents are zeros: as holes they leave the disk to the tests that run beside this one.
    let dig_holes = |path: &Utf8Path| drop(sandbox.run_other("fallocate", &["--dig-holes", path.as_str()]));
    dig_holes(&whole);
    sandbox.edit("format = \"usb\"\n", "format = \"usb\"\nlarge-files = \"split\"\n");
    sandbox.done(&["apply"]);
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
    sandbox.done(&["verify", "out/win11-BER.img", "--manifest", "media.toml"]);
    dig_holes(&sandbox.path("out/win11-BER.img"));
    sandbox.run_other("mcopy", &["-i", "out/win11-BER.img@@1M", "::SMS/PKG/BER00010/*.swm", "."]);
    sandbox.run_other(
        "dd",
        &["if=out/win11-BER.img", "of=partition.img", "bs=1M", "skip=1", "conv=sparse", "status=none"],
    );
    sandbox.run_other("fsck.fat", &["-n", "partition.img"]);
    fs::remove_file(sandbox.path("partition.img")).unwrap();
    fs::remove_file(sandbox.path("out/win11-BER.img")).unwrap();
    let parts = sandbox.list(".").into_iter().filter(|name| name.ends_with(".swm")).collect::<Vec<_>>();
    assert_eq!(parts, ["install000.swm", "install001.swm"]);
    assert!(parts.iter().all(|part| fs::metadata(sandbox.path(part)).unwrap().len() < 4 << 30));
    wimlib(&["verify", sandbox.path("install000.swm").as_str(), &format!("--ref={}", sandbox.path("install001.swm"))]);
    let joined = sandbox.path("joined.wim");
    let parts = parts.iter().map(|part| sandbox.path(part)).collect::<Vec<_>>();
    for part in &parts {
        dig_holes(part);
    }
    wimlib(&["join", "--check", joined.as_str(), parts[0].as_str(), parts[1].as_str()]);
    assert_eq!(fs::metadata(&joined).unwrap().len(), whole_len);
    wimlib(&["verify", joined.as_str()]);
}
