//! XML of a WIM file: properties of the images.
//!
//! UTF-16 (little-endian) with a byte order mark, uncompressed: a `WIM` element with the length of
//! the file up to the XML (`TOTALBYTES`) and an `IMAGE` per image, ordered by `INDEX`. Texts are
//! preserved except for changed properties. Not supported: document types, other encodings.

use std::fmt::Write as _;
use std::ops::Range;

use crate::foreign_text::xml_reference;

/// XML of a WIM file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Xml {
    /// Images in order.
    pub images: Vec<ImageXml>,
    /// Length of the file up to its XML, as given.
    pub total_len: Option<u64>,
    /// Other elements.
    others: Vec<String>,
}

/// XML of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageXml {
    /// Text between the tags.
    text: String,
    /// Attributes except `INDEX`, each with a space before it.
    attributes: String,
}

impl Xml {
    /// Parses the XML resource.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (units, rest) = bytes.as_chunks();
        let units: Vec<_> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        let text = String::from_utf16(&units).ok().filter(|_| rest.is_empty());
        let text = text.ok_or("its XML is not UTF-16")?;
        let text = text.trim_start_matches('\u{feff}').trim_end_matches('\0');
        let damaged = || "its XML is damaged".to_owned();
        let root = parse_elements(text).ok_or_else(damaged)?.into_iter().find(|root| root.name == "WIM");
        let root = root.ok_or_else(damaged)?;
        let inner = &text[root.inner];
        let mut xml = Self::default();
        let mut images = Vec::new();
        for element in parse_elements(inner).ok_or_else(damaged)? {
            match element.name {
                "IMAGE" => {
                    let (index, attributes) =
                        parse_attributes(&inner[element.attributes.clone()]).ok_or_else(damaged)?;
                    images.push((index, ImageXml { text: inner[element.inner].to_owned(), attributes }));
                }
                "TOTALBYTES" => xml.total_len = inner[element.inner].trim().parse().ok(),
                _ => xml.others.push(inner[element.whole].to_owned()),
            }
        }
        images.sort_by_key(|(index, _)| *index);
        if images.iter().zip(1..).any(|((index, _), expected)| *index != expected) {
            return Err("the indexes of the images in its XML don't start at 1".into());
        }
        xml.images = images.into_iter().map(|(_, image)| image).collect();
        Ok(xml)
    }

    /// Encodes the resource.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::from("\u{feff}<WIM>");
        if let Some(len) = self.total_len {
            // Writing to a string can't fail.
            let _ = write!(text, "<TOTALBYTES>{len}</TOTALBYTES>");
        }
        for (image, index) in self.images.iter().zip(1..) {
            let _ = write!(text, "<IMAGE INDEX=\"{index}\"{}>{}</IMAGE>", image.attributes, image.text);
        }
        self.others.iter().for_each(|other| text += other);
        text += "</WIM>";
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }
}

impl ImageXml {
    /// Raw text of a child element.
    pub fn get(&self, name: &str) -> Option<&str> {
        let child = parse_elements(&self.text)?.into_iter().find(|child| child.name == name)?;
        Some(&self.text[child.inner])
    }

    /// Decoded text of an element at a path such as `WINDOWS/VERSION/BUILD`.
    pub fn text(&self, path: &str) -> Option<String> {
        let mut inner = self.text.as_str();
        for name in path.split('/') {
            let child = parse_elements(inner)?.into_iter().find(|child| child.name == name)?;
            inner = &inner[child.inner];
        }
        Some(decode_text(inner))
    }

