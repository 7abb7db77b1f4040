//! Evaluation of conditions on a machine with variables.
//!
//! A part can be unknown: the value of a secret, an unknown test, a missing fact. It makes a
//! condition unknown only if the other parts do not decide it (Kleene's three-valued logic).

use super::machine::{FileState, Lookup, Machine};
use super::variables::Variables;
use super::wmi;
use crate::condition::{Condition, Operator, Test};
use crate::truth::Truth;

/// Reason why a condition is false or unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnmetReason {
    /// False, for this reason.
    Not(String),
    /// Unknown, for this reason.
    Unknown(String),
}

/// Machine and variables to evaluate conditions on.
#[derive(Clone, Copy)]
pub struct EvaluationContext<'a> {
    /// Machine that the sequence runs on.
    pub machine: &'a dyn Machine,
    /// Current values of variables.
    pub variables: &'a Variables,
    /// Tells whether the system of the start is still running.
    pub is_first_system: bool,
}

/// Evaluates a condition. Returns `None` if it is true, else the reason why it is false or unknown.
pub fn unmet(condition: &Condition, context: EvaluationContext<'_>) -> Option<UnmetReason> {
    let why = |part: &Condition| unmet(part, context);
    let first_unknown = |reasons: &[Option<UnmetReason>]| {
        reasons.iter().flatten().find(|reason| matches!(reason, UnmetReason::Unknown(_))).cloned()
    };
    match condition {
        Condition::All(parts) => {
            let reasons: Vec<_> = parts.iter().map(why).collect();
            let decides = reasons.iter().flatten().find(|reason| matches!(reason, UnmetReason::Not(_))).cloned();
            decides.or_else(|| first_unknown(&reasons))
        }
        // The editor leaves empty operators behind, and their result is not documented.
        Condition::Any(parts) if parts.is_empty() => {
            Some(UnmetReason::Unknown("the outcome of an empty `any` is not documented".into()))
        }
        Condition::Any(parts) => {
            let reasons: Vec<_> = parts.iter().map(why).collect();
            if reasons.contains(&None) {
                return None;
            }
            Some(first_unknown(&reasons).unwrap_or_else(|| {
                let words: Vec<_> = reasons.iter().flatten().map(UnmetReason::words).collect();
                UnmetReason::Not(words.join(", and "))
            }))
        }
        Condition::None(parts) => {
            let reasons: Vec<_> = parts.iter().map(why).collect();
            match parts.iter().zip(&reasons).find(|(_, reason)| reason.is_none()) {
                Some((held, _)) => {
                    Some(UnmetReason::Not(format!("{}, but must not be", describe(held, context.variables))))
                }
                None => first_unknown(&reasons),
            }
        }
        Condition::Test(test) => match evaluate(test, context) {
            Truth::True => None,
            Truth::False => Some(UnmetReason::Not(describe_false(test, context.variables))),
            Truth::Unknown(why) => Some(UnmetReason::Unknown(why)),
        },
    }
}

impl UnmetReason {
    fn words(&self) -> &str {
        match self {
            Self::Not(words) | Self::Unknown(words) => words,
        }
    }
}

