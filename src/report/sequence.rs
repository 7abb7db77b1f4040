//! Formats task sequences as trees, pictures and flow charts, and the differences between two.

use std::fmt::Write as _;

use super::Page;
use super::folders::mark;
use super::page::columns;
use super::svg::escaped;
use crate::foreign_text;
use crate::plan::FileStatus;
use crate::sequence::catalog::Environment;
use crate::sequence::difference::{ChangeKind, Difference};
use crate::sequence::{Body, Sequence, Step};

/// Formats a task sequence as a tree.
pub fn tree(sequence: &Sequence) -> Page {
    fn below(steps: &[Step], indent: &str, page: &mut Page) {
        for (at, step) in steps.iter().enumerate() {
            let is_last = at + 1 == steps.len();
            let (branch, further) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            page.row(format!("{indent}{branch}"), format!("{}{}", step.name, remarks(step)));
            if let Some(condition) = &step.condition {
                let bar = if step.children().is_empty() { "   " } else { "│  " };
                page.row(format!("{indent}{further}{bar}if "), condition.to_string());
            }
            below(step.children(), &format!("{indent}{further}"), page);
        }
    }
    let mut page = Page::of_line(&sequence.name);
    below(&sequence.steps, "", &mut page);
    page
}

/// Returns the remarks after the name of a step: its type, where it runs, and `disabled` or `continues on error`.
fn remarks(step: &Step) -> String {
    let environment = match step.environment() {
        Some(Environment::WindowsPe) => Some("Windows PE"),
        Some(Environment::FullOs) => Some("full OS"),
        Some(Environment::Any) | None => None,
    };
    let remarks: Vec<_> = type_of(step).into_iter().chain(environment).chain(flags(step)).collect();
    if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join(", ")) }
}

/// Returns the type of a step, unless its name says so or it is a group.
pub(super) fn type_of(step: &Step) -> Option<&str> {
    let title = match &step.body {
        Body::Group(_) => return None,
        Body::Action(action) => action.kind.title,
        Body::Foreign(foreign) => &foreign.class,
    };
    Some(title).filter(|title| !title.is_empty() && *title != step.name)
}

/// Returns `disabled` and `continues on error`, as far as they apply to a step.
pub(super) fn flags(step: &Step) -> impl Iterator<Item = &str> {
    let disabled = step.is_disabled.then_some("disabled");
    disabled.into_iter().chain(step.continues_on_error.then_some("continues on error"))
}

/// Returns a task sequence as JSON: each step with its type, class, environment, condition and steps.
pub fn tree_json(sequence: &Sequence) -> serde_json::Value {
    fn one(step: &Step) -> serde_json::Value {
        let (kind, class, environment) = match &step.body {
            Body::Group(_) => ("group", None, Environment::Any),
            Body::Action(action) => (action.kind.name, None, action.kind.environment),
            Body::Foreign(foreign) => ("foreign", Some(&foreign.class), foreign.environment),
        };
        serde_json::json!({
            "name": step.name,
            "type": kind,
            "class": class,
            "runs-in": match environment {
                Environment::WindowsPe => "windows-pe",
                Environment::FullOs => "full-os",
                Environment::Any => "any",
            },
            "disabled": step.is_disabled,
            "continue-on-error": step.continues_on_error,
            "condition": step.condition.as_ref().map(ToString::to_string),
            "steps": step.children().iter().map(one).collect::<Vec<_>>(),
        })
    }
    let tree = serde_json::json!({
        "name": sequence.name,
        "description": sequence.description,
        "boot-image": sequence.boot_image,
        "steps": sequence.steps.iter().map(one).collect::<Vec<_>>(),
    });
    serde_json::json!({ "sequence": tree })
}

