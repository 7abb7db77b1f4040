//! Records of the master file table and their attributes, as bytes.
//!
//! A record has 1,024 bytes and is protected by *fixups*: the last two bytes of each sector are kept in its header, and
//! an update number stands in their place, so that a write that was cut off shows.

/// The length of a record.
pub const RECORD_LEN: usize = 1_024;

/// Where the first attribute of a record is.
const FIRST_ATTRIBUTE: usize = 56;

/// What a record ends with, and what that takes.
const END: u32 = u32::MAX;
const END_LEN: usize = 8;

const SECTOR_LEN: usize = 512;

/// The update number of everything that we write.
const UPDATE_NUMBER: u16 = 1;

// Types of attributes, in the order in which a record has them.
/// Times, flags and security of a file.
pub const STANDARD_INFORMATION: u32 = 0x10;
/// List of attributes in other records.
pub const ATTRIBUTE_LIST: u32 = 0x20;
/// Name of a file, with its folder.
pub const FILE_NAME: u32 = 0x30;
/// Security descriptor of a file that has one of its own.
pub const SECURITY_DESCRIPTOR: u32 = 0x50;
/// Label of the volume.
pub const VOLUME_NAME: u32 = 0x60;
/// Version and flags of the volume.
pub const VOLUME_INFORMATION: u32 = 0x70;
/// Contents of a file.
pub const DATA: u32 = 0x80;
/// Root of an index.
pub const INDEX_ROOT: u32 = 0x90;
/// Blocks of an index.
pub const INDEX_ALLOCATION: u32 = 0xa0;
/// Bitmap of an index or of the table.
pub const BITMAP: u32 = 0xb0;
/// Reparse point.
pub const REPARSE_POINT: u32 = 0xc0;

/// Consecutive clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NtfsRun {
    /// The first of them.
    pub start: u64,
    /// Number of them.
    pub n_clusters: u64,
}

/// What a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordUse {
    /// Nothing.
    Unused = 0,
    /// A file.
    File = 1,
    /// A folder.
    Folder = 3,
    /// Indexes that are no folder's.
    Indexes = 9,
    /// Such in `$Extend`.
    Extension = 13,
}

/// A record while its attributes are added, in the order of their types and then of their names.
pub struct MftRecord {
    bytes: Vec<u8>,
    n_attributes: u16,
    n_names: u16,
}

