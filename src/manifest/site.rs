//! Selects the sites of a manifest, and reads their site files.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::limits::MAX_SITE_VALUES;
use crate::problem::{Place, Problem, Problems};

use super::Options;
use super::profile::{self, ManifestReader};
use super::rules;
use super::site_data::{SiteFile, SiteFiles};
use authoring::spanned::{Node, Table, TableEntry, Value};
use authoring::suggestions::{nearest, one_of};
use authoring::template::{Templates, is_template};
use authoring::values::Context;

/// A site with its code rendered.
#[derive(Debug, Clone)]
pub struct SelectedSite {
    /// Site code; `None` if it is missing or could not be rendered.
    pub code: Option<String>,
    /// Table of the site.
    pub node: Node,
    /// Site file, if the site names one and it is valid.
    pub data: Option<Arc<SiteFile>>,
    /// The site file is invalid, which was reported. Missing values must not be reported then.
    pub is_unusable: bool,
}

/// Site codes of manifests, in the order in which they were read. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct KnownSites(Rc<RefCell<SiteCodes>>);

#[derive(Debug, Default)]
struct SiteCodes {
    codes: Vec<String>,
    /// Manifests whose sites are in `codes`.
    n_manifests: usize,
}

impl KnownSites {
    /// Returns the codes.
    pub fn codes(&self) -> Vec<String> {
        self.0.borrow().codes.clone()
    }

    fn add(&self, sites: &[SelectedSite]) {
        let mut known = self.0.borrow_mut();
        known.n_manifests += 1;
        for code in sites.iter().filter_map(|site| site.code.as_ref()) {
            if !known.codes.contains(code) {
                known.codes.push(code.clone());
            }
        }
    }
}

/// Returns the sites selected on the command line (or all of them), and all sites of the manifest.
/// The first list has a single `None` if the manifest has no sites.
pub fn select_sites(
    tree: &Node,
    vars: &Table,
    options: &Options,
    templates: &Templates,
    reader: &mut ManifestReader<'_>,
) -> (Vec<Option<SelectedSite>>, Vec<SelectedSite>) {
    let wanted = options.sites.as_slice();
    let nodes = match tree.as_table().and_then(|root| root.get("sites")).map(|sites| &sites.value) {
        Some(Value::Array(nodes)) => nodes.as_slice(),
        _ => &[],
    };
    let mut context = Context::new();
    context.no_site = "a site code can't refer to `site`; use `vars`";
    context.used = Rc::clone(&options.used);
    context.add_namespace("vars");
    for entry in vars.0.iter().filter(|entry| !entry.node.as_str().is_some_and(is_template)) {
        context.insert("vars", &entry.name, &entry.node);
    }
    let mut found = Vec::new();
    let mut files = SiteFiles::default();
    let mut sites: Vec<SelectedSite> =
        nodes.iter().map(|node| render_code(node, &context, templates, reader.problems, &mut found)).collect();
    for site in &mut sites {
        read_site_data(site, &mut files, &context, wanted, templates, reader, &mut found);
    }
    report_duplicates(&sites, reader.problems, &mut found);
    found.into_iter().for_each(|problem| reader.problems.add(problem));
    options.known_sites.add(&sites);
    if nodes.is_empty() && wanted.is_empty() {
        return (vec![None], Vec::new());
    }
    let keep = |site: &SelectedSite| wanted.is_empty() || site.code.as_ref().is_some_and(|code| wanted.contains(code));
    let chosen = sites.iter().filter(|site| keep(site)).cloned().map(Some).collect();
    (chosen, sites)
}

/// Reports a manifest with too many values in total, since each site gets a copy of the tree.
pub fn check_site_count(tree: &Node, n_sites: usize) -> Option<Problem> {
    let root = tree.as_table()?;
    let own = root.0.iter().filter(|entry| entry.name != "sites");
    let n_values: usize = own.map(|entry| entry.node.n_values()).sum();
    if n_sites.saturating_mul(n_values) <= MAX_SITE_VALUES {
        return None;
    }
    let message = format!(
        "the manifest has {n_sites} sites with {n_values} values each; at most {MAX_SITE_VALUES} values are allowed \
         in total"
    );
    let place = root.entry("sites")?.key.clone();
    Some(Problem::error(message).at(place, "").help("build fewer sites at once: `--site CODE`"))
}

