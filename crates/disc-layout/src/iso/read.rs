//! Reads the structures of a disc image: labels, boot catalog, and the trees of UDF, ISO 9660 and Joliet.
//!
//! Supports UDF 1.02 to 1.50 on one plain partition, and ISO 9660 with or without it, by any author. The disc is
//! untrusted: anything inconsistent, circular or outside the disc is an error. Not supported: Rock Ridge names,
//! virtual, sparable and metadata partitions, interleaved or unrecorded extents.

mod catalog;
mod ecma119;
mod source;
mod udf;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;

use self::source::DiscReader;
use crate::date::Date;
use crate::error::{Details, Error, Result};
use crate::firmware::Firmware;
use crate::limits::{MAX_DISC_FOLDERS_LEN, MAX_ITEMS, MAX_PATH_LEN, MAX_PATHS_LEN};
pub use crate::volume_entry::VolumeEntry;

/// Parsed structures of a disc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsoDisc {
    /// Length in bytes.
    pub len: u64,
    /// Volume labels.
    pub label: DiscLabel,
    /// Volume set identifier in lower case. On discs made by tsmedia, this is the
    /// [`Volume::id`](crate::volume::Volume::id). Empty if ISO 9660 is missing or has no identifier.
    pub id: String,
    /// Creation date of ISO 9660, if it is set and can be represented.
    pub date: Option<Date>,
    /// Boot programs, in the order of the boot catalog.
    pub boot: Vec<BootProgram>,
    /// Tree of UDF, which is what Windows reads.
    pub udf: Option<Vec<VolumeEntry>>,
    /// Tree of ISO 9660, without versions and trailing full stops.
    pub iso: Option<Vec<VolumeEntry>>,
    /// Tree of Joliet.
    pub joliet: Option<Vec<VolumeEntry>>,
    /// Structures outside of files, ascending.
    pub structures: Vec<IsoStructure>,
}

/// Volume labels of the file systems.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscLabel {
    /// Logical volume identifier of UDF.
    pub udf: Option<String>,
    /// Volume identifier of ISO 9660, in upper case and with at most 32 characters.
    pub iso: Option<String>,
    /// Volume identifier of Joliet, with at most 16 characters.
    pub joliet: Option<String>,
}

impl DiscLabel {
    /// Label that Windows shows: that of UDF, or else of Joliet, or else of ISO 9660.
    pub fn best(&self) -> &str {
        self.udf.as_deref().or(self.joliet.as_deref()).or(self.iso.as_deref()).unwrap_or_default()
    }
}

/// Entry of the boot catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootProgram {
    /// Platform: 0x00 for BIOS, 0xEF for UEFI.
    pub platform: u8,
    /// `true` if it is marked as bootable.
    pub is_bootable: bool,
    /// Number of 512-byte sectors to load.
    pub n_sectors: u16,
    /// Offset from the start of the disc, in bytes.
    pub offset: u64,
}

impl BootProgram {
    /// Display name of the firmware, from El Torito's platform identifiers (table 2, and the UEFI specification for
    /// 0xEF).
    pub fn firmware(&self) -> String {
        match self.platform {
            0x00 => Firmware::Bios.to_string(),
            0x01 => "PowerPC".into(),
            0x02 => "Mac".into(),
            0xEF => Firmware::Uefi.to_string(),
            other => format!("platform {other:#04x}"),
        }
    }

    /// Number of bytes to load. `None` if it is up to the firmware: UEFI takes 0 and 1 as "to the end of the disc".
    pub fn loaded_len(&self) -> Option<u64> {
        (self.n_sectors > 1).then(|| u64::from(self.n_sectors) * 512)
    }
}

/// Range of bytes outside of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsoStructure {
    /// Purpose of the bytes.
    pub part: IsoPart,
    /// Range in bytes from the start of the disc.
    pub range: Range<u64>,
}

/// Purpose of bytes outside of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IsoPart {
    /// Volume descriptors of any file system, and the sequences that contain them.
    Descriptors,
    /// Boot catalog.
    BootCatalog,
    /// Path table of ISO 9660 or Joliet.
    PathTables,
    /// UDF anchor.
    Anchor,
    /// ISO 9660 folder.
    IsoFolders,
    /// Joliet folder.
    JolietFolders,
    /// UDF folder.
    UdfFolders,
    /// UDF file entry.
    FileEntries,
}

