//! The description of a medium as a WIM file: contents first, and when each has its place, what says where it is.

use std::collections::{HashMap, HashSet};

use super::super::header::{Resource, VERSION as FORMAT, WimHeader};
use super::super::metadata::{FileTime, ImageEntry, Metadata};
use super::super::table::{Blob, table_to_bytes};
use super::super::xml::{ImageXml, Xml};
use super::{CREATED_BY, MediumText, SEAL, VERSION, encode_seal, utf16};
use crate::content::Content;
use crate::digest::{Digests, Sha1};
use crate::error::{Error, Result};
use crate::format::slack::{ArrangedItem, ArrangementOrder, Rooms};
use crate::format::tree::{ItemKind, Tree};
use crate::layout::{Extent, Layout, Slack};
use crate::limits::MAX_WIM_DEPTH;
use crate::volume::{Folder, Node, Volume};

/// ItemKind room is counted in. Small enough to lose little behind small files, and large enough that a file that grows
/// by a line seldom moves the next one.
const UNIT: u64 = 512;

/// Where contents start.
const CONTENTS: u64 = 4_096;

/// Files from here on are large: each has a slot.
const LARGE: u64 = 1 << 20;

/// A content with its place.
struct PlacedBlob<'a> {
    content: &'a Content,
    offset: u64,
    n_refs: u32,
}

/// The WIM file of a volume. Contents of files are the same where they are the same value: whoever wants equal bytes to
/// be stored once gives those files clones of one [`Content`]. Boot entries are not written.
///
/// # Errors
///
/// When a folder is too deep, or two contents that are not one value have the same SHA-1.
pub fn layout(volume: &Volume, slack: Slack, words: &MediumText) -> Result<Layout> {
    let rooms = Rooms::new(slack, UNIT);
    let tree = Tree::new(&volume.root);
    let order = ArrangementOrder::new(&tree, &volume.parts, rooms);
    let mut end = CONTENTS;
    let mut blobs = Vec::new();
    place_contents(&tree, &order, ContentOrigin::Elsewhere, &mut end, &mut blobs);
    if slack == Slack::Ample {
        end = end.next_multiple_of(structure_granule(end));
    }
    place_contents(&tree, &order, ContentOrigin::Here, &mut end, &mut blobs);

    let sha1s = content_sha1s(&blobs, words)?;
    let metadata = build_metadata(volume, &sha1s)?.to_bytes();
    let mut extents: Vec<_> = blobs.iter().map(|blob| Extent::new(blob.content, blob.offset)).collect();
    let stored = |offset: u64, bytes: &[u8], flags: u8| Resource::stored(offset, bytes.len() as u64, flags);
    let of_metadata = stored(end, &metadata, Resource::METADATA);
    end += len_with_room(rooms, of_metadata.len);
    let mut table: Vec<_> = blobs.iter().map(|blob| blob_entry(blob, &sha1s)).collect();
    table.push(Blob { resource: of_metadata, part: 1, n_refs: 1, sha1: Sha1::hash(&metadata).0 });
    let table = table_to_bytes(&table);
    let of_table = stored(end, &table, 0);
    end += len_with_room(rooms, of_table.len);
    let total_len = of_table.offset + of_table.len;
    let mut xml = build_xml(volume, &tree, words);
    xml.total_len = Some(total_len);
    let xml = xml.to_bytes();
    let of_xml = stored(end, &xml, 0);
    let header = WimHeader {
        version: FORMAT,
        flags: 0,
        chunk_len: 0,
        guid: *volume.id.0.first_chunk().unwrap_or(&[0; 16]),
        part: 1,
        n_parts: 1,
        n_images: 1,
        table: of_table,
        xml: of_xml,
        boot_metadata: Resource::default(),
        boot_index: 0,
        integrity: Resource::default(),
    };
    let mut put = |bytes: &[u8], offset: u64| extents.push(Extent::new(&Content::bytes(bytes), offset));
    put(&header.to_bytes(), 0);
    put(&metadata, of_metadata.offset);
    put(&table, of_table.offset);
    // ItemKind the XML has for the seal is put there apart, for whoever knows the digest to find it.
    let at = find_seal(&xml).ok_or_else(|| Error::new("the XML has no place for the digest of the structure"))?;
    let (before, after) = (&xml[..at], &xml[at + words.seal.len() as usize..]);
    put(before, of_xml.offset);
    put(after, of_xml.offset + at as u64 + words.seal.len());
    extents.push(Extent::new(words.seal, of_xml.offset + at as u64));
    Ok(Layout::new(of_xml.offset + of_xml.len, extents))
}

