//! Reads facts from WIM files, and caches them: an unchanged file is not even opened.
//!
//! A [`KnownWim`] answers from the cache while the file (or the medium with the WIM) has the same
//! [`Stat`], and opens it for new questions. The cache stores what the file contains, not
//! conclusions drawn from it, so that other search orders, sites or firmware types can share the
//! answers.

mod derived;
mod parts;
mod recipe;
mod reexported;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::rc::Rc;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub use derived::{DerivedImage, derive_boot_image};
pub use parts::split;
pub use reexported::{PackedWim, ensure_reexported};

use crate::content::{Content, Source, SourceFile, Stat};
use crate::error::{Error, ErrorKind, Result};
use crate::format::wim::{Incompatibility, MissingContents, Wim, WimImageFacts};
use crate::format::windows::{self, WindowsFacts};
use crate::progress::ProgressReporter;
use crate::store::{ObjectKey, ObjectKind, Objects, ReadingSince};

use reexported::read_structure;

/// A WIM file that is opened only for questions without a cached answer.
#[derive(Debug)]
pub struct KnownWim {
    source: Arc<Source>,
    facts: KnownFacts,
    files: RefCell<FileAnswers>,
    folders: RefCell<FolderAnswers>,
    windows: RefCell<WindowsAnswers>,
    missing: RefCell<MissingAnswers>,
    opened: OnceCell<(Wim, Option<ReadingSince>)>,
    is_news: Cell<bool>,
    cache: Option<Rc<Objects>>,
    reporter: ProgressReporter,
    /// Files re-exported from it, by the index of their only image; `None` for all images.
    made: RefCell<BTreeMap<Option<u32>, SourceFile>>,
    /// Hives with another scratch space, by image and size in MiB. Sites with the same boot image share them.
    pub(super) scratch_spaces: RefCell<BTreeMap<(u32, u32), Content>>,
}

/// Extracted files by image and path; `None` if there is no such file.
type FileAnswers = BTreeMap<(u32, String), Option<Arc<[u8]>>>;
/// Names in folders by image and path.
type FolderAnswers = BTreeMap<(u32, String), Vec<String>>;
/// Windows installations by image.
type WindowsAnswers = BTreeMap<u32, WindowsFacts>;
/// Missing contents by image.
type MissingAnswers = BTreeMap<u32, Option<MissingContents>>;

/// Facts about a WIM file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KnownFacts {
    /// Index of the image marked as bootable.
    pub boot_index: Option<u32>,
    /// Description of each image, in order.
    pub images: Vec<WimImageFacts>,
    /// Properties of a file that can't be started as it is.
    pub packed: Option<PackedWim>,
    /// Properties that Microsoft's programs may not read.
    pub incompatibilities: Vec<Incompatibility>,
}

/// Head of the cache entry; the contents of `files` follow it, one after the other.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct CachedAnswers {
    facts: KnownFacts,
    /// Image, path, and length if the file exists.
    files: Vec<(u32, String, Option<u64>)>,
    /// Image, path, and the names in the folder.
    folders: Vec<(u32, String, Vec<String>)>,
    /// Image and description of its Windows.
    windows: Vec<(u32, WindowsFacts)>,
    /// Image and its missing contents.
    missing: Vec<(u32, Option<MissingContents>)>,
}

/// Version of the cache entry; bump it when the encoding or meaning changes.
const VERSION: u32 = 4;
/// Length of the field with the length of the head, in bytes.
const PREFIX_LEN: usize = 8;

