//! Names of objects and elements in `bcdedit`.
//!
//! Follows the enumerations in Microsoft's BCD reference (`BcdLibraryElementTypes`,
//! `BcdBootMgrElementTypes`, `BcdOSLoaderElementTypes`, `BcdMemDiagElementTypes`,
//! `BcdDeviceObjectElementTypes`, …) and `bcdedit /? types`. Numbers of application elements have
//! another meaning for each application type.

use super::{BcdElement, BcdGuid, BcdObject, BcdStore, BcdValue};

/// Names of well-known objects by their identifier.
const ALIASES: [(u128, &str); 14] = [
    (0xa5a30fa2_3d06_4e9f_b5f4_a01df9d1fcba, "{fwbootmgr}"),
    (0x9dea862c_5cdd_4e70_acc1_f32b344d4795, "{bootmgr}"),
    (0xb2721d73_1db4_4c62_bf78_c548a880142d, "{memdiag}"),
    (0x466f5a88_0af2_4f76_9038_095b170dc21c, "{ntldr}"),
    (0xfa926493_6f1c_4193_a414_58f0b2456d1e, "{current}"),
    (0x4636856e_540f_4170_a130_a84776f4c654, "{dbgsettings}"),
    (0x0ce4991b_e6b3_4b16_b23c_5e0d9250e5d9, "{emssettings}"),
    (0x5189b25c_5558_4bf2_bca4_289b11bd29e2, "{badmemory}"),
    (0x7ea2e1ac_2e61_4728_aaa3_896d9d0a9f0e, "{globalsettings}"),
    (0x6efb52bf_1766_41db_a6b3_0ee5eff72bd7, "{bootloadersettings}"),
    (0x7ff607e0_4395_11db_b0de_0800200c9a66, "{hypervisorsettings}"),
    (0x1afa9c49_16ab_4a5c_901b_212802da9460, "{resumeloadersettings}"),
    (0xae5534e0_a924_466c_b836_758539a3ee3a, "{ramdiskoptions}"),
    (0x313e8eed_7098_4586_a9bf_309c61f8d449, "{kerneldbgsettings}"),
];

pub(super) fn alias(id: BcdGuid) -> Option<&'static str> {
    ALIASES.iter().find(|(known, _)| *known == id.0).map(|(_, name)| *name)
}

// Application types, in the low 20 bits of an object's type.
const FIRMWARE_MANAGER: u32 = 1;
const BOOT_MANAGER: u32 = 2;
const LOADER: u32 = 3;
const RESUME: u32 = 4;
const MEMORY_TESTER: u32 = 5;

impl BcdObject {
    /// Heading of the object in the output of `bcdedit`.
    pub fn heading(&self) -> String {
        let application = self.kind & 0xF_FFFF;
        let known = match (self.kind >> 28, application) {
            (1, FIRMWARE_MANAGER) => "Firmware Boot Manager",
            (1, BOOT_MANAGER) => "Windows Boot Manager",
            (1, LOADER) => "Windows Boot Loader",
            (1, RESUME) => "Resume from Hibernate",
            (1, MEMORY_TESTER) => "Windows Memory Tester",
            (1, 6) => "Windows Legacy OS Loader",
            (1, 7) => "Windows Setup",
            (1, 8) => "Real-mode Boot Sector",
            (1, 9) => "Startup Module",
            (1, 10) => "Boot Application",
            (1, 0xF_FFFF) => "Firmware Application",
            (2, _) => match self.id.alias() {
                Some("{dbgsettings}") => "Debugger Settings",
                Some("{emssettings}") => "EMS Settings",
                Some("{badmemory}") => "RAM Defects",
                Some("{globalsettings}") => "Global Settings",
                Some("{bootloadersettings}") => "Boot Loader Settings",
                Some("{hypervisorsettings}") => "Hypervisor Settings",
                Some("{resumeloadersettings}") => "Resume Loader Settings",
                Some("{kerneldbgsettings}") => "Kernel Debugger Settings",
                _ => "Inheritable Settings",
            },
            (3, _) if self.id.alias() == Some("{ramdiskoptions}") => "Setup Ramdisk Options",
            (3, _) => "Device options",
            _ => return format!("Object of type {:#010x}", self.kind),
        };
        known.to_owned()
    }

