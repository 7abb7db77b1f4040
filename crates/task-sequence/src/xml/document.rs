//! Minimal XML for task sequences: elements, attributes and text (XML 1.0, fifth edition).
//!
//! Document types and everything that they declare, such as external entities, are rejected, and so
//! are elements nested deeper than [`MAX_XML_DEPTH`]. Comments and processing instructions are
//! ignored. The writer puts no whitespace between elements, like Configuration Manager.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::error::{Error, Result};
use crate::limits::{MAX_XML_ATTRIBUTES, MAX_XML_CHILDREN, MAX_XML_DEPTH, MAX_XML_PARTS};

/// XML element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Name.
    pub name: String,
    /// Attributes in order, with unique names.
    pub attributes: Vec<(String, String)>,
    /// Child elements and texts, in order.
    pub content: Vec<XmlNode>,
}

/// Child of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XmlNode {
    /// Child element.
    Element(Element),
    /// Text.
    Text(String),
}

impl Element {
    /// Creates an empty element.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Appends an attribute.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    /// Appends text, unless it is empty.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.content.push(XmlNode::Text(text));
        }
        self
    }

    /// Appends a child element.
    pub fn push(&mut self, child: Self) {
        self.content.push(XmlNode::Element(child));
    }

    /// Returns the value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|attribute| attribute.0 == name).map(|attribute| attribute.1.as_str())
    }

    /// Iterates over the child elements.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        self.content.iter().filter_map(|node| match node {
            XmlNode::Element(element) => Some(element),
            XmlNode::Text(_) => None,
        })
    }

    /// Returns the first child element with a name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children().find(|child| child.name == name)
    }

    /// Returns the text directly in the element.
    pub fn own_text(&self) -> String {
        let text = self.content.iter().map(|node| match node {
            XmlNode::Element(_) => "",
            XmlNode::Text(text) => text,
        });
        text.collect()
    }
}

/// Parses a document.
///
/// # Errors
///
/// Fails if the text is not well-formed, has a document type, or exceeds a limit.
pub fn parse(text: &str) -> Result<Element> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // The library accepts these characters, but they could not be written again.
    if let Some(c) = text.chars().find(|c| !is_allowed(*c)) {
        return Err(not_allowed(c));
    }
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut n_parts = 0;
    let mut failed = None;
    while failed.is_none() {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => {
                failed = Some(Error::malformed(error));
                break;
            }
        };
        let step = match event {
            Event::Start(start) => element(&start, &mut n_parts).and_then(|element| {
                open.push(element);
                if open.len() > MAX_XML_DEPTH {
                    return Err(Error::TooLarge(format!("the XML is nested deeper than {MAX_XML_DEPTH} elements")));
                }
                Ok(())
            }),
            Event::Empty(start) => {
                element(&start, &mut n_parts).and_then(|element| close(element, &mut open, &mut root))
            }
            // The reader checks that the names of start and end tags match.
            Event::End(_) => match open.pop() {
                Some(element) => close(element, &mut open, &mut root),
                None => Err(Error::unsupported("the XML has an end tag without a start tag")),
            },
            Event::Text(text) => add_text(&text.xml10_content(), &mut open),
            Event::CData(text) => add_text(&text.xml10_content(), &mut open),
            Event::GeneralRef(name) => match resolve_entity(&name.xml10_content()) {
                Some(text) => add_text(&text, &mut open),
                None => Err(Error::unsupported(format!("the XML uses the undeclared entity `{}`", &*name))),
            },
            Event::DocType(_) => Err(Error::unsupported("the XML has a document type, which is not supported")
                .help("task sequences have none; remove `<!DOCTYPE …>` if you trust the file")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => Ok(()),
            Event::Eof => break,
        };
        failed = step.err();
    }
    if let Some(error) = failed {
        return Err(error);
    }
    match (root, open.pop()) {
        (Some(root), None) => Ok(root),
        (_, Some(element)) => Err(Error::unsupported(format!("the XML ends inside of `{}`", element.name))),
        (None, None) => Err(Error::unsupported("the XML has no root element")),
    }
}

fn element(start: &BytesStart<'_>, n_parts: &mut usize) -> Result<Element> {
    let name = start.name();
    let mut element = Element::new(name.as_ref());
    for attribute in start.attributes() {
        let attribute = attribute.map_err(Error::malformed)?;
        let name = attribute.key.as_ref().to_owned();
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
        let value = value.map_err(Error::malformed)?;
        element.attributes.push((name, value.into_owned()));
        if element.attributes.len() > MAX_XML_ATTRIBUTES {
            return Err(Error::TooLarge(format!("`{}` has more than {MAX_XML_ATTRIBUTES} attributes", element.name)));
        }
    }
    *n_parts += 1 + element.attributes.len();
    if *n_parts > MAX_XML_PARTS {
        return Err(Error::TooLarge(format!("the XML has more than {MAX_XML_PARTS} elements and attributes")));
    }
    Ok(element)
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<()> {
    match (open.last_mut(), &root) {
        (Some(parent), _) if parent.content.len() >= MAX_XML_CHILDREN => {
            return Err(Error::TooLarge(format!("`{}` has more than {MAX_XML_CHILDREN} child elements", parent.name)));
        }
        (Some(parent), _) => parent.push(element),
        (None, None) => *root = Some(element),
        (None, Some(_)) => return Err(Error::unsupported("the XML has more than one root element")),
    }
    Ok(())
}

fn add_text(text: &str, open: &mut [Element]) -> Result<()> {
    let Some(element) = open.last_mut() else {
        return match text.trim().is_empty() {
            true => Ok(()),
            false => Err(Error::unsupported("the XML has text outside of its root element")),
        };
    };
    match element.content.last_mut() {
        Some(XmlNode::Text(before)) => before.push_str(text),
        _ if text.is_empty() => {}
        _ => element.content.push(XmlNode::Text(text.to_owned())),
    }
    Ok(())
}

/// Resolves a reference to one of the five predefined entities or to a character.
pub(crate) fn resolve_entity(name: &str) -> Option<String> {
    let text = match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "apos" => "'",
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(number) => u32::from_str_radix(number, 16),
                None => number.parse(),
            };
            return code.ok().and_then(char::from_u32).filter(|c| is_allowed(*c)).map(String::from);
        }
    };
    Some(text.to_owned())
}

