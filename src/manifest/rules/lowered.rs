//! Rules that a manifest lowers (`media.rules`), and how often each of them spoke.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::problem::{Lowering, Problem, Severity};
use crate::rule::Rule;
use authoring::doc::Doc;
use authoring::suggestions::nearest;

/// The rules that a manifest lowers: to a severity, or off.
pub type Lowered = BTreeMap<Rule, Option<Severity>>;

/// The rules that a manifest lowers; what is wrong with that goes to `problems`.
pub fn of(doc: Doc<'_>, problems: &mut Vec<Problem>) -> Lowered {
    let mut lowered = Lowered::new();
    for (name, to) in doc.get("/media/rules").and_then(Json::as_object).into_iter().flatten() {
        let place = doc.place(&format!("/media/rules/{name}"));
        let to = match to.as_str() {
            Some("warning") => Some(Severity::Warning),
            Some("note") => Some(Severity::Note),
            Some("off") => None,
            // Complained of by the schema.
            _ => continue,
        };
        let Some(rule) = Rule::parse(name) else {
            let help = match nearest(name, Rule::all().into_iter().map(Rule::slug)) {
                Some(near) => format!("did you mean `{near}`? `tsmedia check --explain {near}` says what it is"),
                None => "`tsmedia check --explain` lists all rules".into(),
            };
            problems.push(Problem::error(format!("there is no rule `{name}`")).at(place, "").help(help));
            continue;
        };
        if !rule.is_lowerable() {
            let message = format!("`{name}` can't be lowered: {}", rule.title());
            let help = "leave it out; only rules of what a sequence does can be lowered";
            problems.push(Problem::error(message).at(place, "").help(help));
        } else if to.is_some_and(|to| to <= rule.severity()) {
            let problem = Problem::warning(format!("`{name}` is a {} by itself", rule.severity())).at(place, "");
            problems.push(problem.help("write `\"off\"`, or leave it out"));
        } else if lowered.insert(rule, to).is_some() {
            let problem = Problem::error(format!("`{name}` is the rule `{rule}`, which is lowered already"));
            problems.push(problem.at(place, "").help("leave one of them out"));
        }
    }
    lowered
}

/// A problem as the manifest wants it: whether it is said, and how loud.
pub fn lower(mut problem: Problem, lowered: &Lowered) -> (Problem, bool) {
    match problem.rule.and_then(|rule| lowered.get(&rule)) {
        Some(Some(to)) => {
            problem.severity = problem.severity.max(*to);
            (problem, true)
        }
        Some(None) => (problem, false),
        None => (problem, true),
    }
}

/// How often each rule spoke, or would have.
pub fn counted(lowered: &Lowered, all: &[Problem]) -> Vec<Lowering> {
    let count = |rule: Rule| all.iter().filter(|problem| problem.rule == Some(rule)).count();
    lowered.iter().map(|(rule, to)| Lowering { rule: *rule, to: *to, n_problems: count(*rule) }).collect()
}
