//! What a step says, as variables of the XML and its command line, and back.
//!
//! Each property of a class is a variable: its name, its property, and whether it is hidden. Arrays are a count and
//! the properties of each element with its number ([`arrays`](super::arrays)). Some variables follow from others.
//! What does not come out as it went in is kept beside the values ([`Action::variables`]).

use std::collections::BTreeMap;

use crate::catalog::{Form, Key, Kind};
use crate::read::table::is_package;
use crate::read::values::is_variable;
use crate::{Action, Value, Values, Variable};
use authoring::SecretRef;

use super::{arrays, command, script};

/// What command lines hold besides what keys say.
#[cfg(test)]
pub const DERIVED: [&str; 2] = ["is-hidden", "application-ids"];

/// The variables of a step, in the order of their properties.
pub fn variables(action: &Action) -> Vec<Variable> {
    let kind = action.kind;
    let mut groups: Vec<Vec<Variable>> = Vec::new();
    for key in kind.keys {
        match arrays::of(kind, key) {
            Some(array) => groups.extend(arrays::write(&array, action)),
            None => groups.extend(text_or_default(key, &action.values).map(|value| vec![variable(key, value)])),
        }
    }
    groups.extend(derived(action).into_iter().map(|variable| vec![variable]));
    for kept in &action.variables {
        let same = |variable: &&mut Variable| variable.property == kept.property && variable.name == kept.name;
        match groups.iter_mut().flatten().find(same) {
            Some(variable) => *variable = kept.clone(),
            None => groups.push(vec![kept.clone()]),
        }
    }
    groups.sort_by_key(|group| group.first().map(|variable| variable.property.to_lowercase()));
    groups.concat()
}

fn variable(key: &Key, value: String) -> Variable {
    let (name, property) = (key.variable().to_owned(), key.property.to_owned());
    Variable { name, property, is_hidden: key.is_hidden, value }
}

/// What a key says, or what holds if it says nothing, as the XML has it.
pub fn text_or_default(key: &Key, values: &Values) -> Option<String> {
    match values.get(key.name) {
        Some(value) => Some(text(key, value)),
        None => default(key),
    }
}

/// What holds for a key that says nothing, as the XML has it.
pub fn default(key: &Key) -> Option<String> {
    let default = key.default?;
    Some(match &key.form {
        Form::Choice(choices) => choices.iter().find(|choice| choice.name == default)?.xml.to_owned(),
        _ => default.to_owned(),
    })
}

fn text(key: &Key, value: &Value) -> String {
    let numbers = |numbers: &[i64]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    match (value, &key.form) {
        (Value::Text(name), Form::Choice(choices)) => {
            choices.iter().find(|choice| choice.name == name).map_or(name.as_str(), |choice| choice.xml).to_owned()
        }
        (Value::Text(text), _) if key.property == script::PROPERTY => script::encoded(text),
        (Value::Text(text), _) => text.clone(),
        (Value::Integer(number), _) => number.to_string(),
        (Value::Boolean(truth), _) => truth.to_string(),
        (Value::Texts(texts), _) => texts.join(","),
        (Value::Integers(all), _) => numbers(all),
        // Nobody may read it: the engine gets it another way (R147).
        (Value::Secret(_) | Value::Map(_) | Value::Tables(_), _) => String::new(),
    }
}

/// What a text of the XML says for a key; nothing if the key can't say that, or not in just these letters.
pub fn value(key: &Key, said: &str) -> Option<Value> {
    let value = match &key.form {
        Form::Text(_) if key.property == script::PROPERTY => Value::Text(script::decoded(said)?),
        Form::Text(at_most) => Value::Text(said.chars().count().le(at_most).then(|| said.to_owned())?),
        Form::Application => Value::Text((1..=1024).contains(&said.chars().count()).then(|| said.to_owned())?),
        Form::Integer(least, most) => {
            let number = said.parse().ok()?;
            Value::Integer((*least..=*most).contains(&number).then_some(number)?)
        }
        Form::Boolean => Value::Boolean(said.parse().ok()?),
        Form::Choice(choices) => Value::Text(choices.iter().find(|choice| choice.xml == said)?.name.to_owned()),
        Form::Package => Value::Text(is_package(said).then(|| said.to_owned())?),
        Form::Variable => Value::Text(is_variable(said).then(|| said.to_owned())?),
        Form::Texts => Value::Texts(said.split(',').map(str::to_owned).collect()),
        Form::Packages => {
            let all: Vec<_> = said.split(',').map(str::to_owned).collect();
            Value::Texts(all.iter().all(|one| is_package(one)).then_some(all)?)
        }
        Form::Integers => Value::Integers(said.split(',').map(|one| one.parse().ok()).collect::<Option<_>>()?),
        Form::Secret | Form::Map | Form::Tables(_) => return None,
    };
    (text(key, &value) == said).then_some(value)
}

