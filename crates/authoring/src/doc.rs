//! Access to a rendered file by JSON pointers.

use serde_json::Value as Json;

use crate::problem::{Place, Problems};

use super::spanned::Spans;

/// A rendered file, with the places of its values.
#[derive(Clone, Copy)]
pub struct Doc<'a> {
    /// Root value.
    pub json: &'a Json,
    /// Places by JSON pointer.
    pub spans: &'a Spans,
    /// Source texts.
    pub sources: &'a Problems,
}

impl Doc<'_> {
    /// Returns the value at a JSON pointer; `None` if it is missing, or its template failed.
    pub fn get(&self, pointer: &str) -> Option<&Json> {
        self.json.pointer(pointer).filter(|_| !self.spans.is_hole(pointer))
    }

    /// Returns the string at a JSON pointer.
    pub fn str(&self, pointer: &str) -> Option<&str> {
        self.get(pointer)?.as_str()
    }

    /// Returns the place of a value, or of the nearest enclosing table.
    pub fn place(&self, pointer: &str) -> Place {
        // The root always has a place; the fallback only avoids a panic path.
        self.spans.nearest(pointer).map_or_else(|| self.root(), |spot| spot.value.clone())
    }

    /// Returns the place of the key at a JSON pointer.
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

/// Formats a JSON pointer as dotted keys, without list positions.
pub fn dotted(pointer: &str) -> String {
    let parts: Vec<_> = pointer.split('/').skip(1).filter(|part| part.parse::<usize>().is_err()).collect();
    parts.join(".").replace("~1", "/").replace("~0", "~")
}
