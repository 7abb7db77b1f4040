//! `write`: media on files that stand for sticks.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixtures::sandbox::Sandbox;
use test_fixtures::is_thorough;

const MIB: u64 = 1 << 20;

/// One partition that is booted.
const MBR: &str = "label: dos\nstart=2048, type=c, bootable\n";

/// A file that stands for a stick and is blank.
fn stick(sandbox: &Sandbox, name: &str, len: u64) {
    fs::File::create(sandbox.path(name)).unwrap().set_len(len).unwrap();
}

/// A file with the partitions that sfdisk makes as a script says.
fn partitioned(sandbox: &Sandbox, name: &str, len: u64, script: &str) {
    stick(sandbox, name, len);
    let mut sfdisk = Command::new("sfdisk");
    let mut sfdisk = sfdisk.arg("--quiet").arg(sandbox.path(name)).stdin(Stdio::piped()).spawn().unwrap();
    sfdisk.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(sfdisk.wait().unwrap().success());
}

/// Drive with a FAT volume in the first partition.
fn formatted(sandbox: &Sandbox, name: &str, len: u64, script: &str, label: &str) {
    partitioned(sandbox, name, len, script);
    let mut format = Command::new("mkfs.fat");
    format.args(["-n", label, "-i", "12345678", "--invariant", "--offset", "2048"]).arg(sandbox.path(name)).arg("8192");
    assert!(format.output().unwrap().status.success());
}

#[test]
fn what_is_no_medium_for_sticks_and_no_stick_is_told() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply", "--site", "BER"]);
    formatted(&sandbox, "medium.img", 16 * MIB, MBR, "OTHER");
    stick(&sandbox, "stick", 64 * MIB);
    let mut seen = String::new();
    for line in [
        "write out/win11-BER.iso stick",
        "write images/boot.wim stick",
        "write nothing.img stick",
        "write medium.img /dev/sdnothing",
        "write medium.img out",
        "write medium.img /dev/null",
        "write medium.img ./medium.img",
        "write medium.img",
    ] {
        seen += &sandbox.see(line);
    }
    stick(&sandbox, "small", 15 * MIB);
    seen += &sandbox.see("write medium.img small");
    let whole = sandbox.get("medium.img");
    sandbox.put("cut.img", &whole[..whole.len() - 512]);
    seen += &sandbox.see("write cut.img stick");
    assert!(sandbox.get("stick").iter().all(|byte| *byte == 0));
    insta::assert_snapshot!(seen);
}

#[test]
fn what_holds_something_else_is_erased_only_by_its_name() {
    let sandbox = Sandbox::new();
    formatted(&sandbox, "medium.img", 16 * MIB, MBR, "MEDIUM");
    let script = "label: gpt\nstart=2048, size=20480\nstart=40960\n";
    formatted(&sandbox, "stick", 64 * MIB, script, "HOLIDAYS");
    let before = sandbox.get("stick");
    let mut seen = sandbox.see("write medium.img stick");
    seen += &sandbox.see("write medium.img stick --json");
    seen += &sandbox.see("write medium.img stick --erase stick-2");
    seen += &sandbox.see("write medium.img stick --erase stick --dry-run");
    sandbox.put("unknown", vec![7; 20 << 20]);
    seen += &sandbox.see("write medium.img unknown");
    assert!(sandbox.get("stick") == before, "something was written");
    seen += &sandbox.see("write medium.img stick --erase stick");
    assert!(sandbox.get("stick")[..16 << 20] == sandbox.get("medium.img"));
    insta::assert_snapshot!(seen);
}

