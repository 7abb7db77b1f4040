//! Sets of discs: how they come, change and go, and what each command says of them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::fixtures::sandbox::{Sandbox, wimlib};

/// A medium that takes three discs.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.edit("[output]\n", "[output]\ncapacity = \"2 MB\"\n");
    for (id, source) in [("BER00030", "drivers"), ("BER00040", "office")] {
        sandbox.edit("[[file]]", &format!("[[package]]\nid = \"{id}\"\nsource = \"packages/{source}\"\n\n[[file]]"));
    }
    for n in 0..30 {
        sandbox.put(&format!("packages/drivers/net {}/{n}.sys", n / 10), vec![n; 45_000 + usize::from(n) * 100]);
    }
    sandbox.put("packages/office/office.cab", vec![7; 800_000]);
    sandbox.put("packages/office/setup.cmd", "rem installs it\r\n");
    sandbox
}

/// Output of `plan` and `apply`. Then nothing is left to do, and the discs equal those of a clean build.
fn applied(sandbox: &Sandbox) -> String {
    let seen = sandbox.see("plan") + &sandbox.see("apply");
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
    let names = sandbox.list("out");
    let built: Vec<_> = names.iter().map(|name| sandbox.get(&format!("out/{name}"))).collect();
    let clean = sandbox.path("clean");
    fs::create_dir(&clean).unwrap();
    for name in ["media.toml", "packages", "boot-files", "images", "readme.txt"] {
        std::os::unix::fs::symlink(sandbox.path(name), clean.join(name)).unwrap();
    }
    let ran = sandbox.command(&["apply"]).current_dir(&clean).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(sandbox.list("clean/out"), names);
    for (name, bytes) in names.iter().zip(built) {
        assert!(sandbox.get(&format!("clean/out/{name}")) == bytes, "{seen}\n`{name}` is not what a clean build makes");
    }
    fs::remove_dir_all(&clean).unwrap();
    seen
}

/// Identity of a file and of its state.
fn state(sandbox: &Sandbox, name: &str) -> (u64, i64, i64) {
    let metadata = fs::metadata(sandbox.path(name)).unwrap();
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[test]
fn what_one_disc_does_not_hold_is_a_set_of_discs() {
    let sandbox = sandbox();
    let mut seen = sandbox.see("check");
    seen += &applied(&sandbox);
    seen += &sandbox.see("plan");
    assert_eq!(sandbox.list("out"), ["win11-BER.1.iso", "win11-BER.2.iso", "win11-BER.3.iso"]);
    for name in sandbox.list("out") {
        let len = fs::metadata(sandbox.path("out").join(name)).unwrap().len();
        assert!(len <= 2_000_000 && len.is_multiple_of(2_048), "{len}");
    }
    for number in 1..=3 {
        seen += &sandbox.see(&format!("inspect out/win11-BER.{number}.iso"));
    }
    let plan: serde_json::Value = serde_json::from_str(&sandbox.done(&["plan", "--json"])).unwrap();
    insta::assert_snapshot!(seen);
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan["outputs"][1]["disc"]).unwrap(), @r#"
    {
      "set": "75a76682d7bf1cb1",
      "number": 2,
      "discs": 3,
      "capacity": 2000000,
      "free": 257152,
      "files": 16,
      "content": 708019,
      "entries": [
        {
          "entry": "package `BER00030`",
          "files": 15,
          "len": 708000,
          "whole": false
        }
      ]
    }
    "#);
}

