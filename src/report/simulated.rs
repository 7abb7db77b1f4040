//! Formats simulated runs of a task sequence.

use serde_json::{Value as Json, json};

use super::{Page, counted};
use crate::sequence::catalog::Environment;
use crate::simulate::{
    AfterFailure, ContentSource, Effect, Outcome, SequenceEnd, Trace, TraceEntry, Unmet, environment_name,
};

/// Width of the column with the environment.
const SYSTEM: usize = 4;
/// Maximum width of a table if the width of the terminal is unknown; a wider one has numbers instead of names.
const MAX_WIDTH: usize = 80;

/// Maximum number of uncertain steps listed with the result they lead to.
const MAX_ALTERNATIVES: usize = 8;

/// Formats a run step by step.
pub fn trace(title: &str, trace: &Trace) -> Page {
    let mut page = Page::of_line(title);
    for entry in &trace.entries {
        let indent = "  ".repeat(entry.path.len().saturating_sub(1));
        let (word, detail) = fate(entry);
        let system = system(entry.environment);
        page.row(format!("  {system:<SYSTEM$}{word:<6}{indent}"), format!("{}{detail}", entry.name()));
        let margin = " ".repeat(2 + SYSTEM + 6) + &indent + "  ";
        entry.effects.iter().for_each(|effect| page.line(format!("{margin}{}", effect_text(effect))));
        if let Outcome::Failed { then, .. } = &entry.outcome {
            page.line(format!("{margin}{}", then_text(then)));
        }
    }
    page.line(end(trace));
    let n_unknown = trace.alternatives.len() + trace.n_unexplored;
    if n_unknown > 0 {
        let them = if n_unknown == 1 { "it" } else { "them" };
        let steps = counted(n_unknown, "step");
        page.line(format!("{steps} may or may not run (?); the simulation continues without {them}"));
    }
    // Steps that may or may not run matter only if the run would end in another way with them.
    let own = end(trace);
    let others = trace.alternatives.iter().map(|alternative| (alternative, end(&alternative.trace)));
    let others: Vec<_> = others.filter(|(_, other)| *other != own).collect();
    for (alternative, other) in others.iter().take(MAX_ALTERNATIVES) {
        page.row("  ", format!("if `{}` runs, {other}", alternative.path.join(" / ")));
    }
    if let n_more @ 1.. = others.len().saturating_sub(MAX_ALTERNATIVES) {
        page.line(format!("  {} would also change the result", counted(n_more, "other step")));
    }
    if trace.n_unexplored > 0 {
        page.line(format!("  {} of them were not tried: there are too many", trace.n_unexplored));
    }
    page
}

