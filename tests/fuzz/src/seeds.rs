//! Valid files to start from, made by the project's own writers and taken from the other tests.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use tsmedia::content::Content;
use tsmedia::digest::Digest;
use tsmedia::firmware::Firmware;
use tsmedia::format::bcd::{self, WindowsPeBoot};
use tsmedia::format::certificate::{Certificate, pfx, private_key::PrivateKey, self_signed::self_signed};
use tsmedia::format::partitions::PartitionScheme;
use tsmedia::format::regf::{KeyTree, ValueData};
use tsmedia::format::wim::header::{HEADER_LEN, WimHeader};
use tsmedia::format::wim::uncompressed::{self, MediumText};
use tsmedia::format::{fat, iso, media_variables_file, ntfs, stick};
use tsmedia::layout::{Layout, Region, Slack};
use tsmedia::plan::saved::SavedPlan;
use tsmedia::sequence::xml;
use tsmedia::source;
use tsmedia::volume::{BootEntry, Folder, Volume};

use test_fixtures::archive;
use test_fixtures::program::Program;

use crate::targets::{date, file};

/// The password of the PFX files.
pub const PASSWORD: &str = "fuzz";

/// A volume with files in folders, of no bytes, of some and of more than a sector.
fn volume(boot: bool) -> Volume {
    let mut root = Folder::default();
    let files: [(&str, &[u8]); 5] = [
        ("readme.txt", b"Moin\n"),
        ("empty", b""),
        ("sources/boot.wim", &[7; 5_000]),
        ("SMS/data/a folder with a long name/a file with a long name.txt", b"x"),
        ("SMS/data/\u{e4}\u{3042}.txt", b"y"),
    ];
    for (path, bytes) in files {
        root.insert(path, Content::bytes(bytes)).expect("a place");
    }
    let image = Layout::new(4_096, Vec::new());
    let entry = |firmware| BootEntry { firmware, image: image.clone() };
    let boot = if boot { vec![entry(Firmware::Bios), entry(Firmware::Uefi)] } else { Vec::new() };
    let id = Digest::hash(b"fuzz");
    Volume { label: "FUZZ".into(), id, date: date(), root, parts: vec!["SMS".into()], boot }
}

fn bytes(layout: &Layout) -> Vec<u8> {
    let mut bytes = Vec::new();
    let whole = [Region { offset: 0, len: layout.len() }];
    source::visit(layout, &whole, &mut |part| {
        bytes.extend_from_slice(part);
        Ok::<_, tsmedia::error::Error>(())
    })
    .expect("bytes in memory");
    bytes
}

pub fn udf() -> Vec<Vec<u8>> {
    let disc = |boot, slack| bytes(&iso::layout(&volume(boot), slack).expect("a disc"));
    vec![disc(true, Slack::None), disc(false, Slack::Ample)]
}

/// Discs without UDF.
pub fn iso() -> Vec<Vec<u8>> {
    let mut discs = udf();
    for disc in &mut discs {
        while let Some(at) = disc.windows(5).position(|five| five == b"NSR02" || five == b"NSR03") {
            disc[at..at + 5].fill(0);
        }
    }
    discs
}

pub fn fat() -> Vec<Vec<u8>> {
    let mut large = volume(false);
    large.root.insert("large", Content::bytes(vec![1; 3 << 20])).expect("a place");
    vec![bytes(&fat::layout(&volume(false)).expect("a volume")), bytes(&fat::layout(&large).expect("a volume"))]
}

pub fn ntfs() -> Vec<Vec<u8>> {
    vec![bytes(&ntfs::partition(&volume(false), Slack::None, 0).expect("a volume"))]
}

pub fn media() -> Vec<Vec<u8>> {
    [iso(), udf(), fat(), sticks(), wims()].concat()
}

pub fn sticks() -> Vec<Vec<u8>> {
    let stick = |scheme| bytes(&stick::layout(&volume(false), Slack::None, scheme, None).expect("a stick"));
    vec![stick(PartitionScheme::Mbr), stick(PartitionScheme::Gpt)]
}

