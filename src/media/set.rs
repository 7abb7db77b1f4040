//! Divides a medium that exceeds one disc into a set of discs.
//!
//! The first disc has everything except packages (the content of `SMS\PKG`, apart from that of the
//! prestart command), so that it can start and programs on it find their files. Packages follow in
//! the order of the manifest. The set depends only on names and lengths, not on earlier discs;
//! nevertheless its discs change little between builds.
//!
//! # Placement
//!
//! * Packages are **flowing**: they fill the discs in order. A package of up to 1/16 of a disc is
//!   never divided; larger ones are placed file by file, and may span several discs.
//! * Files over 1/16 of a disc are **floating**, as in typesetting: they are placed with all of
//!   their package if a disc can hold it. If one does not fit, it becomes the first on the next
//!   disc, and later packages continue on the current one.
//! * **The end of a disc does not depend on later content.** In a window of 1/16 of a disc (which
//!   ends 1/64 before the capacity, to leave room for slack), the disc ends after the first file or
//!   package selected by a hash of its path, with a probability that grows with its length. So
//!   later content may change without changing the disc. If discs were filled completely, every
//!   change would move the ends of all later discs. An end selected by hash only moves if a change
//!   is larger than the distance between two candidates (1/64 of a disc on average), or happens
//!   near one. A disc whose start moved usually ends where it did before.
//!
//! There are exceptions: if no candidate is in the window, the disc ends before the first item that
//! does not fit; and a floating item that shrinks may move to an earlier disc. The last disc is
//! marked as such, so it changes if another one is added.
//!
//! Discs filled with flowing packages are at least 90 % full, 94 % on average; the rest is slack.
//! Sizes are [bounded from above](crate::output::size_bound) without a layout, so no disc is ever
//! too full; a disc that can't be laid out would be refused anyway.

mod fill;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{LABEL_FILE, Media, PACKAGES, own_files};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::output::{DiscPart, Output, Overflow, SetDisc, lists, size_bound};
use crate::size::Size;
use crate::volume::{Folder, Misplaced, Node};
use fill::{DiscRoom, SetItem, SharedFolder, fill};

/// Maximum number of discs of a set. A capacity that needs more is most likely a typo.
pub const MAX_DISCS: usize = 99;

/// Maximum length of a volume label that Windows shows, in characters.
const MAX_LABEL: usize = 32;

/// A medium that can't be divided into discs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// The required content of the first disc does not fit.
    Start(Overflow),
    /// A file does not fit on a disc: its path, and the overflow.
    File(String, Overflow),
    /// The set would need this many discs.
    Discs(usize),
}

/// Divides a medium into discs of a capacity.
pub fn split_into_discs(media: &Media, capacity: Size) -> Result<std::result::Result<Vec<Output>, TooLarge>> {
    let set = DiscSet::new(media, capacity)?;
    let packages = PackageItems::new(media, &set);
    if let Some(too_large) = set.too_large(&packages)? {
        return Ok(Err(too_large));
    }
    let filled = fill(&packages.items, &packages.folders, &set.room);
    if filled.len() > MAX_DISCS {
        return Ok(Err(TooLarge::Discs(filled.len())));
    }
    let mut roots = vec![set.first.root.clone()];
    roots.resize_with(filled.len(), Folder::default);
    packages.place_on_discs(&mut roots, &filled)?;
    let n_discs = roots.len();
    let mut discs = Vec::with_capacity(n_discs);
    for (index, root) in roots.into_iter().enumerate() {
        discs.push(set.disc(index + 1, n_discs, root)?);
    }
    Ok(Ok(discs))
}

/// Returns the maximum length of a file that certainly fits on a disc of the set, in bytes.
pub fn file_room(media: &Media, capacity: Size) -> Result<u64> {
    /// Overhead of a file and its folders, in bytes.
    const AROUND: u64 = 128 << 10;
    Ok(capacity.0.saturating_sub(DiscSet::new(media, capacity)?.room.others + AROUND))
}

/// Common properties of the discs of a set.
struct DiscSet<'a> {
    media: &'a Media,
    capacity: Size,
    id: String,
    /// The medium without its packages.
    first: Output,
    room: DiscRoom,
}

