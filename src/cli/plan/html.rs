//! Writes a plan as a page, with each medium that changes as it will be.

use camino::Utf8Path;

use super::super::inspect::details::read_details;
use super::super::report_file::ReportFile;
use super::super::screen::Screen;
use crate::error::Result;
use crate::format::revocations::Revocations;
use crate::output::ParsedMedium;
use crate::plan::Plan;
use crate::project::Project;
use crate::report::html::{MediumReport, MediumSection, PlanPage};
use crate::verify::programs::read_programs;
use disc_layout::layout_reader::LayoutReader;

/// Writes the page. Media are laid out in memory and read one after the other.
pub(super) fn write(path: &Utf8Path, plan: &Plan, projects: &[Project], screen: &Screen) -> Result<()> {
    let mut page = PlanPage::new(plan);
    for project in projects {
        for (target, output) in project.media() {
            page.add_expiries(&target.facts);
            let Some(change) = plan.changes.iter().find(|change| change.name == target.name) else { continue };
            if !page.takes(change) {
                continue;
            }
            let layout = screen.with_progress(&format!("laying out {}", target.name), |progress| {
                project.planned_layout(output, progress)
            })?;
            let mut image = LayoutReader::new(&layout);
            let parsed = ParsedMedium::read(&mut image)?;
            let medium = MediumReport {
                name: &target.name,
                parsed: &parsed,
                details: &read_details(&parsed, &mut image),
                programs: &read_programs(&mut image, &parsed),
                revocations: &Revocations::default(),
            };
            page.add(&MediumSection { change, medium, entries: &output.entries, facts: &target.facts });
        }
    }
    ReportFile::Html.write(path, &page.finish().to_html())?;
    screen.status(&format!("wrote `{path}`"));
    Ok(())
}
