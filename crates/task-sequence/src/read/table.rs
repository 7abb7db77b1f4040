//! A table of a sequence file, read key by key; what is left over at the end is complained of.

use crate::Written;
use authoring::conversions::conversion_help;
use authoring::problem::{Place, Problem, Problems};
use authoring::rule::Rule;
use authoring::spanned::{Node, Table, Value as Raw};
use authoring::suggestions::{nearest, one_of, shorten};

use super::is_hole;

/// A table that is being read.
pub struct Reading<'a> {
    pub table: &'a Table,
    /// What the table is, in words.
    pub what: String,
    pub header: Place,
    /// What keys are written with before their names in `written`: empty, or `partitions/0/`.
    pub prefix: String,
    pub written: &'a mut Written,
    pub problems: &'a mut Problems,
    /// The rule on the limits of the key that is being read.
    pub rule: Option<Rule>,
    /// Problems with keys that are not there, held until the misspelled ones are known.
    missing: Vec<(String, Problem)>,
}

impl<'a> Reading<'a> {
    /// Begins to read a table; something else is complained of.
    pub fn new(node: &'a Node, what: &str, written: &'a mut Written, problems: &'a mut Problems) -> Option<Self> {
        written.whole.get_or_insert_with(|| node.place.clone());
        let Some(table) = node.as_table() else {
            if !is_hole(node) {
                let problem = Problem::error(format!("{what} must be a table")).at(node.place.clone(), "");
                problems.add(problem.help("write it with its keys: `{ key = \"value\" }`"));
            }
            return None;
        };
        let header = node.place.clone();
        Some(Self {
            table,
            what: what.to_owned(),
            header,
            prefix: String::new(),
            written,
            problems,
            rule: None,
            missing: Vec::new(),
        })
    }

