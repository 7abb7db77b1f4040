//! `diff`: manifests, records and finished media against each other.

use std::fs;
use std::process::Command;

use super::medium::place_of;
use crate::fixtures::sandbox::Sandbox;

/// A medium that is built, kept as `old.iso` with its record and manifest, and changed in every way.
fn changed() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.put("packages/vpn/certificate.cer", [9; 900]);
    sandbox.put("packages/vpn/driver.sys", [7; 3_000]);
    sandbox.done(&["apply"]);
    for (from, to) in [("out/win11-BER.iso", "old.iso"), ("media.record.json", "old.json"), ("media.toml", "old.toml")]
    {
        sandbox.put(to, sandbox.get(from));
    }
    sandbox.put("packages/vpn/vpn.conf", "server = VPN.example.com\n");
    sandbox.put("packages/vpn/new.txt", "new\n");
    fs::remove_file(sandbox.path("packages/vpn/setup.cmd")).unwrap();
    fs::create_dir(sandbox.path("packages/vpn/drivers")).unwrap();
    fs::rename(sandbox.path("packages/vpn/driver.sys"), sandbox.path("packages/vpn/drivers/driver.sys")).unwrap();
    sandbox.edit("WIN11 {{", "W11 {{");
    sandbox.edit("2026-01-01", "2026-02-03");
    sandbox.edit("[[file]]", "[[package]]\nid = \"BER00022\"\nsource = \"packages/more\"\n\n[[file]]");
    sandbox.put("packages/more/a.txt", "a\n");
    sandbox.put("packages/more/b/c.txt", "c\n");
    sandbox.put("boot-files/efi/microsoft/boot/efisys_noprompt.bin", [1; 16_384]);
    sandbox
}

#[test]
fn a_finished_medium_is_compared_with_what_the_manifest_here_makes() {
    let sandbox = changed();
    let before = sandbox.get("media.record.json");
    let mut seen = sandbox.see("diff old.iso");
    seen += &sandbox.see("diff old.iso -v");
    seen += &sandbox.see("diff old.iso --json");
    assert_eq!((sandbox.get("media.record.json"), sandbox.list("out")), (before, vec!["win11-BER.iso".to_owned()]));
    insta::assert_snapshot!(seen);
}

#[test]
fn manifest_record_and_medium_say_the_same_of_one_difference() {
    let sandbox = changed();
    sandbox.done(&["apply"]);
    let of = |line: &str| {
        let seen = sandbox.done(&[&["diff"], &line.split(' ').collect::<Vec<_>>()[..], &["--json"]].concat());
        let mut value: serde_json::Value = serde_json::from_str(&seen).unwrap();
        let mut value = value["media"][0].take();
        let names = ["old", "new"].map(|side| value.as_object_mut().unwrap().remove(side).unwrap());
        // What an entry of the manifest is called is not on the medium, and a record has no bytes of boot programs.
        for file in value["files"].as_array_mut().unwrap() {
            file.as_object_mut().unwrap().remove("entry");
        }
        value["files"].as_array_mut().unwrap().sort_by_key(|file| file["path"].to_string());
        for boot in value["boot"].as_array_mut().unwrap() {
            boot.as_object_mut().unwrap().retain(|key, _| !["old", "new"].contains(&key.as_str()));
        }
        (value, names)
    };
    let (expected, names) = of("old.iso out/win11-BER.iso");
    assert_eq!(names[1], serde_json::json!({ "kind": "medium", "path": "out/win11-BER.iso", "outputs": [] }));
    assert_eq!(expected["summary"], serde_json::json!({ "added": 3, "removed": 1, "changed": 3, "moved": 1 }));
    for line in [
        "old.iso media.record.json",
        "old.iso media.toml",
        "old.json out/win11-BER.iso",
        "old.json media.record.json",
        "old.json media.toml",
    ] {
        assert_eq!(of(line).0, expected, "{line}");
    }
    let mut seen =
        sandbox.see("diff media.toml media.record.json") + &sandbox.see("diff media.record.json out/win11-BER.iso");
    seen += &sandbox.see("diff out/win11-BER.iso");
    seen += &sandbox.see("diff old.toml media.toml");
    seen += &sandbox.see("diff media.record.json old.json");
    insta::assert_snapshot!(seen);
}

