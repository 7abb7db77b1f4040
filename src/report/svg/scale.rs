//! Maps bytes to pixels: one scale for all maps of a picture, with a minimum width for small regions.

use crate::map::Map;

/// Width of a row in pixels.
pub const ROW: f64 = 1_000.0;
/// Minimum width of a used region in pixels.
pub const MIN: f64 = 4.0;
/// Number of rows for the largest medium, if all of it were to scale.
const N_ROWS: f64 = 6.0;

/// Scale from bytes of a medium to pixels of a strip.
pub struct Scale {
    /// Offsets at which regions start or end, ascending, with their positions on the strip.
    cuts: Vec<(u64, f64)>,
    pixel: f64,
}

/// Part of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    pub row: usize,
    pub x: f64,
    pub width: f64,
}

impl Scale {
    /// Returns a scale for these maps.
    pub fn new(maps: &[&Map]) -> Self {
        let len = maps.iter().map(|map| map.len).max().unwrap_or(0).max(1);
        let regions = || maps.iter().flat_map(|map| &map.regions);
        let mut cuts: Vec<u64> =
            regions().flat_map(|region| [region.offset, region.span().end, region.end()]).collect();
        cuts.extend([0, len]);
        cuts.sort_unstable();
        cuts.dedup();
        let pixel = len as f64 / (N_ROWS * ROW);
        // Cut at the borders of all regions of all maps, so that widening a region moves the same bytes in every strip.
        let mut widths: Vec<_> = cuts.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / pixel).collect();
        let index = |byte: u64| cuts.partition_point(|cut| *cut < byte);
        for region in regions() {
            let used = index(region.offset)..index(region.span().end);
            // A region may consist of several cuts; its longest one is widened.
            let lacking = MIN - widths[used.clone()].iter().sum::<f64>();
            let longest = used.clone().max_by(|a, b| widths[*a].total_cmp(&widths[*b]));
            if let Some(longest) = longest.filter(|_| lacking > 0.0) {
                widths[longest] += lacking;
            }
        }
        let mut at = 0.0;
        let mut placed = vec![(0, 0.0)];
        for (cut, width) in cuts[1..].iter().zip(widths) {
            at += width;
            placed.push((*cut, at));
        }
        // Stretch everything a little, so that the last row is full.
        let stretch = (at / ROW).ceil() * ROW / at;
        placed.iter_mut().for_each(|(_, at)| *at *= stretch);
        Self { cuts: placed, pixel: pixel / stretch }
    }

    pub fn n_rows(&self) -> usize {
        (self.cuts.last().map_or(0.0, |(_, end)| *end) / ROW).round() as usize
    }

    /// Returns the number of bytes per pixel, for regions that are to scale.
    pub fn n_bytes_of_pixel(&self) -> f64 {
        self.pixel
    }

    /// Returns the first byte of a row.
    pub fn row_start(&self, row: usize) -> u64 {
        let x = row as f64 * ROW;
        let after = self.cuts.partition_point(|(_, at)| *at <= x).clamp(1, self.cuts.len() - 1);
        let ((start, from), (end, to)) = (self.cuts[after - 1], self.cuts[after]);
        let part = if to > from { (x - from) / (to - from) } else { 0.0 };
        start + ((end - start) as f64 * part) as u64
    }

    /// Returns the pieces of a byte range, row by row. Pieces of less than half a pixel are left out.
    pub fn pieces(&self, start: u64, end: u64) -> Vec<Piece> {
        const SEEN: f64 = 0.5;
        let place = |byte: u64| {
            let index = self.cuts.partition_point(|(cut, _)| *cut < byte).min(self.cuts.len() - 1);
            self.cuts[index].1
        };
        let (mut from, to) = (place(start), place(end));
        let mut pieces = Vec::new();
        while to - from >= SEEN {
            let row = ((from + SEEN / 2.0) / ROW) as usize;
            let x = (from - row as f64 * ROW).max(0.0);
            let width = (to - from).min(ROW - x);
            if width >= SEEN {
                pieces.push(Piece { row, x, width });
            }
            from = (row + 1) as f64 * ROW;
        }
        pieces
    }
}
