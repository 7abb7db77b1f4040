//! `capture`: what the field has of names, FAT volumes and full disks.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::desk::Desk;

#[test]
fn names_that_windows_cannot_hold_are_refused_and_listed() {
    let desk = Desk::empty();
    for name in ["con", "aux.h", "a:b.txt", "q?.txt", "trail.", "blank ", "deep/nul.log", "Foo", "foo", "fine"] {
        desk.put(&format!("tree/{name}"), name);
    }
    let mut seen = desk.see("capture tree -o out.wim");
    assert!(!desk.path("out.wim").exists());
    // What is left out does not matter.
    desk.put("own.ini", "[ExclusionList]\ncon\n");
    desk.put("few/con", "left out");
    desk.put("few/fine", "fine");
    seen += &desk.see("capture few -o out.wim --config own.ini");
    fs::create_dir(desk.path("other")).unwrap();
    fs::write(desk.path("other").as_std_path().join(OsStr::from_bytes(b"caf\xe9")), "not UTF-8").unwrap();
    seen += &desk.see("capture other -o other.wim");
    assert!(!desk.path("other.wim").exists());
    insta::assert_snapshot!(seen);
}
