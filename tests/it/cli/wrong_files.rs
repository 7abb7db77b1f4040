//! Files of the wrong kind, damaged ones, and failures as JSON.

use std::fs;

use crate::fixtures::sandbox::{MANIFEST, Sandbox};

const SEQUENCE: &str = "sequence-version = 1\nname = \"D\"\n[[steps]]\ntype = \"group\"\nname = \"G\"\n";

#[test]
fn a_file_of_the_wrong_kind_is_told_with_the_command_that_takes_it() {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.done(&["apply"]);
    sandbox.put("deploy.toml", SEQUENCE);
    sandbox.put("facts.toml", "facts-version = 1\n");
    sandbox.put("vars.toml", "language = \"de\"\n");
    sandbox.put("export.xml", "<sequence version=\"3.10\"/>");
    sandbox.put("root.cer", "-----BEGIN CERTIFICATE-----\n");
    let oid = "0".repeat(64);
    sandbox.put("image.wim", format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n"));
    sandbox.put("pc.qcow2", b"QFI\xfb");
    sandbox.done(&["plan", "--out", "kept.plan"]);
    let iso = "out/win11-BER.iso";
    let mut seen = String::new();
    for line in [
        "sequence show media.toml",
        "sequence export facts.toml",
        "sequence import deploy.toml",
        "check facts.toml",
        "check media.record.json",
        "plan images/boot.wim",
        "plan kept.plan",
        &format!("apply {iso}"),
        "apply media.record.json",
        "verify media.toml",
        "verify image.wim",
        "inspect media.toml",
        "inspect kept.plan",
        "inspect pc.qcow2",
        "inspect root.cer",
        "write media.toml /dev/null",
        "simulate export.xml --facts facts.toml",
        "simulate deploy.toml --facts media.toml",
        "diff media.toml facts.toml",
        "diff deploy.toml media.toml",
        &format!("diff {iso} kept.plan"),
        "capture media.toml -o x.wim",
        "check packages/vpn/setup.cmd",
        "check Media.toml",
        "chek",
        "frobnicate",
        "sequence draw",
    ] {
        seen += &sandbox.see(line);
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn a_record_that_is_damaged_stops_no_command_and_counts_as_absent() {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.done(&["apply"]);
    let record = String::from_utf8(sandbox.get("media.record.json")).unwrap();
    let conflict =
        record.replacen("\"summary\":", "<<<<<<< HEAD\n\"summary\":\n=======\n\"summary\":\n>>>>>>> other\n", 1);
    sandbox.put("media.record.json", &conflict);
    let mut seen = sandbox.see("check") + &sandbox.see("plan");
    sandbox.put("media.record.json", "{");
    seen += &sandbox.see("check");
    sandbox.put("media.record.json", "{\n\"record-version\": 99,\n\"outputs\": []\n}\n");
    seen += &(sandbox.see("check") + &sandbox.see("plan"));
    sandbox.put("media.record.json", &conflict);
    seen += &(sandbox.see("apply") + &sandbox.see("plan"));
    assert!(String::from_utf8(sandbox.get("media.record.json")).unwrap() == record);
    insta::assert_snapshot!(seen);
}

#[test]
fn what_is_misspelt_in_case_is_found() {
    let sandbox = Sandbox::new();
    sandbox.edit("packages/vpn", "Packages/VPN");
    sandbox.edit("images/boot.wim", "images/Boot.WIM");
    insta::assert_snapshot!(sandbox.see("check"));
}

/// Whatever fails, who reads the JSON of a command that failed finds an error in it.
#[test]
fn a_failure_is_among_the_problems_of_the_json() {
    let sandbox = Sandbox::new();
    sandbox.put("deploy.toml", SEQUENCE);
    let errors = |line: &str| {
        let ran = sandbox.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.status.code(), Some(1), "{line}");
        let document: serde_json::Value =
            serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{line}: {error}"));
        let problems = document["problems"].as_array().cloned().unwrap_or_else(|| panic!("{line}: {document}"));
        let errors: Vec<_> = problems.into_iter().filter(|problem| problem["severity"] == "error").collect();
        assert!(!errors.is_empty(), "{line}: no error");
        errors
    };
    // The world's failures have no line.
    for line in [
        "check nothing.toml --json",
        "plan nothing.toml --json",
        "apply nothing.toml --json",
        "check deploy.toml media.toml --media-kind capture --json",
        "plan deploy.toml --json",
        "render images/boot.wim --json",
        "verify nothing.iso --json",
        "inspect media.toml --json",
        "diff nothing.iso media.toml --json",
        "simulate deploy.toml --facts nothing.toml --json",
        "sequence import nothing.zip --json",
        "sequence show media.toml --json",
        "check --explain R999 --json",
    ] {
        assert_eq!(errors(line)[0]["labels"], serde_json::json!([]), "{line}");
    }
    sandbox.put("out/win11-BER.iso", "not ours");
    errors("apply --json");
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    // What no medium holds is told at the line of the entry that it comes from.
    let deep: Vec<_> = (0..60).map(|n| format!("node_modules_{n:02}_abcdefgh")).collect();
    sandbox.put(&format!("packages/vpn/{}/leaf.js", deep.join("/")), "x");
    let line = MANIFEST.lines().position(|line| line == "source = \"packages/vpn\"").unwrap() + 1;
    for command in ["check --json", "plan --json", "apply --json"] {
        let errors = errors(command);
        let message = errors[0]["message"].as_str().unwrap();
        assert!(message.contains("UDF allows 1023") && message.len() < 250, "{message}");
        assert_eq!(errors[0]["labels"][0]["line"], line, "{command}");
    }
    insta::assert_snapshot!(sandbox.see("check"));
}
