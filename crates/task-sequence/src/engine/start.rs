//! Variables before the first step.

use super::computer::Computer;
use super::machine::Start;
use super::medium::Medium;
use super::variables::{MayBe, Variables};
use crate::Sequence;
use crate::read_only::{self, ALL, Known, Source};

/// Variables before the first step: the documented ones as far as they are known, those of the medium, and those that
/// the facts give.
pub fn variables(sequence: &Sequence, start: &Start, computer: &Computer, medium: &Medium) -> Variables {
    let mut variables = Variables::default();
    for row in &ALL {
        let open = |fact: &str| format!("`{}` is not known; add `{fact}`", row.name);
        let own_fact = format!("variables.{}", row.name);
        match row.source {
            Source::Run | Source::Step(_) => variables.set(row.name, ""),
            Source::Variables => variables.leave_open(row.name, MayBe::Anything, open(&own_fact)),
            Source::Fact(fact) => variables.leave_open(row.name, MayBe::Present, open(fact)),
            Source::Medium => match read_only::of_medium(row.name, medium.started) {
                Known::Text(text) => variables.set(row.name, text),
                Known::Unset => variables.set(row.name, ""),
                Known::OneOf(values) => variables.leave_open(row.name, one_of(values), open(&own_fact)),
                Known::Present => variables.leave_open(row.name, MayBe::Present, open(&own_fact)),
                Known::Nothing => variables.leave_open(row.name, MayBe::Anything, open(&own_fact)),
            },
        }
    }
    variables.set("_SMSTSLaunchMode", read_only::launch_mode(medium.started, medium.launch));
    variables.set("_SMSTSPackageName", &sequence.name);
    if let Some(id) = &sequence.boot_image {
        variables.set("_SMSTSBootImageID", id);
    }
    if let Some(name) = &computer.name {
        variables.set("_SMSTSMachineName", name);
    }
    let open = |name: &str, fact: &str| format!("`{name}` is not known; add `{fact}`");
    // The documentation says nothing of a computer that is not in UEFI mode.
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
    // It is said to be `Undefined` before the step has run, and not whether it is set at all then.
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

fn one_of(values: &[Option<&str>]) -> MayBe {
    MayBe::OneOf(values.iter().map(|value| value.map(str::to_owned)).collect())
}
