//! Prompt for a key before a disc starts: chosen in the manifest, shown by `plan` and `inspect`, also for other discs.

use std::process::Command;

use serde_json::{Value, json};

use crate::fixtures::sandbox::Sandbox;

/// A medium whose boot files have everything for both.
fn sandbox(keys: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.put("boot-files/boot/bootfix.bin", "asks");
    sandbox.put("boot-files/efi/microsoft/boot/efisys.bin", vec![b'a'; 16_384]);
    sandbox.edit("prompt = false\n", "");
    sandbox.edit("[media]\n", &format!("[media]\n{keys}"));
    sandbox
}

fn json_of(sandbox: &Sandbox, line: &[&str]) -> Value {
    serde_json::from_str(&sandbox.done(line)).unwrap()
}

/// Prompts under BIOS and UEFI that `plan` shows before a build and `inspect` after it.
fn assert_prompts(sandbox: &Sandbox, expected: [bool; 2], words: &str) {
    let plan = json_of(sandbox, &["plan", "--json"]);
    assert_eq!(plan["outputs"][0]["prompt"], json!({ "bios": expected[0], "uefi": expected[1] }));
    let plan = sandbox.done(&["plan"]);
    assert!(plan.contains(words), "{plan}");
    sandbox.done(&["apply"]);
    let inspected = json_of(sandbox, &["inspect", "out/win11-BER.iso", "--json"]);
    let boot = inspected["file"]["boot"].as_array().unwrap();
    let found: Vec<_> = boot.iter().map(|boot| (boot["platform"].as_str(), boot["prompt"].as_bool())).collect();
    assert_eq!(found, [(Some("BIOS"), Some(expected[0])), (Some("UEFI"), Some(expected[1]))]);
    let inspected = sandbox.done(&["inspect", "out/win11-BER.iso"]);
    assert_eq!(inspected.matches(", prompts for a key").count(), expected.iter().filter(|asks| **asks).count());
    assert_eq!(inspected.matches(", no key prompt").count(), 2 - inspected.matches(", prompts").count());
}

#[test]
fn a_disc_asks_for_a_key_unless_it_is_unattended() {
    assert_prompts(&sandbox(""), [true, true], "prompts for a key at boot under BIOS and UEFI");
    let unattended = sandbox("unattended = true\n");
    assert_prompts(&unattended, [false, false], "boots without a key prompt");
    unattended.done(&["verify", "out/win11-BER.iso"]);
    // A choice that is written down goes before both.
    unattended.edit("[boot]\n", "[boot]\nprompt = true\n");
    let checked = unattended.see("check");
    assert!(checked.contains("the medium is unattended, but its disc waits for a key press"), "{checked}");
    assert_prompts(&unattended, [true, true], "prompt: `none` → `bios, uefi`");
    let quick = sandbox("");
    quick.edit("[boot]\n", "[boot]\nprompt = false\n");
    assert_prompts(&quick, [false, false], "boots without a key prompt");
}

#[test]
fn files_that_are_put_on_the_disc_decide_as_well() {
    let sandbox = sandbox("unattended = true\n");
    sandbox.put("own/bootfix.bin", "asks");
    sandbox.edit("[[file]]\n", "[[file]]\nsource = \"own/bootfix.bin\"\npath = \"boot/bootfix.bin\"\n\n[[file]]\n");
    let checked = sandbox.see("check");
    assert!(
        checked.contains("BIOS will wait for a key press because `boot/bootfix.bin` is on the medium"),
        "{checked}"
    );
    assert_prompts(&sandbox, [true, false], "prompts for a key at boot under BIOS");
}

#[test]
fn discs_of_others_are_told_apart_by_what_is_on_them() {
    let sandbox = Sandbox::empty();
    let put = |path: &str, fill: u8, len: usize| sandbox.put(path, vec![fill; len]);
    put("tree/bootmgr", b'm', 400);
    put("tree/boot/etfsboot.com", b'b', 4_096);
    put("tree/efi/microsoft/boot/efisys.bin", b'a', 16_384);
    put("tree/efi/microsoft/boot/efisys_noprompt.bin", b'n', 16_384);
    let prompts = |image: &str| {
        let mut make = Command::new("xorriso");
        make.args(["-as", "mkisofs", "-quiet", "-J", "-o", "foreign.iso", "-b", "boot/etfsboot.com", "-no-emul-boot"]);
        make.args(["-eltorito-alt-boot", "-e", image, "-no-emul-boot", "tree"]).current_dir(&sandbox.root);
        assert!(make.status().unwrap().success());
        let inspected = json_of(&sandbox, &["inspect", "foreign.iso", "--json"]);
        let boot = inspected["file"]["boot"].as_array().unwrap();
        [boot[0]["prompt"].as_bool(), boot[1]["prompt"].as_bool()]
    };
    assert_eq!(prompts("efi/microsoft/boot/efisys.bin"), [Some(false), Some(true)]);
    put("tree/boot/bootfix.bin", b'f', 100);
    assert_eq!(prompts("efi/microsoft/boot/efisys_noprompt.bin"), [Some(true), Some(false)]);
    // Another program that is on the disc under no name of Windows; and stand-ins that are the same.
    put("tree/own.bin", b'o', 16_384);
    assert_eq!(prompts("own.bin"), [Some(true), None]);
    put("tree/efi/microsoft/boot/efisys_noprompt.bin", b'a', 16_384);
    assert_eq!(prompts("efi/microsoft/boot/efisys.bin"), [Some(true), None]);
    // What starts is not Windows.
    std::fs::remove_file(sandbox.path("tree/bootmgr")).unwrap();
    assert_eq!(prompts("own.bin"), [None, None]);
}
