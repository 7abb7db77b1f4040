//! The targets: a name, the reader, and valid files to start from.
//!
//! A reader returns whether it took the bytes. What it takes must keep its promises: what is written again reads as
//! the same, and what is laid out covers the file.

use std::fs;
use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;
use tsmedia::content::Content;
use tsmedia::date::Date;
use tsmedia::digest::Sha256;
use tsmedia::format::bcd::BcdStore;
use tsmedia::format::boot_program::BootProgram;
use tsmedia::format::certificate::{Certificate, pem, pfx, private_key::PrivateKey};
use tsmedia::format::inf::Inf;
use tsmedia::format::medium_tree::MediumTree;
use tsmedia::format::regf::{self, Hive};
use tsmedia::format::revocations::Revocations;
use tsmedia::format::virtual_disk::VirtualDisk;
use tsmedia::format::wim::header::WimHeader;
use tsmedia::format::wim::integrity::Integrity;
use tsmedia::format::wim::metadata::Metadata;
use tsmedia::format::wim::table::{parse_table, table_to_bytes};
use tsmedia::format::wim::xml::Xml;
use tsmedia::format::wim::{Wim, uncompressed};
use tsmedia::format::zip::Archive;
use tsmedia::format::{authenticode, fat, iso, media_variables_file, ntfs, partitions, stick};
use tsmedia::inputs::Inputs;
use tsmedia::manifest::{self, Options, portable, task_sequence};
use tsmedia::map::Map;
use tsmedia::output::ParsedMedium;
use tsmedia::plan::saved::SavedPlan;
use tsmedia::problem::Problems;
use tsmedia::progress::Progress;
use tsmedia::record::Record;
use tsmedia::sequence::{self, export, xml};
use tsmedia::source::read_start;
use tsmedia::write::{self, JournalKey};
use tsmedia::{report, simulate};

use crate::{policies, queries, seeds};

/// A reader to be fuzzed.
pub struct Target {
    /// Name of the target.
    pub name: &'static str,
    /// Reads bytes that may be anything, and says whether it took them.
    pub read: fn(&[u8]) -> bool,
    /// Files that it takes.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "iso", read: read_disc, seeds: seeds::iso },
    Target { name: "udf", read: read_disc, seeds: seeds::udf },
    Target { name: "fat", read: read_fat, seeds: seeds::fat },
    Target { name: "ntfs", read: read_ntfs, seeds: seeds::ntfs },
    Target { name: "partitions", read: read_partitions, seeds: seeds::sticks },
    Target { name: "medium-tree", read: read_medium_tree, seeds: seeds::media },
    Target { name: "stick", read: read_stick, seeds: seeds::sticks },
    Target { name: "virtual-disk", read: read_virtual_disk, seeds: seeds::virtual_disks },
    Target { name: "wim-header", read: read_wim_header, seeds: seeds::wim_headers },
    Target { name: "wim-table", read: read_wim_table, seeds: seeds::wim_tables },
    Target { name: "wim-metadata", read: read_wim_metadata, seeds: seeds::wim_metadata },
    Target { name: "wim-xml", read: read_wim_xml, seeds: seeds::wim_xml },
    Target { name: "wim", read: read_wim, seeds: seeds::wims },
    Target { name: "wim-medium", read: read_wim_medium, seeds: seeds::wims },
    Target { name: "zip", read: read_zip, seeds: seeds::zips },
    Target { name: "sequence-xml", read: read_sequence_xml, seeds: seeds::sequence_xml },
    Target { name: "pfx", read: read_pfx, seeds: seeds::pfx },
    Target { name: "x509", read: read_certificate, seeds: seeds::certificates },
    Target { name: "pem", read: read_pem, seeds: seeds::pem },
    Target { name: "variables", read: read_variables, seeds: seeds::variables },
    Target { name: "registry", read: read_hive, seeds: seeds::hives },
    Target { name: "bcd", read: read_store, seeds: seeds::stores },
    Target { name: "pe", read: read_program, seeds: seeds::programs },
    Target { name: "revocations", read: read_revocations, seeds: seeds::revocations },
    Target { name: "inf", read: read_inf, seeds: seeds::inf },
    Target { name: "journal", read: read_journal, seeds: seeds::journals },
    Target { name: "record", read: read_record, seeds: seeds::records },
    Target { name: "saved-plan", read: read_saved, seeds: seeds::saved_plans },
    Target { name: "manifest", read: read_manifest, seeds: seeds::manifests },
    Target { name: "site-file", read: read_site_file, seeds: seeds::site_files },
    Target { name: "sequence", read: read_sequence, seeds: seeds::sequences },
    Target { name: "facts", read: read_facts, seeds: seeds::facts },
    Target { name: "policies", read: policies::read, seeds: policies::seeds },
    Target { name: "wql", read: queries::read, seeds: queries::seeds },
];

