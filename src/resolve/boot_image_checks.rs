//! Whether the boot image suits what is built with it: processors, drivers, programs of Configuration Manager, and what
//! the task sequence runs in it.
//!
//! Nothing on a medium checks that when it starts (R22): it starts, and fails late. An image that says nothing of itself,
//! such as a stand-in for tests, is nothing to complain of; what can't be read is told.

use std::collections::BTreeSet;

use super::manifest_pointers::IMAGE;
use super::request::Request;
use super::wim::KnownWim;
use super::windows_pe::WindowsPe;
use crate::format::windows::{DriverClass, Windows};
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::sequence::rules::{self, BootImage};
use crate::volume::{Folder, Node};

/// Where Windows has PowerShell.
const POWERSHELL_FOLDER: &str = "Windows/System32/WindowsPowerShell";

/// What the boot image says of its Windows.
pub(super) fn look_into(request: &Request<'_>, wim: &KnownWim, index: u32, problems: &mut Problems) -> Windows {
    let windows = match wim.windows(index) {
        Ok(windows) => windows,
        Err(error) => {
            request.failed(&error, IMAGE, problems);
            return Windows::default();
        }
    };
    for (path, why) in &windows.unread {
        let message = format!("`{path}` in the boot image can't be read: {why}");
        let problem = Problem::note(message).at(request.place(IMAGE), "what it says is not checked");
        problems.add(problem.help("see whether Windows PE starts from this image, or take another copy of it"));
    }
    let said = wim.image(index).and_then(|facts| facts.architecture);
    if let (Some(said), Some(kernel)) = (said, windows.architecture)
        && said != kernel
    {
        let message =
            format!("image {index} of `{}` says that it is for {said}, and its kernel is for {kernel}", wim.path());
        let problem =
            Problem::new(Rule::InconsistentBootImage, message).at(request.place(IMAGE), format!("taken for {kernel}"));
        problems.add(problem.help("export the boot image anew; its description is that of another one"));
    }
    windows
}

/// Compares the boot image with what it has to do. `additions` is put into it; `added` are the drivers in that.
pub(super) fn check(
    request: &Request<'_>,
    windows_pe: &WindowsPe,
    windows: &Windows,
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
                let message = format!("the boot image has no driver for any {device}");
                let problem = Problem::new(Rule::UnsuitableBootDrivers, message)
                    .at(request.place(IMAGE), "none in its driver database");
                problems.add(problem.help(
                    "put some in with `dism /add-driver` on Windows, or name a folder of them in `drivers` of `[boot]`",
                ));
            }
        }
    }
    check_client_programs(request, windows_pe, windows, additions, problems);
    check_sequence(request, &windows_pe.wim, windows, additions, problems);
}

/// Compares it with the task sequence that is run in it.
fn check_sequence(
    request: &Request<'_>,
    wim: &KnownWim,
    windows: &Windows,
    additions: &Folder,
    problems: &mut Problems,
) {
    let rendered = request.rendered;
    let Some(sequence) = rendered.sequence() else { return };
    // What the author puts in may be all that PowerShell needs.
    let is_own = additions.get(POWERSHELL_FOLDER).is_some();
    let lacking_for_powershell = windows.lacking_for_powershell().filter(|lacking| lacking.is_empty() || !is_own);
    let image = BootImage { path: wim.path().to_string(), place: request.place(IMAGE), lacking_for_powershell };
    for problem in rules::check_boot_image(sequence, rendered.manifest.media.kind, &image) {
        rendered.add_lowered(problem, problems);
    }
}

/// Without the programs of Configuration Manager Windows PE shows a prompt and waits.
fn check_client_programs(
    request: &Request<'_>,
    windows_pe: &WindowsPe,
    windows: &Windows,
    additions: &Folder,
    problems: &mut Problems,
) {
    if !windows.is_there() || has_client(additions) {
        return;
    }
    if windows.clients.is_empty() {
        let message = format!(
            "image {} of `{}` has no programs of Configuration Manager",
            windows_pe.index,
            windows_pe.wim.path()
        );
        let problem = Problem::note(message).at(request.place(IMAGE), "starts, but runs no task sequence");
        problems.add(problem.help(
            "take one that Configuration Manager made, which has `sms\\bin\\x64\\TsBootShell.exe`, \
             unless something else is meant to run",
        ));
    } else if let Some(architecture) = windows_pe.architecture.filter(|own| !windows.clients.contains(own)) {
        let others: Vec<_> = windows.clients.iter().map(|client| client.to_string()).collect();
        let message = format!(
            "the boot image is for {architecture}, and its programs of Configuration Manager are for {}",
            others.join(" and ")
        );
        let problem = Problem::new(Rule::InconsistentBootImage, message)
            .at(request.place(IMAGE), format!("is for {architecture}"));
        problems.add(problem.help("have Configuration Manager make the boot image anew"));
    }
}

/// Whether the author puts the programs of Configuration Manager in.
fn has_client(additions: &Folder) -> bool {
    let Some(Node::Folder(folders)) = additions.get("sms/bin") else { return false };
    folders.iter().any(|(_, node)| matches!(node, Node::Folder(folder) if folder.get("TsBootShell.exe").is_some()))
}
