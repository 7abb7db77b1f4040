//! Conditions, held against facts and variables.

use std::cmp::Ordering;

use super::facts::{Facts, Found};
use super::variables::Variables;
use crate::sequence::condition::{Condition, Operator, Test};

/// Why a condition does not hold; nothing if it does.
pub fn unmet(condition: &Condition, facts: &Facts, variables: &Variables) -> Option<String> {
    match condition {
        Condition::All(parts) => parts.iter().find_map(|part| unmet(part, facts, variables)),
        Condition::Any(parts) => {
            let reasons: Option<Vec<_>> = parts.iter().map(|part| unmet(part, facts, variables)).collect();
            reasons.map(|reasons| match &reasons[..] {
                [] => "none of no conditions holds".into(),
                reasons => reasons.join(", and "),
            })
        }
        Condition::None(parts) => {
            let held = parts.iter().find(|part| unmet(part, facts, variables).is_none())?;
            Some(format!("{}, which must not be", words(held, variables)))
        }
        Condition::Test(test) => (!holds(test, facts, variables)).then(|| wrong(test, variables)),
    }
}

fn holds(test: &Test, facts: &Facts, variables: &Variables) -> bool {
    match test {
        Test::Variable { name, operator, value } => compares(variables.get(name), *operator, &variables.expand(value)),
        Test::Registry { key, value, operator, data, .. } => {
            let same = |left: &str, right: &str| hive(left).eq_ignore_ascii_case(&hive(right));
            let found = facts.registry.iter().find(|found| {
                same(&found.key, &variables.expand(key)) && found.value.eq_ignore_ascii_case(&variables.expand(value))
            });
            compares(found.map(|found| found.data.as_str()), *operator, &variables.expand(data))
        }
        Test::File { path, version, modified } => find(&facts.file, &variables.expand(path)).is_some_and(|found| {
            of_found(found.version.as_deref(), version, variables)
                && of_found(found.modified.as_deref(), modified, variables)
        }),
        Test::Folder { path, modified } => find(&facts.folder, &variables.expand(path))
            .is_some_and(|found| of_found(found.modified.as_deref(), modified, variables)),
        Test::Wmi { query, .. } => {
            let query = variables.expand(query);
            facts.wmi.iter().any(|(known, has_rows)| *has_rows && known.trim().eq_ignore_ascii_case(query.trim()))
        }
        Test::Software { product_code, upgrade_code, is_any_version, .. } => facts.software.iter().any(|product| {
            let same = |left: &str, right: &str| !left.is_empty() && left.eq_ignore_ascii_case(right);
            match is_any_version {
                true => same(&product.upgrade_code, upgrade_code) || same(&product.product_code, product_code),
                false => same(&product.product_code, product_code),
            }
        }),
        Test::OsVersion(names) => {
            facts.os.as_deref().is_some_and(|os| names.iter().any(|name| name.eq_ignore_ascii_case(os)))
        }
        Test::OsLanguage(language) => facts.os_language == Some(*language),
        // Nobody knows what it asks, so nobody can say that it holds.
        Test::Foreign { .. } => false,
    }
}

/// A key with the short name of its hive.
fn hive(key: &str) -> String {
    let long = [
        ("HKEY_LOCAL_MACHINE", "HKLM"),
        ("HKEY_CURRENT_USER", "HKCU"),
        ("HKEY_USERS", "HKU"),
        ("HKEY_CURRENT_CONFIG", "HKCC"),
    ];
    let (first, rest) = key.split_once('\\').unwrap_or((key, ""));
    let short = long.iter().find(|(name, _)| name.eq_ignore_ascii_case(first)).map_or(first, |(_, short)| short);
    format!("{short}\\{}", rest.trim_end_matches('\\'))
}

fn find<'a>(found: &'a [Found], path: &str) -> Option<&'a Found> {
    let plain = |path: &str| path.trim_end_matches('\\').to_lowercase();
    found.iter().find(|found| plain(&found.path) == plain(path))
}

fn of_found(found: Option<&str>, asked: &Option<(Operator, String)>, variables: &Variables) -> bool {
    asked.as_ref().is_none_or(|(operator, value)| compares(found, *operator, &variables.expand(value)))
}

