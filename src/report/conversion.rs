//! Formats the report of converting a task sequence of the Microsoft Deployment Toolkit.

use super::{Page, counted};
use crate::sequence::mdt::{Conversion, ConversionStatus, StepReport};

/// Fates of steps, in the order of the summary, with their labels.
const FATES: [(ConversionStatus, &str); 5] = [
    (ConversionStatus::Converted, "converted"),
    (ConversionStatus::Moved, "moved after the image"),
    (ConversionStatus::Unfinished, "converted, and disabled until completed"),
    (ConversionStatus::Dropped, "left out"),
    (ConversionStatus::Kept, "kept unchanged, and disabled"),
];
/// Width of the first column.
const COLUMN: usize = 12;

/// Formats each step on a line, and the work left to do for it on another.
pub fn conversion(conversion: &Conversion) -> Page {
    let mut page = Page::default();
    let count = |fate: ConversionStatus| conversion.steps.iter().filter(|step| step.fate == fate).count();
    let counts: Vec<_> = FATES
        .iter()
        .filter(|(fate, _)| count(*fate) > 0)
        .map(|(fate, words)| format!("{} {words}", count(*fate)))
        .collect();
    let n_steps = counted(conversion.steps.len(), "step");
    page.line(format!("converted from the Microsoft Deployment Toolkit, {n_steps}: {}", counts.join(", ")));
    for step in &conversion.steps {
        page.row(format!("  {:<COLUMN$}", step.fate.word()), description(step));
        if !step.todo.is_empty() {
            page.row(format!("  {:<COLUMN$}", "  to do"), &step.todo);
        }
    }
    if !conversion.unset.is_empty() {
        let names: Vec<_> = conversion.unset.iter().map(|name| format!("`{name}`")).collect();
        page.row(format!("  {:<COLUMN$}", "variables"), format!("read, but not set by any step: {}", names.join(", ")));
        page.row(format!("  {:<COLUMN$}", "  to do"), "set them under `[variables]` of the manifest");
    }
    page
}

/// Returns the path of a step, its old type and its new ones.
fn description(step: &StepReport) -> String {
    let path: Vec<_> = step.path.iter().chain([&step.name]).map(String::as_str).collect();
    let mut text = format!("`{}` ({})", path.join(" / "), step.origin);
    if !step.became.is_empty() && step.fate != ConversionStatus::Kept {
        text += &format!(" → {}", step.became.join(", "));
    }
    if step.is_disabled {
        text += ", disabled before";
    }
    if !step.why.is_empty() {
        text += &format!(": {}", step.why);
    }
    text
}

/// Returns the report as JSON.
pub fn conversion_json(conversion: &Conversion) -> serde_json::Value {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let one = |step: &StepReport| {
        serde_json::json!({
            "path": step.path,
            "name": step.name,
            "uses": step.origin,
            "disabled": step.is_disabled,
            "fate": step.fate.word(),
            "types": step.became,
            "why": some(&step.why),
            "to-do": some(&step.todo),
        })
    };
    serde_json::json!({
        "steps": conversion.steps.iter().map(one).collect::<Vec<_>>(),
        "unset-variables": conversion.unset,
    })
}
