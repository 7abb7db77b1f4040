//! The files of a medium, each as the ranges of its image that hold it: nothing is extracted, and a copy of a file can
//! share blocks with the image.
//!
//! Reads images of discs, of sticks and disks with FAT and NTFS partitions, of single FAT and NTFS volumes, and WIM files
//! with one image, as prestaged media are. Of a disc
//! the tree of UDF counts, or else that of Joliet, or else that of ISO 9660: so does Windows, and the ISO 9660 tree of its
//! installation discs holds nothing but a note. Of two partitions with the same file the first counts.
//!
//! Not supported: virtual disks (an error), large files that a WIM file compresses, and files that NTFS compresses,
//! encrypts, stores with holes or describes by several records (a [fault](MediumTree::faults)).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::file_system::{self, FileSystem};
use super::iso::{self, BootProgram};
use super::partitions::{self, Partition};
use super::volume_entry;
use super::wim::{self, PlacedBytes, header};
use super::{fat, ntfs};
use crate::content::{ByteRun, Content, Pieced, Source, SourceFile, Stat};
use crate::error::{Error, Result};
use crate::firmware::Firmware;
use crate::git_lfs;
use crate::limits;
use crate::volume::{Folder, Misplaced, Node};

/// Separates the path of a medium from a path on it.
pub const SEPARATOR: &str = "!/";

/// The tree of files of a medium.
#[derive(Debug)]
pub struct MediumTree {
    /// The image, as it was when it was read.
    pub image: SourceFile,
    /// `true` for a disc, `false` for the image of a stick or volume.
    pub is_disc: bool,
    /// The volume label; that of the first volume if there are several.
    pub label: String,
    /// Files and folders. Names that differ only in case are the same name.
    pub root: Arc<Folder>,
    /// Files and folders that are missing from `root`.
    pub faults: Vec<Fault>,
    /// The boot images in a disc's boot catalog, where their lengths are known.
    pub boot: Vec<(Firmware, Content)>,
}

/// A file or folder that can't be taken from a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its path on the medium.
    pub path: String,
    /// A fragment that says why.
    pub why: String,
    /// Advice.
    pub help: &'static str,
}

/// Storage of a file outside of plain ranges of the image.
enum Unplaced {
    /// Its bytes.
    InMemory(Arc<[u8]>),
    /// Not readable, with a fragment that says why.
    Unreadable(String),
}

impl From<ntfs::Unplaced> for Unplaced {
    fn from(unplaced: ntfs::Unplaced) -> Self {
        match unplaced {
            ntfs::Unplaced::InRecord(bytes) => Self::InMemory(bytes),
            ntfs::Unplaced::Special => Self::Unreadable(
                "NTFS keeps it compressed, encrypted, sparse or in many pieces, which is not read".into(),
            ),
        }
    }
}

/// A volume of a medium.
struct FoundVolume {
    label: String,
    files: Vec<volume_entry::VolumeEntry>,
    unplaced: HashMap<String, Unplaced>,
    boot: Vec<BootProgram>,
}

