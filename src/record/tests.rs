use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::digest::Digests;
use crate::output::fixtures::MediumFixture;
use crate::output::{ContentEntry, RecordedSecrets, TemplateValue, find_entry};
use crate::target::fixtures::target;
use crate::write::{Call, log_path};

#[test]
fn a_newer_record_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("media.record.json")).unwrap();
    for text in ["{\n\"record-version\": 9,\n\"outputs\": []\n}", "{\n\"record-version\": 9,\n\"media\": 1\n}"] {
        fs::write(&path, text).unwrap();
        let error = Record::load(&path).unwrap_err().to_string();
        assert!(error.contains("of version 9, but this tsmedia reads versions up to 4"), "{error}");
    }
    for text in ["", "[]", "{\"outputs\": []}"] {
        fs::write(&path, text).unwrap();
        assert!(Record::load(&path).unwrap_err().advice().unwrap().contains("Git"), "{text}");
    }
}

#[test]
fn the_record_of_a_manifest_is_beside_it() {
    assert_eq!(Record::path_beside(Utf8Path::new("a/media.toml")), "a/media.record.json");
    assert_eq!(Record::path_beside(Utf8Path::new("boot.toml")), "boot.record.json");
}

#[test]
fn a_file_belongs_to_the_nearest_entry() {
    let entry = |path: &str| ContentEntry::new(path, path);
    let entries = [entry("."), entry("SMS/PKG"), entry("SMS/PKG/A")];
    let title = |path| find_entry(&entries, path).map(|entry| entry.title.as_str());
    assert_eq!(
        ["x", "SMS/PKG/A/b", "SMS/PKG/AB", "SMS/PKG/A"].map(title),
        [Some("."), Some("SMS/PKG/A"), Some("SMS/PKG"), Some("SMS/PKG/A")]
    );
    assert_eq!(find_entry(&entries[1..], "boot/bcd"), None);
}

/// Lays out the output of a fixture.
fn seal(fixture: &MediumFixture) -> (Output, Sealed) {
    let output = fixture.output();
    let draft = output.draft(&|_| None).unwrap();
    let known = |job: crate::output::CopyJob| Digests::hash(&fs::read(job.file.path()).unwrap());
    let digests: Vec<_> = draft.jobs(&|_| None).into_iter().map(known).collect();
    let sealed = draft.seal(&digests).unwrap();
    (output, sealed)
}

/// Makes a record with one output, and returns the entry of the output.
fn put(fixture: &MediumFixture, values: Vec<TemplateValue>) -> (Record, RecordedMedium) {
    let target = Target { values, ..target(fixture) };
    let (output, sealed) = seal(fixture);
    let mut record = Record::default();
    record.put_medium(&target, &output, &sealed).unwrap();
    let recorded = record.medium(&target.name).unwrap().clone();
    (record, recorded)
}

