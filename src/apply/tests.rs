mod patch;

use std::io::Cursor;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::digest::Digest;
use crate::output::fixtures::{MediumFixture, noise};
use crate::patch::Ability;
use crate::plan::Reason;
use crate::store::CacheFolder;
use crate::target::fixtures::target;
use crate::write::DiskOps;
use std::fs::File;
use test_fixtures::is_thorough;

/// Applies in the folder of the fixture, with these of its targets.
fn run(fixture: &MediumFixture, targets: &[Target], options: WriteOptions, force: bool) -> Result<Applied> {
    let record = fixture.root.join("media.record.json");
    let work = ApplyContext { force, ..work(fixture, &record, targets, options) };
    let mut store = Store::open(&fixture.root.join(".tsmedia"));
    apply(&work, &mut store, &Progress::default())
}

fn work<'a>(
    fixture: &'a MediumFixture,
    record: &'a Utf8Path,
    targets: &'a [Target],
    options: WriteOptions,
) -> ApplyContext<'a> {
    ApplyContext {
        targets,
        sysfs: "/sys".into(),
        others: &[],
        locked: &[],
        base: &fixture.root,
        record,
        options,
        force: false,
        no_patch: false,
        deletes: true,
    }
}

fn run_now(fixture: &MediumFixture) -> Applied {
    run(fixture, &[target(fixture)], WriteOptions::default(), false).unwrap()
}

fn actions(applied: &Applied) -> Vec<Action> {
    applied.plan.changes.iter().map(|change| change.action).collect()
}

/// Waits for the next tick of the clock of the file system, so that the next write gets another time.
fn next_tick() {
    std::thread::sleep(Duration::from_millis(25));
}

#[test]
fn what_was_applied_is_kept_and_reads_nothing() {
    let fixture = MediumFixture::new();
    next_tick();
    let first = run_now(&fixture);
    assert_eq!((actions(&first), first.n_read), (vec![Action::Create], 1_700_005));
    let medium = fixture.medium();
    let again = run_now(&fixture);
    assert_eq!((actions(&again), again.n_read, fixture.medium()), (vec![Action::Keep], 0, medium));
    assert_eq!(fixture.finished_names(), ["medium.iso"]);
}

#[test]
fn a_change_is_patched_and_the_result_is_that_of_a_clean_build() {
    let fixture = MediumFixture::new();
    next_tick();
    run_now(&fixture);
    fixture.put("tool/setup.exe", &noise(200_000, 7));
    next_tick();
    let applied = run_now(&fixture);
    assert_eq!(actions(&applied), [Action::Patch]);
    assert!(matches!(applied.plan.changes[0].reasons[..], [Reason::Entry(_)]), "{:?}", applied.plan);
    assert_eq!(fixture.medium().unwrap(), fixture.clean_build());
    // Unchanged files were copied by the kernel. The changed one was read once to compare it.
    assert_eq!(applied.n_read, 200_000);
    assert_eq!(actions(&run_now(&fixture)), [Action::Keep]);
}

#[test]
fn another_clone_with_the_record_and_the_medium_keeps_it() {
    let fixture = MediumFixture::new();
    run_now(&fixture);
    fs::remove_dir_all(fixture.root.join(".tsmedia")).unwrap();
    assert_eq!(actions(&run_now(&fixture)), [Action::Keep]);
    // As after a backup is restored: another file with the same bytes.
    let path = fixture.root.join("out/medium.iso");
    fs::copy(&path, fixture.root.join("copy")).unwrap();
    fs::rename(fixture.root.join("copy"), &path).unwrap();
    assert_eq!(actions(&run_now(&fixture)), [Action::Keep]);
}

#[test]
fn a_finished_file_that_was_written_to_is_rebuilt() {
    let fixture = MediumFixture::new();
    run_now(&fixture);
    next_tick();
    let path = fixture.root.join("out/medium.iso");
    let good = fixture.medium();
    let file = File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"!", 300_000).unwrap();
    let applied = run_now(&fixture);
    assert_eq!((actions(&applied), fixture.medium()), (vec![Action::Rebuild], good.clone()));
    assert_eq!(applied.plan.changes[0].reasons, [Reason::Touched]);
    fs::remove_file(&path).unwrap();
    let applied = run_now(&fixture);
    assert_eq!((actions(&applied), fixture.medium()), (vec![Action::Create], good));
    assert_eq!(applied.plan.changes[0].reasons, [Reason::Gone]);
}

#[test]
fn a_file_that_tsmedia_did_not_make_is_replaced_only_by_force() {
    let fixture = MediumFixture::new();
    fs::create_dir_all(fixture.root.join("out")).unwrap();
    fs::write(fixture.root.join("out/medium.iso"), b"thesis").unwrap();
    let error = run(&fixture, &[target(&fixture)], WriteOptions::default(), false).unwrap_err();
    assert!(error.to_string().contains("was not made by tsmedia"), "{error}");
    assert_eq!(fixture.medium().unwrap(), b"thesis");
    run(&fixture, &[target(&fixture)], WriteOptions::default(), true).unwrap();
    assert_eq!(fixture.medium().unwrap(), fixture.clean_build());
}

