//! Patching: whatever is done to the sources, by whatever means the file system offers, and wherever it is cut off.

use std::io::Read;
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
        run(&desk, &[desk.output()], means(ability), false).unwrap();
        let mut n_patched = 0;
        for round in 0..18u64 {
            let (what, edit) = EDITS[(round * 5 % 6) as usize];
            edit(&desk, round);
            next_tick();
            let applied = run(&desk, &[desk.output()], means(ability), false).unwrap();
            n_patched += u32::from(actions(&applied) == [Action::Patch]);
            assert!(desk.medium().unwrap() == desk.clean_build(), "{ability:?}, round {round}: {what}");
            assert_eq!(desk.finished_names(), ["medium.iso"]);
            assert_eq!(actions(&run(&desk, &[desk.output()], means(ability), false).unwrap()), [Action::Keep]);
        }
        let least = if ability == Ability::Overwrite { 4 } else { 14 };
        assert!(n_patched >= least, "{ability:?}: only {n_patched} of 18 were patched");
    }
}

#[test]
fn no_patch_builds_anew() {
    let desk = large_desk();
    run_now(&desk);
    desk.put("tool/setup.exe", &noise(200_000, 9));
    next_tick();
    let (record, outputs) = (desk.root.join("media.record.json"), [desk.output()]);
    let work = Work { no_patch: true, ..work(&desk, &record, &outputs, Means::default()) };
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
    let applied = run(&desk, &[desk.output()], means(Ability::Shift), false).unwrap();
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
    let step = if is_thorough() { 1 } else { 3 };
    let first = (edit + usize::from(how == Break::Killed)) % step;
    let desk = large_desk();
    if !is_here(ability, &desk) {
        return;
    }
    run(&desk, &[desk.output()], means(ability), false).unwrap();
    let (what, change) = EDITS[edit];
    for n in (first..).step_by(step) {
        let context = format!("{ability:?}, {what}, {how:?}, call {n}");
        let old = desk.medium();
        change(&desk, n as u64);
        next_tick();
        let new = desk.clean_build();
        let (disk, n_calls) = breaking(n, how);
        let ended = run(&desk, &[desk.output()], Means { disk, ..means(ability) }, false);
        let now = desk.medium();
        assert!(now.is_none() || now == old || now.as_ref() == Some(&new), "{context}: half-made");
        // Whoever looks next finds the old medium or the new one; a look is enough.
        look(&desk, ability);
        let seen = desk.medium();
        assert!(seen == old || seen.as_ref() == Some(&new), "{context}: after a look");
        run(&desk, &[desk.output()], means(ability), false).unwrap();
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
    let (record, outputs) = (desk.root.join("media.record.json"), [desk.output()]);
    let mut store = Store::open(&desk.root.join(".tsmedia")).unwrap();
    survey(&work(desk, &record, &outputs, means(ability)), &mut store, &Progress::default()).unwrap()
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

#[test]
fn whoever_opens_a_medium_that_was_cut_off_brings_it_back_and_it_can_still_be_patched() {
    let desk = large_desk();
    if !is_here(Ability::Shift, &desk) {
        return;
    }
    run_now(&desk);
    let old = desk.medium().unwrap();
    desk.put("tool/setup.exe", &noise(208_192, 9));
    next_tick();
    let disk = breaking_without_a_name();
    run(&desk, &[desk.output()], Means { disk, ..means(Ability::Shift) }, false).unwrap_err();
    assert_eq!(desk.medium(), None);
    let mut opened = crate::write::open(&desk.root.join("out/medium.iso")).unwrap();
    let mut bytes = Vec::new();
    opened.read_to_end(&mut bytes).unwrap();
    assert!(bytes == old && desk.medium().unwrap() == old);
    assert_eq!(look(&desk, Ability::Shift).changes[0].action, Action::Patch);
    assert_eq!(actions(&run_now(&desk)), [Action::Patch]);
    assert_eq!(desk.finished_names(), ["medium.iso"]);
}

#[test]
fn what_a_patch_left_is_removed_if_it_is_damaged() {
    let desk = large_desk();
    if !is_here(Ability::Shift, &desk) {
        return;
    }
    run_now(&desk);
    desk.put("tool/setup.exe", &noise(208_192, 9));
    next_tick();
    let disk = breaking_without_a_name();
    run(&desk, &[desk.output()], Means { disk, ..means(Ability::Shift) }, false).unwrap_err();
    assert_eq!(desk.medium(), None);
    assert_eq!(desk.finished_names().len(), 2);
    // Power was lost as well, and the file system lost some of it.
    let journal = desk.root.join("out/.medium.iso.tsmedia-journal");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let text = fs::read(&journal).unwrap();
    let text = String::from_utf8_lossy(&text).replace(boot.trim(), &"0".repeat(boot.trim().len()));
    let (head, rest) = text.split_once("sealed ").unwrap();
    let text = format!("{head}sealed {}{}", Digest::of(head.as_bytes()), &rest[64..]);
    fs::write(&journal, text).unwrap();
    let part = File::options().write(true).open(desk.root.join("out/.medium.iso.tsmedia-part")).unwrap();
    part.write_all_at(&[7; 100], 1 << 20).unwrap();
    let applied = run_now(&desk);
    assert_eq!(actions(&applied), [Action::Create]);
    assert!(desk.medium().unwrap() == desk.clean_build());
}
