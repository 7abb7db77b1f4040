//! `plan` and `apply`: before, after, and after each sort of change.

use std::fs;

use crate::fixtures::sandbox::Sandbox;

#[test]
fn a_first_plan_creates_apply_does_it_and_then_nothing_is_left() {
    let sandbox = Sandbox::new();
    let mut seen = sandbox.see("plan");
    assert!(!sandbox.path("out").exists(), "plan wrote something");
    seen += &sandbox.see("plan --detailed-exitcode");
    seen += &sandbox.see("apply");
    seen += &sandbox.see("plan");
    seen += &sandbox.see("plan --detailed-exitcode");
    seen += &sandbox.see("apply");
    insta::assert_snapshot!(seen);
    assert_eq!(sandbox.list("out"), ["win11-BER.iso", "win11-HAM.iso"]);
}

#[test]
fn a_plan_is_data_too() {
    let sandbox = Sandbox::new();
    let mut seen = sandbox.see("plan --json");
    sandbox.done(&["apply"]);
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    sandbox.edit("WIN11 {{", "W11 {{");
    seen += &sandbox.see("plan --json --site BER");
    insta::assert_snapshot!(seen);
    let broken = Sandbox::new();
    broken.edit("packages/vpn", "packages/vpm");
    let ran = broken.run(&["plan", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let problems = &document["problems"];
    assert_eq!((ran.status.code(), ran.stderr.len(), problems[0]["severity"].as_str()), (Some(1), 0, Some("error")));
}

/// Output of `plan` when a built medium is changed, and that `apply` leaves nothing to do and the bytes of a clean
/// build.
fn changed(change: impl Fn(&Sandbox)) -> String {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.done(&["apply"]);
    change(&sandbox);
    let seen = sandbox.see("plan") + &sandbox.see("apply");
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
    let paths: Vec<_> = sandbox.list("out").into_iter().map(|name| format!("out/{name}")).collect();
    let built: Vec<_> = paths.iter().map(|path| sandbox.get(path)).collect();
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    fs::remove_file(sandbox.path("media.record.json")).unwrap();
    sandbox.done(&["apply"]);
    assert!(paths.iter().map(|path| sandbox.get(path)).eq(built), "{seen}\nis not what a clean build makes");
    seen
}

#[test]
fn content_that_changed_is_named() {
    insta::assert_snapshot!(changed(|sandbox| {
        sandbox.put("packages/vpn/vpn.conf", "server = VPN.example.com\n");
        sandbox.put("packages/vpn/certificate.cer", [9; 900]);
        fs::remove_file(sandbox.path("packages/vpn/setup.cmd")).unwrap();
    }), @"
    $ tsmedia plan
    | 1 to rebuild; 85.6 kB to write
    |
    | rebuild  out/win11-BER.iso (1.13 MB, 85.6 kB to write)
    |   package `BER00021`: 1 file added, 1 removed, 1 changed, none unchanged; 50 B → 925 B
    |     + certificate.cer (900 B)
    |     - setup.cmd (25 B)
    |     ~ vpn.conf (25 B, different content)
    |   rebuilt: a patch would write almost as much
    |   boots without a key prompt
    = 0

    $ tsmedia apply
    ! rebuilt   out/win11-BER.iso (1.13 MB)
    = 0
    ");
}

#[test]
fn a_label_that_changed_is_named() {
    insta::assert_snapshot!(changed(|sandbox| sandbox.edit("WIN11 {{", "W11 {{")), @"
    $ tsmedia plan
    | 1 to rebuild; 84.6 kB to write
    |
    | rebuild  out/win11-BER.iso (1.13 MB, 84.6 kB to write)
    |   label: `WIN11 BER` → `W11 BER`
    |   rebuilt: a patch would write almost as much
    |   boots without a key prompt
    = 0

    $ tsmedia apply
    ! rebuilt   out/win11-BER.iso (1.13 MB)
    = 0
    ");
}

#[test]
fn a_boot_image_that_changed_is_named() {
    insta::assert_snapshot!(changed(|sandbox| {
        sandbox.put("boot-files/efi/boot/bootx64.efi", [1; 9_000]);
        sandbox.put("boot-files/efi/microsoft/boot/efisys_noprompt.bin", [1; 16_384]);
        let wim = sandbox.path("images/boot.wim");
        crate::fixtures::sandbox::wimlib(&["info", wim.as_str(), "1", "--image-property", "DESCRIPTION=another"]);
    }), @"
    $ tsmedia plan
    | 1 to rebuild; 84.7 kB to write
    |
    | rebuild  out/win11-BER.iso (1.13 MB, 84.7 kB to write)
    |   boot program for UEFI: changed
    |   files of the medium itself: 3 files changed; 39.3 kB in total
    |     ~ efi/boot/bootx64.efi (9.00 kB, different content)
    |     ~ efi/microsoft/boot/efisys_noprompt.bin (16.4 kB, different content)
    |     ~ sources/boot.wim (6.78 kB → 6.84 kB)
    |   rebuilt: a patch would write almost as much
    |   boots without a key prompt
    = 0

    $ tsmedia apply
    ! rebuilt   out/win11-BER.iso (1.13 MB)
    = 0
    ");
}

#[test]
fn a_date_that_changed_is_named() {
    insta::assert_snapshot!(changed(|sandbox| sandbox.edit("2026-01-01", "2026-02-03")), @"
    $ tsmedia plan
    | 1 to rebuild; 84.6 kB to write
    |
    | rebuild  out/win11-BER.iso (1.13 MB, 84.6 kB to write)
    |   date: `2026-01-01T00:00:00Z` → `2026-02-03T00:00:00Z`
    |   rebuilt: a patch would write almost as much
    |   boots without a key prompt
    = 0

    $ tsmedia apply
    ! rebuilt   out/win11-BER.iso (1.13 MB)
    = 0
    ");
}

#[test]
fn an_output_that_was_deleted_is_created() {
    insta::assert_snapshot!(changed(|sandbox| fs::remove_file(sandbox.path("out/win11-BER.iso")).unwrap()), @"
    $ tsmedia plan
    | 1 to create; 84.6 kB to write
    |
    | create   out/win11-BER.iso (1.13 MB, 84.6 kB to write)
    |   it was built, but the file no longer exists
    |   boots without a key prompt
    |   contents: 39.3 kB in 13 files
    |     boot image: 6.78 kB in 1 file
    |     package `BER00021`: 50 B in 2 files
    |     files of the medium itself: 32.5 kB in 10 files
    = 0

    $ tsmedia apply
    ! created   out/win11-BER.iso (1.13 MB)
    = 0
    ");
}

#[test]
fn an_output_that_was_written_to_is_rebuilt() {
    insta::assert_snapshot!(changed(|sandbox| {
        let file = fs::File::options().append(true).open(sandbox.path("out/win11-BER.iso")).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    }), @"
    $ tsmedia plan
    | 1 to rebuild; 84.6 kB to write
    |
    | rebuild  out/win11-BER.iso (1.13 MB, 84.6 kB to write)
    |   the file has 1128447 bytes, but was built with 1128448
    |   boots without a key prompt
    = 0

    $ tsmedia apply
    ! rebuilt   out/win11-BER.iso (1.13 MB)
    = 0
    ");
}

#[test]
fn an_output_elsewhere_is_renamed() {
    insta::assert_snapshot!(changed(|sandbox| sandbox.edit("out/{{", "out/new-{{")), @"
    $ tsmedia plan
    | 1 to rename; 0 B to write
    |
    | rename   out/win11-BER.iso → out/new-win11-BER.iso (1.13 MB)
    = 0

    $ tsmedia apply
    ! renamed   out/win11-BER.iso → out/new-win11-BER.iso (1.13 MB)
    = 0
    ");
}

#[test]
fn the_medium_of_a_site_that_is_gone_is_deleted_unless_other_sites_are_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    let mut seen = sandbox.see("plan --site BER");
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    seen += &sandbox.see("plan --site BER");
    seen += &sandbox.see("plan");
    seen += &sandbox.see("apply --yes");
    insta::assert_snapshot!(seen);
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
}

#[test]
fn a_foreign_file_is_replaced_only_when_asked_to() {
    let sandbox = Sandbox::new();
    sandbox.put("out/win11-BER.iso", "somebody's");
    let mut seen = sandbox.see("plan --site BER");
    seen += &sandbox.see("apply --site BER");
    assert_eq!(sandbox.get("out/win11-BER.iso"), b"somebody's");
    seen += &sandbox.see("apply --site BER --force");
    // A medium that was put in the place of a recorded one is not ours to delete.
    sandbox.done(&["apply"]);
    sandbox.put("out/win11-HAM.iso", "somebody's");
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    seen += &sandbox.see("plan");
    seen += &sandbox.see("apply");
    assert_eq!(sandbox.get("out/win11-HAM.iso"), b"somebody's");
    insta::assert_snapshot!(seen);
}

#[test]
fn several_manifests_are_one_plan() {
    let sandbox = Sandbox::new();
    let second = String::from_utf8(sandbox.get("media.toml")).unwrap().replace("name = \"win11\"", "name = \"second\"");
    sandbox.put("second.toml", second);
    let mut seen = sandbox.see("check media.toml second.toml");
    seen += &sandbox.see("plan media.toml second.toml --site BER");
    seen += &sandbox.see("apply media.toml second.toml --site BER");
    seen += &sandbox.see("plan media.toml second.toml --site BER");
    sandbox.put("third.toml", sandbox.get("second.toml"));
    seen += &sandbox.see("check second.toml third.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn only_what_is_missing_is_said_when_the_manifest_is_not_there() {
    let sandbox = Sandbox::empty();
    insta::assert_snapshot!(
        sandbox.see("plan") + &sandbox.see("apply lab.toml") + &sandbox.see("check nowhere/media.toml")
    , @"
    $ tsmedia plan
    ! error: reading `media.toml`
    !   because: No such file or directory (os error 2)
    !   help: name a manifest, or make one with `tsmedia init`
    = 1

    $ tsmedia apply lab.toml
    ! error: reading `lab.toml`
    !   because: No such file or directory (os error 2)
    !   help: name a manifest, or make one with `tsmedia init`
    = 1

    $ tsmedia check nowhere/media.toml
    ! error: reading `nowhere/media.toml`
    !   because: No such file or directory (os error 2)
    !   help: name a manifest, or make one with `tsmedia init`
    = 1
    ");
}
