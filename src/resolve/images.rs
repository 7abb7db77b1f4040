//! WIM files that Windows can't use although they can be read here: contents are missing from them, they are
//! unfinished, or compressed in a way that Microsoft's programs don't read.
//!
//! The boot image and operating system images have to be usable, for nothing else happens to them. A WIM file in a
//! package is for a script that may know more, such as the file that holds the missing contents: it is warned of, unless
//! that file is in the same package. Of a split WIM in a package, only the numbers of its parts are looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::placement::Placement;
use super::request::Request;
use super::sources::Sources;
use super::wim::KnownWim;
use crate::content::{Content, Source};
use crate::format::wim::header::{HEADER_LEN, Header, MAGIC, PIPABLE_MAGIC};
use crate::format::wim::{Compression, Incompatibility, MissingContents, Use, command, pipable};
use crate::limits;
use crate::problem::{Problem, Problems, Severity};
use crate::shell;

/// Reports why Windows can't use an image of a WIM file, and returns whether it can.
pub(super) fn check_image(
    request: &Request<'_>,
    wim: &KnownWim,
    index: u32,
    wanted: Use,
    pointer: &str,
    problems: &mut Problems,
) -> bool {
    let n_errors = problems.n_errors_told();
    check_compatibility(request, wim, Some(wanted), pointer, problems);
    match wim.missing(index) {
        Ok(None) => {}
        Ok(Some(missing)) => {
            let message = missing_message(wim, index, &missing);
            let problem = Problem::error(message).at(request.place(pointer), "incomplete");
            problems.add(problem.help(missing_help(request.sources, wim, index)));
        }
        Err(error) => request.failed(&error, pointer, problems),
    }
    problems.n_errors_told() == n_errors
}

/// Reports what Microsoft's programs may not read; without a use, as warnings.
fn check_compatibility(
    request: &Request<'_>,
    wim: &KnownWim,
    wanted: Option<Use>,
    pointer: &str,
    problems: &mut Problems,
) {
    for found in &wim.facts().incompatibilities {
        let Some(severity) = found.severity(wanted.unwrap_or(Use::Apply)) else { continue };
        let path = wim.path();
        let (words, help) = match found {
            Incompatibility::Unfinished => {
                (String::new(), "make it again, or write its images to a new file if none is missing")
            }
            Incompatibility::Chunks { .. } if severity == Severity::Warning => {
                (", which not every version of Windows reads".into(), "compress it again")
            }
            Incompatibility::Chunks { .. } | Incompatibility::SolidChunks { .. } => {
                (", which Windows does not read".into(), "compress it again")
            }
        };
        let options = match found {
            Incompatibility::Unfinished => "",
            Incompatibility::Chunks { compression: Compression::Xpress, .. } => "--compress=XPRESS --chunk-size=32K",
            Incompatibility::Chunks { .. } | Incompatibility::SolidChunks { .. } => "--compress=LZX --chunk-size=32K",
        };
        let message = format!("`{path}` {found}{words}");
        let severity = if wanted.is_none() { Severity::Warning } else { severity };
        let problem = Problem { severity, ..Problem::error(message) };
        let problem = problem.at(request.place(pointer), "named here");
        problems.add(problem.help(format!("{help}: `{}`", command::export(path, None, options))));
    }
}

/// Warns of WIM files in a package that nothing can be applied from.
pub(super) fn check_packed_images(request: &Request<'_>, package: &Placement, problems: &mut Problems) {
    let pointer = &package.pointer;
    let files = wim_files(package);
    let mut sets: BTreeMap<[u8; 16], Vec<(Header, Utf8PathBuf)>> = BTreeMap::new();
    for source in &files {
        let path = source.path();
        match kind(request.sources, path) {
            Kind::Whole => check_packed_image(request, path, &files, pointer, problems),
            Kind::Part(header) => sets.entry(header.guid).or_default().push((header, path.to_owned())),
            Kind::Pipable => {
                let error = pipable(path);
                let problem = Problem::warning(error.to_string()).at(request.place(pointer), "in this folder");
                problems.add(problem.help(error.advice().unwrap_or_default()));
            }
            Kind::Other => {}
        }
    }
    for (header, path) in sets.into_values().filter_map(|set| incomplete(&set)) {
        let message = format!("of {} parts of the split WIM `{path}`, part {} is missing", header.n_parts, header.part);
        let problem = Problem::warning(message).at(request.place(pointer), "in this folder");
        problems.add(problem.help("put all parts into the package"));
    }
}

