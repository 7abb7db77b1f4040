use std::io::Cursor;

use super::*;
use crate::digest::Digests;
use crate::layout::{Layout, Piece, Slack};
use crate::volume::{Folder, Volume};
use test_fixtures::is_thorough;

fn volume(files: &[(&str, Content)]) -> Volume {
    let mut root = Folder::default();
    for (path, content) in files {
        root.insert(path, content.clone()).unwrap();
    }
    root.insert_folder("empty/folder").unwrap();
    Volume {
        label: "a <medium> & more".into(),
        id: Digest::hash(b"id"),
        date: Date::EARLIEST,
        root,
        parts: Vec::new(),
        boot: Vec::new(),
    }
}

fn lay_out(volume: &Volume, slack: Slack) -> Layout {
    let seal = Content::bytes(encode_seal(Digests::NOT_YET.blake3));
    let comment = Some("a <TSMEDIA> of another's");
    let text = MediumText { created_by: Some("Ö. Who"), version: None, comment, sha1s: &HashMap::new(), seal: &seal };
    layout(volume, slack, &text).unwrap()
}

fn bytes(layout: &Layout) -> Vec<u8> {
    let mut bytes = vec![0; layout.len() as usize];
    for extent in layout.extents() {
        let Piece::Bytes(piece) = &extent.piece else { panic!("{extent:?}") };
        bytes[extent.offset as usize..extent.end() as usize].copy_from_slice(piece);
    }
    bytes
}

#[test]
fn what_is_laid_out_is_read_and_the_same_content_is_there_once() {
    let shared = Content::bytes(vec![7; 3_000]);
    let files = [
        ("SMS/one.bin", shared.clone()),
        ("SMS/two.bin", shared),
        ("sources/empty", Content::bytes(Vec::new())),
        ("sources/müll 😀.txt", Content::bytes(*b"text")),
    ];
    for slack in [Slack::Ample, Slack::None] {
        let layout = lay_out(&volume(&files), slack);
        let bytes = bytes(&layout);
        let found = read(&mut Cursor::new(&bytes)).unwrap();
        assert_eq!(found.label, "a <medium> & more");
        assert_eq!((found.created_by.as_deref(), found.version), (Some("Ö. Who"), None));
        assert_eq!(found.comment.as_deref(), Some("a <TSMEDIA> of another's"));
        assert_eq!((found.date, found.len), (Some(Date::EARLIEST), bytes.len() as u64));
        assert_eq!(found.guid, Digest::hash(b"id").0[..16]);
        let (seal, structure) = found.seal.unwrap();
        assert_eq!((seal.end - seal.start, structure), (128, Some(Digests::NOT_YET.blake3)));
        let listed: Vec<_> = found.files.iter().map(|file| (file.path.as_str(), file.is_folder, file.len)).collect();
        let expected = [
            ("empty", true, 0),
            ("empty/folder", true, 0),
            ("SMS", true, 0),
            ("SMS/one.bin", false, 3_000),
            ("SMS/two.bin", false, 3_000),
            ("sources", true, 0),
            ("sources/empty", false, 0),
            ("sources/müll 😀.txt", false, 4),
        ];
        assert_eq!(listed, expected);
        assert_eq!(found.files[3].place, found.files[4].place);
        let place = found.files[7].place.clone().unwrap();
        assert_eq!(bytes[place.start as usize..place.end as usize], *b"text");
        let parts: Vec<_> = found.structures.iter().map(|(part, _)| *part).collect();
        assert_eq!(
            parts,
            [UncompressedPart::Header, UncompressedPart::Metadata, UncompressedPart::BlobTable, UncompressedPart::Xml]
        );
    }
}

#[test]
fn damage_of_any_byte_is_read_or_refused() {
    let files: Vec<_> = (0..20).map(|n| (format!("f{n}"), Content::bytes(vec![n; 10]))).collect();
    let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), content.clone())).collect();
    let whole = bytes(&lay_out(&volume(&files), Slack::None));
    let step = if is_thorough() { 1 } else { 11 };
    for at in (0..whole.len()).step_by(step) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xFF;
        let _ = read(&mut Cursor::new(bytes));
    }
    for len in (0..whole.len()).step_by(7) {
        assert!(read(&mut Cursor::new(&whole[..len])).is_err(), "{len}");
    }
}

#[test]
fn contents_of_the_same_sha1_that_are_not_one_are_refused() {
    let volume = volume(&[("a", Content::bytes(*b"same")), ("b", Content::bytes(*b"same"))]);
    let seal = Content::bytes(encode_seal(Digests::NOT_YET.blake3));
    let text = MediumText { created_by: None, version: None, comment: None, sha1s: &HashMap::new(), seal: &seal };
    assert!(layout(&volume, Slack::Ample, &text).unwrap_err().to_string().contains("SHA-1"));
}

#[test]
fn files_beyond_4_gib_are_stored_in_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let path = camino::Utf8PathBuf::from_path_buf(folder.path().join("large")).unwrap();
    std::fs::File::create(&path).unwrap().set_len((5 << 30) + 3).unwrap();
    let stat = crate::content::Stat::from_metadata(&std::fs::metadata(&path).unwrap());
    let large = Content::file(crate::content::SourceFile { path, stat });
    let layout = lay_out(&volume(&[("large.bin", large), ("small", Content::bytes(*b"x"))]), Slack::Ample);
    let mut medium = tempfile::tempfile().unwrap();
    medium.set_len(layout.len()).unwrap();
    for extent in layout.extents() {
        if let Piece::Bytes(bytes) = &extent.piece {
            std::os::unix::fs::FileExt::write_all_at(&medium, bytes, extent.offset).unwrap();
        }
    }
    // The SHA-1 of the large file is unknown, so it appears empty; its location is in the blob
    // table.
    let found = read(&mut medium).unwrap();
    let (_, table) = found.structures.iter().find(|(part, _)| *part == UncompressedPart::BlobTable).unwrap();
    let mut bytes = vec![0; (table.end - table.start) as usize];
    std::os::unix::fs::FileExt::read_exact_at(&medium, &mut bytes, table.start).unwrap();
    let blobs = super::super::table::parse_table(&bytes);
    assert!(blobs.iter().any(|blob| blob.resource.len == (5 << 30) + 3 && blob.resource.is_stored()), "{blobs:?}");
    assert!(layout.len() > 5 << 30);
}
