use std::fs;
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::firmware::Firmware;

const START: WindowsPeBoot =
    WindowsPeBoot { firmware: Firmware::Bios, boot_image: r"\sources\boot.wim", boot_sdi: r"\boot\boot.sdi" };

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn read(bytes: &[u8]) -> Result<BcdStore> {
    BcdStore::read(&Hive::read(bytes)?)
}

/// RAM disk with `boot.wim`, from a store on a Windows PE medium. There, byte 44 is a length of
/// 0x8C, a meaningless leftover.
const RAM_DISK: &str = "
    c8dc1976fefad911b411000476eba25f0000000001000000a00000000000000003000000
    0000000000000000000000000000000000000000010000007800000005000000
    05000000000000004800000000000000
    0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
    5c0073006f00750072006300650073005c0062006f006f0074002e00770069006d000000";

#[test]
fn devices_have_the_bytes_that_windows_gives_them() {
    let ram_disk = BcdDevice::parse(&hex(RAM_DISK));
    assert_eq!(ram_disk.to_string(), r"ramdisk=[boot]\sources\boot.wim,{7619dcc8-fafe-11d9-b411-000476eba25f}");
    assert_eq!(ram_disk.to_bytes(), hex(RAM_DISK));
    assert_eq!(windows_pe_store(&START).objects[1].get(0x1100_0001), Some(&BcdValue::Device(ram_disk)));
    let mut with_rest = hex(RAM_DISK);
    with_rest[44] = 0x8C;
    assert_eq!(BcdDevice::parse(&with_rest), BcdDevice::parse(&hex(RAM_DISK)));
    let boot = hex(&format!("{:032x} 05000000 00000000 48000000 {:0120x}", 0, 0));
    assert_eq!((BcdDevice::parse(&boot), BcdDevice::Boot.to_bytes()), (BcdDevice::Boot, boot));
}

#[test]
fn partitions_are_shown_by_what_tells_them_from_others() {
    let guid = |text: &str| text.parse::<BcdGuid>().unwrap();
    let (partition, disk) =
        (guid("{0a4f6c6e-7d1b-4a53-9e0f-54d3c8a1b2c3}"), guid("{11223344-5566-7788-99aa-bbccddeeff00}"));
    assert_eq!(disk.to_bytes(), hex("44332211 6655 8877 99aabbccddeeff00").as_slice());
    let gpt = BcdDevice::Partition(BcdPartition::Gpt { partition, disk });
    let mbr = BcdDevice::Partition(BcdPartition::Mbr { offset: 1 << 20, signature: 0x1234_abcd });
    assert_eq!(gpt.to_string(), format!("partition={partition} of disk {disk}"));
    assert_eq!(mbr.to_string(), "partition=at byte 1048576 of disk 1234abcd");
    for device in [gpt.clone(), mbr, BcdDevice::RamDisk { on: Box::new(gpt), path: r"\ä.wim".into(), options: None }] {
        assert_eq!(BcdDevice::parse(&device.to_bytes()), device);
    }
    let unknown = hex(&format!("{:032x} 09000000 00000000 48000000 {:0120x}", 0, 7));
    assert_eq!(BcdDevice::parse(&unknown), BcdDevice::Other(unknown.clone()));
    assert_eq!(BcdDevice::parse(&[1, 2]).to_string(), "0102");
}

/// Encoded path `\windows`.
const PATH: &str = "5c00 7700 6900 6e00 6400 6f00 7700 7300 0000";

#[test]
fn devices_that_are_searched_for_are_shown_by_what_is_searched() {
    let options = format!("{:032x}", 0);
    // Header, kind, element, offset of the parent; the path. Taken from generalized stores.
    let by_element = hex(&format!("{options} 08000000 00000000 1e000000 00000000 00000000 02000012 00000000 0000"));
    let by_path = hex(&format!("{options} 08000000 00000000 2e000000 00000000 01000000 00000000 00000000 {PATH}"));
    for (bytes, expected) in [(&by_element, "locate=custom:12000002"), (&by_path, r"locate=\windows")] {
        let device = BcdDevice::parse(bytes);
        assert_eq!((device.to_string().as_str(), &device.to_bytes()), (expected, bytes));
    }
    // With unused room at the end.
    let padded = hex(&format!("{options} 08000000 00000000 48000000 00000000 00000000 01000022 {:096x}", 0));
    assert_eq!(BcdDevice::parse(&padded).to_string(), "locate=custom:22000001");
    assert_eq!(BcdDevice::parse(&by_path[..by_path.len() - 1]).to_string(), hex_text(&by_path[..by_path.len() - 1]));
}

fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn virtual_disks_are_shown_as_bcdedit_shows_them() {
    let file = |on: BcdDevice| BcdDevice::File { on: Box::new(on), path: r"\a.vhdx".into() };
    let locate = |by: DeviceLocator| BcdDevice::Locate { by, within: None };
    let disk = |on: BcdDevice| {
        let within = BcdDevice::VirtualDisk { stored: Box::new(file(on)) };
        BcdDevice::Locate { by: DeviceLocator::Element(0x1200_0002), within: Some(Box::new(within)) }
    };
    let by_path = locate(DeviceLocator::Path(r"\a.vhdx".into()));
    for (device, expected) in [
        (file(BcdDevice::Boot), r"file=[boot]\a.vhdx"),
        (disk(BcdDevice::Boot), r"vhd=[boot]\a.vhdx,locate=custom:12000002"),
        (disk(by_path.clone()), r"vhd=[locate]\a.vhdx,locate=custom:12000002"),
        (
            BcdDevice::RamDisk { on: Box::new(by_path), path: r"\a.wim".into(), options: None },
            r"ramdisk=[locate]\a.wim",
        ),
    ] {
        assert_eq!(device.to_string(), expected);
        assert_eq!(BcdDevice::parse(&device.to_bytes()), device);
    }
    // Public readers of such stores expect the parent at this offset.
    assert_eq!(disk(BcdDevice::Boot).to_bytes()[40..46], [30, 0, 0, 0, 0, 0]);
    let nested = (0..9).fold(BcdDevice::Boot, |device, _| file(device));
    assert!(matches!(BcdDevice::parse(&nested.to_bytes()), BcdDevice::Other(_)));
}

