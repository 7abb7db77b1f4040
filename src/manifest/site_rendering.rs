//! Renders a manifest for each of its sites, checks each result, and reports the problems of all sites together.

use std::rc::Rc;
use std::sync::Arc;

use camino::Utf8Path;
use serde::de::DeserializeOwned;

use super::profile::{self, ManifestReader};
use super::rendered::{Rendered, SiteSummary};
use super::shared_problems::merge_site_problems;
use super::site::{self, SelectedSite};
use super::{
    ManifestKind, Options, base, library, model, rules, site_data, task_sequence, template_inputs, template_vars,
};
use crate::error::Result;
use crate::problem::{Problem, Problems, Severity};
use authoring::doc::Doc;
use authoring::schema_errors::SchemaChecker;
use authoring::spanned::{Node, Table, TableEntry, Value};
use authoring::template::Templates;
use authoring::values::{Context, UsedNames};

/// Renders a manifest for each selected site, and deserializes it. Sites with errors are added to
/// `incomplete`.
pub fn render_sites<M: DeserializeOwned>(
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
                problems_here.extend(task_sequence::check_on_medium(doc, sequence, &taken.reported, !taken.is_unknown));
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
    let is_accepted = |rule| accepted.contains_key(&rule);
    problems.lowerings.add(rules::lowered::count_lowered(&lowered, is_accepted, &[&found[..], &silent].concat()));
    found.into_iter().for_each(|problem| problems.add(problem));
    Ok(rendered)
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
    context.add_namespace("site");
    match &site.code {
        Some(code) => context.insert_text("site", "code", code),
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
        context.add_namespace("site");
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
        context.insert_text("media", "label", &model::default_label());
    }
    let lacks = |key: &&str| media.is_none_or(|media| media.get(key).is_none());
    let lacking: Vec<_> = ["name", "kind"].into_iter().filter(lacks).collect();
    let media = media.map(|media| templates.render_space("media", media, &mut context, sources, found));
    if captures {
        context.no_media = "a manifest with `[capture]` has no `media`: use `site` or `vars` in its templates";
    } else {
        context.add_namespace("media");
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