    /// Name of an element of this object in `bcdedit`, such as `path`.
    pub fn element_name(&self, element: u32) -> Option<&'static str> {
        find_element_name(element, self.kind)
    }

    /// Elements with their names in `bcdedit`; unknown ones are called `custom:` and their number.
    pub fn named_elements(&self) -> impl Iterator<Item = (String, &BcdElement)> {
        self.elements.iter().map(|element| {
            let name = self.element_name(element.id);
            (name.map_or_else(|| format!("custom:{:08x}", element.id), str::to_owned), element)
        })
    }
}

impl BcdStore {
    /// Name of an object in the output of `bcdedit` for this store.
    pub fn name(&self, id: BcdGuid) -> String {
        let manager = self.objects.iter().find(|object| object.id.alias() == Some("{bootmgr}"));
        match manager.and_then(|manager| manager.get(0x2300_0003)) {
            Some(BcdValue::Object(default)) if *default == id => "{default}".into(),
            _ => id.alias().map_or_else(|| id.to_string(), str::to_owned),
        }
    }
}

/// Name that `bcdedit` shows in place of an integer.
pub(super) fn number_name(id: u32, number: u64) -> Option<&'static str> {
    let words: &[&str] = match id {
        0x1500_0011 => &["Serial", "1394", "USB", "NET", "Local"],
        0x1500_000c => &["UseNone", "UseAll", "UsePrivate"],
        0x1500_0018 => &["Active", "AutoEnable", "Disable"],
        0x1500_0047 => &["Default", "DisallowMmConfig"],
        0x1500_0052 => &["1024x768", "800x600", "1024x600"],
        0x1500_0066 | 0x1500_0065 => {
            &["Default", "Resume", "HyperV", "Recovery", "StartupRepair", "SystemImageRecovery", "CommandPrompt"]
        }
        0x2500_0020 => &["OptIn", "OptOut", "AlwaysOff", "AlwaysOn"],
        0x2500_0021 => &["Default", "ForceEnable", "ForceDisable"],
        0x2500_0080 => &["Minimal", "Network", "DsRepair"],
        0x2500_00a6 => &["Default", "Legacy", "Enhanced"],
        0x2500_00c2 => &["Legacy", "Standard"],
        0x2500_00e0 => &[
            "DisplayAllFailures",
            "IgnoreAllFailures",
            "IgnoreShutdownFailures",
            "IgnoreBootFailures",
            "IgnoreCheckpointFailures",
            "DisplayShutdownFailures",
            "DisplayBootFailures",
            "DisplayCheckpointFailures",
        ],
        0x2500_00f0 => &["Off", "Auto"],
        0x2500_00f3 => &["Serial", "1394", "None", "Net"],
        _ => return None,
    };
    words.get(usize::try_from(number).ok()?).copied()
}

fn find_element_name(id: u32, object: u32) -> Option<&'static str> {
    // The first digit of an element is its class, and that of an object its type.
    let table: &[(u32, &str)] = match (id >> 28, object >> 28, object & 0xF_FFFF) {
        (1, _, _) => &LIBRARY_ELEMENTS,
        (2, 1, FIRMWARE_MANAGER | BOOT_MANAGER) => &BOOT_MANAGER_ELEMENTS,
        (2, 1, RESUME) | (2, 2, RESUME) => &RESUME_ELEMENTS,
        (2, 1, MEMORY_TESTER) => &MEMORY_TESTER_ELEMENTS,
        // Inheritable loader settings have the loader's number; those for all applications are
        // library elements.
        (2, _, LOADER) => &LOADER_ELEMENTS,
        (3, _, _) => &DEVICE_ELEMENTS,
        (4, _, _) => &SETUP_ELEMENTS,
        _ => return None,
    };
    table.iter().find(|(known, _)| *known == id).map(|(_, name)| *name)
}

