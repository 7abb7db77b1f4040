//! What is wrong with `[library]` as far as no file is needed.

use serde_json::Value as Json;

use crate::problem::Problem;
use crate::rule::Rule;

use super::super::base;
use super::{Doc, paths};

const CONTENT: &str = "/library/content";
const FILES: &str = "/library/files";

pub fn check(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let n_files = doc.get(FILES).and_then(Json::as_array).map_or(0, Vec::len);
    paths(doc, (0..n_files).map(|index| format!("{FILES}/{index}")).collect(), problems);
    let kind = doc.str("/media/kind");
    if doc.str(CONTENT) != Some("referenced") {
        // A profile may name the library for media of every kind.
        if n_files > 0 && matches!(kind, Some("stand-alone" | "prestaged")) {
            let problem = Problem::note("the medium takes nothing from the library").at(doc.place(FILES), "");
            problems.push(problem.help("add `content = \"referenced\"` to `[library]`"));
        }
        return;
    }
    let at = |problem: Problem, words: &str| problem.at(doc.place(CONTENT), words.to_owned());
    let why = match kind {
        Some("bootable") => "it comes from the network",
        Some("capture") => "they deploy nothing",
        _ => "",
    };
    if let (Some(kind), false) = (kind, why.is_empty()) {
        let message = format!("{kind} media carry no content: {why}");
        let problem = at(Problem::new(Rule::OptionOfOtherKind, message), "").at(doc.place("/media/kind"), "the kind");
        problems.push(problem.help("leave it out, or make the medium `stand-alone`"));
        return;
    }
    if n_files == 0 && !doc.spans.is_hole(FILES) {
        let problem = at(Problem::error("there is no library to take content from"), "");
        problems.push(problem.help("name its files in `[library]`: `files = [\"library.toml\"]`"));
    }
    if !doc.spans.has("/task-sequence") {
        let problem = at(Problem::error("there is no task sequence that refers to content"), "");
        problems.push(problem.help(match base::is_named(doc) {
            true => "that of the base is not read: name a sequence file in `[task-sequence]`, or list the content",
            false => "name a sequence file in `[task-sequence]`",
        }));
    }
}