#[test]
fn what_no_manifest_makes_any_more_is_removed_if_it_is_ours() {
    let fixture = MediumFixture::new();
    run_now(&fixture);
    let applied = run(&fixture, &[], WriteOptions::default(), false).unwrap();
    assert_eq!((actions(&applied), fixture.medium()), (vec![Action::Delete], None));
    assert!(actions(&run(&fixture, &[], WriteOptions::default(), false).unwrap()).is_empty());

    run_now(&fixture);
    fs::write(fixture.root.join("other"), b"thesis").unwrap();
    fs::rename(fixture.root.join("other"), fixture.root.join("out/medium.iso")).unwrap();
    run(&fixture, &[], WriteOptions::default(), false).unwrap();
    assert_eq!(fixture.medium().unwrap(), b"thesis");
}

#[test]
fn outputs_left_alone_this_time_are_not_removed() {
    let fixture = MediumFixture::new();
    run_now(&fixture);
    let record = fixture.root.join("media.record.json");
    let others = ["out/medium.iso".to_owned()];
    let work = ApplyContext { others: &others, ..work(&fixture, &record, &[], WriteOptions::default()) };
    let mut store = Store::open(&fixture.root.join(".tsmedia"));
    let plan = survey(&work, &mut store, &Progress::default()).unwrap();
    assert!(plan.changes.is_empty());
}

#[test]
fn a_second_run_is_told_who_is_at_work() {
    let fixture = MediumFixture::new();
    let lock = Lock::take(&CacheFolder::at(&fixture.root.join(".tsmedia")), "building `out/medium.iso`").unwrap();
    let error = run(&fixture, &[target(&fixture)], WriteOptions::default(), false).unwrap_err().to_string();
    let process = std::process::id();
    assert!(
        error.starts_with(&format!("another tsmedia process (PID {process}, building `out/medium.iso`) is using")),
        "{error}"
    );
    drop(lock);
    run_now(&fixture);
}

#[test]
fn two_runs_at_once_end_with_one_whole_medium() {
    let fixture = MediumFixture::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Err(error) = run(&fixture, &[target(&fixture)], WriteOptions::default(), false) {
                    assert!(error.to_string().starts_with("another tsmedia process"), "{error}");
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
    });
    assert_eq!(fixture.medium().unwrap(), fixture.clean_build());
    assert_eq!(fixture.finished_names(), ["medium.iso"]);
}

/// Disk whose n-th call fails, counted from 0. It counts the calls.
fn failing(n: usize) -> (DiskOps, Arc<AtomicUsize>) {
    let n_calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_calls);
    let disk = DiskOps::watched(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        at if at == n => Err(std::io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    });
    (disk, n_calls)
}

#[test]
fn whichever_call_fails_the_medium_is_the_old_or_the_new_one() {
    let fixture = MediumFixture::new();
    next_tick();
    run_now(&fixture);
    let old_sources = noise(70_000, 3);
    let mut n_failed = 0;
    for n in 0.. {
        fixture.put("tool/setup.exe", &old_sources);
        next_tick();
        run_now(&fixture);
        let old = fixture.medium();
        fixture.put("tool/setup.exe", &noise(80_000 + n, n as u64));
        let new = fixture.clean_build();
        next_tick();
        let (disk, n_calls) = failing(n);
        let result = run(&fixture, &[target(&fixture)], WriteOptions { disk, n_lanes: 1, ability: None }, false);
        let now = fixture.medium();
        assert!(now == old || now.as_ref() == Some(&new), "call {n}: half-made");
        if result.is_ok() {
            assert_eq!(now.as_ref(), Some(&new), "call {n}");
        } else {
            n_failed += 1;
        }
        run_now(&fixture);
        assert_eq!(fixture.medium().as_ref(), Some(&new), "call {n}: the next run");
        assert_eq!(actions(&run_now(&fixture)), [Action::Keep], "call {n}");
        assert_eq!(fixture.finished_names(), ["medium.iso"], "call {n}");
        if n_calls.load(Ordering::Relaxed) <= n {
            break;
        }
    }
    assert!(n_failed > 12, "only {n_failed} calls failed");
}

