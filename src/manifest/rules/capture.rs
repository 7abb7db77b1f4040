//! Checks a `[capture]` table, as far as no source is needed.

use crate::format::wim::capture::{ContentCompression, has_wim_extension, with_wim_extension};
use crate::manifest::CaptureCompression;
use crate::manifest::model::{NONE, WINDOWS};
use crate::problem::{Place, Problem};
use crate::rule::Rule;
use authoring::suggestions::shorten;

use super::{Doc, active_entries, check_paths, check_source_date, dotted};

/// Descriptive texts of images, with their maximum length in characters (R91).
const WORDS: [(&str, usize); 3] =
    [("/capture/description", 255), ("/capture/created-by", 255), ("/capture/version", 32)];

pub fn check(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    check_source_date(doc, "/capture/source-date", problems);
    check_descriptions(doc, problems);
    check_extension(doc, problems);
    check_sources(doc, problems);
    let sources = active_entries(doc, "capture/source").into_iter().map(|(pointer, _)| format!("{pointer}/path"));
    let mut pointers: Vec<_> = sources.collect();
    pointers.extend(["/capture/path", "/capture/update-from"].map(Into::into));
    pointers.extend(reference_pointers(doc));
    if !doc.str("/capture/exclusions").is_some_and(|text| [WINDOWS, NONE].contains(&text)) {
        pointers.push("/capture/exclusions".into());
    }
    check_paths(doc, pointers, problems);
}

/// Checks the descriptive texts of the images.
fn check_descriptions(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    for (pointer, max) in WORDS {
        let name = dotted(pointer);
        let Some(text) = doc.str(pointer) else { continue };
        let problem = |message: String| Problem::new(Rule::InvalidImageDescription, message).at(doc.place(pointer), "");
        let n_chars = text.chars().count();
        if n_chars > max {
            let found = problem(format!("`{name}` has {n_chars} characters; at most {max} are allowed"));
            problems.push(found.help(shorten(n_chars - max)));
        }
        super::prestaged::check_control_chars(&name, text, problem, problems);
    }
    // Accept common version characters as in 1.0, although only letters and digits are documented.
    let is_odd = |c: &char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_') && !c.is_control();
    if let Some(odd) = doc.str("/capture/version").and_then(|version| version.chars().find(is_odd)) {
        let problem = Problem::new(Rule::InvalidImageDescription, format!("`capture.version` can't contain `{odd}`"));
        problems.push(problem.at(doc.place("/capture/version"), "").help("use letters and digits only"));
    }
}

/// Returns JSON pointers to the files that virtual disks may refer to.
fn reference_pointers(doc: Doc<'_>) -> Vec<String> {
    let mut pointers = Vec::new();
    for (source, _) in active_entries(doc, "capture/source") {
        let list = format!("{source}/allow-references");
        let n = doc.get(&list).and_then(|list| list.as_array()).map_or(0, Vec::len);
        pointers.extend((0..n).map(|at| format!("{list}/{at}")));
    }
    pointers
}

/// Checks the extension of the WIM file, which other programs rely on.
fn check_extension(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let Some(path) = doc.str("/capture/path").filter(|path| !path.is_empty()) else { return };
    let is_solid = doc.str("/capture/compression") == Some(CaptureCompression::Solid.as_str());
    let (packing, ends) =
        if is_solid { (ContentCompression::Solid, "`.wim` or `.esd`") } else { (ContentCompression::Lzx, "`.wim`") };
    if has_wim_extension(path, packing) {
        return;
    }
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let right = format!("{}{}", &path[..path.len() - name.len()], with_wim_extension(name));
    let message = format!("the output `{path}` is a WIM file, but its name does not end in {ends}");
    problems.push(
        Problem::error(message).at(doc.place("/capture/path"), "").help(format!("write a name such as `{right}`")),
    );
}

/// Checks that no source or image name is listed twice, and the keys of each source.
fn check_sources(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let sources = active_entries(doc, "capture/source");
    let n_listed = doc.get("/capture/source").and_then(|list| list.as_array()).map_or(0, Vec::len);
    if sources.is_empty() && n_listed > 0 {
        let problem = Problem::error("no source is left to capture: every `when` is false");
        problems.push(
            problem.at(doc.place("/capture/source"), "").help("remove a `when`, or choose other sites with `--site`"),
        );
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
                        .help("remove or change one of them"),
                ),
                None => seen.push((text, place)),
            }
        }
    }
    for (pointer, _) in &sources {
        let [only, except] = ["partitions", "skip-partitions"].map(|key| format!("{pointer}/{key}"));
        if doc.get(&only).is_some() && doc.get(&except).is_some() {
            let problem = Problem::error("a source can't have both `partitions` and `skip-partitions`");
            let problem = problem.at(doc.place(&except), "").at(doc.place(&only), "");
            problems.push(problem.help("keep one of them"));
        }
        let pointer = format!("{pointer}/name");
        let Some(text) = doc.str(&pointer) else { continue };
        let problem = |message: String| Problem::error(message).at(doc.place(&pointer), "");
        super::prestaged::check_control_chars("capture.source.name", text, problem, problems);
    }
}
