//! Step Set Dynamic Variables: read-only variables about the computer, and rules.

use super::computer::Computer;
use super::state::RunState;
use super::variables::PossibleValues;
use crate::compare::is_like;
use crate::condition::Operator;
use crate::truth::Truth;
use crate::{Action, Value, Values, text};

/// Sets the variables that the step is documented to set, then those of its rules.
pub fn set_dynamic_variables(state: &mut RunState<'_>, action: &Action, entry: usize) -> Result<(), String> {
    let computer = state.computer();
    let single = [
        ("_SMSTSMake", &computer.make, "computer.make"),
        ("_SMSTSModel", &computer.model, "computer.model"),
        ("_SMSTSSerialNumber", &computer.serial_number, "computer.serial-number"),
        ("_SMSTSAssetTag", &computer.asset_tag, "computer.asset-tag"),
        ("_SMSTSUUID", &computer.uuid, "computer.uuid"),
    ];
    for (name, value, fact) in single {
        state.set_from_fact(entry, name, value.clone(), fact);
    }
    let lists = [
        ("_SMSTSMacAddresses", computer.mac_addresses(), "computer.mac-addresses"),
        ("_SMSTSIPAddresses", computer.ip_addresses(), "computer.ip-addresses"),
        ("_SMSTSDefaultGateways", computer.default_gateways(), "computer.default-gateways"),
    ];
    for (name, values, fact) in lists {
        match values.as_deref() {
            // The format of a list with several values is not documented.
            Some([_, _, ..]) => state.set_from_fact(entry, name, None, &format!("variables.{name}")),
            Some([only]) => state.set_from_fact(entry, name, Some(only.clone()), fact),
            // An empty list deletes the variable.
            Some([]) => state.set_from_fact(entry, name, Some(String::new()), fact),
            None => state.set_from_fact(entry, name, None, fact),
        }
    }
    for rule in action.tables("rules") {
        let Some(Value::Map(set)) = rule.get("set") else { continue };
        match evaluate_rule(state, rule, &computer) {
            Truth::True => set.iter().try_for_each(|(name, value)| state.set_expanded(entry, name, value))?,
            Truth::False => {}
            Truth::Unknown(why) => set.iter().for_each(|(name, value)| set_if_unknown(state, entry, name, value, &why)),
        }
    }
    Ok(())
}

/// Records that a variable may have kept its value or got a new one.
fn set_if_unknown(state: &mut RunState<'_>, entry: usize, name: &str, value: &str, why: &str) {
    let new = state.variables.expand(value);
    let possible = state.variables.possible_values(name).filter(|_| new.unknown.is_none());
    let may_be = match possible {
        Some(mut values) => {
            let new = Some(new.text).filter(|text| !text.is_empty());
            // The variable keeps its value either way.
            if values == [new.clone()] {
                return;
            }
            if !values.contains(&new) {
                values.push(new);
            }
            PossibleValues::OneOf(values)
        }
        None => PossibleValues::Anything,
    };
    state.forget(entry, name, may_be, why.to_owned());
}

/// Evaluates a rule: any of its values about the computer must match, and so must its location, its
/// make and model, and its variable.
fn evaluate_rule(state: &RunState<'_>, rule: &Values, computer: &Computer) -> Truth {
    let unknown = |fact: &str| Truth::Unknown(format!("`{fact}` is not known; add it to the facts"));
    let same = |fact: &str, known: &Option<String>, required: &str| match known {
        Some(known) => known.eq_ignore_ascii_case(required).into(),
        None => unknown(fact),
    };
    let among = |fact: &str, known: Option<Vec<String>>, required: &str| match known {
        Some(known) => known.iter().any(|one| one.eq_ignore_ascii_case(required)).into(),
        None => unknown(fact),
    };
    let fits = |fact: &str, known: &Option<String>, pattern: &str| match known {
        Some(known) => is_like(known, pattern).into(),
        None => unknown(fact),
    };
    let of_computer: Vec<_> = [
        text(rule, "asset-tag").map(|tag| same("computer.asset-tag", &computer.asset_tag, tag)),
        text(rule, "uuid").map(|uuid| same("computer.uuid", &computer.uuid, uuid)),
        text(rule, "serial-number").map(|number| same("computer.serial-number", &computer.serial_number, number)),
        text(rule, "mac-address").map(|address| among("computer.mac-addresses", computer.mac_addresses(), address)),
    ]
    .into_iter()
    .flatten()
    .collect();
    // Criteria about one computer are alternatives, as a list of known computers would have them; everything else has
    // to hold as well. An unknown fact makes the rule unknown only if the known ones leave it open.
    let parts = [
        (!of_computer.is_empty()).then(|| Truth::any(of_computer)),
        text(rule, "default-gateway")
            .map(|gateway| among("computer.default-gateways", computer.default_gateways(), gateway)),
        text(rule, "make").map(|make| fits("computer.make", &computer.make, make)),
        text(rule, "model").map(|model| fits("computer.model", &computer.model, model)),
        text(rule, "variable").map(|name| {
            let value = state.variables.expand(text(rule, "value").unwrap_or_default());
            let named =
                |row: &&(Operator, &'static str, &'static str, &'static str)| Some(row.1) == text(rule, "operator");
            let operator = Operator::ALL.iter().find(named).map_or(Operator::Equals, |row| row.0);
            match value.unknown.filter(|_| !operator.tests_existence()) {
                Some(why) => Truth::Unknown(why),
                None => state.variables.compare(name, operator, &value.text),
            }
        }),
    ];
    Truth::all(parts.into_iter().flatten())
}
