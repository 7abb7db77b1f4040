//! Formats what `destroy` is about to do.

use super::{Page, counted};
use crate::plan::{Plan, PlannedChange, Reason};
use crate::size::Size;

/// Lists the media to delete, and those of which only the record is removed, with the reason.
pub fn destroy_preview(plan: &Plan) -> Page {
    let (deleted, forgotten): (Vec<_>, Vec<_>) =
        plan.changes.iter().partition(|change| change.reasons.contains(&Reason::Unclaimed));
    let freed = Size(deleted.iter().map(|change| change.len).sum());
    let mut page = Page::of_line(format!("{} to delete; {freed} to be freed", counted(deleted.len(), "finished file")));
    page.gap();
    for change in deleted {
        page.line(format!("delete   {} ({})", change.path(), Size(change.len)));
    }
    for change in forgotten {
        page.line(format!("forget   {}: {}", change.path(), why_kept(change)));
    }
    page.gap();
    page
}

fn why_kept(change: &PlannedChange) -> &'static str {
    match change.reasons.first() {
        Some(Reason::Gone) => "the file no longer exists",
        Some(Reason::NotMadeHere) => "not built with this cache; the file is kept",
        Some(Reason::Outside) => "outside the manifest's folder or behind a link; the file is kept",
        _ => "the file is not the one that was built; it is kept",
    }
}
