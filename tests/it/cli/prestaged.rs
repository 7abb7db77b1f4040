//! Prestaged media, from the manifest to what other readers of WIM files make of them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

use camino::Utf8Path;

use super::medium::place_of;
use crate::fixtures::sandbox::{Sandbox, wimlib};
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

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put("media.toml", MANIFEST);
    sandbox.put("images/install.wim", sandbox.get("images/boot.wim"));
    sandbox
}

#[test]
fn a_prestaged_medium_is_planned_built_patched_and_verified_like_any_other() {
    let sandbox = sandbox();
    let mut seen = sandbox.see("plan");
    seen += &sandbox.see("apply");
    seen += &sandbox.see("plan");
    seen += &sandbox.see("inspect out/win11.wim --files");
    seen += &sandbox.see("inspect out/win11.wim --layout");
    seen += &sandbox.see("verify out/win11.wim --manifest media.toml");
    sandbox.put("old.wim", sandbox.get("out/win11.wim"));
    sandbox.edit("2026.1", "2026.2");
    sandbox.put("packages/vpn/vpn.conf", "server = VPN.example.com\n");
    seen += &sandbox.see("plan");
    seen += &sandbox.see("diff old.wim media.toml");
    sandbox.done(&["apply"]);
    seen += &sandbox.see("verify out/win11.wim");
    let patched = sandbox.get("out/win11.wim");
    sandbox.put("media.record.json", "");
    fs::remove_file(sandbox.path("media.record.json")).unwrap();
    fs::remove_file(sandbox.path("out/win11.wim")).unwrap();
    sandbox.done(&["apply"]);
    assert!(sandbox.get("out/win11.wim") == patched, "a clean build has other bytes");
    insta::assert_snapshot!(seen);
}

#[test]
fn damage_anywhere_in_a_prestaged_medium_is_found() {
    let sandbox = sandbox();
    sandbox.done(&["apply"]);
    let mut seen = String::new();
    let whole = sandbox.get("out/win11.wim");
    let len = whole.len() as u64;
    let boot_image = place_of(&sandbox, "out/win11.wim", "sources/boot.wim");
    let list = place_of(&sandbox, "out/win11.wim", "tsmedia/SHA256SUMS");
    // In the header, behind it, in contents that two files share, in a list, and in the XML.
    for at in [24, 60, 3_000, boot_image + 3_000, list + 3, len - 70, len - 2_000] {
        sandbox.put("out/win11.wim", &whole);
        let file = File::options().write(true).open(sandbox.path("out/win11.wim")).unwrap();
        // A digit of the XML, some of which follow from the time, must not become `<`.
        let mask = if at < len - 3_000 { 4 } else { 1 };
        file.write_all_at(&[whole[at as usize] ^ mask], at).unwrap();
        seen += &sandbox.see("verify out/win11.wim");
    }
    sandbox.put("cut.wim", &whole[..whole.len() / 2]);
    seen += &sandbox.see("verify cut.wim");
    // A file that another tool added.
    sandbox.put("out/win11.wim", &whole);
    let update = ["update", "out/win11.wim", "1", "--command", "add media.toml /more.toml"];
    assert!(Command::new("wimlib-imagex").args(update).current_dir(&sandbox.root).output().unwrap().status.success());
    seen += &sandbox.see("verify out/win11.wim");
    insta::assert_snapshot!(seen);
}

#[test]
fn other_readers_find_in_it_what_was_put_there() {
    let sandbox = sandbox();
    for n in 0..1_500_usize {
        let bytes: Vec<u8> = (0..n * 7 % 900).map(|at| (at * n) as u8).collect();
        sandbox.put(&format!("packages/vpn/folder {}/{n}.dat", n % 13), bytes);
    }
    sandbox.put("packages/vpn/empty", "");
    sandbox.put("packages/vpn/größer 😀.txt", "twice");
    sandbox.put("packages/vpn/again.txt", "twice");
    fs::create_dir_all(sandbox.path("packages/vpn/no files/in here")).unwrap();
    let large = File::create(sandbox.path("packages/vpn/large.bin")).unwrap();
    large.set_len(if is_thorough() { 5 << 30 } else { 3 << 20 }).unwrap();
    sandbox.done(&["apply"]);
    sandbox.done(&["verify", "out/win11.wim", "--manifest", "media.toml"]);

    let wim = sandbox.path("out/win11.wim");
    wimlib(&["verify", wim.as_str(), "--quiet"]);
    wimlib(&["apply", wim.as_str(), sandbox.path("applied").as_str(), "--quiet"]);
    let run = |program: &str, arguments: &[&str]| sandbox.run_other(program, arguments);
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
    let xml = sandbox.path("wim.xml");
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
