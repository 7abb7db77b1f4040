//! Values of variables before the first step.

use super::computer::Computer;
use super::machine::StartState;
use super::medium::Medium;
use super::variables::{PossibleValues, Variables};
use crate::Sequence;
use crate::read_only::{self, ALL, KnownValue, ValueSource};

/// Returns the variables before the first step: the documented ones as far as they are known, those
/// of the medium, and those of the facts.
pub fn initial_variables(sequence: &Sequence, start: &StartState, computer: &Computer, medium: &Medium) -> Variables {
    let mut variables = Variables::default();
    for row in &ALL {
        let open = |fact: &str| format!("`{}` is not known; add `{fact}`", row.name);
        let own_fact = format!("variables.{}", row.name);
        match row.source {
            ValueSource::Run | ValueSource::Step(_) => variables.set(row.name, ""),
            ValueSource::Variables => variables.leave_open(row.name, PossibleValues::Anything, open(&own_fact)),
            ValueSource::Fact(fact) => variables.leave_open(row.name, PossibleValues::Present, open(fact)),
            ValueSource::Medium => match read_only::known_value(row.name, medium.source) {
                KnownValue::Text(text) => variables.set(row.name, text),
                KnownValue::Unset => variables.set(row.name, ""),
                KnownValue::OneOf(values) => variables.leave_open(row.name, one_of(values), open(&own_fact)),
                KnownValue::Present => variables.leave_open(row.name, PossibleValues::Present, open(&own_fact)),
                KnownValue::Nothing => variables.leave_open(row.name, PossibleValues::Anything, open(&own_fact)),
            },
        }
    }
    variables.set("_SMSTSLaunchMode", read_only::launch_mode(medium.source, medium.launch));
    variables.set("_SMSTSPackageName", &sequence.name);
    if let Some(id) = &sequence.boot_image {
        variables.set("_SMSTSBootImageID", id);
    }
    if let Some(name) = &computer.name {
        variables.set("_SMSTSMachineName", name);
    }
    let open = |name: &str, fact: &str| format!("`{name}` is not known; add `{fact}`");
    // The value for a computer that is not in UEFI mode is not documented.
    match start.is_uefi {
        true => variables.set("_SMSTSBootUEFI", "true"),
        false => {
            let why = open("_SMSTSBootUEFI", "variables._SMSTSBootUEFI");
            variables.leave_open("_SMSTSBootUEFI", one_of(&[None, Some("false")]), why);
        }
    }
    match computer.secure_boot {
        Some(true) => variables.set("_TSSecureBoot", "Enabled"),
        Some(false) => variables.set("_TSSecureBoot", "Disabled"),
        None => {
            let values = one_of(&[Some("NA"), Some("Enabled"), Some("Disabled")]);
            variables.leave_open("_TSSecureBoot", values, open("_TSSecureBoot", "computer.secure-boot"));
        }
    }
    let types = one_of(&[Some("1"), Some("2")]);
    variables.leave_open("_SMSTSType", types, open("_SMSTSType", "variables._SMSTSType"));
    // Documented as `Undefined` before the step has run, which may mean that it is not set.
    let status = one_of(&[None, Some("Undefined")]);
    variables.leave_open("_TSAppInstallStatus", status, open("_TSAppInstallStatus", "variables._TSAppInstallStatus"));
    for (name, value) in &medium.variables {
        match value {
            Some(value) => variables.set(name, value),
            None => variables.hide(name),
        }
    }
    for (name, value) in &start.variables {
        variables.set(name, value);
    }
    variables
}

fn one_of(values: &[Option<&str>]) -> PossibleValues {
    PossibleValues::OneOf(values.iter().map(|value| value.map(str::to_owned)).collect())
}
