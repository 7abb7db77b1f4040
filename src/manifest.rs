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
mod source_date;
pub mod task_sequence;
mod task_sequence_variables;
mod template_inputs;
mod template_vars;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::de::DeserializeOwned;

use crate::date::Date;
use crate::error::{ErrorKind, Result};
use crate::file_identity::FileIdentity;
use crate::inputs::Inputs;
use crate::problem::{Place, Problem, Problems, Severity};
use authoring::doc::Doc;
use authoring::schema_errors::SchemaChecker;
use authoring::spanned::{self, Node, Table, TableEntry, Value};
use authoring::template::Templates;
use authoring::values::{Context, UsedNames};

use profile::ManifestReader;
use shared_problems::merge_site_problems;
pub use site::KnownSites;
use site::SelectedSite;

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

/// Summarizes a site for checks of other sites. Its own problems are reported when it is resolved.
fn summarize_site(
    tree: &Node,
    site: &SelectedSite,
    given_vars: Table,
    templates: &Templates,
    sources: &Problems,
) -> SiteSummary {
    let mut context = Context::new();
    context.namespace("site");
    match &site.code {
        Some(code) => drop(context.namespace("site").insert("code".into(), code.as_str().into())),
        None => context.fail("site", "code"),
    }
    let found = &mut Vec::new();
    let own_vars = site.node.as_table().and_then(|table| table.get("vars"));
    let vars = template_vars::site_vars(tree, own_vars, given_vars);
    let vars = templates.render_space("vars", &vars, &mut context, sources, found);
    let node = render_site(&site.node, &vars, templates, &mut context, sources, found);
    let text = |key: &str| {
        let own = node.as_table().and_then(|table| table.get(key));
        let node = own.or_else(|| site.data.as_ref()?.node(key))?;
        Some((node.as_str()?.to_owned(), node.place.clone()))
    };
    SiteSummary {
        code: site.code.clone(),
        is_primary: text("kind").is_none_or(|(kind, _)| kind != "central"),
        root_ca: text("root-ca"),
        place: node.place.clone(),
    }
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
    let loaded = load_one(path, options, problems, inputs)?;
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
    let mut loaded = Vec::new();
    for path in paths {
        problems.enter(path.as_str(), None);
        match load_one(path, options, problems, inputs) {
            Err(error) if keep_going && error.kind() != ErrorKind::Interrupted => {
                problems.add(Problem::from(&error));
                loaded.push(Loaded::Media(Vec::new()));
            }
            one => loaded.push(one?),
        }
    }
    problems.enter("", None);
    site::report_unknown_sites(options, paths.len(), problems);
    warn_unused_vars(options, problems);
    Ok(loaded)
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
    let mut drafts = Vec::new();
    for path in paths {
        problems.enter(path.as_str(), None);
        let mut incomplete = Vec::new();
        let loaded = load_sites(path, options, (problems, inputs), Some(&mut incomplete))?;
        drafts.push(Draft { loaded, incomplete });
    }
    problems.enter("", None);
    site::report_unknown_sites(options, paths.len(), problems);
    warn_unused_vars(options, problems);
    Ok(drafts)
}