/// Evaluates a test.
fn evaluate(test: &Test, context: EvaluationContext<'_>) -> Truth {
    let EvaluationContext { machine, variables, is_first_system } = context;
    // A text with an unknown variable makes the whole test unknown, so this returns from the function.
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
        Test::Variable { name, operator, .. } if operator.tests_existence() => variables.compare(name, *operator, ""),
        Test::Variable { name, operator, value } => {
            let value = expand!(value);
            variables.compare(name, *operator, &value)
        }
        Test::Registry { key, value, operator, data, .. } => {
            let (key, value, data) = (short_hive(&expand!(key)), expand!(value), expand!(data));
            match machine.registry(&key, &value) {
                Lookup::Yes(found) => operator.holds(Some(&found), &data).into(),
                Lookup::No => operator.holds(None, &data).into(),
                Lookup::Unknown => Truth::Unknown(format!(
                    "the registry value `{key}\\{value}` is not known; add `[[registry]]` with its `data` or with \
                     `exists = false`"
                )),
            }
        }
        Test::File { path, version, modified } => {
            let path = expand!(path);
            match machine.file(&path) {
                Lookup::Yes(found) => {
                    has_state(&path, &found, &[("version", version), ("modified", modified)], variables)
                }
                Lookup::No => Truth::False,
                Lookup::Unknown => unknown_path("file", &path),
            }
        }
        Test::Folder { path, modified } => {
            let path = expand!(path);
            match machine.folder(&path) {
                Lookup::Yes(found) => has_state(&path, &found, &[("modified", modified)], variables),
                Lookup::No => Truth::False,
                Lookup::Unknown => unknown_path("folder", &path),
            }
        }
        Test::Wmi { namespace, query } => {
            let query = expand!(query);
            let namespace = if namespace.is_empty() { wmi::DEFAULT_NAMESPACE } else { namespace };
            match machine.query(namespace, &query) {
                Some(has_result) => has_result.into(),
                None => {
                    let rows = |namespace: &str, class: &str| machine.rows(namespace, class);
                    let computer = machine.computer();
                    wmi::evaluate(
                        namespace,
                        &query,
                        &wmi::WmiFacts { computer: &computer, rows: &rows, is_first_system },
                    )
                }
            }
        }
        Test::Software { product_code, upgrade_code, is_any_version, name, .. } => {
            match machine.has_product(product_code, is_any_version.then_some(upgrade_code.as_str())) {
                Some(is_installed) => is_installed.into(),
                None => {
                    let name = if name.is_empty() { product_code } else { name };
                    Truth::Unknown(format!(
                        "whether `{name}` is installed is not known; add `[[software]]` with its code, and \
                         `installed = false` if it is not"
                    ))
                }
            }
        }
        Test::OsVersion(names) => match machine.os() {
            Some(os) => names.iter().any(|name| name.eq_ignore_ascii_case(&os)).into(),
            None => Truth::Unknown("the site's name for the running operating system is not known; add `os`".into()),
        },
        Test::OsLanguage(language) => {
            let of_computer = || machine.computer().operating_system.language.filter(|_| is_first_system);
            match machine.os_language().or_else(of_computer) {
                Some(known) => (known == *language).into(),
                None => Truth::Unknown(
                    "the language of the running operating system is not known; add `os-language`".into(),
                ),
            }
        }
        Test::Foreign { class, .. } => Truth::Unknown(format!("the test `{class}` is not supported by tsmedia")),
    }
}

/// Compares the version and time of a file or folder with those of a condition.
fn has_state(
    path: &str,
    state: &FileState,
    tests: &[(&str, &Option<(Operator, String)>)],
    variables: &Variables,
) -> Truth {
    Truth::all(tests.iter().filter_map(|(key, test)| {
        let (operator, value) = test.as_ref()?;
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

fn unknown_path(what: &str, path: &str) -> Truth {
    Truth::Unknown(format!(
        "whether the {what} `{path}` exists is not known; add `[[{what}]]` with its `path`, and `exists = false` if \
         it does not exist"
    ))
}

/// Shortens the name of the hive in a key, such as `HKEY_LOCAL_MACHINE` to `HKLM`.
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

/// Describes a test that is false.
fn describe_false(test: &Test, variables: &Variables) -> String {
    match test {
        Test::Variable { name, operator, value } => {
            let found = variables.describe(name);
            match operator {
                Operator::Exists | Operator::NotExists => found,
                _ => format!("{found} (required: {} `{}`)", operator.symbol(), variables.expand(value).text),
            }
        }
        Test::Registry { key, value, .. } => format!("the registry value `{key}\\{value}` does not match"),
        Test::File { path, .. } => format!("the file `{path}` does not exist or does not match"),
        Test::Folder { path, .. } => format!("the folder `{path}` does not exist or does not match"),
        Test::Wmi { query, .. } => format!("`{query}` has no result"),
        Test::Software { product_code, name, .. } => {
            let name = if name.is_empty() { product_code } else { name };
            format!("`{name}` is not installed")
        }
        Test::OsVersion(_) => "the running operating system is not one of those listed".into(),
        Test::OsLanguage(language) => format!("the language of the running operating system is not {language}"),
        Test::Foreign { class, .. } => format!("`{class}` is false"),
    }
}

/// Describes a condition that is true.
fn describe(condition: &Condition, variables: &Variables) -> String {
    match condition {
        Condition::Test(Test::Variable { name, .. }) => variables.describe(name),
        Condition::Test(Test::File { path, .. } | Test::Folder { path, .. }) => format!("`{path}` exists"),
        Condition::Test(Test::Registry { key, value, .. }) => format!("`{key}\\{value}` matches"),
        Condition::Test(Test::Wmi { query, .. }) => format!("`{query}` has a result"),
        _ => "a condition is true".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Machine without any known facts.
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
            EvaluationContext { machine: &Unknown, variables: &variables, is_first_system: true },
        ) {
            None => "yes",
            Some(UnmetReason::Not(_)) => "no",
            Some(UnmetReason::Unknown(_)) => "unknown",
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
