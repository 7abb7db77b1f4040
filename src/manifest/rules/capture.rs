//! What is wrong with a `[capture]` table as far as no source is needed.

use crate::format::wim::capture::{Packing, fits_name, fitting_name};
use crate::manifest::Compression;
use crate::manifest::model::{NONE, WINDOWS};
use crate::problem::{Place, Problem};
use crate::rule::Rule;
use authoring::suggestions::shorten;

use super::{Doc, dotted, paths, present, source_date};

/// What the images say of themselves: how many characters that may have (R91).
const WORDS: [(&str, usize); 3] =
    [("/capture/description", 255), ("/capture/created-by", 255), ("/capture/version", 32)];

pub fn check(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    source_date(doc, "/capture/source-date", problems);
    words(doc, problems);
    name(doc, problems);
    sources(doc, problems);
    let sources = present(doc, "capture/source").into_iter().map(|(pointer, _)| format!("{pointer}/path"));
    let mut pointers: Vec<_> = sources.collect();
    pointers.extend(["/capture/path", "/capture/update-from"].map(Into::into));
    pointers.extend(references(doc));
    if !doc.str("/capture/exclusions").is_some_and(|text| [WINDOWS, NONE].contains(&text)) {
        pointers.push("/capture/exclusions".into());
    }
    paths(doc, pointers, problems);
}

/// What the images say of themselves.
fn words(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    for (pointer, max) in WORDS {
        let name = dotted(pointer);
        let Some(text) = doc.str(pointer) else { continue };
        let problem = |message: String| Problem::new(Rule::InvalidImageDescription, message).at(doc.place(pointer), "");
        let n_chars = text.chars().count();
        if n_chars > max {
            let found = problem(format!("`{name}` has {n_chars} characters, and may have {max}"));
            problems.push(found.help(shorten(n_chars - max)));
        }
        super::prestaged::no_control(&name, text, problem, problems);
    }
    // Versions such as 1.0 are what everybody writes, so a few signs between letters and digits are let through.
    let is_odd = |c: &char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_') && !c.is_control();
    if let Some(odd) = doc.str("/capture/version").and_then(|version| version.chars().find(is_odd)) {
        let problem = Problem::new(Rule::InvalidImageDescription, format!("`capture.version` can't hold `{odd}`"));
        problems.push(problem.at(doc.place("/capture/version"), "").help("write it with letters and digits"));
    }
}

/// Pointers to the files that virtual disks may refer to.
fn references(doc: Doc<'_>) -> Vec<String> {
    let mut pointers = Vec::new();
    for (source, _) in present(doc, "capture/source") {
        let list = format!("{source}/allow-references");
        let n = doc.get(&list).and_then(|list| list.as_array()).map_or(0, Vec::len);
        pointers.extend((0..n).map(|at| format!("{list}/{at}")));
    }
    pointers
}

/// Whoever reads the file goes by the end of its name.
fn name(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let Some(path) = doc.str("/capture/path").filter(|path| !path.is_empty()) else { return };
    let is_solid = doc.str("/capture/compression") == Some(Compression::Solid.as_str());
    let (packing, ends) = if is_solid { (Packing::Solid, "`.wim` or `.esd`") } else { (Packing::Lzx, "`.wim`") };
    if fits_name(path, packing) {
        return;
    }
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let right = format!("{}{}", &path[..path.len() - name.len()], fitting_name(name));
    let message = format!("`{path}` is a WIM file, and its name does not end in {ends}");
    problems.push(Problem::error(message).at(doc.place("/capture/path"), "").help(format!("such as `{right}`")));
}

/// No source twice, and no name.
fn sources(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let sources = present(doc, "capture/source");
    let n_listed = doc.get("/capture/source").and_then(|list| list.as_array()).map_or(0, Vec::len);
    if sources.is_empty() && n_listed > 0 {
        let problem = Problem::error("no source is left to capture: the `when` of each is false");
        problems.push(problem.at(doc.place("/capture/source"), "").help("leave a `when` out, or choose other sites"));
    }
    for (key, what) in [("path", "captured twice"), ("name", "the name of two images")] {
        let mut seen: Vec<(&str, Place)> = Vec::new();
        for (pointer, _) in &sources {
            let pointer = format!("{pointer}/{key}");
            let Some(text) = doc.str(&pointer).filter(|text| !text.is_empty()) else { continue };
            let place = doc.place(&pointer);
            match seen.iter().find(|(other, _)| *other == text) {
                Some((_, first)) => problems.push(
                    Problem::error(format!("`{text}` is {what}"))
                        .at(place, "again")
                        .at(first.clone(), "first")
                        .help("leave one of them out, or write another"),
                ),
                None => seen.push((text, place)),
            }
        }
    }
    for (pointer, _) in &sources {
        let [only, except] = ["partitions", "skip-partitions"].map(|key| format!("{pointer}/{key}"));
        if doc.get(&only).is_some() && doc.get(&except).is_some() {
            let problem = Problem::error("`partitions` and `skip-partitions` of a source exclude each other");
            let problem = problem.at(doc.place(&except), "").at(doc.place(&only), "");
            problems.push(problem.help("list the partitions to capture, or those to skip"));
        }
        let pointer = format!("{pointer}/name");
        let Some(text) = doc.str(&pointer) else { continue };
        let problem = |message: String| Problem::error(message).at(doc.place(&pointer), "");
        super::prestaged::no_control("capture.source.name", text, problem, problems);
    }
}