impl MftRecord {
    /// Creates a record without attributes.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { bytes: vec![0; FIRST_ATTRIBUTE], n_attributes: 0, n_names: 0 }
    }

    /// How many bytes are left for attributes.
    pub fn room(&self) -> usize {
        RECORD_LEN - END_LEN - self.bytes.len()
    }

    /// Adds an attribute whose value is in the record.
    pub fn resident(&mut self, kind: u32, name: &str, value: &[u8]) {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let value_at = (24 + name.len()).next_multiple_of(8);
        let len = (value_at + value.len()).next_multiple_of(8);
        let is_indexed = kind == FILE_NAME;
        self.n_names += u16::from(is_indexed);
        let start = self.begin(kind, len, false, &name, 24);
        let attribute = &mut self.bytes[start..];
        attribute[16..20].copy_from_slice(&(value.len() as u32).to_le_bytes());
        attribute[20..22].copy_from_slice(&(value_at as u16).to_le_bytes());
        attribute[22] = u8::from(is_indexed);
        attribute[24..24 + name.len()].copy_from_slice(&name);
        attribute[value_at..value_at + value.len()].copy_from_slice(value);
    }

    /// Adds an attribute whose `len` bytes are in clusters; without a run they are zeros that are nowhere, in a hole of
    /// so many clusters.
    pub fn outside(&mut self, kind: u32, name: &str, len: u64, run: Result<NtfsRun, u64>, cluster_len: u64) {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let runs_at = (64 + name.len()).next_multiple_of(8);
        let runs = mapping_pairs(run);
        let start = self.begin(kind, (runs_at + runs.len()).next_multiple_of(8), true, &name, 64);
        let n_clusters = run.map_or_else(|hole| hole, |run| run.n_clusters);
        let initialised = if run.is_ok() { len } else { 0 };
        let attribute = &mut self.bytes[start..];
        attribute[24..32].copy_from_slice(&(n_clusters - 1).to_le_bytes()); // the last cluster
        attribute[32..34].copy_from_slice(&(runs_at as u16).to_le_bytes());
        attribute[40..48].copy_from_slice(&(n_clusters * cluster_len).to_le_bytes());
        attribute[48..56].copy_from_slice(&len.to_le_bytes());
        attribute[56..64].copy_from_slice(&initialised.to_le_bytes());
        attribute[64..64 + name.len()].copy_from_slice(&name);
        attribute[runs_at..runs_at + runs.len()].copy_from_slice(&runs);
    }

    /// Adds the head of an attribute of `len` bytes, and says where it is.
    fn begin(&mut self, kind: u32, len: usize, is_outside: bool, name: &[u8], name_at: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.resize(start + len, 0);
        let head = &mut self.bytes[start..];
        head[..4].copy_from_slice(&kind.to_le_bytes());
        head[4..8].copy_from_slice(&(len as u32).to_le_bytes());
        head[8] = u8::from(is_outside);
        head[9] = (name.len() / 2) as u8;
        head[10..12].copy_from_slice(&name_at.to_le_bytes());
        head[14..16].copy_from_slice(&self.n_attributes.to_le_bytes());
        self.n_attributes += 1;
        start
    }

    /// The record with its number and how often it was used.
    ///
    /// # Panics
    ///
    /// If the attributes don't fit: those that may be long are to be measured before.
    pub fn finish(mut self, number: u64, sequence: u16, what: RecordUse) -> Vec<u8> {
        self.bytes.extend(END.to_le_bytes());
        self.bytes.extend([0; 4]);
        let used = self.bytes.len();
        assert!(used <= RECORD_LEN, "record {number} has {used} bytes");
        self.bytes.resize(RECORD_LEN, 0);
        let head = &mut self.bytes;
        head[..4].copy_from_slice(b"FILE");
        head[4..6].copy_from_slice(&48u16.to_le_bytes()); // where the fixups are
        head[6..8].copy_from_slice(&3u16.to_le_bytes()); // the update number, and one of each sector
        head[16..18].copy_from_slice(&sequence.to_le_bytes());
        head[18..20].copy_from_slice(&self.n_names.to_le_bytes());
        head[20..22].copy_from_slice(&(FIRST_ATTRIBUTE as u16).to_le_bytes());
        head[22..24].copy_from_slice(&(what as u16).to_le_bytes());
        head[24..28].copy_from_slice(&(used as u32).to_le_bytes());
        head[28..32].copy_from_slice(&(RECORD_LEN as u32).to_le_bytes());
        head[40..42].copy_from_slice(&self.n_attributes.to_le_bytes());
        head[44..48].copy_from_slice(&(number as u32).to_le_bytes());
        protect(&mut self.bytes, 48);
        self.bytes
    }
}

/// An unnamed attribute of a type whose `len` bytes are in a run of clusters.
pub fn outside(kind: u32, len: u64, run: NtfsRun, cluster_len: u64, instance: u16) -> Vec<u8> {
    let mut record = MftRecord { bytes: Vec::new(), n_attributes: instance, n_names: 0 };
    record.outside(kind, "", len, Ok(run), cluster_len);
    record.bytes
}

/// Puts an update number at the end of each sector, and what was there behind the number at `at`.
pub fn protect(bytes: &mut [u8], at: usize) {
    bytes[at..at + 2].copy_from_slice(&UPDATE_NUMBER.to_le_bytes());
    for sector in 0..bytes.len() / SECTOR_LEN {
        let (end, kept) = ((sector + 1) * SECTOR_LEN - 2, at + 2 + 2 * sector);
        bytes.copy_within(end..end + 2, kept);
        bytes[end..end + 2].copy_from_slice(&UPDATE_NUMBER.to_le_bytes());
    }
}

/// Where the clusters of an attribute are: lengths and starts in as few bytes as they need.
fn mapping_pairs(run: Result<NtfsRun, u64>) -> Vec<u8> {
    // Both numbers are signed.
    let short = |number: u64| {
        let bytes = (number as i64).to_le_bytes();
        let len = (1..8).find(|len| number < 1 << (8 * len - 1)).unwrap_or(8);
        bytes[..len].to_vec()
    };
    let (len, start) = match run {
        Ok(run) => (short(run.n_clusters), short(run.start)),
        Err(hole) => (short(hole), Vec::new()),
    };
    let mut pairs = vec![(start.len() << 4 | len.len()) as u8];
    pairs.extend(len);
    pairs.extend(start);
    pairs.push(0);
    pairs
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn pairs(start: u64, n_clusters: u64) -> Vec<u8> {
        mapping_pairs(Ok(NtfsRun { start, n_clusters }))
    }
}
