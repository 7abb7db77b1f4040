//! Formats the contents of caches.

use serde_json::{Value, json};

use super::{Page, counted};
use crate::size::Size;
use crate::store::CacheContents;

/// Formats the size of each cache and of its parts.
pub fn cache(caches: &[CacheContents]) -> Page {
    let mut page = Page::default();
    for cache in caches {
        let CacheContents { root, n_files, n_outputs, memo_len, objects, limit } = cache;
        page.line(format!("{root}: {}, limit for objects {limit}", Size(cache.len())));
        let what = format!("{}, {}", counted(*n_files, "file"), counted(*n_outputs, "finished output"));
        page.row(format!("  {:12} ", "digests"), format!("{what} ({})", Size(*memo_len)));
        for held in objects {
            let what = counted(held.n_objects, "object");
            page.row(format!("  {:12} ", held.kind.as_str()), format!("{what} ({})", Size(held.len)));
        }
    }
    page
}

/// Returns the contents of caches as JSON.
pub fn cache_json(caches: &[CacheContents]) -> Value {
    let cache = |cache: &CacheContents| {
        let objects: serde_json::Map<_, _> = cache
            .objects
            .iter()
            .map(|held| (held.kind.as_str().to_owned(), json!({ "objects": held.n_objects, "len": held.len })))
            .collect();
        json!({
            "cache": cache.root,
            "len": cache.len(),
            "limit": cache.limit.0,
            "digests": { "files": cache.n_files, "outputs": cache.n_outputs, "len": cache.memo_len },
            "objects": objects,
        })
    };
    json!({ "caches": caches.iter().map(cache).collect::<Vec<_>>() })
}