impl<'a> DiscSet<'a> {
    fn new(media: &'a Media, capacity: Size) -> Result<Self> {
        let mut first = Output::from(media.clone());
        first.root.remove(PACKAGES);
        if let Some((path, node)) = prestart_package(media) {
            let put = match node {
                Node::File(content) => first.root.insert(&path, content),
                Node::Folder(folder) => first.root.merge(&path, folder).map(drop),
            };
            put.map_err(|misplaced| misplaced_error(1, &path, &misplaced))?;
        }
        let room = DiscRoom { capacity: capacity.0, first: 0, others: 0 };
        let mut set = Self { media, capacity, id: set_id(&first), first, room };
        // Sizes of discs depend on their numbers, which are not known yet. Use the highest number,
        // for the longest possible disc.
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

    /// Returns the first content that is too large for a disc, by its size bound and then by its
    /// layout.
    fn too_large(&self, packages: &PackageItems) -> Result<Option<TooLarge>> {
        if self.room.first > self.capacity.0
            && let Some(overflow) = self.disc(1, 1, self.first.root.clone())?.overflow()?
        {
            return Ok(Some(TooLarge::Start(overflow)));
        }
        // Bounds may be too high, so lay out a disc with only the item before refusing it.
        for (index, item) in packages.items.iter().enumerate() {
            let mut needed = item.len;
            let mut above = item.folder;
            while let Some(folder) = above {
                needed += packages.folders[folder].len;
                above = packages.folders[folder].parent;
            }
            if self.room.others + needed <= self.capacity.0 {
                continue;
            }
            let mut roots = [Folder::default()];
            packages.place_on_discs(&mut roots, &[vec![index]])?;
            let [root] = roots;
            let path = root.files().into_iter().max_by_key(|(_, content)| content.len()).map(|(path, _)| path);
            if let Some(overflow) = self.disc(MAX_DISCS, MAX_DISCS, root)?.overflow()? {
                return Ok(Some(TooLarge::File(path.unwrap_or_default(), overflow)));
            }
        }
        Ok(None)
    }

    /// Creates a disc with the content `root`.
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
        // Only the first disc starts.
        if number > 1 {
            disc.description.retain(|(key, _)| ![lists::PROMPT, lists::PRESTART].contains(key));
        }
        disc.description.extend([("set", self.id.clone()), ("disc", number.to_string())]);
        // Only the last disc knows the number of discs; otherwise all would change when one is
        // added.
        if number == n_discs {
            disc.description.push(("discs", n_discs.to_string()));
        }
        for (path, content) in own_files(&disc.label, self.media.autorun && number == 1, &disc.root) {
            let placed = disc.root.replace_or_insert(path, content);
            placed.map_err(|misplaced| misplaced_error(number, path, &misplaced))?;
        }
        let mut parts = Vec::new();
        for entry in &self.media.entries {
            let is_here = disc.root.get(&entry.path);
            // Content with path `.` is spread over the root, which counts as being on the first
            // disc.
            if is_here.is_none() && !(entry.path == "." && number == 1) {
                continue;
            }
            disc.entries.push(entry.clone());
            if let (Some(here), Some(whole)) = (is_here, self.media.root.get(&entry.path)) {
                let ((n_files, len), all) = (count_node(here), count_node(whole));
                parts.push(DiscPart { title: entry.title.clone(), n_files, len, is_whole: (n_files, len) == all });
            }
        }
        let (n_files, len) = count_files(&disc.root);
        disc.disc =
            Some(SetDisc { set: self.id.clone(), number, n_discs, capacity: self.capacity, n_files, len, parts });
        Ok(disc)
    }
}

/// Returns the package that the prestart command runs in, which must be on the first disc.
fn prestart_package(media: &Media) -> Option<(String, Node)> {
    let (_, folder) = media.description.iter().find(|(key, _)| *key == lists::PRESTART)?;
    let path = folder.replace('\\', "/");
    let node = media.root.get(&path)?.clone();
    Some((path, node))
}

/// Returns an identifier of the set that does not change with its content.
fn set_id(whole: &Output) -> String {
    let mut text = format!("tsmedia set\n{}\n{}\n", whole.label, whole.date.unix());
    let lasting = whole.description.iter().filter(|(key, _)| *key != lists::PROMPT);
    lasting.for_each(|(key, value)| text += &format!("{key}\n{value}\n"));
    Digest::hash(text.as_bytes()).to_string()[..16].to_owned()
}

/// Inserts the number of a disc into a path: `win11.iso` becomes `win11.2.iso`.
pub(super) fn numbered(path: &str, number: usize) -> String {
    match path.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{number}.{extension}"),
        None => format!("{path}.{number}"),
    }
}

/// Appends the number of a disc to a label, which is shortened if necessary: `WIN11 BER` becomes
/// `WIN11 BER 2`.
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

fn count_node(node: &Node) -> (u64, u64) {
    match node {
        Node::File(content) => (1, content.len()),
        Node::Folder(folder) => count_files(folder),
    }
}

/// Returns the number of files in a folder, and their total length.
fn count_files(folder: &Folder) -> (u64, u64) {
    folder.iter().map(|(_, node)| count_node(node)).fold((0, 0), |(n, len), of| (n + of.0, len + of.1))
}

fn misplaced_error(number: usize, path: &str, misplaced: &Misplaced) -> Error {
    let why = match misplaced {
        Misplaced::Taken(by) => format!("its path is taken by `{by}`"),
        Misplaced::BadName(bad) => bad.to_string(),
    };
    Error::new(format!("`{path}` can't be placed on disc {number}: {why}"))
}

