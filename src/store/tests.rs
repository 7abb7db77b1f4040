use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;

use super::memo::{Learnt, Memo, Week};
use super::*;
use crate::content::{ByteRun, Pieced, SourceFile};
use std::sync::Arc;

fn stat(inode: u64, changed_ns: i64) -> Stat {
    Stat { device: 1, inode, len: inode * 3, modified_ns: 5, changed_ns }
}

fn source(stat: Stat) -> Source {
    Source::File(SourceFile { path: "/nowhere".into(), stat })
}

/// Memo with these bytes; an empty one if they are damaged.
fn memo_of(bytes: &[u8]) -> Memo {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Memo::read(file).unwrap_or_default()
}

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join(".tsmedia")).unwrap();
    (folder, path)
}

#[test]
fn what_was_learnt_is_known_to_the_next_run() {
    let (_folder, root) = folder();
    let mut store = Store::open(&root);
    store.start_reading();
    for inode in 0..1_000 {
        store.remember(&source(stat(inode, 7)), Digests::hash(&inode.to_le_bytes()));
    }
    store.save(&DiskOps::default()).unwrap();
    let store = Store::open(&root);
    for inode in 0..1_000 {
        assert_eq!(store.digests(&source(stat(inode, 7)).key()), Some(Digests::hash(&inode.to_le_bytes())));
        assert_eq!(store.digests(&source(stat(inode, 8)).key()), None);
    }
}

#[test]
fn what_is_put_together_is_known_while_every_file_in_it_is_the_same() {
    let (_folder, root) = folder();
    let pieced = |changed_ns: i64, start: u64| {
        let range = |inode, changed_ns, start| {
            let file = Arc::new(SourceFile { path: "/nowhere".into(), stat: stat(inode, changed_ns) });
            ByteRun::Range { file, start, len: 2 }
        };
        let runs = [range(5, 7, 1), ByteRun::Bytes(b"head".as_slice().into()), range(6, changed_ns, start)];
        Source::Pieced(Pieced::new("/nowhere".into(), runs))
    };
    let mut store = Store::open(&root);
    store.start_reading();
    store.remember(&pieced(7, 0), Digests::hash(b"one"));
    store.remember(&pieced(i64::MAX, 0), Digests::hash(b"younger than the reading"));
    store.remember(&source(stat(5, 7)), Digests::hash(b"file"));
    store.save(&DiskOps::default()).unwrap();
    let store = Store::open(&root);
    assert_eq!(store.digests(&pieced(7, 0).key()), Some(Digests::hash(b"one")));
    assert_eq!(store.digests(&source(stat(5, 7)).key()), Some(Digests::hash(b"file")));
    assert!(
        [pieced(8, 0), pieced(7, 1), pieced(i64::MAX, 0)].iter().all(|other| store.digests(&other.key()).is_none())
    );
}

#[test]
fn a_file_that_may_have_changed_within_the_tick_is_forgotten() {
    let (_folder, root) = folder();
    let mut store = Store::open(&root);
    store.start_reading();
    fs::write(root.join("source"), b"x").unwrap();
    let fresh = Stat::from_metadata(&fs::metadata(root.join("source")).unwrap());
    let old = Stat { changed_ns: fresh.changed_ns - 1_000_000_000, ..stat(1, 0) };
    let old = Stat { device: fs::metadata(&root).unwrap().dev(), ..old };
    let foreign = Stat { device: old.device + 1, ..old };
    for stat in [fresh, old, foreign] {
        store.remember(&source(stat), Digests::hash(b"x"));
        assert!(store.digests(&source(stat).key()).is_some(), "within the run it is known");
    }
    store.save(&DiskOps::default()).unwrap();
    let store = Store::open(&root);
    assert_eq!([fresh, old, foreign].map(|stat| store.digests(&source(stat).key()).is_some()), [false, true, false]);
}

#[test]
fn a_damaged_memo_is_an_empty_one() {
    let (_folder, root) = folder();
    let mut store = Store::open(&root);
    store.start_reading();
    store.remember(&source(stat(1, 7)), Digests::hash(b"x"));
    store.save(&DiskOps::default()).unwrap();
    let good = fs::read(memo_path(&root)).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(memo_of(&bad).all().next().is_none(), "byte {at}");
        assert!(memo_of(&good[..at]).all().next().is_none(), "cut at {at}");
    }
    assert_eq!(memo_of(&good).all().count(), 1);
}

