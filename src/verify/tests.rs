use std::io::Cursor;

use super::*;
use crate::output;
use crate::output::fixtures::MediumFixture;
use test_fixtures::is_thorough;

/// Bytes of a small medium and the list of its files from before it was damaged.
fn medium() -> (MediumFixture, Vec<u8>, Listing) {
    let fixture = MediumFixture::new();
    fixture.put("tool/setup.exe", b"setup");
    fixture.put("image/install.wim", b"image");
    let bytes = fixture.clean_build();
    let listing = output::read(&mut Cursor::new(&bytes)).unwrap();
    (fixture, bytes, listing)
}

fn faults(bytes: &[u8], listing: &Listing) -> Vec<MediumFault> {
    verify(&mut Cursor::new(bytes), listing, &Progress::default()).unwrap().faults
}

#[test]
fn a_whole_medium_has_no_fault() {
    let (_desk, bytes, listing) = medium();
    let verified = verify(&mut Cursor::new(&bytes), &listing, &Progress::default()).unwrap();
    assert_eq!(verified.faults, []);
    assert_eq!(verified.medium.unwrap().label, "WIN11 BER");
    assert_eq!(verified.files.len(), 8);
}

#[test]
fn a_flip_of_any_byte_is_found_and_put_down_to_what_holds_it() {
    let (_desk, mut bytes, listing) = medium();
    let holder = |at: u64| {
        let holds = |place: &crate::layout::Region| (place.offset..place.offset + place.len).contains(&at);
        listing.files.iter().find(|file| file.places.iter().any(holds)).map(|file| file.path.as_str())
    };
    let step = if is_thorough() { 1 } else { 11 };
    for at in (0..bytes.len()).step_by(step) {
        for bit in [0x01, 0x20] {
            bytes[at] ^= bit;
            let faults = faults(&bytes, &listing);
            bytes[at] ^= bit;
            match holder(at as u64) {
                None => assert_eq!(faults, [MediumFault::Structure], "byte {at}"),
                Some(list @ (lists::BLAKE3SUMS | lists::SHA256SUMS)) => {
                    let is_list = |fault: &MediumFault| matches!(fault, MediumFault::List { .. });
                    assert!(!faults.is_empty() && faults.iter().all(is_list), "byte {at} of {list}: {faults:?}");
                }
                Some(path) => assert_eq!(faults, [MediumFault::Damaged(path.to_owned())], "byte {at}"),
            }
        }
    }
}

#[test]
fn missing_extra_and_unreadable_files_are_named() {
    let (_desk, bytes, listing) = medium();
    let mut other = listing.clone();
    let at = other.files.iter().position(|file| file.path.ends_with("setup.exe")).unwrap();
    other.files[at].path = "SMS/PKG/BER00001/virus.exe".into();
    assert_eq!(
        faults(&bytes, &other),
        [
            MediumFault::Missing("SMS/PKG/BER00001/setup.exe".into()),
            MediumFault::Extra("SMS/PKG/BER00001/virus.exe".into())
        ]
    );
    for list in [lists::BLAKE3SUMS, lists::SHA256SUMS] {
        let mut other = listing.clone();
        other.files.retain(|file| file.path != list);
        assert!(faults(&bytes, &other).contains(&MediumFault::Missing(list.into())), "{list}");
    }
    let install = listing.files.iter().find(|file| file.path.ends_with("install.wim")).unwrap();
    let found = faults(&bytes[..install.places[0].offset as usize + 2], &listing);
    assert!(matches!(found[0], MediumFault::CutOff { .. }), "{found:?}");
    assert!(found.contains(&MediumFault::Unreadable(install.path.clone())), "{found:?}");
}

#[test]
fn a_longer_medium_is_not_the_same() {
    let (_desk, mut bytes, listing) = medium();
    bytes.extend([0; 2_048]);
    assert_eq!(faults(&bytes, &listing), [MediumFault::Structure]);
}

#[test]
fn a_disc_of_someone_else_is_refused() {
    let (_desk, bytes, mut listing) = medium();
    listing.files.retain(|file| !file.path.starts_with("tsmedia/"));
    assert!(verify(&mut Cursor::new(bytes), &listing, &Progress::default()).is_err());
}

#[test]
fn a_medium_is_compared_with_what_the_manifest_makes_now() {
    let (fixture, bytes, listing) = medium();
    let verified = verify(&mut Cursor::new(&bytes), &listing, &Progress::default()).unwrap();
    let mut store = Store::open(&fixture.root.join(".tsmedia"));
    let mut compare = |output: &Output| {
        let wanted = wanted(output, &mut store, &WriteOptions::default(), &Progress::default()).unwrap();
        compare(&verified, output, &wanted)
    };
    assert_eq!(compare(&fixture.output()), []);
    let mut other = fixture.output();
    other.label = "OTHER".into();
    other.description.push(("name", "win11".into()));
    let value = |key: &str, medium: Option<&str>, manifest: &str| MediumFault::OtherValue {
        key: key.into(),
        medium: medium.map(str::to_owned),
        manifest: Some(manifest.into()),
    };
    assert_eq!(compare(&other), [value("label", Some("WIN11 BER"), "OTHER"), value("name", None, "win11")]);
    let mut dated = fixture.output();
    dated.date = crate::date::Date::LATEST;
    assert_eq!(compare(&dated), [MediumFault::OtherIdentity]);
    fixture.put("tool/setup.exe", b"SETUP");
    fixture.put("tool/new", b"new");
    std::fs::remove_file(fixture.root.join("sources/tool/empty")).unwrap();
    let path = |name: &str| format!("SMS/PKG/BER00001/{name}");
    assert_eq!(
        compare(&fixture.output()),
        [
            MediumFault::NotThere(path("new")),
            MediumFault::Differs(path("setup.exe")),
            MediumFault::NotInManifest(path("empty"))
        ]
    );
}
