//! A medium whose path changed is renamed and not built again.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::fixtures::sandbox::Sandbox;

/// Two built media whose manifest then gets another path.
fn moved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    sandbox.edit("path = \"out/{{ media.name }}-{{ site.code }}.iso\"", "path = \"new/{{ site.code }}/win11.iso\"");
    sandbox
}

fn inode(sandbox: &Sandbox, path: &str) -> u64 {
    fs::metadata(sandbox.path(path)).unwrap().ino()
}

#[test]
fn a_medium_at_a_new_path_is_renamed() {
    let sandbox = moved();
    let (ber, bytes) = (inode(&sandbox, "out/win11-BER.iso"), sandbox.get("out/win11-HAM.iso"));
    let mut seen = sandbox.see("plan");
    let plan: serde_json::Value = serde_json::from_str(&sandbox.done(&["plan", "--json"])).unwrap();
    assert_eq!(
        (&plan["outputs"][0]["action"], &plan["outputs"][0]["renamed-from"]),
        (&"rename".into(), &"out/win11-BER.iso".into())
    );
    assert_eq!((&plan["summary"]["rename"], &plan["summary"]["to-write"]), (&2.into(), &0.into()));
    seen += &sandbox.see("plan --detailed-exitcode --site HAM");
    // Nothing is deleted, so there is no question.
    seen += &sandbox.see("apply");
    assert!(inode(&sandbox, "new/BER/win11.iso") == ber && sandbox.get("new/HAM/win11.iso") == bytes);
    assert!(sandbox.list("out").is_empty());
    seen += &sandbox.see("plan");
    seen += &sandbox.see("verify new/BER/win11.iso --manifest media.toml --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn what_else_changed_is_patched_or_rebuilt() {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.put("packages/vpn/large.cab", vec![7; 4 << 20]);
    sandbox.done(&["apply"]);
    sandbox.edit("path = \"out/{{ media.name }}-{{ site.code }}.iso\"", "path = \"new.iso\"");
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    let mut seen = sandbox.see("plan") + &sandbox.see("apply");
    let patched = sandbox.get("new.iso");
    fs::remove_file(sandbox.path("new.iso")).unwrap();
    sandbox.done(&["apply"]);
    assert!(patched == sandbox.get("new.iso"), "a patched medium differs from a new one");
    // As large as a new one: renamed all the same, and then replaced.
    sandbox.edit("path = \"new.iso\"", "path = \"newer.iso\"");
    sandbox.put("packages/vpn/large.cab", vec![8; 5 << 20]);
    seen += &(sandbox.see("plan") + &sandbox.see("apply") + &sandbox.see("plan"));
    assert!(!sandbox.path("new.iso").exists());
    insta::assert_snapshot!(seen);
}

#[test]
fn only_a_certain_and_free_path_is_a_new_name() {
    // A file is there.
    let sandbox = moved();
    sandbox.put("new/BER/win11.iso", "mine");
    let mut seen = sandbox.see("plan --site BER");
    // The cache does not confirm that the media were built here.
    let sandbox = moved();
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    seen += &sandbox.see("plan");
    // The site is another one.
    let sandbox = moved();
    sandbox.edit("code = \"HAM\"", "code = \"MUC\"");
    seen += &sandbox.see("plan");
    // The file was replaced.
    let sandbox = moved();
    sandbox.put("out/win11-HAM.iso", "mine");
    seen += &sandbox.see("plan --site HAM");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_run_that_ends_after_a_rename_is_continued() {
    for lost in [&["media.record.json", ".tsmedia/digests"][..], &[".tsmedia/digests"]] {
        let sandbox = moved();
        let before: Vec<_> = lost.iter().map(|file| (*file, sandbox.get(file))).collect();
        sandbox.done(&["apply"]);
        let (ber, record) = (inode(&sandbox, "new/BER/win11.iso"), sandbox.get("media.record.json"));
        // As if it had ended before these files were written.
        before.iter().for_each(|(file, bytes)| sandbox.put(file, bytes));
        let plan = sandbox.done(&["plan"]);
        assert!(
            plan.contains("keep     new/BER/win11.iso") && plan.contains("0 B to write") != plan.starts_with("nothing"),
            "{plan}"
        );
        sandbox.done(&["apply"]);
        assert!(inode(&sandbox, "new/BER/win11.iso") == ber && sandbox.get("media.record.json") == record);
        assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
    }
}

#[test]
fn a_saved_plan_renames_once() {
    let sandbox = moved();
    sandbox.done(&["plan", "--out", "ci.plan"]);
    let mut seen = sandbox.see("apply ci.plan") + &sandbox.see("apply ci.plan");
    // Another change in between makes it stale.
    let sandbox = moved();
    sandbox.done(&["plan", "--out", "ci.plan"]);
    fs::remove_file(sandbox.path("out/win11-HAM.iso")).unwrap();
    seen += &sandbox.see("apply ci.plan");
    insta::assert_snapshot!(seen, @"
    $ tsmedia apply ci.plan
    ! renamed   out/win11-BER.iso → new/BER/win11.iso (1.13 MB)
    ! renamed   out/win11-HAM.iso → new/HAM/win11.iso (1.13 MB)
    ! 2 renamed; 0 B written
    = 0

    $ tsmedia apply ci.plan
    ! kept      new/BER/win11.iso (1.13 MB)
    ! kept      new/HAM/win11.iso (1.13 MB)
    ! nothing to do: the saved plan `ci.plan` was applied already
    = 0

    $ tsmedia apply ci.plan
    ! out/win11-HAM.iso: not planned, now to delete
    !
    ! error: the saved plan `ci.plan` is out of date for 1 output; nothing was written
    !   help: save a new plan with `tsmedia plan --out` and review it
    = 1
    ");
}

#[test]
fn the_discs_of_a_set_are_renamed() {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.edit("[output]\n", "[output]\ncapacity = \"2 MB\"\n");
    sandbox.put("packages/vpn/1.cab", vec![1; 900_000]);
    sandbox.put("packages/vpn/2.cab", vec![2; 900_000]);
    sandbox.done(&["apply"]);
    sandbox.edit("path = \"out/{{ media.name }}-{{ site.code }}.iso\"", "path = \"win11.iso\"");
    let seen = sandbox.see("apply");
    assert!(sandbox.list("out").is_empty() && sandbox.path("win11.2.iso").exists());
    insta::assert_snapshot!(seen, @"
    $ tsmedia apply
    ! renamed   out/win11-BER.1.iso → win11.1.iso (1.13 MB)
    ! renamed   out/win11-BER.2.iso → win11.2.iso (1.89 MB)
    ! renamed   out/win11-BER.3.iso → win11.3.iso (1.89 MB)
    ! 3 renamed; 0 B written
    = 0
    ");
}
