//! From the author's files to typed manifests, one for each site, or to everything that is wrong with them.
//!
//! The front-end ([`authoring`](authoring)) makes trees with places of texts; profiles and template values are
//! laid over each other; each string is rendered; the result is checked against the schema of our own types and the
//! rules of the field ([`rules`]), and read into them once. Problems of all these steps come together.

pub mod address;
mod base;
mod capacity;
mod content_path;
mod dialect;
mod library;
mod model;
mod profile;
mod rendered;
mod rules;
mod schema;
mod site;
mod site_data;
mod source_date;
pub mod task_sequence;
mod told;
mod used;
mod variables;
mod vars;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::de::DeserializeOwned;

use crate::date::Date;
use crate::error::Result;
use crate::file_identity::FileIdentity;
use crate::inputs::Inputs;
use crate::problem::{Place, Problem, Problems, Severity};
use crate::rule::Rule;
use authoring::doc::Doc;
use authoring::schema_errors::Checker;
use authoring::spanned::{self, Entry, Node, Table, Value};
use authoring::template::Templates;
use authoring::values::{Context, UsedNames};

use profile::Reader;
use site::Chosen;

pub use authoring::{SecretRef, suggestions as suggest};
pub use capacity::Capacity;
pub use library::TakenEntry;
pub use model::*;
pub use rendered::{Listed, Rendered, relative};
pub use rules::data::MAX_VALUE;
pub use rules::{MAX_LABEL, is_pem};
pub use site_data::{SiteArchitecture, SiteData, SiteFile, VALUE_PREFIX};
pub use variables::VariableValue;

/// What the command line adds to the manifests.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// Files of template values (`--vars`), later ones nearer.
    pub vars_files: Vec<Utf8PathBuf>,
    /// Single template values (`--var k=v`), nearer than any file.
    pub vars: Vec<(String, String)>,
    /// The sites to keep (`--site`); all of them if empty.
    pub sites: Vec<String>,
    /// The names that templates used, of everything that was read with these options.
    pub used: UsedNames,
}

/// Warns of single template values (`--var`) that no template used, of all that was read with these options.
pub fn warn_of_unused(options: &Options, problems: &mut Problems) {
    // What was not rendered has used nothing yet.
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
            None => "leave it out, or name it in a template".into(),
        }));
    }
}

/// What a manifest is of, for each site.
#[derive(Debug, Clone)]
pub enum Loaded {
    /// It makes media.
    Media(Vec<Rendered>),
    /// It captures: it has a table `[capture]`.
    Captures(Vec<Rendered<CaptureManifest>>),
}

/// What others have to know of a site. What is wrong with it is told when it is its turn.
fn listed(tree: &Node, site: &Chosen, given_vars: Table, templates: &Templates, sources: &Problems) -> Listed {
    let mut context = Context::new();
    context.space("site");
    match &site.code {
        Some(code) => drop(context.space("site").insert("code".into(), code.as_str().into())),
        None => context.fail("site", "code"),
    }
    let found = &mut Vec::new();
    let own_vars = site.node.as_table().and_then(|table| table.get("vars"));
    let vars = vars::of_site(tree, own_vars, given_vars);
    let vars = templates.render_space("vars", &vars, &mut context, sources, found);
    let node = rendered_site(&site.node, &vars, templates, &mut context, sources, found);
    let text = |key: &str| {
        let own = node.as_table().and_then(|table| table.get(key));
        let node = own.or_else(|| site.data.as_ref()?.node(key))?;
        Some((node.as_str()?.to_owned(), node.place.clone()))
    };
    Listed {
        code: site.code.clone(),
        is_primary: text("kind").is_none_or(|(kind, _)| kind != "central"),
        root_ca: text("root-ca"),
        place: node.place.clone(),
    }
}

/// The moment that a date of a manifest means, if there is one and every format can hold it.
pub fn moment(text: &str) -> Option<Date> {
    source_date::parse(text)
}

impl MediaTable {
    /// The moment that `source-date` means, if it is given.
    pub fn date(&self) -> Option<Date> {
        source_date::parse(self.source_date.as_deref()?)
    }
}

/// The JSON Schema of manifests as editors use it: the text of `schemas/media.schema.json`.
pub fn editor_schema() -> String {
    schema::editor()
}

/// The JSON Schema of content libraries as editors use it: the text of `schemas/library.schema.json`.
pub fn library_schema() -> String {
    schema::library_editor()
}

