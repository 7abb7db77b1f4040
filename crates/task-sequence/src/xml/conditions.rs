//! Conditions in XML: `condition`, `operator` and `expression`.
//!
//! A test that would not come out again as it is kept with its properties ([`Test::Foreign`]); so are groups of
//! operating systems (`osConditionGroup`), as the whole element: their queries are the site's.

use crate::condition::{Condition, Operator, Test};
use crate::error::{Error, Result};
use crate::limits::MAX_SEQUENCE_DEPTH;

use super::PREFIX;
use super::document::{self, Element};

/// The property that holds a whole element which is no expression.
const WHOLE: &str = "xml";
/// So the editor asks for the language of the running system.
const LANGUAGE: &str = "SELECT OsLanguage FROM Win32_OperatingSystem WHERE OsLanguage=";
const CIM: &str = "root\\cimv2";

/// The element of a condition.
pub fn write(condition: &Condition) -> Result<Element> {
    let mut element = Element::new("condition");
    let operands = beside(condition).unwrap_or(std::slice::from_ref(condition));
    for one in operands {
        element.push(operand(one)?);
    }
    Ok(element)
}

/// The operands of a condition that has several without an operator: `all` in a lone `all`, which means the same as
/// one, and tells them apart.
fn beside(condition: &Condition) -> Option<&[Condition]> {
    let Condition::All(outer) = condition else { return None };
    match &outer[..] {
        [Condition::All(parts)] if parts.len() > 1 => Some(parts),
        _ => None,
    }
}

fn operand(condition: &Condition) -> Result<Element> {
    let (kind, parts) = match condition {
        Condition::All(parts) => ("and", parts),
        Condition::Any(parts) => ("or", parts),
        Condition::None(parts) => ("not", parts),
        Condition::Test(test) => return expression(test),
    };
    let mut element = Element::new("operator").with("type", kind);
    for part in parts {
        element.push(operand(part)?);
    }
    Ok(element)
}

/// The element of a test. Its properties are in alphabetical order, as the console writes them.
fn expression(test: &Test) -> Result<Element> {
    if let Test::Foreign { properties, .. } = test
        && let [(name, xml)] = &properties[..]
        && name == WHOLE
    {
        return document::parse(xml).map_err(|error: Error| error.within("a condition holds XML that can't be read"));
    }
    if let Test::OsVersion(names) = test {
        return systems(names);
    }
    let (class, mut properties) = properties(test);
    properties.sort();
    let class = match test {
        Test::Foreign { .. } => class,
        _ => format!("{PREFIX}{class}ConditionExpression"),
    };
    let mut element = Element::new("expression").with("type", class);
    for (name, value) in properties {
        element.push(Element::new("variable").with("name", name).text(value));
    }
    Ok(element)
}

fn properties(test: &Test) -> (String, Vec<(String, String)>) {
    let compared = |name: &str, compared: &Option<(Operator, String)>| match compared {
        Some((operator, value)) => {
            vec![(name.to_owned(), value.clone()), (format!("{name}Operator"), operator.xml().into())]
        }
        None => Vec::new(),
    };
    let own = |class: &str, pairs: &[(&str, &str)]| {
        (
            class.to_owned(),
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>(),
        )
    };
    match test {
        Test::Variable { name, operator, value } => {
            own("Variable", &[("Operator", operator.xml()), ("Value", value), ("Variable", name)])
        }
        Test::Registry { key, value, kind, operator, data } => own(
            "Registry",
            &[("Data", data), ("KeyPath", key), ("Operator", operator.xml()), ("Type", kind), ("Value", value)],
        ),
        Test::File { path, version, modified } => {
            let (class, mut all) = own("File", &[("Path", path)]);
            all.extend(compared("Version", version));
            all.extend(compared("DateTime", modified));
            (class, all)
        }
        Test::Folder { path, modified } => {
            let (class, mut all) = own("Folder", &[("Path", path)]);
            all.extend(compared("DateTime", modified));
            (class, all)
        }
        Test::Wmi { namespace, query } => own("WMI", &[("Namespace", namespace), ("Query", query)]),
        Test::Software { product_code, upgrade_code, name, version, is_any_version } => {
            let operator = if *is_any_version { "AnyVersion" } else { "ThisVersion" };
            own(
                "Software",
                &[
                    ("Operator", operator),
                    ("ProductCode", product_code),
                    ("ProductName", name),
                    ("UpgradeCode", upgrade_code),
                    ("Version", version),
                ],
            )
        }
        Test::OsLanguage(language) => own("WMI", &[("Namespace", CIM), ("Query", &format!("{LANGUAGE}'{language}'"))]),
        Test::Foreign { class, properties } => (class.clone(), properties.clone()),
        // They are written by `systems`.
        Test::OsVersion(_) => own("", &[]),
    }
}

