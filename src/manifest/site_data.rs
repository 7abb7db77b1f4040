//! Site files: facts about a Configuration Manager site, exported once, so that manifests need not
//! repeat them.
//!
//! A site of a manifest names its file in `data`. The values supply keys that the manifest does not
//! set, and keep their places, so that messages about them point into the site file.

mod content;
mod model;
mod supply;

use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest::Digest;
use crate::limits;
use crate::output::TemplateValue;
use crate::problem::{Place, Problem, Problems, Severity};
use authoring::Dialect;
use authoring::doc::Doc;
use authoring::json;
use authoring::schema::{self, CompiledSchema};
use authoring::schema_errors::SchemaChecker;
use authoring::spanned::{Node, Spans};
use authoring::suggestions::{join, similar_path};

pub use content::check as check_content;
pub use model::*;
pub use supply::supply;

/// JSON pointer of the path of a site file in a rendered manifest.
pub const POINTER: &str = "/sites/0/data";

/// Dialect of site files.
#[derive(Clone, Copy, Debug)]
struct SiteDialect;

impl Dialect for SiteDialect {
    fn name(&self) -> &'static str {
        "the site file"
    }

    fn schema(&self) -> &'static CompiledSchema {
        static SCHEMA: LazyLock<CompiledSchema> = LazyLock::new(|| CompiledSchema::new(site_schema()));
        &SCHEMA
    }

    fn is_json(&self) -> bool {
        true
    }
}

fn site_schema() -> serde_json::Value {
    let mut schema = schema::generate::<SiteData>();
    schema["title"] = "tsmedia site".into();
    schema
}

/// Returns the JSON Schema of site files: the text of `schemas/site.schema.json`.
pub fn editor_schema() -> String {
    schema::to_text(site_schema(), "urn:tsmedia:schema:site:1")
}

/// A parsed and checked site file.
#[derive(Debug)]
pub struct SiteFile {
    /// Path as written in the manifest.
    pub name: String,
    /// Content of the file.
    pub data: SiteData,
    tree: Node,
    spans: Spans,
}

impl SiteFile {
    /// Returns the node of a top-level key.
    pub fn node(&self, key: &str) -> Option<&Node> {
        self.tree.as_table()?.get(key)
    }

    /// Returns a note that lists the keys supplied to a manifest, which names the file at `place`.
    pub fn note(&self, place: Place, supplied: &[String]) -> Option<Problem> {
        let names: Vec<_> = supplied.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("the site file `{}` supplies {}", self.name, join(&names, "and"));
        (!names.is_empty()).then(|| Problem::note(message).at(place, "").help("keys of the manifest take precedence"))
    }

    /// Returns the place of the key at a JSON pointer, or that of the whole file.
    pub fn key(&self, pointer: &str) -> Place {
        let spot = self.spans.nearest(pointer);
        spot.and_then(|spot| spot.key.clone()).unwrap_or_else(|| self.tree.place.clone())
    }

    /// Returns the place of the value at a JSON pointer, or of the nearest enclosing value.
    pub fn place(&self, pointer: &str) -> Place {
        self.spans.nearest(pointer).map_or_else(|| self.tree.place.clone(), |spot| spot.value.clone())
    }
}

/// Reads the site file `name`, which a manifest names at `place`. `None` after an error, which is
/// added to `problems`.
pub fn read_site_file(name: &str, path: &Utf8Path, place: &Place, problems: &mut Problems) -> Option<SiteFile> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(problem) => {
            problems.add((*problem).at(place.clone(), "named here"));
            return None;
        }
    };
    let n_errors = problems.n_errors_added();
    let source = problems.add_source(path.as_str(), text.as_str());
    let tree = json::parse(source, &text, problems)?;
    let (value, spans) = tree.flatten();
    let found = SchemaChecker::new(SiteDialect).check(Doc { json: &value, spans: &spans, sources: problems });
    let is_sound = found.iter().all(|problem| problem.severity != Severity::Error);
    found.into_iter().for_each(|problem| problems.add(problem));
    if !is_sound {
        return None;
    }
    match serde_json::from_value::<SiteData>(value) {
        Ok(data) => {
            let file = SiteFile { name: name.to_owned(), data, tree, spans };
            content::check_ids(&file, problems);
            (problems.n_errors_added() == n_errors).then_some(file)
        }
        // The schema should reject everything that the types reject; report it here if it doesn't.
        Err(error) => {
            problems.add(Problem::error(error.to_string()).at(tree.place.clone(), ""));
            None
        }
    }
}

/// Reads the text of a site file, in UTF-8 or UTF-16, the default of Windows PowerShell.
fn read_text(path: &Utf8Path) -> Result<String, Box<Problem>> {
    if authoring::file::is_lfs_pointer(path).unwrap_or(false) {
        return Err(Box::new(Problem::from(&crate::git_lfs::error(path))));
    }
    let max_len = limits::MAX_SITE_FILE_LEN;
    let read = limits::read_text(path, max_len).or_else(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            let bytes = limits::read(path, max_len)?;
            task_sequence::encoding::decode(&bytes).map(|decoded| decoded.text).map_err(|_| error)
        }
        _ => Err(error),
    });
    let problem = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let problem = Problem::error(format!("the site file `{path}` does not exist"));
            problem.help(match similar_path(path, path.as_str()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => {
                    "export it at the site with `Export-TsmediaSite.ps1`; the path is relative to the manifest".into()
                }
            })
        }
        std::io::ErrorKind::InvalidData => Problem::error(format!("the site file `{path}` is not text"))
            .help("name the JSON file that `Export-TsmediaSite.ps1` wrote"),
        _ => Problem::error(format!("the site file `{path}` can't be read: {error}"))
            .help("name the JSON file that `Export-TsmediaSite.ps1` wrote"),
    };
    read.map_err(|error| Box::new(problem(error)))
}

/// Prefix of names of site file values among the template values in records.
pub const VALUE_PREFIX: &str = "site:";

/// Returns the values that a site file supplied to a rendered manifest, for its record.
/// Certificates are replaced by digests.
pub fn supplied_values(manifest: &serde_json::Value, supplied: &[String]) -> Vec<TemplateValue> {
    let value = |name: &String| {
        let pointer = match name.as_str() {
            "boot.package" => "/boot/package".to_owned(),
            "unknown-computers" => "/media/unknown-computers".to_owned(),
            key => format!("/sites/0/{key}"),
        };
        let value = manifest.pointer(&pointer)?.clone();
        let text = value.to_string();
        // Certificates are long, and records only have to show whether they changed.
        let is_certificate = text.contains("-----BEGIN ");
        let value = if is_certificate { Digest::hash(text.as_bytes()).to_string().into() } else { value };
        Some(TemplateValue { name: format!("{VALUE_PREFIX}{name}"), value })
    };
    supplied.iter().filter_map(value).collect()
}

/// Site files of one manifest, each read once.
#[derive(Debug, Default)]
pub struct SiteFiles(std::collections::HashMap<Utf8PathBuf, Option<std::sync::Arc<SiteFile>>>);

impl SiteFiles {
    /// Returns the site file `name`, which a manifest names at `place`. `None` if it is invalid,
    /// which was reported when it was first read.
    pub fn get(
        &mut self,
        name: &str,
        path: Utf8PathBuf,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<std::sync::Arc<SiteFile>> {
        let read = |path: &Utf8PathBuf| read_site_file(name, path, place, problems).map(std::sync::Arc::new);
        self.0.entry(path).or_insert_with_key(read).clone()
    }
}
