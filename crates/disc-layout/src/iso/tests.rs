//! The disc as a whole: its dump, any tree there and back, and damaged discs.

mod stable;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Cursor;

use camino::Utf8PathBuf;
use proptest::prelude::*;

use super::udf::{checksum, crc, tag};
use super::{IsoDisc, SECTOR, layout, read};
use crate::content::{Content, SourceFile, Stat};
use crate::date::Date;
use crate::digest::Digest;
use crate::firmware::Firmware;
use crate::layout::{Layout, Piece, Slack};
use crate::little_endian::{u16_at, u64_at};
use crate::volume::{BootEntry, Folder, Volume};

fn volume(label: &str) -> Volume {
    Volume {
        label: label.into(),
        id: Digest::hash(label.as_bytes()),
        date: Date::from_unix(1_767_225_600).unwrap(),
        root: Folder::default(),
        parts: Vec::new(),
        boot: Vec::new(),
    }
}

/// Content of a file whose bytes are all `fill`. The file is never opened.
fn source(len: u64, fill: u8) -> Content {
    let stat = Stat { device: 1, inode: 1, len, modified_ns: 0, changed_ns: 0 };
    Content::file(SourceFile { path: Utf8PathBuf::from(format!("{fill}")), stat })
}

fn bytes_of(layout: &Layout) -> Vec<u8> {
    let mut bytes = vec![0; layout.len() as usize];
    for extent in layout.extents() {
        let target = &mut bytes[extent.offset as usize..extent.end() as usize];
        match &extent.piece {
            Piece::Bytes(piece) => target.copy_from_slice(piece),
            Piece::Source { file, .. } => target.fill(file.path().as_str().parse().unwrap()),
        }
    }
    bytes
}

fn disc_of(volume: &Volume) -> IsoDisc {
    read(&mut Cursor::new(bytes_of(&layout(volume, Slack::Ample).unwrap()))).unwrap()
}

fn small() -> Volume {
    let mut volume = volume("Größe 1");
    volume.root.insert("readme.txt", source(5, b'r')).unwrap();
    volume.root.insert("sources/boot.wim", source(1 << 20, b'w')).unwrap();
    volume.root.insert("sources/ж.ini", source(2_049, b'i')).unwrap();
    volume.root.insert("sources/empty", Content::bytes(*b"")).unwrap();
    volume.root.insert("tsmedia/medium.toml", Content::bytes(*b"made = true\n")).unwrap();
    volume.root.insert_folder("empty folder").unwrap();
    for (firmware, fill) in [(Firmware::Bios, b'b'), (Firmware::Uefi, b'u')] {
        volume.boot.push(BootEntry { firmware, image: Layout::from(&source(3_000, fill)) });
    }
    volume
}

#[test]
fn a_small_disc_has_these_bytes() {
    insta::assert_snapshot!(dump(&bytes_of(&layout(&small(), Slack::Ample).unwrap())));
}

#[test]
fn a_small_disc_reads_back_with_its_labels_and_boot_programs() {
    let disc = disc_of(&small());
    assert_eq!(disc.label.udf.as_deref(), Some("Größe 1"));
    assert_eq!(disc.label.iso.as_deref(), Some("GR__E_1"));
    assert_eq!(disc.label.joliet.as_deref(), Some("Größe 1"));
    assert_eq!(disc.id, small().id.to_string());
    let boot: Vec<_> = disc.boot.iter().map(|boot| (boot.platform, boot.is_bootable, boot.n_sectors)).collect();
    assert_eq!(boot, [(0x00, true, 8), (0xEF, true, 6)]);
    let names = |files: &Option<Vec<super::VolumeEntry>>| -> Vec<_> {
        files.as_ref().unwrap().iter().map(|file| file.path.clone()).collect()
    };
    let mut udf = names(&disc.udf);
    let mut joliet = names(&disc.joliet);
    udf.sort();
    joliet.sort();
    assert_eq!(udf, joliet);
    assert!(names(&disc.iso).contains(&"SOURCES/_.INI".to_owned()), "{:?}", disc.iso);
    assert_eq!(disc.disagreements(), []);
}

#[test]
fn contents_are_told_from_structures() {
    let volume = small();
    let disc = disc_of(&volume);
    let in_ranges: u64 = disc.files().iter().flat_map(|file| &file.extents).map(|range| range.end - range.start).sum();
    let in_files: u64 = volume.root.files().iter().map(|(_, content)| content.len()).sum();
    assert_eq!(in_ranges, in_files);
}

