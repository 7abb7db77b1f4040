//! The sites of a manifest with their site files, and those that the command line keeps.

use std::rc::Rc;
use std::sync::Arc;

use crate::limits::MAX_SITE_VALUES;
use crate::problem::{Place, Problem, Problems};

use super::Options;
use super::profile::{self, Reader};
use super::site_data::{SiteFile, SiteFiles};
use authoring::spanned::{Entry, Node, Table, Value};
use authoring::suggestions::{nearest, one_of};
use authoring::template::{Templates, is_template};
use authoring::values::Context;

/// A site, with its code rendered.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Its code; none if that is missing or came to nothing.
    pub code: Option<String>,
    /// Its table.
    pub node: Node,
    /// Its site file, if it names one and that is sound.
    pub data: Option<Arc<SiteFile>>,
    /// Set if its site file is not sound, which was reported: its values are not missing for any other reason.
    pub is_unusable: bool,
}

/// The sites of a manifest that `wanted` names, or all of them; none at all if the manifest has none. Besides, all of
/// them in any case.
pub fn select(
    tree: &Node,
    vars: &Table,
    options: &Options,
    templates: &Templates,
    reader: &mut Reader<'_>,
) -> (Vec<Option<Chosen>>, Vec<Chosen>) {
    let wanted = options.sites.as_slice();
    let nodes = match tree.as_table().and_then(|root| root.get("sites")).map(|sites| &sites.value) {
        Some(Value::Array(nodes)) => nodes.as_slice(),
        _ => &[],
    };
    let mut context = Context::new();
    context.no_site = "the code of a site cannot be made from the site; use `vars`";
    context.used = Rc::clone(&options.used);
    context.space("vars");
    for entry in vars.0.iter().filter(|entry| !entry.node.as_str().is_some_and(is_template)) {
        context.insert("vars", &entry.name, &entry.node);
    }
    let mut found = Vec::new();
    let mut files = SiteFiles::default();
    let mut sites: Vec<Chosen> =
        nodes.iter().map(|node| site(node, &context, templates, reader.problems, &mut found)).collect();
    for site in &mut sites {
        read_data(site, &mut files, &context, wanted, templates, reader, &mut found);
    }
    duplicates(&sites, &mut found);
    found.into_iter().for_each(|problem| reader.problems.add(problem));
    if nodes.is_empty() && wanted.is_empty() {
        return (vec![None], Vec::new());
    }
    for code in wanted {
        complain_of_unknown(code, &sites, reader);
    }
    let keep = |site: &Chosen| wanted.is_empty() || site.code.as_ref().is_some_and(|code| wanted.contains(code));
    let chosen = sites.iter().filter(|site| keep(site)).cloned().map(Some).collect();
    (chosen, sites)
}

/// The problem of a manifest that is too large for its number of sites, each of which gets a tree of its own.
pub fn check_number(tree: &Node, n_sites: usize) -> Option<Problem> {
    let root = tree.as_table()?;
    let own = root.0.iter().filter(|entry| entry.name != "sites");
    let n_values: usize = own.map(|entry| entry.node.n_values()).sum();
    if n_sites.saturating_mul(n_values) <= MAX_SITE_VALUES {
        return None;
    }
    let message = format!("{n_sites} sites with {n_values} values each; at most {MAX_SITE_VALUES} are read together");
    let place = root.entry("sites")?.key.clone();
    Some(Problem::error(message).at(place, "").help("build fewer sites at once: `--site CODE`"))
}

fn site(node: &Node, context: &Context, templates: &Templates, sources: &Problems, found: &mut Vec<Problem>) -> Chosen {
    let mut node = node.clone();
    let mut code = None;
    if let Value::Table(table) = &mut node.value
        && let Some(entry) = table.0.iter_mut().find(|entry| entry.name == "code")
    {
        entry.node = templates.render(&entry.node, context, sources, found);
        code = entry.node.as_str().map(str::to_owned);
    }
    Chosen { code, node, data: None, is_unusable: false }
}

