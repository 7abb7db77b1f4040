//! Comparison of the catalog with the steps that consoles write.

use std::collections::BTreeSet;

use super::{from_toml, through_a_file};
use crate::catalog::observed::{OBSERVED, ObservedClass};
use crate::catalog::{self, Evidence, Key, StepKind, ValueType};
use crate::xml::document::{self, Element};
use crate::xml::{PREFIX, command, read, step};
use crate::{Action, Body, Value, Values};

/// Returns a value of the type of a key.
fn value(key: &Key) -> Value {
    let text = |text: &str| Value::Text(text.into());
    match &key.value_type {
        ValueType::Text(_) => text("Text"),
        ValueType::Integer(least, _) => Value::Integer(*least),
        ValueType::Boolean => Value::Boolean(true),
        ValueType::Choice(choices) => text(choices[0].name),
        ValueType::Package => text("BER00010"),
        ValueType::Application => text("ScopeId_1/Application_1"),
        ValueType::Secret => unreachable!("secrets are not written"),
        ValueType::Variable => text("Name"),
        ValueType::Texts => Value::Texts(vec!["One".into()]),
        ValueType::Packages => Value::Texts(vec!["BER00010".into()]),
        ValueType::Integers => Value::Integers(vec![1]),
        ValueType::Map => Value::Map(vec![("Name".into(), "Value".into())]),
        ValueType::Tables(keys) => Value::Tables(vec![values(keys)]),
    }
}

fn values(keys: &'static [Key]) -> Values {
    keys.iter().filter(|key| !matches!(key.value_type, ValueType::Secret)).map(|key| (key.name, value(key))).collect()
}

fn action(kind: &'static StepKind, values: Values) -> Action {
    let (variables, omitted) = (Vec::new(), Vec::new());
    Action { kind, values, timeout: None, success_codes: None, retries: None, command: None, variables, omitted }
}

/// Returns names, properties and hidden flags of the variables that steps of a type can have, with
/// `#` for a number.
fn variables_of(kind: &'static StepKind) -> BTreeSet<(String, String, bool)> {
    let mut least = values(kind.keys);
    least.retain(|name, _| *name == "packages" || *name == "base-variable");
    let all = [action(kind, values(kind.keys)), action(kind, least)];
    let mut found: BTreeSet<_> = all
        .iter()
        .flat_map(step::variables)
        .map(|variable| (variable.name, variable.property, variable.is_hidden))
        .collect();
    let secrets = kind.keys.iter().filter(|key| matches!(key.value_type, ValueType::Secret));
    found.extend(secrets.map(|key| (key.variable().to_owned(), key.property.to_owned(), key.is_hidden)));
    let numbered = |text: &str, list: &str| match text.strip_prefix(list).and_then(|rest| rest.strip_prefix('0')) {
        Some(rest) => format!("{list}#{rest}"),
        None => text.to_owned(),
    };
    for list in kind.keys.iter().filter(|key| matches!(key.value_type, ValueType::Tables(_))) {
        let number = |(name, property, is_hidden): (String, String, bool)| {
            (numbered(&name, list.variable()), numbered(&property, list.property), is_hidden)
        };
        found = found.into_iter().map(number).collect();
    }
    found
}

