//! Making a new file that shares blocks with the old output.

use std::fs::File;

use camino::Utf8Path;

use super::scheme::{Scheme, lens};
use super::{Patched, write_range};
use crate::error::{Error, Result};
use crate::output::Sealed;
use crate::patch::BLOCK;
use crate::progress::Progress;
use crate::source::visit;
use crate::write::Means;
use crate::write::open;
use crate::write::temporary::{IfBusy, Temporary, replaced};

/// Makes a new file that shares what is kept with the old one.
pub(super) fn clone(
    target: &Utf8Path,
    old_file: &File,
    scheme: &Scheme,
    sealed: &Sealed,
    means: &Means,
    progress: &Progress,
) -> Result<Patched> {
    progress.start(lens(&scheme.fresh) + lens(&scheme.fills) + lens(&scheme.over));
    let temporary = Temporary::create(&means.disk, target, IfBusy::Fail)?;
    temporary.set_len(sealed.layout.len())?;
    for (from, to, len) in scheme.patch.shared() {
        let mut done = 0;
        while done < len {
            // Only whole blocks are shared; the last few bytes are copied.
            let blocks = len / BLOCK * BLOCK;
            let step = if done < blocks { blocks - done } else { len - done };
            let copied = means.disk.copy(old_file, from + done, temporary.file(), to + done, step);
            match copied.map_err(|error| temporary.failed(error))? {
                0 => return Err(Error::new(format!("`{target}` is shorter than it was"))),
                n_copied => done += n_copied,
            }
            progress.go_on()?;
        }
    }
    for zeros in &scheme.zeros {
        means.disk.clear(temporary.file(), *zeros).map_err(|error| temporary.failed(error))?;
    }
    for range in scheme.fresh.iter().chain(&scheme.fills) {
        write_range(&sealed.layout, *range, range.offset, &temporary, progress)?;
    }
    for range in &scheme.over {
        let mut at = range.offset;
        visit(&sealed.layout, std::slice::from_ref(range), &mut |bytes| {
            temporary.write(bytes, at)?;
            at += bytes.len() as u64;
            progress.add(bytes.len() as u64);
            progress.go_on()
        })?;
    }
    progress.go_on()?;
    if !open::is_named(old_file, target) {
        return Err(replaced(target));
    }
    Ok(Patched { stat: temporary.finish()?, journal: None })
}