impl MediumTree {
    /// Reads the tree of the medium in a file.
    ///
    /// # Errors
    ///
    /// If the file can't be read, is not an image of a medium, or is damaged.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        let failed = |error| Error::io("reading", path, error);
        let mut file = limits::open(path).map_err(|error| Error::io("opening", path, error))?;
        let image = SourceFile { path: path.to_owned(), stat: Stat::from_metadata(&file.metadata().map_err(failed)?) };
        if git_lfs::is_pointer(&start_of(&mut file, git_lfs::LIMIT).map_err(failed)?) {
            return Err(git_lfs::error(path));
        }
        let damaged = |error: Error| Error::new(format!("`{path}` can't be read as a medium")).because(error);
        let volumes = volumes(&mut file, path).map_err(|found| match found {
            Unreadable::NotMedium(error) => error,
            Unreadable::Failed(error) => damaged(error),
        })?;
        let is_disc = iso::is_disc(&mut file).map_err(failed)?;
        let mut tree =
            Self { image, is_disc, label: String::new(), root: Arc::default(), faults: Vec::new(), boot: Vec::new() };
        for (volume, number) in volumes.into_iter().zip(0..) {
            if number == 0 {
                tree.label = volume.label;
            }
            for program in volume.boot.iter().filter(|program| program.is_bootable) {
                tree.boot.extend(boot_image(&mut file, program, &tree.image).map_err(failed)?);
            }
            tree.add(volume.files, &volume.unplaced);
        }
        Ok(tree)
    }

    /// Returns the file or folder at a path on the medium, in any case. The empty path is the root.
    pub fn get(&self, path: &str) -> Option<Node> {
        match path.trim_matches('/') {
            "" => Some(Node::Folder(Arc::clone(&self.root))),
            path => self.root.get(path).cloned(),
        }
    }

    /// Adds the files of a volume. Those that are there already stay.
    fn add(&mut self, files: Vec<volume_entry::VolumeEntry>, unplaced: &HashMap<String, Unplaced>) {
        let image = Arc::new(self.image.clone());
        let mut folder = Folder::default();
        for file in files {
            let put = match self.content(&file, unplaced.get(&file.path), &image) {
                Ok(None) => folder.insert_folder(&file.path),
                Ok(Some(content)) => folder.insert(&file.path, content),
                Err(why) => {
                    let help = "copy the file out of the medium, and name the copy";
                    self.faults.push(Fault { path: file.path, why, help });
                    continue;
                }
            };
            if let Err(misplaced) = put {
                let why = match misplaced {
                    Misplaced::BadName(bad) => bad.to_string(),
                    Misplaced::Taken(twin) => format!("has the name of `{twin}`, but for case"),
                };
                self.faults.push(Fault { path: file.path, why, help: "rename it on the medium" });
            }
        }
        // The root can always be merged with; what is refused is there from a volume before this one.
        let _ = Arc::make_mut(&mut self.root).merge(".", folder);
    }

    /// Returns the content of a file, or `None` for a folder.
    fn content(
        &self,
        file: &volume_entry::VolumeEntry,
        unplaced: Option<&Unplaced>,
        image: &Arc<SourceFile>,
    ) -> std::result::Result<Option<Content>, String> {
        if let Some(Unplaced::Unreadable(why)) = unplaced {
            return Err(why.clone());
        }
        if file.is_folder {
            return Ok(None);
        }
        let path = path_on(&image.path, &file.path);
        if let Some(Unplaced::InMemory(bytes)) = unplaced {
            return Ok(Some(Content::pieced(Pieced::new(&path, [ByteRun::Bytes(Arc::clone(bytes))]))));
        }
        // FAT gives whole clusters.
        let mut left = file.len;
        let mut runs = Vec::with_capacity(file.extents.len());
        for Range { start, end } in file.extents.iter().cloned() {
            let len = end.saturating_sub(start).min(left);
            if start.checked_add(len).is_none_or(|end| end > image.stat.len) {
                return Err(format!("it lies beyond the end of the image at byte {}", image.stat.len));
            }
            runs.push(ByteRun::Range { file: Arc::clone(image), start, len });
            left -= len;
        }
        if left > 0 {
            return Err(format!("{left} of its {} bytes have no place", file.len));
        }
        Ok(Some(Content::pieced(Pieced::new(&path, runs))))
    }
}

/// Returns the path of a file on a medium as authors write it: `Win11.iso!/sources/install.wim`.
pub fn path_on(medium: &Utf8Path, path: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{medium}{SEPARATOR}{path}"))
}

/// Why there is no tree.
enum Unreadable {
    /// The file is not an image of a medium.
    NotMedium(Error),
    /// It is damaged, or can't be read.
    Failed(Error),
}

impl<T: Into<Error>> From<T> for Unreadable {
    fn from(error: T) -> Self {
        Self::Failed(error.into())
    }
}

