//! Checks the options of USB sticks.

use serde_json::Value as Json;

use super::super::model;
use super::is_stick;
use super::prestaged::is_prestaged;
use crate::format::fat;
use crate::problem::Problem;
use crate::rule::Rule;
use authoring::doc::Doc;

/// Checks the label as FAT stores it: eleven characters, in capitals.
pub(super) fn check_label(doc: Doc<'_>, problems: &mut Vec<Problem>) {
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
        0..=11 => "FAT allows no other characters".to_owned(),
        _ => format!("it has {n_chars} characters; FAT allows 11"),
    };
    problems.push(
        Problem::new(Rule::TruncatedLabel, format!("{whose} `{label}` becomes `{on_stick}` on the stick: {why}"))
            .at(place, "")
            .help(format!(
                "write a label that fits, such as `label = \"{on_stick}\"`; `MediaLabel.txt` has the whole label"
            )),
    );
}

/// Reports options that have no effect on media of other formats.
pub(super) fn check_output(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    if is_stick(doc) {
        return;
    }
    let is_prestaged = is_prestaged(doc);
    let mut report = |pointer: &str, message: &str, help: &str| {
        if doc.spans.has(pointer) {
            problems.push(Problem::warning(message).at(doc.place(pointer), "").help(help));
        }
    };
    report(
        "/output/partition-table",
        "`output.partition-table` only affects USB sticks",
        "remove it, or write `format = \"usb\"`",
    );
    match doc.str("/output/large-files") {
        Some("split") if is_prestaged => {}
        Some("ntfs") if is_prestaged => report(
            "/output/large-files",
            "`large-files = \"ntfs\"` only affects USB sticks",
            "remove it, or write `large-files = \"split\"` if the medium will be applied to FAT32",
        ),
        _ => report(
            "/output/large-files",
            "`output.large-files` only affects USB sticks and prestaged media",
            "remove it, or write `format = \"usb\"`",
        ),
    }
}

/// Reports boot options that sticks don't support: BIOS and the prompt.
pub(super) fn check_boot(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    if !is_stick(doc) {
        return;
    }
    let firmware = doc.get("/boot/firmware").and_then(Json::as_array);
    if let Some(at) = firmware.and_then(|firmware| firmware.iter().position(|value| value == "bios")) {
        problems.push(
            Problem::error("a USB stick made by tsmedia can't start from BIOS")
                .at(doc.place(&format!("/boot/firmware/{at}")), "includes BIOS")
                .at(doc.place("/output/format"), "a USB stick")
                .help(
                    "write `firmware = [\"uefi\"]`, or make a disc (`format = \"iso\"`), which starts from both: \
                     the boot sectors for BIOS belong to Microsoft and can't be copied",
                ),
        );
    }
    if doc.get("/boot/prompt") == Some(&Json::Bool(true)) && doc.spans.has("/boot/prompt") {
        problems.push(
            Problem::warning("`boot.prompt` has no effect on a USB stick")
                .at(doc.place("/boot/prompt"), "")
                .help("remove it; only discs can wait for a key press"),
        );
    }
}
