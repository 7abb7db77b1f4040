//! Exports of the Configuration Manager console: a `.zip` with the objects that were exported, or the XML of one
//! sequence by itself.
//!
//! The `.zip` is an OPC package. Read are `SMS_TaskSequencePackage/ID/object.xml` (an instance of the WMI class, whose
//! property `Sequence` is the sequence) and `ReferencesInfo.xml` beside it (names and types of what it refers to).
//! Everything else in it, content included, is left alone.

use crate::error::{Cause, Error, Result};

use super::xml::document::{self, Element};
use super::{Sequence, xml};

const FOLDER: &str = "SMS_TaskSequencePackage/";

/// A sequence that was exported.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// Its package ID; nothing if it is XML by itself.
    pub id: Option<String>,
    /// The sequence.
    pub sequence: Sequence,
    /// The document as it was exported.
    pub xml: String,
    /// What the console says of the packages that it refers to.
    pub referred: Vec<Referred>,
}

/// A package that a sequence refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referred {
    /// The package ID.
    pub id: String,
    /// Its name at the site.
    pub name: String,
    /// Its type, as the site counts (`SMS_PackageBaseclass.PackageType`).
    pub kind: u32,
}

/// Reads the sequences of an archive that the console exported, in the order of their IDs. `names` are those of its
/// members, which `read` unpacks.
///
/// # Errors
///
/// It is damaged, holds no task sequence, or one that can't be read.
pub fn read_members<'a>(
    names: impl IntoIterator<Item = &'a str>,
    mut read: impl FnMut(&str) -> std::result::Result<Vec<u8>, Cause>,
) -> Result<Vec<Exported>> {
    let ids = names.into_iter().filter_map(|name| name.strip_prefix(FOLDER)?.strip_suffix("/object.xml"));
    let mut ids: Vec<_> = ids.filter(|id| !id.contains('/')).map(str::to_owned).collect();
    ids.sort();
    if ids.is_empty() {
        return Err(Error::unsupported("there is no task sequence in the archive")
            .help("export one with `Export` in the console's list of task sequences"));
    }
    ids.into_iter().map(|id| read_object(&mut read, id)).collect()
}

fn read_object(read: &mut impl FnMut(&str) -> std::result::Result<Vec<u8>, Cause>, id: String) -> Result<Exported> {
    let failed = |error: Error| error.within(format!("the task sequence `{id}` can't be read"));
    let mut text = |name: &str| -> Result<String> {
        let bytes = read(name).map_err(Error::Archive)?;
        String::from_utf8(bytes).map_err(|_| Error::unsupported(format!("`{name}` is no UTF-8")))
    };
    let object = text(&format!("{FOLDER}{id}/object.xml")).and_then(|text| document::parse(&text)).map_err(failed)?;
    let property = |name: &str| property(&object, name).filter(|text| !text.is_empty());
    let Some(xml) = property("Sequence") else {
        return Err(failed(Error::unsupported("its object has no property `Sequence`")));
    };
    let mut sequence = xml::read(&xml).map_err(failed)?;
    sequence.name = property("Name").unwrap_or_else(|| id.clone()).chars().take(50).collect();
    sequence.description = property("Description").unwrap_or_default().chars().take(512).collect();
    sequence.boot_image = property("BootImageID").filter(|id| crate::is_package(id));
    // Consoles before 2012 wrote no such list; what it says is for people.
    let referred = match text(&format!("{FOLDER}{id}/ReferencesInfo.xml")) {
        Ok(text) => referred(&text).map_err(failed)?,
        Err(_) => Vec::new(),
    };
    Ok(Exported { id: Some(id), sequence, xml, referred })
}

/// The value of a property of an instance.
fn property(instance: &Element, name: &str) -> Option<String> {
    let is_it = |child: &&Element| child.name == "PROPERTY" && child.attribute("NAME") == Some(name);
    instance.children().find(is_it)?.child("VALUE").map(Element::own_text)
}

/// The list of references: a list of texts, each an instance in XML.
fn referred(text: &str) -> Result<Vec<Referred>> {
    let list = document::parse(text)?;
    let read = |text: &Element| -> Result<Referred> {
        let instance = document::parse(&text.own_text())?;
        let said = |name| property(&instance, name).unwrap_or_default();
        let kind = said("ReferencePackageType").parse().unwrap_or(0);
        Ok(Referred { id: said("ReferencePackageID"), name: said("ReferenceName"), kind })
    };
    list.children().filter(|child| child.name == "string").map(read).collect()
}

/// Reads the XML of a sequence by itself.
///
/// # Errors
///
/// It is none.
pub fn read_xml(text: &str) -> Result<Exported> {
    let xml = text.trim_start_matches('\u{feff}').to_owned();
    let sequence = xml::read(&xml)?;
    Ok(Exported { id: None, sequence, xml, referred: Vec::new() })
}
