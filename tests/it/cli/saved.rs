//! Saved plans: done once, refused with the difference when anything has moved, and told from everything else.

use std::fs;

use crate::fixtures::sandbox::Sandbox;

/// A built medium for each site, then a change, and the plan for it saved.
fn planned() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("[[sites]]\ncode = \"HAM\"\n", "[[sites]]\ncode = \"HAM\"\n\n[vars]\nwords = \"readme.txt\"\n");
    sandbox.edit("source = \"readme.txt\"", "source = \"{{ vars.words }}\"");
    sandbox.done(&["apply"]);
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    sandbox.done(&["plan", "--out", "ci.plan"]);
    sandbox
}

/// Output for a saved plan after a change. Nothing is written.
fn refused(change: impl Fn(&Sandbox)) -> String {
    let sandbox = planned();
    change(&sandbox);
    let files = ["out/win11-BER.iso", "out/win11-HAM.iso", "media.record.json"];
    let before = files.map(|file| fs::read(sandbox.path(file)).ok());
    let seen = sandbox.see("apply ci.plan");
    assert!(seen.ends_with("= 1\n\n"), "{seen}");
    assert!(files.map(|file| fs::read(sandbox.path(file)).ok()) == before, "something was written:\n{seen}");
    seen
}

#[test]
fn a_saved_plan_is_done_once_and_then_there_is_nothing_left_of_it() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply", "--site", "BER"]);
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    let mut seen = sandbox.see("plan --out plans/ci.plan --detailed-exitcode --site BER --site HAM --var words=none");
    let saved = sandbox.get("plans/ci.plan");
    seen += &sandbox.see("apply plans/ci.plan");
    seen += &sandbox.see("apply plans/ci.plan");
    seen += &sandbox.see("plan");
    insta::assert_snapshot!(seen);
    // What was done in part, by whomever, is done to the end.
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    fs::remove_file(sandbox.path("media.record.json")).unwrap();
    sandbox.done(&["plan", "--out", "ci.plan"]);
    sandbox.done(&["apply", "--site", "HAM"]);
    assert!(sandbox.see("apply ci.plan").contains("! created   out/win11-BER.iso"));
    assert_ne!(saved, sandbox.get("ci.plan"));
}

#[test]
fn a_planned_deletion_is_done_once() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    let mut seen = sandbox.see("plan --out ci.plan");
    seen += &sandbox.see("apply ci.plan");
    seen += &sandbox.see("apply ci.plan");
    insta::assert_snapshot!(seen, @"
    $ tsmedia plan --out ci.plan
    | 1 to delete, 1 to keep; 0 B to write
    |
    | delete   out/win11-HAM.iso (1.13 MB)
    |   it is no longer in the manifest
    |
    | keep     out/win11-BER.iso (1.13 MB)
    ! saved the plan; apply it with `tsmedia apply ci.plan`
    = 0

    $ tsmedia apply ci.plan
    ! kept      out/win11-BER.iso (1.13 MB)
    ! deleted   out/win11-HAM.iso (1.13 MB)
    ! 1 deleted, 1 kept; 0 B written
    = 0

    $ tsmedia apply ci.plan
    ! kept      out/win11-BER.iso (1.13 MB)
    ! nothing to do: the saved plan `ci.plan` was applied already
    = 0
    ");
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
}

#[test]
fn a_saved_plan_names_what_it_was_asked_with_and_what_is_to_be() {
    let sandbox = planned();
    let text = String::from_utf8(sandbox.get("ci.plan")).unwrap();
    assert!(!text.contains(sandbox.root.as_str()), "{text}");
    let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    let output = &plan["manifests"][0]["outputs"][0];
    assert_eq!(plan["manifests"][0]["manifest"], "media.toml");
    assert_eq!((&output["action"], &output["existing"]["kind"]), (&"rebuild".into(), &"medium".into()));
    assert_eq!(output["existing"]["id"], output["recorded"]);
    assert_ne!(output["wanted"]["summary"]["id"], output["recorded"]);
    sandbox.done(&["apply", "ci.plan"]);
    let record: serde_json::Value = serde_json::from_slice(&sandbox.get("media.record.json")).unwrap();
    assert_eq!(record["outputs"][0]["summary"], output["wanted"]["summary"]);
    assert_eq!(record["outputs"][0]["files"], output["wanted"]["files"]);
}

