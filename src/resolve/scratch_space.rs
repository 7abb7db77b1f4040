//! Scratch space of Windows PE: the memory that holds what is written to `X:`.
//!
//! `dism /Set-ScratchSpace` keeps the size in the registry of the boot image, as the value `WinPECacheThreshold` of the
//! file-based write filter. Microsoft documents the command and its sizes ("Windows PE: Mount and Customize"); the value
//! is the one that public tools for Windows PE read and set.

use super::request::MediumRequest;
use super::volume_tree::VolumeTree;
use super::windows_pe::WindowsPe;
use crate::content::Content;
use crate::error::Result;
use crate::format::regf::{Hive, with_number};
use crate::limits::MAX_HIVE_LEN;
use crate::problem::{Problem, Problems};

/// JSON pointer of the scratch space.
const SCRATCH_SPACE: &str = "/boot/scratch-space";
const HIVE: &str = "Windows/System32/config/SYSTEM";
const VALUE: &str = "WinPECacheThreshold";

/// Sets the scratch space in the registry of the boot image.
pub(super) fn set_scratch_space(
    request: &MediumRequest<'_>,
    windows_pe: &WindowsPe,
    tree: &mut VolumeTree,
    problems: &mut Problems,
) {
    let Some(size) = request.rendered.manifest.boot.scratch_space else { return };
    let size = size.mebibytes();
    // A hive of the manifest is not that of the boot image, which sites share.
    let shared = tree.root.get(HIVE).is_none().then_some((windows_pe.index, size));
    let known = shared.and_then(|shared| windows_pe.wim.scratch_spaces.borrow().get(&shared).cloned());
    if let Some(known) = known {
        return tree.replace_or_place(request, HIVE, known, SCRATCH_SPACE, problems);
    }
    let hive = windows_pe.read_file(request, &tree.root, HIVE, MAX_HIVE_LEN, SCRATCH_SPACE, problems);
    let Ok(hive) = hive else { return };
    match hive.as_deref().map(|hive| with_scratch_space(hive, size)) {
        Some(Ok(Some(edited))) => {
            let content = Content::bytes(edited);
            if let Some(shared) = shared {
                windows_pe.wim.scratch_spaces.borrow_mut().insert(shared, content.clone());
            }
            tree.replace_or_place(request, HIVE, content, SCRATCH_SPACE, problems);
        }
        Some(Err(error)) => {
            let message = format!("can't set the scratch space in `{HIVE}` of the boot image: {error}");
            let problem = Problem::error(message).at(request.place(SCRATCH_SPACE), "changes the registry");
            problems.add(problem.help(format!(
                "set it on Windows with `dism /Image:MOUNTED /Set-ScratchSpace:{size}`, and remove `scratch-space`"
            )));
        }
        Some(Ok(None)) | None => {
            let message = format!("the boot image has no write filter (`Services\\FBWF` in `{HIVE}`)");
            let problem = Problem::error(message).at(request.place(SCRATCH_SPACE), "is a setting of that filter");
            problems.add(problem.help("use a Windows PE boot image, or remove `scratch-space`"));
        }
    }
}

/// Returns the hive `SYSTEM` with another scratch space, in MiB. `None` if it has no write filter.
fn with_scratch_space(hive: &[u8], size: u32) -> Result<Option<Vec<u8>>> {
    // Windows PE starts from the control set that `Select` names, which is the first in images that never ran.
    let select = Hive::read(hive)?.key("Select")?;
    let current = select.map(|select| select.value("Current")).transpose()?.flatten();
    let set = current.and_then(|current| current.number()).unwrap_or(1);
    with_number(hive, &format!(r"ControlSet{set:03}\Services\FBWF"), VALUE, size)
}
