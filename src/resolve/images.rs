//! Checks WIM files that tsmedia can read but Windows can't: incomplete, unfinished, or compressed
//! in a way that Microsoft's programs don't read.
//!
//! The boot image and operating system images have to be usable as they are. A WIM file in a
//! package may be meant for a script with more sources, so problems are warnings, and missing
//! contents are ignored if another file of the package has them. For a split WIM in a package, only
//! the part numbers are checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::placement::Placement;
use super::request::MediumRequest;
use super::sources::Sources;
use super::wim::KnownWim;
use crate::content::{Content, Source};
use crate::format::wim::header::{HEADER_LEN, MAGIC, PIPABLE_MAGIC, WimHeader};
use crate::format::wim::{Incompatibility, MissingContents, WimCompression, WimUse, command, pipable_error};
use crate::limits;
use crate::paths::folder_of;
use crate::problem::{Problem, Problems, Severity};
use crate::shell;
use crate::volume::Node;

/// Reports problems that prevent Windows from using an image of a WIM file. Returns `true` if there
/// are none.
pub(super) fn check_image(
    request: &MediumRequest<'_>,
    wim: &KnownWim,
    index: u32,
    wanted: WimUse,
    pointer: &str,
    problems: &mut Problems,
) -> bool {
    let n_errors = problems.n_errors_added();
    check_compatibility(request, wim, Some(wanted), pointer, problems);
    match wim.missing_contents(index) {
        Ok(None) => {}
        Ok(Some(missing)) => {
            let message = missing_message(wim, index, &missing);
            let problem = Problem::error(message).at(request.place(pointer), "incomplete");
            problems.add(problem.help(missing_help(request.sources, wim, index)));
        }
        Err(error) => request.failed(&error, pointer, problems),
    }
    problems.n_errors_added() == n_errors
}

/// Reports properties that Microsoft's programs can't read; as warnings if `wanted` is `None`.
fn check_compatibility(
    request: &MediumRequest<'_>,
    wim: &KnownWim,
    wanted: Option<WimUse>,
    pointer: &str,
    problems: &mut Problems,
) {
    for found in &wim.facts().incompatibilities {
        let Some(severity) = found.severity(wanted.unwrap_or(WimUse::Apply)) else { continue };
        let path = wim.path();
        let (words, help) = match found {
            Incompatibility::Unfinished => {
                (String::new(), "recreate it, or export its images to a new file if all are present")
            }
            Incompatibility::Chunks { .. } if severity == Severity::Warning => {
                (", which some versions of Windows can't read".into(), "recompress it")
            }
            Incompatibility::Chunks { .. } | Incompatibility::SolidChunks { .. } => {
                (", which Windows can't read".into(), "recompress it")
            }
        };
        let options = match found {
            Incompatibility::Unfinished => "",
            Incompatibility::Chunks { compression: WimCompression::Xpress, .. } => "--compress=XPRESS --chunk-size=32K",
            Incompatibility::Chunks { .. } | Incompatibility::SolidChunks { .. } => "--compress=LZX --chunk-size=32K",
        };
        let message = format!("`{path}` {found}{words}");
        let severity = if wanted.is_none() { Severity::Warning } else { severity };
        let problem = Problem { severity, ..Problem::error(message) };
        let problem = problem.at(request.place(pointer), "named here");
        problems.add(problem.help(format!("{help}: `{}`", command::export(path, None, options))));
    }
}

/// Warns of WIM files in a package from which nothing can be applied.
pub(super) fn check_package_wims(request: &MediumRequest<'_>, package: &Placement, problems: &mut Problems) {
    let pointer = &package.pointer;
    let files = wim_files(package);
    // Parts of a split WIM have the same GUID in their headers.
    let mut sets: BTreeMap<[u8; 16], Vec<(WimHeader, Utf8PathBuf)>> = BTreeMap::new();
    for source in &files {
        let path = source.path();
        match wim_kind(request.sources, path) {
            Kind::Whole => check_package_wim(request, path, &files, pointer, problems),
            Kind::Part(header) => sets.entry(header.guid).or_default().push((header, path.to_owned())),
            Kind::Pipable => {
                let error = pipable_error(path);
                let problem = Problem::warning(error.to_string()).at(request.place(pointer), "in this folder");
                problems.add(problem.help(error.advice().unwrap_or_default()));
            }
            Kind::Other => {}
        }
    }
    for (header, path) in sets.into_values().filter_map(|set| find_missing_part(&set)) {
        let message = format!("the split WIM `{path}` has {} parts; part {} is missing", header.n_parts, header.part);
        let problem = Problem::warning(message).at(request.place(pointer), "in this folder");
        problems.add(problem.help("copy all parts into the package"));
    }
}