/// Content that need not be on the first disc.
struct PackageItems<'a> {
    packages: Vec<(String, &'a Node)>,
    items: Vec<SetItem>,
    /// Package of each item.
    of: Vec<usize>,
    /// For each package, `true` if it is divided into several items.
    is_divided: Vec<bool>,
    folders: Vec<SharedFolder>,
}

impl<'a> PackageItems<'a> {
    fn new(media: &'a Media, set: &DiscSet) -> Self {
        let packages = packages_in_order(media);
        let mut all = Self {
            packages: Vec::new(),
            items: Vec::new(),
            of: Vec::new(),
            is_divided: Vec::new(),
            folders: Vec::new(),
        };
        for (path, node) in packages {
            let len = size_bound::node(&path, node);
            let n_items = all.items.len();
            match node {
                Node::Folder(folder) if len > set.room.flow() => {
                    // Keep a package whole if it has a file that floats anyway, and a disc can hold
                    // all of it.
                    let is_one = set.room.others + len <= set.room.capacity && has_large(&path, folder, &set.room);
                    if is_one {
                        all.items.push(new_item(&path, len, None, &set.room));
                    } else {
                        all.divide(&path, folder, None, &set.room);
                    }
                    all.is_divided.push(!is_one);
                }
                _ => {
                    all.items.push(new_item(&path, len, None, &set.room));
                    all.is_divided.push(false);
                }
            }
            // A disc preferably ends after a whole package, so its last item counts for all of it.
            if let Some(last) = all.items[n_items..].last_mut() {
                last.ends = len;
            }
            all.of.resize(all.items.len(), all.packages.len());
            all.packages.push((path, node));
        }
        all
    }

    /// Adds each file and each empty folder of a package as an item.
    fn divide(&mut self, path: &str, folder: &Folder, parent: Option<usize>, room: &DiscRoom) {
        self.folders.push(SharedFolder { len: size_bound::folder(path), parent });
        let own = Some(self.folders.len() - 1);
        for (name, node) in folder.iter() {
            let path = format!("{path}/{}", name.as_str());
            match node {
                Node::Folder(below) if below.iter().len() > 0 => self.divide(&path, below, own, room),
                _ => self.items.push(new_item(&path, size_bound::node(&path, node), own, room)),
            }
        }
    }

    /// Places items on discs, given the item numbers of each disc.
    fn place_on_discs(&self, roots: &mut [Folder], filled: &[Vec<usize>]) -> Result<()> {
        let mut disc_of = vec![None; self.items.len()];
        for (disc, items) in filled.iter().enumerate() {
            items.iter().for_each(|item| disc_of[*item] = Some(disc));
        }
        // Items of a package are consecutive, in the order in which `divide` added them.
        let mut next = 0;
        for (package, (path, node)) in self.packages.iter().enumerate() {
            let n_items = self.of[next..].iter().take_while(|of| **of == package).count();
            let mut discs = disc_of[next..next + n_items].iter().copied();
            next += n_items;
            let parts = match node {
                Node::Folder(folder) if self.is_divided[package] => divide_folder(folder, &mut discs)
                    .into_iter()
                    .map(|(disc, part)| (disc, Node::Folder(part)))
                    .collect(),
                _ => discs.flatten().map(|disc| (disc, (*node).clone())).collect::<Vec<_>>(),
            };
            for (disc, part) in parts {
                let put = match part {
                    Node::File(content) => roots[disc].insert(path, content),
                    Node::Folder(folder) => roots[disc].merge(path, folder).map(drop),
                };
                put.map_err(|misplaced| misplaced_error(disc + 1, path, &misplaced))?;
            }
        }
        Ok(())
    }
}

fn new_item(path: &str, len: u64, folder: Option<usize>, room: &DiscRoom) -> SetItem {
    let hash = u64::from_le_bytes(Digest::hash(path.as_bytes()).0[..8].try_into().unwrap_or_default());
    SetItem { len, folder, floats: len > room.flow(), ends: len, hash }
}

fn has_large(path: &str, folder: &Folder, room: &DiscRoom) -> bool {
    folder.iter().any(|(name, node)| {
        let path = format!("{path}/{}", name.as_str());
        match node {
            Node::File(content) => size_bound::file(&path, content.len()) > room.flow(),
            Node::Folder(folder) => has_large(&path, folder, room),
        }
    })
}

/// Divides a folder, given the discs of its files and empty folders in order. A folder that is on
/// one disc as a whole is shared, not copied.
fn divide_folder(folder: &Arc<Folder>, discs: &mut dyn Iterator<Item = Option<usize>>) -> Vec<(usize, Arc<Folder>)> {
    let mut parts: BTreeMap<usize, Folder> = BTreeMap::new();
    let mut is_whole = true;
    for (name, node) in folder.iter() {
        let below = match node {
            Node::Folder(below) if below.iter().len() > 0 => {
                let parts = divide_folder(below, discs);
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

/// Returns the packages in the order of the manifest, followed by those without an entry in the
/// order of the tree.
fn packages_in_order(media: &Media) -> Vec<(String, &Node)> {
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
