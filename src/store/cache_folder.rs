//! Location of a manifest's cache: at the root of its repository, in a folder that the user chose, or beside the
//! manifest.

use std::fs;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::digest::Digest;
use crate::paths::folder_of;

/// Name of the cache folder in a repository or beside a manifest.
const NAME: &str = ".tsmedia";
/// Files and folders that mark the root of a repository.
const MARKERS: [&str; 2] = [".git", "tsmedia.toml"];

/// Cache folder of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheFolder {
    path: Utf8PathBuf,
    manifest: Utf8PathBuf,
    /// Distinguishes the outputs of one manifest from those of others in the cache.
    scope: String,
    /// Other places of a cache, nearest first, whose keys stay in use.
    earlier: Vec<EarlierCache>,
}

/// Cache that an earlier version, or a run without `--cache-dir`, used for a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EarlierCache {
    pub(super) path: Utf8PathBuf,
    pub(super) scope: String,
}

impl CacheFolder {
    /// Finds the cache of a manifest: `chosen`, or `.tsmedia` at the root of its repository, or beside the manifest if
    /// it is in no repository.
    pub fn find(manifest: &Utf8Path, chosen: Option<&Utf8Path>) -> Self {
        let folder = folder_of(manifest);
        let root = repository_root(manifest);
        let record = manifest.with_extension("record.json");
        let name = record.file_name().unwrap_or_default().to_owned();
        let place = |folder: &Utf8Path, scope: String| EarlierCache { path: folder.join(NAME), scope };
        let mut places = vec![place(folder, name.clone())];
        if let Some(root) = root.filter(|root| root.depth > 0) {
            places.push(place(&root.path, format!("{}/{name}", root.below)));
        }
        if let Some(chosen) = chosen {
            // Manifests of several repositories may share the folder.
            let folder = folder.canonicalize_utf8().unwrap_or_else(|_| folder.to_owned());
            places.push(EarlierCache { path: chosen.to_owned(), scope: folder.join(name).into_string() });
        }
        let own = places.pop().unwrap_or_else(|| place(folder, String::new()));
        places.retain(|earlier| earlier.path != own.path);
        Self { path: own.path, manifest: manifest.to_owned(), scope: own.scope, earlier: places }
    }

    /// Uses a folder as the cache of a single manifest.
    pub fn at(path: &Utf8Path) -> Self {
        Self { path: path.to_owned(), manifest: Utf8PathBuf::new(), scope: String::new(), earlier: Vec::new() }
    }

    /// Path of the folder.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Path of the manifest, as given.
    pub fn manifest(&self) -> &Utf8Path {
        &self.manifest
    }

    /// Path of the lock held while the outputs of the manifest are built.
    pub fn build_lock(&self) -> Utf8PathBuf {
        let key = Digest::hash(self.scope.as_bytes()).to_string();
        self.path.join("locks").join(&key[..32])
    }

    pub(super) fn scope(&self) -> &str {
        &self.scope
    }

    /// Earlier caches of the manifest, nearest first.
    pub(super) fn earlier(&self) -> &[EarlierCache] {
        &self.earlier
    }

    /// Folder and scope of a key: the first earlier cache that has the key, or this one. A key is never made twice for
    /// one manifest, since certificates and fingerprints depend on it.
    pub(super) fn key_place(&self, name: &str) -> (&Utf8Path, &str) {
        let has_it = |cache: &&EarlierCache| fs::symlink_metadata(cache.path.join(name)).is_ok();
        match self.earlier.iter().find(has_it) {
            Some(earlier) => (&earlier.path, &earlier.scope),
            None => (&self.path, &self.scope),
        }
    }
}

/// Root of the repository that a file is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryRoot {
    /// Path of the folder, relative if that of the file is.
    pub path: Utf8PathBuf,
    /// Path of the file's folder below it, with `/`; empty if the file is in it.
    pub below: String,
    depth: usize,
}

/// Finds the nearest folder above a file that has `.git` or `tsmedia.toml`. Markers that belong to neither the current
/// user nor the owner of the file's folder don't count, since another user may have put them there.
pub fn repository_root(file: &Utf8Path) -> Option<RepositoryRoot> {
    let folder = folder_of(file);
    let real = folder.canonicalize_utf8().ok()?;
    let owners = [rustix::process::geteuid().as_raw(), fs::metadata(&real).ok()?.uid()];
    let is_marker = |path: Utf8PathBuf| fs::symlink_metadata(path).is_ok_and(|found| owners.contains(&found.uid()));
    let is_root = |folder: &Utf8Path| MARKERS.iter().any(|marker| is_marker(folder.join(marker)));
    let (depth, root) = real.ancestors().enumerate().find(|(_, folder)| is_root(folder))?;
    let below = real.strip_prefix(root).ok()?.as_str().to_owned();
    Some(RepositoryRoot { path: above(folder, depth, root), below, depth })
}

