//! Conditions, evaluated on a machine with variables.
//!
//! An unknown part (the value of a secret, a test that tsmedia does not know, a missing fact) makes a condition unknown
//! only if the other parts do not decide it: Kleene's logic of three values.

use super::machine::{FileState, Found, Machine};
use super::variables::Variables;
use super::wmi;
use crate::condition::{Condition, Operator, Test};
use crate::truth::Truth;

/// Reason why a condition does not hold, or may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It does not hold.
    Not(String),
    /// It is not known to hold.
    Unknown(String),
}

/// Machine and variables that conditions are evaluated on.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The machine.
    pub machine: &'a dyn Machine,
    /// The variables.
    pub variables: &'a Variables,
    /// The system that ran at the start still runs.
    pub is_first_system: bool,
}

/// Returns why a condition does not hold, or may not; `None` if it holds.
pub fn unmet(condition: &Condition, scene: Scene<'_>) -> Option<Why> {
    let why = |part: &Condition| unmet(part, scene);
    let first_unknown =
        |reasons: &[Option<Why>]| reasons.iter().flatten().find(|reason| matches!(reason, Why::Unknown(_))).cloned();
    match condition {
        Condition::All(parts) => {
            let reasons: Vec<_> = parts.iter().map(why).collect();
            let decides = reasons.iter().flatten().find(|reason| matches!(reason, Why::Not(_))).cloned();
            decides.or_else(|| first_unknown(&reasons))
        }
        // The editor leaves such behind, and the documentation does not say what the engine makes of them.
        Condition::Any(parts) if parts.is_empty() => {
            Some(Why::Unknown("the outcome of an empty `any` is not documented".into()))
        }
        Condition::Any(parts) => {
            let reasons: Vec<_> = parts.iter().map(why).collect();
            if reasons.contains(&None) {
                return None;
            }
            Some(first_unknown(&reasons).unwrap_or_else(|| {
                let words: Vec<_> = reasons.iter().flatten().map(Why::words).collect();
                Why::Not(words.join(", and "))
            }))
        }
        Condition::None(parts) => {
            let reasons: Vec<_> = parts.iter().map(why).collect();
            match parts.iter().zip(&reasons).find(|(_, reason)| reason.is_none()) {
                Some((held, _)) => Some(Why::Not(format!("{}, which must not be", words(held, scene.variables)))),
                None => first_unknown(&reasons),
            }
        }
        Condition::Test(test) => match holds(test, scene) {
            Truth::True => None,
            Truth::False => Some(Why::Not(wrong(test, scene.variables))),
            Truth::Unknown(why) => Some(Why::Unknown(why)),
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

/// Returns true if a test holds.
fn holds(test: &Test, scene: Scene<'_>) -> Truth {
    let Scene { machine, variables, is_first_system } = scene;
    // A text that names an unknown variable ends the test.
    macro_rules! expand {
        ($text:expr) => {{
            let expanded = variables.expand($text);
            match expanded.unknown {
                Some(_) if expanded.is_secret => return Truth::Unknown("it compares with a secret".into()),
                Some(why) => return Truth::Unknown(why),
                None => expanded.text,
            }
        }};
    }
    match test {
        Test::Variable { name, operator, .. } if operator.is_about_presence() => variables.compare(name, *operator, ""),
        Test::Variable { name, operator, value } => {
            let value = expand!(value);
            variables.compare(name, *operator, &value)
        }
        Test::Registry { key, value, operator, data, .. } => {
            let (key, value, data) = (short_hive(&expand!(key)), expand!(value), expand!(data));
            match machine.registry(&key, &value) {
                Found::Yes(found) => operator.holds(Some(&found), &data).into(),
                Found::No => operator.holds(None, &data).into(),
                Found::Unknown => Truth::Unknown(format!(
                    "the registry value `{key}\\{value}` is not known; add `[[registry]]` with its `data` or with \
                     `exists = false`"
                )),
            }
        }
        Test::File { path, version, modified } => {
            let path = expand!(path);
            match machine.file(&path) {
                Found::Yes(found) => {
                    has_state(&path, &found, &[("version", version), ("modified", modified)], variables)
                }
                Found::No => Truth::False,
                Found::Unknown => not_looked_for("file", &path),
            }
        }
        Test::Folder { path, modified } => {
            let path = expand!(path);
            match machine.folder(&path) {
                Found::Yes(found) => has_state(&path, &found, &[("modified", modified)], variables),
                Found::No => Truth::False,
                Found::Unknown => not_looked_for("folder", &path),
            }
        }
        Test::Wmi { namespace, query } => {
            let query = expand!(query);
            let namespace = if namespace.is_empty() { wmi::USUAL_NAMESPACE } else { namespace };
            match machine.query(namespace, &query) {
                Some(has_result) => has_result.into(),
                None => {
                    let rows = |namespace: &str, class: &str| machine.rows(namespace, class);
                    let computer = machine.computer();
                    wmi::answer(namespace, &query, &wmi::Known { computer: &computer, rows: &rows, is_first_system })
                }
            }
        }
        Test::Software { product_code, upgrade_code, is_any_version, name, .. } => {
            match machine.has_product(product_code, is_any_version.then_some(upgrade_code.as_str())) {
                Some(is_installed) => is_installed.into(),
                None => {
                    let name = if name.is_empty() { product_code } else { name };
                    Truth::Unknown(format!(
                        "`{name}` is not known to be installed or not; add `[[software]]` with its code, and \
                         `installed = false` if it is not"
                    ))
                }
            }
        }
        Test::OsVersion(names) => match machine.os() {
            Some(os) => names.iter().any(|name| name.eq_ignore_ascii_case(&os)).into(),
            None => Truth::Unknown("the site's name for the running system is not known; add `os`".into()),
        },
        Test::OsLanguage(language) => {
            let of_computer = || machine.computer().operating_system.language.filter(|_| is_first_system);
            match machine.os_language().or_else(of_computer) {
                Some(known) => (known == *language).into(),
                None => Truth::Unknown("the language of the running system is not known; add `os-language`".into()),
            }
        }
        Test::Foreign { class, .. } => Truth::Unknown(format!("what `{class}` asks is not known here")),
    }
}

/// Compares a condition on a file or folder with its state.
fn has_state(
    path: &str,
    state: &FileState,
    asked: &[(&str, &Option<(Operator, String)>)],
    variables: &Variables,
) -> Truth {
    Truth::all(asked.iter().filter_map(|(key, asked)| {
        let (operator, value) = asked.as_ref()?;
        let found = if *key == "version" { &state.version } else { &state.modified };
        let value = variables.expand(value);
        Some(match (found, value.unknown) {
            (_, Some(why)) => Truth::Unknown(why),
            (None, None) => {
                Truth::Unknown(format!("`{key}` of `{path}` is not known; add `{key}` to the facts about it"))
            }
            (Some(found), None) => operator.holds(Some(found), &value.text).into(),
        })
    }))
}

fn not_looked_for(what: &str, path: &str) -> Truth {
    Truth::Unknown(format!(
        "the {what} `{path}` is not known to be there or not; add `[[{what}]]` with its `path`, and `exists = false` if \
         it is not there"
    ))
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

/// A test that does not hold, in words.
fn wrong(test: &Test, variables: &Variables) -> String {
    match test {
        Test::Variable { name, operator, value } => {
            let found = variables.describe(name);
            match operator {
                Operator::Exists | Operator::NotExists => found,
                _ => format!("{found} (wanted: {} `{}`)", operator.sign(), variables.expand(value).text),
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
        Condition::Test(Test::Variable { name, .. }) => variables.describe(name),
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
        let says = |condition: Condition| match unmet(
            &condition,
            Scene { machine: &Unknown, variables: &variables, is_first_system: true },
        ) {
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
        assert_eq!(says(Condition::None(vec![Condition::Any(vec![])])), "unknown");
    }
}
