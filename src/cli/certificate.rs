//! `tsmedia certificate`: the certificate that a medium presents to management points, to register it at the site.

use super::screen::Screen;
use super::{ManifestArguments, Outcome, project};
use crate::error::Result;
use crate::format::certificate::pem;
use crate::problem::Problems;
use crate::project as projects;
use crate::report;

pub(super) fn run(arguments: &ManifestArguments, screen: &Screen) -> Result<Outcome> {
    let environment = project::environment(None, screen.audience())?;
    let mut problems = Problems::default();
    let certificate = projects::certificate(&arguments.into(), &environment, project::secrets(), &mut problems)?;
    problems.drop_notes();
    if screen.json && certificate.is_none() {
        screen.json(&report::json(&problems))?;
    } else {
        screen.problems(&problems);
    }
    match certificate.filter(|_| !problems.has_errors()) {
        Some(certificate) if screen.json => screen.json(&report::certificate_json(&certificate)),
        Some(certificate) => screen.document(&pem::encode(&certificate)),
        None => Ok(Outcome::Wrong),
    }
}
