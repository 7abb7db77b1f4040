//! The task sequence that a manifest names, read for a site and checked against the medium that carries it; and one
//! that is checked by itself.

use camino::Utf8Path;
use serde_json::Value as Json;

use crate::error::Result;
use crate::inputs::Inputs;
use crate::problem::{Place, Problem, Problems};
use crate::rule::Rule;
use crate::sequence::rules::{Carried, Medium, check};
use crate::sequence::{self, Sequence};

use super::base;
use super::library::Taken;
use super::model::{CONTENT, Kind};
use super::profile::{Folders, folder};
use super::{Options, context_without};
use authoring::doc::Doc;
use authoring::suggestions::similar_path;
use authoring::values::Context;

const FILE: &str = "/task-sequence/file";

/// What is wrong with whether a medium of its kind has a sequence at all (R28).
pub fn is_wanted(doc: Doc<'_>) -> Option<Problem> {
    let kind = doc.str("/media/kind")?;
    match (kind, doc.spans.has("/task-sequence")) {
        ("bootable", true) => Some(
            Problem::new(
                Rule::UnexpectedTaskSequence,
                "bootable media get their task sequence from the management point, and carry none",
            )
            .at(doc.place("/task-sequence"), "")
            .at(doc.place("/media/kind"), "the kind")
            .help("leave it out, or make the medium `stand-alone`"),
        ),
        ("capture", true) => Some(
            Problem::note(
                "capture media of Configuration Manager carry no task sequence; this one is a stand-alone medium",
            )
            .at(doc.place("/task-sequence"), "")
            .at(doc.place("/media/kind"), "the kind")
            .help(
                "deploy the sequence at the site and make the medium `bootable`, so that the account's password stays \
                       at the site; or leave the sequence out, and take the programs that capture from a base",
            ),
        ),
        _ => None,
    }
}

/// Reads the sequence that a rendered manifest names; what is wrong with its form goes to `found`.
pub fn read(
    path: &Utf8Path,
    (json, spans): (&Json, &authoring::spanned::Spans),
    context: &Context,
    folders: &Folders,
    (problems, inputs): (&mut Problems, &mut Inputs),
    found: &mut Vec<Problem>,
) -> Option<Sequence> {
    let doc = Doc { json, spans, sources: problems };
    let file = doc.str(FILE).filter(|file| !file.is_empty())?.to_owned();
    if doc.str("/media/kind") == Some("bootable") {
        return None;
    }
    let place = doc.place(FILE);
    let path = folders.get(&place.source).map_or(folder(path), |folder| folder).join(&file);
    let before = problems.mark();
    let sequence = sequence::read(&path, context, problems, inputs).unwrap_or_else(|error| {
        found.push(unreadable(&path, &file, &error, place));
        None
    });
    found.extend(problems.take_since(before));
    sequence
}

/// Problem with a sequence file that can't be read. `written` is the path as its author wrote it, at `place`.
pub(super) fn unreadable(path: &Utf8Path, written: &str, error: &sequence::Error, place: Place) -> Problem {
    if !path.exists() {
        let problem = Problem::error(format!("`{path}` does not exist")).at(place, "not found");
        return problem.help(match similar_path(path, written) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "paths are relative to the file that they are written in".into(),
        });
    }
    // The message names the path, which the line underlined does too; the cause says more.
    let why = std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| cause.to_string());
    Problem::error(format!("the task sequence can't be read: {why}")).at(place, "named here")
}

/// Checks a sequence against the medium of a rendered manifest, and what that takes from libraries.
pub(super) fn check_on_medium(doc: Doc<'_>, sequence: &Sequence, taken: &Taken) -> Vec<Problem> {
    let mut medium = Medium { reported: taken.reported.clone(), ..medium(doc) };
    if taken.is_unknown {
        medium.carried = None;
    }
    check(sequence, &medium)
}

/// What the manifest says of the medium that a sequence is for.
fn medium(doc: Doc<'_>) -> Medium {
    let kind = doc.str("/media/kind").and_then(|kind| serde_json::from_value(Json::from(kind)).ok());
    // The content of a base is known once it is opened.
    let carried = (!base::is_named(doc)).then(|| listed_content(doc.json, |pointer| doc.place(pointer)));
    Medium { kind, kind_place: Some(doc.place("/media/kind")), carried, has_boot_image: true, ..Medium::default() }
}

/// Returns the content that a rendered manifest lists. `place` finds where the value at a JSON pointer was written.
pub fn listed_content(json: &Json, place: impl Fn(&str) -> Place) -> Vec<Carried> {
    let mut listed = Vec::new();
    for (table, _, _) in CONTENT {
        let entries = json.get(table).and_then(Json::as_array).into_iter().flatten().enumerate();
        for (index, entry) in entries.filter(|(_, entry)| entry.get("when") != Some(&Json::Bool(false))) {
            let text = |key: &str| entry.get(key).and_then(Json::as_str).map(str::to_owned);
            let Some(id) = text("id") else { continue };
            let place = |key: &str| place(&format!("/{table}/{index}/{key}"));
            let image = entry.get("index").and_then(Json::as_i64).map(|image| (image, place("index")));
            let table = Some(table);
            listed.push(Carried { table, id, model_name: text("model-name"), index: image, place: place("id") });
        }
    }
    listed
}

/// Reads a sequence file by itself. Templates in it see the values and the site of the command line.
///
/// # Errors
///
/// A file could not be read at all.
pub fn read_alone(
    path: &Utf8Path,
    options: &Options,
    problems: &mut Problems,
    inputs: &mut Inputs,
) -> Result<Option<Sequence>> {
    match context_without(options, problems, inputs)? {
        Some(context) => Ok(sequence::read(path, &context, problems, inputs)?),
        None => Ok(None),
    }
}

/// Reads and checks a sequence file by itself, for a kind of medium if one is given. Templates in it see the values
/// and the site of the command line.
///
/// # Errors
///
/// A file could not be read at all.
pub fn alone(
    path: &Utf8Path,
    options: &Options,
    kind: Option<Kind>,
    problems: &mut Problems,
) -> Result<Option<Sequence>> {
    let sequence = read_alone(path, options, problems, &mut Inputs::default())?;
    if let Some(sequence) = &sequence {
        let found = check(sequence, &Medium { kind, ..Medium::default() });
        found.into_iter().for_each(|problem| problems.add(problem));
    }
    Ok(sequence)
}
