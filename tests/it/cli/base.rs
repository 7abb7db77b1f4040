//! Media that are built on a medium of Configuration Manager.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use super::data::{DEFAULT_PASSWORD, extract, guid_in, read};
use super::secrets::expect_wiped;
use crate::fixtures::sandbox::{Sandbox, wimlib};

const PASSWORD: &str = "Zq7-base-password-44k <&>";
const GUID: &str = "7E0D6A5C-9F3B-4C1E-8A2D-5B6C7D8E9F01";
/// A value that is on no medium in clear, and in nothing that is kept of it.
const PLANTED: &str = "PLANTED-55e0c1d2";

const MANIFEST: &str = r#"manifest-version = 1

[media]
name = "boot"
kind = "bootable"
source-date = 2026-01-01

[output]
path = "out/boot.iso"

[base]
medium = "genuine"
"#;

/// A boot medium as the site makes it, in a folder.
pub fn genuine() -> Json {
    json!({
        "type": "BootMedia",
        "password": null,
        "cipher": "aes-128-cbc",
        "variables": {
            "SMSTSMP": "http://mp1.ber.example.com",
            "_SMSMediaGuid": GUID,
            "_SMSTSBootMediaPackageID": "BER00005",
            "_SMSTSHTTPPort": "80",
            "_SMSTSMediaPFX": PLANTED,
            "_SMSTSMediaType": "BootMedia",
            "_SMSTSPublicRootKey": "0602000000A40000",
            "_SMSTSSiteCode": "BER",
            "_SMSTSSiteSigningCertificate": "308202",
            "OSDTimeZone": "a ]]]]><![CDATA[> b\r\nc",
        },
        "files": {
            "SMS/bin/x64/TSMBAutorun.exe": "program",
            "SMS/bin/i386/TSMBAutorun.exe": "program of 32 bits",
            "SMS/PKG/BER00099/prestart.cmd": "rem",
            "SMS/data/readme.txt": "not encrypted",
            "LaunchMedia.cmd": "start SMS\\bin\\x64\\TSMBAutorun.exe",
            "autorun.inf": "[autorun]\r\n",
            "MediaLabel.txt": "label=Boot of Berlin\r\n",
            "other.txt": "stays behind",
        },
    })
}

/// Writes a medium with a writer that is not ours, together with the boot files and the boot image of the sandbox.
pub fn write(sandbox: &Sandbox, folder: &str, genuine: &Json) {
    write_data(sandbox, folder, genuine);
    sandbox.run_other("cp", &["-r", "boot-files/.", folder]);
    sandbox.put(&format!("{folder}/sources/boot.wim"), sandbox.get("images/boot.wim"));
}

/// Writes everything of a medium but its boot files, again if it is there.
fn write_data(sandbox: &Sandbox, folder: &str, genuine: &Json) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cli/genuine.py");
    let mut command = Command::new("python3");
    let mut writer = command.args([script, folder]).current_dir(&sandbox.root).stdin(Stdio::piped()).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(genuine.to_string().as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}

/// Writes a boot medium as the site makes it into a folder.
pub fn put_genuine(sandbox: &Sandbox, folder: &str) {
    write(sandbox, folder, &genuine());
}

fn sandbox(genuine: &Json) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.put_boot();
    sandbox.put("media.toml", MANIFEST);
    write(&sandbox, "genuine", genuine);
    fs::remove_dir_all(sandbox.path("images")).unwrap();
    fs::remove_dir_all(sandbox.path("boot-files")).unwrap();
    sandbox
}

#[test]
fn a_medium_has_what_its_base_has_where_the_manifest_says_nothing() {
    let sandbox = sandbox(&genuine());
    let mut seen = sandbox.see("check") + &sandbox.see("plan") + &sandbox.see("apply") + &sandbox.see("plan");
    seen += &sandbox.see("verify out/boot.iso --manifest media.toml");
    extract(&sandbox, "out/boot.iso", "data");
    let variables = read(&sandbox, DEFAULT_PASSWORD, &["data/Variables.dat".into()]);
    seen += &variables.replace("\r\n", "\n");
    seen += &String::from_utf8(sandbox.get("data/TsmBootstrap.ini")).unwrap();
    let listed = sandbox.run_other("7z", &["l", "-ba", "-slt", "out/boot.iso"]);
    let mut paths: Vec<_> = listed.lines().filter_map(|line| line.strip_prefix("Path = ")).collect();
    paths.sort();
    seen += &paths.join("\n");
    insta::assert_snapshot!(seen);
    assert_eq!(guid_in(&variables), GUID);
    // Nothing that is kept beside the medium holds what is encrypted there.
    let kept =
        Command::new("grep").args(["-rl", PLANTED, ".", "--exclude-dir=genuine"]).current_dir(&sandbox.root).output();
    assert_eq!(String::from_utf8_lossy(&kept.unwrap().stdout), "");
}