#[test]
fn every_byte_of_a_disc_that_is_not_zero_is_read_as_something_once() {
    let mut volume = small();
    // Enough folders that the path tables don't fit into the head, and some folders of several sectors.
    for n in 0..3_000 {
        volume.root.insert(&format!("folder {n}/{}", "x".repeat(60)), source(1, b'x')).unwrap();
    }
    for volume in [small(), volume] {
        let bytes = bytes_of(&layout(&volume, Slack::Ample).unwrap());
        let disc = read(&mut Cursor::new(&bytes)).unwrap();
        let mut known: Vec<_> = disc.structures.iter().map(|structure| structure.range.clone()).collect();
        known.extend(disc.files().iter().flat_map(|file| file.extents.clone()));
        known.extend(disc.boot.iter().map(|boot| boot.offset..boot.offset + boot.loaded_len().unwrap()));
        known.sort_by_key(|range| range.start);
        assert!(known.windows(2).all(|pair| pair[0].end <= pair[1].start), "{known:?}");
        let mut at = 0;
        for range in known.iter().chain([&(bytes.len() as u64..0)]) {
            let unknown = &bytes[at as usize..range.start as usize];
            assert!(unknown.iter().all(|byte| *byte == 0), "something is at {at} to {}", range.start);
            at = range.end;
        }
        assert_eq!(disc.date, Some(volume.date));
    }
}

#[test]
fn large_files_come_first_and_made_ones_last() {
    let mut volume = volume("ORDER");
    for (path, len) in
        [("a/small", 10), ("b/large", 3 << 20), ("c/larger", 9 << 20), ("d/large", 2 << 20), ("e", 65_536)]
    {
        volume.root.insert(path, source(len, b'x')).unwrap();
    }
    volume.root.insert("a/made", Content::bytes(vec![1; 100_000])).unwrap();
    volume.boot.push(BootEntry { firmware: Firmware::Bios, image: Layout::from(&source(2_048, b'b')) });
    let disc = disc_of(&volume);
    let mut files = disc.udf.clone().unwrap();
    files.retain(|file| !file.is_folder);
    files.sort_by_key(|file| file.extents[0].start);
    let order: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(order, ["c/larger", "b/large", "d/large", "a/small", "e", "a/made"]);
    for file in files.iter().filter(|file| file.len >= 65_536) {
        assert_eq!(file.extents[0].start % 4_096, 0, "{}", file.path);
    }
    // A boot program outside of the tree gets a slot like a large file, in this case after the larger of the small
    // ones.
    let boot = disc.boot[0].offset;
    assert!(files[4].extents[0].end <= boot && boot < files[5].extents[0].start);
}

#[test]
fn a_boot_program_that_is_a_file_of_the_tree_is_on_the_disc_once() {
    let mut volume = volume("BOOT");
    volume.root.insert("boot/other.com", source(4_096, b'o')).unwrap();
    volume.root.insert("boot/start.com", source(4_096, b's')).unwrap();
    volume.boot.push(BootEntry { firmware: Firmware::Bios, image: Layout::from(&source(4_096, b's')) });
    let disc = disc_of(&volume);
    let file = disc.files().iter().find(|file| file.path == "boot/start.com").unwrap();
    assert_eq!(disc.boot[0].offset, file.extents[0].start);
}

#[test]
fn a_small_file_that_grows_moves_no_large_one_and_no_structure() {
    let with = |len: u64| {
        let mut volume = volume("STABLE");
        volume.root.insert("install.wim", source(600 << 20, b'w')).unwrap();
        volume.root.insert("z/script.ps1", source(len, b's')).unwrap();
        volume.root.insert("tsmedia/digests", Content::bytes(vec![1; 300])).unwrap();
        layout(&volume, Slack::Ample).unwrap()
    };
    let places = |layout: &Layout| -> Vec<_> {
        layout.extents().iter().map(|extent| extent.offset).filter(|offset| *offset > 256 * SECTOR).collect()
    };
    assert_eq!(places(&with(1_000)), places(&with(4_000)));
}

#[test]
fn path_tables_that_have_no_room_in_the_head_follow_it() {
    let mut volume = volume("MANY");
    for n in 0..4_000 {
        volume.root.insert_folder(&format!("a folder with a long name {n}")).unwrap();
    }
    let disc = disc_of(&volume);
    assert_eq!(disc.udf.as_ref().unwrap().len(), 4_000);
    assert_eq!(disc.disagreements(), []);
}

