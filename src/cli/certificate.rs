//! `tsmedia certificate`: prints the client certificate of a medium, to register it at the site.

use super::screen::Screen;
use super::{ManifestArguments, Outcome, project};
use crate::error::Result;
use crate::format::certificate::pem;
use crate::problem::Problems;
use crate::project as projects;
use crate::report;

pub(super) fn run(arguments: &ManifestArguments, screen: &Screen) -> Result<Outcome> {
    let environment = project::environment(None, screen.reporter())?;
    let mut problems = Problems::default();
    let certificate = projects::certificate(&arguments.into(), &environment, project::secrets(), &mut problems)?;
    problems.drop_notes();
    screen.report_problems(&problems);
    match certificate.filter(|_| !problems.has_errors()) {
        Some(certificate) if screen.json => screen.print_json(&report::certificate_json(&certificate)),
        Some(certificate) => screen.print_document(&pem::encode(&certificate)),
        None => Ok(Outcome::ProblemsFound),
    }
}
