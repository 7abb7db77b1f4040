//! Several manifests of one repository in one run.

use crate::fixtures::sandbox::{MANIFEST, Sandbox};

/// Three manifests that share their content. The last one has no sites.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    let shared = MANIFEST
        .replace("images/boot.wim", "../../images/boot.wim")
        .replace("\"boot-files\"", "\"../../boot-files\"")
        .replace("packages/vpn", "../../packages/vpn")
        .replace("source = \"readme.txt\"", "source = \"../../readme.txt\"");
    sandbox.put("media/laptop/media.toml", shared.replace("win11", "laptop"));
    sandbox.put("media/kiosk/media.toml", shared.replace("win11", "kiosk").replace("\"HAM\"", "\"MUC\""));
    let alone = shared.replace("[[sites]]\ncode = \"BER\"\n\n[[sites]]\ncode = \"HAM\"\n", "");
    let alone = alone.replace("{{ site.code }}", "LAB").replace("when = \"{{ site.code == 'HAM' }}\"\n", "");
    sandbox.put("media/lab/media.toml", alone.replace("win11", "lab"));
    sandbox
}

const ALL: &str = "media/laptop/media.toml media/kiosk/media.toml media/lab/media.toml";

#[test]
fn equal_notes_are_shown_once_and_the_outputs_are_counted() {
    let sandbox = repository();
    let mut seen = sandbox.see(&format!("check {ALL}"));
    // JSON lists each of them.
    let json: serde_json::Value = serde_json::from_slice(
        &sandbox.run(&[&["check", "--json"], &ALL.split(' ').collect::<Vec<_>>()[..]].concat()).stdout,
    )
    .unwrap();
    assert_eq!(json.to_string().matches("not an EFI program").count(), 3, "{json:#}");
    // More places than are listed.
    let manifest = String::from_utf8(sandbox.get("media/kiosk/media.toml")).unwrap();
    let more: Vec<_> = (1..=3).map(|n| format!("media/kiosk-{n}/media.toml")).collect();
    for (path, n) in more.iter().zip(1..) {
        sandbox.put(path, manifest.replace("\"kiosk\"", &format!("\"kiosk-{n}\"")));
    }
    seen += &sandbox.see(&format!("check {ALL} {}", more.join(" ")));
    insta::assert_snapshot!(seen);
}

#[test]
fn a_site_is_selected_in_the_manifests_that_have_it() {
    let sandbox = repository();
    let mut seen = sandbox.see(&format!("apply {ALL} --site HAM --site MUC"));
    assert_eq!(sandbox.list("media/laptop/out"), ["laptop-HAM.iso"]);
    assert_eq!(sandbox.list("media/kiosk/out"), ["kiosk-MUC.iso"]);
    assert!(!sandbox.path("media/lab/out").exists());
    seen += &sandbox.see(&format!("plan {ALL} --site BRE"));
    seen += &sandbox.see(&format!("plan {ALL} --site XYZ"));
    seen += &sandbox.see("plan media/lab/media.toml --site BER");
    // The other sites are left alone.
    sandbox.done(&["apply", "media/laptop/media.toml"]);
    seen += &sandbox.see(&format!("apply {ALL} --site HAM"));
    assert_eq!(sandbox.list("media/laptop/out"), ["laptop-BER.iso", "laptop-HAM.iso"]);
    // The sites of a manifest that can't be read are unknown.
    sandbox.put("media/lab/media.toml", "manifest-version = ");
    seen += &sandbox.see(&format!("check {ALL} --site LAB"));
    insta::assert_snapshot!(seen);
}
