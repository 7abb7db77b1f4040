//! Detects block devices on USB, from sysfs.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use camino::Utf8Path;

/// Returns the reason for not capturing a device: it is on USB or removable. Regular files are never refused.
pub(super) fn is_on_usb(metadata: &Metadata, sysfs: &Utf8Path) -> Option<String> {
    if !metadata.file_type().is_block_device() {
        return None;
    }
    let number = metadata.rdev();
    why(sysfs, rustix::fs::major(number), rustix::fs::minor(number))
}

fn why(sysfs: &Utf8Path, major: u32, minor: u32) -> Option<String> {
    // The link contains every bus on the way to the device: …/usb1/1-2/…/block/sdb/sdb1.
    let device = fs::canonicalize(sysfs.join(format!("dev/block/{major}:{minor}"))).ok()?;
    let is_usb = |part: &std::ffi::OsStr| {
        let part = part.to_string_lossy();
        part.strip_prefix("usb").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    if device.iter().any(is_usb) {
        return Some("it is on USB".into());
    }
    // The disk, one level up, has this attribute; a partition does not.
    let says = |path: &std::path::Path| fs::read_to_string(path.join("removable")).ok().map(|text| text.trim() == "1");
    let is_removable = says(&device).or_else(|| says(device.parent()?)).unwrap_or(false);
    is_removable.then(|| "it is removable".into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use camino::Utf8PathBuf;

    use super::*;

    /// Returns the reasons for a partition and its disk on a simulated device.
    fn said(device: &str, removable: &str) -> [Option<String>; 2] {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(scratch.path().to_owned()).unwrap();
        let disk = root.join("devices").join(device);
        fs::create_dir_all(disk.join("part1")).unwrap();
        fs::write(disk.join("removable"), removable).unwrap();
        fs::create_dir_all(root.join("dev/block")).unwrap();
        symlink(&disk, root.join("dev/block/8:16")).unwrap();
        symlink(disk.join("part1"), root.join("dev/block/8:17")).unwrap();
        [why(&root, 8, 16), why(&root, 8, 17)]
    }

    #[test]
    fn a_disk_on_usb_and_its_partitions_are_known() {
        let usb = Some("it is on USB".to_owned());
        assert_eq!(said("pci0/0000:00:14.0/usb2/2-1/host6/block/sdb", "0\n"), [usb.clone(), usb]);
    }

    #[test]
    fn what_can_be_taken_out_is_known_on_any_bus() {
        let out = Some("it is removable".to_owned());
        assert_eq!(said("pci0/mmc_host/mmc0/block/mmcblk0", "1\n"), [out.clone(), out]);
    }

    #[test]
    fn a_built_in_disk_is_neither() {
        assert_eq!(said("pci0/0000:00:17.0/ata1/block/sda", "0\n"), [None, None]);
        assert_eq!(said("pci0/usbip-like/block/sda", "0\n"), [None, None]);
        assert_eq!(why(Utf8Path::new("/nowhere"), 8, 0), None);
    }
}