fn load_one(path: &Utf8Path, options: &Options, problems: &mut Problems, inputs: &mut Inputs) -> Result<Loaded> {
    load_sites(path, options, (problems, inputs), None)
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

/// Renders a manifest for each selected site, and deserializes it. Sites with errors are added to
/// `incomplete`.
fn render_sites<M: DeserializeOwned>(
    path: &Utf8Path,
    options: &Options,
    tree: &Node,
    given_vars: &Table,
    manifest_kind: ManifestKind,
    mut reader: ManifestReader<'_>,
    incomplete: &mut Vec<Rendered<()>>,
) -> Result<Vec<Rendered<M>>> {
    let templates = Templates::new();
    // Sites are selected before templates are rendered, so only literal values are available.
    let near_vars = template_vars::site_vars(tree, None, given_vars.clone());
    let (sites, all_sites) = site::select_sites(tree, &near_vars, options, &templates, &mut reader);
    let ManifestReader { problems, folders, inputs, .. } = reader;
    if sites.iter().flatten().any(|site| site.is_unusable) {
        return Ok(Vec::new());
    }
    if let Some(problem) = site::check_site_count(tree, sites.len()) {
        problems.add(problem);
        return Ok(Vec::new());
    }
    let checker = SchemaChecker::new(manifest_kind);
    let mut libraries = library::Libraries::default();
    let inventory =
        all_sites.iter().map(|site| summarize_site(tree, site, given_vars.clone(), &templates, problems)).collect();
    let inventory: Arc<Vec<SiteSummary>> = Arc::new(inventory);
    let mut rendered = Vec::new();
    let (mut found, mut silent, mut lowered) = (Vec::new(), Vec::new(), rules::lowered::LoweredRules::new());
    let mut accepted = rules::accepted::AcceptedRules::new();
    for site in &sites {
        // Problems of one site are collected first, and merged with those of the others at the end.
        let mut problems_here = Vec::new();
        let written = tree;
        let mut folders = folders.clone();
        let (mut tree, context) =
            render(written, site.as_ref(), given_vars.clone(), &options.used, &templates, problems, &mut problems_here);
        let (mut in_sequence, mut sequence, mut taken) = (Vec::new(), None, library::TakenContent::default());
        let site_file =
            site.as_ref().and_then(|site| site.data.clone()).filter(|_| manifest_kind == ManifestKind::Medium);
        let mut supplied = Vec::new();
        if let Some(file) = &site_file {
            supplied = site_data::supply(&mut tree, file);
        }
        if manifest_kind == ManifestKind::Medium {
            base::supply_boot(&mut tree, |named| match folders.get(&named.place.source) {
                Some(folder) => folder.clone(),
                None => profile::parent_folder(path).to_owned(),
            });
            // Read the sequence before the library, since its steps name the entries to take.
            let (json, spans) = tree.flatten();
            sequence =
                task_sequence::read(path, (&json, &spans), &context, &folders, (problems, inputs), &mut in_sequence);
            let texts = &mut library::SiteContext { templates: &templates, context: &context, problems, inputs };
            let paths = (path, &mut folders);
            taken = library::add_referenced_content(
                &mut tree,
                sequence.as_mut(),
                paths,
                &mut libraries,
                texts,
                &mut in_sequence,
            )?;
        }
        let (value, spans) = tree.flatten();
        let doc = Doc { json: &value, spans: &spans, sources: problems };
        problems_here.extend(checker.check(doc));
        problems_here.extend(rules::check(doc, manifest_kind));
        if let Some(file) = &site_file {
            problems_here.extend(site_data::check_content(doc, file));
            problems_here.extend(file.note(doc.place(site_data::POINTER), &supplied));
        }
        // Errors in the task sequence don't prevent checks of the files that the manifest names.
        let has_errors = problems_here.iter().any(|problem| problem.severity == Severity::Error);
        let mut lowered_here = rules::lowered::LoweredRules::new();
        let mut accepted_here = rules::accepted::AcceptedRules::new();
        if manifest_kind == ManifestKind::Medium {
            lowered_here = rules::lowered::parse_lowered(doc, &mut problems_here);
            accepted_here = rules::accepted::parse_accepted(doc, &mut lowered_here, &mut problems_here);
            problems_here.append(&mut in_sequence);
            problems_here.extend(rules::site::missing_certificate(doc));
            if let Some(sequence) = &sequence {
                problems_here.extend(task_sequence::check_on_medium(doc, sequence, &taken));
            }
        }
        let code = site.as_ref().and_then(|site| site.code.clone());
        // Problems that the manifest lowers to nothing are only counted.
        let lower = |problem| rules::lowered::lower(problem, &lowered_here);
        let (shown, hidden): (Vec<_>, Vec<_>) =
            problems_here.into_iter().map(lower).partition(|(_, is_shown)| *is_shown);
        let mut problems_here: Vec<_> = shown.into_iter().map(|(problem, _)| problem).collect();
        let hidden: Vec<_> = hidden.into_iter().map(|(problem, _)| problem).collect();
        rules::accepted::mark_raised(&mut accepted_here, &hidden);
        silent.extend(hidden.into_iter().map(|problem| (problem, code.clone().unwrap_or_default())));
        lowered.extend(lowered_here.clone());
        accepted.extend(accepted_here.clone());
        // Holes are values whose templates failed; their errors are known, so don't report wrong
        // types.
        let manifest = (!has_errors && spans.holes.is_empty()).then(|| serde_json::from_value(value.clone()));
        let mut value = value;
        if let Some(media) = value.get_mut("media").and_then(|media| media.as_object_mut()) {
            // The profiles are merged already.
            media.remove("profile");
        }
        if let Some(site) = value.pointer_mut("/sites/0").and_then(|site| site.as_object_mut()) {
            // The values of the site file are merged already.
            site.remove("data");
        }
        let own_vars = site.as_ref().and_then(|site| site.node.as_table()?.get("vars"));
        let vars = template_vars::site_vars(written, own_vars, given_vars.clone());
        let mut values = template_inputs::template_inputs((written, &taken.written), &tree, &vars, &templates);
        values.extend(site_data::supplied_values(&value, &supplied));
        let draft = Rendered {
            manifest: (),
            site: code.clone(),
            path: path.to_owned(),
            value,
            values,
            spans,
            folders: Arc::new(folders),
            inventory: Arc::clone(&inventory),
            sequence: sequence.map(Arc::new),
            taken: taken.entries,
            site_file,
            supplied,
            lowered: lowered_here,
            accepted: accepted_here,
        };
        match manifest {
            Some(Ok(manifest)) => rendered.push(draft.with(manifest)),
            // The schema should reject everything that the types reject; report it here if it
            // doesn't.
            Some(Err(error)) => problems_here.push(Problem::error(error.to_string()).at(tree.place.clone(), "")),
            None => incomplete.push(draft),
        }
        for problem in problems_here {
            found.push((problem, code.clone().unwrap_or_default()));
        }
    }
    let found = merge_site_problems(found, sites.len());
    let silent = merge_site_problems(silent, sites.len());
    problems.lowerings.add(rules::lowered::count_lowered(&lowered, &accepted, &[&found[..], &silent].concat()));
    found.into_iter().for_each(|problem| problems.add(problem));
    Ok(rendered)
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
        context.namespace("site").insert("code".into(), code.as_str().into());
    }
    let mut found = Vec::new();
    Templates::new().render_space("vars", &vars, &mut context, reader.problems, &mut found);
    let is_sound = is_sound && found.iter().all(|problem| problem.severity != Severity::Error);
    found.into_iter().for_each(|problem| reader.problems.add(problem));
    Ok(is_sound.then_some(context))
}

