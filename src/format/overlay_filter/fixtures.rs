//! NTFS volumes for tests, edited by hand into states that Windows features leave.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use disc_layout::little_endian::{u32_at, u64_at};
use disc_layout::ntfs::attributes::{Stream, attributes};
use disc_layout::ntfs::mft::MasterFileTable;
use disc_layout::ntfs::record::{self, MftRecord, NtfsRun, RECORD_LEN, RecordUse};
use disc_layout::ntfs::{CLUSTER_LEN, partition};

use crate::content::Content;
use crate::date::Date;
use crate::digest::Digest;
use crate::error::Error;
use crate::format::partitions::Window;
use crate::layout::{Region, Slack};
use crate::source::visit;
use crate::volume::{Folder, Volume};

/// An NTFS volume in memory.
pub(crate) struct Fixture {
    /// Bytes of the volume.
    pub bytes: Vec<u8>,
}

impl Fixture {
    /// Creates a volume with plain files.
    pub fn new(files: &[(&str, &[u8])]) -> Self {
        let mut root = Folder::default();
        for (path, bytes) in files {
            root.insert(path, Content::bytes(*bytes)).unwrap();
        }
        let date = Date::from_unix(1_767_225_600).unwrap();
        let (label, id, parts, boot) = ("TEST".into(), Digest::hash(b"volume"), Vec::new(), Vec::new());
        let layout = partition(&Volume { label, id, date, root, parts, boot }, Slack::Ample, 0).unwrap();
        let mut bytes = Vec::new();
        visit(&layout, &[Region { offset: 0, len: layout.len() }], &mut |part| {
            bytes.extend(part);
            Ok::<_, Error>(())
        })
        .unwrap();
        Self { bytes }
    }

    /// Copies the volume to a temporary file.
    pub fn window(&self) -> Window {
        let mut file: File = tempfile::tempfile().unwrap();
        file.write_all(&self.bytes).unwrap();
        Window::new(Arc::new(file), 0, self.bytes.len() as u64)
    }

    /// Record number of a file.
    pub fn number(&self, path: &str) -> u64 {
        let volume = self.window();
        let table = MasterFileTable::open(&volume).unwrap();
        let mut found = None;
        table
            .visit(&volume, &mut || Ok::<_, Error>(()), &mut |number, _| {
                if table.paths(&volume, number).iter().any(|found| found == path) {
                    found = Some(number);
                }
            })
            .unwrap();
        found.unwrap()
    }

    /// Offset of a record.
    pub fn record_at(&self, number: u64) -> usize {
        let mft = u64_at(&self.bytes, 0x30) * CLUSTER_LEN;
        mft as usize + number as usize * RECORD_LEN
    }

    /// Reads a record.
    pub fn record(&self, number: u64) -> Vec<u8> {
        MasterFileTable::open(&self.window()).unwrap().record(&self.window(), number).unwrap().unwrap()
    }

    /// Replaces a record; `base` is the number of its base record, if it is not one itself.
    pub fn put_record(&mut self, number: u64, base: Option<u64>, record: MftRecord) {
        let mut bytes = record.finish(number, 1, RecordUse::File);
        bytes[32..40].copy_from_slice(&base.map_or(0, |base| base | 1 << 48).to_le_bytes());
        let at = self.record_at(number);
        self.bytes[at..at + RECORD_LEN].copy_from_slice(&bytes);
    }

    /// Value of an attribute of a file.
    pub fn value(&self, path: &str, kind: u32) -> Vec<u8> {
        let record = self.record(self.number(path));
        attributes(&record).flatten().find(|it| it.kind() == kind).unwrap().value().unwrap().to_vec()
    }

    /// `$STANDARD_INFORMATION` of a file with additional `FILE_ATTRIBUTE_…` flags.
    pub fn information(&self, path: &str, flags: u32) -> Vec<u8> {
        let mut information = self.value(path, record::STANDARD_INFORMATION);
        let flags = u32_at(&information, 32) | flags;
        information[32..36].copy_from_slice(&flags.to_le_bytes());
        information
    }

    /// Clusters of the contents of a file, and their length in bytes.
    pub fn run(&self, path: &str) -> (NtfsRun, u64) {
        let record = self.record(self.number(path));
        let data = attributes(&record).flatten().find(|it| it.kind() == record::DATA).unwrap();
        let stream = Stream::new(vec![data], CLUSTER_LEN, self.bytes.len() as u64).unwrap();
        let (_, place) = stream.places(0..1).next().unwrap();
        let start = place.unwrap() / CLUSTER_LEN;
        (NtfsRun { start, n_clusters: stream.len().div_ceil(CLUSTER_LEN) }, stream.len())
    }

    /// Turns a file of `len` bytes into a placeholder: a hole with a reparse point.
    pub fn hollow(&mut self, path: &str, len: u64, flags: u32, reparse: &[u8]) {
        let mut record = MftRecord::new();
        record.resident(record::STANDARD_INFORMATION, "", &self.information(path, flags));
        record.resident(record::FILE_NAME, "", &self.value(path, record::FILE_NAME));
        record.outside(record::DATA, "", len, Err(len.div_ceil(CLUSTER_LEN)), CLUSTER_LEN);
        if !reparse.is_empty() {
            record.resident(record::REPARSE_POINT, "", reparse);
        }
        self.put_record(self.number(path), None, record);
    }
}

/// Encodes a `REPARSE_DATA_BUFFER`.
pub(crate) fn reparse(tag: u32, data: &[u8]) -> Vec<u8> {
    let mut value = tag.to_le_bytes().to_vec();
    value.extend((data.len() as u32).to_le_bytes());
    value.extend(data);
    value
}
