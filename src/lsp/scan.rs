//! Finds tables, keys and values in TOML that may be half written.
//!
//! The parser of `authoring` rejects text with a syntax error, which text in an editor often has. This scanner continues
//! after anything it does not understand. It is only used for features at the cursor, never for diagnostics.

use std::ops::Range;

/// Tables and values of a text.
#[derive(Debug, Default)]
pub struct Scan {
    /// Tables with headers, and inline tables. The first is the whole file.
    pub groups: Vec<ScannedTable>,
    /// Keys with their values; values of a list are entries too, with the key of the list.
    pub entries: Vec<ScannedEntry>,
}

/// Table of a scanned text.
#[derive(Debug)]
pub struct ScannedTable {
    /// Keys that lead to the table.
    pub path: Vec<String>,
    /// Table around this one. For a table with a header: the nearest one above whose path is a prefix of this path.
    pub parent: Option<usize>,
    /// Bytes from its header to the next one.
    pub range: Range<usize>,
    /// Indexes into [`Scan::entries`].
    entries: Vec<usize>,
}

/// Key with a value.
#[derive(Debug)]
pub struct ScannedEntry {
    /// Index of its table in [`Scan::groups`].
    pub group: usize,
    /// Key.
    pub key: String,
    /// Bytes of the key.
    pub key_range: Range<usize>,
    /// Bytes of the value, with quotes.
    pub value: Range<usize>,
    /// Bytes of a string without quotes; `None` for other values.
    pub inner: Option<Range<usize>>,
}

impl Scan {
    /// Scans a text.
    pub fn new(text: &str) -> Self {
        let mut scanner = Scanner { text, at: 0, scan: Self::default() };
        scanner.document();
        scanner.scan
    }

    /// Returns the innermost table at a byte.
    pub fn group_at(&self, offset: usize) -> usize {
        let holds = |group: &ScannedTable| group.range.start <= offset && offset <= group.range.end;
        let found = self.groups.iter().enumerate().filter(|(_, group)| holds(group));
        // At the border between two tables, the later one.
        found.min_by_key(|(index, group)| (group.range.len(), usize::MAX - index)).map_or(0, |(index, _)| index)
    }

    /// Returns the entry of a key in a table.
    pub fn entry(&self, group: usize, key: &str) -> Option<&ScannedEntry> {
        self.entries_of(group).find(|entry| entry.key == key)
    }

    /// Returns the entries of a table.
    pub fn entries_of(&self, group: usize) -> impl Iterator<Item = &ScannedEntry> {
        self.groups[group].entries.iter().map(|entry| &self.entries[*entry])
    }

    /// Returns the text of a key in a table.
    pub fn text<'a>(&self, text: &'a str, group: usize, key: &str) -> Option<&'a str> {
        text.get(self.entry(group, key)?.inner.clone()?)
    }

    /// Returns the entry whose key or value is at a byte, the innermost one.
    pub fn entry_at(&self, offset: usize) -> Option<&ScannedEntry> {
        let touches = |range: &Range<usize>| range.start <= offset && offset <= range.end;
        let len = |entry: &&ScannedEntry| if touches(&entry.key_range) { 0 } else { entry.value.len() };
        self.entries.iter().filter(|entry| touches(&entry.key_range) || touches(&entry.value)).min_by_key(len)
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    scan: Scan,
}

