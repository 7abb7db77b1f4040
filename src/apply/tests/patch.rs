//! Patching: whatever is done to the sources, by whatever means the file system offers, and wherever it is cut off.

use std::os::unix::fs::FileExt;

use super::*;
use crate::patch::Ability;
use crate::write::Call;

const ABILITIES: [Ability; 3] = [Ability::Overwrite, Ability::Shift, Ability::Clone];

/// Whether a way to patch can be tried here. What can't be shared is copied, which is the same but for the time.
fn is_here(ability: Ability, desk: &Desk) -> bool {
    ability != Ability::Shift || crate::write::can(ability, &desk.root)
}

/// A desk with enough on it that moving it is worth something.
fn large_desk() -> Desk {
    let desk = Desk::new();
    desk.put("image/install.wim", &noise(4_400_000, 2));
    desk.put("image/setup.cab", &noise(1_300_000, 3));
    desk.put("image/ü", &noise(30_000, 4));
    next_tick();
    desk
}

fn means(ability: Ability) -> Means {
    Means { ability: Some(ability), ..Means::default() }
}

/// One change of each kind: what it is, and how the sources are changed with a number that makes each time another.
type Edit = (&'static str, fn(&Desk, u64));

const EDITS: [Edit; 6] = [
    ("a small file changes", |desk, n| desk.put("tool/setup.exe", &noise(200_000, 100 + n))),
    ("a file grows by blocks, which moves all behind it", |desk, n| {
        desk.put("tool/setup.exe", &noise(200_000 + 8_192 * (1 + n as usize % 3), n));
    }),
    ("the last file changes its length", |desk, n| desk.put("image/ü", &noise(10_000 + 777 * n as usize, n))),
    ("a large file is another one", |desk, n| desk.put("image/setup.cab", &noise(1_300_000, n))),
    ("a large file shrinks", |desk, n| desk.put("image/setup.cab", &noise(1_250_000 - 4_096 * n as usize, n))),
    ("a file comes, in front of the others", |desk, n| desk.put("image/a", &noise(16_384 + n as usize, n))),
];

#[test]
fn a_patched_medium_is_that_of_a_clean_build() {
    for ability in ABILITIES {
        let desk = large_desk();
        if !is_here(ability, &desk) {
            continue;
        }
        run(&desk, &[target(&desk)], means(ability), false).unwrap();
        let mut n_patched = 0;
        let n_rounds = if is_thorough() { 18 } else { 6 };
        for round in 0..n_rounds {
            let (what, edit) = EDITS[(round * 5 % 6) as usize];
            edit(&desk, round);
            next_tick();
            let applied = run(&desk, &[target(&desk)], means(ability), false).unwrap();
            n_patched += u32::from(actions(&applied) == [Action::Patch]);
            assert!(desk.medium().unwrap() == desk.clean_build(), "{ability:?}, round {round}: {what}");
            assert_eq!(desk.finished_names(), ["medium.iso"]);
            assert_eq!(actions(&run(&desk, &[target(&desk)], means(ability), false).unwrap()), [Action::Keep]);
        }
        let least = if ability == Ability::Overwrite { n_rounds / 6 } else { n_rounds * 2 / 3 };
        assert!(n_patched >= least as u32, "{ability:?}: only {n_patched} of {n_rounds} were patched");
    }
}

#[test]
fn no_patch_builds_anew() {
    let desk = large_desk();
    run_now(&desk);
    desk.put("tool/setup.exe", &noise(200_000, 9));
    next_tick();
    let (record, targets) = (desk.root.join("media.record.json"), [target(&desk)]);
    let work = Work { no_patch: true, ..work(&desk, &record, &targets, Means::default()) };
    let mut store = Store::open(&desk.root.join(".tsmedia")).unwrap();
    let applied = apply(&work, &mut store, &Progress::default()).unwrap();
    assert_eq!(actions(&applied), [Action::Rebuild]);
    assert!(desk.medium().unwrap() == desk.clean_build());
}

#[test]
fn a_medium_with_a_second_name_is_left_as_it_is_under_that_name() {
    let desk = large_desk();
    run_now(&desk);
    let kept = desk.root.join("kept.iso");
    fs::hard_link(desk.root.join("out/medium.iso"), &kept).unwrap();
    let old = desk.medium();
    // The second name changes what the file system says of the file, which is looked at again.
    fs::remove_dir_all(desk.root.join(".tsmedia")).unwrap();
    desk.put("tool/setup.exe", &noise(200_000, 9));
    next_tick();
    let applied = run(&desk, &[target(&desk)], means(Ability::Shift), false).unwrap();
    assert_eq!(actions(&applied), [Action::Rebuild]);
    assert_eq!(applied.plan.changes[0].reasons.last(), Some(&Reason::NotPatchable));
    assert!(fs::read(&kept).ok() == old && desk.medium().unwrap() == desk.clean_build());
}

/// What happens to a run at its n-th call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    /// The call fails.
    Fails,
    /// The process is killed.
    Killed,
    /// The call fails, and the process is killed so many calls later, while it takes back what it did.
    FailsThenKilled(usize),
}

