//! Conditions, evaluated on a machine with variables.
//!
//! What is not known (the value of a secret, a test that tsmedia does not know) makes a condition unknown only if the
//! rest of it does not decide: Kleene's logic of three values.

use super::machine::Machine;
use super::variables::Variables;
use crate::condition::{Condition, Operator, Test};

/// Why a condition does not hold, or can't be told to, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It does not hold.
    Not(String),
    /// Nobody knows whether it does.
    Unknown(String),
}

/// Why a condition does not hold, or may not; nothing if it does.
pub fn unmet(condition: &Condition, machine: &dyn Machine, variables: &Variables) -> Option<Why> {
    let why = |part: &Condition| unmet(part, machine, variables);
    let first_unknown =
        |reasons: &[Option<Why>]| reasons.iter().flatten().find(|reason| matches!(reason, Why::Unknown(_))).cloned();
    match condition {
        Condition::All(parts) => {
            let reasons: Vec<_> = parts.iter().map(why).collect();
            let decides = reasons.iter().flatten().find(|reason| matches!(reason, Why::Not(_))).cloned();
            decides.or_else(|| first_unknown(&reasons))
        }
        Condition::Any(parts) => {
            let reasons: Vec<_> = parts.iter().map(why).collect();
            if reasons.contains(&None) {
                return None;
            }
            Some(first_unknown(&reasons).unwrap_or_else(|| {
                let words: Vec<_> = reasons.iter().flatten().map(Why::words).collect();
                Why::Not(if words.is_empty() { "none of no conditions holds".into() } else { words.join(", and ") })
            }))
        }
        Condition::None(parts) => {
            let reasons: Vec<_> = parts.iter().map(why).collect();
            match parts.iter().zip(&reasons).find(|(_, reason)| reason.is_none()) {
                Some((held, _)) => Some(Why::Not(format!("{}, which must not be", words(held, variables)))),
                None => first_unknown(&reasons),
            }
        }
        Condition::Test(test) => match holds(test, machine, variables) {
            Some(true) => None,
            Some(false) => Some(Why::Not(wrong(test, variables))),
            None => Some(Why::Unknown(unknown(test, variables))),
        },
    }
}

impl Why {
    fn words(&self) -> &str {
        match self {
            Self::Not(words) | Self::Unknown(words) => words,
        }
    }
}

/// Whether a test holds; nothing if nobody knows.
fn holds(test: &Test, machine: &dyn Machine, variables: &Variables) -> Option<bool> {
    let compares = |left: Option<&str>, operator: Operator, right: &str| {
        let is_unknown = variables.takes_hidden(right) && !operator.is_about_presence();
        (!is_unknown).then(|| operator.holds(left, &variables.expand(right)))
    };
    let of_found = |found: Option<&str>, asked: &Option<(Operator, String)>| match asked {
        Some((operator, value)) => compares(found, *operator, value),
        None => Some(true),
    };
    Some(match test {
        Test::Variable { name, operator, .. } if variables.is_hidden(name) && !operator.is_about_presence() => {
            return None;
        }
        Test::Variable { name, operator, value } => return compares(variables.get(name), *operator, value),
        Test::Registry { key, value, operator, data, .. } => {
            let found = machine.registry(&short_hive(&variables.expand(key)), &variables.expand(value));
            return compares(found.as_deref(), *operator, data);
        }
        Test::File { path, version, modified } => match machine.file(&variables.expand(path)) {
            Some(found) => {
                of_found(found.version.as_deref(), version)? && of_found(found.modified.as_deref(), modified)?
            }
            None => false,
        },
        Test::Folder { path, modified } => match machine.folder(&variables.expand(path)) {
            Some(found) => return of_found(found.modified.as_deref(), modified),
            None => false,
        },
        Test::Wmi { query, .. } => machine.has_rows(&variables.expand(query)),
        Test::Software { product_code, upgrade_code, is_any_version, .. } => {
            machine.has_product(product_code, is_any_version.then_some(upgrade_code.as_str()))
        }
        Test::OsVersion(names) => {
            machine.os().is_some_and(|os| names.iter().any(|name| name.eq_ignore_ascii_case(&os)))
        }
        Test::OsLanguage(language) => machine.os_language() == Some(*language),
        Test::Foreign { .. } => return None,
    })
}

/// A key with the short name of its hive.
pub fn short_hive(key: &str) -> String {
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

/// A test of which nobody knows whether it holds, in words.
fn unknown(test: &Test, variables: &Variables) -> String {
    match test {
        Test::Variable { name, .. } if variables.is_hidden(name) => {
            format!("`{name}` is a secret; `variables` of the fact file may give it a value")
        }
        Test::Foreign { class, .. } => format!("what `{class}` asks is not known here"),
        _ => "it compares with a secret".into(),
    }
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
                _ => format!("{found} (wanted: {} `{}`)", operator.sign(), variables.expand(value)),
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
        Test::Foreign { class, .. } => format!("`{class}` does not hold"),
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

    /// A machine of which nothing is known.
    struct Unknown;

    impl Machine for Unknown {}

    #[test]
    fn what_is_not_known_decides_only_where_the_rest_does_not() {
        let mut variables = Variables::default();
        variables.set("Set", "1");
        variables.hide("Secret");
        let test = |name: &str, operator, value: &str| {
            Condition::Test(Test::Variable { name: name.into(), operator, value: value.into() })
        };
        let yes = || test("Set", Operator::Equals, "1");
        let no = || test("Set", Operator::Equals, "2");
        let open = || test("secret", Operator::Equals, "x");
        let says = |condition: Condition| match unmet(&condition, &Unknown, &variables) {
            None => "yes",
            Some(Why::Not(_)) => "no",
            Some(Why::Unknown(_)) => "unknown",
        };
        assert_eq!(says(open()), "unknown");
        assert_eq!(says(test("Secret", Operator::Exists, "")), "yes");
        assert_eq!(says(test("Set", Operator::Equals, "%Secret%")), "unknown");
        assert_eq!(says(Condition::All(vec![open(), yes()])), "unknown");
        assert_eq!(says(Condition::All(vec![open(), no()])), "no");
        assert_eq!(says(Condition::Any(vec![open(), yes()])), "yes");
        assert_eq!(says(Condition::Any(vec![open(), no()])), "unknown");
        assert_eq!(says(Condition::None(vec![open(), yes()])), "no");
        assert_eq!(says(Condition::None(vec![open(), no()])), "unknown");
        assert_eq!(says(Condition::None(vec![Condition::Any(vec![])])), "yes");
    }
}
