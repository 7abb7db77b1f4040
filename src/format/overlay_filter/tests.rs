use std::os::unix::fs::FileExt;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use disc_layout::ntfs::CLUSTER_LEN;
use disc_layout::ntfs::record::{self, MftRecord, RECORD_LEN};
use tempfile::TempDir;

use super::fixtures::{Fixture, reparse};
use super::*;
use crate::date::Date;
use crate::format::wim::capture::{Capture, CaptureOptions, CaptureTree, ContentCompression, Exclusions};
use crate::format::wim::{Wim, WimCompression, pack};

/// `FILE_ATTRIBUTE_SPARSE_FILE` and `FILE_ATTRIBUTE_REPARSE_POINT`.
const SPARSE_AND_REPARSE: u32 = 0x600;

const XPRESS_4K: u32 = 0;
const LZX: u32 = 1;
const XPRESS_8K: u32 = 2;
const XPRESS_16K: u32 = 3;

/// Bytes with some chunks that can't be compressed.
fn contents(len: usize, mut state: u64) -> Vec<u8> {
    let mut next = move |at: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (at / 20_000).is_multiple_of(3) { (state >> 56) as u8 } else { (at / 100) as u8 }
    };
    (0..len).map(&mut next).collect()
}

fn compress(bytes: &[u8], algorithm: u32) -> Vec<u8> {
    let (compression, chunk_len) = match algorithm {
        LZX => (WimCompression::Lzx, 32 << 10),
        XPRESS_8K => (WimCompression::Xpress, 8 << 10),
        XPRESS_16K => (WimCompression::Xpress, 16 << 10),
        _ => (WimCompression::Xpress, 4 << 10),
    };
    let (packed, is_compressed) = pack(bytes.to_vec(), ResourceCompression { compression, chunk_len });
    assert!(is_compressed);
    packed
}

/// Reparse point of the filter.
fn filter(words: [u32; 4]) -> Vec<u8> {
    reparse(0x8000_0017, &words.map(u32::to_le_bytes).concat())
}

/// A handmade volume, and a folder for files made from it.
struct WofFixture {
    folder: TempDir,
    volume: Fixture,
    /// Contents of each file as the filter shows them.
    files: Vec<(String, Vec<u8>)>,
}

impl WofFixture {
    /// Creates a volume with the given files, uncompressed, and their compressed contents next to
    /// them.
    fn new(files: &[(&str, Vec<u8>, u32)]) -> Self {
        let packed: Vec<_> = files
            .iter()
            .map(|(path, bytes, algorithm)| (format!("{path}.packed"), compress(bytes, *algorithm)))
            .collect();
        let mut all: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes, _)| (*path, bytes.as_slice())).collect();
        all.extend(packed.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())));
        let files = files.iter().map(|(path, bytes, _)| ((*path).to_owned(), bytes.clone())).collect();
        Self { folder: tempfile::tempdir().unwrap(), volume: Fixture::new(&all), files }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    /// Turns a file into what `compact /exe` makes of it.
    fn compact(&mut self, path: &str, len: u64, words: [u32; 4]) {
        let volume = &mut self.volume;
        let (run, packed_len) = volume.run(&format!("{path}.packed"));
        let mut record = MftRecord::new();
        record.resident(record::STANDARD_INFORMATION, "", &volume.information(path, SPARSE_AND_REPARSE));
        record.resident(record::FILE_NAME, "", &volume.value(path, record::FILE_NAME));
        record.outside(record::DATA, "", len, Err(len.div_ceil(CLUSTER_LEN)), CLUSTER_LEN);
        record.resident(record::DATA, "Another", b"stream");
        if packed_len < 300 {
            // Short enough to be in the record.
            let at = (run.start * CLUSTER_LEN) as usize;
            record.resident(record::DATA, "WofCompressedData", &volume.bytes[at..at + packed_len as usize]);
        } else {
            record.outside(record::DATA, "WofCompressedData", packed_len, Ok(run), CLUSTER_LEN);
        }
        record.resident(record::REPARSE_POINT, "", &filter(words));
        volume.put_record(volume.number(path), None, record);
    }

    /// Captures the volume into a WIM file.
    fn capture(&self) -> Result<Wim> {
        let progress = Progress::default();
        let mut capture = Capture::new(ContentCompression::None, &progress)?;
        capture.add(CaptureTree::Ntfs(self.volume.window()), "WOF", Exclusions::None, "the volume")?;
        let date = Date::from_unix(1_767_225_600).unwrap();
        capture.write(&self.path("out.wim"), &CaptureOptions { n_threads: 1, with_check: false, date })?;
        Wim::open(&self.path("out.wim"))
    }

    /// Description of a file in the image by wimlib-imagex. `None` if it is not installed.
    fn details(&self, path: &str) -> Option<String> {
        let mut command = Command::new("wimlib-imagex");
        command.args(["dir", "out.wim", "1", "--detailed"]).arg(format!("--path={path}"));
        match command.current_dir(self.folder.path()).output() {
            Ok(ran) => Some(String::from_utf8_lossy(&ran.stdout).into_owned()),
            Err(_) => {
                assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "`wimlib-imagex` is not installed");
                None
            }
        }
    }

    /// Checks that every file is captured as a plain one.
    fn check(&self) {
        let wim = self.capture().unwrap();
        for (path, bytes) in &self.files {
            assert!(wim.extract(1, path, u64::MAX).unwrap().as_ref() == Some(bytes), "{path}");
            let Some(details) = self.details(path) else { continue };
            assert!(details.contains("Attributes          = 0x00000020"), "{details}");
            assert!(!details.contains("Reparse Tag") && !details.contains("WofCompressedData"), "{details}");
        }
    }
}

