//! What the manifest of a stick alone shows to be wrong.

use serde_json::Value as Json;

use super::super::model;
use super::is_stick;
use crate::format::fat;
use crate::problem::Problem;
use crate::rule::Rule;
use authoring::doc::Doc;

/// The label as FAT bears it: eleven characters, in capitals.
pub(super) fn label(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let default = model::default_label();
    let (is_written, place) = (doc.spans.has("/media/label"), doc.place("/media/label"));
    let label = if is_written { doc.str("/media/label") } else { Some(default.as_str()) };
    let Some(label) = label.filter(|label| !label.trim().is_empty() && !label.chars().any(char::is_control)) else {
        return;
    };
    let on_stick = fat::label_of(label).map(|bytes| bytes.map(char::from).iter().collect::<String>());
    let on_stick = on_stick.unwrap_or_default();
    let on_stick = on_stick.trim_end();
    if on_stick.eq_ignore_ascii_case(label) {
        return;
    }
    let whose = if is_written { "the label" } else { "the default label" };
    let n_chars = label.chars().count();
    let why = match n_chars {
        0..=11 => "FAT has no other letters".to_owned(),
        _ => format!("it has {n_chars} characters, and FAT holds 11"),
    };
    problems.push(
        Problem::new(Rule::TruncatedLabel, format!("on the stick {whose} `{label}` is cut to `{on_stick}`: {why}"))
            .at(place, "")
            .help(format!("write one that fits, such as `label = \"{on_stick}\"`; `MediaLabel.txt` holds all of it")),
    );
}

/// Keys that are for sticks only.
pub(super) fn output(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    for key in ["partition-table", "large-files"] {
        let pointer = format!("/output/{key}");
        if !is_stick(doc) && doc.spans.has(&pointer) {
            problems.push(
                Problem::warning(format!("`output.{key}` has no effect on media that are no sticks"))
                    .at(doc.place(&pointer), "")
                    .help("leave it out, or write `format = \"usb\"`"),
            );
        }
    }
}

/// A stick starts from UEFI, and starts at once.
pub(super) fn boot(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    if !is_stick(doc) {
        return;
    }
    let firmware = doc.get("/boot/firmware").and_then(Json::as_array);
    if let Some(at) = firmware.and_then(|firmware| firmware.iter().position(|value| value == "bios")) {
        problems.push(
            Problem::error("a stick that tsmedia makes does not start from a BIOS")
                .at(doc.place(&format!("/boot/firmware/{at}")), "asks for a BIOS")
                .at(doc.place("/output/format"), "a stick")
                .help(
                    "write `firmware = [\"uefi\"]`: the boot sectors that a BIOS needs are Microsoft's and can't be \
                     copied; a disc (`format = \"iso\"`) starts from both",
                ),
        );
    }
    if doc.get("/boot/prompt") == Some(&Json::Bool(true)) && doc.spans.has("/boot/prompt") {
        problems.push(
            Problem::warning("`boot.prompt` has no effect on a stick: it starts without waiting for a key")
                .at(doc.place("/boot/prompt"), "")
                .help("leave it out; only discs can wait for a key"),
        );
    }
}
