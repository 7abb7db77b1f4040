use super::*;

/// Makes a file with a content that depends on a number.
fn part(offset: u64, len: u64, name: u8) -> PlacedPart {
    PlacedPart { region: Region { offset, len }, blake3: Digest::hash(&[name]) }
}

const K: u64 = 1 << 10;
const M: u64 = 1 << 20;

/// Formats gaps as old range and new range.
fn gaps(patch: &Patch) -> Vec<(u64, u64, u64, u64)> {
    patch.gaps.iter().map(|gap| (gap.old.offset, gap.old.len, gap.new.offset, gap.new.len)).collect()
}

#[test]
fn what_is_in_its_place_is_kept_and_the_rest_is_a_gap() {
    let old = [part(4 * K, 10 * K, 1), part(16 * K, M, 2), part(2 * M, 3_000, 3)];
    let new = [part(4 * K, 10 * K, 1), part(16 * K, M, 9), part(2 * M, 3_000, 3)];
    let patch = Patch::new(3 * M, &old, 3 * M, &new, Ability::Overwrite);
    let between = (14 * K, 2 * M - 14 * K);
    let end = 2 * M + 3_000;
    assert_eq!(
        gaps(&patch),
        [(0, 4 * K, 0, 4 * K), (between.0, between.1, between.0, between.1), (end, 3 * M - end, end, 3 * M - end)]
    );
    assert_eq!(patch.widest(), 3 * M);
}

#[test]
fn what_moved_is_moved_with_what_is_behind_it_where_the_file_system_can() {
    let old = [part(8 * K, M, 1), part(2 * M, 20 * M, 2), part(30 * M, 20 * M, 3)];
    let new = [part(8 * K, M, 1), part(2 * M, 3 * M, 9), part(6 * M, 20 * M, 2), part(34 * M, 20 * M, 3)];
    let patch = Patch::new(60 * M, &old, 64 * M, &new, Ability::Shift);
    let gap = &patch.gaps[1];
    assert_eq!((gap.n_insert(), gap.n_drop(), gap.insert_at()), (4 * M, 0, 2 * M));
    assert_eq!(patch.widest(), 64 * M);
    let patch = Patch::new(60 * M, &old, 64 * M, &new, Ability::Overwrite);
    assert_eq!(gaps(&patch).len(), 2, "only what is in its place is kept");
}

#[test]
fn room_of_its_own_is_made_of_whole_blocks() {
    let old = [part(2 * K, 9_000, 1), part(20 * K, 5 * M, 2), part(6 * M + 2 * K, 9_000, 3)];
    let new = [part(2 * K, 9_000, 1), part(20 * K, 5 * M, 9), part(6 * M + 2 * K, 9_000, 3)];
    let patch = Patch::new(8 * M, &old, 8 * M, &new, Ability::Shift);
    let patch = patch.with_room(&|range| range.offset < M && range.offset + range.len > 5 * M);
    let gap = &patch.gaps[1];
    assert!(gap.replaces);
    let (start, end) = (8 * K, 6 * M + 4 * K);
    assert_eq!((gap.new, gap.old), (region(start, end), region(start, end)));
    assert_eq!((gap.n_insert(), gap.n_drop(), gap.insert_at()), (end - start, end - start, start));
    assert_eq!(patch.widest(), 8 * M + end - start);
}

#[test]
fn files_too_small_for_a_block_are_written_anew_where_something_moves() {
    let old = [part(8 * K, 100, 1), part(20 * K, 9 * M, 2)];
    let new = [part(8 * K, 100, 1), part(40 * K, 9 * M, 2)];
    let patch = Patch::new(10 * M, &old, 10 * M + 20 * K, &new, Ability::Shift);
    assert_eq!(gaps(&patch)[0], (0, 20 * K, 0, 40 * K));
}

#[test]
fn twins_stay_where_they_are() {
    let old = [part(4 * K, M, 1), part(2 * M, M, 1), part(4 * M, M, 1)];
    let patch = Patch::new(5 * M, &old, 5 * M, &old[1..], Ability::Shift);
    assert_eq!(gaps(&patch), [(0, 2 * M, 0, 2 * M), (3 * M, M, 3 * M, M)]);
}

/// For any two lists of files, gaps and kept ranges cover both outputs once, and the kept ranges are equal in both.
#[test]
fn every_byte_of_both_outputs_is_kept_or_in_a_gap() {
    let mut state = 7u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..500 {
        let mut pool: Vec<(u64, u8)> = (0..12).map(|name| (1 + random(3 * M), name)).collect();
        let mut outputs = Vec::new();
        for _ in 0..2 {
            let mut at = random(9) * 2 * K;
            let mut parts = Vec::new();
            for (len, name) in &pool {
                parts.push(part(at, *len, *name));
                at = (at + len).next_multiple_of(2 * K) + random(40) * 2 * K;
            }
            outputs.push((parts, at));
            // The next output has other files in another order, and some of them twice.
            let (from, to) = (random(12) as usize, random(12) as usize);
            pool.swap(from, to);
            pool.remove(random(11) as usize);
            pool.push((1 + random(M), 100 + random(9) as u8));
            pool.push(pool[random(10) as usize]);
        }
        let [(old, old_len), (new, new_len)] = &outputs[..] else { unreachable!() };
        for ability in [Ability::Overwrite, Ability::Shift, Ability::Clone] {
            let patch = Patch::new(*old_len, old, *new_len, new, ability);
            check(&patch, old, new, ability);
            let wish = random(*new_len);
            let with_room = patch.with_room(&|range| range.offset <= wish && wish < range.offset + range.len);
            if ability != Ability::Overwrite {
                check(&with_room, old, new, ability);
            }
        }
    }
}

fn check(patch: &Patch, old: &[PlacedPart], new: &[PlacedPart], ability: Ability) {
    let (mut old_at, mut new_at) = (0, 0);
    for (index, gap) in patch.gaps.iter().enumerate() {
        let kept = gap.new.offset - new_at;
        assert_eq!(gap.old.offset - old_at, kept, "the same length is kept on both sides");
        let whole = |parts: &[PlacedPart], at: u64| {
            let part = parts.iter().find(|part| part.region.offset <= at && at < part.region.offset + part.region.len);
            part.map(|part| (part.blake3, at - part.region.offset))
        };
        if kept > 0 {
            assert_eq!(whole(old, old_at), whole(new, new_at), "kept bytes are those of one file");
            assert!(whole(new, new_at).is_some());
            assert_eq!(whole(old, old_at + kept - 1), whole(new, new_at + kept - 1));
        }
        let is_last = index + 1 == patch.gaps.len();
        if !is_last {
            assert!(gap.n_insert() % BLOCK == 0 && gap.n_drop() % BLOCK == 0, "{gap:?}");
            let moves = gap.n_insert() + gap.n_drop() > 0;
            assert!(!moves || gap.insert_at() % BLOCK == 0, "{gap:?}");
            assert!(!moves || ability != Ability::Overwrite, "{gap:?}");
        }
        (old_at, new_at) = (gap.old.offset + gap.old.len, gap.new.offset + gap.new.len);
    }
    assert_eq!(patch.old_len - old_at, patch.new_len - new_at);
}
