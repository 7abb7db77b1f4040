//! `tsmedia render`: prints manifests with profiles and templates applied.

use serde_json::{Value as Json, json};

use super::screen::Screen;
use super::{ManifestArguments, Outcome, project};
use crate::error::Result;
use crate::foreign_text;
use crate::manifest::{Loaded, Rendered, TakenEntry};
use crate::problem::Problems;
use crate::resolve::Resolver;
use crate::target::WIM;

pub(super) fn run(arguments: &ManifestArguments, screen: &Screen) -> Result<Outcome> {
    let mut problems = Problems::default();
    let all = project::render(arguments, &mut problems)?;
    if problems.has_errors() {
        screen.report_problems(&problems);
        return Ok(Outcome::ProblemsFound);
    }
    if screen.json {
        let manifests: Vec<_> = all.iter().flat_map(values).collect();
        return screen.print_json(&json!({ "manifests": manifests }));
    }
    let mut resolver = Resolver::new(project::secrets().only_present());
    let texts: Vec<_> = all.iter().flat_map(|loaded| texts(loaded, &mut resolver, &mut problems)).collect();
    screen.print_document(&texts.join("\n"))
}

/// Returns the manifest of each site as JSON.
fn values(loaded: &Loaded) -> Vec<Json> {
    match loaded {
        Loaded::Media(all) => {
            all.iter().map(|it| value(it, it.manifest.media.kind.as_str(), it.to_portable())).collect()
        }
        Loaded::Captures(all) => all.iter().map(|it| value(it, WIM, it.value().clone())).collect(),
    }
}

fn value<M>(rendered: &Rendered<M>, kind: &str, content: Json) -> Json {
    json!({ "manifest": rendered.path, "site": rendered.site, "kind": kind, "content": content })
}

/// Returns the manifest of each site as TOML, with comments on values from site files, libraries and bases.
fn texts(loaded: &Loaded, resolver: &mut Resolver, problems: &mut Problems) -> Vec<String> {
    match loaded {
        Loaded::Media(all) => {
            all.iter().map(|rendered| text(rendered) + &taken(rendered) + &base(rendered, resolver, problems)).collect()
        }
        Loaded::Captures(all) => all.iter().map(text).collect(),
    }
}

fn text<M>(rendered: &Rendered<M>) -> String {
    let site = rendered.site.as_ref().map_or_else(String::new, |site| format!(" for site {site}"));
    let path = foreign_text::line(rendered.path.as_str());
    format!("# {path}{}\n{}{}", foreign_text::line(&site), supplied(rendered), foreign_text::toml(&rendered.to_toml()))
}

/// Returns a comment with the keys that come from the site file.
fn supplied<M>(rendered: &Rendered<M>) -> String {
    match rendered.site_file() {
        Some((file, keys @ [_, ..])) => {
            let line = format!("from `{}`: {}", file.name, keys.join(", "));
            format!("# {}\n", foreign_text::line(&line))
        }
        _ => String::new(),
    }
}

/// Returns comments with the content that a medium takes from libraries.
fn taken(rendered: &Rendered) -> String {
    if rendered.library_entries().is_empty() {
        return String::new();
    }
    let comment = |entry: &TakenEntry| format!("#   {}\n", foreign_text::line(&entry.to_string()));
    format!("\n# taken from the library:\n{}", rendered.library_entries().iter().map(comment).collect::<String>())
}

/// Returns comments with the names of values and content that the base of a medium supplies.
fn base(rendered: &Rendered, resolver: &mut Resolver, problems: &mut Problems) -> String {
    let lines = match resolver.supplied(rendered, problems) {
        None => return String::new(),
        Some(Ok(supplied)) => [vec![supplied.summary()], supplied.details()].concat(),
        Some(Err(found)) => found.into_iter().map(|problem| problem.message).collect(),
    };
    let comment = |line: &String| format!("# {}\n", foreign_text::line(line));
    format!("\n{}", lines.iter().map(comment).collect::<String>())
}