/// Formats a table of runs: a row for each step, a column for each run. Uses `width` columns if possible.
pub fn matrix(names: &[String], traces: &[&Trace], width: Option<usize>) -> Page {
    let width = width.unwrap_or(MAX_WIDTH);
    // Up to 60 % of the width is for the names of steps.
    let max_name = width * 3 / 5;
    let mut paths: Vec<(&Vec<String>, bool)> = Vec::new();
    for trace in traces.iter() {
        // Steps that only a later run reaches are inserted after their predecessor in that run.
        let mut at = 0;
        for entry in &trace.entries {
            match paths.iter().position(|(path, _)| **path == entry.path) {
                Some(known) => at = known + 1,
                None => {
                    paths.insert(at, (&entry.path, entry.is_group));
                    at += 1;
                }
            }
        }
    }
    let step = |path: &[String]| {
        let name = "  ".repeat(path.len().saturating_sub(1)) + path.last().map_or("", String::as_str);
        match name.chars().count() > max_name {
            true => name.chars().take(max_name - 1).chain(['…']).collect(),
            false => name,
        }
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (path, _) in &paths {
        let mut row = vec![step(path)];
        row.extend(traces.iter().map(|trace| {
            // A step that ran several times, such as after a retry, counts by its last run.
            let last = trace.entries.iter().rev().find(|entry| entry.path == **path);
            last.map_or("-", |entry| fate(entry).0).to_owned()
        }));
        rows.push(row);
    }
    let mut ends = vec!["result".to_owned()];
    ends.extend(traces.iter().map(|trace| {
        let is_success = |trace: &Trace| trace.end == SequenceEnd::Success;
        match is_success(trace) {
            own if trace.alternatives.iter().any(|other| is_success(&other.trace) != own) => "?".to_owned(),
            true => "success".to_owned(),
            false => "failure".to_owned(),
        }
    }));
    rows.push(ends);
    let header = |names: Vec<String>| [vec![String::new()], names].concat();
    let named = table(&header(names.to_vec()), &rows);
    if named.iter().all(|line| line.chars().count() <= width) {
        let mut page = Page::default();
        named.iter().for_each(|line| page.line(line));
        return page;
    }
    // The names are too wide for columns: number the runs and list the names above the table.
    let numbers = || (1..=names.len()).map(|number| number.to_string());
    let mut page = Page::default();
    numbers().zip(names).for_each(|(number, name)| page.row(format!("{number:>3}  "), name));
    page.gap();
    table(&header(numbers().collect()), &rows).iter().for_each(|line| page.line(line));
    page
}

/// Formats a header and rows in columns.
fn table(header: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let all = || std::iter::once(header).chain(rows.iter().map(Vec::as_slice));
    let widths: Vec<usize> =
        (0..header.len()).map(|column| all().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ")
    };
    all().map(line).collect()
}

/// Formats the expectations that a run did not meet.
pub fn unmet(name: &str, unmet: &[Unmet]) -> Page {
    let mut page = Page::default();
    unmet.iter().for_each(|one| page.row("unmet  ", format!("{name}: `{}`: {}", one.key, one.message)));
    page
}

/// Returns a run as JSON.
pub fn trace_json(name: &str, trace: &Trace, unmet: &[Unmet]) -> Json {
    let entries = trace.entries.iter().map(|entry| {
        let (outcome, why, exit_code) = match &entry.outcome {
            Outcome::Ran { exit_code } => ("ran", None, *exit_code),
            Outcome::Skipped(why) => ("skipped", Some(why), None),
            Outcome::Unknown(why) => ("unknown", Some(why), None),
            Outcome::Failed { why, .. } => ("failed", Some(why), None),
        };
        let then = match &entry.outcome {
            Outcome::Failed { then, .. } => Some(then_text(then)),
            _ => None,
        };
        json!({
            "path": entry.path,
            "group": entry.is_group,
            "in": name_of(entry.environment),
            "outcome": outcome,
            "why": why,
            "exit-code": exit_code,
            "then": then,
            "effects": entry.effects.iter().map(effect_json).collect::<Vec<_>>(),
        })
    });
    let (result, step, why) = ending_json(&trace.end);
    let map = |(name, value): (&str, &str)| (name.to_owned(), json!(value));
    let variables: serde_json::Map<_, _> = trace.variables.iter().map(map).collect();
    let unknown: serde_json::Map<_, _> = trace.variables.iter_unknown().map(map).collect();
    let alternatives = trace.alternatives.iter().map(|alternative| {
        let (result, step, why) = ending_json(&alternative.trace.end);
        json!({
            "path": alternative.path,
            "not-known": alternative.why,
            "result": result,
            "failed-at": step,
            "why": why,
            "ends-in": name_of(alternative.trace.environment),
        })
    });
    json!({
        "name": name,
        "steps": entries.collect::<Vec<_>>(),
        "result": result,
        "failed-at": step,
        "why": why,
        "ends-in": name_of(trace.environment),
        "variables": variables,
        "unknown-variables": unknown,
        "alternatives": alternatives.collect::<Vec<_>>(),
        "unmet": unmet.iter().map(|one| json!({ "key": one.key, "message": one.message })).collect::<Vec<_>>(),
    })
}

fn ending_json(end: &SequenceEnd) -> (&'static str, Option<&String>, Option<&String>) {
    match end {
        SequenceEnd::Success => ("success", None, None),
        SequenceEnd::Failure { step, why } => ("failure", Some(step), Some(why)),
    }
}

fn effect_json(effect: &Effect) -> Json {
    match effect {
        Effect::Set { name, value } => json!({ "sets": name, "value": value }),
        Effect::Forget { name, why } => json!({ "unknown": name, "why": why }),
        Effect::Open { why, .. } => json!({ "unknown": null, "why": why }),
        Effect::Depends { on } => json!({ "depends-on": on }),
        Effect::Restart { into, why } => json!({ "restarts-into": name_of(*into), "why": why }),
        Effect::Content { id, from: ContentSource::Medium } => json!({ "needs": id, "from": "medium" }),
        Effect::Content { id, from: ContentSource::Network } => json!({ "needs": id, "from": "network" }),
        Effect::Retry { why } => json!({ "retries": true, "why": why }),
    }
}

/// Returns the name of an environment in fact files.
fn name_of(environment: Environment) -> &'static str {
    match environment {
        Environment::WindowsPe => "windows-pe",
        Environment::FullOs | Environment::Any => "full-os",
    }
}

