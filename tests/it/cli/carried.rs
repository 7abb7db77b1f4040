//! Task sequences on the media that carry them: capture and stand-alone ones.

use std::process::Command;

use super::data::{DEFAULT_PASSWORD, extract, guid_in, read};
use crate::fixtures::desk::Desk;

const PASSWORD: &str = "Zq7-capture-password-44k <&>";

fn capture() -> Desk {
    let desk = Desk::new();
    desk.put(
        "media.toml",
        r#"manifest-version = 1

[media]
name = "capture"
kind = "capture"
label = "CAPTURE"
source-date = 2026-01-01

[output]
path = "out/{{ media.name }}.iso"

[boot]
image = { file = "images/boot.wim" }
files = "boot-files"
prompt = false

[task-sequence]
file = "sequences/capture.toml"
"#,
    );
    desk.put(
        "sequences/capture.toml",
        r#"sequence-version = 1
name = "Capture {{ media.name }}"

[[steps]]
type = "prepare-windows-for-capture"
name = "Prepare"

[[steps]]
type = "capture-operating-system-image"
name = "Capture"
destination = '\\server\images\reference.wim'
user = 'CONTOSO\capture'
password = { file = "password.txt" }
"#,
    );
    desk.put("sequences/password.txt", format!("{PASSWORD}\n"));
    desk
}

#[test]
fn capture_media_carry_their_sequence_with_its_secrets() {
    let desk = capture();
    let seen = [
        desk.see("check"),
        desk.see("plan"),
        desk.see("apply"),
        desk.see("plan"),
        desk.see("verify out/capture.iso --manifest media.toml"),
        desk.see("inspect out/capture.iso"),
    ];
    insta::assert_snapshot!(seen.concat());
    extract(&desk, "out/capture.iso", "data");
    let variables = read(&desk, DEFAULT_PASSWORD, &["data/Variables.dat".into()]);
    assert!(variables.contains("<var name=\"_SMSTSMediaType\"><![CDATA[FullMedia]]></var>"), "{variables}");
    let policy = read(&desk, &guid_in(&variables), &["data/Policy.xml".into()]);
    // As the public readers of stand-alone media take it out.
    desk.put("policy.xml", &policy[policy.find("<?xml").unwrap()..]);
    let find = "import sys, xml.etree.ElementTree as tree\n\
                root = tree.parse('policy.xml').getroot()\n\
                value = lambda name: root.find(f\".//*[@class='CCM_TaskSequence']/*[@name='{name}']/value\").text\n\
                print(value('PKG_Name'), value('ADV_AdvertisementID'), value('TS_Sequence'), sep='\\n', end='')";
    let found = Command::new("python3").args(["-c", find]).current_dir(&desk.root).output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let found = String::from_utf8(found.stdout).unwrap();
    let [name, deployment, sequence] = found.splitn(3, '\n').collect::<Vec<_>>()[..] else { panic!("{found}") };
    assert_eq!((name, deployment.len()), ("Capture capture", 8));
    assert!(sequence.starts_with("<sequence version=\"3.10\">"), "{sequence}");
    assert!(sequence.contains(">Zq7-capture-password-44k &lt;&amp;&gt;</variable>"), "{sequence}");
    desk.put("exported.xml", sequence);
    let shown = desk.see("sequence import exported.xml -o imported.toml");
    assert!(!shown.contains("Zq7"), "{shown}");
}

#[test]
fn a_password_of_capture_media_keeps_their_secrets() {
    let desk = capture();
    desk.put("media-password.txt", "mQ7vX2pL9sWk\n");
    desk.edit("[task-sequence]", "[security]\npassword = { file = \"media-password.txt\" }\n\n[task-sequence]");
    let seen = desk.see("check") + &desk.see("apply");
    extract(&desk, "out/capture.iso", "data");
    let policy = read(&desk, "mQ7vX2pL9sWk", &["data/Policy.xml".into()]);
    assert!(policy.contains("Zq7-capture-password-44k"), "{policy}");
    let bootstrap = String::from_utf8(desk.get("data/TsmBootstrap.ini")).unwrap();
    insta::assert_snapshot!(seen + &bootstrap);
}