#[test]
fn a_run_that_ends_anywhere_has_recorded_what_it_finished() {
    let fixture = MediumFixture::new();
    let name = |n: usize| format!("out/{n}.iso");
    let targets = || -> Vec<_> {
        (0..8).map(|n| Target { name: name(n), path: fixture.root.join(name(n)), ..target(&fixture) }).collect()
    };
    let record_path = fixture.root.join("media.record.json");
    let mut n_between = 0;
    for n_calls in (0..).step_by(if is_thorough() { 3 } else { 13 }) {
        fixture.put("tool/setup.exe", &noise(200_000, n_calls as u64));
        next_tick();
        let targets = targets();
        let made = Arc::new(AtomicUsize::new(0));
        // Nothing works any more after the n-th call, as after a kill.
        let disk = DiskOps::watched(move |_| match made.fetch_add(1, Ordering::Relaxed) {
            at if at >= n_calls => Err(std::io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        });
        let result = run(&fixture, &targets, WriteOptions { disk, n_lanes: 1, ability: None }, true);
        let id = |n: usize| existing_output::probe(&mut File::open(fixture.root.join(name(n))).ok()?);
        let ids: Vec<_> = (0..8).map(|n| id(n).map(|medium| medium.id)).collect();
        let record = Record::load(&record_path).unwrap();
        let is_recorded = |n: usize| record.medium(&name(n)).map(|recorded| recorded.id) == ids[n];
        // All but the medium that was being made.
        let n_recorded = (0..8).filter(|n| is_recorded(*n)).count();
        assert!(n_recorded >= 7, "call {n_calls}: {n_recorded} of 8");
        let n_whole = ids.iter().flatten().collect::<std::collections::BTreeSet<_>>().len();
        n_between += usize::from(n_whole > 1);
        run(&fixture, &targets, WriteOptions::default(), true).unwrap();
        assert!(!crate::write::log_path(&record_path).exists(), "call {n_calls}");
        let clean = Record::load(&record_path).unwrap();
        assert_eq!(clean.targets().len(), 8, "call {n_calls}");
        if result.is_ok() {
            break;
        }
    }
    assert!(n_between > 5, "only {n_between} runs ended between two media");
}

/// The process that `a_killed_run_…` kills. It does nothing if it is run as a test.
#[test]
#[ignore = "started by another test"]
fn child() {
    let Ok(root) = std::env::var("TSMEDIA_TEST_DESK") else { return };
    let fixture = MediumFixture::at(&root);
    run_now(&fixture);
}

/// Number of runs to kill, in usual and in thorough tests.
const N_KILLS: u64 = 16;
const N_KILLS_THOROUGH: u64 = 300;

#[test]
fn a_killed_run_leaves_the_old_or_the_new_medium_and_the_next_one_ends_right() {
    let fixture = MediumFixture::new();
    for index in 0..30 {
        fixture.put(&format!("tool/part {index}"), &noise(100_000, index));
    }
    fixture.put("image/large", &noise(4_400_000, 5));
    run_now(&fixture);
    let (mut n_old, mut n_new, mut n_between) = (0, 0, 0);
    let n_rounds = if is_thorough() { N_KILLS_THOROUGH } else { N_KILLS };
    for round in 0..n_rounds {
        let old = fixture.medium();
        // Change a file that comes before all others: patch it in its own slot, move the files after it, or add or
        // remove it.
        match round % 4 {
            0 => fixture.put("tool/a", &noise(4_096 * (1 + round as usize), round)),
            1 => fixture.put("tool/setup.exe", &noise(200_000, round)),
            2 => fixture.put("tool/b", &noise(1_200_000, round)),
            _ => fixture.put("image/install.wim", &noise(1_500_000, round)),
        }
        let new = fixture.clean_build();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "apply::tests::child", "--ignored", "--quiet"])
            .env("TSMEDIA_TEST_DESK", &fixture.root)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(round * 7_919 % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = fixture.medium();
        assert!(now.is_none() || now == old || now.as_ref() == Some(&new), "round {round}: half-made");
        match now {
            None => n_between += 1,
            now if now == old => n_old += 1,
            _ => n_new += 1,
        }
        run_now(&fixture);
        assert!(fixture.medium() == Some(new), "round {round}");
        assert_eq!(fixture.finished_names(), ["medium.iso"], "round {round}");
    }
    // A medium that shares blocks with its predecessor is a separate file, so one of the two exists at any time.
    let is_away_meanwhile = !crate::write::can(Ability::Clone, &fixture.root);
    let counts = format!("{n_old} before, {n_between} between, {n_new} after");
    assert!(n_between == 0 || is_away_meanwhile, "{counts}");
    // A few kills may miss some cases, but many must hit all.
    if is_thorough() {
        assert!(n_old > 0 && n_new > 0 && (n_between > 0) == is_away_meanwhile, "{counts}");
    }
}

#[test]
fn the_record_says_nothing_of_this_machine_and_reads_back() {
    let fixture = MediumFixture::new();
    run_now(&fixture);
    let path = fixture.root.join("media.record.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(fixture.root.as_str()), "{text}");
    let record = Record::load(&path).unwrap();
    let recorded = record.medium("out/medium.iso").unwrap();
    let medium = fixture.medium().unwrap();
    assert_eq!((recorded.len, record.targets().len()), (medium.len() as u64, 1));
    let listing = crate::output::read(&mut Cursor::new(&medium)).unwrap();
    for file in record.files("out/medium.iso").unwrap() {
        let listed = listing.files.iter().find(|listed| listed.path == file.path).unwrap();
        let bytes = &medium[listed.places[0].offset as usize..listed.places[0].end() as usize];
        assert_eq!((Digest::hash(bytes), listed.len), (file.blake3, file.len), "{}", file.path);
    }
    assert_eq!(recorded.entries[0].n_files, 3);
    record.save(&path, &DiskOps::default()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let medium = existing_output::probe(&mut Cursor::new(medium)).unwrap();
    assert_eq!(medium.id, recorded.id);
}
