//! Writer of master file table records and their attributes.
//!
//! A record has 1,024 bytes and is protected by *fixups*: the last two bytes of each sector are moved to its header and
//! replaced by an update sequence number, so that a partial write is detected.

/// Length of a record in bytes.
pub const RECORD_LEN: usize = 1_024;

/// Offset of the first attribute.
const FIRST_ATTRIBUTE: usize = 56;

/// End marker of a record, and its length with padding.
const END: u32 = u32::MAX;
const END_LEN: usize = 8;

const SECTOR_LEN: usize = 512;

/// Update sequence number of all records that tsmedia writes.
const UPDATE_NUMBER: u16 = 1;

// Types of attributes, in their order within a record.
/// Times, flags and security of a file.
pub const STANDARD_INFORMATION: u32 = 0x10;
/// List of attributes in other records.
pub const ATTRIBUTE_LIST: u32 = 0x20;
/// Name of a file, with its folder.
pub const FILE_NAME: u32 = 0x30;
/// Security descriptor of a file that stores its own.
pub const SECURITY_DESCRIPTOR: u32 = 0x50;
/// Volume label.
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
    /// First cluster.
    pub start: u64,
    /// Number of clusters.
    pub n_clusters: u64,
}

/// Use of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordUse {
    /// Not in use.
    Unused = 0,
    /// File.
    File = 1,
    /// Folder.
    Folder = 3,
    /// Indexes other than a folder's.
    Indexes = 9,
    /// Indexes of a file in `$Extend`.
    Extension = 13,
}

/// Record under construction. Attributes must be added in the order of their types, and then of their names.
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

    /// Number of bytes left for attributes.
    pub fn room(&self) -> usize {
        RECORD_LEN - END_LEN - self.bytes.len()
    }

    /// Adds a resident attribute.
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

    /// Adds an attribute whose `len` bytes are in clusters. `Err` makes it a hole of that many clusters.
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

    /// Adds the header of an attribute of `len` bytes and returns its offset.
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

    /// Completes the record with its number and sequence number.
    ///
    /// # Panics
    ///
    /// If the attributes don't fit. Callers measure those that may be long.
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

/// Makes an unnamed attribute whose `len` bytes are in a run of clusters.
pub fn outside(kind: u32, len: u64, run: NtfsRun, cluster_len: u64, instance: u16) -> Vec<u8> {
    let mut record = MftRecord { bytes: Vec::new(), n_attributes: instance, n_names: 0 };
    record.outside(kind, "", len, Ok(run), cluster_len);
    record.bytes
}

/// Applies fixups: saves the last two bytes of each sector after `at`, and replaces them by the update sequence number.
pub fn protect(bytes: &mut [u8], at: usize) {
    bytes[at..at + 2].copy_from_slice(&UPDATE_NUMBER.to_le_bytes());
    for sector in 0..bytes.len() / SECTOR_LEN {
        let (end, kept) = ((sector + 1) * SECTOR_LEN - 2, at + 2 + 2 * sector);
        bytes.copy_within(end..end + 2, kept);
        bytes[end..end + 2].copy_from_slice(&UPDATE_NUMBER.to_le_bytes());
    }
}

/// Encodes a run as mapping pairs, with lengths and starts in as few bytes as possible.
fn mapping_pairs(run: Result<NtfsRun, u64>) -> Vec<u8> {
    // Both numbers are signed, so the top bit must be clear.
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