/// The JSON Schema of site files: the text of `schemas/site.schema.json`.
pub fn site_file_schema() -> String {
    site_data::editor_schema()
}

/// The names of the built-in profiles, each with its text.
pub fn built_in_profiles() -> &'static [(&'static str, &'static str)] {
    &profile::BUILT_IN
}

/// Reads a manifest with its profiles, renders it for each site and checks it.
///
/// What the author got wrong goes to `problems`; manifests that have errors are not among the result. An error
/// means that a file could not be read at all. One that captures makes no media: [`load_noting`] has it.
pub fn load(path: &Utf8Path, options: &Options, problems: &mut Problems) -> Result<Vec<Rendered>> {
    let n_errors = problems.n_errors_told();
    match load_noting(path, options, problems, &mut Inputs::default())? {
        Loaded::Media(rendered) if problems.n_errors_told() == n_errors => Ok(rendered),
        Loaded::Media(_) | Loaded::Captures(_) => Ok(Vec::new()),
    }
}

/// Reads, renders and checks a manifest of either sort, noting every file that is read or would be if it were there,
/// also where something is wrong. A medium whose task sequence alone is wrong is among the result, without one: what it
/// names can be looked at all the same.
pub fn load_noting(path: &Utf8Path, options: &Options, problems: &mut Problems, inputs: &mut Inputs) -> Result<Loaded> {
    let mut reader = Reader::new(problems, inputs);
    let (tree, is_sound) = reader.manifest(path)?;
    let (given_vars, are_vars_sound) = vars::given(options, &mut reader)?;
    if !is_sound || !are_vars_sound {
        return Ok(Loaded::Media(Vec::new()));
    }
    let captures = tree.as_table().is_some_and(|root| root.get("capture").is_some());
    Ok(if captures {
        let rendered = typed(path, options, &tree, &given_vars, Sort::Capture, reader)?;
        same_outputs(&rendered, "/capture/path", |manifest: &CaptureManifest| &manifest.capture.path, problems);
        Loaded::Captures(rendered)
    } else {
        let rendered = typed(path, options, &tree, &given_vars, Sort::Medium, reader)?;
        same_outputs(&rendered, "/output/path", |manifest: &Manifest| &manifest.output.path, problems);
        Loaded::Media(rendered)
    })
}

/// What a manifest can be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Medium,
    Capture,
}

