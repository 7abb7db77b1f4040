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
    insta::assert_snapshot!(seen, @"
    `/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 31.9 GB
    error: can't write to `/dev/sdb`: `sdb1` is mounted at `/media/my stick`
      help: unmount it: `umount '/media/my stick'`
    `/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 31.9 GB
    error: can't write to `/dev/sdb`: `sdb` is mounted at `/mnt`
      help: unmount it: `umount '/mnt'`
    `/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 31.9 GB
    error: can't write to `/dev/sdb`: `sdb1` is used for swap
      help: turn swap off: `swapoff /dev/sdb1`
    `/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 31.9 GB
    error: can't write to `/dev/sdb`: `sdb1` is used by `dm-0` (`secret`)
      help: close it first, with `cryptsetup close`, `vgchange -an`, `mdadm --stop` or `dmsetup remove`
    `/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 31.9 GB
    error: can't write to `/dev/sdb`: `sdb1` is used by `dm-0` (`secret`)
      help: close it first, with `cryptsetup close`, `vgchange -an`, `mdadm --stop` or `dmsetup remove`
    error: can't write to `/dev/sdb`: `dm-0` is mounted at `/srv`
      help: unmount it: `umount '/srv'`
    `/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 31.9 GB
    error: can't write to `/dev/sdb`: it contains `/usr` of the running system
      help: choose a USB stick; `lsblk` lists the disks
    ");
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
    insta::assert_snapshot!(seen, @"
    `/dev/sdb`: SanDisk Ultra, 31.9 GB
    error: can't write to `/dev/sdb`: it is neither removable nor connected by USB [fixed-disk]
      help: choose a USB stick; `lsblk` lists the disks
    `/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 31.9 GB
    error: can't write to `/dev/sdb`: it is neither removable nor connected by USB [fixed-disk]
      help: choose a USB stick; `lsblk` lists the disks
    `/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 31.9 GB
    error: can't write to `/dev/sdb`: it is write-protected
      help: check the switch of the stick or card; a worn-out one stays read-only
    `/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 0 B
    error: can't write to `/dev/sdb`: no card is inserted
      help: insert one
    `/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 2.05 GB
    error: can't write to `/dev/sdb`: its size is 2.05 GB, but the medium needs 4.00 GB [stick-too-small]
      help: use a larger stick, or set `capacity` in `[output]` to limit the size of the medium
    `/dev/sdb`: SanDisk Ultra, serial 4C530001230415112341, 31.9 GB
    error: can't write to `/dev/sdb`: its sectors have 4096 bytes, but media need sectors of 512 bytes
      help: use another stick; most have sectors of 512 bytes
    error: `/dev/sdb` is a partition of `sdb`
      help: give the whole disk, `/dev/sdb`; a medium has its own partition table
    error: reading `<folder>/proc/self/mountinfo`
      because: No such file or directory (os error 2)
    error: reading `<folder>/sys/dev/block/9:9`
      because: No such file or directory (os error 2)
    ");
}

#[test]
fn refusals_are_data_too() {
    let computer = Computer::with_stick();
    computer.add("proc/self/mountinfo", "90 27 8:17 / /media/stick rw - vfat /dev/sdb1 rw");
    let found = computer.target(STICK).unwrap();
    let refusals = found.refusals(LEN * 10);
    insta::assert_snapshot!(format!("{:#}", json(&found, None, None, &WriteOutcome::Refused(refusals))));
}
