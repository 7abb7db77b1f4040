//! How much lies elsewhere after a change, and what slack costs.

use std::collections::HashMap;

use super::*;

/// Numbers that look like nothing, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    /// Random lengths like those of programs and drivers: most have a few KiB, some a few MiB.
    fn file_len(&mut self) -> u64 {
        let bits = 6 + self.roll(9) + self.roll(9);
        (1 << bits) + self.roll(1 << bits)
    }
}

/// The files of a medium, by path; paths are told apart by a number that stays with the file.
#[derive(Clone, Debug, Default)]
struct Shelf {
    files: BTreeMap<String, u64>,
    parts: Vec<String>,
}

impl Shelf {
    fn package(&mut self, id: &str, n_files: u64, dice: &mut Dice) {
        self.parts.push(format!("SMS/PKG/{id}"));
        for n in 0..n_files {
            let folder = dice.roll(n_files / 12 + 1);
            self.files.insert(format!("SMS/PKG/{id}/folder {folder}/file {n}.dll"), dice.file_len());
        }
    }

    fn remove_package(&mut self, id: &str) {
        let part = format!("SMS/PKG/{id}");
        self.parts.retain(|other| *other != part);
        self.files.retain(|path, _| !path.starts_with(&format!("{part}/")));
    }

    fn layout(&self, slack: Slack) -> Layout {
        let mut volume = volume("STABLE");
        volume.parts = self.parts.clone();
        for (path, len) in &self.files {
            let stat = Stat { device: 1, inode: 1, len: *len, modified_ns: 0, changed_ns: 0 };
            let file = SourceFile { path: path.as_str().into(), stat };
            volume.root.insert(path, Content::file(file)).unwrap();
        }
        let sums: usize = self.files.keys().map(|path| path.len() + 67).sum();
        for name in ["BLAKE3SUMS", "SHA256SUMS"] {
            volume.root.insert(&format!("tsmedia/{name}"), Content::bytes(vec![b's'; sums])).unwrap();
        }
        layout(&volume, slack).unwrap()
    }
}

/// Differences between two layouts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Moved {
    /// Unchanged files with a new offset.
    files: Vec<String>,
    /// Length of these files.
    bytes: u64,
    /// Number of changed sectors of structures and generated lists.
    n_sectors: u64,
}

fn moved(old: &Layout, new: &Layout) -> Moved {
    let mut moved = Moved::default();
    let (mut files, mut sectors) = (HashMap::new(), HashMap::new());
    for extent in old.extents() {
        match &extent.piece {
            Piece::Source { file, .. } => {
                files.insert((file.path().as_str(), file.len()), extent.offset);
            }
            Piece::Bytes(bytes) => {
                for (n, sector) in bytes.chunks(SECTOR as usize).enumerate() {
                    sectors.insert(extent.offset + n as u64 * SECTOR, sector);
                }
            }
        }
    }
    for extent in new.extents() {
        match &extent.piece {
            Piece::Source { file, .. } => {
                let was = files.get(&(file.path().as_str(), file.len()));
                if was.is_some_and(|was| *was != extent.offset) {
                    moved.files.push(file.path().to_string());
                    moved.bytes += extent.len;
                }
            }
            Piece::Bytes(bytes) => {
                for (n, sector) in bytes.chunks(SECTOR as usize).enumerate() {
                    let was = sectors.get(&(extent.offset + n as u64 * SECTOR));
                    moved.n_sectors += u64::from(was.is_none_or(|was| *was != sector));
                }
            }
        }
    }
    moved
}

fn boot_only() -> Shelf {
    let mut shelf = Shelf::default();
    shelf.files.insert("sources/boot.wim".into(), 512_345_678);
    for n in 0..60 {
        shelf.files.insert(format!("Boot/Fonts/{n}.ttf"), 40_000 + n * 3_777);
        shelf.files.insert(format!("EFI/Microsoft/{n}.mui"), 70_000 + n * 777);
    }
    shelf
}

fn stand_alone() -> Shelf {
    let mut shelf = boot_only();
    let mut dice = Dice(1);
    shelf.files.insert("SMS/PKG/BER00001/install.wim".into(), 4_321_234_567);
    shelf.parts.push("SMS/PKG/BER00001".into());
    for n in 0..40 {
        let id = format!("BER001{n:02}");
        let n_files = 1 + dice.roll(60);
        shelf.package(&id, n_files, &mut dice);
        if n % 8 == 0 {
            shelf.files.insert(format!("SMS/PKG/{id}/setup.cab"), 300_000_000 + n * 1_234_567);
        }
    }
    shelf
}

