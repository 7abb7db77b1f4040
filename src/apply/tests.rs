mod patch;

use std::io::Cursor;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::digest::Digest;
use crate::output::desk::{Desk, noise};
use crate::patch::Ability;
use crate::plan::Reason;
use crate::target::fixtures::target;
use crate::write::Disk;
use std::fs::File;
use test_fixtures::is_thorough;

/// Runs in the folder of a desk, with this much of what it makes.
fn run(desk: &Desk, targets: &[Target], means: Means, force: bool) -> Result<Applied> {
    let record = desk.root.join("media.record.json");
    let work = Work { force, ..work(desk, &record, targets, means) };
    let mut store = Store::open(&desk.root.join(".tsmedia"))?;
    apply(&work, &mut store, &Progress::default())
}

fn work<'a>(desk: &'a Desk, record: &'a Utf8Path, targets: &'a [Target], means: Means) -> Work<'a> {
    Work { targets, sysfs: "/sys".into(), others: &[], base: &desk.root, record, means, force: false, no_patch: false }
}

fn run_now(desk: &Desk) -> Applied {
    run(desk, &[target(desk)], Means::default(), false).unwrap()
}

fn actions(applied: &Applied) -> Vec<Action> {
    applied.plan.changes.iter().map(|change| change.action).collect()
}

/// So that what was written before is not in the same tick of the clock as what is written next.
fn next_tick() {
    std::thread::sleep(Duration::from_millis(25));
}

#[test]
fn what_was_applied_is_kept_and_reads_nothing() {
    let desk = Desk::new();
    next_tick();
    let first = run_now(&desk);
    assert_eq!((actions(&first), first.n_read), (vec![Action::Create], 1_700_005));
    let medium = desk.medium();
    let again = run_now(&desk);
    assert_eq!((actions(&again), again.n_read, desk.medium()), (vec![Action::Keep], 0, medium));
    assert_eq!(desk.finished_names(), ["medium.iso"]);
}

#[test]
fn a_change_is_patched_and_the_result_is_that_of_a_clean_build() {
    let desk = Desk::new();
    next_tick();
    run_now(&desk);
    desk.put("tool/setup.exe", &noise(200_000, 7));
    next_tick();
    let applied = run_now(&desk);
    assert_eq!(actions(&applied), [Action::Patch]);
    assert!(matches!(applied.plan.changes[0].reasons[..], [Reason::Entry(_)]), "{:?}", applied.plan);
    assert_eq!(desk.medium().unwrap(), desk.clean_build());
    // What had not changed was copied by the kernel, and what had was read once, to decide.
    assert_eq!(applied.n_read, 200_000);
    assert_eq!(actions(&run_now(&desk)), [Action::Keep]);
}

#[test]
fn another_clone_with_the_record_and_the_medium_keeps_it() {
    let desk = Desk::new();
    run_now(&desk);
    fs::remove_dir_all(desk.root.join(".tsmedia")).unwrap();
    assert_eq!(actions(&run_now(&desk)), [Action::Keep]);
    // Restored from somewhere: another file with the same bytes.
    let path = desk.root.join("out/medium.iso");
    fs::copy(&path, desk.root.join("copy")).unwrap();
    fs::rename(desk.root.join("copy"), &path).unwrap();
    assert_eq!(actions(&run_now(&desk)), [Action::Keep]);
}

#[test]
fn a_finished_file_that_was_written_to_is_rebuilt() {
    let desk = Desk::new();
    run_now(&desk);
    next_tick();
    let path = desk.root.join("out/medium.iso");
    let good = desk.medium();
    let file = File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"!", 300_000).unwrap();
    let applied = run_now(&desk);
    assert_eq!((actions(&applied), desk.medium()), (vec![Action::Rebuild], good.clone()));
    assert_eq!(applied.plan.changes[0].reasons, [Reason::Touched]);
    fs::remove_file(&path).unwrap();
    let applied = run_now(&desk);
    assert_eq!((actions(&applied), desk.medium()), (vec![Action::Create], good));
    assert_eq!(applied.plan.changes[0].reasons, [Reason::Gone]);
}

