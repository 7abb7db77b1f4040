//! Patching after any change to the sources, with each feature of the file system, and interrupted at any step.

use std::os::unix::fs::FileExt;

use super::*;
use crate::patch::Ability;
use crate::write::Call;

const ABILITIES: [Ability; 3] = [Ability::Overwrite, Ability::Shift, Ability::Clone];

/// Returns `true` if a way to patch can be tested here. Cloning falls back to copying, with the same result.
fn is_here(ability: Ability, fixture: &MediumFixture) -> bool {
    ability != Ability::Shift || crate::write::can(ability, &fixture.root)
}

/// Makes a fixture with files so large that a patch moves them.
fn large_fixture() -> MediumFixture {
    let fixture = MediumFixture::new();
    fixture.put("image/install.wim", &noise(4_400_000, 2));
    fixture.put("image/setup.cab", &noise(1_300_000, 3));
    fixture.put("image/ü", &noise(30_000, 4));
    next_tick();
    fixture
}

fn options(ability: Ability) -> WriteOptions {
    WriteOptions { ability: Some(ability), ..WriteOptions::default() }
}

/// One change of each kind: its name, and a function that changes the sources. The number makes each change different.
type Edit = (&'static str, fn(&MediumFixture, u64));

const EDITS: [Edit; 6] = [
    ("a small file changes", |fixture, n| fixture.put("tool/setup.exe", &noise(200_000, 100 + n))),
    ("a file grows by blocks, which moves all behind it", |fixture, n| {
        fixture.put("tool/setup.exe", &noise(200_000 + 8_192 * (1 + n as usize % 3), n));
    }),
    ("the last file changes its length", |fixture, n| fixture.put("image/ü", &noise(10_000 + 777 * n as usize, n))),
    ("a large file is another one", |fixture, n| fixture.put("image/setup.cab", &noise(1_300_000, n))),
    ("a large file shrinks", |fixture, n| fixture.put("image/setup.cab", &noise(1_250_000 - 4_096 * n as usize, n))),
    ("a file comes, in front of the others", |fixture, n| fixture.put("image/a", &noise(16_384 + n as usize, n))),
];

#[test]
fn a_patched_medium_is_that_of_a_clean_build() {
    for ability in ABILITIES {
        let fixture = large_fixture();
        if !is_here(ability, &fixture) {
            continue;
        }
        run(&fixture, &[target(&fixture)], options(ability), false).unwrap();
        let mut n_patched = 0;
        let n_rounds = if is_thorough() { 18 } else { 6 };
        for round in 0..n_rounds {
            let (what, edit) = EDITS[(round * 5 % 6) as usize];
            edit(&fixture, round);
            next_tick();
            let applied = run(&fixture, &[target(&fixture)], options(ability), false).unwrap();
            n_patched += u32::from(actions(&applied) == [Action::Patch]);
            assert!(fixture.medium().unwrap() == fixture.clean_build(), "{ability:?}, round {round}: {what}");
            assert_eq!(fixture.finished_names(), ["medium.iso"]);
            assert_eq!(actions(&run(&fixture, &[target(&fixture)], options(ability), false).unwrap()), [Action::Keep]);
        }
        let least = if ability == Ability::Overwrite { n_rounds / 6 } else { n_rounds * 2 / 3 };
        assert!(n_patched >= least as u32, "{ability:?}: only {n_patched} of {n_rounds} were patched");
    }
}

#[test]
fn no_patch_builds_anew() {
    let fixture = large_fixture();
    run_now(&fixture);
    fixture.put("tool/setup.exe", &noise(200_000, 9));
    next_tick();
    let (record, targets) = (fixture.root.join("media.record.json"), [target(&fixture)]);
    let work = ApplyContext { no_patch: true, ..work(&fixture, &record, &targets, WriteOptions::default()) };
    let mut store = Store::open(&fixture.root.join(".tsmedia"));
    let applied = apply(&work, &mut store, &Progress::default()).unwrap();
    assert_eq!(actions(&applied), [Action::Rebuild]);
    assert!(fixture.medium().unwrap() == fixture.clean_build());
}

#[test]
fn a_medium_with_a_second_name_is_left_as_it_is_under_that_name() {
    let fixture = large_fixture();
    run_now(&fixture);
    let kept = fixture.root.join("kept.iso");
    fs::hard_link(fixture.root.join("out/medium.iso"), &kept).unwrap();
    let old = fixture.medium();
    // A second name changes the metadata of the file, which must be examined again.
    fs::remove_dir_all(fixture.root.join(".tsmedia")).unwrap();
    fixture.put("tool/setup.exe", &noise(200_000, 9));
    next_tick();
    let applied = run(&fixture, &[target(&fixture)], options(Ability::Shift), false).unwrap();
    assert_eq!(actions(&applied), [Action::Rebuild]);
    assert_eq!(applied.plan.changes[0].reasons.last(), Some(&Reason::NotPatchable));
    assert!(fs::read(&kept).ok() == old && fixture.medium().unwrap() == fixture.clean_build());
}

/// Failure of a run at its n-th call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    /// The call fails.
    Fails,
    /// The process is killed.
    Killed,
    /// The call fails, and the process is killed this many calls later, while it undoes the patch.
    FailsThenKilled(usize),
}

