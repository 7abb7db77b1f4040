//! A medium that one disc does not hold, as a set of discs: which file is on which, and what each says of itself.
//!
//! The first disc has everything but the packages (what is below `SMS\PKG`, except that of the prestart command): it
//! starts, and whatever runs from it finds its files there. Packages follow in the order of the manifest. Nothing is known
//! here of the discs that there were before: a set follows from names and lengths alone, and its discs change little all
//! the same.
//!
//! # Which file is on which disc
//!
//! * Packages **flow** over the discs in their order. One of up to a sixteenth of a disc is never divided; a larger one
//!   flows file by file, and may be on several discs.
//! * What is too large to flow **floats**, as pictures do in a text: a file of more than a sixteenth of a disc, together
//!   with all of its package if a disc holds that. What finds no room on a disc is the first on the next, while what
//!   follows it goes on here.
//! * **Where a disc ends depends on nothing behind it**: in the last sixteenth (which ends a sixty-fourth before the
//!   capacity, as slack needs room) it ends behind the first file or package that a hash of its path says so of, the
//!   more likely the larger it is. So what is behind may change, come or go, and the disc stays as it is. Were a disc
//!   filled as far as possible, each change would move the ends of all discs behind it; the end that a hash chose stays
//!   where it is, unless what changed is longer than the way between two such places, which is a sixty-fourth of a disc
//!   on average, or happens to be near one. A disc whose beginning moved gets into step again at its end in the same way.
//!
//! The exceptions: where no hash says so in that sixteenth, a disc ends before what has no room, and what floats past a
//! disc does so because it has no room. If that becomes small enough, it moves to the disc before. The last disc says
//! that it is the last, so it changes when there comes another one.
//!
//! Discs that are filled with what flows are full to nine tenths at least, 94 percent on average; slack is in the rest.
//! What things take is [bounded from above](crate::output::size_bound) without laying them out, so no disc is ever too full;
//! a disc that could not be laid out would be refused all the same.

mod fill;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{LABEL_FILE, Media, PACKAGES, own_files};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::output::{DiscPart, Output, Overflow, SetDisc, lists, size_bound};
use crate::size::Size;
use crate::volume::{Folder, Misplaced, Node};
use fill::{Room, Shared, Thing, fill};

/// The most discs of a set. A capacity that needs more is a slip of the pen.
pub const MAX_DISCS: usize = 99;

/// The most characters of a volume label that Windows shows.
const MAX_LABEL: usize = 32;

/// Why a medium can't be a set of discs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// What has to be on the first disc does not fit on one.
    Start(Overflow),
    /// A file does not fit on a disc: its path, and how it passes the capacity.
    File(String, Overflow),
    /// It would take so many discs.
    Discs(usize),
}

/// The discs that a medium takes if each holds so much.
pub fn discs(media: &Media, capacity: Size) -> Result<std::result::Result<Vec<Output>, TooLarge>> {
    let set = Set::new(media, capacity)?;
    let packages = Packages::new(media, &set);
    if let Some(too_large) = set.too_large(&packages)? {
        return Ok(Err(too_large));
    }
    let filled = fill(&packages.things, &packages.folders, &set.room);
    if filled.len() > MAX_DISCS {
        return Ok(Err(TooLarge::Discs(filled.len())));
    }
    let mut roots = vec![set.first.root.clone()];
    roots.resize_with(filled.len(), Folder::default);
    packages.put_on(&mut roots, &filled)?;
    let n_discs = roots.len();
    let mut discs = Vec::with_capacity(n_discs);
    for (index, root) in roots.into_iter().enumerate() {
        discs.push(set.disc(index + 1, n_discs, root)?);
    }
    Ok(Ok(discs))
}

/// How long a file can be so that a disc of the set surely holds it.
pub fn file_room(media: &Media, capacity: Size) -> Result<u64> {
    /// What a file takes beside its bytes, with the folders that it is in.
    const AROUND: u64 = 128 << 10;
    Ok(capacity.0.saturating_sub(Set::new(media, capacity)?.room.others + AROUND))
}

/// What the discs of a set have in common.
struct Set<'a> {
    media: &'a Media,
    capacity: Size,
    id: String,
    /// The whole medium, but for its packages.
    first: Output,
    room: Room,
}

