//! `cache`: what is in it, what empties it, and that nothing needs it.

use std::fs;

use crate::fixtures::sandbox::Sandbox;

/// Sizes in `.tsmedia` depend on how the numbers of files happen to be; what is counted does not.
fn without_sizes(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let line = match line.rsplit_once(" (") {
            Some((line, size)) if size.ends_with(')') => format!("{line} (<size>)"),
            _ => line.to_owned(),
        };
        let line = match line.split_once(": ").zip(line.split_once(", limit for objects")) {
            Some(((cache, _), (_, limit))) => format!("{cache}: <size>, limit for objects{limit}"),
            None => line,
        };
        let line = match line.split_once("removed ").zip(line.split_once(" from ")) {
            Some(((before, size), (_, from))) if !size.starts_with("0 B") => {
                format!("{before}removed <size> from {from}")
            }
            _ => line,
        };
        kept += &format!("{line}\n");
    }
    kept
}

/// A project whose boot image changed long enough ago to be remembered.
fn settled() -> Sandbox {
    let sandbox = Sandbox::new();
    std::thread::sleep(std::time::Duration::from_millis(30));
    sandbox
}

#[test]
fn the_cache_says_what_it_holds_and_is_emptied_without_harm() {
    let sandbox = settled();
    let mut seen = sandbox.see("cache");
    assert!(!sandbox.path(".tsmedia").exists(), "looking made a cache");
    sandbox.done(&["check"]);
    assert!(!sandbox.path(".tsmedia").exists(), "check wrote something");
    sandbox.done(&["apply"]);
    let built = sandbox.get("out/win11-BER.iso");
    seen += &sandbox.see("cache");
    seen += &sandbox.see("cache --limit 1B");
    seen += &sandbox.see("cache --clear");
    seen += &sandbox.see("cache media.toml");
    seen += &sandbox.see("cache --clear --limit 1GB");
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
    fs::remove_file(sandbox.path("out/win11-BER.iso")).unwrap();
    sandbox.done(&["apply"]);
    assert_eq!(sandbox.get("out/win11-BER.iso"), built);
    insta::assert_snapshot!(without_sizes(&seen));
}

#[test]
fn the_cache_is_data_too() {
    let sandbox = settled();
    sandbox.done(&["apply"]);
    let caches: serde_json::Value = serde_json::from_str(&sandbox.done(&["cache", "--json"])).unwrap();
    let cache = &caches["caches"][0];
    assert_eq!((cache["cache"].as_str(), cache["limit"].as_u64()), (Some("./.tsmedia"), Some(20_000_000_000)));
    assert_eq!(cache["digests"]["outputs"], 2);
    assert_eq!(cache["objects"]["wim-reads"]["objects"], 1);
    let objects = cache["objects"].as_object().unwrap().values().map(|kind| kind["len"].as_u64().unwrap());
    let parts = cache["digests"]["len"].as_u64().unwrap() + objects.sum::<u64>();
    assert_eq!(cache["len"], parts);
}

#[test]
fn the_limit_comes_from_the_environment() {
    let sandbox = settled();
    let limited = |limit: &str, line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let ran = sandbox.command(&words).env("TSMEDIA_CACHE_LIMIT", limit).output().unwrap();
        sandbox.see_ran(line, &ran)
    };
    let mut seen = limited("none", "plan");
    limited("0 B", "apply");
    seen += &limited("5 GB", "cache");
    limited("5 GB", "plan");
    seen += &limited("5 GB", "cache");
    insta::assert_snapshot!(without_sizes(&seen), @"
    $ tsmedia plan
    ! error: invalid `TSMEDIA_CACHE_LIMIT`: `none`
    !   because: `none` is not a size: write a number and a unit, such as `650 MB`, `7.9 GB` or `4 GiB`
    = 1

    $ tsmedia cache
    | ./.tsmedia: <size>, limit for objects 5.00 GB
    |   digests      11 files, 2 finished outputs (<size>)
    |   wim-reads    0 objects (<size>)
    |   wim-exports  0 objects (<size>)
    |   medium-files 0 objects (<size>)
    |   programs     0 objects (<size>)
    |   lfs-scans    0 objects (<size>)
    = 0

    $ tsmedia cache
    | ./.tsmedia: <size>, limit for objects 5.00 GB
    |   digests      11 files, 2 finished outputs (<size>)
    |   wim-reads    1 object (<size>)
    |   wim-exports  0 objects (<size>)
    |   medium-files 0 objects (<size>)
    |   programs     2 objects (<size>)
    |   lfs-scans    0 objects (<size>)
    = 0
    ");
}

#[test]
fn a_cache_in_use_is_not_emptied() {
    let sandbox = settled();
    sandbox.done(&["apply"]);
    let lock = fs::File::options().write(true).open(sandbox.path(".tsmedia/lock")).unwrap();
    lock.lock().unwrap();
    fs::write(sandbox.path(".tsmedia/lock"), "PID 7, building `out/win11-BER.iso`").unwrap();
    let seen = sandbox.see("cache --clear") + &sandbox.see("cache --limit 1B");
    assert!(sandbox.path(".tsmedia/digests").exists());
    insta::assert_snapshot!(seen, @"
    $ tsmedia cache --clear
    ! error: another tsmedia process (PID 7, building `out/win11-BER.iso`) is using `./.tsmedia`
    !   help: wait until it is done, or stop that process
    = 1

    $ tsmedia cache --limit 1B
    ! error: another tsmedia process (PID 7, building `out/win11-BER.iso`) is using `./.tsmedia`
    !   help: wait until it is done, or stop that process
    = 1
    ");
}

#[test]
fn a_cache_that_cannot_be_written_is_no_reason_to_fail() {
    let sandbox = settled();
    let first = sandbox.done(&["plan"]);
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    // Neither root nor anybody else can make a folder below a file.
    sandbox.put(".tsmedia", "a file");
    assert_eq!(sandbox.done(&["plan"]), first);
    assert_eq!(sandbox.done(&["plan"]), first);
}
