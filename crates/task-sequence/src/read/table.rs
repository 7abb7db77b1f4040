//! Reader for a table of a sequence file. Keys that were not read are reported at the end.

use crate::Places;
use authoring::conversions::conversion_help;
use authoring::problem::{Place, Problem, Problems};
use authoring::rule::Rule;
use authoring::spanned::{Node, Table, Value as Raw};
use authoring::suggestions::{nearest, one_of, shorten};

use super::has_failed;

/// Table that is being read.
pub struct TableReader<'a> {
    pub table: &'a Table,
    /// Noun phrase for the table in messages, such as `a condition`.
    pub what: String,
    pub header: Place,
    /// Prefix of keys in `places`: empty, or `partitions/0/`.
    pub prefix: String,
    pub places: &'a mut Places,
    pub problems: &'a mut Problems,
    /// Rule for the limits of the key that is being read.
    pub rule: Option<Rule>,
    /// Problems of missing keys, held back until misspelled keys are known.
    missing: Vec<(String, Problem)>,
}

impl<'a> TableReader<'a> {
    /// Starts to read a table. Any other value is reported.
    pub fn new(node: &'a Node, what: &str, places: &'a mut Places, problems: &'a mut Problems) -> Option<Self> {
        places.whole.get_or_insert_with(|| node.place.clone());
        let Some(table) = node.as_table() else {
            if !has_failed(node) {
                let problem = Problem::error(format!("{what} must be a table")).at(node.place.clone(), "");
                problems.add(problem.help("write a table: `{ key = \"value\" }`"));
            }
            return None;
        };
        let header = node.place.clone();
        Some(Self {
            table,
            what: what.to_owned(),
            header,
            prefix: String::new(),
            places,
            problems,
            rule: None,
            missing: Vec::new(),
        })
    }

