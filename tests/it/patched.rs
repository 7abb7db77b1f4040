//! Patched media equal clean builds after any changes to a project and with any features of the file system.
//! Independent readers must find the content of the project in them.
//!
//! Each sequence of edits depends on a seed. `TSMEDIA_TEST_THOROUGH` runs more of them.

mod project;
mod set;
mod stick;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;

use camino::Utf8Path;
use project::{Kind, Project};
use rustix::fs::{FallocateFlags, fallocate};
use tsmedia::apply::{ApplyContext, apply, survey};
use tsmedia::content::SourceKey;
use tsmedia::digest::Digest;
use tsmedia::format::partitions::PartitionScheme;
use tsmedia::output::{self, Output};
use tsmedia::patch::Ability;
use tsmedia::plan::{Action, PlannedChange};
use tsmedia::progress::Progress;
use tsmedia::record::Record;
use tsmedia::store::Store;
use tsmedia::target::Target;
use tsmedia::verify::verify;
use tsmedia::write::{self, WriteOptions};

use crate::fixtures::disc::{readers, same_bytes};
use crate::fixtures::sandbox::wimlib;
use test_fixtures::is_thorough;

/// Number of sequences for each way to patch, in usual and in thorough tests.
const N_SEQUENCES: u64 = 1;
const N_SEQUENCES_THOROUGH: u64 = 10;

/// Number of edits in a sequence.
const N_EDITS: usize = 10;

/// Counts of the results of edits.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    n_edits: u32,
    /// Patched media.
    n_patched: u32,
    /// Patched media on which a large file was moved without being written again.
    n_moved: u32,
}

fn patched_by(ability: Ability, kind: Kind) -> Count {
    let n_sequences = if is_thorough() { N_SEQUENCES_THOROUGH } else { N_SEQUENCES };
    let mut count = Count::default();
    (0..n_sequences).for_each(|seed| sequence(ability, kind_of(kind, seed), seed, &mut count));
    count
}

/// Of the bootable media, every other one is a stick.
fn kind_of(kind: Kind, seed: u64) -> Kind {
    match (kind, seed % 4) {
        (Kind::StandAlone, 1) => Kind::Stick(PartitionScheme::Mbr),
        (Kind::StandAlone, 3) => Kind::Stick(PartitionScheme::Gpt),
        _ => kind,
    }
}

/// Makes a sequence of edits and builds after each.
fn sequence(ability: Ability, kind: Kind, seed: u64, count: &mut Count) {
    let mut project = Project::new(kind, seed);
    let folder = tempfile::tempdir().unwrap();
    let clean = Utf8Path::from_path(folder.path()).unwrap().join("clean");
    assert_eq!(applied(&project, ability).action, Action::Create);
    for step in 0..N_EDITS {
        let before = large(&project);
        let edits = project.edit();
        let context = format!("{ability:?}, sequence {seed}, step {step}: {edits}");
        let change = applied(&project, ability);
        // Edits may undo each other: then it is kept.
        assert_ne!(change.action, Action::Create, "{context}");
        let is_patched = change.action == Action::Patch;
        let is_moved = large(&project).iter().any(|(digest, (offset, len))| {
            before.get(digest).is_some_and(|(old, _)| old != offset) && change.n_write < *len
        });
        count.n_edits += 1;
        count.n_patched += u32::from(is_patched);
        count.n_moved += u32::from(is_patched && is_moved);

        let target = project.target();
        build_clean(target.medium().unwrap(), &clean);
        assert!(same_bytes(target.path.as_std_path(), clean.as_std_path()), "{context}: {change:?}, other bytes");
        assert_sound(&target, &context);
        assert_eq!(project.sandbox.list("out"), [kind.output().trim_start_matches("out/")], "{context}");
        let mut store = Store::open(&project.sandbox.path(".tsmedia"));
        let plan = with_work(&project, ability, |work| survey(work, &mut store, &Progress::default()).unwrap());
        assert!(plan.is_up_to_date(), "{context}: then {plan:?}");
    }
    // The readers take longer than all the rest, and this medium has been patched again and again.
    let medium = project.target().path;
    match kind {
        Kind::StandAlone => drop(readers::with_all(&project.sample(), medium.as_std_path())),
        Kind::Stick(_) => stick::with_all(&project.sample(), medium.as_std_path()),
        Kind::Prestaged => assert_applies(&project, &medium),
    }
}

