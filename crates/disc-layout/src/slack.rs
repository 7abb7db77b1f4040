//! Order of the items on a medium, and the room behind them, so that a small change moves little.
//!
//! [`ArrangementOrder::arrange`] places all kinds of items: files, folders of each file system, and file entries. The
//! documentation of [`iso`](crate::iso) explains groups, regions and slots. Room is counted in units: sectors of a
//! disc, or clusters of a FAT volume. Positions follow from paths and lengths alone, not from where items were before.

use crate::layout::Slack;
use crate::tree::{Tree, TreeItem};

/// Items of at least this many bytes form groups of their own and are always aligned to [`ALIGNMENT`].
const BIG: u64 = 64 << 10;

/// Alignment in bytes of everything that has slack, so that file systems can share these blocks, or move them without
/// copying.
const ALIGNMENT: u64 = 4_096;

/// Number of levels of groups.
const N_LEVELS: usize = 3;
/// Logarithm of the average number of items in a group, and of groups in a group of the next level.
const GROUP_BITS: u32 = 5;
/// Denominators of room: the length of a group is rounded up to a multiple of an eighth of its power of two on the
/// first level, and of a thirty-second on the others, as for slots and larger parts of the medium.
const GROUP_SHARES: [u64; N_LEVELS] = [8, 32, 32];
const SLOT_SHARES: u64 = 32;

/// Calculates the room behind items that are counted in units.
#[derive(Clone, Copy, Debug)]
pub struct Rooms {
    slack: Slack,
    unit_len: u64,
}

/// Order of a tree's items and boundaries of its groups.
pub struct ArrangementOrder {
    rooms: Rooms,
    /// Position of each item in the tree, depth first.
    ranks: Vec<u32>,
    /// Rank of the part that each item belongs to.
    parts: Vec<u32>,
    /// Number of group levels that start with each item.
    levels: Vec<u8>,
}

/// Item to arrange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrangedItem {
    /// Number in the tree, or a larger one for an item outside of the tree.
    pub item: usize,
    /// Length in units.
    pub n_units: u64,
    /// `true` if it has a slot of its own rather than a place in the region of its part.
    pub is_alone: bool,
}

/// Arranged items, with positions counted from the start of the arrangement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrangement {
    /// Number and first unit of each item, ascending.
    pub places: Vec<(usize, u64)>,
    /// Length in units, with the room behind the last item.
    pub n_units: u64,
}

/// Single item, or all items of a region.
struct Slot {
    rank: u32,
    start: usize,
    end: usize,
    n_units: u64,
}

impl ArrangementOrder {
    /// Determines the order of a tree. The folders and files at `parts` are each kept together.
    pub fn new(tree: &Tree, parts: &[String], rooms: Rooms) -> Self {
        let n_items = tree.items().len();
        let mut ranks = vec![0; n_items];
        for (rank, item) in tree.depth_first().into_iter().enumerate() {
            ranks[item] = rank as u32;
        }
        let mut is_part = vec![false; n_items];
        for item in parts.iter().filter_map(|path| tree.find(path)) {
            is_part[item] = true;
        }
        // A folder precedes its contents, so its parent's values are known.
        let mut hashes: Vec<u64> = vec![PathHash::default().0; n_items];
        let mut parts = vec![0; n_items];
        for (item, TreeItem { name, parent, .. }) in tree.items().iter().enumerate().skip(1) {
            hashes[item] = PathHash(hashes[*parent]).then(name).0;
            parts[item] = if is_part[item] { ranks[item] } else { parts[*parent] };
        }
        let levels = hashes.into_iter().map(|hash| PathHash(hash).level()).collect();
        Self { rooms, ranks, parts, levels }
    }

    /// Room that it leaves.
    pub fn rooms(&self) -> Rooms {
        self.rooms
    }

