//! Stability of layouts: how much is moved by a change, and the cost of slack.

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

/// Files of a medium and their lengths, by path.
#[derive(Clone, Debug, Default)]
struct DiscFiles {
    files: BTreeMap<String, u64>,
    parts: Vec<String>,
}

impl DiscFiles {
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

fn boot_only() -> DiscFiles {
    let mut disc = DiscFiles::default();
    disc.files.insert("sources/boot.wim".into(), 512_345_678);
    for n in 0..60 {
        disc.files.insert(format!("Boot/Fonts/{n}.ttf"), 40_000 + n * 3_777);
        disc.files.insert(format!("EFI/Microsoft/{n}.mui"), 70_000 + n * 777);
    }
    disc
}

fn stand_alone() -> DiscFiles {
    let mut disc = boot_only();
    let mut dice = Dice(1);
    disc.files.insert("SMS/PKG/BER00001/install.wim".into(), 4_321_234_567);
    disc.parts.push("SMS/PKG/BER00001".into());
    for n in 0..40 {
        let id = format!("BER001{n:02}");
        let n_files = 1 + dice.roll(60);
        disc.package(&id, n_files, &mut dice);
        if n % 8 == 0 {
            disc.files.insert(format!("SMS/PKG/{id}/setup.cab"), 300_000_000 + n * 1_234_567);
        }
    }
    disc
}

fn with_drivers() -> DiscFiles {
    let mut disc = stand_alone();
    let mut dice = Dice(2);
    for n in 0..6 {
        disc.package(&format!("BER002{n:02}"), 400, &mut dice);
    }
    disc
}

fn many_small() -> DiscFiles {
    let mut disc = DiscFiles::default();
    for n in 0..3_000u64 {
        let path = format!("SMS/PKG/BER{:05}/folder {}/file {n}.dll", n % 10, n % 200);
        disc.files.insert(path, n * 37 % 50_000);
    }
    disc.parts.extend((0..10).map(|n| format!("SMS/PKG/BER{n:05}")));
    disc
}

fn tiny() -> DiscFiles {
    let mut disc = DiscFiles::default();
    disc.files.insert("sources/boot.wim".into(), 3_000_000);
    for n in 0..12 {
        disc.parts.push(format!("SMS/PKG/BER{n:05}"));
        for m in 0..n {
            disc.files.insert(format!("SMS/PKG/BER{n:05}/{m}.txt"), 100 + n * m * 200);
        }
    }
    disc
}

#[test]
fn slack_costs_little() {
    for (name, disc, most) in [
        ("tiny", tiny(), 30),
        ("boot image", boot_only(), 5),
        ("stand-alone", stand_alone(), 5),
        ("with drivers", with_drivers(), 5),
        ("3,000 small files", many_small(), 10),
    ] {
        let (ample, tight) = (disc.layout(Slack::Ample).len(), disc.layout(Slack::None).len());
        let percent = (ample - tight) as f64 / tight as f64 * 100.0;
        println!("{name}: {} files, {tight} bytes without slack, {ample} with: {percent:.2} %", disc.files.len());
        assert!(percent < f64::from(most), "{name}: {percent:.2} %");
    }
}

/// A medium of a few hundred files in packages, some of them large.
fn mixed(seed: u64) -> DiscFiles {
    let (mut disc, mut dice) = (DiscFiles::default(), Dice(seed));
    for n in 0..6 {
        let n_files = 1 + dice.roll(50);
        disc.package(&format!("BER{n:05}"), n_files, &mut dice);
    }
    disc.files.insert("sources/boot.wim".into(), 300_000_000 + seed % 99_999_999);
    for n in 0..dice.roll(20) {
        disc.files.insert(format!("boot/{n}.efi"), dice.file_len());
    }
    disc
}

const N_KINDS: u64 = 8;

/// Changes a medium in one of the ways that media change.
fn edit(disc: &mut DiscFiles, kind: u64, dice: &mut Dice) {
    let paths: Vec<_> = disc.files.keys().cloned().collect();
    let path = paths[dice.roll(paths.len() as u64) as usize].clone();
    let len = disc.files[&path];
    match kind {
        0 => *disc.files.entry(path).or_default() += 3_000,
        1 => *disc.files.entry(path).or_default() -= dice.roll(len),
        2 => drop(disc.files.insert(format!("{path} {}", dice.roll(1_000)), dice.file_len())),
        3 => drop(disc.files.remove(&path)),
        4 => {
            disc.files.remove(&path);
            disc.files.insert(format!("{path}.renamed"), len);
        }
        5 => {
            disc.files.remove(&path);
            let part = &disc.parts[dice.roll(disc.parts.len() as u64) as usize];
            disc.files.insert(format!("{part}/moved {}", dice.roll(1_000)), len);
        }
        6 => disc.package(&format!("HAM{:05}", dice.roll(1_000)), 1 + dice.roll(20), dice),
        _ => {
            let part = disc.parts[dice.roll(disc.parts.len() as u64) as usize].clone();
            disc.remove_package(part.trim_start_matches("SMS/PKG/"));
        }
    }
}

/// Returns the slots of a medium with their files and the logarithm of their lengths in sectors.
fn slots(disc: &DiscFiles) -> BTreeMap<String, (Vec<(String, u64)>, u32)> {
    let mut slots: BTreeMap<String, (Vec<_>, u32)> = BTreeMap::new();
    for (path, len) in &disc.files {
        let part = disc.parts.iter().find(|part| path.starts_with(&format!("{part}/")));
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
fn cost_of(disc: &DiscFiles, edit: impl Fn(&mut DiscFiles, &mut Dice)) -> [(u64, u64); 2] {
    const N_ROUNDS: usize = 20;
    let old = disc.layout(Slack::Ample);
    let mut dice = Dice(3);
    let moved = (0..N_ROUNDS).map(|_| {
        let mut new = disc.clone();
        edit(&mut new, &mut dice);
        moved(&old, &new.layout(Slack::Ample))
    });
    let (mut files, mut structures): (Vec<_>, Vec<_>) =
        moved.map(|moved| (moved.bytes, moved.n_sectors * SECTOR)).unzip();
    files.sort_unstable();
    structures.sort_unstable();
    [N_ROUNDS / 2, N_ROUNDS * 9 / 10].map(|n| (files[n], structures[n]))
}

fn any_small_file(disc: &DiscFiles, dice: &mut Dice) -> String {
    let small: Vec<_> = disc.files.iter().filter(|(_, len)| **len < 1 << 20).map(|(path, _)| path).collect();
    small[dice.roll(small.len() as u64) as usize].clone()
}

#[test]
fn a_small_change_moves_little() {
    let disc = stand_alone();
    let assert_below = |what: &str, cost: [(u64, u64); 2], most: [(u64, u64); 2]| {
        println!("{what}: {cost:?}");
        for ((files, structures), (most_files, most_structures)) in cost.into_iter().zip(most) {
            assert!(files <= most_files && structures <= most_structures, "{what}: {cost:?}");
        }
    };
    let grown = cost_of(&disc, |disc, dice| {
        let path = any_small_file(disc, dice);
        *disc.files.entry(path).or_default() += 3_000;
    });
    assert_below("a file that grows by 3,000 bytes", grown, [(1 << 20, 64 << 10), (8 << 20, 256 << 10)]);
    let same_len = cost_of(&disc, |disc, dice| {
        let path = any_small_file(disc, dice);
        let len = disc.files.remove(&path).unwrap_or_default();
        disc.files.insert(path, len.next_multiple_of(SECTOR));
    });
    assert_below("a file that has room in its last sector", same_len, [(0, 64 << 10), (0, 64 << 10)]);
    let added = cost_of(&disc, |disc, dice| {
        let path = any_small_file(disc, dice);
        disc.files.insert(path + " too", 5_000);
    });
    assert_below("a file that is added", added, [(8 << 20, 256 << 10), (128 << 20, 4 << 20)]);
    let package = cost_of(&disc, |disc, dice| {
        let id = format!("BER{:05}", dice.roll(2_000) * 7 + 3);
        disc.parts.push(format!("SMS/PKG/{id}"));
        for n in 0..10 {
            disc.files.insert(format!("SMS/PKG/{id}/{n}.ps1"), 500 + dice.roll(20_000));
        }
    });
    assert_below("a small package that is added", package, [(1 << 20, 256 << 10), (1 << 20, 256 << 10)]);
}
