use camino::Utf8PathBuf;
use proptest::prelude::*;

use super::*;
use crate::content::{Content, SourceFile, Stat};
use crate::date::Date;
use crate::firmware::Firmware;
use crate::layout::Layout;
use crate::manifest::{Capacity, Kind};
use crate::output::{ContentEntry, Form};
use crate::volume::BootEntry;

/// Creates a file that does not exist; only its length matters.
fn file(len: u64) -> Content {
    let stat = Stat { device: 1, inode: len, len, modified_ns: 0, changed_ns: 0 };
    Content::file(SourceFile { path: Utf8PathBuf::from("/none"), stat })
}

/// Creates a medium with a boot image and packages with these files.
fn media<'a>(files: impl IntoIterator<Item = (&'a str, u64)>) -> Media {
    let mut root = Folder::default();
    root.insert("sources/boot.wim", file(300_000)).unwrap();
    root.insert("readme.txt", file(10)).unwrap();
    for (path, content) in own_files("WIN11 BER", false, &root) {
        root.insert(path, content).unwrap();
    }
    let mut entries = vec![ContentEntry::new("file `readme.txt`", "readme.txt")];
    for (path, len) in files {
        root.insert(&format!("{PACKAGES}/{path}"), file(len)).unwrap();
        let id = path.split('/').next().unwrap();
        let entry = ContentEntry::new(format!("package `{id}`"), format!("{PACKAGES}/{id}"));
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    Media {
        name: "win11".into(),
        kind: Kind::StandAlone,
        description: Vec::new(),
        site: Some("BER".into()),
        form: Form::Disc,
        label: "WIN11 BER".into(),
        date: Date::EARLIEST,
        autorun: false,
        capacity: Capacity::Unlimited,
        path: "/out/win11.iso".into(),
        path_as_written: "out/win11.iso".into(),
        root,
        boot: vec![BootEntry { firmware: Firmware::Bios, image: Layout::from(&Content::bytes([1; 2_048])) }],
        entries,
        values: Vec::new(),
        secret_content: None,
        discs: Vec::new(),
    }
}

fn made(media: &Media, capacity: u64) -> Vec<Output> {
    split_into_discs(media, Size(capacity)).unwrap().unwrap()
}

/// Describes the packages on each disc, with the number of files if divided.
fn packages(discs: &[Output]) -> Vec<String> {
    let of = |disc: &Output| {
        let parts = disc.disc.as_ref().unwrap().parts.iter().filter(|part| part.title.starts_with("package"));
        let part = |part: &DiscPart| {
            let id = part.title.trim_start_matches("package ").trim_matches('`');
            if part.is_whole { id.to_owned() } else { format!("{id} ({} files)", part.n_files) }
        };
        parts.map(part).collect::<Vec<_>>().join(", ")
    };
    discs.iter().map(of).collect()
}

#[test]
fn each_disc_says_which_it_is_and_the_last_that_it_is_the_last() {
    let media = media([("BER00001/a.cab", 2_000_000), ("BER00002/b.cab", 2_000_000)]);
    let discs = made(&media, 4_000_000);
    let said: Vec<_> = discs
        .iter()
        .map(|disc| {
            let said = |key: &str| disc.description.iter().find(|(k, _)| *k == key).map(|(_, value)| value.as_str());
            (disc.label.as_str(), said("disc"), said("discs"))
        })
        .collect();
    assert_eq!(said, [("WIN11 BER 1", Some("1"), None), ("WIN11 BER 2", Some("2"), Some("2")),]);
    let targets = Media { discs: discs.clone(), ..media.clone() }.targets();
    let places: Vec<_> = targets.iter().map(|target| (target.name.as_str(), target.path.as_str())).collect();
    assert_eq!(places, [("out/win11.1.iso", "/out/win11.1.iso"), ("out/win11.2.iso", "/out/win11.2.iso")]);
    for (number, disc) in (1..).zip(&discs) {
        let Some(Node::File(Content::Bytes(text))) = disc.root.get("MediaLabel.txt") else { panic!("{disc:?}") };
        assert_eq!(**text, *format!("label=WIN11 BER {number}\r\n").as_bytes());
        assert_eq!(disc.boot.is_empty(), number > 1);
        assert_eq!(disc.root.get("sources/boot.wim").is_some(), number == 1);
    }
    let ids: std::collections::BTreeSet<_> = discs.iter().map(|disc| &disc.disc.as_ref().unwrap().set).collect();
    assert_eq!(ids.len(), 1);
    let mut other = media.clone();
    other.name = "win12".into();
    assert!(!ids.contains(&made(&other, 4_000_000)[0].disc.as_ref().unwrap().set));
}

#[test]
fn labels_stay_within_what_windows_shows_and_keep_their_number() {
    assert_eq!(numbered_label("WIN11 BER", 3), "WIN11 BER 3");
    assert_eq!(numbered_label(&"x".repeat(32), 3), format!("{} 3", "x".repeat(30)));
    assert_eq!(numbered_label(&format!("{} y", "x".repeat(28)), 12), format!("{} 12", "x".repeat(28)));
    assert_eq!(numbered_label(&"😀".repeat(16), 12).encode_utf16().count(), 31);
}

#[test]
fn packages_follow_in_the_order_of_the_manifest_and_only_large_ones_are_divided() {
    let mut files = vec![("BER00009/large.wim".to_owned(), 2_500_000), ("BER00009/setup.exe".to_owned(), 10)];
    files.extend((0..40).map(|n| (format!("BER00001/{n}.dat"), 90_000)));
    files.extend((0..20).map(|n| (format!("BER0010{}/{n}.dat", n / 4), 30_000)));
    files.extend([("BER00005/one.wim".into(), 1_900_000), ("BER00005/two.wim".into(), 3_000_000)]);
    let media = media(files.iter().map(|(path, len)| (path.as_str(), *len)));
    let discs = made(&media, 4_000_000);
    assert_eq!(
        packages(&discs),
        [
            "BER00009",
            "BER00001 (30 files)",
            "BER00001 (10 files), BER00100, BER00101, BER00102, BER00103, BER00104",
            "BER00005 (1 files)",
            "BER00005 (1 files)",
        ]
    );
    // Verify the size bounds with a layout.
    for disc in &discs {
        assert!(disc.draft(&|_| None).unwrap().len() <= 4_000_000);
    }
}

#[test]
fn what_cannot_be_divided_is_told() {
    let too_large = |media: &Media, capacity: u64| split_into_discs(media, Size(capacity)).unwrap().unwrap_err();
    let of_file = media([("BER00001/a.cab", 2_000_000), ("BER00001/folder/large.cab", 4_000_000)]);
    let TooLarge::File(path, overflow) = too_large(&of_file, 4_500_000) else { panic!("fits") };
    assert_eq!((path.as_str(), overflow.capacity), ("SMS/PKG/BER00001/folder/large.cab", Size(4_500_000)));
    // Exact to the sector: the layout decides.
    assert_eq!(made(&of_file, overflow.len.0).len(), 2);
    assert!(matches!(too_large(&of_file, overflow.len.0 - 1), TooLarge::File(..)));

    let mut of_start = media([("BER00001/a.cab", 10_000)]);
    of_start.root.insert("Documents/film.mp4", file(3_000_000)).unwrap();
    let TooLarge::Start(overflow) = too_large(&of_start, 2_000_000) else { panic!("fits") };
    assert_eq!(made(&of_start, overflow.len.0).len(), 2);
    assert!(matches!(too_large(&of_start, overflow.len.0 - 1), TooLarge::Start(_)));

    let many = (0..200).map(|n| (format!("BER{n:05}/a.cab"), 600_000)).collect::<Vec<_>>();
    let many = media(many.iter().map(|(path, len)| (path.as_str(), *len)));
    assert!(matches!(too_large(&many, 2_000_000), TooLarge::Discs(100..)));
}

/// Returns the content of a disc, without places.
fn seen(disc: &Output) -> (String, Vec<(&'static str, String)>, Vec<String>) {
    let mut paths = Vec::new();
    disc.root.visit(&mut |path, node| {
        paths.push(match node {
            Node::File(content) => format!("{path} {}", content.len()),
            Node::Folder(_) => path.to_owned(),
        });
    });
    (disc.label.clone(), disc.description.clone(), paths)
}

fn any_files() -> impl Strategy<Value = Vec<(String, u64)>> {
    let name = (0..6u32, 0..3u32, 0..40u32, prop::bool::weighted(0.1)).prop_map(|(package, folder, n, is_long)| {
        let long = if is_long { "ü".repeat(90) } else { String::new() };
        format!("BER0000{package}/folder {folder}/{n}{long}.dat")
    });
    let len = prop_oneof![1 => Just(0u64), 8 => 1..40_000u64, 3 => 40_000..400_000u64, 1 => 400_000..1_500_000u64];
    prop::collection::vec((name, len), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// For any tree and capacity: the discs together have the whole tree, each is within the
    /// capacity by layout and bound, the first one can start, and the result is deterministic.
    #[test]
    fn the_discs_of_any_tree_are_the_tree(files in any_files(), capacity in 2_600_000..6_000_000u64) {
        let files: std::collections::BTreeMap<_, _> = files.into_iter().collect();
        let mut media = media(files.iter().map(|(path, len)| (path.as_str(), *len)));
        media.root.insert_folder("SMS/PKG/BER00001/empty/folder").unwrap();
        media.root.insert_folder("SMS/PKG/BER00007").unwrap();
        let discs = made(&media, capacity);
        let mut paths = std::collections::BTreeMap::new();
        let mut folders = std::collections::BTreeSet::new();
        for (index, disc) in discs.iter().enumerate() {
            prop_assert_eq!(disc.boot.is_empty(), index > 0);
            let len = disc.draft(&|_| None).unwrap().len();
            prop_assert!(len <= capacity && len.is_multiple_of(2_048), "{}", len);
            let (volume, _) = disc.volume(&|_| None).unwrap();
            let tight = crate::format::iso::layout(&volume, crate::layout::Slack::None).unwrap().len();
            prop_assert!(size_bound::at_least(disc) < tight && tight <= size_bound::at_most(disc), "{} of {}", tight, size_bound::at_most(disc));
            prop_assert!(size_bound::at_most(disc) < tight + tight / 10 + 60_000, "{} of {}", tight, size_bound::at_most(disc));
            disc.root.visit(&mut |path, node| match node {
                Node::File(_) if path == LABEL_FILE => {}
                Node::File(content) => assert_eq!(paths.insert(path.to_owned(), content.len()), None, "{path} twice"),
                Node::Folder(_) => drop(folders.insert(path.to_owned())),
            });
        }
        media.root.visit(&mut |path, node| match node {
            Node::File(_) if path == LABEL_FILE => {}
            Node::File(content) => assert_eq!(paths.remove(path), Some(content.len()), "{path}"),
            Node::Folder(_) => assert!(folders.remove(path), "{path}"),
        });
        prop_assert!(paths.is_empty() && folders.is_empty(), "{:?} {:?}", paths, folders);
        prop_assert_eq!(discs.iter().map(seen).collect::<Vec<_>>(), made(&media, capacity).iter().map(seen).collect::<Vec<_>>());
    }
}

/// Files of usual sizes, up to 1/1000 of a disc.
#[test]
fn discs_of_a_large_set_are_full_to_nine_tenths() {
    const CAPACITY: u64 = 4_700_372_992;
    let files: Vec<_> = (0..10_000u64)
        .map(|n| (format!("BER{:05}/drivers/{}/{n}.sys", n / 400, n % 37), 10_000 + n * 7_919 % 4_500_000))
        .collect();
    let media = media(files.iter().map(|(path, len)| (path.as_str(), *len)));
    let lens: Vec<_> = made(&media, CAPACITY).iter().map(|disc| disc.draft(&|_| None).unwrap().len()).collect();
    let (_, full) = lens.split_last().unwrap();
    assert!(full.len() > 3 && full.iter().all(|len| len * 10 >= CAPACITY * 9), "{lens:?}");
}