/// Renders the tree for one site: merges the values for templates, and renders every string.
fn render(
    tree: &Node,
    site: Option<&SelectedSite>,
    given_vars: Table,
    used: &UsedNames,
    templates: &Templates,
    sources: &Problems,
    found: &mut Vec<Problem>,
) -> (Node, Context) {
    let Value::Table(root) = &tree.value else { return (tree.clone(), Context::new()) };
    let mut context = Context::new();
    context.used = Rc::clone(used);
    context.no_site = "the manifest has no `[[sites]]`: add one, or remove `site` from the template";
    let site_table = site.and_then(|site| site.node.as_table());
    if site.is_some() {
        context.namespace("site");
    }
    if site.is_some_and(|site| site.code.is_none()) {
        context.fail("site", "code");
    }
    for entry in site_table.iter().flat_map(|table| &table.0).filter(|entry| entry.name != "vars") {
        context.insert("site", &entry.name, &entry.node);
    }
    let own_vars = site_table.and_then(|table| table.get("vars"));
    let vars = template_vars::site_vars(tree, own_vars, given_vars);
    // Render `vars` first, then the site, which may use them, then `media`, which may use both.
    let vars = templates.render_space("vars", &vars, &mut context, sources, found);
    let site_rendered = site.map(|site| render_site(&site.node, &vars, templates, &mut context, sources, found));
    let captures = root.get("capture").is_some();
    let media = root.get("media").and_then(Node::as_table).filter(|_| !captures);
    if !captures && media.is_some_and(|media| media.get("label").is_none()) {
        context.namespace("media").insert("label".into(), model::default_label().into());
    }
    let lacks = |key: &&str| media.is_none_or(|media| media.get(key).is_none());
    let lacking: Vec<_> = ["name", "kind"].into_iter().filter(lacks).collect();
    let media = media.map(|media| templates.render_space("media", media, &mut context, sources, found));
    if captures {
        context.no_media = "a manifest with `[capture]` has no `media`: use `site` or `vars` in its templates";
    } else {
        context.namespace("media");
    }
    // A missing key is reported once, at its table, not at each template that uses it.
    lacking.into_iter().filter(|_| !captures).for_each(|key| context.fail("media", key));

    let mut table = Table::default();
    for entry in &root.0 {
        let is_table = entry.node.as_table().is_some();
        let value = match (entry.name.as_str(), &site_rendered, &media) {
            ("vars", ..) if is_table => Value::Table(vars.clone()),
            ("media", _, Some(media)) => Value::Table(media.clone()),
            ("sites", Some(site), _) => Value::Array(vec![site.clone()]),
            _ => templates.render(&entry.node, &context, sources, found).value,
        };
        table.0.push(TableEntry { node: Node { value, place: entry.node.place.clone() }, ..entry.clone() });
    }
    // Values from the command line exist even if the manifest has no `[vars]`.
    if root.get("vars").is_none()
        && let Some(first) = vars.0.first()
    {
        let place = first.key.clone();
        let node = Node { value: Value::Table(vars.clone()), place: place.clone() };
        table.0.push(TableEntry { name: "vars".into(), key: place, node });
    }
    (Node { value: Value::Table(table), place: tree.place.clone() }, context)
}

/// Renders a site, with its own template values already rendered.
fn render_site(
    site: &Node,
    vars: &Table,
    templates: &Templates,
    context: &mut Context,
    sources: &Problems,
    found: &mut Vec<Problem>,
) -> Node {
    let mut site = site.clone();
    let Value::Table(table) = &mut site.value else { return site };
    // Code and path of the site file were rendered when the sites were selected.
    let is_left = |entry: &TableEntry| !["code", "data", "vars"].contains(&entry.name.as_str());
    let rest = Table(table.0.iter().filter(|entry| is_left(entry)).cloned().collect());
    let rest = templates.render_space("site", &rest, context, sources, found);
    for entry in &mut table.0 {
        if let Some(rendered) = rest.get(&entry.name) {
            entry.node.value = rendered.value.clone();
        } else if let ("vars", Value::Table(own)) = (entry.name.as_str(), &mut entry.node.value) {
            for entry in &mut own.0 {
                if let Some(rendered) = vars.get(&entry.name) {
                    entry.node.value = rendered.value.clone();
                }
            }
        }
    }
    site
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