/// Digests of files with these inodes.
fn digests_of(inodes: impl Iterator<Item = u64>) -> HashMap<SourceKey, Digests> {
    inodes.map(|inode| (source(stat(inode, 7)).key(), Digests::hash(&inode.to_le_bytes()))).collect()
}

#[test]
fn only_the_blocks_of_own_files_are_read_and_a_damaged_one_is_empty() {
    let (used, finished, digests) = (HashSet::new(), BTreeMap::new(), digests_of(0..10_000));
    let bytes = Memo::default().merged(&Learnt { used: &used, digests: &digests, finished: &finished, week: None });
    let memo = memo_of(&bytes);
    assert_eq!((memo.n_files(), memo.n_read_blocks()), (10_000, 0));
    let known = |memo: &Memo, inode| memo.find(&source(stat(inode, 7)).key()).map(|(_, digests)| digests);
    for inode in 3_000..3_500 {
        assert_eq!(known(&memo, inode), Some(Digests::hash(&inode.to_le_bytes())));
    }
    assert!((2..=3).contains(&memo.n_read_blocks()), "{} of 40 blocks", memo.n_read_blocks());
    assert_eq!(known(&memo, 10_000), None);
    let mut bad = bytes.clone();
    let last = bytes.len() - 1;
    bad[last] ^= 1;
    let memo = memo_of(&bad);
    assert_eq!((known(&memo, 0).is_some(), known(&memo, 9_999)), (true, None));
    // Its other blocks are merged.
    let merged = memo.merged(&Learnt { used: &used, digests: &digests, finished: &finished, week: None });
    assert_eq!(merged, bytes);
}

#[test]
fn what_is_saved_after_each_output_costs_as_much_with_few_known_files_as_with_many() {
    let (_folder, root) = folder();
    let mut store = Store::open(&root);
    store.start_reading();
    for (key, digests) in digests_of(0..50_000) {
        store.memo.borrow_mut().learn(key, digests, None);
    }
    store.save(&DiskOps::default()).unwrap();
    let memo = fs::read(memo_path(&root)).unwrap();
    let mut other = Store::open(&root);
    let names: Vec<_> = (0..200).map(|n| format!("{n}.iso")).collect();
    for (n, name) in names.iter().enumerate() {
        let store = if n % 50 == 49 { &mut other } else { &mut store };
        store.remember_finished(name, stat(n as u64, 7), Digest::hash(name.as_bytes()), None);
        store.save(&DiskOps::default()).unwrap();
    }
    let log = fs::metadata(crate::write::log_path(&memo_path(&root))).unwrap().len();
    assert!(log < 200 * 200, "{log} bytes were appended");
    assert!(fs::read(memo_path(&root)).unwrap() == memo, "the memo was written again");
    let mut store = Store::open(&root);
    assert!(names.iter().all(|name| store.finished(name).is_some()));
    store.forget_finished("7.iso");
    store.save(&DiskOps::default()).unwrap();
    store = Store::open(&root);
    assert_eq!((store.finished("7.iso"), store.finished("8.iso").is_some()), (None, true));
    // As many new digests as the log may not have.
    for (key, digests) in digests_of(60_000..70_000) {
        store.memo.borrow_mut().learn(key, digests, None);
    }
    store.save(&DiskOps::default()).unwrap();
    assert!(!crate::write::log_path(&memo_path(&root)).exists());
    let store = Store::open(&root);
    let known = |inode| store.digests(&source(stat(inode, 7)).key()).is_some();
    assert_eq!([0, 49_999, 60_000, 69_999].map(known), [true; 4]);
    assert_eq!((store.finished("7.iso"), store.finished("199.iso").is_some()), (None, true));
}

