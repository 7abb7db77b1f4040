//! Task sequences: those that manifests name, checked against their medium, and single files,
//! checked by themselves.

use camino::Utf8Path;
use serde_json::Value as Json;

use crate::error::Result;
use crate::inputs::Inputs;
use crate::problem::{Place, Problem, Problems};
use crate::rule::Rule;
use crate::sequence::rules::{CarriedContent, MediumContext, check};
use crate::sequence::{self, Sequence};

use super::base;
use super::model::{CONTENT, Kind};
use super::profile::{SourceFolders, parent_folder};
use super::{Options, standalone_context};
use authoring::doc::Doc;
use authoring::suggestions::similar_path;
use authoring::values::Context;

const FILE: &str = "/task-sequence/file";

/// Reports a task sequence on media of a kind that should have none (R28).
pub fn check_presence(doc: Doc<'_>) -> Option<Problem> {
    let kind = doc.str("/media/kind")?;
    match (kind, doc.spans.has("/task-sequence")) {
        ("bootable", true) => Some(
            Problem::new(
                Rule::UnexpectedTaskSequence,
                "bootable media can't have a task sequence: they get it from the management point",
            )
            .at(doc.place("/task-sequence"), "")
            .at(doc.place("/media/kind"), "the kind")
            .help("remove it, or write `kind = \"stand-alone\"`"),
        ),
        ("capture", true) => Some(
            Problem::note(
                "with a task sequence, the capture medium becomes a stand-alone medium; capture media of \
                 Configuration Manager have none",
            )
            .at(doc.place("/task-sequence"), "")
            .at(doc.place("/media/kind"), "the kind")
            .help(
                "deploy the task sequence at the site and write `kind = \"bootable\"`, which keeps the account's \
                 password at the site; or remove it, and use the capture program of a base",
            ),
        ),
        _ => None,
    }
}

/// Reads the task sequence that a rendered manifest names; its problems are added to `found`.
pub fn read(
    path: &Utf8Path,
    (json, spans): (&Json, &authoring::spanned::Spans),
    context: &Context,
    folders: &SourceFolders,
    (problems, inputs): (&mut Problems, &mut Inputs),
    found: &mut Vec<Problem>,
) -> Option<Sequence> {
    let doc = Doc { json, spans, sources: problems };
    let file = doc.str(FILE).filter(|file| !file.is_empty())?.to_owned();
    if doc.str("/media/kind") == Some("bootable") {
        return None;
    }
    let place = doc.place(FILE);
    let path = folders.get(&place.source).map_or(parent_folder(path), |folder| folder).join(&file);
    let before = problems.mark();
    let sequence = sequence::read(&path, context, problems, inputs).unwrap_or_else(|error| {
        found.push(unreadable(&path, &file, &error, place));
        None
    });
    found.extend(problems.take_since(before));
    sequence
}

/// Returns the problem of an unreadable task sequence file. `written` is the path as written at
/// `place`.
pub(super) fn unreadable(path: &Utf8Path, written: &str, error: &sequence::Error, place: Place) -> Problem {
    if !path.exists() {
        let problem = Problem::error(format!("`{path}` does not exist")).at(place, "not found");
        return problem.help(match similar_path(path, written) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "paths are relative to the file they are written in".into(),
        });
    }
    // The label already shows the path, so report only the cause.
    let why = std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| cause.to_string());
    Problem::error(format!("the task sequence can't be read: {why}")).at(place, "named here")
}

/// Checks a task sequence against the medium of a rendered manifest, including content taken from
/// libraries. Content with the `reported` IDs is known to be missing; unless `knows_content`, any
/// may be there.
pub(super) fn check_on_medium(
    doc: Doc<'_>,
    sequence: &Sequence,
    reported: &[String],
    knows_content: bool,
) -> Vec<Problem> {
    let mut medium = MediumContext { reported: reported.to_vec(), ..medium_for_rules(doc) };
    if !knows_content {
        medium.carried = None;
    }
    check(sequence, &medium)
}

/// Returns the properties of the medium that rules for task sequences use.
fn medium_for_rules(doc: Doc<'_>) -> MediumContext {
    let kind = doc.str("/media/kind").and_then(|kind| serde_json::from_value(Json::from(kind)).ok());
    // The content of a base is unknown until it is opened.
    let carried = (!base::is_present(doc)).then(|| listed_content(doc.json, |pointer| doc.place(pointer)));
    MediumContext {
        kind,
        kind_place: Some(doc.place("/media/kind")),
        carried,
        has_boot_image: true,
        ..MediumContext::default()
    }
}

/// Returns the content that a rendered manifest lists. `place` returns the place of the value at a
/// JSON pointer.
pub fn listed_content(json: &Json, place: impl Fn(&str) -> Place) -> Vec<CarriedContent> {
    let mut listed = Vec::new();
    for (table, _, _) in CONTENT {
        let entries = json.get(table).and_then(Json::as_array).into_iter().flatten().enumerate();
        for (index, entry) in entries.filter(|(_, entry)| entry.get("when") != Some(&Json::Bool(false))) {
            let text = |key: &str| entry.get(key).and_then(Json::as_str).map(str::to_owned);
            let Some(id) = text("id") else { continue };
            let place = |key: &str| place(&format!("/{table}/{index}/{key}"));
            let image = entry.get("index").and_then(Json::as_i64).map(|image| (image, place("index")));
            let table = Some(table);
            listed.push(CarriedContent { table, id, model_name: text("model-name"), index: image, place: place("id") });
        }
    }
    listed
}

/// Reads a single task sequence file. Its templates can use the values and the site given on the
/// command line.
///
/// # Errors
///
/// A file can't be read.
pub fn read_standalone(
    path: &Utf8Path,
    options: &Options,
    problems: &mut Problems,
    inputs: &mut Inputs,
) -> Result<Option<Sequence>> {
    match standalone_context(options, problems, inputs)? {
        Some(context) => Ok(sequence::read(path, &context, problems, inputs)?),
        None => Ok(None),
    }
}

/// Reads and checks a single task sequence file, for a kind of medium if one is given. Its
/// templates can use the values and the site given on the command line.
///
/// # Errors
///
/// A file can't be read.
pub fn check_standalone(
    path: &Utf8Path,
    options: &Options,
    kind: Option<Kind>,
    problems: &mut Problems,
) -> Result<Option<Sequence>> {
    let sequence = read_standalone(path, options, problems, &mut Inputs::default())?;
    if let Some(sequence) = &sequence {
        let found = check(sequence, &MediumContext { kind, ..MediumContext::default() });
        found.into_iter().for_each(|problem| problems.add(problem));
    }
    Ok(sequence)
}
