//! File formats of an output: layout of a volume, and detection of finished media.
//!
//! An [`Output`](super::Output) knows its format. A finished file is recognised by its bytes; its name and the manifest
//! are not consulted. To add a format, extend each `match` in this file.

use std::collections::HashMap;
use std::io::{self, ErrorKind, SeekFrom};

use super::lists::{COMMENT, CREATED_BY, VERSION};
use super::parsed_medium::ParsedMedium;
use super::{Listing, ReadSeek};
use crate::content::{Content, SourceKey};
use crate::digest::{Digest, DigestKinds, Sha1};
use crate::error::{Error, Result};
use crate::format::iso;
use crate::format::partitions::PartitionScheme;
use crate::format::stick;
use crate::format::wim::header::PIPABLE_MAGIC;
use crate::format::wim::uncompressed;
use crate::layout::{Layout, Slack};
use crate::size::Size;
use crate::volume::Volume;

/// File format of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Disc image (ISO 9660 and UDF).
    Disc,
    /// WIM file.
    Wim,
    /// Image of a USB stick with this partition table and one FAT32 volume.
    Stick(PartitionScheme),
    /// Image of a USB stick with a FAT32 volume, and an NTFS volume if there are files that FAT32 can't hold.
    StickWithNtfs(PartitionScheme),
    /// Toy format for tests of everything around the formats.
    #[cfg(test)]
    Toy,
}

/// Inputs of a layout besides the volume.
pub(super) struct FormContext<'a> {
    /// Capacity of the medium, if it has one. It may affect placement; the caller checks that it is kept.
    pub capacity: Option<Size>,
    /// Keys and values of `medium.toml`.
    pub description: &'a [(&'static str, String)],
    /// SHA-1 digests of sources, as far as known. They never affect placement.
    pub sha1s: &'a HashMap<SourceKey, Sha1>,
    /// Content that stores the digest of the structure, for formats that [carry it themselves](Form::seal).
    pub seal: Option<&'a Content>,
}

impl FormContext<'_> {
    /// Metadata of a WIM file besides that of its volume.
    fn words(&self) -> Result<uncompressed::MediumText<'_>> {
        let said = |key: &str| self.description.iter().find(|(said, _)| *said == key).map(|(_, value)| value.as_str());
        let seal = self.seal.ok_or_else(|| Error::new("the digest of the structure has no placeholder"))?;
        let [created_by, version, comment] = [CREATED_BY, VERSION, COMMENT].map(said);
        Ok(uncompressed::MediumText { created_by, version, comment, sha1s: self.sha1s, seal })
    }
}

/// Magic number of WIM files.
pub const WIM_MAGIC: &[u8; 8] = b"MSWIM\0\0\0";

impl Form {
    /// Digests of sources that the format needs.
    pub fn digest_kinds(self) -> DigestKinds {
        match self {
            Self::Disc | Self::Stick(_) | Self::StickWithNtfs(_) => DigestKinds::Lists,
            Self::Wim => DigestKinds::Sha1Too,
            #[cfg(test)]
            Self::Toy => DigestKinds::Lists,
        }
    }

    /// Returns `true` if files with the same contents are stored once. Their contents must be compared before the
    /// layout.
    pub(super) fn shares_contents(self) -> bool {
        match self {
            Self::Disc | Self::Stick(_) | Self::StickWithNtfs(_) => false,
            Self::Wim => true,
            #[cfg(test)]
            Self::Toy => false,
        }
    }

    /// Encodes the digest of the structure, if the format stores it itself. The encoded length must not depend on the
    /// digest. Other formats store it in `tsmedia/medium.toml`, which is impossible for a format whose structure
    /// contains the digests of all files.
    pub(super) fn seal(self) -> Option<fn(Digest) -> Vec<u8>> {
        match self {
            Self::Disc | Self::Stick(_) | Self::StickWithNtfs(_) => None,
            Self::Wim => Some(uncompressed::encode_seal),
            #[cfg(test)]
            Self::Toy => None,
        }
    }

    /// Lays a volume out.
    pub(super) fn layout(self, volume: &Volume, slack: Slack, terms: &FormContext) -> Result<Layout> {
        match self {
            Self::Disc => Ok(iso::layout(volume, slack)?),
            Self::Wim => uncompressed::layout(volume, slack, &terms.words()?),
            Self::Stick(scheme) => stick::layout(volume, slack, scheme, terms.capacity.map(|capacity| capacity.0)),
            Self::StickWithNtfs(scheme) => {
                stick::layout_with_ntfs(volume, slack, scheme, terms.capacity.map(|capacity| capacity.0))
            }
            #[cfg(test)]
            Self::Toy => super::fixtures::toy_format::layout(volume, slack),
        }
    }
}

/// Lists the files of a finished output of any format.
pub fn read(image: &mut dyn ReadSeek) -> Result<Listing> {
    #[cfg(test)]
    if super::fixtures::toy_format::is_one(image) {
        return super::fixtures::toy_format::read(image);
    }
    Ok(Listing::from(&ParsedMedium::read(image)?))
}

impl ParsedMedium {
    /// Parses the structures of a finished medium of any format.
    pub fn read(mut image: &mut dyn ReadSeek) -> Result<Self> {
        let is_wim =
            starts_with(image, WIM_MAGIC).map_err(|error| Error::new("reading the first bytes").because(error))?;
        if is_wim {
            return Ok(Self::Wim(uncompressed::read(image)?));
        }
        if starts_with(image, &PIPABLE_MAGIC).map_err(|error| Error::new("reading the first bytes").because(error))? {
            return Err(Error::new("this is a pipable WIM, not a medium")
                .help("run `tsmedia inspect` to see the command that converts it"));
        }
        // Hybrid discs have a partition table too, so check for a disc before looking for partitions.
        let is_disc = iso::is_disc(&mut image);
        if !is_disc.map_err(|error| Error::new("reading the first descriptor").because(error))?
            && let Some(stick) = stick::read(&mut image)?
        {
            return Ok(Self::Stick(stick));
        }
        // The first 32 KiB of a disc image are undefined, so anything unrecognised is read as one.
        Ok(Self::Disc(iso::read(&mut image)?))
    }
}

/// Returns `true` if an image starts with `magic`.
pub fn starts_with(image: &mut dyn ReadSeek, magic: &[u8]) -> io::Result<bool> {
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
