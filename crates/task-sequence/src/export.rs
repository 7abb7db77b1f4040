//! Exported task sequences in all forms in which they are kept and published.
//!
//! The `.zip` of the console is an OPC package. Two of its members are read:
//! `SMS_TaskSequencePackage/ID/object.xml`, an instance of the WMI class with the sequence in the
//! property `Sequence`, and `ReferencesInfo.xml` in the same folder, with the names and types of
//! referenced packages. All other members, including content, are ignored. [`document`] reads
//! single documents.

pub mod document;

use crate::encoding::decode;
use crate::error::{Cause, Error, Result};
use crate::mdt::Conversion;

use super::Sequence;
use super::xml::document::{self as dom, Element};

const FOLDER: &str = "SMS_TaskSequencePackage";
const OBJECT: &str = "object.xml";
const REFERENCES: &str = "ReferencesInfo.xml";

/// Exported task sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedSequence {
    /// Package ID; `None` for a document without one.
    pub id: Option<String>,
    /// Task sequence.
    pub sequence: Sequence,
    /// XML of the task sequence as it was exported.
    pub xml: String,
    /// Packages that the sequence refers to, as the console lists them.
    pub packages: Vec<ReferencedPackage>,
    /// Reason if the encoding was assumed to be windows-1252.
    pub assumed_encoding: Option<String>,
    /// Conversion of each step, for a sequence of the Microsoft Deployment Toolkit.
    pub conversion: Option<Conversion>,
}

/// Package that a sequence refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencedPackage {
    /// Package ID.
    pub id: String,
    /// Name at the site.
    pub name: String,
    /// Type, numbered as at the site (`SMS_PackageBaseclass.PackageType`).
    pub kind: u32,
}

/// Reads the sequences of an archive that the console exported, sorted by ID.
///
/// `names` are the names of its members, which `read` unpacks. The folder of the console may be
/// inside other folders.
pub fn read_members<'a>(
    names: impl IntoIterator<Item = &'a str>,
    mut read: impl FnMut(&str) -> std::result::Result<Vec<u8>, Cause>,
) -> Vec<(String, Result<ExportedSequence>)> {
    let mut folders: Vec<&str> = names.into_iter().filter_map(folder_of_object).collect();
    folders.sort_by_key(|folder| (id_of(folder), *folder));
    folders.into_iter().map(|folder| (id_of(folder).to_owned(), read_object(&mut read, folder))).collect()
}

/// Returns `true` if [`read_members`] unpacks a member with this name.
pub fn is_part(name: &str) -> bool {
    [OBJECT, REFERENCES].iter().any(|file| folder_of(name, file).is_some())
}

/// Returns the folder of a member that is the object of a sequence.
fn folder_of_object(name: &str) -> Option<&str> {
    folder_of(name, OBJECT)
}

/// Returns the folder of a sequence if the member is this file in it.
fn folder_of<'a>(name: &'a str, file: &str) -> Option<&'a str> {
    let folder = name.strip_suffix(file)?.strip_suffix('/')?;
    let (above, _) = folder.rsplit_once('/')?;
    (above.rsplit('/').next() == Some(FOLDER)).then_some(folder)
}

fn id_of(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

fn read_object(
    read: &mut impl FnMut(&str) -> std::result::Result<Vec<u8>, Cause>,
    folder: &str,
) -> Result<ExportedSequence> {
    let mut bytes = |name: &str| read(&format!("{folder}/{name}")).map_err(Error::Archive);
    let mut exported = document::read(&bytes(OBJECT)?, id_of(folder))?;
    exported.id = Some(id_of(folder).to_owned());
    // Consoles before 2012 wrote no such list. It is only displayed, so it may be missing.
    if let Ok(list) = bytes(REFERENCES) {
        exported.packages = parse_referenced_packages(&list)?;
    }
    Ok(exported)
}

/// Returns the value of a property of an instance.
fn property(instance: &Element, name: &str) -> Option<String> {
    let is_it = |child: &&Element| child.name == "PROPERTY" && child.attribute("NAME") == Some(name);
    instance.children().find(is_it)?.child("VALUE").map(Element::own_text)
}

/// Parses the list of references: a list of texts, each of which is an instance in XML.
fn parse_referenced_packages(bytes: &[u8]) -> Result<Vec<ReferencedPackage>> {
    let list = dom::parse(&decode(bytes)?.text)?;
    let read = |text: &Element| -> Result<ReferencedPackage> {
        let instance = dom::parse(&text.own_text())?;
        let value = |name| property(&instance, name).unwrap_or_default();
        let kind = value("ReferencePackageType").parse().unwrap_or(0);
        Ok(ReferencedPackage { id: value("ReferencePackageID"), name: value("ReferenceName"), kind })
    };
    list.children().filter(|child| child.name == "string").map(read).collect()
}