fn filter_words(algorithm: u32) -> [u32; 4] {
    [1, 2, 1, algorithm]
}

#[test]
fn files_of_every_algorithm_are_plain_ones() {
    let mut files = Vec::new();
    let names: Vec<_> = (0..16).map(|n| format!("Windows/{n}.dll")).collect();
    for (n, name) in names.iter().enumerate() {
        let algorithm = n as u32 % 4;
        // One chunk; whole chunks and clusters; and partial ones.
        let len = [2_000, 131_072, 131_073, 400_001][n / 4];
        let bytes = if n < 4 { vec![7; len] } else { contents(len, n as u64) };
        files.push((name.as_str(), bytes, algorithm));
    }
    let mut fixture = WofFixture::new(&files);
    for (path, bytes, algorithm) in &files {
        fixture.compact(path, bytes.len() as u64, filter_words(*algorithm));
    }
    fixture.check();
    let Some(details) = fixture.details("Windows/5.dll") else { return };
    assert!(
        details.contains("Another") && details.contains("Creation Time       = Thu Jan 01 00:00:00 2026"),
        "{details}"
    );
}

#[test]
fn a_file_described_by_several_records_is_a_plain_one() {
    check_several_records(true);
    check_several_records(false);
}

/// Tests a file whose attribute list is in its record or in a cluster.
fn check_several_records(has_list_in_record: bool) {
    let bytes = contents(900_000, 3);
    let mut fixture = WofFixture::new(&[("sys.dll", bytes, LZX)]);
    let number = fixture.volume.number("sys.dll");
    let information = fixture.volume.information("sys.dll", SPARSE_AND_REPARSE);
    let name = fixture.volume.value("sys.dll", record::FILE_NAME);
    let (place, _) = fixture.volume.run("sys.dll");
    let (run, packed_len) = fixture.volume.run("sys.dll.packed");
    let n_first = run.n_clusters / 2;
    // The last records of the table are free.
    let further = [number + 2, number + 3];
    let outside = |record: &mut MftRecord, name: &str, part: std::result::Result<NtfsRun, u64>, len: u64| {
        record.outside(record::DATA, name, len, part, CLUSTER_LEN);
    };
    let mut first = MftRecord::new();
    outside(&mut first, "", Err(220), 900_000);
    outside(&mut first, "WofCompressedData", Ok(NtfsRun { n_clusters: n_first, ..run }), packed_len);
    first.resident(record::REPARSE_POINT, "", &filter(filter_words(LZX)));
    fixture.volume.put_record(further[0], Some(number), first);
    let rest = NtfsRun { start: run.start + n_first, n_clusters: run.n_clusters - n_first };
    let mut second = MftRecord::new();
    outside(&mut second, "WofCompressedData", Ok(rest), 0);
    fixture.volume.put_record(further[1], Some(number), second);
    // First and last cluster number of the second part of the stream.
    let at = fixture.volume.record_at(further[1]) + 56 + 16;
    fixture.volume.bytes[at..at + 8].copy_from_slice(&n_first.to_le_bytes());
    fixture.volume.bytes[at + 8..at + 16].copy_from_slice(&(run.n_clusters - 1).to_le_bytes());
    let mut list = Vec::new();
    let stream: Vec<u8> = "WofCompressedData".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (kind, name, cluster, record, instance) in [
        (record::STANDARD_INFORMATION, &[][..], 0, number, 0u16),
        (record::FILE_NAME, &[], 0, number, 2),
        (record::DATA, &[], 0, further[0], 0),
        (record::DATA, &stream, 0, further[0], 1),
        (record::DATA, &stream, n_first, further[1], 0),
        (record::REPARSE_POINT, &[], 0, further[0], 2),
    ] {
        let mut entry = kind.to_le_bytes().to_vec();
        entry.extend((26 + name.len() as u16).next_multiple_of(8).to_le_bytes());
        entry.extend([name.len() as u8 / 2, 26]);
        entry.extend(cluster.to_le_bytes());
        entry.extend((record | 1 << 48).to_le_bytes());
        entry.extend(instance.to_le_bytes());
        entry.extend(name);
        entry.resize(entry.len().next_multiple_of(8), 0);
        list.extend(entry);
    }
    let mut base = MftRecord::new();
    base.resident(record::STANDARD_INFORMATION, "", &information);
    if has_list_in_record {
        base.resident(record::ATTRIBUTE_LIST, "", &list);
    } else {
        // In place of the contents of the file.
        let at = (place.start * CLUSTER_LEN) as usize;
        fixture.volume.bytes[at..at + list.len()].copy_from_slice(&list);
        let run = NtfsRun { n_clusters: 1, ..place };
        base.outside(record::ATTRIBUTE_LIST, "", list.len() as u64, Ok(run), CLUSTER_LEN);
    }
    base.resident(record::FILE_NAME, "", &name);
    fixture.volume.put_record(number, None, base);
    fixture.check();
}

