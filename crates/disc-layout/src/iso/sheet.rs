//! What a description of a disc is written on, from the first sector to the last.

use std::sync::Arc;

use super::{SECTOR, sectors};
use crate::content::Content;
use crate::layout::{Extent, Layout, Piece};
use crate::slack::{Arrangement, Rooms};

/// The disc as far as it is described: in the first run only numbers of sectors and extents, in the second the
/// extents as well.
#[derive(Default)]
pub struct Sheet {
    /// The next free sector.
    pub sector: u64,
    pub n_extents: usize,
    pub extents: Option<Vec<Extent>>,
}

impl Sheet {
    /// Leaves zeros up to a sector.
    pub fn go_to(&mut self, sector: u64) {
        assert!(self.sector <= sector, "sector {sector} is taken: the next free one is {}", self.sector);
        self.sector = sector;
    }

    /// Leaves zeros up to a multiple of so many sectors.
    pub fn align(&mut self, n_sectors: u64) {
        self.sector = self.sector.next_multiple_of(n_sectors);
    }

    /// Puts arranged things in their places, and leaves the room behind them that so many things deserve.
    pub fn put_arranged(&mut self, rooms: Rooms, arrangement: Arrangement, mut put: impl FnMut(usize, &mut Self)) {
        let start = self.sector;
        for (thing, sector) in arrangement.places {
            self.go_to(start + sector);
            put(thing, self);
        }
        self.go_to(start + rooms.of(arrangement.n_units));
    }

    pub fn put(&mut self, bytes: Vec<u8>) {
        let len = bytes.len() as u64;
        self.n_extents += 1;
        if let Some(extents) = &mut self.extents {
            // The zeros between extents are free, so there is no need to keep those at the end of a structure.
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let piece = Piece::Bytes(Arc::from(&bytes[..used]));
            extents.push(Extent { offset: self.sector * SECTOR, len: used as u64, piece });
        }
        self.sector += sectors(len);
    }

    pub fn put_content(&mut self, content: &Content) {
        self.n_extents += 1;
        if let Some(extents) = &mut self.extents {
            extents.push(Extent::of(content, self.sector * SECTOR));
        }
        self.sector += sectors(content.len());
    }

    /// Embeds a layout in at least `room` bytes.
    pub fn put_layout(&mut self, layout: &Layout, room: u64) {
        self.n_extents += layout.extents().len();
        if let Some(extents) = &mut self.extents {
            extents.extend(layout.shifted(self.sector * SECTOR));
        }
        self.sector += sectors(room);
    }
}