#[test]
fn of_several_outputs_the_one_that_is_meant_is_found_or_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    sandbox.put("copy.iso", sandbox.get("out/win11-HAM.iso"));
    // By its path, by the site that it names, and by the site that is asked for.
    let mut seen = sandbox.see("diff out/win11-HAM.iso") + &sandbox.see("diff copy.iso media.record.json");
    seen += &sandbox.see("diff copy.iso --site BER");
    seen += &sandbox.see("diff media.record.json");
    seen += &sandbox.see("diff media.record.json --site HAM");
    seen += &sandbox.see("diff media.record.json copy.iso --site ROM");
    seen += &sandbox.see("diff copy.iso --site ROM");
    sandbox.edit("code = \"HAM\"", "code = \"ROM\"");
    sandbox.edit("site.code == 'HAM'", "false");
    seen += &sandbox.see("diff copy.iso");
    insta::assert_snapshot!(seen);
}

#[test]
fn media_that_others_made_are_read() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    fs::create_dir(sandbox.path("tree")).unwrap();
    let mut extract = Command::new("7z");
    extract.args(["x", "-bso0", "-bsp0", "-otree", "out/win11-BER.iso"]).current_dir(&sandbox.root);
    assert!(extract.status().unwrap().success());
    fs::remove_dir_all(sandbox.path("tree/tsmedia")).unwrap();
    sandbox.put("tree/SMS/PKG/BER00021/vpn.conf", "server = other\n");
    let make = |name: &str| {
        let mut make = Command::new("xorriso");
        make.args([
            "-as",
            "mkisofs",
            "-quiet",
            "-V",
            "WIN11 BER",
            "-J",
            "-l",
            "-b",
            "boot/etfsboot.com",
            "-c",
            "boot.cat",
        ]);
        make.args(["-no-emul-boot", "-boot-load-size", "8", "-o", name, "tree"]).env("SOURCE_DATE_EPOCH", "1767225600");
        let made = make.current_dir(&sandbox.root).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    make("foreign.iso");
    sandbox.put("tree/SMS/PKG/BER00021/vpn.conf", "server = yet another\n");
    make("second.iso");
    let seen = sandbox.see("diff foreign.iso second.iso") + &sandbox.see("diff out/win11-BER.iso foreign.iso");
    insta::assert_snapshot!(seen);
}

/// The digest list of a medium made by tsmedia is trusted; files that it lacks are read.
#[test]
fn a_medium_is_believed_what_it_lists_and_read_where_it_lists_nothing() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    let (whole, sums) = (sandbox.get("out/win11-BER.iso"), "tsmedia/BLAKE3SUMS");
    let differs = |path: &str, change: &dyn Fn(u64)| {
        sandbox.put("copy.iso", &whole);
        change(place_of(&sandbox, "copy.iso", path));
        sandbox.done(&["diff", "copy.iso", "--site", "BER"]).lines().next().unwrap().to_owned()
    };
    let put = |at: u64, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at as usize] = byte;
        sandbox.put("copy.iso", bytes);
    };
    let conf = "SMS/PKG/BER00021/vpn.conf";
    assert_eq!(differs(conf, &|at| put(at, b'S')), "no differences");
    let listed = String::from_utf8_lossy(&whole).find(&format!("  {conf}")).is_some();
    assert!(listed, "the list is not in the medium");
    // Only `verify` notices a wrong digit; anything but a digit makes the entry unusable.
    let another = |at: u64| if whole[at as usize] == b'0' { b'1' } else { b'0' };
    assert_eq!(differs(sums, &|at| put(at, another(at))), "files: 1 changed");
    assert_eq!(differs(sums, &|at| put(at, b'x')), "no differences");
    assert_eq!(differs("tsmedia/medium.toml", &|at| put(at, b'x')), "kind, name, prompt and site differ");
}

#[test]
fn what_cannot_be_compared_is_told() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    sandbox.put("cut.iso", &sandbox.get("out/win11-BER.iso")[..200_000]);
    sandbox.put("empty.json", "");
    let mut seen = String::new();
    for line in [
        "diff",
        "diff nothing.iso",
        "diff nothing.json",
        "diff out/win11-BER.iso nothing.toml",
        "diff readme.txt",
        "diff out",
        "diff cut.iso",
        "diff images/boot.wim",
        "diff empty.json",
    ] {
        seen += &sandbox.see(line);
    }
    sandbox.edit("packages/vpn", "packages/vpm");
    seen += &sandbox.see("diff out/win11-BER.iso");
    sandbox.put("none/media.record.json", "{\n\"record-version\": 1,\n\"outputs\": [\n]\n}\n");
    seen += &sandbox.see("diff none/media.record.json out/win11-BER.iso");
    insta::assert_snapshot!(seen);
}
