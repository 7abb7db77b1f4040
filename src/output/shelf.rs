//! A format for tests: a table of contents, then the files one after the other, with slack at multiples of 2,048.

use std::io::SeekFrom;

use super::{Image, Listed, Listing};
use crate::content::Content;
use crate::error::{Error, Result};
use crate::layout::{Extent, Layout, Region, Slack};
use crate::volume::Volume;

const SECTOR: u64 = 2_048;

pub(super) fn layout(volume: &Volume, slack: Slack) -> Result<Layout> {
    let files = volume.root.files();
    let table = |offsets: &[u64]| {
        let mut text = format!("{} {}\n", volume.id, volume.label);
        for ((path, content), offset) in files.iter().zip(offsets) {
            text += &format!("{offset:020} {:020} {path}\n", content.len());
        }
        text + "end\n"
    };
    let unplaced = table(&vec![0; files.len()]).len() as u64;
    let granule = match slack {
        Slack::Ample => SECTOR,
        Slack::None => 1,
    };
    let mut at = unplaced.next_multiple_of(SECTOR);
    let mut extents = Vec::new();
    let mut offsets = Vec::new();
    for (_, content) in &files {
        offsets.push(at);
        extents.push(Extent::of(content, at));
        at = (at + content.len()).next_multiple_of(granule);
    }
    for boot in &volume.boot {
        extents.extend(boot.image.shifted(at));
        at = (at + boot.image.len()).next_multiple_of(SECTOR);
    }
    extents.push(Extent::of(&Content::bytes(table(&offsets).into_bytes()), 0));
    Ok(Layout::new(at, extents))
}

/// Whether an image is a shelf: it starts with its identity in letters.
pub(super) fn is_one(image: &mut dyn Image) -> bool {
    let mut start = [0; 65];
    let read = image.seek(SeekFrom::Start(0)).and_then(|_| image.read_exact(&mut start));
    read.is_ok() && start.split_last().is_some_and(|(last, id)| *last == b' ' && id.iter().all(u8::is_ascii_hexdigit))
}

pub(super) fn read(image: &mut dyn Image) -> Result<Listing> {
    let failed = || Error::new("not a shelf");
    let mut bytes = Vec::new();
    image.seek(SeekFrom::Start(0)).map_err(|_| failed())?;
    image.read_to_end(&mut bytes).map_err(|_| failed())?;
    let end = bytes.windows(5).position(|five| five == b"\nend\n").ok_or_else(failed)?;
    let text = String::from_utf8(bytes[..end].to_vec()).map_err(|_| failed())?;
    let mut lines = text.lines();
    let (_, label) = lines.next().and_then(|line| line.split_once(' ')).ok_or_else(failed)?;
    let mut files = Vec::new();
    for line in lines {
        let mut fields = line.splitn(3, ' ');
        let mut number = || fields.next()?.parse::<u64>().ok();
        let (offset, len) = (number().ok_or_else(failed)?, number().ok_or_else(failed)?);
        let path = fields.next().ok_or_else(failed)?.to_owned();
        files.push(Listed { path, len, places: vec![Region { offset, len }] });
    }
    Ok(Listing { label: label.to_owned(), files, seal: None })
}
