use std::fs;

use super::*;
use crate::digest::Digests;
use crate::output::fixtures::MediumFixture;
use crate::output::{ContentEntry, TemplateValue, find_entry};
use crate::target::fixtures::target;

#[test]
fn a_newer_record_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("media.record.json")).unwrap();
    for text in ["{\n\"record-version\": 9,\n\"outputs\": []\n}", "{\n\"record-version\": 9,\n\"media\": 1\n}"] {
        fs::write(&path, text).unwrap();
        let error = Record::load(&path).unwrap_err().to_string();
        assert!(error.contains("of version 9, but this tsmedia reads versions up to 2"), "{error}");
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

/// Makes a record with one output, and returns the entry of the output.
fn put(fixture: &MediumFixture, values: Vec<TemplateValue>) -> (Record, RecordedMedium) {
    let (target, output) = (Target { values, ..target(fixture) }, fixture.output());
    let draft = output.draft(&|_| None).unwrap();
    let known = |job: crate::output::CopyJob| Digests::hash(&fs::read(job.file.path()).unwrap());
    let digests: Vec<_> = draft.jobs(&|_| None).into_iter().map(known).collect();
    let mut record = Record::default();
    record.put_medium(&target, &output, &draft.seal(&digests).unwrap());
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
    let old = text.replace("\"record-version\": 2", "\"record-version\": 1").replace(",\n  \"values\": []", "");
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