    /// Number in a child element.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.trim().parse().ok()
    }

    /// Sets the text of a child element. A new one is appended.
    pub fn set(&mut self, name: &str, text: &str) {
        self.set_raw(name, &escape(text));
    }

    /// Sets a child element to a time in units of 100 ns since 1601, in the form of `CREATIONTIME`
    /// and `LASTMODIFICATIONTIME`.
    pub fn set_time(&mut self, name: &str, time: u64) {
        let (high, low) = (time >> 32, time & 0xFFFF_FFFF);
        self.set_raw(name, &format!("<HIGHPART>0x{high:08X}</HIGHPART><LOWPART>0x{low:08X}</LOWPART>"));
    }

    fn set_raw(&mut self, name: &str, inner: &str) {
        let whole = format!("<{name}>{inner}</{name}>");
        let old = parse_elements(&self.text).unwrap_or_default().into_iter().find(|child| child.name == name);
        match old.map(|old| old.whole) {
            Some(range) => self.text.replace_range(range, &whole),
            None => self.text += &whole,
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Decodes XML text: removes comments and replaces entities.
fn decode_text(mut xml: &str) -> String {
    let mut text = String::new();
    while let Some(at) = xml.find(['&', '<']) {
        text += &xml[..at];
        xml = &xml[at..];
        let skipped = [("<![CDATA[", "]]>", true), ("<!--", "-->", false)];
        let special = skipped.iter().find_map(|(begin, end, is_text)| {
            let (inner, rest) = xml.strip_prefix(begin)?.split_once(end)?;
            Some((if *is_text { inner.to_owned() } else { String::new() }, rest))
        });
        let entity = || {
            let (name, rest) = xml.strip_prefix('&')?.split_once(';')?;
            Some((xml_reference(name)?.to_string(), rest))
        };
        // Anything else stands for itself.
        let (found, rest) = special.or_else(entity).unwrap_or_else(|| (xml[..1].to_owned(), &xml[1..]));
        text += &found;
        xml = rest;
    }
    text + xml
}

/// An element, as ranges of the text that contains it.
struct XmlElement<'a> {
    name: &'a str,
    whole: Range<usize>,
    attributes: Range<usize>,
    inner: Range<usize>,
}

/// Top-level elements of a text; `None` if its tags do not match.
fn parse_elements(text: &str) -> Option<Vec<XmlElement<'_>>> {
    let mut found: Vec<XmlElement> = Vec::new();
    // Names of the open elements.
    let mut open: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find('<').map(|skip| at + skip) {
        let rest = &text[start..];
        // These may contain tags that are not elements.
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
        if let Some((_, end)) = skipped.iter().find(|(begin, _)| rest.starts_with(begin)) {
            at = start + rest.find(end)? + end.len();
            continue;
        }
        let end = start + tag_len(rest)?;
        let tag = &text[start + 1..end - 1];
        at = end;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop()? != name.trim_end() {
                return None;
            }
            if open.is_empty() {
                let element = found.last_mut()?;
                (element.inner.end, element.whole.end) = (start, end);
            }
            continue;
        }
        let tag = tag.strip_suffix('/').unwrap_or(tag);
        let is_closed = text[..end].ends_with("/>");
        let name = &tag[..tag.find(char::is_whitespace).unwrap_or(tag.len())];
        if open.is_empty() {
            let attributes = start + 1 + name.len()..start + 1 + tag.len();
            found.push(XmlElement { name, whole: start..end, attributes, inner: end..end });
        }
        if !is_closed {
            open.push(name);
        }
    }
    open.is_empty().then_some(found)
}

/// Length of the tag at the start of `text`. A `>` in quotes does not end it.
fn tag_len(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at + 1),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

/// Splits the attributes of an image into the value of `INDEX` and the others.
fn parse_attributes(attributes: &str) -> Option<(u32, String)> {
    let mut index = None;
    let mut others = String::new();
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, after) = value[1..].split_once(quote)?;
        match name.trim() {
            "INDEX" => index = value.trim().parse().ok(),
            name => others += &format!(" {name}={quote}{value}{quote}"),
        }
        rest = after.trim_start();
    }
    Some((index?, others))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    const TEXT: &str = "<WIM><TOTALBYTES>77</TOTALBYTES>\
        <IMAGE INDEX=\"2\" A='>'><NAME>two &amp; a half</NAME><EMPTY/></IMAGE>\
        <!-- <IMAGE> --><IMAGE INDEX=\"1\"><NAME>ein</NAME><WINDOWS><NAME>x</NAME></WINDOWS></IMAGE>\
        <ESD><ENCRYPTED/></ESD></WIM>";

    #[test]
    fn images_are_in_their_order_and_kept_as_they_are() {
        let mut xml = Xml::parse(&bytes(TEXT)).unwrap();
        assert_eq!(xml.images[0].get("NAME"), Some("ein"));
        assert_eq!(xml.images[1].get("NAME"), Some("two &amp; a half"));
        assert_eq!(xml.images[1].get("NONE"), None);
        xml.images.remove(0);
        xml.images[0].set("NAME", "a<b");
        xml.images[0].set("DIRCOUNT", "5");
        xml.images[0].set_time("CREATIONTIME", 0x01D0_0000_ABCD_EF01);
        assert_eq!(xml.images[0].number("DIRCOUNT"), Some(5));
        let expected = "<WIM><TOTALBYTES>1000</TOTALBYTES><IMAGE INDEX=\"1\" A='>'><NAME>a&lt;b</NAME><EMPTY/>\
            <DIRCOUNT>5</DIRCOUNT><CREATIONTIME><HIGHPART>0x01D00000</HIGHPART><LOWPART>0xABCDEF01</LOWPART>\
            </CREATIONTIME></IMAGE><ESD><ENCRYPTED/></ESD></WIM>";
        assert_eq!(xml.total_len.replace(1_000), Some(77));
        assert_eq!(xml.to_bytes(), bytes(expected));
    }

    #[test]
    fn what_is_no_xml_of_images_is_refused() {
        for bad in [
            "",
            "<WIM>",
            "<WIM></IMAGE>",
            "<WIM><IMAGE></IMAGE></WIM>",
            "<X/>",
            "<WIM",
            "<WIM><IMAGE INDEX=\"2\"/></WIM>",
        ] {
            assert!(Xml::parse(&bytes(bad)).is_err(), "{bad}");
        }
        assert!(Xml::parse(&[0xFF]).is_err());
        assert_eq!(Xml::parse(&bytes("<WIM/>")).unwrap(), Xml::default());
    }
}
