//! FAT volumes: the EFI boot image of a disc.

use crate::error::Result;
use crate::layout::Layout;
use crate::volume::Volume;

/// The FAT volume that holds a volume's files.
pub fn layout(volume: &Volume) -> Result<Layout> {
    todo!("{volume:?}")
}