#[test]
fn the_stores_that_are_built_are_read_back_and_are_always_the_same() {
    for firmware in [Firmware::Bios, Firmware::Uefi] {
        let built = windows_pe_store(&WindowsPeBoot { firmware, ..START });
        let bytes = built.to_bytes(Date::EARLIEST).unwrap();
        assert_eq!(bytes, built.to_bytes(Date::EARLIEST).unwrap());
        assert_eq!(read(&bytes).unwrap(), built);
        assert_eq!(bytes.len(), 12 << 10);
    }
}

/// Output of a tool for a hive, which must find no fault. `None` if the tool is not installed.
fn run(tool: &str, arguments: &[&str]) -> Option<String> {
    let Ok(ran) = Command::new(tool).args(arguments).output() else {
        assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "`{tool}` is not installed");
        return None;
    };
    let output = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{tool} {arguments:?}: {output}");
    Some(output)
}

#[test]
fn other_readers_find_the_built_stores() {
    let folder = tempfile::tempdir().unwrap();
    for (firmware, name) in [(Firmware::Bios, "bios"), (Firmware::Uefi, "uefi")] {
        let path = folder.path().join(name);
        let hive = path.to_str().unwrap();
        fs::write(&path, windows_pe_store(&WindowsPeBoot { firmware, ..START }).to_bytes(Date::EARLIEST).unwrap())
            .unwrap();
        // Debian installs it in a folder that is only in the `PATH` of root.
        let reged = if fs::exists("/usr/sbin/reged").unwrap() { "/usr/sbin/reged" } else { "reged" };
        let exported = folder.path().join("out.reg");
        if run(reged, &["-x", hive, "BCD", r"\", exported.to_str().unwrap()]).is_some() {
            let text = fs::read_to_string(exported).unwrap().replace("\r\n", "\n");
            insta::assert_snapshot!(format!("{name}_as_reged_exports_it"), text);
        }
        if let Some(facts) = run("regfinfo", &[hive]) {
            assert!(facts.contains("1.3") && !facts.to_lowercase().contains("corrupt"), "{facts}");
        }
        if let Some(xml) = run("hivexml", &[hive]) {
            assert!(xml.contains(r"\windows\system32\boot\winload."), "{xml}");
            assert_eq!(xml.matches("<node ").count(), if name == "uefi" { 30 } else { 29 }, "{xml}");
        }
    }
}

#[test]
fn what_is_not_as_it_should_be_is_kept_by_its_bytes() {
    let other = |kind: ValueType, bytes: &[u8]| BcdValue::Other(ValueData { kind, bytes: bytes.to_vec().into() });
    let elements = [
        (0x1200_0004, other(ValueType::BYTES, b"no text")),
        (0x1600_0010, other(ValueType::BYTES, &[1, 0])),
        (0x1f00_0001, other(ValueType::U32, &[1, 2, 3, 4])),
        (0x2300_0003, other(ValueType::TEXT, &[b'x', 0, 0, 0])),
        (0x2500_0004, other(ValueType::BYTES, &[0; 9])),
    ];
    let elements = elements.into_iter().map(|(id, value)| BcdElement { id, value }).collect();
    let object = BcdObject { id: BcdGuid(1), kind: 0x1010_0002, elements };
    let store = BcdStore { objects: vec![object] };
    assert_eq!(read(&store.to_bytes(Date::EARLIEST).unwrap()).unwrap(), store);
    let names: Vec<_> = store.objects[0].named_elements().map(|(name, _)| name).collect();
    assert_eq!(names, ["description", "bootdebug", "custom:1f000001", "default", "timeout"]);
}

#[test]
fn short_integers_are_read_as_windows_reads_them() {
    let bytes = ValueData::from_bytes([0, 0xC2, 1]);
    assert_eq!(BcdValue::parse(0x1500_0014, bytes), BcdValue::Integer(115_200));
}

#[test]
fn hives_that_are_no_stores_are_told() {
    let message = |tree: KeyTree| format!("{:#}", read(&tree.to_hive(Date::EARLIEST).unwrap()).unwrap_err());
    assert_eq!(message(KeyTree::new("r")), "this registry hive is not a boot store: it has no key `Objects`");
    let with = |object: KeyTree| KeyTree::new("r").with_key(KeyTree::new("Objects").with_key(object));
    assert_eq!(message(with(KeyTree::new("x"))), "the object `x` of the boot store can't be read");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(
        places in prop::collection::vec((4_096..12_288_usize, any::<u8>()), 1..30), device in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        let mut bytes = windows_pe_store(&START).to_bytes(Date::EARLIEST).unwrap();
        places.into_iter().for_each(|(at, byte)| bytes[at] = byte);
        let _ = read(&bytes);
        let mut ram_disk = hex(RAM_DISK);
        device.iter().enumerate().for_each(|(n, byte)| ram_disk[n * 5 + 16] = *byte);
        let _ = BcdDevice::parse(&ram_disk);
    }
}
