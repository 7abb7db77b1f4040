//! Runs the commands of pages in order, and compares what they print with what the pages show.

use std::collections::BTreeMap;
use std::fs::{self, FileTimes};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::page::{Block, Page, Part, ROOT};

/// Folder that outputs show in place of the temporary one.
const SHOWN_ROOT: &str = "/home/you";

/// Commands that are shown and not run, with the reason.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("docs/guides/capture.md", "tsmedia capture reference.qcow2", "needs the disk of a virtual machine"),
    ("docs/guides/gitops.md", "tsmedia", "a pipeline for a manifest of the reader's, whose commands run above it"),
    ("docs/guides/import.md", "tsmedia import genuine/deploy.iso", "needs a medium of a site"),
    ("docs/guides/patching.md", "tsmedia watch", "runs until Ctrl-C"),
    ("docs/guides/usb-sticks.md", "tsmedia write out/win11-BER.img /dev/sdb", "needs a stick"),
    ("docs/tutorial.md", "tsmedia write out/win11-ABC.img /dev/sdb", "needs a stick"),
];

/// A folder like a clone of the repository in which a user of tsmedia has built the example images.
struct Workplace {
    root: PathBuf,
    /// Variables and current folder of the shell between commands.
    state: PathBuf,
    _temporary: TempDir,
}

struct Outcome {
    output: String,
    success: bool,
}

impl Workplace {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let (root, state) = (temporary.path().join("you"), temporary.path().join("state"));
        fs::create_dir_all(state.join("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_tsmedia"), state.join("bin/tsmedia")).unwrap();
        copy(clone_with_images(), &root);
        fs::write(state.join("folder"), root.to_str().unwrap()).unwrap();
        fs::write(state.join("variables"), "").unwrap();
        Self { root, state, _temporary: temporary }
    }

    /// Runs a command in the folder and with the variables that the previous one left.
    fn run(&self, command: &str) -> Outcome {
        // One shell for all commands would need a way to tell their outputs apart; so its state is saved and loaded.
        const SCRIPT: &str = r#"exec 2>&1
cd "$(cat "$0/folder")" && . "$0/variables" && eval "$1"
code=$?
export -p >"$0/variables"
pwd >"$0/folder"
exit $code"#;
        let path = format!("{}/bin:{}", self.state.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("bash");
        shell.env_clear().env("PATH", path).env("HOME", &self.root).env("LANG", "C.UTF-8").env("TZ", "UTC");
        let ran = shell.args(["-c", SCRIPT, self.state.to_str().unwrap(), command]).output().unwrap();
        let output = String::from_utf8_lossy(&ran.stdout).replace(self.root.to_str().unwrap(), SHOWN_ROOT);
        Outcome { output, success: ran.status.success() }
    }

    fn write(&self, path: &str, text: &str) {
        let folder = fs::read_to_string(self.state.join("folder")).unwrap();
        let path = Path::new(folder.trim_end()).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// The examples with their images, and the schemas; made once.
fn clone_with_images() -> &'static Path {
    static CLONE: OnceLock<TempDir> = OnceLock::new();
    let clone = CLONE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for part in ["examples", "schemas"] {
            copy(&Path::new(ROOT).join(part), &folder.path().join(part));
        }
        let mut make = Command::new("bash");
        make.args(["examples/boot/make", "examples/images", "x64", "arm64"]).current_dir(&folder);
        assert!(make.status().unwrap().success(), "examples/boot/make failed");
        folder
    });
    clone.path()
}

/// Copies a folder without what building the examples leaves there. All files and folders get one time, because sizes of
/// captures depend on times.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            let is_built = from.starts_with(ROOT) && (name == "images" || name == "out" || name == ".tsmedia");
            if !is_built {
                copy(&entry.path(), &target);
            }
        } else if !(from.starts_with(ROOT) && name == "media.record.json") {
            fs::copy(entry.path(), &target).unwrap();
            settle(&target);
        }
    }
    settle(to);
}

/// Sets the times of a file or folder to 2026-01-01.
fn settle(path: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    fs::File::open(path).unwrap().set_times(FileTimes::new().set_accessed(time).set_modified(time)).unwrap();
}

/// A command of a console block.
struct Step {
    command: String,
    /// Lines of the block that the page shows as output; `None` if it shows none at all.
    output: Option<std::ops::Range<usize>>,
}

/// Splits a console block into commands.
fn steps(block: &Block) -> Vec<Step> {
    let (mut steps, mut n) = (Vec::<Step>::new(), 0);
    while n < block.lines.len() {
        let line = &block.lines[n];
        let (command, is_prompt) = match line.strip_prefix("$ ") {
            Some(command) => (command, true),
            None => (line.as_str(), false),
        };
        let previous_shows_output = steps.last().is_some_and(|step| step.output.is_some());
        if !is_prompt && (previous_shows_output || !command.starts_with("tsmedia ")) {
            if let Some(Step { output: Some(output), .. }) = steps.last_mut() {
                output.end = n + 1;
            }
            n += 1;
            continue;
        }
        let mut command = command.to_owned();
        n += 1;
        while command.ends_with('\\') && n < block.lines.len() {
            command.truncate(command.len() - 1);
            command += block.lines[n].trim_start();
            n += 1;
        }
        steps.push(Step { command, output: is_prompt.then_some(n..n) });
    }
    steps
}

