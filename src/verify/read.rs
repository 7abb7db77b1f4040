//! Reads a medium once and hashes its files and every byte outside of them.

use std::collections::BTreeMap;
use std::io::SeekFrom;

use super::VerifiedFile;
use crate::digest::{Digest, DigestKinds, Hasher};
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::output::{ListedFile, Listing, ReadSeek, StructureHasher, outside};
use crate::progress::Progress;

const BLOCK_LEN: usize = 1 << 20;

/// Length of a medium.
pub(super) fn len(image: &mut dyn ReadSeek) -> Result<u64> {
    image.seek(SeekFrom::End(0)).map_err(|error| Error::new("finding the end of the medium").because(error))
}

/// Hashes the files and the structure. `None` for anything that can't be read.
pub(super) fn hash(
    image: &mut dyn ReadSeek,
    len: u64,
    listing: &Listing,
    progress: &Progress,
) -> Result<(BTreeMap<String, VerifiedFile>, Option<Digest>)> {
    progress.start(len);
    let mut block = vec![0; BLOCK_LEN];
    let mut files = BTreeMap::new();
    let mut in_order: Vec<&ListedFile> = listing.files.iter().collect();
    in_order.sort_by_key(|file| file.places.first().map(|place| place.offset));
    for file in in_order {
        let mut hasher = Hasher::new(DigestKinds::Lists);
        let mut whole = file.places.iter().map(|place| place.len).sum::<u64>() == file.len;
        for place in &file.places {
            whole = whole && read(image, place, &mut block, progress, &mut |bytes| hasher.update(bytes))?;
        }
        files.insert(file.path.clone(), VerifiedFile { len: file.len, digests: whole.then(|| hasher.finish()) });
    }
    let mut structure = StructureHasher::default();
    let mut whole = true;
    for range in outside(
        len,
        listing.files.iter().flat_map(|file| &file.places).chain(listing.seal.iter().map(|seal| &seal.place)),
    ) {
        structure.start(&range);
        whole = whole && read(image, &range, &mut block, progress, &mut |bytes| structure.take(bytes))?;
    }
    Ok((files, whole.then(|| structure.finish())))
}

/// Passes the bytes of a range to `take`. Returns `false` if some can't be read, since a bad sector is a fault of the
/// medium and the rest is still read. Fails only if the run is interrupted.
fn read(
    image: &mut dyn ReadSeek,
    place: &Region,
    block: &mut [u8],
    progress: &Progress,
    take: &mut dyn FnMut(&[u8]),
) -> Result<bool> {
    if image.seek(SeekFrom::Start(place.offset)).is_err() {
        return Ok(false);
    }
    let mut left = place.len;
    while left > 0 {
        progress.check_cancelled()?;
        let len = left.min(block.len() as u64) as usize;
        if image.read_exact(&mut block[..len]).is_err() {
            return Ok(false);
        }
        take(&block[..len]);
        progress.add(len as u64);
        left -= len as u64;
    }
    Ok(true)
}
