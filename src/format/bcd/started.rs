//! What a boot store starts where nobody chooses another entry, and what of that can't be right for Windows PE on the
//! medium that the boot manager came from.

use std::fmt;

use crate::firmware::Firmware;

use super::{Device, Object, Store, Value};

/// The entry that a boot manager starts by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The program, from the root of its device, with backslashes.
    pub program: Option<String>,
    /// The device that the program is on.
    pub device: Option<Device>,
    /// The device that Windows is on.
    pub system: Option<Device>,
    /// The file that the RAM disk begins with, and the device that it is on; of a device that is no RAM disk, none.
    pub sdi: Option<(Option<Device>, String)>,
}

/// Why an entry does not start Windows PE out of a file of the medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotStarted {
    /// There is no boot manager in the store, or none with an entry that is there.
    NoEntry,
    /// It is no RAM disk, but this device.
    NoRamDisk(Option<String>),
    /// The file of the RAM disk, or what it begins with, is on another device.
    Elsewhere(String, String),
    /// Program and Windows are on two devices.
    TwoDevices(String, Option<String>),
    /// Nothing says what the RAM disk begins with.
    NoSdi,
    /// The program is for the other firmware, or there is none.
    Program(Option<String>, Firmware),
}

const DEVICE: u32 = 0x1100_0001;
const PATH: u32 = 0x1200_0002;
const SYSTEM_DEVICE: u32 = 0x2100_0001;
const DEFAULT: u32 = 0x2300_0003;
const DISPLAY_ORDER: u32 = 0x2400_0001;
const SDI_DEVICE: u32 = 0x3100_0003;
const SDI_PATH: u32 = 0x3200_0004;

impl Store {
    /// The entry that is started where nobody chooses: the default one, or else the first of the menu.
    pub fn started(&self) -> Option<Started> {
        let manager = self.objects.iter().find(|object| object.id.alias() == Some("{bootmgr}"))?;
        let default = match (manager.get(DEFAULT), manager.get(DISPLAY_ORDER)) {
            (Some(Value::Object(id)), _) => *id,
            (_, Some(Value::Objects(ids))) => *ids.first()?,
            _ => return None,
        };
        let entry = self.object(default)?;
        let device = entry.device(DEVICE);
        let options = match &device {
            Some(Device::RamDisk { options: Some(options), .. }) => self.object(*options),
            _ => None,
        };
        let sdi = options.and_then(|options| Some((options.device(SDI_DEVICE), options.text(SDI_PATH)?)));
        Some(Started { program: entry.text(PATH), device, system: entry.device(SYSTEM_DEVICE), sdi })
    }
}

impl Object {
    fn device(&self, element: u32) -> Option<Device> {
        match self.get(element) {
            Some(Value::Device(device)) => Some(device.clone()),
            _ => None,
        }
    }

    fn text(&self, element: u32) -> Option<String> {
        match self.get(element) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }
}

impl Started {
    /// The WIM file that it starts, and the file that the RAM disk begins with, as they are called from the root of the
    /// medium; or why it starts none.
    pub fn files(&self, firmware: Firmware) -> Result<[String; 2], NotStarted> {
        let Some(Device::RamDisk { on, path, .. }) = &self.device else {
            return Err(NotStarted::NoRamDisk(self.device.as_ref().map(Device::to_string)));
        };
        let ours = |path: &str, on: Option<&Device>| match on {
            // What is searched for is found, and what is not understood may well be right.
            None | Some(Device::Boot | Device::Locate { .. } | Device::Other(_)) => {
                Ok(path.trim_start_matches('\\').replace('\\', "/"))
            }
            Some(other) => Err(NotStarted::Elsewhere(path.to_owned(), other.to_string())),
        };
        let boot_image = ours(path, Some(&**on))?;
        let is_same =
            matches!(&self.system, Some(Device::RamDisk { on: its, path: own, .. }) if its == on && own == path);
        if !is_same {
            let device = Device::RamDisk { on: on.clone(), path: path.clone(), options: None };
            return Err(NotStarted::TwoDevices(device.to_string(), self.system.as_ref().map(Device::to_string)));
        }
        let (sdi_on, sdi) = self.sdi.as_ref().ok_or(NotStarted::NoSdi)?;
        let sdi = ours(sdi, sdi_on.as_ref())?;
        let ending = match firmware {
            Firmware::Bios => ".exe",
            Firmware::Uefi => ".efi",
        };
        match &self.program {
            Some(program) if program.to_ascii_lowercase().ends_with(ending) => Ok([boot_image, sdi]),
            program => Err(NotStarted::Program(program.clone(), firmware)),
        }
    }
}