impl KnownWim {
    /// Finds the facts about a WIM file in the cache, or reads them.
    pub fn open(path: &Utf8Path, cache: Option<Rc<Objects>>) -> Result<Self> {
        // Let `Wim::open` report anything that isn't a file.
        let stat = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Stat::from_metadata(&metadata),
            _ => return Err(Wim::open(path).err().unwrap_or_else(|| changed(path))),
        };
        Self::open_source(Arc::new(Source::File(SourceFile { path: path.to_owned(), stat })), cache)
    }

    /// Finds the facts about a WIM in a source in the cache, or reads them.
    pub fn open_source(source: Arc<Source>, cache: Option<Rc<Objects>>) -> Result<Self> {
        // A cached entry that can't be parsed counts as missing.
        let known = cache.as_ref().and_then(|cache| parse(&cache.bytes(&key(&source))?));
        let (facts, files, folders, windows, missing, opened) = match known {
            Some((facts, files, folders, windows, missing)) => {
                (facts, files, folders, windows, missing, OnceCell::new())
            }
            None => {
                let since = cache.as_ref().and_then(|cache| cache.start_reading());
                let wim = Wim::open_source(&source)?;
                let packed = reexported::find_packing(&wim)?;
                let incompatibilities = wim.incompatibilities()?;
                let (boot_index, images) = (wim.facts().boot_index, wim.images());
                let facts = KnownFacts { boot_index, images, packed, incompatibilities };
                let (files, folders, windows, missing) = Default::default();
                (facts, files, folders, windows, missing, OnceCell::from((wim, since)))
            }
        };
        let is_news = Cell::new(opened.get().is_some());
        let (files, folders) = (RefCell::new(files), RefCell::new(folders));
        let (windows, missing) = (RefCell::new(windows), RefCell::new(missing));
        let (reporter, made, scratch_spaces) = Default::default();
        Ok(Self {
            source,
            facts,
            files,
            folders,
            windows,
            missing,
            opened,
            is_news,
            cache,
            reporter,
            made,
            scratch_spaces,
        })
    }

    /// Sets the reporter of progress reports.
    pub fn before(self, reporter: ProgressReporter) -> Self {
        Self { reporter, ..self }
    }

    /// Path of the file as named.
    pub fn path(&self) -> &Utf8Path {
        self.source.path()
    }

    /// Returns the facts about the file.
    pub fn facts(&self) -> &KnownFacts {
        &self.facts
    }

    /// Returns the description of an image; `None` if there is no such image.
    pub fn image(&self, index: u32) -> Option<&WimImageFacts> {
        self.facts.images.get(index.checked_sub(1)? as usize)
    }

    /// Returns `true` if contents are compressed together.
    pub fn is_solid(&self) -> bool {
        self.facts.packed.as_ref().is_some_and(|packed| packed.is_solid)
    }

    /// Returns a file of an image; `None` if it does not exist. Files over `limit` bytes are an
    /// error.
    pub fn extract(&self, index: u32, path: &str, limit: u64) -> Result<Option<Content>> {
        let question = (index, path.to_owned());
        let known = self.files.borrow().get(&question).cloned();
        let answer = match known {
            Some(answer) => answer,
            None => {
                let answer = self.wim()?.extract(index, path, limit)?.map(Arc::from);
                self.is_news.set(true);
                self.files.borrow_mut().insert(question, answer.clone());
                answer
            }
        };
        Ok(answer.map(Content::Bytes))
    }

    /// Returns the names in a folder of an image, sorted; empty if there is no such folder.
    pub fn names(&self, index: u32, folder: &str) -> Result<Vec<String>> {
        let question = (index, folder.to_owned());
        if let Some(answer) = self.folders.borrow().get(&question) {
            return Ok(answer.clone());
        }
        let found = self.wim()?.list(index, folder)?.unwrap_or_default();
        let mut paths: Vec<_> = found.into_iter().map(|found| found.path).collect();
        paths.sort();
        let names: Vec<_> = paths.iter().filter_map(|path| path.rsplit('/').next().map(str::to_owned)).collect();
        self.is_news.set(true);
        self.folders.borrow_mut().insert(question, names.clone());
        Ok(names)
    }

    /// Returns the description of Windows in an image. Only the result is cached, not the files
    /// that it is read from.
    pub fn windows(&self, index: u32) -> Result<WindowsFacts> {
        if let Some(answer) = self.windows.borrow().get(&index) {
            return Ok(answer.clone());
        }
        let found = windows::read(self.wim()?, index)?;
        self.is_news.set(true);
        self.windows.borrow_mut().insert(index, found.clone());
        Ok(found)
    }

    /// Returns the contents that an image lacks.
    pub fn missing_contents(&self, index: u32) -> Result<Option<MissingContents>> {
        if let Some(answer) = self.missing.borrow().get(&index) {
            return Ok(answer.clone());
        }
        // Open the file first, to make sure that it is unchanged.
        self.wim()?;
        let found = read_structure(self, &self.source)?.missing_contents(index)?;
        self.is_news.set(true);
        self.missing.borrow_mut().insert(index, found.clone());
        Ok(found)
    }

    /// Returns those of `others` that have missing contents of an image, and `true` if nothing is
    /// missing then.
    pub fn select_complements(&self, index: u32, others: Vec<Arc<Source>>) -> Result<(Vec<Utf8PathBuf>, bool)> {
        let (found, is_complete) = read_structure(self, &self.source)?.select_complements(index, others)?;
        Ok((found.iter().map(|source| source.path().to_owned()).collect(), is_complete))
    }

    /// Writes new facts to the cache if they are certain to hold beyond this run.
    pub fn remember(&self) {
        let (Some(cache), Some((_, Some(since)))) = (&self.cache, self.opened.get()) else { return };
        // Facts read within one tick of the last change may belong to the state before it.
        if self.is_news.get() && since.is_lasting_of(&self.source) && is_unchanged(&self.source) {
            cache.keep(&key(&self.source), &self.to_bytes());
            self.is_news.set(false);
        }
    }

    /// Returns the file, opening it if necessary.
    fn wim(&self) -> Result<&Wim> {
        if self.opened.get().is_none() {
            let since = self.cache.as_ref().and_then(|cache| cache.start_reading());
            let wim = Wim::open_source(&self.source)?;
            // Cached answers belong to the file as it was.
            if !is_unchanged(&self.source) {
                return Err(changed(self.path()));
            }
            let _ = self.opened.set((wim, since));
        }
        self.opened.get().map(|(wim, _)| wim).ok_or_else(|| changed(self.path()))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let (files, folders) = (self.files.borrow(), self.folders.borrow());
        let file = |((index, path), bytes): (&(u32, String), &Option<Arc<[u8]>>)| {
            (*index, path.clone(), bytes.as_ref().map(|bytes| bytes.len() as u64))
        };
        let remembered = CachedAnswers {
            facts: self.facts.clone(),
            files: files.iter().map(file).collect(),
            folders: folders.iter().map(|((index, path), names)| (*index, path.clone(), names.clone())).collect(),
            windows: self.windows.borrow().iter().map(|(index, windows)| (*index, windows.clone())).collect(),
            missing: self.missing.borrow().iter().map(|(index, missing)| (*index, missing.clone())).collect(),
        };
        // Serializing numbers and texts can't fail.
        let head = serde_json::to_vec(&remembered).unwrap_or_default();
        let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
        bytes.extend(head);
        files.values().flatten().for_each(|file| bytes.extend_from_slice(file));
        bytes
    }
}

