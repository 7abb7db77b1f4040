//! What a step says, as variables of the XML and its command line, and back.
//!
//! Each property of a class is a variable: its name, its property, and whether it is hidden. Arrays are a count and
//! the properties of each element with its number ([`arrays`](super::arrays)). Some variables follow from others.
//! What does not come out as it went in is kept beside the values ([`Action::variables`], [`Action::omitted`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Form, Key, Kind};
use crate::{Action, Value, Values, Variable};
use authoring::SecretRef;

use super::document::Element;
use super::values::{Own, holds_anyway, text_or_default, value};
use super::{arrays, command};

/// What command lines hold besides what keys say.
#[cfg(test)]
pub const DERIVED: [&str; 2] = ["is-hidden", "application-ids"];

/// The variables of a step, in the order of their properties.
pub fn variables(action: &Action) -> Vec<Variable> {
    let mut groups: Vec<Vec<Variable>> = Vec::new();
    let mut used = BTreeSet::new();
    for group in own(action) {
        let mut all = Vec::new();
        for Own { variable, is_set } in group {
            let id = (variable.name.clone(), variable.property.clone());
            let kept: Vec<_> = action.variables.iter().filter(|kept| is_same(kept, &variable)).cloned().collect();
            used.insert(id);
            match kept.first() {
                // The value was edited since it was imported.
                Some(kept) if is_set && !is_spelling(&kept.value, &variable.value) => all.push(variable),
                Some(_) => all.extend(kept),
                None if !is_set && action.omitted.contains(&variable.name) => {}
                None => all.push(variable),
            }
        }
        groups.push(all);
    }
    let is_other = |kept: &&Variable| !used.contains(&(kept.name.clone(), kept.property.clone()));
    groups.extend(action.variables.iter().filter(is_other).map(|kept| vec![kept.clone()]));
    groups.sort_by(|one, other| {
        let property = |group: &[Variable]| group.first().map(|variable| variable.property.clone());
        property(one).cmp(&property(other))
    });
    groups.concat()
}

/// Whether two variables are the same one.
fn is_same(one: &Variable, other: &Variable) -> bool {
    one.property == other.property && one.name == other.name
}

/// Whether `kept` is another spelling of a value, or stands in for a value that is not written.
fn is_spelling(kept: &str, value: &str) -> bool {
    value.is_empty() || kept.eq_ignore_ascii_case(value)
}

/// The variables that follow from the values of a step; those of an array in one group.
fn own(action: &Action) -> Vec<Vec<Own>> {
    let mut groups: Vec<Vec<Own>> = Vec::new();
    for key in action.kind.keys {
        match arrays::of(key) {
            Some(array) => groups.extend(arrays::write(&array, action)),
            None => groups.extend(text_or_default(key, &action.values).map(|value| {
                vec![Own { variable: variable(key, value), is_set: action.values.contains_key(key.name) }]
            })),
        }
    }
    groups.extend(derived(action).into_iter().map(|own| vec![own]));
    groups
}

fn variable(key: &Key, value: String) -> Variable {
    let (name, property) = (key.variable().to_owned(), key.property.to_owned());
    Variable { name, property, is_hidden: key.is_hidden, value }
}

