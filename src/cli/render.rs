//! `tsmedia render`: manifests as they are after profiles and templates.

use super::screen::Screen;
use super::{ManifestArguments, Outcome, project};
use crate::error::Result;
use crate::problem::Problems;
use crate::report;

pub(super) fn run(arguments: &ManifestArguments, screen: &Screen) -> Result<Outcome> {
    let mut problems = Problems::default();
    let rendered: Vec<_> = project::render(arguments, &mut problems)?.into_iter().flatten().collect();
    if problems.has_errors() {
        if screen.json {
            screen.json(&report::json(&problems))?;
        } else {
            screen.problems(&problems);
        }
        return Ok(Outcome::Wrong);
    }
    if screen.json {
        return screen.json(&rendered.iter().map(|rendered| rendered.value().clone()).collect());
    }
    let texts: Vec<_> = rendered
        .iter()
        .map(|rendered| match &rendered.site {
            Some(site) => format!("# {} for site {site}\n{}", rendered.path, rendered.to_toml()),
            None => format!("# {}\n{}", rendered.path, rendered.to_toml()),
        })
        .collect();
    screen.data(&texts.join("\n"))
}