#[test]
fn a_plan_that_was_saved_in_one_checkout_is_done_in_another_one() {
    let first = planned();
    let second = Sandbox::in_folder("another/check out");
    for file in ["media.toml", "images/boot.wim", "media.record.json", "packages/vpn/vpn.conf"] {
        second.put(file, first.get(file));
    }
    for file in ["out/win11-BER.iso", "out/win11-HAM.iso"] {
        second.put(file, first.get(file));
    }
    assert_eq!(String::from_utf8(second.get("media.record.json")), String::from_utf8(first.get("media.record.json")));
    second.put("../plans/ci.plan", first.get("ci.plan"));
    second.done(&["plan", "--out", "ci.plan"]);
    assert!(second.get("ci.plan") == first.get("ci.plan"), "another plan for the same inputs");
    fs::remove_dir_all(second.path(".tsmedia")).unwrap();
    second.done(&["apply", "../plans/ci.plan"]);
    first.done(&["apply", "ci.plan"]);
    for file in ["media.record.json", "out/win11-BER.iso", "out/win11-HAM.iso"] {
        assert!(first.get(file) == second.get(file), "{file} is another one");
    }
}

#[test]
fn a_saved_plan_is_refused_when_what_it_was_made_from_has_moved() {
    let mut seen = String::new();
    let mut after = |what: &str, change: &dyn Fn(&Sandbox)| seen += &format!("# {what}\n{}", refused(change));
    after("the manifest was edited", &|sandbox| {
        sandbox.edit("WIN11 {{", "W11 {{");
        sandbox.put("liesmich.txt", "Moin moin\n");
        sandbox.edit("words = \"readme.txt\"", "words = \"liesmich.txt\"");
    });
    after("a source was edited", &|sandbox| sandbox.put("packages/vpn/vpn.conf", "server = vpn3.example.com\n"));
    after("a source came, and one went", &|sandbox| {
        sandbox.put("packages/vpn/certificate.cer", [9; 900]);
        fs::remove_file(sandbox.path("packages/vpn/setup.cmd")).unwrap();
    });
    after("an output was written to", &|sandbox| {
        let file = fs::File::options().append(true).open(sandbox.path("out/win11-HAM.iso")).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    });
    after("an output is gone", &|sandbox| fs::remove_file(sandbox.path("out/win11-HAM.iso")).unwrap());
    after("others applied something else", &|sandbox| {
        sandbox.put("packages/vpn/vpn.conf", "server = vpn3.example.com\n");
        sandbox.done(&["apply"]);
        sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    });
    after("the record is gone", &|sandbox| fs::remove_file(sandbox.path("media.record.json")).unwrap());
    after("a site is gone, and another one came", &|sandbox| sandbox.edit("code = \"HAM\"", "code = \"MUC\""));
    after("a manifest is wrong now", &|sandbox| sandbox.edit("packages/vpn", "packages/vpm"));
    insta::assert_snapshot!(seen);
}