fn value(name: &str, value: impl Into<serde_json::Value>) -> TemplateValue {
    TemplateValue { name: name.into(), value: value.into() }
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let fixture = MediumFixture::new();
    let path = fixture.root.join("media.record.json");
    let values =
        vec![value("language", "de-DE"), value("net", serde_json::json!({ "dns": [1, true, "ü\n"], "a": 1.5 }))];
    let (record, recorded) = put(&fixture, values);
    record.save(&path, &DiskOps::default()).unwrap();
    let loaded = Record::load(&path).unwrap();
    assert_eq!(loaded.medium(&recorded.name), Some(&recorded));
    assert_eq!(loaded.files(&recorded.name).unwrap(), record.files(&recorded.name).unwrap());
    let text = fs::read_to_string(&path).unwrap();
    loaded.save(&path, &DiskOps::default()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_record_of_version_1_is_read_and_its_values_are_not_known() {
    let fixture = MediumFixture::new();
    let path = fixture.root.join("media.record.json");
    let (mut record, recorded) = put(&fixture, Vec::new());
    record.save(&path, &DiskOps::default()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let old = text.replace("\"record-version\": 4", "\"record-version\": 1").replace(",\n  \"values\": []", "");
    assert!(!old.contains("values") && text.contains("values"), "{text}");
    fs::write(&path, old).unwrap();
    record = Record::load(&path).unwrap();
    assert_eq!(record.medium(&recorded.name), Some(&RecordedMedium { values: None, ..recorded }));
    // Unchanged contents are taken from the old record.
    let target = Target { values: vec![value("language", "de-DE")], ..target(&fixture) };
    assert!(record.renew_values(&target));
    assert!(!record.renew_values(&target));
    assert_eq!(record.medium(&target.name).unwrap().values, Some(target.values));
}

#[test]
fn a_record_that_says_the_same_is_not_written() {
    let fixture = MediumFixture::new();
    let path = fixture.root.join("media.record.json");
    let (record, recorded) = put(&fixture, Vec::new());
    record.save(&path, &DiskOps::default()).unwrap();
    let refused = DiskOps::watched(|_| Err(io::ErrorKind::ReadOnlyFilesystem.into()));
    record.save(&path, &refused).unwrap();
    let mut loaded = Record::load(&path).unwrap();
    loaded.save(&path, &refused).unwrap();
    loaded.remove(&recorded.name);
    assert!(loaded.save(&path, &refused).is_err());
}

#[test]
fn finished_targets_last_at_once_and_the_record_is_rewritten_seldom() {
    let fixture = MediumFixture::new();
    let path = fixture.root.join("media.record.json");
    let (output, sealed) = seal(&fixture);
    let n_rewrites = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_rewrites);
    let disk = DiskOps::watched(move |call| {
        counted.fetch_add(usize::from(call == Call::Rename), Ordering::Relaxed);
        Ok(())
    });
    let targets: Vec<_> = (0..64).map(|n| Target { name: format!("out/{n:02}.iso"), ..target(&fixture) }).collect();
    let is_as_saved = |record: &Record, name: &str| {
        let loaded = Record::load(&path).unwrap();
        assert!(loaded.targets().eq(record.targets()), "after {name}");
        assert_eq!(loaded.files(name).unwrap(), record.files(name).unwrap(), "after {name}");
    };
    let mut record = Record::default();
    let mut writer = RecordWriter::new(&path, &disk);
    for target in &targets {
        record.put_medium(target, &output, &sealed).unwrap();
        writer.save_target(&record, &target.name).unwrap();
        is_as_saved(&record, &target.name);
    }
    let n_created = n_rewrites.swap(0, Ordering::Relaxed);
    assert!((2..=10).contains(&n_created), "the record was written {n_created} times");
    // Another run goes on after this one was killed.
    record = Record::load(&path).unwrap();
    writer = RecordWriter::new(&path, &disk);
    for target in &targets {
        match target.name.ends_with("0.iso") {
            true => record.remove(&target.name),
            false => assert!(record.renew_values(&Target { values: vec![value("a", 1)], ..target.clone() })),
        }
        writer.save_target(&record, &target.name).unwrap();
        is_as_saved(&record, &target.name);
    }
    writer.finish(&record).unwrap();
    let n_changed = n_rewrites.load(Ordering::Relaxed);
    assert!((1..=3).contains(&n_changed), "the record was written {n_changed} times");
    assert!(!log_path(&path).exists());
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, record.to_json().unwrap());
    // The log of another record does not count.
    record.remove("out/01.iso");
    RecordWriter::new(&path, &disk).save_target(&record, "out/01.iso").unwrap();
    assert!(log_path(&path).exists() && Record::load(&path).unwrap().get("out/01.iso").is_none());
    fs::write(&path, text.replace("WIN11 BER", "WIN11 MUC")).unwrap();
    assert!(Record::load(&path).unwrap().get("out/01.iso").is_some());
}

#[test]
fn of_a_merge_conflict_the_first_side_is_used() {
    let fixture = MediumFixture::new();
    let path = fixture.root.join("media.record.json");
    let (record, recorded) = put(&fixture, Vec::new());
    record.save(&path, &DiskOps::default()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let id = format!("  \"id\": \"{}\",\n", recorded.id);
    let other = id.replace(&recorded.id.to_string(), &Digest::hash(b"other").to_string());
    let conflict = format!("<<<<<<< HEAD\n{id}=======\n{other}>>>>>>> branch\n");
    fs::write(&path, text.replace(&id, &conflict)).unwrap();
    let (merged, fault) = Record::load_or_empty(&path).unwrap();
    assert_eq!(merged.medium(&recorded.name), Some(&recorded));
    assert_eq!(fault.unwrap().to_string(), format!("`{path}` has an unresolved merge conflict in line 8"));
    assert!(merged.is_damaged());
    merged.save(&path, &DiskOps::default()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    // Neither side is a record: the media count as not recorded.
    fs::write(&path, format!("{{\n{conflict}")).unwrap();
    let (none, fault) = Record::load_or_empty(&path).unwrap();
    assert!(none.targets().len() == 0 && fault.is_some());
}

#[test]
fn fingerprints_of_another_key_leave_the_record_as_it_is() {
    let fixture = MediumFixture::new();
    let (_, recorded) = put(&fixture, Vec::new());
    let with_key = |key: u8, secret: u8| RecordedMedium {
        secrets: Some(RecordedSecrets {
            key: Digest([key; 32]),
            digest: Digest([secret; 32]),
            files: vec!["SMS/data".into()],
            values: Vec::new(),
        }),
        ..recorded.clone()
    };
    let file = |path: &str, digest: u8| RecordedFile { path: path.into(), len: 1, blake3: Digest([digest; 32]) };
    let (old, new) = (with_key(1, 2), with_key(3, 4));
    assert!(new.has_other_key(&old) && !new.has_other_key(&with_key(3, 5)) && !new.has_other_key(&recorded));
    let blank = |medium: &RecordedMedium, secret, public| {
        medium.without_fingerprints(&[file("SMS/data", secret), file("public", public)])
    };
    assert_eq!(blank(&old, 1, 9), blank(&new, 2, 9));
    assert_ne!(blank(&old, 1, 8), blank(&new, 1, 9));
    assert_ne!(blank(&RecordedMedium { len: 7, ..old }, 1, 9), blank(&new, 1, 9));
}
