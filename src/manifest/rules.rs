//! What the manifest alone shows to be wrong, beyond its form: the rules of the field as far as no file is needed.
//!
//! Rules read the rendered value and skip what is missing or of the wrong type, which the schema complains of, so
//! that all complaints come together.

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

use crate::problem::{Place, Problem};
use crate::rule::Rule;
use crate::volume::Name;

use super::Sort;
use super::capacity::Capacity;
use super::model::CONTENT;
use super::source_date;
use authoring::doc::{Doc, dotted};
use authoring::suggestions::shorten;

/// The most characters of a volume label that Windows shows.
pub const MAX_LABEL: usize = 32;
/// The characters that the Joliet descriptor holds (ECMA-119 8.5.6 in UCS-2).
const MAX_JOLIET_LABEL: usize = 16;

/// Everything that is wrong with a manifest for one site.
pub fn check(doc: Doc<'_>, sort: Sort) -> Vec<Problem> {
    let mut problems = Vec::new();
    literal_secrets::check(doc, &mut problems);
    if sort == Sort::Capture {
        capture::check(doc, &mut problems);
        return problems;
    }
    prestaged::check(doc, &mut problems);
    site::check(doc, &mut problems);
    data::check(doc, &mut problems);
    prestart::check(doc, &mut problems);
    label(doc, &mut problems);
    source_date(doc, "/media/source-date", &mut problems);
    autorun(doc, &mut problems);
    output(doc, &mut problems);
    boot(doc, &mut problems);
    content_of_kind(doc, &mut problems);
    library::check(doc, &mut problems);
    problems.extend(super::task_sequence::is_wanted(doc));
    ids(doc, &mut problems);
    sources(doc, &mut problems);
    files(doc, &mut problems);
    problems
}

/// Whether the medium is a stick.
fn is_stick(doc: Doc<'_>) -> bool {
    doc.str("/output/format") == Some("usb")
}

fn label(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    if is_stick(doc) {
        stick::label(doc, problems);
    }
    let is_asked = doc.spans.has("/media/label") && !prestaged::is_one(doc);
    let Some(label) = doc.str("/media/label").filter(|_| is_asked) else { return };
    let place = doc.place("/media/label");
    if let Some(c) = label.chars().find(|c| c.is_control()) {
        let what = if matches!(c, '\n' | '\r') { "a line break" } else { "a control character" };
        problems.push(
            Problem::new(Rule::MultilineLabel, format!("the label holds {what} (`{}`)", c))
                .at(place, "")
                .help("`MediaLabel.txt` holds the label in one line of text; backslashes are written in single quotes"),
        );
        return;
    }
    let n_chars = label.encode_utf16().count();
    let cut: String = label.chars().take(MAX_JOLIET_LABEL).collect();
    if n_chars > MAX_LABEL {
        problems.push(
            Problem::error(format!("the label `{label}` has {n_chars} characters, and Windows shows {MAX_LABEL}"))
                .at(place, "")
                .help(shorten(n_chars - MAX_LABEL)),
        );
    } else if n_chars > MAX_JOLIET_LABEL && !is_stick(doc) {
        problems.push(
            Problem::warning(format!("readers of Joliet see the label cut to {MAX_JOLIET_LABEL} characters: `{cut}`"))
                .at(place, "")
                .help("Windows reads UDF and shows all of it; shorten it if older systems matter"),
        );
    }
    if label.trim() != label || label.trim().is_empty() {
        problems.push(
            Problem::error(format!("the label `{label}` begins or ends with a space"))
                .at(doc.place("/media/label"), "")
                .help(format!("write `\"{}\"`", label.trim())),
        );
    }
}

fn source_date(doc: Doc<'_>, pointer: &str, problems: &mut Vec<Problem>) {
    let Some(text) = doc.str(pointer) else { return };
    // A text that is no date in form is the schema's to refuse.
    let is_date_in_form =
        text.len() >= 10 && text.is_ascii() && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    if is_date_in_form && source_date::parse(text).is_none() {
        problems.push(
            Problem::error(format!("`{text}` is no date that every format can hold"))
                .at(doc.place(pointer), "")
                .help("write a day of the calendar from 1980-01-01 to 2099-12-31"),
        );
    }
}

