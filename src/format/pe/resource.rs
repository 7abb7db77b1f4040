//! Resources of a PE file, found by type and name in any language (PE Format, "The .rsrc Section"),
//! and the file version in the version resource (`VS_VERSIONINFO`, `VS_FIXEDFILEINFO`).

use std::fmt;

use object::LittleEndian as LE;
use object::pe::ImageResourceDirectoryEntry;
use object::read::pe::{ResourceDirectory, ResourceDirectoryTable, ResourceNameOrId};

use super::{Pe, RESOURCES, slice, u32_at};

/// Type or name of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceName<'a> {
    /// A number.
    Number(u16),
    /// A text. It is case-sensitive: resource compilers write capitals.
    Text(&'a str),
}

/// File version from the version resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileVersion(pub [u16; 4]);

impl fmt::Display for FileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, build, revision] = self.0;
        write!(f, "{major}.{minor}.{build}.{revision}")
    }
}

/// `RT_RCDATA`: application-defined data.
pub(super) const RAW: ResourceName<'static> = ResourceName::Number(10);
/// `RT_VERSION`.
const VERSION: ResourceName<'static> = ResourceName::Number(16);

impl<'a> Pe<'a> {
    /// Finds a resource.
    pub fn resource(&self, kind: ResourceName, name: ResourceName) -> Option<&'a [u8]> {
        let (address, len) = self.directories.get(RESOURCES)?.address_range();
        let all = self.at_address(address)?;
        let directory = ResourceDirectory::new(&all[..all.len().min(len as usize)]);
        let names = child(directory, &directory.root().ok()?, kind)?;
        let languages = child(directory, &names, name)?;
        let data = languages.entries.first()?.data(directory).ok()?.data()?;
        let (address, len) = (data.offset_to_data.get(LE), data.size.get(LE));
        slice(self.at_address(address)?, 0, len as usize)
    }

    /// Finds application-defined data (`RT_RCDATA`) by name.
    pub fn raw_resource(&self, name: &str) -> Option<&'a [u8]> {
        self.resource(RAW, ResourceName::Text(name))
    }

    /// File version from the version resource, if there is one.
    pub fn file_version(&self) -> Option<FileVersion> {
        let version = self.resource(VERSION, ResourceName::Number(1))?;
        // Three 16-bit fields, then the key in UTF-16 with a NUL, padded to four bytes.
        const KEY: &str = "VS_VERSION_INFO";
        let key: Vec<u8> = KEY.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        if slice(version, 6, key.len())? != key {
            return None;
        }
        let fixed = (6 + key.len()).next_multiple_of(4);
        if u32_at(version, fixed)? != 0xFEEF_04BD {
            return None;
        }
        let (high, low) = (u32_at(version, fixed + 8)?, u32_at(version, fixed + 12)?);
        Some(FileVersion([(high >> 16) as u16, high as u16, (low >> 16) as u16, low as u16]))
    }
}

/// Finds the subdirectory of an entry.
fn child<'a>(
    all: ResourceDirectory<'a>,
    table: &ResourceDirectoryTable<'a>,
    name: ResourceName,
) -> Option<ResourceDirectoryTable<'a>> {
    let is_named = |entry: &&ImageResourceDirectoryEntry| match (entry.name_or_id(), name) {
        (ResourceNameOrId::Id(id), ResourceName::Number(number)) => id == number,
        (ResourceNameOrId::Name(found), ResourceName::Text(text)) => {
            found.data(all).is_ok_and(|units| units.iter().map(|unit| unit.get(LE)).eq(text.encode_utf16()))
        }
        _ => false,
    };
    table.entries.iter().find(is_named)?.data(all).ok()?.table()
}
