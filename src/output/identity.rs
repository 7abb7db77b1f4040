//! Identity of an output: one digest of everything that decides its bytes.
//!
//! The identity of a medium covers the format version, label, date, description, every file's path, length and digest,
//! empty folders, the folders that are kept together, the capacity and the boot images. For files that depend on
//! secrets it covers only the length, so that it can be stored and shown; [`Output::secrets`] covers the rest. Equal
//! identities and equal secrets mean equal bytes, which is how a plan decides to keep a medium. The medium stores the
//! identity as its volume identifier, and both digests in `tsmedia/medium.toml`.

use std::collections::BTreeSet;

use super::{FORMAT_VERSION, Output};
use crate::content::{Content, Source, SourceKey};
use crate::digest::{Digest, Digests};
use crate::error::Result;
use crate::firmware::Firmware;
use crate::layout::{Extent, Layout, Piece, Region};
use crate::source::hash_layout;
use crate::volume::{BootEntry, Node};

/// Digests of an output's files and boot images, as far as known.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Digest of everything that decides the bytes. `None` while the digest of a source is missing.
    pub id: Option<Digest>,
    /// Files, in the order of [`Folder::files`](crate::volume::Folder::files).
    pub files: Vec<IdentityFile>,
    /// Boot images, in the order of the boot catalog.
    pub boot: Vec<BootImage>,
}

/// File of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFile {
    /// Path on the medium, from the root.
    pub path: String,
    /// Length in bytes.
    pub len: u64,
    /// BLAKE3 digest, if known.
    pub blake3: Option<Digest>,
}

/// Boot image of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootImage {
    /// Firmware that it is for.
    pub firmware: Firmware,
    /// Digest of its layout and contents.
    pub blake3: Digest,
}

impl BootImage {
    /// Digest of a boot image that consists of one whole file.
    pub fn digest_of_file(len: u64, blake3: Digest) -> Digest {
        let mut hasher = FieldHasher::default();
        hasher.number(len);
        hasher.extent(0, len, blake3);
        hasher.finish()
    }
}

impl Output {
    /// Computes the identity. `digests` returns the known digests of sources. Boot images are read, since they are
    /// small.
    pub fn identity(&self, digests: &dyn Fn(&SourceKey) -> Option<Digests>) -> Result<Identity> {
        let held = |(path, content): (String, &Content)| {
            let (len, blake3) = (content.len(), digest_of(content, digests));
            IdentityFile { path, len, blake3 }
        };
        let boot = self.boot_images(digests)?;
        let files = self.root.files().into_iter().map(held).collect();
        Ok(Identity { id: self.id(&boot, digests), files, boot })
    }

    /// Computes the digests of the boot images.
    pub fn boot_images(&self, digests: &dyn Fn(&SourceKey) -> Option<Digests>) -> Result<Vec<BootImage>> {
        let boot_image =
            |entry: &BootEntry| Ok(BootImage { firmware: entry.firmware, blake3: boot_digest(&entry.image, digests)? });
        self.boot.iter().map(boot_image).collect()
    }

    /// Computes the digest of everything public that decides the bytes, given the boot images. `None` if the digest of
    /// a source is missing. Allocates no list of files, since most runs need only this digest.
    pub fn id(&self, boot: &[BootImage], digests: &dyn Fn(&SourceKey) -> Option<Digests>) -> Option<Digest> {
        let mut hasher = FieldHasher::default();
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
                let depends_on_secrets = self.depends_on_secrets(path);
                let blake3 = if depends_on_secrets { None } else { digest_of(content, digests) };
                known &= blake3.is_some() || depends_on_secrets;
                hasher.text(path);
                hasher.number(content.len());
                hasher.digest(blake3);
            }
            Node::Folder(folder) if folder.iter().len() == 0 => empty_folders.push(path.to_owned()),
            Node::Folder(_) => {}
        });
        hasher.number(empty_folders.len() as u64);
        empty_folders.iter().for_each(|path| hasher.text(path));
        // The folders kept together and the capacity affect placement.
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
        Content::Bytes(bytes) => Some(Digest::hash(bytes)),
        Content::Source(source) => digests(&source.key()).map(|digests| digests.blake3),
    }
}

/// Computes the digest of a boot image. It depends on the contents of its sources, not on their paths.
fn boot_digest(image: &Layout, digests: &dyn Fn(&SourceKey) -> Option<Digests>) -> Result<Digest> {
    let mut hasher = FieldHasher::default();
    hasher.number(image.len());
    for extent in image.extents() {
        let digest = match &extent.piece {
            Piece::Bytes(bytes) => Digest::hash(bytes),
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

/// Hashes fields with unambiguous boundaries. Fields are buffered, since hashing a few bytes at a time is slow.
#[derive(Default)]
pub(super) struct FieldHasher {
    hasher: blake3::Hasher,
    gathered: Vec<u8>,
}

const GATHERED_LEN: usize = 64 << 10;

impl FieldHasher {
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
