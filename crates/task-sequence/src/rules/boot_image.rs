//! What a sequence needs of the boot image that it starts from (R108).

use super::{At, Rules, at_step};
use crate::reach::System;
use authoring::problem::{Place, Problem};
use authoring::rule::Rule;

/// What is known of the boot image that a sequence starts from.
#[derive(Debug, Clone)]
pub struct BootImage {
    /// The WIM file that it is in.
    pub path: String,
    /// Where the manifest names it.
    pub place: Place,
    /// The components that it lacks to run PowerShell; nothing if that can't be seen.
    pub lacking_for_powershell: Option<Vec<&'static str>>,
}

/// What is wrong with the boot image, or, of a medium without one, what it has to have.
pub fn check(rules: &mut Rules<'_>, image: Option<&BootImage>) {
    let Some(first) = first_script(rules) else { return };
    let message = format!("the step `{}` runs PowerShell in Windows PE", first.name());
    let problem = match image {
        None => {
            let problem =
                Problem::new(Rule::UnverifiedPowershell, format!("{message}, and not every boot image has it"));
            at_step(problem, first.step, "").help(
                "add the components WinPE-WMI, WinPE-NetFX, WinPE-Scripting and WinPE-PowerShell to the boot image",
            )
        }
        Some(BootImage { path, place, lacking_for_powershell: None }) => {
            let problem = Problem::new(
                Rule::UnverifiedPowershell,
                format!("{message}, and whether `{path}` has it can't be seen"),
            );
            let problem = at_step(problem, first.step, "").at(place.clone(), "");
            problem.help("take a boot image with WinPE-WMI, WinPE-NetFX, WinPE-Scripting and WinPE-PowerShell")
        }
        Some(BootImage { lacking_for_powershell: Some(lacking), .. }) if lacking.is_empty() => return,
        Some(BootImage { path, place, lacking_for_powershell: Some(lacking) }) => {
            let problem = Problem::new(Rule::MissingPowershell, format!("{message}, and `{path}` has none"));
            let lacks = format!("lacks {}", lacking.join(", "));
            at_step(problem, first.step, "needs it").at(place.clone(), lacks).help(
                "add these components to the boot image, as Configuration Manager does by its properties, or move the \
                 step behind `setup-windows`",
            )
        }
    };
    rules.add(problem);
}

/// The first script that surely runs in Windows PE.
fn first_script<'a>(rules: &Rules<'a>) -> Option<At<'a>> {
    let scripts = rules.running("run-powershell-script");
    scripts.into_iter().find(|at| at.reached.runs_only_in(System::WindowsPe))
}
