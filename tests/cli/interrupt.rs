//! Ctrl-C, and a second run beside the first.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::desk::Desk;

/// A project whose build takes long enough to be stopped.
fn large() -> Desk {
    let desk = Desk::new();
    let large = fs::File::create(desk.path("packages/vpn/large.bin")).unwrap();
    large.set_len(4 << 30).unwrap();
    desk
}

#[test]
fn ctrl_c_ends_a_build_and_leaves_nothing_half_made() {
    let desk = large();
    let mut command = desk.command(&["apply", "--site", "BER"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let part = desk.path("out/.win11-BER.iso.tsmedia-part");
    let start = Instant::now();
    while !part.exists() {
        assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none(), "it never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(100));
    let seen_while_at_work = desk.see("apply --site HAM").replace(&child.id().to_string(), "<number>");
    let interrupt = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(interrupt.success());
    let ran = child.wait_with_output().unwrap();
    assert_eq!(desk.list("out"), [""; 0]);
    assert!(!desk.path("media.record.json").exists());
    insta::assert_snapshot!(seen_while_at_work + &desk.see_ran("apply --site BER", &ran));

    fs::remove_file(desk.path("packages/vpn/large.bin")).unwrap();
    desk.done(&["apply", "--site", "BER"]);
    assert_eq!(desk.list("out"), ["win11-BER.iso"]);
}

#[test]
fn what_a_killed_run_left_is_used_up_by_the_next() {
    let desk = large();
    desk.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    let mut child = desk.command(&["apply"]).stderr(Stdio::null()).spawn().unwrap();
    let part = desk.path("out/.win11-BER.iso.tsmedia-part");
    let start = Instant::now();
    while !part.exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(desk.list("out"), [".win11-BER.iso.tsmedia-part"]);
    fs::remove_file(desk.path("packages/vpn/large.bin")).unwrap();
    desk.done(&["apply"]);
    assert_eq!(desk.list("out"), ["win11-BER.iso"]);
}