/// Returns a Mermaid flow chart, which code forges render: groups as boxes, steps in their order.
pub fn mermaid(sequence: &Sequence) -> String {
    fn below(steps: &[Step], depth: usize, n_nodes: &mut usize, flow: &mut Vec<usize>, lines: &mut String) {
        let indent = "  ".repeat(depth);
        for step in steps {
            *n_nodes += 1;
            let number = *n_nodes;
            let mut label = escaped_label(&step.name);
            if let Some(condition) = &step.condition {
                label += &format!("<br/><i>if {}</i>", escaped_label(&condition.to_string()));
            }
            if let Body::Group(children) = &step.body {
                let _ = writeln!(lines, "{indent}subgraph g{number}[\"{label}\"]");
                below(children, depth + 1, n_nodes, flow, lines);
                let _ = writeln!(lines, "{indent}end");
                if step.is_disabled {
                    let _ = writeln!(lines, "{indent}class g{number} disabled");
                }
                continue;
            }
            let class = match (step.is_disabled, step.environment()) {
                (true, _) => ":::disabled",
                (_, Some(Environment::WindowsPe)) => ":::pe",
                (_, Some(Environment::FullOs)) => ":::os",
                _ => "",
            };
            let _ = writeln!(lines, "{indent}n{number}[\"{label}\"]{class}");
            flow.push(number);
        }
    }
    let mut lines = "flowchart TD\n".to_owned();
    let (mut n_nodes, mut flow) = (0, Vec::new());
    below(&sequence.steps, 1, &mut n_nodes, &mut flow, &mut lines);
    for pair in flow.windows(2) {
        let _ = writeln!(lines, "  n{} --> n{}", pair[0], pair[1]);
    }
    lines += "  classDef pe stroke:#2a6fb0,stroke-width:2px\n";
    lines += "  classDef os stroke:#2e8b57,stroke-width:2px\n";
    lines += "  classDef disabled stroke-dasharray:4 4,opacity:0.6\n";
    lines
}

/// Escapes a text for a label of Mermaid, which is HTML with its own entities (`#35;`). Characters that start entities,
/// directives (`%%{`), line breaks, formulas and Markdown are replaced.
fn escaped_label(text: &str) -> String {
    let mut label = String::new();
    for c in escaped(text).chars() {
        match c {
            '#' | '%' | '\\' | '$' | '`' => label += &format!("#{};", u32::from(c)),
            c => label.push(c),
        }
    }
    label
}

/// Height of a row and indentation of a level, in pixels.
const ROW: usize = 24;
const INDENT: usize = 22;
/// Maximum width of a character, in pixels.
const CHARACTER: usize = 8;

/// Returns the width of a text in columns, with escapes.
fn shown_columns(text: &str) -> usize {
    columns(&foreign_text::line(text))
}

/// Returns a task sequence as a picture (SVG 1.1). Steps that run in Windows PE are marked `PE`, those in Windows `OS`.
pub fn svg(sequence: &Sequence) -> String {
    let steps = sequence.walk();
    let text = |step: &Step| {
        let condition = step.condition.as_ref().map(|condition| format!(" — if {condition}")).unwrap_or_default();
        (format!("{}{}", step.name, remarks(step)), condition)
    };
    let width = steps.iter().map(|(around, step)| {
        let (name, condition) = text(step);
        (around.len() + 3) * INDENT + (shown_columns(&name) + shown_columns(&condition)) * CHARACTER
    });
    let width = width.max().unwrap_or(0).max(shown_columns(&sequence.name) * 10) + 2 * INDENT;
    let height = (steps.len() + 2) * ROW;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{INDENT}\" y=\"{ROW}\" font-weight=\"bold\">{}</text>\n",
        escaped(&sequence.name)
    );
    for (row, (around, step)) in steps.iter().enumerate() {
        let (x, y) = ((around.len() + 1) * INDENT, (row + 2) * ROW);
        let beside = x + INDENT;
        let (name, condition) = text(step);
        let environment = step.environment();
        let (mark, colour) = match environment {
            Some(Environment::WindowsPe) => ("PE", "#2a6fb0"),
            Some(Environment::FullOs) => ("OS", "#2e8b57"),
            Some(Environment::Any) => ("·", "#555555"),
            None => ("▾", "#000000"),
        };
        let opacity = if step.is_disabled { " opacity=\"0.5\"" } else { "" };
        let weight = if environment.is_some() { "" } else { " font-weight=\"bold\"" };
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{y}\"{opacity}><tspan fill=\"{colour}\" font-size=\"10\">{mark}</tspan>\
             <tspan x=\"{beside}\"{weight}>{}</tspan><tspan fill=\"#777777\" font-style=\"italic\">{}</tspan></text>",
            escaped(&name),
            escaped(&condition)
        );
    }
    svg + "</svg>\n"
}

