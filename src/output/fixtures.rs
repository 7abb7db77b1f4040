//! Test fixture: a temporary folder with sources, and an output built from them.

pub(super) mod toy_format;

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::{ContentEntry, Form, Output};
use crate::content::{Content, Source, SourceFile, Stat};
use crate::date::Date;
use crate::digest::Digests;
use crate::firmware::Firmware;
use crate::layout::Layout;
use crate::source::visit_piece;
use crate::volume::{BootEntry, Folder};

/// Temporary folder with sources, removed when dropped.
pub(crate) struct MediumFixture {
    _folder: Option<tempfile::TempDir>,
    pub(crate) root: Utf8PathBuf,
}

impl MediumFixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let fixture = Self { _folder: Some(folder), root };
        fixture.put("tool/setup.exe", &noise(200_000, 1));
        fixture.put("tool/read me.txt", b"hello");
        fixture.put("tool/empty", b"");
        fixture.put("image/install.wim", &noise(1_500_000, 2));
        fixture
    }

    /// Opens a fixture that belongs to another process, which also removes it.
    pub(crate) fn at(root: &str) -> Self {
        Self { _folder: None, root: root.into() }
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.root.join("sources").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Builds an output from the current sources.
    pub(crate) fn output(&self) -> Output {
        let sources = self.root.join("sources");
        let mut root = Folder::default();
        root.insert("MediaLabel.txt", Content::bytes(*b"label")).unwrap();
        root.insert_folder("SMS/empty").unwrap();
        add(&sources.join("tool"), "SMS/PKG/BER00001", &mut root);
        add(&sources.join("image"), "SMS/PKG/BER00002", &mut root);
        let entry = |title: &str, path: &str| ContentEntry::new(title, path);
        Output {
            form: Form::Toy,
            description: vec![("kind", "stand-alone".into()), ("site", "BER".into())],
            label: "WIN11 BER".into(),
            date: Date::EARLIEST,
            root,
            boot: vec![BootEntry {
                firmware: Firmware::Bios,
                image: Layout::from(&source(&sources.join("tool/read me.txt"))),
            }],
            capacity: None,
            entries: vec![
                entry("package `BER00001`", "SMS/PKG/BER00001"),
                entry("operating system `BER00002`", "SMS/PKG/BER00002"),
            ],
            secret_content: None,
            disc: None,
        }
    }

    /// Path of the finished medium.
    pub(crate) fn path(&self) -> Utf8PathBuf {
        self.root.join("out/medium.iso")
    }

    /// Bytes of the finished medium, if it exists.
    pub(crate) fn medium(&self) -> Option<Vec<u8>> {
        fs::read(self.path()).ok()
    }

    /// Returns the bytes of a clean build: every source is read, and no old output is known.
    pub(crate) fn clean_build(&self) -> Vec<u8> {
        let output = self.output();
        let draft = output.draft(&|_| None).unwrap();
        let digests: Vec<_> = draft.jobs(&|_| None).iter().map(|job| digests_of(&job.file)).collect();
        let layout = draft.seal(&digests).unwrap().layout;
        let mut bytes = vec![0; layout.len() as usize];
        for extent in layout.extents() {
            let mut at = extent.offset as usize;
            visit_piece(extent, 0, extent.len, &mut |piece| {
                bytes[at..at + piece.len()].copy_from_slice(piece);
                at += piece.len();
                Ok::<_, crate::error::Error>(())
            })
            .unwrap();
        }
        bytes
    }

    /// Names in the folder of the finished medium.
    pub(crate) fn finished_names(&self) -> Vec<String> {
        let names = fs::read_dir(self.root.join("out")).into_iter().flatten();
        let mut names: Vec<_> = names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn digests_of(source: &Source) -> Digests {
    Digests::hash(&fs::read(source.path()).unwrap())
}

fn source(path: &Utf8Path) -> Content {
    let stat = Stat::from_metadata(&fs::metadata(path).unwrap());
    Content::file(SourceFile { path: path.to_owned(), stat })
}

fn add(folder: &Utf8Path, on_medium: &str, root: &mut Folder) {
    for entry in folder.read_dir_utf8().into_iter().flatten() {
        let path = entry.unwrap().path().to_owned();
        root.insert(&format!("{on_medium}/{}", path.file_name().unwrap()), source(&path)).unwrap();
    }
}

/// Returns pseudo-random bytes for a seed.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}