/// Fails the n-th call with an error, or with all after it as if the process had been killed there.
fn breaking(n: usize, how: Break) -> (Disk, Arc<AtomicUsize>) {
    let n_calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_calls);
    let end = match how {
        Break::Fails => usize::MAX,
        Break::Killed => n,
        Break::FailsThenKilled(later) => n + later,
    };
    let disk = Disk::watched(move |_: Call| match counted.fetch_add(1, Ordering::Relaxed) {
        at if at == n || at >= end => Err(std::io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    });
    (disk, n_calls)
}

/// What is cut off: each step of a patch is in one of these.
const CUT_OFF: [(Ability, usize); 6] = [
    (Ability::Overwrite, 0),
    (Ability::Overwrite, 2),
    (Ability::Shift, 1),
    (Ability::Shift, 3),
    (Ability::Shift, 4),
    (Ability::Clone, 1),
];

#[test]
fn wherever_a_patch_is_cut_off_the_old_or_the_new_medium_comes_back() {
    std::thread::scope(|scope| {
        for (ability, edit) in CUT_OFF {
            // What is taken back is the same for all, but for what was inserted.
            let last = if edit == 0 || edit == 3 { Some(Break::FailsThenKilled(4)) } else { None };
            for how in [Break::Fails, Break::Killed].into_iter().chain(last) {
                scope.spawn(move || cut_off_everywhere(ability, edit, how));
            }
        }
    });
}

fn cut_off_everywhere(ability: Ability, edit: usize, how: Break) {
    // Every call is cut off somewhere: which ones here follows from what is cut off and how.
    let step = if is_thorough() { 1 } else { 7 };
    let first = (edit + usize::from(how == Break::Killed)) % step;
    let desk = large_desk();
    if !is_here(ability, &desk) {
        return;
    }
    run(&desk, &[target(&desk)], means(ability), false).unwrap();
    let (what, change) = EDITS[edit];
    for n in (first..).step_by(step) {
        let context = format!("{ability:?}, {what}, {how:?}, call {n}");
        let old = desk.medium();
        change(&desk, n as u64);
        next_tick();
        let new = desk.clean_build();
        let (disk, n_calls) = breaking(n, how);
        let ended = run(&desk, &[target(&desk)], Means { disk, ..means(ability) }, false);
        let now = desk.medium();
        assert!(now.is_none() || now == old || now.as_ref() == Some(&new), "{context}: half-made");
        // To look changes nothing.
        let names = desk.finished_names();
        look(&desk, ability);
        assert!(desk.medium() == now && desk.finished_names() == names, "{context}: after a look");
        run(&desk, &[target(&desk)], means(ability), false).unwrap();
        assert!(desk.medium().as_ref() == Some(&new), "{context}: the next run");
        assert_eq!(desk.finished_names(), ["medium.iso"], "{context}");
        if n_calls.load(Ordering::Relaxed) <= n {
            assert!(ended.is_ok(), "{context}");
            assert!(n > 8, "{context}: there were too few calls for a patch");
            break;
        }
    }
}

fn look(desk: &Desk, ability: Ability) -> Plan {
    let (record, targets) = (desk.root.join("media.record.json"), [target(desk)]);
    let mut store = Store::open(&desk.root.join(".tsmedia")).unwrap();
    survey(&work(desk, &record, &targets, means(ability)), &mut store, &Progress::default()).unwrap()
}

/// A disk that fails for good right after the medium lost its name.
fn breaking_without_a_name() -> Disk {
    let renamed = AtomicUsize::new(0);
    Disk::watched(move |call| match (call, renamed.load(Ordering::Relaxed)) {
        (Call::Rename, 0) => {
            renamed.store(1, Ordering::Relaxed);
            Ok(())
        }
        (_, 0) => Ok(()),
        _ => Err(std::io::ErrorKind::Other.into()),
    })
}

/// A desk whose medium lost its name to a patch that was cut off before it was decided, and the medium as it was; none
/// where blocks can't be moved.
fn cut_off_desk() -> Option<(Desk, Vec<u8>)> {
    let desk = large_desk();
    if !is_here(Ability::Shift, &desk) {
        return None;
    }
    run_now(&desk);
    let old = desk.medium().unwrap();
    desk.put("tool/setup.exe", &noise(208_192, 9));
    next_tick();
    let disk = breaking_without_a_name();
    run(&desk, &[target(&desk)], Means { disk, ..means(Ability::Shift) }, false).unwrap_err();
    assert_eq!(desk.medium(), None);
    Some((desk, old))
}

const CUT_OFF_NAMES: [&str; 2] = [".medium.iso.tsmedia-journal", ".medium.iso.tsmedia-part"];