fn check_package_wim(
    request: &MediumRequest<'_>,
    path: &Utf8Path,
    beside: &[Arc<Source>],
    pointer: &str,
    problems: &mut Problems,
) {
    // In a package, `.wim` may be the extension of anything, so unreadable files are ignored.
    let Ok(wim) = request.sources.wim(path) else { return };
    check_compatibility(request, &wim, None, pointer, problems);
    for index in 1..=wim.facts().images.len() as u32 {
        let Ok(Some(missing)) = wim.missing_contents(index) else { continue };
        let others = beside.iter().filter(|other| other.path() != path).cloned().collect();
        if matches!(wim.select_complements(index, others), Ok((_, true))) {
            continue;
        }
        let problem = Problem::warning(missing_message(&wim, index, &missing));
        let problem = problem.at(request.place(pointer), "in this folder");
        problems.add(problem.help(missing_help(request.sources, &wim, index)));
    }
}

/// Kinds of files with the extension of a WIM file.
enum Kind {
    Whole,
    Part(WimHeader),
    Pipable,
    Other,
}

fn wim_kind(sources: &dyn Sources, path: &Utf8Path) -> Kind {
    let Ok(bytes) = sources.read_start(path, HEADER_LEN) else { return Kind::Other };
    match WimHeader::parse(&bytes) {
        Some(header) if header.n_parts > 1 => Kind::Part(header),
        Some(_) => Kind::Whole,
        None if bytes.starts_with(&PIPABLE_MAGIC) => Kind::Pipable,
        None => Kind::Other,
    }
}

/// Returns the header with the number of a missing part, and the path of a part that is present.
fn find_missing_part(set: &[(WimHeader, Utf8PathBuf)]) -> Option<(WimHeader, Utf8PathBuf)> {
    let (header, path) = set.iter().min_by_key(|(header, _)| header.part)?;
    let is_there = |part: &u16| set.iter().any(|(header, _)| header.part == *part);
    let part = (1..=header.n_parts).find(|part| !is_there(part))?;
    Some((WimHeader { part, ..header.clone() }, path.clone()))
}

/// Returns the files of a package with the extension of a WIM file.
fn wim_files(package: &Placement) -> Vec<Arc<Source>> {
    let mut files = Vec::new();
    package.visit(&mut |name, node| {
        if let Node::File(Content::Source(source)) = node
            && is_named_like_wim(Utf8Path::new(name))
            && source.len() > HEADER_LEN as u64
        {
            files.push(Arc::clone(source));
        }
    });
    files
}

fn is_named_like_wim(path: &Utf8Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["wim", "esd", "swm"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

fn missing_message(wim: &KnownWim, index: u32, missing: &MissingContents) -> String {
    let MissingContents { n_missing, n_contents, example } = missing;
    format!(
        "image {index} of `{}` needs other WIM files: it lacks {n_missing} of its {n_contents} file contents, such as \
         that of `{example}`",
        wim.path()
    )
}

/// Returns the command that creates a complete WIM file, using files beside it that have the
/// missing contents.
fn missing_help(sources: &dyn Sources, wim: &KnownWim, index: u32) -> String {
    let path = wim.path();
    let folder = folder_of(path);
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    let mut beside: Vec<_> = entries
        .map(|entry| path.with_file_name(entry.file_name()))
        // The output of the suggested command itself can't be the missing file.
        .filter(|other| other != path && *other != command::exported_path(path))
        .filter(|other| {
            is_named_like_wim(other) && sources.read_start(other, MAGIC.len()).is_ok_and(|start| start == MAGIC)
        })
        .collect();
    beside.sort();
    beside.truncate(limits::MAX_WIMS_SEARCHED);
    let compress = if wim.is_solid() { " --compress=LZX" } else { "" };
    let beside = beside.iter().filter_map(|path| match sources.file(path) {
        Ok(Content::Source(source)) => Some(source),
        _ => None,
    });
    match wim.select_complements(index, beside.collect()) {
        Ok((others, true)) => {
            let refs: Vec<_> = others.iter().map(|other| format!("--ref={}", shell::quote(other.as_str()))).collect();
            let options = format!("{}{compress}", refs.join(" "));
            format!("merge the contents into one file: `{}`", command::export(path, Some(index), &options))
        }
        _ => {
            let options = format!("--ref='OTHERS*.wim'{compress}");
            format!("merge the contents into one file: `{}`", command::export(path, Some(index), &options))
        }
    }
}