#[test]
fn a_blank_stick_becomes_the_medium_and_says_how_much_that_took() {
    let sandbox = Sandbox::new();
    formatted(&sandbox, "medium.img", 16 * MIB, MBR, "MEDIUM");
    stick(&sandbox, "stick", 64 * MIB);
    let mut seen = sandbox.see("write medium.img stick --dry-run");
    seen += &sandbox.see("write medium.img stick --dry-run --json");
    assert!(sandbox.get("stick").iter().all(|byte| *byte == 0));
    seen += &sandbox.see("write medium.img stick");
    assert!(sandbox.get("stick")[..16 << 20] == sandbox.get("medium.img"));
    stick(&sandbox, "stick", 64 * MIB);
    seen += &sandbox.see("write medium.img stick --json");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_stick_that_is_empty_at_its_start_only_is_not_taken_for_empty() {
    let sandbox = Sandbox::new();
    formatted(&sandbox, "medium.img", 16 * MIB, MBR, "MEDIUM");
    let mut seen = String::new();
    for (name, script) in [("gpt", "label: gpt\nstart=2048, size=20480\n"), ("raw", "")] {
        if script.is_empty() {
            stick(&sandbox, name, 64 * MIB);
            let file = fs::File::options().write(true).open(sandbox.path(name)).unwrap();
            file.write_all_at(b"a letter", 40 * MIB).unwrap();
        } else {
            partitioned(&sandbox, name, 64 * MIB, script);
        }
        let file = fs::File::options().write(true).open(sandbox.path(name)).unwrap();
        file.write_all_at(&vec![0; MIB as usize], 0).unwrap();
        let before = sandbox.get(name);
        for option in ["", " --dry-run", " --json"] {
            seen += &sandbox.see(&format!("write medium.img {name}{option}"));
        }
        assert!(sandbox.get(name) == before, "something was written");
        sandbox.done(&["write", "medium.img", name, "--erase", name]);
    }
    insta::assert_snapshot!(seen);
}

/// A link that leads to a blank file when it is looked at, and to a full one when it is written to.
#[test]
fn a_link_that_leads_elsewhere_meanwhile_leads_to_no_other_file() {
    let sandbox = Sandbox::new();
    formatted(&sandbox, "medium.img", 16 * MIB, MBR, "MEDIUM");
    sandbox.put("full", vec![7; 20 << 20]);
    stick(&sandbox, "blank", 20 * MIB);
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for name in ["blank", "full"].iter().cycle() {
                let _ = fs::remove_file(sandbox.path("new"));
                symlink(name, sandbox.path("new")).unwrap();
                fs::rename(sandbox.path("new"), sandbox.path("link")).unwrap();
                if is_done.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
            }
        });
        while !sandbox.path("link").is_symlink() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut n_written = 0;
        for _ in 0..if is_thorough() { 150 } else { 20 } {
            stick(&sandbox, "blank", 20 * MIB);
            n_written += usize::from(sandbox.run(&["write", "medium.img", "link"]).status.success());
            assert!(sandbox.get("full") == vec![7; 20 << 20], "the full file was written to");
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(n_written > 0, "the blank file was never written to");
    });
}

