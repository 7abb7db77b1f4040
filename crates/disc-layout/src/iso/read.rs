//! Reads the structures of a disc image: labels, boot catalog, and the trees of UDF, ISO 9660 and Joliet.
//!
//! Reads UDF 1.02 to 1.50 on one plain partition, and ISO 9660 with or without it, whoever wrote them. Nothing is
//! believed: whatever is inconsistent, leads in a circle or points outside the disc is an error. Not supported: Rock
//! Ridge (its names are not read), virtual, sparable and metadata partitions, interleaved or unrecorded extents.

mod catalog;
mod ecma119;
mod source;
mod udf;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;

use self::source::Source;
use crate::date::Date;
use crate::error::{Details, Error, Result};
use crate::firmware::Firmware;
pub use crate::found::File;
use crate::limits::{MAX_DISC_FOLDERS_LEN, MAX_ITEMS, MAX_PATH_LEN, MAX_PATHS_LEN};

/// What the structures of a disc say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disc {
    /// Its length in bytes.
    pub len: u64,
    /// Its labels.
    pub label: Label,
    /// What tells it from every other disc: the volume set identifier, in lower case. On our discs this is the
    /// [`Volume::id`](crate::volume::Volume::id). Empty where there is no ISO 9660 or where it says nothing.
    pub id: String,
    /// When it was made, by ISO 9660; none where that says nothing that we can write.
    pub date: Option<Date>,
    /// What firmware starts, in the order of the boot catalog.
    pub boot: Vec<BootProgram>,
    /// The tree of UDF, if the disc has one. This is what Windows reads.
    pub udf: Option<Vec<File>>,
    /// The tree of ISO 9660, without versions and without a full stop at the end of names.
    pub iso: Option<Vec<File>>,
    /// The tree of Joliet.
    pub joliet: Option<Vec<File>>,
    /// What was read of it that is no file, and where it is; ascending.
    pub structures: Vec<Structure>,
}

/// The label, as each of the file systems has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The logical volume identifier of UDF.
    pub udf: Option<String>,
    /// The volume identifier of ISO 9660: in upper case and at most 32 characters.
    pub iso: Option<String>,
    /// The volume identifier of Joliet: at most 16 characters.
    pub joliet: Option<String>,
}

impl Label {
    /// What Windows shows: the label of UDF, or else of Joliet, or else of ISO 9660.
    pub fn best(&self) -> &str {
        self.udf.as_deref().or(self.joliet.as_deref()).or(self.iso.as_deref()).unwrap_or_default()
    }
}

/// An entry of the boot catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootProgram {
    /// The platform: 0x00 is BIOS, 0xEF is UEFI.
    pub platform: u8,
    /// Whether firmware may start it.
    pub is_bootable: bool,
    /// What is loaded of it, in sectors of 512 bytes.
    pub n_sectors: u16,
    /// Where it starts, in bytes from the start of the disc.
    pub offset: u64,
}

impl BootProgram {
    /// The firmware that it is for, as people write it: El Torito's platform identifiers (table 2, and the UEFI
    /// specification for 0xEF).
    pub fn firmware(&self) -> String {
        match self.platform {
            0x00 => Firmware::Bios.to_string(),
            0x01 => "PowerPC".into(),
            0x02 => "Mac".into(),
            0xEF => Firmware::Uefi.to_string(),
            other => format!("platform {other:#04x}"),
        }
    }

    /// How many bytes the catalog says are loaded; none where it leaves that to the firmware: UEFI takes 0 and 1 as
    /// "to the end of the disc".
    pub fn loaded_len(&self) -> Option<u64> {
        (self.n_sectors > 1).then(|| u64::from(self.n_sectors) * 512)
    }
}

/// A run of bytes that is no file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// What it is for.
    pub part: Part,
    /// Where it is, in bytes from the start of the disc.
    pub range: Range<u64>,
}

/// What bytes that are no file's are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Volume descriptors of any of the file systems, and what they stand in.
    Descriptors,
    /// The boot catalog.
    BootCatalog,
    /// The path tables of ISO 9660 and Joliet.
    PathTables,
    /// An anchor of UDF.
    Anchor,
    /// Folders of ISO 9660.
    IsoFolders,
    /// Folders of Joliet.
    JolietFolders,
    /// Folders of UDF.
    UdfFolders,
    /// The entries of UDF that say where files and folders are.
    FileEntries,
}

/// A way in which ISO 9660 or Joliet shows another disc than UDF does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// `ISO 9660` or `Joliet`.
    pub view: &'static str,
    /// The path in the file system that has the file.
    pub path: String,
    /// What is wrong: a fragment that follows the path.
    pub why: &'static str,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}` {}", self.view, self.path, self.why)
    }
}

/// Returns whether there is a volume structure descriptor where a disc has its first (ECMA-119 6.2.1, ECMA-167 2/8.3.1).
///
/// # Errors
///
/// If the image can't be read; one that ends before that place is not a disc.
pub fn is_one(image: &mut (impl Read + Seek)) -> io::Result<bool> {
    const IDENTIFIERS: [&[u8; 5]; 2] = [b"CD001", b"BEA01"];
    let mut found = [0; 5];
    match image.seek(SeekFrom::Start(16 * 2_048 + 1)).and_then(|_| image.read_exact(&mut found)) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| IDENTIFIERS.contains(&&found)),
    }
}

