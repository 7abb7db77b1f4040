//! Documentation of task sequence variables: settings of steps, and read-only variables.

use crate::sequence::catalog::{self, ValueType};
use crate::sequence::read_only;

/// Returns the documented variables with their documentation.
pub fn documented() -> Vec<(&'static str, String)> {
    let mut found: Vec<_> = read_only::ALL.iter().map(|row| (row.name, format!("Read-only: {}.", row.doc))).collect();
    for kind in catalog::kinds() {
        let is_setting =
            |value_type: &ValueType| !matches!(value_type, ValueType::Tables(_) | ValueType::Map | ValueType::Variable);
        for key in kind.keys.iter().filter(|key| is_setting(&key.value_type) && key.variable().starts_with("OSD")) {
            if found.iter().all(|(name, _)| *name != key.variable()) {
                found.push((key.variable(), format!("{} `{}` of `{}`.", key.doc, key.name, kind.name)));
            }
        }
    }
    found
}

/// Returns the documentation of a variable. Names are case-insensitive.
pub fn doc(name: &str) -> Option<String> {
    documented().into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, doc)| doc)
}
