//! Finished media as projects.

use std::fs;
use std::process::Command;

use serde_json::{Value as Json, json};

use super::base::{self, write};
use super::policies;
use crate::fixtures::desk::Desk;

const PASSWORD: &str = "Zq7-base-password-44k <&>";
/// The value of a hidden variable in a task sequence.
const PLANTED: &str = "PLANTED-4c0d22e9";

/// Makes a disc of a folder with a program that is not ours.
fn burn(desk: &Desk, folder: &str, disc: &str) {
    let options = ["-quiet", "-udf", "-J", "-iso-level", "3", "-allow-limited-size", "-V", "GENUINE"];
    let boot = ["-b", "boot/etfsboot.com", "-no-emul-boot", "-o", disc, folder];
    desk.run_other("genisoimage", &[&options[..], &boot].concat());
    fs::remove_dir_all(desk.path(folder)).unwrap();
}

/// The files on a disc with their digests, as other programs read them.
fn files_on(desk: &Desk, disc: &str) -> Vec<String> {
    let folder = format!("files-of-{}", disc.replace('/', "-"));
    desk.run_other("7z", &["x", "-bd", &format!("-o{folder}"), disc]);
    let listed =
        "cd \"$1\" && find . -type f ! -path './tsmedia/*' ! -path '*[[]BOOT]*' -exec sha256sum {} + | sort -k 2";
    let listed = Command::new("sh").args(["-c", listed, "sh", &folder]).current_dir(&desk.root).output().unwrap();
    let lines = String::from_utf8(listed.stdout).unwrap();
    assert!(lines.lines().count() > 5, "{lines}");
    lines.lines().map(str::to_owned).collect()
}

/// A desk with boot files and a medium as the site makes it.
fn desk(genuine: &Json) -> Desk {
    let desk = Desk::empty();
    desk.put_boot();
    write(&desk, "genuine", genuine);
    desk
}

/// Shows the files of a project.
fn shown(desk: &Desk, paths: &[&str]) -> String {
    let text = |path: &&str| format!("--- {path}\n{}", String::from_utf8(desk.get(path)).unwrap());
    paths.iter().map(text).collect()
}

#[test]
fn a_bootable_medium_becomes_a_project_that_builds_the_same_files() {
    let desk = desk(&base::genuine());
    desk.put("genuine/extra/tool.exe", "tool");
    desk.put("genuine/efi/microsoft/boot/fonts/wgl4.ttf", "font");
    burn(&desk, "genuine", "boot BER.iso");
    let mut seen = desk.see_ran("import 'boot BER.iso'", &desk.run(&["import", "boot BER.iso"]));
    seen += &shown(&desk, &["boot BER/media.toml"]);
    desk.done(&["check", "boot BER/media.toml"]);
    desk.done(&["apply", "boot BER/media.toml"]);
    let diff = ["diff", "boot BER.iso", "boot BER/out/boot-BER.iso"];
    let compared = desk.see_ran(&diff.join(" "), &desk.run(&diff));
    // The other program dates the disc by the clock.
    let lines = compared.lines().filter(|line| !line.starts_with("| date"));
    seen += &lines.collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(seen);
    // Variables are encrypted again, and the site's writer has bytes of its own after them.
    let is_other = |line: &String| !line.ends_with("Variables.dat");
    let [old, new] = ["boot BER.iso", "boot BER/out/boot-BER.iso"].map(|disc| files_on(&desk, disc));
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
    let desk = desk(&genuine);
    desk.put("password.txt", format!("{PASSWORD}\n"));
    let mut seen = desk.see("import genuine -o closed");
    seen += &shown(&desk, &["closed/media.toml"]);
    seen += &desk.see("import genuine --password-from file:password.txt");
    seen += &shown(&desk, &["genuine-project/media.toml", "genuine-project/sequences/deploy-of-the-site.toml"]);
    seen += &desk.see("import genuine -o json --password-from file:password.txt --json");
    insta::assert_snapshot!(seen);
    let searched = ["-rl", PLANTED, ".", "--exclude-dir=genuine"];
    let kept = Command::new("grep").args(searched).current_dir(&desk.root).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "");
    let manifest = "genuine-project/media.toml";
    let text = String::from_utf8(desk.get(manifest)).unwrap();
    desk.put(manifest, text.replace("{ env = \"MEDIA_PASSWORD\" }", "{ file = \"../password.txt\" }"));
    desk.done(&["apply", manifest]);
    desk.put(
        manifest,
        String::from_utf8(desk.get(manifest)).unwrap().replace("# [task", "[task").replace("# file", "file"),
    );
    // Its sequence deploys nothing, and that is all that is wrong with it.
    let checked = String::from_utf8(desk.run(&["check", manifest]).stderr).unwrap();
    assert!(checked.contains("error[nothing-deployed]") && checked.contains("1 error"), "{checked}");
}

