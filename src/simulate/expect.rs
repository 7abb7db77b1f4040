//! Comparison of a trace with the expectations in a fact file.

use super::facts::{Ended, Expect, System};
use super::{Alternative, ContentSource, Effect, Outcome, SequenceEnd, Trace, TraceEntry, Uncertainty};
use crate::sequence::catalog::Environment;

/// Expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// Key in `[expect]`.
    pub key: &'static str,
    /// Step or variable; empty for the run as a whole.
    pub about: String,
    /// Actual result, as a clause.
    pub message: String,
}

/// Returns `true` if a name in a fact file refers to a step: its own name, optionally after the
/// names of the groups around it.
pub fn is_named(path: &[String], name: &str) -> bool {
    let own = path.last().is_some_and(|own| own == name);
    own || (path.len() > 1 && (1..path.len()).any(|from| path[from - 1..].join("/") == name))
}

impl Expect {
    /// Returns the expectations that were not met, or that are only met if a step with an unknown
    /// condition is skipped.
    pub fn unmet(&self, trace: &Trace) -> Vec<Unmet> {
        let mut unmet = self.unmet_in(trace);
        for alternative in &trace.alternatives {
            for one in self.unmet_in(&alternative.trace) {
                if unmet.iter().all(|known| (known.key, &known.about) != (one.key, &one.about)) {
                    let message = depends(alternative, &one.message);
                    unmet.push(Unmet { message, ..one });
                }
            }
        }
        if trace.n_unexplored > 0 {
            let message =
                format!("{} more steps may or may not run, too many to try; add facts about them", trace.n_unexplored);
            unmet.push(Unmet { key: "result", about: String::new(), message });
        }
        unmet
    }

    fn unmet_in(&self, trace: &Trace) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        let mut add = |key, about: &str, message| unmet.push(Unmet { key, about: about.to_owned(), message });
        let ended = match &trace.end {
            SequenceEnd::Success => Ended::Success,
            SequenceEnd::Failure { .. } => Ended::Failure,
        };
        match (self.result.filter(|result| *result != ended), &trace.end) {
            (Some(_), SequenceEnd::Failure { step, why }) => {
                add("result", "", format!("the task sequence fails at `{step}`: {why}"));
            }
            (Some(_), SequenceEnd::Success) => add("result", "", "the task sequence succeeds".into()),
            (None, _) => {}
        }
        let named = |name: &str| trace.entries.iter().filter(|entry| is_named(&entry.path, name)).collect::<Vec<_>>();
        let ran = |entry: &TraceEntry| matches!(entry.outcome, Outcome::Ran { .. });
        // `runs` lists steps in order: each is looked for after the one before it, so that a step that runs twice can
        // be listed twice.
        let mut after = 0;
        for name in &self.runs {
            let found = named(name);
            let mut rest = trace.entries.iter().enumerate().skip(after);
            match rest.find(|(_, entry)| is_named(&entry.path, name) && ran(entry)) {
                Some((at, _)) => after = at + 1,
                None if found.iter().any(|entry| ran(entry)) => {
                    add("runs", name, format!("`{name}` runs before the step that is listed before it"));
                }
                None => add("runs", name, format!("`{name}` {}", describe(&found))),
            }
        }
        for name in &self.skips {
            let found = named(name);
            if found.iter().any(|entry| !matches!(entry.outcome, Outcome::Skipped(_))) {
                add("skips", name, format!("`{name}` {}", describe(&found)));
            }
        }
        for name in &self.fails {
            let found = named(name);
            if !found.iter().any(|entry| matches!(entry.outcome, Outcome::Failed { .. })) {
                add("fails", name, format!("`{name}` {}", describe(&found)));
            }
        }
        for (name, value) in &self.variables {
            match (trace.variables.get(name).unwrap_or_default(), trace.variables.unknown_reason(name)) {
                // An unknown value that has the expected text so far counts, but an expected empty value does not: the
                // variable may have been set.
                (found, _) if found == value && !value.is_empty() => {}
                (_, Some(why)) => add("variables", name, format!("`{name}` is not known at the end: {why}")),
                (found, None) if found == value => {}
                ("", None) => add("variables", name, format!("`{name}` is not set at the end, not `{value}`")),
                (found, None) => add("variables", name, format!("`{name}` is `{found}` at the end, not `{value}`")),
            }
        }
        let effects = || trace.entries.iter().flat_map(|entry| &entry.effects);
        let n_restarts = effects().filter(|effect| matches!(effect, Effect::Restart { .. })).count();
        if self.restarts.is_some_and(|expected| expected != n_restarts) {
            add("restarts", "", format!("the computer restarts {n_restarts} times"));
        }
        let ends_in = match trace.environment {
            Environment::WindowsPe => System::WindowsPe,
            Environment::FullOs | Environment::Any => System::FullOs,
        };
        if self.ends_in.is_some_and(|expected| expected != ends_in) {
            add("ends-in", "", format!("the task sequence ends in {}", super::environment_name(trace.environment)));
        }
        if let Some(expected) = &self.downloads {
            let is_from_network = |effect: &Effect| match effect {
                Effect::Content { id, from: ContentSource::Network } => Some(id.clone()),
                _ => None,
            };
            let mut found: Vec<_> = effects().filter_map(is_from_network).collect();
            let mut expected = expected.clone();
            found.sort();
            found.dedup();
            expected.sort();
            if found != expected {
                let list = if found.is_empty() { "nothing".to_owned() } else { format!("`{}`", found.join("`, `")) };
                add("downloads", "", format!("{list} comes from a distribution point"));
            }
        }
        // An open question makes an expectation about it unmet, even if the trace happens to agree with it. One message
        // for each key is enough.
        for (entry, effect) in trace.entries.iter().flat_map(|entry| entry.effects.iter().map(move |it| (entry, it))) {
            let (key, why) = match effect {
                Effect::Open { why, of: Uncertainty::End } if self.result.is_some() => ("result", why),
                Effect::Open { why, of: Uncertainty::Content } if self.downloads.is_some() => ("downloads", why),
                _ => continue,
            };
            if unmet.iter().all(|known| known.key != key) {
                let message = format!("`{}`: {why}", entry.name());
                unmet.push(Unmet { key, about: String::new(), message });
            }
        }
        unmet
    }
}

/// Formats the message of an expectation that depends on a step with an unknown condition.
fn depends(alternative: &Alternative, message: &str) -> String {
    let on = alternative.path.last().map_or("", String::as_str);
    format!("if `{on}` runs, {message}; {}", alternative.why)
}

/// Describes the outcome of a step.
fn describe(entries: &[&TraceEntry]) -> String {
    match entries.last().map(|entry| &entry.outcome) {
        None => "is never reached".into(),
        Some(Outcome::Ran { .. }) => "runs".into(),
        Some(Outcome::Skipped(why)) => format!("is skipped: {why}"),
        Some(Outcome::Unknown(why)) => format!("may or may not run: {why}"),
        Some(Outcome::Failed { why, .. }) => format!("fails: {why}"),
    }
}