fn autorun(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    if doc.get("/media/autorun") == Some(&Json::Bool(true)) && !prestaged::is_one(doc) {
        problems.push(
            Problem::new(Rule::BlockedAutorun, "antimalware often blocks `autorun.inf`")
                .at(doc.place("/media/autorun"), "")
                .help("leave it out unless somebody starts the medium from within Windows"),
        );
    }
}

fn output(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    output_name(doc, problems);
    stick::output(doc, problems);
    if prestaged::is_one(doc) {
        return;
    }
    let undivided = if doc.str("/output/format") == Some("usb") {
        Some(("sticks: what does not fit on one is refused".to_owned(), "/output/format", "the form"))
    } else if let Some(kind @ ("bootable" | "capture")) = doc.str("/media/kind") {
        Some((format!("{kind} media, which are one disc"), "/media/kind", "the kind"))
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
                .help("leave it out"),
        );
    }
    let Some(text) = doc.str("/output/capacity") else { return };
    let is_size = text.starts_with(|c: char| c.is_ascii_digit());
    let problem = match text.parse::<Capacity>() {
        Ok(Capacity::AtMost(size)) if size.0 < 1 << 20 => format!("a medium of `{text}` holds nothing"),
        Err(_) if is_size && text.to_lowercase().ends_with('b') && text.len() > 12 => {
            format!("`{text}` is more than any medium holds")
        }
        _ => return,
    };
    problems.push(
        Problem::error(problem)
            .at(doc.place("/output/capacity"), "")
            .help("write what the medium can hold, such as `dvd-dl` or `7.9 GB`"),
    );
}

/// A name has to end as the programs that read the file expect it.
fn output_name(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let (what, end, rule) = match prestaged::is_one(doc) {
        true => ("a WIM file", ".wim", Rule::WrongWimExtension),
        false if is_stick(doc) => ("the image of a stick", ".img", Rule::WrongImageExtension),
        false => ("a disc image", ".iso", Rule::WrongImageExtension),
    };
    // What is wrong with a WIM file of another kind is not its name.
    let is_wim = doc.str("/output/format") == Some("wim") && !prestaged::is_one(doc);
    let Some(path) = doc.str("/output/path").filter(|path| !path.is_empty() && !is_wim) else { return };
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    if !name.to_lowercase().ends_with(end) {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let right = match stem {
            "" => format!("{path}medium{end}"),
            stem => format!("{}{stem}{end}", &path[..path.len() - name.len()]),
        };
        problems.push(
            Problem::new(rule, format!("the output `{path}` is {what}, and its name does not end in `{end}`"))
                .at(doc.place("/output/path"), "")
                .help(format!("such as `{right}`")),
        );
    } else if name.len() == end.len() {
        problems.push(
            Problem::new(rule, format!("the output `{path}` has no name before `{end}`"))
                .at(doc.place("/output/path"), "")
                .help(format!("write one, such as `out/{{{{ media.name }}}}{end}`")),
        );
    }
}

fn boot(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    stick::boot(doc, problems);
    let Some(firmware) = doc.get("/boot/firmware").and_then(Json::as_array) else { return };
    for (index, value) in firmware.iter().enumerate() {
        if let Some(first) = firmware[..index].iter().position(|earlier| earlier == value) {
            problems.push(
                Problem::error(format!("the firmware {value} is listed twice").replace('"', "`"))
                    .at(doc.place(&format!("/boot/firmware/{index}")), "again")
                    .at(doc.place(&format!("/boot/firmware/{first}")), "first")
                    .help("leave one of them out"),
            );
        }
    }
    let is_bios_only = !firmware.is_empty() && firmware.iter().all(|value| value == "bios");
    for pointer in ["/boot/secure-boot-ca", "/boot/revocations"] {
        if is_bios_only && doc.spans.has(pointer) {
            let message = format!("`{}` has no effect on media that start from BIOS only", dotted(pointer));
            problems.push(
                Problem::warning(message)
                    .at(doc.place(pointer), "")
                    .at(doc.place("/boot/firmware"), "no `uefi` here")
                    .help("leave it out, or add `uefi`"),
            );
        }
    }
}

