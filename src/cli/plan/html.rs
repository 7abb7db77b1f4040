//! Writes a plan as a page, with each medium that changes as it will be.

use camino::Utf8Path;

use super::super::inspect::details::read_details;
use super::super::report_file::ReportFile;
use super::super::screen::Screen;
use crate::error::Result;
use crate::format::revocations::Revocations;
use crate::gather::{self, FinishedMedium};
use crate::map::{Map, Marks};
use crate::plan::{Action, Plan, PlannedChange};
use crate::project::Project;
use crate::report::html::{MediumReport, MediumSection, PlanPage};
use crate::report::map::ComparedMap;
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
            let mut planned = FinishedMedium::read(&target.path, LayoutReader::new(&layout))?;
            let before = compare(change, &target.path, &mut planned, screen)?;
            let mut image = LayoutReader::new(&layout);
            let parsed = &planned.parsed;
            let medium = MediumReport {
                name: &target.name,
                parsed,
                details: &read_details(parsed, &mut image),
                programs: &read_programs(&mut image, parsed),
                revocations: &Revocations::default(),
            };
            let name = format!("{} as it is", change.renamed_from.as_ref().unwrap_or(&target.path));
            let before = before.as_ref().map(|(map, marks)| ComparedMap { name: &name, map, marks });
            page.add(&MediumSection { change, medium, before, entries: &output.entries, facts: &target.facts });
        }
    }
    ReportFile::Html.write(path, &page.finish().to_html())?;
    screen.status(&format!("wrote `{path}`"));
    Ok(())
}

/// Compares the layout of a planned medium with that of the finished one. `None` if there is none that tsmedia made.
fn compare(
    change: &PlannedChange,
    path: &Utf8Path,
    planned: &mut FinishedMedium<LayoutReader<'_>>,
    screen: &Screen,
) -> Result<Option<(Map, Marks)>> {
    if !matches!(change.action, Action::Patch | Action::Rebuild) {
        return Ok(None);
    }
    let path = change.renamed_from.as_deref().unwrap_or(path);
    let finished = gather::open(path).ok().filter(|finished| finished.medium.is_some());
    let Some(mut finished) = finished else { return Ok(None) };
    let maps = [Map::new(&finished.parsed), Map::new(&planned.parsed)];
    let marks = screen.with_progress(&format!("comparing {path} with the plan"), |progress| {
        gather::marks(&mut finished, planned, [&maps[0], &maps[1]], progress)
    })?;
    let [map, _] = maps;
    Ok(Some((map, marks)))
}
