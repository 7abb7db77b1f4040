//! Files and folders that can't be read or written, and disks that are full.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use camino::Utf8Path;

use crate::fixtures::sandbox::Sandbox;

fn allow(path: &Utf8Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn run_as_somebody(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    sandbox.command_of_somebody(arguments).output().unwrap()
}

#[test]
fn files_and_folders_that_cannot_be_read_are_named() {
    let sandbox = Sandbox::new();
    sandbox.put("packages/vpn/secret/key.pem", "key");
    let see = |line: &str| {
        let arguments: Vec<_> = line.split(' ').collect();
        sandbox.see_ran(line, &run_as_somebody(&sandbox, &arguments))
    };
    assert!(run_as_somebody(&sandbox, &["check"]).status.success());
    allow(&sandbox.path("packages/vpn/secret"), 0o000);
    let mut seen = see("check --site BER");
    allow(&sandbox.path("packages/vpn/secret"), 0o755);
    allow(&sandbox.path("packages/vpn/secret/key.pem"), 0o000);
    seen += &see("apply --site BER");
    assert!(!sandbox.path("out").exists(), "something was written before it was known that it can't be finished");
    allow(&sandbox.path("packages/vpn"), 0o000);
    allow(&sandbox.path("images/boot.wim"), 0o000);
    seen += &see("check --site BER");
    allow(&sandbox.path("packages/vpn"), 0o755);
    allow(&sandbox.path("media.toml"), 0o000);
    seen += &see("check --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn folders_that_cannot_be_written_are_named_and_what_was_there_stays() {
    let sandbox = Sandbox::new();
    let see = |line: &str| {
        let arguments: Vec<_> = line.split(' ').collect();
        sandbox.see_ran(line, &run_as_somebody(&sandbox, &arguments))
    };
    assert!(run_as_somebody(&sandbox, &["apply", "--site", "BER"]).status.success());
    let before = sandbox.get("out/win11-BER.iso");
    sandbox.put("packages/vpn/new.txt", "new");
    allow(&sandbox.path("out"), 0o555);
    let mut seen = see("apply --site BER");
    assert_eq!(sandbox.get("out/win11-BER.iso"), before);
    allow(&sandbox.path("out"), 0o755);
    // No cache and no record: a plan needs neither.
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    allow(&sandbox.root, 0o555);
    seen += &see("plan --site BER");
    seen += &see("apply --site BER");
    allow(&sandbox.root, 0o755);
    insta::assert_snapshot!(seen, @"
    $ tsmedia apply --site BER
    ! error: creating `out/.win11-BER.iso.tsmedia-part`
    !   because: Permission denied (os error 13)
    = 1

    $ tsmedia plan --site BER
    | 1 to rebuild; 85.1 kB to write
    |
    | rebuild  out/win11-BER.iso (1.13 MB, 85.1 kB to write)
    |   package `BER00021`: `new.txt` added, 3 B
    |   rebuilt: a patch would write almost as much
    |   boots without a key prompt
    = 0

    $ tsmedia apply --site BER
    ! error: using `./.tsmedia`
    !   because: Permission denied (os error 13)
    !   help: choose a folder that you may write to with `--cache-dir`
    = 1
    ");
}

#[test]
fn something_else_under_the_name_of_the_output_is_told() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("out/win11-BER.iso")).unwrap();
    let mut seen =
        sandbox.see("plan --site BER") + &sandbox.see("apply --site BER") + &sandbox.see("apply --site BER --force");
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    sandbox.put("out", "a file");
    seen += &sandbox.see("apply --site BER");
    fs::remove_file(sandbox.path("out")).unwrap();
    sandbox.put("media.record.json", "{");
    seen += &sandbox.see("plan --site BER");
    fs::remove_file(sandbox.path("media.record.json")).unwrap();
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    sandbox.put(".tsmedia", "a file");
    seen += &sandbox.see("apply --site BER");
    seen += &sandbox.see("check packages");
    let ran = sandbox.command(&["plan"]).env("SOURCE_DATE_EPOCH", "yesterday").output().unwrap();
    seen += &sandbox.see_ran("plan", &ran);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_full_disk_is_told_before_it_is_full() {
    let sandbox = Sandbox::new();
    fs::File::create(sandbox.path("packages/vpn/large.bin")).unwrap().set_len(3 << 20).unwrap();
    fs::create_dir(sandbox.path("out")).unwrap();
    // In a mount namespace of its own, so that nothing outside sees the file system, and nothing is left of it.
    let script = "mount -t tmpfs -o size=2m tsmedia out && \"$0\" apply --site BER; code=$?; ls -A out; exit $code";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_tsmedia")]);
    let ran = command.current_dir(&sandbox.root).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    if said.contains("unshare:") || said.contains("mount:") {
        // Where no user may mount, a limit on the length of files stands in for a disk that is full.
        return limited(&sandbox);
    }
    insta::assert_snapshot!(sandbox.see_ran("apply --site BER", &ran), @"
    $ tsmedia apply --site BER
    ! error: `out/win11-BER.iso` takes 3.23 MB, but its file system has only 2.10 MB of free space
    !   help: free some space: the old medium is kept until the new one is complete, so both need room at once
    = 1
    ");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "", "something is left");
}

#[test]
fn a_disk_that_is_too_full_for_a_patch_keeps_the_medium_that_is_there() {
    let sandbox = Sandbox::new();
    sandbox.put("packages/vpn/large.bin", noise(3 << 20));
    fs::create_dir_all(sandbox.path("out")).unwrap();
    fs::create_dir_all(sandbox.path("clean")).unwrap();
    sandbox.put("growth.bin", noise(1 << 20));
    // What comes makes the medium longer by more than there is room for, and is little enough to be patched. Then
    // there is room, and in the end the same medium is built in another folder.
    let script = r#"
        apply() { echo "\$ tsmedia apply --site BER $*"; "$program" apply --site BER "$@"; echo "= $?"; }
        program=$0
        exec 2>&1
        mount -t tmpfs -o size=4400k tsmedia out || exit 9
        apply
        sha256sum out/win11-BER.iso > before
        cp growth.bin packages/vpn
        apply
        ls -A out
        sha256sum --check before
        mount -o remount,size=16m out || exit 9
        "$program" plan --site BER
        apply
        ls -A out
        cp out/win11-BER.iso patched.iso
        rm out/win11-BER.iso
        apply --no-patch
        cmp out/win11-BER.iso patched.iso && echo as built anew"#;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_tsmedia")]);
    let ran = command.current_dir(&sandbox.root).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    if said.contains("unshare:") || ran.status.code() == Some(9) {
        eprintln!("not tested: no user may mount here; the tests of cut-off patches fill the disk at every call");
        return;
    }
    insta::assert_snapshot!(sandbox.see_ran("several times", &ran));
}

/// Bytes that look like nothing, the same every time.
fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&len.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn limited(sandbox: &Sandbox) {
    let script = "trap '' XFSZ; ulimit -f 1024; exec \"$0\" apply --site BER";
    let mut command = Command::new("sh");
    let ran = command.args(["-c", script, env!("CARGO_BIN_EXE_tsmedia")]).current_dir(&sandbox.root).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("win11-BER.iso"), "{said}");
    assert_eq!(sandbox.list("out"), [""; 0]);
}