#[test]
fn unique_ids_are_unique_and_none_is_reserved() {
    let mut volume = volume("IDS");
    for path in ["boot/bootfix.bin", "bootmgr", "readme.txt"] {
        volume.root.insert(path, Content::bytes(*b"")).unwrap();
    }
    let bytes = bytes_of(&layout(&volume, Slack::None).unwrap());
    let entries = bytes.chunks(SECTOR as usize).filter(|sector| u16_at(sector, 0) == tag::FILE_ENTRY);
    let mut ids: Vec<_> = entries.map(|entry| u64_at(entry, 160)).collect();
    ids.sort_unstable();
    // OSTA UDF 1.02, 3.2.1.
    assert!(ids[0] == 0 && ids[1] >= 16, "{ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[test]
fn what_a_disc_cannot_hold_is_refused() {
    let complaint = |volume: &Volume| layout(volume, Slack::Ample).unwrap_err().to_string();
    let mut deep = volume("DEEP");
    deep.root.insert(&"folder-of-20-letters/".repeat(50)[..1_049], source(1, b'd')).unwrap();
    let message = complaint(&deep);
    assert!(message.contains("UDF allows 1023"), "{message}");

    let mut large = volume("LARGE");
    large.root.insert("a/huge.bin", source(1 << 40, b'l')).unwrap();
    let message = complaint(&large);
    assert!(
        message.starts_with("`a/huge.bin` has 1099511627776 bytes; a disc holds files of at most 251"),
        "{message}"
    );

    let mut many = volume("FULL");
    for n in 0..40 {
        many.root.insert(&format!("{n}.bin"), source(230 << 30, b'm')).unwrap();
    }
    let message = complaint(&many);
    assert!(message.contains("more than 32-bit sector numbers can address"), "{message}");

    let message = complaint(&volume(&"L".repeat(200)));
    assert!(message.contains("takes 201 bytes on the disc; UDF allows 127"), "{message}");

    let mut wide = volume("WIDE");
    for n in 0..65_535 {
        wide.root.insert_folder(&n.to_string()).unwrap();
    }
    assert_eq!(complaint(&wide), "the volume has 65536 folders; a disc holds 65535");
}

#[test]
fn a_file_of_several_extents_is_one_range() {
    let mut volume = volume("EXTENTS");
    let len = (9 << 30) + 12_345;
    volume.root.insert("install.wim", source(len, b'w')).unwrap();
    let layout = layout(&volume, Slack::Ample).unwrap();
    // The structures suffice to read the disc.
    let mut sparse = Sparse { layout: &layout, at: 0 };
    let disc = read(&mut sparse).unwrap();
    let file = disc.udf.as_ref().unwrap()[0].clone();
    assert_eq!((file.len, file.extents.len()), (len, 1));
    assert_eq!(disc.disagreements(), []);
}

#[test]
fn a_file_of_several_records_may_have_some_of_them_in_the_next_sector() {
    let mut volume = volume("RECORDS");
    volume.root.insert("install.wim", source(9 << 30, b'w')).unwrap();
    // At some point the folder in ISO 9660, and later in Joliet, has room for only one or two more records.
    for n in 0..60 {
        volume.root.insert(&format!("{n}.txt"), source(1, b't')).unwrap();
        layout(&volume, Slack::Ample).unwrap();
    }
}

/// A disc too large for memory: what comes from sources reads as zeros.
struct Sparse<'a> {
    layout: &'a Layout,
    at: u64,
}

impl std::io::Read for Sparse<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = buffer.len().min((self.layout.len() - self.at) as usize);
        buffer[..len].fill(0);
        for extent in self.layout.extents() {
            if let Piece::Bytes(bytes) = &extent.piece {
                for (n, byte) in bytes.iter().enumerate() {
                    let at = extent.offset + n as u64;
                    if (self.at..self.at + len as u64).contains(&at) {
                        buffer[(at - self.at) as usize] = *byte;
                    }
                }
            }
        }
        self.at += len as u64;
        Ok(len)
    }
}

impl std::io::Seek for Sparse<'_> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.at = match to {
            std::io::SeekFrom::Start(at) => at,
            std::io::SeekFrom::End(by) => self.layout.len().saturating_add_signed(by),
            std::io::SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

