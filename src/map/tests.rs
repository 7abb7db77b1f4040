use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::digest::Digest;
use crate::format::iso::{BootProgram, IsoStructure, VolumeEntry};

const MIB: u64 = 1 << 20;

fn file(path: &str, offset: u64, len: u64) -> VolumeEntry {
    let extents = if len == 0 { Vec::new() } else { std::iter::once(offset..offset + len).collect() };
    VolumeEntry { path: path.into(), is_folder: false, len, extents }
}

/// Makes a disc with a head of 600,000 bytes, these files, and folders after them.
fn disc(files: Vec<VolumeEntry>, len: u64) -> IsoDisc {
    let end = files.iter().flat_map(|file| &file.extents).map(|place| place.end).max().unwrap_or(600_000);
    let folders = end.next_multiple_of(2_048);
    let structures = [
        (IsoPart::Descriptors, 32_768..40_960),
        (IsoPart::BootCatalog, 139_264..141_312),
        (IsoPart::Anchor, 524_288..526_336),
        (IsoPart::IsoFolders, folders..folders + 2_048),
        (IsoPart::UdfFolders, folders + 2_048..folders + 2_148),
        (IsoPart::FileEntries, folders + 4_096..folders + 10_240),
        (IsoPart::Anchor, len - 2_048..len),
    ];
    IsoDisc {
        len,
        label: Default::default(),
        id: String::new(),
        date: None,
        boot: Vec::new(),
        udf: Some(files),
        iso: None,
        joliet: None,
        structures: structures.map(|(part, range)| IsoStructure { part, range }).into(),
    }
}

fn rows(map: &Map) -> Vec<String> {
    let regions = map.regions.iter();
    let row = |region: &MapRegion| {
        let MapRegion { kind, name, offset, len, used, n_files, .. } = region;
        let name = if name.is_empty() { "(root)" } else { name };
        format!("{offset} +{len} {used} {n_files} {}: {name}", kind.as_str())
    };
    regions.map(row).collect()
}

fn small() -> Vec<VolumeEntry> {
    vec![
        file("sources/install.wim", 600_064, 2 * MIB),
        file("SMS/PKG/A/1", 2_699_264, 100),
        file("SMS/PKG/A/2", 2_701_312, 3_000),
        file("SMS/PKG/B/1", 2_705_408, 2_048),
        file("SMS/PKG/B/empty", 0, 0),
        file("readme.txt", 2_707_456, 10),
        file("tsmedia/medium.toml", 2_709_504, 300),
    ]
}

