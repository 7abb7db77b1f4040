//! Signals that end a run, and a second run beside the first.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixtures::sandbox::Sandbox;
use test_fixtures::is_thorough;

/// A project whose build takes long enough to be stopped.
fn large() -> Sandbox {
    let sandbox = Sandbox::new();
    let large = fs::File::create(sandbox.path("packages/vpn/large.bin")).unwrap();
    large.set_len(4 << 30).unwrap();
    sandbox
}

fn send(signal: &str, child: &Child) {
    let kill = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status().unwrap();
    assert!(kill.success());
}

#[test]
fn ctrl_c_ends_a_build_and_leaves_nothing_half_made() {
    let sandbox = large();
    let mut command = sandbox.command(&["apply", "--site", "BER"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let part = sandbox.path("out/.win11-BER.iso.tsmedia-part");
    let start = Instant::now();
    while !part.exists() {
        assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none(), "it never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(100));
    let seen_while_at_work = sandbox.see("apply --site HAM").replace(&child.id().to_string(), "<number>");
    send("INT", &child);
    let ran = child.wait_with_output().unwrap();
    assert_eq!(sandbox.list("out"), [""; 0]);
    assert!(!sandbox.path("media.record.json").exists());
    insta::assert_snapshot!(seen_while_at_work + &sandbox.see_ran("apply --site BER", &ran), @"
    $ tsmedia apply --site HAM
    ! error: another tsmedia process (PID <number>, building `out/win11-BER.iso`) is using `media.toml`
    !   help: wait until it is done, or stop that process
    = 1

    $ tsmedia apply --site BER
    ! error: interrupted
    = 130
    ");

    fs::remove_file(sandbox.path("packages/vpn/large.bin")).unwrap();
    sandbox.done(&["apply", "--site", "BER"]);
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
}

#[test]
fn what_a_killed_run_left_is_used_up_by_the_next() {
    let sandbox = large();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    let mut child = sandbox.command(&["apply"]).stderr(Stdio::null()).spawn().unwrap();
    let part = sandbox.path("out/.win11-BER.iso.tsmedia-part");
    let start = Instant::now();
    while !part.exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(sandbox.list("out"), [".win11-BER.iso.tsmedia-part"]);
    fs::remove_file(sandbox.path("packages/vpn/large.bin")).unwrap();
    sandbox.done(&["apply"]);
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
}

/// Bytes that look like nothing, the same for the same seed.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// Number of runs ended by a signal: usually, and in thorough tests.
const N_SIGNALS: u64 = 18;
const N_SIGNALS_THOROUGH: u64 = 150;

#[test]
fn a_medium_has_its_name_after_any_signal_that_ends_a_patch() {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.put("packages/vpn/large.bin", noise(12 << 20, 0));
    sandbox.put("packages/vpn/z.bin", noise(2 << 20, 0));
    sandbox.done(&["apply"]);
    let medium = sandbox.path("out/win11-BER.iso");
    let (mut n_ended, mut n_without_a_name) = (0, 0);
    for round in 1..=if is_thorough() { N_SIGNALS_THOROUGH } else { N_SIGNALS } {
        let signal = ["TERM", "HUP", "INT"][round as usize % 3];
        let old = fs::read(&medium).unwrap();
        // One that needs room of its own, one that is written over, and one that grows.
        match round / 3 % 3 {
            0 => sandbox.put("packages/vpn/large.bin", noise((12 << 20) + 4_096 * round as usize, round)),
            1 => sandbox.put("packages/vpn/z.bin", noise(2 << 20, round)),
            _ => sandbox.put("packages/vpn/vpn.conf", noise(60_000 + 5_000 * round as usize, round)),
        }
        let mut child = sandbox.command(&["apply"]).stderr(Stdio::piped()).spawn().unwrap();
        // Every other one while the medium is away, if it ever is; the rest at any moment.
        let start = Instant::now();
        let moment = Duration::from_millis(round * 37 % 400);
        let is_away = || round % 2 == 0 && !medium.exists();
        while child.try_wait().unwrap().is_none() && !is_away() && (round % 2 == 0 || start.elapsed() < moment) {
            std::thread::yield_now();
        }
        n_without_a_name += u32::from(!medium.exists());
        if child.try_wait().unwrap().is_none() {
            send(signal, &child);
        }
        let ran = child.wait_with_output().unwrap();
        let context = format!("round {round}, {signal}: {ran:?}");
        let code = ran.status.code();
        // Before there is anything to clean up a signal ends the process as it always does.
        assert!(matches!(code, Some(0 | 130)) || ran.status.signal().is_some_and(|n| n != 9), "{context}");
        n_ended += u32::from(code == Some(130));
        let now = fs::read(&medium).unwrap_or_else(|error| panic!("{context}: {error}"));
        sandbox.done(&["apply"]);
        assert!(now == old || now == fs::read(&medium).unwrap(), "{context}: half-made");
        assert_eq!(sandbox.list("out"), ["win11-BER.iso"], "{context}");
    }
    assert!(n_ended > 1, "only {n_ended} runs were ended, and {n_without_a_name} of them while the medium was away");
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let sandbox = Sandbox::new();
    sandbox.edit("[[package]]", "[variables]\nSecret = { command = [\"sleep\", \"20\"] }\n\n[[package]]");
    let mut child = sandbox.command(&["watch"]).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1_000));
    send("TERM", &child);
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "the first one asks it to stop at its next step");
    let start = Instant::now();
    send("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_signal_that_was_ignored_before_stays_ignored() {
    let sandbox = Sandbox::new();
    let large = fs::File::create(sandbox.path("packages/vpn/large.bin")).unwrap();
    large.set_len(256 << 20).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" apply --site BER", env!("CARGO_BIN_EXE_tsmedia")]);
    let mut child = command.current_dir(&sandbox.root).stderr(Stdio::null()).spawn().unwrap();
    let part = sandbox.path("out/.win11-BER.iso.tsmedia-part");
    while !part.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    send("HUP", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
}

#[test]
fn a_limit_of_file_sizes_is_an_error_with_advice() {
    let sandbox = Sandbox::new();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 200; exec \"$0\" apply --site BER", env!("CARGO_BIN_EXE_tsmedia")]);
    let ran = command.current_dir(&sandbox.root).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("File too large") && said.contains("`ulimit -f`"), "{said}");
    assert_eq!(sandbox.list("out"), [""; 0]);
}

#[test]
fn a_medium_that_is_written_while_it_is_verified_is_not_called_damaged() {
    use std::os::unix::fs::FileExt;
    let sandbox = Sandbox::new();
    let large = fs::File::create(sandbox.path("packages/vpn/large.bin")).unwrap();
    large.set_len(256 << 20).unwrap();
    sandbox.done(&["apply", "--site", "BER"]);
    let medium = fs::File::options().write(true).open(sandbox.path("out/win11-BER.iso")).unwrap();
    for (journal, doing) in [(None, "wrote to"), (Some("out/.win11-BER.iso.tsmedia-journal"), "patched")] {
        if let Some(journal) = journal {
            sandbox.put(journal, "");
        }
        let mut command = sandbox.command(&["verify", "out/win11-BER.iso"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(150));
        medium.write_all_at(b"!", 700_000).unwrap();
        let ran = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!((ran.status.code(), ran.stdout.len()), (Some(1), 0), "{said}");
        let expected = format!("error: another process {doing} `out/win11-BER.iso` while it was being verified");
        assert!(said.contains(&expected), "{said}");
    }
    assert!(sandbox.see("verify out/win11-BER.iso").contains("not sound"));
}