#[test]
fn a_disc_of_windows_becomes_a_project_that_builds_the_same_files() {
    let desk = Desk::empty();
    desk.put_boot();
    fs::rename(desk.path("boot-files"), desk.path("windows")).unwrap();
    desk.put("windows/sources/boot.wim", desk.get("images/boot.wim"));
    desk.put("windows/sources/setup.exe", "setup");
    desk.put("windows/sources/install.wim", desk.get("images/boot.wim"));
    desk.put("windows/setup.exe", "start");
    burn(&desk, "windows", "Win{{11}}.iso");
    let mut seen = desk.see("import Win{{11}}.iso -o project");
    seen += &shown(&desk, &["project/media.toml"]);
    seen += &desk.see("apply project/media.toml");
    insta::assert_snapshot!(seen);
    let [old, new] = ["Win{{11}}.iso", "project/out/Win-11.iso"].map(|disc| files_on(&desk, disc));
    let is_old = |line: &String| !line.contains(" ./SMS/") && !line.ends_with("/MediaLabel.txt");
    assert_eq!(old, new.into_iter().filter(is_old).collect::<Vec<_>>());
}

#[test]
fn a_stick_and_the_folder_of_a_kit_become_projects() {
    let desk = desk(&base::genuine());
    desk.put("stick.toml", include_str!("import/stick.toml"));
    desk.done(&["apply", "stick.toml"]);
    let mut seen = desk.see("import out/stick.img");
    seen += &shown(&desk, &["stick/media.toml"]);
    desk.done(&["apply", "stick/media.toml"]);
    seen += &desk.see("diff out/stick.img stick/out/stick.img");
    fs::rename(desk.path("boot-files"), desk.path("boot-files-of-kit")).unwrap();
    desk.run_other("cp", &["-r", "boot-files-of-kit", "amd64"]);
    fs::create_dir(desk.path("kit")).unwrap();
    fs::rename(desk.path("amd64"), desk.path("kit/Media")).unwrap();
    desk.put("kit/de-de/winpe.wim", desk.get("images/boot.wim"));
    desk.put("kit/en-us/winpe.wim", desk.get("images/boot.wim"));
    seen += &desk.see("import kit");
    seen += &shown(&desk, &["kit-project/media.toml"]);
    desk.done(&["apply", "kit-project/media.toml"]);
    insta::assert_snapshot!(seen);
}

#[test]
fn media_that_can_not_be_imported_are_refused_and_nothing_is_written() {
    let mut genuine = base::genuine();
    genuine["password"] = json!(PASSWORD);
    let desk = desk(&genuine);
    desk.put("wrong.txt", "wrong\n");
    desk.put("empty/readme.txt", "nothing that starts\n");
    desk.put("text.iso", "not a disc");
    desk.put("there/media.toml", "mine");
    let before = desk.list(".");
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
    .map(|line| desk.see(line))
    .collect();
    insta::assert_snapshot!(seen);
    assert_eq!(before, desk.list("."));
}
