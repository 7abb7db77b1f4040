//! Files that are left out of folders of content (`exclude`): patterns as in `.gitignore`, and files
//! that version control and desktops leave behind.
//!
//! The last pattern that matches decides; one that starts with `!` keeps the file. As in Git,
//! nothing below a folder that is left out can be kept. Case does not matter, as on Windows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::Utf8Path;
use globset::{Candidate, GlobBuilder, GlobMatcher};
use serde_json::Value as Json;

use super::request::MediumRequest;
use super::tree::ListedFolder;
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::volume::{Folder, Node};

/// Names that are left out unless a pattern keeps them.
const DEFAULTS: [&str; 4] = [".git", ".DS_Store", "Thumbs.db", "desktop.ini"];

/// JSON pointer of the patterns for all folders of the medium.
const FOR_ALL: &str = "/media/exclude";

/// Patterns for one folder of content.
pub(super) struct Exclusions {
    patterns: Vec<Pattern>,
}

/// A pattern, from a manifest or a default.
struct Pattern {
    matcher: Matcher,
    keeps: bool,
    is_for_folders: bool,
    /// JSON pointer; `None` for defaults.
    pointer: Option<String>,
}

enum Matcher {
    /// Name of a file or folder.
    Name(&'static str),
    /// Pattern for the path from the folder.
    Glob(GlobMatcher),
}

/// Result of a filter.
struct Filtered<'a> {
    exclusions: &'a Exclusions,
    /// Pointers of patterns that matched.
    used: BTreeSet<String>,
    /// Number of files left out by default, by name.
    by_default: BTreeMap<&'static str, u64>,
    n_files: u64,
    bytes: u64,
}

impl Exclusions {
    /// Parses the patterns for the folder named at `pointer`. Invalid ones are reported and ignored.
    /// Defaults only apply to folders of this machine, not to those on media.
    pub fn new(request: &MediumRequest<'_>, pointer: &str, is_on_medium: bool, problems: &mut Problems) -> Self {
        let defaults = DEFAULTS.iter().filter(|_| !is_on_medium);
        let mut patterns: Vec<_> = defaults.map(|name| Pattern::by_default(name)).collect();
        let entry = pointer.rsplit_once('/').map_or("", |(entry, _)| entry);
        for list in [FOR_ALL.to_owned(), format!("{entry}/exclude")] {
            let written = request.rendered.value().pointer(&list).and_then(Json::as_array);
            for (at, text) in written.into_iter().flatten().enumerate() {
                let pointer = format!("{list}/{at}");
                match Pattern::parse(text.as_str().unwrap_or_default(), pointer.clone()) {
                    Ok(pattern) => patterns.push(pattern),
                    Err((message, help)) => {
                        problems.add(Problem::error(message).at(request.place(&pointer), "").help(help));
                    }
                }
            }
        }
        Self { patterns }
    }

