//! What a fact file expects of a run, held against its trace.

use super::facts::{Ended, Expect, System};
use super::{Effect, End, Entry, Outcome, Source, Trace};
use crate::sequence::catalog::Environment;

/// Something that was expected and did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The key of `[expect]`.
    pub key: &'static str,
    /// What was expected and what came, as a fragment.
    pub message: String,
}

/// Whether a name in a fact file means a step: its own name, with as many of the groups around it as it says.
pub fn is_named(path: &[String], name: &str) -> bool {
    let own = path.last().is_some_and(|own| own == name);
    own || (path.len() > 1 && (1..path.len()).any(|from| path[from - 1..].join("/") == name))
}

impl Expect {
    /// What of it did not come.
    pub fn unmet(&self, trace: &Trace) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        let mut add = |key, message| unmet.push(Unmet { key, message });
        let ended = match &trace.end {
            End::Success => Ended::Success,
            End::Failure { .. } => Ended::Failure,
        };
        match (self.result.filter(|result| *result != ended), &trace.end) {
            (Some(_), End::Failure { step, why }) => add("result", format!("the sequence fails at `{step}`: {why}")),
            (Some(_), End::Success) => add("result", "the sequence succeeds".into()),
            (None, _) => {}
        }
        let of = |name: &str| trace.entries.iter().filter(|entry| is_named(&entry.path, name)).collect::<Vec<_>>();
        let ran = |entry: &Entry| matches!(entry.outcome, Outcome::Ran { .. });
        let mut behind = 0;
        for name in &self.runs {
            let found = of(name);
            match trace
                .entries
                .iter()
                .enumerate()
                .skip(behind)
                .find(|(_, entry)| is_named(&entry.path, name) && ran(entry))
            {
                Some((at, _)) => behind = at + 1,
                None if found.iter().any(|entry| ran(entry)) => {
                    add("runs", format!("`{name}` runs before the step that is named before it"))
                }
                None => add("runs", format!("`{name}` {}", fate(&found))),
            }
        }
        for name in &self.skips {
            let found = of(name);
            if found.iter().any(|entry| !matches!(entry.outcome, Outcome::Skipped(_))) {
                add("skips", format!("`{name}` {}", fate(&found)));
            }
        }
        for name in &self.fails {
            let found = of(name);
            if !found.iter().any(|entry| matches!(entry.outcome, Outcome::Failed { .. })) {
                add("fails", format!("`{name}` {}", fate(&found)));
            }
        }
        for (name, value) in &self.variables {
            let found = trace.variables.get(name).unwrap_or_default();
            if found != value {
                let found = if found.is_empty() { "not set".into() } else { format!("`{found}`") };
                add("variables", format!("`{name}` is {found} at the end, not `{value}`"));
            }
        }
        let effects = || trace.entries.iter().flat_map(|entry| &entry.effects);
        let n_restarts = effects().filter(|effect| matches!(effect, Effect::Restart { .. })).count();
        if self.restarts.is_some_and(|expected| expected != n_restarts) {
            add("restarts", format!("the computer restarts {n_restarts} times"));
        }
        let ends_in = match trace.environment {
            Environment::WindowsPe => System::WindowsPe,
            Environment::FullOs | Environment::Any => System::FullOs,
        };
        if self.ends_in.is_some_and(|expected| expected != ends_in) {
            add("ends-in", format!("the sequence ends in {}", super::name(trace.environment)));
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
                add("downloads", format!("{list} comes from a distribution point"));
            }
        }
        unmet
    }
}

/// What became of a step, in words.
fn fate(entries: &[&Entry]) -> String {
    match entries.last().map(|entry| &entry.outcome) {
        None => "is never reached, or there is no such step".into(),
        Some(Outcome::Ran { .. }) => "runs".into(),
        Some(Outcome::Skipped(why)) => format!("is passed over: {why}"),
        Some(Outcome::Failed { why, .. }) => format!("fails: {why}"),
    }
}
