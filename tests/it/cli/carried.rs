//! Task sequences on the media that carry them: capture and stand-alone ones.

use std::process::Command;

use super::data::{DEFAULT_PASSWORD, extract, guid_in, read};
use crate::fixtures::sandbox::Sandbox;

const PASSWORD: &str = "Zq7-capture-password-44k <&>";

fn capture() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put(
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
    sandbox.put(
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
    sandbox.put("sequences/password.txt", format!("{PASSWORD}\n"));
    sandbox
}

#[test]
fn capture_media_carry_their_sequence_with_its_secrets() {
    let sandbox = capture();
    let seen = [
        sandbox.see("check"),
        sandbox.see("plan"),
        sandbox.see("apply"),
        sandbox.see("plan"),
        sandbox.see("verify out/capture.iso --manifest media.toml"),
        sandbox.see("inspect out/capture.iso"),
    ];
    insta::assert_snapshot!(seen.concat());
    extract(&sandbox, "out/capture.iso", "data");
    let variables = read(&sandbox, DEFAULT_PASSWORD, &["data/Variables.dat".into()]);
    assert!(variables.contains("<var name=\"_SMSTSMediaType\"><![CDATA[FullMedia]]></var>"), "{variables}");
    let policy = read(&sandbox, &guid_in(&variables), &["data/Policy.xml".into()]);
    // As the public readers of stand-alone media take it out.
    sandbox.put("policy.xml", &policy[policy.find("<?xml").unwrap()..]);
    let find = "import sys, xml.etree.ElementTree as tree\n\
                root = tree.parse('policy.xml').getroot()\n\
                value = lambda name: root.find(f\".//*[@class='CCM_TaskSequence']/*[@name='{name}']/value\").text\n\
                print(value('PKG_Name'), value('ADV_AdvertisementID'), value('TS_Sequence'), sep='\\n', end='')";
    let found = Command::new("python3").args(["-c", find]).current_dir(&sandbox.root).output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let found = String::from_utf8(found.stdout).unwrap();
    let [name, deployment, sequence] = found.splitn(3, '\n').collect::<Vec<_>>()[..] else { panic!("{found}") };
    assert_eq!((name, deployment.len()), ("Capture capture", 8));
    assert!(sequence.starts_with("<sequence version=\"3.10\">"), "{sequence}");
    assert!(sequence.contains(">Zq7-capture-password-44k &lt;&amp;&gt;</variable>"), "{sequence}");
    sandbox.put("exported.xml", sequence);
    let shown = sandbox.see("sequence import exported.xml -o imported.toml");
    assert!(!shown.contains("Zq7"), "{shown}");
}

#[test]
fn a_password_of_capture_media_keeps_their_secrets() {
    let sandbox = capture();
    sandbox.put("media-password.txt", "mQ7vX2pL9sWk\n");
    sandbox.edit("[task-sequence]", "[security]\npassword = { file = \"media-password.txt\" }\n\n[task-sequence]");
    let seen = sandbox.see("check") + &sandbox.see("apply");
    extract(&sandbox, "out/capture.iso", "data");
    let policy = read(&sandbox, "mQ7vX2pL9sWk", &["data/Policy.xml".into()]);
    assert!(policy.contains("Zq7-capture-password-44k"), "{policy}");
    let bootstrap = String::from_utf8(sandbox.get("data/TsmBootstrap.ini")).unwrap();
    insta::assert_snapshot!(seen + &bootstrap);
}

/// Without a task sequence, what captures are the programs that the manifest brings.
#[test]
fn capture_media_need_programs_or_a_sequence() {
    let sandbox = capture();
    sandbox.edit("\n[task-sequence]\nfile = \"sequences/capture.toml\"\n", "");
    let mut seen = sandbox.see("check");
    sandbox.put("bin/x64/TSMBAutorun.exe", "starts the other");
    sandbox.put("bin/x64/osdcapturecd.exe", "captures");
    sandbox.put(
        "media.toml",
        String::from_utf8(sandbox.get("media.toml")).unwrap() + "\n[[file]]\nsource = \"bin\"\npath = \"SMS/bin\"\n",
    );
    sandbox.edit("label = ", "autorun = true\nlabel = ");
    seen += &(sandbox.see("check") + &sandbox.see("apply"));
    let listed = sandbox.run_other("7z", &["l", "-ba", "-slt", "out/capture.iso"]);
    let paths = listed.lines().filter_map(|line| line.strip_prefix("Path = "));
    let mut paths: Vec<_> = paths.filter(|path| path.starts_with("SMS") || path.contains("autorun")).collect();
    paths.sort();
    seen += &(paths.join("\n") + "\n");
    seen += &sandbox.run_other("7z", &["e", "-so", "out/capture.iso", "autorun.inf"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn a_sequence_that_begins_in_windows_needs_the_program_that_starts_it() {
    let sandbox = Sandbox::new();
    sandbox.put(
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
    sandbox.edit("\n[[package]]", "\n[task-sequence]\nfile = \"upgrade.toml\"\n\n[[package]]");
    let seen = sandbox.see("check") + &sandbox.see("plan");
    sandbox.put("bin/i386/tsmbautorun.exe", "starts it");
    sandbox.edit("\n[[package]]", "\n[[file]]\nsource = \"bin\"\npath = \"SMS/bin\"\n\n[[package]]");
    insta::assert_snapshot!(seen + &sandbox.see("check"));
}

#[test]
fn capture_media_are_sticks_too() {
    let sandbox = capture();
    sandbox.edit("path = \"out/{{ media.name }}.iso\"", "format = \"usb\"\npath = \"out/{{ media.name }}.img\"");
    sandbox.done(&["apply"]);
    sandbox.done(&["verify", "out/capture.img", "--manifest", "media.toml"]);
    insta::assert_snapshot!(sandbox.see("inspect out/capture.img"), @"
    $ tsmedia inspect out/capture.img
    | form          USB stick image, 37.7 MB: MBR, FAT32
    | volume label  CAPTURE
    | kind          capture
    | name          capture
    | partition     FAT32, active: 36700160 bytes at byte 1048576, clusters of 512 bytes
    | boot          UEFI: efi/boot/bootx64.efi
    | password      none: anyone can read the settings for the client
    | holds         15 files, 9 folders, 46.2 kB
    |
    | task sequences:
    |   TSMAF494  Capture capture, 2 steps
    = 0
    ");
}

#[test]
fn a_secret_of_a_sequence_that_changed_is_named_and_kept_from_the_record() {
    let sandbox = capture();
    // With what starts the sequence in Windows nothing is to be warned of.
    sandbox.put("bin/x64/TSMBAutorun.exe", "stands in");
    sandbox.edit("[task-sequence]", "[[file]]\nsource = \"bin\"\npath = \"SMS/bin\"\n\n[task-sequence]");
    sandbox.done(&["apply"]);
    let record = String::from_utf8(sandbox.get("media.record.json")).unwrap();
    assert!(!record.contains("Zq7"), "{record}");
    sandbox.put("sequences/password.txt", "another one\n");
    insta::assert_snapshot!([sandbox.see("plan"), sandbox.see("apply"), sandbox.see("plan")].concat());
}

#[test]
fn the_policy_of_the_site_takes_the_place_of_the_one_that_is_made() {
    let sandbox = Sandbox::new();
    sandbox.put("policy.xml", "<Policy/>");
    sandbox.put(
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
    sandbox.edit("\n[[package]]", "\n[task-sequence]\nfile = \"deploy.toml\"\n\n[[package]]");
    let mut seen = sandbox.see("check");
    sandbox.edit("[task-sequence]", "[policy]\nfile = \"policy.xml\"\n\n[task-sequence]");
    seen += &sandbox.see("check");
    insta::assert_snapshot!(seen);
}