#[test]
fn a_changed_file_replaces_what_it_was_and_unused_ones_go_in_time() {
    let weeks = |n: i64| Week::from_ns(n * 7 * 24 * 3_600 * 1_000_000_000 + 5);
    let key = |stat| source(stat).key();
    let none = HashMap::new();
    let learnt = HashMap::from([(key(stat(1, 7)), Digests::hash(b"old")), (key(stat(2, 7)), Digests::hash(b"unused"))]);
    let merged = |memo: &Memo, used: &[SourceKey], learnt, week| {
        let (used, finished) = (used.iter().copied().collect(), BTreeMap::new());
        memo_of(&memo.merged(&Learnt { used: &used, digests: learnt, finished: &finished, week: Some(week) }))
    };
    // The byte wraps after 256 weeks.
    let mut memo = merged(&Memo::default(), &[], &learnt, weeks(2_940));
    let newer = HashMap::from([(key(stat(1, 8)), Digests::hash(b"new"))]);
    memo = merged(&memo, &[], &newer, weeks(2_941));
    let known = |memo: &Memo| [stat(1, 7), stat(1, 8), stat(2, 7)].map(|stat| memo.find(&key(stat)).is_some());
    assert_eq!(known(&memo), [false, true, true]);
    memo = merged(&memo, &[key(stat(1, 8))], &none, weeks(2_966));
    assert_eq!(known(&memo), [false, true, true]);
    memo = merged(&memo, &[], &none, weeks(2_967));
    assert_eq!(known(&memo), [false, true, false]);
    // A clock that was set back drops nothing.
    memo = merged(&memo, &[], &none, weeks(2_930));
    assert_eq!(known(&memo), [false, true, false]);
}

#[test]
fn a_memo_of_the_version_before_is_read_and_its_entries_start_anew() {
    let (_folder, root) = folder();
    let mut store = Store::open(&root);
    store.start_reading();
    store.remember(&source(stat(1, 7)), Digests::hash(b"x"));
    store.save(&DiskOps::default()).unwrap();
    let good = fs::read(memo_path(&root)).unwrap();
    // Without an index, the checksum covers the counts and the entries.
    let (counts, entries) = (&good[8..16], &good[48 + 48..]);
    for version in [3, 4] {
        let checksum = Digest::hash(&[counts, entries].concat()).0;
        let old = [b"tsmedia", &[version][..], counts, &checksum, entries].concat();
        for at in [7, 8, 20, 60] {
            let mut bad = old.clone();
            bad[at] ^= 0x40;
            assert!(memo_of(&bad).all().next().is_none(), "version {version}, byte {at}");
        }
        fs::write(memo_path(&root), old).unwrap();
        let store = Store::open(&root);
        assert_eq!(store.digests(&source(stat(1, 7)).key()), Some(Digests::hash(b"x")));
        store.save(&DiskOps::default()).unwrap();
        assert_eq!(fs::read(memo_path(&root)).unwrap()[7], 5);
        assert!(Store::open(&root).digests(&source(stat(1, 7)).key()).is_some());
    }
}

/// Repository with two manifests, and its caches.
fn repository() -> (tempfile::TempDir, [Utf8PathBuf; 2], Caches) {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    let manifests = ["ber", "muc"].map(|name| root.join(name).join("media.toml"));
    manifests.iter().for_each(|manifest| fs::create_dir(manifest.parent().unwrap()).unwrap());
    fs::create_dir(root.join(".git")).unwrap();
    (folder, manifests, Caches::new(None, DEFAULT_LIMIT))
}

#[test]
fn manifests_share_digests_and_keep_their_outputs_apart() {
    let (_folder, manifests, mut caches) = repository();
    let [mut ber, mut muc] = [&manifests[0], &manifests[1]].map(|manifest| caches.open(manifest).store());
    ber.start_reading();
    ber.remember(&source(stat(1, 7)), Digests::hash(b"x"));
    assert_eq!(muc.digests(&source(stat(1, 7)).key()), Some(Digests::hash(b"x")));
    // Digests of a file that may have changed within the tick are valid for one manifest only.
    ber.remember(&source(stat(2, i64::MAX)), Digests::hash(b"y"));
    assert!(ber.digests(&source(stat(2, i64::MAX)).key()).is_some());
    assert!(muc.digests(&source(stat(2, i64::MAX)).key()).is_none());
    ber.remember_finished("out.iso", stat(3, 7), Digest::hash(b"ber"), None);
    assert_eq!(muc.finished("out.iso"), None);
    muc.remember_finished("out.iso", stat(4, 7), Digest::hash(b"muc"), None);
    muc.save(&DiskOps::default()).unwrap();
    let mut caches = Caches::new(None, DEFAULT_LIMIT);
    for (manifest, inode, id) in [(&manifests[0], 3, b"ber"), (&manifests[1], 4, b"muc")] {
        let store = caches.open(manifest).store();
        assert_eq!(store.finished("out.iso"), Some((stat(inode, 7), Digest::hash(id), None)));
        assert!(store.digests(&source(stat(1, 7)).key()).is_some());
    }
}

