//! Documents that hold one sequence: bare XML, the console's `object.xml`, the package of Configuration Manager 2007 and
//! of public export scripts, and XML that was escaped.

use crate::Sequence;
use crate::encoding::decode;
use crate::error::{Error, Result};
use crate::mdt::{self, ContentKind, Share};
use crate::xml::{self, document as dom};
use dom::Element;

use super::{Exported, Referred, property};

/// Characters of the name and of the description of a sequence (R74).
const MAX_NAME: usize = 50;
const MAX_DESCRIPTION: usize = 512;

/// A sequence's element and what the document says of it.
struct Found {
    sequence: Element,
    /// The element as it was written; `None` if it was part of a larger document.
    xml: Option<String>,
    id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    boot_image: Option<String>,
}

/// Reads a document. `name` is the name of a sequence that has none of its own.
///
/// # Errors
///
/// The bytes are not text, not XML, or not a task sequence.
pub fn read(bytes: &[u8], name: &str) -> Result<Exported> {
    read_with_share(bytes, name, &mut Share::default())
}

/// Reads a document like [`read`]. A sequence of the Microsoft Deployment Toolkit is converted with its deployment share.
///
/// # Errors
///
/// Those of [`read`].
pub fn read_with_share(bytes: &[u8], name: &str, share: &mut Share) -> Result<Exported> {
    let decoded = decode(bytes)?;
    let found = find(decoded.text)?;
    let (mut sequence, conversion) = match mdt::is_toolkit(&found.sequence) {
        true => {
            let (sequence, conversion) = mdt::convert(&found.sequence, share)?;
            (sequence, Some(conversion))
        }
        false => (xml::read_element(&found.sequence)?, None),
    };
    let referred = if conversion.is_some() { referred(&sequence, share) } else { Vec::new() };
    let own_name = found.name.or_else(|| found.sequence.attribute("name").map(str::to_owned));
    let name = own_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| name.to_owned());
    sequence.name = name.chars().take(MAX_NAME).collect();
    let description = found.description.or_else(|| found.sequence.attribute("description").map(str::to_owned));
    sequence.description = description.unwrap_or_default().chars().take(MAX_DESCRIPTION).collect();
    sequence.boot_image = found.boot_image.filter(|id| crate::is_package(id)).or(sequence.boot_image);
    let xml = match found.xml {
        Some(xml) => xml,
        None => dom::write(&found.sequence)?,
    };
    let id = found.id.filter(|id| crate::is_package(id));
    let assumed_encoding = decoded.assumption;
    Ok(Exported { id, sequence, xml, referred, assumed_encoding, conversion })
}

/// The contents of a share that a converted sequence refers to, as the console would list them.
fn referred(sequence: &Sequence, share: &Share) -> Vec<Referred> {
    let references = xml::packages(sequence);
    let is_referred =
        |content: &&mdt::Content| references.contains(&content.id) || sequence.boot_image.as_ref() == Some(&content.id);
    let row = |content: &mdt::Content| Referred {
        id: content.id.clone(),
        name: content.name.clone(),
        kind: match content.kind {
            ContentKind::OperatingSystem => 257,
            ContentKind::BootImage => 258,
            ContentKind::DriverPackage => 3,
            ContentKind::Package => 0,
        },
    };
    share.contents().iter().filter(is_referred).map(row).collect()
}

/// Finds the sequence of a document.
fn find(text: String) -> Result<Found> {
    let text = match text.trim_start().starts_with("&lt;") {
        true => unescaped(text.trim())?,
        false => text,
    };
    let root = dom::parse(&text)?;
    match root.name.as_str() {
        "sequence" => {
            Ok(Found { sequence: root, xml: Some(text), id: None, name: None, description: None, boot_image: None })
        }
        "INSTANCE" => object(&root),
        "SmsTaskSequencePackage" => package(&root),
        name => Err(Error::unsupported(format!("it is `<{name}>`, not a task sequence"))
            .help("export the sequence with `Export` in the console's list of task sequences")),
    }
}

/// The text of escaped XML.
fn unescaped(text: &str) -> Result<String> {
    let failed = |error: Error| error.within("it is escaped XML (`&lt;sequence…`) that can't be unescaped");
    Ok(dom::parse(&format!("<text>{text}</text>")).map_err(failed)?.own_text())
}

/// The console's `object.xml`: an instance of the class `SMS_TaskSequencePackage`.
fn object(root: &Element) -> Result<Found> {
    let property = |name: &str| property(root, name).filter(|text| !text.is_empty());
    let Some(xml) = property("Sequence") else {
        return Err(Error::unsupported("its object has no property `Sequence`"));
    };
    Ok(Found {
        sequence: inner(&xml)?,
        xml: Some(xml),
        id: property("PackageID"),
        name: property("Name"),
        description: property("Description"),
        boot_image: property("BootImageID"),
    })
}

/// A package as Configuration Manager 2007 exports it, and as public scripts do.
fn package(root: &Element) -> Result<Found> {
    let said = |name: &str| root.child(name).map(Element::own_text).filter(|text| !text.is_empty());
    let Some(data) = root.child("SequenceData") else {
        return Err(Error::unsupported("its `<SmsTaskSequencePackage>` has no `<SequenceData>`"));
    };
    let (sequence, xml) = match data.child("sequence") {
        Some(sequence) => (sequence.clone(), None),
        None => {
            let xml = data.own_text();
            (inner(&xml)?, Some(xml))
        }
    };
    Ok(Found {
        sequence,
        xml,
        id: said("PackageID"),
        name: said("Name"),
        description: said("Description"),
        boot_image: said("BootImageID"),
    })
}

/// The sequence of a document within a document.
fn inner(xml: &str) -> Result<Element> {
    let root = dom::parse(xml)?;
    match root.name.as_str() {
        "sequence" => Ok(root),
        name => Err(Error::unsupported(format!("it holds `<{name}>`, not a task sequence"))),
    }
}

#[cfg(test)]
mod tests;
