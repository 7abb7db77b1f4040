//! The sites of a manifest, and those that the command line keeps.

use std::rc::Rc;

use crate::limits::MAX_SITE_VALUES;
use crate::problem::{Place, Problem, Problems};

use super::Options;
use super::profile::Reader;
use authoring::spanned::{Node, Table, Value};
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
    let sites: Vec<Chosen> =
        nodes.iter().map(|node| site(node, &context, templates, reader.problems, &mut found)).collect();
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
    Chosen { code, node }
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