/// A manifest for each chosen site, as the type that its sort has.
fn typed<M: DeserializeOwned>(
    path: &Utf8Path,
    options: &Options,
    tree: &Node,
    given_vars: &Table,
    sort: Sort,
    mut reader: Reader<'_>,
) -> Result<Vec<Rendered<M>>> {
    let templates = Templates::new();
    let near_vars = vars::of_site(tree, None, given_vars.clone());
    let (sites, all_sites) = site::select(tree, &near_vars, options, &templates, &mut reader);
    let Reader { problems, folders, inputs, .. } = reader;
    if sites.iter().flatten().any(|site| site.is_unusable) {
        return Ok(Vec::new());
    }
    if let Some(problem) = site::check_number(tree, sites.len()) {
        problems.add(problem);
        return Ok(Vec::new());
    }
    let checker = Checker::new(sort)?;
    let mut libraries = library::Libraries::default();
    let inventory = all_sites.iter().map(|site| listed(tree, site, given_vars.clone(), &templates, problems)).collect();
    let inventory: Arc<Vec<Listed>> = Arc::new(inventory);
    let mut rendered = Vec::new();
    let (mut found, mut silent, mut lowered) = (Vec::new(), Vec::new(), rules::lowered::Lowered::new());
    for site in &sites {
        let mut problems_here = Vec::new();
        let written = tree;
        let mut folders = folders.clone();
        let (mut tree, context) =
            render(written, site.as_ref(), given_vars.clone(), &options.used, &templates, problems, &mut problems_here);
        let (mut in_sequence, mut sequence, mut taken) = (Vec::new(), None, library::Taken::default());
        let site_file = site.as_ref().and_then(|site| site.data.clone()).filter(|_| sort == Sort::Medium);
        let mut supplied = Vec::new();
        if let Some(file) = &site_file {
            supplied = site_data::supply(&mut tree, file);
        }
        if sort == Sort::Medium {
            base::supply(&mut tree, |named| match folders.get(&named.place.source) {
                Some(folder) => folder.clone(),
                None => profile::folder(path).to_owned(),
            });
            let (json, spans) = tree.flatten();
            sequence =
                task_sequence::read(path, (&json, &spans), &context, &folders, (problems, inputs), &mut in_sequence);
            let texts = &mut library::Texts { templates: &templates, context: &context, problems, inputs };
            let paths = (path, &mut folders);
            taken = library::supply(&mut tree, sequence.as_mut(), paths, &mut libraries, texts, &mut in_sequence)?;
        }
        let (value, spans) = tree.flatten();
        let doc = Doc { json: &value, spans: &spans, sources: problems };
        problems_here.extend(checker.check(doc));
        problems_here.extend(rules::check(doc, sort));
        if let Some(file) = &site_file {
            problems_here.extend(site_data::check_content(doc, file));
            problems_here.extend(file.note(doc.place(site_data::POINTER), &supplied));
        }
        // What is wrong with the sequence hides nothing of what is wrong with the files that the manifest names.
        let has_errors = problems_here.iter().any(|problem| problem.severity == Severity::Error);
        let mut lowered_here = rules::lowered::Lowered::new();
        if sort == Sort::Medium {
            lowered_here = rules::lowered::of(doc, &mut problems_here);
            problems_here.append(&mut in_sequence);
            problems_here.extend(rules::site::missing_certificate(doc));
            if let Some(sequence) = &sequence {
                problems_here.extend(task_sequence::check_on_medium(doc, sequence, &taken));
            }
        }
        let code = site.as_ref().and_then(|site| site.code.clone());
        let lower = |problem| rules::lowered::lower(problem, &lowered_here);
        let (said, unsaid): (Vec<_>, Vec<_>) = problems_here.into_iter().map(lower).partition(|(_, is_said)| *is_said);
        let mut problems_here: Vec<_> = said.into_iter().map(|(problem, _)| problem).collect();
        silent.extend(unsaid.into_iter().map(|(problem, _)| (problem, code.clone().unwrap_or_default())));
        lowered.extend(lowered_here.clone());
        let manifest = (!has_errors && spans.holes.is_empty()).then(|| serde_json::from_value(value.clone()));
        match manifest {
            Some(Ok(manifest)) => {
                let (path, folders) = (path.to_owned(), Arc::new(folders));
                let sequence = sequence.map(Arc::new);
                let mut value = value;
                if let Some(media) = value.get_mut("media").and_then(|media| media.as_object_mut()) {
                    // They are laid under already.
                    media.remove("profile");
                }
                if let Some(site) = value.pointer_mut("/sites/0").and_then(|site| site.as_object_mut()) {
                    // Its values are in place already.
                    site.remove("data");
                }
                let own_vars = site.as_ref().and_then(|site| site.node.as_table()?.get("vars"));
                let vars = vars::of_site(written, own_vars, given_vars.clone());
                let mut values = used::used((written, &taken.written), &tree, &vars, &templates);
                values.extend(site_data::values(&value, &supplied));
                let (site, inventory) = (code.clone(), Arc::clone(&inventory));
                let lowered = lowered_here;
                rendered.push(Rendered {
                    manifest,
                    site,
                    path,
                    value,
                    values,
                    spans,
                    folders,
                    inventory,
                    sequence,
                    taken: taken.entries,
                    site_file,
                    supplied,
                    lowered,
                });
            }
            // The schema lets nothing pass that the types refuse; should it ever, the reason is not lost.
            Some(Err(error)) => problems_here.push(Problem::error(error.to_string()).at(tree.place.clone(), "")),
            None => {}
        }
        for problem in problems_here {
            found.push((problem, code.clone().unwrap_or_default()));
        }
    }
    let found = across_sites(found, sites.len());
    let silent = across_sites(silent, sites.len());
    problems.note_lowerings(rules::lowered::counted(&lowered, &[&found[..], &silent].concat()));
    found.into_iter().for_each(|problem| problems.add(problem));
    Ok(rendered)
}

/// What templates can name in files that belong to no manifest: `vars` as the command line has them, and `site.code`
/// if it names a site. Nothing if one of the values is wrong, which goes to `problems`.
///
/// # Errors
///
/// A file of values could not be read.
fn context_without(options: &Options, problems: &mut Problems, inputs: &mut Inputs) -> Result<Option<Context>> {
    let mut reader = Reader::new(problems, inputs);
    let (vars, is_sound) = vars::given(options, &mut reader)?;
    let mut context = Context::new();
    context.used = Rc::clone(&options.used);
    context.no_site = "name one: `--site CODE`";
    if let Some(code) = options.sites.first() {
        context.space("site").insert("code".into(), code.as_str().into());
    }
    let mut found = Vec::new();
    Templates::new().render_space("vars", &vars, &mut context, reader.problems, &mut found);
    let is_sound = is_sound && found.iter().all(|problem| problem.severity != Severity::Error);
    found.into_iter().for_each(|problem| reader.problems.add(problem));
    Ok(is_sound.then_some(context))
}

