//! Formats the changes that made a saved plan out of date, output by output.

use serde_json::{Value, json};

use super::condense::{ReportItem, ReportSection, condense};
use super::{Page, reason};
use crate::plan::ExistingFile;
use crate::plan::saved::StaleTarget;
use crate::size::Size;

/// Formats the changes since a plan was saved, in at most `n_lines` lines if given.
pub fn stale_plan(moved: &[StaleTarget], n_lines: Option<usize>) -> Page {
    let mut sections: Vec<(&StaleTarget, ReportSection)> = Vec::new();
    for moved in moved {
        let is_alike = |first: &StaleTarget| {
            let what = |of: &StaleTarget| (of.planned, of.now, of.existing, of.is_recorded_anew);
            what(first) == what(moved) && first.inputs == moved.inputs
        };
        match sections.iter_mut().find(|(first, _)| is_alike(first)) {
            Some((_, section)) => section.headings.push(head(moved)),
            None => sections.push((moved, ReportSection { headings: vec![head(moved)], items: items(moved) })),
        }
    }
    let sections: Vec<_> = sections.into_iter().map(|(_, section)| section).collect();
    condense(&sections, n_lines)
}

fn head(moved: &StaleTarget) -> String {
    let name = &moved.name;
    match (moved.planned, moved.now) {
        (Some(planned), Some(now)) if planned == now => format!("{name}: to {} as planned, but", now.as_str()),
        (Some(planned), Some(now)) => format!("{name}: planned to {}, now to {}", planned.as_str(), now.as_str()),
        (Some(planned), None) => format!("{name}: planned to {}, now up to date", planned.as_str()),
        (None, Some(now)) => format!("{name}: not planned, now to {}", now.as_str()),
        (None, None) => name.clone(),
    }
}

fn items(moved: &StaleTarget) -> Vec<ReportItem> {
    let line = |line: String| ReportItem { line, ..ReportItem::default() };
    let existing = moved.existing.map(|(old, new)| match (old, new) {
        (ExistingFile::Medium { .. }, ExistingFile::Medium { .. }) => {
            line("the existing file is another medium".into())
        }
        _ => line(format!("existing file: {} → {}", noun(old), noun(new))),
    });
    let recorded = moved.is_recorded_anew.then(|| line("the record changed".into()));
    let inputs = moved.inputs.iter().map(reason::difference);
    existing.into_iter().chain(recorded).chain(inputs).collect()
}

fn noun(existing: ExistingFile) -> String {
    match existing {
        ExistingFile::Missing => "none".into(),
        ExistingFile::Medium { len, .. } => format!("medium ({})", Size(len)),
        ExistingFile::Touched { len } => format!("medium modified by another program ({})", Size(len)),
        ExistingFile::Foreign { len } => format!("file not made by tsmedia ({})", Size(len)),
    }
}

/// Adds the changes since a plan was saved to the JSON of a plan.
pub fn with_stale(mut plan: Value, moved: &[StaleTarget]) -> Value {
    let moved = moved.iter().map(|moved| {
        json!({
            "output": moved.name,
            "planned": moved.planned.map(|action| action.as_str()),
            "now": moved.now.map(|action| action.as_str()),
            "existing": moved.existing.map(|(old, new)| json!({ "old": old, "new": new })),
            "recorded-anew": moved.is_recorded_anew,
            "reasons": moved.inputs.iter().map(reason::json).collect::<Vec<_>>(),
        })
    });
    plan["stale"] = moved.collect();
    plan
}
