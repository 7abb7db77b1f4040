//! Code integrity policies on a medium that make the firmware stricter about boot programs.

use super::assemble::AssembledMedium;
use super::manifest_pointers::FILES;
use super::request::MediumRequest;
use crate::problem::{Problem, Problems};
use crate::volume::Node;

/// Policy that the Windows boot manager stores in the firmware if Secure Boot is on.
const BOOT_POLICY: &str = "EFI/Microsoft/Boot/SkuSiPolicy.p7b";

/// Warns of a boot policy on the medium, at the boot files or the content entry that supplies it.
pub(super) fn check_boot_policy(request: &MediumRequest<'_>, medium: &AssembledMedium, problems: &mut Problems) {
    if !matches!(medium.root.get(BOOT_POLICY), Some(Node::File(_))) {
        return;
    }
    let is_boot_file = medium.start.files.iter().any(|(path, _)| path.eq_ignore_ascii_case(BOOT_POLICY));
    let message = format!(
        "`{BOOT_POLICY}` is on the medium: a computer that starts it with Secure Boot may store the policy in firmware \
         and permanently refuse older boot files (0xc0000428)"
    );
    let entry = if is_boot_file { None } else { medium.origins.pointer_of(BOOT_POLICY) };
    let pointer = entry.unwrap_or_else(|| FILES.into());
    let problem = Problem::warning(message).at(request.place(&pointer), "comes from here");
    problems.add(
        problem.help("remove the file, unless all media and disks of these computers have boot files at least as new"),
    );
}
