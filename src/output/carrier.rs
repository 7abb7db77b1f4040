//! A finished medium as its structures have it: what all forms have in common, and below it what each has of its own.

use std::ops::Range;

use super::{Form, Listed, Listing};
use crate::date::Date;
use crate::format::iso;
use crate::layout::Region;

/// The structures of a finished medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Those of a disc image.
    Disc(iso::Disc),
}

impl Carrier {
    /// The form of the medium.
    pub fn form(&self) -> Form {
        match self {
            Self::Disc(_) => Form::Disc,
        }
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Disc(disc) => disc.len,
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
        }
    }

    /// When it was made, if it says that.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::Disc(disc) => disc.date,
        }
    }

    /// What firmware starts that is not in the tree of files or may not be, with where that is.
    pub fn boot(&self) -> &[iso::BootProgram] {
        match self {
            Self::Disc(disc) => &disc.boot,
        }
    }

    fn files(&self) -> impl Iterator<Item = (&str, u64, &[Range<u64>])> {
        let Self::Disc(disc) = self;
        let files = disc.files().iter().filter(|file| !file.is_folder);
        files.map(|file| (file.path.as_str(), file.len, file.extents.as_slice()))
    }
}

impl From<&Carrier> for Listing {
    fn from(carrier: &Carrier) -> Self {
        let region = |extent: &Range<u64>| Region { offset: extent.start, len: extent.end - extent.start };
        let listed = carrier.files().map(|(path, len, extents)| Listed {
            path: path.to_owned(),
            len,
            places: extents.iter().map(region).collect(),
        });
        Self { label: carrier.label().to_owned(), files: listed.collect(), seal: None }
    }
}