#[test]
fn every_class_and_variable_that_consoles_write_is_in_the_catalog() {
    let mut faults = Vec::new();
    for class in OBSERVED {
        let Some(kind) = catalog::find_by_class(class.class) else {
            faults.push(format!("{} is not in the catalog", class.class));
            continue;
        };
        let name = kind.name;
        if kind.element() != class.element {
            faults.push(format!("{name}: the element is {}", class.element));
        }
        if kind.runs_in() != class.runs_in.first().copied() {
            faults.push(format!("{name}: runIn is {:?}", class.runs_in));
        }
        if Some(kind.retries().to_string().as_str()) != class.retries.first().copied() {
            faults.push(format!("{name}: retryCount is {:?}", class.retries));
        }
        let own = variables_of(kind);
        for seen in class.variables {
            if !own.contains(&(seen.name.to_owned(), seen.property.to_owned(), seen.is_hidden)) {
                faults.push(format!("{name}: {} of {}, hidden {}", seen.name, seen.property, seen.is_hidden));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Returns the words of a command line without their values: `osddriverclient.exe`, `/install`,
/// `/unsigned`.
fn words(line: &str) -> Vec<&str> {
    let is_word = |word: &&str| word.starts_with('/') || word.ends_with(".exe") || word.starts_with("\"/");
    line.split_whitespace().filter(is_word).map(|word| word.split(':').next().unwrap_or(word)).collect()
}

#[test]
fn command_lines_have_the_switches_of_consoles_in_their_order() {
    for class in OBSERVED {
        let kind = catalog::find_by_class(class.class).unwrap();
        let plain = kind.command.replace(['[', ']', '~'], " ").replace("{purpose}", "capture");
        let all = words(&plain);
        // Parts outside of brackets are in every command line.
        let outside: String = kind
            .command
            .replace("{purpose}", "capture")
            .split('[')
            .map(|part| part.rsplit(']').next().unwrap_or(part))
            .collect();
        for line in class.commands {
            let line = words(line);
            let mut rest = all.iter();
            assert!(line.iter().all(|word| rest.any(|one| one == word)), "{}: {line:?} of {all:?}", kind.name);
            assert!(words(&outside).iter().all(|word| line.contains(word)), "{}: {line:?}", kind.name);
        }
        assert!(command::keys(kind.command).all(|key| !key.is_empty()));
    }
}

#[test]
fn evidence_is_what_was_counted() {
    let evidence = |kind: &str, key: &str| {
        let kind = catalog::find(kind).unwrap();
        kind.evidence_of_keys().into_iter().find(|one| one.0 == key).unwrap().1
    };
    assert_eq!(catalog::find("restart-computer").unwrap().evidence(), Evidence::Seen(164));
    assert_eq!(evidence("apply-driver-package", "package"), Evidence::Seen(124));
    assert_eq!(evidence("partition-disk", "partitions.size"), Evidence::Seen(115));
    assert_eq!(evidence("pre-provision-bitlocker", "partition"), Evidence::Documented);
    assert_eq!(evidence("setup-windows", "pre-production-package"), Evidence::Inferred);
}

/// Returns a value as consoles write it, for a variable of the table.
fn console_value(kind: &StepKind, name: &str) -> String {
    let number = |list: &Key, key: &Key| format!("{}#{}", list.variable(), key.variable());
    let mut value_type = kind.keys.iter().find(|key| key.variable() == name).map(|key| &key.value_type);
    for list in kind.keys {
        if let ValueType::Tables(keys) = list.value_type {
            value_type =
                value_type.or_else(|| keys.iter().find(|key| number(list, key) == name).map(|key| &key.value_type));
        }
    }
    match value_type {
        Some(ValueType::Choice(choices)) => choices[choices.len() - 1].xml.to_owned(),
        Some(ValueType::Boolean) => "true".into(),
        Some(ValueType::Package | ValueType::Packages) => "BER0001F".into(),
        Some(ValueType::Integer(least, _)) => (least + 1).to_string(),
        // The variable of a list is its number of elements.
        Some(ValueType::Tables(_)) => "2".into(),
        Some(_) => "Text".into(),
        None if name.starts_with("OSDCheck") => "true".into(),
        None => "2".into(),
    }
}

/// Builds an export with a step of each class and command line, whose variables have the values of
/// `value`.
///
/// Every `nth` variable is left out.
fn export(value: impl Fn(&StepKind, &str) -> String, nth: usize) -> String {
    let mut root = Element::new("sequence").with("version", "3.10");
    for class in OBSERVED {
        let kind = catalog::find_by_class(class.class).unwrap();
        let commands = if class.commands.is_empty() { &[kind.command] } else { class.commands };
        for (number, line) in commands.iter().enumerate() {
            let mut step = Element::new(class.element)
                .with("type", format!("{PREFIX}{}", class.class))
                .with("name", format!("{} {number}", kind.title))
                .with("description", "");
            if let Some(runs_in) = class.runs_in.last() {
                step = step.with("runIn", *runs_in);
            }
            step = step.with("successCodeList", "0 3010");
            step = step.with("retryCount", *class.retries.last().unwrap()).with("runFromNet", "false");
            step.push(Element::new("action").text(line.replace("<ID>", "BER0001F")));
            step.push(variables(class, kind, &value, nth));
            root.push(step);
        }
    }
    document::write(&root).unwrap()
}

fn variables(
    class: &ObservedClass,
    kind: &StepKind,
    value: &impl Fn(&StepKind, &str) -> String,
    nth: usize,
) -> Element {
    let mut list = Element::new("defaultVarList");
    for (number, seen) in class.variables.iter().enumerate() {
        if (number + 1) % nth == 0 {
            continue;
        }
        let elements = if seen.name.contains('#') { &["0", "1"][..] } else { &[""] };
        for element in elements {
            let [name, property] = [seen.name, seen.property].map(|text| text.replace('#', element));
            let mut variable = Element::new("variable").with("name", name).with("property", property);
            if seen.is_hidden {
                variable = variable.with("hidden", "true");
            }
            let is_secret =
                kind.keys.iter().any(|key| key.variable() == seen.name && matches!(key.value_type, ValueType::Secret));
            let text = if is_secret { String::new() } else { value(kind, seen.name) };
            list.push(variable.text(text));
        }
    }
    list
}

/// Lists everything that counts in a document: sorts attributes and variables, and leaves out
/// variables without a value.
fn tree(element: &Element, depth: usize, lines: &mut Vec<String>) {
    let mut attributes = element.attributes.clone();
    attributes.sort();
    let own = element.own_text();
    lines.push(format!("{}{} {attributes:?} {own:?}", " ".repeat(depth), element.name));
    let mut children: Vec<Vec<String>> = Vec::new();
    for child in element.children().filter(|child| child.name != "variable" || !child.content.is_empty()) {
        let mut lines = Vec::new();
        tree(child, depth + 1, &mut lines);
        children.push(lines);
    }
    if ["defaultVarList", "globalVarList", "referenceList"].contains(&element.name.as_str()) {
        children.sort();
    }
    lines.extend(children.concat());
}

fn assert_same_document(xml: &str) -> crate::Sequence {
    let lines = |xml: &str| {
        let mut lines = Vec::new();
        tree(&document::parse(xml).unwrap(), 0, &mut lines);
        lines
    };
    let (sequence, again) = through_a_file(xml);
    let (before, after) = (lines(xml), lines(&again));
    let gone: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(gone.is_empty() && new.is_empty(), "gone: {gone:#?}\nnew: {new:#?}");
    assert_eq!(before, after);
    sequence
}

#[test]
fn steps_of_consoles_come_out_as_they_went_in() {
    let is_foreign = |step: &&crate::Step| matches!(step.body, Body::Foreign(_));
    for nth in [usize::MAX, 2, 3] {
        let sequence = assert_same_document(&export(console_value, nth));
        assert_eq!(sequence.steps.iter().filter(is_foreign).count(), 0);
        for text in ["0", "%X%", "false", "TRUE", "Percent"] {
            let sequence = assert_same_document(&export(|_, _| text.to_owned(), nth));
            assert_eq!(sequence.steps.iter().filter(is_foreign).count(), 0);
        }
    }
}

#[test]
fn odd_forms_are_kept() {
    let list = |variables: &str| {
        format!(
            "<sequence version=\"3.10\"><referenceList><reference package=\"BER00011\" program=\"Install\"/><reference application=\"S/A\"/><reference package=\"BER00012\" program=\"*\"/><reference package=\"x\" own=\"1\"/></referenceList><step type=\"SMS_TaskSequence_PartitionDiskAction\" name=\"n\" description=\"\" runIn=\"WinPE\" successCodeList=\"0\" retryCount=\"0\" runFromNet=\"false\"><condition><operator type=\"or\"></operator></condition><action>osddiskpart.exe</action><defaultVarList>{variables}</defaultVarList></step></sequence>"
        )
    };
    let variable = |name: &str, property: &str, value: &str| {
        format!("<variable name=\"{name}\" property=\"{property}\">{value}</variable>")
    };
    let unit = variable("OSDPartitions0Size", "Partitions0Size", "50")
        + &variable("OSDPartitions0SizeUnits", "Partitions0SizeUnits", "Percent");
    let twice = variable("OSDDiskIndex", "DiskIndex", "0") + &variable("OSDDiskIndex", "DiskIndex", "1");
    let left_over = variable("OSDPartitions3Type", "Partitions3Type", "PRIMARY");
    let count = "<variable name=\"OSDPartitions\" property=\"Partitions\" hidden=\"true\">1</variable>";
    for text in [String::new(), twice.clone(), format!("{count}{unit}"), format!("{twice}{count}{unit}{left_over}")] {
        assert_same_document(&list(&text));
    }
    // An edited value replaces the imported spelling.
    let mut sequence = read(&list(&format!("{count}{unit}"))).unwrap();
    let Body::Action(action) = &mut sequence.steps[0].body else { panic!("foreign") };
    let Some(Value::Tables(partitions)) = action.values.get_mut("partitions") else { panic!("no partitions") };
    assert_eq!(partitions[0].insert("size-unit", Value::Text("gb".into())), Some(Value::Text("percent".into())));
    assert!(crate::xml::write(&sequence).unwrap().contains("Partitions0SizeUnits\">GB<"));
}

#[test]
fn steps_that_are_written_here_have_the_references_of_consoles() {
    let toml = "sequence-version = 1\nname = 'x'\n\
        [[steps]]\ntype = 'install-package'\nname = 'p'\npackage = 'BER00021'\nprogram = 'Install'\n\
        [[steps]]\ntype = 'run-task-sequence'\nname = 't'\ntask-sequence = 'BER00050'\n\
        [[steps]]\ntype = 'install-application'\nname = 'a'\napplications = [{ id = 'ScopeId_1/Application_1' }]\n";
    let sequence = from_toml(toml).unwrap();
    let xml = crate::xml::write(&sequence).unwrap();
    let list = "<reference package=\"BER00021\" program=\"Install\"/><reference package=\"BER00050\" program=\"*\"/><reference application=\"ScopeId_1/Application_1\"/>";
    assert!(xml.contains(list), "{xml}");
    assert!(xml.contains("<subtasksequence type=\"SMS_TaskSequence_SubTasksequence\" name=\"t\" description=\"\" successCodeList=\"0\" retryCount=\"0\" runFromNet=\"false\"><action>SubTasksequence.exe</action>"), "{xml}");
    assert_eq!(crate::xml::packages(&sequence), ["BER00021"]);
}
