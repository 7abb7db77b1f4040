use proptest::prelude::*;

use super::*;

const CAPACITY: u64 = 64_000;
const ROOM: DiscRoom = DiscRoom { capacity: CAPACITY, first: 9_000, others: 500 };

/// Creates items of these lengths without folders, each in its own package.
fn items(lens: &[u64]) -> Vec<SetItem> {
    let item = |(n, len): (usize, &u64)| {
        let hash = blake3::hash(&n.to_le_bytes());
        let hash = u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap());
        SetItem { len: *len, folder: None, floats: *len > ROOM.flow(), ends: *len, hash }
    };
    lens.iter().enumerate().map(item).collect()
}

fn filled(lens: &[u64]) -> Vec<Vec<usize>> {
    fill(&items(lens), &[], &ROOM)
}

fn used(disc: usize, numbers: &[usize], lens: &[u64]) -> u64 {
    let base = if disc == 0 { ROOM.first } else { ROOM.others };
    base + numbers.iter().map(|number| lens[*number]).sum::<u64>()
}

#[test]
fn what_flows_fills_nine_tenths_and_what_floats_leaves_no_gap() {
    let mut lens: Vec<u64> = (0..600).map(|n| 40 + n * 7 % 900).collect();
    // Two of these never fit on one disc.
    lens[3] = 40_000;
    lens[4] = 40_000;
    lens[300] = 33_000;
    let discs = filled(&lens);
    let n_discs = discs.len();
    for (disc, numbers) in discs.iter().enumerate().take(n_discs - 1) {
        let used = used(disc, numbers, &lens);
        assert!((CAPACITY * 9 / 10..=CAPACITY).contains(&used), "disc {disc} of {n_discs}: {used}");
    }
    let disc_of = |item: usize| discs.iter().position(|disc| disc.contains(&item)).unwrap();
    assert_eq!([3, 4, 5].map(disc_of), [0, 1, 0], "what follows goes on where it is");
}

#[test]
fn a_disc_ends_where_a_hash_says_so_and_changes_before_seldom_move_it() {
    let lens: Vec<u64> = (0..4_000).map(|n| 20 + n * 13 % 200).collect();
    let before = filled(&lens);
    assert!(before.len() > 6);
    let mut n_touched = 0;
    for changed in (0..200).map(|n| before[0][n % before[0].len()]) {
        let mut lens = lens.clone();
        lens[changed] += 30;
        let after = filled(&lens);
        n_touched += before[1..].iter().zip(&after[1..]).filter(|(before, after)| before != after).count();
    }
    // If discs were filled completely, nearly all other discs would change in over a third of the
    // cases.
    let n_discs = 200 * (before.len() - 1);
    assert!(n_touched * 20 < n_discs, "{n_touched} of {n_discs} other discs changed");
}

#[test]
fn a_folder_is_counted_once_on_each_disc_that_has_something_of_it() {
    let folders = [SharedFolder { len: 1_000, parent: None }, SharedFolder { len: 2_000, parent: Some(0) }];
    let mut items = items(&[30_000, 30_000, 30_000]);
    items.iter_mut().for_each(|item| item.folder = Some(1));
    let room = DiscRoom { capacity: 64_000, first: 0, others: 0 };
    assert_eq!(fill(&items, &folders, &room), [vec![0, 1], vec![2]]);
    let room = DiscRoom { capacity: 63_000, ..room };
    assert_eq!(fill(&items, &folders, &room), [vec![0, 1], vec![2]]);
    let room = DiscRoom { capacity: 62_999, ..room };
    assert_eq!(fill(&items, &folders, &room), [vec![0], vec![1], vec![2]]);
}

#[test]
fn what_takes_a_whole_disc_has_one() {
    assert_eq!(filled(&[63_500, 100, 63_501]), [vec![1], vec![0], vec![2]]);
    assert_eq!(filled(&[]), [Vec::<usize>::new()]);
}

fn any_len() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..800u64, 3 => 800..4_000u64, 2 => 4_001..60_000u64]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn everything_is_on_one_disc_and_no_disc_is_too_full(lens in prop::collection::vec(any_len(), 0..120)) {
        let discs = filled(&lens);
        let mut all: Vec<_> = discs.concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..lens.len()).collect::<Vec<_>>());
        for (disc, numbers) in discs.iter().enumerate() {
            prop_assert!(disc == 0 || !numbers.is_empty());
            prop_assert!(used(disc, numbers, &lens) <= CAPACITY);
        }
    }

    /// A growing item changes no earlier disc, and an added one changes no disc before the end of
    /// the flow.
    #[test]
    fn what_is_behind_changes_no_disc_before_it(
        lens in prop::collection::vec(any_len(), 2..120),
        changed in any::<prop::sample::Index>(),
        more in 1..4_000u64,
        appended in prop::collection::vec(any_len(), 0..4),
    ) {
        let before = filled(&lens);
        let changed = changed.index(lens.len());
        let disc_of = before.iter().position(|disc| disc.contains(&changed)).unwrap();
        let mut grown = lens.clone();
        grown[changed] += more;
        // Skip cases in which the item changes between flowing and floating.
        prop_assume!((grown[changed] > ROOM.flow()) == (lens[changed] > ROOM.flow()));
        prop_assume!(grown[changed] + ROOM.others <= CAPACITY);
        let after = filled(&grown);
        prop_assert_eq!(&before[..disc_of], &after[..disc_of]);
        let mut longer = lens.clone();
        longer.extend(appended);
        let after = filled(&longer);
        let flows = |disc: &Vec<usize>| disc.iter().any(|number| lens[*number] <= ROOM.flow());
        let end = before.iter().rposition(flows).unwrap_or(0);
        prop_assert_eq!(&before[..end], &after[..end]);
    }
}