/// The entries of a list that are on this medium: those whose `when` does not say otherwise.
fn present<'a>(doc: Doc<'a>, table: &str) -> Vec<(String, &'a Json)> {
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

/// JSON pointers of keys that media of a kind never have.
pub fn refused_keys(kind: &str) -> Vec<String> {
    let lists =
        CONTENT.iter().filter(|_| ["bootable", "capture"].contains(&kind)).map(|(table, ..)| format!("/{table}"));
    data::refused_keys(kind).into_iter().map(str::to_owned).chain(lists).collect()
}

fn content_of_kind(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let kind = doc.str("/media/kind");
    let mut n_entries = 0;
    for (table, _, many) in CONTENT {
        let entries = present(doc, table);
        // One table in the place of a list is content all the same, badly written.
        n_entries += entries.len() + usize::from(doc.json.get(table).is_some_and(|value| !value.is_array()));
        let why = match kind {
            Some("bootable") => "they come from the network",
            Some("capture") => "they deploy nothing",
            _ => continue,
        };
        if let (Some(kind), Some((pointer, _))) = (kind, entries.first()) {
            let n_more = entries.len() - 1;
            let words = if n_more > 0 { format!("and {n_more} more") } else { String::new() };
            problems.push(
                Problem::new(Rule::OptionOfOtherKind, format!("{kind} media carry no {many}: {why}"))
                    .at(doc.place(pointer), words)
                    .at(doc.place("/media/kind"), "the kind")
                    .help(format!("leave out `[[{table}]]`, or make the medium `stand-alone`")),
            );
        }
    }
    let takes_from_library = doc.str("/library/content") == Some("referenced");
    if kind == Some("stand-alone") && n_entries == 0 && !takes_from_library && !super::base::is_named(doc) {
        problems.push(
            Problem::warning("the medium is stand-alone and has no content to deploy")
                .at(doc.place("/media/kind"), "")
                .help("add an `[[operating-system]]`, or make the medium `bootable`"),
        );
    }
}

fn ids(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let mut seen: Vec<(String, &str, Place)> = Vec::new();
    for (table, one, _) in CONTENT {
        for (pointer, entry) in present(doc, table) {
            let Some(id) = entry.get("id").and_then(Json::as_str) else { continue };
            let place = doc.place(&format!("{pointer}/id"));
            // The ID names a folder on the medium, and Windows does not tell case apart there.
            let folded = id.to_uppercase();
            match seen.iter().find(|(other, _, _)| *other == folded) {
                Some((_, first, first_place)) => problems.push(
                    Problem::error(format!("the ID `{id}` is used twice"))
                        .at(place, format!("this {one}"))
                        .at(first_place.clone(), format!("and this {first}"))
                        .help(format!("both would be `SMS\\PKG\\{id}`; give one of them its own ID, or a `when`")),
                ),
                None => seen.push((folded, one, place)),
            }
        }
    }
}

/// Paths to files on this machine: `/` separates their parts.
fn sources(doc: Doc<'_>, problems: &mut Vec<Problem>) {
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
    pointers.extend(site::paths(doc));
    paths(doc, pointers, problems);
}

/// Paths of this machine at these pointers.
fn paths(doc: Doc<'_>, pointers: Vec<String>, problems: &mut Vec<Problem>) {
    for pointer in pointers {
        let Some(path) = doc.str(&pointer).filter(|path| !is_pem(path)) else { continue };
        let (name, place) = (dotted(&pointer), doc.place(&pointer));
        if let Some(c) = path.chars().find(|c| c.is_control()) {
            let message = format!("the path in `{name}` holds a control character (`{}`)", c);
            let help = "in double quotes `\\t` is a tab and `\\n` a line break; write `/` between the parts of a path";
            problems.push(Problem::error(message).at(place, "").help(help));
        } else if is_windows_path(path) || path.starts_with("//") {
            // A share with slashes is what remains of one when backslashes were replaced.
            let message = format!("`{path}` is a path of a Windows machine");
            let help =
                "media are made where this runs: write the path as it is here, relative to this file or from `/`";
            problems.push(Problem::error(message).at(place, "").help(help));
        } else if path.contains('\\') {
            let message = format!("the path `{path}` has backslashes");
            problems.push(Problem::error(message).at(place, "").help(format!("write `{}`", path.replace('\\', "/"))));
        }
    }
}

/// Returns `true` for a certificate in place of the path of its file.
pub fn is_pem(text: &str) -> bool {
    text.starts_with("-----BEGIN ")
}

fn is_windows_path(path: &str) -> bool {
    let bytes = path.as_bytes();
    path.starts_with(r"\\")
        || (bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'\\' | b'/'))
}

