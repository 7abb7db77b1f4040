//! Conversion between the values of a step and its variables and command line in XML.
//!
//! Each property of a class is a variable with a name, a property and a hidden flag. Arrays are a
//! count and the numbered properties of each element ([`arrays`](super::arrays)). Some variables
//! are derived from several values. Parts that would not be written as they were read are kept in
//! [`Action::variables`] and [`Action::omitted`].

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Key, StepKind, ValueType};
use crate::{Action, Value, Values, Variable};
use authoring::SecretRef;

use super::document::Element;
use super::values::{StepVariable, is_default, parse_value, text_or_default};
use super::{arrays, command};

/// Names in command templates that are not keys.
#[cfg(test)]
pub const DERIVED: [&str; 2] = ["is-hidden", "application-ids"];

/// Returns the variables of a step, sorted by property.
pub fn variables(action: &Action) -> Vec<Variable> {
    let mut groups: Vec<Vec<Variable>> = Vec::new();
    let mut used = BTreeSet::new();
    for group in implied_variables(action) {
        let mut all = Vec::new();
        for StepVariable { variable, is_set } in group {
            let id = (variable.name.clone(), variable.property.clone());
            // A kept variable has the imported spelling, and may occur more than once.
            let kept: Vec<_> = action.variables.iter().filter(|kept| is_same(kept, &variable)).cloned().collect();
            used.insert(id);
            match kept.first() {
                // The value was edited after the import, so the imported spelling is obsolete.
                Some(kept) if is_set && !is_spelling(&kept.value, &variable.value) => all.push(variable),
                Some(_) => all.extend(kept),
                // The imported step did not have this default, so it is not added.
                None if !is_set && action.omitted.contains(&variable.name) => {}
                None => all.push(variable),
            }
        }
        groups.push(all);
    }
    let is_other = |kept: &&Variable| !used.contains(&(kept.name.clone(), kept.property.clone()));
    groups.extend(action.variables.iter().filter(is_other).map(|kept| vec![kept.clone()]));
    // Consoles sort variables by property, but keep the variables of an array together.
    groups.sort_by(|one, other| {
        let property = |group: &[Variable]| group.first().map(|variable| variable.property.clone());
        property(one).cmp(&property(other))
    });
    groups.concat()
}

/// Returns `true` if two variables have the same name and property.
fn is_same(one: &Variable, other: &Variable) -> bool {
    one.property == other.property && one.name == other.name
}

/// Returns `true` if `kept` is another spelling of a value, or stands for a value that is not
/// written.
fn is_spelling(kept: &str, value: &str) -> bool {
    value.is_empty() || kept.eq_ignore_ascii_case(value)
}