/// The path of a file with these bytes, for readers that take paths.
pub fn file(name: &str, bytes: &[u8]) -> Utf8PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder"));
    let path = Utf8Path::from_path(folder.path()).expect("a path in UTF-8").join(name);
    fs::write(&path, bytes).expect("a file");
    path
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The regions of a medium cover it from its first byte to its last, whatever it says of itself.
fn check_map(bytes: &[u8]) {
    let Ok(parsed) = ParsedMedium::read(&mut Cursor::new(bytes)) else { return };
    let map = Map::new(&parsed);
    let mut at = 0;
    for region in &map.regions {
        assert_eq!(region.offset, at);
        assert!(region.used <= region.len);
        at += region.len;
    }
    assert!(at == bytes.len() as u64 || map.regions.is_empty());
    report::svg::map(&map, "fuzz", None);
}

fn read_disc(bytes: &[u8]) -> bool {
    let Ok(disc) = iso::read(&mut Cursor::new(bytes)) else { return false };
    disc.disagreements();
    check_map(bytes);
    true
}

/// The ranges of all files on a medium can be read.
fn read_medium_tree(bytes: &[u8]) -> bool {
    let Ok(tree) = MediumTree::open(&file("medium", bytes)) else { return false };
    for (path, content) in tree.root.files() {
        let Content::Source(source) = content else { panic!("{path} has no source") };
        // Files of a mutated medium may claim to share its bytes, so that each is as long as the medium.
        read_start(source, source.len().min(1 << 16) as usize).expect("bytes of the medium");
    }
    true
}

fn read_fat(bytes: &[u8]) -> bool {
    fat::read(&mut Cursor::new(bytes), 0..bytes.len() as u64).is_ok()
}

fn read_ntfs(bytes: &[u8]) -> bool {
    let is_known = ntfs::read(&mut Cursor::new(bytes)).is_ok();
    ntfs::files(&mut Cursor::new(bytes), 0..bytes.len() as u64).is_ok() && is_known
}

fn read_partitions(bytes: &[u8]) -> bool {
    matches!(partitions::read(&mut Cursor::new(bytes)), Ok(Some(_)))
}

fn read_stick(bytes: &[u8]) -> bool {
    let is_stick = matches!(stick::read(&mut Cursor::new(bytes)), Ok(Some(_)));
    if is_stick {
        check_map(bytes);
    }
    is_stick
}

/// A virtual disk that names no other file is copied.
fn read_virtual_disk(bytes: &[u8]) -> bool {
    const MAX_COPIED: u64 = 4 << 20;
    let path = file("fuzz.disk", bytes);
    let opened = fs::File::open(&path).expect("the file");
    let Ok(disk) = VirtualDisk::open(&path, Arc::new(opened), &[]) else { return false };
    if disk.len() <= MAX_COPIED {
        let copy = fs::File::create(file("fuzz.raw", b"")).expect("a file");
        let copied = disk.copy(&copy, &Progress::default());
        assert!(copied.is_err() || copy.metadata().expect("a file").len() == disk.len());
    }
    true
}

fn read_wim_header(bytes: &[u8]) -> bool {
    let Some(header) = WimHeader::parse(bytes) else { return false };
    assert_eq!(WimHeader::parse(&header.to_bytes()), Some(header));
    true
}

fn read_wim_table(bytes: &[u8]) -> bool {
    let blobs = parse_table(bytes);
    assert_eq!(table_to_bytes(&blobs)[..], bytes[..blobs.len() * 50]);
    if let Ok(integrity) = Integrity::parse(bytes) {
        assert_eq!(integrity.to_bytes(), bytes);
    }
    true
}

