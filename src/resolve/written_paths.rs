//! The places that a build writes to. Content must not include them.

use camino::{Utf8Path, Utf8PathBuf};

use crate::file_identity::{FileIdentity, real_path};

/// Paths that a build writes to, with links resolved.
pub(super) struct WrittenPaths {
    /// The finished medium.
    output: Utf8PathBuf,
    /// The folder of the manifest, which holds the record and the cache.
    folder: Utf8PathBuf,
}

impl WrittenPaths {
    /// Creates the paths for the manifest at `manifest` and its medium at `output`.
    pub fn new(manifest: &Utf8Path, output: &Utf8Path) -> Self {
        Self { output: real_path(output), folder: real_path(&manifest.with_file_name("")) }
    }

    /// Returns `true` if `path` is the output.
    pub fn is_output(&self, path: &Utf8Path) -> bool {
        FileIdentity::of(&self.output) == FileIdentity::of(path)
    }

    /// Returns `true` if the output is `path` or lies below it.
    pub fn output_is_in(&self, path: &Utf8Path) -> bool {
        self.output.starts_with(real_path(path)) || self.is_output(path)
    }

    /// Returns `true` if the folder of the manifest is `path` or lies below it.
    pub fn folder_is_in(&self, path: &Utf8Path) -> bool {
        self.folder.starts_with(real_path(path))
    }
}
