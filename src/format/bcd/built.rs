//! The boot store that tsmedia writes: it starts Windows PE out of a WIM file in memory, and nothing else.
//!
//! Three objects of the store that Windows PE media bring: the boot manager, the loader, and the options of the RAM
//! disk, under the same identifiers. The settings that those inherit from others are left at the boot programs' own
//! defaults, and there is no memory tester in the menu.
//!
//! Boot managers of Windows 10 and 11 (10.0.19041, 10.0.22621, x64) started from these stores in QEMU: on discs under
//! BIOS, UEFI and Secure Boot, on sticks, and on a disk that a prestaged WIM file was applied to. They loaded the RAM
//! disk and started `winload` out of it. Not tried: boot managers signed by the 2023 authority, arm64, a whole Windows
//! PE, physical machines, sets of discs.

use crate::firmware::Firmware;

use super::{Device, Element, Guid, Object, Store, Value};

/// What a store starts.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// For which firmware.
    pub firmware: Firmware,
    /// The WIM file, from the root of the medium, with backslashes.
    pub boot_image: &'a str,
    /// The file that the RAM disk begins with (`boot.sdi`), likewise.
    pub boot_sdi: &'a str,
}

/// `{bootmgr}`.
const BOOT_MANAGER: Guid = Guid(0x9dea862c_5cdd_4e70_acc1_f32b344d4795);
const LOADER: Guid = Guid(0x7619dcc9_fafe_11d9_b411_000476eba25f);
const RAM_DISK_OPTIONS: Guid = Guid(0x7619dcc8_fafe_11d9_b411_000476eba25f);

/// The languages of the boot programs are beside them; English is in themselves.
const LOCALE: &str = "en-US";
/// How long a menu would be shown, in seconds. With one entry there is none.
const TIMEOUT: u64 = 30;

/// The store of a medium.
pub fn store(start: &Start) -> Store {
    let text = |text: &str| Value::Text(text.to_owned());
    let device = || {
        Value::Device(Device::RamDisk {
            on: Box::new(Device::Boot),
            path: start.boot_image.to_owned(),
            options: Some(RAM_DISK_OPTIONS),
        })
    };
    let manager = vec![
        (0x1200_0004, text("Windows Boot Manager")),
        (0x1200_0005, text(LOCALE)),
        (0x2300_0003, Value::Object(LOADER)),
        (0x2400_0001, Value::Objects(vec![LOADER])),
        (0x2500_0004, Value::Integer(TIMEOUT)),
    ];
    let program = match start.firmware {
        Firmware::Bios => r"\windows\system32\boot\winload.exe",
        Firmware::Uefi => r"\windows\system32\boot\winload.efi",
    };
    let mut loader = vec![
        (0x1100_0001, device()),
        (0x1200_0002, text(program)),
        (0x1200_0004, text("Windows PE")),
        (0x1200_0005, text(LOCALE)),
    ];
    if start.firmware == Firmware::Uefi {
        // The loader of UEFI is given a context of its own, as in every store that Windows writes for it.
        loader.push((0x1600_0060, Value::Boolean(true)));
    }
    loader.extend([
        (0x2100_0001, device()),
        (0x2200_0002, text(r"\windows")),
        (0x2500_00c2, Value::Integer(1)),
        (0x2600_0010, Value::Boolean(true)),
        (0x2600_0022, Value::Boolean(true)),
        (0x2600_00b0, Value::Boolean(false)),
    ]);
    let options = vec![(0x3100_0003, Value::Device(Device::Boot)), (0x3200_0004, text(start.boot_sdi))];
    let object = |id: Guid, kind: u32, elements: Vec<(u32, Value)>| Object {
        id,
        kind,
        elements: elements.into_iter().map(|(id, value)| Element { id, value }).collect(),
    };
    Store {
        objects: vec![
            object(RAM_DISK_OPTIONS, 0x3000_0000, options),
            object(LOADER, 0x1020_0003, loader),
            object(BOOT_MANAGER, 0x1010_0002, manager),
        ],
    }
}
