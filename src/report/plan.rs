//! Formats a plan as text and JSON.
//!
//! The text starts with a summary, followed by each action with its reasons. Outputs with the same action and reasons are
//! grouped, and the contents of discs follow the reasons. The JSON has everything.

use camino::Utf8PathBuf;
use serde_json::{Value, json};

use super::condense::{ReportItem, ReportSection, condense};
use super::{Page, disc, reason};
use crate::output::Prompt;
use crate::plan::{Action, Plan, PlannedChange};
use crate::size::Size;
use crate::target::WIM;

/// Formats a plan, in at most `n_lines` lines if given.
pub fn text(plan: &Plan, n_lines: Option<usize>) -> Page {
    let mut sections: Vec<(&PlannedChange, ReportSection)> = Vec::new();
    for change in &plan.changes {
        let is_alike = |first: &PlannedChange| {
            first.action == change.action
                && (first.action == Action::Rename || first.renamed_from == change.renamed_from)
                && first.reasons == change.reasons
                && first.in_the_way == change.in_the_way
                && first.prompt == change.prompt
                && has_same_contents(first, change, n_lines.is_some())
        };
        match sections.iter_mut().find(|(first, _)| is_alike(first)) {
            Some((first, section)) => {
                section.headings.push(action_line(change, change.path().as_str()));
                if contents(first) != contents(change) {
                    section.items.iter_mut().for_each(mark_different_contents);
                }
                section.items.extend(change.disc.as_ref().map(|disc| disc::item(disc, change.len)));
            }
            None => {
                sections.push((
                    change,
                    ReportSection { headings: vec![action_line(change, change.path().as_str())], items: items(change) },
                ));
            }
        }
    }
    // Changes first.
    sections.sort_by_key(|(first, _)| first.action == Action::Keep);
    let sections: Vec<_> = sections.into_iter().map(|(_, section)| section).collect();
    let mut page = Page::of_line(summary(plan));
    page.append(condense(&sections, n_lines.map(|n_lines| n_lines.saturating_sub(1))));
    page
}

/// Returns `true` if two changes can share the lines for their contents. In short reports, all new media of a group share
/// those of the first: media of several sites mostly differ in a few bytes.
fn has_same_contents(first: &PlannedChange, change: &PlannedChange, is_short: bool) -> bool {
    match (&first.contents, &change.contents) {
        (Some(_), Some(_)) => is_short || contents(first) == contents(change),
        (None, None) => matches!(first.action, Action::Keep | Action::Rename) || first.taken == change.taken,
        _ => false,
    }
}

/// Says that the contents are those of the first of several media.
fn mark_different_contents(item: &mut ReportItem) {
    if let Some(rest) = item.line.strip_prefix(disc::CONTENTS) {
        item.line = format!("contents of the first; others differ: {rest}");
    }
}

/// Formats the reasons for a change and its other details, a line each, without its name.
pub(super) fn details(change: &PlannedChange) -> String {
    let page = condense(&[ReportSection { headings: Vec::new(), items: items(change) }], None);
    page.trimmed().to_string().lines().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned() + "\n").collect()
}

fn items(change: &PlannedChange) -> Vec<ReportItem> {
    let mut items: Vec<_> = change.reasons.iter().map(|reason| reason::item(reason, change)).collect();
    let renamed = change.renamed_from.as_ref().filter(|_| change.action != Action::Rename);
    let renamed = renamed.map(|from| format!("renamed first, from `{from}`"));
    items.extend(renamed.map(|line| ReportItem { line, ..ReportItem::default() }));
    // Not for media whose bytes stay.
    let prompt = change.prompt.filter(|_| !matches!(change.action, Action::Keep | Action::Rename));
    items.extend(prompt.map(|prompt| ReportItem { line: prompt_text(prompt), ..ReportItem::default() }));
    items.extend(change.disc.as_ref().map(|disc| disc::item(disc, change.len)));
    items.extend(contents(change));
    items.extend(library_content(change));
    items
}

/// Formats the action on an output and its cost. `name` is the name to show.
pub(super) fn action_line(change: &PlannedChange, name: &str) -> String {
    let (action, len) = (change.action.as_str(), Size(change.len));
    if let Some(n_capture) = change.n_capture {
        return format!("{action:8} {name} ({} to capture)", Size(n_capture));
    }
    match change.action {
        Action::Rename => {
            format!("{action:8} {} → {name} ({len})", change.renamed_from.as_deref().unwrap_or("".into()))
        }
        // A capture of the base of a comparison was never made.
        Action::Keep | Action::Delete if change.kind == WIM && change.len == 0 => format!("{action:8} {name}"),
        Action::Keep | Action::Delete => format!("{action:8} {name} ({len})"),
        Action::Patch => {
            format!("{action:8} {name} ({len}, {} to write, {} kept)", Size(change.n_write), Size(change.n_keep))
        }
        Action::Create | Action::Rebuild => format!("{action:8} {name} ({len}, {} to write)", Size(change.n_write)),
    }
}

