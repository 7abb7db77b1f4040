//! Tree of the files on a medium, each as ranges of the image. Nothing is extracted, and copies can
//! share blocks with the image.
//!
//! Reads images of discs, of sticks and disks with FAT and NTFS partitions, of single FAT and NTFS
//! volumes, and WIM files with one image, such as prestaged media. On a disc, the first of UDF,
//! Joliet and ISO 9660 is used, as in Windows: the ISO 9660 tree of Windows installation discs has
//! nothing but a note. If two partitions contain the same path, the first one is used.
//!
//! Not supported: virtual disks (an error), large compressed files in a WIM file, and files that
//! NTFS compresses, encrypts, stores with holes or describes in several records (a
//! [fault](MediumTree::faults)).

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

/// Separator between the path of a medium and a path on it.
pub const SEPARATOR: &str = "!/";

/// Tree of the files on a medium.
#[derive(Debug)]
pub struct MediumTree {
    /// Image file, with its metadata when the tree was read.
    pub image: SourceFile,
    /// `true` for a disc, `false` for a stick, volume or WIM file.
    pub is_disc: bool,
    /// Label of the first volume.
    pub label: String,
    /// Files and folders. Names are case-insensitive.
    pub root: Arc<Folder>,
    /// Files and folders that could not be added to `root`.
    pub faults: Vec<MediumFault>,
    /// Boot images in the boot catalog of a disc, if their lengths are known.
    pub boot: Vec<(Firmware, Content)>,
}

/// File or folder that can't be read from a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediumFault {
    /// Path on the medium.
    pub path: String,
    /// Reason, as a sentence fragment.
    pub why: String,
    /// Help text in the imperative.
    pub help: &'static str,
}

/// File that is not stored in plain ranges of the image.
enum UnplacedFile {
    /// Contents in memory.
    InMemory(Arc<[u8]>),
    /// Not readable, with the reason as a sentence fragment.
    Unreadable(String),
}

impl From<ntfs::Unplaced> for UnplacedFile {
    fn from(unplaced: ntfs::Unplaced) -> Self {
        match unplaced {
            ntfs::Unplaced::InRecord(bytes) => Self::InMemory(bytes),
            ntfs::Unplaced::Special => Self::Unreadable(
                "NTFS stores it compressed, encrypted, sparse or in too many pieces, which is not supported".into(),
            ),
        }
    }
}

/// Volume of a medium.
struct MediumVolume {
    label: String,
    files: Vec<volume_entry::VolumeEntry>,
    unplaced: HashMap<String, UnplacedFile>,
    boot: Vec<BootProgram>,
}

