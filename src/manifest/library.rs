//! Content libraries: files of content shared by manifests, and the entries that a medium takes
//! from them.
//!
//! With `content = "referenced"`, everything is taken that steps refer to, provided they may run
//! from the medium. The library entries are added to the rendered manifest, with their places in
//! the library, so that later steps treat them like any other entry. Child task sequences are read,
//! and their steps replace the step that runs them. Microsoft documents that a site combines parent
//! and child into one policy; that a group is equivalent to the step is an assumption.

mod closure;
mod file;

use std::fmt;
use std::rc::Rc;

use camino::Utf8Path;
use serde_json::Value as Json;

use crate::error::Result;
use crate::inputs::Inputs;
use crate::problem::{Place, Problem, Problems};
use crate::sequence::Sequence;
use crate::sequence::rules::CarriedContent;

use super::model::Kind;
use super::profile::{self, SourceFolders};
use super::{base, task_sequence};
use authoring::doc::Doc;
use authoring::spanned::{Node, Table, TableEntry, Value};
use authoring::template::Templates;
use authoring::values::Context;

use closure::Closure;
use file::{LibraryEntry, LibraryFile, site_entries};

pub(super) use file::Libraries;

const FILES: &str = "/library/files";

/// Keys of library entries that manifest entries do not have.
const OWN_KEYS: [&str; 4] = ["name", "version", "dependencies", "when"];

/// A library entry that a medium takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenEntry {
    /// JSON pointer of the entry in the rendered manifest, such as `/package/2`.
    pub pointer: String,
    /// Description of the entry, with its name and version.
    pub title: String,
    /// Steps and applications that need it.
    pub needed_by: String,
}

impl fmt::Display for TakenEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.title, self.needed_by)
    }
}

/// Everything that a medium takes from libraries.
#[derive(Debug, Default)]
pub(super) struct TakenContent {
    pub entries: Vec<TakenEntry>,
    /// A library is unusable, so the content of the medium is unknown.
    pub is_unknown: bool,
    /// IDs reported as missing from the library.
    pub reported: Vec<String>,
    /// Entries before rendering, to find the template values they use.
    pub written: Vec<Node>,
}

/// Templates and texts for rendering library entries for one site.
pub(super) struct SiteContext<'a> {
    pub templates: &'a Templates,
    pub context: &'a Context,
    pub problems: &'a mut Problems,
    pub inputs: &'a mut Inputs,
}

/// Adds everything that a task sequence refers to to a rendered manifest, if the manifest asks for
/// it, and inlines child task sequences. The folders of library files are added to `folders`.
pub(super) fn add_referenced_content(
    tree: &mut Node,
    sequence: Option<&mut Sequence>,
    (manifest, folders): (&Utf8Path, &mut SourceFolders),
    libraries: &mut Libraries,
    site: &mut SiteContext<'_>,
    found: &mut Vec<Problem>,
) -> Result<TakenContent> {
    let wanted = LibraryRequest::new(tree, site.problems);
    let mut files = Vec::new();
    for (written, place) in &wanted.files {
        let folder = folders.get(&place.source).map_or(profile::parent_folder(manifest), |folder| folder);
        let path = folder.join(written);
        if let Some(file) = libraries.read(&path, (written, place), (site.problems, site.inputs), found)? {
            folders.insert(file.source, profile::parent_folder(&file.path).to_owned());
            files.push(file);
        }
    }
    // An entry that seems missing may be in the unusable file.
    let is_whole = !files.is_empty() && files.len() == wanted.files.len();
    match sequence {
        Some(sequence) if is_whole && let Some(kind) = wanted.kind => {
            Ok(take_entries(tree, (&wanted, kind), &files, sequence, site, found))
        }
        _ => Ok(TakenContent { is_unknown: wanted.kind.is_some(), ..TakenContent::default() }),
    }
}

/// Parts of a rendered manifest that determine what it takes from libraries.
struct LibraryRequest {
    /// Kind of the medium, if it takes referenced content.
    kind: Option<Kind>,
    /// Library files as written, with their places.
    files: Vec<(String, Place)>,
    /// Content listed in the manifest.
    own: Vec<CarriedContent>,
    lacks_boot_image: bool,
    has_base: bool,
    /// Place of the key that asks for referenced content.
    place: Place,
}