/// Without a task sequence, what captures are the programs that the manifest brings.
#[test]
fn capture_media_need_programs_or_a_sequence() {
    let desk = capture();
    desk.edit("\n[task-sequence]\nfile = \"sequences/capture.toml\"\n", "");
    let mut seen = desk.see("check");
    desk.put("bin/x64/TSMBAutorun.exe", "starts the other");
    desk.put("bin/x64/osdcapturecd.exe", "captures");
    desk.put(
        "media.toml",
        String::from_utf8(desk.get("media.toml")).unwrap() + "\n[[file]]\nsource = \"bin\"\npath = \"SMS/bin\"\n",
    );
    desk.edit("label = ", "autorun = true\nlabel = ");
    seen += &(desk.see("check") + &desk.see("apply"));
    let listed = desk.run_other("7z", &["l", "-ba", "-slt", "out/capture.iso"]);
    let paths = listed.lines().filter_map(|line| line.strip_prefix("Path = "));
    let mut paths: Vec<_> = paths.filter(|path| path.starts_with("SMS") || path.contains("autorun")).collect();
    paths.sort();
    seen += &(paths.join("\n") + "\n");
    seen += &desk.run_other("7z", &["e", "-so", "out/capture.iso", "autorun.inf"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_sequence_that_begins_in_windows_needs_the_program_that_starts_it() {
    let desk = Desk::new();
    desk.put(
        "upgrade.toml",
        r#"sequence-version = 1
name = "Upgrade"

[[steps]]
type = "set-variable"
name = "Send no status"
variable = "SMSTSDisableStatusRetry"
value = "true"

[[steps]]
type = "upgrade-operating-system"
name = "Upgrade"
package = "BER00021"
"#,
    );
    desk.edit("\n[[package]]", "\n[task-sequence]\nfile = \"upgrade.toml\"\n\n[[package]]");
    let seen = desk.see("check") + &desk.see("plan");
    desk.put("bin/i386/tsmbautorun.exe", "starts it");
    desk.edit("\n[[package]]", "\n[[file]]\nsource = \"bin\"\npath = \"SMS/bin\"\n\n[[package]]");
    insta::assert_snapshot!(seen + &desk.see("check"));
}

#[test]
fn capture_media_are_sticks_too() {
    let desk = capture();
    desk.edit("path = \"out/{{ media.name }}.iso\"", "format = \"usb\"\npath = \"out/{{ media.name }}.img\"");
    desk.done(&["apply"]);
    desk.done(&["verify", "out/capture.img", "--manifest", "media.toml"]);
    insta::assert_snapshot!(desk.see("inspect out/capture.img"));
}

#[test]
fn a_secret_of_a_sequence_that_changed_is_named_and_kept_from_the_record() {
    let desk = capture();
    // With what starts the sequence in Windows nothing is to be warned of.
    desk.put("bin/x64/TSMBAutorun.exe", "stands in");
    desk.edit("[task-sequence]", "[[file]]\nsource = \"bin\"\npath = \"SMS/bin\"\n\n[task-sequence]");
    desk.done(&["apply"]);
    let record = String::from_utf8(desk.get("media.record.json")).unwrap();
    assert!(!record.contains("Zq7"), "{record}");
    desk.put("sequences/password.txt", "another one\n");
    insta::assert_snapshot!([desk.see("plan"), desk.see("apply"), desk.see("plan")].concat());
}

#[test]
fn the_policy_of_the_site_takes_the_place_of_the_one_that_is_made() {
    let desk = Desk::new();
    desk.put("policy.xml", "<Policy/>");
    desk.put(
        "deploy.toml",
        r#"sequence-version = 1
name = "Deploy"

[[steps]]
type = "set-variable"
name = "Send no status"
variable = "SMSTSDisableStatusRetry"
value = "true"

[[steps]]
type = "upgrade-operating-system"
name = "Upgrade"
package = "BER00021"

[[steps]]
type = "install-package"
name = "VPN"
package = "BER00021"
program = "Install"
"#,
    );
    desk.edit("\n[[package]]", "\n[task-sequence]\nfile = \"deploy.toml\"\n\n[[package]]");
    let mut seen = desk.see("check");
    desk.edit("[task-sequence]", "[policy]\nfile = \"policy.xml\"\n\n[task-sequence]");
    seen += &desk.see("check");
    insta::assert_snapshot!(seen);
}
