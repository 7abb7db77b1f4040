//! Checks that content fits on a medium or a set of discs.
//!
//! The exact size of a disc image is known only after layout, which takes longer than everything
//! else in an unchanged `plan`. So cheap lower and upper bounds are checked first, and only media
//! near their capacity are laid out.

use super::checks::check_path;
use super::content::ContentOrigins;
use super::request::MediumRequest;
use super::wim_parts::{SplitOutcome, insert_parts, is_wim, report_split};
use crate::error::{Error, Result};
use crate::manifest::{Capacity, Kind};
use crate::media::Media;
use crate::media::set::{self, MAX_DISCS, TooLarge};
use crate::output::{ContentEntry, Form, Output, Overflow, size_bound};
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::size::Size;
use crate::volume::{Folder, Node};

const CAPACITY: &str = "/output/capacity";
const SPANNING: &str = "/output/spanning";

/// Number of the largest entries that a message names.
const N_NAMED: usize = 3;

/// Divides a medium that exceeds its capacity into a set of discs, or reports it as too large.
pub(super) fn fit_capacity(
    request: &MediumRequest<'_>,
    origins: &ContentOrigins,
    media: &mut Media,
    problems: &mut Problems,
) {
    let Capacity::AtMost(capacity) = media.capacity else { return };
    let whole = Output::from(media.clone());
    let is_disc = media.form == Form::Disc;
    // The bounds are cheap: only media between them have to be laid out.
    if is_disc && size_bound::at_most(&whole) <= capacity.0 {
        return;
    }
    let may_span = is_disc && media.kind == Kind::StandAlone && request.rendered.manifest.output.spanning;
    if !may_span || size_bound::at_least(&whole) <= capacity.0 {
        match whole.overflow() {
            Ok(None) => return,
            Ok(Some(overflow)) if !may_span => return report_medium_too_large(request, media, &overflow, problems),
            Ok(Some(_)) => {}
            Err(error) => return report_layout_error(request, origins, &error, problems),
        }
    }
    // Splitting a WIM file changes the set, so start over with its parts.
    loop {
        match set::split_into_discs(media, capacity) {
            Ok(Ok(discs)) => {
                for number in 1..=discs.len() {
                    let (path, name) = media.disc_path(number);
                    request.notes.inputs.borrow_mut().note_output(&path);
                    check_path(request, &path, &name, problems);
                }
                media.discs = discs;
                return;
            }
            Ok(Err(TooLarge::File(path, _))) if is_wim(&path) => {
                let pointer = origins.pointer_of(&path).unwrap_or_else(|| CAPACITY.into());
                let outcome = match split_wim(request, media, &path, capacity) {
                    Ok(outcome) => outcome,
                    Err(error) => return request.failed(&error, &pointer, problems),
                };
                report_split(request, &path, &outcome, &pointer, problems);
                if let SplitOutcome::Deferred = outcome {
                    // The size of the parts is unknown until they are made.
                    media.capacity = Capacity::Unlimited;
                    return;
                }
            }
            Ok(Err(too_large)) => return report_set_too_large(request, origins, media, capacity, too_large, problems),
            Err(error) => return report_layout_error(request, origins, &error, problems),
        }
    }
}

/// Reports paths, folders and files that exceed a limit of the medium's format.
///
/// Layout is slow, so a medium far from every limit is laid out only for `check`.
pub(super) fn check_layout(
    request: &MediumRequest<'_>,
    origins: &ContentOrigins,
    media: &Media,
    problems: &mut Problems,
) {
    if !request.lays_out && is_far_from_limits(&media.root) {
        return;
    }
    for target in media.clone().targets() {
        let Some(output) = target.medium() else { continue };
        if let Err(error) = output.draft(&|_| None) {
            return report_layout_error(request, origins, &error, problems);
        }
    }
}

/// Reports a layout error at the entry that causes it.
fn report_layout_error(request: &MediumRequest<'_>, origins: &ContentOrigins, error: &Error, problems: &mut Problems) {
    let pointer = match error.subject().filter(|path| !path.is_empty()) {
        None => "/output".into(),
        Some(path) => origins.pointer_of(path).unwrap_or_else(|| match request.rendered.is_written("/boot/files") {
            true => "/boot/files".into(),
            false => "/boot/image/file".into(),
        }),
    };
    let words = if pointer == "/output" { "" } else { "comes from here" };
    problems.add(Problem::from(error).at(request.place(&pointer), words));
}

/// Replaces a WIM file by parts of a quarter of a disc each, so that discs can be filled, or of
/// half or all of the room if a file in it needs more.
fn split_wim(request: &MediumRequest<'_>, media: &mut Media, path: &str, capacity: Size) -> Result<SplitOutcome> {
    let room = set::file_room(media, capacity)?;
    insert_parts(request.sources, &mut media.root, path, &[room / 4, room / 2], room)
}

fn report_medium_too_large(request: &MediumRequest<'_>, media: &Media, overflow: &Overflow, problems: &mut Problems) {
    let message = overflow.message(&media.path_as_written);
    let help =
        format!("choose a larger `capacity`, or remove content{}", describe_largest(&media.root, &media.entries));
    let problem =
        Problem::new(Rule::CapacityExceeded, message).at(request.place(CAPACITY), exact_bytes(overflow.capacity));
    problems.add(match media.kind {
        Kind::StandAlone if media.form == Form::Disc => problem
            .at(request.place(SPANNING), "requires one disc")
            .help(format!("{help}; or remove `spanning = false` to make a set of discs")),
        Kind::Capture | Kind::Bootable | Kind::Prestaged | Kind::StandAlone => problem.help(help),
    });
}

