//! Reads manifests: one typed manifest per site, or a report of everything that is wrong with them.
//!
//! [`authoring`](authoring) parses TOML into trees with places. Profiles and template values are
//! merged, every string is rendered, and the result is checked against the schema of the manifest
//! types and the domain rules ([`rules`]), then deserialized. Problems of all steps are reported
//! together.

pub mod address;
mod base;
mod capacity;
mod content_path;
mod dialect;
mod library;
mod media_variables;
mod model;
pub mod portable;
mod profile;
mod rendered;
mod rules;
mod schema;
mod shared_problems;
mod site;
mod site_data;
mod site_rendering;
mod source_date;
pub mod task_sequence;
mod task_sequence_variables;
mod template_inputs;
mod template_vars;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::date::Date;
use crate::error::{ErrorKind, Result};
use crate::file_identity::FileIdentity;
use crate::inputs::Inputs;
use crate::problem::{Place, Problem, Problems, Severity};
use authoring::spanned;
use authoring::template::Templates;
use authoring::values::{Context, UsedNames};

use profile::ManifestReader;
pub use site::KnownSites;
use site_rendering::render_sites;

pub use authoring::{SecretRef, suggestions as suggest};
pub use capacity::Capacity;
pub use library::TakenEntry;
pub use model::*;
pub use rendered::{Rendered, SiteSummary, note_unraised_rules, relative};
pub use rules::data::MAX_VALUE;
pub use rules::{MAX_LABEL, is_pem};
pub use schema::TEMPLATE_PATTERN;
pub use shared_problems::merge_shared_problems;
pub use site_data::{SiteArchitecture, SiteData, SiteFile, VALUE_PREFIX};
pub use task_sequence_variables::VariableValue;

/// Command-line options that affect manifests.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// Files of template values (`--vars`); later ones take precedence.
    pub vars_files: Vec<Utf8PathBuf>,
    /// Single template values (`--var NAME=VALUE`), which take precedence over files.
    pub vars: Vec<(String, String)>,
    /// Site codes to keep (`--site`); empty for all.
    pub sites: Vec<String>,
    /// Names that templates used, of everything read with these options.
    pub used: UsedNames,
    /// Sites of all manifests that were read with these options.
    pub known_sites: KnownSites,
}

/// Warns of single template values (`--var`) that no template used, in anything read with these
/// options.
pub fn warn_unused_vars(options: &Options, problems: &mut Problems) {
    // After an error, some templates were never rendered.
    if problems.has_errors() {
        return;
    }
    let used = options.used.borrow();
    let names: BTreeSet<&str> = used.iter().filter_map(|name| name.strip_prefix("vars.")).collect();
    for (name, value) in &options.vars {
        let is_below = |one: &str, other: &str| one.strip_prefix(other).is_some_and(|rest| rest.starts_with('.'));
        let is_used = |used: &&str| *used == name || is_below(used, name) || is_below(name, used);
        if used.contains("vars") || names.iter().any(is_used) {
            continue;
        }
        let text = format!("--var {name}={value}");
        let source = problems.add_source_once("command line", &text);
        let start = "--var ".len();
        let problem = Problem::warning(format!("no template uses `vars.{name}`"));
        let problem = problem.at(Place { source, span: start..start + name.len() }, "");
        problems.add(problem.help(match suggest::nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "remove it, or use it in a template".into(),
        }));
    }
}

/// A manifest as far as it could be loaded.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Sites without errors of the manifest.
    pub loaded: Loaded,
    /// Sites with errors, rendered as far as possible.
    pub incomplete: Vec<Rendered<()>>,
}

/// A loaded manifest, rendered for each site.
#[derive(Debug, Clone)]
pub enum Loaded {
    /// A manifest of media.
    Media(Vec<Rendered>),
    /// A manifest of captures, with a table `[capture]`.
    Captures(Vec<Rendered<CaptureManifest>>),
}

/// Parses a date of a manifest; `None` if it is not valid, or can't be represented in every format.
pub fn parse_date(text: &str) -> Option<Date> {
    source_date::parse(text)
}

impl MediaTable {
    /// Returns the time set by `source-date`.
    pub fn date(&self) -> Option<Date> {
        source_date::parse(self.source_date.as_deref()?)
    }
}

/// Returns the JSON Schema of manifests for editors: the text of `schemas/media.schema.json`.
pub fn editor_schema() -> String {
    schema::editor_schema()
}