/// Returns `true` if a character is allowed in XML (clause 2.2).
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn not_allowed(c: char) -> Error {
    Error::unsupported(format!("the character U+{:04X} is not allowed in XML", u32::from(c)))
}

/// Writes an element, without an XML declaration.
///
/// # Errors
///
/// Fails if a text contains a character that is not allowed in XML.
pub fn write(element: &Element) -> Result<String> {
    let mut text = String::new();
    write_to(&mut text, element)?;
    Ok(text)
}

fn write_to(text: &mut String, element: &Element) -> Result<()> {
    text.push('<');
    text.push_str(&element.name);
    for (name, value) in &element.attributes {
        text.push(' ');
        text.push_str(name);
        text.push_str("=\"");
        push_escaped(text, value, true)?;
        text.push('"');
    }
    if element.content.is_empty() {
        // Configuration Manager writes empty elements with two tags, except for references.
        match element.name.as_str() {
            "reference" => text.push_str("/>"),
            name => *text += &format!("></{name}>"),
        }
        return Ok(());
    }
    text.push('>');
    for node in &element.content {
        match node {
            XmlNode::Element(element) => write_to(text, element)?,
            XmlNode::Text(own) => push_escaped(text, own, false)?,
        }
    }
    *text += &format!("</{}>", element.name);
    Ok(())
}

/// Appends escaped text, or an escaped value of an attribute.
///
/// # Errors
///
/// Fails if the text contains a character that is not allowed in XML.
pub fn push_escaped(xml: &mut String, text: &str, is_attribute: bool) -> Result<()> {
    for c in text.chars() {
        match c {
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '&' => xml.push_str("&amp;"),
            // Parsers would normalize it to a line feed.
            '\r' => xml.push_str("&#xD;"),
            '"' if is_attribute => xml.push_str("&quot;"),
            '\t' if is_attribute => xml.push_str("&#x9;"),
            '\n' if is_attribute => xml.push_str("&#xA;"),
            c if is_allowed(c) => xml.push(c),
            c => return Err(not_allowed(c)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut element = Element::new("a").with("x", "1 < 2 & \"3\"\n\t'4'\r");
        element.push(Element::new("b").text(" <>&\"' \r\n\u{1f600} "));
        element.push(Element::new("c"));
        let text = write(&element).unwrap();
        assert_eq!(parse(&text).unwrap(), element, "{text}");
        assert_eq!(
            text,
            "<a x=\"1 &lt; 2 &amp; &quot;3&quot;&#xA;&#x9;'4'&#xD;\"><b> &lt;&gt;&amp;\"' &#xD;\n\u{1f600} </b><c></c></a>"
        );
        assert!(write(&Element::new("a").text("\u{1}")).unwrap_err().to_string().contains("U+0001"));
    }

    #[test]
    fn line_ends_references_and_sections_are_read_as_xml_has_them() {
        let text = "\u{feff}<?xml version='1.0'?><!-- c --><a>1\r\n2\r3&#xD;&#65;<![CDATA[<&x;\r\n]]>&amp;</a>\n";
        assert_eq!(parse(text).unwrap().own_text(), "1\n2\n3\rA<&x;\n&");
    }

    #[test]
    fn documents_that_are_a_danger_are_refused() {
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        let wide = format!("<a>{}</a>", "<b/>".repeat(20_001));
        let many = format!("<a {}/>", (0..200_000).map(|n| format!("a{n}='' ")).collect::<String>());
        let parts = format!("<a>{}</a>", format!("<b>{}</b>", "<c/>".repeat(19_000)).repeat(14));
        for (text, words) in [
            ("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "document type"),
            ("<a>&b;</a>", "entity `b`"),
            ("<a x='&b;'/>", "not well-formed"),
            ("<a>&#0;</a>", "entity `#0`"),
            ("<a>\0</a>", "U+0000"),
            ("<a><b></a>", "not well-formed"),
            ("<a>", "inside of `a`"),
            ("<a/><b/>", "more than one"),
            ("<a/>text", "outside"),
            ("<a x='1' x='2'/>", "not well-formed"),
            ("", "no root element"),
            (&deep, "deeper than 80"),
            (&wide, "`a` has more than 20000 child elements"),
            (&many, "`a` has more than 100 attributes"),
            (&parts, "more than 262144 elements and attributes"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text:.40}: {error}");
        }
    }
}