/// Exit codes as the XML has them.
pub fn codes(codes: &[i64]) -> String {
    codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Variables that follow from what a step says.
fn derived(action: &Action) -> Vec<Variable> {
    let make = |property: &str, name: &str, is_hidden, value: &str| Variable {
        name: name.to_owned(),
        property: property.to_owned(),
        is_hidden,
        value: value.to_owned(),
    };
    let has_user = action.text("user").is_some_and(|user| !user.is_empty()).to_string();
    // A workgroup is joined unless there is a domain to join.
    let join = if action.values.contains_key("domain") { "0" } else { "1" };
    let codes = codes(action.success_codes());
    let retries = action.retries.unwrap_or(0).to_string();
    match action.kind.name {
        "run-command-line" => vec![
            make("RunAsUser", "_SMSTSRunCommandLineAsUser", false, &has_user),
            make("SuccessCodes", "SuccessCodes", true, &codes),
        ],
        "run-powershell-script" => vec![
            make("RunAsUser", "_SMSTSRunPowerShellAsUser", false, &has_user),
            make("SuccessCodes", "OSDRunPowerShellScriptSuccessCodes", true, &codes),
        ],
        "set-variable" => {
            let is_hidden = action.values.contains_key("secret-value").to_string();
            vec![make("DoNotShowVariableValue", "DoNotShowVariableValue", true, &is_hidden)]
        }
        "apply-network-settings" => vec![make("NetworkJoinType", "OSDNetworkJoinType", false, join)],
        "join-domain-workgroup" => vec![make("Type", "OSDJoinType", false, join)],
        "download-package-content" => {
            let packages = match action.values.get("packages") {
                Some(Value::Texts(packages)) => packages.as_slice(),
                _ => &[],
            };
            let count = packages.len().to_string();
            let mut all = vec![
                make("NumPackages", "OSDPackageCount", false, &count),
                make("PackageInfo", "OSDPackage", true, &count),
            ];
            all.extend(packages.iter().enumerate().map(|(number, id)| {
                make(&format!("PackageInfo{number}PackageId"), &format!("OSDPackage{number}PackageId"), false, id)
            }));
            all
        }
        "install-application" | "install-software-updates" | "install-package" => {
            vec![make("RetryCount", "RetryCount", true, &retries)]
        }
        _ => Vec::new(),
    }
}

/// The variables of a step that hold for the whole sequence, too (the qualifier `Global` of their properties).
pub fn is_global(kind: &Kind, variable: &Variable) -> bool {
    let name = variable.property.as_str();
    kind.name == "apply-network-settings"
        && (["EnableTCPIPFiltering", "NumAdapters", "DNSDomain", "DNSSuffixSearchOrder"].contains(&name)
            || name.starts_with("Adapters"))
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
        let Some(text) = text_or_default(key, &action.values).filter(|text| !text.is_empty()) else { continue };
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
    command::command(action.kind.command, &said)
}

/// Takes the variables and the command line of a step of a known type apart; nothing if it lacks what such a step
/// can't do without.
pub fn action(kind: &'static Kind, mut found: Vec<Variable>, line: &str) -> Option<Action> {
    let mut values = Values::new();
    for key in kind.keys {
        if let Some(array) = arrays::of(kind, key) {
            let tables = arrays::read(&array, &found).filter(|tables| !tables.is_empty());
            values.extend(tables.map(|tables| (key.name, Value::Tables(tables))));
            continue;
        }
        let own = |variable: &&Variable| {
            (variable.property.as_str(), variable.name.as_str(), variable.is_hidden)
                == (key.property, key.variable(), key.is_hidden)
        };
        let Some(said) = found.iter().find(own).map(|variable| variable.value.as_str()) else { continue };
        if !said.is_empty() && default(key).as_deref() != Some(said) {
            values.extend(value(key, said).map(|value| (key.name, value)));
        }
    }
    let retries = found.iter().find(|variable| variable.property == "RetryCount" && variable.is_hidden);
    let retries = retries.and_then(|variable| variable.value.parse().ok()).filter(|retries| (1..=5).contains(retries));
    let success_codes = found.iter().find(|variable| variable.property == "SuccessCodes" && variable.is_hidden);
    let success_codes =
        success_codes.and_then(|variable| read_codes(&variable.value)).filter(|c| c != kind.success_codes);
    for key in kind.keys {
        let is_asked = match key.form {
            Form::Secret => is_asked(key, &values, &found),
            _ => false,
        };
        if is_asked {
            let reference = SecretRef { env: Some(String::new()), file: None, command: None };
            values.insert(key.name, Value::Secret(reference));
        }
        // Whatever stood there is nobody's to read.
        found.retain(|variable| !matches!(key.form, Form::Secret) || variable.property != key.property);
        if key.is_required && !values.contains_key(key.name) {
            match key.form {
                Form::Text(_) => drop(values.insert(key.name, Value::Text(String::new()))),
                _ => return None,
            }
        }
    }
    let variables = Vec::new();
    let mut action = Action { kind, values, timeout: None, success_codes, retries, command: None, variables };
    let written = self::variables(&action);
    let is_kept = |variable: &Variable| {
        let same = |other: &&Variable| other.property == variable.property && other.name == variable.name;
        match written.iter().find(same) {
            Some(other) => other != variable,
            None => !variable.value.is_empty(),
        }
    };
    action.variables = found.into_iter().filter(is_kept).collect();
    action.command = (template_line(&action) != line).then(|| line.to_owned());
    Some(action)
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
        "pin" => is("Mode", "TPMPIN"),
        "local-password" => is("RestoreLocalUsers", "true"),
        _ => values.contains_key("user"),
    }
}
