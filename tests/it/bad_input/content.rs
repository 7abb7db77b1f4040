//! Content that no medium can hold, or not this one.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::fixtures::sandbox::Sandbox;

#[test]
fn what_cannot_be_on_a_medium_is_told_by_its_path() {
    let sandbox = Sandbox::new();
    let package = sandbox.path("packages/vpn");
    symlink("../../readme.txt", package.join("leaves")).unwrap();
    symlink("../..", package.join("leaves-too")).unwrap();
    symlink(".", package.join("loop")).unwrap();
    symlink("nowhere", package.join("dangling")).unwrap();
    symlink("turn", package.join("turn")).unwrap();
    assert!(Command::new("mkfifo").arg(package.join("pipe")).status().unwrap().success());
    // Links that stay in the folder are followed.
    symlink("setup.cmd", package.join("again.cmd")).unwrap();
    let mut seen = sandbox.see("check");
    for link in ["leaves", "leaves-too", "loop", "dangling", "turn", "pipe"] {
        fs::remove_file(package.join(link)).unwrap();
    }
    sandbox.done(&["check"]);
    for name in ["aux.txt", "ends with a dot.", "ends with a space ", "a:b", "a\\b", "tab\there", "Twin", "twin"] {
        sandbox.put(&format!("packages/vpn/names/{name}"), "");
    }
    sandbox.put("packages/vpn/FOLDER/one", "");
    sandbox.put("packages/vpn/folder/two", "");
    fs::write(package.as_std_path().join(OsStr::from_bytes(b"names/\xFF.txt")), "").unwrap();
    seen += &sandbox.see("check");
    for n in 0..20 {
        sandbox.put(&format!("packages/vpn/names/com{}.{n}", n % 9 + 1), "");
    }
    seen += &sandbox.see("apply --site HAM");
    assert!(!sandbox.path("out").exists());
    insta::assert_snapshot!(seen);
}

