//! Command lines that the engine runs, generated from the template of a type and the values of a
//! step.
//!
//! The template is described at [`StepKind::command`](crate::catalog::StepKind::command). Booleans
//! are written `True` and `False` here, as Configuration Manager does. Finally, `%%` becomes `%`,
//! in values as well, as in Microsoft's own templates.

use std::collections::BTreeMap;

/// Generates a command line. `omitted` contains the switches to leave out, among other names.
pub fn build(template: &str, values: &BTreeMap<String, String>, omitted: &[String]) -> String {
    let mut line = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('[') {
        line += &fill(&rest[..at], values).unwrap_or_default();
        // A test checks that brackets in the catalog are closed.
        let (part, after) = rest[at + 1..].split_once(']').unwrap_or((&rest[at + 1..], ""));
        let (is_new, part) = part.strip_prefix('~').map_or((false, part), |part| (true, part));
        let is_omitted = is_new && omitted.iter().any(|name| name == switch(part));
        let (is_there, part) = match part.strip_prefix('?').and_then(|part| part.split_once(':')) {
            Some((key, part)) => (values.contains_key(key), part),
            None => (keys(part).all(|key| values.contains_key(key)), part),
        };
        if is_there && !is_omitted {
            line += &fill(part, values).unwrap_or_default();
        }
        rest = after;
    }
    line += &fill(rest, values).unwrap_or_default();
    line.replace("%%", "%")
}

/// Returns the name of the switch at the start of a part of a template, such as `/recurse`.
fn switch(part: &str) -> &str {
    part.trim_start().split(':').next().unwrap_or_default()
}

/// Returns the switches of a template that older consoles do not write.
pub fn switches(template: &str) -> Vec<String> {
    template.split("[~").skip(1).map(|part| switch(part).to_owned()).collect()
}

/// Returns the keys in a part of a template.
pub fn keys(part: &str) -> impl Iterator<Item = &str> {
    part.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|part| part.0)
}

fn fill(part: &str, values: &BTreeMap<String, String>) -> Option<String> {
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
        assert_eq!(build(template, &values(&[]), &[]), "a ");
        assert_eq!(build(template, &values(&[("x", "1"), ("y", "2")]), &[]), "a 1! /w:1");
        assert_eq!(build(template, &values(&[("x", "1"), ("y", "2")]), &old), "a 1!");
        assert_eq!(build(template, &values(&[("y", "2"), ("z", "%%3%")]), &[]), "a  /y:2,%3%");
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
