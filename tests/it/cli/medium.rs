//! `inspect` and `verify`.

use std::fs;
use std::os::unix::fs::FileExt;
use std::process::Command;

use crate::fixtures::sandbox::Sandbox;

fn built() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    sandbox
}

#[test]
fn inspect_says_what_a_medium_holds_and_how_it_starts() {
    let sandbox = built();
    let mut seen = sandbox.see("inspect out/win11-BER.iso");
    seen += &sandbox.see("inspect out/win11-BER.iso --files");
    seen += &sandbox.see("inspect out/win11-BER.iso --json");
    seen += &sandbox.see("inspect images/boot.wim");
    seen += &sandbox.see("inspect images/boot.wim --json");
    insta::assert_snapshot!(seen);
}

#[test]
fn inspect_reads_what_others_made_and_says_what_it_cannot_read() {
    let sandbox = built();
    sandbox.put("tree/hello.txt", "hello\n");
    let mut make = Command::new("genisoimage");
    make.args(["-quiet", "-V", "HELLO", "-J", "-o", "foreign.iso", "tree"]).current_dir(&sandbox.root);
    assert!(make.status().unwrap().success());
    let mut seen = sandbox.see("inspect foreign.iso --files");
    sandbox.put("empty.iso", "");
    sandbox.put("long.iso", vec![b'x'; 100_000]);
    let start = &sandbox.get("out/win11-BER.iso")[..200_000];
    sandbox.put("start.iso", start);
    for path in ["readme.txt", "empty.iso", "long.iso", "start.iso", "nothing.iso", "out"] {
        seen += &sandbox.see(&format!("inspect {path}"));
    }
    insta::assert_snapshot!(seen);
}

/// The byte at which a file of a medium starts.
pub fn place_of(sandbox: &Sandbox, medium: &str, path: &str) -> u64 {
    let disc: serde_json::Value = serde_json::from_str(&sandbox.done(&["inspect", "--json", medium])).unwrap();
    let files = disc["file"]["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["path"] == path).unwrap();
    file["extents"][0][0].as_u64().unwrap()
}

fn damage(sandbox: &Sandbox, medium: &str, offset: u64) {
    let file = fs::File::options().read(true).write(true).open(sandbox.path(medium)).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

#[test]
fn verify_names_everything_that_is_wrong() {
    let sandbox = built();
    let medium = "out/win11-HAM.iso";
    let mut seen = sandbox.see(&format!("verify {medium}"));
    seen += &sandbox.see(&format!("verify {medium} --json"));
    let whole = sandbox.get(medium);

    damage(&sandbox, medium, place_of(&sandbox, medium, "SMS/PKG/BER00021/vpn.conf"));
    damage(&sandbox, medium, place_of(&sandbox, medium, "sources/boot.wim") + 3_000);
    seen += &sandbox.see(&format!("verify {medium}"));
    seen += &sandbox.see(&format!("verify {medium} --json"));

    sandbox.put(medium, &whole);
    damage(&sandbox, medium, whole.len() as u64 - 100_000);
    seen += &sandbox.see(&format!("verify {medium}"));

    sandbox.put(medium, &whole);
    damage(&sandbox, medium, place_of(&sandbox, medium, "tsmedia/SHA256SUMS") + 3);
    seen += &sandbox.see(&format!("verify {medium}"));

    sandbox.put("cut.iso", &whole[..place_of(&sandbox, medium, "sources/boot.wim") as usize + 3_000]);
    seen += &sandbox.see("verify cut.iso");
    sandbox.put("cut.iso", &whole[..60_000]);
    seen += &sandbox.see("verify cut.iso");
    seen += &(sandbox.see("verify images/boot.wim") + &sandbox.see("verify nothing.iso"));
    insta::assert_snapshot!(seen);
}

/// Disc made by another tool from the files of a medium, with one file more and one less.
#[test]
fn a_medium_that_was_made_anew_is_told_from_its_original() {
    let sandbox = built();
    fs::create_dir(sandbox.path("tree")).unwrap();
    let mut extract = Command::new("7z");
    extract.args(["x", "-bso0", "-bsp0", "-otree", "out/win11-BER.iso"]).current_dir(&sandbox.root);
    assert!(extract.status().unwrap().success());
    fs::remove_file(sandbox.path("tree/SMS/PKG/BER00021/vpn.conf")).unwrap();
    sandbox.put("tree/SMS/PKG/BER00021/more.txt", "more\n");
    let mut make = Command::new("genisoimage");
    let arguments = ["-quiet", "-V", "WIN11 BER", "-udf", "-J", "-l", "-iso-level", "3", "-o", "anew.iso", "tree"];
    assert!(make.args(arguments).current_dir(&sandbox.root).status().unwrap().success());
    let mut seen = sandbox.see("verify anew.iso");
    fs::remove_dir_all(sandbox.path("tree/tsmedia")).unwrap();
    assert!(Command::new("genisoimage").args(arguments).current_dir(&sandbox.root).status().unwrap().success());
    seen += &sandbox.see("verify anew.iso");
    insta::assert_snapshot!(seen, @"
    $ tsmedia verify anew.iso
    | damaged     directories, boot programs or the space between files
    | missing     SMS/PKG/BER00021/vpn.conf
    | extra       SMS/PKG/BER00021/more.txt
    ! efi/boot/bootx64.efi: not an EFI program
    ! not sound: `anew.iso`, 3 faults in 16 files
    = 1

    $ tsmedia verify anew.iso
    ! error: verifying `anew.iso`
    !   because: the medium has no lists of digests, so it was not made by tsmedia
    !   help: give a medium made by tsmedia; no other can be verified
    = 1
    ");
}

#[test]
fn verify_checks_against_the_manifest_too() {
    let sandbox = built();
    let line = "verify out/win11-BER.iso --manifest media.toml";
    let mut seen = sandbox.see(line);
    seen += &sandbox.see(&format!("{line} --site HAM"));
    sandbox.edit("WIN11 {{", "W11 {{");
    sandbox.put("packages/vpn/vpn.conf", "server = VPN.example.com\n");
    sandbox.put("packages/vpn/new.txt", "new\n");
    fs::remove_file(sandbox.path("packages/vpn/setup.cmd")).unwrap();
    seen += &sandbox.see(line);
    seen += &sandbox.see(&format!("{line} --json"));
    // A file that is damaged is not told to differ as well.
    damage(&sandbox, "out/win11-BER.iso", place_of(&sandbox, "out/win11-BER.iso", "SMS/PKG/BER00021/vpn.conf"));
    seen += &sandbox.see(line);
    sandbox.edit("code = \"BER\"", "code = \"ROM\"");
    seen += &sandbox.see(line);
    sandbox.edit("W11", "W11 {{ vars.nothing }}");
    seen += &sandbox.see("verify out/win11-HAM.iso --manifest media.toml --site HAM");
    insta::assert_snapshot!(seen);
}