#[test]
fn values_of_a_base_are_wiped_from_memory() {
    let mut genuine = genuine();
    genuine["policies"] = json!({ "SMS/data/Policy.xml": format!("<Policy>{PLANTED}-of-policy</Policy>") });
    let sandbox = sandbox(&genuine);
    expect_wiped(sandbox.command(&["watch", "--json"]), &[PLANTED, "a ]]> b"]);
}

#[test]
fn what_the_manifest_says_takes_the_place_of_what_the_base_has() {
    let mut genuine = genuine();
    genuine["password"] = json!(PASSWORD);
    genuine["cipher"] = json!("aes-256-cbc");
    let sandbox = sandbox(&genuine);
    sandbox.put("base.txt", format!("{PASSWORD}\n"));
    sandbox.put("password.txt", "mQ7vX2pL9sWk\n");
    sandbox.put("more/launch.cmd", "rem ours");
    sandbox.edit("source-date", "label = \"OURS\"\nmode = \"dynamic\"\nautorun = false\nlanguage = 1031\nsource-date");
    sandbox.edit("\n[base]", "\n[security]\npassword = { file = \"password.txt\" }\n\n[variables]\nOSDTimeZone = \"UTC\"\n\n[base]\npassword = { file = \"base.txt\" }");
    sandbox.put(
        "media.toml",
        String::from_utf8(sandbox.get("media.toml")).unwrap()
            + "\n[[file]]\nsource = \"more/launch.cmd\"\npath = \"LaunchMedia.cmd\"\n",
    );
    let mut seen = sandbox.see("check") + &sandbox.see("render") + &sandbox.see("apply");
    extract(&sandbox, "out/boot.iso", "data");
    seen += &read(&sandbox, "mQ7vX2pL9sWk", &["data/Variables.dat".into()]).replace("\r\n", "\n");
    insta::assert_snapshot!(seen);
    // What of the base changed is named, and not what it was.
    genuine["variables"]["_SMSTSPublicRootKey"] = json!("0602000000A40001");
    write_data(&sandbox, "genuine", &genuine);
    let plan = sandbox.done(&["plan"]);
    assert!(plan.contains("the variable `_SMSTSPublicRootKey` of the base"), "{plan}");
}

#[test]
fn policies_of_stand_alone_media_are_encrypted_anew() {
    for password in [None, Some(PASSWORD)] {
        let mut genuine = genuine();
        genuine["type"] = json!("FullMedia");
        genuine["password"] = json!(password);
        genuine["variables"]["_SMSTSMediaType"] = json!("FullMedia");
        genuine["policies"] =
            json!({ "SMS/data/Policy.xml": "<Policy>ä</Policy>", "SMS/data/Config.xml": "<Config/>" });
        let sandbox = sandbox(&genuine);
        sandbox.edit("bootable", "stand-alone");
        if password.is_some() {
            sandbox.put("base.txt", PASSWORD);
            sandbox.edit("[base]", "[base]\npassword = { file = \"base.txt\" }");
        }
        sandbox.done(&["apply"]);
        extract(&sandbox, "out/boot.iso", "data");
        let texts = read(&sandbox, GUID, &["data/Policy.xml".into(), "data/Config.xml".into()]);
        assert!(texts.contains("<Policy>ä</Policy>") && texts.contains("<Config/>"), "{texts}");
        assert_eq!(sandbox.get("data/readme.txt"), b"not encrypted");
    }
}

