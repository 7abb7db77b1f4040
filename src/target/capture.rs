//! A capture that a manifest with `[capture]` requests for one site.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::date::Date;
use crate::digest::Digest;
use crate::error::Result;
use crate::format::partitions::Selection;
use crate::format::wim::capture::{ContentCompression, Exclusions};
use crate::manifest::CaptureTable;
use crate::output::FORMAT_VERSION;

use super::SourceSnapshot;

/// Everything that decides the bytes of a captured WIM file, with its sources as they were last seen.
#[derive(Clone, Debug)]
pub struct CaptureRequest {
    /// The sources, in the order of their images.
    pub sources: Vec<CaptureSource>,
    /// The table of the manifest.
    pub table: CaptureTable,
    /// Compression of contents.
    pub packing: ContentCompression,
    /// The files that are left out.
    pub exclusions: ExclusionList,
    /// An earlier capture whose unchanged contents are reused.
    pub update_from: Option<CaptureSource>,
    /// Creation time written into the images.
    pub date: Date,
    /// Everything else that decides the bytes, for people: key and value.
    pub description: BTreeMap<String, String>,
}

/// A source of a capture.
#[derive(Clone, Debug)]
pub struct CaptureSource {
    /// Its name in plans and records, such as ``source `reference.qcow2` ``.
    pub title: String,
    /// Its path.
    pub path: Utf8PathBuf,
    /// The name of its image, if the author gives one.
    pub name: Option<String>,
    /// The partitions of a disk that are captured.
    pub partitions: Selection,
    /// Other files that a virtual disk may name.
    pub references: Vec<Utf8PathBuf>,
    /// Its state when it was last looked at.
    pub seen: SourceSnapshot,
}

/// Files that are left out of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExclusionList {
    /// Those that Windows' own capture leaves out.
    Windows,
    /// None.
    Nothing,
    /// Those that a file lists.
    Listed(Utf8PathBuf),
}

impl ExclusionList {
    /// The list as the capture of one image takes it.
    pub fn exclusions(&self) -> Exclusions<'_> {
        match self {
            Self::Windows => Exclusions::Windows,
            Self::Nothing => Exclusions::None,
            Self::Listed(path) => Exclusions::File(path),
        }
    }
}

impl CaptureRequest {
    /// Digest of everything that decides the bytes, as far as names, sizes and times show it. The record keeps it.
    pub fn id(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        text("tsmedia capture");
        text(&FORMAT_VERSION.to_string());
        text(&self.date.unix().to_string());
        self.description.iter().for_each(|(key, value)| [key, value].into_iter().for_each(|it| text(it)));
        for source in self.all() {
            text(&source.title);
            text(&source.seen.listing.to_string());
        }
        Digest(*hasher.finalize().as_bytes())
    }

    /// Digest that also covers what only this machine knows of the sources. The cache keeps it.
    pub fn id_here(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"tsmedia capture here");
        hasher.update(&self.id().0);
        self.all().for_each(|source| {
            hasher.update(&source.seen.stats.0);
        });
        Digest(*hasher.finalize().as_bytes())
    }

    /// The sources, and the earlier capture.
    pub fn all(&self) -> impl Iterator<Item = &CaptureSource> {
        self.sources.iter().chain(&self.update_from)
    }

    /// Length of the sources in bytes.
    pub fn len(&self) -> u64 {
        self.sources.iter().map(|source| source.seen.len).sum()
    }

    /// `true` if the sources have no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Time of the latest change of any source, in nanoseconds since 1970.
    pub fn newest_ns(&self) -> i64 {
        self.all().map(|source| source.seen.newest_ns).max().unwrap_or(0)
    }

    /// Looks at the sources again.
    pub fn look_again(&self) -> Result<Self> {
        let mut request = self.clone();
        for source in request.sources.iter_mut().chain(&mut request.update_from) {
            source.seen = SourceSnapshot::of(&source.path, &source.references)?.0;
        }
        Ok(request)
    }
}
