//! Arrays in XML: a count, and the properties of each element with its number in their names; and the rules of Set
//! Dynamic Variables, which are a document within the document.

use crate::catalog::{Form, Key};
use crate::condition::Operator;
use crate::{Action, Value, Values, Variable};

use super::PREFIX;
use super::document::{self, Element};
use super::values::{Own, holds_anyway, text_or_default, value};

/// How an array is written.
pub enum Array {
    /// Names and properties of elements begin with those of the key, and their number follows.
    Numbered { key: &'static Key, keys: &'static [Key] },
    /// Rules in XML.
    Rules { key: &'static Key, keys: &'static [Key] },
}

/// The most elements of an array. A disk of GPT has 128 partitions.
const MAX_LEN: usize = 1000;

/// The array of a key, if it has one.
pub fn of(key: &'static Key) -> Option<Array> {
    let Form::Tables(keys) = key.form else { return None };
    Some(if key.name == "rules" { Array::Rules { key, keys } } else { Array::Numbered { key, keys } })
}

fn variable(name: &str, property: &str, is_hidden: bool, value: impl Into<String>) -> Variable {
    Variable { name: name.to_owned(), property: property.to_owned(), is_hidden, value: value.into() }
}

/// The variables of an array, as one group.
pub fn write(array: &Array, action: &Action) -> Option<Vec<Own>> {
    match array {
        Array::Rules { key, keys } => {
            let is_set = action.values.contains_key(key.name);
            let rules = rules(keys, action.tables(key.name));
            Some(vec![Own { variable: variable(key.variable(), key.property, key.is_hidden, rules), is_set }])
        }
        Array::Numbered { key, keys } => {
            let is_set = action.values.contains_key(key.name);
            if !is_set && !action.is("partition-disk") {
                return None;
            }
            let (name, property) = (key.variable(), key.property);
            let tables = action.tables(key.name);
            let count = variable(name, property, true, tables.len().to_string());
            let mut all = vec![Own { variable: count, is_set }];
            for (number, values) in tables.iter().enumerate() {
                let (name, property) = (format!("{name}{number}"), format!("{property}{number}"));
                let mut own = element(key, keys, values);
                own.sort_by(|one, other| one.variable.property.cmp(&other.variable.property));
                all.extend(own.into_iter().map(|own| Own {
                    variable: variable(
                        &(name.clone() + &own.variable.name),
                        &(property.clone() + &own.variable.property),
                        own.variable.is_hidden,
                        own.variable.value,
                    ),
                    is_set: own.is_set,
                }));
            }
            Some(all)
        }
    }
}

/// The variables of an element, less what their names begin with.
fn element(list: &Key, keys: &'static [Key], values: &Values) -> Vec<Own> {
    // What holds for the whole sequence is hidden in the step.
    let is_hidden = list.name == "adapters";
    let own = |key: &Key| {
        let variable = variable(key.variable(), key.property, is_hidden, text_or_default(key, values)?);
        Some(Own { variable, is_set: values.contains_key(key.name) })
    };
    let mut all: Vec<_> = keys.iter().filter_map(own).collect();
    match list.name {
        "applications" => {
            all.push(Own { variable: variable("Description", "Description", false, "Valid"), is_set: false })
        }
        "partitions" if !values.contains_key("size") => {
            // A partition takes what is left of the disk: consoles have no other word for it.
            all.retain(|own| own.variable.name != "SizeUnits");
            for (name, value) in [("Size", "100"), ("SizeUnits", "PERCENT")] {
                all.push(Own { variable: variable(name, name, false, value), is_set: false });
            }
        }
        _ => {}
    }
    all
}

/// The elements of an array, as far as variables say them. What they say besides is for the caller to keep.
pub fn read(array: &Array, found: &[Variable]) -> Option<Vec<Values>> {
    let said = |name: &str, property: &str| {
        found.iter().find(|one| one.name == name && one.property == property).map(|one| one.value.as_str())
    };
    match array {
        Array::Rules { key, keys } => {
            let text = said(key.variable(), key.property)?;
            read_rules(keys, text).filter(|tables| rules(keys, tables) == text)
        }
        Array::Numbered { key, keys } => {
            let (name, property) = (key.variable(), key.property);
            let count: usize = said(name, property)?.parse().ok().filter(|count| *count <= MAX_LEN)?;
            let element = |number: usize| {
                let mut values = Values::new();
                for key in *keys {
                    let name = format!("{name}{number}{}", key.variable());
                    let property = format!("{property}{number}{}", key.property);
                    let text = said(&name, &property).filter(|text| !text.is_empty());
                    let text = text.filter(|text| !holds_anyway(key, &values, text));
                    values.extend(text.and_then(|text| value(key, text)).map(|value| (key.name, value)));
                    if key.is_required && !values.contains_key(key.name) {
                        return None;
                    }
                }
                Some(values)
            };
            (0..count).map(element).collect()
        }
    }
}

