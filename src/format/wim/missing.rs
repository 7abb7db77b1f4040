//! Contents of an image that are missing from its WIM file, as in delta WIMs, whose other contents
//! are in their base, and in `.esd` files of Windows Update, which share contents.
//!
//! Images refer to contents by SHA-1, and the blob table lists those in the file. Lengths are in
//! the table only, so those of missing contents are unknown.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::structure::WimStructure;
use crate::content::Source;
use crate::error::Result;

/// Missing contents of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MissingContents {
    /// Number of missing contents, without duplicates.
    pub n_missing: usize,
    /// Number of all contents of the image, without duplicates.
    pub n_contents: usize,
    /// Path of a file with missing contents, separated by `/`.
    pub example: String,
}

impl WimStructure {
    /// Contents of image `index`, from 1, that are missing from this WIM; `None` if there are none.
    ///
    /// # Errors
    ///
    /// If there is no such image, or its metadata are damaged.
    pub fn missing_contents(&self, index: u32) -> Result<Option<MissingContents>> {
        let root = self.metadata(index)?.root;
        let held: HashSet<_> = self.content_sha1s().collect();
        let mut seen = HashSet::new();
        root.visit(&mut |entry| seen.extend(entry.content_sha1s()));
        let missing: Vec<_> = seen.iter().filter(|sha1| !held.contains(*sha1)).collect();
        // The smallest SHA-1, so that the example is always the same file.
        let example = missing.iter().min().map(|sha1| root.find_content(sha1).unwrap_or_default());
        Ok(example.map(|example| MissingContents { n_missing: missing.len(), n_contents: seen.len(), example }))
    }

    /// WIMs among `others` with contents that image `index` misses. The flag is `true` if they
    /// contain all of these.
    ///
    /// # Errors
    ///
    /// If there is no such image, or its metadata are damaged. Unreadable WIMs among `others` are
    /// skipped.
    pub fn select_complements(&self, index: u32, others: Vec<Arc<Source>>) -> Result<(Vec<Arc<Source>>, bool)> {
        let held: HashSet<_> = self.content_sha1s().collect();
        let mut missing = HashSet::new();
        self.metadata(index)?.root.visit(&mut |entry| missing.extend(entry.content_sha1s()));
        missing.retain(|sha1| !held.contains(sha1));
        let mut found = Vec::new();
        for other in others {
            let Ok(structure) = Self::read(Arc::clone(&other)) else { continue };
            let n_taken = structure.content_sha1s().filter(|sha1| missing.remove(sha1)).count();
            if n_taken > 0 {
                found.push(other);
            }
        }
        Ok((found, missing.is_empty()))
    }

    /// SHA-1 of each content in the file.
    fn content_sha1s(&self) -> impl Iterator<Item = [u8; 20]> {
        let is_content = |blob: &&super::table::Blob| !blob.is_metadata() && !blob.is_solid_resource();
        self.blobs.iter().filter(is_content).map(|blob| blob.sha1)
    }
}