/// Builds a medium without a record or cache.
fn build_clean(output: &Output, target: &Utf8Path) {
    let (options, progress) = (WriteOptions::default(), Progress::default());
    let unknown = output.sources_to_compare(&|_| None);
    let digests = write::hash(&unknown, output.form.digest_kinds(), &options, &progress).unwrap();
    let known: HashMap<_, _> = unknown.iter().map(|source| source.key()).zip(digests).collect();
    let known = |key: &SourceKey| known.get(key).copied();
    write::write(output.draft(&known).unwrap(), target, &known, &options, &progress).unwrap();
}

/// Applies the medium with wimlib and compares the result with the project.
fn assert_applies(project: &Project, medium: &Utf8Path) {
    let sample = project.sample();
    wimlib(&["verify", medium.as_str(), "--quiet"]);
    let applied = sample.target("applied");
    wimlib(&["apply", medium.as_str(), applied.to_str().unwrap(), "--quiet"]);
    sample.assert_extracted("wimlib", &applied);
}

/// Digest, location and length of the large files in the recorded medium.
fn large(project: &Project) -> BTreeMap<Digest, (u64, u64)> {
    let record = Record::load(&project.sandbox.path("media.record.json")).unwrap();
    let files = record.files(project.kind.output()).unwrap();
    let listing = output::read(&mut File::open(project.sandbox.path(project.kind.output())).unwrap()).unwrap();
    let offset = |path: &str| listing.files.iter().find(|file| file.path == path).unwrap().places[0].offset;
    let large = files.iter().filter(|file| file.len >= 4 << 20);
    large.map(|file| (file.blake3, (offset(&file.path), file.len))).collect()
}

fn applied(project: &Project, ability: Ability) -> PlannedChange {
    let mut store = Store::open(&project.sandbox.path(".tsmedia"));
    let mut applied = with_work(project, ability, |work| apply(work, &mut store, &Progress::default()).unwrap());
    applied.plan.changes.remove(0)
}

fn with_work<T>(project: &Project, ability: Ability, deed: impl FnOnce(&ApplyContext) -> T) -> T {
    deed(&ApplyContext {
        targets: &[project.target()],
        sysfs: "/sys".into(),
        others: &[],
        locked: &[],
        base: &project.sandbox.root,
        record: &project.sandbox.path("media.record.json"),
        options: WriteOptions { ability: Some(ability), ..WriteOptions::default() },
        force: false,
        no_patch: false,
        deletes: true,
    })
}

fn assert_sound(target: &Target, context: &str) {
    let mut medium = File::open(&target.path).unwrap();
    let listing = output::read(&mut medium).unwrap();
    let verified = verify(&mut medium, &listing, &Progress::default()).unwrap();
    assert_eq!(verified.faults, [], "{context}");
    assert_eq!(verified.label, target.medium().unwrap().label, "{context}");
}

#[test]
fn media_patched_by_overwriting_are_those_of_clean_builds() {
    let count = patched_by(Ability::Overwrite, Kind::StandAlone);
    // Whatever else would have moved is built anew.
    assert!(count.n_patched * 5 >= count.n_edits * 2 && count.n_moved == 0, "{count:?}");
}

#[test]
fn media_patched_by_moving_blocks_are_those_of_clean_builds() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(8_192).unwrap();
    if fallocate(&file, FallocateFlags::INSERT_RANGE, 4_096, 4_096).is_err() {
        eprintln!("not tested: no blocks can be inserted where temporary files are");
        return;
    }
    let count = patched_by(Ability::Shift, Kind::StandAlone);
    assert!(count.n_patched * 10 >= count.n_edits * 9 && count.n_moved * 5 >= count.n_edits, "{count:?}");
}

/// Blocks that can't be shared are copied: slower, with the same result.
#[test]
fn media_patched_by_sharing_blocks_are_those_of_clean_builds() {
    let count = patched_by(Ability::Clone, Kind::StandAlone);
    assert!(count.n_patched * 10 >= count.n_edits * 9 && count.n_moved * 5 >= count.n_edits, "{count:?}");
}

#[test]
fn media_patched_as_wim_files_are_those_of_clean_builds() {
    let mut count = patched_by(Ability::Clone, Kind::Prestaged);
    if is_thorough() {
        let overwritten = patched_by(Ability::Overwrite, Kind::Prestaged);
        count.n_edits += overwritten.n_edits;
        count.n_patched += overwritten.n_patched;
    }
    assert!(count.n_patched * 3 >= count.n_edits * 2, "{count:?}");
}
