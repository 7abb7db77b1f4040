//! Assigns items to discs, using only lengths and hashes of paths. The parent module describes the
//! algorithm.

/// Number of shares that a disc is divided into.
const SHARES: u64 = 64;
/// Shares at the end of a disc reserved for floating items: they leave room for slack, which keeps
/// later changes small.
const RESERVE: u64 = 1;
/// Shares of the window in which a disc ends.
const WINDOW: u64 = 4;
/// Shares between two candidates for the end of a disc, on average.
const MEAN: u64 = 1;

/// An item that is placed on one disc as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetItem {
    /// Upper bound of its size, without its folders.
    pub len: u64,
    /// Folder that must be on the same disc.
    pub folder: Option<usize>,
    /// If the item does not fit, later items continue on the current disc.
    pub floats: bool,
    /// Size that ends with the item: its own, or that of the package whose last item it is.
    pub ends: u64,
    /// Hash of the path.
    pub hash: u64,
}

/// A folder that is on every disc with some of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedFolder {
    /// Upper bound of its own size.
    pub len: u64,
    /// Parent folder, with a lower index.
    pub parent: Option<usize>,
}

/// Capacity of discs, and their fixed content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscRoom {
    /// Capacity of a disc.
    pub capacity: u64,
    /// Size of the fixed content of the first disc.
    pub first: u64,
    /// Size of the fixed content of every other disc.
    pub others: u64,
}

impl DiscRoom {
    /// Returns the maximum size of a flowing item.
    pub fn flow(&self) -> u64 {
        self.capacity / SHARES * WINDOW
    }
}

/// Returns the items of each disc, ascending. An item that fits on no disc gets one of its own.
pub fn fill(items: &[SetItem], folders: &[SharedFolder], room: &DiscRoom) -> Vec<Vec<usize>> {
    let share = room.capacity / SHARES;
    let end = room.capacity - share * RESERVE;
    let (mut passed, mut next) = (Vec::new(), 0);
    let mut discs = Vec::new();
    while discs.is_empty() || next < items.len() || !passed.is_empty() {
        let used = if discs.is_empty() { room.first } else { room.others };
        let mut disc = FilledDisc { used, folders: vec![false; folders.len()], items: Vec::new() };
        // An empty disc takes any item, so that the loop always ends; the caller refuses such a
        // set. The first disc is not empty: it has the content for starting.
        let is_empty = |disc: &FilledDisc| !discs.is_empty() && disc.items.is_empty();
        let take = |disc: &mut FilledDisc, number: usize, end: u64| {
            let needed = disc.needed(&items[number], folders);
            let fits = disc.used + needed <= end || is_empty(disc);
            if fits {
                disc.take(number, &items[number], needed, folders);
            }
            fits
        };
        // Floating items that were passed come first, and may use the reserve.
        passed.retain(|number| !take(&mut disc, *number, room.capacity));
        while let Some(item) = items.get(next) {
            let is_taken = take(&mut disc, next, if item.floats { room.capacity } else { end });
            match (is_taken, item.floats) {
                (false, false) => break,
                // A floating item waits for the next disc, and the flow continues here.
                (false, true) => passed.push(next),
                (true, _) => {}
            }
            next += 1;
            // The end depends only on items up to here, so later changes don't move it.
            if is_taken && disc.used + share * WINDOW >= end && may_end_after(item, share * MEAN) {
                break;
            }
        }
        disc.items.sort_unstable();
        discs.push(disc.items);
    }
    discs
}

/// Returns `true` if a disc may end after an item. The probability grows with the size that ends
/// there.
fn may_end_after(item: &SetItem, mean: u64) -> bool {
    (u128::from(item.hash) * u128::from(mean)) >> 64 < u128::from(item.ends)
}

/// A disc being filled.
struct FilledDisc {
    used: u64,
    /// For each folder, `true` if it is on the disc.
    folders: Vec<bool>,
    items: Vec<usize>,
}

impl FilledDisc {
    /// Returns the space that an item needs here: its own size, and that of its folders not yet on
    /// the disc.
    fn needed(&self, item: &SetItem, folders: &[SharedFolder]) -> u64 {
        let mut needed = item.len;
        let mut above = item.folder;
        while let Some(folder) = above.filter(|folder| !self.folders[*folder]) {
            needed += folders[folder].len;
            above = folders[folder].parent;
        }
        needed
    }

    fn take(&mut self, number: usize, item: &SetItem, needed: u64, folders: &[SharedFolder]) {
        self.used += needed;
        self.items.push(number);
        let mut above = item.folder;
        while let Some(folder) = above.filter(|folder| !self.folders[*folder]) {
            self.folders[folder] = true;
            above = folders[folder].parent;
        }
    }
}

#[cfg(test)]
mod tests;
