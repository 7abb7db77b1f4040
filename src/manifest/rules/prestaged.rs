//! What a manifest alone shows to be wrong with a prestaged medium, and with what only such media have.

use serde_json::Value as Json;

use super::super::base;
use super::present;
use crate::problem::Problem;
use crate::rule::Rule;
use authoring::doc::{Doc, dotted};
use authoring::suggestions::shorten;

/// What prestaged media say of themselves, and the most characters of each.
const WORDS: [(&str, usize); 3] = [("/media/created-by", 50), ("/media/version", 32), ("/media/comment", 127)];

/// What has no meaning for a WIM file, and why.
const OF_OTHERS: [(&str, &str); 5] = [
    ("/media/label", "they are no volume"),
    ("/media/autorun", "nobody puts them in"),
    ("/output/capacity", "they go on a disk, which takes files of any length"),
    ("/output/spanning", "they are one file"),
    ("/boot/prompt", "disks start without waiting for a key"),
];

/// Whether the medium is prestaged.
pub(super) fn is_one(doc: Doc<'_>) -> bool {
    doc.str("/media/kind") == Some("prestaged")
}

pub(super) fn check(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    format(doc, problems);
    words(doc, problems);
    if !is_one(doc) {
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
            .help("leave it out"),
        );
    }
    let is_badly_written = doc.json.get("operating-system").is_some_and(|value| !value.is_array());
    // A base is looked into when it is opened.
    if present(doc, "operating-system").is_empty() && !is_badly_written && !base::is_named(doc) {
        problems.push(
            Problem::new(
                Rule::MissingOperatingSystem,
                "prestaged media carry an operating system image, and there is none",
            )
            .at(doc.place("/media/kind"), "")
            .help("add an `[[operating-system]]`, or make the medium `bootable`"),
        );
    }
    if let [(first, _), (second, _), ..] = &present(doc, "operating-system")[..] {
        let message =
            "a prestaged medium of Configuration Manager stages one operating system image, and there are more";
        let problem = Problem::warning(message).at(doc.place(second), "another one").at(doc.place(first), "the first");
        problems.push(problem.help("keep the one that the task sequence applies, or give the others a `when`"));
    }
}

/// Prestaged media are WIM files, and nothing else is.
fn format(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let (Some(kind), Some(format)) = (doc.str("/media/kind"), doc.str("/output/format")) else { return };
    let (message, help) = match (kind, format) {
        ("prestaged", "iso" | "usb") => (
            format!("prestaged media are WIM files, and `output.format` is `{format}`"),
            "leave it out, or write `format = \"wim\"`".to_owned(),
        ),
        ("bootable" | "stand-alone" | "capture", "wim") => (
            format!("{kind} media are no WIM files"),
            "write `format = \"iso\"`, or make the medium `prestaged`".to_owned(),
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

/// What prestaged media say of themselves.
fn words(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    for (pointer, max) in WORDS {
        let name = dotted(pointer);
        let Some(text) = doc.str(pointer) else { continue };
        let problem = |message: String| Problem::error(message).at(doc.place(pointer), "");
        if doc.str("/media/kind").is_some() && !is_one(doc) {
            let message = format!("only prestaged media have `{name}`");
            let problem = Problem::new(Rule::OptionOfOtherKind, message).at(doc.place(pointer), "");
            let problem = problem.at(doc.place("/media/kind"), "the kind");
            problems.push(problem.help("leave it out, or make the medium `prestaged`"));
            continue;
        }
        let n_chars = text.encode_utf16().count();
        if n_chars > max {
            let message = format!("`{name}` has {n_chars} characters, and may have {max}");
            let problem = Problem::new(Rule::LongPrestagedText, message).at(doc.place(pointer), "");
            problems.push(problem.help(shorten(n_chars - max)));
        }
        no_control(&name, text, problem, problems);
    }
    if let Some(text) = doc.str("/media/name").filter(|_| is_one(doc)) {
        no_control("media.name", text, |message| Problem::error(message).at(doc.place("/media/name"), ""), problems);
    }
}

/// XML 1.0, section 2.2, has no such characters, and a line is enough.
pub(super) fn no_control(name: &str, text: &str, problem: impl Fn(String) -> Problem, problems: &mut Vec<Problem>) {
    let bad = text.chars().find(|c| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}'));
    if let Some(c) = bad {
        let what = if matches!(c, '\n' | '\r') { "a line break" } else { "a control character" };
        let problem = problem(format!("`{name}` holds {what} (`{}`)", c));
        problems.push(problem.help("it goes into the XML of the WIM file: write it in one line of text"));
    }
}
