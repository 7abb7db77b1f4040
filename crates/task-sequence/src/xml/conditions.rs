//! Conditions in XML: `condition`, `operator` and `expression`.
//!
//! A test that would not be written exactly as it was read is kept with its properties as
//! [`Test::Foreign`]. Groups of operating systems (`osConditionGroup`) are kept as whole elements,
//! since only the site knows their queries.

use crate::condition::{Condition, Operator, Test};
use crate::error::{Error, Result};
use crate::limits::MAX_SEQUENCE_DEPTH;

use super::PREFIX;
use super::document::{self, Element};

/// Name of the pseudo-property with an element that is kept whole.
const WHOLE: &str = "xml";
/// Query that the editor writes for a language test.
const LANGUAGE: &str = "SELECT OsLanguage FROM Win32_OperatingSystem WHERE OsLanguage=";
const CIM: &str = "root\\cimv2";

/// Writes a condition as an element.
pub fn write(condition: &Condition) -> Result<Element> {
    let mut element = Element::new("condition");
    // Several operands beside each other mean `and`. They are read as `all` within `all`, which means the same
    // as a single `all` but remains distinguishable.
    let operands = operands_without_operator(condition).unwrap_or(std::slice::from_ref(condition));
    for one in operands {
        element.push(write_operand(one)?);
    }
    Ok(element)
}

/// Returns the operands of a condition with several operands and no operator, which [`read`]
/// represents as `all` within `all`.
fn operands_without_operator(condition: &Condition) -> Option<&[Condition]> {
    let Condition::All(outer) = condition else { return None };
    match &outer[..] {
        [Condition::All(parts)] if parts.len() > 1 => Some(parts),
        _ => None,
    }
}

fn write_operand(condition: &Condition) -> Result<Element> {
    let (kind, parts) = match condition {
        Condition::All(parts) => ("and", parts),
        Condition::Any(parts) => ("or", parts),
        Condition::None(parts) => ("not", parts),
        Condition::Test(test) => return write_expression(test),
    };
    let mut element = Element::new("operator").with("type", kind);
    for part in parts {
        element.push(write_operand(part)?);
    }
    Ok(element)
}

/// Writes a test as an element, with its properties in alphabetical order like the console.
fn write_expression(test: &Test) -> Result<Element> {
    if let Test::Foreign { properties, .. } = test
        && let [(name, xml)] = &properties[..]
        && name == WHOLE
    {
        return document::parse(xml).map_err(|error: Error| error.within("can't read the XML of a condition"));
    }
    if let Test::OsVersion(names) = test {
        return write_os_versions(names);
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
        // Written by `write_os_versions`.
        Test::OsVersion(_) => own("", &[]),
    }
}

/// Versions of Windows with known queries: name, first and last build, `true` for a server.
const OS_VERSIONS: [(&str, u32, u32, bool); 6] = [
    ("All Windows 10", 10_240, 19_999, false),
    ("All Windows 11", 22_000, 99_999, false),
    ("All Windows Server 2016", 14_393, 14_393, true),
    ("All Windows Server 2019", 17_763, 17_763, true),
    ("All Windows Server 2022", 20_348, 20_348, true),
    ("All Windows Server 2025", 26_100, 26_100, true),
];

/// Writes a test for several versions as an `or` of queries.
///
/// A site has a query for each of its platforms; sequence files only know the names.
fn write_os_versions(names: &[String]) -> Result<Element> {
    let mut any = Element::new("operator").with("type", "or");
    for name in names {
        let (plain, bits) = match name.strip_suffix(" (64-bit)") {
            Some(plain) => (plain, " AND OSArchitecture = '64-bit'"),
            None => (name.strip_suffix(" (32-bit)").unwrap_or(name), " AND OSArchitecture = '32-bit'"),
        };
        let bits = if plain == name { "" } else { bits };
        let Some((_, first, last, is_server)) = OS_VERSIONS.iter().find(|system| system.0 == plain) else {
            return Err(Error::unsupported(format!("only the site knows the query for the operating system `{name}`"))
                .help("use a `wmi` test instead of `os`"));
        };
        let product = if *is_server { "ProductType <> 1" } else { "ProductType = 1" };
        let query = format!(
            "SELECT * FROM Win32_OperatingSystem WHERE BuildNumber >= {first} AND BuildNumber <= {last} AND {product}{bits}"
        );
        any.push(write_expression(&Test::Wmi { namespace: CIM.into(), query })?);
    }
    Ok(any)
}