fn check_packed_image(
    request: &Request<'_>,
    path: &Utf8Path,
    beside: &[Arc<Source>],
    pointer: &str,
    problems: &mut Problems,
) {
    // What can't be read need not be a WIM file: the name says little in a package.
    let Ok(wim) = request.sources.wim(path) else { return };
    check_compatibility(request, &wim, None, pointer, problems);
    for index in 1..=wim.facts().images.len() as u32 {
        let Ok(Some(missing)) = wim.missing(index) else { continue };
        let others = beside.iter().filter(|other| other.path() != path).cloned().collect();
        if matches!(wim.complemented_by(index, others), Ok((_, true))) {
            continue;
        }
        let problem = Problem::warning(missing_message(&wim, index, &missing));
        let problem = problem.at(request.place(pointer), "in this folder");
        problems.add(problem.help(missing_help(request.sources, &wim, index)));
    }
}

/// The kinds of files that are named like WIM files.
enum Kind {
    Whole,
    Part(Header),
    Pipable,
    Other,
}

fn kind(sources: &dyn Sources, path: &Utf8Path) -> Kind {
    let Ok(bytes) = sources.read_start(path, HEADER_LEN) else { return Kind::Other };
    match Header::parse(&bytes) {
        Some(header) if header.n_parts > 1 => Kind::Part(header),
        Some(_) => Kind::Whole,
        None if bytes.starts_with(&PIPABLE_MAGIC) => Kind::Pipable,
        None => Kind::Other,
    }
}

/// The header with the number of a part that is not there, and the path of one that is.
fn incomplete(set: &[(Header, Utf8PathBuf)]) -> Option<(Header, Utf8PathBuf)> {
    let (header, path) = set.iter().min_by_key(|(header, _)| header.part)?;
    let is_there = |part: &u16| set.iter().any(|(header, _)| header.part == *part);
    let part = (1..=header.n_parts).find(|part| !is_there(part))?;
    Some((Header { part, ..header.clone() }, path.clone()))
}

/// Returns the files of a package that are named like WIM files.
fn wim_files(package: &Placement) -> Vec<Arc<Source>> {
    let mut files = Vec::new();
    for (name, content) in package.files() {
        if let Content::Source(source) = content
            && is_named_like_wim(Utf8Path::new(&name))
            && source.len() > HEADER_LEN as u64
        {
            files.push(Arc::clone(source));
        }
    }
    files
}

fn is_named_like_wim(path: &Utf8Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["wim", "esd", "swm"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

fn missing_message(wim: &KnownWim, index: u32, missing: &MissingContents) -> String {
    let MissingContents { n_missing, n_contents, example } = missing;
    format!(
        "image {index} of `{}` needs other WIM files: {n_missing} of its {n_contents} file contents are not in it, such as \
         that of `{example}`",
        wim.path()
    )
}

/// The command that makes a whole WIM file, with the files beside it that hold what is missing.
fn missing_help(sources: &dyn Sources, wim: &KnownWim, index: u32) -> String {
    let path = wim.path();
    let folder = path.parent().filter(|folder| *folder != "").unwrap_or(Utf8Path::new("."));
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    let mut beside: Vec<_> = entries
        .map(|entry| path.with_file_name(entry.file_name()))
        .filter(|other| other != path && *other != command::renewed(path))
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
    match wim.complemented_by(index, beside.collect()) {
        Ok((others, true)) => {
            let refs: Vec<_> = others.iter().map(|other| format!("--ref={}", shell::word(other.as_str()))).collect();
            let options = format!("{}{compress}", refs.join(" "));
            format!("put the contents into one file: `{}`", command::export(path, Some(index), &options))
        }
        _ => {
            let options = format!("--ref='OTHERS*.wim'{compress}");
            format!("put the contents into one file: `{}`", command::export(path, Some(index), &options))
        }
    }
}
