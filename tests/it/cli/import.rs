//! Finished media as projects.

use std::fs;
use std::process::Command;

use serde_json::{Value as Json, json};

use super::base::{self, write};
use super::policies;
use crate::fixtures::sandbox::Sandbox;

const PASSWORD: &str = "Zq7-base-password-44k <&>";
/// The value of a hidden variable in a task sequence.
const PLANTED: &str = "PLANTED-4c0d22e9";

/// Makes a disc of a folder with a program that is not ours.
fn burn(sandbox: &Sandbox, folder: &str, disc: &str) {
    let options = ["-quiet", "-udf", "-J", "-iso-level", "3", "-allow-limited-size", "-V", "GENUINE"];
    let boot = ["-b", "boot/etfsboot.com", "-no-emul-boot", "-o", disc, folder];
    sandbox.run_other("genisoimage", &[&options[..], &boot].concat());
    fs::remove_dir_all(sandbox.path(folder)).unwrap();
}

/// The files on a disc with their digests, as other programs read them.
fn files_on(sandbox: &Sandbox, disc: &str) -> Vec<String> {
    let folder = format!("files-of-{}", disc.replace('/', "-"));
    sandbox.run_other("7z", &["x", "-bd", &format!("-o{folder}"), disc]);
    let listed =
        "cd \"$1\" && find . -type f ! -path './tsmedia/*' ! -path '*[[]BOOT]*' -exec sha256sum {} + | sort -k 2";
    let listed = Command::new("sh").args(["-c", listed, "sh", &folder]).current_dir(&sandbox.root).output().unwrap();
    let lines = String::from_utf8(listed.stdout).unwrap();
    assert!(lines.lines().count() > 5, "{lines}");
    lines.lines().map(str::to_owned).collect()
}

/// A sandbox with boot files and a medium as the site makes it.
fn sandbox(genuine: &Json) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.put_boot();
    write(&sandbox, "genuine", genuine);
    sandbox
}

/// Shows the files of a project.
fn shown(sandbox: &Sandbox, paths: &[&str]) -> String {
    let text = |path: &&str| format!("--- {path}\n{}", String::from_utf8(sandbox.get(path)).unwrap());
    paths.iter().map(text).collect()
}

#[test]
fn a_bootable_medium_becomes_a_project_that_builds_the_same_files() {
    let sandbox = sandbox(&base::genuine());
    sandbox.put("genuine/extra/tool.exe", "tool");
    sandbox.put("genuine/efi/microsoft/boot/fonts/wgl4.ttf", "font");
    burn(&sandbox, "genuine", "boot BER.iso");
    let mut seen = sandbox.see_ran("import 'boot BER.iso'", &sandbox.run(&["import", "boot BER.iso"]));
    seen += &shown(&sandbox, &["boot BER/media.toml"]);
    sandbox.done(&["check", "boot BER/media.toml"]);
    sandbox.done(&["apply", "boot BER/media.toml"]);
    let diff = ["diff", "boot BER.iso", "boot BER/out/boot-BER.iso"];
    let compared = sandbox.see_ran(&diff.join(" "), &sandbox.run(&diff));
    // The other program dates the disc by the clock.
    let lines = compared.lines().filter(|line| !line.starts_with("| date"));
    seen += &lines.collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(seen);
    // Variables are encrypted again, and the site's writer has bytes of its own after them.
    let is_other = |line: &String| !line.ends_with("Variables.dat");
    let [old, new] = ["boot BER.iso", "boot BER/out/boot-BER.iso"].map(|disc| files_on(&sandbox, disc));
    let old: Vec<_> = old.into_iter().filter(is_other).collect();
    let new: Vec<_> = new.into_iter().filter(is_other).collect();
    assert_eq!(old, new);
}

/// A stand-alone medium with a password in its task sequence.
fn stand_alone() -> Json {
    let mut genuine = policies::genuine();
    let policy = genuine["policies"]["SMS/data/Policy.xml"].as_str().unwrap();
    let hidden = format!(
        "</variable><variable name=\"OSDSecret\" property=\"Secret\" hidden=\"true\">{PLANTED}</variable></defaultVarList>"
    );
    let policy = policy.replace("</variable></defaultVarList>", &hidden);
    assert!(policy.contains(PLANTED));
    genuine["policies"]["SMS/data/Policy.xml"] = json!(policy);
    genuine["files"]["SMS/PKG/BER00099/run.cmd"] = json!("rem");
    genuine
}