fn render_code(
    node: &Node,
    context: &Context,
    templates: &Templates,
    sources: &Problems,
    found: &mut Vec<Problem>,
) -> SelectedSite {
    let mut node = node.clone();
    let mut code = None;
    if let Value::Table(table) = &mut node.value
        && let Some(entry) = table.0.iter_mut().find(|entry| entry.name == "code")
    {
        entry.node = templates.render(&entry.node, context, sources, found);
        code = entry.node.as_str().map(str::to_owned);
    }
    SelectedSite { code, node, data: None, is_unusable: false }
}

/// Reads the site file of a site, and takes the site code from it if the site has none.
fn read_site_data(
    site: &mut SelectedSite,
    files: &mut SiteFiles,
    context: &Context,
    wanted: &[String],
    templates: &Templates,
    reader: &mut ManifestReader<'_>,
    found: &mut Vec<Problem>,
) {
    let Value::Table(table) = &mut site.node.value else { return };
    let Some(entry) = table.0.iter_mut().find(|entry| entry.name == "data") else { return };
    let mut context = context.clone();
    context.no_site = "the path of a site file can only refer to `site.code` and `vars`";
    if let Some(code) = &site.code {
        context.insert_text("site", "code", code);
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
        // Problems are reported when this site is selected.
        reader.problems.take_since(before);
    }
    let Some(file) = file else {
        site.is_unusable = true;
        return;
    };
    reader.folders.entry(file.place("").source).or_insert_with(|| profile::parent_folder(&path).to_owned());
    match &site.code {
        None if table.get("code").is_none() => {
            let place = file.place("/code");
            let node = Node { value: Value::String(file.data.code.clone()), place: place.clone() };
            table.0.insert(0, TableEntry { name: "code".into(), key: place, node });
            site.code = Some(file.data.code.clone());
        }
        Some(code) if *code != file.data.code => {
            let message = format!("the site file `{name}` belongs to the site `{}`, not `{code}`", file.data.code);
            let problem = Problem::error(message).at(place, "").at(code_place(site), "the site");
            let problem = problem.at(file.place("/code"), "the site of the file");
            found.push(problem.help("name the file of this site, or remove `code`"));
            site.is_unusable = true;
            return;
        }
        _ => {}
    }
    site.data = Some(file);
}

fn code_place(site: &SelectedSite) -> Place {
    site.node.as_table().and_then(|table| table.get("code")).map_or(&site.node.place, |code| &code.place).clone()
}

fn report_duplicates(sites: &[SelectedSite], sources: &Problems, found: &mut Vec<Problem>) {
    for (index, site) in sites.iter().enumerate() {
        let Some(code) = &site.code else { continue };
        let same = |other: &&SelectedSite| other.code.as_ref().is_some_and(|other| other.eq_ignore_ascii_case(code));
        if let Some(first) = sites[..index].iter().find(same) {
            let (place, first) = (code_place(site), code_place(first));
            let merge = rules::merge_help(sources, &place, &first, "code");
            let help = merge.unwrap_or_else(|| "remove one of them; a site can have several values in `vars`".into());
            let problem = Problem::error(format!("the site `{code}` is listed twice"));
            found.push(problem.at(place, "again").at(first, "first").help(help));
        }
    }
}

/// Reports sites selected on the command line that none of `n_manifests` manifests has. If the sites
/// of a manifest are unknown because of an error, nothing is reported.
pub fn report_unknown_sites(options: &Options, n_manifests: usize, problems: &mut Problems) {
    let known = options.known_sites.0.borrow();
    if known.n_manifests < n_manifests {
        return;
    }
    let codes = || known.codes.iter().map(String::as_str);
    for wanted in options.sites.iter().filter(|wanted| !known.codes.contains(wanted)) {
        let text = format!("--site {wanted}");
        let source = problems.add_source_once("command line", &text);
        let place = Place { source, span: "--site ".len()..text.len() };
        let (message, owner) = match n_manifests {
            1 => (format!("the manifest has no site `{wanted}`"), "the manifest has"),
            n => (format!("none of the {n} manifests has a site `{wanted}`"), "the manifests have"),
        };
        let help = match nearest(wanted, codes()) {
            _ if known.codes.is_empty() => format!("remove `--site`; {owner} no `[[sites]]`"),
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let whose = if n_manifests == 1 { "its" } else { "their" };
                format!("use one of {whose} sites: {}", one_of(codes()).replace(" or ", " and "))
            }
        };
        problems.add(Problem::error(message).at(place, "").help(help));
    }
}
