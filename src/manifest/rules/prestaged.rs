//! Checks prestaged media, and options that only they have.

use serde_json::Value as Json;

use super::super::base;
use super::active_entries;
use crate::problem::Problem;
use crate::rule::Rule;
use authoring::doc::{Doc, dotted};
use authoring::suggestions::shorten;

/// Descriptive texts of prestaged media, with their maximum length in characters.
const WORDS: [(&str, usize); 3] = [("/media/created-by", 50), ("/media/version", 32), ("/media/comment", 127)];

/// Options without effect on a WIM file, with reasons.
const OF_OTHERS: [(&str, &str); 5] = [
    ("/media/label", "a WIM file has no volume label"),
    ("/media/autorun", "they are not inserted"),
    ("/output/capacity", "they are copied to a disk, which has no such limit"),
    ("/output/spanning", "they are a single file"),
    ("/boot/prompt", "disks start without a prompt"),
];

/// Returns `true` if the medium is prestaged.
pub(super) fn is_prestaged(doc: Doc<'_>) -> bool {
    doc.str("/media/kind") == Some("prestaged")
}

pub(super) fn check(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    check_format(doc, problems);
    check_descriptions(doc, problems);
    if !is_prestaged(doc) {
        return;
    }
    for (pointer, why) in OF_OTHERS.into_iter().filter(|(pointer, _)| doc.spans.has(pointer)) {
        if doc.get(pointer) == Some(&Json::Bool(false)) {
            continue;
        }
        problems.push(
            Problem::new(
                Rule::VolumeOptionOnPrestaged,
                format!("prestaged media have no `{}`: {why}", dotted(pointer)),
            )
            .at(doc.place(pointer), "")
            .at(doc.place("/media/kind"), "the kind")
            .help("remove it"),
        );
    }
    let is_badly_written = doc.json.get("operating-system").is_some_and(|value| !value.is_array());
    // The content of a base is checked when it is opened.
    if active_entries(doc, "operating-system").is_empty() && !is_badly_written && !base::is_present(doc) {
        problems.push(
            Problem::new(Rule::MissingOperatingSystem, "a prestaged medium needs an operating system image")
                .at(doc.place("/media/kind"), "")
                .help("add an `[[operating-system]]`, or write `kind = \"bootable\"`"),
        );
    }
    if let [(first, _), (second, _), ..] = &active_entries(doc, "operating-system")[..] {
        let message =
            "a prestaged medium of Configuration Manager has one operating system image, but several are listed";
        let problem = Problem::warning(message).at(doc.place(second), "another one").at(doc.place(first), "the first");
        problems.push(problem.help("keep the image that the task sequence applies, or add `when` to the others"));
    }
}

/// Checks that prestaged media, and only those, have the format `wim`.
fn check_format(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let (Some(kind), Some(format)) = (doc.str("/media/kind"), doc.str("/output/format")) else { return };
    let (message, help) = match (kind, format) {
        ("prestaged", "iso" | "usb") => (
            format!("prestaged media are WIM files, but `output.format` is `{format}`"),
            "remove it, or write `format = \"wim\"`".to_owned(),
        ),
        ("bootable" | "stand-alone" | "capture", "wim") => (
            format!("{kind} media can't be WIM files"),
            "write `format = \"iso\"`, or write `kind = \"prestaged\"`".to_owned(),
        ),
        _ => return,
    };
    let places =
        [("/output/format", ""), ("/media/kind", "the kind")].map(|(pointer, words)| (doc.place(pointer), words));
    let problem = places
        .into_iter()
        .fold(Problem::new(Rule::WrongOutputFormat, message), |problem, (place, words)| problem.at(place, words));
    problems.push(problem.help(help));
}

/// Checks the descriptive texts of prestaged media.
fn check_descriptions(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    for (pointer, max) in WORDS {
        let name = dotted(pointer);
        let Some(text) = doc.str(pointer) else { continue };
        let problem = |message: String| Problem::error(message).at(doc.place(pointer), "");
        if doc.str("/media/kind").is_some() && !is_prestaged(doc) {
            let message = format!("only prestaged media can have `{name}`");
            let problem = Problem::new(Rule::OptionOfOtherKind, message).at(doc.place(pointer), "");
            let problem = problem.at(doc.place("/media/kind"), "the kind");
            problems.push(problem.help("remove it, or write `kind = \"prestaged\"`"));
            continue;
        }
        let n_chars = text.encode_utf16().count();
        if n_chars > max {
            let message = format!("`{name}` has {n_chars} characters; at most {max} are allowed");
            let problem = Problem::new(Rule::LongPrestagedText, message).at(doc.place(pointer), "");
            problems.push(problem.help(shorten(n_chars - max)));
        }
        check_control_chars(&name, text, problem, problems);
    }
    if let Some(text) = doc.str("/media/name").filter(|_| is_prestaged(doc)) {
        check_control_chars(
            "media.name",
            text,
            |message| Problem::error(message).at(doc.place("/media/name"), ""),
            problems,
        );
    }
}

/// Reports control characters, which XML 1.0 (section 2.2) does not allow, and line breaks.
pub(super) fn check_control_chars(
    name: &str,
    text: &str,
    problem: impl Fn(String) -> Problem,
    problems: &mut Vec<Problem>,
) {
    let bad = text.chars().find(|c| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}'));
    if let Some(c) = bad {
        let what = if matches!(c, '\n' | '\r') { "a line break" } else { "a control character" };
        let problem = problem(format!("`{name}` contains {what} (`{}`)", c));
        problems.push(
            problem.help("write it on one line, without control characters; it is stored in the XML of the WIM file"),
        );
    }
}