impl<'a> Set<'a> {
    fn new(media: &'a Media, capacity: Size) -> Result<Self> {
        let mut first = Output::from(media.clone());
        first.root.remove(PACKAGES);
        if let Some((path, node)) = prestart_package(media) {
            let put = match node {
                Node::File(content) => first.root.insert(&path, content),
                Node::Folder(folder) => first.root.merge(&path, folder).map(drop),
            };
            put.map_err(|misplaced| misplaced_on(1, &path, &misplaced))?;
        }
        let room = Room { capacity: capacity.0, first: 0, others: 0 };
        let mut set = Self { media, capacity, id: id(&first), first, room };
        // As long as any: of the last disc, with the highest number.
        let mut longest = set.disc(MAX_DISCS, MAX_DISCS, Folder::default())?;
        set.room.others = size_bound::at_most(&longest) + size_bound::folder("SMS") + size_bound::folder(PACKAGES);
        longest.root = set.first.root.clone();
        longest.boot.clone_from(&set.first.boot);
        set.room.first = size_bound::at_most(&longest)
            + size_bound::file(LABEL_FILE, 0)
            + size_bound::folder("SMS")
            + size_bound::folder(PACKAGES);
        Ok(set)
    }

    /// What is known to be too large for a disc, by the bounds of what it takes and then by its layout.
    fn too_large(&self, packages: &Packages) -> Result<Option<TooLarge>> {
        if self.room.first > self.capacity.0
            && let Some(overflow) = self.disc(1, 1, self.first.root.clone())?.overflow()?
        {
            return Ok(Some(TooLarge::Start(overflow)));
        }
        for (index, thing) in packages.things.iter().enumerate() {
            let mut needed = thing.len;
            let mut above = thing.folder;
            while let Some(folder) = above {
                needed += packages.folders[folder].len;
                above = packages.folders[folder].parent;
            }
            if self.room.others + needed <= self.capacity.0 {
                continue;
            }
            let mut roots = [Folder::default()];
            packages.put_on(&mut roots, &[vec![index]])?;
            let [root] = roots;
            let path = root.files().into_iter().max_by_key(|(_, content)| content.len()).map(|(path, _)| path);
            if let Some(overflow) = self.disc(MAX_DISCS, MAX_DISCS, root)?.overflow()? {
                return Ok(Some(TooLarge::File(path.unwrap_or_default(), overflow)));
            }
        }
        Ok(None)
    }

    /// A disc that holds this.
    fn disc(&self, number: usize, n_discs: usize, root: Folder) -> Result<Output> {
        let whole = &self.first;
        let label = numbered_label(&whole.label, number);
        let mut disc = Output {
            form: whole.form,
            description: whole.description.clone(),
            label,
            date: whole.date,
            root,
            boot: if number == 1 { whole.boot.clone() } else { Vec::new() },
            capacity: Some(self.capacity),
            entries: Vec::new(),
            secret_content: whole.secret_content.clone(),
            disc: None,
        };
        if number > 1 {
            disc.description.retain(|(key, _)| ![lists::PROMPT, lists::PRESTART].contains(key));
        }
        disc.description.extend([("set", self.id.clone()), ("disc", number.to_string())]);
        if number == n_discs {
            disc.description.push(("discs", n_discs.to_string()));
        }
        for (path, content) in own_files(&disc.label, self.media.autorun && number == 1, &disc.root) {
            if !disc.root.replace(path, content.clone()) {
                disc.root.insert(path, content).map_err(|misplaced| misplaced_on(number, path, &misplaced))?;
            }
        }
        let mut parts = Vec::new();
        for entry in &self.media.entries {
            let is_here = disc.root.get(&entry.path);
            if is_here.is_none() && !(entry.path == "." && number == 1) {
                continue;
            }
            disc.entries.push(entry.clone());
            if let (Some(here), Some(whole)) = (is_here, self.media.root.get(&entry.path)) {
                let ((n_files, len), all) = (tally(here), tally(whole));
                parts.push(DiscPart { title: entry.title.clone(), n_files, len, is_whole: (n_files, len) == all });
            }
        }
        let (n_files, len) = tally_of(&disc.root);
        disc.disc =
            Some(SetDisc { set: self.id.clone(), number, n_discs, capacity: self.capacity, n_files, len, parts });
        Ok(disc)
    }
}

