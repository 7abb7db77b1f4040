//! Checks that the boot image suits the medium: processors, drivers, Configuration Manager
//! programs, and the task sequence.
//!
//! Nothing on the medium checks this at startup (R22): it would start and fail late. Images without
//! information, such as placeholders in tests, cause no problems; unreadable information does.

use std::collections::BTreeSet;

use super::manifest_pointers::IMAGE;
use super::request::MediumRequest;
use super::wim::KnownWim;
use super::windows_pe::WindowsPe;
use crate::format::windows::{DriverClass, WindowsFacts};
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::sequence::rules::{self, BootImage};
use crate::volume::{Folder, Node};

/// Folder of PowerShell in Windows.
const POWERSHELL_FOLDER: &str = "Windows/System32/WindowsPowerShell";

/// Reads the description of Windows in the boot image, and reports unreadable or contradictory
/// parts.
pub(super) fn read_windows(
    request: &MediumRequest<'_>,
    wim: &KnownWim,
    index: u32,
    problems: &mut Problems,
) -> WindowsFacts {
    let windows = match wim.windows(index) {
        Ok(windows) => windows,
        Err(error) => {
            request.failed(&error, IMAGE, problems);
            return WindowsFacts::default();
        }
    };
    for (path, why) in &windows.unread {
        let message = format!("`{path}` in the boot image can't be read: {why}");
        let problem = Problem::note(message).at(request.place(IMAGE), "not checked");
        problems.add(problem.help("test that Windows PE starts from this image, or copy it again"));
    }
    let said = wim.image(index).and_then(|facts| facts.architecture);
    if let (Some(said), Some(kernel)) = (said, windows.architecture)
        && said != kernel
    {
        let message =
            format!("image {index} of `{}` is described as {said}, but its kernel is for {kernel}", wim.path());
        let problem =
            Problem::new(Rule::InconsistentBootImage, message).at(request.place(IMAGE), format!("treated as {kernel}"));
        problems.add(problem.help("re-export the boot image: its XML describes a different image"));
    }
    windows
}

/// Checks the boot image against its tasks. `additions` are the files to be added, `added` the
/// driver classes among them.
pub(super) fn check(
    request: &MediumRequest<'_>,
    windows_pe: &WindowsPe,
    windows: &WindowsFacts,
    additions: &Folder,
    added: &BTreeSet<DriverClass>,
    problems: &mut Problems,
) {
    if let Some(drivers) = &windows.drivers {
        let kinds = [
            (&drivers.network, DriverClass::Network, "network adapter"),
            (&drivers.storage, DriverClass::Storage, "storage controller"),
        ];
        for (names, class, device) in kinds {
            if names.is_empty() && !added.contains(&class) {
                let message = format!("the boot image has no {device} driver");
                let problem = Problem::new(Rule::UnsuitableBootDrivers, message)
                    .at(request.place(IMAGE), "none in its driver database");
                problems.add(problem.help(
                    "add some with `dism /add-driver` on Windows, or name a folder of drivers in `drivers` of `[boot]`",
                ));
            }
        }
    }
    check_client_programs(request, windows_pe, windows, additions, problems);
    check_sequence(request, &windows_pe.wim, windows, additions, problems);
}

/// Checks the boot image against the task sequence that runs in it.
fn check_sequence(
    request: &MediumRequest<'_>,
    wim: &KnownWim,
    windows: &WindowsFacts,
    additions: &Folder,
    problems: &mut Problems,
) {
    let rendered = request.rendered;
    let Some(sequence) = rendered.sequence() else { return };
    // PowerShell files added by the manifest may be complete, so don't judge the image then.
    let is_own = additions.get(POWERSHELL_FOLDER).is_some();
    let lacking_for_powershell = windows.missing_for_powershell().filter(|lacking| lacking.is_empty() || !is_own);
    let image = BootImage { path: wim.path().to_string(), place: request.place(IMAGE), lacking_for_powershell };
    for problem in rules::check_boot_image(sequence, rendered.manifest.media.kind, &image) {
        rendered.add_lowered(problem, problems);
    }
}

/// Reports an image without Configuration Manager programs: Windows PE would show a prompt and
/// wait.
fn check_client_programs(
    request: &MediumRequest<'_>,
    windows_pe: &WindowsPe,
    windows: &WindowsFacts,
    additions: &Folder,
    problems: &mut Problems,
) {
    if !windows.is_windows() || has_client(additions) {
        return;
    }
    if windows.clients.is_empty() {
        let message =
            format!("image {} of `{}` has no Configuration Manager programs", windows_pe.index, windows_pe.wim.path());
        let problem = Problem::note(message).at(request.place(IMAGE), "starts, but can't run a task sequence");
        problems.add(problem.help(
            "use a boot image from Configuration Manager (with `sms\\bin\\x64\\TsBootShell.exe`), \
             unless the medium runs something else",
        ));
    } else if let Some(architecture) = windows_pe.architecture.filter(|own| !windows.clients.contains(own)) {
        let others: Vec<_> = windows.clients.iter().map(|client| client.to_string()).collect();
        let message = format!(
            "the boot image is for {architecture}, but its Configuration Manager programs are for {}",
            others.join(" and ")
        );
        let problem = Problem::new(Rule::InconsistentBootImage, message)
            .at(request.place(IMAGE), format!("is for {architecture}"));
        problems.add(problem.help("recreate the boot image in Configuration Manager"));
    }
}

/// Returns `true` if the manifest adds the Configuration Manager programs.
fn has_client(additions: &Folder) -> bool {
    let Some(Node::Folder(folders)) = additions.get("sms/bin") else { return false };
    folders.iter().any(|(_, node)| matches!(node, Node::Folder(folder) if folder.get("TsBootShell.exe").is_some()))
}