#[test]
fn the_difference_is_a_screen_or_all_of_it_or_data() {
    let sandbox = planned();
    for n in 0..40 {
        sandbox.put(&format!("packages/vpn/{n:02}.cab"), [n; 100]);
    }
    let seen = sandbox.see("apply ci.plan");
    assert!(seen.lines().count() <= 27, "{seen}");
    assert_eq!(sandbox.see("apply -v ci.plan").matches(".cab (100 B)").count(), 40);
    let ran = sandbox.run(&["apply", "--json", "ci.plan"]);
    let moved: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(moved["stale"][1]["reasons"][0]["files"].as_array().unwrap().len(), 40);
    insta::assert_snapshot!(seen, @"
    $ tsmedia apply ci.plan
    ! out/win11-BER.iso: to rebuild as planned, but
    ! out/win11-HAM.iso: to rebuild as planned, but
    !   package `BER00021`: 40 files added; 51 B → 4.05 kB
    !     + 00.cab (100 B)
    !     + 01.cab (100 B)
    !     + 02.cab (100 B)
    !     + 03.cab (100 B)
    !     + 04.cab (100 B)
    !     + 05.cab (100 B)
    !     + 06.cab (100 B)
    !     + 07.cab (100 B)
    !     + 08.cab (100 B)
    !     + 09.cab (100 B)
    !     + 10.cab (100 B)
    !     + 11.cab (100 B)
    !     + 12.cab (100 B)
    !     + 13.cab (100 B)
    !     and 26 more
    !
    ! use `--verbose` to see everything
    !
    ! error: the saved plan `ci.plan` is out of date for 2 outputs; nothing was written
    !   help: save a new plan with `tsmedia plan --out` and review it
    = 1
    ");
}

#[test]
fn what_only_looks_moved_is_done() {
    let sandbox = planned();
    let manifest = String::from_utf8(sandbox.get("media.toml")).unwrap();
    sandbox.put("media.toml", format!("# a comment\n{manifest}"));
    sandbox.put("packages/vpn/vpn.conf", sandbox.get("packages/vpn/vpn.conf"));
    fs::copy(sandbox.path("out/win11-BER.iso"), sandbox.path("copy")).unwrap();
    fs::rename(sandbox.path("copy"), sandbox.path("out/win11-BER.iso")).unwrap();
    sandbox.done(&["apply", "ci.plan"]);
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
}

#[test]
fn a_file_in_the_way_is_replaced_by_a_saved_plan_only_when_asked_to() {
    let sandbox = Sandbox::new();
    sandbox.put("out/win11-BER.iso", "somebody's");
    let mut seen = sandbox.see("plan --site BER --out ci.plan");
    seen += &sandbox.see("apply ci.plan");
    assert_eq!(sandbox.get("out/win11-BER.iso"), b"somebody's");
    seen += &sandbox.see("apply ci.plan --force");
    insta::assert_snapshot!(seen, @"
    $ tsmedia plan --site BER --out ci.plan
    | 1 to rebuild; 84.6 kB to write
    |
    | rebuild  out/win11-BER.iso (1.13 MB, 84.6 kB to write)
    |   a file that tsmedia did not make is in the way; `--force` replaces it
    |   boots without a key prompt
    ! saved the plan; apply it with `tsmedia apply ci.plan`
    = 0

    $ tsmedia apply ci.plan
    ! error: `out/win11-BER.iso` already exists and was not made by tsmedia
    !   help: move `out/win11-BER.iso` away, choose another `path` in `[output]`, or replace it with `--force`
    = 1

    $ tsmedia apply ci.plan --force
    ! rebuilt   out/win11-BER.iso (1.13 MB)
    = 0
    ");
}

#[test]
fn what_is_no_saved_plan_or_not_alone_is_told() {
    let sandbox = planned();
    let text = String::from_utf8(sandbox.get("ci.plan")).unwrap();
    sandbox.put("cut.plan", &text[..text.len() / 2]);
    sandbox.put("newer.plan", text.replace("\"plan-version\": 2", "\"plan-version\": 7"));
    let mut seen = String::new();
    for line in [
        "apply cut.plan",
        "apply newer.plan",
        "apply media.record.json",
        "apply ci.plan ci.plan",
        "apply media.toml ci.plan",
        "apply ci.plan --site BER",
        "apply ci.plan --var language=fr-FR",
        "plan ci.plan",
        "check media.toml ci.plan",
        "plan --out media.toml",
        "plan --out media.record.json",
        "plan --out out",
    ] {
        seen += &sandbox.see(line);
    }
    // A plan that is worth nothing any more may be replaced, and so may an empty file.
    sandbox.put("empty", "");
    for path in ["cut.plan", "newer.plan", "empty"] {
        sandbox.done(&["plan", "--out", path]);
        assert!(sandbox.get(path) == text.as_bytes(), "{path}");
    }
    fs::remove_file(sandbox.path("media.toml")).unwrap();
    seen += &sandbox.see("apply ci.plan");
    insta::assert_snapshot!(seen);
}

#[test]
fn saving_a_plan_reads_every_source_once_and_applying_it_reads_none_again() {
    let sandbox = Sandbox::new();
    sandbox.put("packages/vpn/large.bin", vec![7; 3_000_000]);
    std::thread::sleep(std::time::Duration::from_millis(30));
    sandbox.done(&["plan", "--out", "ci.plan"]);
    let len = |sandbox: &Sandbox| sandbox.get(".tsmedia/digests").len();
    let known = len(&sandbox);
    // The header, and 125 bytes for each file that was read.
    assert!(known >= 48 + 9 * 125, "{known}");
    sandbox.done(&["apply", "ci.plan"]);
    // The two outputs are all that is new in the cache, and are in its log.
    assert_eq!(len(&sandbox), known);
    let log = sandbox.get(".tsmedia/.digests.tsmedia-log").len();
    assert!(log <= 4 * 126 + 100, "{log}");
}