fn key(source: &Source) -> ObjectKey {
    ObjectKey::of_source(ObjectKind::WimReads, VERSION, source)
}

/// Returns `true` if the files of a source have not changed since it was found.
fn is_unchanged(source: &Source) -> bool {
    let is_same =
        |file: &SourceFile| fs::metadata(&file.path).is_ok_and(|metadata| Stat::from_metadata(&metadata) == file.stat);
    source.files().iter().all(is_same)
}

fn changed(path: &Utf8Path) -> Error {
    Error::new(format!("`{path}` changed while it was being read"))
        .with_kind(ErrorKind::Stale)
        .help("run the command again when the file is no longer being written")
}

/// Parses the output of [`KnownWim::to_bytes`]; `None` if it is damaged.
fn parse(bytes: &[u8]) -> Option<(KnownFacts, FileAnswers, FolderAnswers, WindowsAnswers, MissingAnswers)> {
    let (prefix, rest) = bytes.split_at_checked(PREFIX_LEN)?;
    let head_len = u64::from_le_bytes(prefix.try_into().ok()?);
    let (head, mut contents) = rest.split_at_checked(usize::try_from(head_len).ok()?)?;
    let remembered: CachedAnswers = serde_json::from_slice(head).ok()?;
    let mut files = FileAnswers::new();
    for (index, path, len) in remembered.files {
        let answer = match len {
            Some(len) => {
                let (content, rest) = contents.split_at_checked(usize::try_from(len).ok()?)?;
                contents = rest;
                Some(Arc::from(content))
            }
            None => None,
        };
        files.insert((index, path), answer);
    }
    let folders = remembered.folders.into_iter().map(|(index, path, names)| ((index, path), names)).collect();
    let windows = remembered.windows.into_iter().collect();
    let missing = remembered.missing.into_iter().collect();
    contents.is_empty().then_some((remembered.facts, files, folders, windows, missing))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::size::Size;
    use crate::write::DiskOps;

    struct Scratch {
        _folder: tempfile::TempDir,
        root: Utf8PathBuf,
    }

    impl Scratch {
        /// Creates a folder with a WIM file.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
            fs::create_dir_all(root.join("tree/Windows/Boot")).unwrap();
            fs::write(root.join("tree/Windows/Boot/bootmgr"), [7; 70_000]).unwrap();
            fs::write(root.join("tree/Windows/Boot/BCD"), b"store").unwrap();
            let scratch = Self { _folder: folder, root };
            scratch.wimlib(&["capture", scratch.root.join("tree").as_str(), scratch.wim().as_str(), "PE", "--boot"]);
            scratch
        }

        fn wim(&self) -> Utf8PathBuf {
            self.root.join("boot.wim")
        }

        fn wimlib(&self, arguments: &[&str]) {
            assert!(Command::new("wimlib-imagex").args(arguments).output().unwrap().status.success());
        }

        fn cache(&self) -> Rc<Objects> {
            Rc::new(Objects::open(&self.root.join(".tsmedia"), Size(10_000_000), &DiskOps::default()))
        }

        /// Opens the file, once the clock has advanced far enough for its facts to be cached.
        fn open(&self) -> KnownWim {
            let cache = self.cache();
            let stat = Stat::from_metadata(&fs::metadata(self.wim()).unwrap());
            while !cache.start_reading().unwrap().is_lasting(&stat) {
                std::thread::sleep(Duration::from_millis(2));
            }
            KnownWim::open(&self.wim(), Some(cache)).unwrap()
        }
    }

    fn bytes(content: Option<Content>) -> Option<Vec<u8>> {
        content.map(|content| match content {
            Content::Bytes(bytes) => bytes.to_vec(),
            Content::Source(source) => panic!("{source:?}"),
        })
    }

    #[test]
    fn a_wim_that_did_not_change_is_not_opened_unless_something_new_is_asked() {
        let scratch = Scratch::new();
        let ask = |wim: &KnownWim| {
            assert_eq!((wim.facts().boot_index, wim.facts().images.len()), (Some(1), 1));
            assert_eq!(wim.image(1).unwrap().name.as_deref(), Some("PE"));
            assert_eq!(bytes(wim.extract(1, "Windows/Boot/bootmgr", 100_000).unwrap()), Some(vec![7; 70_000]));
            assert_eq!(bytes(wim.extract(1, "Windows/nothing", 100_000).unwrap()), None);
            assert_eq!(wim.names(1, "windows/boot").unwrap(), ["BCD", "bootmgr"]);
            assert_eq!(wim.names(1, "no/folder").unwrap(), [""; 0]);
        };
        let first = scratch.open();
        ask(&first);
        first.remember();
        let second = scratch.open();
        ask(&second);
        assert!(second.opened.get().is_none(), "it was opened");
        assert_eq!(bytes(second.extract(1, "windows/boot/bcd", 100).unwrap()), Some(b"store".to_vec()));
        assert!(second.opened.get().is_some());
        second.remember();
        let third = scratch.open();
        ask(&third);
        assert_eq!(bytes(third.extract(1, "windows/boot/bcd", 100).unwrap()), Some(b"store".to_vec()));
        assert!(third.opened.get().is_none(), "it was opened");
    }

    #[test]
    fn a_boot_image_that_was_made_before_is_made_without_its_file() {
        let scratch = Scratch::new();
        fs::write(scratch.root.join("put in"), b"put in").unwrap();
        let date = crate::date::Date::EARLIEST;
        let additions = |path: &str| {
            let mut additions = crate::volume::Folder::default();
            let stat = Stat::from_metadata(&fs::metadata(scratch.root.join("put in")).unwrap());
            let file = crate::content::SourceFile { path: scratch.root.join("put in"), stat };
            additions.insert(path, Content::file(file)).unwrap();
            additions
        };
        let key = |image: DerivedImage| match image {
            DerivedImage::Made(Content::Source(source)) => source.key(),
            other => panic!("{other:?}"),
        };
        let first = scratch.open();
        let as_it_is = derive_boot_image(&first, 1, &crate::volume::Folder::default(), date).unwrap();
        assert!(matches!(as_it_is, DerivedImage::Unchanged));
        while !scratch
            .cache()
            .start_reading()
            .unwrap()
            .is_lasting(&Stat::from_metadata(&fs::metadata(scratch.root.join("put in")).unwrap()))
        {
            std::thread::sleep(Duration::from_millis(2));
        }
        let made = key(derive_boot_image(&first, 1, &additions("a/b"), date).unwrap());
        let other = key(derive_boot_image(&first, 1, &additions("a/c"), date).unwrap());
        assert_ne!(made, other);
        first.remember();
        let second = scratch.open();
        fs::rename(scratch.wim(), scratch.root.join("away")).unwrap();
        assert_eq!(key(derive_boot_image(&second, 1, &additions("a/b"), date).unwrap()), made);
        assert_eq!(key(derive_boot_image(&second, 1, &additions("a/c"), date).unwrap()), other);
        assert!(derive_boot_image(&second, 1, &additions("a/d"), date).is_err(), "nothing is known of this one");
    }

    #[test]
    fn a_wim_that_changed_is_asked_again() {
        let scratch = Scratch::new();
        let first = scratch.open();
        first.extract(1, "Windows/Boot/BCD", 100).unwrap();
        scratch.wimlib(&["info", scratch.wim().as_str(), "1", "Another"]);
        // May have been read before or after the change, so must not be cached.
        first.remember();
        let second = scratch.open();
        assert!(second.opened.get().is_some());
        assert_eq!(second.image(1).unwrap().name.as_deref(), Some("Another"));
        second.remember();
        let third = scratch.open();
        scratch.wimlib(&["info", scratch.wim().as_str(), "1", "A third"]);
        assert!(
            third.extract(1, "Windows/Boot/BCD", 100).unwrap_err().to_string().ends_with("while it was being read")
        );
    }

    #[test]
    fn what_was_learnt_within_the_tick_of_a_change_is_not_remembered() {
        let scratch = Scratch::new();
        let wim = scratch.open();
        let since = wim.opened.get().unwrap().1.unwrap();
        fs::write(scratch.root.join(".tsmedia/later"), b"").unwrap();
        let later = Stat::from_metadata(&fs::metadata(scratch.root.join(".tsmedia/later")).unwrap());
        assert!(since.is_lasting_of(&wim.source) && !since.is_lasting(&later));
    }

    #[test]
    fn half_of_what_is_remembered_is_nothing() {
        let scratch = Scratch::new();
        let wim = scratch.open();
        wim.extract(1, "Windows/Boot/BCD", 100).unwrap();
        wim.names(1, "Windows").unwrap();
        let whole = wim.to_bytes();
        let (facts, files, folders, ..) = parse(&whole).unwrap();
        assert_eq!((&facts, files.len(), folders.len()), (&wim.facts, 1, 1));
        assert!((0..whole.len()).all(|len| parse(&whole[..len]).is_none()));
    }
}
