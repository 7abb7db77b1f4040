//! Boot stores: written where there are none, and shown.

use std::fs;
use std::process::Command;

use serde_json::json;
use tsmedia::date::Date;
use tsmedia::firmware::Firmware;
use tsmedia::format::bcd::{self, BcdDevice, BcdStore, BcdValue, DeviceLocator, WindowsPeBoot};

use crate::fixtures::sandbox::Sandbox;

/// Takes both stores off a medium.
fn taken_off(sandbox: &Sandbox) -> [Vec<u8>; 2] {
    let _ = fs::remove_dir_all(sandbox.path("taken"));
    let mut command = Command::new("7z");
    command.args(["x", "-bso0", "-bsp0", "-otaken", "out/win11-BER.iso", "boot/bcd", "efi/microsoft/boot/bcd"]);
    assert!(command.current_dir(&sandbox.root).status().unwrap().success());
    ["taken/boot/bcd", "taken/efi/microsoft/boot/bcd"].map(|path| sandbox.get(path))
}

#[test]
fn boot_stores_are_written_where_there_are_none_and_by_choice() {
    let sandbox = Sandbox::new();
    fs::remove_file(sandbox.path("boot-files/boot/bcd")).unwrap();
    let mut seen = sandbox.see("check --site BER");
    sandbox.edit("prompt = false", "prompt = false\nstore = \"files\"");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("\"files\"", "\"built\"");
    seen += &sandbox.see("check --site BER");
    sandbox.done(&["apply", "--site", "BER"]);
    let built = taken_off(&sandbox);
    seen += &sandbox.see("inspect taken/boot/bcd");
    seen += &sandbox.see("inspect taken/efi/microsoft/boot/bcd");
    seen += &sandbox.see("inspect taken/boot/bcd --json");
    insta::assert_snapshot!(seen);

    // What was there is not altered unless that is asked for.
    sandbox.edit("store = \"built\"", "");
    sandbox.done(&["apply", "--site", "BER"]);
    let now = taken_off(&sandbox);
    assert_eq!((&now[0], &now[1]), (&built[0], &sandbox.get("boot-files/efi/microsoft/boot/bcd")));
    sandbox.done(&["verify", "out/win11-BER.iso"]);
}

/// Stores that were made free of their computer say what to search for, in place of a partition.
#[test]
fn devices_that_are_searched_for_are_shown_by_their_paths_and_as_data() {
    let sandbox = Sandbox::empty();
    let locate = |by: DeviceLocator| BcdValue::Device(BcdDevice::Locate { by, within: None });
    let path = r"\windows\system32\boot\winload.efi";
    let store = store(Firmware::Uefi, r"\sources\boot.wim", r"\boot\boot.sdi", |store| {
        for element in store.objects.iter_mut().flat_map(|object| &mut object.elements) {
            match element.id {
                0x1100_0001 => element.value = locate(DeviceLocator::Element(0x1200_0002)),
                0x2100_0001 => element.value = locate(DeviceLocator::Path(r"\windows".into())),
                _ => {}
            }
        }
    });
    sandbox.put("bcd", store);
    let shown = sandbox.done(&["inspect", "bcd"]);
    for line in [
        &format!("device                  locate=custom:12000002 ({path})"),
        r"osdevice                locate=\windows",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{shown}");
    }
    let json: serde_json::Value = serde_json::from_str(&sandbox.done(&["inspect", "bcd", "--json"])).unwrap();
    let objects = json["file"]["objects"].as_array().unwrap();
    let elements = objects.iter().flat_map(|object| object["elements"].as_array().unwrap());
    let found: Vec<_> = elements.filter(|element| element["value"]["locate"].is_object()).collect();
    let [device, system] = found[..] else { panic!("{json}") };
    let by_element = json!({ "element": "12000002", "element-name": "path", "path": path, "within": null });
    assert_eq!((&device["name"], &device["value"]["locate"]), (&"device".into(), &by_element));
    assert_eq!(system["value"]["locate"], json!({ "path": r"\windows", "within": null }));
}