fn report_set_too_large(
    request: &MediumRequest<'_>,
    origins: &ContentOrigins,
    media: &Media,
    capacity: Size,
    too_large: TooLarge,
    problems: &mut Problems,
) {
    let problem = match too_large {
        TooLarge::Start(overflow) => {
            // Name the largest content that has to be on the first disc, since packages can move to
            // other discs.
            let mut first = media.root.clone();
            first.remove(crate::media::PACKAGES);
            let on_first: Vec<_> =
                media.entries.iter().filter(|entry| first.get(&entry.path).is_some()).cloned().collect();
            let (len, over) = (overflow.len, Size(overflow.len.0 - capacity.0));
            let message = format!(
                "the files required on the first disc take {len}, but a disc holds {capacity}: {over} too much"
            );
            let help = "choose a larger `capacity`; only content below `SMS\\PKG` can be on another disc";
            Problem::new(Rule::CapacityExceeded, message)
                .at(request.place("/boot/image/file"), format!("takes {}", Size(boot_image_len(&first))))
                .help(format!("{help}{}", describe_largest(&first, &on_first)))
        }
        TooLarge::File(path, overflow) => {
            let (len, over) = (overflow.len, Size(overflow.len.0 - capacity.0));
            let message = format!(
                "`{path}` does not fit on a disc: with the files that every disc has it takes {len}, but a disc holds \
                 {capacity}: {over} too much"
            );
            let problem = Problem::new(Rule::CapacityExceeded, message);
            let problem = match origins.pointer_of(&path) {
                Some(pointer) => problem.at(request.place(&pointer), "comes from here"),
                None => problem,
            };
            problem.help("choose a larger `capacity`, or remove the file; only WIM files can be split")
        }
        TooLarge::Discs(n_discs) => Problem::new(
            Rule::CapacityExceeded,
            format!("`{}` would need {n_discs} discs; a set has at most {MAX_DISCS}", media.path_as_written),
        )
        .help("choose a larger `capacity`"),
    };
    problems.add(problem.at(request.place(CAPACITY), exact_bytes(capacity)));
}

/// Returns `true` if a tree is far from every limit of ISO 9660, UDF, FAT32 and WIM.
fn is_far_from_limits(root: &Folder) -> bool {
    /// In bytes. UDF allows 1,023, and may need two per character.
    const PATH_LEN: usize = 255;
    /// In the whole tree. ISO 9660 and UDF allow 65,535.
    const N_FOLDERS: usize = 50_000;
    /// In one folder. FAT allows 65,536 slots, and a name needs up to 21.
    const N_ENTRIES: usize = 3_000;
    /// Nesting of folders. WIM files fail at some hundreds.
    const DEPTH: usize = 64;
    /// Total file length in bytes. 32-bit sector numbers reach 2 TiB.
    const LEN: u64 = 1 << 40;
    let (mut n_folders, mut len) = (0, 0u64);
    let mut left: Vec<(&Folder, usize, usize)> = vec![(root, 0, 0)];
    while let Some((folder, path_len, depth)) = left.pop() {
        n_folders += 1;
        let mut n_entries = 0;
        for (name, node) in folder.iter() {
            n_entries += 1;
            let path_len = path_len + name.as_str().len() + 1;
            if path_len > PATH_LEN || depth > DEPTH || n_entries > N_ENTRIES || n_folders > N_FOLDERS {
                return false;
            }
            match node {
                Node::Folder(below) => left.push((below, path_len, depth + 1)),
                Node::File(content) => len = len.saturating_add(content.len()),
            }
        }
    }
    len <= LEN
}

fn exact_bytes(capacity: Size) -> String {
    format!("{} bytes", capacity.0)
}

/// Lists the largest entries for a help text, or returns an empty string.
fn describe_largest(root: &Folder, entries: &[ContentEntry]) -> String {
    let mut sizes: Vec<_> = entries.iter().map(|entry| (entry_len(root, entry), &entry.title)).collect();
    sizes.sort_by_key(|(len, _)| std::cmp::Reverse(*len));
    let largest = sizes.iter().take(N_NAMED).map(|(len, title)| format!("{title} with {}", Size(*len)));
    match largest.collect::<Vec<_>>().join(", ") {
        largest if largest.is_empty() => String::new(),
        largest => format!(" (the largest: {largest})"),
    }
}

fn boot_image_len(root: &Folder) -> u64 {
    match root.get("sources/boot.wim") {
        Some(Node::File(content)) => content.len(),
        _ => 0,
    }
}

/// Returns the length of an entry's files on the medium in bytes.
fn entry_len(root: &Folder, entry: &ContentEntry) -> u64 {
    fn folder_len(folder: &Folder) -> u64 {
        let each = folder.iter().map(|(_, node)| match node {
            Node::Folder(folder) => folder_len(folder),
            Node::File(content) => content.len(),
        });
        each.sum()
    }
    match root.get(&entry.path) {
        Some(Node::Folder(folder)) => folder_len(folder),
        Some(Node::File(content)) => content.len(),
        None => 0,
    }
}