#[test]
fn other_bytes_in_iso_9660_or_joliet_are_noticed() {
    let mut disc = disc_of(&small());
    let iso = disc.iso.as_mut().unwrap().iter_mut().find(|file| file.path == "README.TXT").unwrap();
    iso.extents[0] = 20..25;
    disc.joliet.as_mut().unwrap().retain(|file| file.path != "sources/ж.ini");
    let found: Vec<_> = disc.disagreements().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "ISO 9660: `readme.txt` differs from the file in UDF",
            "ISO 9660: `README.TXT` does not match any file in UDF",
            "Joliet: `sources/ж.ini` is in UDF only",
            "Joliet: `/` is not the only file: their number differs",
        ]
    );
}

#[test]
fn a_folder_that_leads_in_a_circle_is_refused() {
    let bytes = bytes_of(&layout(&small(), Slack::Ample).unwrap());
    // In ISO 9660, let the record of SOURCES point at the root.
    let at = bytes.windows(7).position(|window| window == b"SOURCES").unwrap();
    // The path tables come first. The record is the match that has the flag of a folder.
    let at = (at..bytes.len() - 7).find(|at| &bytes[*at..at + 7] == b"SOURCES" && bytes[at - 8] == 2).unwrap();
    let root = bytes[16 * SECTOR as usize + 158..][..8].to_vec();
    let mut circle = bytes.clone();
    circle[at - 31..at - 23].copy_from_slice(&root);
    let message = read(&mut Cursor::new(circle)).unwrap_err().to_string();
    assert!(message.contains("contains itself"), "{message}");
}

/// Names without those that are the same but for case.
fn trees() -> impl Strategy<Value = Vec<(String, u16, bool)>> {
    let name = prop_oneof![
        "[a-zA-Z0-9_]{1,12}(\\.[a-z]{1,4})?",
        "[äöüßжあ😀a-z;+ ]{1,40}x",
        "[a-z]{100,120}",
        "[ж😀]{50,60}",
    ];
    let path = prop::collection::vec(name, 1..6).prop_map(|names| names.join("/"));
    prop::collection::vec((path, 0u16..5_000, any::<bool>()), 0..30)
}

fn volume_of(tree: &[(String, u16, bool)]) -> (Volume, BTreeMap<String, Option<Vec<u8>>>) {
    let mut volume = volume("ANY");
    for (n, (path, len, is_made)) in tree.iter().enumerate() {
        let content = match is_made {
            true => Content::bytes(vec![n as u8; usize::from(*len)]),
            false => source(u64::from(*len), n as u8),
        };
        // The volume rejects some names, because they are invalid or in use.
        let _ = volume.root.insert(path, content);
    }
    let mut expected = BTreeMap::new();
    for (path, content) in volume.root.files() {
        let fill = match content {
            Content::Bytes(bytes) => bytes.first().copied().unwrap_or_default(),
            Content::Source(file) => file.path().as_str().parse().unwrap(),
        };
        for (at, _) in path.match_indices('/') {
            expected.insert(path[..at].to_owned(), None);
        }
        expected.insert(path, Some(vec![fill; content.len() as usize]));
    }
    volume.parts = tree.iter().step_by(3).filter_map(|(path, ..)| Some(path.rsplit_once('/')?.0.to_owned())).collect();
    // Folders that were made for a file with an invalid name are empty.
    fn note(folder: &Folder, prefix: &str, expected: &mut BTreeMap<String, Option<Vec<u8>>>) {
        for (name, node) in folder.iter() {
            if let crate::volume::Node::Folder(folder) = node {
                expected.insert(format!("{prefix}{name}"), None);
                note(folder, &format!("{prefix}{name}/"), expected);
            }
        }
    }
    note(&volume.root, "", &mut expected);
    (volume, expected)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_reads_back_as_it_was(tree in trees(), has_slack in prop::bool::weighted(0.8)) {
        let (volume, expected) = volume_of(&tree);
        let slack = if has_slack { Slack::Ample } else { Slack::None };
        let bytes = bytes_of(&layout(&volume, slack).unwrap());
        let disc = read(&mut Cursor::new(&bytes)).unwrap();
        let found: BTreeMap<_, _> = disc.udf.as_ref().unwrap().iter().map(|file| {
            let range = file.extents.first().cloned().unwrap_or_default();
            let content = bytes[range.start as usize..range.end as usize].to_vec();
            (file.path.clone(), (!file.is_folder).then_some(content))
        }).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(disc.disagreements(), []);
    }

    #[test]
    fn a_damaged_disc_is_read_or_refused_but_never_panics(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
        has_udf in any::<bool>(),
        is_sealed in any::<bool>(),
    ) {
        let mut bytes = bytes_of(&layout(&small(), Slack::Ample).unwrap());
        let used: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] != 0 && bytes[*at] != b'w').collect();
        for (index, value) in damage {
            bytes[used[index.index(used.len())]] = value;
        }
        if let Some(cut) = cut {
            let len = cut.index(bytes.len());
            bytes.truncate(len);
        }
        let mut sectors: Vec<_> = bytes.chunks_mut(SECTOR as usize).collect();
        if !has_udf && sectors.len() > 22 {
            sectors[20..23].iter_mut().for_each(|sector| sector.fill(0));
        }
        if is_sealed {
            sectors.into_iter().filter(|sector| sector.len() as u64 == SECTOR).for_each(seal);
        }
        let _ = read(&mut Cursor::new(bytes));
    }
}