#[rustfmt::skip]
const LIBRARY_ELEMENTS: [(u32, &str); 62] = [
    (0x11000001, "device"), (0x12000002, "path"), (0x12000004, "description"), (0x12000005, "locale"),
    (0x14000006, "inherit"), (0x15000007, "truncatememory"), (0x14000008, "recoverysequence"),
    (0x16000009, "recoveryenabled"), (0x1700000a, "badmemorylist"), (0x1600000b, "badmemoryaccess"),
    (0x1500000c, "firstmegabytepolicy"), (0x1500000d, "relocatephysical"), (0x1500000e, "avoidlowmemory"),
    (0x1600000f, "traditionalkseg"), (0x16000010, "bootdebug"), (0x15000011, "debugtype"),
    (0x15000012, "debugaddress"), (0x15000013, "debugport"), (0x15000014, "baudrate"), (0x15000015, "channel"),
    (0x12000016, "targetname"), (0x16000017, "noumex"), (0x15000018, "debugstart"), (0x12000019, "busparams"),
    (0x1500001a, "hostip"), (0x1500001b, "port"), (0x1600001c, "dhcp"), (0x1200001d, "key"), (0x1600001e, "vm"),
    (0x16000020, "bootems"), (0x15000022, "emsport"), (0x15000023, "emsbaudrate"), (0x12000030, "loadoptions"),
    (0x16000040, "advancedoptions"), (0x16000041, "optionsedit"), (0x15000042, "keyringaddress"),
    (0x11000043, "bootstatdevice"), (0x12000044, "bootstatfilepath"), (0x16000045, "preservebootstat"),
    (0x16000046, "graphicsmodedisabled"), (0x15000047, "configaccesspolicy"), (0x16000048, "nointegritychecks"),
    (0x16000049, "testsigning"), (0x1200004a, "fontpath"), (0x1500004b, "integrityservices"),
    (0x1500004c, "volumebandid"), (0x16000050, "extendedinput"), (0x15000051, "initialconsoleinput"),
    (0x15000052, "graphicsresolution"), (0x16000053, "restartonfailure"), (0x16000054, "highestmode"),
    (0x16000060, "isolatedcontext"), (0x15000065, "displaymessage"), (0x15000066, "displaymessageoverride"),
    (0x16000068, "nobootuxtext"), (0x16000069, "nobootuxprogress"), (0x1600006a, "nobootuxfade"),
    (0x1600006c, "bootuxdisabled"), (0x16000074, "bootshutdowndisabled"), (0x17000077, "allowedinmemorysettings"),
    (0x16000079, "forcefipscrypto"), (0x1600007a, "mobilegraphics"),
];

#[rustfmt::skip]
const BOOT_MANAGER_ELEMENTS: [(u32, &str); 18] = [
    (0x24000001, "displayorder"), (0x24000002, "bootsequence"), (0x23000003, "default"), (0x25000004, "timeout"),
    (0x26000005, "resume"), (0x23000006, "resumeobject"), (0x24000007, "startupsequence"),
    (0x24000010, "toolsdisplayorder"), (0x26000020, "displaybootmenu"), (0x26000021, "noerrordisplay"),
    (0x21000022, "bcddevice"), (0x22000023, "bcdfilepath"), (0x26000024, "hormenabled"), (0x26000025, "hiberboot"),
    (0x22000026, "passwordoverride"), (0x26000028, "processcustomactionsfirst"), (0x27000030, "customactions"),
    (0x26000031, "persistbootsequence"),
];

