//! Conversion of the toolkit's conditions: phases become tests for Windows PE, and variables get
//! the engine's names.

use std::collections::BTreeSet;

use crate::condition::{Condition, Operator, Test};

/// Variables of the toolkit that the engine or Set Dynamic Variables sets under another name.
const RENAMED: [(&str, &str); 6] = [
    ("IsUEFI", "_SMSTSBootUEFI"),
    ("Make", "_SMSTSMake"),
    ("Model", "_SMSTSModel"),
    ("SerialNumber", "_SMSTSSerialNumber"),
    ("AssetTag", "_SMSTSAssetTag"),
    ("UUID", "_SMSTSUUID"),
];

/// Phases that run in Windows PE. The others run in the full operating system.
const WINDOWS_PE: [&str; 3] = ["PREINSTALL", "INSTALL", "POSTINSTALL"];
const FULL_OS: [&str; 3] = ["VALIDATION", "STATECAPTURE", "STATERESTORE"];

/// Converts a condition, and adds the variables that it reads to `read`.
pub fn translate(condition: Condition, read: &mut BTreeSet<String>) -> Condition {
    match condition {
        // The Workbench puts even a single test into an operator.
        Condition::All(mut parts) | Condition::Any(mut parts) if parts.len() == 1 => translate(parts.remove(0), read),
        Condition::All(parts) => Condition::All(all(parts, read)),
        Condition::Any(parts) => Condition::Any(all(parts, read)),
        Condition::None(parts) => Condition::None(all(parts, read)),
        Condition::Test(Test::Variable { name, operator, value }) => {
            if let Some(test) = convert_phase_test(&name, operator, &value) {
                return Condition::Test(test);
            }
            let renamed = RENAMED.iter().find(|(old, _)| old.eq_ignore_ascii_case(&name));
            let name = match renamed {
                Some((_, new)) => (*new).to_owned(),
                None => name,
            };
            if !name.starts_with('_') {
                read.insert(name.clone());
            }
            Condition::Test(Test::Variable { name, operator, value })
        }
        Condition::Test(test) => Condition::Test(test),
    }
}

fn all(parts: Vec<Condition>, read: &mut BTreeSet<String>) -> Vec<Condition> {
    parts.into_iter().map(|part| translate(part, read)).collect()
}

/// Returns the test for Windows PE that replaces a test for a phase.
fn convert_phase_test(name: &str, operator: Operator, value: &str) -> Option<Test> {
    if !name.eq_ignore_ascii_case("PHASE") {
        return None;
    }
    let is_one_of = |phases: &[&str]| phases.iter().any(|phase| phase.eq_ignore_ascii_case(value.trim()));
    let in_windows_pe = match operator {
        Operator::Equals if is_one_of(&WINDOWS_PE) => "true",
        Operator::Equals if is_one_of(&FULL_OS) => "false",
        _ => return None,
    };
    Some(Test::Variable { name: "_SMSTSInWinPE".into(), operator: Operator::Equals, value: in_windows_pe.into() })
}

/// Returns `true` for a test that replaced a test for a phase.
pub fn is_phase(condition: &Condition) -> bool {
    matches!(condition, Condition::Test(Test::Variable { name, .. }) if name == "_SMSTSInWinPE")
}

/// Combines conditions that all must be true.
pub fn all_of(conditions: impl IntoIterator<Item = Condition>) -> Option<Condition> {
    let mut parts: Vec<_> = conditions.into_iter().collect();
    if parts.len() > 1 { Some(Condition::All(parts)) } else { parts.pop() }
}

/// Returns `true` if a condition is only true in Windows PE, `false` if only in the full operating
/// system.
pub fn in_windows_pe(condition: &Condition) -> Option<bool> {
    match condition {
        Condition::Test(Test::Variable { name, operator: Operator::Equals, value }) if name == "_SMSTSInWinPE" => {
            value.parse().ok()
        }
        Condition::All(parts) => parts.iter().find_map(in_windows_pe),
        _ => None,
    }
}
