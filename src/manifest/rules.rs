//! Checks a rendered manifest beyond its schema, as far as no file is needed.
//!
//! Rules skip missing values and values of the wrong type. The schema reports those, so that all
//! problems come together.

pub(super) mod accepted;
mod capture;
pub(super) mod data;
mod library;
mod literal_secrets;
pub(super) mod lowered;
mod prestaged;
mod prestart;
pub(super) mod site;
mod stick;

use serde_json::Value as Json;

use crate::problem::{Place, Problem, Problems};
use crate::rule::Rule;
use crate::volume::Name;

use super::ManifestKind;
use super::capacity::Capacity;
use super::model::CONTENT;
use super::source_date;
use authoring::doc::{Doc, dotted};
use authoring::suggestions::{nearest, shorten};

/// Maximum length of a volume label that Windows shows, in characters.
pub const MAX_LABEL: usize = 32;
/// Maximum length of the label in the Joliet descriptor, in characters (ECMA-119 8.5.6 in UCS-2).
const MAX_JOLIET_LABEL: usize = 16;

/// Returns all problems of a manifest rendered for one site.
pub fn check(doc: Doc<'_>, manifest_kind: ManifestKind) -> Vec<Problem> {
    let mut problems = Vec::new();
    literal_secrets::check(doc, &mut problems);
    if manifest_kind == ManifestKind::Capture {
        capture::check(doc, &mut problems);
        return problems;
    }
    prestaged::check(doc, &mut problems);
    site::check(doc, &mut problems);
    data::check(doc, &mut problems);
    prestart::check(doc, &mut problems);
    check_label(doc, &mut problems);
    check_source_date(doc, "/media/source-date", &mut problems);
    check_autorun(doc, &mut problems);
    check_output(doc, &mut problems);
    check_boot(doc, &mut problems);
    check_content_kind(doc, &mut problems);
    library::check(doc, &mut problems);
    problems.extend(super::task_sequence::check_presence(doc));
    check_ids(doc, &mut problems);
    check_sources(doc, &mut problems);
    check_files(doc, &mut problems);
    problems
}

/// Returns the problem of a name that no rule has; one of the rules that `can_stand_here` is suggested.
fn unknown_rule(name: &str, place: Place, can_stand_here: fn(&Rule) -> bool) -> Problem {
    let help = match nearest(name, Rule::all().into_iter().filter(can_stand_here).map(Rule::slug)) {
        Some(near) => format!("did you mean `{near}`? `tsmedia check --explain {near}` explains it"),
        None => "`tsmedia check --explain` lists all rules".into(),
    };
    Problem::error(format!("there is no rule `{name}`")).at(place, "").help(help)
}

/// Returns `true` if the output is a USB stick.
fn is_stick(doc: Doc<'_>) -> bool {
    doc.str("/output/format") == Some("usb")
}

fn check_label(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    if is_stick(doc) {
        stick::check_label(doc, problems);
    }
    let is_asked = doc.spans.has("/media/label") && !prestaged::is_prestaged(doc);
    let Some(label) = doc.str("/media/label").filter(|_| is_asked) else { return };
    let place = doc.place("/media/label");
    if let Some(c) = label.chars().find(|c| c.is_control()) {
        let what = if matches!(c, '\n' | '\r') { "a line break" } else { "a control character" };
        problems.push(
            Problem::new(Rule::MultilineLabel, format!("the label contains {what} (`{}`)", c))
                .at(place, "")
                .help("write the label on one line; use single quotes if it contains backslashes"),
        );
        return;
    }
    let n_chars = label.encode_utf16().count();
    let cut: String = label.chars().take(MAX_JOLIET_LABEL).collect();
    if n_chars > MAX_LABEL {
        problems.push(
            Problem::error(format!("the label `{label}` has {n_chars} characters; Windows shows {MAX_LABEL}"))
                .at(place, "")
                .help(shorten(n_chars - MAX_LABEL)),
        );
    } else if n_chars > MAX_JOLIET_LABEL && !is_stick(doc) {
        problems.push(
            Problem::warning(format!(
                "readers of Joliet show only {MAX_JOLIET_LABEL} characters of the label: `{cut}`"
            ))
            .at(place, "")
            .help("shorten it to support older systems; Windows reads UDF and shows all of it"),
        );
    }
    if label.trim() != label || label.trim().is_empty() {
        problems.push(
            Problem::error(format!("the label `{label}` starts or ends with a space"))
                .at(doc.place("/media/label"), "")
                .help(format!("write `\"{}\"`", label.trim())),
        );
    }
}

