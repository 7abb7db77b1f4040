use super::*;

fn file(bytes: &str) -> FileContent {
    FileContent { len: bytes.len() as u64, blake3: Some(Digest::hash(bytes.as_bytes())) }
}

fn contents(files: &[(&str, &str)]) -> MediumContents {
    MediumContents {
        label: "WIN11".into(),
        files: files.iter().map(|(path, bytes)| ((*path).to_owned(), file(bytes))).collect(),
        ..MediumContents::default()
    }
}

fn changes(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<String> {
    let diff = diff(&contents(old), &contents(new));
    let files = diff.groups.iter().flat_map(|group| &group.files);
    let line = |file: &FileDiff| match &file.change {
        FileDifference::Added(_) => format!("+ {}", file.path),
        FileDifference::Removed(_) => format!("- {}", file.path),
        FileDifference::Changed(old, new) => format!("~ {} {} {}", file.path, old.len, new.len),
        FileDifference::Moved { from, .. } => format!("> {from} {}", file.path),
    };
    files.map(line).collect()
}

#[test]
fn files_are_added_removed_changed_and_moved() {
    let old = [("a", "1"), ("b", "22"), ("c", "333"), ("d/e", "4444"), ("f", "same")];
    let new = [("a", "1"), ("b", "222"), ("d/g", "4444"), ("f", "eman"), ("h", "5")];
    assert_eq!(changes(&old, &new), ["~ b 2 3", "- c", "~ f 4 4", "+ h", "> d/e d/g"]);
    assert_eq!(changes(&old, &old), [""; 0]);
}

#[test]
fn a_file_that_is_there_several_times_moves_once_for_each_that_is_gone() {
    // A path with the same name in another case has priority.
    assert_eq!(
        changes(&[("x/a.txt", "1"), ("x/b.txt", "1")], &[("y/B.TXT", "1"), ("y/c.txt", "1"), ("y/d.txt", "1")]),
        ["> x/b.txt y/B.TXT", "> x/a.txt y/c.txt", "+ y/d.txt"]
    );
    // A file that still exists was not renamed.
    assert_eq!(changes(&[("a", "1")], &[("a", "1"), ("b", "1")]), ["+ b"]);
    assert_eq!(changes(&[("a", "")], &[("b", "")]), ["- a", "+ b"]);
}

#[test]
fn the_lists_of_a_medium_are_no_difference() {
    let own = [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].map(|path| (path, "1"));
    assert_eq!(changes(&own, &[(lists::MEDIUM, "2"), ("tsmedia/other", "3")]), ["+ tsmedia/other"]);
}

#[test]
fn files_are_grouped_by_entry_and_then_by_folder() {
    let mut old = contents(&[("SMS/PKG/A/1", "1"), ("SMS/PKG/A/2", "2"), ("sources/boot.wim", "wim"), ("root", "1")]);
    let mut new = contents(&[("SMS/PKG/A/1", "0"), ("SMS/PKG/A/2", "2"), ("SMS/PKG/B/3", "33"), ("boot/bcd", "b")]);
    let entry = |id: &str| ContentEntry::new(format!("package `{id}`"), format!("SMS/PKG/{id}"));
    old.entries = vec![entry("A")];
    let groups = |old: &MediumContents, new: &MediumContents| -> Vec<_> {
        let groups = diff(old, new).groups.into_iter();
        groups
            .map(|group| (group.title.unwrap_or_default(), group.path, group.tallies.map(|tally| tally.len)))
            .collect()
    };
    let of_none = [("", "", [1, 0]), ("", "boot", [0, 1]), ("", "sources", [3, 0])];
    let expected = |named: &[(&str, &str, [u64; 2])], others: &[(&str, &str, [u64; 2])]| -> Vec<_> {
        let all = named.iter().chain(others);
        all.map(|(title, path, lens)| ((*title).to_owned(), (*path).to_owned(), *lens)).collect()
    };
    let a = ("package `A`", "SMS/PKG/A", [2, 2]);
    let b = ("", "SMS/PKG/B", [0, 2]);
    assert_eq!(groups(&old, &new), expected(&[a], &[of_none[0], b, of_none[1], of_none[2]]));
    // The new manifest has other targets than the old one, and its order counts.
    new.entries = vec![entry("B"), entry("A")];
    assert_eq!(groups(&old, &new), expected(&[("package `B`", b.1, b.2), a], &of_none));
}

#[test]
fn a_package_is_a_folder_of_its_own() {
    let paths = ["a.txt", "boot/bcd", "boot/fonts/a.ttf", "SMS/PKG/A/b/c", "sms/pkg/B/d", "SMS/PKG/file", "SMS/data/x"];
    assert_eq!(paths.map(content_folder), ["", "boot", "boot", "SMS/PKG/A", "sms/pkg/B", "SMS", "SMS"]);
}

#[test]
fn values_that_one_side_cannot_know_are_not_compared() {
    let description = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let mut old =
        MediumContents { description: description(&[("kind", "bootable"), ("site", "BER")]), ..contents(&[]) };
    old.format_version = Some(1);
    let mut new = MediumContents { description: description(&[("kind", "stand-alone")]), ..contents(&[]) };
    new.label = "W11".into();
    new.date = Some(Date::EARLIEST);
    let line = |change: &ValueChange| format!("{} {:?} {:?}", change.key, change.old, change.new);
    let found: Vec<_> = diff(&old, &new).values.iter().map(line).collect();
    assert_eq!(
        found,
        [
            r#"label Some("WIN11") Some("W11")"#,
            r#"kind Some("bootable") Some("stand-alone")"#,
            r#"site Some("BER") None"#
        ]
    );
    (old.date, new.format_version) = (Date::from_unix(Date::EARLIEST.unix() + 86_400), Some(2));
    let keys: Vec<_> = diff(&old, &new).values.into_iter().map(|change| change.key).collect();
    assert_eq!(keys, ["label", "date", "format version", "kind", "site"]);
}

#[test]
fn boot_images_are_compared_by_whatever_digest_both_sides_know() {
    let on_medium = |bytes: &str| BootContent::from_file("BIOS".into(), file(bytes));
    let in_record = |bytes: &str| BootContent { bytes: None, ..on_medium(bytes) };
    let raw = |bytes: &str| BootContent { made_of: None, ..on_medium(bytes) };
    let found = |old: &[BootContent], new: &[BootContent]| -> Vec<_> {
        boot(old, new).into_iter().map(|boot| (boot.firmware, boot.change)).collect()
    };
    let bios = |change| vec![("BIOS".to_owned(), change)];
    assert_eq!(found(&[on_medium("a")], &[in_record("a")]), []);
    assert_eq!(found(&[on_medium("a")], &[raw("a")]), []);
    assert_eq!(found(&[on_medium("a")], &[in_record("b")]), bios(Some(BootChange::Changed)));
    assert_eq!(found(&[raw("a")], &[in_record("a")]), bios(None));
    assert_eq!(found(&[], &[raw("a")]), bios(Some(BootChange::Added)));
    let second = BootContent { firmware: "UEFI".into(), ..raw("a") };
    let both = [raw("a"), second];
    assert_eq!(found(&both, &both[..1]), [("UEFI".to_owned(), Some(BootChange::Removed))]);
    let unknown = MediumContents { boot: vec![raw("a")], ..contents(&[]) };
    let recorded = MediumContents { boot: vec![in_record("a")], ..contents(&[]) };
    let diff_of = |id: Option<Digest>| {
        diff(&MediumContents { id, ..unknown.clone() }, &MediumContents { id, ..recorded.clone() })
    };
    assert!(diff_of(None).is_empty() && diff_of(None).boot.len() == 1);
    assert_eq!(diff_of(Some(Digest::hash(b"one"))).boot, []);
}

#[test]
fn template_values_are_compared_by_name_where_both_sides_know_them() {
    let value = |name: &str, value: serde_json::Value| TemplateValue { name: name.into(), value };
    let with = |values: Option<Vec<TemplateValue>>| MediumContents { values, ..contents(&[]) };
    let old = with(Some(vec![value("language", "de-DE".into()), value("n", 1.into())]));
    let new = with(Some(vec![value("language", "fr-FR".into()), value("n", 1.into()), value("vpn", true.into())]));
    let changed: Vec<_> = diff(&old, &new).values.into_iter().map(|value| (value.key, value.old, value.new)).collect();
    assert_eq!(
        changed,
        [
            ("template value `language`".into(), Some("de-DE".into()), Some("fr-FR".into())),
            ("template value `vpn`".into(), None, Some("true".into())),
        ]
    );
    assert!(diff(&old, &with(None)).is_empty());
}