/// Returns the JSON Schema of content libraries for editors: the text of
/// `schemas/library.schema.json`.
pub fn library_schema() -> String {
    schema::library_editor_schema()
}

/// Returns the JSON Schema of site files: the text of `schemas/site.schema.json`.
pub fn site_file_schema() -> String {
    site_data::editor_schema()
}

/// Returns the built-in profiles as pairs of name and text.
pub fn built_in_profiles() -> &'static [(&'static str, &'static str)] {
    &profile::BUILT_IN
}

/// Reads a manifest of media with its profiles, renders it for each site, and checks it.
///
/// Mistakes are added to `problems`. The result is empty after an error, and for manifests of
/// captures; use [`load_with_inputs`] for both kinds.
///
/// # Errors
///
/// A file can't be read.
pub fn load(path: &Utf8Path, options: &Options, problems: &mut Problems) -> Result<Vec<Rendered>> {
    let n_errors = problems.n_errors_added();
    match load_with_inputs(path, options, problems, &mut Inputs::default())? {
        Loaded::Media(rendered) if problems.n_errors_added() == n_errors => Ok(rendered),
        Loaded::Media(_) | Loaded::Captures(_) => Ok(Vec::new()),
    }
}

/// Reads, renders and checks a manifest of either kind, noting every file that is read or would be
/// if it existed, even after an error. If only the task sequence of a medium is wrong, the result
/// includes the medium without it, so that its files can still be checked.
///
/// # Errors
///
/// A file can't be read.
pub fn load_with_inputs(
    path: &Utf8Path,
    options: &Options,
    problems: &mut Problems,
    inputs: &mut Inputs,
) -> Result<Loaded> {
    let loaded = load_sites(path, options, (problems, inputs), None)?;
    site::report_unknown_sites(options, 1, problems);
    Ok(loaded)
}

/// Reads several manifests like [`load_with_inputs`], and warns of template values that none of them
/// uses. Selected sites need not be in all manifests, but each must be in one.
///
/// # Errors
///
/// A file can't be read.
pub fn load_several(
    paths: &[Utf8PathBuf],
    options: &Options,
    keep_going: bool,
    problems: &mut Problems,
    inputs: &mut Inputs,
) -> Result<Vec<Loaded>> {
    load_each(paths, options, problems, |path, problems| match load_sites(path, options, (problems, inputs), None) {
        Err(error) if keep_going && error.kind() != ErrorKind::Interrupted => {
            problems.add(Problem::from(&error));
            Ok(Loaded::Media(Vec::new()))
        }
        loaded => loaded,
    })
}

/// Loads manifests like [`load_several`], and keeps what could be rendered in spite of errors.
///
/// # Errors
///
/// A file can't be read.
pub fn load_drafts(
    paths: &[Utf8PathBuf],
    options: &Options,
    problems: &mut Problems,
    inputs: &mut Inputs,
) -> Result<Vec<Draft>> {
    load_each(paths, options, problems, |path, problems| {
        let mut incomplete = Vec::new();
        let loaded = load_sites(path, options, (problems, inputs), Some(&mut incomplete))?;
        Ok(Draft { loaded, incomplete })
    })
}

/// Loads manifests one after the other, and reports values of the command line that none of them uses.
fn load_each<T>(
    paths: &[Utf8PathBuf],
    options: &Options,
    problems: &mut Problems,
    mut load: impl FnMut(&Utf8Path, &mut Problems) -> Result<T>,
) -> Result<Vec<T>> {
    let mut loaded = Vec::new();
    for path in paths {
        problems.enter(path.as_str(), None);
        loaded.push(load(path, problems)?);
    }
    problems.enter("", None);
    site::report_unknown_sites(options, paths.len(), problems);
    warn_unused_vars(options, problems);
    Ok(loaded)
}