#[test]
fn ctrl_c_leaves_a_stick_that_starts_nothing_and_says_so() {
    let sandbox = Sandbox::new();
    let len = 24 << 30;
    partitioned(&sandbox, "medium.img", len, MBR);
    partitioned(&sandbox, "stick", len, MBR);
    let mut command = sandbox.command(&["write", "medium.img", "stick", "--erase", "stick"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = || {
        let mut sector = [0; 512];
        fs::File::open(sandbox.path("stick")).unwrap().read_exact(&mut sector).unwrap();
        sector
    };
    let began = Instant::now();
    while start() != [0; 512] {
        assert!(began.elapsed() < Duration::from_secs(60), "it never began");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap().success());
    let ran = child.wait_with_output().unwrap();
    assert_eq!(start(), [0; 512]);
    insta::assert_snapshot!(sandbox.see_ran("write medium.img stick --erase stick", &ran), @"
    $ tsmedia write medium.img stick --erase stick
    ! error: `stick` is incomplete and not bootable; its previous data is lost
    !   because: interrupted
    !   help: write the medium again before you use the stick
    = 130
    ");
}

/// The medium of a site as the image of a stick.
fn stick_medium(sandbox: &Sandbox, table: &str) {
    sandbox.edit("path = \"out", &format!("format = \"usb\"\npartition-table = \"{table}\"\npath = \"out"));
    sandbox.edit(".iso", ".img");
    sandbox.done(&["apply"]);
}

#[test]
fn a_larger_stick_holds_the_medium_and_verifies() {
    for table in ["mbr", "gpt"] {
        let sandbox = Sandbox::new();
        stick_medium(&sandbox, table);
        stick(&sandbox, "stick", 300 * MIB);
        sandbox.done(&["write", "out/win11-BER.img", "stick"]);
        let mut seen = sandbox.see("verify stick");
        seen += &sandbox.see("verify stick --manifest media.toml --site BER");
        seen += &sandbox.see("diff stick out/win11-BER.img");
        seen += &sandbox.see("write out/win11-BER.img stick");
        // Another build of the same needs no consent, and is written where it differs.
        sandbox.put("packages/vpn/vpn.conf", "server = VPN.example.com\n");
        sandbox.done(&["apply"]);
        seen += &sandbox.see("write out/win11-BER.img stick --dry-run");
        seen += &sandbox.see("write out/win11-BER.img stick");
        seen += &sandbox.see("verify stick");
        insta::assert_snapshot!(format!("verified_{table}"), seen);
    }
}

#[test]
fn what_was_put_beside_a_medium_and_another_medium_are_not_lost_without_consent() {
    let sandbox = Sandbox::new();
    stick_medium(&sandbox, "mbr");
    stick(&sandbox, "stick", 300 * MIB);
    sandbox.done(&["write", "out/win11-BER.img", "stick"]);
    let mut seen = sandbox.see("write out/win11-HAM.img stick");
    let copy = |path: &str| {
        let image = format!("{}@@1M", sandbox.path("stick"));
        let mut command = Command::new("mcopy");
        assert!(command.args(["-i", &image, sandbox.path("readme.txt").as_str(), path]).status().unwrap().success());
    };
    let image = format!("{}@@1M", sandbox.path("stick"));
    assert!(Command::new("mmd").args(["-i", &image, "::System Volume Information"]).status().unwrap().success());
    copy("::System Volume Information/IndexerVolumeGuid");
    seen += &sandbox.see("write out/win11-BER.img stick --dry-run");
    copy("::my notes.txt");
    seen += &sandbox.see("write out/win11-BER.img stick");
    seen += &sandbox.see("write out/win11-BER.img stick --erase stick");
    insta::assert_snapshot!(seen, @"
    $ tsmedia write out/win11-HAM.img stick
    ! `stick`: a file in place of a disk, 315 MB
    !   it contains the medium `win11` for the site `BER`, labelled `WIN11 BER`
    !   partition 1: FAT32 `WIN11 BER`, 36.7 MB
    ! error: can't write to `stick`: it contains other data, which would be lost
    !   help: to erase all of it, run `tsmedia write out/win11-HAM.img stick --erase stick`
    = 1

    $ tsmedia write out/win11-BER.img stick --dry-run
    | would write the differences to `stick`, which already contains the medium (37.7 MB)
    = 0

    $ tsmedia write out/win11-BER.img stick
    ! `stick`: a file in place of a disk, 315 MB
    !   it contains the medium `win11` for the site `BER`, labelled `WIN11 BER`
    !   partition 1: FAT32 `WIN11 BER`, 36.7 MB
    !   files that are not part of the medium: `my notes.txt`
    ! error: can't write to `stick`: it contains other data, which would be lost
    !   help: to erase all of it, run `tsmedia write out/win11-BER.img stick --erase stick`
    = 1

    $ tsmedia write out/win11-BER.img stick --erase stick
    ! written   stick: 1.15 MB, verified by reading back; 36.6 MB were up to date
    = 0
    ");
}
