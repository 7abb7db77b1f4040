//! Sets of discs: how they come, change and go, and what each command says of them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::fixtures::desk::{Desk, wimlib};

/// A medium that takes three discs.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    desk.edit("[output]\n", "[output]\ncapacity = \"2 MB\"\n");
    for (id, source) in [("BER00030", "drivers"), ("BER00040", "office")] {
        desk.edit("[[file]]", &format!("[[package]]\nid = \"{id}\"\nsource = \"packages/{source}\"\n\n[[file]]"));
    }
    for n in 0..30 {
        desk.put(&format!("packages/drivers/net {}/{n}.sys", n / 10), vec![n; 45_000 + usize::from(n) * 100]);
    }
    desk.put("packages/office/office.cab", vec![7; 800_000]);
    desk.put("packages/office/setup.cmd", "rem installs it\r\n");
    desk
}

/// What `plan` and `apply` say; then there is nothing to do, and the discs are those of a clean build.
fn applied(desk: &Desk) -> String {
    let seen = desk.see("plan") + &desk.see("apply");
    assert!(desk.done(&["plan"]).starts_with("nothing to do"));
    let names = desk.list("out");
    let built: Vec<_> = names.iter().map(|name| desk.get(&format!("out/{name}"))).collect();
    let clean = desk.path("clean");
    fs::create_dir(&clean).unwrap();
    for name in ["media.toml", "packages", "boot-files", "images", "readme.txt"] {
        std::os::unix::fs::symlink(desk.path(name), clean.join(name)).unwrap();
    }
    let ran = desk.command(&["apply"]).current_dir(&clean).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(desk.list("clean/out"), names);
    for (name, bytes) in names.iter().zip(built) {
        assert!(desk.get(&format!("clean/out/{name}")) == bytes, "{seen}\n`{name}` is not what a clean build makes");
    }
    fs::remove_dir_all(&clean).unwrap();
    seen
}

/// What tells a file from any other, and any of its states from others.
fn state(desk: &Desk, name: &str) -> (u64, i64, i64) {
    let metadata = fs::metadata(desk.path(name)).unwrap();
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[test]
fn what_one_disc_does_not_hold_is_a_set_of_discs() {
    let desk = desk();
    let mut seen = desk.see("check");
    seen += &applied(&desk);
    seen += &desk.see("plan");
    assert_eq!(desk.list("out"), ["win11-BER.1.iso", "win11-BER.2.iso", "win11-BER.3.iso"]);
    for name in desk.list("out") {
        let len = fs::metadata(desk.path("out").join(name)).unwrap().len();
        assert!(len <= 2_000_000 && len.is_multiple_of(2_048), "{len}");
    }
    for number in 1..=3 {
        seen += &desk.see(&format!("inspect out/win11-BER.{number}.iso"));
    }
    let plan: serde_json::Value = serde_json::from_str(&desk.done(&["plan", "--json"])).unwrap();
    insta::assert_snapshot!(seen);
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan["outputs"][1]["disc"]).unwrap());
}

