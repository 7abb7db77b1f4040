//! Prestart commands on the medium and in the boot image.

use std::fs;

use crate::fixtures::desk::{Desk, wimlib};

const PRESTART: &str = "\n[prestart]\ncommand = \"cmd /c ask.cmd & echo %errorlevel%\"\nfiles = \"prestart\"\n";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.edit("\n[[package]]", &format!("{PRESTART}\n[[package]]"));
    desk.put("prestart/ask.cmd", "@echo off\r\ncall %~dp0lib\\ask.cmd\r\n");
    desk.put("prestart/lib/ask.cmd", "rem asks\r\n");
    desk
}

/// Returns a text file of the boot image on a medium; nothing if it has none.
fn in_boot_image(desk: &Desk, medium: &str, path: &str) -> Option<String> {
    fs::remove_dir_all(desk.path("taken")).ok();
    desk.run_other("7z", &["x", "-y", "-otaken", medium, "sources/boot.wim"]);
    let (image, to) = (desk.path("taken/sources/boot.wim"), desk.path("taken"));
    wimlib(&["verify", image.as_str()]);
    let listed = desk.run_other("wimlib-imagex", &["dir", image.as_str(), "1"]);
    let is_there = listed.lines().any(|line| line.eq_ignore_ascii_case(&format!("/{path}")));
    is_there.then(|| {
        wimlib(&["extract", image.as_str(), "1", &format!("/{path}"), "--dest-dir", to.as_str()]);
        fs::read_to_string(to.join(path.rsplit('/').next().unwrap())).unwrap()
    })
}

fn files(desk: &Desk, medium: &str) -> Vec<String> {
    let listed = desk.run_other("7z", &["l", "-ba", "-slt", medium]);
    listed.lines().filter_map(|line| line.strip_prefix("Path = ")).map(str::to_owned).collect()
}

const LAUNCHER: &str = "sms/PKG/SMS10000/tsmedia-prestart.cmd";