/// Difference between the UDF tree and that of ISO 9660 or Joliet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// `ISO 9660` or `Joliet`.
    pub view: &'static str,
    /// Path in the file system that has the file.
    pub path: String,
    /// Reason, as a fragment that follows the path.
    pub why: &'static str,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}` {}", self.view, self.path, self.why)
    }
}

/// Returns `true` if the first volume structure descriptor of a disc is present (ECMA-119 6.2.1, ECMA-167 2/8.3.1).
///
/// # Errors
///
/// If the image can't be read. A file that is too short is not a disc.
pub fn is_disc(image: &mut (impl Read + Seek)) -> io::Result<bool> {
    const IDENTIFIERS: [&[u8; 5]; 2] = [b"CD001", b"BEA01"];
    let mut found = [0; 5];
    match image.seek(SeekFrom::Start(16 * 2_048 + 1)).and_then(|_| image.read_exact(&mut found)) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| IDENTIFIERS.contains(&&found)),
    }
}

/// Reads the structures of a disc.
pub fn read(reader: &mut (impl Read + Seek)) -> Result<IsoDisc> {
    let mut source = DiscReader::new(reader)?;
    let descriptors = ecma119::descriptors(&mut source)?;
    let udf = udf::read(&mut source)?;
    if udf.is_none() && descriptors.iso.is_none() {
        return Err(Error::NotRecognized(
            Details::new("this is not a disc image: it has neither UDF nor ISO 9660")
                .help("check whether the file is damaged, or an image of another kind"),
        ));
    }
    let mut label = DiscLabel::default();
    let mut disc_id = String::new();
    let mut view =
        |volume: Option<ecma119::VolumeDescriptor>, label: &mut Option<String>, source: &mut DiscReader<_>| {
            let Some(volume) = volume else { return Ok(None) };
            if disc_id.is_empty() {
                disc_id = volume.set.to_lowercase();
            }
            *label = Some(volume.label.clone());
            ecma119::tree(source, &volume).map(Some)
        };
    let date = descriptors.iso.as_ref().and_then(|volume| volume.created);
    let iso = view(descriptors.iso, &mut label.iso, &mut source)?;
    let joliet = view(descriptors.joliet, &mut label.joliet, &mut source)?;
    let boot = match descriptors.catalog {
        Some(sector) => catalog::programs(&mut source, sector)?,
        None => Vec::new(),
    };
    let (udf_label, udf) = udf.unzip();
    label.udf = udf_label;
    let len = source.len();
    Ok(IsoDisc { len, label, id: disc_id, date, boot, udf, iso, joliet, structures: source.into_structures() })
}

impl IsoDisc {
    /// Authoritative tree: that of UDF, or else of Joliet, or else of ISO 9660.
    pub fn files(&self) -> &[VolumeEntry] {
        self.udf.as_deref().or(self.joliet.as_deref()).or(self.iso.as_deref()).unwrap_or_default()
    }

    /// Lists the differences of ISO 9660 and Joliet from UDF. Names may differ if they don't fit; each file must be
    /// present with the same bytes, and no other file.
    pub fn disagreements(&self) -> Vec<Disagreement> {
        let Some(udf) = &self.udf else { return Vec::new() };
        let mut found = Vec::new();
        for (view, files) in [("ISO 9660", &self.iso), ("Joliet", &self.joliet)] {
            if let Some(files) = files {
                disagree(view, udf, files, &mut found);
            }
        }
        found
    }
}

