//! Reports on boot programs: their signatures, and whether Secure Boot accepts them.

use std::fs;
use std::process::Command;

use super::boot_store::put_stores;
use crate::fixtures::sandbox::Sandbox;
use test_fixtures::program::Program;
use test_fixtures::signers::{NAMED_2011, NAMED_2023, OWN, Signers};

const PROGRAM: &str = "boot-files/efi/boot/bootx64.efi";
const VOLUME: &str = "boot-files/efi/microsoft/boot/efisys_noprompt.bin";

/// A Windows boot manager as far as numbers go.
const MANAGER: Program = Program { version: Some([10, 0, 26100, 1742]), svn: Some((5, 0)), ..Program::X64 };

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    put_stores(&sandbox);
    sandbox.edit("[[sites]]\ncode = \"HAM\"\n", "");
    sandbox
}

/// A FAT volume that holds a program for discs, as `efisys.bin` does.
fn volume(sandbox: &Sandbox, program: &[u8]) -> Option<Vec<u8>> {
    sandbox.put("volume/bootx64.efi", program);
    let (image, program) = (sandbox.path("volume/image"), sandbox.path("volume/bootx64.efi"));
    let _ = fs::remove_file(&image);
    let steps: [&[&str]; 4] = [
        &["mformat", "-C", "-f", "1440", "-i", image.as_str(), "::"],
        &["mmd", "-i", image.as_str(), "::/EFI"],
        &["mmd", "-i", image.as_str(), "::/EFI/BOOT"],
        &["mcopy", "-i", image.as_str(), program.as_str(), "::/EFI/BOOT/BOOTX64.EFI"],
    ];
    for step in steps {
        let Ok(done) = Command::new(step[0]).args(&step[1..]).output() else {
            assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "mtools is not installed");
            return None;
        };
        assert!(done.status.success(), "{done:?}");
    }
    Some(fs::read(image).unwrap())
}

/// Replaces the last days of certificates, which depend on the day of the test.
fn without_days(seen: &str) -> String {
    const BEFORE: &str = " valid until ";
    let mut parts = seen.split(BEFORE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |seen, part| seen + BEFORE + "<day>" + &part["2036-11-27".len()..])
}

#[test]
fn a_policy_that_locks_firmware_is_warned_of_wherever_it_comes_from() {
    const MESSAGE: &str = "`EFI/Microsoft/Boot/SkuSiPolicy.p7b` is on the medium";
    let sandbox = sandbox();
    assert!(!sandbox.see("check").contains(MESSAGE));
    sandbox.put("policies/skusipolicy.P7B", "a policy");
    sandbox.edit("[[file]]\n", "[[file]]\nsource = \"policies\"\npath = \"efi/microsoft/BOOT\"\n\n[[file]]\n");
    let of_a_file = sandbox.see("check");
    assert!(of_a_file.contains(MESSAGE) && of_a_file.contains("source = \"policies\""), "{of_a_file}");
    fs::remove_dir_all(sandbox.path("policies")).unwrap();
    sandbox.put("policies/empty.txt", "");
    sandbox.put("boot-files/efi/microsoft/boot/SkuSiPolicy.p7b", "a policy");
    let of_boot_files = sandbox.see("check");
    assert!(of_boot_files.contains(MESSAGE) && of_boot_files.contains("files = \"boot-files\""), "{of_boot_files}");
}