    /// Arranges items.
    pub fn arrange(&self, things: impl IntoIterator<Item = ArrangedItem>) -> Arrangement {
        let mut things: Vec<_> = things.into_iter().collect();
        // Items outside of the tree come first.
        let rank = |item: usize| self.ranks.get(item).copied().unwrap_or_default();
        things.sort_by_cached_key(|thing| (self.slot_rank(thing), thing.is_alone, rank(thing.item), thing.item));
        let mut slots: Vec<Slot> = Vec::new();
        for (n, thing) in things.iter().enumerate() {
            let rank = self.slot_rank(thing);
            match slots.last_mut() {
                Some(slot) if !thing.is_alone && !things[slot.start].is_alone && slot.rank == rank => {
                    slot.end = n + 1;
                    slot.n_units += thing.n_units;
                }
                _ => slots.push(Slot { rank, start: n, end: n + 1, n_units: thing.n_units }),
            }
        }
        // A stable sort: slots within the same power of two stay in the order of the tree.
        slots.sort_by_key(|slot| slot.n_units.leading_zeros());
        let mut arrangement = Arrangement { places: Vec::with_capacity(things.len()), n_units: 0 };
        for slot in slots {
            self.fill(&things[slot.start..slot.end], &mut arrangement);
        }
        arrangement
    }

    fn slot_rank(&self, thing: &ArrangedItem) -> u32 {
        let ranks = if thing.is_alone { &self.ranks } else { &self.parts };
        ranks.get(thing.item).copied().unwrap_or_default()
    }

    /// Appends the items of a slot to an arrangement.
    fn fill(&self, things: &[ArrangedItem], arrangement: &mut Arrangement) {
        let start = arrangement.n_units;
        let mut at = start;
        let mut groups = [start; N_LEVELS];
        let mut is_after_big = false;
        for thing in things {
            let is_big = thing.n_units >= BIG.div_ceil(self.rooms.unit_len);
            let level = self.levels.get(thing.item).map_or(0, |level| usize::from(*level));
            // A big item ends a group on the first level, whatever the hash of its path says, so that the items around
            // it are independent of its length.
            let n_levels = (level + usize::from(is_big)).max(usize::from(is_after_big)).min(N_LEVELS);
            self.close(&groups[..n_levels], &mut at);
            groups[..n_levels].fill(at);
            if is_big {
                at = at.next_multiple_of(self.rooms.alignment());
            }
            arrangement.places.push((thing.item, at));
            at += thing.n_units;
            is_after_big = is_big;
        }
        if !things.iter().all(|thing| thing.is_alone) {
            self.close(&groups, &mut at);
        }
        arrangement.n_units = start + self.rooms.room_for(at - start);
    }

    /// Adds the room behind the groups that end here, from the first level up.
    fn close(&self, groups: &[u64], at: &mut u64) {
        for (start, shares) in groups.iter().zip(GROUP_SHARES) {
            *at = start + self.rooms.in_shares(*at - start, shares);
        }
    }
}

impl Rooms {
    /// Calculates room in units of `unit_len` bytes.
    pub fn new(slack: Slack, unit_len: u64) -> Self {
        Self { slack, unit_len }
    }

    /// Amount of room.
    pub fn slack(self) -> Slack {
        self.slack
    }

    /// Alignment in units of everything that has slack.
    pub fn alignment(self) -> u64 {
        ALIGNMENT.div_ceil(self.unit_len)
    }

    /// Rounds a length in units up to include the room behind a slot or a larger part of the medium.
    pub fn room_for(self, n_units: u64) -> u64 {
        self.in_shares(n_units, SLOT_SHARES)
    }

    /// Rounds a length up to a multiple of `1 / shares` of its power of two.
    fn in_shares(self, n_units: u64, shares: u64) -> u64 {
        match self.slack {
            Slack::None => n_units,
            Slack::Ample if n_units == 0 => 0,
            Slack::Ample => n_units.next_multiple_of(((1 << n_units.ilog2()) / shares).max(self.alignment())),
        }
    }
}

/// Hash of a path: FNV-1a with 64 bits. It determines positions on media, so it must never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PathHash(u64);

