//! The sample repository on a server, with clones of people and runners, and a transcript of what they run.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::super::project::{copy, secrets};
use crate::fixtures::boot_programs;

pub const MANIFESTS: [&str; 3] = ["media/boot/media.toml", "media/kiosk/media.toml", "media/workstation/media.toml"];

/// A server with the repository, and the clones of people and runners beside it.
pub struct Life {
    _folder: TempDir,
    root: Utf8PathBuf,
    columns: &'static str,
    /// Transcript of everything that was run.
    pub seen: String,
}

/// A clone. Only runners of the repository's own branches have secrets.
#[derive(Clone, Copy)]
pub struct Place {
    pub name: &'static str,
    pub has_secrets: bool,
}

pub const RUNNER: Place = Place { name: "runner", has_secrets: true };
pub const FORK: Place = Place { name: "fork", has_secrets: false };
pub const COLLEAGUE: Place = Place { name: "colleague", has_secrets: true };

impl Life {
    pub fn new(columns: &'static str) -> Self {
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

    pub fn path(&self, place: &str, path: &str) -> Utf8PathBuf {
        self.root.join(place).join(path)
    }

    pub fn command(&self, program: &str, place: &str) -> Command {
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

    pub fn git(&self, place: &str, arguments: &[&str]) -> String {
        let output = self.command("git", place).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn commit(&self, place: &str, message: &str) {
        self.git(place, &["add", "--all"]);
        self.git(place, &["commit", "--quiet", "--message", message]);
    }

    /// Clones the repository, and downloads the images, which Git does not have.
    pub fn clone(&self, place: Place) {
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
    pub fn run(&mut self, place: Place, line: &str) -> String {
        let manifests: Vec<_> = MANIFESTS.into_iter().filter(|it| self.path(place.name, it).exists()).collect();
        let words = line.split(' ').flat_map(|word| if word == "*" { manifests.clone() } else { vec![word] });
        let output = self.ran(place, &words.collect::<Vec<_>>());
        let shown = line.replace('*', "media/*/media.toml");
        let _ = writeln!(self.seen, "{}$ tsmedia {shown}", place.name);
        let stdout = String::from_utf8(output.stdout).unwrap();
        for (mark, text) in [('|', &stdout), ('!', &String::from_utf8(output.stderr).unwrap())] {
            for line in text.lines() {
                let line = without_digests(&line.replace(self.root.as_str(), "<folder>"));
                self.seen += format!("{mark} {line}").trim_end();
                self.seen.push('\n');
            }
        }
        let _ = writeln!(self.seen, "= {}\n", output.status.code().unwrap());
        stdout
    }

    pub fn note(&mut self, text: &str) {
        let _ = writeln!(self.seen, "# {text}\n");
    }

    pub fn edit(&self, place: Place, path: &str, old: &str, new: &str) {
        let path = self.path(place.name, path);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{path} has no `{old}`");
        fs::write(path, text.replace(old, new)).unwrap();
    }

    /// Returns `true` if nothing that Git tracks has changed.
    pub fn is_clean(&self, place: Place) -> bool {
        self.git(place.name, &["status", "--porcelain"]).is_empty()
    }
}

/// Masks the names of commits, which depend on the generated key, and digests of images, which depend on the time when
/// they were made. A line may have cut one off.
fn without_digests(line: &str) -> String {
    let is_hex = |word: &&str| word.len() >= 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = line.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_hex);
    words.fold(line.to_owned(), |masked, word| {
        masked.replace(word, if word.len() == 40 { "<commit>" } else { "<digest>" })
    })
}
