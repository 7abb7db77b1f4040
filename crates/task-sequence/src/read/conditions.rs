//! Conditions as sequence files have them: tables that are told apart by the key that names the test.

use crate::condition::{Condition, Operator, Test};
use authoring::problem::Problem;
use authoring::spanned::{Node, Value as Raw};

use super::is_hole;
use super::table::Reading;
use crate::limits::MAX_SEQUENCE_DEPTH;

/// The tests: the key that tells each, what it asks, and the other keys that it takes.
pub const TESTS: [(&str, &str, &[&str]); 9] = [
    ("variable", "Compares a variable of the task sequence.", &["operator", "value"]),
    ("registry", "Compares a value of the registry.", &["value", "type", "operator", "data"]),
    ("file", "Whether a file is there.", &["version", "version-operator", "modified", "modified-operator"]),
    ("folder", "Whether a folder is there.", &["modified", "modified-operator"]),
    ("wmi", "Whether a query of Windows Management Instrumentation has a result.", &["namespace"]),
    (
        "software",
        "Whether a product is installed, by its product code.",
        &["upgrade-code", "name", "version", "any-version"],
    ),
    ("os", "Whether the running system is one of these.", &[]),
    ("os-language", "Whether the running system has this language.", &[]),
    ("class", "A test that tsmedia does not know, as it was imported.", &["properties"]),
];

/// The combinations: their keys, and what they mean.
pub const COMBINED: [(&str, &str); 3] =
    [("all", "All of these hold."), ("any", "One of these holds, or more."), ("none", "None of these holds.")];

impl Reading<'_> {
    pub fn condition(&mut self, key: &str) -> Option<Condition> {
        let node = self.get(key)?;
        self.condition_at(node, key, 0)
    }

    fn condition_at(&mut self, node: &Node, place: &str, depth: usize) -> Option<Condition> {
        if is_hole(node) {
            return None;
        }
        self.written.parts.insert(place.to_owned(), node.place.clone());
        let mut table = Reading::new(node, "a condition", self.written, self.problems)?;
        table.prefix = format!("{place}/");
        let keys = || TESTS.iter().map(|test| test.0).chain(COMBINED.iter().map(|combined| combined.0));
        let mut said: Vec<_> = keys().filter(|key| table.has(key)).collect();
        if depth > MAX_SEQUENCE_DEPTH {
            let problem = Problem::error(format!("conditions nest more than {MAX_SEQUENCE_DEPTH} deep"));
            table.complain(problem.at(node.place.clone(), ""));
            return None;
        }
        let (Some(kind), true) = (said.pop(), said.is_empty()) else {
            let list = authoring::suggestions::one_of(keys());
            let message = match said.first() {
                Some(first) => format!("a condition is one test, and this one is `{first}` and another"),
                None => "a condition must say what it tests".into(),
            };
            let help = match said.is_empty() {
                true => format!("write {list}"),
                false => "write `all = [{ … }, { … }]` for several that hold together".to_owned(),
            };
            table.complain(Problem::error(message).at(node.place.clone(), "").help(help));
            return None;
        };
        if COMBINED.iter().any(|combined| combined.0 == kind) {
            let nodes = table.list(kind);
            table.finish(&[kind]);
            let parts = nodes.iter().enumerate();
            let parts: Vec<_> = parts
                .map(|(index, node)| self.condition_at(node, &format!("{place}/{kind}/{index}"), depth + 1))
                .collect();
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
                    None => self.wrong("os", node, "a list of texts", "[\"All Windows 11 (64-bit)\"]"),
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

    /// An operator; `equals` if there is something to compare with, else `exists`.
    fn operator(&mut self, key: &str, has_value: bool) -> Option<Operator> {
        if !self.has(key) {
            return Some(if has_value { Operator::Equals } else { Operator::Exists });
        }
        let names: Vec<_> = Operator::ALL.iter().map(|row| row.1).collect();
        let name = self.one_of(key, &names)?;
        let operator = Operator::ALL.iter().find(|row| row.1 == name).map(|row| row.0)?;
        if operator.is_about_presence() == has_value {
            let place = self.table.get(key).map_or(self.header.clone(), |node| node.place.clone());
            let (message, help) = match has_value {
                true => (format!("`{name}` compares with nothing"), "leave out the value"),
                false => (
                    format!("`{name}` has nothing to compare with"),
                    "say it as `value`, or as `data` of a registry value",
                ),
            };
            self.complain(Problem::error(message).at(place, "").help(help));
            return None;
        }
        Some(operator)
    }

    /// A value and how it compares; the outer nothing if it is wrong.
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
