//! Examines the contents of a drive, to decide whether a medium may overwrite them without asking.
//!
//! It may if nothing is lost that was not made by tsmedia: the drive is empty, or holds this medium or another build of
//! it, and no other file or partition. Files that operating systems put on every stick don't count. A file in place of
//! a drive is read in full and is empty if it is all zero. A drive is read by sample; data in between is found when it
//! is about to be overwritten ([`TransferMode::Empty`](super::TransferMode)).

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::DeviceTarget;
use super::signs::{self, SearchExtent, UsageSign};
use super::table::Original;
use crate::error::{Error, Result};
use crate::foreign_text::from_utf8;
use crate::format::file_system::{self, FileSystem};
use crate::format::partitions::{self, PartitionScheme};
use crate::layout::Region;
use crate::output::Listing;
use crate::output::lists::{self, MediumToml};
use crate::progress::Progress;

/// Contents of a drive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriveContents {
    /// `true` if no data was found.
    pub is_blank: bool,
    /// Extent of the search for data.
    pub looked: SearchExtent,
    /// Offset of the first byte that is not zero, if nothing else is known of the contents.
    pub first_data: Option<u64>,
    /// Partitions, or the whole drive if it has a file system without a partition table.
    pub volumes: Vec<DrivePartition>,
    /// Signs of use outside of partitions.
    pub signs: Vec<UsageSign>,
    /// Contents of `medium.toml`, if the drive holds a medium made by tsmedia.
    pub medium: Option<MediumToml>,
    /// Files that are not part of the medium.
    pub foreign: Vec<String>,
}

/// Partition of a drive, or the whole drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrivePartition {
    /// Number of the partition. `None` for the whole drive.
    pub number: Option<u32>,
    /// Range on the drive.
    pub place: Region,
    /// Detected file system.
    pub file_system: FileSystem,
    /// Volume label, if it is in the boot sector.
    pub label: Option<String>,
}

/// Comparison of a drive's contents with the medium to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriveStatus {
    /// The drive is empty.
    Blank,
    /// It holds this medium in the same build.
    Same,
    /// It holds another build of this medium.
    OtherBuild,
    /// It holds something else, which would be lost.
    Other,
}

/// Folders that Windows and macOS create on every volume.
const OF_SYSTEMS: [&str; 5] =
    ["System Volume Information/", "$RECYCLE.BIN/", ".fseventsd/", ".Spotlight-V100/", ".Trashes/"];

impl DriveContents {
    /// Examines a drive.
    pub fn read(target: &DeviceTarget, progress: &Progress) -> Result<Self> {
        let mut file = target.open_to_read()?;
        let failed = |error: io::Error| Error::io("reading", &target.path, error);
        let len = target.disk.len;
        let (scheme, volumes) = volumes(&mut file, len).map_err(failed)?;
        let mut signs = signs::find(&file, len, scheme.is_some()).map_err(failed)?;
        // A GPT keeps its own backup there.
        signs.retain(|sign| scheme != Some(PartitionScheme::Gpt) || sign.what != signs::BACKUP_GPT);
        let mut contents = Self { volumes, signs, ..Self::default() };
        if contents.volumes.is_empty() && contents.signs.is_empty() {
            (contents.first_data, contents.looked) = signs::first_data(&file, len, target.is_device, progress)
                .map_err(|error| Error::new(format!("examining `{}`", target.path)).because(error))?;
            contents.is_blank = contents.first_data.is_none();
        }
        if contents.is_blank {
            return Ok(contents);
        }
        // Most drives hold no medium, and one that can't be read counts as none.
        if let Some((medium, foreign)) = medium(file) {
            (contents.medium, contents.foreign) = (Some(medium), foreign);
        }
        Ok(contents)
    }

    /// Compares the contents with a medium that has `n_partitions` partitions.
    pub fn status(&self, medium: Option<&MediumToml>, n_partitions: usize) -> DriveStatus {
        if self.is_blank {
            return DriveStatus::Blank;
        }
        match (&self.medium, medium) {
            _ if !self.foreign.is_empty() || !self.signs.is_empty() || self.volumes.len() > n_partitions => {
                DriveStatus::Other
            }
            (Some(there), Some(medium)) if there.id == medium.id && there.secrets == medium.secrets => {
                DriveStatus::Same
            }
            (Some(there), Some(medium)) if names(there) == names(medium) => DriveStatus::OtherBuild,
            _ => DriveStatus::Other,
        }
    }
}

/// Name and site, which all builds of a medium have in common.
fn names(medium: &MediumToml) -> [Option<&str>; 2] {
    ["name", "site"].map(|wanted| {
        let value = medium.description.iter().find(|(key, _)| key == wanted);
        value.map(|(_, value)| value.as_str())
    })
}

/// Lists the partitions of a drive with the kind of their table, or the whole drive if it has a file system.
fn volumes(file: &mut File, len: u64) -> io::Result<(Option<PartitionScheme>, Vec<DrivePartition>)> {
    let table = partitions::read(file).ok().flatten();
    let places: Vec<_> = match &table {
        Some(table) => table
            .partitions
            .iter()
            .map(|partition| (Some(partition.number), Region { offset: partition.offset, len: partition.len }))
            .collect(),
        None => vec![(None, Region { offset: 0, len })],
    };
    let mut volumes = Vec::new();
    for (number, place) in places {
        file.seek(SeekFrom::Start(place.offset))?;
        let file_system = file_system::recognise(&mut file.take(place.len))?;
        if number.is_some() || file_system != FileSystem::Empty {
            volumes.push(DrivePartition { number, place, file_system, label: label(file, place.offset, file_system)? });
        }
    }
    Ok((table.map(|table| table.scheme), volumes))
}

/// Label in the boot sector of a FAT volume. Other file systems keep theirs elsewhere.
fn label(file: &mut File, offset: u64, file_system: FileSystem) -> io::Result<Option<String>> {
    let at = match file_system {
        FileSystem::Fat(32) => 71,
        FileSystem::Fat(_) => 43,
        _ => return Ok(None),
    };
    let mut label = [0; 11];
    file.seek(SeekFrom::Start(offset + at))?;
    file.read_exact(&mut label)?;
    let label = from_utf8(&label).trim().to_owned();
    Ok(Some(label).filter(|label| !label.is_empty() && label != "NO NAME" && !label.contains(char::is_control)))
}

/// Reads the medium on a drive, and lists the files that are not part of it.
pub(super) fn medium(file: File) -> Option<(MediumToml, Vec<String>)> {
    let mut image = Original::find(file).ok()?;
    let listing: Listing = crate::output::read(&mut image).ok()?;
    let medium = listing.medium(&mut image)?;
    let list = listing.files.iter().find(|file| file.path == lists::BLAKE3SUMS)?.read_text(&mut image).ok()?;
    let own: HashSet<&str> = lists::parse_sums(&list).into_iter().flatten().map(|(path, _)| path).collect();
    let is_foreign = |path: &&str| {
        !own.contains(path)
            && ![lists::BLAKE3SUMS, lists::SHA256SUMS].contains(path)
            && !OF_SYSTEMS.iter().any(|folder| path.starts_with(folder))
    };
    let foreign = listing.files.iter().map(|file| file.path.as_str()).filter(is_foreign).map(str::to_owned).collect();
    Some((medium, foreign))
}
