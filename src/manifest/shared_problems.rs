//! Merges equal problems of several sites, so that a mistake in a shared text is reported once.

use crate::problem::{Origin, Place, Problem, Severity};
use crate::rule::Rule;

use super::suggest;

/// Identity of a mistake that occurs at several sites: everything but the values, which differ.
#[derive(PartialEq, Eq)]
struct ProblemKey {
    severity: Severity,
    rule: Option<Rule>,
    places: Vec<Place>,
    words: String,
}

impl ProblemKey {
    fn new(problem: &Problem) -> Self {
        // Values are in backticks, or are numbers.
        let words: Vec<_> = problem.message.split('`').step_by(2).collect();
        let words = words.concat().replace(|c: char| c.is_ascii_digit(), "");
        let places = problem.labels.iter().map(|(place, _)| place.clone()).collect();
        Self { severity: problem.severity, rule: problem.rule, places, words }
    }
}

/// Merges problems of texts that sites share, such as a task sequence: one mistake is found once
/// per site, with the names used there.
pub fn merge_shared_problems(found: Vec<Problem>, is_shared: impl Fn(&Problem) -> bool) -> Vec<Problem> {
    let mut kept: Vec<(Problem, ProblemKey, usize)> = Vec::new();
    for problem in found {
        let key = ProblemKey::new(&problem);
        match kept.iter_mut().find(|(_, other, _)| *other == key).filter(|_| is_shared(&problem)) {
            Some((first, _, n_more)) => {
                *n_more += 1;
                first.merge_origins(problem.origins);
            }
            None => kept.push((problem, key, 0)),
        }
    }
    let with_count = |(mut problem, _, n_more): (Problem, ProblemKey, usize)| {
        if n_more > 0 {
            let sites = if n_more == 1 { "site" } else { "sites" };
            problem.message += &format!(" (and {n_more} more {sites})");
        }
        problem
    };
    kept.into_iter().map(with_count).collect()
}

/// A problem found at several sites.
struct ProblemGroup {
    /// The problem as first found.
    problem: Problem,
    key: ProblemKey,
    codes: Vec<String>,
    /// All sites have the problem with the same message.
    is_literal: bool,
}

/// Merges equal problems of several sites, and appends the site codes unless all sites are
/// affected.
pub(super) fn merge_site_problems(found: Vec<(Problem, String)>, n_sites: usize) -> Vec<Problem> {
    let mut grouped: Vec<ProblemGroup> = Vec::new();
    for (problem, code) in found {
        let key = ProblemKey::new(&problem);
        // Two similar problems of one site are separate mistakes, unless they are equal.
        let same =
            |group: &&mut ProblemGroup| group.key == key && (group.problem == problem || !group.codes.contains(&code));
        match grouped.iter_mut().find(same) {
            Some(group) => {
                group.is_literal &= group.problem == problem;
                if !group.codes.contains(&code) {
                    group.codes.push(code);
                }
            }
            None => grouped.push(ProblemGroup { problem, key, codes: vec![code], is_literal: true }),
        }
    }
    grouped
        .into_iter()
        .map(|ProblemGroup { mut problem, codes, is_literal, .. }| {
            let quoted: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
            let names_site = quoted.iter().any(|code| problem.message.contains(code.as_str()));
            // Messages with different values are shown only for the first site.
            let suffix = match (is_literal, codes.len()) {
                (false, n_codes) if n_codes > 1 => format!(" (site {} and {} more)", quoted[0], n_codes - 1),
                (_, n_codes) if n_codes == n_sites || names_site => String::new(),
                (_, 1) => format!(" (site {})", quoted[0]),
                _ => format!(" (sites {})", suggest::join(&quoted, "and")),
            };
            problem.message.push_str(&suffix);
            let site = |code: String| Some(code).filter(|code| !code.is_empty());
            problem.origins = codes.into_iter().map(|code| Origin { site: site(code), ..Origin::default() }).collect();
            problem
        })
        .collect()
}