impl MediumTree {
    /// Reads the tree of the medium in the file at `path`.
    ///
    /// # Errors
    ///
    /// If the file can't be read, is not a medium, or is damaged.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        let failed = |error| Error::io("reading", path, error);
        let mut file = limits::open(path).map_err(|error| Error::io("opening", path, error))?;
        let image = SourceFile { path: path.to_owned(), stat: Stat::from_metadata(&file.metadata().map_err(failed)?) };
        if git_lfs::is_pointer(&read_start(&mut file, git_lfs::LIMIT).map_err(failed)?) {
            return Err(git_lfs::error(path));
        }
        let damaged = |error: Error| Error::new(format!("`{path}` can't be read as a medium")).because(error);
        let volumes = read_volumes(&mut file, path).map_err(|found| match found {
            OpenError::NotMedium(error) => error,
            OpenError::Failed(error) => damaged(error),
        })?;
        let is_disc = iso::is_disc(&mut file).map_err(failed)?;
        let mut tree =
            Self { image, is_disc, label: String::new(), root: Arc::default(), faults: Vec::new(), boot: Vec::new() };
        for (volume, number) in volumes.into_iter().zip(0..) {
            if number == 0 {
                tree.label = volume.label;
            }
            for program in volume.boot.iter().filter(|program| program.is_bootable) {
                tree.boot.extend(find_boot_image(&mut file, program, &tree.image).map_err(failed)?);
            }
            tree.add(volume.files, &volume.unplaced);
        }
        Ok(tree)
    }

    /// Finds a file or folder by path, ignoring case. The empty path is the root.
    pub fn get(&self, path: &str) -> Option<Node> {
        match path.trim_matches('/') {
            "" => Some(Node::Folder(Arc::clone(&self.root))),
            path => self.root.get(path).cloned(),
        }
    }

    /// Adds the files of a volume. Existing files are kept.
    fn add(&mut self, files: Vec<volume_entry::VolumeEntry>, unplaced: &HashMap<String, UnplacedFile>) {
        let image = Arc::new(self.image.clone());
        let mut folder = Folder::default();
        for file in files {
            let put = match self.file_content(&file, unplaced.get(&file.path), &image) {
                Ok(None) => folder.insert_folder(&file.path),
                Ok(Some(content)) => folder.insert(&file.path, content),
                Err(why) => {
                    let help = "extract the file from the medium, and use the extracted file";
                    self.faults.push(MediumFault { path: file.path, why, help });
                    continue;
                }
            };
            if let Err(misplaced) = put {
                let why = match misplaced {
                    Misplaced::BadName(bad) => bad.to_string(),
                    Misplaced::Taken(twin) => format!("has the same name as `{twin}`, except for case"),
                };
                self.faults.push(MediumFault { path: file.path, why, help: "rename it on the medium" });
            }
        }
        // The root can always be merged; conflicting files come from an earlier volume, which takes
        // precedence.
        let _ = Arc::make_mut(&mut self.root).merge(".", folder);
    }

    /// Content of a file; `None` for a folder.
    fn file_content(
        &self,
        file: &volume_entry::VolumeEntry,
        unplaced: Option<&UnplacedFile>,
        image: &Arc<SourceFile>,
    ) -> std::result::Result<Option<Content>, String> {
        if let Some(UnplacedFile::Unreadable(why)) = unplaced {
            return Err(why.clone());
        }
        if file.is_folder {
            return Ok(None);
        }
        let path = path_on_medium(&image.path, &file.path);
        if let Some(UnplacedFile::InMemory(bytes)) = unplaced {
            return Ok(Some(Content::pieced(Pieced::new(&path, [ByteRun::Bytes(Arc::clone(bytes))]))));
        }
        // The extents of FAT files end with a whole cluster.
        let mut left = file.len;
        let mut runs = Vec::with_capacity(file.extents.len());
        for Range { start, end } in file.extents.iter().cloned() {
            let len = end.saturating_sub(start).min(left);
            if start.checked_add(len).is_none_or(|end| end > image.stat.len) {
                return Err(format!("it extends past the end of the image at byte {}", image.stat.len));
            }
            runs.push(ByteRun::Range { file: Arc::clone(image), start, len });
            left -= len;
        }
        if left > 0 {
            return Err(format!("{left} of its {} bytes are not allocated", file.len));
        }
        Ok(Some(Content::pieced(Pieced::new(&path, runs))))
    }
}

/// Joins the path of a medium and a path on it: `Win11.iso!/sources/install.wim`.
pub fn path_on_medium(medium: &Utf8Path, path: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{medium}{SEPARATOR}{path}"))
}

/// Reason why a medium has no tree.
enum OpenError {
    /// The file is not a medium.
    NotMedium(Error),
    /// The medium is damaged or can't be read.
    Failed(Error),
}

impl<T: Into<Error>> From<T> for OpenError {
    fn from(error: T) -> Self {
        Self::Failed(error.into())
    }
}

