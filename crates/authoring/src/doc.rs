//! A rendered file of an author's, by JSON pointers.

use serde_json::Value as Json;

use crate::problem::{Place, Problems};

use super::spanned::Spans;

/// A rendered file, and where each of its values was written.
#[derive(Clone, Copy)]
pub struct Doc<'a> {
    /// The whole value.
    pub json: &'a Json,
    /// Places by JSON pointer.
    pub spans: &'a Spans,
    /// The texts.
    pub sources: &'a Problems,
}

impl Doc<'_> {
    /// Value at a JSON pointer; `None` if there is none, or its template failed.
    pub fn get(&self, pointer: &str) -> Option<&Json> {
        self.json.pointer(pointer).filter(|_| !self.spans.is_hole(pointer))
    }

    /// Text at a JSON pointer.
    pub fn str(&self, pointer: &str) -> Option<&str> {
        self.get(pointer)?.as_str()
    }

    /// Where a value was written, or the nearest table around it.
    pub fn place(&self, pointer: &str) -> Place {
        // The root is always there; the fallback only saves an unwrap.
        self.spans.nearest(pointer).map_or_else(|| self.root(), |spot| spot.value.clone())
    }

    /// Place of the key at a JSON pointer.
    pub fn key(&self, pointer: &str) -> Place {
        self.spans.nearest(pointer).and_then(|spot| spot.key.clone()).unwrap_or_else(|| self.place(pointer))
    }

    pub(super) fn root(&self) -> Place {
        self.spans.nearest("").map(|spot| spot.value.clone()).unwrap_or_else(|| unreachable!("a tree has a root"))
    }

    pub(super) fn raw(&self, place: &Place) -> &str {
        self.sources.source(place.source).text.get(place.span.clone()).unwrap_or_default()
    }
}

/// A pointer as an author would say it: keys with dots between them, without the positions in lists.
pub fn dotted(pointer: &str) -> String {
    let parts: Vec<_> = pointer.split('/').skip(1).filter(|part| part.parse::<usize>().is_err()).collect();
    parts.join(".").replace("~1", "/").replace("~0", "~")
}