#[test]
fn public_readers_find_every_variable_of_the_base_on_media_of_every_kind() {
    const NEW_PASSWORD: &str = "mQ7vX2pL9sWk";
    for (kind, media_type, file) in [
        ("bootable", "BootMedia", "boot.iso"),
        ("bootable", "BootMedia", "boot.img"),
        ("prestaged", "OEMMedia", "boot.wim"),
        ("stand-alone", "FullMedia", "boot.iso"),
        ("stand-alone", "FullMedia", "boot.img"),
        ("capture", "CaptureMedia", "boot.iso"),
    ] {
        for (base_password, password) in [(None, None), (Some(PASSWORD), Some(NEW_PASSWORD)), (Some(PASSWORD), None)] {
            let mut genuine = genuine();
            genuine["type"] = json!(media_type);
            genuine["password"] = json!(base_password);
            genuine["variables"]["_SMSTSMediaType"] = json!(media_type);
            genuine["files"]["SMS/PKG/BER00010/install.wim"] = json!("image");
            genuine["files"]["SMS/bin/x64/OsdCaptureCD.exe"] = json!("program that captures");
            let sandbox = sandbox(&genuine);
            sandbox.edit("bootable", kind);
            sandbox.edit("out/boot.iso", &format!("out/{file}"));
            if file.ends_with("img") {
                sandbox.edit("[output]", "[output]\nformat = \"usb\"");
            }
            if base_password.is_some() {
                sandbox.put("base.txt", PASSWORD);
                sandbox.edit("[base]", "[base]\npassword = { file = \"base.txt\" }");
            }
            if password.is_some() {
                sandbox.put("new.txt", NEW_PASSWORD);
                sandbox.edit("\n[base]", "\n[security]\npassword = { file = \"new.txt\" }\n\n[base]");
            }
            sandbox.done(&["apply"]);
            // 7z opens the volume of a stick by its offset.
            let medium = match file.ends_with("img") {
                true => volume_of(&sandbox, file),
                false => format!("out/{file}"),
            };
            extract(&sandbox, &medium, "data");
            let text = read(&sandbox, password.unwrap_or(DEFAULT_PASSWORD), &["data/Variables.dat".into()]);
            for (name, value) in genuine["variables"].as_object().unwrap() {
                let found =
                    format!("<var name=\"{name}\"><![CDATA[{}]]>", value.as_str().unwrap().replace("\r\n", "\n"));
                assert!(text.contains(&found), "{kind} {password:?}: no {found} in {text}");
            }
            let bootstrap = String::from_utf8(sandbox.get("data/TsmBootstrap.ini")).unwrap();
            assert!(bootstrap.contains(&format!("PasswordRequired={}\r\n", password.is_some())), "{bootstrap}");
        }
    }
}

/// Copies the volume of a stick out of its image, and returns its path.
fn volume_of(sandbox: &Sandbox, file: &str) -> String {
    let volume = fs::read(sandbox.path(&format!("out/{file}"))).unwrap();
    let start = u32::from_le_bytes(volume[446 + 8..446 + 12].try_into().unwrap()) as usize * 512;
    sandbox.put("volume.img", &volume[start..]);
    "volume.img".into()
}

