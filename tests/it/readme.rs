//! Every command in the README and in the guides does what it says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What stands in the README's blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    blocks_of("README.md", language)
}

/// The blocks of one language in a page.
fn blocks_of(page: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(page)).expect("the page");
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().expect("an end").to_owned()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true if ["images", "out"].iter().any(|made| entry.file_name() == *made) => {}
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("a copy")),
        }
    }
}

/// The repository's examples with their images, elsewhere.
fn clone() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().to_owned();
    copy(&Path::new(ROOT).join("examples"), &root.join("examples"));
    copy(&Path::new(ROOT).join("schemas"), &root.join("schemas"));
    let mut make = Command::new("bash");
    make.args(["examples/boot/make", "examples/images", "x64", "arm64"]).current_dir(&root);
    assert!(make.status().expect("bash").success(), "examples/boot/make failed");
    (folder, root)
}

/// Runs the tsmedia commands of a page in a folder, and returns how many there are.
fn run_commands(page: &str, root: &Path) -> usize {
    let commands: Vec<_> = blocks_of(page, "console").join("\n").lines().map(str::to_owned).collect();
    let mut n_commands = 0;
    for line in commands.iter().filter(|line| line.starts_with("tsmedia ")) {
        // Lines may send the output to a file.
        let script = format!("\"$0\" {}", line.trim_start_matches("tsmedia "));
        let mut shell = Command::new("sh");
        let ran = shell.args(["-c", &script, env!("CARGO_BIN_EXE_tsmedia")]).current_dir(root).output();
        let ran = ran.expect("tsmedia");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "`{line}` ended with {}:\n{said}", ran.status);
        n_commands += 1;
    }
    n_commands
}

#[test]
fn every_tsmedia_command_of_the_readme_does_its_work() {
    let (_folder, root) = clone();
    let n_commands = run_commands("README.md", &root);
    assert!(n_commands > 10, "only {n_commands} commands found");
}

#[test]
fn every_tsmedia_command_of_a_guide_does_its_work() {
    let guides = fs::read_dir(Path::new(ROOT).join("docs/guides")).expect("the guides");
    for guide in guides {
        let (_folder, root) = clone();
        let name = guide.expect("a guide").file_name();
        let page = Path::new("docs/guides").join(name);
        run_commands(page.to_str().expect("a name"), &root);
    }
    assert!(blocks_of("docs/guides/mdt.md", "console").len() > 3);
}

#[test]
fn the_two_set_up_commands_are_run_by_ci() {
    let ci = fs::read_to_string(Path::new(ROOT).join(".ci/run")).expect(".ci/run");
    for block in blocks("console") {
        for line in block.lines().filter(|line| line.starts_with("bash ")) {
            assert!(ci.lines().any(|run| run == line), "`{line}` is not in .ci/run");
        }
    }
}

#[test]
fn the_manifest_of_the_readme_is_a_manifest() {
    let (_folder, root) = clone();
    let manifest = blocks("toml").remove(0);
    let folder = root.join("mine");
    fs::create_dir_all(folder.join("packages/vpn")).expect("a folder");
    fs::write(folder.join("packages/vpn/setup.cmd"), "rem\n").expect("a file");
    fs::create_dir_all(folder.join("images")).expect("a folder");
    fs::copy(root.join("examples/images/x64/boot.wim"), folder.join("images/boot.wim")).expect("a copy");
    fs::write(folder.join("media.toml"), manifest).expect("a file");
    for command in ["check", "apply"] {
        let ran = Command::new(env!("CARGO_BIN_EXE_tsmedia")).arg(command).current_dir(&folder).output();
        let ran = ran.expect("tsmedia");
        assert!(ran.status.success(), "{command}:\n{}", String::from_utf8_lossy(&ran.stderr));
    }
    assert!(folder.join("out/win11-BER.iso").exists());
}