pub fn wims() -> Vec<Vec<u8>> {
    let seal = Content::bytes(uncompressed::encode_seal(Digest::hash(b"fuzz")));
    let sha1s = HashMap::new();
    let words = MediumText { created_by: Some("fuzz"), version: Some("1"), comment: None, sha1s: &sha1s, seal: &seal };
    vec![bytes(&uncompressed::layout(&volume(false), Slack::None, &words).expect("a WIM"))]
}

/// A QCOW2 disk of one MiB that has no cluster yet, and a fixed VHD.
pub fn virtual_disks() -> Vec<Vec<u8>> {
    let mut qcow2 = vec![0; 0x1000];
    qcow2[..8].copy_from_slice(b"QFI\xfb\0\0\0\x02");
    qcow2[20..24].copy_from_slice(&16_u32.to_be_bytes());
    qcow2[24..32].copy_from_slice(&(1_u64 << 20).to_be_bytes());
    qcow2[36..40].copy_from_slice(&1_u32.to_be_bytes());
    qcow2[40..48].copy_from_slice(&0x200_u64.to_be_bytes());
    let len = 8_192_u64;
    let mut vhd = vec![0; len as usize];
    let mut footer = [0; 512];
    footer[..8].copy_from_slice(b"conectix");
    footer[8..16].copy_from_slice(&[0, 0, 0, 2, 0, 1, 0, 0]);
    footer[16..24].fill(0xff);
    footer[40..48].copy_from_slice(&len.to_be_bytes());
    footer[48..56].copy_from_slice(&len.to_be_bytes());
    footer[60..64].copy_from_slice(&2_u32.to_be_bytes());
    let sum = footer.iter().fold(0_u32, |sum, byte| sum + u32::from(*byte));
    footer[64..68].copy_from_slice(&(!sum).to_be_bytes());
    vhd.extend(footer);
    vec![qcow2, vhd]
}

/// A resource of each WIM.
fn resources(pick: fn(&WimHeader, &[u8]) -> (u64, u64)) -> Vec<Vec<u8>> {
    let resource = |wim: Vec<u8>| {
        let (offset, len) = pick(&WimHeader::parse(&wim).expect("a header"), &wim);
        wim[offset as usize..(offset + len) as usize].to_vec()
    };
    wims().into_iter().map(resource).collect()
}

pub fn wim_headers() -> Vec<Vec<u8>> {
    resources(|_, _| (0, HEADER_LEN as u64))
}

pub fn wim_tables() -> Vec<Vec<u8>> {
    resources(|header, _| (header.table.offset, header.table.len))
}

pub fn wim_metadata() -> Vec<Vec<u8>> {
    resources(|header, wim| {
        let table = &wim[header.table.offset as usize..][..header.table.len as usize];
        let blobs = tsmedia::format::wim::table::parse_table(table);
        let metadata = blobs.iter().find(|blob| blob.is_metadata()).expect("metadata").resource;
        (metadata.offset, metadata.len)
    })
}

pub fn wim_xml() -> Vec<Vec<u8>> {
    resources(|header, _| (header.xml.offset, header.xml.len))
}

/// The files of a folder of the other tests.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

fn texts(folder: &str) -> Vec<Vec<u8>> {
    files(folder, "toml").iter().map(|path| fs::read(path).expect("a text")).collect()
}

pub fn manifests() -> Vec<Vec<u8>> {
    // What others in the folder name is not beside the fuzzer's copy.
    texts("manifests/good").into_iter().filter(|text| crate::targets::is_whole_manifest(text)).collect()
}

pub fn site_files() -> Vec<Vec<u8>> {
    const SMALL: &[u8] = br#"{"site-version": 1, "code": "BER", "management-points": ["http://mp1.example.com"],
        "unknown-computers": {"x64": "5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5f"}}"#;
    let example: &[u8] = include_bytes!("../../../examples/site-data/sites/BER.json");
    vec![example.to_vec(), SMALL.to_vec()]
}