    /// Returns a value and records its place.
    pub fn get(&mut self, key: &str) -> Option<&'a Node> {
        let node = self.table.get(key)?;
        self.places.parts.insert(format!("{}{key}", self.prefix), node.place.clone());
        Some(node)
    }

    /// Returns `true` if the table has a key.
    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    pub fn text(&mut self, key: &str, at_most: usize) -> Option<String> {
        let node = self.get(key)?;
        let text = match &node.value {
            Raw::String(text) | Raw::Date(text) => text.clone(),
            _ => return self.report_wrong_type(key, node, "text", "\"…\""),
        };
        let n_chars = text.chars().count();
        if n_chars > at_most {
            let message = format!("`{key}` has {n_chars} characters; at most {at_most} are allowed");
            let problem = Problem::error(message).at(node.place.clone(), "");
            self.report(problem.help(shorten(n_chars - at_most)));
            return None;
        }
        Some(text)
    }

    /// Reads a text that must be set and not be empty.
    pub fn required_text(&mut self, key: &str, at_most: usize, example: &str) -> Option<String> {
        if !self.has(key) {
            self.add_missing(key, example, "");
            return None;
        }
        let text = self.text(key, at_most)?;
        if text.is_empty() {
            let place = self.table.get(key).map_or(self.header.clone(), |node| node.place.clone());
            let help = format!("write it like `{key} = {example}`");
            self.report(Problem::error(format!("`{key}` is empty")).at(place, "").help(help));
            return None;
        }
        Some(text)
    }

    pub fn boolean(&mut self, key: &str) -> Option<bool> {
        let node = self.get(key)?;
        match node.value {
            Raw::Boolean(truth) => Some(truth),
            _ => self.report_wrong_type(key, node, "`true` or `false`", "true"),
        }
    }

    pub fn integer(&mut self, key: &str, (least, most): (i64, i64)) -> Option<i64> {
        let node = self.get(key)?;
        if let Some(text) = node.as_str().filter(|text| text.contains('%')) {
            let message = format!("`{key}` must be a number; the variable in `{text}` is not expanded here");
            let problem = Problem::new(Rule::VariableForNumber, message).at(node.place.clone(), "");
            self.report(
                problem.help(format!("write a number, or a template in quotes: `{key} = \"{{{{ vars.NAME }}}}\"`")),
            );
            return None;
        }
        let Raw::Integer(number) = node.value else {
            return self.report_wrong_type(key, node, "a whole number", &least.max(1).to_string());
        };
        let message = match number {
            number if least == most && number != least => format!("`{key}` must be {least}, not {number}"),
            number if number < least => format!("`{key}` is {number}; the minimum is {least}"),
            number if number > most => format!("`{key}` is {number}; the maximum is {most}"),
            number => return Some(number),
        };
        let problem = Problem::error(message).at(node.place.clone(), "");
        self.report(problem.help(format!("write a number from {least} to {most}")));
        None
    }

    pub fn package(&mut self, key: &str) -> Option<String> {
        let text = self.text(key, 255)?;
        let node = self.table.get(key)?;
        if is_package(&text) {
            return Some(text);
        }
        self.report_invalid_package(key, &text, node, "\"BER00010\"")
    }

    /// Reports a text that is not a package ID.
    pub fn report_invalid_package<T>(&mut self, key: &str, text: &str, node: &Node, example: &str) -> Option<T> {
        let message = format!(
            "`{text}` is not a package ID: expected a site code and five hexadecimal digits, in capital letters"
        );
        let mut problem = Problem::error(message).at(node.place.clone(), "");
        let capitals = text.trim().to_uppercase();
        problem.help = Some(match is_package(&capitals) {
            true => format!("did you mean `{capitals}`?"),
            false => format!("write it like `{key} = {example}`"),
        });
        self.report(problem);
        None
    }

    /// Returns the values of a list; empty if the key is not set.
    pub fn list(&mut self, key: &str) -> Vec<Node> {
        let Some(node) = self.get(key) else { return Vec::new() };
        match &node.value {
            Raw::Array(nodes) => nodes.clone(),
            Raw::Table(_) => {
                let message = format!("`{key}` must be a list of tables, not a table");
                let header = if key == "steps" { "steps".into() } else { format!("steps.{key}") };
                let help = format!("write double brackets for each table of the list: `[[{header}]]`");
                self.report(Problem::error(message).at(node.place.clone(), "").help(help));
                Vec::new()
            }
            _ => self.report_wrong_type(key, node, "a list", "[ … ]").unwrap_or_default(),
        }
    }

    /// Reads a text that has to be one of several words.
    pub fn one_of(&mut self, key: &str, words: &[&str]) -> Option<String> {
        let text = self.text(key, usize::MAX)?;
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        let place = self.table.get(key)?.place.clone();
        let list = one_of(words.iter().copied());
        let help = match nearest(&text, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write {list}"),
        };
        self.report(Problem::error(format!("`{key}` must be {list}, not `{text}`")).at(place, "").help(help));
        None
    }

    /// Reads a table of texts.
    pub fn map(&mut self, key: &str) -> Option<Vec<(String, String)>> {
        let node = self.get(key)?;
        let Some(table) = node.as_table() else {
            return self.report_wrong_type(key, node, "a table", "{ Name = \"value\" }");
        };
        let mut map = Vec::new();
        for entry in &table.0 {
            match &entry.node.value {
                Raw::String(text) => map.push((entry.name.clone(), text.clone())),
                _ => self.report_wrong_type(&entry.name, &entry.node, "text", "\"…\"")?,
            }
        }
        Some(map)
    }

    /// Records that a required key is missing.
    pub fn add_missing(&mut self, key: &str, example: &str, purpose: &str) {
        let purpose = if purpose.is_empty() { String::new() } else { format!(": {purpose}") };
        let problem = Problem::error(format!("{} needs `{key}`", self.what)).at(self.header.clone(), "");
        let mut problem = problem.help(format!("write `{key} = {example}`{purpose}"));
        problem.rule = self.rule;
        self.missing.push((key.to_owned(), problem));
    }

    /// Withdraws the problems of missing keys.
    pub fn allow_missing(&mut self, keys: &[&str]) {
        self.missing.retain(|(key, _)| !keys.contains(&key.as_str()));
    }

    /// Reports unknown keys and missing keys.
    ///
    /// A key that is missing because it is misspelled is reported only once, at the misspelled key.
    pub fn finish(mut self, known: &[&str]) {
        for entry in &self.table.0 {
            if known.contains(&entry.name.as_str()) {
                continue;
            }
            let list = one_of(known.iter().copied()).replace(" or ", " and ");
            let help = match nearest(&entry.name, known.iter().copied()) {
                Some(near) => {
                    // The misspelled key explains the missing one.
                    self.missing.retain(|(key, _)| key != near);
                    format!("did you mean `{near}`? {} has the keys {list}", self.what)
                }
                None => format!("{} has the keys {list}", self.what),
            };
            let problem = Problem::error(format!("{} has no key `{}`", self.what, entry.name));
            self.problems.add(problem.at(entry.key.clone(), "").help(help));
        }
        self.report_missing();
    }

    /// Reports missing keys without checking for unknown ones.
    pub fn report_missing(self) {
        self.missing.into_iter().for_each(|(_, problem)| self.problems.add(problem));
    }

    /// Reports a value of the wrong type.
    pub fn report_wrong_type<T>(&mut self, key: &str, node: &Node, expected: &str, example: &str) -> Option<T> {
        let found = match &node.value {
            Raw::Failed => return None,
            Raw::String(_) => "text",
            Raw::Integer(_) | Raw::Float(_) => "a number",
            Raw::Boolean(true) => "`true`",
            Raw::Boolean(false) => "`false`",
            Raw::Date(_) => "a date",
            Raw::Array(_) => "a list",
            Raw::Table(_) => "a table",
        };
        let wanted = match expected {
            "text" => "string",
            "`true` or `false`" => "boolean",
            "a whole number" => "integer",
            _ => "",
        };
        let text = &self.problems.source(node.place.source).text;
        let raw = text.get(node.place.span.clone()).unwrap_or_default();
        let help = conversion_help(key, &[wanted], &node.to_json(), raw);
        let help = help.unwrap_or_else(|| format!("write it like `{key} = {example}`"));
        let problem = Problem::error(format!("`{key}` must be {expected}, not {found}")).at(node.place.clone(), "");
        self.report(problem.help(help));
        None
    }

    /// Reports a problem under the rule of the current key, unless it has its own.
    pub fn report(&mut self, problem: Problem) {
        let rule = problem.rule.or(self.rule);
        self.problems.add(problem.with_rule(rule));
    }
}

/// Returns `true` for a package ID: a site code and five hexadecimal digits.
pub fn is_package(text: &str) -> bool {
    let is_code = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit();
    let is_digit = |c: u8| c.is_ascii_digit() || (b'A'..=b'F').contains(&c);
    let bytes = text.as_bytes();
    bytes.len() == 8 && bytes[..3].iter().copied().all(is_code) && bytes[3..].iter().copied().all(is_digit)
}
