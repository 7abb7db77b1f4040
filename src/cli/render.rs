//! `tsmedia render`: manifests as they are after profiles and templates.

use serde_json::Value as Json;

use super::screen::Screen;
use super::{ManifestArguments, Outcome, project};
use crate::error::Result;
use crate::foreign_text;
use crate::manifest::{Loaded, Rendered};
use crate::problem::Problems;
use crate::report;
use crate::resolve::Resolver;

pub(super) fn run(arguments: &ManifestArguments, screen: &Screen) -> Result<Outcome> {
    let mut problems = Problems::default();
    let all = project::render(arguments, &mut problems)?;
    if problems.has_errors() {
        if screen.json {
            screen.json(&report::json(&problems))?;
        } else {
            screen.problems(&problems);
        }
        return Ok(Outcome::Wrong);
    }
    let mut resolver = Resolver::new(project::secrets().only_present());
    let shown: Vec<_> = all.iter().flat_map(|loaded| shown(loaded, &mut resolver, &mut problems)).collect();
    if screen.json {
        return screen.json(&shown.into_iter().map(|(_, value)| value).collect());
    }
    screen.document(&shown.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join("\n"))
}

/// A manifest for each site, as text and as data.
fn shown(loaded: &Loaded, resolver: &mut Resolver, problems: &mut Problems) -> Vec<(String, Json)> {
    fn one<M>(rendered: &Rendered<M>) -> (String, Json) {
        let site = rendered.site.as_ref().map_or_else(String::new, |site| format!(" for site {site}"));
        let path = foreign_text::line(rendered.path.as_str());
        let text = format!("# {path}{}\n{}", foreign_text::line(&site), foreign_text::toml(&rendered.to_toml()));
        (text, rendered.value().clone())
    }
    match loaded {
        Loaded::Media(all) => {
            let with_base = |rendered: &Rendered| {
                let (text, value) = one(rendered);
                (text + &base(rendered, resolver, problems), value)
            };
            all.iter().map(with_base).collect()
        }
        Loaded::Captures(all) => all.iter().map(one).collect(),
    }
}

/// What the base of a medium supplies, as comments. No value of it is shown.
fn base(rendered: &Rendered, resolver: &mut Resolver, problems: &mut Problems) -> String {
    let lines = match resolver.supplied(rendered, problems) {
        None => return String::new(),
        Some(Ok(supplied)) => [vec![supplied.summary()], supplied.details()].concat(),
        Some(Err(found)) => found.into_iter().map(|problem| problem.message).collect(),
    };
    let comment = |line: &String| format!("# {}\n", foreign_text::line(line));
    format!("\n{}", lines.iter().map(comment).collect::<String>())
}
