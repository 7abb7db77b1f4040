use std::io;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use super::*;

struct CacheScratch {
    _folder: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl CacheScratch {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().join(".tsmedia")).unwrap();
        Self { _folder: folder, root }
    }

    fn open(&self, limit: u64) -> Objects {
        Objects::open(&self.root, Size(limit), &DiskOps::default())
    }
}

fn key(made_from: &str) -> ObjectKey {
    ObjectKey::new(ObjectKind::WimReads, made_from.as_bytes())
}

/// Sets the last use of an object to this many hours ago.
fn age(objects: &Objects, key: &ObjectKey, hours: u64) {
    let note = File::options().append(true).open(note_path(&objects.path(key))).unwrap();
    note.set_modified(SystemTime::now() - Duration::from_secs(hours * 3_600)).unwrap();
}

fn make(text: &'static str) -> impl FnOnce(&Temporary) -> Result<()> {
    move |temporary| temporary.write(text.as_bytes(), 0)
}

#[test]
fn what_is_kept_is_found_by_what_it_was_made_from() {
    let scratch = CacheScratch::new();
    scratch.open(10_000).keep(&key("a"), b"made from a");
    let objects = scratch.open(10_000);
    assert_eq!(objects.bytes(&key("a")).unwrap(), b"made from a");
    assert_eq!(objects.bytes(&key("b")), None);
    let file = objects.file(&key("c"), &Progress::default(), make("made from c")).unwrap();
    assert_eq!(file.digests, Digests::hash(b"made from c"));
    let again = scratch.open(10_000).file(&key("c"), &Progress::default(), |_| panic!("it is there")).unwrap();
    assert_eq!((again.file, again.digests), (file.file, file.digests));
    assert_eq!(objects.usage()[0].n_objects, 2);
    let tag = fs::read_to_string(scratch.root.join("CACHEDIR.TAG")).unwrap();
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
}

#[test]
fn a_library_may_write_over_the_bytes_at_the_temporary_path() {
    let scratch = CacheScratch::new();
    let by_path = |temporary: &Temporary| {
        fs::write(crate::write::temporary_path(temporary.target()), b"by path").unwrap();
        Ok(())
    };
    let object = scratch.open(10_000).file(&key("a"), &Progress::default(), by_path).unwrap();
    assert_eq!(fs::read(&object.file.path).unwrap(), b"by path");
    assert_eq!(object.digests, Digests::hash(b"by path"));
}

#[test]
fn what_was_not_used_for_longest_goes_first_and_what_is_in_use_stays() {
    let scratch = CacheScratch::new();
    let objects = scratch.open(u64::MAX);
    for (hours, name) in [(3, "a"), (2, "b"), (1, "c")] {
        objects.keep(&key(name), &[7; 10_000]);
        age(&objects, &key(name), hours);
    }
    let beside = scratch.open(1);
    beside.keep(&key("e"), b"");
    assert_eq!(beside.usage()[0].n_objects, 4, "another run uses the objects");
    beside.remove(&beside.path(&key("e"))).unwrap();
    drop((beside, objects));
    // After its use, the oldest object is the newest.
    let objects = scratch.open(25_000);
    assert!(objects.bytes(&key("a")).is_some());
    objects.keep(&key("d"), &[7; 1_000]);
    let there = ["a", "b", "c", "d"].map(|name| objects.bytes(&key(name)).is_some());
    assert_eq!(there, [true, false, true, true]);
    assert!(objects.usage()[0].len <= 25_000);
    // Objects that this process used are kept, whatever the limit is.
    assert_eq!(Objects { limit: Size(1), ..objects }.prune(), 0);
    assert!(scratch.open(1).prune() > 21_000);
    assert_eq!(scratch.open(1).usage()[0].len, 0);
}

#[test]
fn what_passes_the_limit_by_itself_is_not_kept_unless_a_file_is_needed() {
    let scratch = CacheScratch::new();
    let objects = scratch.open(5);
    objects.keep(&key("a"), b"too long");
    assert_eq!(objects.usage()[0].n_objects, 0);
    let object = objects.file(&key("a"), &Progress::default(), make("too long")).unwrap();
    assert_eq!(fs::read(object.file.path).unwrap(), b"too long");
    assert!(scratch.open(5).prune() > 0);
    let nothing = scratch.open(0);
    assert!(nothing.start_reading().is_none());
    let read_only = scratch.open(9_000).read_only();
    read_only.keep(&key("a"), b"a");
    assert_eq!((read_only.usage()[0].n_objects, read_only.start_reading().is_none()), (0, true));
}

#[test]
fn a_damaged_object_is_made_anew() {
    let scratch = CacheScratch::new();
    let path = scratch.open(10_000).path(&key("a"));
    let damages: [(&str, &dyn Fn()); 5] = [
        ("other bytes", &|| fs::write(&path, b"xriginal").unwrap()),
        ("cut off", &|| fs::write(&path, b"orig").unwrap()),
        ("gone", &|| fs::remove_file(&path).unwrap()),
        ("no note", &|| fs::remove_file(note_path(&path)).unwrap()),
        ("damaged note", &|| fs::write(note_path(&path), b"{").unwrap()),
    ];
    for (damage, do_it) in damages {
        let objects = scratch.open(10_000);
        objects.keep(&key("a"), b"original");
        do_it();
        assert_eq!(objects.bytes(&key("a")), None, "{damage}");
        objects.file(&key("a"), &Progress::default(), make("original")).unwrap();
        do_it();
        let object = objects.file(&key("a"), &Progress::default(), make("original")).unwrap();
        assert_eq!(fs::read(&object.file.path).unwrap(), b"original", "{damage}");
        assert_eq!(objects.bytes(&key("a")).unwrap(), b"original", "{damage}");
    }
}

