//! Content that no medium can hold, or not this one.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::fixtures::desk::Desk;

#[test]
fn what_cannot_be_on_a_medium_is_told_by_its_path() {
    let desk = Desk::new();
    let package = desk.path("packages/vpn");
    symlink("../../readme.txt", package.join("leaves")).unwrap();
    symlink("../..", package.join("leaves-too")).unwrap();
    symlink(".", package.join("loop")).unwrap();
    symlink("nowhere", package.join("dangling")).unwrap();
    symlink("turn", package.join("turn")).unwrap();
    assert!(Command::new("mkfifo").arg(package.join("pipe")).status().unwrap().success());
    // Links that stay in the folder are followed.
    symlink("setup.cmd", package.join("again.cmd")).unwrap();
    let mut seen = desk.see("check");
    for link in ["leaves", "leaves-too", "loop", "dangling", "turn", "pipe"] {
        fs::remove_file(package.join(link)).unwrap();
    }
    desk.done(&["check"]);
    for name in ["aux.txt", "ends with a dot.", "ends with a space ", "a:b", "a\\b", "tab\there", "Twin", "twin"] {
        desk.put(&format!("packages/vpn/names/{name}"), "");
    }
    desk.put("packages/vpn/FOLDER/one", "");
    desk.put("packages/vpn/folder/two", "");
    fs::write(package.as_std_path().join(OsStr::from_bytes(b"names/\xFF.txt")), "").unwrap();
    seen += &desk.see("check");
    for n in 0..20 {
        desk.put(&format!("packages/vpn/names/com{}.{n}", n % 9 + 1), "");
    }
    seen += &desk.see("apply --site HAM");
    assert!(!desk.path("out").exists());
    insta::assert_snapshot!(seen);
}

