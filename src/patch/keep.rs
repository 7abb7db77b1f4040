//! Chooses the files of an old output to keep: those in both outputs and in the same order, with as many bytes and as
//! few moves as possible.

use std::collections::{HashMap, VecDeque};

use super::{Ability, BLOCK, PlacedPart};
use crate::digest::Digest;
use crate::layout::Region;

/// Range of the new output that is found `shift` bytes earlier in the old one. The shift is a multiple of [`BLOCK`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keep {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) shift: i64,
}

impl Keep {
    pub(super) fn old_start(&self) -> u64 {
        self.start.wrapping_add_signed(-self.shift)
    }

    pub(super) fn old_end(&self) -> u64 {
        self.end.wrapping_add_signed(-self.shift)
    }
}

/// Cost of moving everything after a point, in bytes written instead: moving takes the file system time, and drops its
/// cache.
const MOVE_COST: u64 = 4 << 20;
/// Minimum number of bytes that are worth moving.
const MIN_MOVED: u64 = 64 << 10;
/// Maximum number of runs to choose from, since the time is quadratic. There are few runs unless everything was
/// reordered.
const MAX_RUNS: usize = 1_000;

/// Chooses the files to keep, ascending in both outputs.
pub(super) fn kept(old: &[PlacedPart], new: &[PlacedPart], ability: Ability) -> Vec<Keep> {
    let mut runs = runs(matches(old, new));
    runs.retain(|run| run.shift == 0 || (ability != Ability::Overwrite && run.len >= MIN_MOVED));
    if runs.len() > MAX_RUNS {
        runs.sort_by_key(|run| std::cmp::Reverse(run.len));
        runs.truncate(MAX_RUNS);
        runs.sort_by_key(|run| run.pieces[0].start);
    }
    best(&runs).into_iter().flat_map(|run| runs[run].pieces.iter().copied()).collect()
}

/// Neighbouring files with the same shift.
struct MovedRun {
    pieces: Vec<Keep>,
    shift: i64,
    len: u64,
}

/// Finds the files of the new output that are in the old one, ascending. Of several copies, the one in the same
/// position is preferred, and otherwise they are taken in order. Files that share a region count as one.
fn matches(old: &[PlacedPart], new: &[PlacedPart]) -> Vec<Keep> {
    let key = |part: &PlacedPart| (part.blake3, part.region.len);
    let mut places: HashMap<(Digest, u64), VecDeque<u64>> = HashMap::with_capacity(old.len());
    let mut ascending: Vec<_> = old.iter().filter(|part| part.region.len > 0).collect();
    ascending.sort_by_key(|part| part.region.offset);
    ascending.dedup_by_key(|part| part.region);
    for part in ascending {
        places.entry(key(part)).or_default().push_back(part.region.offset);
    }
    let mut ascending: Vec<_> = new.iter().filter(|part| part.region.len > 0).collect();
    ascending.sort_by_key(|part| part.region.offset);
    ascending.dedup_by_key(|part| part.region);
    let mut found: Vec<_> = ascending
        .iter()
        .map(|part| {
            let places = places.get_mut(&key(part))?;
            let own = places.binary_search(&part.region.offset).ok()?;
            places.remove(own)
        })
        .collect();
    for (part, found) in ascending.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
        *found = places.get_mut(&key(part)).and_then(VecDeque::pop_front);
    }
    let keep = |(part, found): (&&PlacedPart, Option<u64>)| {
        let Region { offset: start, len } = part.region;
        found.map(|old| Keep { start, end: start + len, shift: start as i64 - old as i64 })
    };
    ascending.iter().zip(found).filter_map(keep).collect()
}

fn runs(pieces: Vec<Keep>) -> Vec<MovedRun> {
    let mut runs: Vec<MovedRun> = Vec::new();
    for piece in pieces.into_iter().filter(|piece| piece.shift.unsigned_abs().is_multiple_of(BLOCK)) {
        let len = piece.end - piece.start;
        match runs.last_mut().filter(|run| run.shift == piece.shift) {
            Some(run) => {
                run.pieces.push(piece);
                run.len += len;
            }
            None => runs.push(MovedRun { pieces: vec![piece], shift: piece.shift, len }),
        }
    }
    runs
}

/// Chooses runs that are ascending in the old output too, with the most bytes minus the cost of moves.
fn best(runs: &[MovedRun]) -> Vec<usize> {
    let old_start = |run: &MovedRun| run.pieces[0].old_start();
    let old_end = |run: &MovedRun| run.pieces[run.pieces.len() - 1].old_end();
    let cost = |before: i64, run: &MovedRun| if before == run.shift { 0 } else { MOVE_COST as i64 };
    // For each run: value of the best selection that ends with it, and the run before it. This is a longest increasing
    // subsequence, weighted by length.
    let mut worth: Vec<(i64, Option<usize>)> = Vec::with_capacity(runs.len());
    for (index, run) in runs.iter().enumerate() {
        let before = (0..index).filter(|before| old_end(&runs[*before]) <= old_start(run));
        let choices = before.map(|before| (worth[before].0 - cost(runs[before].shift, run), Some(before)));
        let alone = (-cost(0, run), None);
        let (rest, before) = choices.fold(alone, |best, choice| if choice.0 > best.0 { choice } else { best });
        worth.push((rest + run.len as i64, before));
    }
    let mut chosen = Vec::new();
    let mut next = (0..runs.len()).max_by_key(|index| worth[*index].0).filter(|index| worth[*index].0 > 0);
    while let Some(index) = next {
        chosen.push(index);
        next = worth[index].1;
    }
    chosen.reverse();
    chosen
}

/// Cuts ranges to whole blocks wherever something must be inserted or removed. Also returns, for the gap before each
/// range and for the last gap, `true` if it gets room of its own.
pub(super) fn aligned(keeps: &[Keep], new_len: u64, replaces: &dyn Fn(&Region) -> bool) -> (Vec<Keep>, Vec<bool>) {
    let mut done: Vec<Keep> = Vec::with_capacity(keeps.len());
    let mut with_room: Vec<bool> = Vec::with_capacity(keeps.len() + 1);
    // A range without a whole block is dropped, and the gaps around it become one.
    let mut wants_room = false;
    for keep in keeps {
        let mut keep = *keep;
        let at = done.last().map_or(0, |last| last.end);
        wants_room |= replaces(&super::region(at, keep.start));
        if wants_room || done.last().map_or(0, |last| last.shift) != keep.shift {
            keep.start = keep.start.next_multiple_of(BLOCK);
            if keep.start >= keep.end {
                continue;
            }
            wants_room |= cut_end(&mut done, &mut with_room);
        }
        done.push(keep);
        with_room.push(std::mem::take(&mut wants_room));
    }
    let at = done.last().map_or(0, |last| last.end);
    wants_room |= at < new_len && replaces(&super::region(at, new_len));
    if wants_room {
        cut_end(&mut done, &mut with_room);
    }
    with_room.push(wants_room);
    (done, with_room)
}

/// Cuts the last range to whole blocks, and drops it if there are none. Returns `true` if the gap before a dropped
/// range was to get room of its own.
fn cut_end(done: &mut Vec<Keep>, with_room: &mut Vec<bool>) -> bool {
    let mut wanted_room = false;
    while let Some(last) = done.last_mut() {
        last.end -= last.end % BLOCK;
        if last.end > last.start {
            break;
        }
        done.pop();
        wanted_room |= with_room.pop().unwrap_or_default();
    }
    wanted_room
}
