//! The sample repository through its life: what its pipelines run, and what people see in 80 and 120 columns.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::project::{copy, secrets};
use crate::fixtures::boot_programs;

const MANIFESTS: [&str; 3] = ["media/boot/media.toml", "media/kiosk/media.toml", "media/workstation/media.toml"];

/// A server with the repository, and the clones of people and runners beside it.
struct Life {
    _folder: TempDir,
    root: Utf8PathBuf,
    columns: &'static str,
    /// Transcript of everything that was run.
    seen: String,
}

/// A clone. Only runners of the repository's own branches have secrets.
#[derive(Clone, Copy)]
struct Place {
    name: &'static str,
    has_secrets: bool,
}

const RUNNER: Place = Place { name: "runner", has_secrets: true };
const FORK: Place = Place { name: "fork", has_secrets: false };
const COLLEAGUE: Place = Place { name: "colleague", has_secrets: true };

impl Life {
    fn new(columns: &'static str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = Utf8PathBuf::try_from(folder.path().canonicalize().unwrap()).unwrap();
        let life = Self { _folder: folder, root, columns, seen: String::new() };
        let sample = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/repository");
        copy(&sample, &life.root);
        fs::rename(life.root.join("repository"), life.root.join("first")).unwrap();
        // Git ignores the other files that a build leaves there.
        for manifest in MANIFESTS {
            let _ = fs::remove_file(life.path("first", &manifest.replace("media.toml", "media.record.json")));
        }
        life.git("first", &["init", "--quiet", "--initial-branch=main"]);
        life.commit("first", "Start");
        life.git("first", &["clone", "--quiet", "--bare", ".", "../server"]);
        life
    }

    fn path(&self, place: &str, path: &str) -> Utf8PathBuf {
        self.root.join(place).join(path)
    }

    fn command(&self, program: &str, place: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root.join(place)).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", &self.root).env("LANG", "C.UTF-8");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("COLUMNS", self.columns);
        for person in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{person}_NAME"), "Kim").env(format!("GIT_{person}_EMAIL"), "kim@example.com");
            command.env(format!("GIT_{person}_DATE"), "2026-03-01T12:00:00Z");
        }
        command
    }

    fn git(&self, place: &str, arguments: &[&str]) -> String {
        let output = self.command("git", place).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn commit(&self, place: &str, message: &str) {
        self.git(place, &["add", "--all"]);
        self.git(place, &["commit", "--quiet", "--message", message]);
    }

    /// Clones the repository, and downloads the images, which Git does not have.
    fn clone(&self, place: Place) {
        self.git("first", &["clone", "--quiet", "../server", &format!("../{}", place.name)]);
        copy(boot_programs::made(), &self.root.join(place.name));
        let made = boot_programs::made().file_name().unwrap();
        fs::rename(self.path(place.name, made), self.path(place.name, "images")).unwrap();
    }

    fn ran(&self, place: Place, arguments: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_tsmedia"), place.name);
        if place.has_secrets {
            command.envs(secrets());
        }
        command.args(arguments).output().unwrap()
    }

    /// Runs tsmedia, and adds the output to the transcript. `*` stands for all manifests.
    fn run(&mut self, place: Place, line: &str) -> String {
        let manifests: Vec<_> = MANIFESTS.into_iter().filter(|it| self.path(place.name, it).exists()).collect();
        let words = line.split(' ').flat_map(|word| if word == "*" { manifests.clone() } else { vec![word] });
        let output = self.ran(place, &words.collect::<Vec<_>>());
        let shown = line.replace('*', "media/*/media.toml");
        let _ = writeln!(self.seen, "{}$ tsmedia {shown}", place.name);
        let stdout = String::from_utf8(output.stdout).unwrap();
        for (mark, text) in [('|', &stdout), ('!', &String::from_utf8(output.stderr).unwrap())] {
            for line in text.lines() {
                let line = without_commits(&line.replace(self.root.as_str(), "<folder>"));
                self.seen += format!("{mark} {line}").trim_end();
                self.seen.push('\n');
            }
        }
        let _ = writeln!(self.seen, "= {}\n", output.status.code().unwrap());
        stdout
    }

    fn note(&mut self, text: &str) {
        let _ = writeln!(self.seen, "# {text}\n");
    }

    fn edit(&self, place: Place, path: &str, old: &str, new: &str) {
        let path = self.path(place.name, path);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{path} has no `{old}`");
        fs::write(path, text.replace(old, new)).unwrap();
    }

    /// Returns `true` if nothing that Git tracks has changed.
    fn is_clean(&self, place: Place) -> bool {
        self.git(place.name, &["status", "--porcelain"]).is_empty()
    }
}

