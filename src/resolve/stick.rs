//! What a stick can't hold, or Windows may stumble over: FAT32 ends files at 4 GiB, and has its own limits beside.

use super::assemble::Medium;
use super::manifest_pointers::IMAGE;
use super::parts::{Parted, is_wim, put_parts, report_parted};
use super::request::Request;
use crate::format::fat::MAX_FILE_LEN;
use crate::format::stick::{is_content, is_too_large};
use crate::manifest::{LargeFiles, OutputFormat};
use crate::media::PACKAGES;
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::size::Size;

/// The most that the tools of Windows format as FAT32.
const MAX_FORMATTED_LEN: u64 = 32 << 30;

/// How long the parts of a WIM file are at most: a MiB less than 4 GiB, so that readers that round a length up to whole
/// clusters in 32 bits do not arrive at nothing.
const PART_LEN: u64 = (4 << 30) - (1 << 20);

/// Splits what is too large for a stick if the manifest asks for that, and reports what can't be on one.
pub(super) fn split_large_files(request: &Request<'_>, medium: &mut Medium, problems: &mut Problems) {
    if request.rendered.manifest.format() != OutputFormat::Usb {
        return;
    }
    let files = medium.root.files();
    let asked = request.rendered.manifest.output.large_files;
    let has_ntfs = asked == Some(LargeFiles::Ntfs);
    let is_there = |path: &str, len: u64| has_ntfs && is_too_large(path, len);
    let is_split = files.iter().any(|(path, content)| is_there(path, content.len()));
    // What is on the second partition as a whole counts there.
    let is_on_fat = |path: &str, len: u64| !is_split || !(is_content(path) || is_there(path, len));
    let on_fat = files.iter().filter(|(path, content)| is_on_fat(path, content.len()));
    let len: u64 = on_fat.map(|(_, content)| content.len()).sum();
    let large =
        files.into_iter().filter(|(path, content)| content.len() > MAX_FILE_LEN && is_on_fat(path, content.len()));
    let large: Vec<_> = large.map(|(path, content)| (path, content.len())).collect();
    let (parted, refused): (Vec<_>, Vec<_>) =
        large.into_iter().partition(|(path, _)| asked == Some(LargeFiles::Split) && is_splittable(path));
    for (path, _) in &parted {
        split(request, medium, path, problems);
    }
    for (path, len) in &refused {
        report_too_large(request, medium, path, *len, problems);
    }
    if refused.is_empty() && len > MAX_FORMATTED_LEN {
        let message = format!(
            "the stick holds {}, and the tools of Windows format no FAT32 volume of more than {}",
            Size(len),
            Size(MAX_FORMATTED_LEN)
        );
        let problem = Problem::new(Rule::LargeFat32Volume, message).at(request.place("/output/format"), "");
        problems.add(
            problem.help("Windows reads it all the same; leave something out if the stick is to be made there anew"),
        );
    }
}

/// Puts parts of a WIM file in its place.
fn split(request: &Request<'_>, medium: &mut Medium, path: &str, problems: &mut Problems) {
    let pointer = origin_of(medium, path);
    match put_parts(request.sources, &mut medium.root, path, &[], PART_LEN) {
        Ok(parted) => {
            report_parted(request, path, &parted, &pointer, problems);
            medium.is_pending |= matches!(parted, Parted::Later);
        }
        Err(error) => request.failed(&error, &pointer, problems),
    }
}

/// Reports a file that is too large for FAT32, at the line that names it.
fn report_too_large(request: &Request<'_>, medium: &Medium, path: &str, len: u64, problems: &mut Problems) {
    let is_startable = !is_too_large(path, len);
    let message = format!("`{path}` has {len} bytes, and a stick (FAT32) holds files of at most {MAX_FILE_LEN} bytes");
    let problem = Problem::new(Rule::FileTooLargeForFat32, message)
        .at(request.place(&origin_of(medium, path)), "comes from here");
    problems.add(problem.help(match is_startable {
        true => "what starts has to be on FAT32: make the boot image smaller, or a disc",
        false if is_splittable(path) => {
            "write `large-files = \"split\"` in `[output]` to have it split into parts that Windows reads as one \
             (`install000.swm` …), or `large-files = \"ntfs\"` to have it on a second partition"
        }
        false if is_wim(path) => {
            "write `large-files = \"ntfs\"` in `[output]` to have it on a second partition; only WIM files below \
             `SMS\\PKG` are split"
        }
        false => {
            "it can't be split, as only WIM files can: write `large-files = \"ntfs\"` in `[output]` to have it on \
             a second partition, or leave it out"
        }
    }));
}

/// Where in the manifest a file on the stick comes from; boot files come from the boot image.
fn origin_of(medium: &Medium, path: &str) -> String {
    medium.origins.pointer_of(path).unwrap_or_else(|| IMAGE.into())
}

/// Whether a file may be on the medium in parts: what starts it looks for whole files.
fn is_splittable(path: &str) -> bool {
    let is_below = |folder: &str| {
        path.get(..folder.len()).is_some_and(|start| start.eq_ignore_ascii_case(folder))
            && path[folder.len()..].starts_with('/')
    };
    is_wim(path) && is_below(PACKAGES)
}
