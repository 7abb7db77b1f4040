use std::sync::Arc;

use camino::Utf8PathBuf;

use super::*;

/// Waits in another thread, and returns `true` if that ended within a few seconds.
fn is_told(watch: &mut Watch, change: impl FnOnce() + Send) -> bool {
    let progress = Arc::new(Progress::default());
    thread::scope(|scope| {
        scope.spawn(change);
        let cancel = Arc::clone(&progress);
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let is_done = Arc::clone(&done);
        scope.spawn(move || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(1_500) && !is_done.load(std::sync::atomic::Ordering::Relaxed)
            {
                thread::sleep(Duration::from_millis(10));
            }
            cancel.cancel();
        });
        let told = watch.wait(&progress).is_ok();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        told
    })
}

#[test]
fn own_places_and_what_is_beside_inputs_are_not_told_and_inputs_are() {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    fs::create_dir_all(root.join("content/.tsmedia")).unwrap();
    fs::write(root.join("content/a"), b"").unwrap();
    let mut inputs = Inputs::default();
    inputs.note(root.join("content"));
    inputs.exclude(root.join("content/.tsmedia"));
    for every in [None, Some(Duration::from_millis(100))] {
        let mut watch = Watch::new(every);
        assert!(watch.arm(&inputs), "what was never watched is new");
        assert!(!watch.arm(&inputs) && watch.take_notice().is_none());
        assert!(!is_told(&mut watch, || {
            fs::write(root.join("content/.tsmedia/now"), b"x").unwrap();
            fs::write(root.join("beside"), b"x").unwrap();
            fs::read(root.join("content/a")).unwrap();
        }));
        assert!(is_told(&mut watch, || fs::write(root.join("content/a"), b"x").unwrap()));
        watch.arm(&inputs);
    }
}

#[test]
fn limits_of_the_system_are_told_with_what_raises_them() {
    let folders = blind(&notify::Error::new(ErrorKind::MaxFilesWatch));
    assert!(folders.to_string().starts_with("the system can't watch more folders (`fs.inotify.max_user_watches` is "));
    assert!(folders.advice().unwrap().starts_with("raise the limit with `sudo sysctl fs.inotify.max_user_watches="));
    let watchers = blind(&notify::Error::io(std::io::Error::from_raw_os_error(24)));
    assert!(watchers.advice().unwrap().contains("max_user_instances"));
    assert!(blind(&notify::Error::generic("odd")).to_string().ends_with("(odd): checking every 2 seconds instead"));
}