fn read_wim_metadata(bytes: &[u8]) -> bool {
    Metadata::parse(bytes).is_ok()
}

fn read_wim_xml(bytes: &[u8]) -> bool {
    let Ok(xml) = Xml::parse(bytes) else { return false };
    assert_eq!(Xml::parse(&xml.to_bytes()), Ok(xml));
    true
}

/// The whole of a WIM, with wimlib.
fn read_wim(bytes: &[u8]) -> bool {
    let Ok(wim) = Wim::open(&file("fuzz.wim", bytes)) else { return false };
    for index in 1..=wim.images().len().min(3) as u32 {
        for found in wim.list(index, "").ok().flatten().unwrap_or_default() {
            let _ = wim.extract(index, &found.path, 1 << 20);
        }
    }
    true
}

fn read_wim_medium(bytes: &[u8]) -> bool {
    let is_one = uncompressed::read(&mut Cursor::new(bytes)).is_ok();
    if is_one {
        check_map(bytes);
    }
    is_one
}

fn read_zip(bytes: &[u8]) -> bool {
    let Ok(mut archive) = Archive::open(Cursor::new(bytes)) else { return false };
    let names: Vec<_> = archive.members().iter().map(|member| member.name.clone()).collect();
    for name in names {
        let content = archive.read(&name, 1 << 20).unwrap_or_default();
        assert!(content.len() <= 1 << 20);
    }
    let _ = export::read_zip(Cursor::new(bytes));
    true
}

/// Imports XML and expects the file written for it to read as the same sequence.
fn read_sequence_xml(bytes: &[u8]) -> bool {
    let Ok(export) = export::read_document(bytes, "Sequence") else { return false };
    let Some(exported) = export.sequences.into_iter().next() else { return false };
    let toml = sequence::write(&exported.sequence, &Default::default());
    if exported.sequence.name.is_empty() {
        return true;
    }
    let path = file("sequence.toml", toml.as_bytes());
    let mut problems = Problems::default();
    let again =
        task_sequence::check_standalone(&path, &Options::default(), None, &mut problems).expect("a file that is there");
    if let Some(again) = again {
        assert_eq!(again, exported.sequence, "{toml}");
        let _ = xml::write(&again);
    }
    true
}

fn read_pfx(bytes: &[u8]) -> bool {
    pfx::open(bytes, seeds::PASSWORD).is_ok()
}

fn read_certificate(bytes: &[u8]) -> bool {
    let Ok(certificate) = Certificate::from_der(bytes) else { return false };
    certificate.is_issued_by(&certificate);
    let _ = (certificate.subject(), certificate.issuer(), certificate.key(), certificate.fingerprint());
    true
}

fn read_pem(bytes: &[u8]) -> bool {
    let is_key = PrivateKey::read(bytes).is_ok();
    pem::read_certificates(bytes).is_ok() || is_key
}

fn read_variables(bytes: &[u8]) -> bool {
    media_variables_file::decode(bytes, media_variables_file::DEFAULT_PASSWORD).is_ok()
}

/// Writing the tree of a registry hive gives a hive with the same tree, its keys sorted by name.
fn read_hive(bytes: &[u8]) -> bool {
    let Ok(mut tree) = Hive::read(bytes).and_then(|hive| hive.root()?.tree()) else { return false };
    if let Ok(written) = tree.to_hive(date()) {
        let again = Hive::read(&written).and_then(|hive| hive.root()?.tree());
        let mut again = again.expect("our own hive");
        sort_keys(&mut tree);
        sort_keys(&mut again);
        assert_eq!(again, tree);
    }
    true
}

fn sort_keys(tree: &mut regf::KeyTree) {
    tree.keys.sort_by(|a, b| a.name.cmp(&b.name));
    tree.keys.iter_mut().for_each(sort_keys);
}

fn read_store(bytes: &[u8]) -> bool {
    let Ok(store) = Hive::read(bytes).and_then(|hive| BcdStore::read(&hive)) else { return false };
    report::boot_store(&store, false);
    let _ = store.to_bytes(date());
    true
}

