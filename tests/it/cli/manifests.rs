//! `init`, `check` and `render`.

use std::process::Command;

use crate::fixtures::sandbox::Sandbox;

#[test]
fn init_writes_a_manifest_that_only_wants_its_files_and_overwrites_nothing() {
    let sandbox = Sandbox::empty();
    let mut seen = sandbox.see("init lab");
    seen += &sandbox.see("init lab");
    seen += &sandbox.see("init usb --kind bootable");
    seen += &sandbox.see("init other --kind capture");
    let files = ["install-existing-image.toml", "media.schema.json", "media.toml", "sequence.schema.json"];
    assert_eq!(sandbox.list("lab"), files);
    assert_eq!(String::from_utf8(sandbox.get("lab/media.schema.json")).unwrap(), sandbox.done(&["schema"]));
    seen += &sandbox.see("check lab/media.toml usb/media.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn what_init_writes_builds_once_its_files_are_there() {
    let sandbox = Sandbox::empty();
    for kind in ["bootable", "capture", "prestaged", "stand-alone"] {
        sandbox.done(&["init", kind, "--kind", kind]);
        sandbox.put_boot();
        for file in ["packages/client/ccmsetup.exe", "drivers/net.inf"] {
            sandbox.put(&format!("{kind}/{file}"), "");
        }
        for (from, to) in [("images/boot.wim", "images/boot.wim"), ("images/boot.wim", "images/install-en-US.wim")] {
            sandbox.put(&format!("{kind}/{to}"), sandbox.get(from));
        }
        let copied = Command::new("cp").args(["-r", "boot-files", kind]).current_dir(&sandbox.root).status().unwrap();
        assert!(copied.success());
        let manifest = String::from_utf8(sandbox.get(&format!("{kind}/media.toml"))).unwrap();
        sandbox
            .put(&format!("{kind}/media.toml"), manifest.replace("files = \"boot-image\"", "files = \"boot-files\""));
        for command in ["apply", "check"] {
            let mut command = sandbox.command(&[command, &format!("{kind}/media.toml")]);
            let ran = command.env("CAPTURE_PASSWORD", "of the share").output().unwrap();
            assert!(ran.status.success(), "{kind}: {}", String::from_utf8_lossy(&ran.stderr));
        }
    }
    let media = [
        "bootable/out/boot-ABC.iso",
        "capture/out/capture.iso",
        "prestaged/out/win11-ABC.wim",
        "stand-alone/out/win11-ABC.iso",
    ];
    assert!(media.iter().all(|medium| sandbox.path(medium).exists()), "{:?}", sandbox.list("bootable/out"));
}

#[test]
fn a_manifest_with_errors_is_rendered_as_far_as_possible() {
    let sandbox = Sandbox::in_folder("media");
    let root = sandbox.root.parent().unwrap();
    let command = |line: &str| {
        let mut command = sandbox.command(&line.split(' ').collect::<Vec<_>>());
        sandbox.see_ran(line, &command.current_dir(root).output().unwrap())
    };
    sandbox.put("../profiles/common.toml", "[[file]]\nsource = \"notes/readme.txt\"\npath = \"{{ vars.nane }}.txt\"\n");
    sandbox.put("../profiles/notes/readme.txt", "Notes\r\n");
    sandbox.edit("name = \"win11\"", "name = \"win11\"\nprofile = \"../profiles/common.toml\"");
    let mut seen =
        command("render media/media.toml --site BER") + &command("render media/media.toml --site BER --json");
    sandbox.put("../profiles/common.toml", "[[file]]\nsource = \"notes/readme.txt\"\npath = \"notes{{ '{{' }}.txt\"\n");
    seen += &command("render media/media.toml --site BER");
    let rendered =
        sandbox.command(&["render", "media/media.toml", "--site", "BER"]).current_dir(root).output().unwrap();
    sandbox.put("../elsewhere.toml", rendered.stdout);
    seen += &command("check elsewhere.toml");
    sandbox.edit("[media]", "[media");
    seen += &command("render media/media.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn files_are_left_out_of_content_by_patterns_and_by_default() {
    let sandbox = Sandbox::new();
    for file in [".git/HEAD", ".git/config", "desktop.ini", "docs/a.txt", "bin/setup.PDB", "bin/Thumbs.db"] {
        sandbox.put(&format!("packages/vpn/{file}"), file);
    }
    let mut seen = sandbox.see("check --site BER");
    let source = "source = \"packages/vpn\"";
    sandbox.edit(source, &format!("{source}\nexclude = [\"../x\", \"[a\", \"docs\\\\a.txt\"]"));
    seen += &sandbox.see("check --site BER");
    sandbox.edit("[\"../x\", \"[a\", \"docs\\\\a.txt\"]", "[\"/docs/\", \".git\", \"!desktop.ini\", \"*.tmp\"]");
    sandbox.edit("source-date", "exclude = [\"*.pdb\", \"*.log\", \"thumbs.db\"]\nsource-date");
    seen += &sandbox.see("check --site BER");
    sandbox.done(&["apply", "--site", "BER"]);
    seen += &sandbox.see("inspect out/win11-BER.iso --files");
    // What is left out does not count as a change.
    sandbox.put("packages/vpn/docs/a.txt", "another text");
    sandbox.put("packages/vpn/.git/index", "new");
    seen += &sandbox.see("plan --site BER");
    sandbox.put("packages/vpn/desktop.ini", "another text");
    seen += &sandbox.see("plan --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn drivers_patterns_and_accepted_rules_are_added_to_those_of_profiles() {
    let sandbox = Sandbox::new();
    let profile = "[media]\nexclude = [\"*.pdb\", \"!a.pdb\"]\naccept = [\"R15\"]\n\n\
                   [boot]\nfirmware = [\"uefi\"]\ndrivers = [\"drivers/net\", \"../drivers/disk\"]\n";
    sandbox.put("profiles/office.toml", profile);
    for folder in ["profiles/drivers/net", "drivers/net", "drivers/disk"] {
        sandbox.put(&format!("{folder}/x.inf"), "[Version]\n");
    }
    let own = "profile = \"profiles/office.toml\"\nexclude = [\"*.pdb\"]\naccept = [\"unstartable-boot-program\"]\n";
    sandbox.edit("source-date", &format!("{own}source-date"));
    // The same text is another folder than in the profile, and another text the same one.
    let drivers = "drivers = [\"drivers/net\", \"drivers/disk\"]";
    sandbox.edit("prompt = false", &format!("prompt = false\nfirmware = [\"bios\"]\n{drivers}"));
    let mut seen = sandbox.see("render --site BER");
    sandbox.edit("[[package]]", "[remove]\nboot.drivers = [\"drivers/nets\"]\nmedia.exclude = \"all\"\n\n[[package]]");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("drivers/nets", "profiles/drivers/net");
    seen += &sandbox.see("render --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn accepted_rules_are_hidden_and_counted_and_those_that_nothing_breaks_are_noted() {
    let sandbox = Sandbox::new();
    sandbox.edit("source-date", "accept = [\"unstartable-boot-program\", \"R15\", \"weak-pasword\"]\nsource-date");
    let mut seen = sandbox.see("check");
    sandbox.edit(", \"weak-pasword\"", "");
    seen += &sandbox.see("check");
    // Another site may break the rule.
    seen += &sandbox.see("check --site BER");
    sandbox.edit("source-date", "autorun = true\nsource-date");
    seen += &sandbox.see("check");
    insta::assert_snapshot!(seen);
}

#[test]
fn check_says_that_nothing_is_wrong_what_is_doubtful_and_what_is_wrong() {
    let sandbox = Sandbox::new();
    let mut seen = sandbox.see("check") + &sandbox.see("check --json");
    sandbox.edit("source-date", "autorun = true\nsource-date");
    std::fs::create_dir(sandbox.path("packages/empty")).unwrap();
    sandbox.edit("[[file]]", "[[package]]\nid = \"BER00022\"\nsource = \"packages/empty\"\n\n[[file]]");
    seen += &sandbox.see("check");
    // A note is for those who ask; a warning is for everyone who builds.
    seen += &sandbox.see("plan --site BER");
    sandbox.edit("packages/vpn", "packages/vpm");
    sandbox.edit("kind = ", "knid = ");
    seen += &sandbox.see("check");
    sandbox.edit("knid = ", "kind = ");
    seen += &(sandbox.see("check") + &sandbox.see("check --json") + &sandbox.see("apply"));
    insta::assert_snapshot!(seen);
}

#[test]
fn a_site_that_is_not_in_the_manifest_is_told_with_the_nearest() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.see("plan --site BRE"), @"
    $ tsmedia plan --site BRE
    !   × the manifest has no site `BRE`
    !    ╭─[command line:1:8]
    !  1 │ --site BRE
    !    ·        ───
    !    ╰────
    !   help: did you mean `BER`?
    !
    ! 1 error
    = 1
    ");
}

#[test]
fn render_shows_each_site_with_values_from_everywhere() {
    let sandbox = Sandbox::new();
    sandbox.edit("label = \"WIN11 {{ site.code }}\"", "label = \"{{ vars.prefix }} {{ vars.ring }}\"");
    sandbox.edit("[[file]]", "[vars]\nprefix = \"A\"\nring = \"B\"\n\n[[file]]");
    sandbox.put("lab.toml", "ring = \"lab\"\n");
    let mut seen = sandbox.see("render");
    seen += &sandbox.see("render --site HAM --vars lab.toml --var prefix=W11 --json");
    seen += &sandbox.see("render --vars nothing.toml");
    seen += &sandbox.see("render --var prefix");
    insta::assert_snapshot!(seen);
}
