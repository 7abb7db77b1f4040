//! What decides an output's bytes, as one digest.
//!
//! The identity of a medium covers the format version, label, date, description, every file's path, length and
//! digest, empty folders, which folders are kept together, the capacity and the boot images. Of files that depend on
//! secrets it covers the length only, so that it may be kept and shown: [`Output::secrets`] covers the rest. Equal
//! identities and equal secrets mean equal bytes, so they decide whether there is anything to do; the medium bears the
//! identity as its volume identifier, and both in `tsmedia/medium.toml`.

use std::collections::BTreeSet;

use super::{FORMAT_VERSION, Output};
use crate::content::{Content, Source, SourceKey};
use crate::digest::{Digest, Digests};
use crate::error::Result;
use crate::firmware::Firmware;
use crate::layout::{Extent, Layout, Piece, Region};
use crate::source::hash_layout;
use crate::volume::{BootEntry, Node};

/// What an output holds, by digest as far as they are known.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The digest of everything that decides the bytes, if all of it is known.
    pub id: Option<Digest>,
    /// The files, in the order of [`Folder::files`](crate::volume::Folder::files).
    pub files: Vec<Held>,
    /// The boot images, in the order of the boot catalog.
    pub boot: Vec<BootImage>,
}

/// A file that an output holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its path on the medium, from the root.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// Its digest, if it is known.
    pub blake3: Option<Digest>,
}

/// A boot image that an output holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootImage {
    /// The firmware that it is for.
    pub firmware: Firmware,
    /// Its digest.
    pub blake3: Digest,
}

impl BootImage {
    /// The digest of a boot image that is one whole file.
    pub fn digest_of_file(len: u64, blake3: Digest) -> Digest {
        let mut hasher = Fields::default();
        hasher.number(len);
        hasher.extent(0, len, blake3);
        hasher.finish()
    }
}

impl Output {
    /// What the output holds. `digests` says what is known of sources; boot images are small, and read.
    pub fn identity(&self, digests: &dyn Fn(&SourceKey) -> Option<Digests>) -> Result<Identity> {
        let held = |(path, content): (String, &Content)| {
            let (len, blake3) = (content.len(), digest_of(content, digests));
            Held { path, len, blake3 }
        };
        let boot = self.boot_images(digests)?;
        let files = self.root.files().into_iter().map(held).collect();
        Ok(Identity { id: self.id(&boot, digests), files, boot })
    }

    /// The boot images of its identity.
    pub fn boot_images(&self, digests: &dyn Fn(&SourceKey) -> Option<Digests>) -> Result<Vec<BootImage>> {
        let boot_image =
            |entry: &BootEntry| Ok(BootImage { firmware: entry.firmware, blake3: boot_digest(&entry.image, digests)? });
        self.boot.iter().map(boot_image).collect()
    }

    /// The digest of everything in the open that decides the bytes, if all of it is known: `boot` are its boot images. Nothing
    /// is kept of what it holds: most runs ask no more than this.
    pub fn id(&self, boot: &[BootImage], digests: &dyn Fn(&SourceKey) -> Option<Digests>) -> Option<Digest> {
        let mut hasher = Fields::default();
        hasher.text("tsmedia medium");
        hasher.number(u64::from(FORMAT_VERSION));
        hasher.text(&self.label);
        hasher.number(self.date.unix());
        hasher.number(self.description.len() as u64);
        for (key, value) in &self.description {
            hasher.text(key);
            hasher.text(value);
        }
        hasher.number(self.root.n_files());
        let mut known = true;
        let mut empty_folders = Vec::new();
        self.root.visit(&mut |path, node| match node {
            Node::File(content) => {
                let is_veiled = self.is_veiled(path);
                let blake3 = if is_veiled { None } else { digest_of(content, digests) };
                known &= blake3.is_some() || is_veiled;
                hasher.text(path);
                hasher.number(content.len());
                hasher.digest(blake3);
            }
            Node::Folder(folder) if folder.iter().len() == 0 => empty_folders.push(path.to_owned()),
            Node::Folder(_) => {}
        });
        hasher.number(empty_folders.len() as u64);
        empty_folders.iter().for_each(|path| hasher.text(path));
        // Parts and capacity decide places.
        let parts: BTreeSet<_> = self.entries.iter().map(|entry| entry.path.as_str()).collect();
        hasher.number(parts.len() as u64);
        parts.iter().for_each(|path| hasher.text(path));
        hasher.number(self.capacity.map_or(u64::MAX, |capacity| capacity.0));
        hasher.number(boot.len() as u64);
        for image in boot {
            hasher.number(image.firmware as u64);
            hasher.digest(Some(image.blake3));
        }
        known.then(|| hasher.finish())
    }
}

fn digest_of(content: &Content, digests: &dyn Fn(&SourceKey) -> Option<Digests>) -> Option<Digest> {
    match content {
        Content::Bytes(bytes) => Some(Digest::of(bytes)),
        Content::Source(source) => digests(&source.key()).map(|digests| digests.blake3),
    }
}

/// The digest of a boot image: of the sources in it only what the store knows or a read says, not their places.
fn boot_digest(image: &Layout, digests: &dyn Fn(&SourceKey) -> Option<Digests>) -> Result<Digest> {
    let mut hasher = Fields::default();
    hasher.number(image.len());
    for extent in image.extents() {
        let digest = match &extent.piece {
            Piece::Bytes(bytes) => Digest::of(bytes),
            Piece::Source { file, start } => match whole(file, *start, extent.len).and_then(|key| digests(&key)) {
                Some(digests) => digests.blake3,
                None => hash_layout(&Layout::new(extent.len, vec![Extent { offset: 0, ..extent.clone() }]))?,
            },
        };
        hasher.extent(extent.offset, extent.len, digest);
    }
    Ok(hasher.finish())
}

fn whole(source: &Source, start: u64, len: u64) -> Option<SourceKey> {
    (start == 0 && len == source.len()).then(|| source.key())
}

/// Hashes fields so that no two lists of fields are the same bytes. They are gathered first: hashing a few bytes at
/// a time costs more than hashing them.
#[derive(Default)]
pub(super) struct Fields {
    hasher: blake3::Hasher,
    gathered: Vec<u8>,
}

const GATHERED_LEN: usize = 64 << 10;

impl Fields {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED_LEN {
            self.hasher.update(&self.gathered);
            self.gathered.clear();
        }
    }

    pub(super) fn region(&mut self, region: &Region) {
        self.number(region.offset);
        self.number(region.len);
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn extent(&mut self, offset: u64, len: u64, digest: Digest) {
        self.number(offset);
        self.number(len);
        self.digest(Some(digest));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    fn digest(&mut self, digest: Option<Digest>) {
        self.bytes(&digest.map_or([0; 32], |digest| digest.0));
    }

    pub(super) fn finish(mut self) -> Digest {
        self.hasher.update(&self.gathered);
        Digest(*self.hasher.finalize().as_bytes())
    }
}