/// Reads a condition. Operands without an operator must all be true.
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
    // Several operands without an operator get one, which adds a level.
    if depth + 1 > MAX_SEQUENCE_DEPTH {
        return Err(Error::TooLarge(format!("conditions are nested deeper than {MAX_SEQUENCE_DEPTH} levels")));
    }
    match element.name.as_str() {
        "operator" => {
            let parts = element.children().map(|part| read_operand(part, depth + 1)).collect::<Result<Vec<_>>>()?;
            match element.attribute("type") {
                Some("and") => Ok(Condition::All(parts)),
                Some("or") => Ok(Condition::Any(parts)),
                Some("not") => Ok(Condition::None(parts)),
                kind => {
                    Err(Error::unsupported(format!("unknown operator `{}` in a condition", kind.unwrap_or_default()))
                        .help("use `and`, `or` or `not`"))
                }
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
    let value_of =
        |name: &str| properties.iter().find(|property| property.0 == name).map(|property| property.1.clone());
    // Only a test that is written exactly like this element is read as such, since nothing may get
    // lost.
    if let Some(test) = parse_test(class, &value_of)
        && non_empty(&self::properties(&test).1) == non_empty(&properties)
    {
        return Ok(test);
    }
    if class.is_empty() {
        return Err(Error::unsupported("a condition contains an expression without a type"));
    }
    // Properties are a table in a sequence file, so they need unique names.
    let mut names = std::collections::BTreeSet::new();
    if !properties.iter().all(|property| !property.0.is_empty() && names.insert(&property.0)) {
        let properties = vec![(WHOLE.to_owned(), document::write(element)?)];
        return Ok(Test::Foreign { class: class.to_owned(), properties });
    }
    Ok(Test::Foreign { class: class.to_owned(), properties })
}

/// Returns the properties with a value, sorted by name.
fn non_empty(properties: &[(String, String)]) -> Vec<(String, String)> {
    let mut present: Vec<_> = properties.iter().filter(|property| !property.1.is_empty()).cloned().collect();
    present.sort();
    present
}

fn parse_test(class: &str, value_of: &impl Fn(&str) -> Option<String>) -> Option<Test> {
    let class = class.strip_prefix(PREFIX)?.strip_suffix("ConditionExpression")?;
    let text = |name: &str| value_of(name).unwrap_or_default();
    let some = |name: &str| value_of(name).filter(|text| !text.is_empty());
    let operator = |name: &str| Operator::from_xml(&text(name));
    let compared = |name: &str| match some(name) {
        Some(value) => operator(&format!("{name}Operator")).map(|operator| Some((operator, value))),
        None => Some(None),
    };
    Some(match class {
        "Variable" => {
            let (operator, value) = (operator("Operator")?, text("Value"));
            if operator.tests_existence() && !value.is_empty() {
                return None;
            }
            Test::Variable { name: some("Variable")?, operator, value }
        }
        "Registry" => {
            let (operator, data, kind) = (operator("Operator")?, text("Data"), text("Type"));
            let is_known = ["REG_SZ", "REG_EXPAND_SZ", "REG_DWORD"].contains(&kind.as_str());
            if !is_known || operator.tests_existence() && !data.is_empty() {
                return None;
            }
            Test::Registry { key: some("KeyPath")?, value: text("Value"), kind, operator, data }
        }
        "File" => Test::File { path: some("Path")?, version: compared("Version")?, modified: compared("DateTime")? },
        "Folder" => Test::Folder { path: some("Path")?, modified: compared("DateTime")? },
        "WMI" => {
            let (namespace, query) = (text("Namespace"), some("Query")?);
            // The editor writes a language test as a WMI query. It is only read as one if it would be written
            // again exactly like this.
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