/// Reads the structures of a disc.
pub fn read(reader: &mut (impl Read + Seek)) -> Result<Disc> {
    let mut source = Source::new(reader)?;
    let descriptors = ecma119::descriptors(&mut source)?;
    let udf = udf::read(&mut source)?;
    if udf.is_none() && descriptors.iso.is_none() {
        return Err(Error::NotRecognized(
            Details::new("this is no disc image: there is neither UDF nor ISO 9660 on it")
                .help("the file may be damaged, or an image of another kind"),
        ));
    }
    let mut label = Label::default();
    let mut disc_id = String::new();
    let mut view = |volume: Option<ecma119::Volume>, label: &mut Option<String>, source: &mut Source<_>| {
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
    Ok(Disc { len, label, id: disc_id, date, boot, udf, iso, joliet, structures: source.into_structures() })
}

impl Disc {
    /// The tree that tells the truth: that of UDF, or else of Joliet, or else of ISO 9660.
    pub fn files(&self) -> &[File] {
        self.udf.as_deref().or(self.joliet.as_deref()).or(self.iso.as_deref()).unwrap_or_default()
    }

    /// Where ISO 9660 and Joliet show other files than UDF. Names may differ where those can't hold them; what matters
    /// is that each file is there, with the same bytes, and no other one.
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

fn disagree(view: &'static str, udf: &[File], files: &[File], found: &mut Vec<Disagreement>) {
    let mut complain = |file: &File, why| found.push(Disagreement { view, path: file.path.clone(), why });
    let with_data = |files: &[File]| files.iter().map(|file| file.extents.clone()).collect::<HashSet<_>>();
    let (in_udf, in_view) = (with_data(udf), with_data(files));
    let by_path: HashMap<_, _> = files.iter().map(|file| (file.path.to_uppercase(), file)).collect();
    for file in udf {
        match by_path.get(&file.path.to_uppercase()) {
            Some(same) if same.is_folder != file.is_folder => {
                complain(file, "is a file in one and a folder in the other")
            }
            Some(same) if same.extents != file.extents => complain(file, "has other bytes than in UDF"),
            None if !in_view.contains(&file.extents) => complain(file, "is in UDF only"),
            _ => (),
        }
    }
    for file in files.iter().filter(|file| !in_udf.contains(&file.extents)) {
        complain(file, "has bytes that are no file of UDF");
    }
    // What has no bytes can't be found by them, so it is counted.
    for (is_folder, why) in
        [(true, "is not the only folder: their number differs"), (false, "is not the only file: their number differs")]
    {
        let count = |files: &[File]| files.iter().filter(|file| file.is_folder == is_folder).count();
        if count(udf) != count(files) {
            let root = File { path: "/".into(), is_folder, len: 0, extents: Vec::new() };
            complain(&root, why);
        }
    }
}

/// A tree being read: keeps its size in bounds.
struct Tree {
    disc_len: u64,
    files: Vec<File>,
    paths_len: u64,
    folders_len: u64,
}

/// A record takes 34 bytes at least (ECMA-119 9.1); with folders in folders a small disc could claim paths that are
/// many times as long as itself. Paths as people write them are shorter than their records and what these are about.
const MAX_PATHS_PER_BYTE: u64 = 16;
/// So much a disc of any length may have.
const FREE_PATHS_LEN: u64 = 1 << 20;

impl Tree {
    fn new(disc_len: u64) -> Self {
        Self { disc_len, files: Vec::new(), paths_len: 0, folders_len: 0 }
    }

    /// Notes that a folder of so many bytes is read. All folders together can't be larger than the disc, unless some
    /// share their bytes.
    fn enter(&mut self, what: &str, len: u64) -> Result<()> {
        self.folders_len = self.folders_len.saturating_add(len);
        if self.folders_len > self.disc_len {
            return Err(Error::damaged(format!(
                "{what} has {len} bytes, which with other folders is more than the disc has"
            )));
        }
        if self.folders_len > MAX_DISC_FOLDERS_LEN {
            let message = format!("the folders up to {what} have {} bytes", self.folders_len);
            return Err(Error::over_limit(format!("{message}; at most {MAX_DISC_FOLDERS_LEN} are read")));
        }
        Ok(())
    }

    fn add(&mut self, folder: &str, name: &str, is_folder: bool, extents: Vec<Range<u64>>) -> Result<()> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Error::bad_name(format!("`{name}` in the folder `/{folder}` is no name")));
        }
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        self.paths_len += path.len() as u64;
        let max_paths_len = MAX_PATHS_LEN.min(FREE_PATHS_LEN + MAX_PATHS_PER_BYTE.saturating_mul(self.disc_len));
        if path.len() > MAX_PATH_LEN || self.files.len() >= MAX_ITEMS || self.paths_len > max_paths_len {
            return Err(Error::over_limit(format!("the disc holds more than can be read: `{}`", folder)));
        }
        let mut merged: Vec<Range<u64>> = Vec::with_capacity(extents.len());
        for extent in extents.into_iter().filter(|extent| !extent.is_empty()) {
            match merged.last_mut() {
                Some(last) if last.end == extent.start => last.end = extent.end,
                _ => merged.push(extent),
            }
        }
        let len = merged.iter().map(|extent| extent.end - extent.start).sum();
        self.files.push(File { path, is_folder, len, extents: merged });
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
            let mut tree = Tree::new(disc_len);
            (0..).take_while(|n| tree.add(&folder, &n.to_string(), false, Vec::new()).is_ok()).count()
        };
        assert_eq!((n_added(100_000), n_added(1_000_000)), (132, 852));
    }
}