    /// A value, whose place is noted.
    pub fn get(&mut self, key: &str) -> Option<&'a Node> {
        let node = self.table.get(key)?;
        self.written.parts.insert(format!("{}{key}", self.prefix), node.place.clone());
        Some(node)
    }

    /// Whether a key is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    pub fn text(&mut self, key: &str, at_most: usize) -> Option<String> {
        let node = self.get(key)?;
        let text = match &node.value {
            Raw::String(text) | Raw::Date(text) => text.clone(),
            _ => return self.wrong(key, node, "text", "\"…\""),
        };
        let n_chars = text.chars().count();
        if n_chars > at_most {
            let message = format!("`{key}` has {n_chars} characters, and {at_most} is the most it can have");
            let problem = Problem::error(message).at(node.place.clone(), "");
            self.complain(problem.help(shorten(n_chars - at_most)));
            return None;
        }
        Some(text)
    }

    /// Text that must be there and say something.
    pub fn required_text(&mut self, key: &str, at_most: usize, example: &str) -> Option<String> {
        if !self.has(key) {
            self.missing(key, example, "");
            return None;
        }
        let text = self.text(key, at_most)?;
        if text.is_empty() {
            let place = self.table.get(key).map_or(self.header.clone(), |node| node.place.clone());
            let help = format!("write it like `{key} = {example}`");
            self.complain(Problem::error(format!("`{key}` is empty")).at(place, "").help(help));
            return None;
        }
        Some(text)
    }

    pub fn boolean(&mut self, key: &str) -> Option<bool> {
        let node = self.get(key)?;
        match node.value {
            Raw::Boolean(truth) => Some(truth),
            _ => self.wrong(key, node, "`true` or `false`", "true"),
        }
    }

    pub fn integer(&mut self, key: &str, (least, most): (i64, i64)) -> Option<i64> {
        let node = self.get(key)?;
        if let Some(text) = node.as_str().filter(|text| text.contains('%')) {
            let message = format!("`{key}` is a number, and `{text}` can't stand for one");
            let problem = Problem::new(Rule::VariableForNumber, message).at(node.place.clone(), "");
            self.complain(problem.help(format!("write a number; `{key} = {{{{ vars.NAME }}}}` in quotes gives one")));
            return None;
        }
        let Raw::Integer(number) = node.value else {
            return self.wrong(key, node, "a whole number", &least.max(1).to_string());
        };
        let message = match number {
            number if least == most && number != least => format!("`{key}` must be {least}, not {number}"),
            number if number < least => format!("`{key}` is {number}, and {least} is the least it can be"),
            number if number > most => format!("`{key}` is {number}, and {most} is the most it can be"),
            number => return Some(number),
        };
        let problem = Problem::error(message).at(node.place.clone(), "");
        self.complain(problem.help(format!("write a number from {least} to {most}")));
        None
    }

    pub fn package(&mut self, key: &str) -> Option<String> {
        let text = self.text(key, 255)?;
        let node = self.table.get(key)?;
        if is_package(&text) {
            return Some(text);
        }
        self.no_package(key, &text, node, "\"BER00010\"")
    }

    /// Complains of a text that is no package ID.
    pub fn no_package<T>(&mut self, key: &str, text: &str, node: &Node, example: &str) -> Option<T> {
        let message =
            format!("`{text}` cannot be `{key}`: a package ID is a site code and five hexadecimal digits, in capitals");
        let mut problem = Problem::error(message).at(node.place.clone(), "");
        let capitals = text.trim().to_uppercase();
        problem.help = Some(match is_package(&capitals) {
            true => format!("did you mean `{capitals}`?"),
            false => format!("write it like `{key} = {example}`"),
        });
        self.complain(problem);
        None
    }

    /// The values of a list; a list that is not there has none.
    pub fn list(&mut self, key: &str) -> Vec<Node> {
        let Some(node) = self.get(key) else { return Vec::new() };
        match &node.value {
            Raw::Array(nodes) => nodes.clone(),
            Raw::Table(_) => {
                let message = format!("`{key}` must be a list of tables, not a table");
                let header = if key == "steps" { "steps".into() } else { format!("steps.{key}") };
                let help = format!("lists of tables are written with double brackets, once for each: `[[{header}]]`");
                self.complain(Problem::error(message).at(node.place.clone(), "").help(help));
                Vec::new()
            }
            _ => self.wrong(key, node, "a list", "[ … ]").unwrap_or_default(),
        }
    }

    /// Complains of a key that must be there.
    pub fn missing(&mut self, key: &str, example: &str, purpose: &str) {
        let purpose = if purpose.is_empty() { String::new() } else { format!(": {purpose}") };
        let problem = Problem::error(format!("{} needs `{key}`", self.what)).at(self.header.clone(), "");
        let mut problem = problem.help(format!("write `{key} = {example}`{purpose}"));
        problem.rule = self.rule;
        self.missing.push((key.to_owned(), problem));
    }

    /// Takes back that keys are missing.
    pub fn excuse(&mut self, keys: &[&str]) {
        self.missing.retain(|(key, _)| !keys.contains(&key.as_str()));
    }

    /// Reports every key that is not among those known, and every one that is missing. A key that is missing because it
    /// is misspelled is one mistake, told at the misspelled key.
    pub fn finish(mut self, known: &[&str]) {
        for entry in &self.table.0 {
            if known.contains(&entry.name.as_str()) {
                continue;
            }
            let list = one_of(known.iter().copied()).replace(" or ", " and ");
            let help = match nearest(&entry.name, known.iter().copied()) {
                Some(near) => {
                    self.missing.retain(|(key, _)| key != near);
                    format!("did you mean `{near}`? {} takes {list}", self.what)
                }
                None => format!("{} takes {list}", self.what),
            };
            let problem = Problem::error(format!("{} has no key `{}`", self.what, entry.name));
            self.problems.add(problem.at(entry.key.clone(), "").help(help));
        }
        self.report_missing();
    }

    /// Reports the keys that are missing, whatever else the table holds.
    pub fn report_missing(self) {
        self.missing.into_iter().for_each(|(_, problem)| self.problems.add(problem));
    }

    /// Complains of a value of the wrong type.
    pub fn wrong<T>(&mut self, key: &str, node: &Node, expected: &str, example: &str) -> Option<T> {
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
        self.complain(problem.help(help));
        None
    }

    /// Complains, by the rule on the key unless the problem has its own.
    pub fn complain(&mut self, problem: Problem) {
        let rule = problem.rule.or(self.rule);
        self.problems.add(problem.with_rule(rule));
    }
}

/// Whether a text is a package ID: a site code and five hexadecimal digits.
pub fn is_package(text: &str) -> bool {
    let is_code = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit();
    let is_digit = |c: u8| c.is_ascii_digit() || (b'A'..=b'F').contains(&c);
    let bytes = text.as_bytes();
    bytes.len() == 8 && bytes[..3].iter().copied().all(is_code) && bytes[3..].iter().copied().all(is_digit)
}
