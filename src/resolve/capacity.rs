//! Whether a medium holds what is put on it, or a set of discs does.
//!
//! How long a disc image becomes is known when it is laid out, and that takes longer than all else that `plan` does
//! when nothing changed. So bounds that can't be too low or too high are looked at first; only what comes near the
//! capacity is laid out.

use super::checks::check_path;
use super::content::Origins;
use super::parts::{Parted, is_wim, put_parts, report_parted};
use super::request::Request;
use crate::error::{Error, Result};
use crate::manifest::{Capacity, Kind};
use crate::media::Media;
use crate::media::set::{self, MAX_DISCS, TooLarge};
use crate::output::{Entry, Form, Output, Overflow, size_bound};
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::size::Size;
use crate::volume::{Folder, Node};

const CAPACITY: &str = "/output/capacity";
const SPANNING: &str = "/output/spanning";

/// How many entries are named as the largest.
const N_NAMED: usize = 3;

/// Makes a set of discs of a medium that is larger than its capacity, or complains of it.
pub(super) fn fit(request: &Request<'_>, origins: &Origins, media: &mut Media, problems: &mut Problems) {
    let Capacity::AtMost(capacity) = media.capacity else { return };
    let whole = Output::from(media.clone());
    let is_disc = media.form == Form::Disc;
    if is_disc && size_bound::at_most(&whole) <= capacity.0 {
        return;
    }
    let may_span = is_disc && media.kind == Kind::StandAlone && request.rendered.manifest.output.spanning;
    if !may_span || size_bound::at_least(&whole) <= capacity.0 {
        match whole.overflow() {
            Ok(None) => return,
            Ok(Some(overflow)) if !may_span => return one_is_too_small(request, media, &overflow, problems),
            Ok(Some(_)) => {}
            Err(error) => return layout_failed(request, origins, &error, problems),
        }
    }
    loop {
        match set::discs(media, capacity) {
            Ok(Ok(discs)) => {
                for number in 1..=discs.len() {
                    let (path, name) = media.place_of_disc(number);
                    request.notes.inputs.borrow_mut().note_output(&path);
                    check_path(request, &path, &name, problems);
                }
                media.discs = discs;
                return;
            }
            Ok(Err(TooLarge::File(path, _))) if is_wim(&path) => {
                let pointer = origins.pointer_of(&path).unwrap_or_else(|| CAPACITY.into());
                let parted = match split_wim(request, media, &path, capacity) {
                    Ok(parted) => parted,
                    Err(error) => return request.failed(&error, &pointer, problems),
                };
                report_parted(request, &path, &parted, &pointer, problems);
                if let Parted::Later = parted {
                    // How much it will be is not known yet.
                    media.capacity = Capacity::Unlimited;
                    return;
                }
            }
            Ok(Err(too_large)) => return set_is_too_small(request, origins, media, capacity, too_large, problems),
            Err(error) => return layout_failed(request, origins, &error, problems),
        }
    }
}

/// Complains of what no medium of this form holds: paths, folders and files that pass a limit of a file system.
///
/// Laying out takes long, so that a medium far from every limit is laid out only for `check`.
pub(super) fn check_layout(request: &Request<'_>, origins: &Origins, media: &Media, problems: &mut Problems) {
    if !request.lays_out && is_far_from_limits(&media.root) {
        return;
    }
    for target in media.clone().targets() {
        let Some(output) = target.medium() else { continue };
        if let Err(error) = output.draft(&|_| None) {
            return layout_failed(request, origins, &error, problems);
        }
    }
}

