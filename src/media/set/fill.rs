//! Which thing goes on which disc, decided from lengths and hashes of paths alone. The parent module's documentation
//! says how and why.

/// Shares of a disc are counted in so many parts.
const SHARES: u64 = 64;
/// The share that only what floats may fill: room for slack, which keeps later changes small.
const RESERVE: u64 = 1;
/// The share before that in which a disc ends.
const WINDOW: u64 = 4;
/// The share that lies between the places where a disc may end, on average.
const MEAN: u64 = 1;

/// Something that is on one disc as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thing {
    /// What it takes at most, without its folders.
    pub len: u64,
    /// The folder that has to be on the same disc.
    pub folder: Option<usize>,
    /// Whether it is passed over where it does not fit, while what follows goes on.
    pub floats: bool,
    /// How much comes to an end with it: itself, or a package of which it is the last.
    pub ends: u64,
    /// Follows from its path alone.
    pub hash: u64,
}

/// A folder that is on every disc that has something of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// What it takes at most by itself.
    pub len: u64,
    /// The folder that it is in; one with a lower number.
    pub parent: Option<usize>,
}

/// How much goes on a disc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What a disc holds.
    pub capacity: u64,
    /// What the first disc takes before anything is put on it.
    pub first: u64,
    /// What each of the others takes.
    pub others: u64,
}

impl Room {
    /// The most that something may take and not float.
    pub fn flow(&self) -> u64 {
        self.capacity / SHARES * WINDOW
    }
}

/// The things of each disc, ascending. A thing that does not fit beside what every disc has is on one by itself.
pub fn fill(things: &[Thing], folders: &[Shared], room: &Room) -> Vec<Vec<usize>> {
    let share = room.capacity / SHARES;
    let end = room.capacity - share * RESERVE;
    let (mut passed, mut next) = (Vec::new(), 0);
    let mut discs = Vec::new();
    while discs.is_empty() || next < things.len() || !passed.is_empty() {
        let used = if discs.is_empty() { room.first } else { room.others };
        let mut disc = SetDisc { used, folders: vec![false; folders.len()], things: Vec::new() };
        let is_empty = |disc: &SetDisc| !discs.is_empty() && disc.things.is_empty();
        let take = |disc: &mut SetDisc, number: usize, end: u64| {
            let needed = disc.needed(&things[number], folders);
            let fits = disc.used + needed <= end || is_empty(disc);
            if fits {
                disc.take(number, &things[number], needed, folders);
            }
            fits
        };
        passed.retain(|number| !take(&mut disc, *number, room.capacity));
        while let Some(thing) = things.get(next) {
            let is_taken = take(&mut disc, next, if thing.floats { room.capacity } else { end });
            match (is_taken, thing.floats) {
                (false, false) => break,
                (false, true) => passed.push(next),
                (true, _) => {}
            }
            next += 1;
            if is_taken && disc.used + share * WINDOW >= end && is_an_end(thing, share * MEAN) {
                break;
            }
        }
        disc.things.sort_unstable();
        discs.push(disc.things);
    }
    discs
}

/// Whether a disc may end behind a thing: the more likely, the more ends there.
fn is_an_end(thing: &Thing, mean: u64) -> bool {
    (u128::from(thing.hash) * u128::from(mean)) >> 64 < u128::from(thing.ends)
}

/// A disc that is being filled.
struct SetDisc {
    used: u64,
    /// Of each folder: whether it is there.
    folders: Vec<bool>,
    things: Vec<usize>,
}

impl SetDisc {
    /// What a thing takes here: itself, and those of its folders that are not there yet.
    fn needed(&self, thing: &Thing, folders: &[Shared]) -> u64 {
        let mut needed = thing.len;
        let mut above = thing.folder;
        while let Some(folder) = above.filter(|folder| !self.folders[*folder]) {
            needed += folders[folder].len;
            above = folders[folder].parent;
        }
        needed
    }

    fn take(&mut self, number: usize, thing: &Thing, needed: u64, folders: &[Shared]) {
        self.used += needed;
        self.things.push(number);
        let mut above = thing.folder;
        while let Some(folder) = above.filter(|folder| !self.folders[*folder]) {
            self.folders[folder] = true;
            above = folders[folder].parent;
        }
    }
}

#[cfg(test)]
mod tests;
