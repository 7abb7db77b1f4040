use std::os::unix::fs::MetadataExt;

use super::*;

fn stat(inode: u64, changed_ns: i64) -> Stat {
    Stat { device: 1, inode, len: inode * 3, modified_ns: 5, changed_ns }
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
        store.remember(stat(inode, 7), Digests::of(&inode.to_le_bytes()));
    }
    store.save(&Disk::default()).unwrap();
    let store = Store::open(&root).unwrap();
    for inode in 0..1_000 {
        assert_eq!(store.digests(&stat(inode, 7)), Some(Digests::of(&inode.to_le_bytes())));
        assert_eq!(store.digests(&stat(inode, 8)), None);
    }
}

#[test]
fn a_file_that_may_have_changed_within_the_tick_is_forgotten() {
    let (_folder, root) = folder();
    let mut store = Store::open(&root).unwrap();
    store.start_reading();
    fs::write(root.join("source"), b"x").unwrap();
    let fresh = Stat::of(&fs::metadata(root.join("source")).unwrap());
    let old = Stat { changed_ns: fresh.changed_ns - 1_000_000_000, ..stat(1, 0) };
    let old = Stat { device: fs::metadata(&root).unwrap().dev(), ..old };
    let foreign = Stat { device: old.device + 1, ..old };
    for stat in [fresh, old, foreign] {
        store.remember(stat, Digests::of(b"x"));
        assert!(store.digests(&stat).is_some(), "within the run it is known");
    }
    store.save(&Disk::default()).unwrap();
    let store = Store::open(&root).unwrap();
    assert_eq!([fresh, old, foreign].map(|stat| store.digests(&stat).is_some()), [false, true, false]);
}

#[test]
fn a_damaged_memo_is_an_empty_one() {
    let (_folder, root) = folder();
    let mut store = Store::open(&root).unwrap();
    store.start_reading();
    store.remember(stat(1, 7), Digests::of(b"x"));
    store.save(&Disk::default()).unwrap();
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
    store.remember(stat(1, 7), Digests::of(b"old"));
    store.remember(stat(2, 7), Digests::of(b"unused"));
    store.save(&Disk::default()).unwrap();
    for round in 0..=31 {
        let mut store = Store::open(&root).unwrap();
        store.start_reading();
        if round == 0 {
            store.remember(stat(1, 8), Digests::of(b"new"));
        }
        assert!(store.digests(&stat(1, 8)).is_some());
        store.save(&Disk::default()).unwrap();
    }
    let store = Store::open(&root).unwrap();
    assert_eq!([stat(1, 7), stat(1, 8), stat(2, 7)].map(|stat| store.digests(&stat).is_some()), [false, true, false]);
}

#[test]
fn two_processes_do_not_lose_each_others_outputs() {
    let (_folder, root) = folder();
    let mut one = Store::open(&root).unwrap();
    let mut two = Store::open(&root).unwrap();
    one.remember_finished("a.iso", stat(1, 7), Digest::of(b"a"));
    one.save(&Disk::default()).unwrap();
    two.remember_finished("b.iso", stat(2, 7), Digest::of(b"b"));
    two.save(&Disk::default()).unwrap();
    let store = Store::open(&root).unwrap();
    assert_eq!(store.finished("a.iso"), Some((stat(1, 7), Digest::of(b"a"))));
    assert_eq!(store.finished("b.iso"), Some((stat(2, 7), Digest::of(b"b"))));
}