#[test]
fn a_change_on_the_last_disc_leaves_those_before_it_alone() {
    let desk = desk();
    desk.done(&["apply"]);
    let discs = ["out/win11-BER.1.iso", "out/win11-BER.2.iso"];
    let before = discs.map(|name| state(&desk, name));
    desk.put("packages/office/setup.cmd", "rem installs all of it\r\n");
    desk.put("packages/office/more/data.bin", [9; 30_000]);
    let seen = applied(&desk);
    assert_eq!(discs.map(|name| state(&desk, name)), before);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_set_grows_shrinks_and_comes_from_a_single_medium_and_goes_to_it() {
    let desk = desk();
    desk.edit("capacity = \"2 MB\"\n", "");
    desk.done(&["apply"]);
    assert_eq!(desk.list("out"), ["win11-BER.iso"]);
    let mut seen = "# a single medium becomes a set\n".to_owned();
    desk.edit("[output]\n", "[output]\ncapacity = \"2 MB\"\n");
    seen += &applied(&desk);
    seen += "# the set gains a disc\n";
    desk.put("packages/office/office.cab", vec![7; 1_000_000]);
    desk.put("packages/office/more.cab", vec![8; 1_000_000]);
    seen += &applied(&desk);
    seen += "# and loses two\n";
    fs::remove_dir_all(desk.path("packages/office")).unwrap();
    desk.put("packages/office/setup.cmd", "rem nothing to install\r\n");
    seen += &applied(&desk);
    seen += "# the set becomes a single medium\n";
    desk.edit("2 MB", "20 MB");
    seen += &applied(&desk);
    assert_eq!(desk.list("out"), ["win11-BER.iso"]);
    seen += "# a disc that is not ours is left alone\n";
    desk.edit("20 MB", "2 MB");
    desk.put("out/win11-BER.2.iso", "somebody's");
    seen += &desk.see("apply");
    assert_eq!(desk.list("out"), ["win11-BER.2.iso", "win11-BER.iso"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_disc_of_a_chosen_site_that_is_no_more_is_deleted_and_those_of_others_stay() {
    let desk = desk();
    desk.edit("code = \"BER\"\n", "code = \"BER\"\n\n[[sites]]\ncode = \"HAM\"\n");
    desk.done(&["apply"]);
    assert_eq!(desk.list("out").len(), 6);
    fs::remove_dir_all(desk.path("packages/office")).unwrap();
    desk.put("packages/office/setup.cmd", "rem nothing to install\r\n");
    let mut seen = desk.see("apply --site BER");
    assert_eq!(desk.list("out").len(), 5);
    seen += &desk.see("apply --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn discs_are_verified_each_by_itself_and_all_as_a_set() {
    let desk = desk();
    desk.done(&["apply"]);
    let all = "out/win11-BER.1.iso out/win11-BER.2.iso out/win11-BER.3.iso";
    let mut seen = desk.see("verify out/win11-BER.2.iso");
    seen += &desk.see(&format!("verify {all} --manifest media.toml"));
    seen += &desk.see("verify out/win11-BER.1.iso out/win11-BER.3.iso");
    seen += &desk.see("verify out/win11-BER.1.iso out/win11-BER.2.iso");
    let other = String::from_utf8(desk.get("media.toml")).unwrap().replace("name = \"win11\"", "name = \"win12\"");
    desk.put("other.toml", other);
    desk.done(&["apply", "other.toml"]);
    seen += &desk.see("verify out/win11-BER.1.iso out/win12-BER.2.iso out/win11-BER.3.iso");
    seen += &desk.see("verify --json out/win11-BER.1.iso out/win12-BER.2.iso out/win11-BER.3.iso");
    desk.put("packages/office/setup.cmd", "rem installs all of it\r\n");
    seen += &desk.see(&format!("verify {all} --manifest media.toml"));
    insta::assert_snapshot!(seen);
}

#[test]
fn sets_are_compared_disc_by_disc_and_as_a_whole() {
    let desk = desk();
    desk.done(&["apply"]);
    desk.put("packages/office/setup.cmd", "rem installs all of it\r\n");
    fs::remove_file(desk.path("packages/drivers/net 0/5.sys")).unwrap();
    let mut seen = desk.see("diff out/win11-BER.3.iso media.toml");
    seen += &desk.see("diff media.record.json media.toml");
    seen += &desk.see("diff out/win11-BER.1.iso out/win11-BER.2.iso");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_wim_file_that_no_disc_holds_is_split_over_discs_and_whole_again_when_joined() {
    let desk = desk();
    let tree = desk.path("tree");
    for n in 0..20u8 {
        desk.put(&format!("tree/Windows/{n}.dll"), (0..170_000).map(|at| (at % 251) as u8 ^ n).collect::<Vec<_>>());
    }
    // With an integrity table, which each part then has as well.
    wimlib(&["capture", tree.as_str(), desk.path("images/install.wim").as_str(), "System", "--check"]);
    desk.edit(
        "[[package]]\nid = \"BER00030\"",
        "[[operating-system]]\nid = \"BER00010\"\nfile = \"images/install.wim\"\n\n[[package]]\nid = \"BER00030\"",
    );
    desk.done(&["apply"]);
    assert!(desk.done(&["plan"]).starts_with("nothing to do"));
    let mut n_parts = 0;
    for name in desk.list("out") {
        let len = fs::metadata(desk.path(&format!("out/{name}"))).unwrap().len();
        assert!(len <= 2_000_000, "{name}: {len}");
        let medium = desk.path("out").join(&name);
        let mut extract = Command::new("7z");
        extract.args(["x", "-y", "-o."]).arg(medium).arg("SMS/PKG/BER00010").current_dir(&tree);
        assert!(extract.output().unwrap().status.success(), "{name}");
    }
    let folder = desk.path("tree/SMS/PKG/BER00010");
    let parts: Vec<_> = desk.list("tree/SMS/PKG/BER00010").iter().map(|name| folder.join(name).to_string()).collect();
    for (n, part) in parts.iter().enumerate() {
        assert!(part.ends_with(&format!("/install{n:03}.swm")), "{parts:?}");
        n_parts += 1;
    }
    assert!(n_parts > 2, "{parts:?}");
    let joined = desk.path("joined.wim");
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    wimlib(&[&["join", "--check", joined.as_str()][..], &parts].concat());
    wimlib(&["verify", joined.as_str()]);
    wimlib(&["apply", joined.as_str(), "1", desk.path("applied").as_str(), "--no-acls"]);
    for n in 0..20 {
        let name = format!("Windows/{n}.dll");
        assert_eq!(desk.get(&format!("applied/{name}")), desk.get(&format!("tree/{name}")), "{name}");
    }
    // The file is not needed to know that all is as it should be.
    let plan = desk.done(&["plan"]);
    assert!(plan.starts_with("nothing to do") && plan.contains("operating-system `BER00010`"), "{plan}");
}

#[test]
fn a_plan_of_a_set_is_saved_and_done() {
    let desk = desk();
    desk.done(&["plan", "--out", "set.plan"]);
    desk.done(&["apply", "set.plan"]);
    assert_eq!(desk.list("out").len(), 3);
    desk.done(&["plan", "--out", "set.plan"]);
    desk.edit("capacity = \"2 MB\"", "capacity = \"3 MB\"");
    desk.done(&["plan", "--out", "other.plan"]);
    desk.done(&["apply", "other.plan"]);
    assert_eq!(desk.list("out"), ["win11-BER.1.iso", "win11-BER.2.iso"]);
}