#[test]
fn what_is_no_boot_store_is_told() {
    let sandbox = Sandbox::empty();
    sandbox.put("short", "regf and nothing else");
    sandbox.put("long", [&b"regf"[..], &vec![0; 16 << 20]].concat());
    let seen = ["short", "long"].map(|name| sandbox.see(&format!("inspect {name}"))).concat();
    insta::assert_snapshot!(seen, @"
    $ tsmedia inspect short
    ! error: reading `short`
    !   because: the registry hive is damaged: it ends within its base block
    = 1

    $ tsmedia inspect long
    ! error: `long` is not a boot store: it is a registry hive of more than 16 MiB
    = 1
    ");
}

/// Store that starts these files, with a change that another tool could have made.
fn store(firmware: Firmware, boot_image: &str, boot_sdi: &str, change: impl FnOnce(&mut BcdStore)) -> Vec<u8> {
    let mut store = bcd::windows_pe_store(&WindowsPeBoot { firmware, boot_image, boot_sdi });
    change(&mut store);
    store.to_bytes(Date::EARLIEST).unwrap()
}

/// Boot stores, and the start of a RAM disk, that are what they should be.
pub fn put_stores(sandbox: &Sandbox) {
    for (firmware, path) in [(Firmware::Bios, "boot/bcd"), (Firmware::Uefi, "efi/microsoft/boot/bcd")] {
        let store = store(firmware, r"\sources\boot.wim", r"\boot\boot.sdi", |_| {});
        sandbox.put(&format!("boot-files/{path}"), store);
    }
    sandbox.put("boot-files/boot/boot.sdi", [b"$SDI0001".as_slice(), &[0; 592]].concat());
}

#[test]
fn stores_that_start_something_else_than_what_is_on_the_medium_are_told() {
    const BOOT_IMAGE: &str = r"\sources\boot.wim";
    const SDI: &str = r"\boot\boot.sdi";
    let sandbox = Sandbox::new();
    let put = |bios: &[u8], uefi: &[u8]| {
        sandbox.put("boot-files/boot/bcd", bios);
        sandbox.put("boot-files/efi/microsoft/boot/bcd", uefi);
    };
    let same = |_: &mut BcdStore| {};
    let bios = store(Firmware::Bios, r"\SOURCES\Boot.wim", SDI, same);
    put(&bios, &store(Firmware::Uefi, BOOT_IMAGE, SDI, same));
    sandbox.put("boot-files/boot/boot.sdi", [b"$SDI0001".as_slice(), &[0; 600]].concat());
    let mut seen = sandbox.see("check --site BER");
    sandbox.done(&["apply", "--site", "BER"]);
    seen += &sandbox.see("inspect out/win11-BER.iso");
    let json: serde_json::Value =
        serde_json::from_str(&sandbox.done(&["inspect", "out/win11-BER.iso", "--json"])).unwrap();
    seen += &format!("{:#}\n", json["file"]["boot-stores"]);

    // Another image, which is not there; and a program that UEFI can't start.
    let uefi = store(Firmware::Bios, BOOT_IMAGE, SDI, same);
    put(&store(Firmware::Bios, r"\sources\other.wim", r"\boot\other.sdi", same), &uefi);
    seen += &sandbox.see("check --site BER");
    // One that is there; and an entry that is not.
    sandbox.put("boot-files/boot/other.wim", "MSWIM");
    let uefi =
        store(Firmware::Uefi, BOOT_IMAGE, SDI, |store| store.objects.retain(|object| object.kind != 0x1020_0003));
    put(&store(Firmware::Bios, r"\boot\other.wim", SDI, same), &uefi);
    seen += &sandbox.see("check --site BER");
    // Windows PE that is loaded from the medium and looks for itself elsewhere; and a store that was cut off.
    let elsewhere = store(Firmware::Bios, BOOT_IMAGE, SDI, |store| {
        let elements = store.objects.iter_mut().flat_map(|object| &mut object.elements);
        elements.filter(|element| element.id == 0x2100_0001).for_each(|element| {
            element.value = BcdValue::Device(bcd::BcdDevice::Boot);
        });
    });
    put(&elsewhere, &bios[..5_000]);
    seen += &sandbox.see("check --site BER");
    sandbox.done(&["apply", "--site", "BER"]);
    seen += &sandbox.see("inspect out/win11-BER.iso");
    // Stand-ins, where nothing else says that they are.
    sandbox.edit("prompt = false", "prompt = false\nfirmware = [\"bios\"]");
    put(b"a store", b"another");
    sandbox.put("boot-files/boot/boot.sdi", "no RAM disk");
    seen += &sandbox.see("check --site BER");
    insta::assert_snapshot!(seen);
}
