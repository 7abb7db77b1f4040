//! Records that stay as they are while nothing changes, on any machine.

use std::fs;

use crate::fixtures::sandbox::Sandbox;

/// Media that depend on a secret.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[package]]", "\n[variables]\nJoinPassword = { file = \"join.txt\" }\n\n[[package]]");
    sandbox.put("join.txt", "Zq7-secret-81x\n");
    std::thread::sleep(std::time::Duration::from_millis(30));
    sandbox
}

fn record(sandbox: &Sandbox) -> String {
    String::from_utf8(sandbox.get("media.record.json")).unwrap()
}

#[test]
fn a_run_that_changes_nothing_leaves_the_record_on_any_machine() {
    let sandbox = sandbox();
    sandbox.done(&["apply"]);
    let committed = record(&sandbox);
    assert!(committed.contains("\"veil\""));
    let state = || fs::metadata(sandbox.path("media.record.json")).unwrap().modified().unwrap();
    let written = state();
    sandbox.done(&["apply"]);
    // Another machine has another key, and the finished media or not.
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    sandbox.done(&["apply"]);
    sandbox.done(&["apply"]);
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    sandbox.done(&["apply"]);
    assert_eq!((record(&sandbox), state()), (committed.clone(), written));
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
    // A change of one medium is recorded, with the key of this machine, and leaves the other.
    sandbox.put("readme.txt", "Servus\n");
    sandbox.done(&["apply"]);
    let changed = record(&sandbox);
    let of_ber = |text: &str| text.split("\"name\": \"out/win11-HAM.iso\"").next().unwrap().to_owned();
    assert_ne!(changed, committed);
    assert_eq!(of_ber(&changed), of_ber(&committed));
}

#[test]
fn a_secret_of_another_length_is_recorded_under_another_key_too() {
    let sandbox = sandbox();
    sandbox.done(&["apply"]);
    let committed = record(&sandbox);
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    sandbox.put("join.txt", "Zq7-secret-81x-and-much-longer-than-before-so-that-the-file-grows\n");
    sandbox.done(&["apply"]);
    assert_ne!(record(&sandbox), committed);
    sandbox.done(&["verify", "out/win11-BER.iso", "--manifest", "media.toml", "--site", "BER"]);
}

#[test]
fn two_changes_of_one_medium_conflict_in_few_lines_and_are_put_right() {
    let sandbox = Sandbox::new();
    let git = |words: &str| {
        let words: Vec<_> = words.split(' ').collect();
        std::process::Command::new("git").args(words).current_dir(&sandbox.root).output().unwrap()
    };
    let commit = |text: &str| {
        sandbox.done(&["apply"]);
        git("add media.toml media.record.json packages readme.txt");
        git(&format!("-c user.name=Ann -c user.email=ann@example.com commit -qm {text}"));
    };
    git("init -q -b main");
    commit("first");
    git("checkout -qb readme");
    sandbox.put("readme.txt", "Servus\n");
    commit("readme");
    git("checkout -q main");
    // The other site's medium has no readme: the two changes meet in one medium only.
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    commit("vpn");
    let merged = git("-c user.name=Ann -c user.email=ann@example.com merge -q readme");
    assert!(!merged.status.success());
    let conflict = record(&sandbox);
    let in_conflict = conflict.lines().skip_while(|line| !line.starts_with("<<<<<<<"));
    let n_lines = in_conflict.take_while(|line| !line.starts_with(">>>>>>>")).count();
    assert!(n_lines < 12, "{n_lines} lines in\n{conflict}");
    let mut seen = sandbox.see("check") + &sandbox.see("plan") + &sandbox.see("apply");
    assert!(!record(&sandbox).contains("<<<<<<<"));
    for site in ["BER", "HAM"] {
        sandbox.done(&["verify", &format!("out/win11-{site}.iso"), "--manifest", "media.toml", "--site", site]);
    }
    let put_right = record(&sandbox);
    seen += &sandbox.see("plan");
    sandbox.put("media.record.json", "");
    fs::remove_file(sandbox.path("media.record.json")).unwrap();
    sandbox.done(&["apply"]);
    assert_eq!(record(&sandbox), put_right);
    insta::assert_snapshot!(seen);
}
