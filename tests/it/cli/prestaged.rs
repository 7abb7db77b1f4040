//! Prestaged media, from the manifest to what other readers of WIM files make of them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

use camino::Utf8Path;

use super::medium::place_of;
use crate::fixtures::desk::{Desk, wimlib};
use test_fixtures::is_thorough;

const MANIFEST: &str = r#"manifest-version = 1

[media]
name = "win11"
kind = "prestaged"
created-by = "Deployment team"
version = "2026.1"
comment = "For the <depot> & Berlin"
source-date = 2026-01-01

[output]
path = "out/win11.wim"

[boot]
image = { file = "images/boot.wim" }
files = "boot-files"

[[operating-system]]
id = "BER00010"
file = "images/install.wim"

[[package]]
id = "BER00021"
source = "packages/vpn"
"#;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.put("media.toml", MANIFEST);
    desk.put("images/install.wim", desk.get("images/boot.wim"));
    desk
}

#[test]
fn a_prestaged_medium_is_planned_built_patched_and_verified_like_any_other() {
    let desk = desk();
    let mut seen = desk.see("plan");
    seen += &desk.see("apply");
    seen += &desk.see("plan");
    seen += &desk.see("inspect out/win11.wim --files");
    seen += &desk.see("inspect out/win11.wim --layout");
    seen += &desk.see("verify out/win11.wim --manifest media.toml");
    desk.put("old.wim", desk.get("out/win11.wim"));
    desk.edit("2026.1", "2026.2");
    desk.put("packages/vpn/vpn.conf", "server = VPN.example.com\n");
    seen += &desk.see("plan");
    seen += &desk.see("diff old.wim media.toml");
    desk.done(&["apply"]);
    seen += &desk.see("verify out/win11.wim");
    let patched = desk.get("out/win11.wim");
    desk.put("media.record.json", "");
    fs::remove_file(desk.path("media.record.json")).unwrap();
    fs::remove_file(desk.path("out/win11.wim")).unwrap();
    desk.done(&["apply"]);
    assert!(desk.get("out/win11.wim") == patched, "a clean build has other bytes");
    insta::assert_snapshot!(seen);
}

#[test]
fn damage_anywhere_in_a_prestaged_medium_is_found() {
    let desk = desk();
    desk.done(&["apply"]);
    let mut seen = String::new();
    let whole = desk.get("out/win11.wim");
    let len = whole.len() as u64;
    let boot_image = place_of(&desk, "out/win11.wim", "sources/boot.wim");
    let list = place_of(&desk, "out/win11.wim", "tsmedia/SHA256SUMS");
    // In the header, behind it, in contents that two files share, in a list, and in the XML.
    for at in [24, 60, 3_000, boot_image + 3_000, list + 3, len - 70, len - 2_000] {
        desk.put("out/win11.wim", &whole);
        let file = File::options().write(true).open(desk.path("out/win11.wim")).unwrap();
        // A digit of the XML, some of which follow from the time, must not become `<`.
        let mask = if at < len - 3_000 { 4 } else { 1 };
        file.write_all_at(&[whole[at as usize] ^ mask], at).unwrap();
        seen += &desk.see("verify out/win11.wim");
    }
    desk.put("cut.wim", &whole[..whole.len() / 2]);
    seen += &desk.see("verify cut.wim");
    // What somebody else put into it.
    desk.put("out/win11.wim", &whole);
    let update = ["update", "out/win11.wim", "1", "--command", "add media.toml /more.toml"];
    assert!(Command::new("wimlib-imagex").args(update).current_dir(&desk.root).output().unwrap().status.success());
    seen += &desk.see("verify out/win11.wim");
    insta::assert_snapshot!(seen);
}

#[test]
fn other_readers_find_in_it_what_was_put_there() {
    let desk = desk();
    for n in 0..1_500_usize {
        let bytes: Vec<u8> = (0..n * 7 % 900).map(|at| (at * n) as u8).collect();
        desk.put(&format!("packages/vpn/folder {}/{n}.dat", n % 13), bytes);
    }
    desk.put("packages/vpn/empty", "");
    desk.put("packages/vpn/größer 😀.txt", "twice");
    desk.put("packages/vpn/again.txt", "twice");
    fs::create_dir_all(desk.path("packages/vpn/no files/in here")).unwrap();
    let large = File::create(desk.path("packages/vpn/large.bin")).unwrap();
    large.set_len(if is_thorough() { 5 << 30 } else { 3 << 20 }).unwrap();
    desk.done(&["apply"]);
    desk.done(&["verify", "out/win11.wim", "--manifest", "media.toml"]);

    let wim = desk.path("out/win11.wim");
    wimlib(&["verify", wim.as_str(), "--quiet"]);
    wimlib(&["apply", wim.as_str(), desk.path("applied").as_str(), "--quiet"]);
    let run = |program: &str, arguments: &[&str]| desk.run_other(program, arguments);
    let said = run("7z", &["x", "-bsp0", "-oextracted", "out/win11.wim"]);
    assert!(said.contains("Everything is Ok") && !said.contains("arning"), "{said}");
    for tree in ["applied", "extracted"] {
        run("diff", &["-r", "packages/vpn", &format!("{tree}/SMS/PKG/BER00021")]);
        for file in ["bootmgr", "boot/boot.sdi", "efi/boot/bootx64.efi", "efi/microsoft/boot/bcd"] {
            run("cmp", &[&format!("boot-files/{file}"), &format!("{tree}/{file}")]);
        }
        run("cmp", &["images/boot.wim", &format!("{tree}/sources/boot.wim")]);
        run("cmp", &["images/install.wim", &format!("{tree}/SMS/PKG/BER00010/install.wim")]);
        run("bash", &["-c", &format!("cd {tree} && sha256sum --quiet --check tsmedia/SHA256SUMS")]);
    }
    let xml = desk.path("wim.xml");
    wimlib(&["info", wim.as_str(), &format!("--extract-xml={xml}")]);
    let xml = utf16(&xml);
    for text in [
        "<NAME>win11</NAME>",
        "<DESCRIPTION>For the &lt;depot&gt; &amp; Berlin</DESCRIPTION>",
        "<CREATEDBY>Deployment team</CREATEDBY><VERSION>2026.1</VERSION>",
        "<HARDLINKBYTES>0</HARDLINKBYTES>",
    ] {
        assert!(xml.contains(text), "{text} is not in {xml}");
    }
}

fn utf16(path: &Utf8Path) -> String {
    let bytes = fs::read(path).unwrap();
    let units: Vec<_> = bytes.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16(&units).unwrap()
}