/// Reads the site file that a site names, and takes the site code from it if the site has none.
fn read_data(
    site: &mut Chosen,
    files: &mut SiteFiles,
    context: &Context,
    wanted: &[String],
    templates: &Templates,
    reader: &mut Reader<'_>,
    found: &mut Vec<Problem>,
) {
    let Value::Table(table) = &mut site.node.value else { return };
    let Some(entry) = table.0.iter_mut().find(|entry| entry.name == "data") else { return };
    let mut context = context.clone();
    context.no_site = "a site file is read before its site is known: only `site.code` and `vars` are";
    if let Some(code) = &site.code {
        context.space("site").insert("code".into(), code.as_str().into());
    }
    entry.node = templates.render(&entry.node, &context, reader.problems, found);
    if matches!(entry.node.value, Value::Failed) {
        site.is_unusable = true;
        return;
    }
    let Some(name) = entry.node.as_str().filter(|name| !name.is_empty()).map(str::to_owned) else { return };
    let place = entry.node.place.clone();
    let path = reader.folders.get(&place.source).map_or(name.clone().into(), |folder| folder.join(&name));
    reader.inputs.note_at(&path, place.clone());
    let before = reader.problems.mark();
    let file = files.get(&name, path.clone(), &place, reader.problems);
    let is_wanted = |code: &String| wanted.is_empty() || wanted.contains(code);
    if site.code.as_ref().is_some_and(|code| !is_wanted(code)) {
        // Its mistakes are reported when it is its turn.
        reader.problems.take_since(before);
    }
    let Some(file) = file else {
        site.is_unusable = true;
        return;
    };
    reader.folders.entry(file.place("").source).or_insert_with(|| profile::folder(&path).to_owned());
    match &site.code {
        None if table.get("code").is_none() => {
            let place = file.place("/code");
            let node = Node { value: Value::String(file.data.code.clone()), place: place.clone() };
            table.0.insert(0, Entry { name: "code".into(), key: place, node });
            site.code = Some(file.data.code.clone());
        }
        Some(code) if *code != file.data.code => {
            let message = format!("the site file `{name}` is that of the site `{}`, not `{code}`", file.data.code);
            let problem = Problem::error(message).at(place, "").at(code_place(site), "the site");
            let problem = problem.at(file.place("/code"), "the site of the file");
            found.push(problem.help("name the file of this site, or leave `code` out"));
            site.is_unusable = true;
            return;
        }
        _ => {}
    }
    site.data = Some(file);
}

fn code_place(site: &Chosen) -> Place {
    site.node.as_table().and_then(|table| table.get("code")).map_or(&site.node.place, |code| &code.place).clone()
}

fn duplicates(sites: &[Chosen], found: &mut Vec<Problem>) {
    for (index, site) in sites.iter().enumerate() {
        let Some(code) = &site.code else { continue };
        let same = |other: &&Chosen| other.code.as_ref().is_some_and(|other| other.eq_ignore_ascii_case(code));
        if let Some(first) = sites[..index].iter().find(same) {
            found.push(
                Problem::error(format!("there are two sites `{code}`"))
                    .at(code_place(site), "again")
                    .at(code_place(first), "first")
                    .help("a site is listed once; its `vars` can hold several values"),
            );
        }
    }
}

fn complain_of_unknown(wanted: &str, sites: &[Chosen], reader: &mut Reader<'_>) {
    let codes: Vec<&str> = sites.iter().filter_map(|site| site.code.as_deref()).collect();
    if codes.contains(&wanted) {
        return;
    }
    let text = format!("--site {wanted}");
    let source = reader.problems.add_source("command line", text.as_str());
    let place = Place { source, span: "--site ".len()..text.len() };
    let help = match nearest(wanted, codes.iter().copied()) {
        _ if codes.is_empty() => "it has no `[[sites]]`; leave `--site` out".to_owned(),
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", one_of(codes).replace(" or ", " and ")),
    };
    reader.problems.add(Problem::error(format!("the manifest has no site `{wanted}`")).at(place, "").help(help));
}