#[test]
fn an_earlier_cache_beside_the_manifest_is_still_known() {
    let (_folder, manifests, mut caches) = repository();
    let repository = manifests[0].parent().unwrap().parent().unwrap();
    fs::rename(repository.join(".git"), repository.join("away")).unwrap();
    let mut earlier = Caches::new(None, DEFAULT_LIMIT).open(&manifests[0]).store();
    earlier.start_reading();
    earlier.remember(&source(stat(1, 7)), Digests::hash(b"x"));
    earlier.remember_finished("out.iso", stat(3, 7), Digest::hash(b"ber"), None);
    earlier.new_journal_key("out.iso").unwrap();
    earlier.save(&DiskOps::default()).unwrap();
    fs::rename(repository.join("away"), repository.join(".git")).unwrap();
    let mut store = caches.open(&manifests[0]).store();
    assert_eq!(store.folder().path(), repository.join(".tsmedia"));
    assert!(store.digests(&source(stat(1, 7)).key()).is_some());
    assert_eq!(store.finished("out.iso").map(|(stat, ..)| stat), Some(stat(3, 7)));
    let (place, scope) = store.folder().key_place(keys::JOURNAL_KEY);
    assert_eq!((place, scope), (repository.join("ber/.tsmedia").as_path(), "media.record.json"));
    assert!(store.journal_key("out.iso").is_some());
    assert!(caches.open(&manifests[1]).store().finished("out.iso").is_none());
    store.forget_finished("out.iso");
    assert_eq!(store.finished("out.iso"), None);
}

#[test]
fn a_cache_is_not_emptied_while_another_run_uses_it() {
    let (_folder, manifests, mut caches) = repository();
    let [ber, muc] = [&manifests[0], &manifests[1]].map(|manifest| caches.open(manifest));
    let root = ber.folder().path();
    let build = Lock::take(ber.folder(), "building `ber.iso`").unwrap();
    let message = |lock: Result<Lock>| lock.unwrap_err().to_string();
    let process = format!("another tsmedia process (PID {}, building `ber.iso`) is using", std::process::id());
    assert_eq!(message(Lock::take(ber.folder(), "")), format!("{process} `{}`", manifests[0]));
    assert_eq!(message(Lock::take_cache(root, "")), format!("{process} `{root}`"));
    // Two manifests are built at once.
    drop(Lock::take(muc.folder(), "building `muc.iso`").unwrap());
    drop(build);
    let emptying = Lock::take_cache(root, "clearing the cache").unwrap();
    assert!(message(Lock::take(muc.folder(), "")).contains("clearing the cache) is using"));
    drop(emptying);
    let key = ObjectKey::new(ObjectKind::Programs, b"x");
    muc.objects().keep(&key, b"object");
    assert_eq!(message(Lock::take_cache(root, "")), format!("another tsmedia process is using `{root}`"));
}

#[test]
fn two_processes_do_not_lose_each_others_outputs() {
    let (_folder, root) = folder();
    let mut one = Store::open(&root);
    let mut two = Store::open(&root);
    one.remember_finished("a.iso", stat(1, 7), Digest::hash(b"a"), None);
    one.save(&DiskOps::default()).unwrap();
    let mut secrets = Digest::hash(b"secrets");
    secrets.0[20..].fill(0);
    two.remember_finished("b.iso", stat(2, 7), Digest::hash(b"b"), Some(secrets));
    two.save(&DiskOps::default()).unwrap();
    let store = Store::open(&root);
    assert_eq!(store.finished("a.iso"), Some((stat(1, 7), Digest::hash(b"a"), None)));
    assert_eq!(store.finished("b.iso"), Some((stat(2, 7), Digest::hash(b"b"), Some(secrets))));
}