#[test]
fn a_base_may_be_an_image_and_gives_the_same_medium() {
    let sandbox = sandbox(&genuine());
    sandbox.done(&["apply"]);
    let of_folder = sandbox.get("out/boot.iso");
    let options = ["-quiet", "-udf", "-J", "-iso-level", "3", "-allow-limited-size", "-V", "GENUINE"];
    let boot = ["-b", "boot/etfsboot.com", "-no-emul-boot", "-o", "genuine.iso", "genuine"];
    sandbox.run_other("genisoimage", &[&options[..], &boot].concat());
    fs::remove_dir_all(sandbox.path("genuine")).unwrap();
    sandbox.edit("\"genuine\"", "\"genuine.iso\"");
    let seen = sandbox.see("check");
    sandbox.done(&["apply"]);
    assert!(sandbox.get("out/boot.iso") == of_folder, "the base gives another medium as an image");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_prestaged_base_may_be_a_wim_file_and_gives_the_same_medium() {
    let mut genuine = genuine();
    genuine["type"] = json!("OEMMedia");
    genuine["variables"]["_SMSTSMediaType"] = json!("OEMMedia");
    let sandbox = sandbox(&genuine);
    // Images hardly compress, so that a WIM file stores them as they are.
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    sandbox.put("genuine/SMS/PKG/BER00010/install.wim", (0..300_000).map(|_| noise()).collect::<Vec<_>>());
    sandbox.edit("bootable", "prestaged");
    sandbox.edit("out/boot.iso", "out/boot.wim");
    let mut seen = sandbox.see("check");
    sandbox.done(&["apply"]);
    let of_folder = sandbox.get("out/boot.wim");
    let path = |path: &str| sandbox.path(path).to_string();
    for compression in ["none", "LZX", "LZMS"] {
        let compress = format!("--compress={compression}");
        let solid: &[&str] = if compression == "LZMS" { &["--solid"] } else { &[] };
        wimlib(&[&["capture", &path("genuine"), &path("genuine.wim"), "Prestaged", &compress][..], solid].concat());
        sandbox.edit("\"genuine\"", "\"genuine.wim\"");
        sandbox.done(&["apply"]);
        assert!(sandbox.get("out/boot.wim") == of_folder, "the base gives another medium: {compression}");
        sandbox.edit("\"genuine.wim\"", "\"genuine\"");
        fs::remove_file(sandbox.path("genuine.wim")).unwrap();
    }
    wimlib(&["capture", &path("genuine"), &path("genuine.wim"), "One"]);
    wimlib(&["append", &path("genuine/SMS"), &path("genuine.wim"), "Two"]);
    sandbox.edit("\"genuine\"", "\"genuine.wim\"");
    seen += &sandbox.see("check");
    insta::assert_snapshot!(seen);
}

#[test]
fn boot_images_that_are_only_in_the_catalog_of_a_disc_are_taken_from_there() {
    let sandbox = sandbox(&genuine());
    let efisys = "genuine/efi/microsoft/boot/efisys_noprompt.bin";
    sandbox.run_other("mkfs.fat", &["-C", "efisys.img", "1440"]);
    fs::remove_file(sandbox.path(efisys)).unwrap();
    fs::rename(sandbox.path("genuine/boot/etfsboot.com"), sandbox.path("etfsboot.com")).unwrap();
    let bios = ["-as", "mkisofs", "-quiet", "-J", "-b", "hidden/etfsboot.com", "-no-emul-boot", "-boot-load-size", "8"];
    let uefi = ["-eltorito-alt-boot", "-e", "hidden/efisys.img", "-no-emul-boot", "-o", "genuine.iso"];
    let files = ["-graft-points", "/=genuine", "hidden/etfsboot.com=etfsboot.com", "hidden/efisys.img=efisys.img"];
    sandbox.run_other("xorriso", &[&bios[..], &uefi, &files].concat());
    sandbox.edit("\"genuine\"", "\"genuine.iso\"");
    sandbox.done(&["apply"]);
    let report = sandbox.run_other("xorriso", &["-indev", "out/boot.iso", "-report_el_torito", "plain"]);
    let place = |platform: &str| -> usize {
        let line = report.lines().find(|line| line.starts_with("El Torito boot img") && line.contains(platform));
        let block = line.unwrap_or_else(|| panic!("{report}")).split_whitespace().last().unwrap();
        block.parse::<usize>().unwrap() * 2_048
    };
    let disc = sandbox.get("out/boot.iso");
    for (platform, file) in [("BIOS", "etfsboot.com"), ("UEFI", "efisys.img")] {
        let wanted = sandbox.get(file);
        assert!(disc[place(platform)..].starts_with(&wanted), "{platform}: {report}");
    }
}

#[test]
fn sites_have_bases_of_their_own() {
    let sandbox = sandbox(&genuine());
    let mut other = genuine();
    other["variables"]["_SMSTSSiteCode"] = json!("HAM");
    sandbox.run_other("cp", &["-r", "genuine", "other"]);
    write_data(&sandbox, "other", &other);
    sandbox.edit("boot.iso", "{{ site.code }}.iso");
    sandbox.edit(
        "[base]",
        "[[sites]]\ncode = \"BER\"\n\n[[sites]]\ncode = \"HAM\"\nbase = { medium = \"other\" }\n\n[base]",
    );
    sandbox.done(&["apply"]);
    for site in ["BER", "HAM"] {
        extract(&sandbox, &format!("out/{site}.iso"), site);
        let variables = read(&sandbox, DEFAULT_PASSWORD, &[format!("{site}/Variables.dat")]);
        assert!(variables.contains(&format!("<var name=\"_SMSTSSiteCode\"><![CDATA[{site}]]></var>")), "{variables}");
    }
}

#[test]
fn a_simulation_knows_names_and_content_of_the_base_and_no_values() {
    let mut genuine = genuine();
    genuine["type"] = json!("FullMedia");
    let sandbox = sandbox(&genuine);
    sandbox.edit("bootable", "stand-alone");
    sandbox.edit("source-date", "rules = { nothing-deployed = \"off\" }\nsource-date");
    sandbox.edit("[base]", "[task-sequence]\nfile = \"deploy.toml\"\n\n[base]");
    sandbox.put("facts.toml", "facts-version = 1\n\n[computer]\nname = \"PC1\"\n");
    sandbox.put(
        "deploy.toml",
        r#"sequence-version = 1
name = "Deploy"

[[steps]]
type = "set-variable"
name = "Known by name alone"
variable = "A"
value = "1"
condition = { variable = "OSDTimeZone", value = "UTC" }

[[steps]]
type = "set-variable"
name = "In neither"
variable = "B"
value = "1"
condition = { variable = "OSDOther", value = "UTC" }

[[steps]]
type = "run-command-line"
name = "From the base"
command-line = "cmd /c prestart.cmd"
package = "BER00099"
"#,
    );
    insta::assert_snapshot!(sandbox.see("simulate media.toml --facts facts.toml") + &sandbox.see("render"));
}

#[test]
fn capture_media_need_no_sequence_on_a_base() {
    let mut genuine = genuine();
    genuine["type"] = json!("CaptureMedia");
    let sandbox = sandbox(&genuine);
    fs::remove_file(sandbox.path("genuine/SMS/data/Variables.dat")).unwrap();
    sandbox.edit("bootable", "capture");
    // With the program that starts the other one alone, nothing captures.
    let mut seen = sandbox.see("check");
    sandbox.put("genuine/SMS/bin/i386/OsdCaptureCD.exe", "program that captures");
    seen += &(sandbox.see("check") + &sandbox.see("apply"));
    extract(&sandbox, "out/boot.iso", "data");
    assert_eq!(sandbox.list("data"), ["TsmBootstrap.ini", "readme.txt"]);
    assert_eq!(sandbox.get("data/TsmBootstrap.ini"), sandbox.get("genuine/SMS/data/TsmBootstrap.ini"));
    sandbox.put("new.txt", "mQ7vX2pL9sWk");
    sandbox.edit("\n[base]", "\n[security]\npassword = { file = \"new.txt\" }\n\n[base]");
    seen += &sandbox.see("check");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_base_that_can_not_be_used_is_reported() {
    let mut seen = String::new();
    let mut see = |edit: &dyn Fn(&Sandbox, &mut Json)| {
        let mut genuine = genuine();
        let first = sandbox(&genuine);
        edit(&first, &mut genuine);
        seen += &first.see("check");
    };
    see(&|sandbox, _| fs::remove_file(sandbox.path("genuine/SMS/data/TsmBootstrap.ini")).unwrap());
    see(&|sandbox, _| sandbox.put("genuine/SMS/data/TsmBootstrap.ini", "MediaType=BootMedia\n"));
    see(&|sandbox, _| sandbox.edit("bootable", "prestaged"));
    see(&|sandbox, genuine| {
        genuine["password"] = json!(PASSWORD);
        write_data(sandbox, "genuine", genuine);
    });
    see(&|sandbox, genuine| {
        genuine["password"] = json!(PASSWORD);
        write_data(sandbox, "genuine", genuine);
        sandbox.put("base.txt", "another");
        sandbox.edit("[base]", "[base]\npassword = { file = \"base.txt\" }");
    });
    see(&|sandbox, _| {
        sandbox.put("base.txt", "another");
        sandbox.edit("[base]", "[base]\npassword = { file = \"base.txt\" }");
    });
    see(&|sandbox, _| fs::remove_file(sandbox.path("genuine/SMS/data/Variables.dat")).unwrap());
    see(&|sandbox, _| sandbox.put("genuine/SMS/data/Variables.dat", "plain"));
    see(&|sandbox, _| fs::remove_dir_all(sandbox.path("genuine/sources")).unwrap());
    see(&|sandbox, _| sandbox.edit("medium = \"genuine\"", "medium = \"genuin\""));
    see(&|sandbox, _| {
        sandbox.put("text.iso", "no image");
        sandbox.edit("medium = \"genuine\"", "medium = \"text.iso\"");
    });
    insta::assert_snapshot!(seen);
}