impl LibraryRequest {
    fn new(tree: &Node, sources: &Problems) -> Self {
        let (json, spans) = tree.flatten();
        let doc = Doc { json: &json, spans: &spans, sources };
        let n_files = doc.get(FILES).and_then(Json::as_array).map_or(0, Vec::len);
        let file = |index: usize| {
            let pointer = format!("{FILES}/{index}");
            Some((doc.str(&pointer)?.to_owned(), doc.place(&pointer)))
        };
        let kind = match doc.str("/media/kind") {
            Some("stand-alone") => Some(Kind::StandAlone),
            Some("prestaged") => Some(Kind::Prestaged),
            _ => None,
        };
        Self {
            kind: kind.filter(|_| doc.str("/library/content") == Some("referenced")),
            files: (0..n_files).filter_map(file).filter(|(file, _)| !file.is_empty()).collect(),
            own: task_sequence::listed_content(doc.json, |pointer| doc.place(pointer)),
            lacks_boot_image: !doc.spans.has("/boot/image"),
            has_base: base::is_present(doc),
            place: doc.place("/library/content"),
        }
    }
}

fn take_entries(
    tree: &mut Node,
    (wanted, kind): (&LibraryRequest, Kind),
    files: &[Rc<LibraryFile>],
    sequence: &mut Sequence,
    site: &mut SiteContext<'_>,
    found: &mut Vec<Problem>,
) -> TakenContent {
    let entries = site_entries(files, (site.templates, site.context), site.problems, found);
    let mut closure = Closure::new(&entries, files, (&wanted.own, wanted.has_base), site, found);
    closure.add_sequence(sequence, kind);
    if wanted.lacks_boot_image {
        closure.add_boot_image(sequence);
    }
    let (taken, reported) = closure.into_taken();
    let mut all = TakenContent { reported, ..TakenContent::default() };
    // A child task sequence that could not be inlined was reported.
    for (entry, needed_by) in taken.into_iter().filter(|(entry, _)| entry.table != "task-sequence") {
        let node = site.templates.render(&entry.node, site.context, site.problems, found);
        let title = entry_title(entry, &node);
        let Some(pointer) = add_entry(tree, entry, node) else { continue };
        all.written.push(entry.node.clone());
        all.entries.push(TakenEntry { pointer, title, needed_by: needed_by.join(", ") });
    }
    if let Some(problem) = taken_note(&all.entries) {
        found.push(problem.at(wanted.place.clone(), ""));
    }
    all
}

/// Returns a note that lists the taken entries; `None` if there are none.
fn taken_note(taken: &[TakenEntry]) -> Option<Problem> {
    let what = match taken.len() {
        0 => return None,
        1 => "1 entry".to_owned(),
        n => format!("{n} entries"),
    };
    let lines: Vec<_> = taken.iter().map(TakenEntry::to_string).collect();
    Some(Problem::note(format!("the medium takes {what} from the library")).help(lines.join("; ")))
}

/// Describes an entry, as in ``package `BER00021` (VPN client 5.2)``.
fn entry_title(entry: &LibraryEntry, rendered: &Node) -> String {
    let text = |key: &str| rendered.as_table().and_then(|table| table.get(key)?.as_str());
    let words: Vec<_> = ["name", "version"].into_iter().filter_map(text).collect();
    let named = format!("{} `{}`", entry.table, entry.id);
    if words.is_empty() { named } else { format!("{named} ({})", words.join(" ")) }
}

/// Adds a rendered entry to a manifest, and returns its JSON pointer there.
fn add_entry(tree: &mut Node, entry: &LibraryEntry, mut node: Node) -> Option<String> {
    let (Value::Table(root), Value::Table(table)) = (&mut tree.value, &mut node.value) else { return None };
    OWN_KEYS.iter().for_each(|key| drop(table.remove(key)));
    let place = node.place.clone();
    if entry.table == "boot-image" {
        let Value::Table(table) = &mut node.value else { return None };
        table.remove("id");
        let boot = value_or_insert(root, "boot", Value::Table(Table::default()), &place);
        let Value::Table(boot) = boot else { return None };
        boot.0.push(TableEntry { name: "image".into(), key: place, node });
        return Some("/boot/image".into());
    }
    match value_or_insert(root, entry.table, Value::Array(Vec::new()), &place) {
        Value::Array(nodes) => {
            nodes.push(node);
            Some(format!("/{}/{}", entry.table, nodes.len() - 1))
        }
        _ => None,
    }
}

/// Returns the value of a key of a table, inserting `empty` if it is missing.
fn value_or_insert<'a>(root: &'a mut Table, name: &str, empty: Value, place: &Place) -> &'a mut Value {
    let at = root.0.iter().position(|entry| entry.name == name).unwrap_or_else(|| {
        let node = Node { value: empty, place: place.clone() };
        root.0.push(TableEntry { name: name.to_owned(), key: place.clone(), node });
        root.0.len() - 1
    });
    &mut root.0[at].node.value
}