pub fn sequences() -> Vec<Vec<u8>> {
    texts("sequences/good").into_iter().filter(|text| !text.windows(9).any(|nine| nine == b"\"include\"")).collect()
}

pub fn facts() -> Vec<Vec<u8>> {
    let examples: [&[u8]; 2] = [
        include_bytes!("../../../examples/stand-alone/facts/laptop.toml"),
        include_bytes!("../../../examples/stand-alone/facts/old-tower.toml"),
    ];
    examples.map(Vec::from).into()
}

/// The sequences of the other tests as Configuration Manager stores them.
fn documents() -> Vec<String> {
    let document = |text: Vec<u8>| {
        let mut problems = tsmedia::problem::Problems::default();
        let path = file("seed.toml", &text);
        let options = tsmedia::manifest::Options::default();
        let sequence = tsmedia::manifest::task_sequence::check_standalone(&path, &options, None, &mut problems);
        sequence.ok().flatten().and_then(|sequence| xml::write(&sequence).ok())
    };
    sequences().into_iter().filter_map(document).collect()
}

pub fn sequence_xml() -> Vec<Vec<u8>> {
    let documents = documents();
    assert!(!documents.is_empty());
    documents.into_iter().map(String::into_bytes).collect()
}

pub fn zips() -> Vec<Vec<u8>> {
    let object = |sequence: &str| {
        format!(
            "\u{feff}<INSTANCE CLASSNAME=\"SMS_TaskSequencePackage\"><PROPERTY NAME=\"Name\"><VALUE>Deploy</VALUE>\
             </PROPERTY><PROPERTY NAME=\"Sequence\"><VALUE><![CDATA[{}]]></VALUE></PROPERTY></INSTANCE>",
            sequence.trim_end()
        )
    };
    let archive = |sequence: &String| {
        archive::zip(&[("SMS_TaskSequencePackage/BER00100/object.xml", object(sequence).as_bytes())])
    };
    documents().iter().map(archive).collect()
}

fn key_and_certificate() -> (PrivateKey, Certificate) {
    let key = PrivateKey::generate().expect("a key");
    let certificate = self_signed(&key, "fuzz", date().unix(), date().unix() + 86_400).expect("a certificate");
    (key, certificate)
}

pub fn pfx() -> Vec<Vec<u8>> {
    let (key, certificate) = key_and_certificate();
    vec![pfx::encode(&key, &certificate, &[], PASSWORD).expect("a file")]
}

pub fn certificates() -> Vec<Vec<u8>> {
    vec![key_and_certificate().1.der().to_vec()]
}

pub fn pem() -> Vec<Vec<u8>> {
    let (key, certificate) = key_and_certificate();
    let armoured = format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", base64(certificate.der()));
    vec![key.to_pem().as_bytes().to_vec(), armoured.into_bytes()]
}

/// Bytes as lines of 64 letters (RFC 7468).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for n in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * n) & 63) as usize];
            text.push(if n > three.len() { '=' } else { letter.into() });
        }
    }
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
    lines.collect()
}

pub fn variables() -> Vec<Vec<u8>> {
    let text = "<MediaVarList Version=\"4.00.5300.0000\"><var name=\"a\"><![CDATA[b]]></var></MediaVarList>";
    let algorithms = [
        media_variables_file::VariablesCipher::TripleDes,
        media_variables_file::VariablesCipher::Aes128,
        media_variables_file::VariablesCipher::Aes256,
    ];
    algorithms
        .map(|algorithm| media_variables_file::encode(text, media_variables_file::DEFAULT_PASSWORD, algorithm))
        .into()
}

pub fn hives() -> Vec<Vec<u8>> {
    let key = |name: &str| {
        KeyTree::new(name).with_value("number", ValueData::from_u32(7)).with_value("", ValueData::from_text("text"))
    };
    let tree = KeyTree::new("root")
        .with_key(key("one").with_key(key("below")))
        .with_key(key("two").with_value("large", ValueData::from_bytes(vec![5; 20_000])))
        .with_value("texts", ValueData::from_texts(["a", "b"]));
    vec![tree.to_hive(date()).expect("a hive"), stores().remove(0)]
}