/// Exit codes as the XML has them.
pub fn codes(codes: &[i64]) -> String {
    codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Checks of Check Readiness: the key of the value, property and variable of the check, and whether every console
/// writes it.
const CHECKS: [(&str, &str, &str, bool); 9] = [
    ("memory", "CheckMemory", "OSDCheckMemory", true),
    ("processor-speed", "CheckProcessorSpeed", "OSDCheckProcessorSpeed", true),
    ("disk-space", "CheckFreeDiskSpace", "OSDCheckFreeDiskSpace", true),
    ("os-type", "CheckOSType", "OSDCheckOSType", true),
    ("architecture", "CheckOSArchitecture", "OSDCheckOSArchitecture", false),
    ("minimum-os", "CheckMinOSVersion", "OSDCheckMinOSVersion", false),
    ("maximum-os", "CheckMaxOSVersion", "OSDCheckMaxOsVersion", false),
    ("client-version", "CheckCMClientMinVersion", "OSDCheckCMClientMinVersion", false),
    ("os-language", "CheckOSLanguageID", "OSDCheckOSLanguageID", false),
];

/// Variables that follow from several values of a step.
fn derived(action: &Action) -> Vec<Own> {
    let make = |property: &str, name: &str, is_hidden, value: &str| Own {
        variable: Variable { name: name.to_owned(), property: property.to_owned(), is_hidden, value: value.to_owned() },
        is_set: false,
    };
    let is_set = |key: &str| action.values.contains_key(key);
    let has_user = action.text("user").is_some_and(|user| !user.is_empty());
    let as_user = |name: &str| make("RunAsUser", name, false, &has_user.to_string());
    let codes = |name: &str| make("SuccessCodes", name, true, &codes(action.success_codes()));
    // A workgroup is joined unless there is a domain to join.
    let join = |property: &str, name: &str| make(property, name, false, if is_set("domain") { "0" } else { "1" });
    let retries = || {
        let retries = action.retries.unwrap_or(action.kind.retries()).to_string();
        make("RetryCount", "RetryCount", true, &retries)
    };
    match action.kind.name {
        "run-command-line" => vec![as_user("_SMSTSRunCommandLineAsUser"), codes("SuccessCodes")],
        "run-powershell-script" => {
            vec![as_user("_SMSTSRunPowerShellAsUser"), codes("OSDRunPowerShellScriptSuccessCodes")]
        }
        "set-variable" => {
            let is_hidden = is_set("secret-value");
            let name = "DoNotShowVariableValue";
            vec![make(name, name, true, &is_hidden.to_string())]
        }
        "check-readiness" => CHECKS
            .iter()
            .filter(|(key, _, _, is_always)| *is_always || is_set(key))
            .map(|(key, property, name, _)| {
                let is_set = is_set(key);
                Own { is_set, ..make(property, name, false, &is_set.to_string()) }
            })
            .collect(),
        "apply-network-settings" => vec![
            join("NetworkJoinType", "OSDNetworkJoinType"),
            make("NumAdapters", "OSDAdapterCount", true, &action.tables("adapters").len().to_string()),
        ],
        "join-domain-workgroup" => vec![join("Type", "OSDJoinType")],
        "download-package-content" => downloads(action, &make),
        "install-application" => {
            let applications = action.tables("applications");
            let ids: Vec<_> = applications.iter().filter_map(|one| crate::text(one, "id")).collect();
            vec![
                make("ApplicationName", "ApplicationName", true, &ids.join(",")),
                make("NumApps", "OSDAppCount", false, &applications.len().to_string()),
                retries(),
            ]
        }
        "install-software-updates" => vec![retries()],
        _ => Vec::new(),
    }
}

/// Number of packages of Download Package Content and, unless `contents` has them, their IDs one by one.
fn downloads(action: &Action, make: &impl Fn(&str, &str, bool, &str) -> Own) -> Vec<Own> {
    let packages = match action.values.get("packages") {
        Some(Value::Texts(packages)) => packages.as_slice(),
        _ => &[],
    };
    let count = packages.len().to_string();
    let mut all = vec![make("NumPackages", "OSDPackageCount", false, &count)];
    if !action.values.contains_key("contents") {
        all.push(make("PackageInfo", "OSDPackage", true, &count));
        all.extend(packages.iter().enumerate().map(|(number, id)| {
            let (property, name) = (format!("PackageInfo{number}PackageId"), format!("OSDPackage{number}PackageId"));
            make(&property, &name, false, id)
        }));
    }
    all
}

/// The variables of a step that hold for the whole sequence, too (the qualifier `Global` of their properties).
pub fn is_global(kind: &Kind, variable: &Variable) -> bool {
    let name = variable.property.as_str();
    match kind.name {
        "apply-network-settings" => {
            ["EnableTCPIPFiltering", "NumAdapters", "DNSDomain", "DNSSuffixSearchOrder"].contains(&name)
                || name.starts_with("Adapters")
        }
        "request-state-store" => ["SMPRetryCount", "SMPRetryTime"].contains(&name),
        _ => false,
    }
}

/// The command line of a step.
pub fn command_line(action: &Action) -> String {
    if let Some(command) = &action.command {
        return command.clone();
    }
    template_line(action)
}

fn template_line(action: &Action) -> String {
    let mut said = BTreeMap::new();
    for key in action.kind.keys {
        let is_omitted =
            !action.values.contains_key(key.name) && action.omitted.iter().any(|name| name == key.variable());
        let text = text_or_default(key, &action.values).filter(|text| !text.is_empty() && !is_omitted);
        let Some(text) = text else { continue };
        let text = match (&key.form, text.as_str()) {
            (Form::Boolean, "true") => "True".to_owned(),
            (Form::Boolean, _) => "False".to_owned(),
            _ => text,
        };
        said.insert(key.name.to_owned(), text);
    }
    let is_hidden = if action.values.contains_key("secret-value") { "True" } else { "False" };
    said.insert("is-hidden".into(), is_hidden.into());
    let ids: Vec<_> = action.tables("applications").iter().filter_map(|one| crate::text(one, "id")).collect();
    said.insert("application-ids".into(), ids.join(","));
    command::command(action.kind.command, &said, &action.omitted)
}

/// Takes the variables, the command line and the attributes of a step of a known type apart. Whatever no key can hold
/// is kept.
pub fn action(kind: &'static Kind, mut found: Vec<Variable>, line: &str, element: &Element) -> Action {
    let mut values = values_of(kind, &found);
    // Some types have a variable beside the attribute.
    let either = |property: &str, attribute: &str| {
        let variable = found.iter().find(|variable| variable.property == property && variable.is_hidden);
        variable.map(|variable| variable.value.clone()).or_else(|| element.attribute(attribute).map(str::to_owned))
    };
    let retries = either("RetryCount", "retryCount").and_then(|retries| retries.parse().ok());
    let retries = retries.filter(|retries| (0..=5).contains(retries) && *retries != kind.retries());
    let success_codes = either("SuccessCodes", "successCodeList").and_then(|codes| read_codes(&codes));
    let success_codes = success_codes.filter(|codes| codes != kind.success_codes);
    for key in kind.keys.iter().filter(|key| matches!(key.form, Form::Secret)) {
        if is_asked(key, &values, &found) {
            let reference = SecretRef { env: Some(String::new()), file: None, command: None };
            values.insert(key.name, Value::Secret(reference));
        }
        // Whatever stood there is nobody's to read.
        found.retain(|variable| variable.property != key.property);
    }
    let (variables, omitted) = (Vec::new(), Vec::new());
    let mut action = Action { kind, values, timeout: None, success_codes, retries, command: None, variables, omitted };
    action.omitted = omitted_of(&action, &found);
    let written = self::variables(&action);
    let is_kept = |variable: &Variable| {
        if variable.value.is_empty() {
            return false;
        }
        let is_repeated = found.iter().filter(|other| is_same(other, variable)).count() > 1;
        is_repeated || !written.contains(variable)
    };
    action.variables = found.iter().filter(|variable| is_kept(variable)).cloned().collect();
    read_command(&mut action, line);
    action
}

/// The values that variables of a step hold.
fn values_of(kind: &'static Kind, found: &[Variable]) -> Values {
    let mut values = Values::new();
    for key in kind.keys {
        if let Some(array) = arrays::of(key) {
            values.extend(arrays::read(&array, found).map(|tables| (key.name, Value::Tables(tables))));
            continue;
        }
        // What is not checked says nothing.
        let is_checked =
            |check: &str| found.iter().any(|one| one.name == check && one.value.eq_ignore_ascii_case("true"));
        let check = CHECKS.iter().find(|check| kind.name == "check-readiness" && check.0 == key.name);
        if check.is_some_and(|check| !is_checked(check.2)) {
            continue;
        }
        let own = |variable: &&Variable| {
            (variable.property.as_str(), variable.name.as_str(), variable.is_hidden)
                == (key.property, key.variable(), key.is_hidden)
        };
        let Some(said) = found.iter().find(own).map(|variable| variable.value.as_str()) else { continue };
        if !said.is_empty() && !holds_anyway(key, &values, said) {
            values.extend(value(key, said).map(|value| (key.name, value)));
        }
    }
    // Nothing but the IDs, which follow from `packages`.
    let ids = |tables: &[Values]| tables.iter().map(|table| Values::clone(table).remove("package")).collect::<Vec<_>>();
    if let (Some(Value::Tables(tables)), Some(Value::Texts(packages))) =
        (values.get("contents"), values.get("packages"))
        && tables.iter().all(|table| table.len() == 1)
        && ids(tables) == packages.iter().map(|id| Some(Value::Text(id.clone()))).collect::<Vec<_>>()
    {
        values.remove("contents");
    }
    values
}

/// The variables that consoles write, tsmedia included, and that a step does not have.
fn omitted_of(action: &Action, found: &[Variable]) -> Vec<String> {
    let has_value = |variable: &Variable| found.iter().any(|one| is_same(one, variable) && !one.value.is_empty());
    let own = own(action).into_iter().flatten();
    let missing = own.filter(|own| !own.is_set && !own.variable.value.is_empty() && !has_value(&own.variable));
    let mut omitted: Vec<_> = missing.map(|own| own.variable.name).collect();
    for key in action.kind.keys.iter().filter(|key| key.is_required && !action.values.contains_key(key.name)) {
        if !found.iter().any(|variable| variable.name == key.variable() && !variable.value.is_empty()) {
            omitted.push(key.variable().to_owned());
        }
    }
    omitted
}

/// Takes a command line as that of the type, with the switches of a newer or an older console; keeps any other.
fn read_command(action: &mut Action, line: &str) {
    if template_line(action) == line {
        return;
    }
    for switch in command::switches(action.kind.command) {
        action.omitted.push(switch);
        if template_line(action) == line {
            return;
        }
        action.omitted.pop();
    }
    action.command = Some(line.to_owned());
}

/// Exit codes, if they are written as we would write them.
pub fn read_codes(text: &str) -> Option<Vec<i64>> {
    let all = text.split(' ').map(|code| code.parse().ok()).collect::<Option<Vec<_>>>()?;
    (codes(&all) == text).then_some(all)
}

/// Whether a step can't do without a secret that an export leaves out (R147).
fn is_asked(key: &Key, values: &Values, found: &[Variable]) -> bool {
    let is = |property: &str, value: &str| {
        found.iter().any(|variable| variable.property == property && variable.value.eq_ignore_ascii_case(value))
    };
    match key.name {
        "administrator-password" => is("RandomAdminPassword", "false"),
        "secret-value" => is("DoNotShowVariableValue", "true"),
        "pin" => is("Mode", "TPMAndPIN") || is("Mode", "TPMPIN"),
        "local-password" => is("LocalAccounts", "true"),
        _ => values.contains_key("user"),
    }
}