fn disagree(view: &'static str, udf: &[VolumeEntry], files: &[VolumeEntry], found: &mut Vec<Disagreement>) {
    let mut complain = |file: &VolumeEntry, why| found.push(Disagreement { view, path: file.path.clone(), why });
    let with_data = |files: &[VolumeEntry]| files.iter().map(|file| file.extents.clone()).collect::<HashSet<_>>();
    let (in_udf, in_view) = (with_data(udf), with_data(files));
    let by_path: HashMap<_, _> = files.iter().map(|file| (file.path.to_uppercase(), file)).collect();
    for file in udf {
        match by_path.get(&file.path.to_uppercase()) {
            Some(same) if same.is_folder != file.is_folder => {
                complain(file, "is a file in one and a folder in the other")
            }
            Some(same) if same.extents != file.extents => complain(file, "differs from the file in UDF"),
            None if !in_view.contains(&file.extents) => complain(file, "is in UDF only"),
            _ => (),
        }
    }
    for file in files.iter().filter(|file| !in_udf.contains(&file.extents)) {
        complain(file, "does not match any file in UDF");
    }
    // Empty files have no extents to compare, so they are counted.
    for (is_folder, why) in
        [(true, "is not the only folder: their number differs"), (false, "is not the only file: their number differs")]
    {
        let count = |files: &[VolumeEntry]| files.iter().filter(|file| file.is_folder == is_folder).count();
        if count(udf) != count(files) {
            let root = VolumeEntry { path: "/".into(), is_folder, len: 0, extents: Vec::new() };
            complain(&root, why);
        }
    }
}

/// Tree being read, with its size kept within limits.
struct IsoTreeReader {
    disc_len: u64,
    files: Vec<VolumeEntry>,
    paths_len: u64,
    folders_len: u64,
}

/// A record takes at least 34 bytes (ECMA-119 9.1), but nested folders let a small disc claim paths that are many times
/// its length. Real paths are shorter than their records and contents.
const MAX_PATHS_PER_BYTE: u64 = 16;
/// Total path length that a disc of any length may have.
const FREE_PATHS_LEN: u64 = 1 << 20;

impl IsoTreeReader {
    fn new(disc_len: u64) -> Self {
        Self { disc_len, files: Vec::new(), paths_len: 0, folders_len: 0 }
    }

    /// Counts a folder of `len` bytes. All folders together can't be larger than the disc, unless some share their
    /// bytes.
    fn enter(&mut self, what: &str, len: u64) -> Result<()> {
        self.folders_len = self.folders_len.saturating_add(len);
        if self.folders_len > self.disc_len {
            return Err(Error::damaged(format!(
                "{what} has {len} bytes, which together with other folders exceeds the length of the disc"
            )));
        }
        if self.folders_len > MAX_DISC_FOLDERS_LEN {
            let message = format!("the folders up to {what} have {} bytes", self.folders_len);
            return Err(Error::over_limit(format!("{message}; at most {MAX_DISC_FOLDERS_LEN} are supported")));
        }
        Ok(())
    }

    fn add(&mut self, folder: &str, name: &str, is_folder: bool, extents: Vec<Range<u64>>) -> Result<()> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Error::bad_name(format!("`{name}` in the folder `/{folder}` is not a valid name")));
        }
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        self.paths_len += path.len() as u64;
        let max_paths_len = MAX_PATHS_LEN.min(FREE_PATHS_LEN + MAX_PATHS_PER_BYTE.saturating_mul(self.disc_len));
        if path.len() > MAX_PATH_LEN || self.files.len() >= MAX_ITEMS || self.paths_len > max_paths_len {
            return Err(Error::over_limit(format!(
                "the disc has more files than can be read, at the folder `/{}`",
                folder
            )));
        }
        let mut merged: Vec<Range<u64>> = Vec::with_capacity(extents.len());
        for extent in extents.into_iter().filter(|extent| !extent.is_empty()) {
            match merged.last_mut() {
                Some(last) if last.end == extent.start => last.end = extent.end,
                _ => merged.push(extent),
            }
        }
        let len = merged.iter().map(|extent| extent.end - extent.start).sum();
        self.files.push(VolumeEntry { path, is_folder, len, extents: merged });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_a_small_disc_can_not_fill_the_memory() {
        let folder = "a".repeat(20_000);
        let n_added = |disc_len| {
            let mut tree = IsoTreeReader::new(disc_len);
            (0..).take_while(|n| tree.add(&folder, &n.to_string(), false, Vec::new()).is_ok()).count()
        };
        assert_eq!((n_added(100_000), n_added(1_000_000)), (132, 852));
    }
}
