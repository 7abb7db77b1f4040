//! Images of a WIM within another file, such as a disc. Read from the structures, since wimlib only
//! opens files.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::guard::Guard;
use super::header::{self, HEADER_LEN, WimHeader};
use super::library::{LocatedEntry, WimEntryKind};
use super::metadata::{ImageEntry, Metadata};
use super::resource;
use super::structure::{WimStructure, blob_location, resource_compression};
use super::{LibraryError, WimCompression, WimEntry, WimFacts, library_error, pipable_error, split_part_error};
use crate::content::Source;
use crate::error::{Error, Result};
use crate::foreign_text::from_utf16;
use crate::git_lfs;
use crate::source::OpenSource;

/// A WIM within another file.
pub(super) struct WimView {
    structure: WimStructure,
    metadata: RefCell<BTreeMap<u32, Rc<Metadata>>>,
    /// Indexes of contents in the blob table, by SHA-1.
    contents: OnceCell<HashMap<[u8; 20], usize>>,
}

/// `FILE_ATTRIBUTE_ENCRYPTED`.
const ENCRYPTED: u32 = 0x4000;

impl WimView {
    /// Reads the structures of a WIM.
    ///
    /// # Errors
    ///
    /// If it can't be read, is not a WIM, is damaged, or is of a kind that can't be read in place.
    pub(super) fn open(source: &Arc<Source>) -> Result<(Self, WimFacts)> {
        let path = source.path();
        if source.is_empty() {
            return Err(Error::new(format!("`{path}` is empty")).help("use another copy of the medium"));
        }
        let open = OpenSource::open(source)?;
        let mut start = vec![0; source.len().min(HEADER_LEN as u64) as usize];
        open.read(&mut start, 0)?;
        if git_lfs::is_pointer(&start) {
            return Err(git_lfs::error(path));
        }
        if start.starts_with(&header::PIPABLE_MAGIC) {
            return Err(pipable_error(path));
        }
        if !start.starts_with(&header::MAGIC) {
            return Err(library_error(path, "opening", LibraryError::NotAWim));
        }
        let damaged = |why: String| library_error(path, "reading", LibraryError::Damaged(why));
        let header = WimHeader::parse(&start).ok_or_else(|| damaged("its header is malformed".into()))?;
        if header.n_parts > 1 {
            return Err(split_part_error(path, header.part, header.n_parts));
        }
        Guard::new(&open).map_err(damaged)?;
        open.check()?;
        let structure = WimStructure::read(Arc::clone(source))?;
        let packing = resource_compression(&structure.header).map_err(damaged)?;
        let header = &structure.header;
        let facts = WimFacts {
            compression: packing.compression,
            // Like wimlib: uncompressed files need not give a chunk length.
            chunk_len: if packing.compression == WimCompression::None { header.chunk_len } else { packing.chunk_len },
            n_images: header.n_images,
            boot_index: Some(header.boot_index).filter(|index| (1..=header.n_images).contains(index)),
            guid: header.guid,
        };
        Ok((Self { structure, metadata: RefCell::default(), contents: OnceCell::new() }, facts))
    }

    /// Structures of the WIM.
    pub(super) fn structure(&self) -> &WimStructure {
        &self.structure
    }

    /// Value in the XML, if it is set. Nested elements are separated by `/`.
    pub(super) fn property(&self, index: u32, name: &str) -> Option<String> {
        self.structure.xml.images.get((index as usize).checked_sub(1)?)?.text(name)
    }

    /// Finds an entry in an image, ignoring case.
    pub(super) fn entry(&self, index: u32, path: &str) -> Result<Option<LocatedEntry>> {
        let metadata = self.metadata(index)?;
        match find_entry(&metadata.root, path) {
            Some((entry, path)) => self.locate(entry, path).map(Some),
            None => Ok(None),
        }
    }

    /// Lists the entries of a folder in an image.
    pub(super) fn children(&self, index: u32, path: &str) -> Result<Vec<LocatedEntry>> {
        let metadata = self.metadata(index)?;
        let Some((folder, path)) = find_entry(&metadata.root, path) else { return Ok(Vec::new()) };
        folder.children.iter().map(|child| self.locate(child, join_path(&path, child))).collect()
    }

    /// Fills `bytes` from offset `at` of the WIM.
    pub(super) fn fill(&self, bytes: &mut [u8], at: u64) -> Result<()> {
        let open = OpenSource::open(self.structure.source())?;
        open.read(bytes, at)?;
        Ok(open.check()?)
    }

    /// Reads the contents of a file.
    pub(super) fn read(&self, blob: &resource::BlobLocation) -> Result<std::result::Result<Vec<u8>, String>> {
        let open = OpenSource::open(self.structure.source())?;
        let packing = resource_compression(&self.structure.header).map_err(|why| self.structure.damaged(&why))?;
        let read = resource::read(&open, packing, blob);
        open.check()?;
        Ok(read)
    }

