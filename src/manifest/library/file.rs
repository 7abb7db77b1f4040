//! Reads library files, checks their structure, and returns their entries for a site.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Result;
use crate::inputs::Inputs;
use crate::limits::{self, MAX_TOML_LEN};
use crate::problem::{Place, Problem, Problems, SourceId};
use crate::sequence::rules::matches_content;

use super::super::profile::parent_folder;
use super::super::schema;
use authoring::Dialect;
use authoring::doc::Doc;
use authoring::schema::CompiledSchema;
use authoring::schema_errors::SchemaChecker;
use authoring::spanned::{Node, Table, Value};
use authoring::suggestions::similar_path;
use authoring::template::Templates;
use authoring::toml::parse;
use authoring::values::Context;

/// Tables of a library file.
const TABLES: [&str; 6] =
    ["operating-system", "package", "driver-package", "application", "boot-image", "task-sequence"];

/// Dialect for checking library files before their templates are rendered.
#[derive(Debug)]
struct LibraryDialect;

impl Dialect for LibraryDialect {
    fn name(&self) -> &'static str {
        "the library"
    }

    fn schema(&self) -> &'static CompiledSchema {
        static SCHEMA: LazyLock<CompiledSchema> = LazyLock::new(|| CompiledSchema::new(schema::library_schema()));
        &SCHEMA
    }
}

/// A parsed library file.
#[derive(Debug)]
pub(super) struct LibraryFile {
    pub path: Utf8PathBuf,
    pub source: SourceId,
    tables: Table,
}

/// Library files, each read once for all sites.
#[derive(Debug, Default)]
pub(in crate::manifest) struct Libraries {
    read: BTreeMap<Utf8PathBuf, (Option<Rc<LibraryFile>>, Vec<Problem>)>,
}

impl Libraries {
    /// Reads a library file, named `written` at `place`, and checks its structure. `None` if it is
    /// unusable, which is reported.
    pub(super) fn read(
        &mut self,
        path: &Utf8Path,
        (written, place): (&str, &Place),
        (problems, inputs): (&mut Problems, &mut Inputs),
        found: &mut Vec<Problem>,
    ) -> Result<Option<Rc<LibraryFile>>> {
        inputs.note_at(path, place.clone());
        if !self.read.contains_key(path) {
            let text = match limits::read_text(path, MAX_TOML_LEN) {
                Ok(text) => text,
                Err(error) => {
                    found.push(unreadable(path, written, &error).at(place.clone(), "named here"));
                    return Ok(None);
                }
            };
            let read = self.parse(path, &text, problems)?;
            self.read.insert(path.to_owned(), read);
        }
        let Some((file, wrong)) = self.read.get(path) else { return Ok(None) };
        // Report the problems for every site; equal ones are merged later.
        found.extend(wrong.iter().cloned());
        Ok(file.clone())
    }

    fn parse(
        &mut self,
        path: &Utf8Path,
        text: &str,
        problems: &mut Problems,
    ) -> Result<(Option<Rc<LibraryFile>>, Vec<Problem>)> {
        let source = problems.add_source_once(path.as_str(), text);
        // Keep syntax errors with the file, so that they are merged like other problems of sites.
        let before = problems.mark();
        let tree = parse(source, text, problems);
        let mut wrong = problems.take_since(before);
        if !wrong.is_empty() {
            return Ok((None, wrong));
        }
        let (json, spans) = tree.flatten();
        wrong.extend(SchemaChecker::new(LibraryDialect).check(Doc { json: &json, spans: &spans, sources: problems }));
        let file = match tree.value {
            Value::Table(tables) if wrong.is_empty() => {
                Some(Rc::new(LibraryFile { path: path.to_owned(), source, tables }))
            }
            _ => None,
        };
        Ok((file, wrong))
    }
}

/// Returns the problem of an unreadable library file.
fn unreadable(path: &Utf8Path, written: &str, error: &std::io::Error) -> Problem {
    if path.is_dir() {
        return Problem::error(format!("the library `{written}` is a folder"))
            .help("name a file in it, such as `library.toml`");
    }
    if path.exists() {
        return Problem::error(format!("the library `{written}` can't be read: {error}"));
    }
    Problem::error(format!("the library file `{written}` does not exist")).help(match similar_path(path, written) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the path is relative to the file that names it, so it means `{path}`"),
    })
}

