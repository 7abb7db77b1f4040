//! What a fact file expects of a run, held against its trace.

use super::facts::{Ended, Expect, System};
use super::{Alternative, Doubt, Effect, End, Entry, Outcome, Source, Trace};
use crate::sequence::catalog::Environment;

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The key of `[expect]`.
    pub key: &'static str,
    /// The step or variable that it is about; empty for the run as a whole.
    pub about: String,
    /// What came instead, as a clause.
    pub message: String,
}

/// Whether a name in a fact file means a step: its own name, with as many of the groups around it as it says.
pub fn is_named(path: &[String], name: &str) -> bool {
    let own = path.last().is_some_and(|own| own == name);
    own || (path.len() > 1 && (1..path.len()).any(|from| path[from - 1..].join("/") == name))
}

impl Expect {
    /// Expectations that were not met, or were met only because a step was left out that is not known to run.
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
            let message = format!(
                "{} more steps are not known to run, and are too many to try; add facts about them",
                trace.n_unexplored
            );
            unmet.push(Unmet { key: "result", about: String::new(), message });
        }
        unmet
    }

    fn unmet_in(&self, trace: &Trace) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        let mut add = |key, about: &str, message| unmet.push(Unmet { key, about: about.to_owned(), message });
        let ended = match &trace.end {
            End::Success => Ended::Success,
            End::Failure { .. } => Ended::Failure,
        };
        match (self.result.filter(|result| *result != ended), &trace.end) {
            (Some(_), End::Failure { step, why }) => {
                add("result", "", format!("the sequence fails at `{step}`: {why}"));
            }
            (Some(_), End::Success) => add("result", "", "the sequence succeeds".into()),
            (None, _) => {}
        }
        let named = |name: &str| trace.entries.iter().filter(|entry| is_named(&entry.path, name)).collect::<Vec<_>>();
        let ran = |entry: &Entry| matches!(entry.outcome, Outcome::Ran { .. });
        let mut after = 0;
        for name in &self.runs {
            let found = named(name);
            let mut rest = trace.entries.iter().enumerate().skip(after);
            match rest.find(|(_, entry)| is_named(&entry.path, name) && ran(entry)) {
                Some((at, _)) => after = at + 1,
                None if found.iter().any(|entry| ran(entry)) => {
                    add("runs", name, format!("`{name}` runs before the step that is named before it"));
                }
                None => add("runs", name, format!("`{name}` {}", fate(&found))),
            }
        }
        for name in &self.skips {
            let found = named(name);
            if found.iter().any(|entry| !matches!(entry.outcome, Outcome::Skipped(_))) {
                add("skips", name, format!("`{name}` {}", fate(&found)));
            }
        }
        for name in &self.fails {
            let found = named(name);
            if !found.iter().any(|entry| matches!(entry.outcome, Outcome::Failed { .. })) {
                add("fails", name, format!("`{name}` {}", fate(&found)));
            }
        }
        for (name, value) in &self.variables {
            match (trace.variables.get(name).unwrap_or_default(), trace.variables.unknown(name)) {
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
            add("ends-in", "", format!("the sequence ends in {}", super::name(trace.environment)));
        }
        if let Some(expected) = &self.downloads {
            let is_from_network = |effect: &Effect| match effect {
                Effect::Content { id, from: Source::Network } => Some(id.clone()),
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
        for (entry, effect) in trace.entries.iter().flat_map(|entry| entry.effects.iter().map(move |it| (entry, it))) {
            let (key, why) = match effect {
                Effect::Open { why, of: Doubt::End } if self.result.is_some() => ("result", why),
                Effect::Open { why, of: Doubt::Content } if self.downloads.is_some() => ("downloads", why),
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

/// Message about an expectation that depends on a step that is not known to run.
fn depends(alternative: &Alternative, message: &str) -> String {
    let on = alternative.path.last().map_or("", String::as_str);
    format!("if `{on}` runs, {message}; {}", alternative.why)
}

/// Outcome of a step, in words.
fn fate(entries: &[&Entry]) -> String {
    match entries.last().map(|entry| &entry.outcome) {
        None => "is never reached".into(),
        Some(Outcome::Ran { .. }) => "runs".into(),
        Some(Outcome::Skipped(why)) => format!("is passed over: {why}"),
        Some(Outcome::Unknown(why)) => format!("is not known to run: {why}"),
        Some(Outcome::Failed { why, .. }) => format!("fails: {why}"),
    }
}
