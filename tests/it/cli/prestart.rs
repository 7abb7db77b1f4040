//! Prestart commands on the medium and in the boot image.

use std::fs;

use crate::fixtures::sandbox::{Sandbox, wimlib};

const PRESTART: &str = "\n[prestart]\ncommand = \"cmd /c ask.cmd & echo %errorlevel%\"\nfiles = \"prestart\"\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[package]]", &format!("{PRESTART}\n[[package]]"));
    sandbox.put("prestart/ask.cmd", "@echo off\r\ncall %~dp0lib\\ask.cmd\r\n");
    sandbox.put("prestart/lib/ask.cmd", "rem asks\r\n");
    sandbox
}

/// Returns a text file of the boot image on a medium; nothing if it has none.
fn in_boot_image(sandbox: &Sandbox, medium: &str, path: &str) -> Option<String> {
    fs::remove_dir_all(sandbox.path("taken")).ok();
    sandbox.run_other("7z", &["x", "-y", "-otaken", medium, "sources/boot.wim"]);
    let (image, to) = (sandbox.path("taken/sources/boot.wim"), sandbox.path("taken"));
    wimlib(&["verify", image.as_str()]);
    let listed = sandbox.run_other("wimlib-imagex", &["dir", image.as_str(), "1"]);
    let is_there = listed.lines().any(|line| line.eq_ignore_ascii_case(&format!("/{path}")));
    is_there.then(|| {
        wimlib(&["extract", image.as_str(), "1", &format!("/{path}"), "--dest-dir", to.as_str()]);
        fs::read_to_string(to.join(path.rsplit('/').next().unwrap())).unwrap()
    })
}

fn files(sandbox: &Sandbox, medium: &str) -> Vec<String> {
    let listed = sandbox.run_other("7z", &["l", "-ba", "-slt", medium]);
    listed.lines().filter_map(|line| line.strip_prefix("Path = ")).map(str::to_owned).collect()
}

const LAUNCHER: &str = "sms/PKG/SMS10000/tsmedia-prestart.cmd";