/// Returns the variables that follow from the values of a step; those of an array in one group.
fn implied_variables(action: &Action) -> Vec<Vec<StepVariable>> {
    let mut groups: Vec<Vec<StepVariable>> = Vec::new();
    for key in action.kind.keys {
        match arrays::array_form(key) {
            Some(array) => groups.extend(arrays::write(&array, action)),
            None => groups.extend(text_or_default(key, &action.values).map(|value| {
                vec![StepVariable { variable: variable(key, value), is_set: action.values.contains_key(key.name) }]
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

/// Formats exit codes for the XML.
pub fn format_codes(codes: &[i64]) -> String {
    codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Checks of Check Readiness: key of the value, property and variable of the check, and `true` if
/// every console writes it.
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

/// Returns the variables that are derived from several values of a step.
fn derived(action: &Action) -> Vec<StepVariable> {
    let make = |property: &str, name: &str, is_hidden, value: &str| StepVariable {
        variable: Variable { name: name.to_owned(), property: property.to_owned(), is_hidden, value: value.to_owned() },
        is_set: false,
    };
    let is_set = |key: &str| action.values.contains_key(key);
    let has_user = action.text("user").is_some_and(|user| !user.is_empty());
    let as_user = |name: &str| make("RunAsUser", name, false, &has_user.to_string());
    let codes = |name: &str| make("SuccessCodes", name, true, &format_codes(action.success_codes()));
    // 0 joins a domain, 1 a workgroup.
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
                StepVariable { is_set, ..make(property, name, false, &is_set.to_string()) }
            })
            .collect(),
        "apply-network-settings" => vec![
            join("NetworkJoinType", "OSDNetworkJoinType"),
            make("NumAdapters", "OSDAdapterCount", true, &action.tables("adapters").len().to_string()),
        ],
        "join-domain-workgroup" => vec![join("Type", "OSDJoinType")],
        "download-package-content" => download_variables(action, &make),
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

/// Returns the variables for the number of packages of Download Package Content and, unless
/// `contents` is set, for each ID.
fn download_variables(action: &Action, make: &impl Fn(&str, &str, bool, &str) -> StepVariable) -> Vec<StepVariable> {
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

/// Returns `true` if a variable of a step also applies to the whole sequence (qualifier `Global` of
/// its property).
pub fn is_global(kind: &StepKind, variable: &Variable) -> bool {
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

/// Returns the command line of a step.
pub fn command_line(action: &Action) -> String {
    if let Some(command) = &action.command {
        return command.clone();
    }
    template_line(action)
}

fn template_line(action: &Action) -> String {
    let mut texts = BTreeMap::new();
    for key in action.kind.keys {
        let is_omitted =
            !action.values.contains_key(key.name) && action.omitted.iter().any(|name| name == key.variable());
        let text = text_or_default(key, &action.values).filter(|text| !text.is_empty() && !is_omitted);
        let Some(text) = text else { continue };
        // Command lines spell booleans differently from variables.
        let text = match (&key.value_type, text.as_str()) {
            (ValueType::Boolean, "true") => "True".to_owned(),
            (ValueType::Boolean, _) => "False".to_owned(),
            _ => text,
        };
        texts.insert(key.name.to_owned(), text);
    }
    let is_hidden = if action.values.contains_key("secret-value") { "True" } else { "False" };
    texts.insert("is-hidden".into(), is_hidden.into());
    let ids: Vec<_> = action.tables("applications").iter().filter_map(|one| crate::text(one, "id")).collect();
    texts.insert("application-ids".into(), ids.join(","));
    command::build(action.kind.command, &texts, &action.omitted)
}

/// Reads the variables, command line and attributes of a step of a known type. Parts that no key
/// can represent are kept.
pub fn read_action(kind: &'static StepKind, mut found: Vec<Variable>, line: &str, element: &Element) -> Action {
    let mut values = read_values(kind, &found);
    // Some types have a variable in addition to the attribute; it takes precedence.
    let either = |property: &str, attribute: &str| {
        let variable = found.iter().find(|variable| variable.property == property && variable.is_hidden);
        variable.map(|variable| variable.value.clone()).or_else(|| element.attribute(attribute).map(str::to_owned))
    };
    let retries = either("RetryCount", "retryCount").and_then(|retries| retries.parse().ok());
    let retries = retries.filter(|retries| (0..=5).contains(retries) && *retries != kind.retries());
    let success_codes = either("SuccessCodes", "successCodeList").and_then(|codes| read_codes(&codes));
    let success_codes = success_codes.filter(|codes| codes != kind.success_codes);
    for key in kind.keys.iter().filter(|key| matches!(key.value_type, ValueType::Secret)) {
        if needs_secret(key, &values, &found) {
            let reference = SecretRef { env: Some(String::new()), file: None, command: None };
            values.insert(key.name, Value::Secret(reference));
        }
        // Drop the value of the secret, so that it is not kept.
        found.retain(|variable| variable.property != key.property);
    }
    let (variables, omitted) = (Vec::new(), Vec::new());
    let mut action = Action { kind, values, timeout: None, success_codes, retries, command: None, variables, omitted };
    // This has to come before `variables`, whose result depends on it.
    action.omitted = find_omitted(&action, &found);
    let written = self::variables(&action);
    let has_to_be_kept = |variable: &Variable| {
        if variable.value.is_empty() {
            return false;
        }
        let is_repeated = found.iter().filter(|other| is_same(other, variable)).count() > 1;
        is_repeated || !written.contains(variable)
    };
    action.variables = found.iter().filter(|variable| has_to_be_kept(variable)).cloned().collect();
    read_command(&mut action, line);
    action
}

/// Reads the values of keys from the variables of a step.
fn read_values(kind: &'static StepKind, found: &[Variable]) -> Values {
    let mut values = Values::new();
    for key in kind.keys {
        if let Some(array) = arrays::array_form(key) {
            values.extend(arrays::read(&array, found).map(|tables| (key.name, Value::Tables(tables))));
            continue;
        }
        // The value of a disabled check has no meaning.
        let is_checked =
            |check: &str| found.iter().any(|one| one.name == check && one.value.eq_ignore_ascii_case("true"));
        // Check Readiness has a variable that enables each check, and one with its value.
        let check = CHECKS.iter().find(|check| kind.name == "check-readiness" && check.0 == key.name);
        if check.is_some_and(|check| !is_checked(check.2)) {
            continue;
        }
        let own = |variable: &&Variable| {
            (variable.property.as_str(), variable.name.as_str(), variable.is_hidden)
                == (key.property, key.variable(), key.is_hidden)
        };
        let Some(raw) = found.iter().find(own).map(|variable| variable.value.as_str()) else { continue };
        if !raw.is_empty() && !is_default(key, &values, raw) {
            values.extend(parse_value(key, raw).map(|value| (key.name, value)));
        }
    }
    // Drop `contents` if it only has the IDs, which follow from `packages`.
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

/// Returns the variables that consoles and tsmedia write, but that an imported step does not have.
fn find_omitted(action: &Action, found: &[Variable]) -> Vec<String> {
    let has_value = |variable: &Variable| found.iter().any(|one| is_same(one, variable) && !one.value.is_empty());
    let own = implied_variables(action).into_iter().flatten();
    let missing = own.filter(|own| !own.is_set && !own.variable.value.is_empty() && !has_value(&own.variable));
    let mut omitted: Vec<_> = missing.map(|own| own.variable.name).collect();
    // A disabled step may lack required keys. Listing them allows reading the file without an error.
    for key in action.kind.keys.iter().filter(|key| key.is_required && !action.values.contains_key(key.name)) {
        if !found.iter().any(|variable| variable.name == key.variable() && !variable.value.is_empty()) {
            omitted.push(key.variable().to_owned());
        }
    }
    omitted
}

/// Recognizes the command line of the type, with the switches of newer or older consoles, and keeps
/// any other.
fn read_command(action: &mut Action, line: &str) {
    if template_line(action) == line {
        return;
    }
    for switch in command::switches(action.kind.command) {
        action.omitted.push(switch);
        if template_line(action) == line {
            return;
        }
        // Only the switch that makes the difference is recorded.
        action.omitted.pop();
    }
    action.command = Some(line.to_owned());
}

/// Parses exit codes; `None` if they would be formatted differently.
pub fn read_codes(text: &str) -> Option<Vec<i64>> {
    let all = text.split(' ').map(|code| code.parse().ok()).collect::<Option<Vec<_>>>()?;
    (format_codes(&all) == text).then_some(all)
}

/// Returns `true` if a step needs a secret that exports do not contain (R147).
fn needs_secret(key: &Key, values: &Values, found: &[Variable]) -> bool {
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