pub fn stores() -> Vec<Vec<u8>> {
    let store = |firmware| {
        let start = WindowsPeBoot { firmware, boot_image: "\\sources\\boot.wim", boot_sdi: "\\boot\\boot.sdi" };
        bcd::windows_pe_store(&start).to_bytes(date()).expect("a store")
    };
    vec![store(Firmware::Bios), store(Firmware::Uefi)]
}

pub fn programs() -> Vec<Vec<u8>> {
    let x64 = Program::X64;
    let versioned = Program { version: Some([10, 0, 26_100, 1]), svn: Some((7, 0)), ..x64 };
    let x86 = Program { machine: 0x014C, ..versioned };
    [x64, versioned, x86].map(|made| made.bytes()).into()
}

/// A list of SHA-256 digests (UEFI 2.10, 32.4.1), as the variable `dbx` holds it.
pub fn revocations() -> Vec<Vec<u8>> {
    let mut list = vec![0x26, 0x16, 0xC4, 0xC1, 0x4C, 0x50, 0x92, 0x40, 0xAC, 0xA9, 0x41, 0xF9, 0x36, 0x93, 0x43, 0x28];
    for number in [28_u32 + 48, 0, 48] {
        list.extend(number.to_le_bytes());
    }
    list.extend([3; 48]);
    vec![list]
}

pub fn inf() -> Vec<Vec<u8>> {
    let text = "[Version]\r\nSignature = \"$WINDOWS NT$\"\r\nClass = Net\r\nClassGuid = %NetGuid%\r\n\
        CatalogFile.NTamd64 = e1.cat\r\n[Manufacturer]\r\n%Intel% = Intel, NTamd64.10.0...16299, NTarm64\r\n\
        [Strings]\r\nIntel = \"Intel\"\r\nNetGuid = \"{4D36E972-E325-11CE-BFC1-08002BE10318}\"\r\n";
    let wide = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![text.into(), wide]
}

/// The key that journals are sealed with.
pub const KEY: [u8; 32] = [7; 32];

/// A patch that has begun and one that is decided.
pub fn journals() -> Vec<Vec<u8>> {
    let id = Digest::hash(b"fuzz");
    let mut journal = format!(
        "tsmedia journal 2\n{{\"old_id\":\"{id}\",\"new_id\":\"{id}\",\"old_len\":512,\"new_len\":512,\"widest\":512,\
         \"inserts\":[],\"fills\":[],\"inode\":1,\"boot\":\"fuzz\"}}\n"
    );
    let seal = |purpose: &str, parts: &[&[u8]]| {
        let mut hasher = blake3::Hasher::new_keyed(&KEY);
        hasher.update(purpose.as_bytes());
        for part in parts {
            hasher.update(part);
        }
        Digest(*hasher.finalize().as_bytes())
    };
    let head = seal("sealed", &[journal.as_bytes()]);
    journal += &format!("sealed {head}\n");
    let decision = "{\"writes\":[{\"offset\":0,\"len\":4}],\"zeros\":[],\"drops\":[]}\nabcd";
    let decided = seal("decided", &[&head.0, decision.as_bytes()]);
    vec![journal.clone().into_bytes(), format!("{journal}{decision}decided {decided}\n").into_bytes()]
}

pub fn records() -> Vec<Vec<u8>> {
    vec![b"{\n\"record-version\": 2,\n\"outputs\": [],\n\"captures\": []\n}\n".to_vec()]
}

pub fn saved_plans() -> Vec<Vec<u8>> {
    let saved = SavedPlan::new(vec!["BER".into()], Vec::new(), vec![("a".into(), "b".into())], false, Vec::new());
    vec![saved.to_json().expect("a plan").into_bytes()]
}
