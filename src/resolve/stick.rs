//! Splits files that are too large for FAT32 on sticks and prestaged media, and reports other limits of FAT32.

use super::assemble::AssembledMedium;
use super::manifest_pointers::IMAGE;
use super::request::MediumRequest;
use super::wim_parts::{SplitOutcome, insert_parts, is_wim, report_split};
use crate::format::fat::MAX_FILE_LEN;
use crate::format::stick::{is_content, needs_ntfs};
use crate::manifest::{LargeFiles, OutputFormat};
use crate::media::PACKAGES;
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::size::Size;

/// Largest volume that the tools of Windows format as FAT32, in bytes.
const MAX_FORMATTED_LEN: u64 = 32 << 30;

/// Maximum length of the parts of a WIM file in bytes: 1 MiB below 4 GiB, so that readers that
/// round it up to whole clusters don't overflow 32 bits.
const PART_LEN: u64 = (4 << 30) - (1 << 20);

/// Splits large files if the manifest asks for it, and reports files that FAT32 can't hold.
pub(super) fn split_large_files(request: &MediumRequest<'_>, medium: &mut AssembledMedium, problems: &mut Problems) {
    let asked = request.rendered.manifest.output.large_files;
    let is_stick = match request.rendered.manifest.format() {
        OutputFormat::Usb => true,
        // A prestaged medium holds files of any length, unless it is to be applied to FAT32.
        OutputFormat::Wim if asked == Some(LargeFiles::Split) => false,
        OutputFormat::Wim | OutputFormat::Iso => return,
    };
    let files = medium.root.files();
    let has_ntfs = asked == Some(LargeFiles::Ntfs);
    let is_there = |path: &str, len: u64| has_ntfs && needs_ntfs(path, len);
    let is_split = files.iter().any(|(path, content)| is_there(path, content.len()));
    // Once a file moves to the NTFS partition, all content does, and no longer counts for FAT32.
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
        match is_stick {
            true => report_too_large(request, medium, path, *len, problems),
            false => report_unsplittable(request, medium, path, *len, problems),
        }
    }
    if is_stick && refused.is_empty() && len > MAX_FORMATTED_LEN {
        let message = format!(
            "the FAT32 volume needs {}; Windows formats at most {} as FAT32",
            Size(len),
            Size(MAX_FORMATTED_LEN)
        );
        let problem = Problem::new(Rule::LargeFat32Volume, message).at(request.place("/output/format"), "");
        problems.add(
            problem.help("remove content if the stick is to be reformatted on Windows; reading it works regardless"),
        );
    }
}

/// Replaces a WIM file by its parts.
fn split(request: &MediumRequest<'_>, medium: &mut AssembledMedium, path: &str, problems: &mut Problems) {
    let pointer = source_pointer(medium, path);
    match insert_parts(request.sources, &mut medium.root, path, &[], PART_LEN) {
        Ok(parted) => {
            report_split(request, path, &parted, &pointer, problems);
            medium.is_pending |= matches!(parted, SplitOutcome::Deferred);
        }
        Err(error) => request.failed(&error, &pointer, problems),
    }
}

/// Reports a file too large for FAT32 at the entry that supplies it.
fn report_too_large(
    request: &MediumRequest<'_>,
    medium: &AssembledMedium,
    path: &str,
    len: u64,
    problems: &mut Problems,
) {
    let is_startable = !needs_ntfs(path, len);
    let message = format!("`{path}` has {len} bytes; FAT32 on the stick limits files to {MAX_FILE_LEN} bytes");
    let problem = Problem::new(Rule::FileTooLargeForFat32, message)
        .at(request.place(&source_pointer(medium, path)), "comes from here");
    problems.add(problem.help(match is_startable {
        true => "reduce the boot image, which has to be on FAT32, or make a disc",
        false if is_splittable(path) => {
            "write `large-files = \"split\"` in `[output]` to split it into parts that Windows reads as one file \
             (`install000.swm` …), or `large-files = \"ntfs\"` to move it to a second partition"
        }
        false if is_wim(path) => {
            "write `large-files = \"ntfs\"` in `[output]` to move it to a second partition; only WIM files below \
             `SMS\\PKG` can be split"
        }
        false => {
            "write `large-files = \"ntfs\"` in `[output]` to move it to a second partition, or remove it; \
             only WIM files can be split"
        }
    }));
}

/// Reports a file of a prestaged medium that is too large for FAT32 and can't be split.
fn report_unsplittable(
    request: &MediumRequest<'_>,
    medium: &AssembledMedium,
    path: &str,
    len: u64,
    problems: &mut Problems,
) {
    let message = format!("`{path}` has {len} bytes and can't be split; FAT32 limits files to {MAX_FILE_LEN} bytes");
    let problem = Problem::new(Rule::FileTooLargeForFat32, message)
        .at(request.place(&source_pointer(medium, path)), "comes from here")
        .at(request.place("/output/large-files"), "asks for files that fit on FAT32");
    problems.add(problem.help("remove `large-files` and apply the medium to NTFS, or remove the file"));
}

/// Returns the JSON pointer of the entry that supplies a file of the medium, or of the boot image
/// for boot files.
fn source_pointer(medium: &AssembledMedium, path: &str) -> String {
    medium.origins.pointer_of(path).unwrap_or_else(|| IMAGE.into())
}

/// Returns `true` if a file may be split: boot programs open whole files only.
fn is_splittable(path: &str) -> bool {
    let is_below = |folder: &str| {
        path.get(..folder.len()).is_some_and(|start| start.eq_ignore_ascii_case(folder))
            && path[folder.len()..].starts_with('/')
    };
    is_wim(path) && is_below(PACKAGES)
}
