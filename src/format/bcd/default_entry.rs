//! The default entry of a boot store, and whether it starts Windows PE from the medium of the boot
//! manager.

use std::fmt;

use crate::firmware::Firmware;

use super::{BcdDevice, BcdObject, BcdStore, BcdValue};

/// Entry that the boot manager starts by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultEntry {
    /// Path of the boot program on its device, from the root, with backslashes.
    pub program: Option<String>,
    /// Device of the boot program.
    pub device: Option<BcdDevice>,
    /// Device of the Windows to start.
    pub system: Option<BcdDevice>,
    /// RAM disk template and its device; `None` if the entry does not use a RAM disk.
    pub sdi: Option<(Option<BcdDevice>, String)>,
}

/// Reason why an entry does not start Windows PE from a file on the medium. Completes a sentence
/// about the boot store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultEntryFault {
    /// No boot manager, or no default entry.
    NoEntry,
    /// The entry uses this device in place of a RAM disk.
    NoRamDisk(Option<String>),
    /// A file of the RAM disk is on another device: its path and that device.
    OtherDevice(String, String),
    /// Boot program and Windows are on different devices.
    TwoDevices(String, Option<String>),
    /// No RAM disk template.
    NoSdi,
    /// No program, or one for the other type of firmware.
    Program(Option<String>, Firmware),
}

const DEVICE: u32 = 0x1100_0001;
const PATH: u32 = 0x1200_0002;
const SYSTEM_DEVICE: u32 = 0x2100_0001;
const DEFAULT: u32 = 0x2300_0003;
const DISPLAY_ORDER: u32 = 0x2400_0001;
const SDI_DEVICE: u32 = 0x3100_0003;
const SDI_PATH: u32 = 0x3200_0004;

impl BcdStore {
    /// Finds the default entry; without one, the first entry of the menu.
    pub fn default_entry(&self) -> Option<DefaultEntry> {
        let manager = self.objects.iter().find(|object| object.id.alias() == Some("{bootmgr}"))?;
        let default = match (manager.get(DEFAULT), manager.get(DISPLAY_ORDER)) {
            (Some(BcdValue::Object(id)), _) => *id,
            (_, Some(BcdValue::Objects(ids))) => *ids.first()?,
            _ => return None,
        };
        let entry = self.object(default)?;
        let device = entry.device(DEVICE);
        let options = match &device {
            Some(BcdDevice::RamDisk { options: Some(options), .. }) => self.object(*options),
            _ => None,
        };
        let sdi = options.and_then(|options| Some((options.device(SDI_DEVICE), options.text(SDI_PATH)?)));
        Some(DefaultEntry { program: entry.text(PATH), device, system: entry.device(SYSTEM_DEVICE), sdi })
    }
}

impl BcdObject {
    fn device(&self, element: u32) -> Option<BcdDevice> {
        match self.get(element) {
            Some(BcdValue::Device(device)) => Some(device.clone()),
            _ => None,
        }
    }

    fn text(&self, element: u32) -> Option<String> {
        match self.get(element) {
            Some(BcdValue::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }
}

impl DefaultEntry {
    /// Paths of the boot image and the RAM disk template, relative to the root of the medium.
    ///
    /// # Errors
    ///
    /// If the entry does not start Windows PE from files on the medium.
    pub fn files(&self, firmware: Firmware) -> Result<[String; 2], DefaultEntryFault> {
        let Some(BcdDevice::RamDisk { on, path, .. }) = &self.device else {
            return Err(DefaultEntryFault::NoRamDisk(self.device.as_ref().map(BcdDevice::to_string)));
        };
        let ours = |path: &str, on: Option<&BcdDevice>| match on {
            // A search finds the medium, and an unknown device may well be right.
            None | Some(BcdDevice::Boot | BcdDevice::Locate { .. } | BcdDevice::Other(_)) => {
                Ok(path.trim_start_matches('\\').replace('\\', "/"))
            }
            Some(other) => Err(DefaultEntryFault::OtherDevice(path.to_owned(), other.to_string())),
        };
        let boot_image = ours(path, Some(&**on))?;
        // Windows PE runs from the RAM disk that its loader was read from, so both elements have to
        // name it.
        let is_same =
            matches!(&self.system, Some(BcdDevice::RamDisk { on: its, path: own, .. }) if its == on && own == path);
        if !is_same {
            let device = BcdDevice::RamDisk { on: on.clone(), path: path.clone(), options: None };
            return Err(DefaultEntryFault::TwoDevices(
                device.to_string(),
                self.system.as_ref().map(BcdDevice::to_string),
            ));
        }
        let (sdi_on, sdi) = self.sdi.as_ref().ok_or(DefaultEntryFault::NoSdi)?;
        let sdi = ours(sdi, sdi_on.as_ref())?;
        let ending = match firmware {
            Firmware::Bios => ".exe",
            Firmware::Uefi => ".efi",
        };
        match &self.program {
            Some(program) if program.to_ascii_lowercase().ends_with(ending) => Ok([boot_image, sdi]),
            program => Err(DefaultEntryFault::Program(program.clone(), firmware)),
        }
    }
}

impl fmt::Display for DefaultEntry {
    /// Formats the entry as one line of a table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.device {
            Some(BcdDevice::RamDisk { on, path, .. }) if **on == BcdDevice::Boot => write!(f, "starts {path}")?,
            Some(BcdDevice::RamDisk { on, path, .. }) => write!(f, "starts {path} on {on}")?,
            Some(device) => write!(f, "starts {device}")?,
            None => f.write_str("starts an unknown device")?,
        }
        if let Some((_, sdi)) = &self.sdi {
            write!(f, " with {sdi}")?;
        }
        self.program.as_ref().map_or(Ok(()), |program| write!(f, ", using {program}"))
    }
}