fn with_drivers() -> Shelf {
    let mut shelf = stand_alone();
    let mut dice = Dice(2);
    for n in 0..6 {
        shelf.package(&format!("BER002{n:02}"), 400, &mut dice);
    }
    shelf
}

fn many_small() -> Shelf {
    let mut shelf = Shelf::default();
    for n in 0..3_000u64 {
        let path = format!("SMS/PKG/BER{:05}/folder {}/file {n}.dll", n % 10, n % 200);
        shelf.files.insert(path, n * 37 % 50_000);
    }
    shelf.parts.extend((0..10).map(|n| format!("SMS/PKG/BER{n:05}")));
    shelf
}

fn tiny() -> Shelf {
    let mut shelf = Shelf::default();
    shelf.files.insert("sources/boot.wim".into(), 3_000_000);
    for n in 0..12 {
        shelf.parts.push(format!("SMS/PKG/BER{n:05}"));
        for m in 0..n {
            shelf.files.insert(format!("SMS/PKG/BER{n:05}/{m}.txt"), 100 + n * m * 200);
        }
    }
    shelf
}

#[test]
fn slack_costs_little() {
    for (name, shelf, most) in [
        ("tiny", tiny(), 30),
        ("boot image", boot_only(), 5),
        ("stand-alone", stand_alone(), 5),
        ("with drivers", with_drivers(), 5),
        ("3,000 small files", many_small(), 10),
    ] {
        let (ample, tight) = (shelf.layout(Slack::Ample).len(), shelf.layout(Slack::None).len());
        let percent = (ample - tight) as f64 / tight as f64 * 100.0;
        println!("{name}: {} files, {tight} bytes without slack, {ample} with: {percent:.2} %", shelf.files.len());
        assert!(percent < f64::from(most), "{name}: {percent:.2} %");
    }
}

/// A medium of a few hundred files in packages, some of them large.
fn mixed(seed: u64) -> Shelf {
    let (mut shelf, mut dice) = (Shelf::default(), Dice(seed));
    for n in 0..6 {
        let n_files = 1 + dice.roll(50);
        shelf.package(&format!("BER{n:05}"), n_files, &mut dice);
    }
    shelf.files.insert("sources/boot.wim".into(), 300_000_000 + seed % 99_999_999);
    for n in 0..dice.roll(20) {
        shelf.files.insert(format!("boot/{n}.efi"), dice.file_len());
    }
    shelf
}

const N_KINDS: u64 = 8;

/// Changes a medium in one of the ways that media change.
fn edit(shelf: &mut Shelf, kind: u64, dice: &mut Dice) {
    let paths: Vec<_> = shelf.files.keys().cloned().collect();
    let path = paths[dice.roll(paths.len() as u64) as usize].clone();
    let len = shelf.files[&path];
    match kind {
        0 => *shelf.files.entry(path).or_default() += 3_000,
        1 => *shelf.files.entry(path).or_default() -= dice.roll(len),
        2 => drop(shelf.files.insert(format!("{path} {}", dice.roll(1_000)), dice.file_len())),
        3 => drop(shelf.files.remove(&path)),
        4 => {
            shelf.files.remove(&path);
            shelf.files.insert(format!("{path}.renamed"), len);
        }
        5 => {
            shelf.files.remove(&path);
            let part = &shelf.parts[dice.roll(shelf.parts.len() as u64) as usize];
            shelf.files.insert(format!("{part}/moved {}", dice.roll(1_000)), len);
        }
        6 => shelf.package(&format!("HAM{:05}", dice.roll(1_000)), 1 + dice.roll(20), dice),
        _ => {
            let part = shelf.parts[dice.roll(shelf.parts.len() as u64) as usize].clone();
            shelf.remove_package(part.trim_start_matches("SMS/PKG/"));
        }
    }
}

