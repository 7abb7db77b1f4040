//! Arrays in XML: a count, and numbered variables for the properties of each element. The rules of
//! Set Dynamic Variables are a document within the document instead.

use crate::catalog::{Key, ValueType};
use crate::condition::Operator;
use crate::{Action, Value, Values, Variable};

use super::PREFIX;
use super::document::{self, Element};
use super::values::{StepVariable, is_default, parse_value, text_or_default};

/// XML form of an array.
pub enum Array {
    /// Numbered variables: the names and properties of the key, followed by the index of the
    /// element.
    Numbered { key: &'static Key, keys: &'static [Key] },
    /// Rules in an XML document of their own.
    Rules { key: &'static Key, keys: &'static [Key] },
}

/// Maximum number of elements of an array. A GPT disk has up to 128 partitions.
const MAX_LEN: usize = 1000;

/// Returns the array form of a key with a list of tables.
pub fn array_form(key: &'static Key) -> Option<Array> {
    let ValueType::Tables(keys) = key.value_type else { return None };
    Some(if key.name == "rules" { Array::Rules { key, keys } } else { Array::Numbered { key, keys } })
}

fn variable(name: &str, property: &str, is_hidden: bool, value: impl Into<String>) -> Variable {
    Variable { name: name.to_owned(), property: property.to_owned(), is_hidden, value: value.into() }
}

/// Returns the variables of an array as one group.
pub fn write(array: &Array, action: &Action) -> Option<Vec<StepVariable>> {
    match array {
        Array::Rules { key, keys } => {
            let is_set = action.values.contains_key(key.name);
            let rules = write_rules(keys, action.tables(key.name));
            Some(vec![StepVariable { variable: variable(key.variable(), key.property, key.is_hidden, rules), is_set }])
        }
        Array::Numbered { key, keys } => {
            let is_set = action.values.contains_key(key.name);
            // Consoles write the count of partitions even if it is zero, but no other empty array.
            if !is_set && !action.is("partition-disk") {
                return None;
            }
            let (name, property) = (key.variable(), key.property);
            let tables = action.tables(key.name);
            let count = variable(name, property, true, tables.len().to_string());
            let mut all = vec![StepVariable { variable: count, is_set }];
            for (number, values) in tables.iter().enumerate() {
                let (name, property) = (format!("{name}{number}"), format!("{property}{number}"));
                let mut own = element(key, keys, values);
                // Consoles sort the properties within each element.
                own.sort_by(|one, other| one.variable.property.cmp(&other.variable.property));
                all.extend(own.into_iter().map(|own| StepVariable {
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

/// Returns the variables of an element, without the common prefix of their names.
fn element(list: &Key, keys: &'static [Key], values: &Values) -> Vec<StepVariable> {
    // Variables of adapters apply to the whole sequence, and are hidden in the step.
    let is_hidden = list.name == "adapters";
    let own = |key: &Key| {
        let variable = variable(key.variable(), key.property, is_hidden, text_or_default(key, values)?);
        Some(StepVariable { variable, is_set: values.contains_key(key.name) })
    };
    let mut all: Vec<_> = keys.iter().filter_map(own).collect();
    match list.name {
        "applications" => {
            all.push(StepVariable { variable: variable("Description", "Description", false, "Valid"), is_set: false })
        }
        "partitions" if !values.contains_key("size") => {
            // Consoles write 100 percent for a partition that takes the remaining space.
            all.retain(|own| own.variable.name != "SizeUnits");
            for (name, value) in [("Size", "100"), ("SizeUnits", "PERCENT")] {
                all.push(StepVariable { variable: variable(name, name, false, value), is_set: false });
            }
        }
        _ => {}
    }
    all
}

/// Reads the elements of an array from variables. The caller keeps all variables that do not result
/// from these elements.
pub fn read(array: &Array, found: &[Variable]) -> Option<Vec<Values>> {
    let value_of = |name: &str, property: &str| {
        found.iter().find(|one| one.name == name && one.property == property).map(|one| one.value.as_str())
    };
    match array {
        Array::Rules { key, keys } => {
            let text = value_of(key.variable(), key.property)?;
            // Rules in any other form are kept as text, since writing them would change the document.
            read_rules(keys, text).filter(|tables| write_rules(keys, tables) == text)
        }
        Array::Numbered { key, keys } => {
            let (name, property) = (key.variable(), key.property);
            let count: usize = value_of(name, property)?.parse().ok().filter(|count| *count <= MAX_LEN)?;
            let element = |number: usize| {
                let mut values = Values::new();
                for key in *keys {
                    let name = format!("{name}{number}{}", key.variable());
                    let property = format!("{property}{number}{}", key.property);
                    let text = value_of(&name, &property).filter(|text| !text.is_empty());
                    let text = text.filter(|text| !is_default(key, &values, text));
                    values.extend(text.and_then(|text| parse_value(key, text)).map(|value| (key.name, value)));
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

/// Tests of rules: class, and properties with their keys, in the order in which the console writes
/// them.
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

/// Writes rules as a document.
fn write_rules(keys: &'static [Key], tables: &[Values]) -> String {
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
    // Consoles end the document with a line break. On an error, return a character that is not allowed in XML either, so that writing the outer document fails.
    document::write(&rules).map_or_else(|_| "\u{1}".into(), |text| text + "\n")
}

/// Returns the operator of a rule in XML. Default: `equals`.
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
                    text = Operator::from_xml(&text).map_or(text, |operator| operator.name().to_owned());
                }
                if !text.is_empty() && key.default != Some(text.as_str()) {
                    values.insert(key.name, parse_value(key, &text)?);
                }
            }
        }
        let (mut map, mut hidden): (Vec<(String, String)>, _) = (Vec::new(), Vec::new());
        for variable in rule.child("Variables")?.children() {
            let name = variable.attribute("Name")?.to_owned();
            // A map can't hold two variables of one name.
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
