//! What a drive holds already, and whether a medium may be put over it without a question.
//!
//! It may where nothing is lost that was not made by tsmedia: the drive is empty, or holds this medium or another build
//! of it, and no file and no partition besides. Files that systems put on every stick they see are none of anybody's.
//! A file in place of a drive is empty if all of it is zero. A drive is looked at by sample: what it holds between is
//! found when it would be written over ([`How::Empty`](super::How)).

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::Target;
use super::signs::{self, Looked, Sign};
use super::table::Original;
use crate::error::{Error, Result};
use crate::foreign_text::from_utf8;
use crate::format::file_system::{self, FileSystem};
use crate::format::partitions::{self, Scheme};
use crate::layout::Region;
use crate::output::Listing;
use crate::output::lists::{self, Medium};
use crate::progress::Progress;

/// What a drive holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Empty, as far as it was looked at.
    pub is_blank: bool,
    /// How much of it was looked at.
    pub looked: Looked,
    /// The first byte that is not zero, where nothing else is known of it.
    pub first_data: Option<u64>,
    /// Its partitions, or all of it where it has a file system without partitions.
    pub volumes: Vec<Held>,
    /// Signs of use outside of partitions.
    pub signs: Vec<Sign>,
    /// The medium that it holds, if tsmedia made it.
    pub medium: Option<Medium>,
    /// Files beside those of the medium.
    pub foreign: Vec<String>,
}

/// A partition of a drive, or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its number; none for all of the drive.
    pub number: Option<u32>,
    /// Where it is.
    pub place: Region,
    /// What it seems to hold.
    pub file_system: FileSystem,
    /// Its label, where that is easily found.
    pub label: Option<String>,
}

/// What becomes of a drive's contents when a medium is put on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is nothing.
    Blank,
    /// It holds this very medium.
    Same,
    /// It holds another build of the medium.
    OtherBuild,
    /// It holds something else, which would be lost.
    Other,
}

/// Folders that Windows and macOS make on what they see.
const OF_SYSTEMS: [&str; 5] =
    ["System Volume Information/", "$RECYCLE.BIN/", ".fseventsd/", ".Spotlight-V100/", ".Trashes/"];

impl Contents {
    /// Looks at a drive.
    pub fn read(target: &Target, progress: &Progress) -> Result<Self> {
        let mut file = target.open_to_read()?;
        let failed = |error: io::Error| Error::io("reading", &target.path, error);
        let len = target.disk.len;
        let (scheme, volumes) = volumes(&mut file, len).map_err(failed)?;
        let mut signs = signs::find(&file, len, scheme.is_some()).map_err(failed)?;
        // A GPT has its second copy there.
        signs.retain(|sign| scheme != Some(Scheme::Gpt) || sign.what != signs::BACKUP_GPT);
        let mut contents = Self { volumes, signs, ..Self::default() };
        if contents.volumes.is_empty() && contents.signs.is_empty() {
            (contents.first_data, contents.looked) = signs::first_data(&file, len, target.is_device, progress)
                .map_err(|error| Error::new(format!("looking at `{}`", target.path)).because(error))?;
            contents.is_blank = contents.first_data.is_none();
        }
        if contents.is_blank {
            return Ok(contents);
        }
        // Most of what drives hold is no medium, and what can't be read is none.
        if let Some((medium, foreign)) = medium(file) {
            (contents.medium, contents.foreign) = (Some(medium), foreign);
        }
        Ok(contents)
    }

    /// What would become of it: `medium` is to be put on it, which has so many partitions.
    pub fn standing(&self, medium: Option<&Medium>, n_partitions: usize) -> Standing {
        if self.is_blank {
            return Standing::Blank;
        }
        match (&self.medium, medium) {
            _ if !self.foreign.is_empty() || !self.signs.is_empty() || self.volumes.len() > n_partitions => {
                Standing::Other
            }
            (Some(there), Some(medium)) if there.id == medium.id && there.secrets == medium.secrets => Standing::Same,
            (Some(there), Some(medium)) if names(there) == names(medium) => Standing::OtherBuild,
            _ => Standing::Other,
        }
    }
}

/// What tells a medium from others, whenever it is built: its name and its site.
fn names(medium: &Medium) -> [Option<&str>; 2] {
    ["name", "site"].map(|wanted| {
        let value = medium.description.iter().find(|(key, _)| key == wanted);
        value.map(|(_, value)| value.as_str())
    })
}

/// The partitions of a drive and the kind of their table, or what all of it is.
fn volumes(file: &mut File, len: u64) -> io::Result<(Option<Scheme>, Vec<Held>)> {
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
            volumes.push(Held { number, place, file_system, label: label(file, place.offset, file_system)? });
        }
    }
    Ok((table.map(|table| table.scheme), volumes))
}

/// The label in the boot sector of a FAT volume. What others are called is not so near.
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

/// The medium on a drive, and the files there that are not of it.
pub(super) fn medium(file: File) -> Option<(Medium, Vec<String>)> {
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
