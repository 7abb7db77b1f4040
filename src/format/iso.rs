//! Disc images: UDF 1.02, ISO 9660 (level 3) and Joliet over the same extents, started by El Torito.

use crate::error::Result;
use crate::layout::Layout;
use crate::volume::Volume;

/// The disc image of a volume.
pub fn layout(volume: &Volume) -> Result<Layout> {
    todo!("{volume:?}")
}
