//! Values for templates: `[vars]`, then those of the site, then files, then the command line, the last the nearest.

use crate::error::Result;
use crate::problem::{Place, Problem};

use super::Options;
use super::profile::Reader;
use authoring::spanned::{Entry, Node, Table, Value};

/// The values of `--vars` and `--var`. The second value is false if one of them can't be read.
pub fn given(options: &Options, reader: &mut Reader<'_>) -> Result<(Table, bool)> {
    let mut vars = Table::default();
    let mut all_sound = true;
    options.vars_files.iter().for_each(|path| reader.inputs.note(path));
    for path in &options.vars_files {
        let (node, is_sound) = reader.file(path)?;
        all_sound &= is_sound;
        vars = over(node, vars);
    }
    for (name, value) in &options.vars {
        let text = format!("--var {name}={value}");
        let source = reader.problems.add_source("command line", text.as_str());
        let name_at = "--var ".len();
        let value_at = name_at + name.len() + 1;
        let key = Place { source, span: name_at..name_at + name.len() };
        if name.split('.').any(|part| part.is_empty() || part.contains(char::is_whitespace)) {
            let problem = Problem::error(format!("`{name}` cannot be the name of a value"));
            reader.problems.add(problem.at(key, "").help("write `--var NAME=VALUE`"));
            all_sound = false;
            continue;
        }
        let mut node = Node { value: typed(value), place: Place { source, span: value_at..text.len() } };
        // `a.b=c` is the value `b` of the table `a`.
        for part in name.rsplit('.') {
            let entry = Entry { name: part.to_owned(), key: key.clone(), node };
            node = Node { value: Value::Table(Table(vec![entry])), place: key.clone() };
        }
        vars = over(node, vars);
    }
    Ok((vars, all_sound))
}

/// The values for one site of a manifest: its `[vars]`, the site's own, and those that were given.
pub fn of_site(tree: &Node, site: Option<&Node>, given: Table) -> Table {
    let own = tree.as_table().and_then(|root| root.get("vars"));
    let mut vars = own.and_then(Node::as_table).cloned().unwrap_or_default();
    if let Some(site) = site {
        vars = over(site.clone(), vars);
    }
    over(Node { value: Value::Table(given), place: tree.place.clone() }, vars)
}

fn over(near: Node, far: Table) -> Table {
    let place = near.place.clone();
    match near.over(Node { value: Value::Table(far.clone()), place }).value {
        Value::Table(table) => table,
        // Not a table, which the schema complains of.
        _ => far,
    }
}

/// A value of the command line: whole numbers and truth values are what they look like, everything else is text.
/// `1.10` is text, since it is a version more often than a number.
fn typed(text: &str) -> Value {
    match text {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        _ => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Value::Integer(number),
            _ => Value::String(text.to_owned()),
        },
    }
}
