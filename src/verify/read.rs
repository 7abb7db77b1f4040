//! Reads a medium once and hashes its files and every byte outside of them.
//!
//! One thread reads, in the order of the medium, while others compute the digests of large files ([`HashThreads`]).

use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::thread;

use super::VerifiedFile;
use crate::digest::{Digest, DigestKinds, Digests, HashThreads};
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::output::{ListedFile, Listing, ReadSeek, StructureHasher, outside};
use crate::progress::Progress;

const BLOCK_LEN: usize = 1 << 20;
/// Length from which a file is hashed by threads of its own.
const LARGE_LEN: u64 = 1 << 20;

/// Length of a medium.
pub(super) fn len(image: &mut dyn ReadSeek) -> Result<u64> {
    image.seek(SeekFrom::End(0)).map_err(|error| Error::new("finding the end of the medium").because(error))
}

/// Hashes the files and the structure. `None` for anything that can't be read.
pub(super) fn hash(
    image: &mut dyn ReadSeek,
    len: u64,
    listing: &Listing,
    kinds: DigestKinds,
    progress: &Progress,
) -> Result<(BTreeMap<String, VerifiedFile>, Option<Digest>)> {
    progress.start(len);
    let mut block = vec![0; BLOCK_LEN];
    let mut in_order: Vec<&ListedFile> = listing.files.iter().collect();
    in_order.sort_by_key(|file| file.places.first().map(|place| place.offset));
    let files = thread::scope(|scope| {
        let mut threads = None;
        let verified = in_order.into_iter().map(|file| {
            let mut reader = FileReader { image: &mut *image, places: &file.places, at: 0, kinds, progress };
            let digests = match file {
                file if !is_whole(file) => None,
                file if file.len < LARGE_LEN => reader.hash(&mut block[..file.len as usize])?,
                file => reader.hash_on(threads.get_or_insert_with(|| HashThreads::start(scope)), file.len)?,
            };
            Ok((file.path.clone(), VerifiedFile { len: file.len, digests }))
        });
        verified.collect::<Result<BTreeMap<_, _>>>()
    })?;
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

/// Returns `true` if the regions of a file are as long as the file.
fn is_whole(file: &ListedFile) -> bool {
    file.places.iter().map(|place| place.len).sum::<u64>() == file.len
}

/// Reads a file of a medium from its start.
struct FileReader<'a> {
    image: &'a mut dyn ReadSeek,
    /// Regions that are left, the first one from its byte `at`.
    places: &'a [Region],
    at: u64,
    kinds: DigestKinds,
    progress: &'a Progress,
}

impl FileReader<'_> {
    /// Hashes a file that is as long as `block`. `None` if it can't be read.
    fn hash(&mut self, block: &mut [u8]) -> Result<Option<Digests>> {
        let is_read = self.read(block)?;
        Ok(is_read.then(|| Digests::hash_kinds(block, self.kinds)))
    }

    /// Hashes a file of `len` bytes. `None` if it can't be read.
    fn hash_on(&mut self, threads: &mut HashThreads, len: u64) -> Result<Option<Digests>> {
        let (mut is_readable, kinds) = (true, self.kinds);
        let mut read = |block: &mut [u8], _| {
            is_readable = self.read(block)?;
            // Stops hashing. The file is reported as unreadable instead of this error.
            if is_readable { Ok(()) } else { Err(Error::new("unreadable")) }
        };
        let digests = threads.hash(len, kinds, &mut read, &mut |_, _| Ok(()));
        if is_readable { digests.map(Some) } else { Ok(None) }
    }

    /// Fills `bytes` with the next ones. Returns `false` if some can't be read. Fails only if the run is interrupted.
    fn read(&mut self, mut bytes: &mut [u8]) -> Result<bool> {
        self.progress.check_cancelled()?;
        while !bytes.is_empty() {
            let Some(place) = self.places.first() else { return Ok(false) };
            let (part, rest) = bytes.split_at_mut((place.len - self.at).min(bytes.len() as u64) as usize);
            let start = SeekFrom::Start(place.offset.saturating_add(self.at));
            if self.image.seek(start).and_then(|_| self.image.read_exact(part)).is_err() {
                return Ok(false);
            }
            self.progress.add(part.len() as u64);
            self.at += part.len() as u64;
            bytes = rest;
            if self.at == place.len {
                (self.places, self.at) = (&self.places[1..], 0);
            }
        }
        Ok(true)
    }
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
