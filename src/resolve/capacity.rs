//! Whether a medium holds what is put on it, or a set of discs does.
//!
//! How long a disc image becomes is known when it is laid out, and that takes longer than all else that `plan` does
//! when nothing changed. So bounds that can't be too low or too high are looked at first; only what comes near the
//! capacity is laid out.

use super::Draft;
use super::parts::{Parted, is_wim, put_parts};
use crate::error::{Error, Result};
use crate::manifest::{Capacity, Kind};
use crate::media::Media;
use crate::media::set::{self, MAX_DISCS, TooLarge};
use crate::output::{Entry, Form, Output, Overflow};
use crate::problem::Problem;
use crate::size::Size;
use crate::volume::{Folder, Node};

const CAPACITY: &str = "/output/capacity";
const SPANNING: &str = "/output/spanning";

/// How many entries are named as the largest.
const N_NAMED: usize = 3;

impl Draft<'_> {
    /// Makes a set of discs of a medium that is larger than its capacity, or complains of it.
    pub(super) fn fit(&mut self, media: &mut Media) {
        let Capacity::AtMost(capacity) = media.capacity else { return };
        let whole = Output::from(media.clone());
        let is_disc = media.form == Form::Disc;
        if is_disc && whole.most() <= capacity.0 {
            return;
        }
        let may_span = is_disc && media.kind == Kind::StandAlone && self.rendered.manifest.output.spanning;
        if !may_span || whole.least() <= capacity.0 {
            match whole.overflow() {
                Ok(None) => return,
                Ok(Some(overflow)) if !may_span => return self.one_is_too_small(media, &overflow),
                Ok(Some(_)) => {}
                Err(error) => return self.layout_failed(&error),
            }
        }
        loop {
            match set::discs(media, capacity) {
                Ok(Ok(discs)) => {
                    for number in 1..=discs.len() {
                        let (path, name) = media.place_of_disc(number);
                        self.request.notes.inputs.borrow_mut().note_output(&path);
                        self.check_path(&path, &name);
                    }
                    media.discs = discs;
                    return;
                }
                Ok(Err(TooLarge::File(path, _))) if is_wim(&path) => {
                    let pointer = self.pointer_of(&path).unwrap_or_else(|| CAPACITY.into());
                    match self.split_wim(media, &path, capacity) {
                        Ok(parted) => self.note_parted(&path, &parted, &pointer),
                        Err(error) => return self.failed(&error, &pointer),
                    }
                    if self.is_unsure {
                        media.capacity = Capacity::Unlimited;
                        return;
                    }
                }
                Ok(Err(too_large)) => return self.set_is_too_small(media, capacity, too_large),
                Err(error) => return self.layout_failed(&error),
            }
        }
    }

    /// Complains of what no medium of this form holds: paths, folders and files that pass a limit of a file system.
    ///
    /// Laying out takes long, so that a medium far from every limit is laid out only for `check`.
    pub(super) fn check_layout(&mut self, media: &Media, lays_out: bool) {
        if !lays_out && is_far_from_limits(&media.root) {
            return;
        }
        for target in media.clone().targets() {
            let Some(output) = target.medium() else { continue };
            if let Err(error) = output.draft(&|_| None) {
                return self.layout_failed(&error);
            }
        }
    }

    /// A medium that can't be laid out, at the line that names what is to blame.
    fn layout_failed(&mut self, error: &Error) {
        let pointer = match error.subject().filter(|path| !path.is_empty()) {
            None => "/output".into(),
            Some(path) => self.pointer_of(path).unwrap_or_else(|| match self.rendered.is_written("/boot/files") {
                true => "/boot/files".into(),
                false => "/boot/image/file".into(),
            }),
        };
        let words = if pointer == "/output" { "" } else { "comes from here" };
        self.problems.add(Problem::from(error).at(self.place(&pointer), words));
    }

    /// Puts parts of a WIM file in its place: a quarter of a disc each, so that discs can be filled with them, or more
    /// where a file in it takes more.
    fn split_wim(&mut self, media: &mut Media, path: &str, capacity: Size) -> Result<Parted> {
        let room = set::file_room(media, capacity)?;
        put_parts(self.request.sources, &mut media.root, path, &[room / 4, room / 2], room)
    }

    fn one_is_too_small(&mut self, media: &Media, overflow: &Overflow) {
        let message = overflow.message(&media.path_as_written);
        let help =
            format!("choose a larger `capacity`, or leave something out{}", largest(&media.root, &media.entries));
        let problem = Problem::error(message).rule("R17").at(self.place(CAPACITY), bytes(overflow.capacity));
        self.problems.add(match media.kind {
            Kind::StandAlone if media.form == Form::Disc => problem
                .at(self.place(SPANNING), "asks for one disc")
                .help(format!("{help}; or leave out `spanning = false`, for a set of discs")),
            Kind::Capture | Kind::Bootable | Kind::Prestaged | Kind::StandAlone => problem.help(help),
        });
    }

    fn set_is_too_small(&mut self, media: &Media, capacity: Size, too_large: TooLarge) {
        let problem = match too_large {
            TooLarge::Start(overflow) => {
                let mut first = media.root.clone();
                first.remove(crate::media::PACKAGES);
                let on_first: Vec<_> =
                    media.entries.iter().filter(|entry| first.get(&entry.path).is_some()).cloned().collect();
                let (len, over) = (overflow.len, Size(overflow.len.0 - capacity.0));
                let message = format!(
                    "what has to be on the first disc takes {len}, and a disc holds {capacity}: {over} too much"
                );
                let help = "choose a larger `capacity`; only what is below `SMS\\PKG` can be on another disc";
                Problem::error(message)
                    .at(self.place("/boot/image/file"), format!("{} of it", Size(boot_image_len(&first))))
                    .help(format!("{help}{}", largest(&first, &on_first)))
            }
            TooLarge::File(path, overflow) => {
                let (len, over) = (overflow.len, Size(overflow.len.0 - capacity.0));
                let message = format!(
                    "`{path}` does not fit on a disc: with what every disc has it takes {len}, and a disc holds \
                     {capacity}: {over} too much"
                );
                let problem = Problem::error(message);
                let problem = match self.pointer_of(&path) {
                    Some(pointer) => problem.at(self.place(&pointer), "comes from here"),
                    None => problem,
                };
                problem.help("choose a larger `capacity`, or leave it out; only WIM files are split")
            }
            TooLarge::Discs(n_discs) => Problem::error(format!(
                "`{}` would be a set of {n_discs} discs, and a set has {MAX_DISCS} at most",
                media.path_as_written
            ))
            .help("choose a larger `capacity`"),
        };
        self.problems.add(problem.rule("R17").at(self.place(CAPACITY), bytes(capacity)));
    }

    /// Returns the pointer of the entry that a file on the medium belongs to. Names that differ only in case are one.
    pub(super) fn pointer_of(&self, path: &str) -> Option<String> {
        let holds = |folder: &str| match (folder, path.get(..folder.len())) {
            ("" | ".", _) => true,
            (_, Some(start)) if start.eq_ignore_ascii_case(folder) => {
                matches!(path.as_bytes().get(folder.len()), None | Some(b'/'))
            }
            _ => false,
        };
        let entries = self.entries.iter().zip(&self.pointers).filter(|(entry, _)| holds(&entry.path));
        entries.max_by_key(|(entry, _)| entry.path.len()).map(|(_, pointer)| pointer.clone())
    }
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