/// Masks the names of commits, which depend on the generated key.
fn without_commits(line: &str) -> String {
    let is_name = |word: &str| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = line.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| is_name(word));
    name.map_or_else(|| line.to_owned(), |name| line.replace(name, "<commit>"))
}

fn lead_its_life(columns: &'static str) -> String {
    let mut life = Life::new(columns);

    life.note("The first build: media are made, and their records committed.");
    life.clone(RUNNER);
    life.run(RUNNER, "check --format github *");
    life.run(RUNNER, "apply --yes *");
    life.commit(RUNNER.name, "Build media");
    life.git(RUNNER.name, &["push", "--quiet"]);
    life.run(RUNNER, "plan *");

    life.note("A pull request from a fork, without secrets and without media.");
    life.clone(FORK);
    life.git(FORK.name, &["switch", "--quiet", "--create", "vpn"]);
    life.edit(FORK, "packages/vpn/vpn.conf", "vpn.ber", "vpn2.ber");
    life.commit(FORK.name, "Use the new VPN server");
    life.run(FORK, "check --format github *");
    life.run(FORK, "plan --base origin/main --without-secrets *");
    life.run(FORK, "plan --base origin/main --without-secrets --format markdown *");
    life.git(FORK.name, &["push", "--quiet", "origin", "vpn:main"]);

    life.note("The merge: only the media with the package are patched.");
    life.git(RUNNER.name, &["pull", "--quiet"]);
    life.run(RUNNER, "apply --yes *");
    life.commit(RUNNER.name, "Build media");
    life.git(RUNNER.name, &["push", "--quiet"]);

    life.note("Drift: someone else wrote to a medium.");
    let medium = life.path(RUNNER.name, "media/workstation/out/workstation-BER.iso");
    let mut bytes = fs::read(&medium).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0xff;
    fs::write(&medium, bytes).unwrap();
    life.run(RUNNER, "plan --detailed-exitcode *");
    life.run(RUNNER, "apply --yes *");
    assert!(life.is_clean(RUNNER), "records changed although media are as before");

    life.note("A colleague builds everything anew: records stay as they are.");
    life.clone(COLLEAGUE);
    life.run(COLLEAGUE, "apply --yes *");
    assert!(life.is_clean(COLLEAGUE), "records changed on another machine");
    for path in ["boot/out/boot-BER.iso", "kiosk/out/kiosk-NYC.wim", "workstation/out/workstation-NYC.iso"] {
        let [one, other] =
            [RUNNER, COLLEAGUE].map(|place| fs::read(life.path(place.name, "media").join(path)).unwrap());
        assert!(one == other, "{path} differs between machines");
    }

    life.note("A site gets another name.");
    life.edit(COLLEAGUE, "profiles/company.toml", "\"NYC\"", "\"BOS\"");
    life.run(COLLEAGUE, "plan --base origin/main *");
    life.run(COLLEAGUE, "apply --yes *");
    life.commit(COLLEAGUE.name, "Move New York to Boston");

    life.note("A medium is no longer needed.");
    life.run(COLLEAGUE, "destroy --yes media/kiosk/media.toml");
    life.git(COLLEAGUE.name, &["rm", "--quiet", "-r", "--force", "media/kiosk"]);
    life.commit(COLLEAGUE.name, "Remove the kiosk medium");
    life.run(COLLEAGUE, "plan --base origin/main *");

    life.note("Meanwhile the runner has built another change: the records conflict.");
    life.edit(RUNNER, "packages/editor/setup.cmd", "installs nothing", "still installs nothing");
    life.run(RUNNER, "apply --yes *");
    life.commit(RUNNER.name, "Change the editor");
    life.git(RUNNER.name, &["push", "--quiet"]);
    life.git(COLLEAGUE.name, &["fetch", "--quiet"]);
    let merged = life.command("git", COLLEAGUE.name).args(["merge", "--quiet", "origin/main"]).output().unwrap();
    assert!(!merged.status.success(), "the merge has no conflict");
    life.run(COLLEAGUE, "check *");
    life.run(COLLEAGUE, "plan *");
    life.run(COLLEAGUE, "apply --yes *");
    life.run(COLLEAGUE, "plan *");
    let record = fs::read_to_string(life.path(COLLEAGUE.name, "media/workstation/media.record.json")).unwrap();
    assert!(!record.contains("<<<<<<<"), "{record}");
    life.seen
}

