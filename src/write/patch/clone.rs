//! Patches by writing a new file that shares blocks with the old output.

use std::fs::File;

use camino::Utf8Path;

use super::contents::{PatchContents, lens};
use super::{Patched, write_range};
use crate::error::{Error, Result};
use crate::output::Sealed;
use crate::patch::BLOCK;
use crate::progress::Progress;
use crate::source::visit;
use crate::write::WriteOptions;
use crate::write::open;
use crate::write::temporary::{IfBusy, Temporary, replaced};

/// Writes a new file that shares the kept ranges with the old one.
pub(super) fn clone(
    target: &Utf8Path,
    old_file: &File,
    contents: &PatchContents,
    sealed: &Sealed,
    options: &WriteOptions,
    progress: &Progress,
) -> Result<Patched> {
    progress.start(lens(&contents.fresh) + lens(&contents.fills) + lens(&contents.over));
    let temporary = Temporary::create(&options.disk, target, IfBusy::Fail)?;
    temporary.set_len(sealed.layout.len())?;
    for (from, to, len) in contents.patch.shared() {
        let mut done = 0;
        while done < len {
            // Only whole blocks are shared; the last few bytes are copied.
            let blocks = len / BLOCK * BLOCK;
            let step = if done < blocks { blocks - done } else { len - done };
            let copied = options.disk.copy(old_file, from + done, temporary.file(), to + done, step);
            match copied.map_err(|error| temporary.failed(error))? {
                0 => return Err(Error::new(format!("`{target}` was truncated by another process"))),
                n_copied => done += n_copied,
            }
            progress.check_cancelled()?;
        }
    }
    for zeros in &contents.zeros {
        options.disk.clear(temporary.file(), *zeros).map_err(|error| temporary.failed(error))?;
    }
    for range in contents.fresh.iter().chain(&contents.fills) {
        write_range(&sealed.layout, *range, range.offset, &temporary, progress)?;
    }
    for range in &contents.over {
        let mut at = range.offset;
        visit(&sealed.layout, std::slice::from_ref(range), &mut |bytes| {
            temporary.write(bytes, at)?;
            at += bytes.len() as u64;
            progress.add(bytes.len() as u64);
            progress.check_cancelled()
        })?;
    }
    progress.check_cancelled()?;
    if !open::is_named(old_file, target) {
        return Err(replaced(target));
    }
    Ok(Patched { stat: temporary.finish()?, journal: None })
}
