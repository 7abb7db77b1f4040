//! `cache`: what is in it, what empties it, and that nothing needs it.

use std::fs;

use crate::fixtures::desk::Desk;

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
fn settled() -> Desk {
    let desk = Desk::new();
    std::thread::sleep(std::time::Duration::from_millis(30));
    desk
}

#[test]
fn the_cache_says_what_it_holds_and_is_emptied_without_harm() {
    let desk = settled();
    let mut seen = desk.see("cache");
    assert!(!desk.path(".tsmedia").exists(), "looking made a cache");
    desk.done(&["check"]);
    assert!(!desk.path(".tsmedia").exists(), "check wrote something");
    desk.done(&["apply"]);
    let built = desk.get("out/win11-BER.iso");
    seen += &desk.see("cache");
    seen += &desk.see("cache --limit 1B");
    seen += &desk.see("cache --clear");
    seen += &desk.see("cache media.toml");
    seen += &desk.see("cache --clear --limit 1GB");
    assert!(desk.done(&["plan"]).starts_with("nothing to do"));
    fs::remove_file(desk.path("out/win11-BER.iso")).unwrap();
    desk.done(&["apply"]);
    assert_eq!(desk.get("out/win11-BER.iso"), built);
    insta::assert_snapshot!(without_sizes(&seen));
}

#[test]
fn the_cache_is_data_too() {
    let desk = settled();
    desk.done(&["apply"]);
    let caches: serde_json::Value = serde_json::from_str(&desk.done(&["cache", "--json"])).unwrap();
    let cache = &caches[0];
    assert_eq!((cache["cache"].as_str(), cache["limit"].as_u64()), (Some("./.tsmedia"), Some(20_000_000_000)));
    assert_eq!(cache["digests"]["outputs"], 2);
    assert_eq!(cache["objects"]["wim-reads"]["objects"], 1);
    let objects = cache["objects"].as_object().unwrap().values().map(|kind| kind["len"].as_u64().unwrap());
    let parts = cache["digests"]["len"].as_u64().unwrap() + objects.sum::<u64>();
    assert_eq!(cache["len"], parts);
}

#[test]
fn the_limit_comes_from_the_environment() {
    let desk = settled();
    let limited = |limit: &str, line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let ran = desk.command(&words).env("TSMEDIA_CACHE_LIMIT", limit).output().unwrap();
        desk.see_ran(line, &ran)
    };
    let mut seen = limited("none", "plan");
    limited("0 B", "apply");
    seen += &limited("5 GB", "cache");
    limited("5 GB", "plan");
    seen += &limited("5 GB", "cache");
    insta::assert_snapshot!(without_sizes(&seen));
}

#[test]
fn a_cache_in_use_is_not_emptied() {
    let desk = settled();
    desk.done(&["apply"]);
    let lock = fs::File::options().write(true).open(desk.path(".tsmedia/lock")).unwrap();
    lock.lock().unwrap();
    fs::write(desk.path(".tsmedia/lock"), "PID 7, building `out/win11-BER.iso`").unwrap();
    let seen = desk.see("cache --clear") + &desk.see("cache --limit 1B");
    assert!(desk.path(".tsmedia/digests").exists());
    insta::assert_snapshot!(seen);
}

#[test]
fn a_cache_that_cannot_be_written_is_no_reason_to_fail() {
    let desk = settled();
    let first = desk.done(&["plan"]);
    fs::remove_dir_all(desk.path(".tsmedia")).unwrap();
    // Neither root nor anybody else can make a folder below a file.
    desk.put(".tsmedia", "a file");
    assert_eq!(desk.done(&["plan"]), first);
    assert_eq!(desk.done(&["plan"]), first);
}