#[test]
fn two_entries_for_one_place_are_told() {
    let desk = Desk::new();
    desk.edit("path = \"readme.txt\"\nwhen = \"{{ site.code == 'HAM' }}\"", "path = \"SMS/PKG/ber00021/VPN.conf\"");
    let mut seen = desk.see("check");
    desk.edit("SMS/PKG/ber00021/VPN.conf", "sources/boot.wim");
    seen += &desk.see("check");
    desk.edit("sources/boot.wim", "MediaLabel.txt");
    seen += &desk.see("check");
    desk.edit("MediaLabel.txt", "tsmedia/mine.txt");
    seen += &desk.see("check");
    // Of several entries below one folder, the one that brings the file is underlined.
    desk.edit("path = \"tsmedia/mine.txt\"", "path = \"SMS/data/Variables.dat\"");
    desk.put("own/data/TsmBootstrap.ini", "[MediaInfo]\r\n");
    desk.put("bin/x64/TSMBAutorun.exe", "");
    desk.put(
        "media.toml",
        String::from_utf8(desk.get("media.toml")).unwrap()
            + "\n[[file]]\nsource = \"own\"\npath = \"SMS\"\n\n[[file]]\nsource = \"bin\"\npath = \"SMS/bin\"\n",
    );
    seen += &desk.see("check --site HAM");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_medium_does_not_contain_itself() {
    let desk = Desk::new();
    desk.edit("source = \"packages/vpn\"", "source = \"out\"");
    desk.put("out/readme.txt", "");
    let mut seen = desk.see("check --site BER");
    desk.edit("source = \"out\"", "source = \".\"");
    seen += &desk.see("plan --site BER");
    // Through a link, and where the folder is not there yet.
    symlink("..", desk.path("packages/up")).unwrap();
    desk.edit("source = \".\"", "source = \"packages/up\"");
    fs::remove_dir_all(desk.path("out")).unwrap();
    seen += &desk.see("apply --site BER");
    desk.edit("path = \"out/", "path = \"../elsewhere/");
    seen += &desk.see("check --site BER");
    desk.edit("source = \"packages/up\"", "source = \"packages/vpn\"");
    desk.done(&["check"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn what_is_larger_than_the_medium_is_told_at_the_capacity() {
    let desk = Desk::new();
    desk.edit("[output]\n", "[output]\nspanning = false\ncapacity = \"4 MB\"\n");
    fs::File::create(desk.path("packages/vpn/large.bin")).unwrap().set_len(5_000_000).unwrap();
    let mut seen = desk.see("check");
    seen += &desk.see("plan --site BER");
    seen += &desk.see("apply --site BER");
    // A capacity out of a profile is underlined there.
    desk.edit("capacity = \"4 MB\"\n", "");
    desk.edit("[media]\n", "[media]\nprofile = \"cd\"\n");
    fs::File::create(desk.path("packages/vpn/large.bin")).unwrap().set_len(700_000_000).unwrap();
    seen += &desk.see("plan --site BER");
    insta::assert_snapshot!(seen);
    assert!(!desk.path("out").exists());
}

#[test]
fn what_no_set_of_discs_holds_is_told_where_it_comes_from() {
    let desk = Desk::new();
    desk.edit("[output]\n", "[output]\ncapacity = \"4 MB\"\n");
    let large = |path: &str, len: u64| fs::File::create(desk.path(path)).unwrap().set_len(len).unwrap();
    large("packages/vpn/large.bin", 5_000_000);
    let mut seen = desk.see("check --site BER");
    large("packages/vpn/large.bin", 2_000_000);
    large("readme.txt", 4_000_000);
    seen += &desk.see("check --site HAM");
    // Somebody meant GB.
    large("readme.txt", 4);
    (0..100).for_each(|n| large(&format!("packages/vpn/{n}.bin"), 3_000_000));
    seen += &desk.see("check --site HAM");
    desk.edit("\n[[file]]", "\n[[package]]\nid = \"BER00022\"\nsource = \"readme.txt\"\n\n[[file]]");
    // The name of a disc is that of another medium.
    fs::remove_dir_all(desk.path("packages/vpn")).unwrap();
    desk.put("packages/vpn/setup.cmd", "rem");
    large("packages/vpn/1.bin", 2_500_000);
    large("packages/vpn/2.bin", 2_500_000);
    desk.edit("path = \"out/{{ media.name }}-{{ site.code }}.iso\"", "path = \"{{ vars.path }}\"");
    desk.edit("code = \"BER\"", "code = \"BER\"\nvars = { path = \"out/a.iso\" }");
    desk.edit("code = \"HAM\"", "code = \"HAM\"\nvars = { path = \"out/a.1.iso\" }");
    desk.edit("when = \"{{ site.code == 'HAM' }}\"", "");
    desk.edit("capacity = \"4 MB\"", "capacity = \"{{ '4 MB' if site.code == 'BER' else 'unlimited' }}\"");
    seen += &desk.see("check");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_capacity_is_reached_to_the_byte() {
    let desk = Desk::new();
    desk.edit("[output]\n", "[output]\nspanning = false\ncapacity = \"unlimited\"\n");
    fs::File::create(desk.path("packages/vpn/large.bin")).unwrap().set_len(3_000_001).unwrap();
    desk.done(&["apply", "--site", "BER"]);
    let len = || fs::metadata(desk.path("out/win11-BER.iso")).unwrap().len();
    let with_slack = len();
    desk.edit("\"unlimited\"", &format!("\"{with_slack} B\""));
    desk.done(&["apply", "--site", "BER"]);
    assert_eq!(len(), with_slack);
    // A byte less, and there is no room for slack; what is on the medium still fits.
    desk.edit(&format!("\"{with_slack} B\""), &format!("\"{} B\"", with_slack - 1));
    desk.done(&["apply", "--site", "BER"]);
    let without_slack = len();
    assert!(without_slack < with_slack - 1);
    desk.edit(&format!("\"{} B\"", with_slack - 1), &format!("\"{without_slack} B\""));
    desk.done(&["apply", "--site", "BER"]);
    desk.edit(&format!("\"{without_slack} B\""), &format!("\"{} B\"", without_slack - 1));
    assert_eq!(desk.run(&["plan", "--site", "BER"]).status.code(), Some(1));
}

#[test]
fn toml_that_is_none_is_told_by_every_command() {
    let desk = Desk::new();
    desk.edit("[[sites]]", "[[sites]");
    let seen = ["check", "render", "plan", "apply"].map(|command| desk.see(command));
    assert!(seen[1..].iter().all(|other| other.split_once('\n').unwrap().1 == seen[0].split_once('\n').unwrap().1));
    let problems = desk.run(&["apply", "--json"]);
    assert!(serde_json::from_slice::<serde_json::Value>(&problems.stdout).is_ok_and(|problems| problems.is_array()));
    insta::assert_snapshot!(seen[0]);
}

#[test]
fn git_lfs_pointers_are_told_wherever_content_is_expected() {
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 512345678\n", "4d".repeat(32));
    let desk = Desk::new();
    let mut seen = String::new();
    let mut replaced = |path: &str| {
        let kept = desk.path(path).exists().then(|| desk.get(path));
        desk.put(path, &pointer);
        let said = desk.see("check --site BER");
        assert_eq!(said.matches("is a Git LFS pointer").count(), 1, "{path}: {said}");
        seen += &said;
        match kept {
            Some(kept) => desk.put(path, kept),
            None => fs::remove_file(desk.path(path)).unwrap(),
        }
    };
    replaced("images/boot.wim");
    replaced("boot-files/boot/etfsboot.com");
    replaced("boot-files/efi/boot/bootx64.efi");
    replaced("packages/vpn/deep/down/setup.msi");
    desk.edit("\n[[file]]", "\n[[operating-system]]\nid = \"BER00010\"\nfile = \"images/install.wim\"\n\n[[file]]");
    desk.put("images/install.wim", desk.get("images/boot.wim"));
    replaced("images/install.wim");
    desk.edit("when = \"{{ site.code == 'HAM' }}\"", "");
    replaced("readme.txt");
    desk.edit("\n[[sites]]", "\n[[boot.file]]\nsource = \"tool.exe\"\npath = \"tool.exe\"\n\n[[sites]]");
    desk.put("tool.exe", "tool");
    replaced("tool.exe");
    desk.done(&["check"]);
    // Of many in one folder there is one message, with the command for all of them.
    fs::create_dir(desk.path(".git")).unwrap();
    (0..12).for_each(|n| desk.put(&format!("packages/vpn/{n}.cab"), &pointer));
    seen += &desk.see("check --site BER");
    seen += &desk.see("inspect packages/vpn/0.cab");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_driver_package_without_drivers_is_told_how_to_get_some() {
    let desk = Desk::new();
    desk.edit("\n[[file]]", "\n[[driver-package]]\nid = \"BER00030\"\nsource = \"drivers/net\"\n\n[[file]]");
    desk.put("drivers/net/e1d.sys", "driver");
    desk.put("drivers/net/autorun.inf", "[autorun]\n");
    let mut seen = desk.see("check --site BER");
    desk.put("drivers/net/deep/Net Drivers.ZIP", "PK");
    desk.put("drivers/net/setup.exe", "MZ");
    seen += &desk.see("check --site BER");
    desk.edit("source = \"drivers/net\"", "source = \"drivers/net/setup.exe\"");
    seen += &desk.see("check --site BER");
    desk.edit("files = \"boot-files\"", "files = \"boot-files\"\ndrivers = [\"drivers/net\"]");
    seen += &desk.see("check --site BER");
    insta::assert_snapshot!(seen);
}
