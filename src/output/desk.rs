//! A folder with sources and an output made of them, for tests.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Entry, Form, Output};
use crate::content::{Content, Source, SourceFile, Stat};
use crate::date::Date;
use crate::digest::Digests;
use crate::firmware::Firmware;
use crate::layout::Layout;
use crate::source::visit_piece;
use crate::volume::{BootEntry, Folder};

/// A folder that is removed in the end.
pub(crate) struct Desk {
    _folder: Option<tempfile::TempDir>,
    pub(crate) root: Utf8PathBuf,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let desk = Self { _folder: Some(folder), root };
        desk.put("tool/setup.exe", &noise(200_000, 1));
        desk.put("tool/read me.txt", b"hello");
        desk.put("tool/empty", b"");
        desk.put("image/install.wim", &noise(1_500_000, 2));
        desk
    }

    /// A desk that another process made, and removes.
    pub(crate) fn at(root: &str) -> Self {
        Self { _folder: None, root: root.into() }
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.root.join("sources").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// What the sources are at this moment.
    pub(crate) fn output(&self) -> Output {
        let sources = self.root.join("sources");
        let mut root = Folder::default();
        root.insert("MediaLabel.txt", Content::bytes(*b"label")).unwrap();
        root.insert_folder("SMS/empty").unwrap();
        add(&sources.join("tool"), "SMS/PKG/BER00001", &mut root);
        add(&sources.join("image"), "SMS/PKG/BER00002", &mut root);
        let entry = |title: &str, path: &str| Entry::new(title, path);
        Output {
            form: Form::Shelf,
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
            veiled: None,
            disc: None,
        }
    }

    /// Where the finished file is put.
    pub(crate) fn path(&self) -> Utf8PathBuf {
        self.root.join("out/medium.iso")
    }

    /// The finished file.
    pub(crate) fn medium(&self) -> Option<Vec<u8>> {
        fs::read(self.path()).ok()
    }

    /// The bytes of an output as a clean build makes them: every source read, and no old output known.
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

    /// The names in the folder of the finished file.
    pub(crate) fn finished_names(&self) -> Vec<String> {
        let names = fs::read_dir(self.root.join("out")).into_iter().flatten();
        let mut names: Vec<_> = names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn digests_of(source: &Source) -> Digests {
    Digests::of(&fs::read(source.path()).unwrap())
}

fn source(path: &Utf8Path) -> Content {
    let stat = Stat::of(&fs::metadata(path).unwrap());
    Content::file(SourceFile { path: path.to_owned(), stat })
}

fn add(folder: &Utf8Path, on_medium: &str, root: &mut Folder) {
    for entry in folder.read_dir_utf8().into_iter().flatten() {
        let path = entry.unwrap().path().to_owned();
        root.insert(&format!("{on_medium}/{}", path.file_name().unwrap()), source(&path)).unwrap();
    }
}

/// Bytes that look like nothing, the same for the same seed.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}