/// What rules may ask: the class, and its properties by key, in the order in which the console writes them.
const TESTS: [(&str, &[(&str, &str)]); 4] = [
    (
        "Computer",
        &[
            ("asset-tag", "AssetTag"),
            ("mac-address", "MACAddress"),
            ("serial-number", "SerialNumber"),
            ("uuid", "UUID"),
        ],
    ),
    ("Location", &[("default-gateway", "DefaultGateway")]),
    ("MakeModel", &[("make", "Make"), ("model", "Model")]),
    ("Variable", &[("operator", "Operator"), ("value", "Value"), ("variable", "Variable")]),
];

/// Rules as a document.
fn rules(keys: &'static [Key], tables: &[Values]) -> String {
    let mut rules = Element::new("Rules");
    for table in tables {
        let text = |key: &str| crate::text(table, key).unwrap_or_default();
        let mut rule = Element::new("Rule");
        let mut condition = Element::new("condition");
        for (class, properties) in TESTS {
            if !properties.iter().any(|(key, _)| table.contains_key(key)) {
                continue;
            }
            let mut expression = Element::new("expression").with("type", format!("{PREFIX}{class}ConditionExpression"));
            for (key, property) in properties {
                let text = match *key {
                    "operator" => operator(text(key)),
                    key => text(key),
                };
                expression.push(Element::new("variable").with("name", *property).text(text));
            }
            condition.push(expression);
        }
        if condition.children().next().is_some() {
            rule.push(condition);
        }
        let mut variables = Element::new("Variables");
        if let Some(Value::Map(map)) = keys.last().and_then(|key| table.get(key.name)) {
            for (name, value) in map {
                let is_hidden = matches!(table.get("hide"), Some(Value::Texts(names)) if names.contains(name));
                let variable = Element::new("Variable").with("Name", name).with("IsSecret", is_hidden.to_string());
                variables.push(variable.text(value));
            }
        }
        rule.push(variables);
        rules.push(rule);
    }
    // Consoles put a line break at the end. What can't be in XML makes the whole be refused, as this can't either.
    document::write(&rules).map_or_else(|_| "\u{1}".into(), |text| text + "\n")
}

/// The operator of a rule in XML; `equals` unless said.
fn operator(name: &str) -> &str {
    match Operator::ALL.iter().find(|row| row.1 == name) {
        Some(row) => row.2,
        None if name.is_empty() => Operator::Equals.xml(),
        None => name,
    }
}

fn read_rules(keys: &'static [Key], text: &str) -> Option<Vec<Values>> {
    let document = document::parse(text).ok()?;
    let key = |name: &str| keys.iter().find(|key| key.name == name);
    let rule = |rule: &Element| {
        let mut values = Values::new();
        for expression in rule.child("condition").into_iter().flat_map(Element::children) {
            let class = expression.attribute("type")?.strip_prefix(PREFIX)?.strip_suffix("ConditionExpression")?;
            let properties = TESTS.iter().find(|test| test.0 == class)?.1;
            for variable in expression.children() {
                let name = variable.attribute("name")?;
                let key = key(properties.iter().find(|property| property.1 == name)?.0)?;
                let mut text = variable.own_text();
                if key.name == "operator" {
                    text = Operator::of_xml(&text).map_or(text, |operator| operator.name().to_owned());
                }
                if !text.is_empty() && key.default != Some(text.as_str()) {
                    values.insert(key.name, value(key, &text)?);
                }
            }
        }
        let (mut map, mut hidden): (Vec<(String, String)>, _) = (Vec::new(), Vec::new());
        for variable in rule.child("Variables")?.children() {
            let name = variable.attribute("Name")?.to_owned();
            if map.iter().any(|one| one.0 == name) {
                return None;
            }
            if variable.attribute("IsSecret") == Some("true") {
                hidden.push(name.clone());
            }
            map.push((name, variable.own_text()));
        }
        if !hidden.is_empty() {
            values.insert("hide", Value::Texts(hidden));
        }
        values.insert("set", Value::Map(map));
        Some(values)
    };
    document.children().map(rule).collect()
}
