//! Reads the commit that a change is compared with from Git.
//!
//! Paths from Git are checked before they are used. Filters run, such as the conversion of line endings: they are part
//! of the user's own configuration. Git LFS only writes pointers.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::error::{Error, Result};
use crate::git::{self, run, run_with};
use crate::shell;

/// Mode of a submodule.
const SUBMODULE: &str = "160000";
/// Mode of a symbolic link.
const LINK: &str = "120000";
/// Mode of a path that does not exist.
const NO_FILE: &str = "000000";

/// Git repository with a work tree.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    /// Root of the work tree, with links resolved.
    pub(super) top: Utf8PathBuf,
}

/// File of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CommittedFile {
    mode: String,
    object: String,
}

/// Differences between a commit and the work tree, by path from the root of the work tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Changed paths, with the file of the commit. `None` if the commit has no such file.
    pub(super) files: BTreeMap<Utf8PathBuf, Option<CommittedFile>>,
    /// Changed submodules.
    pub(super) submodules: Vec<Utf8PathBuf>,
}

impl Repository {
    /// Finds the repository that contains a folder.
    pub(super) fn containing(folder: &Utf8Path) -> Result<Self> {
        let found = run(&mut git::command(folder, &["rev-parse", "--show-toplevel"]))?;
        let top = text(&found).trim_end_matches('\n').to_owned();
        if !found.status.success() || top.is_empty() {
            let folder = if folder == "" { Utf8Path::new(".") } else { folder };
            return Err(failure(&format!("`{folder}` is not in the work tree of a Git repository"), &found)
                .help("`--base` compares with a commit: run it in a clone of the repository"));
        }
        let top = Utf8Path::new(&top);
        let top = top.canonicalize_utf8().map_err(|error| Error::io("finding", top, error))?;
        Ok(Self { top })
    }

    fn git(&self, arguments: &[&str]) -> Command {
        git::command(&self.top, arguments)
    }

    /// Returns the merge base of a reference and the current commit: the state before the change, as in
    /// `git diff REFERENCE...`.
    pub(super) fn merge_base(&self, reference: &str) -> Result<String> {
        let commit = match reference.starts_with('-') {
            // Git would take it for an option.
            true => None,
            false => {
                let name = format!("{reference}^{{commit}}");
                let found = run(&mut self.git(&["rev-parse", "--verify", "--quiet", &name]))?;
                found.status.success().then(|| text(&found).trim().to_owned())
            }
        };
        let Some(commit) = commit else {
            let error = Error::new(format!("`{reference}` is not a commit of this clone"));
            return Err(match reference.strip_prefix("origin/") {
                Some(branch) => error.help(format!(
                    "fetch it: `git fetch origin {}`; in GitHub Actions, set `fetch-depth: 0` for `actions/checkout`",
                    shell::quote(branch)
                )),
                None => error.help("name a branch, such as `origin/main`, a tag or a commit"),
            });
        };
        let found = run(&mut self.git(&["merge-base", &commit, "HEAD"]))?;
        let base = text(&found).trim().to_owned();
        if found.status.success() && !base.is_empty() {
            return Ok(base);
        }
        let error = failure(&format!("`{reference}` and the current commit have no common ancestor"), &found);
        Err(match text(&run(&mut self.git(&["rev-parse", "--is-shallow-repository"]))?).trim() {
            "true" => error.help(
                "this clone is shallow: run `git fetch --unshallow`, or `git fetch --depth=100 origin` if that is \
                 enough; in GitHub Actions, set `fetch-depth: 0` for `actions/checkout`",
            ),
            _ => error.help("name the branch that the change will be merged into"),
        })
    }

    /// Lists the differences between a commit and the work tree.
    pub(super) fn changes_since(&self, commit: &str) -> Result<Changes> {
        let mut command = self.git(&[
            "diff",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=dirty",
            commit,
            "--",
        ]);
        let found = run(&mut command)?;
        match found.status.success() {
            true => parse_changes(&found.stdout),
            false => Err(failure(&format!("listing the changes since {commit}"), &found)),
        }
    }

