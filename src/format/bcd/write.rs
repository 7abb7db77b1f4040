//! The boot store of new media: starts Windows PE from a WIM file, loaded into a RAM disk.
//!
//! Contains the three objects of a Windows PE medium, under the same identifiers: boot manager,
//! loader and RAM disk options. Inherited settings are left at the defaults of the boot programs,
//! and there is no memory diagnostic in the menu.
//!
//! Tested in QEMU with the boot managers of Windows 10 and 11 (10.0.19041, 10.0.22621, x64): on
//! discs with BIOS, UEFI and Secure Boot, on sticks, and on a disk with an applied prestaged WIM
//! file. They loaded the RAM disk and started `winload` from it. Not tested: boot managers signed
//! by the 2023 authority, arm64, a complete Windows PE, physical computers, disc sets.

use crate::firmware::Firmware;

use super::{BcdDevice, BcdElement, BcdGuid, BcdObject, BcdStore, BcdValue};

/// Files that a boot store for Windows PE starts.
#[derive(Clone, Copy, Debug)]
pub struct WindowsPeBoot<'a> {
    /// Firmware that reads the store.
    pub firmware: Firmware,
    /// Path of the boot image on the medium, from the root, with backslashes.
    pub boot_image: &'a str,
    /// Path of the RAM disk template (`boot.sdi`), likewise.
    pub boot_sdi: &'a str,
}

/// `{bootmgr}`.
const BOOT_MANAGER: BcdGuid = BcdGuid(0x9dea862c_5cdd_4e70_acc1_f32b344d4795);
const LOADER: BcdGuid = BcdGuid(0x7619dcc9_fafe_11d9_b411_000476eba25f);
const RAM_DISK_OPTIONS: BcdGuid = BcdGuid(0x7619dcc8_fafe_11d9_b411_000476eba25f);

/// Language of the boot programs. English is built in; others are files beside them.
const LOCALE: &str = "en-US";
/// Seconds for which a boot menu is shown. With a single entry there is no menu.
const TIMEOUT: u64 = 30;

/// Creates the boot store of a medium.
pub fn windows_pe_store(start: &WindowsPeBoot) -> BcdStore {
    let text = |text: &str| BcdValue::Text(text.to_owned());
    let device = || {
        BcdValue::Device(BcdDevice::RamDisk {
            on: Box::new(BcdDevice::Boot),
            path: start.boot_image.to_owned(),
            options: Some(RAM_DISK_OPTIONS),
        })
    };
    let manager = vec![
        (0x1200_0004, text("Windows Boot Manager")),
        (0x1200_0005, text(LOCALE)),
        (0x2300_0003, BcdValue::Object(LOADER)),
        (0x2400_0001, BcdValue::Objects(vec![LOADER])),
        (0x2500_0004, BcdValue::Integer(TIMEOUT)),
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
        // Every UEFI store that Windows writes has the loader run in a context of its own.
        loader.push((0x1600_0060, BcdValue::Boolean(true)));
    }
    loader.extend([
        (0x2100_0001, device()),
        (0x2200_0002, text(r"\windows")),
        (0x2500_00c2, BcdValue::Integer(1)),
        (0x2600_0010, BcdValue::Boolean(true)),
        (0x2600_0022, BcdValue::Boolean(true)),
        (0x2600_00b0, BcdValue::Boolean(false)),
    ]);
    let options = vec![(0x3100_0003, BcdValue::Device(BcdDevice::Boot)), (0x3200_0004, text(start.boot_sdi))];
    let object = |id: BcdGuid, kind: u32, elements: Vec<(u32, BcdValue)>| BcdObject {
        id,
        kind,
        elements: elements.into_iter().map(|(id, value)| BcdElement { id, value }).collect(),
    };
    BcdStore {
        objects: vec![
            object(RAM_DISK_OPTIONS, 0x3000_0000, options),
            object(LOADER, 0x1020_0003, loader),
            object(BOOT_MANAGER, 0x1010_0002, manager),
        ],
    }
}
