//! Content that Git does not track, such as a downloaded image, but whose digest in `tsmedia.lock` changed.

use std::collections::BTreeSet;
use std::fs;

use super::Baseline;
use crate::content::{SourceFile, Stat};
use crate::error::Result;
use crate::project::Project;
use crate::store::ContentLock;

/// Returns the files of the work tree that the lock of the commit has with other bytes, with their SHA-256 there.
///
/// # Errors
///
/// If a lock of the work tree can't be read. One of the commit that can't be read is left out.
pub(super) fn changed_content(baseline: &Baseline, projects: &[Project]) -> Result<Vec<(SourceFile, String)>> {
    let mut changed = Vec::new();
    let paths: BTreeSet<_> = projects.iter().map(|project| ContentLock::path_for(project.manifest())).collect();
    for path in paths {
        let before = baseline.in_view(&path);
        let (Some(lock), Ok(Some(before))) = (ContentLock::load(&path)?, ContentLock::load(&before)) else { continue };
        for (name, locked) in lock.files() {
            let Some(before) = before.files().get(name) else { continue };
            let file = lock.file_path(name);
            // A file that is missing was reported when the work tree was read.
            let Ok(metadata) = fs::metadata(&file) else { continue };
            if before.digests.sha256 != locked.digests.sha256 {
                let file = SourceFile { path: file, stat: Stat::from_metadata(&metadata) };
                changed.push((file, before.digests.sha256.to_string()));
            }
        }
    }
    Ok(changed)
}