/// The tree of one site: values for templates laid over each other, and every string rendered.
fn render(
    tree: &Node,
    site: Option<&Chosen>,
    given_vars: Table,
    used: &UsedNames,
    templates: &Templates,
    sources: &Problems,
    found: &mut Vec<Problem>,
) -> (Node, Context) {
    let Value::Table(root) = &tree.value else { return (tree.clone(), Context::new()) };
    let mut context = Context::new();
    context.used = Rc::clone(used);
    context.no_site = "the manifest has no `[[sites]]`: add one, or do without `site`";
    let site_table = site.and_then(|site| site.node.as_table());
    if site.is_some() {
        context.space("site");
    }
    if site.is_some_and(|site| site.code.is_none()) {
        context.fail("site", "code");
    }
    for entry in site_table.iter().flat_map(|table| &table.0).filter(|entry| entry.name != "vars") {
        context.insert("site", &entry.name, &entry.node);
    }
    let own_vars = site_table.and_then(|table| table.get("vars"));
    let vars = vars::of_site(tree, own_vars, given_vars);
    let vars = templates.render_space("vars", &vars, &mut context, sources, found);
    let site_rendered = site.map(|site| rendered_site(&site.node, &vars, templates, &mut context, sources, found));
    let captures = root.get("capture").is_some();
    let media = root.get("media").and_then(Node::as_table).filter(|_| !captures);
    if !captures && media.is_some_and(|media| media.get("label").is_none()) {
        context.space("media").insert("label".into(), model::default_label().into());
    }
    let lacks = |key: &&str| media.is_none_or(|media| media.get(key).is_none());
    let lacking: Vec<_> = ["name", "kind"].into_iter().filter(lacks).collect();
    let media = media.map(|media| templates.render_space("media", media, &mut context, sources, found));
    if captures {
        context.no_media = "a manifest with `[capture]` has no `media`: its templates can use `site` and `vars`";
    } else {
        context.space("media");
    }
    // A key that is missing is one mistake, told at its table, and not again wherever it is used.
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
        table.0.push(Entry { node: Node { value, place: entry.node.place.clone() }, ..entry.clone() });
    }
    if root.get("vars").is_none()
        && let Some(first) = vars.0.first()
    {
        let place = first.key.clone();
        let node = Node { value: Value::Table(vars.clone()), place: place.clone() };
        table.0.push(Entry { name: "vars".into(), key: place, node });
    }
    (Node { value: Value::Table(table), place: tree.place.clone() }, context)
}