#[test]
fn two_entries_for_one_place_are_told() {
    let sandbox = Sandbox::new();
    sandbox.edit("path = \"readme.txt\"\nwhen = \"{{ site.code == 'HAM' }}\"", "path = \"SMS/PKG/ber00021/VPN.conf\"");
    let mut seen = sandbox.see("check");
    sandbox.edit("SMS/PKG/ber00021/VPN.conf", "sources/boot.wim");
    seen += &sandbox.see("check");
    sandbox.edit("sources/boot.wim", "MediaLabel.txt");
    seen += &sandbox.see("check");
    sandbox.edit("MediaLabel.txt", "tsmedia/mine.txt");
    seen += &sandbox.see("check");
    // Of several entries below one folder, the one that brings the file is underlined.
    sandbox.edit("path = \"tsmedia/mine.txt\"", "path = \"SMS/data/Variables.dat\"");
    sandbox.put("own/data/TsmBootstrap.ini", "[MediaInfo]\r\n");
    sandbox.put("bin/x64/TSMBAutorun.exe", "");
    sandbox.put(
        "media.toml",
        String::from_utf8(sandbox.get("media.toml")).unwrap()
            + "\n[[file]]\nsource = \"own\"\npath = \"SMS\"\n\n[[file]]\nsource = \"bin\"\npath = \"SMS/bin\"\n",
    );
    seen += &sandbox.see("check --site HAM");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_medium_does_not_contain_itself() {
    let sandbox = Sandbox::new();
    sandbox.edit("source = \"packages/vpn\"", "source = \"out\"");
    sandbox.put("out/readme.txt", "");
    let mut seen = sandbox.see("check --site BER");
    sandbox.edit("source = \"out\"", "source = \".\"");
    seen += &sandbox.see("plan --site BER");
    // Through a link, and where the folder is not there yet.
    symlink("..", sandbox.path("packages/up")).unwrap();
    sandbox.edit("source = \".\"", "source = \"packages/up\"");
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    seen += &sandbox.see("apply --site BER");
    sandbox.edit("path = \"out/", "path = \"../elsewhere/");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("source = \"packages/up\"", "source = \"packages/vpn\"");
    sandbox.done(&["check"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn what_is_larger_than_the_medium_is_told_at_the_capacity() {
    let sandbox = Sandbox::new();
    sandbox.edit("[output]\n", "[output]\nspanning = false\ncapacity = \"4 MB\"\n");
    fs::File::create(sandbox.path("packages/vpn/large.bin")).unwrap().set_len(5_000_000).unwrap();
    let mut seen = sandbox.see("check");
    seen += &sandbox.see("plan --site BER");
    seen += &sandbox.see("apply --site BER");
    // A capacity out of a profile is underlined there.
    sandbox.edit("capacity = \"4 MB\"\n", "");
    sandbox.edit("[media]\n", "[media]\nprofile = \"cd\"\n");
    fs::File::create(sandbox.path("packages/vpn/large.bin")).unwrap().set_len(700_000_000).unwrap();
    seen += &sandbox.see("plan --site BER");
    insta::assert_snapshot!(seen);
    assert!(!sandbox.path("out").exists());
}

#[test]
fn what_no_set_of_discs_holds_is_told_where_it_comes_from() {
    let sandbox = Sandbox::new();
    sandbox.edit("[output]\n", "[output]\ncapacity = \"4 MB\"\n");
    let large = |path: &str, len: u64| fs::File::create(sandbox.path(path)).unwrap().set_len(len).unwrap();
    large("packages/vpn/large.bin", 5_000_000);
    let mut seen = sandbox.see("check --site BER");
    large("packages/vpn/large.bin", 2_000_000);
    large("readme.txt", 4_000_000);
    seen += &sandbox.see("check --site HAM");
    // A typing error for GB.
    large("readme.txt", 4);
    (0..100).for_each(|n| large(&format!("packages/vpn/{n}.bin"), 3_000_000));
    seen += &sandbox.see("check --site HAM");
    sandbox.edit("\n[[file]]", "\n[[package]]\nid = \"BER00022\"\nsource = \"readme.txt\"\n\n[[file]]");
    // The name of a disc is that of another medium.
    fs::remove_dir_all(sandbox.path("packages/vpn")).unwrap();
    sandbox.put("packages/vpn/setup.cmd", "rem");
    large("packages/vpn/1.bin", 2_500_000);
    large("packages/vpn/2.bin", 2_500_000);
    sandbox.edit("path = \"out/{{ media.name }}-{{ site.code }}.iso\"", "path = \"{{ vars.path }}\"");
    sandbox.edit("code = \"BER\"", "code = \"BER\"\nvars = { path = \"out/a.iso\" }");
    sandbox.edit("code = \"HAM\"", "code = \"HAM\"\nvars = { path = \"out/a.1.iso\" }");
    sandbox.edit("when = \"{{ site.code == 'HAM' }}\"", "");
    sandbox.edit("capacity = \"4 MB\"", "capacity = \"{{ '4 MB' if site.code == 'BER' else 'unlimited' }}\"");
    seen += &sandbox.see("check");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_capacity_is_reached_to_the_byte() {
    let sandbox = Sandbox::new();
    sandbox.edit("[output]\n", "[output]\nspanning = false\ncapacity = \"unlimited\"\n");
    fs::File::create(sandbox.path("packages/vpn/large.bin")).unwrap().set_len(3_000_001).unwrap();
    sandbox.done(&["apply", "--site", "BER"]);
    let len = || fs::metadata(sandbox.path("out/win11-BER.iso")).unwrap().len();
    let with_slack = len();
    sandbox.edit("\"unlimited\"", &format!("\"{with_slack} B\""));
    sandbox.done(&["apply", "--site", "BER"]);
    assert_eq!(len(), with_slack);
    // A byte less, and there is no room for slack; what is on the medium still fits.
    sandbox.edit(&format!("\"{with_slack} B\""), &format!("\"{} B\"", with_slack - 1));
    sandbox.done(&["apply", "--site", "BER"]);
    let without_slack = len();
    assert!(without_slack < with_slack - 1);
    sandbox.edit(&format!("\"{} B\"", with_slack - 1), &format!("\"{without_slack} B\""));
    sandbox.done(&["apply", "--site", "BER"]);
    sandbox.edit(&format!("\"{without_slack} B\""), &format!("\"{} B\"", without_slack - 1));
    assert_eq!(sandbox.run(&["plan", "--site", "BER"]).status.code(), Some(1));
}

#[test]
fn toml_that_is_none_is_told_by_every_command() {
    let sandbox = Sandbox::new();
    sandbox.edit("[[sites]]", "[[sites]");
    let seen = ["check", "plan", "apply"].map(|command| sandbox.see(command));
    assert!(seen[1..].iter().all(|other| other.split_once('\n').unwrap().1 == seen[0].split_once('\n').unwrap().1));
    // `render` prints the rest of the manifest too.
    let (rendered, said) = (sandbox.see("render"), seen[0].split_once('\n').unwrap().1);
    assert!(rendered.contains(said.trim_end().trim_end_matches("= 1")) && rendered.ends_with("= 1\n\n"), "{rendered}");
    let problems = sandbox.run(&["apply", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&problems.stdout).unwrap();
    assert_eq!(document["problems"][0]["severity"], "error");
    insta::assert_snapshot!(seen[0], @r#"
    $ tsmedia check
    !   × invalid TOML: unclosed array table, expected `]`
    !     ╭─[media.toml:17:9]
    !  16 │
    !  17 │ [[sites]
    !     ·         ▲
    !  18 │ code = "BER"
    !     ╰────
    !   help: fix this first; later errors may be consequences
    !
    ! 1 error
    = 1
    "#);
}

#[test]
fn git_lfs_pointers_are_told_wherever_content_is_expected() {
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 512345678\n", "4d".repeat(32));
    let sandbox = Sandbox::new();
    let mut seen = String::new();
    let mut replaced = |path: &str| {
        let kept = sandbox.path(path).exists().then(|| sandbox.get(path));
        sandbox.put(path, &pointer);
        let said = sandbox.see("check --site BER");
        assert_eq!(said.matches("is a Git LFS pointer").count(), 1, "{path}: {said}");
        seen += &said;
        match kept {
            Some(kept) => sandbox.put(path, kept),
            None => fs::remove_file(sandbox.path(path)).unwrap(),
        }
    };
    replaced("images/boot.wim");
    replaced("boot-files/boot/etfsboot.com");
    replaced("boot-files/efi/boot/bootx64.efi");
    replaced("packages/vpn/deep/down/setup.msi");
    sandbox.edit("\n[[file]]", "\n[[operating-system]]\nid = \"BER00010\"\nfile = \"images/install.wim\"\n\n[[file]]");
    sandbox.put("images/install.wim", sandbox.get("images/boot.wim"));
    replaced("images/install.wim");
    sandbox.edit("when = \"{{ site.code == 'HAM' }}\"", "");
    replaced("readme.txt");
    sandbox.edit("\n[[sites]]", "\n[[boot.file]]\nsource = \"tool.exe\"\npath = \"tool.exe\"\n\n[[sites]]");
    sandbox.put("tool.exe", "tool");
    replaced("tool.exe");
    sandbox.done(&["check"]);
    // Of many in one folder there is one message, with the command for all of them.
    fs::create_dir(sandbox.path(".git")).unwrap();
    (0..12).for_each(|n| sandbox.put(&format!("packages/vpn/{n}.cab"), &pointer));
    seen += &sandbox.see("check --site BER");
    seen += &sandbox.see("inspect packages/vpn/0.cab");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_driver_package_without_drivers_is_told_how_to_get_some() {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[file]]", "\n[[driver-package]]\nid = \"BER00030\"\nsource = \"drivers/net\"\n\n[[file]]");
    sandbox.put("drivers/net/e1d.sys", "driver");
    sandbox.put("drivers/net/autorun.inf", "[autorun]\n");
    let mut seen = sandbox.see("check --site BER");
    sandbox.put("drivers/net/deep/Net Drivers.ZIP", "PK");
    sandbox.put("drivers/net/setup.exe", "MZ");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("source = \"drivers/net\"", "source = \"drivers/net/setup.exe\"");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("files = \"boot-files\"", "files = \"boot-files\"\ndrivers = [\"drivers/net\"]");
    seen += &sandbox.see("check --site BER");
    insta::assert_snapshot!(seen);
}