    /// Returns the folder without the files that are left out, and reports them.
    pub fn apply(
        &self,
        request: &MediumRequest<'_>,
        path: &Utf8Path,
        pointer: &str,
        listed: Arc<ListedFolder>,
        problems: &mut Problems,
    ) -> Arc<ListedFolder> {
        let mut filtered =
            Filtered { exclusions: self, used: BTreeSet::new(), by_default: BTreeMap::new(), n_files: 0, bytes: 0 };
        let folder = filtered.folder(&listed.folder, &mut String::new());
        let is_kept = |entry: &Utf8Path, filtered: &mut Filtered<'_>| match entry.strip_prefix(path) {
            Ok(within) => !filtered.excludes_any_part(within.as_str()),
            Err(_) => true,
        };
        let faults = listed.faults.iter().filter(|fault| is_kept(&fault.path, &mut filtered)).cloned().collect();
        let pointers = listed.pointers.iter().filter(|file| is_kept(file, &mut filtered)).cloned().collect();
        filtered.report(request, path, pointer, problems);
        Arc::new(ListedFolder {
            folder: folder.unwrap_or_else(|| Arc::clone(&listed.folder)),
            n_files: listed.n_files - filtered.n_files,
            bytes: listed.bytes - filtered.bytes,
            faults,
            pointers,
            boot: listed.boot.clone(),
        })
    }

    /// Returns the pattern that leaves a file or folder out.
    fn find(&self, path: &str, is_folder: bool, used: &mut BTreeSet<String>) -> Option<&Pattern> {
        let candidate = Candidate::new(path);
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_match = |pattern: &Pattern| match &pattern.matcher {
            Matcher::Name(default) => default.eq_ignore_ascii_case(name),
            Matcher::Glob(glob) => glob.is_match_candidate(&candidate),
        };
        let mut last = None;
        for pattern in &self.patterns {
            if (is_folder || !pattern.is_for_folders) && is_match(pattern) {
                used.extend(pattern.pointer.clone());
                last = Some(pattern);
            }
        }
        last.filter(|pattern| !pattern.keeps)
    }
}

impl Pattern {
    fn by_default(name: &'static str) -> Self {
        Self { matcher: Matcher::Name(name), keeps: false, is_for_folders: false, pointer: None }
    }

    /// Parses the pattern at a JSON pointer. The error is a message with help.
    fn parse(text: &str, pointer: String) -> Result<Self, (String, String)> {
        let (keeps, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if rest.contains('\\') {
            let help = format!("write `{}`", text.replace('\\', "/"));
            return Err((format!("the pattern `{text}` contains backslashes"), help));
        }
        let (rest, is_for_folders) = match rest.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let is_anchored = rest.contains('/');
        let rest = rest.trim_start_matches('/');
        if rest.is_empty() {
            return Err((format!("the pattern `{text}` matches nothing"), "write a name such as `*.log`".into()));
        }
        if rest.split('/').any(|part| part == "..") {
            let help = "patterns are relative to the folder of the entry; remove `..`".into();
            return Err((format!("the pattern `{text}` leads out of the folder"), help));
        }
        let glob = if is_anchored { rest.to_owned() } else { format!("**/{rest}") };
        let glob = GlobBuilder::new(&glob).case_insensitive(true).literal_separator(true).build();
        let glob = glob.map_err(|error| {
            let help = "write `[[]` for a bracket, and `[{]` for a brace".into();
            (format!("the pattern `{text}` is invalid: {}", error.kind()), help)
        })?;
        Ok(Self { matcher: Matcher::Glob(glob.compile_matcher()), keeps, is_for_folders, pointer: Some(pointer) })
    }
}

impl Filtered<'_> {
    /// Returns a folder without the files that are left out; `None` if all stay.
    fn folder(&mut self, folder: &Folder, path: &mut String) -> Option<Arc<Folder>> {
        let mut smaller: Option<Folder> = None;
        for (name, node) in folder.iter() {
            let len = path.len();
            path.push_str(name.as_str());
            let pattern = self.exclusions.find(path, matches!(node, Node::Folder(_)), &mut self.used);
            if let Some(pattern) = pattern {
                self.leave_out(pattern.pointer.is_none(), name.as_str(), node);
                let here = smaller.get_or_insert_with(|| folder.clone());
                here.remove(name.as_str());
            } else if let Node::Folder(below) = node {
                path.push('/');
                if let Some(below) = self.folder(below, path) {
                    smaller.get_or_insert_with(|| folder.clone()).put(name.clone(), Node::Folder(below));
                }
            }
            path.truncate(len);
        }
        smaller.map(Arc::new)
    }