#[test]
fn a_prestart_command_runs_on_the_medium() {
    let sandbox = sandbox();
    let mut seen = sandbox.see("check --site BER");
    seen += &sandbox.see("plan --site BER --verbose");
    assert!(sandbox.see("apply --site BER").ends_with("= 0\n\n"));
    seen += &sandbox.see("inspect out/win11-BER.iso --files");
    let medium = "out/win11-BER.iso";
    for path in ["TSConfig.INI", LAUNCHER] {
        seen += &format!("-- {path}\n{}", in_boot_image(&sandbox, medium, path).unwrap().replace("\r\n", "\n"));
    }
    assert_eq!(in_boot_image(&sandbox, medium, "sms/PKG/SMS10000/ask.cmd"), None);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_changed_script_changes_a_script_and_no_boot_image() {
    let sandbox = sandbox();
    sandbox.put("prestart/large.bin", [7; 200_000]);
    assert!(sandbox.see("apply --site BER").ends_with("= 0\n\n"));
    sandbox.put("prestart/lib/ask.cmd", "rem asks something else\r\n");
    let mut seen = sandbox.see("plan --site BER --verbose");
    assert!(!seen.contains("boot.wim"), "{seen}");
    // A script in the boot image changes the end of its file.
    sandbox.edit("files = \"prestart\"\n", "files = \"prestart\"\nwhere = \"boot-image\"\n");
    assert!(sandbox.see("apply --site BER").ends_with("= 0\n\n"));
    sandbox.put("prestart/lib/ask.cmd", "rem asks the first\r\n");
    seen += &sandbox.see("plan --site BER --verbose");
    insta::assert_snapshot!(seen, @"
    $ tsmedia plan --site BER --verbose
    | 1 to patch; 90.1 kB to write
    |
    | patch    out/win11-BER.iso (1.35 MB, 90.1 kB to write, 244 kB kept)
    |   prestart: `lib/ask.cmd` changed, 10 B → 25 B
    |   boots without a key prompt
    = 0

    $ tsmedia plan --site BER --verbose
    | 1 to patch; 98.3 kB to write
    |
    | patch    out/win11-BER.iso (1.33 MB, 98.3 kB to write, 237 kB kept)
    |   files of the medium itself: `sources/boot.wim` changed, 208104 → 208099 bytes
    |   boots without a key prompt
    = 0
    ");
}

#[test]
fn files_in_the_boot_image_are_where_boot_images_have_them() {
    let sandbox = sandbox();
    sandbox.edit("files = \"prestart\"\n", "files = \"prestart\"\nwhere = \"boot-image\"\n");
    assert!(sandbox.see("apply --site BER").ends_with("= 0\n\n"));
    let medium = "out/win11-BER.iso";
    let config = in_boot_image(&sandbox, medium, "TSConfig.INI").unwrap();
    let expected = "[CustomHook]\r\nCommandLine=cmd /c ask.cmd & echo %errorlevel%\r\nSource=SMS10000\r\n";
    assert_eq!(config, expected);
    assert_eq!(in_boot_image(&sandbox, medium, "sms/PKG/SMS10000/lib/ask.cmd").unwrap(), "rem asks\r\n");
    assert_eq!(in_boot_image(&sandbox, medium, LAUNCHER), None);
    assert!(!files(&sandbox, medium).iter().any(|path| path.contains("PKG/SMS10000")));
    // A command without files needs no medium.
    sandbox.edit("files = \"prestart\"\nwhere = \"boot-image\"\n", "");
    assert!(sandbox.see("apply --site BER").ends_with("= 0\n\n"));
    assert_eq!(
        in_boot_image(&sandbox, medium, "TSConfig.INI").unwrap(),
        "[CustomHook]\r\nCommandLine=cmd /c ask.cmd & echo %errorlevel%\r\n"
    );
}

/// The edited boot image has another length, and is more than half of the medium.
#[test]
fn a_script_in_a_large_boot_image_is_patched_on_the_medium() {
    const LEN: usize = 4 << 20;
    let sandbox = sandbox();
    sandbox.edit("files = \"prestart\"\n", "files = \"prestart\"\nwhere = \"boot-image\"\n");
    let noise = (0..LEN as u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8);
    sandbox.put("large.bin", noise.collect::<Vec<_>>());
    let add = format!("add {} /Windows/large.bin", sandbox.path("large.bin"));
    let boot_image = sandbox.path("images/boot.wim");
    wimlib(&["update", boot_image.as_str(), "1", &format!("--command={add}")]);
    assert!(sandbox.see("apply --site BER").ends_with("= 0\n\n"));
    sandbox.put("prestart/lib/ask.cmd", "rem asks something else\r\n");
    let seen = sandbox.see("plan --site BER");
    assert!(seen.contains("| 1 to patch; ") && seen.contains(" kB to write\n"), "{seen}");
    assert!(sandbox.see("apply --site BER").contains("patched"));
    let patched = sandbox.get("out/win11-BER.iso");
    fs::remove_file(sandbox.path("out/win11-BER.iso")).unwrap();
    assert!(sandbox.see("apply --site BER").contains("created"));
    assert!(patched == sandbox.get("out/win11-BER.iso"));
}

#[test]
fn the_first_disc_of_a_set_has_the_prestart_files() {
    let sandbox = sandbox();
    // They come last in the order of content.
    sandbox.put("packages/vpn/large.bin", vec![3; 2_500_000]);
    sandbox.put("packages/vpn/larger.bin", vec![4; 2_500_000]);
    sandbox.edit("[boot]", "capacity = \"4 MB\"\n\n[boot]");
    let applied = sandbox.see("apply --site BER");
    assert!(applied.ends_with("= 0\n\n"), "{applied}");
    let discs = ["out/win11-BER.1.iso", "out/win11-BER.2.iso"].map(|disc| files(&sandbox, disc));
    let has = |disc: &[String]| disc.iter().any(|path| path == "SMS/PKG/SMS10000/lib/ask.cmd");
    assert_eq!(discs.each_ref().map(|disc| has(disc)), [true, false], "{discs:?}");
    let seen = sandbox.see("inspect out/win11-BER.1.iso") + &sandbox.see("inspect out/win11-BER.2.iso");
    assert_eq!(seen.matches("SMS\\PKG\\SMS10000").count(), 1, "{seen}");
    assert!(sandbox.see("verify out/win11-BER.1.iso out/win11-BER.2.iso").ends_with("= 0\n\n"));
}

#[test]
fn sticks_and_prestaged_media_have_the_prestart_files() {
    let sandbox = sandbox();
    sandbox.edit(
        "path = \"out/{{ media.name }}-{{ site.code }}.iso\"",
        "format = \"usb\"\npath = \"out/{{ site.code }}.img\"",
    );
    assert!(sandbox.see("apply --site BER").ends_with("= 0\n\n"));
    let listed = sandbox.see("inspect out/BER.img --files");
    assert!(listed.contains("SMS/PKG/SMS10000/ask.cmd"), "{listed}");

    let sandbox = self::sandbox();
    sandbox.edit("kind = \"stand-alone\"", "kind = \"prestaged\"");
    sandbox.edit("label = \"WIN11 {{ site.code }}\"\n", "");
    sandbox.edit(".iso\"", ".wim\"");
    sandbox.edit("[[package]]", "[[operating-system]]\nid = \"BER00010\"\nfile = \"images/boot.wim\"\n\n[[package]]");
    let applied = sandbox.see("apply --site BER");
    assert!(applied.ends_with("= 0\n\n"), "{applied}");
    let listed = sandbox.run_other("wimlib-imagex", &["dir", "out/win11-BER.wim", "1"]);
    assert!(listed.lines().any(|line| line == "/SMS/PKG/SMS10000/ask.cmd"), "{listed}");
}

#[test]
fn a_prestart_command_may_run_in_a_package_of_the_medium() {
    let sandbox = sandbox();
    sandbox.edit("files = \"prestart\"\n", "package = \"BER00021\"\n");
    assert!(sandbox.see("apply --site BER").ends_with("= 0\n\n"));
    let script = in_boot_image(&sandbox, "out/win11-BER.iso", LAUNCHER).unwrap();
    assert!(script.contains("cd /d \"%drive%\\SMS\\PKG\\BER00021\"\r\n"), "{script}");
    // With a base, the package may be one of those in it: that it is there is seen when it is read.
    sandbox.edit("package = \"BER00021\"\n", "package = \"BER00099\"\n");
    sandbox.edit("kind = \"stand-alone\"", "kind = \"bootable\"");
    sandbox.edit("[[package]]\nid = \"BER00021\"\nsource = \"packages/vpn\"\n", "[base]\nmedium = \"genuine\"\n");
    super::base::put_genuine(&sandbox, "genuine");
    let mut seen = sandbox.see("check --site BER");
    sandbox.edit("BER00099", "BER00098");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("package = \"BER00098\"\n", "files = \"prestart\"\npackage = \"BER00099\"\n");
    seen += &sandbox.see("check --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn scripts_that_look_for_their_files_in_the_boot_image_are_warned_of() {
    let sandbox = sandbox();
    sandbox.put("prestart/ask.cmd", "x:\\SMS\\pkg\\sms10000\\lib\\ask.cmd\r\n");
    let utf16: Vec<u8> = "\u{feff}X:\\SMS\\PKG\\SMS10000\\a.ps1".encode_utf16().flat_map(u16::to_le_bytes).collect();
    sandbox.put("prestart/lib/ask.ps1", utf16);
    sandbox.put("prestart/lib/ask.exe", b"MZ\0\0X:\\SMS\\PKG\\SMS10000");
    insta::assert_snapshot!(sandbox.see("check --site BER"));
    sandbox.edit("cmd /c ask.cmd & echo %errorlevel%", &format!("cmd /c {}", "%".repeat(4_100)));
    let seen = sandbox.see("check --site BER");
    assert!(seen.contains("in a script; the limit of a line is 8191"), "{seen}");
}
