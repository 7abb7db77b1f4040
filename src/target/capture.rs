//! A capture requested by a manifest with `[capture]`, for one site.

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

/// Everything that determines a captured WIM file, with snapshots of its sources.
#[derive(Clone, Debug)]
pub struct CaptureRequest {
    /// Sources, in the order of their images.
    pub sources: Vec<CaptureSource>,
    /// Table `[capture]` of the manifest.
    pub table: CaptureTable,
    /// Compression of file contents.
    pub packing: ContentCompression,
    /// Files to leave out.
    pub exclusions: ExclusionList,
    /// Earlier capture whose unchanged contents are reused.
    pub update_from: Option<CaptureSource>,
    /// Creation time of the images.
    pub date: Date,
    /// All other settings that affect the bytes, as readable keys and values.
    pub description: BTreeMap<String, String>,
}

/// A source of a capture.
#[derive(Clone, Debug)]
pub struct CaptureSource {
    /// Name in plans and records, such as ``source `reference.qcow2` ``.
    pub title: String,
    /// Path of the source.
    pub path: Utf8PathBuf,
    /// Name of the image, if set by the author.
    pub name: Option<String>,
    /// Partitions of a disk to capture.
    pub partitions: Selection,
    /// Other files that a virtual disk may refer to.
    pub references: Vec<Utf8PathBuf>,
    /// State when last examined.
    pub seen: SourceSnapshot,
}

/// Files to leave out of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExclusionList {
    /// Files that Windows' own capture leaves out.
    Windows,
    /// No files.
    Nothing,
    /// Files listed in a file.
    Listed(Utf8PathBuf),
}

impl ExclusionList {
    /// Returns the list in the form that the capture of one image needs.
    pub fn exclusions(&self) -> Exclusions<'_> {
        match self {
            Self::Windows => Exclusions::Windows,
            Self::Nothing => Exclusions::None,
            Self::Listed(path) => Exclusions::File(path),
        }
    }
}

impl CaptureRequest {
    /// Returns a digest of everything that determines the bytes, as far as names, sizes and times
    /// show. Stored in the record.
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
        for source in self.all_sources() {
            text(&source.title);
            text(&source.seen.listing.to_string());
        }
        Digest(*hasher.finalize().as_bytes())
    }

    /// Returns a digest that also covers machine-specific properties of the sources. Stored in the
    /// cache.
    pub fn local_id(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"tsmedia capture here");
        hasher.update(&self.id().0);
        self.all_sources().for_each(|source| {
            hasher.update(&source.seen.stats.0);
        });
        Digest(*hasher.finalize().as_bytes())
    }

    /// Returns the sources and the earlier capture.
    pub fn all_sources(&self) -> impl Iterator<Item = &CaptureSource> {
        self.sources.iter().chain(&self.update_from)
    }

    /// Returns the total length of the sources in bytes.
    pub fn len(&self) -> u64 {
        self.sources.iter().map(|source| source.seen.len).sum()
    }

    /// Returns `true` if the sources have no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the time of the latest change of any source, in nanoseconds since 1970.
    pub fn newest_ns(&self) -> i64 {
        self.all_sources().map(|source| source.seen.newest_ns).max().unwrap_or(0)
    }

    /// Examines the sources again.
    pub fn refresh(&self) -> Result<Self> {
        let mut request = self.clone();
        for source in request.sources.iter_mut().chain(&mut request.update_from) {
            source.seen = SourceSnapshot::take(&source.path, &source.references)?.0;
        }
        Ok(request)
    }
}