fn check_source_date(doc: Doc<'_>, pointer: &str, problems: &mut Vec<Problem>) {
    let Some(text) = doc.str(pointer) else { return };
    // Other formats are refused by the schema.
    let is_date_in_form =
        text.len() >= 10 && text.is_ascii() && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    if is_date_in_form && source_date::parse(text).is_none() {
        problems.push(
            Problem::error(format!("`{text}` is not a valid date"))
                .at(doc.place(pointer), "")
                .help("write a date from 1980-01-01 to 2099-12-31"),
        );
    }
}

fn check_autorun(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    if doc.get("/media/autorun") == Some(&Json::Bool(true)) && !prestaged::is_prestaged(doc) {
        problems.push(
            Problem::new(Rule::BlockedAutorun, "antimalware software often blocks `autorun.inf`")
                .at(doc.place("/media/autorun"), "")
                .help("remove it unless the medium is started from within Windows"),
        );
    }
}

fn check_output(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    check_output_name(doc, problems);
    stick::check_output(doc, problems);
    if prestaged::is_prestaged(doc) {
        return;
    }
    let undivided = if doc.str("/output/format") == Some("usb") {
        Some(("USB sticks, which can't be divided".to_owned(), "/output/format", "the format"))
    } else if let Some(kind @ ("bootable" | "capture")) = doc.str("/media/kind") {
        Some((format!("{kind} media, which have one disc"), "/media/kind", "the kind"))
    } else {
        None
    };
    if let Some((what, place, words)) = undivided
        && doc.get("/output/spanning") == Some(&Json::Bool(true))
    {
        problems.push(
            Problem::warning(format!("`output.spanning` has no effect on {what}"))
                .at(doc.place("/output/spanning"), "")
                .at(doc.place(place), words)
                .help("remove it"),
        );
    }
    let Some(text) = doc.str("/output/capacity") else { return };
    let is_size = text.starts_with(|c: char| c.is_ascii_digit());
    let problem = match text.parse::<Capacity>() {
        Ok(Capacity::AtMost(size)) if size.0 < 1 << 20 => format!("the capacity `{text}` is too small for any medium"),
        Err(_) if is_size && text.to_lowercase().ends_with('b') && text.len() > 12 => {
            format!("the capacity `{text}` is larger than any medium")
        }
        _ => return,
    };
    problems.push(
        Problem::error(problem)
            .at(doc.place("/output/capacity"), "")
            .help("write the capacity of the medium, such as `dvd-dl` or `7.9 GB`"),
    );
}

/// Checks the extension of the output, which other programs rely on.
fn check_output_name(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let (what, end, rule) = match prestaged::is_prestaged(doc) {
        true => ("a WIM file", ".wim", Rule::WrongWimExtension),
        false if is_stick(doc) => ("the image of a stick", ".img", Rule::WrongImageExtension),
        false => ("a disc image", ".iso", Rule::WrongImageExtension),
    };
    // The format is wrong then, not the name.
    let is_wim = doc.str("/output/format") == Some("wim") && !prestaged::is_prestaged(doc);
    let Some(path) = doc.str("/output/path").filter(|path| !path.is_empty() && !is_wim) else { return };
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    if !name.to_lowercase().ends_with(end) {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let right = match stem {
            "" => format!("{path}medium{end}"),
            stem => format!("{}{stem}{end}", &path[..path.len() - name.len()]),
        };
        problems.push(
            Problem::new(rule, format!("the output `{path}` is {what}, but its name does not end in `{end}`"))
                .at(doc.place("/output/path"), "")
                .help(format!("write a name such as `{right}`")),
        );
    } else if name.len() == end.len() {
        problems.push(
            Problem::new(rule, format!("the output `{path}` has no name in front of `{end}`"))
                .at(doc.place("/output/path"), "")
                .help(format!("write a name such as `out/{{{{ media.name }}}}{end}`")),
        );
    }
}

