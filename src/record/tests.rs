use super::*;

#[test]
fn a_newer_record_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("media.record.json")).unwrap();
    for text in ["{\n\"record-version\": 9,\n\"outputs\": []\n}", "{\n\"record-version\": 9,\n\"media\": 1\n}"] {
        fs::write(&path, text).unwrap();
        let error = Record::load(&path).unwrap_err().to_string();
        assert!(error.contains("of version 9, and this tsmedia reads up to 1"), "{error}");
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
    let entry = |path: &str| Entry { title: path.into(), path: path.into() };
    let entries = [entry("."), entry("SMS/PKG"), entry("SMS/PKG/A")];
    let title = |path| entry_of(&entries, path).map(|entry| entry.title.as_str());
    assert_eq!(
        ["x", "SMS/PKG/A/b", "SMS/PKG/AB", "SMS/PKG/A"].map(title),
        [Some("."), Some("SMS/PKG/A"), Some("SMS/PKG"), Some("SMS/PKG/A")]
    );
    assert_eq!(entry_of(&entries[1..], "boot/bcd"), None);
}
