//! The forms that an output can have: what a volume becomes as a file, and what a finished file is.
//!
//! An [`Output`](super::Output) knows its form, and is laid out by it. A finished file says by its bytes what it is:
//! neither its name nor the manifest is asked. A form that is added has its place in each `match` here.

use std::io::{self, ErrorKind, SeekFrom};

use super::carrier::Carrier;
use super::{Image, Listing};
use crate::error::Result;
use crate::format::iso;
use crate::layout::{Layout, Slack};
use crate::size::Size;
use crate::volume::Volume;

/// What an output is as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A disc image.
    Disc,
    /// What tests of everything around the formats make.
    #[cfg(test)]
    Shelf,
}

/// What a WIM file starts with.
pub const WIM_MAGIC: &[u8; 8] = b"MSWIM\0\0\0";

impl Form {
    /// Places a volume. The capacity of the medium, if it has one, may decide where things go; whether it is kept is
    /// for the caller to see.
    pub(super) fn layout(self, volume: &Volume, slack: Slack, _capacity: Option<Size>) -> Result<Layout> {
        match self {
            Self::Disc => iso::layout(volume, slack),
            #[cfg(test)]
            Self::Shelf => super::shelf::layout(volume, slack),
        }
    }
}

/// Finds the files of a finished output, whatever form it has.
pub fn read(image: &mut dyn Image) -> Result<Listing> {
    #[cfg(test)]
    if super::shelf::is_one(image) {
        return super::shelf::read(image);
    }
    Ok(Listing::from(&Carrier::read(image)?))
}

impl Carrier {
    /// Reads the structures of a finished medium, whatever form it has.
    pub fn read(mut image: &mut dyn Image) -> Result<Self> {
        // The first bytes of a disc image say nothing, so it is what all else is taken for.
        Ok(Self::Disc(iso::read(&mut image)?))
    }
}

/// Whether an image starts with these bytes.
pub fn starts_with(image: &mut dyn Image, magic: &[u8]) -> io::Result<bool> {
    let mut start = vec![0; magic.len()];
    image.seek(SeekFrom::Start(0))?;
    let read = image.read_exact(&mut start);
    image.seek(SeekFrom::Start(0))?;
    match read {
        Ok(()) => Ok(start == magic),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
