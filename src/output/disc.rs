//! Disc images as an output format.

use std::ops::Range;

use super::{Format, Image, Listed, Listing};
use crate::error::Result;
use crate::format::iso;
use crate::layout::Region;

/// Disc images.
pub const DISC: Format = Format { layout: iso::layout, read };

fn read(mut image: &mut dyn Image) -> Result<Listing> {
    Ok(Listing::from(&iso::read(&mut image)?))
}

impl From<&iso::Disc> for Listing {
    fn from(disc: &iso::Disc) -> Self {
        let region = |extent: &Range<u64>| Region { offset: extent.start, len: extent.end - extent.start };
        let files = disc.files().iter().filter(|file| !file.is_folder);
        let listed = files.map(|file| Listed {
            path: file.path.clone(),
            len: file.len,
            places: file.extents.iter().map(region).collect(),
        });
        Self { label: disc.label.best().to_owned(), files: listed.collect() }
    }
}