impl Scanner<'_> {
    fn document(&mut self) {
        self.scan.groups.push(ScannedTable {
            path: Vec::new(),
            parent: None,
            range: 0..self.text.len(),
            entries: Vec::new(),
        });
        let mut group = 0;
        while self.at < self.text.len() {
            self.skip(|c| c.is_whitespace() || c == '\u{feff}');
            match self.peek() {
                None => {}
                Some('#') => self.skip(|c| c != '\n'),
                Some('[') => group = self.header(group),
                Some(_) => {
                    let is_read = self.key_value(group);
                    self.skip(|c| !is_read && c != '\n');
                }
            }
        }
    }

    /// Reads a header, and ends the table above it. Returns the new table.
    fn header(&mut self, above: usize) -> usize {
        let start = self.at;
        self.skip(|c| c == '[');
        let mut path = Vec::new();
        while let Some((key, _)) = self.key() {
            path.push(key);
            self.skip(|c| matches!(c, ' ' | '\t' | '.'));
        }
        self.skip(|c| c != '\n');
        self.scan.groups[above].range.end = start;
        let around =
            self.scan.groups.iter().rposition(|group| group.path.len() < path.len() && path.starts_with(&group.path));
        self.scan.groups.push(ScannedTable {
            path,
            parent: around,
            range: start..self.text.len(),
            entries: Vec::new(),
        });
        self.scan.groups.len() - 1
    }

    /// Reads a key and its value; `false` if there is none.
    fn key_value(&mut self, group: usize) -> bool {
        let mut group = group;
        let Some((mut key, mut key_range)) = self.key() else { return false };
        self.skip_blanks();
        while self.peek() == Some('.') {
            self.at += 1;
            self.skip_blanks();
            let Some((next, range)) = self.key() else { return false };
            group = self.inner_group(group, &key, key_range.start);
            (key, key_range) = (next, range);
            self.skip_blanks();
        }
        if self.peek() != Some('=') {
            return false;
        }
        self.at += 1;
        self.value(group, &key, &key_range);
        if self.scan.groups[group].range.end < self.at {
            self.scan.groups[group].range.end = self.at;
        }
        true
    }

    /// Adds an inline table or one named by a dotted key. Its end is set later.
    fn inner_group(&mut self, parent: usize, key: &str, start: usize) -> usize {
        let mut path = self.scan.groups[parent].path.clone();
        path.push(key.to_owned());
        self.scan.groups.push(ScannedTable { path, parent: Some(parent), range: start..start, entries: Vec::new() });
        self.scan.groups.len() - 1
    }

    fn key(&mut self) -> Option<(String, Range<usize>)> {
        let start = self.at;
        match self.peek()? {
            quote @ ('"' | '\'') => {
                self.at += 1;
                self.skip(|c| c != quote && c != '\n');
                let key = self.text[start + 1..self.at].to_owned();
                self.at += usize::from(self.peek() == Some(quote));
                Some((key, start..self.at))
            }
            _ => {
                self.skip(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
                (self.at > start).then(|| (self.text[start..self.at].to_owned(), start..self.at))
            }
        }
    }

    fn value(&mut self, group: usize, key: &str, key_range: &Range<usize>) {
        self.skip_blanks();
        let start = self.at;
        let mut inner = None;
        match self.peek() {
            Some('"' | '\'') => inner = Some(self.string()),
            Some('[') => self.list(group, key, key_range),
            Some('{') => self.braces(group, key),
            _ => self.skip(|c| !matches!(c, '\n' | ',' | ']' | '}' | '#')),
        }
        let written = &self.text[start..self.at];
        let end = start + if inner.is_some() { written.trim_end_matches('\r') } else { written.trim_end() }.len();
        let (key, key_range) = (key.to_owned(), key_range.clone());
        self.scan.groups[group].entries.push(self.scan.entries.len());
        self.scan.entries.push(ScannedEntry { group, key, key_range, value: start..end, inner });
    }

    fn string(&mut self) -> Range<usize> {
        let rest = &self.text[self.at..];
        let quote = if rest.starts_with('"') { "\"" } else { "'" };
        let long = quote.repeat(3);
        let (delimiter, is_long) = if rest.starts_with(&long) { (long.as_str(), true) } else { (quote, false) };
        let start = self.at + delimiter.len();
        self.at = start;
        while let Some(c) = self.peek() {
            if self.text[self.at..].starts_with(delimiter) || (c == '\n' && !is_long) {
                break;
            }
            self.at += c.len_utf8();
            if c == '\\' && quote == "\"" && self.peek() != Some('\n') {
                self.at += self.peek().map_or(0, char::len_utf8);
            }
        }
        let end = self.at;
        if self.text[self.at..].starts_with(delimiter) {
            self.at += delimiter.len();
        }
        start..start + self.text[start..end].trim_end_matches('\r').len()
    }

    fn list(&mut self, group: usize, key: &str, key_range: &Range<usize>) {
        self.at += 1;
        loop {
            self.skip(|c| c.is_whitespace() || c == ',');
            match self.peek() {
                None => return,
                Some('#') => self.skip(|c| c != '\n'),
                Some(']') => return self.at += 1,
                // A key at the start of a line: the list is not closed yet.
                Some(_) if self.begins_line() => return,
                Some(_) => {
                    let before = self.at;
                    self.value(group, key, key_range);
                    if self.at == before {
                        return;
                    }
                }
            }
        }
    }

    fn braces(&mut self, parent: usize, key: &str) {
        let group = self.inner_group(parent, key, self.at);
        self.at += 1;
        loop {
            self.skip(|c| matches!(c, ' ' | '\t' | ','));
            match self.peek() {
                Some('}') => {
                    self.scan.groups[group].range.end = self.at;
                    self.at += 1;
                    return;
                }
                Some(c) if c != '\n' && c != '\r' && c != '#' => {
                    let before = self.at;
                    if !self.key_value(group) {
                        self.skip(|c| !matches!(c, ',' | '}' | '\n'));
                    }
                    if self.at == before {
                        break;
                    }
                }
                _ => break,
            }
        }
        // The inline table is not closed yet.
        self.scan.groups[group].range.end = self.at;
    }

    /// Returns whether a header or a key starts here, at the start of a line.
    fn begins_line(&self) -> bool {
        if !self.text[..self.at].ends_with('\n') {
            return false;
        }
        let line = self.text[self.at..].lines().next().unwrap_or_default();
        let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let rest = line.trim_start_matches(is_key);
        line.starts_with('[') && line.trim_end().ends_with(']') && line.contains(|c: char| c.is_ascii_alphabetic())
            || rest.len() < line.len() && rest.trim_start().starts_with('=')
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn skip(&mut self, is_skipped: impl Fn(char) -> bool) {
        let rest = &self.text[self.at..];
        self.at += rest.find(|c| !is_skipped(c)).unwrap_or(rest.len());
    }

    fn skip_blanks(&mut self) {
        self.skip(|c| c == ' ' || c == '\t');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each entry as `path/key=value`.
    fn shown(text: &str) -> Vec<String> {
        let scan = Scan::new(text);
        let entry = |entry: &ScannedEntry| {
            let path = [&scan.groups[entry.group].path[..], std::slice::from_ref(&entry.key)].concat().join("/");
            format!("{path}={}", &text[entry.value.clone()])
        };
        scan.entries.iter().map(entry).collect()
    }

    #[test]
    fn tables_lists_and_braces_are_found() {
        let text =
            "a = 1 # x\n[t]\nb.c = 'x'\nl = [\"p\", # y\n  { d = \"e\" }]\n[[t.u]]\n\"k k\" = \"\"\"a\n\"b\"\"\"\"\n";
        assert_eq!(
            shown(text),
            [
                "a=1",
                "t/b/c='x'",
                "t/l=\"p\"",
                "t/l/d=\"e\"",
                "t/l={ d = \"e\" }",
                "t/l=[\"p\", # y\n  { d = \"e\" }]",
                "t/u/k k=\"\"\"a\n\"b\"\"\""
            ]
        );
    }

    #[test]
    fn half_written_texts_are_scanned_up_to_their_end() {
        assert_eq!(
            shown("a = \"x\nb = [\"y\",\nc = { d = \nsm\n[e]\nf = 'z'\n"),
            ["a=\"x", "b=\"y\"", "b=[\"y\",", "c/d=", "c={ d =", "e/f='z'"]
        );
        assert_eq!(shown("a = [\n[t]\nb = 1"), ["a=[", "t/b=1"]);
        assert_eq!(shown("\u{feff}a = \"x\"\r\nb = \"y\r\n"), ["a=\"x\"", "b=\"y"]);
        // Text typed at the end of an open string belongs to it.
        let scan = Scan::new("when = \"{{ \nb = 1");
        assert_eq!(scan.entry_at(11).map(|entry| entry.value.clone()), Some(7..11));
        let text = "[[steps]]\ntype = \"group\"\n\n[[steps.steps]]\n\n[x]\n";
        let scan = Scan::new(text);
        let path = |needle: &str| scan.groups[scan.group_at(text.find(needle).unwrap())].path.join(".");
        assert_eq!((path("type"), path("\n\n[[").as_str()), ("steps".into(), "steps"));
        assert_eq!(path("\n\n[x"), "steps.steps");
    }

    #[test]
    fn no_text_stops_the_scanner() {
        let text = "a = {b = [\"x\", {c = '''\n[t]\n\"é\" = [[1], {}]\n= }\n]\n";
        for (at, _) in text.char_indices() {
            Scan::new(&text[..at]);
            Scan::new(&text[at..]);
        }
    }
}