/// Where the bytes of a file are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ContentOrigin {
    /// They come from a source.
    Elsewhere,
    /// They are ours.
    Here,
}

/// Gives the contents that are made here, or the others, their places from `end` on.
fn place_contents<'a>(
    tree: &Tree<'a>,
    order: &ArrangementOrder,
    made: ContentOrigin,
    end: &mut u64,
    blobs: &mut Vec<PlacedBlob<'a>>,
) {
    let mut first: HashMap<usize, usize> = HashMap::new();
    let mut n_refs: HashMap<usize, u32> = HashMap::new();
    let mut things = Vec::new();
    for (item, content) in files(tree) {
        let is_here = matches!(content, Content::Bytes(_));
        if content.is_empty() || is_here != (made == ContentOrigin::Here) {
            continue;
        }
        let first = *first.entry(content_address(content)).or_insert(item);
        *n_refs.entry(first).or_insert(0) += 1;
        if first == item {
            let is_alone = is_here || content.len() >= LARGE;
            things.push(ArrangedItem { item, n_units: content.len().div_ceil(UNIT), is_alone });
        }
    }
    let contents: HashMap<usize, &Content> = files(tree).collect();
    let arrangement = order.arrange(things);
    for (item, unit) in arrangement.places {
        if let (Some(content), Some(n_refs)) = (contents.get(&item), n_refs.get(&item)) {
            blobs.push(PlacedBlob { content, offset: *end + unit * UNIT, n_refs: *n_refs });
        }
    }
    *end += order.rooms().room_for(arrangement.n_units) * UNIT;
}

/// The files of a tree by number.
fn files<'a>(tree: &Tree<'a>) -> impl Iterator<Item = (usize, &'a Content)> {
    tree.items().iter().enumerate().filter_map(|(item, it)| match it.what {
        ItemKind::File(content) => Some((item, content)),
        ItemKind::Folder { .. } => None,
    })
}

/// Structures start at a multiple of so many bytes: between 64 KiB and 16 MiB, more with more contents before them, so
/// that little is lost and few changes of the contents reach them.
fn structure_granule(contents_end: u64) -> u64 {
    (contents_end / 256).next_power_of_two().clamp(64 << 10, 16 << 20)
}

fn len_with_room(rooms: Rooms, len: u64) -> u64 {
    rooms.room_for(len.div_ceil(UNIT)) * UNIT
}

/// The SHA-1 of each content, by its address.
fn content_sha1s(blobs: &[PlacedBlob], words: &MediumText) -> Result<HashMap<usize, Sha1>> {
    let mut sha1s = HashMap::with_capacity(blobs.len());
    let mut seen = HashSet::with_capacity(blobs.len());
    for PlacedBlob { content, .. } in blobs {
        let sha1 = match content {
            Content::Bytes(bytes) => Sha1::hash(bytes),
            Content::Source(source) => words.sha1s.get(&source.key()).copied().unwrap_or(Sha1([0; 20])),
        };
        if sha1 != Sha1([0; 20]) && !seen.insert(sha1) {
            return Err(Error::new("two contents with the same SHA-1 were taken for different ones")
                .help("run it again, and report it if it stays: this is a mistake of tsmedia"));
        }
        sha1s.insert(content_address(content), sha1);
    }
    Ok(sha1s)
}