/// Returns the package that the prestart command runs in, which the disc that starts has to have.
fn prestart_package(media: &Media) -> Option<(String, Node)> {
    let (_, folder) = media.words.iter().find(|(key, _)| *key == lists::PRESTART)?;
    let path = folder.replace('\\', "/");
    let node = media.root.get(&path)?.clone();
    Some((path, node))
}

/// Tells a set from every other one, and follows from nothing that a change of its content changes.
fn id(whole: &Output) -> String {
    let mut text = format!("tsmedia set\n{}\n{}\n", whole.label, whole.date.unix());
    let lasting = whole.description.iter().filter(|(key, _)| *key != lists::PROMPT);
    lasting.for_each(|(key, value)| text += &format!("{key}\n{value}\n"));
    Digest::hash(text.as_bytes()).to_string()[..16].to_owned()
}

/// `win11.iso` as `win11.2.iso`.
pub(super) fn numbered(path: &str, number: usize) -> String {
    match path.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{number}.{extension}"),
        None => format!("{path}.{number}"),
    }
}

/// `WIN11 BER` as `WIN11 BER 2`; a label that is too long with its number is cut.
fn numbered_label(label: &str, number: usize) -> String {
    let number = format!(" {number}");
    let mut room = MAX_LABEL - number.len();
    let fits = |c: &char| match room.checked_sub(c.len_utf16()) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    };
    let cut: String = label.chars().take_while(fits).collect();
    format!("{}{number}", cut.trim_end())
}

fn tally(node: &Node) -> (u64, u64) {
    match node {
        Node::File(content) => (1, content.len()),
        Node::Folder(folder) => tally_of(folder),
    }
}

/// How many files there are in a folder, and how many bytes they have.
fn tally_of(folder: &Folder) -> (u64, u64) {
    folder.iter().map(|(_, node)| tally(node)).fold((0, 0), |(n, len), of| (n + of.0, len + of.1))
}

fn misplaced_on(number: usize, path: &str, misplaced: &Misplaced) -> Error {
    let why = match misplaced {
        Misplaced::Taken(by) => format!("`{by}` is there already"),
        Misplaced::BadName(bad) => bad.to_string(),
    };
    Error::new(format!("`{path}` has no place on disc {number}: {why}"))
}

/// Everything that need not be on the first disc.
struct Packages<'a> {
    packages: Vec<(String, &'a Node)>,
    things: Vec<Thing>,
    /// Of each thing, the package that it belongs to.
    of: Vec<usize>,
    /// Of each package, whether it is more than one thing.
    is_divided: Vec<bool>,
    folders: Vec<Shared>,
}

impl<'a> Packages<'a> {
    fn new(media: &'a Media, set: &Set) -> Self {
        let packages = in_order(media);
        let mut all = Self {
            packages: Vec::new(),
            things: Vec::new(),
            of: Vec::new(),
            is_divided: Vec::new(),
            folders: Vec::new(),
        };
        for (path, node) in packages {
            let len = size_bound::node(&path, node);
            let n_things = all.things.len();
            match node {
                Node::Folder(folder) if len > set.room.flow() => {
                    let is_one = set.room.others + len <= set.room.capacity && has_large(&path, folder, &set.room);
                    if is_one {
                        all.things.push(thing(&path, len, None, &set.room));
                    } else {
                        all.divide(&path, folder, None, &set.room);
                    }
                    all.is_divided.push(!is_one);
                }
                _ => {
                    all.things.push(thing(&path, len, None, &set.room));
                    all.is_divided.push(false);
                }
            }
            if let Some(last) = all.things[n_things..].last_mut() {
                last.ends = len;
            }
            all.of.resize(all.things.len(), all.packages.len());
            all.packages.push((path, node));
        }
        all
    }

    /// Each file and each empty folder by itself.
    fn divide(&mut self, path: &str, folder: &Folder, parent: Option<usize>, room: &Room) {
        self.folders.push(Shared { len: size_bound::folder(path), parent });
        let own = Some(self.folders.len() - 1);
        for (name, node) in folder.iter() {
            let path = format!("{path}/{}", name.as_str());
            match node {
                Node::Folder(below) if below.iter().len() > 0 => self.divide(&path, below, own, room),
                _ => self.things.push(thing(&path, size_bound::node(&path, node), own, room)),
            }
        }
    }

