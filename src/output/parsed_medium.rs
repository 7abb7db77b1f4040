//! Parsed structures of a finished medium, with the accessors that all formats share.

use std::ops::Range;

use super::{Form, ListedFile, Listing, Seal};
use crate::date::Date;
use crate::format::iso;
use crate::format::stick;
use crate::format::wim::uncompressed::UncompressedWim;
use crate::layout::Region;

/// Parsed structures of a finished medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsedMedium {
    /// Disc image.
    Disc(iso::IsoDisc),
    /// WIM file.
    Wim(UncompressedWim),
    /// Stick image.
    Stick(stick::Stick),
}

impl ParsedMedium {
    /// Returns the file format.
    pub fn form(&self) -> Form {
        match self {
            Self::Disc(_) => Form::Disc,
            Self::Wim(_) => Form::Wim,
            Self::Stick(stick) if stick.second.is_some() => Form::StickWithNtfs(stick.scheme),
            Self::Stick(stick) => Form::Stick(stick.scheme),
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Disc(disc) => disc.len,
            Self::Wim(wim) => wim.len,
            Self::Stick(stick) => stick.len,
        }
    }

    /// Returns `true` if the medium has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Volume label.
    pub fn label(&self) -> &str {
        match self {
            Self::Disc(disc) => disc.label.best(),
            Self::Wim(wim) => &wim.label,
            Self::Stick(stick) => &stick.label,
        }
    }

    /// Creation date, if the medium records one.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::Disc(disc) => disc.date,
            Self::Wim(wim) => wim.date,
            Self::Stick(stick) => stick.date,
        }
    }

    /// Boot images that firmware starts by their position, from the boot catalog of a disc.
    pub fn boot(&self) -> &[iso::BootProgram] {
        match self {
            Self::Disc(disc) => &disc.boot,
            // The boot manager of the target disk starts a file of the image.
            Self::Wim(_) => &[],
            // UEFI firmware starts a file of the volume.
            Self::Stick(_) => &[],
        }
    }

    fn files(&self) -> Vec<(&str, u64, &[Range<u64>])> {
        match self {
            Self::Disc(disc) => {
                let files = disc.files().iter().filter(|file| !file.is_folder);
                files.map(|file| (file.path.as_str(), file.len, file.extents.as_slice())).collect()
            }
            Self::Stick(stick) => {
                let files = stick.files.iter().filter(|file| !file.is_folder);
                files.map(|file| (file.path.as_str(), file.len, file.extents.as_slice())).collect()
            }
            Self::Wim(wim) => {
                let files = wim.files.iter().filter(|file| !file.is_folder);
                files.map(|file| (file.path.as_str(), file.len, file.place.as_slice())).collect()
            }
        }
    }

    /// Digest of the structure, if the medium stores it outside of `medium.toml`.
    fn seal(&self) -> Option<Seal> {
        match self {
            Self::Wim(UncompressedWim { seal: Some((place, structure)), .. }) => {
                Some(Seal { place: region(place), structure: *structure })
            }
            Self::Disc(_) | Self::Stick(_) | Self::Wim(_) => None,
        }
    }
}

fn region(extent: &Range<u64>) -> Region {
    Region { offset: extent.start, len: extent.end - extent.start }
}

impl From<&ParsedMedium> for Listing {
    fn from(parsed: &ParsedMedium) -> Self {
        let listed = parsed.files().into_iter().map(|(path, len, extents)| ListedFile {
            path: path.to_owned(),
            len,
            places: extents.iter().map(region).collect(),
        });
        Self { label: parsed.label().to_owned(), files: listed.collect(), seal: parsed.seal() }
    }
}