fn check_boot(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    stick::check_boot(doc, problems);
    let Some(firmware) = doc.get("/boot/firmware").and_then(Json::as_array) else { return };
    for (index, value) in firmware.iter().enumerate() {
        if let Some(first) = firmware[..index].iter().position(|earlier| earlier == value) {
            problems.push(
                Problem::error(format!("the firmware {value} is listed twice").replace('"', "`"))
                    .at(doc.place(&format!("/boot/firmware/{index}")), "again")
                    .at(doc.place(&format!("/boot/firmware/{first}")), "first")
                    .help("remove one of them"),
            );
        }
    }
    let is_bios_only = !firmware.is_empty() && firmware.iter().all(|value| value == "bios");
    for pointer in ["/boot/secure-boot-ca", "/boot/revocations"] {
        if is_bios_only && doc.spans.has(pointer) {
            let message = format!("`{}` has no effect on media for BIOS only", dotted(pointer));
            problems.push(
                Problem::warning(message)
                    .at(doc.place(pointer), "")
                    .at(doc.place("/boot/firmware"), "`uefi` is not listed")
                    .help("remove it, or add `uefi`"),
            );
        }
    }
}

/// Returns the entries of a list that are on this medium, with their JSON pointers: all except
/// those with a false `when`.
fn active_entries<'a>(doc: Doc<'a>, table: &str) -> Vec<(String, &'a Json)> {
    let entries = doc.json.pointer(&format!("/{table}")).and_then(Json::as_array);
    entries
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, entry)| (format!("/{table}/{index}"), entry))
        .filter(|(pointer, entry)| {
            entry.get("when") != Some(&Json::Bool(false)) && !doc.spans.is_hole(&format!("{pointer}/when"))
        })
        .collect()
}

/// Returns the JSON pointers of keys that are errors for a kind of media.
pub fn refused_keys(kind: &str) -> Vec<String> {
    let lists =
        CONTENT.iter().filter(|_| ["bootable", "capture"].contains(&kind)).map(|(table, ..)| format!("/{table}"));
    data::refused_keys(kind).into_iter().map(str::to_owned).chain(lists).collect()
}

fn check_content_kind(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let kind = doc.str("/media/kind");
    let mut n_entries = 0;
    for (table, _, many) in CONTENT {
        let entries = active_entries(doc, table);
        // A single table in place of a list counts as content; the schema reports it.
        n_entries += entries.len() + usize::from(doc.json.get(table).is_some_and(|value| !value.is_array()));
        let why = match kind {
            Some("bootable") => "they get it from the network",
            Some("capture") => "nothing is deployed",
            _ => continue,
        };
        if let (Some(kind), Some((pointer, _))) = (kind, entries.first()) {
            let n_more = entries.len() - 1;
            let words = if n_more > 0 { format!("and {n_more} more") } else { String::new() };
            problems.push(
                Problem::new(Rule::OptionOfOtherKind, format!("{kind} media can't have {many}: {why}"))
                    .at(doc.place(pointer), words)
                    .at(doc.place("/media/kind"), "the kind")
                    .help(format!("remove `[[{table}]]`, or write `kind = \"stand-alone\"`")),
            );
        }
    }
    let takes_from_library = doc.str("/library/content") == Some("referenced");
    if kind == Some("stand-alone") && n_entries == 0 && !takes_from_library && !super::base::is_present(doc) {
        problems.push(
            Problem::warning("the stand-alone medium has no content to deploy")
                .at(doc.place("/media/kind"), "")
                .help("add an `[[operating-system]]`, or write `kind = \"bootable\"`"),
        );
    }
}