impl fmt::Display for Started {
    /// In one line, for a table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.device {
            Some(Device::RamDisk { on, path, .. }) if **on == Device::Boot => write!(f, "starts {path}")?,
            Some(Device::RamDisk { on, path, .. }) => write!(f, "starts {path} on {on}")?,
            Some(device) => write!(f, "starts {device}")?,
            None => f.write_str("starts nothing that it says")?,
        }
        if let Some((_, sdi)) = &self.sdi {
            write!(f, " with {sdi}")?;
        }
        self.program.as_ref().map_or(Ok(()), |program| write!(f, ", by {program}"))
    }
}

/// What is wrong, as a fragment about the boot store.
impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntry => f.write_str("has no entry that a boot manager starts by itself"),
            Self::NoRamDisk(Some(device)) => write!(f, "starts Windows from `{device}`, and not out of a boot image"),
            Self::NoRamDisk(None) => f.write_str("does not say from where it starts Windows"),
            Self::Elsewhere(path, device) => {
                write!(f, "looks for `{path}` on `{device}`, and not on the medium that it is on")
            }
            Self::TwoDevices(device, Some(system)) => {
                write!(f, "loads Windows PE from `{device}`, and has it look for itself on `{system}`")
            }
            Self::TwoDevices(device, None) => {
                write!(f, "loads Windows PE from `{device}`, and does not say where it is itself")
            }
            Self::NoSdi => f.write_str("does not say what the RAM disk begins with (`boot.sdi`)"),
            Self::Program(Some(program), firmware) => write!(f, "starts `{program}`, which is not for {firmware}"),
            Self::Program(None, _) => f.write_str("does not say which program it starts"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Element, Guid, Partition, Start, store};
    use super::*;

    fn ours(firmware: Firmware) -> Store {
        store(&Start { firmware, boot_image: r"\sources\boot.wim", boot_sdi: r"\boot\boot.sdi" })
    }

    #[test]
    fn what_we_write_starts_the_boot_image() {
        for firmware in [Firmware::Bios, Firmware::Uefi] {
            let started = ours(firmware).started().unwrap();
            let files = ["sources/boot.wim".to_owned(), "boot/boot.sdi".to_owned()];
            assert_eq!(started.files(firmware), Ok(files));
        }
        let other = ours(Firmware::Bios).started().unwrap();
        let program = r"\windows\system32\boot\winload.exe";
        assert_eq!(other.files(Firmware::Uefi), Err(NotStarted::Program(Some(program.into()), Firmware::Uefi)));
        assert_eq!(other.to_string(), format!(r"starts \sources\boot.wim with \boot\boot.sdi, by {program}"));
    }

    #[test]
    fn whatever_starts_something_else_is_told() {
        let with = |change: &dyn Fn(&Element) -> Option<Value>| {
            let mut store = ours(Firmware::Uefi);
            for object in &mut store.objects {
                let elements = std::mem::take(&mut object.elements);
                let changed = elements.into_iter().filter_map(|element| {
                    let value = change(&element)?;
                    Some(Element { value, ..element })
                });
                object.elements = changed.collect();
            }
            store.started().map_or(Err(NotStarted::NoEntry), |started| started.files(Firmware::Uefi))
        };
        let without = |id: u32| with(&|element| (element.id != id).then(|| element.value.clone()));
        let set = |id: u32, value: &Value| {
            with(&|element| Some(if element.id == id { value.clone() } else { element.value.clone() }))
        };
        let partition = Device::Partition(Partition::Mbr { offset: 1 << 20, signature: 7 });
        let on_partition = |path: &str| {
            Value::Device(Device::RamDisk { on: Box::new(partition.clone()), path: path.into(), options: None })
        };
        assert_eq!(without(DEFAULT).map(|files| files.len()), Ok(2), "the menu has one entry");
        assert_eq!(set(DEFAULT, &Value::Object(Guid(7))), Err(NotStarted::NoEntry));
        assert_eq!(without(DEVICE), Err(NotStarted::NoRamDisk(None)));
        let plain = Value::Device(partition.clone());
        assert_eq!(set(DEVICE, &plain), Err(NotStarted::NoRamDisk(Some(partition.to_string()))));
        let elsewhere = NotStarted::Elsewhere(r"\a.wim".into(), partition.to_string());
        assert_eq!(set(DEVICE, &on_partition(r"\a.wim")), Err(elsewhere));
        assert!(matches!(set(SYSTEM_DEVICE, &plain), Err(NotStarted::TwoDevices(_, Some(_)))));
        assert!(matches!(without(SYSTEM_DEVICE), Err(NotStarted::TwoDevices(_, None))));
        assert_eq!(without(SDI_PATH), Err(NotStarted::NoSdi));
        assert_eq!(
            set(SDI_DEVICE, &plain),
            Err(NotStarted::Elsewhere(r"\boot\boot.sdi".into(), partition.to_string()))
        );
        assert_eq!(without(PATH), Err(NotStarted::Program(None, Firmware::Uefi)));
    }
}
