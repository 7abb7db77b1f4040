//! Library files: their form, and their entries for a site.

use std::collections::BTreeMap;
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value as Json;

use crate::error::Result;
use crate::inputs::Inputs;
use crate::limits::{self, MAX_TOML_LEN};
use crate::problem::{Place, Problem, Problems, SourceId};
use crate::sequence::rules::is_content;

use super::super::profile::folder;
use super::super::schema;
use authoring::Dialect;
use authoring::doc::Doc;
use authoring::schema_errors::Checker;
use authoring::spanned::{Node, Table, Value};
use authoring::suggestions::similar_path;
use authoring::template::Templates;
use authoring::toml::parse;
use authoring::values::Context;

/// Tables of a library file.
const TABLES: [&str; 6] =
    ["operating-system", "package", "driver-package", "application", "boot-image", "task-sequence"];

/// Checks the form of library files before their templates are rendered.
#[derive(Debug)]
struct Form;

impl Dialect for Form {
    fn name(&self) -> &'static str {
        "the library"
    }

    fn schema(&self) -> Json {
        schema::library()
    }
}

/// A library file.
#[derive(Debug)]
pub(super) struct LibraryFile {
    pub path: Utf8PathBuf,
    pub source: SourceId,
    tables: Table,
}

/// Library files that were read, each once for all sites.
#[derive(Debug, Default)]
pub(in crate::manifest) struct Libraries {
    checker: Option<Checker<Form>>,
    read: BTreeMap<Utf8PathBuf, (Option<Rc<LibraryFile>>, Vec<Problem>)>,
}

impl Libraries {
    /// Reads a library file, named `written` at `place`, and checks its form. `None` if it can't be used, which is
    /// reported.
    pub(super) fn read(
        &mut self,
        path: &Utf8Path,
        (written, place): (&str, &Place),
        (problems, inputs): (&mut Problems, &mut Inputs),
        found: &mut Vec<Problem>,
    ) -> Result<Option<Rc<LibraryFile>>> {
        inputs.note(path);
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
        // Every site has the same problems with it.
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
        let before = problems.mark();
        let tree = parse(source, text, problems);
        let mut wrong = problems.take_since(before);
        if !wrong.is_empty() {
            return Ok((None, wrong));
        }
        let checker = match &self.checker {
            Some(checker) => checker,
            None => self.checker.insert(Checker::new(Form)?),
        };
        let (json, spans) = tree.flatten();
        wrong.extend(checker.check(Doc { json: &json, spans: &spans, sources: problems }));
        let file = match tree.value {
            Value::Table(tables) if wrong.is_empty() => {
                Some(Rc::new(LibraryFile { path: path.to_owned(), source, tables }))
            }
            _ => None,
        };
        Ok((file, wrong))
    }
}

/// Problem with a library file that can't be read.
fn unreadable(path: &Utf8Path, written: &str, error: &std::io::Error) -> Problem {
    if path.is_dir() {
        return Problem::error(format!("the library `{written}` is a folder"))
            .help("name a file in it, such as `library.toml`");
    }
    if path.exists() {
        return Problem::error(format!("the library `{written}` can't be read: {error}"));
    }
    Problem::error(format!("there is no library file `{written}`")).help(match similar_path(path, written) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the path is relative to the file that names it, so it would be `{path}`"),
    })
}

/// An entry of a library for one site.
#[derive(Debug)]
pub(super) struct LibraryEntry {
    /// Table that it is in.
    pub table: &'static str,
    pub id: String,
    pub id_place: Place,
    pub model_name: Option<String>,
    /// Applications that it needs, with their places.
    pub dependencies: Vec<(String, Place)>,
    /// The entry as it was written, its templates not rendered.
    pub node: Node,
    /// Folder that its paths are relative to.
    pub folder: Utf8PathBuf,
}

impl LibraryEntry {
    /// Returns whether steps may mean it by a name: its ID, or the name of an application at the site.
    pub fn is_named(&self, name: &str) -> bool {
        match self.table {
            "application" => is_content(&self.id, self.model_name.as_deref(), name),
            _ => self.id == name,
        }
    }
}

/// Returns the entries of library files for a site, those of later files in place of earlier ones with the same ID.
///
/// Of entries only IDs, names, conditions and dependencies are rendered: what else they hold matters once a medium takes
/// them.
pub(super) fn entries(
    files: &[Rc<LibraryFile>],
    (templates, context): (&Templates, &Context),
    sources: &Problems,
    found: &mut Vec<Problem>,
) -> Vec<LibraryEntry> {
    let mut entries: Vec<LibraryEntry> = Vec::new();
    for file in files {
        let mut of_file: Vec<LibraryEntry> = Vec::new();
        for (table, node) in TABLES.iter().flat_map(|table| nodes(&file.tables, table).map(move |node| (*table, node)))
        {
            let Value::Table(written) = &node.value else { continue };
            let mut rendered = |key: &str| Some(templates.render(written.get(key)?, context, sources, found));
            if let Some(Node { value: Value::Boolean(false) | Value::Failed, .. }) = rendered("when") {
                continue;
            }
            let Some(id) = rendered("id") else { continue };
            let Some(text) = id.as_str().map(str::to_owned) else { continue };
            let model_name = rendered("model-name").and_then(|name| name.as_str().map(str::to_owned));
            let dependencies = match rendered("dependencies").map(|list| list.value) {
                Some(Value::Array(nodes)) => {
                    nodes.into_iter().filter_map(|node| Some((node.as_str()?.to_owned(), node.place))).collect()
                }
                _ => Vec::new(),
            };
            let same = |one: &&LibraryEntry| one.id.eq_ignore_ascii_case(&text);
            if let Some(first) = of_file.iter().find(same) {
                found.push(
                    Problem::error(format!("the ID `{text}` is used twice in the library"))
                        .at(id.place, "this entry")
                        .at(first.id_place.clone(), "and this one")
                        .help("give one of them its own ID, or a `when`"),
                );
                continue;
            }
            of_file.push(LibraryEntry {
                table,
                id: text,
                id_place: id.place,
                model_name,
                dependencies,
                node: node.clone(),
                folder: folder(&file.path).to_owned(),
            });
        }
        entries.retain(|earlier| !of_file.iter().any(|later| later.id.eq_ignore_ascii_case(&earlier.id)));
        entries.append(&mut of_file);
    }
    entries
}

/// Returns the entries of a table.
fn nodes<'a>(tables: &'a Table, table: &str) -> impl Iterator<Item = &'a Node> + use<'a> {
    match tables.get(table).map(|node| &node.value) {
        Some(Value::Array(nodes)) => nodes.iter(),
        _ => [].iter(),
    }
}
