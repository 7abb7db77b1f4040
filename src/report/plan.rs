//! A plan as text and as JSON.
//!
//! The text starts with one line that sums up; what is done follows with why, entry by entry. Outputs to which the
//! same is done for the same reasons stand together, and how the discs of a set are filled comes after the reasons.
//! The JSON has all of it, as data.

use serde_json::{Value, json};

use super::screen::{Block, Point, fit};
use super::{Page, disc, reason};
use crate::output::Prompt;
use crate::plan::{Action, Plan, PlannedChange};
use crate::size::Size;

/// The plan as text for people, in no more lines than `n_lines`; all of it if that is nothing.
pub fn text(plan: &Plan, n_lines: Option<usize>) -> Page {
    let mut blocks: Vec<(&PlannedChange, Block)> = Vec::new();
    for change in &plan.changes {
        let is_alike = |first: &PlannedChange| {
            first.action == change.action
                && first.reasons == change.reasons
                && first.in_the_way == change.in_the_way
                && first.prompt == change.prompt
                && (first.action == Action::Keep || first.taken == change.taken)
        };
        match blocks.iter_mut().find(|(first, _)| is_alike(first)) {
            Some((_, block)) => {
                block.heads.push(head(change));
                block.points.extend(change.disc.as_ref().map(|disc| disc::point(disc, change.len)));
            }
            None => {
                let mut points: Vec<_> = change.reasons.iter().map(|reason| reason::point(reason, change)).collect();
                // Of what is kept it is no news.
                let prompt = change.prompt.filter(|_| change.action != Action::Keep);
                points.extend(prompt.map(|prompt| Point { line: starts(prompt), ..Point::default() }));
                points.extend(change.disc.as_ref().map(|disc| disc::point(disc, change.len)));
                points.extend(taken(change));
                blocks.push((change, Block { heads: vec![head(change)], points }));
            }
        }
    }
    // What is kept is the least news.
    blocks.sort_by_key(|(first, _)| first.action == Action::Keep);
    let blocks: Vec<_> = blocks.into_iter().map(|(_, block)| block).collect();
    let mut page = Page::of_line(summary(plan));
    page.append(fit(&blocks, n_lines.map(|n_lines| n_lines.saturating_sub(1))));
    page
}

fn head(change: &PlannedChange) -> String {
    let (action, name, len) = (change.action.as_str(), &change.name, Size(change.len));
    if let Some(n_capture) = change.n_capture {
        return format!("{action:8} {name} ({} to capture)", Size(n_capture));
    }
    match change.action {
        Action::Keep | Action::Delete => format!("{action:8} {name} ({len})"),
        Action::Patch => {
            format!("{action:8} {name} ({len}, {} to write, {} kept)", Size(change.n_write), Size(change.n_keep))
        }
        Action::Create | Action::Rebuild => format!("{action:8} {name} ({len}, {} to write)", Size(change.n_write)),
    }
}

/// Content that a medium takes from libraries, unless the medium is kept.
fn taken(change: &PlannedChange) -> Option<Point> {
    if change.taken.is_empty() || change.action == Action::Keep {
        return None;
    }
    let details = change.taken.iter().map(|taken| format!("{}: {}", taken.title, taken.needed_by)).collect();
    Some(Point { line: "takes from the library".into(), details, ..Point::default() })
}

/// Under which firmware starting asks for a key.
fn starts(prompt: Prompt) -> String {
    let under = match (prompt.bios, prompt.uefi) {
        (false, false) => return "starts without asking for a key".into(),
        (true, false) => "BIOS",
        (false, true) => "UEFI",
        (true, true) => "BIOS and UEFI",
    };
    format!("asks for a key at start under {under}")
}

/// The plan as data.
pub fn json(plan: &Plan) -> Value {
    let changes: Vec<_> = plan
        .changes
        .iter()
        .map(|change| {
            let mut value = json!({
                "output": change.name,
                "action": change.action.as_str(),
                "len": change.len,
                "to-write": change.n_write,
                "kept": change.n_keep,
                "in-the-way": change.in_the_way,
                "reasons": change.reasons.iter().map(reason::json).collect::<Vec<_>>(),
            });
            if let Some(prompt) = change.prompt {
                value["prompt"] = json!({ "bios": prompt.bios, "uefi": prompt.uefi });
            }
            if let Some(n_capture) = change.n_capture {
                value["to-capture"] = n_capture.into();
                // Nobody knows before.
                (value["len"], value["to-write"]) = (Value::Null, Value::Null);
            }
            if !change.taken.is_empty() {
                let taken =
                    change.taken.iter().map(|taken| json!({ "entry": taken.title, "needed-by": taken.needed_by }));
                value["taken-from-library"] = taken.collect();
            }
            if let Some(disc) = &change.disc {
                value["disc"] = disc::json(disc, change.len);
            }
            value
        })
        .collect();
    let count = |action| plan.count(action);
    let mut whole = json!({
        "summary": {
            "keep": count(Action::Keep),
            "create": count(Action::Create),
            "patch": count(Action::Patch),
            "rebuild": count(Action::Rebuild),
            "delete": count(Action::Delete),
            "to-write": plan.n_write(),
        },
        "outputs": changes,
    });
    if let Some(n_capture) = plan.n_capture() {
        whole["summary"]["to-capture"] = n_capture.into();
    }
    whole
}

/// One line: how many outputs are treated how.
pub fn summary(plan: &Plan) -> String {
    if plan.is_up_to_date() {
        return match plan.changes.len() {
            0 => "nothing to do: there are no outputs".into(),
            1 => "nothing to do: the output is as it should be".into(),
            n => format!("nothing to do: all {n} outputs are as they should be"),
        };
    }
    let parts: Vec<_> = [Action::Create, Action::Patch, Action::Rebuild, Action::Delete, Action::Keep]
        .into_iter()
        .filter(|action| plan.count(*action) > 0)
        .map(|action| format!("{} to {}", plan.count(action), action.as_str()))
        .collect();
    let n_write = Size(plan.n_write());
    let rest = match plan.n_capture().map(Size) {
        None => format!("{n_write} to write"),
        Some(n_capture) if n_write.0 == 0 => format!("{n_capture} to capture"),
        Some(n_capture) => format!("{n_capture} to capture, {n_write} to write"),
    };
    format!("{}; {rest}", parts.join(", "))
}

/// The first reason for a change, in a few words.
pub fn gist(change: &PlannedChange) -> Option<String> {
    let first = reason::point(change.reasons.first()?, change).line;
    let n_more = change.reasons.len() - 1;
    Some(if n_more > 0 { format!("{first}, and {n_more} more") } else { first })
}

#[cfg(test)]
mod tests;
