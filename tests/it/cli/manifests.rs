//! `init`, `check` and `render`.

use std::process::Command;

use crate::fixtures::desk::Desk;

#[test]
fn init_writes_a_manifest_that_only_wants_its_files_and_overwrites_nothing() {
    let desk = Desk::empty();
    let mut seen = desk.see("init lab");
    seen += &desk.see("init lab");
    seen += &desk.see("init usb --kind bootable");
    seen += &desk.see("init other --kind capture");
    let files = ["install-existing-image.toml", "media.schema.json", "media.toml", "sequence.schema.json"];
    assert_eq!(desk.list("lab"), files);
    assert_eq!(String::from_utf8(desk.get("lab/media.schema.json")).unwrap(), desk.done(&["schema"]));
    seen += &desk.see("check lab/media.toml usb/media.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn what_init_writes_builds_once_its_files_are_there() {
    let desk = Desk::empty();
    for kind in ["bootable", "capture", "prestaged", "stand-alone"] {
        desk.done(&["init", kind, "--kind", kind]);
        desk.put_boot();
        for file in ["packages/client/ccmsetup.exe", "drivers/net.inf"] {
            desk.put(&format!("{kind}/{file}"), "");
        }
        for (from, to) in [("images/boot.wim", "images/boot.wim"), ("images/boot.wim", "images/install-en-US.wim")] {
            desk.put(&format!("{kind}/{to}"), desk.get(from));
        }
        let copied = Command::new("cp").args(["-r", "boot-files", kind]).current_dir(&desk.root).status().unwrap();
        assert!(copied.success());
        let manifest = String::from_utf8(desk.get(&format!("{kind}/media.toml"))).unwrap();
        desk.put(&format!("{kind}/media.toml"), manifest.replace("files = \"boot-image\"", "files = \"boot-files\""));
        for command in ["apply", "check"] {
            let mut command = desk.command(&[command, &format!("{kind}/media.toml")]);
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
    assert!(media.iter().all(|medium| desk.path(medium).exists()), "{:?}", desk.list("bootable/out"));
}

#[test]
fn check_says_that_nothing_is_wrong_what_is_doubtful_and_what_is_wrong() {
    let desk = Desk::new();
    let mut seen = desk.see("check") + &desk.see("check --json");
    desk.edit("source-date", "autorun = true\nsource-date");
    std::fs::create_dir(desk.path("packages/empty")).unwrap();
    desk.edit("[[file]]", "[[package]]\nid = \"BER00022\"\nsource = \"packages/empty\"\n\n[[file]]");
    seen += &desk.see("check");
    // A note is for those who ask; a warning is for everyone who builds.
    seen += &desk.see("plan --site BER");
    desk.edit("packages/vpn", "packages/vpm");
    desk.edit("kind = ", "knid = ");
    seen += &desk.see("check");
    desk.edit("knid = ", "kind = ");
    seen += &(desk.see("check") + &desk.see("check --json") + &desk.see("apply"));
    insta::assert_snapshot!(seen);
}

#[test]
fn a_site_that_is_not_in_the_manifest_is_told_with_the_nearest() {
    let desk = Desk::new();
    insta::assert_snapshot!(desk.see("plan --site BRE"));
}

#[test]
fn render_shows_each_site_with_values_from_everywhere() {
    let desk = Desk::new();
    desk.edit("label = \"WIN11 {{ site.code }}\"", "label = \"{{ vars.prefix }} {{ vars.ring }}\"");
    desk.edit("[[file]]", "[vars]\nprefix = \"A\"\nring = \"B\"\n\n[[file]]");
    desk.put("lab.toml", "ring = \"lab\"\n");
    let mut seen = desk.see("render");
    seen += &desk.see("render --site HAM --vars lab.toml --var prefix=W11 --json");
    seen += &desk.see("render --vars nothing.toml");
    seen += &desk.see("render --var prefix");
    insta::assert_snapshot!(seen);
}