/// The versions of Windows whose queries are known: name, first and last build, whether it is a server.
const SYSTEMS: [(&str, u32, u32, bool); 6] = [
    ("All Windows 10", 10_240, 19_999, false),
    ("All Windows 11", 22_000, 99_999, false),
    ("All Windows Server 2016", 14_393, 14_393, true),
    ("All Windows Server 2019", 17_763, 17_763, true),
    ("All Windows Server 2022", 20_348, 20_348, true),
    ("All Windows Server 2025", 26_100, 26_100, true),
];

/// A test for one of several systems. A site has a query for each of its platforms, which no sequence file knows.
fn systems(names: &[String]) -> Result<Element> {
    let mut any = Element::new("operator").with("type", "or");
    for name in names {
        let (plain, bits) = match name.strip_suffix(" (64-bit)") {
            Some(plain) => (plain, " AND OSArchitecture = '64-bit'"),
            None => (name.strip_suffix(" (32-bit)").unwrap_or(name), " AND OSArchitecture = '32-bit'"),
        };
        let bits = if plain == name { "" } else { bits };
        let Some((_, first, last, is_server)) = SYSTEMS.iter().find(|system| system.0 == plain) else {
            return Err(Error::unsupported(format!(
                "the query for the operating system `{name}` is the site's, and not known here"
            ))
            .help("write it as a test of `wmi` in place of `os`"));
        };
        let product = if *is_server { "ProductType <> 1" } else { "ProductType = 1" };
        let query = format!(
            "SELECT * FROM Win32_OperatingSystem WHERE BuildNumber >= {first} AND BuildNumber <= {last} AND {product}{bits}"
        );
        any.push(expression(&Test::Wmi { namespace: CIM.into(), query })?);
    }
    Ok(any)
}

/// Reads a condition. Operands beside each other all have to hold.
pub fn read(element: &Element) -> Result<Option<Condition>> {
    let depth = if element.children().count() > 1 { 1 } else { 0 };
    let mut parts = element.children().map(|part| read_operand(part, depth)).collect::<Result<Vec<_>>>()?;
    Ok(match parts.len() {
        0 => None,
        1 => parts.pop(),
        _ => Some(Condition::All(vec![Condition::All(parts)])),
    })
}

fn read_operand(element: &Element, depth: usize) -> Result<Condition> {
    // The operands of a condition get an operator around them, if there are several.
    if depth + 1 > MAX_SEQUENCE_DEPTH {
        return Err(Error::TooLarge(format!("conditions nest more than {MAX_SEQUENCE_DEPTH} deep")));
    }
    match element.name.as_str() {
        "operator" => {
            let parts = element.children().map(|part| read_operand(part, depth + 1)).collect::<Result<Vec<_>>>()?;
            match element.attribute("type") {
                Some("and") => Ok(Condition::All(parts)),
                Some("or") => Ok(Condition::Any(parts)),
                Some("not") => Ok(Condition::None(parts)),
                kind => Err(Error::unsupported(format!("a condition has an operator `{}`", kind.unwrap_or_default()))
                    .help("there is `and`, `or` and `not`")),
            }
        }
        "expression" => Ok(Condition::Test(read_expression(element)?)),
        name => {
            let properties = vec![(WHOLE.to_owned(), document::write(element)?)];
            Ok(Condition::Test(Test::Foreign { class: name.to_owned(), properties }))
        }
    }
}

