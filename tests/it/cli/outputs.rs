//! Outputs that are one file however they are written, and outputs that are inputs.

use std::fs;
use std::os::unix::fs::symlink;

use crate::fixtures::desk::Desk;

/// A medium whose sites write where their `p` says.
fn sites(desk: &Desk, paths: &[&str]) {
    desk.put("media.toml", crate::fixtures::desk::MANIFEST);
    let path = desk.path("").to_string();
    let site = |(code, p): (&str, &&str)| {
        format!("[[sites]]\ncode = \"{code}\"\nvars = {{ p = \"{}\" }}\n", p.replace("ABS/", &path))
    };
    let sites: Vec<_> = ["BER", "HAM", "MUC"].into_iter().zip(paths).map(site).collect();
    desk.edit("[[sites]]\ncode = \"BER\"\n\n[[sites]]\ncode = \"HAM\"\n", &sites.concat());
    desk.edit("path = \"out/{{ media.name }}-{{ site.code }}.iso\"", "path = \"{{ vars.p }}\"");
}

#[test]
fn sites_whose_outputs_are_one_file_are_refused_however_that_is_written() {
    let desk = Desk::new();
    fs::create_dir(desk.path("out")).unwrap();
    symlink("out", desk.path("linked")).unwrap();
    symlink("out/m.iso", desk.path("m.iso")).unwrap();
    let mut seen = String::new();
    for other in ["out/../out/m.iso", "linked/m.iso", "ABS/out/m.iso", "m.iso", "new/../out/./m.iso"] {
        sites(&desk, &["out/m.iso", other]);
        seen += &desk.see("plan");
        let ran = desk.run(&["apply"]);
        assert_eq!(ran.status.code(), Some(1), "{other}");
    }
    assert!(desk.list("out").is_empty());
    // Two files that are there, and one.
    sites(&desk, &["out/a.iso", "out/b.iso"]);
    desk.done(&["apply"]);
    fs::remove_file(desk.path("out/b.iso")).unwrap();
    fs::hard_link(desk.path("out/a.iso"), desk.path("out/b.iso")).unwrap();
    seen += &desk.see("apply");
    // The same name elsewhere is another file.
    sites(&desk, &["out/c.iso", "c.iso"]);
    desk.done(&["apply"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn manifests_of_one_run_share_no_file_that_they_write() {
    let desk = Desk::new();
    desk.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    let medium = String::from_utf8(desk.get("media.toml")).unwrap();
    let capture = |path: &str| {
        desk.put("source/a.txt", "a");
        desk.put(
            "capture.toml",
            format!("manifest-version = 1\n[capture]\npath = \"{path}\"\n[[capture.source]]\npath = \"source\"\n"),
        );
    };
    fs::create_dir_all(desk.path("out")).unwrap();
    symlink("out", desk.path("linked")).unwrap();
    // The same output through a link.
    desk.put("other.toml", medium.replace("out/{{", "linked/{{"));
    let mut seen = desk.see("plan media.toml other.toml");
    // The file in which another output is built, and its record.
    symlink("out/.win11-BER.iso.tsmedia-part", desk.path("part.wim")).unwrap();
    symlink("linked/../media.record.json", desk.path("record.wim")).unwrap();
    capture("part.wim");
    seen += &desk.see("plan media.toml capture.toml");
    capture("record.wim");
    seen += &desk.see("plan media.toml capture.toml");
    // One record for two manifests.
    desk.put("media.tml", medium.replace("out/{{", "elsewhere/{{"));
    seen += &desk.see("plan media.toml media.tml");
    // One manifest twice.
    seen += &desk.see("plan media.toml ./media.toml");
    // A disc of a set.
    desk.put("packages/large/1.cab", vec![1; 900_000]);
    desk.put("packages/large/2.cab", vec![2; 900_000]);
    let set = medium.replace("[output]\n", "[output]\ncapacity = \"2 MB\"\n");
    desk.put("set.toml", set.replace("packages/vpn", "packages/large"));
    desk.put("disc.toml", medium.replace("{{ media.name }}-{{ site.code }}.iso", "../linked/win11-BER.2.iso"));
    seen += &desk.see("plan set.toml disc.toml");
    assert!(desk.list("out").is_empty());
    insta::assert_snapshot!(seen);
}

/// Every kind of input, each in the place of the output: none is ever written over.
#[test]
fn force_replaces_no_input() {
    let desk = Desk::new();
    desk.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    desk.edit(
        "prompt = false\n",
        "prompt = false\n\n[[boot.file]]\nsource = \"extra.bin\"\npath = \"Windows/extra.bin\"\n",
    );
    desk.edit("\n[[package]]", "\n[task-sequence]\nfile = \"deploy.toml\"\n\n[prestart]\ncommand = \"cmd /c go\"\nfiles = \"go.cmd\"\n\n[security]\npassword = { file = \"password.txt\" }\n\n[[package]]");
    desk.edit("name = \"win11\"", "name = \"win11\"\nprofile = \"common.toml\"");
    desk.put("common.toml", "[media]\nunattended = true\n");
    desk.put("extra.bin", "extra");
    desk.put("go.cmd", "rem\r\n");
    desk.put("password.txt", "Zq7-long-password-nobody-guesses-81x\n");
    desk.put("vars.toml", "ring = \"lab\"\n");
    desk.put(
        "deploy.toml",
        "sequence-version = 1\nname = \"D\"\n[[steps]]\ntype = \"include\"\nfile = \"shared.toml\"\n[[steps]]\n\
         type = \"upgrade-operating-system\"\nname = \"U\"\npackage = \"BER00021\"\n",
    );
    desk.put(
        "shared.toml",
        "[[steps]]\ntype = \"set-variable\"\nname = \"S\"\nvariable = \"A\"\nvalue = \"{{ vars.ring }}\"\n",
    );
    desk.edit(
        "[[file]]\nsource = \"readme.txt\"\npath = \"readme.txt\"\nwhen = \"{{ site.code == 'HAM' }}\"\n",
        "[[file]]\nsource = \"readme.txt\"\npath = \"readme.txt\"\n",
    );
    desk.done(&["plan", "--vars", "vars.toml"]);
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
    let manifest = String::from_utf8(desk.get("media.toml")).unwrap();
    let mut seen = String::new();
    for input in inputs {
        // Its name ends as that of an output has to, and leads to it.
        let _ = fs::remove_file(desk.path("link.iso"));
        fs::hard_link(desk.path(input), desk.path("link.iso")).unwrap();
        desk.put("media.toml", manifest.replace("out/{{ media.name }}-{{ site.code }}.iso", "link.iso"));
        if input == "media.toml" {
            fs::remove_file(desk.path("link.iso")).unwrap();
            fs::hard_link(desk.path(input), desk.path("link.iso")).unwrap();
        }
        let before = desk.get(input);
        let ran = desk.run(&["apply", "--force", "--vars", "vars.toml"]);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(1), "{input}: {said}");
        assert!(desk.get(input) == before, "`{input}` was written over");
        assert!(said.contains("input") || said.contains("is or contains the output"), "{input}: {said}");
        if ["images/boot.wim", "shared.toml", "boot-files/boot/boot.sdi"].contains(&input) {
            seen += &desk.see("apply --force --vars vars.toml");
        }
    }
    desk.put("media.toml", manifest);
    desk.put("empty.txt", "");
    desk.edit("source = \"readme.txt\"", "source = \"empty.txt\"");
    for line in [
        "plan --vars vars.toml --out empty.txt",
        "sequence export deploy.toml --var ring=x -o shared.toml --force",
        "sequence export deploy.toml --vars vars.toml -o ./packages/../vars.toml --force",
        "capture packages -o go.cmd --config go.cmd --force",
    ] {
        seen += &desk.see(line);
    }
    assert_eq!(desk.get("go.cmd"), b"rem\r\n");
    assert!(desk.get("empty.txt").is_empty());
    insta::assert_snapshot!(seen);
}
