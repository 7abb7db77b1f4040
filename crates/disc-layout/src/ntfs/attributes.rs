//! Attributes of records written by any driver, and the clusters of their streams.
//!
//! Records are untrusted: attributes that extend past the end of their record, or clusters outside of the volume, are
//! errors.

use std::ops::Range;

use crate::little_endian::{u16_at, u32_at, u64_at};
use crate::partitions::Window;

/// Type that ends the attributes of a record.
const END: u32 = u32::MAX;

/// Minimum length of an attribute: resident, and in clusters.
const HEAD_LEN: usize = 24;
const LONG_HEAD_LEN: usize = 64;

/// Attribute flags: compressed by NTFS itself, and encrypted.
const COMPRESSED: u16 = 0x00ff;
const ENCRYPTED: u16 = 0x4000;

/// Extracts the record number from a reference.
pub fn number_of(reference: u64) -> u64 {
    reference & 0xffff_ffff_ffff
}

/// Attribute of a record, as stored.
#[derive(Clone, Copy)]
pub struct Attribute<'a>(&'a [u8]);

/// Iterates over the attributes of a record whose fixups have been applied.
///
/// # Errors
///
/// An attribute with an impossible length yields an error as the last item.
pub fn attributes(record: &[u8]) -> impl Iterator<Item = Result<Attribute<'_>, String>> {
    let mut rest = record.get(usize::from(u16_at(record, 20))..).unwrap_or_default();
    std::iter::from_fn(move || {
        if rest.len() < 4 || u32_at(rest, 0) == END {
            return None;
        }
        let len = if rest.len() < HEAD_LEN { 0 } else { u32_at(rest, 4) as usize };
        let attribute = rest.get(..len).map(Attribute).filter(Attribute::is_possible);
        rest = if attribute.is_some() { &rest[len..] } else { &[] };
        Some(attribute.ok_or_else(|| "an attribute has an impossible length".to_owned()))
    })
}

impl<'a> Attribute<'a> {
    fn is_possible(&self) -> bool {
        let least = if self.0.get(8).is_some_and(|flag| *flag != 0) { LONG_HEAD_LEN } else { HEAD_LEN };
        self.0.len() >= least && self.name_range().end <= self.0.len()
    }

    fn name_range(&self) -> Range<usize> {
        let at = usize::from(u16_at(self.0, 10));
        at..at + 2 * usize::from(self.0.get(9).copied().unwrap_or_default())
    }

    /// Bytes of the attribute: header and value.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Type of the attribute.
    pub fn kind(&self) -> u32 {
        u32_at(self.0, 0)
    }

    /// Name in UTF-16; empty if unnamed.
    pub fn name(&self) -> &'a [u8] {
        &self.0[self.name_range()]
    }

    /// Instance number within the file.
    pub fn instance(&self) -> u16 {
        u16_at(self.0, 14)
    }

    /// Value of a resident attribute.
    pub fn value(&self) -> Option<&'a [u8]> {
        let (len, at) = (u32_at(self.0, 16) as usize, usize::from(u16_at(self.0, 20)));
        (self.0[8] == 0).then(|| self.0.get(at..at.checked_add(len)?))?
    }

    /// First cluster within the stream; 0 for a resident attribute.
    pub fn first_cluster(&self) -> u64 {
        if self.0[8] == 0 { 0 } else { u64_at(self.0, 16) }
    }

    /// Length of the stream in bytes, as recorded in its first attribute.
    pub fn len(&self) -> u64 {
        if self.0[8] == 0 { u64::from(u32_at(self.0, 16)) } else { u64_at(self.0, 48) }
    }

    /// Returns `true` if the stream has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Mapping pairs, which encode the runs of clusters.
    fn runs(&self) -> &'a [u8] {
        self.0.get(usize::from(u16_at(self.0, 32))..).unwrap_or_default()
    }
}

/// Bytes of a stream.
#[derive(Clone, Debug)]
pub enum Stream {
    /// Resident in the record.
    Resident(Vec<u8>),
    /// In clusters.
    Clusters {
        /// Extents without gaps, from the first byte of the stream.
        extents: Vec<StreamExtent>,
        /// Length of the stream in bytes.
        len: u64,
        /// Number of initialised bytes; the rest reads as zero whatever the clusters contain.
        initialized: u64,
    },
}

/// Consecutive clusters of a stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamExtent {
    /// Offset within the stream.
    at: u64,
    /// Length in bytes.
    len: u64,
    /// Offset on the volume. `None` for a hole.
    place: Option<u64>,
}

impl Stream {
    /// Assembles a stream from its attributes, in any order.
    ///
    /// # Errors
    ///
    /// If parts are missing, compressed or encrypted by NTFS, or outside of the volume.
    pub fn new(parts: Vec<Attribute<'_>>, cluster_len: u64, volume_len: u64) -> Result<Self, String> {
        let wanted = parts.iter().min_by_key(|part| part.first_cluster()).map_or(0, Attribute::len);
        let stream = Self::beginning(parts, cluster_len, volume_len)?;
        match stream.len() {
            len if len < wanted => Err(format!("a stream has {wanted} bytes, but clusters for only {len}")),
            _ => Ok(stream),
        }
    }

