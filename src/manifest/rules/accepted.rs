//! Rules whose problems a manifest accepts (`media.accept`).

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::lowered::LoweredRules;
use crate::problem::{Place, Problem};
use crate::rule::Rule;
use authoring::doc::Doc;

/// Accepted rules.
pub type AcceptedRules = BTreeMap<Rule, AcceptedRule>;

/// A rule that the manifest accepts.
#[derive(Debug, Clone)]
pub struct AcceptedRule {
    /// Place of its name in the manifest.
    pub place: Place,
    /// The manifest itself breaks the rule. Files that it names may break it too.
    pub is_raised: bool,
}

/// Parses `media.accept`; mistakes are added to `problems`. Accepted rules are turned off in
/// `lowered`.
pub fn parse_accepted(doc: Doc<'_>, lowered: &mut LoweredRules, problems: &mut Vec<Problem>) -> AcceptedRules {
    let mut accepted = AcceptedRules::new();
    let names = doc.get("/media/accept").and_then(Json::as_array).into_iter().flatten().enumerate();
    for (at, name) in names.filter_map(|(at, name)| Some((at, name.as_str()?))) {
        let place = doc.place(&format!("/media/accept/{at}"));
        let Some(rule) = Rule::parse(name) else {
            problems.push(super::unknown_rule(name, place, |rule| rule.is_acceptable()));
            continue;
        };
        if !rule.is_acceptable() {
            let message = format!("`{name}` can't be accepted, since it is an error: {}", rule.title());
            problems.push(Problem::error(message).at(place, "").help(match rule.is_lowerable() {
                true => format!("lower it instead: `rules = {{ {rule} = \"warning\" }}`"),
                false => "remove it; only warnings and notes can be accepted".into(),
            }));
            continue;
        }
        let twice = |with: Place, words: &str| {
            let problem = Problem::error(format!("the rule `{rule}` is listed twice"));
            problem.at(place.clone(), "again").at(with, words).help("remove one of them")
        };
        if let Some(first) = accepted.get(&rule) {
            problems.push(twice(first.place.clone(), "first"));
        } else if lowered.contains_key(&rule) {
            problems.push(twice(doc.place("/media/rules"), "first"));
        } else {
            accepted.insert(rule, AcceptedRule { place: place.clone(), is_raised: false });
        }
    }
    lowered.extend(accepted.keys().map(|rule| (*rule, None)));
    accepted
}

/// Notes the rules that problems of the manifest break.
pub fn mark_raised(accepted: &mut AcceptedRules, hidden: &[Problem]) {
    for problem in hidden {
        if let Some(accepted) = problem.rule.and_then(|rule| accepted.get_mut(&rule)) {
            accepted.is_raised = true;
        }
    }
}

/// Returns a note for an accepted rule that nothing breaks.
pub fn unraised(rule: Rule, place: &Place) -> Problem {
    let problem = Problem::note(format!("nothing breaks the accepted rule `{rule}`"));
    problem.at(place.clone(), "").help("remove it, so that new problems are reported")
}
