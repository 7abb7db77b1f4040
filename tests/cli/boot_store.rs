//! Boot stores: written where there are none, and shown.

use std::fs;
use std::process::Command;

use crate::desk::Desk;

/// Takes both stores off a medium.
fn taken_off(desk: &Desk) -> [Vec<u8>; 2] {
    let _ = fs::remove_dir_all(desk.path("taken"));
    let mut command = Command::new("7z");
    command.args(["x", "-bso0", "-bsp0", "-otaken", "out/win11-BER.iso", "boot/bcd", "efi/microsoft/boot/bcd"]);
    assert!(command.current_dir(&desk.root).status().unwrap().success());
    ["taken/boot/bcd", "taken/efi/microsoft/boot/bcd"].map(|path| desk.get(path))
}

#[test]
fn boot_stores_are_written_where_there_are_none_and_by_choice() {
    let desk = Desk::new();
    fs::remove_file(desk.path("boot-files/boot/bcd")).unwrap();
    let mut seen = desk.see("check --site BER");
    desk.edit("prompt = false", "prompt = false\nstore = \"files\"");
    seen += &desk.see("check --site BER");
    desk.edit("\"files\"", "\"built\"");
    seen += &desk.see("check --site BER");
    desk.done(&["apply", "--site", "BER"]);
    let built = taken_off(&desk);
    seen += &desk.see("inspect taken/boot/bcd");
    seen += &desk.see("inspect taken/efi/microsoft/boot/bcd");
    seen += &desk.see("inspect taken/boot/bcd --json");
    insta::assert_snapshot!(seen);

    // What was there is not altered unless that is asked for.
    desk.edit("store = \"built\"", "");
    desk.done(&["apply", "--site", "BER"]);
    let now = taken_off(&desk);
    assert_eq!((&now[0], &now[1]), (&built[0], &desk.get("boot-files/efi/microsoft/boot/bcd")));
    desk.done(&["verify", "out/win11-BER.iso"]);
}

#[test]
fn what_is_no_boot_store_is_told() {
    let desk = Desk::empty();
    desk.put("short", "regf and nothing else");
    desk.put("long", [&b"regf"[..], &vec![0; 16 << 20]].concat());
    let seen = ["short", "long"].map(|name| desk.see(&format!("inspect {name}"))).concat();
    insta::assert_snapshot!(seen);
}
