//! Code integrity policies on a medium that raise the firmware's own demands on boot programs.

use super::assemble::Medium;
use super::manifest_pointers::FILES;
use super::request::Request;
use crate::problem::{Problem, Problems};
use crate::volume::Node;

/// The policy that the Windows boot manager stores in the firmware where Secure Boot is on.
const BOOT_POLICY: &str = "EFI/Microsoft/Boot/SkuSiPolicy.p7b";

/// Warns of a boot policy on the medium, at the line that brings it: the boot files, or an entry of content.
pub(super) fn check_boot_policy(request: &Request<'_>, medium: &Medium, problems: &mut Problems) {
    if !matches!(medium.root.get(BOOT_POLICY), Some(Node::File(_))) {
        return;
    }
    let is_boot_file = medium.start.files.iter().any(|(path, _)| path.eq_ignore_ascii_case(BOOT_POLICY));
    let message = format!(
        "`{BOOT_POLICY}` is on the medium: a computer that starts from it with Secure Boot may lock its firmware, \
         and refuse older boot files for good (0xc0000428)"
    );
    let entry = if is_boot_file { None } else { medium.origins.pointer_of(BOOT_POLICY) };
    let pointer = entry.unwrap_or_else(|| FILES.into());
    let problem = Problem::warning(message).at(request.place(&pointer), "brings it");
    problems.add(problem.help(
        "leave it out, unless all media and disks that these computers start from have boot files as new as these",
    ));
}