/// A page whose commands are run.
struct Run<'a> {
    page: &'a Page,
    workplace: Workplace,
    failures: Vec<String>,
    /// Outputs that the page shows differently.
    differences: Vec<String>,
    /// Real outputs that differ, by the first line that they replace, with the line after the last.
    replaced: BTreeMap<usize, (usize, String)>,
}

impl<'a> Run<'a> {
    fn new(page: &'a Page) -> Self {
        let (failures, differences, replaced) = Default::default();
        Self { page, workplace: Workplace::new(), failures, differences, replaced }
    }

    fn run(&mut self) {
        for part in self.page.parts() {
            match part {
                Part::Run(command) => {
                    self.run_command(&command, false);
                }
                Part::Block(block) => {
                    self.write_file(&block);
                    if block.language() == "console" {
                        self.run_block(&block);
                    }
                }
            }
        }
    }

    /// Runs a command that must succeed or must fail, and returns its output.
    fn run_command(&mut self, command: &str, must_fail: bool) -> String {
        let ran = self.workplace.run(command);
        if ran.success == must_fail {
            let ended = if must_fail { "succeeded" } else { "failed" };
            self.failures.push(format!("{}: `{command}` {ended}:\n{}", self.page.path, ran.output));
        }
        ran.output
    }

    fn write_file(&mut self, block: &Block) {
        let Some(path) = &block.file else { return };
        self.workplace.write(path, &block.text());
        let has_key = |key| block.lines.iter().any(|line| line.starts_with(key));
        if has_key("manifest-version") || has_key("sequence-version") {
            self.run_command(&format!("tsmedia check {path}"), block.has_mistakes);
        }
    }

    fn run_block(&mut self, block: &Block) {
        for step in steps(block) {
            let output = self.run_command(&step.command, block.info == "console fails");
            let Some(shown) = step.output else { continue };
            let (start, end) = (block.start + shown.start, block.start + shown.end);
            let real: String = output.trim_end().lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
            let shown: String = block.lines[shown].iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            if real != shown {
                let (path, command) = (&self.page.path, &step.command);
                self.differences.push(format!("{path}: `{command}` prints\n{real}\nand the page shows\n{shown}"));
                self.replaced.insert(start, (end, real));
            }
        }
    }
}

/// Replaces ranges of lines, given by their start.
fn with_outputs(text: &str, replaced: &BTreeMap<usize, (usize, String)>) -> String {
    let (mut new, mut skip_to) = (String::new(), 0);
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for n in 0..=lines.len() {
        if let Some((end, output)) = replaced.get(&n) {
            new += output;
            skip_to = *end;
        }
        if n >= skip_to && n < lines.len() {
            new += lines[n];
        }
    }
    new
}

fn assert_pages_run(pages: &[Page]) {
    let is_update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for page in pages {
        let mut run = Run::new(page);
        run.run();
        wrong.extend(run.failures);
        if !is_update {
            wrong.extend(run.differences);
        } else if !run.replaced.is_empty() {
            fs::write(Path::new(ROOT).join(&page.path), with_outputs(&page.text, &run.replaced)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "UPDATE=1 rewrites outputs.\n\n{}", wrong.join("\n\n"));
}

/// The pages of one group, so that the test runner can run groups at the same time.
fn pages(is_in_group: impl Fn(&str) -> bool) -> Vec<Page> {
    Page::written().into_iter().filter(|page| is_in_group(&page.path)).collect()
}

#[test]
fn commands_of_guides_a_to_m_print_what_is_shown() {
    assert_pages_run(&pages(|path| path.strip_prefix("docs/guides/").is_some_and(|name| name < "n")));
}

#[test]
fn commands_of_guides_n_to_z_print_what_is_shown() {
    assert_pages_run(&pages(|path| path.strip_prefix("docs/guides/").is_some_and(|name| name >= "n")));
}

#[test]
fn commands_of_the_readme_and_all_other_pages_print_what_is_shown() {
    assert_pages_run(&pages(|path| !path.starts_with("docs/guides/")));
}

#[test]
fn commands_that_are_not_run_are_listed_with_a_reason() {
    for page in Page::written() {
        for block in page.blocks().iter().filter(|block| !["console", "text"].contains(&block.language())) {
            for line in block.lines.iter().filter(|line| line.contains("tsmedia ")) {
                let is_listed = |(path, part, _): &(&str, &str, &str)| page.path == *path && line.contains(part);
                assert!(NOT_RUN.iter().any(is_listed), "{}: `{line}` is not run, and not in NOT_RUN", page.path);
            }
        }
    }
    for (path, part, reason) in NOT_RUN {
        let blocks = Page::read(path).blocks();
        let is_there = blocks.iter().any(|block| block.lines.iter().any(|line| line.contains(part)));
        assert!(is_there, "{path} doesn't show `{part}` ({reason}); remove it from NOT_RUN");
    }
}

#[test]
fn ci_runs_the_two_set_up_commands_of_the_readme() {
    let ci = fs::read_to_string(Path::new(ROOT).join(".ci/run")).unwrap();
    let blocks = Page::read("README.md").blocks();
    let lines = blocks.iter().filter(|block| block.language() == "console").flat_map(|block| &block.lines);
    let bash: Vec<_> = lines.filter(|line| line.starts_with("bash ")).collect();
    assert_eq!(bash, ["bash examples/run", "bash tests/run"]);
    for command in bash {
        assert!(ci.lines().any(|run| run == command), "`{command}` is not in .ci/run");
    }
}