#[test]
fn the_sample_repository_leads_its_life() {
    insta::assert_snapshot!("repository_in_80_columns", lead_its_life("80"));
    insta::assert_snapshot!("repository_in_120_columns", lead_its_life("120"));
}

/// Runs the script of the GitHub action, with a `gh` that notes what it is asked for and knows the given comment.
fn action(life: &Life, place: Place, comment: &str) -> (String, String) {
    let folder = life.path("bin", "");
    fs::create_dir_all(&folder).unwrap();
    let calls = life.path("bin", "calls");
    let gh = format!("#!/bin/sh\necho \"gh $*\" >> {calls}\ncase \"$*\" in *--jq*) echo '{comment}' ;; esac\n");
    fs::write(folder.join("gh"), gh).unwrap();
    fs::set_permissions(folder.join("gh"), fs::Permissions::from_mode(0o755)).unwrap();
    let program = Utf8Path::new(env!("CARGO_BIN_EXE_tsmedia")).parent().unwrap();
    let mut command = life.command("bash", place.name);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/.github/actions/tsmedia/run"));
    command.env("PATH", format!("{folder}:{program}:{}", std::env::var("PATH").unwrap()));
    command.env("COMMAND", "plan").env("MANIFESTS", "media/*/media.toml").env("BASE", "origin/main");
    command.env("WITH_SECRETS", "false").env("PULL_REQUEST", "7").env("GH_TOKEN", "token");
    command.env("GITHUB_REPOSITORY", "example/media").env("GITHUB_STEP_SUMMARY", life.path("bin", "summary"));
    command.env("GITHUB_OUTPUT", life.path("bin", "output"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| fs::read_to_string(life.path("bin", name)).unwrap_or_default();
    let seen = (read("calls"), read("output"));
    fs::remove_dir_all(folder).unwrap();
    seen
}

#[test]
fn the_github_action_keeps_one_comment_up_to_date() {
    let life = Life::new("80");
    life.clone(FORK);
    // Without a change, there is nothing to say, unless an earlier comment says something else.
    let (calls, output) = action(&life, FORK, "");
    assert_eq!((calls.lines().count(), output.as_str()), (1, "changed=false\n"), "{calls}");
    let (calls, _) = action(&life, FORK, "4711");
    assert!(calls.contains("--method PATCH repos/example/media/issues/comments/4711"), "{calls}");
    life.edit(FORK, "packages/vpn/vpn.conf", "vpn.ber", "vpn2.ber");
    let (calls, output) = action(&life, FORK, "");
    assert!(calls.ends_with("repos/example/media/issues/7/comments --field body=@plan.md\n"), "{calls}");
    assert_eq!(output, "changed=true\n");
    let (calls, _) = action(&life, FORK, "4711");
    assert!(calls.contains("--method PATCH repos/example/media/issues/comments/4711"), "{calls}");
}