/// A medium that can't be laid out, at the line that names what is to blame.
fn layout_failed(request: &Request<'_>, origins: &Origins, error: &Error, problems: &mut Problems) {
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

/// Puts parts of a WIM file in its place: a quarter of a disc each, so that discs can be filled with them, or more
/// where a file in it takes more.
fn split_wim(request: &Request<'_>, media: &mut Media, path: &str, capacity: Size) -> Result<Parted> {
    let room = set::file_room(media, capacity)?;
    put_parts(request.sources, &mut media.root, path, &[room / 4, room / 2], room)
}

fn one_is_too_small(request: &Request<'_>, media: &Media, overflow: &Overflow, problems: &mut Problems) {
    let message = overflow.message(&media.path_as_written);
    let help = format!("choose a larger `capacity`, or leave something out{}", largest(&media.root, &media.entries));
    let problem = Problem::new(Rule::CapacityExceeded, message).at(request.place(CAPACITY), bytes(overflow.capacity));
    problems.add(match media.kind {
        Kind::StandAlone if media.form == Form::Disc => problem
            .at(request.place(SPANNING), "asks for one disc")
            .help(format!("{help}; or leave out `spanning = false`, for a set of discs")),
        Kind::Capture | Kind::Bootable | Kind::Prestaged | Kind::StandAlone => problem.help(help),
    });
}

fn set_is_too_small(
    request: &Request<'_>,
    origins: &Origins,
    media: &Media,
    capacity: Size,
    too_large: TooLarge,
    problems: &mut Problems,
) {
    let problem = match too_large {
        TooLarge::Start(overflow) => {
            let mut first = media.root.clone();
            first.remove(crate::media::PACKAGES);
            let on_first: Vec<_> =
                media.entries.iter().filter(|entry| first.get(&entry.path).is_some()).cloned().collect();
            let (len, over) = (overflow.len, Size(overflow.len.0 - capacity.0));
            let message =
                format!("what has to be on the first disc takes {len}, and a disc holds {capacity}: {over} too much");
            let help = "choose a larger `capacity`; only what is below `SMS\\PKG` can be on another disc";
            Problem::new(Rule::CapacityExceeded, message)
                .at(request.place("/boot/image/file"), format!("{} of it", Size(boot_image_len(&first))))
                .help(format!("{help}{}", largest(&first, &on_first)))
        }
        TooLarge::File(path, overflow) => {
            let (len, over) = (overflow.len, Size(overflow.len.0 - capacity.0));
            let message = format!(
                "`{path}` does not fit on a disc: with what every disc has it takes {len}, and a disc holds \
                 {capacity}: {over} too much"
            );
            let problem = Problem::new(Rule::CapacityExceeded, message);
            let problem = match origins.pointer_of(&path) {
                Some(pointer) => problem.at(request.place(&pointer), "comes from here"),
                None => problem,
            };
            problem.help("choose a larger `capacity`, or leave it out; only WIM files are split")
        }
        TooLarge::Discs(n_discs) => Problem::new(
            Rule::CapacityExceeded,
            format!("`{}` would be a set of {n_discs} discs, and a set has {MAX_DISCS} at most", media.path_as_written),
        )
        .help("choose a larger `capacity`"),
    };
    problems.add(problem.at(request.place(CAPACITY), bytes(capacity)));
}

/// Returns whether nothing in a tree comes near a limit of ISO 9660, UDF, FAT32 or WIM.
fn is_far_from_limits(root: &Folder) -> bool {
    /// In bytes; UDF ends at 1,023, and may take two for a character.
    const PATH_LEN: usize = 255;
    /// In the whole tree; ISO 9660 and UDF end at 65,535.
    const N_FOLDERS: usize = 50_000;
    /// In one folder; FAT ends at 65,536 slots, and a name takes 21 of them at most.
    const N_ENTRIES: usize = 3_000;
    /// Of folders in each other; WIM files end at some hundreds.
    const DEPTH: usize = 64;
    /// Of all files, in bytes; 32-bit numbers of sectors end at 2 TiB.
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

fn bytes(capacity: Size) -> String {
    format!("{} bytes", capacity.0)
}

/// The largest entries, for advice.
fn largest(root: &Folder, entries: &[Entry]) -> String {
    let mut sizes: Vec<_> = entries.iter().map(|entry| (size(root, entry), &entry.title)).collect();
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

/// What an entry of the manifest has on the medium, in bytes.
fn size(root: &Folder, entry: &Entry) -> u64 {
    fn of(folder: &Folder) -> u64 {
        let each = folder.iter().map(|(_, node)| match node {
            Node::Folder(folder) => of(folder),
            Node::File(content) => content.len(),
        });
        each.sum()
    }
    match root.get(&entry.path) {
        Some(Node::Folder(folder)) => of(folder),
        Some(Node::File(content)) => content.len(),
        None => 0,
    }
}
