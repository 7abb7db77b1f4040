//! Command lines that the engine runs, made from what a step says by the template of its type.
//!
//! `{key}` is what the key says, or what holds where it says nothing. `[…]` is there only if every key in it says
//! something; `[?key:…]` only if that key does; `[~ /switch…]` unless the switch is left out. Booleans are `True` and `False`, as Configuration Manager writes them
//! here. At last `%%` becomes `%`, in values as well: that is how its own templates work.

use std::collections::BTreeMap;

/// The command line. `omitted` are switches that it does not have, among other names.
pub fn command(template: &str, values: &BTreeMap<String, String>, omitted: &[String]) -> String {
    let mut line = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('[') {
        line += &filled(&rest[..at], values).unwrap_or_default();
        // A test of the catalog holds that brackets are closed.
        let (part, after) = rest[at + 1..].split_once(']').unwrap_or((&rest[at + 1..], ""));
        let (is_new, part) = part.strip_prefix('~').map_or((false, part), |part| (true, part));
        let is_omitted = is_new && omitted.iter().any(|name| name == switch(part));
        let (is_there, part) = match part.strip_prefix('?').and_then(|part| part.split_once(':')) {
            Some((key, part)) => (values.contains_key(key), part),
            None => (keys(part).all(|key| values.contains_key(key)), part),
        };
        if is_there && !is_omitted {
            line += &filled(part, values).unwrap_or_default();
        }
        rest = after;
    }
    line += &filled(rest, values).unwrap_or_default();
    line.replace("%%", "%")
}

/// The name of the switch that a part of a template begins with, such as `/recurse`.
fn switch(part: &str) -> &str {
    part.trim_start().split(':').next().unwrap_or_default()
}

/// The switches of a template that older consoles do not write.
pub fn switches(template: &str) -> Vec<String> {
    template.split("[~").skip(1).map(|part| switch(part).to_owned()).collect()
}

/// The keys that a part of a template names.
pub fn keys(part: &str) -> impl Iterator<Item = &str> {
    part.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|part| part.0)
}

fn filled(part: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let mut pieces = part.split('{');
    let mut filled = pieces.next()?.to_owned();
    for piece in pieces {
        let (key, text) = piece.split_once('}')?;
        filled += values.get(key).map_or("", String::as_str);
        filled += text;
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn templates_are_filled_with_what_is_said() {
        let values = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let template = "a {x}[ /y:{y},{z}][?x:!][~ /w:{x}]";
        let old = ["/w".to_owned()];
        assert_eq!(switches(template), old);
        assert_eq!(command(template, &values(&[]), &[]), "a ");
        assert_eq!(command(template, &values(&[("x", "1"), ("y", "2")]), &[]), "a 1! /w:1");
        assert_eq!(command(template, &values(&[("x", "1"), ("y", "2")]), &old), "a 1!");
        assert_eq!(command(template, &values(&[("y", "2"), ("z", "%%3%")]), &[]), "a  /y:2,%3%");
    }

    #[test]
    fn every_template_of_the_catalog_names_keys_that_there_are() {
        for kind in catalog::kinds() {
            let template = kind.command;
            assert_eq!(template.matches('[').count(), template.matches(']').count(), "{}", kind.name);
            let conditions = template.split("[?").skip(1).filter_map(|part| part.split_once(':')).map(|part| part.0);
            for key in keys(template).chain(conditions) {
                assert!(kind.key(key).is_some() || super::super::step::DERIVED.contains(&key), "{}: {key}", kind.name);
            }
        }
    }
}