    /// Assembles the beginning of a stream, as far as these attributes cover it.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), except that the end may be missing.
    pub fn beginning(mut parts: Vec<Attribute<'_>>, cluster_len: u64, volume_len: u64) -> Result<Self, String> {
        parts.sort_by_key(Attribute::first_cluster);
        let first = parts.first().ok_or("a stream is missing")?;
        if let [only] = parts.as_slice()
            && let Some(value) = only.value()
        {
            return Ok(Self::Resident(value.to_vec()));
        }
        if parts.iter().any(|part| part.0[8] == 0 || u16_at(part.0, 12) & (COMPRESSED | ENCRYPTED) != 0) {
            return Err("a stream is compressed or encrypted by NTFS".into());
        }
        let (len, initialized) = (first.len(), u64_at(first.0, 56));
        let mut extents = Vec::new();
        let mut at = 0;
        for part in &parts {
            if part.first_cluster().checked_mul(cluster_len) != Some(at) {
                return Err("a part of a stream is missing".into());
            }
            at = take_runs(part.runs(), at, cluster_len, volume_len, &mut extents)?;
        }
        Ok(Self::Clusters { extents, len: len.min(at), initialized })
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Resident(bytes) => bytes.len() as u64,
            Self::Clusters { len, .. } => *len,
        }
    }

    /// Returns `true` if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns `true` if some bytes are in holes, or none was ever written.
    pub fn is_hollow(&self) -> bool {
        match self {
            Self::Resident(_) => false,
            Self::Clusters { extents, len, initialized } => {
                let has_hole = extents.iter().any(|extent| extent.place.is_none());
                *len > 0 && (*initialized == 0 || has_hole)
            }
        }
    }

    /// Positions on the volume of a range of the stream, extent by extent. Empty for a resident stream.
    pub fn places(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, Option<u64>)> {
        let extents = match self {
            Self::Resident(_) => &[],
            Self::Clusters { extents, .. } => extents.as_slice(),
        };
        let first = extents.partition_point(|extent| extent.at + extent.len <= range.start);
        extents[first..].iter().take_while(move |extent| extent.at < range.end).map(move |extent| {
            let part = range.start.max(extent.at)..range.end.min(extent.at + extent.len);
            (part.clone(), extent.place.map(|place| place + (part.start - extent.at)))
        })
    }

    /// Fills `bytes` from offset `at`.
    ///
    /// # Errors
    ///
    /// If the range extends past the end, or can't be read.
    pub fn fill(&self, volume: &Window, bytes: &mut [u8], at: u64) -> Result<(), String> {
        let end = at.checked_add(bytes.len() as u64).filter(|end| *end <= self.len());
        let end = end.ok_or_else(|| format!("a stream of {} bytes ends before byte {at}", self.len()))?;
        match self {
            Self::Resident(value) => bytes.copy_from_slice(&value[at as usize..end as usize]),
            Self::Clusters { initialized, .. } => {
                for (part, place) in self.places(at..end) {
                    let to = &mut bytes[(part.start - at) as usize..(part.end - at) as usize];
                    let n_written = initialized.saturating_sub(part.start).min(to.len() as u64) as usize;
                    let (written, zeros) = to.split_at_mut(n_written);
                    zeros.fill(0);
                    match place {
                        Some(place) => volume.read_exact_at(written, place).map_err(|error| error.to_string())?,
                        None => written.fill(0),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Appends the extents of mapping pairs that continue at byte `at` of their stream. Returns their end.
fn take_runs(
    mut pairs: &[u8],
    mut at: u64,
    cluster_len: u64,
    volume_len: u64,
    extents: &mut Vec<StreamExtent>,
) -> Result<u64, String> {
    let broken = || "a stream has impossible clusters".to_owned();
    let mut cluster = 0i64;
    loop {
        let (head, rest) = pairs.split_first().ok_or_else(broken)?;
        if *head == 0 {
            return Ok(at);
        }
        // A byte holds the widths of two numbers: the length of the run, and the distance of its
        // first cluster from that of the run before. A width of 0 for the distance means a hole.
        let (len_len, by_len) = (usize::from(head & 15), usize::from(head >> 4));
        let (n_clusters, rest) = rest.split_at_checked(len_len).ok_or_else(broken)?;
        let (by, rest) = rest.split_at_checked(by_len).ok_or_else(broken)?;
        pairs = rest;
        let n_clusters = signed(n_clusters).and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
        let len = n_clusters.and_then(|n| n.checked_mul(cluster_len)).ok_or_else(broken)?;
        let place = if by.is_empty() {
            None
        } else {
            cluster = signed(by).and_then(|by| cluster.checked_add(by)).ok_or_else(broken)?;
            let place = u64::try_from(cluster).ok().and_then(|cluster| cluster.checked_mul(cluster_len));
            let fits = |place: &u64| place.checked_add(len).is_some_and(|end| end <= volume_len);
            Some(place.filter(fits).ok_or_else(broken)?)
        };
        match extents.last_mut() {
            Some(last) if last.place.map(|place| place + last.len) == place && last.place.is_some() => last.len += len,
            _ => extents.push(StreamExtent { at, len, place }),
        }
        at = at.checked_add(len).ok_or_else(broken)?;
    }
}

/// Parses a signed little-endian number of one to eight bytes.
fn signed(bytes: &[u8]) -> Option<i64> {
    let last = bytes.last().filter(|_| bytes.len() <= 8)?;
    let mut wide = [if *last >= 0x80 { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}
