//! `plan` and `apply`: before, after, and after each sort of change.

use std::fs;

use crate::fixtures::desk::Desk;

#[test]
fn a_first_plan_creates_apply_does_it_and_then_nothing_is_left() {
    let desk = Desk::new();
    let mut seen = desk.see("plan");
    assert!(!desk.path("out").exists(), "plan wrote something");
    seen += &desk.see("plan --detailed-exitcode");
    seen += &desk.see("apply");
    seen += &desk.see("plan");
    seen += &desk.see("plan --detailed-exitcode");
    seen += &desk.see("apply");
    insta::assert_snapshot!(seen);
    assert_eq!(desk.list("out"), ["win11-BER.iso", "win11-HAM.iso"]);
}

#[test]
fn a_plan_is_data_too() {
    let desk = Desk::new();
    let mut seen = desk.see("plan --json");
    desk.done(&["apply"]);
    desk.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    desk.edit("WIN11 {{", "W11 {{");
    seen += &desk.see("plan --json --site BER");
    insta::assert_snapshot!(seen);
    let broken = Desk::new();
    broken.edit("packages/vpn", "packages/vpm");
    let ran = broken.run(&["plan", "--json"]);
    let problems: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((ran.status.code(), ran.stderr.len(), problems[0]["severity"].as_str()), (Some(1), 0, Some("error")));
}

/// What `plan` says when a built medium is changed, and that `apply` leaves nothing to do and the bytes of a clean
/// build.
fn changed(change: impl Fn(&Desk)) -> String {
    let desk = Desk::new();
    desk.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    desk.done(&["apply"]);
    change(&desk);
    let seen = desk.see("plan") + &desk.see("apply");
    assert!(desk.done(&["plan"]).starts_with("nothing to do"));
    let paths: Vec<_> = desk.list("out").into_iter().map(|name| format!("out/{name}")).collect();
    let built: Vec<_> = paths.iter().map(|path| desk.get(path)).collect();
    fs::remove_dir_all(desk.path("out")).unwrap();
    fs::remove_dir_all(desk.path(".tsmedia")).unwrap();
    fs::remove_file(desk.path("media.record.json")).unwrap();
    desk.done(&["apply"]);
    assert!(paths.iter().map(|path| desk.get(path)).eq(built), "{seen}\nis not what a clean build makes");
    seen
}

#[test]
fn content_that_changed_is_named() {
    insta::assert_snapshot!(changed(|desk| {
        desk.put("packages/vpn/vpn.conf", "server = VPN.example.com\n");
        desk.put("packages/vpn/certificate.cer", [9; 900]);
        fs::remove_file(desk.path("packages/vpn/setup.cmd")).unwrap();
    }));
}

#[test]
fn a_label_that_changed_is_named() {
    insta::assert_snapshot!(changed(|desk| desk.edit("WIN11 {{", "W11 {{")));
}

#[test]
fn a_boot_image_that_changed_is_named() {
    insta::assert_snapshot!(changed(|desk| {
        desk.put("boot-files/efi/boot/bootx64.efi", [1; 9_000]);
        desk.put("boot-files/efi/microsoft/boot/efisys_noprompt.bin", [1; 16_384]);
        let wim = desk.path("images/boot.wim");
        crate::fixtures::desk::wimlib(&["info", wim.as_str(), "1", "--image-property", "DESCRIPTION=another"]);
    }));
}

#[test]
fn a_date_that_changed_is_named() {
    insta::assert_snapshot!(changed(|desk| desk.edit("2026-01-01", "2026-02-03")));
}

#[test]
fn an_output_that_was_deleted_is_created() {
    insta::assert_snapshot!(changed(|desk| fs::remove_file(desk.path("out/win11-BER.iso")).unwrap()));
}

#[test]
fn an_output_that_was_written_to_is_rebuilt() {
    insta::assert_snapshot!(changed(|desk| {
        let file = fs::File::options().append(true).open(desk.path("out/win11-BER.iso")).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    }));
}

#[test]
fn an_output_elsewhere_is_created_and_the_old_one_deleted() {
    insta::assert_snapshot!(changed(|desk| desk.edit("out/{{", "out/new-{{")));
}

#[test]
fn the_medium_of_a_site_that_is_gone_is_deleted_unless_other_sites_are_asked_for() {
    let desk = Desk::new();
    desk.done(&["apply"]);
    let mut seen = desk.see("plan --site BER");
    desk.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    seen += &desk.see("plan --site BER");
    seen += &desk.see("plan");
    seen += &desk.see("apply");
    insta::assert_snapshot!(seen);
    assert_eq!(desk.list("out"), ["win11-BER.iso"]);
}

#[test]
fn a_foreign_file_is_replaced_only_when_asked_to() {
    let desk = Desk::new();
    desk.put("out/win11-BER.iso", "somebody's");
    let mut seen = desk.see("plan --site BER");
    seen += &desk.see("apply --site BER");
    assert_eq!(desk.get("out/win11-BER.iso"), b"somebody's");
    seen += &desk.see("apply --site BER --force");
    // A medium that was put in the place of a recorded one is not ours to delete.
    desk.done(&["apply"]);
    desk.put("out/win11-HAM.iso", "somebody's");
    desk.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    seen += &desk.see("plan");
    seen += &desk.see("apply");
    assert_eq!(desk.get("out/win11-HAM.iso"), b"somebody's");
    insta::assert_snapshot!(seen);
}

#[test]
fn several_manifests_are_one_plan() {
    let desk = Desk::new();
    let second = String::from_utf8(desk.get("media.toml")).unwrap().replace("name = \"win11\"", "name = \"second\"");
    desk.put("second.toml", second);
    let mut seen = desk.see("check media.toml second.toml");
    seen += &desk.see("plan media.toml second.toml --site BER");
    seen += &desk.see("apply media.toml second.toml --site BER");
    seen += &desk.see("plan media.toml second.toml --site BER");
    desk.put("third.toml", desk.get("second.toml"));
    seen += &desk.see("check second.toml third.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn only_what_is_missing_is_said_when_the_manifest_is_not_there() {
    let desk = Desk::empty();
    insta::assert_snapshot!(desk.see("plan") + &desk.see("apply lab.toml") + &desk.see("check nowhere/media.toml"));
}
