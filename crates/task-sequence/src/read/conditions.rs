//! Conditions in sequence files: tables that are distinguished by the key that names the test.

use crate::condition::{Condition, Operator, Test};
use authoring::problem::Problem;
use authoring::spanned::{Node, Value as Raw};

use super::has_failed;
use super::table::TableReader;
use crate::limits::MAX_SEQUENCE_DEPTH;

/// Tests: key, description, and further keys.
pub const TESTS: [(&str, &str, &[&str]); 9] = [
    ("variable", "Compares a task sequence variable, given by its name.", &["operator", "value"]),
    ("registry", "Compares a registry value, given by its key.", &["value", "type", "operator", "data"]),
    (
        "file",
        "Tests that the file with this path exists.",
        &["version", "version-operator", "modified", "modified-operator"],
    ),
    ("folder", "Tests that the folder with this path exists.", &["modified", "modified-operator"]),
    ("wmi", "Tests that this WQL query has a result.", &["namespace"]),
    (
        "software",
        "Tests that a product is installed, given by its MSI product code.",
        &["upgrade-code", "name", "version", "any-version"],
    ),
    ("os", "Tests that the running operating system is one of these, such as `All Windows 11 (64-bit)`.", &[]),
    ("os-language", "Tests the language of the running operating system, a decimal number such as 1033.", &[]),
    ("class", "Keeps a test of an unknown class as it was imported.", &["properties"]),
];

/// Combinations of conditions: key and description.
pub const COMBINED: [(&str, &str); 3] = [
    ("all", "True if all of these conditions are true."),
    ("any", "True if at least one of these conditions is true."),
    ("none", "True if none of these conditions is true."),
];

/// Reads the condition under a key.
pub fn condition(reader: &mut TableReader, key: &str) -> Option<Condition> {
    let node = reader.get(key)?;
    condition_at(reader, node, key, 0)
}

fn condition_at(reader: &mut TableReader, node: &Node, place: &str, depth: usize) -> Option<Condition> {
    if has_failed(node) {
        return None;
    }
    reader.places.parts.insert(place.to_owned(), node.place.clone());
    let mut table = TableReader::new(node, "a condition", reader.places, reader.problems)?;
    table.prefix = format!("{place}/");
    let keys = || TESTS.iter().map(|test| test.0).chain(COMBINED.iter().map(|combined| combined.0));
    let mut set: Vec<_> = keys().filter(|key| table.has(key)).collect();
    if depth > MAX_SEQUENCE_DEPTH {
        let problem = Problem::error(format!("conditions are nested deeper than {MAX_SEQUENCE_DEPTH} levels"));
        table.report(problem.at(node.place.clone(), ""));
        return None;
    }
    // Exactly one key names a test; `pop` takes the last, so any left over is a second test.
    let (Some(kind), true) = (set.pop(), set.is_empty()) else {
        let list = authoring::suggestions::one_of(keys());
        let message = match set.first() {
            Some(first) => format!("a condition has one test, but this one has `{first}` and another"),
            None => "the condition has no test".into(),
        };
        let help = match set.is_empty() {
            true => format!("write {list}"),
            false => "combine them with `all = [{ … }, { … }]`".to_owned(),
        };
        table.report(Problem::error(message).at(node.place.clone(), "").help(help));
        return None;
    };
    if COMBINED.iter().any(|combined| combined.0 == kind) {
        let nodes = table.list(kind);
        table.finish(&[kind]);
        let parts = nodes.iter().enumerate();
        let parts: Vec<_> = parts
            .map(|(index, node)| condition_at(reader, node, &format!("{place}/{kind}/{index}"), depth + 1))
            .collect();
        // All parts were read before one that failed ends this, so that each wrong part is
        // reported.
        let parts = parts.into_iter().collect::<Option<Vec<_>>>()?;
        return Some(match kind {
            "all" => Condition::All(parts),
            "any" => Condition::Any(parts),
            _ => Condition::None(parts),
        });
    }
    let found = test(&mut table, kind);
    let others = TESTS.iter().find(|test| test.0 == kind).map_or(&[][..], |test| test.2);
    table.finish(&[&[kind], others].concat());
    found.map(Condition::Test)
}