impl Default for PathHash {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl PathHash {
    fn then(self, name: &str) -> Self {
        let bytes = name.bytes().chain([b'/']);
        Self(bytes.fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)))
    }

    /// Number of group levels that start with this path. Only the high bits of the hash depend on all bytes.
    fn level(self) -> u8 {
        let mixed = (self.0 ^ self.0 >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed.leading_zeros() / GROUP_BITS).min(N_LEVELS as u32) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;
    use crate::volume::Folder;

    fn folder(paths: impl IntoIterator<Item = String>) -> Folder {
        let mut root = Folder::default();
        for path in paths {
            root.insert(&path, Content::bytes([1])).unwrap();
        }
        root
    }

    fn many() -> Vec<String> {
        (0..3_000).map(|n| format!("drivers/{}/{n}.inf", n % 7)).collect()
    }

    #[test]
    fn where_groups_start_depends_on_each_path_alone() {
        let levels = |root: &Folder, path: &str| {
            let tree = Tree::new(root);
            ArrangementOrder::new(&tree, &[], Rooms::new(Slack::Ample, 2_048)).levels[tree.find(path).unwrap()]
        };
        let all = folder(many());
        let n_starts = many().iter().filter(|path| levels(&all, path) > 0).count();
        assert!((60..140).contains(&n_starts), "{n_starts}");
        for path in many().into_iter().step_by(17) {
            assert_eq!(levels(&all, &path), levels(&folder([path.clone()]), &path), "{path}");
        }
    }

    #[test]
    fn the_hash_of_a_path_is_that_of_finished_media() {
        assert_eq!(PathHash::default().then("sources").then("boot.wim").0, 0x114F_9854_90F5_880C);
    }

    #[test]
    fn room_is_in_whole_blocks_and_little() {
        for unit_len in [512, 2_048, 16_384] {
            let (ample, none) = (Rooms::new(Slack::Ample, unit_len), Rooms::new(Slack::None, unit_len));
            for n_units in (0..3_000).chain([100_000, 1 << 31, (1 << 31) + 1]) {
                let (with_room, most) = (ample.room_for(n_units), (n_units / SLOT_SHARES).max(ample.alignment() - 1));
                assert!(with_room >= n_units && (with_room * unit_len).is_multiple_of(ALIGNMENT));
                assert!(with_room <= n_units + most, "{n_units}: {with_room}");
                assert_eq!(ample.room_for(with_room), with_room, "room for what has room is no more");
                assert_eq!(none.room_for(n_units), n_units);
            }
        }
    }

    fn arranged(slack: Slack, parts: &[&str], paths: &[String], n_units: impl Fn(&str) -> u64) -> Vec<(String, u64)> {
        let root = folder(paths.iter().cloned());
        let tree = Tree::new(&root);
        let parts: Vec<_> = parts.iter().map(|path| (*path).to_owned()).collect();
        let files = (0..tree.items().len()).filter(|item| !tree.is_folder(*item));
        let thing = |item| ArrangedItem { item, n_units: n_units(&tree.path(item)), is_alone: false };
        let arrangement = ArrangementOrder::new(&tree, &parts, Rooms::new(slack, 2_048)).arrange(files.map(thing));
        let mut places: Vec<_> = arrangement.places.iter().map(|(item, at)| (tree.path(*item), *at)).collect();
        places.push(("end".into(), arrangement.n_units));
        places
    }

    #[test]
    fn without_slack_things_follow_each_other() {
        let places = arranged(Slack::None, &["drivers/3"], &many(), |_| 3);
        assert!(places.iter().zip(0..).all(|((_, at), n)| *at == 3 * n), "{places:?}");
    }

    #[test]
    fn a_thing_that_grows_moves_what_follows_in_its_group() {
        let old = arranged(Slack::Ample, &[], &many(), |_| 5);
        let mut n_moved: Vec<_> = (0..40)
            .map(|n| {
                let grown = &many()[n * 71];
                let new = arranged(Slack::Ample, &[], &many(), |path| if path == grown { 6 } else { 5 });
                let at = new.iter().position(|(path, _)| path == grown).unwrap();
                assert_eq!(old[..=at], new[..=at], "what comes before {grown} stays");
                old.iter().zip(&new).filter(|(old, new)| old != new).count()
            })
            .collect();
        n_moved.sort_unstable();
        assert!(n_moved[20] < 64 && n_moved[35] < 1_100, "{n_moved:?}");
    }

    #[test]
    fn larger_parts_come_first_and_what_is_within_one_stays_together() {
        let paths: Vec<_> = ["a/1", "a/2", "b/1", "b/2", "b/3", "b/inner/1", "c", "d"].map(str::to_owned).into();
        let large = |path: &str| if path == "c" || path.starts_with("b/inner") { 20 } else { 2 };
        let places = arranged(Slack::Ample, &["A", "b", "b/inner", "missing"], &paths, large);
        let order: Vec<_> = places.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(order, ["c", "d", "b/inner/1", "a/1", "a/2", "b/1", "b/2", "b/3", "end"]);
    }
}
