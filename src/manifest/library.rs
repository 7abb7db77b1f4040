//! Content libraries: files of content that manifests share, and the entries that a medium takes from them.
//!
//! With `content = "referenced"`, everything that steps of the task sequence refer to which may run from the medium is
//! taken from the library: its entries are added to the rendered manifest, each at the place where the library has it, so that all that follows
//! treats them as entries of the manifest. Child task sequences are read, and their steps take the place of the step that
//! runs them. Microsoft documents that a site combines parent and child into one policy; that a group in place of the step
//! means the same is inferred.

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
use crate::sequence::rules::Carried;

use super::model::Kind;
use super::profile::{self, Folders};
use super::{base, task_sequence};
use authoring::doc::Doc;
use authoring::spanned::{Entry, Node, Table, Value};
use authoring::template::Templates;
use authoring::values::Context;

use closure::Closure;
use file::{LibraryEntry, LibraryFile, entries};

pub(super) use file::Libraries;

const FILES: &str = "/library/files";

/// Keys of a library's entry that the manifest has not.
const OWN_KEYS: [&str; 4] = ["name", "version", "dependencies", "when"];

/// An entry of a library that a medium takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenEntry {
    /// JSON pointer of the entry in the rendered manifest, such as `/package/2`.
    pub pointer: String,
    /// The entry in words, with its name and version.
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
pub(super) struct Taken {
    pub entries: Vec<TakenEntry>,
    /// `true` if a library can't be used, so that what the medium carries is not known.
    pub is_unknown: bool,
    /// IDs that are missing from the library, which was reported.
    pub reported: Vec<String>,
    /// The entries as they were written, for the template values that they name.
    pub written: Vec<Node>,
}

/// Texts and templates of one site.
pub(super) struct Texts<'a> {
    pub templates: &'a Templates,
    pub context: &'a Context,
    pub problems: &'a mut Problems,
    pub inputs: &'a mut Inputs,
}

/// Adds everything that a task sequence refers to to the tree of a rendered manifest, if the manifest asks for it, and
/// puts the steps of child task sequences in place of the steps that run them. The folders of library files are added to
/// `folders`.
pub(super) fn supply(
    tree: &mut Node,
    sequence: Option<&mut Sequence>,
    (manifest, folders): (&Utf8Path, &mut Folders),
    libraries: &mut Libraries,
    texts: &mut Texts<'_>,
    found: &mut Vec<Problem>,
) -> Result<Taken> {
    let wanted = Wanted::new(tree, texts.problems);
    let mut files = Vec::new();
    for (written, place) in &wanted.files {
        let folder = folders.get(&place.source).map_or(profile::folder(manifest), |folder| folder);
        let path = folder.join(written);
        if let Some(file) = libraries.read(&path, (written, place), (texts.problems, texts.inputs), found)? {
            folders.insert(file.source, profile::folder(&file.path).to_owned());
            files.push(file);
        }
    }
    // What a file holds that can't be used is not missing.
    let is_whole = !files.is_empty() && files.len() == wanted.files.len();
    match sequence {
        Some(sequence) if is_whole && let Some(kind) = wanted.kind => {
            Ok(take(tree, (&wanted, kind), &files, sequence, texts, found))
        }
        _ => Ok(Taken { is_unknown: wanted.kind.is_some(), ..Taken::default() }),
    }
}

/// Parts of a rendered manifest that decide what it takes from libraries.
struct Wanted {
    /// Kind of the medium, if it takes what its task sequence refers to.
    kind: Option<Kind>,
    /// Library files as they are written, with their places.
    files: Vec<(String, Place)>,
    /// Content that it lists.
    own: Vec<Carried>,
    lacks_boot_image: bool,
    has_base: bool,
    /// Place in the manifest that asks for it.
    place: Place,
}

impl Wanted {
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
            has_base: base::is_named(doc),
            place: doc.place("/library/content"),
        }
    }
}

fn take(
    tree: &mut Node,
    (wanted, kind): (&Wanted, Kind),
    files: &[Rc<LibraryFile>],
    sequence: &mut Sequence,
    texts: &mut Texts<'_>,
    found: &mut Vec<Problem>,
) -> Taken {
    let entries = entries(files, (texts.templates, texts.context), texts.problems, found);
    let mut closure = Closure::new(&entries, files, (&wanted.own, wanted.has_base), texts, found);
    closure.add_sequence(sequence, kind);
    if wanted.lacks_boot_image {
        closure.add_boot_image(sequence);
    }
    let (taken, reported) = closure.finish();
    let mut all = Taken { reported, ..Taken::default() };
    // A task sequence that could not be put in its place was reported.
    for (entry, needed_by) in taken.into_iter().filter(|(entry, _)| entry.table != "task-sequence") {
        let node = texts.templates.render(&entry.node, texts.context, texts.problems, found);
        let title = title(entry, &node);
        let Some(pointer) = add(tree, entry, node) else { continue };
        all.written.push(entry.node.clone());
        all.entries.push(TakenEntry { pointer, title, needed_by: needed_by.join(", ") });
    }
    if let Some(problem) = note(&all.entries) {
        found.push(problem.at(wanted.place.clone(), ""));
    }
    all
}

/// Note of everything that a medium takes, if that is anything.
fn note(taken: &[TakenEntry]) -> Option<Problem> {
    let what = match taken.len() {
        0 => return None,
        1 => "1 entry".to_owned(),
        n => format!("{n} entries"),
    };
    let lines: Vec<_> = taken.iter().map(TakenEntry::to_string).collect();
    Some(Problem::note(format!("the medium takes {what} of the library")).help(lines.join("; ")))
}

/// An entry in words, such as ``package `BER00021` (VPN client 5.2)``.
fn title(entry: &LibraryEntry, rendered: &Node) -> String {
    let text = |key: &str| rendered.as_table().and_then(|table| table.get(key)?.as_str());
    let words: Vec<_> = ["name", "version"].into_iter().filter_map(text).collect();
    let named = format!("{} `{}`", entry.table, entry.id);
    if words.is_empty() { named } else { format!("{named} ({})", words.join(" ")) }
}

/// Adds a rendered entry to the tree of a manifest, and returns its JSON pointer there.
fn add(tree: &mut Node, entry: &LibraryEntry, mut node: Node) -> Option<String> {
    let (Value::Table(root), Value::Table(table)) = (&mut tree.value, &mut node.value) else { return None };
    OWN_KEYS.iter().for_each(|key| drop(table.remove(key)));
    let place = node.place.clone();
    if entry.table == "boot-image" {
        let Value::Table(table) = &mut node.value else { return None };
        table.remove("id");
        let boot = child(root, "boot", Value::Table(Table::default()), &place);
        let Value::Table(boot) = boot else { return None };
        boot.0.push(Entry { name: "image".into(), key: place, node });
        return Some("/boot/image".into());
    }
    match child(root, entry.table, Value::Array(Vec::new()), &place) {
        Value::Array(nodes) => {
            nodes.push(node);
            Some(format!("/{}/{}", entry.table, nodes.len() - 1))
        }
        _ => None,
    }
}

/// Returns the value of a key of a table, which gets `empty` if it has none.
fn child<'a>(root: &'a mut Table, name: &str, empty: Value, place: &Place) -> &'a mut Value {
    let at = root.0.iter().position(|entry| entry.name == name).unwrap_or_else(|| {
        let node = Node { value: empty, place: place.clone() };
        root.0.push(Entry { name: name.to_owned(), key: place.clone(), node });
        root.0.len() - 1
    });
    &mut root.0[at].node.value
}