#[test]
fn a_file_that_tsmedia_did_not_make_is_replaced_only_by_force() {
    let desk = Desk::new();
    fs::create_dir_all(desk.root.join("out")).unwrap();
    fs::write(desk.root.join("out/medium.iso"), b"thesis").unwrap();
    let error = run(&desk, &[target(&desk)], Means::default(), false).unwrap_err();
    assert!(error.to_string().contains("tsmedia did not make it"), "{error}");
    assert_eq!(desk.medium().unwrap(), b"thesis");
    run(&desk, &[target(&desk)], Means::default(), true).unwrap();
    assert_eq!(desk.medium().unwrap(), desk.clean_build());
}

#[test]
fn what_no_manifest_makes_any_more_is_removed_if_it_is_ours() {
    let desk = Desk::new();
    run_now(&desk);
    let applied = run(&desk, &[], Means::default(), false).unwrap();
    assert_eq!((actions(&applied), desk.medium()), (vec![Action::Delete], None));
    assert!(actions(&run(&desk, &[], Means::default(), false).unwrap()).is_empty());

    run_now(&desk);
    fs::write(desk.root.join("other"), b"thesis").unwrap();
    fs::rename(desk.root.join("other"), desk.root.join("out/medium.iso")).unwrap();
    run(&desk, &[], Means::default(), false).unwrap();
    assert_eq!(desk.medium().unwrap(), b"thesis");
}

#[test]
fn outputs_left_alone_this_time_are_not_removed() {
    let desk = Desk::new();
    run_now(&desk);
    let record = desk.root.join("media.record.json");
    let others = ["out/medium.iso".to_owned()];
    let work = Work { others: &others, ..work(&desk, &record, &[], Means::default()) };
    let mut store = Store::open(&desk.root.join(".tsmedia")).unwrap();
    let plan = survey(&work, &mut store, &Progress::default()).unwrap();
    assert!(plan.changes.is_empty());
}

#[test]
fn a_second_run_is_told_who_is_at_work() {
    let desk = Desk::new();
    let lock = Lock::take(&desk.root.join(".tsmedia"), "building `out/medium.iso`").unwrap();
    let error = run(&desk, &[target(&desk)], Means::default(), false).unwrap_err().to_string();
    let process = std::process::id();
    assert!(error.starts_with(&format!("process {process}, building `out/medium.iso`, is at work in")), "{error}");
    drop(lock);
    run_now(&desk);
}

#[test]
fn two_runs_at_once_end_with_one_whole_medium() {
    let desk = Desk::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Err(error) = run(&desk, &[target(&desk)], Means::default(), false) {
                    assert!(error.to_string().contains("is at work in"), "{error}");
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
    });
    assert_eq!(desk.medium().unwrap(), desk.clean_build());
    assert_eq!(desk.finished_names(), ["medium.iso"]);
}

/// A disk whose n-th call fails, counted from 0, and how many calls were made.
fn failing(n: usize) -> (Disk, Arc<AtomicUsize>) {
    let n_calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_calls);
    let disk = Disk::watched(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        at if at == n => Err(std::io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    });
    (disk, n_calls)
}

#[test]
fn whichever_call_fails_the_medium_is_the_old_or_the_new_one() {
    let desk = Desk::new();
    next_tick();
    run_now(&desk);
    let old_sources = noise(70_000, 3);
    let mut n_failed = 0;
    for n in 0.. {
        desk.put("tool/setup.exe", &old_sources);
        next_tick();
        run_now(&desk);
        let old = desk.medium();
        desk.put("tool/setup.exe", &noise(80_000 + n, n as u64));
        let new = desk.clean_build();
        next_tick();
        let (disk, n_calls) = failing(n);
        let result = run(&desk, &[target(&desk)], Means { disk, n_lanes: 1, ability: None }, false);
        let now = desk.medium();
        assert!(now == old || now.as_ref() == Some(&new), "call {n}: half-made");
        if result.is_ok() {
            assert_eq!(now.as_ref(), Some(&new), "call {n}");
        } else {
            n_failed += 1;
        }
        run_now(&desk);
        assert_eq!(desk.medium().as_ref(), Some(&new), "call {n}: the next run");
        assert_eq!(actions(&run_now(&desk)), [Action::Keep], "call {n}");
        assert_eq!(desk.finished_names(), ["medium.iso"], "call {n}");
        if n_calls.load(Ordering::Relaxed) <= n {
            break;
        }
    }
    assert!(n_failed > 12, "only {n_failed} calls failed");
}