/// A library entry for one site.
#[derive(Debug)]
pub(super) struct LibraryEntry {
    /// Table of the entry.
    pub table: &'static str,
    pub id: String,
    pub id_place: Place,
    pub model_name: Option<String>,
    /// Applications that it depends on, with their places.
    pub dependencies: Vec<(String, Place)>,
    /// The entry before rendering.
    pub node: Node,
    /// Folder that its paths are relative to.
    pub folder: Utf8PathBuf,
}

impl LibraryEntry {
    /// Returns `true` if steps can refer to the entry by a name: its ID, or the model name of an
    /// application.
    pub fn is_named(&self, name: &str) -> bool {
        match self.table {
            "application" => matches_content(&self.id, self.model_name.as_deref(), name),
            _ => self.id == name,
        }
    }
}

/// Returns the entries of library files for a site. Entries of later files replace earlier ones
/// with the same ID.
///
/// Only IDs, names, conditions and dependencies are rendered; the rest is rendered if a medium
/// takes the entry.
pub(super) fn site_entries(
    files: &[Rc<LibraryFile>],
    (templates, context): (&Templates, &Context),
    sources: &Problems,
    found: &mut Vec<Problem>,
) -> Vec<LibraryEntry> {
    let mut entries: Vec<LibraryEntry> = Vec::new();
    for file in files {
        // IDs must be unique in a file; between files, later ones win.
        let mut of_file: Vec<LibraryEntry> = Vec::new();
        for (table, node) in
            TABLES.iter().flat_map(|table| table_entries(&file.tables, table).map(move |node| (*table, node)))
        {
            let Some(written) = node.as_table() else { continue };
            let mut render = |key: &str| Some(templates.render(written.get(key)?, context, sources, found));
            let rendered = ["when", "id", "model-name", "dependencies"].map(&mut render);
            let Some(entry) = parse_entry(table, node, rendered, parent_folder(&file.path), found) else { continue };
            match of_file.iter().find(|first| first.id.eq_ignore_ascii_case(&entry.id)) {
                Some(first) => found.push(
                    Problem::error(format!("the ID `{}` is used twice in the library", entry.id))
                        .at(entry.id_place, "this entry")
                        .at(first.id_place.clone(), "and this one")
                        .help("give one of them its own ID, or a `when`"),
                ),
                None => of_file.push(entry),
            }
        }
        entries.retain(|earlier| !of_file.iter().any(|later| later.id.eq_ignore_ascii_case(&earlier.id)));
        entries.append(&mut of_file);
    }
    entries
}

/// Returns a rendered entry; `None` if its `when` is false, or if a value has the wrong type, which
/// is reported.
fn parse_entry(
    table: &'static str,
    node: &Node,
    [when, id, model_name, dependencies]: [Option<Node>; 4],
    folder: &Utf8Path,
    found: &mut Vec<Problem>,
) -> Option<LibraryEntry> {
    let mut is_right = true;
    let mut wrong = |key: &str, node: &Node, wanted: &str| {
        // A failed template was reported.
        if !matches!(node.value, Value::Failed) {
            let message = format!("`{table}.{key}` must be {wanted}, but its template renders to another type");
            found.push(Problem::error(message).at(node.place.clone(), ""));
        }
        is_right = false;
    };
    match when {
        Some(Node { value: Value::Boolean(false), .. }) => return None,
        Some(Node { value: Value::Boolean(true), .. }) | None => {}
        Some(other) => wrong("when", &other, "`true` or `false`"),
    }
    let mut text = |key: &str, node: Node| match node.value {
        Value::String(text) => Some((text, node.place)),
        _ => {
            wrong(key, &node, "text");
            None
        }
    };
    let id = text("id", id?);
    let model_name = model_name.and_then(|name| text("model-name", name)).map(|(name, _)| name);
    let dependencies = match dependencies {
        Some(Node { value: Value::Array(nodes), .. }) => {
            nodes.into_iter().filter_map(|node| text("dependencies", node)).collect()
        }
        Some(other) => {
            wrong("dependencies", &other, "a list");
            Vec::new()
        }
        None => Vec::new(),
    };
    let (id, id_place) = id.filter(|_| is_right)?;
    Some(LibraryEntry { table, id, id_place, model_name, dependencies, node: node.clone(), folder: folder.to_owned() })
}

/// Returns the entries of a table.
fn table_entries<'a>(tables: &'a Table, table: &str) -> impl Iterator<Item = &'a Node> + use<'a> {
    match tables.get(table).map(|node| &node.value) {
        Some(Value::Array(nodes)) => nodes.iter(),
        _ => [].iter(),
    }
}
