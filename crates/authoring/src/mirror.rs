//! Folders that stand in for others: an earlier state of a work tree, in which everything that is
//! unchanged is a link into the work tree.
//!
//! Within [`with_mirror`], checks of links accept those, and [`original`] maps paths back.

use std::cell::RefCell;

use camino::{Utf8Path, Utf8PathBuf};

/// Folder that stands in for another one. All paths are canonical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The folder itself.
    pub folder: Utf8PathBuf,
    /// Folder that it stands in for, and that its links lead to.
    pub original: Utf8PathBuf,
    /// Further folder that its links may lead to: a store of large files.
    pub store: Option<Utf8PathBuf>,
}

thread_local! {
    static MIRROR: RefCell<Option<Mirror>> = const { RefCell::new(None) };
}

/// Runs `work` with a mirror on this thread.
pub fn with_mirror<T>(mirror: Mirror, work: impl FnOnce() -> T) -> T {
    /// Restores the previous mirror, even after a panic.
    struct Restore(Option<Mirror>);
    impl Drop for Restore {
        fn drop(&mut self) {
            MIRROR.replace(self.0.take());
        }
    }
    let _restore = Restore(MIRROR.replace(Some(mirror)));
    work()
}

/// Returns the original of a path in the mirror, and any other path unchanged.
pub fn original(path: &Utf8Path) -> Utf8PathBuf {
    MIRROR.with_borrow(|mirror| mirror.as_ref().map_or_else(|| path.to_owned(), |mirror| mirror.original_of(path)))
}

/// Returns the folders that links in a folder may lead to: the folder itself, and in a mirror also
/// its original and the store. `folder` is canonical.
pub fn link_targets(folder: Utf8PathBuf) -> Vec<Utf8PathBuf> {
    MIRROR.with_borrow(|mirror| match mirror {
        Some(mirror) if folder.starts_with(&mirror.folder) => {
            let original = mirror.original_of(&folder);
            [folder, original].into_iter().chain(mirror.store.clone()).collect()
        }
        _ => vec![folder],
    })
}

impl Mirror {
    /// Returns the original of a path in the mirror, and any other path unchanged.
    pub fn original_of(&self, path: &Utf8Path) -> Utf8PathBuf {
        match path.strip_prefix(&self.folder) {
            // Joining an empty path would add a slash.
            Ok(rest) if rest == "" => self.original.clone(),
            Ok(rest) => self.original.join(rest),
            Err(_) => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_lasts_as_long_as_the_work_in_it() {
        let mirror =
            Mirror { folder: "/tmp/view".into(), original: "/srv/repo".into(), store: Some("/srv/lfs".into()) };
        let targets = |folder: &str| link_targets(folder.into());
        with_mirror(mirror, || {
            assert_eq!(original("/tmp/view/media/a.toml".into()), "/srv/repo/media/a.toml");
            assert_eq!(original("/tmp/view".into()), "/srv/repo");
            assert_eq!(original("/tmp/viewer".into()), "/tmp/viewer");
            assert_eq!(targets("/tmp/view/packages"), ["/tmp/view/packages", "/srv/repo/packages", "/srv/lfs"]);
            assert_eq!(targets("/srv/repo/packages"), ["/srv/repo/packages"]);
        });
        assert_eq!(original("/tmp/view/a".into()), "/tmp/view/a");
        assert_eq!(targets("/tmp/view/packages"), ["/tmp/view/packages"]);
    }
}