#[test]
fn what_is_compressed_otherwise_keeps_its_reparse_point() {
    let bytes = contents(100_000, 5);
    // WIMBoot, an unknown algorithm, an unknown version.
    for words in [[1, 1, 1, 0], [1, 2, 1, 4], [2, 2, 1, 0]] {
        let mut fixture = WofFixture::new(&[("sys.dll", bytes.clone(), XPRESS_4K)]);
        fixture.compact("sys.dll", 100_000, words);
        fixture.capture().unwrap();
        let Some(details) = fixture.details("sys.dll") else { return };
        assert!(details.contains("Reparse Tag         = 0x80000017"), "{details}");
    }
}

#[test]
fn damaged_contents_are_an_error_that_names_the_file() {
    let bytes = contents(100_000, 5);
    let mut fixture = WofFixture::new(&[("Windows/sys.dll", bytes, XPRESS_16K)]);
    let (run, _) = fixture.volume.run("Windows/sys.dll.packed");
    fixture.compact("Windows/sys.dll", 100_000, filter_words(XPRESS_16K));
    // In the table, the second chunk ends before its start.
    let at = (run.start * CLUSTER_LEN) as usize;
    fixture.volume.bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let Err(error) = fixture.capture() else { panic!("it was captured") };
    assert!(error.to_string().contains("`Windows/sys.dll` is compressed (CompactOS) and damaged"), "{error}");
}

#[test]
fn no_bytes_of_records_make_it_panic() {
    let mut fixture = WofFixture::new(&[("sys.dll", contents(60_000, 5), LZX)]);
    fixture.compact("sys.dll", 60_000, filter_words(LZX));
    let at = fixture.volume.record_at(fixture.volume.number("sys.dll"));
    let volume = fixture.volume.window();
    let file = volume.file();
    let mut read = vec![0; 100_000];
    for n in at..at + RECORD_LEN {
        for value in [0, 1, 0x7f, 0xff] {
            file.write_all_at(&[value], n as u64).unwrap();
            let mut unfiltered = UnfilteredVolume::new(volume.clone(), &Progress::default()).unwrap();
            unfiltered.seek(SeekFrom::Start(fixture.volume.bytes.len() as u64)).unwrap();
            let _ = unfiltered.read(&mut read);
        }
        file.write_all_at(&fixture.volume.bytes[n..=n], n as u64).unwrap();
    }
}