fn content_address(content: &Content) -> usize {
    match content {
        Content::Bytes(bytes) => bytes.as_ptr() as usize,
        Content::Source(source) => std::sync::Arc::as_ptr(source) as usize,
    }
}

fn blob_entry(blob: &PlacedBlob, sha1s: &HashMap<usize, Sha1>) -> Blob {
    let sha1 = sha1s.get(&content_address(blob.content)).map_or([0; 20], |sha1| sha1.0);
    let resource = Resource::stored(blob.offset, blob.content.len(), 0);
    Blob { resource, part: 1, n_refs: blob.n_refs, sha1 }
}

fn build_metadata(volume: &Volume, sha1s: &HashMap<usize, Sha1>) -> Result<Metadata> {
    let times = [FileTime::from(volume.date); 3];
    let root = ImageEntry { times, children: build_children(&volume.root, times, sha1s, 0)?, ..ImageEntry::default() };
    Ok(Metadata { security: Vec::new(), root })
}

fn build_children(
    folder: &Folder,
    times: [FileTime; 3],
    sha1s: &HashMap<usize, Sha1>,
    depth: usize,
) -> Result<Vec<ImageEntry>> {
    let mut entries = Vec::with_capacity(folder.iter().len());
    for (name, node) in folder.iter() {
        let mut entry = ImageEntry { name: name.as_str().encode_utf16().collect(), times, ..ImageEntry::default() };
        match node {
            Node::Folder(_) if depth == MAX_WIM_DEPTH => {
                return Err(Error::new(format!(
                    "the folder `{name}` is below {MAX_WIM_DEPTH} others, and no reader goes there"
                ))
                .about(name.as_str())
                .help("shorten its path"));
            }
            Node::Folder(below) => {
                let below = build_children(below, times, sha1s, depth + 1);
                entry.children = below.map_err(|error| {
                    let path = format!("{name}/{}", error.subject().unwrap_or_default());
                    error.about(path)
                })?;
            }
            Node::File(content) => {
                entry.attributes = ImageEntry::NORMAL;
                entry.sha1 =
                    sha1s.get(&content_address(content)).filter(|_| !content.is_empty()).map_or([0; 20], |sha1| sha1.0);
            }
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn build_xml(volume: &Volume, tree: &Tree, words: &MediumText) -> Xml {
    let n_files = tree.items().len() as u64 - tree.n_folders();
    let len: u64 = (0..tree.items().len()).map(|item| tree.file_len(item)).sum();
    let mut image = ImageXml::default();
    // The root is not counted.
    image.set("DIRCOUNT", &(tree.n_folders() - 1).to_string());
    image.set("FILECOUNT", &n_files.to_string());
    image.set("TOTALBYTES", &len.to_string());
    image.set("HARDLINKBYTES", "0");
    image.set_time("CREATIONTIME", FileTime::from(volume.date).0);
    image.set_time("LASTMODIFICATIONTIME", FileTime::from(volume.date).0);
    image.set("NAME", &volume.label);
    let words_of_it = [("DESCRIPTION", words.comment), (CREATED_BY, words.created_by), (VERSION, words.version)];
    for (name, text) in words_of_it {
        if let Some(text) = text {
            image.set(name, text);
        }
    }
    image.set(SEAL, &Digests::NOT_YET.blake3.to_string());
    let mut xml = Xml::default();
    xml.images.push(image);
    xml
}

/// Where the seal is in the XML. Text of others has no `<`, so the element is no part of one.
pub(super) fn find_seal(xml: &[u8]) -> Option<usize> {
    let tag = utf16(&format!("<{SEAL}>"));
    let at = xml.windows(tag.len()).rposition(|bytes| bytes == tag)? + tag.len();
    (at + encode_seal(Digests::NOT_YET.blake3).len() <= xml.len()).then_some(at)
}
