//! In what a saved plan holds no more: output by output, as text and as JSON.

use serde_json::{Value, json};

use super::screen::{Block, Point, fit};
use super::{Page, reason};
use crate::plan::ExistingFile;
use crate::plan::saved::StaleTarget;
use crate::size::Size;

/// What has moved, in no more lines than `n_lines`; all of it if that is nothing.
pub fn moved(moved: &[StaleTarget], n_lines: Option<usize>) -> Page {
    let mut blocks: Vec<(&StaleTarget, Block)> = Vec::new();
    for moved in moved {
        let is_alike = |first: &StaleTarget| {
            let what = |of: &StaleTarget| (of.planned, of.now, of.existing, of.is_recorded_anew);
            what(first) == what(moved) && first.inputs == moved.inputs
        };
        match blocks.iter_mut().find(|(first, _)| is_alike(first)) {
            Some((_, block)) => block.heads.push(head(moved)),
            None => blocks.push((moved, Block { heads: vec![head(moved)], points: points(moved) })),
        }
    }
    let blocks: Vec<_> = blocks.into_iter().map(|(_, block)| block).collect();
    fit(&blocks, n_lines)
}

fn head(moved: &StaleTarget) -> String {
    let name = &moved.name;
    match (moved.planned, moved.now) {
        (Some(planned), Some(now)) if planned == now => format!("{name}: to {} as planned, but", now.as_str()),
        (Some(planned), Some(now)) => format!("{name}: planned to {}, now to {}", planned.as_str(), now.as_str()),
        (Some(planned), None) => format!("{name}: planned to {}, and there is nothing to do now", planned.as_str()),
        (None, Some(now)) => format!("{name}: to {} now, and not planned", now.as_str()),
        (None, None) => name.clone(),
    }
}

fn points(moved: &StaleTarget) -> Vec<Point> {
    let line = |line: String| Point { line, ..Point::default() };
    let existing = moved.existing.map(|(old, new)| match (old, new) {
        (ExistingFile::Medium { .. }, ExistingFile::Medium { .. }) => {
            line("there is another medium than there was".into())
        }
        _ => line(format!("there was {}, and there is {} now", noun(old), noun(new))),
    });
    let recorded = moved.is_recorded_anew.then(|| line("the record is not what it was".into()));
    let inputs = moved.inputs.iter().map(reason::difference);
    existing.into_iter().chain(recorded).chain(inputs).collect()
}

fn noun(existing: ExistingFile) -> String {
    match existing {
        ExistingFile::Missing => "no file".into(),
        ExistingFile::Medium { len, .. } => format!("a medium ({})", Size(len)),
        ExistingFile::Touched { len } => format!("a medium that somebody wrote to ({})", Size(len)),
        ExistingFile::Foreign { len } => format!("a file that tsmedia did not make ({})", Size(len)),
    }
}

/// What has moved, as data.
pub fn moved_json(moved: &[StaleTarget]) -> Value {
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
    json!({ "moved": moved.collect::<Vec<_>>() })
}
