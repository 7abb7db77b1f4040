//! `tsmedia render`: prints manifests with profiles and templates applied.

use camino::Utf8Path;
use serde_json::{Value as Json, json};

use super::screen::Screen;
use super::{ManifestArguments, Outcome, project};
use crate::error::Result;
use crate::foreign_text;
use crate::manifest::{Draft, Loaded, Rendered, TakenEntry, portable};
use crate::problem::Problems;
use crate::resolve::Resolver;
use crate::target::WIM;

pub(super) fn run(arguments: &ManifestArguments, screen: &Screen) -> Result<Outcome> {
    let mut problems = Problems::default();
    let all = project::render(arguments, &mut problems)?;
    if screen.json {
        screen.collect_problems(&problems);
        let manifests: Vec<_> = all.iter().flat_map(values).collect();
        let outcome = screen.print_json(&json!({ "manifests": manifests }))?;
        return Ok(if problems.has_errors() { Outcome::ProblemsFound } else { outcome });
    }
    let mut resolver = Resolver::new(project::secrets().only_present());
    let texts: Vec<_> = all.iter().flat_map(|draft| texts(draft, &mut resolver, &mut problems)).collect();
    if !problems.has_errors() {
        return screen.print_document(&texts.join("\n"));
    }
    screen.report_problems(&problems);
    if !texts.is_empty() {
        screen.print_document(&texts.join("\n"))?;
        screen.status("the result is incomplete: correct the errors first");
    }
    Ok(Outcome::ProblemsFound)
}

/// Paths in the output are relative to the current folder.
fn folder() -> &'static Utf8Path {
    Utf8Path::new("")
}

/// Returns the manifest of each site as JSON.
fn values(draft: &Draft) -> Vec<Json> {
    let mut values: Vec<_> = match &draft.loaded {
        Loaded::Media(all) => all.iter().map(|it| value(it, Some(it.manifest.media.kind.as_str()))).collect(),
        Loaded::Captures(all) => all.iter().map(|it| value(it, Some(WIM))).collect(),
    };
    values.extend(draft.incomplete.iter().map(|rendered| value(rendered, None)));
    values
}

/// Returns the manifest of a site as JSON. It is incomplete if its kind is not known.
fn value<M>(rendered: &Rendered<M>, kind: Option<&str>) -> Json {
    json!({
        "manifest": rendered.path,
        "site": rendered.site,
        "kind": kind,
        "complete": kind.is_some(),
        "missing": portable::missing(rendered),
        "content": portable::to_json(rendered, folder()),
    })
}

/// Returns the manifest of each site as TOML, with comments on values from site files, libraries and bases.
fn texts(draft: &Draft, resolver: &mut Resolver, problems: &mut Problems) -> Vec<String> {
    let mut texts: Vec<_> = match &draft.loaded {
        Loaded::Media(all) => {
            let with_comments = |rendered: &Rendered| {
                text(rendered) + &origins(rendered, problems) + &base(rendered, resolver, problems)
            };
            all.iter().map(with_comments).collect()
        }
        Loaded::Captures(all) => all.iter().map(text).collect(),
    };
    texts.extend(draft.incomplete.iter().map(|rendered| text(rendered) + &origins(rendered, problems)));
    texts
}

/// Returns comments with the entries that come from profiles and libraries.
fn origins<M>(rendered: &Rendered<M>, sources: &Problems) -> String {
    let taken: Vec<_> = rendered.library_entries().iter().map(TakenEntry::to_string).collect();
    let lists = [("from profiles", portable::inherited(rendered, sources)), ("taken from the library", taken)];
    let comment = |line: &String| format!("#   {}\n", foreign_text::line(line));
    let block = |(title, lines): &(&str, Vec<String>)| {
        format!("\n# {title}:\n{}", lines.iter().map(comment).collect::<String>())
    };
    lists.iter().filter(|(_, lines)| !lines.is_empty()).map(block).collect()
}

fn text<M>(rendered: &Rendered<M>) -> String {
    let site = rendered.site.as_ref().map_or_else(String::new, |site| format!(" for site {site}"));
    let path = foreign_text::line(rendered.path.as_str());
    let toml = portable::to_toml(rendered, folder());
    let comments = [supplied(rendered), missing(rendered)].concat();
    format!("# {path}{}\n{comments}{}", foreign_text::line(&site), foreign_text::toml(&toml))
}

/// Returns a comment with the keys that could not be rendered.
fn missing<M>(rendered: &Rendered<M>) -> String {
    match portable::missing(rendered).as_slice() {
        [] => String::new(),
        keys => format!("# could not be rendered: {}\n", foreign_text::line(&keys.join(", "))),
    }
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
