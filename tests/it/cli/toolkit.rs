//! `sequence import` of a deployment share of the Microsoft Deployment Toolkit.

use std::fs;
use std::path::Path;

use crate::fixtures::sandbox::Sandbox;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A folder with the example's deployment share.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    let share = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/deployment-share");
    copy(&share, sandbox.path("share").as_std_path());
    sandbox
}

/// Output of the program for lines of 80 columns.
fn see_narrow(sandbox: &Sandbox, line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    sandbox.see_ran(line, &sandbox.command(&words).env("COLUMNS", "80").output().unwrap())
}

const NAMES: [&str; 4] = ["austausch", "bereitstellung-windows-11-büro", "referenz-erfassen", "upgrade-auf-windows-11"];

#[test]
fn a_deployment_share_becomes_sequences_and_entries_of_a_manifest() {
    let sandbox = sandbox();
    let seen = see_narrow(&sandbox, "sequence import share -o sequences");
    assert_eq!(sandbox.list("sequences"), NAMES.map(|name| format!("{name}.toml")));
    for name in NAMES {
        let said = sandbox.see(&format!("check sequences/{name}.toml"));
        assert!(!said.contains("! error") && said.ends_with("= 0\n\n"), "{said}");
        sandbox.done(&["sequence", "export", &format!("sequences/{name}.toml")]);
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn the_sequence_of_a_share_reads_well() {
    let sandbox = sandbox();
    sandbox.done(&["sequence", "import", "share/Control", "-o", "sequences"]);
    let text = |name: &str| String::from_utf8(sandbox.get(&format!("sequences/{name}.toml"))).unwrap();
    insta::assert_snapshot!(NAMES.map(text).join("\n# ----\n\n"));
}

#[test]
fn the_entries_of_a_share_are_those_of_a_manifest() {
    let sandbox = sandbox();
    let entries = sandbox.done(&["sequence", "import", "share", "-o", "sequences"]);
    let mut manifest =
        "manifest-version = 1\n[media]\nname = \"x\"\nkind = \"stand-alone\"\n[output]\npath = \"out/x.iso\"\n\
                        [boot]\nimage = { file = \"images/boot.wim\" }\nfiles = \"boot-files\"\n"
            .to_owned();
    manifest += &entries;
    sandbox.put("media.toml", manifest);
    // Files that are not there are problems of their own; the form is right.
    let said = sandbox.see("render media.toml");
    assert!(said.ends_with("= 0\n\n"), "{said}");
}

#[test]
fn one_sequence_is_converted_with_a_share_or_without() {
    let sandbox = sandbox();
    let mut seen = see_narrow(&sandbox, "sequence import share/Control/REPLACE/ts.xml -o replace.toml");
    seen += &see_narrow(&sandbox, "sequence import share/Control/UPGRADE/ts.xml --share share -o upgrade.toml --json");
    sandbox.put("empty/readme.txt", "x");
    seen += &sandbox.see("sequence import empty -o sequences");
    // One list and one sequence are damaged: the others are imported.
    sandbox.put("share/Control/Applications.xml", "<applications>");
    sandbox.put(
        "share/Control/W11/ts.xml",
        "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><sequence>&b;</sequence>",
    );
    let damaged = see_narrow(&sandbox, "sequence import share -o sequences");
    assert!(damaged.ends_with("= 1\n\n"), "{damaged}");
    let errors: Vec<_> =
        damaged.lines().filter(|line| line.starts_with("! error") || line.contains("because")).collect();
    seen += &errors.join("\n");
    assert_eq!(sandbox.list("sequences").len(), 3);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_converted_sequence_is_simulated() {
    let sandbox = sandbox();
    sandbox.done(&["sequence", "import", "share", "-o", "sequences"]);
    sandbox.put(
        "facts.toml",
        "facts-version = 1\nmedia = \"stand-alone\"\n[variables]\nDoCapture = \"NO\"\nBdeInstallSuppress = \"YES\"\nIsLaptop = \"False\"\nFullName = \"x\"\n\
         OrgName = \"x\"\n[computer]\nmodel = \"Tower\"\n",
    );
    let name = "sequences/bereitstellung-windows-11-büro.toml";
    insta::assert_snapshot!(see_narrow(&sandbox, &format!("simulate {name} --facts facts.toml")));
}