    fn leave_out(&mut self, is_by_default: bool, name: &str, node: &Node) {
        let mut add = |node: &Node| {
            if let Node::File(content) = node {
                self.n_files += 1;
                self.bytes += content.len();
            }
        };
        let before = match node {
            Node::File(_) => {
                add(node);
                1
            }
            Node::Folder(folder) => {
                folder.visit(&mut |_, node| add(node));
                folder.n_files()
            }
        };
        let default = DEFAULTS.iter().find(|default| default.eq_ignore_ascii_case(name)).filter(|_| is_by_default);
        if let Some(default) = default {
            *self.by_default.entry(default).or_default() += before;
        }
    }

    /// Returns `true` if an entry, or a folder that contains it, is left out.
    fn excludes_any_part(&mut self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| (at, true)).chain([(path.len(), false)]);
        let mut ends = ends.map(|(end, is_folder)| (&path[..end], is_folder));
        ends.any(|(part, is_folder)| self.exclusions.find(part, is_folder, &mut self.used).is_some())
    }

    /// Reports files left out by default, and patterns that match nothing.
    fn report(&self, request: &MediumRequest<'_>, path: &Utf8Path, pointer: &str, problems: &mut Problems) {
        if !self.by_default.is_empty() {
            let named = |(name, n_files): (&&str, &u64)| match n_files {
                1 => format!("`{name}`"),
                n_files => format!("`{name}` ({n_files} files)"),
            };
            let names: Vec<_> = self.by_default.iter().map(named).collect();
            let first = self.by_default.keys().next().copied().unwrap_or_default();
            let message = format!("left out of `{path}`: {}", names.join(", "));
            let problem = Problem::new(Rule::ExcludedByDefault, message).at(request.place(pointer), "");
            problems.add(problem.help(format!(
                "write `exclude = [\"{first}\"]` to confirm it, or `exclude = [\"!{first}\"]` to put it on the medium"
            )));
        }
        let mut all_used = request.used_exclusions.borrow_mut();
        let all_used = all_used.get_or_insert_with(BTreeSet::new);
        for pointer in self.exclusions.patterns.iter().filter_map(|pattern| pattern.pointer.as_ref()) {
            if pointer.starts_with(FOR_ALL) {
                all_used.extend(self.used.get(pointer).cloned());
            } else if !self.used.contains(pointer) {
                problems.add(unused(request, pointer, &format!("no file in `{path}`")));
            }
        }
    }
}

/// Reports patterns for all folders that match nothing on the medium.
pub(super) fn report_unused(request: &MediumRequest<'_>, problems: &mut Problems) {
    let used = request.used_exclusions.borrow();
    let Some(used) = used.as_ref() else { return };
    let n_patterns = request.rendered.value().pointer(FOR_ALL).and_then(Json::as_array).map_or(0, Vec::len);
    for pointer in (0..n_patterns).map(|at| format!("{FOR_ALL}/{at}")).filter(|pointer| !used.contains(pointer)) {
        problems.add(unused(request, &pointer, "no file on the medium"));
    }
}