impl fmt::Display for DefaultEntryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntry => f.write_str("has no default entry"),
            Self::NoRamDisk(Some(device)) => write!(f, "starts Windows from `{device}` instead of a boot image"),
            Self::NoRamDisk(None) => f.write_str("does not say where Windows is started from"),
            Self::OtherDevice(path, device) => {
                write!(f, "looks for `{path}` on `{device}` instead of its own medium")
            }
            Self::TwoDevices(device, Some(system)) => {
                write!(f, "loads Windows PE from `{device}`, but tells it that its system device is `{system}`")
            }
            Self::TwoDevices(device, None) => {
                write!(f, "loads Windows PE from `{device}`, but does not set its system device")
            }
            Self::NoSdi => f.write_str("does not name a RAM disk template (`boot.sdi`)"),
            Self::Program(Some(program), firmware) => {
                write!(f, "starts `{program}`, which is not a program for {firmware}")
            }
            Self::Program(None, _) => f.write_str("does not name the program to start"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BcdElement, BcdGuid, BcdPartition, WindowsPeBoot, windows_pe_store};
    use super::*;

    fn ours(firmware: Firmware) -> BcdStore {
        windows_pe_store(&WindowsPeBoot { firmware, boot_image: r"\sources\boot.wim", boot_sdi: r"\boot\boot.sdi" })
    }

    #[test]
    fn what_we_write_starts_the_boot_image() {
        for firmware in [Firmware::Bios, Firmware::Uefi] {
            let started = ours(firmware).default_entry().unwrap();
            let files = ["sources/boot.wim".to_owned(), "boot/boot.sdi".to_owned()];
            assert_eq!(started.files(firmware), Ok(files));
        }
        let other = ours(Firmware::Bios).default_entry().unwrap();
        let program = r"\windows\system32\boot\winload.exe";
        assert_eq!(other.files(Firmware::Uefi), Err(DefaultEntryFault::Program(Some(program.into()), Firmware::Uefi)));
        assert_eq!(other.to_string(), format!(r"starts \sources\boot.wim with \boot\boot.sdi, using {program}"));
    }

    #[test]
    fn whatever_starts_something_else_is_told() {
        let with = |change: &dyn Fn(&BcdElement) -> Option<BcdValue>| {
            let mut store = ours(Firmware::Uefi);
            for object in &mut store.objects {
                let elements = std::mem::take(&mut object.elements);
                let changed = elements.into_iter().filter_map(|element| {
                    let value = change(&element)?;
                    Some(BcdElement { value, ..element })
                });
                object.elements = changed.collect();
            }
            store.default_entry().map_or(Err(DefaultEntryFault::NoEntry), |started| started.files(Firmware::Uefi))
        };
        let without = |id: u32| with(&|element| (element.id != id).then(|| element.value.clone()));
        let set = |id: u32, value: &BcdValue| {
            with(&|element| Some(if element.id == id { value.clone() } else { element.value.clone() }))
        };
        let partition = BcdDevice::Partition(BcdPartition::Mbr { offset: 1 << 20, signature: 7 });
        let on_partition = |path: &str| {
            BcdValue::Device(BcdDevice::RamDisk { on: Box::new(partition.clone()), path: path.into(), options: None })
        };
        assert_eq!(without(DEFAULT).map(|files| files.len()), Ok(2), "the menu has one entry");
        assert_eq!(set(DEFAULT, &BcdValue::Object(BcdGuid(7))), Err(DefaultEntryFault::NoEntry));
        assert_eq!(without(DEVICE), Err(DefaultEntryFault::NoRamDisk(None)));
        let plain = BcdValue::Device(partition.clone());
        assert_eq!(set(DEVICE, &plain), Err(DefaultEntryFault::NoRamDisk(Some(partition.to_string()))));
        let other_device = DefaultEntryFault::OtherDevice(r"\a.wim".into(), partition.to_string());
        assert_eq!(set(DEVICE, &on_partition(r"\a.wim")), Err(other_device));
        assert!(matches!(set(SYSTEM_DEVICE, &plain), Err(DefaultEntryFault::TwoDevices(_, Some(_)))));
        assert!(matches!(without(SYSTEM_DEVICE), Err(DefaultEntryFault::TwoDevices(_, None))));
        assert_eq!(without(SDI_PATH), Err(DefaultEntryFault::NoSdi));
        assert_eq!(
            set(SDI_DEVICE, &plain),
            Err(DefaultEntryFault::OtherDevice(r"\boot\boot.sdi".into(), partition.to_string()))
        );
        assert_eq!(without(PATH), Err(DefaultEntryFault::Program(None, Firmware::Uefi)));
    }
}
