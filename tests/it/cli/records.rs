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

/// Runs Git in a sandbox, as a person. Returns `true` if it succeeded.
fn git(sandbox: &Sandbox, words: &str) -> bool {
    let person = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"];
    let mut command = std::process::Command::new("git");
    command.args(person).args(words.split(' ')).current_dir(&sandbox.root).output().unwrap().status.success()
}

/// A repository with two branches that change different content of one medium. The branch `main` is checked out.
fn branches() -> Sandbox {
    let sandbox = Sandbox::new();
    let commit = |text: &str| {
        sandbox.done(&["apply"]);
        git(&sandbox, "add media.toml media.record.json packages readme.txt");
        git(&sandbox, &format!("commit -qm {text}"));
    };
    git(&sandbox, "init -q -b main");
    commit("first");
    git(&sandbox, "checkout -qb readme");
    sandbox.put("readme.txt", "Servus\n");
    commit("readme");
    git(&sandbox, "checkout -q main");
    // The other site's medium has no readme: the two changes meet in one medium only.
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    commit("vpn");
    sandbox
}

#[test]
fn a_record_of_version_3_stays_until_something_changes() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    let old = record(&sandbox).replace("\"record-version\": 4", "\"record-version\": 3");
    let last = old.rfind("\n]\n}\n]").unwrap();
    let list = r#"{"path":"tsmedia/BLAKE3SUMS","len":9,"blake3":"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"}"#;
    let old = format!("{},\n{list}{}", &old[..last], &old[last..]);
    sandbox.put("media.record.json", &old);
    // On another machine, which has no cache.
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
    sandbox.done(&["apply"]);
    assert_eq!(record(&sandbox), old);
    sandbox.put("readme.txt", "Servus\n");
    sandbox.done(&["apply"]);
    assert!(record(&sandbox).contains("\"record-version\": 4") && !record(&sandbox).contains("BLAKE3SUMS"));
}

#[test]
fn a_union_merge_of_two_changes_is_put_right() {
    let sandbox = branches();
    sandbox.put(".git/info/attributes", "*.record.json merge=union\n");
    assert!(git(&sandbox, "merge -q readme"), "a conflict in\n{}", record(&sandbox));
    let merged = record(&sandbox);
    assert!(merged.matches("\"id\": ").count() == 3 && !merged.contains("<<<<<<<"), "{merged}");
    let seen = sandbox.see("plan") + &sandbox.see("apply") + &sandbox.see("plan");
    let put_right = record(&sandbox);
    fs::remove_file(sandbox.path("media.record.json")).unwrap();
    sandbox.done(&["apply"]);
    assert_eq!(record(&sandbox), put_right);
    insta::assert_snapshot!(seen);
}

#[test]
fn two_changes_of_one_medium_conflict_in_its_identity_alone_and_are_put_right() {
    let sandbox = branches();
    assert!(!git(&sandbox, "merge -q readme"));
    let conflict = record(&sandbox);
    let in_conflict = conflict.lines().skip_while(|line| !line.starts_with("<<<<<<<"));
    let in_conflict: Vec<_> = in_conflict.take_while(|line| !line.starts_with(">>>>>>>")).collect();
    let is_expected =
        |line: &&&str| ["<<<<<<<", "=======", "  \"len\": ", "  \"id\": "].iter().any(|start| line.starts_with(start));
    assert_eq!(in_conflict.iter().find(|line| !is_expected(line)), None, "{conflict}");
    assert_eq!(conflict.matches("<<<<<<<").count(), 1, "{conflict}");
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