fn check_ids(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let mut seen: Vec<(String, &str, Place)> = Vec::new();
    for (table, one, _) in CONTENT {
        for (pointer, entry) in active_entries(doc, table) {
            let Some(id) = entry.get("id").and_then(Json::as_str) else { continue };
            let place = doc.place(&format!("{pointer}/id"));
            // The ID becomes a folder name, for which Windows ignores case.
            let folded = id.to_uppercase();
            match seen.iter().find(|(other, _, _)| *other == folded) {
                Some((_, first, first_place)) => {
                    let is_mergeable = *first == one;
                    let merge = merge_help(doc.sources, &place, first_place, "id").filter(|_| is_mergeable);
                    let help = merge.unwrap_or_else(|| {
                        format!(
                            "change one of the IDs, or add `when` to one entry; both would be placed in \
                             `SMS\\PKG\\{id}`"
                        )
                    });
                    problems.push(
                        Problem::error(format!("the ID `{id}` is used twice"))
                            .at(place, format!("this {one}"))
                            .at(first_place.clone(), format!("and this {first}"))
                            .help(help),
                    );
                }
                None => seen.push((folded, one, place)),
            }
        }
    }
}

/// Returns the help for two entries of different files that have the same identity only after their
/// templates are rendered, so that they were not merged.
pub(super) fn merge_help(sources: &Problems, near: &Place, far: &Place, key: &str) -> Option<String> {
    let written = |place: &Place| Some(sources.source(place.source).text.get(place.span.clone())?.to_owned());
    let (near_text, far_text) = (written(near)?, written(far)?);
    let is_split = near.source != far.source && near_text != far_text && far_text.starts_with(['"', '\'']);
    is_split.then(|| {
        format!(
            "write `{key} = {far_text}` in both entries to merge them: identities are compared before templates \
                 are rendered"
        )
    })
}

/// Checks all paths to files on this machine.
fn check_sources(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let mut pointers: Vec<String> = [
        "/output/path",
        "/boot/image/file",
        "/boot/files",
        "/boot/revocations/dbx",
        "/boot/background",
        "/prestart/files",
        "/policy/file",
        "/security/password/file",
    ]
    .map(Into::into)
    .into();
    let n_policies = doc.json.pointer("/policy/file").and_then(Json::as_array).map_or(0, Vec::len);
    pointers.extend((0..n_policies).map(|index| format!("/policy/file/{index}")));
    for table in CONTENT.map(|(table, _, _)| table).into_iter().chain(["file", "boot/file"]) {
        let n_entries = doc.json.pointer(&format!("/{table}")).and_then(Json::as_array).map_or(0, Vec::len);
        for index in 0..n_entries {
            pointers.extend(["source", "file"].map(|key| format!("/{table}/{index}/{key}")));
        }
    }
    // A path on a medium may be a table.
    let parts = |pointer: &String| ["medium", "path"].map(|key| format!("{pointer}/{key}"));
    let on_media: Vec<_> = pointers.iter().flat_map(parts).collect();
    pointers.extend(on_media);
    pointers.extend(site::path_pointers(doc));
    check_paths(doc, pointers, problems);
}

/// Checks paths on this machine, given by JSON pointers: parts are separated by `/`.
fn check_paths(doc: Doc<'_>, pointers: Vec<String>, problems: &mut Vec<Problem>) {
    for pointer in pointers {
        let Some(path) = doc.str(&pointer).filter(|path| !is_pem(path)) else { continue };
        let (name, place) = (dotted(&pointer), doc.place(&pointer));
        if let Some(c) = path.chars().find(|c| c.is_control()) {
            let message = format!("the path in `{name}` contains a control character (`{}`)", c);
            let help = "write `/` between the parts of a path";
            problems.push(Problem::error(message).at(place, "").help(help));
        } else if is_windows_path(path) || path.starts_with("//") {
            // A network share whose backslashes were replaced by slashes.
            let message = format!("`{path}` is a Windows path");
            let help = "write the path on this machine, relative to this file or from `/`";
            problems.push(Problem::error(message).at(place, "").help(help));
        } else if path.contains('\\') {
            let message = format!("the path `{path}` contains backslashes");
            problems.push(Problem::error(message).at(place, "").help(format!("write `{}`", path.replace('\\', "/"))));
        }
    }
}