/// Finds the bytes of a boot image. How long that of UEFI is says the FAT volume in it; catalogs leave it to the
/// firmware.
fn boot_image(file: &mut File, program: &BootProgram, image: &SourceFile) -> io::Result<Option<(Firmware, Content)>> {
    const SECTOR_LEN: u64 = 512;
    let (firmware, len) = match program.platform {
        0x00 => (Firmware::Bios, u64::from(program.n_sectors) * SECTOR_LEN),
        0xEF => {
            let mut sector = [0; SECTOR_LEN as usize];
            file.seek(SeekFrom::Start(program.offset))?;
            let len = file.read_exact(&mut sector).ok().and_then(|()| fat::volume_len(&sector));
            (Firmware::Uefi, len.unwrap_or(0))
        }
        _ => return Ok(None),
    };
    let is_there = program.offset.checked_add(len).is_some_and(|end| end <= image.stat.len);
    if len == 0 || len > limits::MAX_EFISYS_LEN || !is_there {
        return Ok(None);
    }
    let run = ByteRun::Range { file: Arc::new(image.clone()), start: program.offset, len };
    Ok(Some((firmware, Content::pieced(Pieced::new(&image.path, [run])))))
}

fn volumes(file: &mut File, path: &Utf8Path) -> std::result::Result<Vec<FoundVolume>, Unreadable> {
    let failed = |error| Error::new("reading its start").because(error);
    let start = start_of(file, header::MAGIC.len() as u64).map_err(failed)?;
    if [&header::MAGIC[..], &header::PIPABLE_MAGIC].contains(&&start[..]) {
        return wim_volume(path).map(|volume| vec![volume]).map_err(Unreadable::NotMedium);
    }
    if iso::is_disc(file).map_err(failed)? {
        let disc = iso::read(file)?;
        let files = disc.files().to_vec();
        let label = disc.label.best().to_owned();
        return Ok(vec![FoundVolume { label, files, unplaced: HashMap::new(), boot: disc.boot }]);
    }
    let len = file.metadata().map_err(failed)?.len();
    // The boot sector of a volume without partitions ends like a master boot record.
    let whole = recognise(file, &(0..len)).map_err(failed)?;
    let table = match whole {
        FileSystem::Fat(_) | FileSystem::Ntfs => None,
        _ => partitions::read(file).map_err(|fault| Error::new(format!("its partition table: {fault}")))?,
    };
    let places: Vec<_> = match &table {
        Some(table) => {
            let place = |it: &Partition| (it.number, it.offset..it.offset.saturating_add(it.len));
            table.partitions.iter().map(place).collect()
        }
        None => vec![(0, 0..len)],
    };
    let mut volumes = Vec::new();
    let mut others = Vec::new();
    for (number, place) in places {
        let file_system = recognise(file, &place).map_err(failed)?;
        if place.end > len && matches!(file_system, FileSystem::Fat(_) | FileSystem::Ntfs) {
            let message = format!("partition {number} ends at byte {}, and the image has {len}", place.end);
            let help = "the image may be cut off: compare its size with that of the original";
            return Err(Error::new(message).help(help).into());
        }
        let (label, files, unplaced) = match file_system {
            FileSystem::Fat(_) => {
                let volume = fat::read(file, place)?;
                (volume.label, volume.files, HashMap::new())
            }
            FileSystem::Ntfs => {
                let volume = ntfs::files(file, place)?;
                let unplaced = volume.unplaced.into_iter().map(|(path, how)| (path, how.into()));
                (volume.label, volume.files, unplaced.collect())
            }
            other => {
                others.push(other.to_string());
                continue;
            }
        };
        volumes.push(FoundVolume { label, files, unplaced, boot: Vec::new() });
    }
    if volumes.is_empty() {
        let error = match table {
            Some(table) if !table.partitions.is_empty() => {
                Error::new(format!("no partition of `{path}` is FAT or NTFS: they are {}", others.join(", ")))
            }
            _ => Error::new(format!("`{path}` is not an image of a disc, or of a stick or volume with FAT or NTFS")),
        };
        return Err(Unreadable::NotMedium(error.help("give an ISO file, or a raw image of a stick")));
    }
    Ok(volumes)
}

