//! Merges values for templates: `[vars]`, values of the site, files, and the command line, in
//! increasing precedence.

use crate::error::Result;
use crate::problem::{Place, Problem};

use super::Options;
use super::profile::ManifestReader;
use authoring::spanned::{Node, Table, TableEntry, Value};

/// Returns the values of `--vars` and `--var`. The second value is `false` if any is invalid.
pub fn command_line_vars(options: &Options, reader: &mut ManifestReader<'_>) -> Result<(Table, bool)> {
    let mut vars = Table::default();
    let mut all_sound = true;
    options.vars_files.iter().for_each(|path| reader.inputs.note(path));
    for path in &options.vars_files {
        let (node, is_sound) = reader.read_values(path)?;
        all_sound &= is_sound;
        vars = merge(node, vars);
    }
    for (name, value) in &options.vars {
        let text = format!("--var {name}={value}");
        let source = reader.problems.add_source("command line", text.as_str());
        let name_at = "--var ".len();
        let value_at = name_at + name.len() + 1;
        let key = Place { source, span: name_at..name_at + name.len() };
        if name.split('.').any(|part| part.is_empty() || part.contains(char::is_whitespace)) {
            let problem = Problem::error(format!("`{name}` is not a valid value name"));
            reader.problems.add(problem.at(key, "").help("write `--var NAME=VALUE`"));
            all_sound = false;
            continue;
        }
        let mut node = Node { value: parse_value(value), place: Place { source, span: value_at..text.len() } };
        // `a.b=c` is the value `b` of the table `a`.
        for part in name.rsplit('.') {
            let entry = TableEntry { name: part.to_owned(), key: key.clone(), node };
            node = Node { value: Value::Table(Table(vec![entry])), place: key.clone() };
        }
        vars = merge(node, vars);
    }
    Ok((vars, all_sound))
}

/// Returns the values for one site of a manifest: `[vars]`, those of the site, and those of the
/// command line.
pub fn site_vars(tree: &Node, site: Option<&Node>, given: Table) -> Table {
    let own = tree.as_table().and_then(|root| root.get("vars"));
    let mut vars = own.and_then(Node::as_table).cloned().unwrap_or_default();
    if let Some(site) = site {
        vars = merge(site.clone(), vars);
    }
    merge(Node { value: Value::Table(given), place: tree.place.clone() }, vars)
}

fn merge(near: Node, far: Table) -> Table {
    let place = near.place.clone();
    match near.merged_over(Node { value: Value::Table(far.clone()), place }).value {
        Value::Table(table) => table,
        // Reported by the schema.
        _ => far,
    }
}

/// Parses a value of the command line: integers and booleans by their look, anything else as text.
/// `1.10` stays text, since it is more likely a version than a number.
fn parse_value(text: &str) -> Value {
    match text {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        _ => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Value::Integer(number),
            _ => Value::String(text.to_owned()),
        },
    }
}
