use std::fs;
use std::os::unix::fs::MetadataExt;

use super::*;
use crate::content::{ByteRun, Pieced, SourceFile};
use std::sync::Arc;

fn stat(inode: u64, changed_ns: i64) -> Stat {
    Stat { device: 1, inode, len: inode * 3, modified_ns: 5, changed_ns }
}

fn source(stat: Stat) -> Source {
    Source::File(SourceFile { path: "/nowhere".into(), stat })
}

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join(".tsmedia")).unwrap();
    (folder, path)
}

#[test]
fn what_was_learnt_is_known_to_the_next_run() {
    let (_folder, root) = folder();
    let mut store = Store::open(&root).unwrap();
    store.start_reading();
    for inode in 0..1_000 {
        store.remember(&source(stat(inode, 7)), Digests::hash(&inode.to_le_bytes()));
    }
    store.save(&DiskOps::default()).unwrap();
    let store = Store::open(&root).unwrap();
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
    let mut store = Store::open(&root).unwrap();
    store.start_reading();
    store.remember(&pieced(7, 0), Digests::hash(b"one"));
    store.remember(&pieced(i64::MAX, 0), Digests::hash(b"younger than the reading"));
    store.remember(&source(stat(5, 7)), Digests::hash(b"file"));
    store.save(&DiskOps::default()).unwrap();
    let store = Store::open(&root).unwrap();
    assert_eq!(store.digests(&pieced(7, 0).key()), Some(Digests::hash(b"one")));
    assert_eq!(store.digests(&source(stat(5, 7)).key()), Some(Digests::hash(b"file")));
    assert!(
        [pieced(8, 0), pieced(7, 1), pieced(i64::MAX, 0)].iter().all(|other| store.digests(&other.key()).is_none())
    );
}

#[test]
fn a_file_that_may_have_changed_within_the_tick_is_forgotten() {
    let (_folder, root) = folder();
    let mut store = Store::open(&root).unwrap();
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
    let store = Store::open(&root).unwrap();
    assert_eq!([fresh, old, foreign].map(|stat| store.digests(&source(stat).key()).is_some()), [false, true, false]);
}

#[test]
fn a_damaged_memo_is_an_empty_one() {
    let (_folder, root) = folder();
    let mut store = Store::open(&root).unwrap();
    store.start_reading();
    store.remember(&source(stat(1, 7)), Digests::hash(b"x"));
    store.save(&DiskOps::default()).unwrap();
    let good = fs::read(memo_path(&root)).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(Memo::parse(bad).n_files(), 0, "byte {at}");
        assert_eq!(Memo::parse(good[..at].to_vec()).n_files(), 0, "cut at {at}");
    }
    assert_eq!(Memo::parse(good).n_files(), 1);
}

#[test]
fn a_changed_file_replaces_what_it_was_and_unused_ones_go_in_time() {
    let (_folder, root) = folder();
    let mut store = Store::open(&root).unwrap();
    store.start_reading();
    store.remember(&source(stat(1, 7)), Digests::hash(b"old"));
    store.remember(&source(stat(2, 7)), Digests::hash(b"unused"));
    store.save(&DiskOps::default()).unwrap();
    for round in 0..=31 {
        let mut store = Store::open(&root).unwrap();
        store.start_reading();
        if round == 0 {
            store.remember(&source(stat(1, 8)), Digests::hash(b"new"));
        }
        assert!(store.digests(&source(stat(1, 8)).key()).is_some());
        store.save(&DiskOps::default()).unwrap();
    }
    let store = Store::open(&root).unwrap();
    assert_eq!(
        [stat(1, 7), stat(1, 8), stat(2, 7)].map(|stat| store.digests(&source(stat).key()).is_some()),
        [false, true, false]
    );
}

#[test]
fn two_processes_do_not_lose_each_others_outputs() {
    let (_folder, root) = folder();
    let mut one = Store::open(&root).unwrap();
    let mut two = Store::open(&root).unwrap();
    one.remember_finished("a.iso", stat(1, 7), Digest::hash(b"a"), None);
    one.save(&DiskOps::default()).unwrap();
    let mut secrets = Digest::hash(b"secrets");
    secrets.0[20..].fill(0);
    two.remember_finished("b.iso", stat(2, 7), Digest::hash(b"b"), Some(secrets));
    two.save(&DiskOps::default()).unwrap();
    let store = Store::open(&root).unwrap();
    assert_eq!(store.finished("a.iso"), Some((stat(1, 7), Digest::hash(b"a"), None)));
    assert_eq!(store.finished("b.iso"), Some((stat(2, 7), Digest::hash(b"b"), Some(secrets))));
}