    /// Metadata of an image, which are read once.
    fn metadata(&self, index: u32) -> Result<Rc<Metadata>> {
        if let Some(metadata) = self.metadata.borrow().get(&index) {
            return Ok(Rc::clone(metadata));
        }
        let metadata = Rc::new(self.structure.metadata(index)?);
        self.metadata.borrow_mut().insert(index, Rc::clone(&metadata));
        Ok(metadata)
    }

    /// Locates the contents of an entry.
    fn locate(&self, entry: &ImageEntry, path: String) -> Result<LocatedEntry> {
        let kind = match entry.attributes {
            attributes if attributes & ImageEntry::REPARSE_POINT != 0 => WimEntryKind::Link,
            attributes if attributes & ENCRYPTED != 0 => WimEntryKind::Encrypted,
            _ => WimEntryKind::Plain,
        };
        let blob =
            if entry.is_folder() { resource::BlobLocation::default() } else { self.find_blob(entry.contents())? };
        Ok(LocatedEntry { found: WimEntry { path, is_folder: entry.is_folder(), len: blob.len }, kind, blob })
    }

    /// Location of contents.
    fn find_blob(&self, sha1: [u8; 20]) -> Result<resource::BlobLocation> {
        if sha1 == [0; 20] {
            return Ok(resource::BlobLocation::default());
        }
        let blobs = &self.structure.blobs;
        let contents = self.contents.get_or_init(|| {
            let is_content = |blob: &super::table::Blob| !blob.is_metadata() && !blob.is_solid_resource();
            let numbered = blobs.iter().enumerate().filter(|(_, blob)| is_content(blob));
            numbered.map(|(at, blob)| (blob.sha1, at)).collect()
        });
        match contents.get(&sha1) {
            None => Ok(resource::BlobLocation { sha1, is_missing: true, ..resource::BlobLocation::default() }),
            Some(at) if blobs[*at].is_solid() => self.find_solid_blob(*at),
            Some(at) => Ok(blob_location(&blobs[*at].resource, sha1)),
        }
    }

    /// Location of contents in a solid resource. In the blob table, the entries of solid resources
    /// and those of their contents follow each other, and offsets count from the start of the first
    /// resource of such a run, unpacked.
    fn find_solid_blob(&self, at: usize) -> Result<resource::BlobLocation> {
        let blobs = &self.structure.blobs;
        // The run of solid entries that contains this one.
        let first = blobs[..at].iter().rposition(|blob| !blob.is_solid()).map_or(0, |before| before + 1);
        let run = blobs[first..].iter().take_while(|blob| blob.is_solid());
        let mut offset = blobs[at].resource.offset;
        for resource in run.filter(|blob| blob.is_solid_resource()).map(|blob| blob.resource) {
            let mut unpacked_len = [0; 8];
            self.fill(&mut unpacked_len, resource.offset)?;
            let unpacked_len = u64::from_le_bytes(unpacked_len);
            if offset < unpacked_len {
                return Ok(resource::BlobLocation {
                    len: blobs[at].resource.len,
                    sha1: blobs[at].sha1,
                    is_missing: false,
                    is_compressed: true,
                    is_solid: true,
                    offset,
                    resource_offset: resource.offset,
                    resource_len: resource.len,
                    resource_unpacked_len: unpacked_len,
                });
            }
            offset -= unpacked_len;
        }
        Err(self.structure.damaged("contents lie outside of its solid resources"))
    }
}

/// Finds the entry at a path below a folder. Returns it with its path as spelled.
fn find_entry<'a>(root: &'a ImageEntry, path: &str) -> Option<(&'a ImageEntry, String)> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    let mut found = (root, String::new());
    for part in parts {
        let child = found.0.child(part)?;
        found = (child, join_path(&found.1, child));
    }
    Some(found)
}

