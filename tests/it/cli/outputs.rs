//! Outputs that are one file however they are written, and outputs that are inputs.

use std::fs;
use std::os::unix::fs::symlink;

use crate::fixtures::sandbox::Sandbox;

/// A medium whose sites write where their `p` says.
fn sites(sandbox: &Sandbox, paths: &[&str]) {
    sandbox.put("media.toml", crate::fixtures::sandbox::MANIFEST);
    let path = sandbox.path("").to_string();
    let site = |(code, p): (&str, &&str)| {
        format!("[[sites]]\ncode = \"{code}\"\nvars = {{ p = \"{}\" }}\n", p.replace("ABS/", &path))
    };
    let sites: Vec<_> = ["BER", "HAM", "MUC"].into_iter().zip(paths).map(site).collect();
    sandbox.edit("[[sites]]\ncode = \"BER\"\n\n[[sites]]\ncode = \"HAM\"\n", &sites.concat());
    sandbox.edit("path = \"out/{{ media.name }}-{{ site.code }}.iso\"", "path = \"{{ vars.p }}\"");
}

#[test]
fn sites_whose_outputs_are_one_file_are_refused_however_that_is_written() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("out")).unwrap();
    symlink("out", sandbox.path("linked")).unwrap();
    symlink("out/m.iso", sandbox.path("m.iso")).unwrap();
    let mut seen = String::new();
    for other in ["out/../out/m.iso", "linked/m.iso", "ABS/out/m.iso", "m.iso", "new/../out/./m.iso"] {
        sites(&sandbox, &["out/m.iso", other]);
        seen += &sandbox.see("plan");
        let ran = sandbox.run(&["apply"]);
        assert_eq!(ran.status.code(), Some(1), "{other}");
    }
    assert!(sandbox.list("out").is_empty());
    // Two files that are there, and one.
    sites(&sandbox, &["out/a.iso", "out/b.iso"]);
    sandbox.done(&["apply"]);
    fs::remove_file(sandbox.path("out/b.iso")).unwrap();
    fs::hard_link(sandbox.path("out/a.iso"), sandbox.path("out/b.iso")).unwrap();
    seen += &sandbox.see("apply");
    // The same name elsewhere is another file.
    sites(&sandbox, &["out/c.iso", "c.iso"]);
    sandbox.done(&["apply"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn manifests_of_one_run_share_no_file_that_they_write() {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    let medium = String::from_utf8(sandbox.get("media.toml")).unwrap();
    let capture = |path: &str| {
        sandbox.put("source/a.txt", "a");
        sandbox.put(
            "capture.toml",
            format!("manifest-version = 1\n[capture]\npath = \"{path}\"\n[[capture.source]]\npath = \"source\"\n"),
        );
    };
    fs::create_dir_all(sandbox.path("out")).unwrap();
    symlink("out", sandbox.path("linked")).unwrap();
    // The same output through a link.
    sandbox.put("other.toml", medium.replace("out/{{", "linked/{{"));
    let mut seen = sandbox.see("plan media.toml other.toml");
    // The file in which another output is built, and its record.
    symlink("out/.win11-BER.iso.tsmedia-part", sandbox.path("part.wim")).unwrap();
    symlink("linked/../media.record.json", sandbox.path("record.wim")).unwrap();
    capture("part.wim");
    seen += &sandbox.see("plan media.toml capture.toml");
    capture("record.wim");
    seen += &sandbox.see("plan media.toml capture.toml");
    // One record for two manifests.
    sandbox.put("media.tml", medium.replace("out/{{", "elsewhere/{{"));
    seen += &sandbox.see("plan media.toml media.tml");
    // One manifest twice.
    seen += &sandbox.see("plan media.toml ./media.toml");
    // A disc of a set.
    sandbox.put("packages/large/1.cab", vec![1; 900_000]);
    sandbox.put("packages/large/2.cab", vec![2; 900_000]);
    let set = medium.replace("[output]\n", "[output]\ncapacity = \"2 MB\"\n");
    sandbox.put("set.toml", set.replace("packages/vpn", "packages/large"));
    sandbox.put("disc.toml", medium.replace("{{ media.name }}-{{ site.code }}.iso", "../linked/win11-BER.2.iso"));
    seen += &sandbox.see("plan set.toml disc.toml");
    assert!(sandbox.list("out").is_empty());
    insta::assert_snapshot!(seen);
}

/// Every kind of input, each in the place of the output: none is ever written over.
#[test]
fn force_replaces_no_input() {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.edit(
        "prompt = false\n",
        "prompt = false\n\n[[boot.file]]\nsource = \"extra.bin\"\npath = \"Windows/extra.bin\"\n",
    );
    sandbox.edit("\n[[package]]", "\n[task-sequence]\nfile = \"deploy.toml\"\n\n[prestart]\ncommand = \"cmd /c go\"\nfiles = \"go.cmd\"\n\n[security]\npassword = { file = \"password.txt\" }\n\n[[package]]");
    sandbox.edit("name = \"win11\"", "name = \"win11\"\nprofile = \"common.toml\"");
    sandbox.put("common.toml", "[media]\nunattended = true\n");
    sandbox.put("extra.bin", "extra");
    sandbox.put("go.cmd", "rem\r\n");
    sandbox.put("password.txt", "Zq7-long-password-hard-to-guess-81x\n");
    sandbox.put("vars.toml", "ring = \"lab\"\n");
    sandbox.put(
        "deploy.toml",
        "sequence-version = 1\nname = \"D\"\n[[steps]]\ntype = \"include\"\nfile = \"shared.toml\"\n[[steps]]\n\
         type = \"upgrade-operating-system\"\nname = \"U\"\npackage = \"BER00021\"\n",
    );
    sandbox.put(
        "shared.toml",
        "[[steps]]\ntype = \"set-variable\"\nname = \"S\"\nvariable = \"A\"\nvalue = \"{{ vars.ring }}\"\n",
    );
    sandbox.edit(
        "[[file]]\nsource = \"readme.txt\"\npath = \"readme.txt\"\nwhen = \"{{ site.code == 'HAM' }}\"\n",
        "[[file]]\nsource = \"readme.txt\"\npath = \"readme.txt\"\n",
    );
    sandbox.done(&["plan", "--vars", "vars.toml"]);
    let inputs = [
        "media.toml",
        "common.toml",
        "vars.toml",
        "deploy.toml",
        "shared.toml",
        "images/boot.wim",
        "extra.bin",
        "go.cmd",
        "password.txt",
        "packages/vpn/vpn.conf",
        "readme.txt",
        "boot-files/boot/boot.sdi",
    ];
    let manifest = String::from_utf8(sandbox.get("media.toml")).unwrap();
    let mut seen = String::new();
    for input in inputs {
        // Its name ends as that of an output has to, and leads to it.
        let _ = fs::remove_file(sandbox.path("link.iso"));
        fs::hard_link(sandbox.path(input), sandbox.path("link.iso")).unwrap();
        sandbox.put("media.toml", manifest.replace("out/{{ media.name }}-{{ site.code }}.iso", "link.iso"));
        if input == "media.toml" {
            fs::remove_file(sandbox.path("link.iso")).unwrap();
            fs::hard_link(sandbox.path(input), sandbox.path("link.iso")).unwrap();
        }
        let before = sandbox.get(input);
        let ran = sandbox.run(&["apply", "--force", "--vars", "vars.toml"]);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(1), "{input}: {said}");
        assert!(sandbox.get(input) == before, "`{input}` was written over");
        assert!(said.contains("input") || said.contains("is or contains the output"), "{input}: {said}");
        if ["images/boot.wim", "shared.toml", "boot-files/boot/boot.sdi"].contains(&input) {
            seen += &sandbox.see("apply --force --vars vars.toml");
        }
    }
    sandbox.put("media.toml", manifest);
    sandbox.put("empty.txt", "");
    sandbox.edit("source = \"readme.txt\"", "source = \"empty.txt\"");
    for line in [
        "plan --vars vars.toml --out empty.txt",
        "sequence export deploy.toml --var ring=x -o shared.toml --force",
        "sequence export deploy.toml --vars vars.toml -o ./packages/../vars.toml --force",
        "capture packages -o go.cmd --config go.cmd --force",
    ] {
        seen += &sandbox.see(line);
    }
    assert_eq!(sandbox.get("go.cmd"), b"rem\r\n");
    assert!(sandbox.get("empty.txt").is_empty());
    insta::assert_snapshot!(seen);
}