/// Returns what a new medium will contain. Media that differ only in a few bytes have the same lines.
fn contents(change: &PlannedChange) -> Option<ReportItem> {
    change.contents.as_ref().map(|contents| disc::contents_item(contents, &change.taken))
}

/// Returns the content that a medium takes from libraries, unless the medium is kept.
fn library_content(change: &PlannedChange) -> Option<ReportItem> {
    if change.taken.is_empty() || matches!(change.action, Action::Keep | Action::Rename) || change.contents.is_some() {
        return None;
    }
    let details = change.taken.iter().map(|taken| format!("{}: {}", taken.title, taken.needed_by)).collect();
    Some(ReportItem { line: "content from the library".into(), details, ..ReportItem::default() })
}

/// Names the firmware under which the medium prompts for a key.
fn prompt_text(prompt: Prompt) -> String {
    let under = match (prompt.bios, prompt.uefi) {
        (false, false) => return "boots without a key prompt".into(),
        (true, false) => "BIOS",
        (false, true) => "UEFI",
        (true, true) => "BIOS and UEFI",
    };
    format!("prompts for a key at boot under {under}")
}

/// Returns a plan as JSON. `failed` are manifests that it leaves out because they have errors.
pub fn json(plan: &Plan, failed: &[Utf8PathBuf]) -> Value {
    let changes: Vec<_> = plan.changes.iter().map(change_json).collect();
    let count = |action| plan.count(action);
    let mut whole = json!({
        "summary": {
            "keep": count(Action::Keep),
            "create": count(Action::Create),
            "patch": count(Action::Patch),
            "rename": count(Action::Rename),
            "rebuild": count(Action::Rebuild),
            "delete": count(Action::Delete),
            "to-write": plan.n_write(),
        },
        "outputs": changes,
        "failed": failed,
    });
    if let Some(n_capture) = plan.n_capture() {
        whole["summary"]["to-capture"] = n_capture.into();
    }
    whole
}

/// Returns the planned change of an output as JSON.
fn change_json(change: &PlannedChange) -> Value {
    let mut value = json!({
        "manifest": change.manifest,
        "site": change.site,
        "kind": change.kind,
        "output": change.name,
        "path": change.path(),
        "action": change.action.as_str(),
        "len": change.len,
        "to-write": change.n_write,
        "kept": change.n_keep,
        "in-the-way": change.in_the_way,
        "reasons": change.reasons.iter().map(reason::json).collect::<Vec<_>>(),
    });
    if let Some(from) = &change.renamed_from {
        value["renamed-from"] = from.as_str().into();
    }
    if let Some(prompt) = change.prompt {
        value["prompt"] = json!({ "bios": prompt.bios, "uefi": prompt.uefi });
    }
    if let Some(n_capture) = change.n_capture {
        value["to-capture"] = n_capture.into();
        // Unknown before the capture.
        (value["len"], value["to-write"]) = (Value::Null, Value::Null);
    }
    if !change.taken.is_empty() {
        let taken = change.taken.iter().map(|taken| json!({ "entry": taken.title, "needed-by": taken.needed_by }));
        value["taken-from-library"] = taken.collect();
    }
    if let Some(contents) = &change.contents {
        value["contents"] = disc::contents_json(contents);
    }
    if let Some(disc) = &change.disc {
        value["disc"] = disc::json(disc, change.len);
    }
    value
}

/// Returns a summary in one line: the number of outputs for each action.
pub fn summary(plan: &Plan) -> String {
    if plan.is_up_to_date() {
        return match plan.changes.len() {
            0 => "nothing to do: there are no outputs".into(),
            1 => "nothing to do: the output is up to date".into(),
            n => format!("nothing to do: all {n} outputs are up to date"),
        };
    }
    let parts: Vec<_> = [Action::Create, Action::Rename, Action::Patch, Action::Rebuild, Action::Delete, Action::Keep]
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

/// Returns a summary of an applied plan in one line: the number of outputs for each action, and the bytes written.
pub fn applied_summary(plan: &Plan) -> String {
    if plan.is_up_to_date() {
        return summary(plan);
    }
    let actions = [
        (Action::Create, "created"),
        (Action::Rename, "renamed"),
        (Action::Patch, "patched"),
        (Action::Rebuild, "rebuilt"),
        (Action::Delete, "deleted"),
        (Action::Keep, "kept"),
    ];
    let counts = actions.iter().map(|(action, done)| (plan.count(*action), done)).filter(|(n, _)| *n > 0);
    let parts: Vec<_> = counts.map(|(n, done)| format!("{n} {done}")).collect();
    format!("{}; {} written", parts.join(", "), Size(plan.n_write()))
}

/// Returns the first reason for a change, and the number of others.
pub fn first_reason(change: &PlannedChange) -> Option<String> {
    let first = reason::item(change.reasons.first()?, change).line;
    let n_more = change.reasons.len() - 1;
    Some(if n_more > 0 { format!("{first}, and {n_more} more") } else { first })
}

#[cfg(test)]
mod tests;