/// Kinds of changes of steps, in the order of summaries.
pub(super) const KINDS_OF_CHANGE: [&str; 5] = ["added", "removed", "changed", "renamed", "moved"];

/// Formats the differences between two task sequences, a step per line.
pub fn differences(differences: &[Difference]) -> Page {
    let mut page = Page::default();
    for difference in differences {
        page.row(format!("{:9}", kind_of_change(&difference.kind)), step_text(difference));
        value_changes(&difference.kind).iter().for_each(|change| page.line(format!("           {change}")));
    }
    page
}

/// Formats a difference in lines that are complete on their own: one for each changed value of a step.
pub(super) fn change_lines(difference: &Difference) -> Vec<String> {
    let mark = match kind_of_change(&difference.kind) {
        "added" => mark(FileStatus::Added),
        "removed" => mark(FileStatus::Removed),
        "moved" => mark(FileStatus::Moved),
        _ => mark(FileStatus::Changed),
    };
    let step = step_text(difference);
    match &value_changes(&difference.kind)[..] {
        [] => vec![format!("{mark} {step}")],
        changes => changes.iter().map(|change| format!("{mark} {step}: {change}")).collect(),
    }
}

/// Name of a kind of change, one of [`KINDS_OF_CHANGE`].
pub(super) fn kind_of_change(kind: &ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Changed(_) => "changed",
        ChangeKind::Renamed { .. } => "renamed",
        ChangeKind::Moved { .. } => "moved",
    }
}

/// Names a step, with its previous name or group.
fn step_text(Difference { path, kind }: &Difference) -> String {
    let name = if path.is_empty() { "the task sequence".to_owned() } else { path.join(" / ") };
    match kind {
        ChangeKind::Renamed { from } => format!("{name}, previously `{from}`"),
        ChangeKind::Moved { from } if path.starts_with(from) && path.len() == from.len() + 1 => {
            format!("{name}, within its group")
        }
        ChangeKind::Moved { from } if from.is_empty() => format!("{name}, previously outside groups"),
        ChangeKind::Moved { from } => format!("{name}, previously in `{}`", from.join(" / ")),
        ChangeKind::Added | ChangeKind::Removed | ChangeKind::Changed(_) => name,
    }
}

/// Formats the changed values of a step; empty if it changed in another way.
fn value_changes(kind: &ChangeKind) -> Vec<String> {
    let ChangeKind::Changed(changes) = kind else { return Vec::new() };
    let change = |(key, old, new): &(String, Option<String>, Option<String>)| {
        let what = match (old, new) {
            (Some(old), Some(new)) => format!("{old} → {new}"),
            (None, Some(new)) => format!("{new} (added)"),
            (Some(old), None) => format!("{old} (removed)"),
            (None, None) => return None,
        };
        Some(format!("{key}: {what}"))
    };
    changes.iter().filter_map(change).collect()
}

/// Returns the differences between two task sequences as JSON.
pub fn differences_json(differences: &[Difference]) -> serde_json::Value {
    let one = |Difference { path, kind }: &Difference| match kind {
        ChangeKind::Added => serde_json::json!({ "path": path, "change": "added" }),
        ChangeKind::Removed => serde_json::json!({ "path": path, "change": "removed" }),
        ChangeKind::Renamed { from } => serde_json::json!({ "path": path, "change": "renamed", "from": from }),
        ChangeKind::Moved { from } => serde_json::json!({ "path": path, "change": "moved", "from": from }),
        ChangeKind::Changed(changes) => {
            let changes =
                changes.iter().map(|(key, old, new)| serde_json::json!({ "key": key, "old": old, "new": new }));
            serde_json::json!({ "path": path, "change": "changed", "changes": changes.collect::<Vec<_>>() })
        }
    };
    let steps: Vec<_> = differences.iter().map(one).collect();
    serde_json::json!({ "same": steps.is_empty(), "steps": steps })
}

#[cfg(test)]
mod tests;
