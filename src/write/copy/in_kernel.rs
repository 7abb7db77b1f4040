//! Copies sources into a target within the kernel, sharing blocks where the file system can.

use std::io;
use std::os::unix::fs::FileExt;

use super::super::temporary::Temporary;
use crate::content::{Source, Stretch};
use crate::error::Result;
use crate::layout::Region;
use crate::patch::BLOCK;
use crate::progress::Progress;
use crate::source::OpenSource;

/// Number of bytes that the kernel copies between two checks for cancellation.
const COPY_LEN: u64 = 16 << 20;
/// Number of bytes that are copied through memory at a time.
const BLOCK_LEN: usize = 256 << 10;

/// Copies a whole source to the start of the target within the kernel. Blocks are shared if the file system supports
/// it.
///
/// # Errors
///
/// If a file of the source has changed or can't be read, or the target can't be written.
pub fn copy_source(source: &Source, target: &Temporary, progress: &Progress) -> Result<()> {
    let open = OpenSource::open(source)?;
    copy_range(&open, 0, target, Region { offset: 0, len: source.len() }, &mut |len| {
        progress.add(len);
        progress.check_cancelled()
    })?;
    Ok(open.check()?)
}

/// Copies a range of a source into the target within the kernel, or through memory if the kernel can't.
pub(in crate::write) fn copy_range(
    source: &OpenSource,
    start: u64,
    target: &Temporary,
    place: Region,
    step: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let mut at = place.offset;
    for stretch in source.stretches(start, place.len) {
        match stretch {
            Stretch::Bytes(bytes) => {
                target.write(bytes, at)?;
                at += bytes.len() as u64;
                step(bytes.len() as u64)?;
            }
            Stretch::File { file, start, len } => {
                copy_file(source, file, start, target, Region { offset: at, len }, step)?;
                at += len;
            }
        }
    }
    Ok(())
}

/// Copies a range of the `number`-th file of a source.
fn copy_file(
    source: &OpenSource,
    number: usize,
    start: u64,
    target: &Temporary,
    place: Region,
    step: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let file = source.file(number)?;
    let mut done = 0;
    while done < place.len {
        let want = copy_len(start + done, place.offset + done, place.len - done);
        match target.disk().copy(&file, start + done, target.file(), place.offset + done, want) {
            Ok(0) => return Err(source.changed(number).into()),
            Ok(len) => {
                done += len;
                step(len)?;
            }
            Err(error) if cannot_copy(&error) => break,
            Err(error) => return Err(target.failed(error)),
        }
    }
    // Reached at once if the kernel can't copy between these files, or after a part if it gave up midway.
    let mut block = vec![0; if done < place.len { BLOCK_LEN } else { 0 }];
    while done < place.len {
        let len = (place.len - done).min(BLOCK_LEN as u64) as usize;
        file.read_exact_at(&mut block[..len], start + done).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => source.changed(number),
            _ => source.failed(number, error),
        })?;
        target.write(&block[..len], place.offset + done)?;
        done += len as u64;
        step(len as u64)?;
    }
    Ok(())
}

/// Number of bytes to copy at once, at most `len`. File systems share whole blocks only, so a range that could be shared
/// is split where its whole blocks begin and end.
fn copy_len(from: u64, to: u64, len: u64) -> u64 {
    let skew = from % BLOCK;
    match skew == to % BLOCK {
        true if skew > 0 => len.min(BLOCK - skew),
        true if len > BLOCK => len.min(COPY_LEN) / BLOCK * BLOCK,
        _ => len.min(COPY_LEN),
    }
}

/// Returns `true` if the kernel can't copy between these two files at all.
fn cannot_copy(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errnos = [Errno::XDEV, Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM, Errno::BADF];
    errnos.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