/// Whether a value compares with another one. One that is not there is as an empty one, but for `exists`.
pub fn compares(left: Option<&str>, operator: Operator, right: &str) -> bool {
    let text = left.unwrap_or_default();
    let order = || order(text, right);
    match operator {
        Operator::Exists => left.is_some(),
        Operator::NotExists => left.is_none(),
        Operator::Equals => order() == Ordering::Equal,
        Operator::NotEquals => order() != Ordering::Equal,
        Operator::Greater => order() == Ordering::Greater,
        Operator::GreaterEqual => order() != Ordering::Less,
        Operator::Less => order() == Ordering::Less,
        Operator::LessEqual => order() != Ordering::Greater,
        Operator::Like => is_like(text, right),
        Operator::NotLike => !is_like(text, right),
    }
}

/// Numbers and versions go by their numbers, all else by letters without regard to case.
fn order(left: &str, right: &str) -> Ordering {
    let numbers = |text: &str| text.split('.').map(|part| part.trim().parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    match (numbers(left), numbers(right)) {
        (Some(mut left), Some(mut right)) => {
            let len = left.len().max(right.len());
            left.resize(len, 0);
            right.resize(len, 0);
            left.cmp(&right)
        }
        _ => left.to_lowercase().cmp(&right.to_lowercase()),
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters and `?` for one.
pub fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) =
        (text.to_lowercase().chars().collect(), pattern.to_lowercase().chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    // Where the last star stands, and from where it may take one more character.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some('*') => {
                star = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(c) if *c == '?' || *c == text[at] => {
                at += 1;
                in_pattern += 1;
            }
            _ => match star {
                Some((place, from)) => {
                    star = Some((place, from + 1));
                    in_pattern = place + 1;
                    at = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|c| *c == '*')
}

/// A test that does not hold, in words.
fn wrong(test: &Test, variables: &Variables) -> String {
    match test {
        Test::Variable { name, operator, value } => {
            let found = match variables.get(name) {
                Some(found) => format!("`{name}` is `{found}`"),
                None => format!("`{name}` is not set"),
            };
            match operator {
                Operator::Exists | Operator::NotExists => found,
                _ => format!("{found} ({} `{}`)", operator.name(), variables.expand(value)),
            }
        }
        Test::Registry { key, value, .. } => format!("the registry value `{key}\\{value}` is not as asked"),
        Test::File { path, .. } => format!("the file `{path}` is not there, or not as asked"),
        Test::Folder { path, .. } => format!("the folder `{path}` is not there, or not as asked"),
        Test::Wmi { query, .. } => format!("`{query}` has no result"),
        Test::Software { product_code, name, .. } => {
            let name = if name.is_empty() { product_code } else { name };
            format!("`{name}` is not installed")
        }
        Test::OsVersion(_) => "the running system is none of those asked for".into(),
        Test::OsLanguage(language) => format!("the running system's language is not {language}"),
        Test::Foreign { class, .. } => format!("what `{class}` asks is not known here"),
    }
}

/// A condition that holds, in words.
fn words(condition: &Condition, variables: &Variables) -> String {
    match condition {
        Condition::Test(Test::Variable { name, .. }) => match variables.get(name) {
            Some(value) => format!("`{name}` is `{value}`"),
            None => format!("`{name}` is not set"),
        },
        Condition::Test(Test::File { path, .. } | Test::Folder { path, .. }) => format!("`{path}` is there"),
        Condition::Test(Test::Registry { key, value, .. }) => format!("`{key}\\{value}` is as asked"),
        Condition::Test(Test::Wmi { query, .. }) => format!("`{query}` has a result"),
        _ => "a condition holds".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_as_numbers_versions_and_text() {
        let says = |left, operator, right| compares(Some(left), operator, right);
        assert!(says("TRUE", Operator::Equals, "true"));
        assert!(says("10", Operator::Greater, "9"));
        assert!(says("10.0.22621", Operator::GreaterEqual, "10.0.9200.1"));
        assert!(says("b", Operator::Greater, "a"));
        assert!(compares(None, Operator::NotEquals, "FullMedia"));
        assert!(!compares(None, Operator::Exists, ""));
        assert!(says("Latitude 7420", Operator::Like, "lat*74?0"));
        assert!(!says("Latitude 7420", Operator::Like, "lat*75?0"));
        assert!(says("x", Operator::NotLike, "*y*"));
        assert!(is_like("", "**") && !is_like("", "?") && is_like("aaab", "*a*b"));
    }
}