/// Makes the checksums of a damaged UDF structure right, as an attacker would.
fn seal(sector: &mut [u8]) {
    let is_tag = matches!(u16_at(sector, 0), 1..=9 | 256..=266) && u16_at(sector, 2) == 2;
    if let (true, Some(body)) = (is_tag, sector[16..].get(..usize::from(u16_at(sector, 10)))) {
        let crc = crc(body);
        sector[8..10].copy_from_slice(&crc.to_le_bytes());
        sector[4] = checksum(sector);
    }
}

/// Every byte of a disc that is not zero: what each sector is, and its bytes, equal lines once.
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut last = None;
    for (n, sector) in bytes.chunks(SECTOR as usize).enumerate() {
        if sector.iter().all(|byte| *byte == 0) {
            continue;
        }
        let is_last = (n + 1) * SECTOR as usize == bytes.len();
        if !is_last && last.is_some_and(|(at, last)| at + 1 == n && last == sector) {
            last = Some((n, sector));
            continue;
        }
        if let Some((at, _)) = last.filter(|(at, _)| at + 1 != n) {
            let _ = writeln!(text, "(up to sector {at})");
        }
        let _ = writeln!(text, "sector {n}: {}", what(sector));
        dump_rows(sector, &mut text);
        last = Some((n, sector));
    }
    let _ = writeln!(text, "{} sectors", bytes.len() as u64 / SECTOR);
    text
}

fn dump_rows(sector: &[u8], text: &mut String) {
    let mut previous: &[u8] = &[0; 16];
    for (n, row) in sector.chunks(16).enumerate() {
        if row == previous {
            continue;
        }
        let hex: Vec<_> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let letters: String =
            row.iter().map(|byte| if (0x20..0x7F).contains(byte) { char::from(*byte) } else { '.' }).collect();
        let line = format!("  {:03x}  {}  {letters}", 16 * n, hex.join(" "));
        let _ = writeln!(text, "{}", line.trim_end());
        previous = row;
    }
}

fn what(sector: &[u8]) -> &'static str {
    match (sector[0], &sector[1..6]) {
        (0, b"CD001") => return "El Torito boot record",
        (1, b"CD001") => return "ISO 9660 primary volume descriptor",
        (2, b"CD001") => return "Joliet supplementary volume descriptor",
        (255, b"CD001") => return "volume descriptor set terminator",
        (_, b"BEA01" | b"NSR02" | b"TEA01") => return "volume recognition sequence",
        (34, _) if sector[33] == 0 => return "ISO 9660 or Joliet folder",
        (1, _) if sector[30] == 0x55 => return "boot catalog",
        (1, b"\0\0\0\0\0" | _)
            if sector[..2] == [1, 0] && sector[8] == 0 && sector[9] == 0 && u16_at(sector, 2) != 2 =>
        {
            return "path table";
        }
        _ => (),
    }
    match u16_at(sector, 0) {
        tag::PRIMARY_VOLUME => "UDF primary volume descriptor",
        tag::ANCHOR => "UDF anchor",
        tag::IMPLEMENTATION_USE => "UDF implementation use volume descriptor",
        tag::PARTITION => "UDF partition descriptor",
        tag::LOGICAL_VOLUME => "UDF logical volume descriptor",
        tag::UNALLOCATED_SPACE => "UDF unallocated space descriptor",
        tag::TERMINATING => "UDF terminating descriptor",
        tag::LOGICAL_VOLUME_INTEGRITY => "UDF logical volume integrity descriptor",
        tag::FILE_SET => "UDF file set descriptor",
        tag::FILE_IDENTIFIER => "UDF folder",
        tag::FILE_ENTRY => "UDF file entry",
        _ => "data",
    }
}
