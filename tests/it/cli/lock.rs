//! `lock`: what is locked, what is said of changes, and what a fresh clone need not read.

use std::fs::{self, File};
use std::time::SystemTime;

use crate::fixtures::sandbox::Sandbox;

const LARGE: &str = "packages/vpn/large.bin";

/// A project in a repository with a large file.
fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    fs::create_dir(sandbox.path(".git")).unwrap();
    sandbox.put(LARGE, vec![7; 1 << 20]);
    std::thread::sleep(std::time::Duration::from_millis(30));
    sandbox
}

/// Gives a file the state that it has in a fresh clone.
fn renew(sandbox: &Sandbox, path: &str) {
    let bytes = sandbox.get(path);
    fs::remove_file(sandbox.path(path)).unwrap();
    sandbox.put(path, bytes);
    File::open(sandbox.path(path)).unwrap().set_modified(SystemTime::now()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(30));
}

/// Transcript without the sizes that depend on the boot image.
fn without_media(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(" (") {
        Some((line, _)) if line.contains(".iso") => format!("{line} (<size>)"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn a_changed_file_is_an_error_until_the_lock_is_updated() {
    let sandbox = project();
    let mut seen = sandbox.see("lock --check");
    seen += &sandbox.see("lock");
    seen += &sandbox.see("lock");
    seen += &sandbox.see("check");
    sandbox.put(LARGE, vec![8; 2 << 20]);
    seen += &sandbox.see("check");
    seen += &sandbox.see("lock --check");
    seen += &sandbox.see("lock --update packages/vpn/vpn.conf");
    seen += &sandbox.see(&format!("lock --update {LARGE}"));
    seen += &sandbox.see("check");
    seen += &sandbox.see("lock --check");
    fs::rename(sandbox.path(LARGE), sandbox.path("elsewhere")).unwrap();
    seen += &sandbox.see("lock --check --json");
    seen += &sandbox.see("lock --update");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_file_that_was_read_and_has_other_bytes_is_found_by_check() {
    let sandbox = project();
    sandbox.done(&["lock"]);
    sandbox.put(LARGE, vec![8; 1 << 20]);
    std::thread::sleep(std::time::Duration::from_millis(30));
    // Sizes are equal, and nothing has read the file yet.
    sandbox.done(&["check"]);
    assert_eq!(sandbox.run(&["lock", "--check"]).status.code(), Some(1));
    insta::assert_snapshot!(sandbox.see("check"));
}

#[test]
fn a_fresh_clone_plans_with_the_lock_and_apply_does_not_believe_it() {
    let sandbox = project();
    sandbox.done(&["lock"]);
    sandbox.done(&["apply"]);
    let built = sandbox.get("out/win11-BER.iso");
    renew(&sandbox, LARGE);
    // A file that is not read keeps its time of access only on some file systems, so its bytes are changed instead.
    sandbox.put(LARGE, vec![8; 1 << 20]);
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"), "the file was read");
    assert!(without_media(&sandbox.see("apply")).contains("kept"));
    // Something else has to be built, so the file is read first.
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    let seen = sandbox.see("apply");
    assert_eq!(sandbox.get("out/win11-BER.iso"), built);
    sandbox.put(LARGE, vec![7; 1 << 20]);
    std::thread::sleep(std::time::Duration::from_millis(30));
    sandbox.done(&["apply"]);
    assert_ne!(sandbox.get("out/win11-BER.iso"), built);
    sandbox.done(&["verify", "out/win11-BER.iso", "--manifest", "media.toml"]);
    insta::assert_snapshot!(seen, @"
    $ tsmedia apply
    ! error: `packages/vpn/large.bin` has other bytes than in `tsmedia.lock`; nothing was written
    !   help: run `tsmedia lock --update packages/vpn/large.bin` and review the change, or restore the file
    = 1
    ");
}

#[test]
fn a_lock_that_cannot_be_used_names_its_line() {
    let sandbox = project();
    sandbox.done(&["lock"]);
    let lock = String::from_utf8(sandbox.get("tsmedia.lock")).unwrap();
    let line = lock.lines().last().unwrap();
    sandbox.put("tsmedia.lock", lock.replace(line, &format!("<<<<<<< HEAD\n{line}\n=======\n{line}\n>>>>>>> other")));
    let mut seen = sandbox.see("check") + &sandbox.see("lock --check") + &sandbox.see("lock --update");
    assert_eq!(String::from_utf8(sandbox.get("tsmedia.lock")).unwrap(), lock);
    sandbox.put("tsmedia.lock", lock.replace("size", "length"));
    seen += &sandbox.see("plan");
    sandbox.put("tsmedia.lock", lock.replace("version = 1", "version = 2"));
    seen += &sandbox.see("check");
    insta::assert_snapshot!(seen);
}
