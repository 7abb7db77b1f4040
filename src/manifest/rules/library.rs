//! Checks `[library]`, as far as no file is needed.

use serde_json::Value as Json;

use crate::problem::Problem;
use crate::rule::Rule;

use super::super::base;
use super::{Doc, check_paths};

const CONTENT: &str = "/library/content";
const FILES: &str = "/library/files";

pub fn check(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let n_files = doc.get(FILES).and_then(Json::as_array).map_or(0, Vec::len);
    check_paths(doc, (0..n_files).map(|index| format!("{FILES}/{index}")).collect(), problems);
    let kind = doc.str("/media/kind");
    if doc.str(CONTENT) != Some("referenced") {
        // A profile may name libraries for media of every kind.
        if n_files > 0 && matches!(kind, Some("stand-alone" | "prestaged")) {
            let problem = Problem::note("the medium takes no content from the library").at(doc.place(FILES), "");
            problems.push(problem.help("add `content = \"referenced\"` to `[library]`"));
        }
        return;
    }
    let at = |problem: Problem, words: &str| problem.at(doc.place(CONTENT), words.to_owned());
    let why = match kind {
        Some("bootable") => "they get it from the network",
        Some("capture") => "nothing is deployed",
        _ => "",
    };
    if let (Some(kind), false) = (kind, why.is_empty()) {
        let message = format!("{kind} media can't have content: {why}");
        let problem = at(Problem::new(Rule::OptionOfOtherKind, message), "").at(doc.place("/media/kind"), "the kind");
        problems.push(problem.help("remove it, or write `kind = \"stand-alone\"`"));
        return;
    }
    if n_files == 0 && !doc.spans.is_hole(FILES) {
        let problem = at(Problem::error("no library is named to take content from"), "");
        problems.push(problem.help("name its files in `[library]`: `files = [\"library.toml\"]`"));
    }
    if !doc.spans.has("/task-sequence") {
        let problem = at(Problem::error("no task sequence is named that refers to content"), "");
        problems.push(problem.help(match base::is_present(doc) {
            true => {
                "name a sequence file in `[task-sequence]`, or list the content; the task sequence of the base is \
                     not read"
            }
            false => "name a sequence file in `[task-sequence]`",
        }));
    }
}