    /// Lists the folders of the work tree that hold files with paths in them, such as manifests, or symbolic links. The
    /// parent of such a folder counts too, if it is reached from it by `..`.
    pub(super) fn linked_folders(&self) -> Result<BTreeSet<Utf8PathBuf>> {
        let found = run(&mut self.git(&["ls-files", "--stage", "-z"]))?;
        if !found.status.success() {
            return Err(failure("listing the files of the repository", &found));
        }
        let mut folders = BTreeSet::new();
        for line in found.stdout.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let line = std::str::from_utf8(line).map_err(|_| not_utf8(line))?;
            let Some((head, path)) = line.split_once('\t') else { return Err(unknown(line)) };
            let path = checked(path)?;
            let has_paths = matches!(path.extension(), Some("toml" | "json"));
            if has_paths || head.starts_with(LINK) {
                folders.extend(path.parent().map(Utf8Path::to_owned));
            }
        }
        Ok(folders)
    }

    /// Writes files of a commit below an empty folder, as a checkout would.
    pub(super) fn check_out<'a>(
        &self,
        files: impl Iterator<Item = (&'a Utf8Path, &'a CommittedFile)>,
        folder: &Utf8Path,
        index: &Utf8Path,
    ) -> Result<()> {
        let mut lines = Vec::new();
        for (path, CommittedFile { mode, object }) in files {
            lines.extend(format!("{mode} {object}\t{path}\0").into_bytes());
        }
        let mut command = self.git(&["update-index", "-z", "--index-info"]);
        let made = run_with(command.env("GIT_INDEX_FILE", index), lines)?;
        if !made.status.success() {
            return Err(failure("preparing the files of the base", &made));
        }
        let prefix = format!("--prefix={folder}/");
        let mut command = self.git(&["checkout-index", "--all", "--quiet", &prefix]);
        // Without an index, Git reads the attributes of the work tree.
        let made = run(command.env("GIT_INDEX_FILE", index).env("GIT_LFS_SKIP_SMUDGE", "1"))?;
        match made.status.success() {
            true => Ok(()),
            false => Err(failure("writing the files of the base", &made)
                .help("in a partial clone, Git must be able to fetch missing objects")),
        }
    }

    /// Returns the folder of the Git LFS objects of this clone, if there is one.
    pub(super) fn large_file_store(&self) -> Option<Utf8PathBuf> {
        let found = run(&mut self.git(&["rev-parse", "--git-common-dir"])).ok()?;
        let folder = self.top.join(text(&found).trim_end_matches('\n')).join("lfs/objects");
        folder.canonicalize_utf8().ok()
    }
}

/// Returns an error with the last line that Git printed.
fn failure(message: &str, output: &Output) -> Error {
    let printed = String::from_utf8_lossy(&output.stderr);
    match printed.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => Error::new(message).because(Error::new(format!("git: {line}"))),
        None => Error::new(message),
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Parses the output of `git diff --raw -z`.
fn parse_changes(printed: &[u8]) -> Result<Changes> {
    let mut changes = Changes::default();
    let mut fields = printed.split(|byte| *byte == 0);
    while let Some(head) = fields.next().filter(|head| !head.is_empty()) {
        let head = String::from_utf8_lossy(head).into_owned();
        let words: Vec<_> = head.trim_start_matches(':').split(' ').collect();
        let ([old_mode, new_mode, object, ..], Some(path)) = (&words[..], fields.next()) else {
            return Err(unknown(&head));
        };
        let path = checked(std::str::from_utf8(path).map_err(|_| not_utf8(path))?)?;
        if [*old_mode, *new_mode].contains(&SUBMODULE) {
            changes.submodules.push(path);
            continue;
        }
        let is_there = *old_mode != NO_FILE;
        let file = is_there.then(|| CommittedFile { mode: (*old_mode).into(), object: (*object).into() });
        changes.files.insert(path, file);
    }
    Ok(changes)
}

/// Returns a path from Git, which must stay below the root of the work tree and outside of `.git`.
fn checked(path: &str) -> Result<Utf8PathBuf> {
    let is_name = |part: Utf8Component| match part {
        Utf8Component::Normal(name) => !name.eq_ignore_ascii_case(".git"),
        _ => false,
    };
    match !path.is_empty() && Utf8Path::new(path).components().all(is_name) {
        true => Ok(Utf8PathBuf::from(path)),
        false => Err(Error::new(format!("the repository has a file with the path `{path}`, which is not allowed"))),
    }
}

fn not_utf8(path: &[u8]) -> Error {
    Error::new(format!("the name of `{}` is not UTF-8", String::from_utf8_lossy(path))).help("rename it")
}

fn unknown(line: &str) -> Error {
    Error::new(format!("git printed a line of an unknown form: `{line}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_parsed_with_the_file_of_the_commit() {
        let [old, none] = ["1".repeat(40), "0".repeat(40)];
        let printed = format!(
            ":100644 100644 {old} {none} M\0a b\nc\0:000000 100644 {none} {old} A\0new\0:120000 000000 {old} {none} D\0l\0\
             :160000 160000 {old} {none} M\0module\0"
        );
        let changes = parse_changes(printed.as_bytes()).unwrap();
        let file = |mode: &str| Some(CommittedFile { mode: mode.into(), object: old.clone() });
        let expected = [("a b\nc", file("100644")), ("l", file("120000")), ("new", None)];
        assert_eq!(changes.files, expected.map(|(path, file)| (path.into(), file)).into());
        assert_eq!(changes.submodules, ["module"]);
        assert!(parse_changes(b":100644 M\0").is_err());
    }

    #[test]
    fn paths_that_lead_out_of_the_work_tree_are_refused() {
        for path in ["", "/etc/passwd", "..", "a/../../b", "a/.git/config", ".GIT/hooks/x", "./a"] {
            assert!(checked(path).is_err(), "{path}");
        }
        assert_eq!(checked("a/.gitattributes").unwrap(), "a/.gitattributes");
        assert!(parse_changes(b":1 2 3 4 M\0../x\0").is_err());
    }
}
