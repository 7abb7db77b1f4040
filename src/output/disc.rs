//! Disc images as an output format.

use super::{Format, Image, Listed, Listing};
use crate::error::Result;
use crate::format::iso;
use crate::layout::Region;

/// Disc images.
pub const DISC: Format = Format { layout: iso::layout, read };

fn read(mut image: &mut dyn Image) -> Result<Listing> {
    let disc = iso::read(&mut image)?;
    let files = disc.files().iter().filter(|file| !file.is_folder);
    let listed = files.map(|file| Listed {
        path: file.path.clone(),
        len: file.len,
        places: file
            .extents
            .iter()
            .map(|extent| Region { offset: extent.start, len: extent.end - extent.start })
            .collect(),
    });
    Ok(Listing { label: disc.label.best().to_owned(), files: listed.collect() })
}