fn read_expression(element: &Element) -> Result<Test> {
    let class = element.attribute("type").unwrap_or_default();
    let properties: Vec<_> = element
        .children()
        .map(|variable| (variable.attribute("name").unwrap_or_default().to_owned(), variable.own_text()))
        .collect();
    let said = |name: &str| properties.iter().find(|property| property.0 == name).map(|property| property.1.clone());
    if let Some(test) = known(class, &said)
        && written(&test) == present(&properties)
    {
        return Ok(test);
    }
    if class.is_empty() {
        return Err(Error::unsupported("a condition has an expression without a type"));
    }
    let mut names = std::collections::BTreeSet::new();
    if !properties.iter().all(|property| !property.0.is_empty() && names.insert(&property.0)) {
        let properties = vec![(WHOLE.to_owned(), document::write(element)?)];
        return Ok(Test::Foreign { class: class.to_owned(), properties });
    }
    Ok(Test::Foreign { class: class.to_owned(), properties })
}

/// The properties that say something, in their order.
fn present(properties: &[(String, String)]) -> Vec<(String, String)> {
    let mut present: Vec<_> = properties.iter().filter(|property| !property.1.is_empty()).cloned().collect();
    present.sort();
    present
}

fn written(test: &Test) -> Vec<(String, String)> {
    present(&properties(test).1)
}

fn known(class: &str, said: &impl Fn(&str) -> Option<String>) -> Option<Test> {
    let class = class.strip_prefix(PREFIX)?.strip_suffix("ConditionExpression")?;
    let text = |name: &str| said(name).unwrap_or_default();
    let some = |name: &str| said(name).filter(|text| !text.is_empty());
    let operator = |name: &str| Operator::of_xml(&text(name));
    let compared = |name: &str| match some(name) {
        Some(value) => operator(&format!("{name}Operator")).map(|operator| Some((operator, value))),
        None => Some(None),
    };
    Some(match class {
        "Variable" => {
            let (operator, value) = (operator("Operator")?, text("Value"));
            if operator.is_about_presence() && !value.is_empty() {
                return None;
            }
            Test::Variable { name: some("Variable")?, operator, value }
        }
        "Registry" => {
            let (operator, data, kind) = (operator("Operator")?, text("Data"), text("Type"));
            let is_known = ["REG_SZ", "REG_EXPAND_SZ", "REG_DWORD"].contains(&kind.as_str());
            if !is_known || operator.is_about_presence() && !data.is_empty() {
                return None;
            }
            Test::Registry { key: some("KeyPath")?, value: text("Value"), kind, operator, data }
        }
        "File" => Test::File { path: some("Path")?, version: compared("Version")?, modified: compared("DateTime")? },
        "Folder" => Test::Folder { path: some("Path")?, modified: compared("DateTime")? },
        "WMI" => {
            let (namespace, query) = (text("Namespace"), some("Query")?);
            let language = query.strip_prefix(LANGUAGE).map(|rest| rest.trim_matches('\'').parse());
            match language {
                Some(Ok(language @ 1..=0xffff)) if namespace == CIM && query == format!("{LANGUAGE}'{language}'") => {
                    Test::OsLanguage(language)
                }
                _ => Test::Wmi { namespace, query },
            }
        }
        "Software" => Test::Software {
            product_code: text("ProductCode"),
            upgrade_code: text("UpgradeCode"),
            name: text("ProductName"),
            version: text("Version"),
            is_any_version: text("Operator") == "AnyVersion",
        },
        _ => return None,
    })
}
