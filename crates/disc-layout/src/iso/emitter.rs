//! Writer of a disc's structures in ascending order of sectors, used by both passes.

use std::sync::Arc;

use super::{SECTOR, sectors};
use crate::content::Content;
use crate::layout::{Extent, Layout, Piece};
use crate::slack::{Arrangement, Rooms};

/// Disc as described so far. The first pass only counts sectors and extents; the second one also collects the extents.
#[derive(Default)]
pub struct Emitter {
    /// Next free sector.
    pub sector: u64,
    pub n_extents: usize,
    pub extents: Option<Vec<Extent>>,
}

impl Emitter {
    /// Skips to a sector, leaving zeros.
    pub fn go_to(&mut self, sector: u64) {
        assert!(self.sector <= sector, "sector {sector} is taken: the next free one is {}", self.sector);
        self.sector = sector;
    }

    /// Skips to a multiple of `n_sectors`, leaving zeros.
    pub fn align(&mut self, n_sectors: u64) {
        self.sector = self.sector.next_multiple_of(n_sectors);
    }

    /// Puts arranged items in their positions, and skips the room behind them.
    pub fn put_arranged(&mut self, rooms: Rooms, arrangement: Arrangement, mut put: impl FnMut(usize, &mut Self)) {
        let start = self.sector;
        for (thing, sector) in arrangement.places {
            self.go_to(start + sector);
            put(thing, self);
        }
        self.go_to(start + rooms.room_for(arrangement.n_units));
    }

    pub fn put(&mut self, bytes: Vec<u8>) {
        let len = bytes.len() as u64;
        self.n_extents += 1;
        if let Some(extents) = &mut self.extents {
            // Gaps between extents are zero for free, so the zeros at the end of a structure are dropped.
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let piece = Piece::Bytes(Arc::from(&bytes[..used]));
            extents.push(Extent { offset: self.sector * SECTOR, len: used as u64, piece });
        }
        self.sector += sectors(len);
    }

    pub fn put_content(&mut self, content: &Content) {
        self.n_extents += 1;
        if let Some(extents) = &mut self.extents {
            extents.push(Extent::new(content, self.sector * SECTOR));
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
