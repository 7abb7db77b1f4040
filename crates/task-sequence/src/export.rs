//! Exported task sequences, in every form in which people keep and publish them.
//!
//! The console's `.zip` is an OPC package. Read are `SMS_TaskSequencePackage/ID/object.xml` (an instance of the WMI class,
//! whose property `Sequence` is the sequence) and `ReferencesInfo.xml` beside it (names and types of what it refers to).
//! Everything else in it, content included, is left alone. Documents by themselves are in [`document`].

pub mod document;

use crate::encoding::decode;
use crate::error::{Cause, Error, Result};
use crate::mdt::Conversion;

use super::Sequence;
use super::xml::document::{self as dom, Element};

const FOLDER: &str = "SMS_TaskSequencePackage";
const OBJECT: &str = "object.xml";
const REFERENCES: &str = "ReferencesInfo.xml";

/// A sequence that was exported.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// Package ID; `None` for a document without one.
    pub id: Option<String>,
    /// The sequence.
    pub sequence: Sequence,
    /// The XML of the sequence as it was exported.
    pub xml: String,
    /// Packages that the sequence refers to, as the console lists them.
    pub referred: Vec<Referred>,
    /// Why the encoding of the text was assumed to be windows-1252, if it was.
    pub assumed_encoding: Option<String>,
    /// What became of each step, for a sequence of the Microsoft Deployment Toolkit.
    pub conversion: Option<Conversion>,
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

/// Reads the sequences of an archive that the console exported, each with its ID, in the order of IDs. `names` are the
/// names of its members, which `read` unpacks. The console's folder may lie in other folders.
pub fn read_members<'a>(
    names: impl IntoIterator<Item = &'a str>,
    mut read: impl FnMut(&str) -> std::result::Result<Vec<u8>, Cause>,
) -> Vec<(String, Result<Exported>)> {
    let mut folders: Vec<&str> = names.into_iter().filter_map(folder_of_object).collect();
    folders.sort_by_key(|folder| (id_of(folder), *folder));
    folders.into_iter().map(|folder| (id_of(folder).to_owned(), read_object(&mut read, folder))).collect()
}

/// Returns `true` for the name of a member that [`read_members`] unpacks.
pub fn is_part(name: &str) -> bool {
    [OBJECT, REFERENCES].iter().any(|file| folder_of(name, file).is_some())
}

/// The folder of a member that is the object of a sequence.
fn folder_of_object(name: &str) -> Option<&str> {
    folder_of(name, OBJECT)
}

/// The folder of a sequence, if a member is this file of it.
fn folder_of<'a>(name: &'a str, file: &str) -> Option<&'a str> {
    let folder = name.strip_suffix(file)?.strip_suffix('/')?;
    let (above, _) = folder.rsplit_once('/')?;
    (above.rsplit('/').next() == Some(FOLDER)).then_some(folder)
}

fn id_of(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

fn read_object(read: &mut impl FnMut(&str) -> std::result::Result<Vec<u8>, Cause>, folder: &str) -> Result<Exported> {
    let mut bytes = |name: &str| read(&format!("{folder}/{name}")).map_err(Error::Archive);
    let mut exported = document::read(&bytes(OBJECT)?, id_of(folder))?;
    exported.id = Some(id_of(folder).to_owned());
    // Consoles before 2012 wrote no such list; what it says is for people.
    if let Ok(list) = bytes(REFERENCES) {
        exported.referred = referred(&list)?;
    }
    Ok(exported)
}

/// The value of a property of an instance.
fn property(instance: &Element, name: &str) -> Option<String> {
    let is_it = |child: &&Element| child.name == "PROPERTY" && child.attribute("NAME") == Some(name);
    instance.children().find(is_it)?.child("VALUE").map(Element::own_text)
}

/// The list of references: a list of texts, each an instance in XML.
fn referred(bytes: &[u8]) -> Result<Vec<Referred>> {
    let list = dom::parse(&decode(bytes)?.text)?;
    let read = |text: &Element| -> Result<Referred> {
        let instance = dom::parse(&text.own_text())?;
        let said = |name| property(&instance, name).unwrap_or_default();
        let kind = said("ReferencePackageType").parse().unwrap_or(0);
        Ok(Referred { id: said("ReferencePackageID"), name: said("ReferenceName"), kind })
    };
    list.children().filter(|child| child.name == "string").map(read).collect()
}