fn unused(request: &MediumRequest<'_>, pointer: &str, what: &str) -> Problem {
    let text = request.rendered.value().pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    let problem = Problem::new(Rule::UnusedExclusion, format!("the pattern `{text}` matches {what}"));
    problem
        .at(request.place(pointer), "")
        .help("correct or remove it; a pattern with `/` starts at the folder of the entry")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;

    /// Returns the files of a folder that stay.
    fn kept(files: &[&str], patterns: &[&str]) -> Vec<String> {
        let mut folder = Folder::default();
        files.iter().for_each(|file| folder.insert(file, Content::bytes(*b"x")).unwrap());
        let defaults = DEFAULTS.iter().map(|name| Pattern::by_default(name));
        let parsed = patterns.iter().map(|text| Pattern::parse(text, (*text).to_owned()).ok().unwrap());
        let exclusions = Exclusions { patterns: defaults.chain(parsed).collect() };
        let mut filtered = Filtered {
            exclusions: &exclusions,
            used: BTreeSet::new(),
            by_default: BTreeMap::new(),
            n_files: 0,
            bytes: 0,
        };
        let smaller = filtered.folder(&folder, &mut String::new());
        let kept: Vec<_> = smaller.as_deref().unwrap_or(&folder).files().into_iter().map(|(path, _)| path).collect();
        assert_eq!((kept.len() as u64 + filtered.n_files, filtered.bytes), (files.len() as u64, filtered.n_files));
        for file in files {
            assert_eq!(filtered.excludes_any_part(file), !kept.contains(&(*file).to_owned()), "{file} {patterns:?}");
        }
        kept
    }

    #[test]
    fn patterns_have_the_meaning_of_gitignore() {
        let files = ["a.log", "b.txt", "logs/a.log", "logs/c.txt", "x/logs/d.txt", "x/y/z.log"];
        let kept = |patterns: &[&str]| kept(&files, patterns).join(" ");
        assert_eq!(kept(&[]), "a.log b.txt logs/a.log logs/c.txt x/logs/d.txt x/y/z.log");
        assert_eq!(kept(&["*.log"]), "b.txt logs/c.txt x/logs/d.txt");
        assert_eq!(kept(&["*.LOG"]), "b.txt logs/c.txt x/logs/d.txt");
        assert_eq!(kept(&["/*.log"]), "b.txt logs/a.log logs/c.txt x/logs/d.txt x/y/z.log");
        assert_eq!(kept(&["logs/"]), "a.log b.txt x/y/z.log");
        assert_eq!(kept(&["/logs/"]), "a.log b.txt x/logs/d.txt x/y/z.log");
        assert_eq!(kept(&["b.txt/"]), "a.log b.txt logs/a.log logs/c.txt x/logs/d.txt x/y/z.log");
        assert_eq!(kept(&["x/*.log"]), "a.log b.txt logs/a.log logs/c.txt x/logs/d.txt x/y/z.log");
        assert_eq!(kept(&["x/**/*.log"]), "a.log b.txt logs/a.log logs/c.txt x/logs/d.txt");
        assert_eq!(kept(&["x/**"]), "a.log b.txt logs/a.log logs/c.txt");
        assert_eq!(kept(&["*.log", "!a.log"]), "a.log b.txt logs/a.log logs/c.txt x/logs/d.txt");
        assert_eq!(kept(&["!a.log", "*.log"]), "b.txt logs/c.txt x/logs/d.txt");
        // Nothing below a folder that is left out can be kept.
        assert_eq!(kept(&["logs/", "!logs/a.log"]), "a.log b.txt x/y/z.log");
        assert_eq!(kept(&["logs/*", "!logs/a.log"]), "a.log b.txt logs/a.log x/logs/d.txt x/y/z.log");
        assert_eq!(kept(&["{a,z}.log", "[bc].txt"]), "x/logs/d.txt");
    }

    #[test]
    fn leftovers_are_left_out_unless_a_pattern_keeps_them() {
        let files = [".git/HEAD", ".gitignore", "a/thumbs.db", "b/.git", "desktop.ini", "setup.exe"];
        assert_eq!(kept(&files, &[]), [".gitignore", "setup.exe"]);
        assert_eq!(kept(&files, &["!desktop.ini"]), [".gitignore", "desktop.ini", "setup.exe"]);
        assert_eq!(kept(&files, &["!.git/"]), [".git/HEAD", ".gitignore", "setup.exe"]);
        assert_eq!(kept(&files, &["!a/Thumbs.db", ".gitignore"]), ["a/thumbs.db", "setup.exe"]);
    }

    #[test]
    fn invalid_patterns_are_refused() {
        for text in ["", "!", "/", "a\\b", "../a", "a/../b", "[a", "{a"] {
            let (message, help) = Pattern::parse(text, String::new()).err().unwrap_or_else(|| panic!("{text}"));
            assert!(message.contains(&format!("`{text}`")) && !help.is_empty(), "{message}: {help}");
        }
    }
}