#[test]
fn task_sequences_are_recovered_from_policies_without_their_secrets() {
    let mut genuine = stand_alone();
    genuine["password"] = json!(PASSWORD);
    let sandbox = sandbox(&genuine);
    sandbox.put("password.txt", format!("{PASSWORD}\n"));
    let mut seen = sandbox.see("import genuine -o closed");
    seen += &shown(&sandbox, &["closed/media.toml"]);
    seen += &sandbox.see("import genuine --password-from file:password.txt");
    seen += &shown(&sandbox, &["genuine-project/media.toml", "genuine-project/sequences/deploy-of-the-site.toml"]);
    seen += &sandbox.see("import genuine -o json --password-from file:password.txt --json");
    insta::assert_snapshot!(seen);
    let searched = ["-rl", PLANTED, ".", "--exclude-dir=genuine"];
    let kept = Command::new("grep").args(searched).current_dir(&sandbox.root).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "");
    let manifest = "genuine-project/media.toml";
    let text = String::from_utf8(sandbox.get(manifest)).unwrap();
    sandbox.put(manifest, text.replace("{ env = \"MEDIA_PASSWORD\" }", "{ file = \"../password.txt\" }"));
    sandbox.done(&["apply", manifest]);
    sandbox.put(
        manifest,
        String::from_utf8(sandbox.get(manifest)).unwrap().replace("# [task", "[task").replace("# file", "file"),
    );
    // Its sequence deploys nothing, and that is all that is wrong with it.
    let checked = String::from_utf8(sandbox.run(&["check", manifest]).stderr).unwrap();
    assert!(checked.contains("error[nothing-deployed]") && checked.contains("1 error"), "{checked}");
}

#[test]
fn a_disc_of_windows_becomes_a_project_that_builds_the_same_files() {
    let sandbox = Sandbox::empty();
    sandbox.put_boot();
    fs::rename(sandbox.path("boot-files"), sandbox.path("windows")).unwrap();
    sandbox.put("windows/sources/boot.wim", sandbox.get("images/boot.wim"));
    sandbox.put("windows/sources/setup.exe", "setup");
    sandbox.put("windows/sources/install.wim", sandbox.get("images/boot.wim"));
    sandbox.put("windows/setup.exe", "start");
    burn(&sandbox, "windows", "Win{{11}}.iso");
    let mut seen = sandbox.see("import Win{{11}}.iso -o project");
    seen += &shown(&sandbox, &["project/media.toml"]);
    seen += &sandbox.see("apply project/media.toml");
    insta::assert_snapshot!(seen);
    let [old, new] = ["Win{{11}}.iso", "project/out/Win-11.iso"].map(|disc| files_on(&sandbox, disc));
    let is_old = |line: &String| !line.contains(" ./SMS/") && !line.ends_with("/MediaLabel.txt");
    assert_eq!(old, new.into_iter().filter(is_old).collect::<Vec<_>>());
}

#[test]
fn a_stick_and_the_folder_of_a_kit_become_projects() {
    let sandbox = sandbox(&base::genuine());
    sandbox.put("stick.toml", include_str!("import/stick.toml"));
    sandbox.done(&["apply", "stick.toml"]);
    let mut seen = sandbox.see("import out/stick.img");
    seen += &shown(&sandbox, &["stick/media.toml"]);
    sandbox.done(&["apply", "stick/media.toml"]);
    seen += &sandbox.see("diff out/stick.img stick/out/stick.img");
    fs::rename(sandbox.path("boot-files"), sandbox.path("boot-files-of-kit")).unwrap();
    sandbox.run_other("cp", &["-r", "boot-files-of-kit", "amd64"]);
    fs::create_dir(sandbox.path("kit")).unwrap();
    fs::rename(sandbox.path("amd64"), sandbox.path("kit/Media")).unwrap();
    sandbox.put("kit/de-de/winpe.wim", sandbox.get("images/boot.wim"));
    sandbox.put("kit/en-us/winpe.wim", sandbox.get("images/boot.wim"));
    seen += &sandbox.see("import kit");
    seen += &shown(&sandbox, &["kit-project/media.toml"]);
    sandbox.done(&["apply", "kit-project/media.toml"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn media_that_can_not_be_imported_are_refused_and_nothing_is_written() {
    let mut genuine = base::genuine();
    genuine["password"] = json!(PASSWORD);
    let sandbox = sandbox(&genuine);
    sandbox.put("wrong.txt", "wrong\n");
    sandbox.put("empty/readme.txt", "nothing that starts\n");
    sandbox.put("text.iso", "not a disc");
    sandbox.put("there/media.toml", "mine");
    let before = sandbox.list(".");
    let seen: String = [
        "import missing.iso",
        "import text.iso",
        "import empty -o project",
        "import images/boot.wim",
        "import genuine -o project --password-from file:wrong.txt",
        "import genuine -o project --password-from hunter2",
        "import genuine -o genuine/project",
        "import genuine -o there",
    ]
    .iter()
    .map(|line| sandbox.see(line))
    .collect();
    insta::assert_snapshot!(seen);
    assert_eq!(before, sandbox.list("."));
}