/// Returns `true` if a text is a PEM certificate, rather than the path of one.
pub fn is_pem(text: &str) -> bool {
    text.starts_with("-----BEGIN ")
}

fn is_windows_path(path: &str) -> bool {
    let bytes = path.as_bytes();
    path.starts_with(r"\\")
        || (bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'\\' | b'/'))
}

/// Checks paths on the medium and in the boot image.
fn check_files(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    check_file_table(doc, "file", "medium", problems);
    check_file_table(doc, "boot/file", "boot image", problems);
}

/// Checks the paths of a table of files. `whole` is the volume that they are placed on, as messages
/// call it.
fn check_file_table(doc: Doc<'_>, table: &str, whole: &str, problems: &mut Vec<Problem>) {
    let mut seen: Vec<(String, Place)> = Vec::new();
    for (pointer, _) in active_entries(doc, table) {
        let pointer = format!("{pointer}/path");
        let Some(path) = doc.str(&pointer).filter(|path| !path.is_empty()) else { continue };
        let place = doc.place(&pointer);
        if let Some((message, help)) = path_error(path, whole) {
            problems.push(Problem::error(message).at(place, "").help(help));
            continue;
        }
        if path == "." {
            // Several folders can be merged into the root; conflicts are found when they are
            // listed.
            continue;
        }
        let folded = path.to_uppercase();
        match seen.iter().find(|(other, _)| *other == folded) {
            Some((_, first)) => {
                let help = merge_help(doc.sources, &place, first, "path");
                problems.push(
                    Problem::error(format!(
                        "two entries have the path `{path}` {} the {whole}",
                        if whole == "medium" { "on" } else { "in" }
                    ))
                    .at(place, "this one")
                    .at(first.clone(), "and this one")
                    .help(help.unwrap_or_else(|| "change one of the paths, or add `when` to one entry".into())),
                );
            }
            None => seen.push((folded, place)),
        }
    }
}

/// Returns message and help for an invalid path on a volume, the medium or the boot image.
fn path_error(path: &str, whole: &str) -> Option<(String, String)> {
    let bare = path.trim_start_matches(['/', '\\']);
    if is_windows_path(path) && !path.starts_with('\\') {
        let help = format!("write it relative to the root of the {whole}: `{}`", path[3..].replace('\\', "/"));
        return Some((format!("`{path}` contains a drive letter, which Windows assigns"), help));
    }
    if path.contains('\\') {
        return Some((
            format!("the path `{path}` contains backslashes"),
            format!("write `{}`", bare.replace('\\', "/")),
        ));
    }
    if path.starts_with('/') {
        return Some((
            format!("the path `{path}` starts with `/`, but is relative to the root of the {whole}"),
            format!("write `{}`", if bare.is_empty() { "." } else { bare }),
        ));
    }
    if path == "." {
        return None;
    }
    for part in path.split('/') {
        if part == ".." {
            return Some((format!("the path `{path}` leads out of the {whole}"), "remove `..`".into()));
        }
        if part == "." || part.is_empty() {
            let parts: Vec<_> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
            let what = if part == "." { "a redundant `.`" } else { "an empty part" };
            return Some((format!("the path `{path}` has {what}"), format!("write `{}`", parts.join("/"))));
        }
        if let Err(bad) = Name::new(part) {
            return Some((bad.to_string(), "choose another name".into()));
        }
    }
    None
}
