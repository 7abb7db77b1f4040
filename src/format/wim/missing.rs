//! Contents that an image refers to and that are not in its WIM file: those of delta WIMs, whose other contents are in
//! the WIM that they were made from, and of the `.esd` files of Windows Update, which share contents among each other.
//!
//! An image names contents by their SHA-1 (in its metadata), and the blob table lists those in the file. The length of a
//! content stands in the table alone, so that of missing ones is not known.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::structure::Structure;
use crate::content::Source;
use crate::error::Result;

/// Contents of an image that its WIM file does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MissingContents {
    /// Number of missing contents; files with the same content count once.
    pub n_missing: usize,
    /// Number of all contents of the image.
    pub n_contents: usize,
    /// Path in the image of a file whose content is missing, with `/` between its parts.
    pub example: String,
}

impl Structure {
    /// The contents of the `index`-th image, from 1, that are not in this WIM; `None` if all are.
    ///
    /// # Errors
    ///
    /// If there is no such image, or its metadata is damaged.
    pub fn missing(&self, index: u32) -> Result<Option<MissingContents>> {
        let root = self.metadata(index)?.root;
        let held: HashSet<_> = self.held().collect();
        let mut seen = HashSet::new();
        root.visit(&mut |entry| seen.extend(entry.all_contents()));
        let missing: Vec<_> = seen.iter().filter(|sha1| !held.contains(*sha1)).collect();
        // The smallest, so that the same file is named each time.
        let example = missing.iter().min().map(|sha1| root.path_of(sha1).unwrap_or_default());
        Ok(example.map(|example| MissingContents { n_missing: missing.len(), n_contents: seen.len(), example }))
    }

    /// The WIMs of `others` that hold contents missing from the `index`-th image, and whether they hold all of these.
    ///
    /// # Errors
    ///
    /// If there is no such image, or its metadata is damaged. Others that can't be read hold nothing.
    pub fn complemented_by(&self, index: u32, others: Vec<Arc<Source>>) -> Result<(Vec<Arc<Source>>, bool)> {
        let held: HashSet<_> = self.held().collect();
        let mut missing = HashSet::new();
        self.metadata(index)?.root.visit(&mut |entry| missing.extend(entry.all_contents()));
        missing.retain(|sha1| !held.contains(sha1));
        let mut found = Vec::new();
        for other in others {
            let Ok(structure) = Self::read(Arc::clone(&other)) else { continue };
            let n_taken = structure.held().filter(|sha1| missing.remove(sha1)).count();
            if n_taken > 0 {
                found.push(other);
            }
        }
        Ok((found, missing.is_empty()))
    }

    /// The SHA-1 of each content in the file.
    fn held(&self) -> impl Iterator<Item = [u8; 20]> {
        let is_content = |blob: &&super::table::Blob| !blob.is_metadata() && !blob.is_solid_resource();
        self.blobs.iter().filter(is_content).map(|blob| blob.sha1)
    }
}
