//! Documents with one sequence: bare XML, the console's `object.xml`, the package of Configuration
//! Manager 2007 and of public export scripts, and escaped XML.

use crate::Sequence;
use crate::encoding::decode;
use crate::error::{Error, Result};
use crate::mdt::{self, ContentKind, Share};
use crate::xml::{self, document as dom};
use dom::Element;

use super::{ExportedSequence, ReferencedPackage, property};

/// Maximum lengths of the name and the description of a sequence, in characters (R74).
const MAX_NAME: usize = 50;
const MAX_DESCRIPTION: usize = 512;

/// Element of a sequence with the facts that its document adds.
struct FoundSequence {
    sequence: Element,
    /// Element as it was written; `None` if it was part of a larger document.
    xml: Option<String>,
    id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    boot_image: Option<String>,
}

/// Reads a document. `name` is the name for a sequence that has none of its own.
///
/// # Errors
///
/// Fails if the bytes are not text, not XML, or not a task sequence.
pub fn read(bytes: &[u8], name: &str) -> Result<ExportedSequence> {
    read_with_share(bytes, name, &mut Share::default())
}

/// Reads a document like [`read`], and converts a sequence of the Microsoft Deployment Toolkit with
/// its deployment share.
///
/// # Errors
///
/// Fails like [`read`].
pub fn read_with_share(bytes: &[u8], name: &str, share: &mut Share) -> Result<ExportedSequence> {
    let decoded = decode(bytes)?;
    let found = find(decoded.text)?;
    let (mut sequence, conversion) = match mdt::is_toolkit(&found.sequence) {
        true => {
            let (sequence, conversion) = mdt::convert(&found.sequence, share)?;
            (sequence, Some(conversion))
        }
        false => (xml::read_element(&found.sequence)?, None),
    };
    let packages = if conversion.is_some() { referenced_packages(&sequence, share) } else { Vec::new() };
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
    Ok(ExportedSequence { id, sequence, xml, packages, assumed_encoding, conversion })
}

/// Lists the contents of a share that a converted sequence refers to, as the console would.
fn referenced_packages(sequence: &Sequence, share: &Share) -> Vec<ReferencedPackage> {
    let references = xml::packages(sequence);
    let is_referred = |content: &&mdt::ShareContent| {
        references.contains(&content.id) || sequence.boot_image.as_ref() == Some(&content.id)
    };
    let row = |content: &mdt::ShareContent| ReferencedPackage {
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
fn find(text: String) -> Result<FoundSequence> {
    let text = match text.trim_start().starts_with("&lt;") {
        true => unescaped(text.trim())?,
        false => text,
    };
    let root = dom::parse(&text)?;
    match root.name.as_str() {
        "sequence" => Ok(FoundSequence {
            sequence: root,
            xml: Some(text),
            id: None,
            name: None,
            description: None,
            boot_image: None,
        }),
        "INSTANCE" => object(&root),
        "SmsTaskSequencePackage" => package(&root),
        name => Err(Error::unsupported(format!("the root element is `<{name}>`, not a task sequence"))
            .help("export the task sequence with Export in the console")),
    }
}

/// Unescapes escaped XML.
fn unescaped(text: &str) -> Result<String> {
    let failed = |error: Error| error.within("can't unescape the escaped XML (`&lt;sequence…`)");
    Ok(dom::parse(&format!("<text>{text}</text>")).map_err(failed)?.own_text())
}

/// Finds the sequence in the console's `object.xml`: an instance of the class
/// `SMS_TaskSequencePackage`.
fn object(root: &Element) -> Result<FoundSequence> {
    let property = |name: &str| property(root, name).filter(|text| !text.is_empty());
    let Some(xml) = property("Sequence") else {
        return Err(Error::unsupported("the object has no property `Sequence`"));
    };
    Ok(FoundSequence {
        sequence: inner(&xml)?,
        xml: Some(xml),
        id: property("PackageID"),
        name: property("Name"),
        description: property("Description"),
        boot_image: property("BootImageID"),
    })
}

/// Finds the sequence in a package as Configuration Manager 2007 and public scripts export it.
fn package(root: &Element) -> Result<FoundSequence> {
    let text = |name: &str| root.child(name).map(Element::own_text).filter(|text| !text.is_empty());
    let Some(data) = root.child("SequenceData") else {
        return Err(Error::unsupported("`<SmsTaskSequencePackage>` has no `<SequenceData>`"));
    };
    let (sequence, xml) = match data.child("sequence") {
        Some(sequence) => (sequence.clone(), None),
        None => {
            let xml = data.own_text();
            (inner(&xml)?, Some(xml))
        }
    };
    Ok(FoundSequence {
        sequence,
        xml,
        id: text("PackageID"),
        name: text("Name"),
        description: text("Description"),
        boot_image: text("BootImageID"),
    })
}

/// Parses a document that is text within another document.
fn inner(xml: &str) -> Result<Element> {
    let root = dom::parse(xml)?;
    match root.name.as_str() {
        "sequence" => Ok(root),
        name => Err(Error::unsupported(format!("the document contains `<{name}>`, not a task sequence"))),
    }
}

#[cfg(test)]
mod tests;