/// The slots of a medium: what is in each, and the power of two of its sectors.
fn slots(shelf: &Shelf) -> BTreeMap<String, (Vec<(String, u64)>, u32)> {
    let mut slots: BTreeMap<String, (Vec<_>, u32)> = BTreeMap::new();
    for (path, len) in &shelf.files {
        let part = shelf.parts.iter().find(|part| path.starts_with(&format!("{part}/")));
        let slot = if *len >= 1 << 20 { path.clone() } else { format!("region of {part:?}") };
        slots.entry(slot).or_default().0.push((path.clone(), *len));
    }
    for (files, power) in slots.values_mut() {
        let n_sectors: u64 = files.iter().map(|(_, len)| len.div_ceil(SECTOR)).sum();
        *power = n_sectors.max(1).ilog2();
    }
    slots
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_moved_by_what_is_smaller(seed in any::<u64>(), kinds in prop::collection::vec(0..N_KINDS, 1..4)) {
        let old = mixed(seed >> 8);
        let mut new = old.clone();
        let mut dice = Dice(seed);
        for kind in kinds {
            edit(&mut new, kind, &mut dice);
        }
        let (old_slots, new_slots) = (slots(&old), slots(&new));
        let mut changed = 0;
        for (one, other) in [(&old_slots, &new_slots), (&new_slots, &old_slots)] {
            let powers = one.iter().filter(|(name, slot)| other.get(*name) != Some(*slot)).map(|(_, slot)| slot.1);
            changed = powers.max().unwrap_or_default().max(changed);
        }
        let (old, new) = (old.layout(Slack::Ample), new.layout(Slack::Ample));
        for path in moved(&old, &new).files {
            let (name, (_, power)) =
                new_slots.iter().find(|(_, (files, _))| files.iter().any(|(file, _)| *file == path)).unwrap();
            prop_assert!(*power <= changed, "{path} moved with {name} of {power} bits by slots of {changed} bits");
        }
        for extent in new.extents() {
            if let Piece::Source { file, .. } = &extent.piece {
                prop_assert!(file.len() < 64 << 10 || extent.offset % 4_096 == 0, "{file:?} at {}", extent.offset);
            }
        }
    }
}

/// The bytes of moved files, and of structures and lists that are others, in the middle of many changes and at the
/// end of the first nine tenths.
fn cost_of(shelf: &Shelf, edit: impl Fn(&mut Shelf, &mut Dice)) -> [(u64, u64); 2] {
    const N_ROUNDS: usize = 20;
    let old = shelf.layout(Slack::Ample);
    let mut dice = Dice(3);
    let moved = (0..N_ROUNDS).map(|_| {
        let mut new = shelf.clone();
        edit(&mut new, &mut dice);
        moved(&old, &new.layout(Slack::Ample))
    });
    let (mut files, mut structures): (Vec<_>, Vec<_>) =
        moved.map(|moved| (moved.bytes, moved.n_sectors * SECTOR)).unzip();
    files.sort_unstable();
    structures.sort_unstable();
    [N_ROUNDS / 2, N_ROUNDS * 9 / 10].map(|n| (files[n], structures[n]))
}

fn any_small_file(shelf: &Shelf, dice: &mut Dice) -> String {
    let small: Vec<_> = shelf.files.iter().filter(|(_, len)| **len < 1 << 20).map(|(path, _)| path).collect();
    small[dice.roll(small.len() as u64) as usize].clone()
}

#[test]
fn a_small_change_moves_little() {
    let shelf = stand_alone();
    let assert_below = |what: &str, cost: [(u64, u64); 2], most: [(u64, u64); 2]| {
        println!("{what}: {cost:?}");
        for ((files, structures), (most_files, most_structures)) in cost.into_iter().zip(most) {
            assert!(files <= most_files && structures <= most_structures, "{what}: {cost:?}");
        }
    };
    let grown = cost_of(&shelf, |shelf, dice| {
        let path = any_small_file(shelf, dice);
        *shelf.files.entry(path).or_default() += 3_000;
    });
    assert_below("a file that grows by 3,000 bytes", grown, [(1 << 20, 64 << 10), (8 << 20, 256 << 10)]);
    let same_len = cost_of(&shelf, |shelf, dice| {
        let path = any_small_file(shelf, dice);
        let len = shelf.files.remove(&path).unwrap_or_default();
        shelf.files.insert(path, len.next_multiple_of(SECTOR));
    });
    assert_below("a file that has room in its last sector", same_len, [(0, 64 << 10), (0, 64 << 10)]);
    let added = cost_of(&shelf, |shelf, dice| {
        let path = any_small_file(shelf, dice);
        shelf.files.insert(path + " too", 5_000);
    });
    assert_below("a file that is added", added, [(8 << 20, 256 << 10), (128 << 20, 4 << 20)]);
    let package = cost_of(&shelf, |shelf, dice| {
        let id = format!("BER{:05}", dice.roll(2_000) * 7 + 3);
        shelf.parts.push(format!("SMS/PKG/{id}"));
        for n in 0..10 {
            shelf.files.insert(format!("SMS/PKG/{id}/{n}.ps1"), 500 + dice.roll(20_000));
        }
    });
    assert_below("a small package that is added", package, [(1 << 20, 256 << 10), (1 << 20, 256 << 10)]);
}