fn read_program(bytes: &[u8]) -> bool {
    let _ = authenticode::Signature::read(bytes, &Sha256([0; 32]));
    let Ok(program) = BootProgram::read(bytes) else { return false };
    report::program(&program);
    program.revoked_by(&Revocations::default());
    true
}

fn read_revocations(bytes: &[u8]) -> bool {
    Revocations::parse(bytes).is_ok()
}

fn read_inf(bytes: &[u8]) -> bool {
    Inf::parse(bytes).is_ok()
}

/// A journal beside a medium: looking at it changes nothing.
fn read_journal(bytes: &[u8]) -> bool {
    let medium = file("medium.iso", &[0; 512]);
    let journal = write::journal_path(&medium);
    fs::write(&journal, bytes).expect("a journal");
    let is_read = write::unsettled(&medium, Some(&JournalKey::new(seeds::KEY))).is_ok();
    assert_eq!(fs::read(journal).expect("the journal"), bytes);
    is_read
}

fn read_record(bytes: &[u8]) -> bool {
    let Ok(record) = Record::load(&file("media.record.json", bytes)) else { return false };
    for medium in record.media() {
        let _ = record.files(&medium.name);
    }
    true
}

fn read_saved(bytes: &[u8]) -> bool {
    let Ok(saved) = SavedPlan::parse(text(bytes), Utf8Path::new("plan.json")) else { return false };
    let written = saved.to_json().expect("a plan that was read");
    SavedPlan::parse(&written, Utf8Path::new("plan.json")).expect("a plan that was written");
    true
}

/// Whatever is wrong with a manifest can be shown.
fn read_manifest(bytes: &[u8]) -> bool {
    let mut problems = Problems::default();
    let loaded = manifest::load(&file("media.toml", bytes), &Options::default(), &mut problems);
    report::json(&problems);
    let rendered = loaded.unwrap_or_default();
    rendered.iter().for_each(|rendered| drop(portable::to_toml(rendered, folder())));
    !rendered.is_empty() && !problems.has_errors()
}

/// A manifest can be rendered whatever a site file supplies, and renders to itself.
fn read_site_file(bytes: &[u8]) -> bool {
    const MANIFEST: &str = "manifest-version = 1\n[media]\nname = 'boot'\nkind = 'bootable'\nmode = 'dynamic'\n\
                            unknown-computers = true\n[output]\npath = 'boot.iso'\n[boot]\nimage = { file = 'boot.wim' }\n\
                            [[sites]]\ndata = 'site.json'\n[certificate]\nself-signed = { start = 2026-01-01 }\n";
    file("site.json", bytes);
    let mut problems = Problems::default();
    let rendered = manifest::load(&file("media.toml", MANIFEST.as_bytes()), &Options::default(), &mut problems);
    report::json(&problems);
    let rendered = rendered.unwrap_or_default();
    for rendered in &rendered {
        let again = file("again.toml", portable::to_toml(rendered, folder()).as_bytes());
        let again = manifest::load(&again, &Options::default(), &mut Problems::default()).expect("a manifest");
        assert_eq!(portable::to_json(&again[0], folder()), portable::to_json(rendered, folder()));
    }
    !rendered.is_empty()
}

/// Folder that rendered manifests are for.
fn folder() -> &'static Utf8Path {
    Utf8Path::new("")
}

fn read_sequence(bytes: &[u8]) -> bool {
    let mut problems = Problems::default();
    let path = file("sequence.toml", bytes);
    let sequence = task_sequence::check_standalone(&path, &Options::default(), None, &mut problems);
    report::json(&problems);
    let Ok(Some(sequence)) = sequence else { return false };
    let _ = xml::write(&sequence);
    true
}

fn read_facts(bytes: &[u8]) -> bool {
    let mut problems = Problems::default();
    let facts = simulate::read(&file("facts.toml", bytes), &mut problems, &mut Inputs::default());
    report::json(&problems);
    matches!(facts, Ok(Some(_)))
}

/// The date of what is written.
pub fn date() -> Date {
    Date::from_unix(1_767_225_600).expect("a date")
}

/// Returns `true` if a manifest refers to no profile and no sequence.
pub fn is_whole_manifest(text: &[u8]) -> bool {
    read_manifest(text)
}