    /// Puts things on discs, given the numbers of those of each.
    fn put_on(&self, roots: &mut [Folder], filled: &[Vec<usize>]) -> Result<()> {
        let mut disc_of = vec![None; self.things.len()];
        for (disc, things) in filled.iter().enumerate() {
            things.iter().for_each(|thing| disc_of[*thing] = Some(disc));
        }
        let mut next = 0;
        for (package, (path, node)) in self.packages.iter().enumerate() {
            let n_things = self.of[next..].iter().take_while(|of| **of == package).count();
            let mut discs = disc_of[next..next + n_things].iter().copied();
            next += n_things;
            let parts = match node {
                Node::Folder(folder) if self.is_divided[package] => {
                    divided(folder, &mut discs).into_iter().map(|(disc, part)| (disc, Node::Folder(part))).collect()
                }
                _ => discs.flatten().map(|disc| (disc, (*node).clone())).collect::<Vec<_>>(),
            };
            for (disc, part) in parts {
                let put = match part {
                    Node::File(content) => roots[disc].insert(path, content),
                    Node::Folder(folder) => roots[disc].merge(path, folder).map(drop),
                };
                put.map_err(|misplaced| misplaced_on(disc + 1, path, &misplaced))?;
            }
        }
        Ok(())
    }
}

fn thing(path: &str, len: u64, folder: Option<usize>, room: &Room) -> Thing {
    let hash = u64::from_le_bytes(Digest::hash(path.as_bytes()).0[..8].try_into().unwrap_or_default());
    Thing { len, folder, floats: len > room.flow(), ends: len, hash }
}

fn has_large(path: &str, folder: &Folder, room: &Room) -> bool {
    folder.iter().any(|(name, node)| {
        let path = format!("{path}/{}", name.as_str());
        match node {
            Node::File(content) => size_bound::file(&path, content.len()) > room.flow(),
            Node::Folder(folder) => has_large(&path, folder, room),
        }
    })
}

/// A folder as it is on each disc, given the discs of its files and empty folders in their order. A folder that is
/// on one disc as a whole is shared, not copied.
fn divided(folder: &Arc<Folder>, discs: &mut dyn Iterator<Item = Option<usize>>) -> Vec<(usize, Arc<Folder>)> {
    let mut parts: BTreeMap<usize, Folder> = BTreeMap::new();
    let mut is_whole = true;
    for (name, node) in folder.iter() {
        let below = match node {
            Node::Folder(below) if below.iter().len() > 0 => {
                let parts = divided(below, discs);
                parts.into_iter().map(|(disc, part)| (disc, Node::Folder(part))).collect()
            }
            _ => discs.next().flatten().map(|disc| vec![(disc, node.clone())]).unwrap_or_default(),
        };
        is_whole &= match (&below[..], node) {
            ([(_, Node::Folder(part))], Node::Folder(all)) => Arc::ptr_eq(part, all),
            ([_], Node::File(_)) => true,
            _ => false,
        };
        for (disc, part) in below {
            parts.entry(disc).or_default().put(name.clone(), part);
        }
    }
    match parts.len() {
        1 if is_whole => parts.into_keys().map(|disc| (disc, Arc::clone(folder))).collect(),
        _ => parts.into_iter().map(|(disc, part)| (disc, Arc::new(part))).collect(),
    }
}

/// The packages in the order of the manifest; then those that no entry names, in the order of the tree.
fn in_order(media: &Media) -> Vec<(String, &Node)> {
    let Some(Node::Folder(folder)) = media.root.get(PACKAGES) else { return Vec::new() };
    let on_first = prestart_package(media).map(|(path, _)| path);
    let mut packages: Vec<_> =
        folder.iter().map(|(name, node)| (format!("{PACKAGES}/{}", name.as_str()), node)).collect();
    packages.retain(|(path, _)| on_first.as_ref().is_none_or(|first| !first.eq_ignore_ascii_case(path)));
    let rank = |path: &str| {
        let folded = path.to_uppercase();
        let is_of = |entry: &str| {
            let entry = entry.to_uppercase();
            entry.strip_prefix(&folded).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        media.entries.iter().position(|entry| is_of(&entry.path)).unwrap_or(usize::MAX)
    };
    packages.sort_by_cached_key(|(path, _)| rank(path));
    packages
}

#[cfg(test)]
mod tests;
