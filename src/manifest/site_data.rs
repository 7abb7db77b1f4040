//! Site files: what a Configuration Manager site knows of itself, exported once, so that manifests need not repeat it.
//!
//! A site of a manifest names one in `data`. Its values take the place of keys that the manifest leaves out, and keep
//! their places in the file, so that every later message about them underlines the file itself.

mod content;
mod model;
mod supply;

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest::Digest;
use crate::limits;
use crate::output::TemplateValue;
use crate::problem::{Place, Problem, Problems, Severity};
use authoring::Dialect;
use authoring::doc::Doc;
use authoring::json;
use authoring::schema;
use authoring::schema_errors::Checker;
use authoring::spanned::{Node, Spans};
use authoring::suggestions::{join, similar_path};

pub use content::check as check_content;
pub use model::*;
pub use supply::supply;

/// JSON pointer of the path of a site file in a rendered manifest.
pub const POINTER: &str = "/sites/0/data";

/// Site files, as messages and editors know them.
#[derive(Clone, Copy, Debug)]
struct SiteDialect;

impl Dialect for SiteDialect {
    fn name(&self) -> &'static str {
        "the site file"
    }

    fn schema(&self) -> serde_json::Value {
        let mut schema = schema::of::<SiteData>();
        schema["title"] = "tsmedia site".into();
        schema
    }

    fn is_json(&self) -> bool {
        true
    }
}

/// JSON Schema of site files: the text of `schemas/site.schema.json`.
pub fn editor_schema() -> String {
    schema::to_text(SiteDialect.schema(), "urn:tsmedia:schema:site:1")
}

/// A site file that was read and checked.
#[derive(Debug)]
pub struct SiteFile {
    /// Path as the manifest has it.
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

    /// Returns a note on the keys that the file supplies to a manifest, which names it at `place`.
    pub fn note(&self, place: Place, supplied: &[String]) -> Option<Problem> {
        let names: Vec<_> = supplied.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("the site file `{}` supplies {}", self.name, join(&names, "and"));
        (!names.is_empty()).then(|| Problem::note(message).at(place, "").help("keys of the manifest take precedence"))
    }

    /// Returns the place of the key at a JSON pointer, or that of the file.
    pub fn key(&self, pointer: &str) -> Place {
        let spot = self.spans.nearest(pointer);
        spot.and_then(|spot| spot.key.clone()).unwrap_or_else(|| self.tree.place.clone())
    }

    /// Returns the place of the value at a JSON pointer, or of the nearest value around it.
    pub fn place(&self, pointer: &str) -> Place {
        self.spans.nearest(pointer).map_or_else(|| self.tree.place.clone(), |spot| spot.value.clone())
    }
}

/// Reads the site file `name`, which a manifest names at `place`. `None` if something is wrong with it, which is added to
/// `problems`.
pub fn read(name: &str, path: &Utf8Path, place: &Place, problems: &mut Problems) -> Option<SiteFile> {
    let text = match text(path) {
        Ok(text) => text,
        Err(problem) => {
            problems.add(problem.at(place.clone(), "named here"));
            return None;
        }
    };
    let n_errors = problems.n_errors_told();
    let source = problems.add_source(path.as_str(), text.as_str());
    let tree = json::parse(source, &text, problems)?;
    let (value, spans) = tree.flatten();
    let checker = Checker::new(SiteDialect).map_err(|error| problems.add(Problem::error(error.to_string()))).ok()?;
    let found = checker.check(Doc { json: &value, spans: &spans, sources: problems });
    let is_sound = found.iter().all(|problem| problem.severity != Severity::Error);
    found.into_iter().for_each(|problem| problems.add(problem));
    if !is_sound {
        return None;
    }
    match serde_json::from_value::<SiteData>(value) {
        Ok(data) => {
            let file = SiteFile { name: name.to_owned(), data, tree, spans };
            content::check_ids(&file, problems);
            (problems.n_errors_told() == n_errors).then_some(file)
        }
        // The schema accepts nothing that the types refuse; if it ever does, the reason is reported all the same.
        Err(error) => {
            problems.add(Problem::error(error.to_string()).at(tree.place.clone(), ""));
            None
        }
    }
}

/// Reads the text of a site file. Windows PowerShell writes UTF-16 unless told otherwise.
fn text(path: &Utf8Path) -> Result<String, Problem> {
    if authoring::file::is_lfs_pointer(path).unwrap_or(false) {
        return Err(Problem::from(&crate::git_lfs::error(path)));
    }
    let max_len = limits::MAX_SITE_FILE_LEN;
    let read = limits::read_text(path, max_len).or_else(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            let bytes = limits::read(path, max_len)?;
            task_sequence::encoding::decode(&bytes).map(|decoded| decoded.text).map_err(|_| error)
        }
        _ => Err(error),
    });
    read.map_err(|error| match error.kind() {
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
    })
}

/// Prefix of the names of values that come from a site file, among the template values in records.
pub const VALUE_PREFIX: &str = "site:";

/// Returns the values that a site file supplied to a rendered manifest, for its record. Certificates, which are long, by
/// their digests.
pub fn values(manifest: &serde_json::Value, supplied: &[String]) -> Vec<TemplateValue> {
    let value = |name: &String| {
        let pointer = match name.as_str() {
            "boot.package" => "/boot/package".to_owned(),
            "unknown-computers" => "/media/unknown-computers".to_owned(),
            key => format!("/sites/0/{key}"),
        };
        let value = manifest.pointer(&pointer)?.clone();
        let text = value.to_string();
        let is_certificate = text.contains("-----BEGIN ");
        let value = if is_certificate { Digest::of(text.as_bytes()).to_string().into() } else { value };
        Some(TemplateValue { name: format!("{VALUE_PREFIX}{name}"), value })
    };
    supplied.iter().filter_map(value).collect()
}

/// Site files of one manifest, each read once.
#[derive(Debug, Default)]
pub struct SiteFiles(std::collections::HashMap<Utf8PathBuf, Option<std::sync::Arc<SiteFile>>>);

impl SiteFiles {
    /// Returns the site file `name`, which a manifest names at `place`; `None` if something is wrong with it, which was
    /// added to `problems` when it was first read.
    pub fn get(
        &mut self,
        name: &str,
        path: Utf8PathBuf,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<std::sync::Arc<SiteFile>> {
        let read = |path: &Utf8PathBuf| read(name, path, place, problems).map(std::sync::Arc::new);
        self.0.entry(path).or_insert_with_key(read).clone()
    }
}
