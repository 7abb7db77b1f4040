//! `inspect` and `verify`.

use std::fs;
use std::os::unix::fs::FileExt;
use std::process::Command;

use crate::fixtures::desk::Desk;

fn built() -> Desk {
    let desk = Desk::new();
    desk.done(&["apply"]);
    desk
}

#[test]
fn inspect_says_what_a_medium_holds_and_how_it_starts() {
    let desk = built();
    let mut seen = desk.see("inspect out/win11-BER.iso");
    seen += &desk.see("inspect out/win11-BER.iso --files");
    seen += &desk.see("inspect out/win11-BER.iso --json");
    seen += &desk.see("inspect images/boot.wim");
    seen += &desk.see("inspect images/boot.wim --json");
    insta::assert_snapshot!(seen);
}

#[test]
fn inspect_reads_what_others_made_and_says_what_it_cannot_read() {
    let desk = built();
    desk.put("tree/hello.txt", "hello\n");
    let mut make = Command::new("genisoimage");
    make.args(["-quiet", "-V", "HELLO", "-J", "-o", "foreign.iso", "tree"]).current_dir(&desk.root);
    assert!(make.status().unwrap().success());
    let mut seen = desk.see("inspect foreign.iso --files");
    desk.put("empty.iso", "");
    desk.put("long.iso", vec![b'x'; 100_000]);
    let start = &desk.get("out/win11-BER.iso")[..200_000];
    desk.put("start.iso", start);
    for path in ["readme.txt", "empty.iso", "long.iso", "start.iso", "nothing.iso", "out"] {
        seen += &desk.see(&format!("inspect {path}"));
    }
    insta::assert_snapshot!(seen);
}

/// The byte at which a file of a medium starts.
pub fn place_of(desk: &Desk, medium: &str, path: &str) -> u64 {
    let disc: serde_json::Value = serde_json::from_str(&desk.done(&["inspect", "--json", medium])).unwrap();
    let files = disc["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["path"] == path).unwrap();
    file["extents"][0][0].as_u64().unwrap()
}

fn damage(desk: &Desk, medium: &str, offset: u64) {
    let file = fs::File::options().read(true).write(true).open(desk.path(medium)).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

#[test]
fn verify_names_everything_that_is_wrong() {
    let desk = built();
    let medium = "out/win11-HAM.iso";
    let mut seen = desk.see(&format!("verify {medium}"));
    seen += &desk.see(&format!("verify {medium} --json"));
    let whole = desk.get(medium);

    damage(&desk, medium, place_of(&desk, medium, "SMS/PKG/BER00021/vpn.conf"));
    damage(&desk, medium, place_of(&desk, medium, "sources/boot.wim") + 3_000);
    seen += &desk.see(&format!("verify {medium}"));
    seen += &desk.see(&format!("verify {medium} --json"));

    desk.put(medium, &whole);
    damage(&desk, medium, whole.len() as u64 - 100_000);
    seen += &desk.see(&format!("verify {medium}"));

    desk.put(medium, &whole);
    damage(&desk, medium, place_of(&desk, medium, "tsmedia/SHA256SUMS") + 3);
    seen += &desk.see(&format!("verify {medium}"));

    desk.put("cut.iso", &whole[..place_of(&desk, medium, "sources/boot.wim") as usize + 3_000]);
    seen += &desk.see("verify cut.iso");
    desk.put("cut.iso", &whole[..60_000]);
    seen += &desk.see("verify cut.iso");
    seen += &(desk.see("verify images/boot.wim") + &desk.see("verify nothing.iso"));
    insta::assert_snapshot!(seen);
}

/// A disc that somebody made of the files of a medium, with one more and one less.
#[test]
fn a_medium_that_was_made_anew_is_told_from_its_original() {
    let desk = built();
    fs::create_dir(desk.path("tree")).unwrap();
    let mut extract = Command::new("7z");
    extract.args(["x", "-bso0", "-bsp0", "-otree", "out/win11-BER.iso"]).current_dir(&desk.root);
    assert!(extract.status().unwrap().success());
    fs::remove_file(desk.path("tree/SMS/PKG/BER00021/vpn.conf")).unwrap();
    desk.put("tree/SMS/PKG/BER00021/more.txt", "more\n");
    let mut make = Command::new("genisoimage");
    let arguments = ["-quiet", "-V", "WIN11 BER", "-udf", "-J", "-l", "-iso-level", "3", "-o", "anew.iso", "tree"];
    assert!(make.args(arguments).current_dir(&desk.root).status().unwrap().success());
    let mut seen = desk.see("verify anew.iso");
    fs::remove_dir_all(desk.path("tree/tsmedia")).unwrap();
    assert!(Command::new("genisoimage").args(arguments).current_dir(&desk.root).status().unwrap().success());
    seen += &desk.see("verify anew.iso");
    insta::assert_snapshot!(seen);
}

#[test]
fn verify_checks_against_the_manifest_too() {
    let desk = built();
    let line = "verify out/win11-BER.iso --manifest media.toml";
    let mut seen = desk.see(line);
    seen += &desk.see(&format!("{line} --site HAM"));
    desk.edit("WIN11 {{", "W11 {{");
    desk.put("packages/vpn/vpn.conf", "server = VPN.example.com\n");
    desk.put("packages/vpn/new.txt", "new\n");
    fs::remove_file(desk.path("packages/vpn/setup.cmd")).unwrap();
    seen += &desk.see(line);
    seen += &desk.see(&format!("{line} --json"));
    // A file that is damaged is not told to differ as well.
    damage(&desk, "out/win11-BER.iso", place_of(&desk, "out/win11-BER.iso", "SMS/PKG/BER00021/vpn.conf"));
    seen += &desk.see(line);
    desk.edit("code = \"BER\"", "code = \"ROM\"");
    seen += &desk.see(line);
    desk.edit("W11", "W11 {{ vars.nothing }}");
    seen += &desk.see("verify out/win11-HAM.iso --manifest media.toml --site HAM");
    insta::assert_snapshot!(seen);
}