/// Fails the n-th call with an error. For a killed process, all calls after it fail too.
fn breaking(n: usize, how: Break) -> (DiskOps, Arc<AtomicUsize>) {
    let n_calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_calls);
    let end = match how {
        Break::Fails => usize::MAX,
        Break::Killed => n,
        Break::FailsThenKilled(later) => n + later,
    };
    let disk = DiskOps::watched(move |_: Call| match counted.fetch_add(1, Ordering::Relaxed) {
        at if at == n || at >= end => Err(std::io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    });
    (disk, n_calls)
}

/// Patches to interrupt. Together they have every step of a patch.
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
            // Undoing is the same for all patches, except for inserted ranges.
            let last = if edit == 0 || edit == 3 { Some(Break::FailsThenKilled(4)) } else { None };
            for how in [Break::Fails, Break::Killed].into_iter().chain(last) {
                scope.spawn(move || cut_off_everywhere(ability, edit, how));
            }
        }
    });
}

fn cut_off_everywhere(ability: Ability, edit: usize, how: Break) {
    // Every call fails in some run. Usual tests take every 7th call, starting at a number that depends on the patch.
    let step = if is_thorough() { 1 } else { 7 };
    let first = (edit + usize::from(how == Break::Killed)) % step;
    let fixture = large_fixture();
    if !is_here(ability, &fixture) {
        return;
    }
    run(&fixture, &[target(&fixture)], options(ability), false).unwrap();
    let (what, change) = EDITS[edit];
    for n in (first..).step_by(step) {
        let context = format!("{ability:?}, {what}, {how:?}, call {n}");
        let old = fixture.medium();
        change(&fixture, n as u64);
        next_tick();
        let new = fixture.clean_build();
        let (disk, n_calls) = breaking(n, how);
        let ended = run(&fixture, &[target(&fixture)], WriteOptions { disk, ..options(ability) }, false);
        let now = fixture.medium();
        assert!(now.is_none() || now == old || now.as_ref() == Some(&new), "{context}: half-made");
        // Commands that only read must change nothing.
        let names = fixture.finished_names();
        look(&fixture, ability);
        assert!(fixture.medium() == now && fixture.finished_names() == names, "{context}: after a look");
        run(&fixture, &[target(&fixture)], options(ability), false).unwrap();
        assert!(fixture.medium().as_ref() == Some(&new), "{context}: the next run");
        assert_eq!(fixture.finished_names(), ["medium.iso"], "{context}");
        if n_calls.load(Ordering::Relaxed) <= n {
            assert!(ended.is_ok(), "{context}");
            assert!(n > 8, "{context}: there were too few calls for a patch");
            break;
        }
    }
}

fn look(fixture: &MediumFixture, ability: Ability) -> Plan {
    let (record, targets) = (fixture.root.join("media.record.json"), [target(fixture)]);
    let mut store = Store::open(&fixture.root.join(".tsmedia"));
    survey(&work(fixture, &record, &targets, options(ability)), &mut store, &Progress::default()).unwrap()
}

/// Disk that always fails after the medium was renamed.
fn breaking_without_a_name() -> DiskOps {
    let renamed = AtomicUsize::new(0);
    DiskOps::watched(move |call| match (call, renamed.load(Ordering::Relaxed)) {
        (Call::Rename, 0) => {
            renamed.store(1, Ordering::Relaxed);
            Ok(())
        }
        (_, 0) => Ok(()),
        _ => Err(std::io::ErrorKind::Other.into()),
    })
}

/// Makes a fixture whose medium was renamed by a patch that was interrupted before it was irreversible. Also returns
/// the old medium. `None` where blocks can't be moved.
fn interrupted_fixture() -> Option<(MediumFixture, Vec<u8>)> {
    let fixture = large_fixture();
    if !is_here(Ability::Shift, &fixture) {
        return None;
    }
    run_now(&fixture);
    let old = fixture.medium().unwrap();
    fixture.put("tool/setup.exe", &noise(208_192, 9));
    next_tick();
    let disk = breaking_without_a_name();
    run(&fixture, &[target(&fixture)], WriteOptions { disk, ..options(Ability::Shift) }, false).unwrap_err();
    assert_eq!(fixture.medium(), None);
    Some((fixture, old))
}

const CUT_OFF_NAMES: [&str; 2] = [".medium.iso.tsmedia-journal", ".medium.iso.tsmedia-part"];