/// Locates a boot image. Boot catalogs don't give the length of UEFI images, so it is read from the
/// FAT volume inside.
fn find_boot_image(
    file: &mut File,
    program: &BootProgram,
    image: &SourceFile,
) -> io::Result<Option<(Firmware, Content)>> {
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

/// Reads the volumes of a medium.
fn read_volumes(file: &mut File, path: &Utf8Path) -> std::result::Result<Vec<MediumVolume>, OpenError> {
    let failed = |error| Error::new("reading the start of the image").because(error);
    let start = read_start(file, header::MAGIC.len() as u64).map_err(failed)?;
    if [&header::MAGIC[..], &header::PIPABLE_MAGIC].contains(&&start[..]) {
        return read_wim_volume(path).map(|volume| vec![volume]).map_err(OpenError::NotMedium);
    }
    if iso::is_disc(file).map_err(failed)? {
        let disc = iso::read(file)?;
        let files = disc.files().to_vec();
        let label = disc.label.best().to_owned();
        return Ok(vec![MediumVolume { label, files, unplaced: HashMap::new(), boot: disc.boot }]);
    }
    let len = file.metadata().map_err(failed)?.len();
    // Checked before partitions: the boot sector of a plain volume ends like a master boot record.
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
            let message = format!("partition {number} ends at byte {}, but the image has {len} bytes", place.end);
            let help = "compare the size of the image with that of the original; it may be truncated";
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
        volumes.push(MediumVolume { label, files, unplaced, boot: Vec::new() });
    }
    if volumes.is_empty() {
        let error = match table {
            Some(table) if !table.partitions.is_empty() => {
                Error::new(format!("no partition of `{path}` is FAT or NTFS; found {}", others.join(", ")))
            }
            _ => Error::new(format!("`{path}` is not an image of a disc, or of a stick or volume with FAT or NTFS")),
        };
        return Err(OpenError::NotMedium(error.help("use an ISO file or a raw image of a stick")));
    }
    Ok(volumes)
}

/// Reads the files of a prestaged medium.
fn read_wim_volume(path: &Utf8Path) -> Result<MediumVolume> {
    let metadata = std::fs::metadata(path).map_err(|error| Error::io("reading", path, error))?;
    let source = Arc::new(Source::File(SourceFile { path: path.to_owned(), stat: Stat::from_metadata(&metadata) }));
    let wim::PlacedFiles { label, files: placed } = wim::placed_files(&source)?;
    let (mut files, mut unplaced) = (Vec::with_capacity(placed.len()), HashMap::new());
    for file in placed {
        let extents = match file.bytes {
            PlacedBytes::Range(range) if !range.is_empty() => vec![range],
            PlacedBytes::Range(_) => Vec::new(),
            PlacedBytes::Unpacked(bytes) => {
                unplaced.insert(file.path.clone(), UnplacedFile::InMemory(bytes));
                Vec::new()
            }
            PlacedBytes::Unreadable(why) => {
                unplaced.insert(file.path.clone(), UnplacedFile::Unreadable(why));
                Vec::new()
            }
        };
        files.push(volume_entry::VolumeEntry { path: file.path, is_folder: file.is_folder, len: file.len, extents });
    }
    Ok(MediumVolume { label, files, unplaced, boot: Vec::new() })
}

/// Detects the file system in a range of an image.
fn recognise(file: &mut File, place: &Range<u64>) -> std::io::Result<FileSystem> {
    file.seek(SeekFrom::Start(place.start))?;
    file_system::recognise(&mut (&*file).take(place.end - place.start))
}

/// Reads the first `len` bytes of a file, or all of a shorter one.
fn read_start(file: &mut File, len: u64) -> std::io::Result<Vec<u8>> {
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
        let message = format!("{}; {}", error.with_causes(), error.advice().unwrap_or_default());
        message.replace(path.parent().unwrap().as_str(), "")
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
            assert_eq!(file.path(), path_on_medium(&path, "sources/install.wim"));
            assert_eq!(file.files(), std::slice::from_ref(&tree.image), "{name}");
        }
    }

    /// NTFS volumes made by ntfs-3g, where short files are resident.
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
        let hint = "use an ISO file or a raw image of a stick";
        assert_eq!(
            refusal(&path("a.txt")),
            format!("`/a.txt` is not an image of a disc, or of a stick or volume with FAT or NTFS; {hint}")
        );
        assert!(refusal(&path("a.wim")).starts_with("`/a.wim` is damaged: its header is malformed;"));
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
