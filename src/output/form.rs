//! The forms that an output can have: what a volume becomes as a file, and what a finished file is.
//!
//! An [`Output`](super::Output) knows its form, and is laid out by it. A finished file says by its bytes what it is:
//! neither its name nor the manifest is asked. A form that is added has its place in each `match` here.

use std::collections::HashMap;
use std::io::{self, ErrorKind, SeekFrom};

use super::carrier::Carrier;
use super::lists::{COMMENT, CREATED_BY, VERSION};
use super::{Image, Listing};
use crate::content::{Content, SourceKey};
use crate::digest::{Asked, Digest, Sha1};
use crate::error::{Error, Result};
use crate::format::iso;
use crate::format::partitions::Scheme;
use crate::format::stick;
use crate::format::wim::header::PIPABLE_MAGIC;
use crate::format::wim::stored;
use crate::layout::{Layout, Slack};
use crate::size::Size;
use crate::volume::Volume;

/// What an output is as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A disc image.
    Disc,
    /// A WIM file.
    Wim,
    /// The image of a stick with such a partition table.
    Stick(Scheme),
    /// The same with an NTFS volume for what is too large for FAT32, if there is anything.
    StickWithNtfs(Scheme),
    /// What tests of everything around the formats make.
    #[cfg(test)]
    Shelf,
}

/// What forms need to know beside the volume.
pub(super) struct Terms<'a> {
    /// The capacity of the medium, if it has one: it may decide where things go. Whether it is kept is for the caller
    /// to see.
    pub capacity: Option<Size>,
    /// What the medium says of itself.
    pub description: &'a [(&'static str, String)],
    /// The SHA-1 of sources, as far as they are known. Nothing has another place when they are.
    pub sha1s: &'a HashMap<SourceKey, Sha1>,
    /// What a form that [carries](Form::seal) the digest of its structure puts where that goes.
    pub seal: Option<&'a Content>,
}

impl Terms<'_> {
    /// What a medium as a WIM file says beside what its volume does.
    fn words(&self) -> Result<stored::Words<'_>> {
        let said = |key: &str| self.description.iter().find(|(said, _)| *said == key).map(|(_, value)| value.as_str());
        let seal = self.seal.ok_or_else(|| Error::new("nothing stands for the digest of the structure"))?;
        let [created_by, version, comment] = [CREATED_BY, VERSION, COMMENT].map(said);
        Ok(stored::Words { created_by, version, comment, sha1s: self.sha1s, seal })
    }
}

/// What a WIM file starts with.
pub const WIM_MAGIC: &[u8; 8] = b"MSWIM\0\0\0";

impl Form {
    /// Which digests of sources are needed to seal it.
    pub fn asked(self) -> Asked {
        match self {
            Self::Disc | Self::Stick(_) | Self::StickWithNtfs(_) => Asked::Lists,
            Self::Wim => Asked::Sha1Too,
            #[cfg(test)]
            Self::Shelf => Asked::Lists,
        }
    }

    /// Whether files with the same contents share them, so that contents have to be told apart before it is laid out.
    pub(super) fn shares_contents(self) -> bool {
        match self {
            Self::Disc | Self::Stick(_) | Self::StickWithNtfs(_) => false,
            Self::Wim => true,
            #[cfg(test)]
            Self::Shelf => false,
        }
    }

    /// How it spells the digest of its structure where it carries that itself: in as many bytes for any digest. Other
    /// forms have it in `tsmedia/medium.toml`; one that names even its lists by digests can't.
    pub(super) fn seal(self) -> Option<fn(Digest) -> Vec<u8>> {
        match self {
            Self::Disc | Self::Stick(_) | Self::StickWithNtfs(_) => None,
            Self::Wim => Some(stored::seal),
            #[cfg(test)]
            Self::Shelf => None,
        }
    }

    /// Places a volume.
    pub(super) fn layout(self, volume: &Volume, slack: Slack, terms: &Terms) -> Result<Layout> {
        match self {
            Self::Disc => Ok(iso::layout(volume, slack)?),
            Self::Wim => stored::layout(volume, slack, &terms.words()?),
            Self::Stick(scheme) => stick::layout(volume, slack, scheme, terms.capacity.map(|capacity| capacity.0)),
            Self::StickWithNtfs(scheme) => {
                stick::layout_with_ntfs(volume, slack, scheme, terms.capacity.map(|capacity| capacity.0))
            }
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
        let is_wim = starts_with(image, WIM_MAGIC).map_err(|error| Error::new("it can't be read").because(error))?;
        if is_wim {
            return Ok(Self::Wim(stored::read(image)?));
        }
        if starts_with(image, &PIPABLE_MAGIC).map_err(|error| Error::new("it can't be read").because(error))? {
            return Err(Error::new("this is a pipable WIM, which is not a medium")
                .help("`tsmedia inspect` shows the command that converts it"));
        }
        // A disc may be made to start from a stick as well, and has a partition table then.
        let is_disc = iso::is_one(&mut image);
        if !is_disc.map_err(|error| Error::new("reading the first descriptor").because(error))?
            && let Some(stick) = stick::read(&mut image)?
        {
            return Ok(Self::Stick(stick));
        }
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