/// One test, since the keys are made once.
#[test]
fn boot_programs_are_checked_against_the_manifest_and_named_with_whose_they_are() {
    let Some(signers) = Signers::new() else { return };
    let sandbox = sandbox();
    let by_2011 = signers.sbsign(&MANAGER.bytes(), NAMED_2011);
    let by_2023 = signers.sbsign(&MANAGER.bytes(), NAMED_2023);
    let Some(volume_2011) = volume(&sandbox, &by_2011) else { return };
    let mut seen = String::new();
    let see = |seen: &mut String, what: &str, line: &str| *seen += &format!("# {what}\n{}", sandbox.see(line));

    sandbox.put(PROGRAM, Program::X64.bytes());
    see(&mut seen, "a program without a signature", "check");
    sandbox.put(PROGRAM, &by_2011);
    sandbox.put(VOLUME, &volume_2011);
    see(&mut seen, "signed in the name of 2011, as it is meant unless said", "check");
    sandbox.edit("prompt = false", "prompt = false\nsecure-boot-ca = \"2023\"");
    see(&mut seen, "2023 is meant, and both are of 2011", "check");
    sandbox.put(PROGRAM, &by_2023);
    see(&mut seen, "one of them is of 2011", "check");
    let volume_2023 = volume(&sandbox, &by_2023).unwrap();
    sandbox.put(VOLUME, &volume_2023);
    see(&mut seen, "2023 is meant, and both are", "check");
    sandbox.put(PROGRAM, signers.osslsigncode(&MANAGER.bytes(), OWN, &[]));
    see(&mut seen, "signed by somebody else", "check");
    sandbox.put(PROGRAM, signers.osslsigncode(&MANAGER.bytes(), NAMED_2023, &["-h", "sha384"]));
    see(&mut seen, "a digest that is not compared", "check");
    let mut altered = by_2023.clone();
    altered[0x234] ^= 1;
    sandbox.put(PROGRAM, altered);
    sandbox.put("boot-files/bootmgr.efi", signers.sbsign(&Program { machine: 0xAA64, ..MANAGER }.bytes(), NAMED_2011));
    see(&mut seen, "altered, and a boot manager for others", "check");
    sandbox.put(PROGRAM, Program { machine: 0xAA64, subsystem: 16, ..MANAGER }.bytes());
    sandbox.put("boot-files/bootmgr.efi", &by_2023[..1_000]);
    see(&mut seen, "for other processors and no application, and one cut off", "check");
    insta::assert_snapshot!("checked", seen);

    fs::remove_file(sandbox.path("boot-files/bootmgr.efi")).unwrap();
    sandbox.put(PROGRAM, &by_2023);
    let mut seen = sandbox.see("apply");
    seen += &sandbox.see("verify out/win11-BER.iso");
    seen += &sandbox.see(&format!("inspect {PROGRAM}"));
    let json: serde_json::Value = serde_json::from_str(&sandbox.done(&["inspect", PROGRAM, "--json"])).unwrap();
    let json = &json["file"];
    assert_eq!(json["signatures"][0]["authority"], "Windows UEFI CA 2023");
    assert_eq!(json["signatures"][0]["recognised-by"], "other-certificate");
    assert_eq!((&json["svn"], &json["version"]), (&"5.0".into(), &"10.0.26100.1742".into()));
    seen += &revoked(&sandbox, &signers);
    insta::assert_snapshot!("verified", without_days(&seen));
}

/// Revocation lists of certificates and numbers, for the manifest and for a medium that is there.
fn revoked(sandbox: &Sandbox, signers: &Signers) -> String {
    let list = |name: &str, kind: &str, owner: &str, data: &str| {
        signers.run("sbsiglist", &["--owner", owner, "--type", kind, "--output", "list", data]);
        sandbox.put(name, fs::read(signers.path("list")).unwrap());
    };
    signers.openssl(&["x509", "-in", "named-2023.ca.pem", "-outform", "der", "-out", "ca.der"]);
    list("dbx/ca.bin", "x509", "77fa9abd-0359-4d32-bd60-28f4e78f784b", "ca.der");
    // As `secureboot_objects` has it, for version 9.0.
    let number = "01612b139dd5598843ab1c185c3cb2eb92000009000000000000000000000000";
    let byte = |at: usize| u8::from_str_radix(&number[2 * at..2 * at + 2], 16).unwrap();
    fs::write(signers.path("number"), (0..32).map(byte).collect::<Vec<_>>()).unwrap();
    list("dbx/number.bin", "sha256", "9d132b6c-59d5-4388-ab1c-185cfcb2eb92", "number");
    let mut seen = sandbox.see("verify out/win11-BER.iso --dbx dbx/number.bin");
    seen += &sandbox.see("verify out/win11-BER.iso --dbx readme.txt");
    sandbox.edit("[[package]]", "[boot.revocations]\ndbx = \"dbx/ca.bin\"\n\n[[package]]");
    seen += &sandbox.see("check");
    sandbox.edit("dbx = \"dbx/ca.bin\"", "svn = \"7.0\"");
    seen += &sandbox.see("plan");
    sandbox.edit("svn = \"7.0\"", "svn = \"5.0\"");
    seen += &sandbox.see("plan");
    sandbox.edit("svn = \"5.0\"", "dbx = \"readme.txt\"\nsvn = \"99999\"");
    seen += &sandbox.see("check");
    seen
}