fn test(reader: &mut TableReader, kind: &str) -> Option<Test> {
    Some(match kind {
        "variable" => {
            let value = reader.text("value", usize::MAX);
            let name = reader.required_text("variable", 256, "\"_SMSTSInWinPE\"")?;
            let operator = operator(reader, "operator", value.is_some())?;
            Test::Variable { name, operator, value: value.unwrap_or_default() }
        }
        "registry" => {
            let key = reader.required_text("registry", 1024, "'HKLM\\SOFTWARE\\Contoso'")?;
            let value = reader.text("value", 1024).unwrap_or_default();
            let kinds = ["REG_SZ", "REG_EXPAND_SZ", "REG_DWORD"];
            let kind = match reader.has("type") {
                true => reader.one_of("type", &kinds)?,
                false => "REG_SZ".into(),
            };
            let data = reader.text("data", usize::MAX);
            let operator = operator(reader, "operator", data.is_some())?;
            Test::Registry { key, value, kind, operator, data: data.unwrap_or_default() }
        }
        "file" => Test::File {
            path: reader.required_text("file", 1024, "'C:\\Windows\\explorer.exe'")?,
            version: compared(reader, "version", "version-operator")?,
            modified: compared(reader, "modified", "modified-operator")?,
        },
        "folder" => Test::Folder {
            path: reader.required_text("folder", 1024, "'C:\\Windows'")?,
            modified: compared(reader, "modified", "modified-operator")?,
        },
        "wmi" => Test::Wmi {
            query: reader.required_text("wmi", 1 << 16, "\"SELECT * FROM Win32_Battery\"")?,
            namespace: reader.text("namespace", 1024).unwrap_or_else(|| "root\\cimv2".into()),
        },
        "software" => Test::Software {
            product_code: reader.text("software", 255)?,
            upgrade_code: reader.text("upgrade-code", 255).unwrap_or_default(),
            name: reader.text("name", 1024).unwrap_or_default(),
            version: reader.text("version", 255).unwrap_or_default(),
            is_any_version: reader.boolean("any-version").unwrap_or(false),
        },
        "os" => {
            let nodes = reader.list("os");
            let names = nodes.iter().map(|node| match node.as_str() {
                Some(name) => Some(name.to_owned()),
                None => reader.report_wrong_type("os", node, "a list of texts", "[\"All Windows 11 (64-bit)\"]"),
            });
            Test::OsVersion(names.collect::<Option<_>>()?)
        }
        "os-language" => Test::OsLanguage(reader.integer("os-language", (1, 0xffff))?),
        _ => {
            let class = reader.required_text("class", 256, "\"SMS_TaskSequence_…\"")?;
            let properties = match reader.get("properties").map(|node| &node.value) {
                Some(Raw::Table(table)) => {
                    let text = |node: &Node| node.as_str().unwrap_or_default().to_owned();
                    table.0.iter().map(|entry| (entry.name.clone(), text(&entry.node))).collect()
                }
                _ => Vec::new(),
            };
            Test::Foreign { class, properties }
        }
    })
}

/// Reads an operator. Default: `equals` with a value, `exists` without.
fn operator(reader: &mut TableReader, key: &str, has_value: bool) -> Option<Operator> {
    if !reader.has(key) {
        return Some(if has_value { Operator::Equals } else { Operator::Exists });
    }
    let names: Vec<_> = Operator::ALL.iter().map(|row| row.1).collect();
    let name = reader.one_of(key, &names)?;
    let operator = Operator::ALL.iter().find(|row| row.1 == name).map(|row| row.0)?;
    if operator.tests_existence() == has_value {
        let place = reader.table.get(key).map_or(reader.header.clone(), |node| node.place.clone());
        let (message, help) = match has_value {
            true => (format!("`{name}` takes no value"), "remove the value"),
            false => (format!("`{name}` needs a value to compare with"), "add `value`, or `data` for a registry value"),
        };
        reader.report(Problem::error(message).at(place, "").help(help));
        return None;
    }
    Some(operator)
}

/// Reads a value with its operator: `Some(None)` if it is not set, `None` if it is invalid.
#[allow(clippy::option_option)]
fn compared(reader: &mut TableReader, key: &str, operator_key: &str) -> Option<Option<(Operator, String)>> {
    if !reader.has(key) {
        return Some(None);
    }
    let value = reader.text(key, 255)?;
    let operator = operator(reader, operator_key, true)?;
    Some(Some((operator, value)))
}