/// Finds the files of a medium in a WIM file.
fn wim_volume(path: &Utf8Path) -> Result<FoundVolume> {
    let metadata = std::fs::metadata(path).map_err(|error| Error::io("reading", path, error))?;
    let source = Arc::new(Source::File(SourceFile { path: path.to_owned(), stat: Stat::from_metadata(&metadata) }));
    let wim::PlacedFiles { label, files: placed } = wim::placed_files(&source)?;
    let (mut files, mut unplaced) = (Vec::with_capacity(placed.len()), HashMap::new());
    for file in placed {
        let extents = match file.bytes {
            PlacedBytes::Range(range) if !range.is_empty() => vec![range],
            PlacedBytes::Range(_) => Vec::new(),
            PlacedBytes::Unpacked(bytes) => {
                unplaced.insert(file.path.clone(), Unplaced::InMemory(bytes));
                Vec::new()
            }
            PlacedBytes::Unreadable(why) => {
                unplaced.insert(file.path.clone(), Unplaced::Unreadable(why));
                Vec::new()
            }
        };
        files.push(volume_entry::VolumeEntry { path: file.path, is_folder: file.is_folder, len: file.len, extents });
    }
    Ok(FoundVolume { label, files, unplaced, boot: Vec::new() })
}

fn recognise(file: &mut File, place: &Range<u64>) -> std::io::Result<FileSystem> {
    file.seek(SeekFrom::Start(place.start))?;
    file_system::recognise(&mut (&*file).take(place.end - place.start))
}