#[test]
fn a_medium_is_divided_into_regions_that_are_all_of_it() {
    let disc = disc(small(), 3_000_320);
    let map = map_of(&disc);
    insta::assert_snapshot!(rows(&map).join("\n"), @"
    0 +600064 12288 0 head: descriptors, boot catalog, anchor
    600064 +2099200 2097152 1 large file: sources/install.wim
    2699264 +6144 3100 2 small files: SMS/PKG/A
    2705408 +2048 2048 1 small files: SMS/PKG/B
    2707456 +2048 10 1 small files: (root)
    2709504 +2048 300 1 lists: tsmedia
    2711552 +2048 2048 0 folders: ISO 9660
    2713600 +2048 100 0 folders: UDF
    2715648 +282624 6144 0 file entries: UDF
    2998272 +2048 2048 0 head: anchor
    ");
    let mut at = 0;
    for region in &map.regions {
        assert_eq!(region.offset, at);
        assert!(region.used <= region.span && region.span <= region.len, "{region:?}");
        at = region.end();
    }
    assert_eq!(at, map.len);
    let totals = map.totals();
    assert_eq!(totals.content + totals.structures + totals.slack, map.len);
    assert_eq!((totals.n_files, totals.content), (6, 2 * MIB + 5_458));
}

#[test]
fn bytes_that_files_share_are_counted_once() {
    let files = vec![file("a/1", 600_064, 5_000), file("a/2", 600_064, 5_000), file("b/3", 602_112, 2_000)];
    let map = map_of(&disc(files, 1 << 20));
    assert_eq!(map.totals().content, 5_000);
    assert_eq!(map.totals().n_files, 3);
}

#[test]
fn a_boot_program_that_is_no_file_is_a_region() {
    let mut disc = disc(vec![file("boot/bcd", 600_064, 10), file("boot/start.com", 700_416, 4_096)], 1 << 20);
    let program = |platform, n_sectors, offset| BootProgram { platform, is_bootable: true, n_sectors, offset };
    disc.boot = vec![program(0, 8, 700_416), program(0xEF, 64, 604_160), program(0xEF, 1, 660_000)];
    let boot: Vec<_> = rows(&map_of(&disc)).into_iter().filter(|row| row.contains("boot program")).collect();
    assert_eq!(boot, ["604160 +55840 32768 0 boot program: UEFI", "660000 +40416 512 0 boot program: UEFI"]);
}

#[test]
fn structures_that_take_turns_are_one_region() {
    let mut disc = disc(vec![file("a", 600_064, 10)], 1 << 20);
    for n in 0..10 {
        let at = 700_416 + n * 4_096;
        disc.structures.push(IsoStructure { part: IsoPart::UdfFolders, range: at..at + 200 });
        disc.structures.push(IsoStructure { part: IsoPart::FileEntries, range: at + 2_048..at + 4_096 });
    }
    disc.structures.sort_by_key(|structure| structure.range.start);
    let rows = rows(&map_of(&disc));
    assert_eq!(rows[2], "602112 +444416 30772 0 folders: ISO 9660, UDF, with file entries");
}

/// Makes the bytes of a disc, whose structures contain `fill`. The bytes of files are not compared.
fn map_of(disc: &IsoDisc) -> Map {
    Map::new(&ParsedMedium::Disc(disc.clone()))
}

fn bytes(disc: &IsoDisc, fill: u8) -> Vec<u8> {
    let mut bytes = vec![0; disc.len as usize];
    for structure in &disc.structures {
        bytes[structure.range.start as usize..structure.range.end as usize].fill(fill);
    }
    bytes
}

fn compared(old: &IsoDisc, new: &IsoDisc, fills: [u8; 2], changed: &str) -> (Map, Map, Marks) {
    let digests = |disc: &IsoDisc, is_new: bool| -> HashMap<String, Digest> {
        let digest =
            |file: &VolumeEntry| Digest::hash(format!("{} {}", file.path, is_new && file.path == changed).as_bytes());
        disc.files().iter().map(|file| (file.path.clone(), digest(file))).collect()
    };
    let (of_old, of_new) = (digests(old, false), digests(new, true));
    let (old_bytes, new_bytes) = (bytes(old, fills[0]), bytes(new, fills[1]));
    let mut same_len = |from: u64, range: Range<u64>| {
        let old = &old_bytes[from as usize..(from + range.end - range.start) as usize];
        let sectors = old.chunks(2_048).zip(new_bytes[range.start as usize..range.end as usize].chunks(2_048));
        Ok(sectors.filter(|(old, new)| old == new).map(|(old, _)| old.len() as u64).sum())
    };
    let (old, new) = (map_of(old), map_of(new));
    let marks = marks(&old, &new, &mut Reads { digests: [&of_old, &of_new], same_len: &mut same_len }).unwrap();
    (old, new, marks)
}

#[test]
fn a_medium_and_itself_are_all_the_same() {
    let disc = disc(small(), 3_000_320);
    let (map, _, marks) = compared(&disc, &disc, [1, 1], "");
    assert!(marks.new.iter().chain(&marks.old).all(|state| *state == RegionState::Same), "{marks:?}");
    assert_eq!(marks.same.iter().sum::<u64>(), map.len);
}

#[test]
fn regions_stay_change_move_come_and_go() {
    let old = disc(small(), 3_000_320);
    let mut files = small();
    files.retain(|file| !file.path.starts_with("SMS/PKG/A"));
    files.insert(1, file("SMS/PKG/C/1", 2_699_264, 100));
    // A package moves as a whole. The file in the root has another location and content.
    files[2].extents = std::iter::once(2_703_360..2_705_408).collect();
    files[4].extents = std::iter::once(2_705_408..2_705_418).collect();
    let new = disc(files, 3_000_320);
    let (of_old, of_new, marks) = compared(&old, &new, [1, 2], "readme.txt");
    let words = |map: &Map, states: &[RegionState]| -> Vec<_> {
        let named = map.regions.iter().zip(states);
        named.map(|(region, state)| format!("{}: {state:?}", region.name)).collect()
    };
    insta::assert_snapshot!(words(&of_new, &marks.new).join("\n"), @"
    descriptors, boot catalog, anchor: Changed
    sources/install.wim: Same
    SMS/PKG/C: Alone
    SMS/PKG/B: Moved { there: 2705408, changed: false }
    : Moved { there: 2707456, changed: true }
    tsmedia: Same
    ISO 9660: Changed
    UDF: Changed
    UDF: Changed
    anchor: Changed
    ");
    insta::assert_snapshot!(words(&of_old, &marks.old)[..6].join("\n"), @"
    descriptors, boot catalog, anchor: Changed
    sources/install.wim: Same
    SMS/PKG/A: Alone
    SMS/PKG/B: Moved { there: 2703360, changed: false }
    : Moved { there: 2705408, changed: true }
    tsmedia: Same
    ");
    // The large file and the list are unchanged and not moved. Elsewhere, only zeros are equal in both.
    let of = |name: &str| of_new.regions.iter().position(|region| region.name == name).map(|n| marks.same[n]);
    assert_eq!(of("sources/install.wim"), Some(of_new.regions[1].len));
    assert_eq!(of("SMS/PKG/C"), Some(3_996));
}

#[test]
fn a_longer_medium_is_compared_as_far_as_the_other_reaches() {
    let (short, long) = (disc(small(), 3_000_320), disc(small(), 9_000_960));
    for (old, new) in [(&short, &long), (&long, &short)] {
        let (_, map, marks) = compared(old, new, [1, 1], "");
        assert_eq!(marks.new.iter().filter(|state| **state == RegionState::Same).count(), map.regions.len() - 1);
        assert_eq!(marks.same.iter().sum::<u64>(), 3_000_320 - 2_048);
    }
}

proptest! {
    /// Files of any disc may share bytes, lie among structures and consist of several ranges.
    #[test]
    fn regions_of_any_disc_are_all_of_it(
        pieces in proptest::collection::vec((0..4usize, 0..900u64, 0..700u64, 0..3usize), 0..60),
    ) {
        const UNIT: u64 = 4_096;
        let len = 1_000 * UNIT;
        let mut disc = disc(Vec::new(), len);
        let mut files: Vec<VolumeEntry> = Vec::new();
        for (folder, start, n_units, continues) in pieces {
            let place = start * UNIT..((start + n_units) * UNIT + 17).min(len);
            match files.last_mut().filter(|_| continues == 0) {
                Some(last) => {
                    last.len += place.end - place.start;
                    last.extents.push(place);
                }
                None => files.push(file(&format!("{folder}/{}", files.len()), place.start, place.end - place.start)),
            }
        }
        let mut is_used = vec![false; (len / 512) as usize];
        let structures = disc.structures.iter().map(|structure| structure.range.clone());
        for place in files.iter().flat_map(|file| file.extents.clone()).chain(structures) {
            is_used[(place.start / 512) as usize..place.end.div_ceil(512) as usize].fill(true);
        }
        let used = is_used.iter().filter(|is_used| **is_used).count() as u64 * 512;
        let n_files = files.len();
        disc.udf = Some(files);
        let map = map_of(&disc);
        let mut at = 0;
        for region in &map.regions {
            prop_assert_eq!(region.offset, at);
            prop_assert!(region.used <= region.span && region.span <= region.len, "{:?}", region);
            at = region.end();
        }
        prop_assert_eq!(at, len);
        let totals = map.totals();
        prop_assert_eq!((totals.content + totals.structures + totals.slack, totals.n_files), (len, n_files));
        // Counted in sectors of 512 bytes, of which the last of each file is not full.
        prop_assert!(totals.content + totals.structures <= used && used < totals.content + totals.structures + 130 * 512);
        let (old, _, marks) = compared(&disc, &disc, [1, 1], "");
        prop_assert!(marks.new.iter().all(|state| *state == RegionState::Same));
        prop_assert_eq!(marks.same.len(), old.regions.len());
    }
}