#[test]
fn a_change_on_the_last_disc_leaves_those_before_it_alone() {
    let sandbox = sandbox();
    sandbox.done(&["apply"]);
    let discs = ["out/win11-BER.1.iso", "out/win11-BER.2.iso"];
    let before = discs.map(|name| state(&sandbox, name));
    sandbox.put("packages/office/setup.cmd", "rem installs all of it\r\n");
    sandbox.put("packages/office/more/data.bin", [9; 30_000]);
    let seen = applied(&sandbox);
    assert_eq!(discs.map(|name| state(&sandbox, name)), before);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_set_grows_shrinks_and_comes_from_a_single_medium_and_goes_to_it() {
    let sandbox = sandbox();
    sandbox.edit("capacity = \"2 MB\"\n", "");
    sandbox.done(&["apply"]);
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
    let mut seen = "# a single medium becomes a set\n".to_owned();
    sandbox.edit("[output]\n", "[output]\ncapacity = \"2 MB\"\n");
    seen += &applied(&sandbox);
    seen += "# the set gains a disc\n";
    sandbox.put("packages/office/office.cab", vec![7; 1_000_000]);
    sandbox.put("packages/office/more.cab", vec![8; 1_000_000]);
    seen += &applied(&sandbox);
    seen += "# and loses two\n";
    fs::remove_dir_all(sandbox.path("packages/office")).unwrap();
    sandbox.put("packages/office/setup.cmd", "rem nothing to install\r\n");
    seen += &applied(&sandbox);
    seen += "# the set becomes a single medium\n";
    sandbox.edit("2 MB", "20 MB");
    seen += &applied(&sandbox);
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
    seen += "# a disc that is not ours is left alone\n";
    sandbox.edit("20 MB", "2 MB");
    sandbox.put("out/win11-BER.2.iso", "somebody's");
    seen += &sandbox.see("apply");
    assert_eq!(sandbox.list("out"), ["win11-BER.2.iso", "win11-BER.iso"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_disc_of_a_chosen_site_that_is_no_more_is_deleted_and_those_of_others_stay() {
    let sandbox = sandbox();
    sandbox.edit("code = \"BER\"\n", "code = \"BER\"\n\n[[sites]]\ncode = \"HAM\"\n");
    sandbox.done(&["apply"]);
    assert_eq!(sandbox.list("out").len(), 6);
    fs::remove_dir_all(sandbox.path("packages/office")).unwrap();
    sandbox.put("packages/office/setup.cmd", "rem nothing to install\r\n");
    let mut seen = sandbox.see("apply --site BER");
    assert_eq!(sandbox.list("out").len(), 5);
    seen += &sandbox.see("apply --site BER");
    insta::assert_snapshot!(seen, @"
    $ tsmedia apply --site BER
    ! kept      out/win11-BER.1.iso (1.91 MB)
    ! patched   out/win11-BER.2.iso (1.76 MB)
    ! deleted   out/win11-BER.3.iso (1.83 MB)
    ! 1 patched, 1 deleted, 1 kept; 328 kB written
    = 0

    $ tsmedia apply --site BER
    ! kept      out/win11-BER.1.iso (1.91 MB)
    ! kept      out/win11-BER.2.iso (1.76 MB)
    ! nothing to do: all 2 outputs are up to date
    = 0
    ");
}

#[test]
fn discs_are_verified_each_by_itself_and_all_as_a_set() {
    let sandbox = sandbox();
    sandbox.done(&["apply"]);
    let all = "out/win11-BER.1.iso out/win11-BER.2.iso out/win11-BER.3.iso";
    let mut seen = sandbox.see("verify out/win11-BER.2.iso");
    seen += &sandbox.see(&format!("verify {all} --manifest media.toml"));
    seen += &sandbox.see("verify out/win11-BER.1.iso out/win11-BER.3.iso");
    seen += &sandbox.see("verify out/win11-BER.1.iso out/win11-BER.2.iso");
    let other = String::from_utf8(sandbox.get("media.toml")).unwrap().replace("name = \"win11\"", "name = \"win12\"");
    sandbox.put("other.toml", other);
    sandbox.done(&["apply", "other.toml"]);
    seen += &sandbox.see("verify out/win11-BER.1.iso out/win12-BER.2.iso out/win11-BER.3.iso");
    seen += &sandbox.see("verify --json out/win11-BER.1.iso out/win12-BER.2.iso out/win11-BER.3.iso");
    sandbox.put("packages/office/setup.cmd", "rem installs all of it\r\n");
    seen += &sandbox.see(&format!("verify {all} --manifest media.toml"));
    insta::assert_snapshot!(seen);
}

#[test]
fn sets_are_compared_disc_by_disc_and_as_a_whole() {
    let sandbox = sandbox();
    sandbox.done(&["apply"]);
    sandbox.put("packages/office/setup.cmd", "rem installs all of it\r\n");
    fs::remove_file(sandbox.path("packages/drivers/net 0/5.sys")).unwrap();
    let mut seen = sandbox.see("diff out/win11-BER.3.iso media.toml");
    seen += &sandbox.see("diff media.record.json media.toml");
    seen += &sandbox.see("diff out/win11-BER.1.iso out/win11-BER.2.iso");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_wim_file_that_no_disc_holds_is_split_over_discs_and_whole_again_when_joined() {
    let sandbox = sandbox();
    let tree = sandbox.path("tree");
    for n in 0..20u8 {
        sandbox.put(&format!("tree/Windows/{n}.dll"), (0..170_000).map(|at| (at % 251) as u8 ^ n).collect::<Vec<_>>());
    }
    // With an integrity table, which each part then has as well.
    wimlib(&["capture", tree.as_str(), sandbox.path("images/install.wim").as_str(), "System", "--check"]);
    sandbox.edit(
        "[[package]]\nid = \"BER00030\"",
        "[[operating-system]]\nid = \"BER00010\"\nfile = \"images/install.wim\"\n\n[[package]]\nid = \"BER00030\"",
    );
    sandbox.done(&["apply"]);
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
    let mut n_parts = 0;
    for name in sandbox.list("out") {
        let len = fs::metadata(sandbox.path(&format!("out/{name}"))).unwrap().len();
        assert!(len <= 2_000_000, "{name}: {len}");
        let medium = sandbox.path("out").join(&name);
        let mut extract = Command::new("7z");
        extract.args(["x", "-y", "-o."]).arg(medium).arg("SMS/PKG/BER00010").current_dir(&tree);
        assert!(extract.output().unwrap().status.success(), "{name}");
    }
    let folder = sandbox.path("tree/SMS/PKG/BER00010");
    let parts: Vec<_> =
        sandbox.list("tree/SMS/PKG/BER00010").iter().map(|name| folder.join(name).to_string()).collect();
    for (n, part) in parts.iter().enumerate() {
        assert!(part.ends_with(&format!("/install{n:03}.swm")), "{parts:?}");
        n_parts += 1;
    }
    assert!(n_parts > 2, "{parts:?}");
    let joined = sandbox.path("joined.wim");
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    wimlib(&[&["join", "--check", joined.as_str()][..], &parts].concat());
    wimlib(&["verify", joined.as_str()]);
    wimlib(&["apply", joined.as_str(), "1", sandbox.path("applied").as_str(), "--no-acls"]);
    for n in 0..20 {
        let name = format!("Windows/{n}.dll");
        assert_eq!(sandbox.get(&format!("applied/{name}")), sandbox.get(&format!("tree/{name}")), "{name}");
    }
    // The file is not needed to know that all is as it should be.
    let plan = sandbox.done(&["plan"]);
    assert!(plan.starts_with("nothing to do") && plan.contains("operating-system `BER00010`"), "{plan}");
}

#[test]
fn a_plan_of_a_set_is_saved_and_done() {
    let sandbox = sandbox();
    sandbox.done(&["plan", "--out", "set.plan"]);
    sandbox.done(&["apply", "set.plan"]);
    assert_eq!(sandbox.list("out").len(), 3);
    sandbox.done(&["plan", "--out", "set.plan"]);
    sandbox.edit("capacity = \"2 MB\"", "capacity = \"3 MB\"");
    sandbox.done(&["plan", "--out", "other.plan"]);
    sandbox.done(&["apply", "other.plan"]);
    assert_eq!(sandbox.list("out"), ["win11-BER.1.iso", "win11-BER.2.iso"]);
}
