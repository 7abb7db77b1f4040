use super::*;
use crate::device::computer::{Computer, STICK};
use crate::report::failure;

const LEN: u64 = 4_000_000_000;

/// Returns the text for the stick of a computer and the refusals of a medium of 4 GB.
fn described(change: impl Fn(&Computer)) -> String {
    let computer = Computer::with_stick();
    change(&computer);
    let found = computer.target(STICK).unwrap();
    let refusals = found.refusals(LEN);
    let lines =
        refusals.iter().map(|it| failure(&refusal(it, &found, "tsmedia write out/win11.img /dev/sdb")).to_string());
    target(&found, None).to_string() + &lines.collect::<String>()
}

#[test]
fn a_stick_that_nobody_uses_is_not_refused() {
    insta::assert_snapshot!(described(|_| {}), @"`/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 31.9 GB");
    let found = Computer::with_stick().target(STICK).unwrap();
    assert_eq!(found.disk.title(), "SanDisk_Ultra_4C530001230415112341");
    assert_eq!(found.disk.parts.len(), 1);
}

#[test]
fn a_stick_in_use_is_refused_however_it_is_used() {
    let mount = |computer: &Computer, line: &str| computer.add("proc/self/mountinfo", line);
    let mut seen = described(|computer| {
        mount(computer, r"90 27 8:17 / /media/my\040stick rw,nosuid shared:1 - vfat /dev/sdb1 rw");
    });
    // Btrfs reports device numbers of its own, so the mount source identifies the disk.
    seen += &described(|computer| mount(computer, "90 27 0:51 / /mnt rw - btrfs /dev/sdb rw"));
    seen += &described(|computer| computer.add("proc/swaps", "/dev/sdb1  partition  1000 0 -2"));
    seen += &described(|computer| computer.hold("dm-0", "secret"));
    seen += &described(|computer| {
        computer.hold("dm-0", "secret");
        mount(computer, "90 27 253:0 / /srv rw - ext4 /dev/mapper/secret rw");
    });
    seen += &described(|computer| {
        computer.hold("dm-0", "root");
        mount(computer, "90 27 253:0 / /usr rw - ext4 /dev/mapper/root rw");
    });
    insta::assert_snapshot!(seen);
}

#[test]
fn what_is_no_stick_or_takes_no_medium_is_refused() {
    let put = |name: &'static str, value: &'static str| {
        move |computer: &Computer| computer.put(&format!("{}/{name}", computer.stick()), value)
    };
    let mut seen = described(|computer| {
        std::fs::remove_file(computer.path("sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/idVendor")).unwrap();
        put("removable", "0")(computer);
    });
    // An optical drive is removable, and on USB.
    seen += &described(|computer| computer.put(&format!("{}/../../type", computer.stick()), "5\n"));
    seen += &described(put("ro", "1"));
    seen += &described(put("size", "0"));
    seen += &described(put("size", "4000000"));
    seen += &described(put("queue/logical_block_size", "4096"));
    let computer = Computer::with_stick();
    seen += &failure(&computer.target((8, 17)).unwrap_err()).to_string();
    // If usage can't be determined, the disk counts as used.
    std::fs::remove_file(computer.path("proc/self/mountinfo")).unwrap();
    seen += &failure(&computer.target(STICK).unwrap_err()).to_string().replace(computer.path("").as_str(), "<folder>/");
    seen +=
        &failure(&computer.target((9, 9)).unwrap_err()).to_string().replace(computer.path("").as_str(), "<folder>/");
    insta::assert_snapshot!(seen);
}

#[test]
fn refusals_are_data_too() {
    let computer = Computer::with_stick();
    computer.add("proc/self/mountinfo", "90 27 8:17 / /media/stick rw - vfat /dev/sdb1 rw");
    let found = computer.target(STICK).unwrap();
    let refusals = found.refusals(LEN * 10);
    insta::assert_snapshot!(format!("{:#}", json(&found, None, None, &WriteOutcome::Refused(refusals))));
}