/// A site with its own template values as they were rendered, and all else of it rendered with them.
fn rendered_site(
    site: &Node,
    vars: &Table,
    templates: &Templates,
    context: &mut Context,
    sources: &Problems,
    found: &mut Vec<Problem>,
) -> Node {
    let mut site = site.clone();
    let Value::Table(table) = &mut site.value else { return site };
    // The code and the path of the site file were rendered when the sites were chosen.
    let is_left = |entry: &Entry| !["code", "data", "vars"].contains(&entry.name.as_str());
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

/// Common part of complaints about one mistake: all but the values, which differ between sites.
#[derive(PartialEq, Eq)]
struct Gist {
    severity: Severity,
    rule: Option<Rule>,
    places: Vec<Place>,
    words: String,
}

impl Gist {
    fn new(problem: &Problem) -> Self {
        // Values stand in backticks, or are numbers.
        let words: Vec<_> = problem.message.split('`').step_by(2).collect();
        let words = words.concat().replace(|c: char| c.is_ascii_digit(), "");
        let places = problem.labels.iter().map(|(place, _)| place.clone()).collect();
        Self { severity: problem.severity, rule: problem.rule, places, words }
    }
}

/// Complaints of texts that sites share, such as a task sequence, each once: one mistake is found again for every site,
/// under the names that the site gives things.
pub fn once_for_all_sites(found: Vec<Problem>, is_shared: impl Fn(&Problem) -> bool) -> Vec<Problem> {
    let mut kept: Vec<(Problem, Gist, usize)> = Vec::new();
    for problem in found {
        let gist = Gist::new(&problem);
        match kept.iter_mut().find(|(_, other, _)| *other == gist).filter(|_| is_shared(&problem)) {
            Some((_, _, n_more)) => *n_more += 1,
            None => kept.push((problem, gist, 0)),
        }
    }
    let told = |(mut problem, _, n_more): (Problem, Gist, usize)| {
        if n_more > 0 {
            let sites = if n_more == 1 { "site" } else { "sites" };
            problem.message += &format!(" (and {n_more} more {sites} likewise)");
        }
        problem
    };
    kept.into_iter().map(told).collect()
}

/// A complaint of several sites.
struct Group {
    /// As the first of them has it.
    problem: Problem,
    gist: Gist,
    codes: Vec<String>,
    /// Whether all of them have it word by word.
    is_literal: bool,
}

/// Each complaint once, however many sites it comes from; said of which, where it is not all of them.
fn across_sites(found: Vec<(Problem, String)>, n_sites: usize) -> Vec<Problem> {
    let mut grouped: Vec<Group> = Vec::new();
    for (problem, code) in found {
        let gist = Gist::new(&problem);
        let same =
            |group: &&mut Group| group.gist == gist && (group.problem == problem || !group.codes.contains(&code));
        match grouped.iter_mut().find(same) {
            Some(group) => {
                group.is_literal &= group.problem == problem;
                if !group.codes.contains(&code) {
                    group.codes.push(code);
                }
            }
            None => grouped.push(Group { problem, gist, codes: vec![code], is_literal: true }),
        }
    }
    grouped
        .into_iter()
        .map(|Group { mut problem, codes, is_literal, .. }| {
            let quoted: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
            let names_site = quoted.iter().any(|code| problem.message.contains(code.as_str()));
            let suffix = match (is_literal, codes.len()) {
                (false, n_codes) if n_codes > 1 => format!(" (site {}, and {} more likewise)", quoted[0], n_codes - 1),
                (_, n_codes) if n_codes == n_sites || names_site => String::new(),
                (_, 1) => format!(" (site {})", quoted[0]),
                _ => format!(" (sites {})", suggest::join(&quoted, "and")),
            };
            problem.message.push_str(&suffix);
            problem
        })
        .collect()
}

/// Two sites can't write one file.
fn same_outputs<M>(rendered: &[Rendered<M>], pointer: &str, path: fn(&M) -> &String, problems: &mut Problems) {
    // Outputs belong to the manifest, wherever their path was written.
    let identity = |it: &Rendered<M>| FileIdentity::of(&it.path.with_file_name(path(&it.manifest)));
    let mut first: HashMap<FileIdentity, &Rendered<M>> = HashMap::new();
    for second in rendered {
        let first = *first.entry(identity(second)).or_insert(second);
        let code = |rendered: &Rendered<M>| rendered.site.clone().unwrap_or_default();
        if code(first) == code(second) {
            // The same site twice, which is complained of already.
            continue;
        }
        let sites = format!("the sites `{}` and `{}` have the same output", code(first), code(second));
        let (name, of_first) = (path(&second.manifest), path(&first.manifest));
        let mut problem = match name == of_first {
            true => Problem::error(format!("{sites} `{name}`")),
            false => Problem::error(format!("{sites}: `{name}` and `{of_first}` are one file")),
        };
        problem = problem.at(second.place(pointer), "");
        // What was written by a template of one value differs by where that value was.
        let values = [output_value(second, name), output_value(first, of_first)];
        for place in [Some(first.place(pointer))].into_iter().chain(values).flatten() {
            if problem.labels.iter().all(|(known, _)| *known != place) {
                problem = problem.at(place, "");
            }
        }
        problems.add(problem.help(match pointer {
            "/output/path" => "name the site in it: `out/{{ media.name }}-{{ site.code }}.iso`",
            _ => "name the site in it: `images/reference-{{ site.code }}.wim`",
        }));
    }
}

/// Place of the site's own value that is the whole path of its output.
fn output_value<M>(rendered: &Rendered<M>, path: &str) -> Option<Place> {
    let vars = rendered.value().pointer("/sites/0/vars").and_then(|vars| vars.as_object());
    let (name, _) = vars.into_iter().flatten().find(|(_, value)| value.as_str() == Some(path))?;
    Some(rendered.place(&format!("/sites/0/vars/{}", spanned::escape(name))))
}
