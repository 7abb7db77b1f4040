//! Simulated computer for tests: a folder with `sys` and `proc` as the kernel shows them.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::{DeviceNumber, DeviceTarget, System};

pub(crate) struct Computer {
    folder: TempDir,
}

/// Device number of the stick.
pub(crate) const STICK: DeviceNumber = (8, 16);

const USB: &str = "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2";
const SCSI: &str = "1-2:1.0/host6/target6:0:0/6:0:0:0";

impl Computer {
    /// Creates a computer with an unused stick of 32 GB that has one partition.
    pub fn with_stick() -> Self {
        let computer = Self { folder: tempfile::tempdir().unwrap() };
        computer.put("proc/self/mountinfo", "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n");
        computer.put("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n");
        computer.put(&format!("{USB}/idVendor"), "0781\n");
        computer.put(&format!("{USB}/serial"), "4C530001230415112341\n");
        let stick = computer.stick();
        computer
            .put_all(&format!("{USB}/{SCSI}"), &[("vendor", "SanDisk "), ("model", "Ultra           "), ("type", "0")]);
        computer.put_all(&stick, &[("size", "62333952"), ("ro", "0"), ("removable", "1"), ("dev", "8:16")]);
        computer.put(&format!("{stick}/queue/logical_block_size"), "512\n");
        let part = format!("{stick}/sdb1");
        computer.put_all(&part, &[("partition", "1"), ("start", "2048"), ("size", "62331904"), ("dev", "8:17")]);
        symlink("../../../6:0:0:0", computer.path(&format!("{stick}/device"))).unwrap();
        computer.number("8:16", &stick);
        computer.number("8:17", &part);
        computer
    }

    /// Folder of the stick in `sys`.
    pub fn stick(&self) -> String {
        format!("{USB}/{SCSI}/block/sdb")
    }

    pub fn path(&self, path: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(path)
    }

    pub fn put(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Appends a line to a file.
    pub fn add(&self, path: &str, line: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        self.put(path, &(text + line + "\n"));
    }

    fn put_all(&self, folder: &str, values: &[(&str, &str)]) {
        values.iter().for_each(|(name, value)| self.put(&format!("{folder}/{name}"), &format!("{value}\n")));
    }

    fn number(&self, number: &str, folder: &str) {
        fs::create_dir_all(self.path("sys/dev/block")).unwrap();
        let target = format!("../../{}", folder.strip_prefix("sys/").unwrap());
        symlink(target, self.path(&format!("sys/dev/block/{number}"))).unwrap();
    }

    /// Puts a device mapper device on top of the stick's partition.
    pub fn hold(&self, name: &str, mapped: &str) {
        self.put_all(&format!("sys/devices/virtual/block/{name}"), &[("dm/name", mapped), ("dev", "253:0")]);
        let holders = self.path(&format!("{}/sdb1/holders", self.stick()));
        fs::create_dir_all(&holders).unwrap();
        symlink(self.path(&format!("sys/devices/virtual/block/{name}")), holders.join(name)).unwrap();
    }

    pub fn system(&self) -> System {
        System::at(self.path(""))
    }

    /// Examines the device with this number as `/dev/sdb`.
    pub fn target(&self, number: DeviceNumber) -> crate::error::Result<DeviceTarget> {
        let place = File::open(self.folder.path()).unwrap().into();
        DeviceTarget::from_number("/dev/sdb".into(), number, &self.system(), place)
    }
}
