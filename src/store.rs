//! The cache beside the manifest (`.tsmedia/`): digests of files that have not changed since they were read, and
//! derived objects by digest. It may be deleted at any time.

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest::Digests;
use crate::error::Result;
use crate::volume::Stat;

/// The cache of one folder of manifests.
#[derive(Debug)]
pub struct Store {
    root: Utf8PathBuf,
}

impl Store {
    /// Opens the cache in a folder (`.tsmedia`), which need not exist yet.
    pub fn open(root: &Utf8Path) -> Result<Self> {
        Ok(Self { root: root.to_owned() })
    }

    /// The digests of a file, if it was read while it was like this.
    pub fn digests(&self, stat: &Stat) -> Option<Digests> {
        todo!("{stat:?} {}", self.root)
    }

    /// Remembers the digests of a file that was read, from first byte to last, while it was like this.
    pub fn remember(&mut self, stat: Stat, digests: Digests) {
        todo!("{stat:?} {digests:?}")
    }
}