/// Not a test of its own: the process that `a_killed_run_…` kills.
#[test]
#[ignore = "started by another test"]
fn child() {
    let Ok(root) = std::env::var("TSMEDIA_TEST_DESK") else { return };
    let desk = Desk::at(&root);
    run_now(&desk);
}

/// How often a run is killed: usually, and where tests are thorough.
const N_KILLS: u64 = 16;
const N_KILLS_THOROUGH: u64 = 300;

#[test]
fn a_killed_run_leaves_the_old_or_the_new_medium_and_the_next_one_ends_right() {
    let desk = Desk::new();
    for index in 0..30 {
        desk.put(&format!("tool/part {index}"), &noise(100_000, index));
    }
    desk.put("image/large", &noise(4_400_000, 5));
    run_now(&desk);
    let (mut n_old, mut n_new, mut n_between) = (0, 0, 0);
    let n_rounds = if is_thorough() { N_KILLS_THOROUGH } else { N_KILLS };
    for round in 0..n_rounds {
        let old = desk.medium();
        // A file before all others that is patched into room of its own, moves what is behind it, or comes and goes.
        match round % 4 {
            0 => desk.put("tool/a", &noise(4_096 * (1 + round as usize), round)),
            1 => desk.put("tool/setup.exe", &noise(200_000, round)),
            2 => desk.put("tool/b", &noise(1_200_000, round)),
            _ => desk.put("image/install.wim", &noise(1_500_000, round)),
        }
        let new = desk.clean_build();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "apply::tests::child", "--ignored", "--quiet"])
            .env("TSMEDIA_TEST_DESK", &desk.root)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(round * 7_919 % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = desk.medium();
        assert!(now.is_none() || now == old || now.as_ref() == Some(&new), "round {round}: half-made");
        match now {
            None => n_between += 1,
            now if now == old => n_old += 1,
            _ => n_new += 1,
        }
        run_now(&desk);
        assert!(desk.medium() == Some(new), "round {round}");
        assert_eq!(desk.finished_names(), ["medium.iso"], "round {round}");
    }
    // A medium that shares blocks with the one before it is a file of its own, so one of them is always there.
    let is_away_meanwhile = !crate::write::can(Ability::Clone, &desk.root);
    let counts = format!("{n_old} before, {n_between} between, {n_new} after");
    assert!(n_between == 0 || is_away_meanwhile, "{counts}");
    // Few kills need not have hit everything; many do.
    if is_thorough() {
        assert!(n_old > 0 && n_new > 0 && (n_between > 0) == is_away_meanwhile, "{counts}");
    }
}

#[test]
fn the_record_says_nothing_of_this_machine_and_reads_back() {
    let desk = Desk::new();
    run_now(&desk);
    let path = desk.root.join("media.record.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(desk.root.as_str()), "{text}");
    let record = Record::load(&path).unwrap();
    let recorded = record.medium("out/medium.iso").unwrap();
    let medium = desk.medium().unwrap();
    assert_eq!((recorded.len, record.targets().len()), (medium.len() as u64, 1));
    for file in record.files("out/medium.iso").unwrap() {
        let bytes = &medium[file.offset as usize..(file.offset + file.len) as usize];
        assert_eq!(Digest::of(bytes), file.blake3, "{}", file.path);
    }
    assert_eq!(recorded.entries[0].n_files, 3);
    record.save(&path, &Disk::default()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let medium = existing_output::probe(&mut Cursor::new(medium)).unwrap();
    assert_eq!(medium.id, recorded.id);
}