#[test]
fn a_prestart_command_runs_on_the_medium() {
    let desk = desk();
    let mut seen = desk.see("check --site BER");
    seen += &desk.see("plan --site BER --verbose");
    assert!(desk.see("apply --site BER").ends_with("= 0\n\n"));
    seen += &desk.see("inspect out/win11-BER.iso --files");
    let medium = "out/win11-BER.iso";
    for path in ["TSConfig.INI", LAUNCHER] {
        seen += &format!("-- {path}\n{}", in_boot_image(&desk, medium, path).unwrap().replace("\r\n", "\n"));
    }
    assert_eq!(in_boot_image(&desk, medium, "sms/PKG/SMS10000/ask.cmd"), None);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_changed_script_changes_a_script_and_no_boot_image() {
    let desk = desk();
    desk.put("prestart/large.bin", [7; 200_000]);
    assert!(desk.see("apply --site BER").ends_with("= 0\n\n"));
    desk.put("prestart/lib/ask.cmd", "rem asks something else\r\n");
    let mut seen = desk.see("plan --site BER --verbose");
    assert!(!seen.contains("boot.wim"), "{seen}");
    // In the boot image, it takes the whole of it.
    desk.edit("files = \"prestart\"\n", "files = \"prestart\"\nwhere = \"boot-image\"\n");
    assert!(desk.see("apply --site BER").ends_with("= 0\n\n"));
    desk.put("prestart/lib/ask.cmd", "rem asks the first\r\n");
    seen += &desk.see("plan --site BER --verbose");
    insta::assert_snapshot!(seen);
}

#[test]
fn files_in_the_boot_image_are_where_boot_images_have_them() {
    let desk = desk();
    desk.edit("files = \"prestart\"\n", "files = \"prestart\"\nwhere = \"boot-image\"\n");
    assert!(desk.see("apply --site BER").ends_with("= 0\n\n"));
    let medium = "out/win11-BER.iso";
    let config = in_boot_image(&desk, medium, "TSConfig.INI").unwrap();
    let expected = "[CustomHook]\r\nCommandLine=cmd /c ask.cmd & echo %errorlevel%\r\nSource=SMS10000\r\n";
    assert_eq!(config, expected);
    assert_eq!(in_boot_image(&desk, medium, "sms/PKG/SMS10000/lib/ask.cmd").unwrap(), "rem asks\r\n");
    assert_eq!(in_boot_image(&desk, medium, LAUNCHER), None);
    assert!(!files(&desk, medium).iter().any(|path| path.contains("PKG/SMS10000")));
    // A command without files needs no medium.
    desk.edit("files = \"prestart\"\nwhere = \"boot-image\"\n", "");
    assert!(desk.see("apply --site BER").ends_with("= 0\n\n"));
    assert_eq!(
        in_boot_image(&desk, medium, "TSConfig.INI").unwrap(),
        "[CustomHook]\r\nCommandLine=cmd /c ask.cmd & echo %errorlevel%\r\n"
    );
}

#[test]
fn the_first_disc_of_a_set_has_the_prestart_files() {
    let desk = desk();
    // They come last in the order of content.
    desk.put("packages/vpn/large.bin", vec![3; 2_500_000]);
    desk.put("packages/vpn/larger.bin", vec![4; 2_500_000]);
    desk.edit("[boot]", "capacity = \"4 MB\"\n\n[boot]");
    let applied = desk.see("apply --site BER");
    assert!(applied.ends_with("= 0\n\n"), "{applied}");
    let discs = ["out/win11-BER.1.iso", "out/win11-BER.2.iso"].map(|disc| files(&desk, disc));
    let has = |disc: &[String]| disc.iter().any(|path| path == "SMS/PKG/SMS10000/lib/ask.cmd");
    assert_eq!(discs.each_ref().map(|disc| has(disc)), [true, false], "{discs:?}");
    let seen = desk.see("inspect out/win11-BER.1.iso") + &desk.see("inspect out/win11-BER.2.iso");
    assert_eq!(seen.matches("SMS\\PKG\\SMS10000").count(), 1, "{seen}");
    assert!(desk.see("verify out/win11-BER.1.iso out/win11-BER.2.iso").ends_with("= 0\n\n"));
}

#[test]
fn sticks_and_prestaged_media_have_the_prestart_files() {
    let desk = desk();
    desk.edit(
        "path = \"out/{{ media.name }}-{{ site.code }}.iso\"",
        "format = \"usb\"\npath = \"out/{{ site.code }}.img\"",
    );
    assert!(desk.see("apply --site BER").ends_with("= 0\n\n"));
    let listed = desk.see("inspect out/BER.img --files");
    assert!(listed.contains("SMS/PKG/SMS10000/ask.cmd"), "{listed}");

    let desk = self::desk();
    desk.edit("kind = \"stand-alone\"", "kind = \"prestaged\"");
    desk.edit("label = \"WIN11 {{ site.code }}\"\n", "");
    desk.edit(".iso\"", ".wim\"");
    desk.edit("[[package]]", "[[operating-system]]\nid = \"BER00010\"\nfile = \"images/boot.wim\"\n\n[[package]]");
    let applied = desk.see("apply --site BER");
    assert!(applied.ends_with("= 0\n\n"), "{applied}");
    let listed = desk.run_other("wimlib-imagex", &["dir", "out/win11-BER.wim", "1"]);
    assert!(listed.lines().any(|line| line == "/SMS/PKG/SMS10000/ask.cmd"), "{listed}");
}

#[test]
fn a_prestart_command_may_run_in_a_package_of_the_medium() {
    let desk = desk();
    desk.edit("files = \"prestart\"\n", "package = \"BER00021\"\n");
    assert!(desk.see("apply --site BER").ends_with("= 0\n\n"));
    let script = in_boot_image(&desk, "out/win11-BER.iso", LAUNCHER).unwrap();
    assert!(script.contains("cd /d \"%drive%\\SMS\\PKG\\BER00021\"\r\n"), "{script}");
    // With a base, the package may be one of those in it: that it is there is seen when it is read.
    desk.edit("package = \"BER00021\"\n", "package = \"BER00099\"\n");
    desk.edit("kind = \"stand-alone\"", "kind = \"bootable\"");
    desk.edit("[[package]]\nid = \"BER00021\"\nsource = \"packages/vpn\"\n", "[base]\nmedium = \"genuine\"\n");
    super::base::put_genuine(&desk, "genuine");
    let mut seen = desk.see("check --site BER");
    desk.edit("BER00099", "BER00098");
    seen += &desk.see("check --site BER");
    desk.edit("package = \"BER00098\"\n", "files = \"prestart\"\npackage = \"BER00099\"\n");
    seen += &desk.see("check --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn scripts_that_look_for_their_files_in_the_boot_image_are_warned_of() {
    let desk = desk();
    desk.put("prestart/ask.cmd", "x:\\SMS\\pkg\\sms10000\\lib\\ask.cmd\r\n");
    let utf16: Vec<u8> = "\u{feff}X:\\SMS\\PKG\\SMS10000\\a.ps1".encode_utf16().flat_map(u16::to_le_bytes).collect();
    desk.put("prestart/lib/ask.ps1", utf16);
    desk.put("prestart/lib/ask.exe", b"MZ\0\0X:\\SMS\\PKG\\SMS10000");
    insta::assert_snapshot!(desk.see("check --site BER"));
    desk.edit("cmd /c ask.cmd & echo %errorlevel%", &format!("cmd /c {}", "%".repeat(4_100)));
    let seen = desk.see("check --site BER");
    assert!(seen.contains("in a script; the limit of a line is 8191"), "{seen}");
}