/// Paths on the medium, and in the boot image.
fn files(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    files_of(doc, "file", "medium", problems);
    files_of(doc, "boot/file", "boot image", problems);
}

/// The paths of a table of files, which go to a whole of this name.
fn files_of(doc: Doc<'_>, table: &str, whole: &str, problems: &mut Vec<Problem>) {
    let mut seen: Vec<(String, Place)> = Vec::new();
    for (pointer, _) in present(doc, table) {
        let pointer = format!("{pointer}/path");
        let Some(path) = doc.str(&pointer).filter(|path| !path.is_empty()) else { continue };
        let place = doc.place(&pointer);
        if let Some((message, help)) = bad_path(path, whole) {
            problems.push(Problem::error(message).at(place, "").help(help));
            continue;
        }
        if path == "." {
            // Several folders may be poured into the root; what collides there is found when they are read.
            continue;
        }
        let folded = path.to_uppercase();
        match seen.iter().find(|(other, _)| *other == folded) {
            Some((_, first)) => problems.push(
                Problem::error(format!(
                    "two entries go to `{path}` {} the {whole}",
                    if whole == "medium" { "on" } else { "in" }
                ))
                .at(place, "this one")
                .at(first.clone(), "and this one")
                .help("give each a path of its own, or a `when`"),
            ),
            None => seen.push((folded, place)),
        }
    }
}

/// Why a path can't be one of a whole, the medium or the boot image, and what would be right.
fn bad_path(path: &str, whole: &str) -> Option<(String, String)> {
    let bare = path.trim_start_matches(['/', '\\']);
    if is_windows_path(path) && !path.starts_with('\\') {
        let help = format!("write it from the root of the {whole}: `{}`", path[3..].replace('\\', "/"));
        return Some((format!("`{path}` names a drive, and a {whole} gets its letter from Windows"), help));
    }
    if path.contains('\\') {
        return Some((format!("the path `{path}` has backslashes"), format!("write `{}`", bare.replace('\\', "/"))));
    }
    if path.starts_with('/') {
        return Some((
            format!("the path `{path}` starts with `/`, and it is counted from the root of the {whole} anyway"),
            format!("write `{}`", if bare.is_empty() { "." } else { bare }),
        ));
    }
    if path == "." {
        return None;
    }
    for part in path.split('/') {
        if part == ".." {
            return Some((format!("the path `{path}` leads out of the {whole}"), "leave out `..`".into()));
        }
        if part == "." || part.is_empty() {
            let parts: Vec<_> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
            let what = if part == "." { "a `.` that means nothing" } else { "an empty part" };
            return Some((format!("the path `{path}` has {what}"), format!("write `{}`", parts.join("/"))));
        }
        if let Err(bad) = Name::new(part) {
            return Some((bad.to_string(), "choose another name".into()));
        }
    }
    None
}