fn load_sites(
    path: &Utf8Path,
    options: &Options,
    (problems, inputs): (&mut Problems, &mut Inputs),
    incomplete: Option<&mut Vec<Rendered<()>>>,
) -> Result<Loaded> {
    let mut reader = ManifestReader::new(problems, inputs);
    let (tree, is_sound) = reader.read_manifest(path)?;
    let (given_vars, are_vars_sound) = template_vars::command_line_vars(options, &mut reader)?;
    let captures = tree.as_table().is_some_and(|root| root.get("capture").is_some());
    let kind = if captures { ManifestKind::Capture } else { ManifestKind::Medium };
    if !is_sound || !are_vars_sound {
        if let Some(incomplete) = incomplete {
            // What else is wrong follows from the errors reported already.
            let mark = reader.problems.mark();
            let sites = render_sites::<serde_json::Value>(path, options, &tree, &given_vars, kind, reader, incomplete)?;
            incomplete.extend(sites.into_iter().map(|site| site.with(())));
            problems.take_since(mark);
        }
        return Ok(Loaded::Media(Vec::new()));
    }
    let mut unwanted = Vec::new();
    let incomplete = incomplete.unwrap_or(&mut unwanted);
    Ok(if captures {
        let rendered = render_sites(path, options, &tree, &given_vars, kind, reader, incomplete)?;
        check_outputs_differ(&rendered, "/capture/path", |manifest: &CaptureManifest| &manifest.capture.path, problems);
        Loaded::Captures(rendered)
    } else {
        let rendered = render_sites(path, options, &tree, &given_vars, kind, reader, incomplete)?;
        check_outputs_differ(&rendered, "/output/path", |manifest: &Manifest| &manifest.output.path, problems);
        Loaded::Media(rendered)
    })
}

/// Kind of manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ManifestKind {
    Medium,
    Capture,
}

/// Returns the template context for files that belong to no manifest: `vars` from the command line,
/// and `site.code` if a site is given there. `None` if a value is invalid, which is added to
/// `problems`.
///
/// # Errors
///
/// A file of values can't be read.
fn standalone_context(options: &Options, problems: &mut Problems, inputs: &mut Inputs) -> Result<Option<Context>> {
    let mut reader = ManifestReader::new(problems, inputs);
    let (vars, is_sound) = template_vars::command_line_vars(options, &mut reader)?;
    let mut context = Context::new();
    context.used = Rc::clone(&options.used);
    context.no_site = "name a site with `--site CODE`";
    if let Some(code) = options.sites.first() {
        context.insert_text("site", "code", code);
    }
    let mut found = Vec::new();
    Templates::new().render_space("vars", &vars, &mut context, reader.problems, &mut found);
    let is_sound = is_sound && found.iter().all(|problem| problem.severity != Severity::Error);
    found.into_iter().for_each(|problem| reader.problems.add(problem));
    Ok(is_sound.then_some(context))
}

/// Reports sites whose outputs have the same path.
fn check_outputs_differ<M>(rendered: &[Rendered<M>], pointer: &str, path: fn(&M) -> &String, problems: &mut Problems) {
    // Outputs are relative to the manifest, even if a profile sets their path.
    let identity = |it: &Rendered<M>| FileIdentity::of(&it.path.with_file_name(path(&it.manifest)));
    let mut first: HashMap<FileIdentity, &Rendered<M>> = HashMap::new();
    for second in rendered {
        let first = *first.entry(identity(second)).or_insert(second);
        let code = |rendered: &Rendered<M>| rendered.site.clone().unwrap_or_default();
        if code(first) == code(second) {
            // A site listed twice was reported already.
            continue;
        }
        let sites = format!("the sites `{}` and `{}` have the same output", code(first), code(second));
        let (name, of_first) = (path(&second.manifest), path(&first.manifest));
        let mut problem = match name == of_first {
            true => Problem::error(format!("{sites} `{name}`")),
            false => Problem::error(format!("{sites}: `{name}` and `{of_first}` are one file")),
        };
        problem = problem.at(second.place(pointer), "");
        // If a template renders a single value, the place of that value differs between sites.
        let values = [find_output_value(second, name), find_output_value(first, of_first)];
        for place in [Some(first.place(pointer))].into_iter().chain(values).flatten() {
            if problem.labels.iter().all(|(known, _)| *known != place) {
                problem = problem.at(place, "");
            }
        }
        problems.add(problem.help(match pointer {
            "/output/path" => "name the site in the path, as in `out/{{ media.name }}-{{ site.code }}.iso`",
            _ => "name the site in the path, as in `images/reference-{{ site.code }}.wim`",
        }));
    }
}

/// Returns the place of the site value that is the whole path of its output.
fn find_output_value<M>(rendered: &Rendered<M>, path: &str) -> Option<Place> {
    let vars = rendered.value().pointer("/sites/0/vars").and_then(|vars| vars.as_object());
    let (name, _) = vars.into_iter().flatten().find(|(_, value)| value.as_str() == Some(path))?;
    Some(rendered.place(&format!("/sites/0/vars/{}", spanned::escape(name))))
}