fn join_path(folder: &str, entry: &ImageEntry) -> String {
    let name = from_utf16(entry.name.iter().copied());
    if folder.is_empty() { name } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use camino::{Utf8Path, Utf8PathBuf};

    use super::super::Wim;
    use super::*;
    use crate::content::{ByteRun, Pieced, SourceFile, Stat};

    /// Bytes that hardly compress.
    fn noise(seed: u8, len: usize) -> Vec<u8> {
        let mut state = u32::from(seed) + 1;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 28) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    /// A WIM file, and a copy of it in pieces within another file.
    fn both(root: &Utf8Path, options: &[&str]) -> (Wim, Wim) {
        let (tree, wim, holder) = (root.join("tree"), root.join("a.wim"), root.join("a.iso"));
        fs::create_dir_all(tree.join("Windows/System32/leer")).unwrap();
        for n in 0..40_u8 {
            fs::write(tree.join(format!("Windows/System32/{n}.dll")), noise(n, usize::from(n) * 3_000)).unwrap();
        }
        fs::write(tree.join("Größe & mehr.txt"), "text").unwrap();
        let arguments = ["capture", tree.as_str(), wim.as_str(), "Größe <&>", "Über alles", "--boot"];
        let output = Command::new("wimlib-imagex").args(arguments).args(options).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let bytes = fs::read(&wim).unwrap();
        let (start, cut) = (bytes.len() / 3, bytes.len() / 2);
        let other = [&[1; 2_048][..], &bytes[start..], &[2; 2_048], &bytes[..start], &[3; 100]].concat();
        fs::write(&holder, other).unwrap();
        let stat = Stat::from_metadata(&fs::metadata(&holder).unwrap());
        let file = Arc::new(SourceFile { path: holder.clone(), stat });
        let range =
            |start: usize, len: usize| ByteRun::Range { file: Arc::clone(&file), start: start as u64, len: len as u64 };
        let len = bytes.len() - start;
        let runs = [range(2_048 + len + 2_048, start), range(2_048, cut), range(2_048 + cut, len - cut)];
        let source = Source::Pieced(Pieced::new(&Utf8PathBuf::from("a.iso!/a.wim"), runs));
        (Wim::open(&wim).unwrap(), Wim::open_source(&Arc::new(source)).unwrap())
    }

    #[test]
    fn a_wim_within_a_file_reads_like_one_on_its_own() {
        for options in [&["--compress=LZX"][..], &["--compress=none"], &["--solid"], &["--compress=XPRESS", "--check"]]
        {
            let root = tempfile::tempdir().unwrap();
            let (file, within) = both(Utf8Path::from_path(root.path()).unwrap(), options);
            assert_eq!(file.facts(), within.facts(), "{options:?}");
            assert_eq!(file.images(), within.images(), "{options:?}");
            assert_eq!(within.images()[0].name.as_deref(), Some("Größe <&>"));
            assert_eq!(file.may_be_solid().unwrap(), within.may_be_solid().unwrap(), "{options:?}");
            assert_eq!(file.incompatibilities().unwrap(), within.incompatibilities().unwrap(), "{options:?}");
            for path in
                ["", "windows", "WINDOWS/system32", "Windows/System32/leer", "Größe & mehr.txt", "none", "windows/none"]
            {
                assert_eq!(file.find(1, path).unwrap(), within.find(1, path).unwrap(), "{options:?} {path}");
                let sorted = |wim: &Wim| {
                    let mut found = wim.list(1, path).unwrap();
                    found.iter_mut().for_each(|found| found.sort_by(|a, b| a.path.cmp(&b.path)));
                    found
                };
                assert_eq!(sorted(&file), sorted(&within), "{options:?} {path}");
            }
            for path in [
                "windows/SYSTEM32/39.DLL",
                "Windows/System32/0.dll",
                "Windows/System32/7.dll",
                "größe & MEHR.txt",
                "none",
            ] {
                let [one, other] = [&file, &within].map(|wim| wim.extract(1, path, 1 << 20).unwrap());
                assert_eq!(one, other, "{options:?} {path}");
                assert_eq!(one.is_some(), path != "none");
            }
            let refused =
                |wim: &Wim, index| wim.find(index, "a").unwrap_err().to_string().replace(wim.path().as_str(), "");
            assert_eq!(refused(&file, 2), refused(&within, 2));
        }
    }

    #[test]
    fn what_is_not_a_whole_wim_is_refused_by_its_path() {
        let root = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(root.path().join("a.iso")).unwrap();
        let refusal = |bytes: &[u8]| {
            fs::write(&path, [&[0; 100], bytes].concat()).unwrap();
            let file = SourceFile { path: path.clone(), stat: Stat::from_metadata(&fs::metadata(&path).unwrap()) };
            let run = ByteRun::Range { file: Arc::new(file), start: 100, len: bytes.len() as u64 };
            let source = Source::Pieced(Pieced::new(Utf8Path::new("a.iso!/a.wim"), [run]));
            Wim::open_source(&Arc::new(source)).unwrap_err().to_string()
        };
        assert_eq!(refusal(b""), "`a.iso!/a.wim` is empty");
        assert_eq!(refusal(b"text"), "`a.iso!/a.wim` is not a WIM file");
        assert_eq!(refusal(b"MSWIM\0\0\0"), "`a.iso!/a.wim` is damaged: its header is malformed");
        assert_eq!(refusal(b"WLPWM\0\0\0"), "`a.iso!/a.wim` is a pipable WIM, which Windows can't read");
        let header = |n_parts: u16| {
            let mut bytes = [0; HEADER_LEN];
            bytes[..8].copy_from_slice(&header::MAGIC);
            bytes[8] = HEADER_LEN as u8;
            bytes[0x28] = 1;
            bytes[0x2A..0x2C].copy_from_slice(&n_parts.to_le_bytes());
            bytes
        };
        assert_eq!(refusal(&header(3)), "`a.iso!/a.wim` is part 1 of 3 of a split WIM");
        let mut huge = header(1);
        huge[0x30..0x38].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        assert_eq!(
            refusal(&huge),
            "`a.iso!/a.wim` is damaged: its table of contents would have 1099511627776 bytes; at most 134217728 are read"
        );
    }
}