#[test]
fn whoever_reads_a_medium_that_was_cut_off_is_told_so_and_changes_nothing() {
    let Some((fixture, _)) = interrupted_fixture() else { return };
    let all = || CUT_OFF_NAMES.map(|name| fs::read(fixture.root.join("out").join(name)).unwrap());
    let before = all();
    let error = crate::write::open_finished(&fixture.root.join("out/medium.iso")).unwrap_err();
    assert!(error.to_string().ends_with("was interrupted, so the file is not there now"), "{error}");
    let change = look(&fixture, Ability::Shift).changes.remove(0);
    assert_eq!((change.action, &change.reasons[0]), (Action::Patch, &Reason::CutOff));
    assert_eq!((all(), fixture.finished_names()), (before, CUT_OFF_NAMES.map(String::from).into()));
    assert_eq!(actions(&run_now(&fixture)), [Action::Patch]);
    assert!(fixture.medium().unwrap() == fixture.clean_build());
    assert_eq!(fixture.finished_names(), ["medium.iso"]);
}

#[test]
fn a_patch_that_was_cut_off_is_taken_back_though_there_is_nothing_to_do_any_more() {
    let Some((fixture, old)) = interrupted_fixture() else { return };
    fixture.put("tool/setup.exe", &noise(200_000, 1));
    next_tick();
    let change = look(&fixture, Ability::Shift).changes.remove(0);
    assert_eq!((change.action, &change.reasons[..]), (Action::Patch, &[Reason::CutOff][..]));
    assert_eq!(actions(&run_now(&fixture)), [Action::Keep]);
    assert!(fixture.medium().unwrap() == old);
}

/// Damage to a cache after a patch was interrupted.
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
        let Some((fixture, _)) = interrupted_fixture() else { return };
        lose(&fixture.root.join(".tsmedia"));
        assert_eq!(look(&fixture, Ability::Shift).changes[0].action, Action::Create, "{what}");
        assert_eq!(actions(&run_now(&fixture)), [Action::Create], "{what}");
        assert!(fixture.medium().unwrap() == fixture.clean_build(), "{what}");
        assert_eq!(fixture.finished_names(), ["medium.iso"], "{what}");
    }
}

#[test]
fn a_journal_is_of_one_file_and_no_other() {
    let Some((fixture, _)) = interrupted_fixture() else { return };
    let part = fixture.root.join("out").join(CUT_OFF_NAMES[1]);
    let bytes = fs::read(&part).unwrap();
    fs::write(fixture.root.join("other"), bytes).unwrap();
    fs::rename(fixture.root.join("other"), &part).unwrap();
    assert_eq!(actions(&run_now(&fixture)), [Action::Create]);
    assert!(fixture.medium().unwrap() == fixture.clean_build());
}

#[test]
fn a_medium_that_is_replaced_before_it_is_patched_is_left_alone() {
    for ability in ABILITIES {
        let fixture = large_fixture();
        if !is_here(ability, &fixture) {
            continue;
        }
        run(&fixture, &[target(&fixture)], options(ability), false).unwrap();
        fixture.put("tool/setup.exe", &noise(200_000, 9));
        next_tick();
        let (medium, mine) = (fixture.root.join("out/medium.iso"), fixture.root.join("mine"));
        fs::write(&mine, vec![7; fixture.medium().unwrap().len()]).unwrap();
        // The record is opened for writing after the plan was made.
        let is_replaced = std::sync::atomic::AtomicBool::new(false);
        let (from, to) = (mine.clone(), medium.clone());
        let disk = DiskOps::watched(move |call| match call {
            Call::Create if !is_replaced.swap(true, Ordering::Relaxed) => fs::rename(&from, &to),
            _ => Ok(()),
        });
        let ended = run(&fixture, &[target(&fixture)], WriteOptions { disk, ..options(ability) }, false);
        let kept = fixture.medium().unwrap();
        assert!(ended.is_err() && kept.iter().all(|byte| *byte == 7), "{ability:?}: {ended:?}");
    }
}

#[test]
fn what_a_patch_left_is_removed_if_it_is_damaged() {
    let Some((fixture, _)) = interrupted_fixture() else { return };
    // As after a power failure, part of the file is lost.
    let journal = fixture.root.join("out/.medium.iso.tsmedia-journal");
    let key = Store::open(&fixture.root.join(".tsmedia")).journal_key("out/medium.iso").unwrap();
    crate::write::reseal_as_of_another_boot(&journal, &key);
    let part = File::options().write(true).open(fixture.root.join("out/.medium.iso.tsmedia-part")).unwrap();
    part.write_all_at(&[7; 100], 1 << 20).unwrap();
    let applied = run_now(&fixture);
    assert_eq!(actions(&applied), [Action::Create]);
    assert!(fixture.medium().unwrap() == fixture.clean_build());
}
