use std::fs;
use std::process::Command;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use test_fixtures::program::Program;

fn digest(pe: &Pe) -> [u8; 32] {
    pe.signed_bytes().fold(Sha256::new(), |hasher, bytes| hasher.chain_update(bytes)).finalize().into()
}

/// Calls all readers of a file.
fn ask_all(bytes: &[u8]) {
    if let Ok(pe) = Pe::parse(bytes) {
        digest(&pe);
        let _ = (pe.signatures(), pe.file_version(), pe.architecture(), pe.subsystem());
        let _ = pe.raw_resource("BOOTMGRSECURITYVERSIONNUMBER");
    }
}

const RICH: Program = Program { version: Some([10, 0, 26100, 1742]), svn: Some((7, 2)), ..Program::X64 };

#[test]
fn headers_sections_version_and_resources_are_read() {
    let bytes = RICH.bytes();
    let pe = Pe::parse(&bytes).unwrap();
    assert_eq!((pe.architecture(), pe.subsystem()), (Some(Architecture::X64), Subsystem::EfiApplication));
    assert_eq!(pe.sections().iter().map(|section| section.name.as_str()).collect::<Vec<_>>(), [".text", ".rsrc"]);
    assert_eq!(pe.file_version().unwrap().to_string(), "10.0.26100.1742");
    assert_eq!(pe.raw_resource("BOOTMGRSECURITYVERSIONNUMBER"), Some(&[2, 0, 7, 0][..]));
    assert_eq!(pe.raw_resource("bootmgrsecurityversionnumber"), None);
    assert_eq!(pe.signatures(), Ok(Vec::new()));
    let plain = Program { machine: 0x014C, subsystem: 16, ..Program::X64 }.bytes();
    let pe = Pe::parse(&plain).unwrap();
    assert_eq!((pe.architecture(), pe.subsystem()), (Some(Architecture::X86), Subsystem::BootApplication));
    assert_eq!((pe.file_version(), pe.raw_resource("X")), (None, None));
}

#[test]
fn what_is_no_pe_file_says_why() {
    let bytes = RICH.bytes();
    assert_eq!(Pe::parse(b"stand-in").unwrap_err().to_string(), "it does not begin with `MZ`");
    assert_eq!(Pe::parse(&bytes[..0x60]).unwrap_err().to_string(), "it is truncated");
    assert_eq!(Pe::parse(&bytes[..0x500]).unwrap_err().to_string(), "one of its sections extends past its end");
    let mut dos = bytes.clone();
    dos[0x40] = b'N';
    assert_eq!(Pe::parse(&dos).unwrap_err().to_string(), "it is a DOS program, not a PE file");
}

/// Without a key, osslsigncode writes the data to sign, which contain the digest.
#[test]
fn the_digest_is_the_one_that_osslsigncode_calculates() {
    let folder = tempfile::tempdir().unwrap();
    for (name, program) in [("x64", RICH), ("x86", Program { machine: 0x014C, ..RICH })] {
        let (path, data) = (folder.path().join(name), folder.path().join("data"));
        fs::write(&path, program.bytes()).unwrap();
        let mut extract = Command::new("osslsigncode");
        extract.args(["extract-data", "-h", "sha256", "-in"]).arg(&path).arg("-out").arg(&data);
        let Ok(done) = extract.output() else {
            assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "osslsigncode is not installed");
            return;
        };
        assert!(done.status.success(), "{done:?}");
        let (data, digest) = (fs::read(&data).unwrap(), digest(&Pe::parse(&program.bytes()).unwrap()));
        assert!(data.windows(32).any(|bytes| bytes == digest), "{name}");
        fs::remove_file(folder.path().join("data")).unwrap();
    }
}

#[test]
fn every_prefix_and_every_changed_byte_is_read_without_harm() {
    let bytes = RICH.bytes();
    for len in (0..bytes.len()).step_by(3) {
        ask_all(&bytes[..len]);
    }
    for at in (0..0x200).chain(0x400..bytes.len()) {
        for value in [0, 0x7F, 0xFF] {
            let mut changed = bytes.clone();
            changed[at] = value;
            ask_all(&changed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn numbers_that_lead_anywhere_are_read_without_harm(
        places in prop::collection::vec((0_usize..0x600, any::<u32>()), 1..8),
    ) {
        let mut bytes = RICH.bytes();
        for (at, value) in places {
            let at = (at & !3).min(bytes.len() - 4);
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        ask_all(&bytes);
    }
}