/// The first `len` bytes of a file, or all if there are fewer.
fn start_of(file: &mut File, len: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;
    use crate::format::partitions::PartitionScheme;
    use crate::format::stick;
    use crate::layout::{Layout, Slack};
    use crate::source::{self, OpenSource};
    use crate::volume::Volume;

    fn volume() -> Volume {
        let mut root = Folder::default();
        root.insert("sources/install.wim", Content::bytes(vec![7; 10_000])).unwrap();
        root.insert("Boot/größe.txt", Content::bytes(*b"text")).unwrap();
        root.insert("empty", Content::bytes(*b"")).unwrap();
        root.insert_folder("folder").unwrap();
        Volume::new("DEMO", root)
    }

    fn written(name: &str, layout: &Layout) -> (tempfile::TempDir, Utf8PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(root.path().join(name)).unwrap();
        source::write(layout, &mut File::create(&path).unwrap()).unwrap();
        (root, path)
    }

    fn bytes(node: Option<Node>) -> Vec<u8> {
        let Some(Node::File(Content::Source(source))) = node else { panic!("{node:?}") };
        let mut bytes = vec![0; source.len() as usize];
        OpenSource::open(&source).unwrap().read(&mut bytes, 0).unwrap();
        bytes
    }

    fn refusal(path: &Utf8Path) -> String {
        let error = MediumTree::open(path).unwrap_err();
        let said = format!("{}; {}", error.with_causes(), error.advice().unwrap_or_default());
        said.replace(path.parent().unwrap().as_str(), "")
    }

    #[test]
    fn files_of_discs_sticks_and_volumes_are_ranges_of_their_images() {
        let image = |scheme| stick::layout(&volume(), Slack::Ample, scheme, None).unwrap();
        for (name, layout) in [
            ("disc.iso", iso::layout(&volume(), Slack::Ample).unwrap()),
            ("mbr.img", image(PartitionScheme::Mbr)),
            ("gpt.img", image(PartitionScheme::Gpt)),
            ("ntfs.img", stick::layout_with_ntfs(&volume(), Slack::Ample, PartitionScheme::Gpt, None).unwrap()),
            ("fat.img", fat::layout(&volume()).unwrap()),
        ] {
            let (_root, path) = written(name, &layout);
            let tree = MediumTree::open(&path).unwrap();
            assert_eq!((tree.label.as_str(), tree.faults.as_slice()), ("DEMO", &[][..]), "{name}");
            assert_eq!(bytes(tree.get("SOURCES/Install.wim")), [7; 10_000], "{name}");
            assert_eq!(bytes(tree.get("boot/GRÖßE.TXT")), b"text", "{name}");
            assert_eq!(bytes(tree.get("empty")), b"", "{name}");
            assert!(matches!(tree.get("folder"), Some(Node::Folder(_))), "{name}");
            assert!(matches!(tree.get(""), Some(Node::Folder(root)) if root.n_files() == 3), "{name}");
            assert!(tree.get("sources/none.wim").is_none() && tree.get("empty/below").is_none(), "{name}");
            let Some(Node::File(Content::Source(file))) = tree.get("sources/install.wim") else { panic!("{name}") };
            assert_eq!(file.path(), path_on(&path, "sources/install.wim"));
            assert_eq!(file.files(), std::slice::from_ref(&tree.image), "{name}");
        }
    }

    /// NTFS as ntfs-3g writes it: short files are in their records.
    #[test]
    fn files_in_their_records_and_in_clusters_are_read_from_an_ntfs_volume() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| Utf8PathBuf::from_path_buf(root.path().join(name)).unwrap();
        let run = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().unwrap();
            assert!(output.status.success(), "{program}: {output:?}");
        };
        let image = path("ntfs.img");
        File::create(&image).unwrap().set_len(4 << 20).unwrap();
        run("mkntfs", &["-F", "-Q", "-q", "-L", "DATA", image.as_str()]);
        for (name, len) in [("short.txt", 500), ("long.bin", 300_000), ("empty", 0)] {
            fs::write(path(name), vec![9; len]).unwrap();
            run("ntfscp", &["-q", image.as_str(), path(name).as_str(), name]);
        }
        let tree = MediumTree::open(&image).unwrap();
        assert_eq!(tree.label, "DATA");
        assert_eq!(bytes(tree.get("SHORT.txt")), [9; 500]);
        assert_eq!(bytes(tree.get("empty")), b"");
        assert_eq!(bytes(tree.get("long.bin")), vec![9; 300_000]);
        assert_eq!(tree.faults, []);
    }

    #[test]
    fn what_is_not_a_medium_is_refused_by_its_name() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| Utf8PathBuf::from_path_buf(root.path().join(name)).unwrap();
        fs::write(path("a.txt"), "text").unwrap();
        fs::write(path("a.wim"), b"MSWIM\0\0\0and more").unwrap();
        let pointer =
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "4d".repeat(32));
        fs::write(path("a.iso"), pointer).unwrap();
        let hint = "give an ISO file, or a raw image of a stick";
        assert_eq!(
            refusal(&path("a.txt")),
            format!("`/a.txt` is not an image of a disc, or of a stick or volume with FAT or NTFS; {hint}")
        );
        assert!(refusal(&path("a.wim")).starts_with("`/a.wim` is damaged: its header is;"));
        assert_eq!(
            refusal(&path("a.iso")).split(';').next().unwrap(),
            "`/a.iso` is a Git LFS pointer, not the file itself"
        );
        let (_root, cut) =
            written("cut.img", &stick::layout(&volume(), Slack::Ample, PartitionScheme::Mbr, None).unwrap());
        File::options().write(true).open(&cut).unwrap().set_len(2 << 20).unwrap();
        assert!(refusal(&cut).starts_with("`/cut.img` can't be read as a medium: partition 1 ends at byte "));
        assert!(MediumTree::open(&path("none.iso")).unwrap_err().with_causes().contains("No such file"));
    }
}