/// Path of the folder `depth` levels above another one, in the form of that one's path. `real` is the result without
/// links.
fn above(folder: &Utf8Path, depth: usize, real: &Utf8Path) -> Utf8PathBuf {
    let parts: Vec<_> = folder.components().collect();
    let n_kept = parts.len().saturating_sub(depth);
    let are_names = parts[n_kept..].iter().all(|part| matches!(part, Utf8Component::Normal(_)));
    if are_names && depth <= parts.len() {
        let short: Utf8PathBuf = parts[..n_kept].iter().collect();
        let short = if short == "" { Utf8PathBuf::from(".") } else { short };
        // A link among the names leads elsewhere.
        if short.canonicalize_utf8().is_ok_and(|found| found == real) {
            return short;
        }
    }
    let up: Utf8PathBuf = std::iter::repeat_n("..", depth).collect();
    if folder == "." { up } else { folder.join(up) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap()).unwrap();
        fs::create_dir_all(root.join("media/ber")).unwrap();
        (folder, root)
    }

    #[test]
    fn a_repository_shares_one_cache_and_its_manifests_differ_in_scope() {
        let (_folder, root) = tree();
        let manifest = root.join("media/ber/media.toml");
        let alone = CacheFolder::find(&manifest, None);
        assert_eq!((alone.path(), alone.scope()), (root.join("media/ber/.tsmedia").as_path(), "media.record.json"));
        for marker in ["tsmedia.toml", ".git"] {
            // In a linked work tree, `.git` is a file.
            fs::write(root.join(marker), "").unwrap();
            let shared = CacheFolder::find(&manifest, None);
            assert_eq!(
                (shared.path(), shared.scope()),
                (root.join(".tsmedia").as_path(), "media/ber/media.record.json")
            );
            assert_eq!(shared.earlier(), [EarlierCache { path: alone.path.clone(), scope: alone.scope.clone() }]);
            fs::remove_file(root.join(marker)).unwrap();
        }
        fs::write(root.join("media/ber/tsmedia.toml"), "").unwrap();
        assert_eq!(CacheFolder::find(&manifest, None), alone);
    }

    #[test]
    fn keys_stay_where_they_are_and_new_ones_are_shared() {
        let (_folder, root) = tree();
        fs::create_dir(root.join(".git")).unwrap();
        let manifest = root.join("media/ber/media.toml");
        let chosen = root.join("elsewhere");
        let cache = CacheFolder::find(&manifest, Some(&chosen));
        assert_eq!(cache.key_place("veil"), (chosen.as_path(), manifest.with_extension("record.json").as_str()));
        for (folder, scope) in [(".", "media/ber/media.record.json"), ("media/ber", "media.record.json")] {
            let folder = root.join(folder).join(".tsmedia");
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("veil"), "key").unwrap();
            let (place, found) = cache.key_place("veil");
            assert_eq!((place.canonicalize_utf8().unwrap(), found), (folder.canonicalize_utf8().unwrap(), scope));
        }
        assert_eq!(cache.key_place("journal.key").0, chosen);
    }

    #[test]
    fn the_root_is_named_as_the_file_is() {
        let (_folder, root) = tree();
        fs::create_dir(root.join(".git")).unwrap();
        let found = |file: &Utf8Path| repository_root(file).map(|root| (root.path, root.below)).unwrap();
        assert_eq!(found(&root.join("a.toml")), (root.clone(), String::new()));
        assert_eq!(found(&root.join("media/ber/a.toml")), (root.clone(), "media/ber".into()));
        assert_eq!(found(&root.join("media/../media/a.toml")).1, "media");
        std::os::unix::fs::symlink(root.join("media/ber"), root.join("link")).unwrap();
        let through_link = found(&root.join("link/a.toml"));
        assert_eq!(through_link, (root.join("link/../.."), "media/ber".into()));
        assert_eq!(through_link.0.canonicalize_utf8().unwrap(), root);
        assert_eq!(above(".".into(), 2, &root), "../..");
        assert_eq!(above("a/b".into(), 3, &root), "a/b/../../..");
    }
}