#[test]
fn whoever_reads_a_medium_that_was_cut_off_is_told_so_and_changes_nothing() {
    let Some((desk, _)) = cut_off_desk() else { return };
    let all = || CUT_OFF_NAMES.map(|name| fs::read(desk.root.join("out").join(name)).unwrap());
    let before = all();
    let error = crate::write::open_finished(&desk.root.join("out/medium.iso")).unwrap_err();
    assert!(error.to_string().ends_with("has no name now: a patch of it was interrupted"), "{error}");
    let change = look(&desk, Ability::Shift).changes.remove(0);
    assert_eq!((change.action, &change.reasons[0]), (Action::Patch, &Reason::CutOff));
    assert_eq!((all(), desk.finished_names()), (before, CUT_OFF_NAMES.map(String::from).into()));
    assert_eq!(actions(&run_now(&desk)), [Action::Patch]);
    assert!(desk.medium().unwrap() == desk.clean_build());
    assert_eq!(desk.finished_names(), ["medium.iso"]);
}

#[test]
fn a_patch_that_was_cut_off_is_taken_back_though_there_is_nothing_to_do_any_more() {
    let Some((desk, old)) = cut_off_desk() else { return };
    desk.put("tool/setup.exe", &noise(200_000, 1));
    next_tick();
    let change = look(&desk, Ability::Shift).changes.remove(0);
    assert_eq!((change.action, &change.reasons[..]), (Action::Patch, &[Reason::CutOff][..]));
    assert_eq!(actions(&run_now(&desk)), [Action::Keep]);
    assert!(desk.medium().unwrap() == old);
}

/// What may have happened to a cache since a patch was cut off.
type Loss = (&'static str, fn(&Utf8Path));

const LOSSES: [Loss; 4] = [
    ("it was deleted", |cache| fs::remove_dir_all(cache).unwrap()),
    ("its key is another one", |cache| fs::write(cache.join("journal.key"), [7; 32]).unwrap()),
    ("its key was copied, as by an archive", |cache| {
        let key = fs::read(cache.join("journal.key")).unwrap();
        fs::remove_file(cache.join("journal.key")).unwrap();
        crate::write::open::create_private(&cache.join("journal.key")).unwrap();
        fs::write(cache.join("journal.key"), key).unwrap();
    }),
    ("others can read its key", |cache| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(cache.join("journal.key"), fs::Permissions::from_mode(0o644)).unwrap();
    }),
];

#[test]
fn a_journal_that_this_cache_did_not_seal_is_ignored() {
    for (what, lose) in LOSSES {
        let Some((desk, _)) = cut_off_desk() else { return };
        lose(&desk.root.join(".tsmedia"));
        assert_eq!(look(&desk, Ability::Shift).changes[0].action, Action::Create, "{what}");
        assert_eq!(actions(&run_now(&desk)), [Action::Create], "{what}");
        assert!(desk.medium().unwrap() == desk.clean_build(), "{what}");
        assert_eq!(desk.finished_names(), ["medium.iso"], "{what}");
    }
}

#[test]
fn a_journal_is_of_one_file_and_no_other() {
    let Some((desk, _)) = cut_off_desk() else { return };
    let part = desk.root.join("out").join(CUT_OFF_NAMES[1]);
    let bytes = fs::read(&part).unwrap();
    fs::write(desk.root.join("other"), bytes).unwrap();
    fs::rename(desk.root.join("other"), &part).unwrap();
    assert_eq!(actions(&run_now(&desk)), [Action::Create]);
    assert!(desk.medium().unwrap() == desk.clean_build());
}

#[test]
fn a_medium_that_is_replaced_before_it_is_patched_is_left_alone() {
    for ability in ABILITIES {
        let desk = large_desk();
        if !is_here(ability, &desk) {
            continue;
        }
        run(&desk, &[target(&desk)], means(ability), false).unwrap();
        desk.put("tool/setup.exe", &noise(200_000, 9));
        next_tick();
        let (medium, mine) = (desk.root.join("out/medium.iso"), desk.root.join("mine"));
        fs::write(&mine, vec![7; desk.medium().unwrap().len()]).unwrap();
        // The record is opened to be written after the plan was made.
        let is_replaced = std::sync::atomic::AtomicBool::new(false);
        let (from, to) = (mine.clone(), medium.clone());
        let disk = Disk::watched(move |call| match call {
            Call::Create if !is_replaced.swap(true, Ordering::Relaxed) => fs::rename(&from, &to),
            _ => Ok(()),
        });
        let ended = run(&desk, &[target(&desk)], Means { disk, ..means(ability) }, false);
        let kept = desk.medium().unwrap();
        assert!(ended.is_err() && kept.iter().all(|byte| *byte == 7), "{ability:?}: {ended:?}");
    }
}

#[test]
fn what_a_patch_left_is_removed_if_it_is_damaged() {
    let Some((desk, _)) = cut_off_desk() else { return };
    // Power was lost as well, and the file system lost some of it.
    let journal = desk.root.join("out/.medium.iso.tsmedia-journal");
    let key = Store::open(&desk.root.join(".tsmedia")).unwrap().journal_key("out/medium.iso").unwrap();
    crate::write::reseal_as_of_another_boot(&journal, &key);
    let part = File::options().write(true).open(desk.root.join("out/.medium.iso.tsmedia-part")).unwrap();
    part.write_all_at(&[7; 100], 1 << 20).unwrap();
    let applied = run_now(&desk);
    assert_eq!(actions(&applied), [Action::Create]);
    assert!(desk.medium().unwrap() == desk.clean_build());
}
