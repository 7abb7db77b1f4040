//! A finished medium as its structures have it: what all forms have in common, and below it what each has of its own.

use std::ops::Range;

use super::{Form, Listed, Listing, Seal};
use crate::date::Date;
use crate::format::iso;
use crate::format::stick;
use crate::format::wim::stored::Stored;
use crate::layout::Region;

/// The structures of a finished medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Those of a disc image.
    Disc(iso::Disc),
    /// Those of a WIM file.
    Wim(Stored),
    /// Those of a stick.
    Stick(stick::Stick),
}

impl Carrier {
    /// The form of the medium.
    pub fn form(&self) -> Form {
        match self {
            Self::Disc(_) => Form::Disc,
            Self::Wim(_) => Form::Wim,
            Self::Stick(stick) if stick.second.is_some() => Form::StickWithNtfs(stick.scheme),
            Self::Stick(stick) => Form::Stick(stick.scheme),
        }
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Disc(disc) => disc.len,
            Self::Wim(wim) => wim.len,
            Self::Stick(stick) => stick.len,
        }
    }

    /// Whether it has no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its volume label.
    pub fn label(&self) -> &str {
        match self {
            Self::Disc(disc) => disc.label.best(),
            Self::Wim(wim) => &wim.label,
            Self::Stick(stick) => &stick.label,
        }
    }

    /// When it was made, if it says that.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::Disc(disc) => disc.date,
            Self::Wim(wim) => wim.date,
            Self::Stick(stick) => stick.date,
        }
    }

    /// What firmware starts that is not in the tree of files or may not be, with where that is.
    pub fn boot(&self) -> &[iso::BootProgram] {
        match self {
            Self::Disc(disc) => &disc.boot,
            // The boot manager of a disk starts what is in the tree.
            Self::Wim(_) => &[],
            // Firmware starts a file of the tree.
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

    /// Where it carries the digest of its own structure.
    fn seal(&self) -> Option<Seal> {
        match self {
            Self::Wim(Stored { seal: Some((place, structure)), .. }) => {
                Some(Seal { place: region(place), structure: *structure })
            }
            Self::Disc(_) | Self::Stick(_) | Self::Wim(_) => None,
        }
    }
}

fn region(extent: &Range<u64>) -> Region {
    Region { offset: extent.start, len: extent.end - extent.start }
}

impl From<&Carrier> for Listing {
    fn from(carrier: &Carrier) -> Self {
        let listed = carrier.files().into_iter().map(|(path, len, extents)| Listed {
            path: path.to_owned(),
            len,
            places: extents.iter().map(region).collect(),
        });
        Self { label: carrier.label().to_owned(), files: listed.collect(), seal: carrier.seal() }
    }
}