#[rustfmt::skip]
const LOADER_ELEMENTS: [(u32, &str); 69] = [
    (0x21000001, "osdevice"), (0x22000002, "systemroot"), (0x23000003, "resumeobject"), (0x26000004, "stampdisks"),
    (0x26000010, "detecthal"), (0x22000011, "kernel"), (0x22000012, "hal"), (0x22000013, "dbgtransport"),
    (0x25000020, "nx"), (0x25000021, "pae"), (0x26000022, "winpe"), (0x26000024, "nocrashautoreboot"),
    (0x26000025, "lastknowngood"), (0x26000026, "oslnointegritychecks"), (0x26000027, "osltestsigning"),
    (0x26000030, "nolowmem"), (0x25000031, "removememory"), (0x25000032, "increaseuserva"), (0x25000033, "perfmem"),
    (0x26000040, "vga"), (0x26000041, "quietboot"), (0x26000042, "novesa"), (0x26000043, "novga"),
    (0x25000050, "clustermodeaddressing"), (0x26000051, "usephysicaldestination"), (0x25000052, "restrictapiccluster"),
    (0x22000053, "evstore"), (0x26000054, "uselegacyapicmode"), (0x25000055, "x2apicpolicy"), (0x26000060, "onecpu"),
    (0x25000061, "numproc"), (0x26000062, "maxproc"), (0x25000063, "configflags"), (0x26000064, "maxgroup"),
    (0x26000065, "groupaware"), (0x25000066, "groupsize"), (0x26000070, "usefirmwarepcisettings"), (0x25000071, "msi"),
    (0x25000072, "pciexpress"), (0x25000080, "safeboot"), (0x26000081, "safebootalternateshell"),
    (0x26000090, "bootlog"), (0x26000091, "sos"), (0x260000a0, "debug"), (0x260000a1, "halbreakpoint"),
    (0x260000a2, "useplatformclock"), (0x260000a3, "forcelegacyplatform"), (0x260000a4, "useplatformtick"),
    (0x260000a5, "disabledynamictick"), (0x250000a6, "tscsyncpolicy"), (0x260000b0, "ems"),
    (0x250000c0, "forcefailure"), (0x250000c1, "driverloadfailurepolicy"), (0x250000c2, "bootmenupolicy"),
    (0x260000c3, "onetimeadvancedoptions"), (0x260000c4, "onetimeoptionsedit"), (0x250000e0, "bootstatuspolicy"),
    (0x260000e1, "disableelamdrivers"), (0x250000f0, "hypervisorlaunchtype"), (0x220000f1, "hypervisorpath"),
    (0x260000f2, "hypervisordebug"), (0x250000f3, "hypervisordebugtype"), (0x250000f4, "hypervisordebugport"),
    (0x250000f5, "hypervisorbaudrate"), (0x250000f6, "hypervisorchannel"), (0x250000f7, "bootux"),
    (0x220000f9, "hypervisorbusparams"), (0x250000fa, "hypervisornumproc"), (0x25000100, "tpmbootentropy"),
];

#[rustfmt::skip]
const RESUME_ELEMENTS: [(u32, &str); 7] = [
    (0x21000001, "filedevice"), (0x22000002, "filepath"), (0x26000003, "customsettings"), (0x26000004, "pae"),
    (0x21000005, "associatedosdevice"), (0x26000006, "debugoptionenabled"), (0x25000008, "bootmenupolicy"),
];

#[rustfmt::skip]
const MEMORY_TESTER_ELEMENTS: [(u32, &str); 5] = [
    (0x25000001, "passcount"), (0x25000002, "testmix"), (0x25000003, "failurecount"), (0x26000003, "cacheenable"),
    (0x25000004, "testtofail"),
];

#[rustfmt::skip]
const DEVICE_ELEMENTS: [(u32, &str); 11] = [
    (0x35000001, "ramdiskimageoffset"), (0x35000002, "ramdisktftpclientport"), (0x31000003, "ramdisksdidevice"),
    (0x32000004, "ramdisksdipath"), (0x35000005, "ramdiskimagelength"), (0x36000006, "exportascd"),
    (0x35000007, "ramdisktftpblocksize"), (0x35000008, "ramdisktftpwindowsize"), (0x36000009, "ramdiskmcenabled"),
    (0x3600000a, "ramdiskmctftpfallback"), (0x3600000b, "ramdisktftpvarwindow"),
];

#[rustfmt::skip]
const SETUP_ELEMENTS: [(u32, &str); 4] = [
    (0x45000001, "devicetype"), (0x42000002, "applicationrelativepath"), (0x42000003, "ramdiskdevicerelativepath"),
    (0x46000010, "recoveryos"),
];
