//! The resources of a PE file: one by type and name in whatever language comes first (PE Format, "The .rsrc Section"),
//! and the fixed part of a version resource (`VS_VERSIONINFO`, `VS_FIXEDFILEINFO`).

use std::fmt;

use super::{Pe, RESOURCES, slice, u16_at, u32_at};

/// What a resource is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceName<'a> {
    /// A number.
    Number(u16),
    /// A text. Case matters: compilers of resources write capitals.
    Text(&'a str),
}

/// The version of a file, as its version resource has it in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileVersion(pub [u16; 4]);

impl fmt::Display for FileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, build, revision] = self.0;
        write!(f, "{major}.{minor}.{build}.{revision}")
    }
}

/// `RT_RCDATA`: bytes that mean something to the program alone.
pub(super) const RAW: ResourceName<'static> = ResourceName::Number(10);
/// `RT_VERSION`.
const VERSION: ResourceName<'static> = ResourceName::Number(16);

/// An entry of a resource directory whose offset has this bit leads to another directory; one whose name has it, to text.
const HIGH: u32 = 1 << 31;

impl<'a> Pe<'a> {
    /// The bytes of a resource, if it is there and whole.
    pub fn resource(&self, kind: ResourceName, name: ResourceName) -> Option<&'a [u8]> {
        let (address, len) = self.directories.get(RESOURCES).copied().filter(|(_, len)| *len > 0)?;
        let all = self.at_address(address)?;
        let all = &all[..all.len().min(len as usize)];
        let names = child(all, 0, Some(kind))? ^ HIGH;
        let languages = child(all, names, Some(name))? ^ HIGH;
        let data = child(all, languages, None)?;
        if [names, languages, data].iter().any(|offset| offset & HIGH != 0) {
            return None;
        }
        let (address, len) = (u32_at(all, data as usize)?, u32_at(all, data as usize + 4)?);
        slice(self.at_address(address)?, 0, len as usize)
    }

    /// Bytes that mean something to the program alone, by their name (`RT_RCDATA`).
    pub fn raw_resource(&self, name: &str) -> Option<&'a [u8]> {
        self.resource(RAW, ResourceName::Text(name))
    }

    /// The version of the file, if it has a version resource.
    pub fn file_version(&self) -> Option<FileVersion> {
        let version = self.resource(VERSION, ResourceName::Number(1))?;
        // Three numbers of 16 bits, then the key in UTF-16 with its end, then up to a multiple of four bytes.
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

/// Where the entry of a directory leads that has a name, or the first one.
fn child(all: &[u8], directory: u32, name: Option<ResourceName>) -> Option<u32> {
    let directory = directory as usize;
    let n_entries = u32::from(u16_at(all, directory + 12)?) + u32::from(u16_at(all, directory + 14)?);
    for n in 0..n_entries as usize {
        let entry = directory + 16 + n * 8;
        let (called, leads) = (u32_at(all, entry)?, u32_at(all, entry + 4)?);
        let is_it = match name {
            None => true,
            Some(ResourceName::Number(number)) => called == u32::from(number),
            Some(ResourceName::Text(text)) => called & HIGH != 0 && is_text(all, (called ^ HIGH) as usize, text),
        };
        if is_it {
            return Some(leads);
        }
    }
    None
}

/// Whether a text is at an offset: its length in units of UTF-16, and these.
fn is_text(all: &[u8], at: usize, text: &str) -> bool {
    let n_units = u16_at(all, at).map(usize::from);
    let units = n_units.and_then(|n_units| slice(all, at + 2, n_units * 2));
    units.is_some_and(|units| text.encode_utf16().flat_map(u16::to_le_bytes).eq(units.iter().copied()))
}