/// Returns the abbreviation of an environment.
fn system(environment: Environment) -> &'static str {
    match environment {
        Environment::WindowsPe => "PE",
        Environment::FullOs | Environment::Any => "OS",
    }
}

/// Returns the outcome of a step in a word, and the text after its name.
fn fate(entry: &TraceEntry) -> (&'static str, String) {
    match &entry.outcome {
        Outcome::Ran { .. } if entry.is_group => ("group", String::new()),
        Outcome::Ran { exit_code: Some(code) } => ("run", format!(" (exit code {code})")),
        Outcome::Ran { exit_code: None } => ("run", String::new()),
        Outcome::Skipped(why) => ("skip", format!(": {why}")),
        Outcome::Unknown(why) => ("?", format!(": {why}")),
        Outcome::Failed { why, .. } => ("fail", format!(": {why}")),
    }
}

fn effect_text(effect: &Effect) -> String {
    match effect {
        Effect::Set { name, value: Some(value) } => format!("sets {name} = {value}"),
        Effect::Set { name, value: None } => format!("deletes {name}"),
        Effect::Forget { name, why } => format!("leaves {name} unknown: {why}"),
        Effect::Open { why, .. } => why.clone(),
        Effect::Depends { on } => format!("depends on `{on}`, which may or may not run"),
        Effect::Restart { into, why } => format!("restarts into {}: {why}", environment_name(*into)),
        Effect::Content { id, from: ContentSource::Medium } => format!("uses {id} from the medium"),
        Effect::Content { id, from: ContentSource::Network } => format!("downloads {id}"),
        Effect::Retry { why } => format!("is retried: {why}"),
    }
}

fn then_text(then: &AfterFailure) -> String {
    match then {
        AfterFailure::Next => "continues with the next step (continue on error)".into(),
        AfterFailure::AfterGroup(group) => format!("continues after `{group}` (continue on error)"),
        AfterFailure::End => "ends the task sequence".into(),
    }
}

fn end(trace: &Trace) -> String {
    let effects = trace.entries.iter().flat_map(|entry| &entry.effects);
    let n_restarts = effects.filter(|effect| matches!(effect, Effect::Restart { .. })).count();
    let restarts = counted(n_restarts, "restart");
    match &trace.end {
        SequenceEnd::Success => {
            format!("the task sequence succeeds in {}, after {restarts}", environment_name(trace.environment))
        }
        SequenceEnd::Failure { step, why } => format!("the task sequence fails at `{step}`, after {restarts}: {why}"),
    }
}

#[cfg(test)]
mod tests;