#[test]
fn an_object_that_came_by_other_ways_is_read_once_and_then_known() {
    let scratch = CacheScratch::new();
    let objects = scratch.open(10_000);
    let made = objects.file(&key("a"), &Progress::default(), make("original")).unwrap();
    fs::copy(&made.file.path, scratch.root.join("copy")).unwrap();
    fs::rename(scratch.root.join("copy"), &made.file.path).unwrap();
    let found = objects.file(&key("a"), &Progress::default(), |_| panic!("it is there")).unwrap();
    assert_ne!(found.file.stat, made.file.stat);
    assert_eq!(read_note(&found.file.path).unwrap().stat(), found.file.stat);
}

#[test]
fn an_object_of_a_locked_file_is_found_by_its_digest_and_only_the_right_one_is_kept_so() {
    let scratch = CacheScratch::new();
    let path = scratch.root.with_file_name("install.wim");
    let object = |claimed: &[u8], bytes: &[u8], made: &str| {
        fs::write(&path, bytes).unwrap();
        let file = SourceFile { path: path.clone(), stat: Stat::from_metadata(&fs::metadata(&path).unwrap()) };
        let objects = scratch.open(10_000);
        objects.claim(file.clone(), Digest::hash(claimed), false);
        let key = ObjectKey::of_file(ObjectKind::WimExports, 1, &file.stat);
        let text = made.to_owned();
        let made = objects.file(&key, &Progress::default(), |temporary| temporary.write(text.as_bytes(), 0)).unwrap();
        fs::read_to_string(made.file.path).unwrap()
    };
    // A file that is not the locked one leaves no object under its digest.
    assert_eq!(object(b"locked", b"forged", "made from forged"), "made from forged");
    assert_eq!(object(b"locked", b"locked", "made from locked"), "made from locked");
    // A fresh clone has another state of the file.
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(object(b"locked", b"locked", "made again"), "made from locked");
    assert_eq!(object(b"other", b"other!", "made from other"), "made from other");
}

#[test]
fn whichever_call_fails_nothing_but_the_right_bytes_is_ever_found() {
    let text = "made from a";
    let mut n_failed = 0;
    for fail_at in 0..100 {
        let scratch = CacheScratch::new();
        let n_calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&n_calls);
        let disk = DiskOps::watched(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
            n if n == fail_at => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        });
        let faulty = Objects::open(&scratch.root, Size(10_000), &disk);
        // The caller can do without the kept bytes, but needs the file.
        faulty.keep(&key("bytes"), text.as_bytes());
        let made = faulty.file(&key("file"), &Progress::default(), make(text));
        let objects = scratch.open(10_000);
        assert!(objects.bytes(&key("bytes")).is_none_or(|bytes| bytes == text.as_bytes()), "call {fail_at}");
        let object = objects.file(&key("file"), &Progress::default(), make(text)).unwrap();
        assert_eq!(fs::read(&object.file.path).unwrap(), text.as_bytes(), "call {fail_at}");
        objects.keep(&key("bytes"), text.as_bytes());
        assert_eq!(objects.bytes(&key("bytes")).unwrap(), text.as_bytes(), "call {fail_at}");
        if n_calls.load(Ordering::Relaxed) <= fail_at {
            assert!(n_failed > 8 && made.is_ok(), "{n_failed} calls failed");
            return;
        }
        n_failed += usize::from(made.is_err());
    }
    panic!("there is no end to the calls");
}

const OTHER_PROCESS: &str = "TSMEDIA_TEST_OBJECTS";

/// The other process of the next test. It does nothing if it is run as a test.
#[test]
fn works_beside() {
    let Ok(root) = std::env::var(OTHER_PROCESS) else { return };
    for round in 0..20 {
        let objects = Objects::open(Utf8Path::new(&root), Size(60_000), &DiskOps::default());
        for n in 0..6u8 {
            let name = format!("{}", (n as usize + round) % 6);
            let bytes = vec![name.as_bytes()[0]; 9_000];
            assert!(objects.bytes(&key(&name)).is_none_or(|found| found == bytes), "not what was kept");
            objects.keep(&key(&name), &bytes);
            // Another process may remove the object at once, but must never change it.
            if let Ok(object) = objects.file(&key(&name), &Progress::default(), |temporary| temporary.write(&bytes, 0))
            {
                assert_eq!(object.digests, Digests::hash(&bytes));
            }
        }
        Objects::open(Utf8Path::new(&root), Size(20_000), &DiskOps::default()).prune();
    }
}

#[test]
fn processes_at_once_find_whole_objects_only() {
    let scratch = CacheScratch::new();
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "store::objects::tests::works_beside"]).env(OTHER_PROCESS, scratch.root.as_str());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    for ran in [start(), start(), start()].map(|child| child.wait_with_output().unwrap()) {
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    }
}
