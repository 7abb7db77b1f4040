//! Parses the XML of media variables: `MediaVarList`, a list of `var` elements with a name and a
//! value.

use zeroize::Zeroizing;

use crate::foreign_text::xml_reference;

/// Parses the variables in the XML of a medium to names and values; empty for other texts. Reads
/// everything that [`MediaData`](super::MediaData) writes, and from other writers either kind of
/// quotes, CDATA sections, entities, and empty elements.
pub fn read_variables(xml: &str) -> Vec<(String, Zeroizing<String>)> {
    let mut variables = Vec::new();
    let mut rest = xml;
    while let Some((attributes, after)) = next_var(rest) {
        let (value, after) = match attributes.ends_with('/') {
            true => (Zeroizing::new(String::new()), after),
            false => read_value(after),
        };
        if let Some(name) = name_attribute(attributes) {
            variables.push((unescape(name).to_string(), value));
        }
        rest = after;
    }
    variables
}

/// Finds the next start tag `var`. Returns its attributes, and the rest of the text.
fn next_var(xml: &str) -> Option<(&str, &str)> {
    let mut rest = xml;
    loop {
        rest = rest.split_once("<var")?.1;
        if rest.starts_with([' ', '\t', '\r', '\n']) {
            break;
        }
    }
    let mut quote = None;
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '>') => return Some((&rest[..at], &rest[at + 1..])),
            _ => {}
        }
    }
    None
}

/// Returns the value of the attribute `name`, unescaped by the caller.
fn name_attribute(attributes: &str) -> Option<&str> {
    let mut rest = attributes;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, after) = after[1..].split_once(quote)?;
        if key.trim() == "name" {
            return Some(value);
        }
        rest = after;
    }
}

/// Reads text and CDATA sections up to the next tag, and returns the rest. Line breaks become line
/// feeds (XML 1.0, 2.11).
fn read_value(xml: &str) -> (Zeroizing<String>, &str) {
    let mut parts = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        parts.push(unescape(&rest[..start]));
        rest = &rest[start..];
        let section = rest.strip_prefix("<![CDATA[").and_then(|section| section.split_once("]]>"));
        let Some((text, behind)) = section else { break };
        parts.push(Zeroizing::new(text.to_owned()));
        rest = behind;
    }
    // Reserve the final length: a growing string would leave copies of secrets behind.
    let mut value = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| push_lines(&mut value, part));
    (value, rest)
}

fn push_lines(value: &mut String, text: &str) {
    for (at, part) in text.split('\r').enumerate() {
        // A lone carriage return is a line break too.
        if at > 0 && !part.starts_with('\n') {
            value.push('\n');
        }
        value.push_str(part);
    }
}

/// Replaces entities and character references; unknown ones are kept.
fn unescape(text: &str) -> Zeroizing<String> {
    let mut unescaped = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        unescaped.push_str(&rest[..start]);
        rest = &rest[start..];
        let reference = rest[1..].split_once(';').and_then(|(name, after)| Some((xml_reference(name)?, after)));
        match reference {
            Some((c, after)) => {
                unescaped.push(c);
                rest = after;
            }
            None => {
                unescaped.push('&');
                rest = &rest[1..];
            }
        }
    }
    unescaped.push_str(rest);
    unescaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_elements_is_read() {
        let xml = "<?xml version='1.0'?><MediaVarList Version=\"4.00.5345.0000\"><variable name=\"no\">x</variable>\
                   <var name=\"A\"><![CDATA[a&amp;]]>&amp;<![CDATA[<b>]]></var><var\r\n  kind='>' \
                   name='B&#x41;'\r\n>1\r\n2\r3</var>\
                   <var name=\"C\"/><var name = \"D\" ></var><var>nameless</var><var name=\"E\">&amp;lt; &unknown; & \
                   &#10;</var>";
        let read = read_variables(xml);
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("A", "a&amp;&<b>"), ("BA", "1\n2\n3"), ("C", ""), ("D", ""), ("E", "&lt; &unknown; & \n")]);
        for text in ["", "<var", "<var ", "<var name=\"a", "<var name=a>", "<html>"] {
            assert!(read_variables(text).is_empty(), "{text}");
        }
    }
}
