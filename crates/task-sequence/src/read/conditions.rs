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

impl TableReader<'_> {
    pub fn condition(&mut self, key: &str) -> Option<Condition> {
        let node = self.get(key)?;
        self.condition_at(node, key, 0)
    }

    fn condition_at(&mut self, node: &Node, place: &str, depth: usize) -> Option<Condition> {
        if has_failed(node) {
            return None;
        }
        self.places.parts.insert(place.to_owned(), node.place.clone());
        let mut table = TableReader::new(node, "a condition", self.places, self.problems)?;
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
                .map(|(index, node)| self.condition_at(node, &format!("{place}/{kind}/{index}"), depth + 1))
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
        let test = table.test(kind);
        let others = TESTS.iter().find(|test| test.0 == kind).map_or(&[][..], |test| test.2);
        table.finish(&[&[kind], others].concat());
        test.map(Condition::Test)
    }

    fn test(&mut self, kind: &str) -> Option<Test> {
        Some(match kind {
            "variable" => {
                let value = self.text("value", usize::MAX);
                let name = self.required_text("variable", 256, "\"_SMSTSInWinPE\"")?;
                let operator = self.operator("operator", value.is_some())?;
                Test::Variable { name, operator, value: value.unwrap_or_default() }
            }
            "registry" => {
                let key = self.required_text("registry", 1024, "'HKLM\\SOFTWARE\\Contoso'")?;
                let value = self.text("value", 1024).unwrap_or_default();
                let kinds = ["REG_SZ", "REG_EXPAND_SZ", "REG_DWORD"];
                let kind = match self.has("type") {
                    true => self.one_of("type", &kinds)?,
                    false => "REG_SZ".into(),
                };
                let data = self.text("data", usize::MAX);
                let operator = self.operator("operator", data.is_some())?;
                Test::Registry { key, value, kind, operator, data: data.unwrap_or_default() }
            }
            "file" => Test::File {
                path: self.required_text("file", 1024, "'C:\\Windows\\explorer.exe'")?,
                version: self.compared("version", "version-operator")?,
                modified: self.compared("modified", "modified-operator")?,
            },
            "folder" => Test::Folder {
                path: self.required_text("folder", 1024, "'C:\\Windows'")?,
                modified: self.compared("modified", "modified-operator")?,
            },
            "wmi" => Test::Wmi {
                query: self.required_text("wmi", 1 << 16, "\"SELECT * FROM Win32_Battery\"")?,
                namespace: self.text("namespace", 1024).unwrap_or_else(|| "root\\cimv2".into()),
            },
            "software" => Test::Software {
                product_code: self.text("software", 255)?,
                upgrade_code: self.text("upgrade-code", 255).unwrap_or_default(),
                name: self.text("name", 1024).unwrap_or_default(),
                version: self.text("version", 255).unwrap_or_default(),
                is_any_version: self.boolean("any-version").unwrap_or(false),
            },
            "os" => {
                let nodes = self.list("os");
                let names = nodes.iter().map(|node| match node.as_str() {
                    Some(name) => Some(name.to_owned()),
                    None => self.report_wrong_type("os", node, "a list of texts", "[\"All Windows 11 (64-bit)\"]"),
                });
                Test::OsVersion(names.collect::<Option<_>>()?)
            }
            "os-language" => Test::OsLanguage(self.integer("os-language", (1, 0xffff))?),
            _ => {
                let class = self.required_text("class", 256, "\"SMS_TaskSequence_…\"")?;
                let properties = match self.get("properties").map(|node| &node.value) {
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
    fn operator(&mut self, key: &str, has_value: bool) -> Option<Operator> {
        if !self.has(key) {
            return Some(if has_value { Operator::Equals } else { Operator::Exists });
        }
        let names: Vec<_> = Operator::ALL.iter().map(|row| row.1).collect();
        let name = self.one_of(key, &names)?;
        let operator = Operator::ALL.iter().find(|row| row.1 == name).map(|row| row.0)?;
        if operator.tests_existence() == has_value {
            let place = self.table.get(key).map_or(self.header.clone(), |node| node.place.clone());
            let (message, help) = match has_value {
                true => (format!("`{name}` takes no value"), "remove the value"),
                false => {
                    (format!("`{name}` needs a value to compare with"), "add `value`, or `data` for a registry value")
                }
            };
            self.report(Problem::error(message).at(place, "").help(help));
            return None;
        }
        Some(operator)
    }

    /// Reads a value with its operator: `Some(None)` if it is not set, `None` if it is invalid.
    #[allow(clippy::option_option)]
    fn compared(&mut self, key: &str, operator_key: &str) -> Option<Option<(Operator, String)>> {
        if !self.has(key) {
            return Some(None);
        }
        let value = self.text(key, 255)?;
        let operator = self.operator(operator_key, true)?;
        Some(Some((operator, value)))
    }
}
