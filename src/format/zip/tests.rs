use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;

use super::*;

/// An archive with the offset of its directory, so that tests can damage it.
struct TestArchive {
    bytes: Vec<u8>,
    directory: usize,
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn make(files: &[(&str, u16, &[u8])]) -> TestArchive {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, method, content) in files {
        let packed = if *method == 8 { deflated(content) } else { content.to_vec() };
        let lens = [packed.len(), content.len()].map(|len| u32::try_from(len).unwrap());
        let mut both = vec![20, 0, 0, 0];
        both.extend(method.to_le_bytes());
        both.extend([0; 4]);
        [crc32fast::hash(content), lens[0], lens[1]].iter().for_each(|number| both.extend(number.to_le_bytes()));
        both.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        both.extend([0, 0]);
        let offset = u32::try_from(bytes.len()).unwrap();
        bytes.extend([&b"PK\x03\x04"[..], &both, name.as_bytes(), &packed].concat());
        directory.extend([&b"PK\x01\x02\x14\0"[..], &both, &[0; 10], &offset.to_le_bytes(), name.as_bytes()].concat());
    }
    let at = bytes.len();
    let n_files = u16::try_from(files.len()).unwrap().to_le_bytes();
    let [len, offset] = [directory.len(), at].map(|number| u32::try_from(number).unwrap().to_le_bytes());
    bytes.extend(directory);
    bytes.extend([&b"PK\x05\x06\0\0\0\0"[..], &n_files, &n_files, &len, &offset, &[0; 2]].concat());
    TestArchive { bytes, directory: at }
}

fn open(bytes: &[u8]) -> Result<Archive<Cursor<&[u8]>>> {
    Archive::open(Cursor::new(bytes))
}

/// Reason for rejecting an archive or its file `a`.
fn refused(bytes: &[u8]) -> String {
    open(bytes).and_then(|mut archive| archive.read("a", 1000)).unwrap_err().to_string()
}

#[test]
fn files_are_read_stored_and_deflated() {
    let long = "text ".repeat(1000);
    let archive = make(&[("folder/", 0, b""), ("folder\\a", 0, b"stored"), ("b", 8, long.as_bytes())]);
    let mut archive = open(&archive.bytes).unwrap();
    let names: Vec<_> = archive.members().iter().map(|member| (member.name.as_str(), member.len)).collect();
    assert_eq!(names, [("folder/a", 6), ("b", 5000)]);
    assert_eq!(archive.read("folder/a", 6).unwrap(), b"stored");
    assert_eq!(archive.read("b", 5000).unwrap(), long.as_bytes());
    assert!(archive.read("b", 4999).unwrap_err().to_string().contains("at most 4999 are read"));
    assert!(archive.read("c", 1).unwrap_err().to_string().contains("no file `c`"));
}

#[test]
fn archives_that_are_a_danger_are_refused() {
    for name in ["../a", "/a", "a/../../b", "C:\\a", "a//b", "\\\\server\\a", "."] {
        assert!(refused(&make(&[(name, 0, b"x")]).bytes).contains("leads out of it"), "{name}");
    }
    assert!(refused(&make(&[("a", 0, b"x"), ("A", 0, b"y")]).bytes).contains("twice"));
    assert!(refused(&make(&[("a", 12, b"x")]).bytes).contains("is not supported"));
    let damaged = |at: usize, with: &[u8]| {
        let mut archive = make(&[("a", 8, &[b'x'; 900]), ("b", 0, b"y")]);
        let at = archive.directory + at;
        archive.bytes[at..at + with.len()].copy_from_slice(with);
        refused(&archive.bytes)
    };
    assert!(damaged(8, &[1]).contains("encrypted"));
    assert!(damaged(24, &[0xff; 4]).contains("at most 1000 are read"));
    // A bomb: it unpacks to more than listed. Unpacking stops one byte after the listed length.
    assert!(damaged(24, &[9, 0, 0, 0]).contains("does not match the directory"));
    // Two members that overlap, or have the same offset.
    assert!(damaged(20, &[200, 0, 0, 0]).contains("overlap"));
    let second = 46 + 1;
    assert!(damaged(second + 42, &[0; 4]).contains("overlap"));
    // Packed data that are longer than permitted.
    let long = make(&[("a", 0, &[b'x'; 9000])]);
    let mut bytes = long.bytes.clone();
    // Only deflated files have two lengths.
    bytes[long.directory + 10] = 8;
    bytes[long.directory + 24..long.directory + 28].copy_from_slice(&[9, 0, 0, 0]);
    assert!(refused(&bytes).contains("longer packed than unpacked"));
    assert!(damaged(16, &[0; 4]).contains("does not match the directory"));
    assert!(damaged(0, b"X").contains("not a ZIP archive"));
    assert!(refused(b"PK").contains("not a ZIP archive"));
    assert!(refused(&[]).contains("not a ZIP archive"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_archive_that_is_damaged_gives_what_was_in_it_or_nothing(at in 0..1000_usize, with in any::<u8>(), cut in any::<bool>()) {
        let content = "some text ".repeat(20);
        let mut bytes = make(&[("a", 8, content.as_bytes()), ("b", 0, b"second")]).bytes;
        let at = at % bytes.len();
        match cut {
            true => bytes.truncate(at),
            false => bytes[at] = with,
        }
        if let Ok(read) = open(&bytes).and_then(|mut archive| archive.read("a", 1000)) {
            prop_assert_eq!(read, content.as_bytes());
        }
    }
}
