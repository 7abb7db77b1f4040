//! `tsmedia cache`: shows, limits or clears the caches of manifests.

use camino::Utf8PathBuf;
use clap::Args;

use super::screen::Screen;
use super::{Outcome, project};
use crate::error::Result;
use crate::project::DEFAULT_MANIFEST;
use crate::report;
use crate::size::Size;
use crate::store::{self, CacheContents, CacheFolder, Lock, Objects};
use crate::write::DiskOps;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Manifests whose caches to use.
    #[arg(value_name = "MANIFEST", default_value = DEFAULT_MANIFEST)]
    manifests: Vec<Utf8PathBuf>,
    /// Delete everything in the cache; the next run computes it again.
    #[arg(long, conflicts_with = "limit")]
    clear: bool,
    /// Delete the least recently used objects until the rest fits in SIZE, such as `5GB`.
    #[arg(long, value_name = "SIZE")]
    limit: Option<Size>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let limit = match arguments.limit {
        Some(limit) => limit,
        None => project::cache_limit()?,
    };
    let chosen = project::cache_dir();
    let folder = |manifest| CacheFolder::find(manifest, chosen.as_deref()).path().to_owned();
    let mut caches: Vec<_> = arguments.manifests.iter().map(|manifest| folder(manifest)).collect();
    caches.sort();
    caches.dedup();
    for cache in caches.iter().filter(|cache| cache.is_dir()) {
        if !arguments.clear && arguments.limit.is_none() {
            continue;
        }
        let before = CacheContents::read(cache, limit).len();
        // A running build reads from the cache.
        let _lock = Lock::take_cache(cache, "clearing the cache")?;
        if arguments.clear {
            store::clear(cache)?;
        } else {
            Objects::open(cache, limit, &DiskOps::default()).prune();
        }
        let n_removed = before - CacheContents::read(cache, limit).len().min(before);
        screen.status(&format!("removed {} from `{cache}`", Size(n_removed)));
    }
    let caches: Vec<_> = caches.iter().map(|cache| CacheContents::read(cache, limit)).collect();
    if screen.json {
        screen.print_json(&report::cache_json(&caches))
    } else if arguments.clear {
        Ok(Outcome::Done)
    } else {
        screen.print_page(&report::cache(&caches))
    }
}
