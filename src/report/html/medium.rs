//! The page of a medium: facts, content by size, a map, boot programs and their signatures, and all files.

use std::collections::BTreeMap;

use super::steps::steps;
use super::{Block, HtmlPage, Row};
use crate::date;
use crate::diff::content_folder;
use crate::format::authenticode::SignatureState;
use crate::format::revocations::Revocations;
use crate::import::{MediumOutline, SequenceOutline};
use crate::map::Map;
use crate::output::{ListedFile, Listing, ParsedMedium};
use crate::report::map::ComparedMap;
use crate::report::medium::{MediumDetails, rows};
use crate::report::outline;
use crate::report::program::signer;
use crate::report::{counted, svg};
use crate::size::Size;
use crate::verify::Program;

/// Number of files listed; the others are counted.
const MAX_FILES: usize = 2_000;

/// Medium to show, finished or planned.
#[derive(Debug)]
pub struct MediumReport<'a> {
    /// Path or name.
    pub name: &'a str,
    /// Structures of the medium.
    pub parsed: &'a ParsedMedium,
    /// Facts read from its files.
    pub details: &'a MediumDetails,
    /// Boot programs.
    pub programs: &'a [Program],
    /// Revocations that Secure Boot applies.
    pub revocations: &'a Revocations,
}

/// Returns the page of a finished medium.
pub fn medium(report: &MediumReport<'_>, outline: &MediumOutline) -> HtmlPage {
    let listed = Listing::from(report.parsed).files;
    let lead = format!("{} in {}", Size(report.parsed.len()), counted(listed.len(), "file"));
    let mut blocks = vec![Block::section("facts", "Medium", vec![facts(report)])];
    blocks.push(Block::section("content", "Content by size", vec![content(&listed, &content_folder_name)]));
    blocks.push(Block::section("map", "Map", vec![map(report, None)]));
    let sequences = sequences(outline);
    if !sequences.is_empty() {
        blocks.push(Block::section("sequences", "Task sequences", sequences));
    }
    let programs = programs(report);
    if !programs.is_empty() {
        blocks.push(Block::section("secure-boot", "Secure Boot", programs));
    }
    blocks.push(Block::section("files", "Files", vec![files(&listed)]));
    HtmlPage { title: report.name.to_owned(), lead, blocks }
}

/// Facts about the medium, as `inspect` shows them.
pub(super) fn facts(report: &MediumReport<'_>) -> Block {
    Block::Facts { rows: rows(report.parsed, report.details) }
}

/// Lengths of all files, added up by the names that `name_of` gives them.
pub(super) fn content(files: &[ListedFile], name_of: &dyn Fn(&str) -> String) -> Block {
    let mut lens = BTreeMap::<String, u64>::new();
    for file in files {
        *lens.entry(name_of(&file.path)).or_default() += file.len;
    }
    Block::shares(lens.into_iter().collect())
}

/// Name of the folder that a file is counted with.
pub(super) fn content_folder_name(path: &str) -> String {
    match content_folder(path) {
        "" => "other files".to_owned(),
        folder => folder.to_owned(),
    }
}

/// Map of the medium, below that of `other` if there is one.
pub(super) fn map(report: &MediumReport<'_>, other: Option<&ComparedMap<'_>>) -> Block {
    Block::Picture { svg: svg::map(&Map::new(report.parsed), report.parsed.label(), other) }
}

/// Task sequences of a finished medium with their steps. Empty if there are none.
fn sequences(outline: &MediumOutline) -> Vec<Block> {
    let Some(sequences) = &outline.sequences else { return vec![Block::Text { text: outline::NOT_READ.into() }] };
    let block = |sequence: &SequenceOutline| {
        let (id, title) = outline::sequence_row(sequence);
        let blocks = match &sequence.sequence {
            Some(sequence) => vec![steps(sequence)],
            None => vec![Block::Text { text: "The steps can't be read.".into() }],
        };
        Block::Folded { title: format!("{id}: {title}"), is_open: sequences.len() == 1, blocks }
    };
    sequences.iter().map(block).collect()
}

/// Boot programs, their signers and whether Secure Boot starts them, and the certificates of their signatures. Empty if
/// there are no programs.
pub(super) fn programs(report: &MediumReport<'_>) -> Vec<Block> {
    if report.programs.is_empty() {
        return Vec::new();
    }
    let mut certificates = BTreeMap::new();
    let mut programs = Vec::new();
    for program in report.programs {
        let Ok(read) = &program.read else {
            programs.push(Row {
                cells: vec![program.name(), String::new(), String::new(), "can't be read as a program".into()],
                state: Some("warn"),
            });
            continue;
        };
        let signatures: Vec<_> = read.signatures().into_iter().flatten().collect();
        for certificate in signatures.iter().flat_map(|signature| &signature.chain) {
            certificates.insert(certificate.subject(), certificate.not_after());
        }
        let (verdict, state) = match program.refused(report.revocations) {
            Some(why) => (format!("refused: {why}"), Some("bad")),
            None if !read.is_signed() => ("not signed: starts only without Secure Boot".to_owned(), Some("warn")),
            None if signatures.iter().any(|signature| signature.state == SignatureState::Good) => {
                ("starts, where its signer is trusted".to_owned(), None)
            }
            None => ("the signature could not be checked".to_owned(), Some("warn")),
        };
        let signers: Vec<_> = signatures.iter().map(signer).collect();
        let version = read.secure_version.map(|version| format!("SVN {version}")).unwrap_or_default();
        programs.push(Row { cells: vec![program.name(), version, signers.join("; "), verdict], state });
    }
    let head = vec!["program", "version", "signed by", "Secure Boot"];
    let mut blocks = vec![Block::Table { head, rows: programs }];
    let row = |(subject, until): (String, u64)| Row { cells: vec![subject, date::day(until)], state: None };
    let rows: Vec<_> = certificates.into_iter().map(row).collect();
    if !rows.is_empty() {
        blocks.push(Block::Table { head: vec!["certificate of a signature", "valid until"], rows });
    }
    blocks
}

/// All files with their lengths, folded.
pub(super) fn files(files: &[ListedFile]) -> Block {
    let title = match files.len().checked_sub(MAX_FILES) {
        None | Some(0) => counted(files.len(), "file"),
        Some(n_more) => format!("the first {} of {}, without {n_more}", MAX_FILES, counted(files.len(), "file")),
    };
    let row = |file: &ListedFile| Row { cells: vec![file.path.clone(), Size(file.len).to_string()], state: None };
    let rows = files.iter().take(MAX_FILES).map(row).collect();
    Block::Folded { title, is_open: false, blocks: vec![Block::Table { head: vec!["path", "length"], rows }] }
}
