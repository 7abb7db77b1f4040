//! Checks of the boot image that a sequence starts from (R108).

use super::{PlacedStep, Rules, at_step};
use crate::reach::System;
use authoring::problem::{Place, Problem};
use authoring::rule::Rule;

/// Boot image that a sequence starts from.
#[derive(Debug, Clone)]
pub struct BootImage {
    /// Path of the WIM file.
    pub path: String,
    /// Place in the manifest that names the boot image.
    pub place: Place,
    /// Components for PowerShell that the image lacks; `None` if the image does not list its
    /// components.
    pub lacking_for_powershell: Option<Vec<&'static str>>,
}

/// Checks a boot image, or what a medium without one needs.
pub fn check(rules: &mut Rules<'_>, image: Option<&BootImage>) {
    let Some(first) = first_script(rules) else { return };
    let message = format!("the step `{}` runs PowerShell in Windows PE", first.name());
    let problem = match image {
        None => {
            let problem =
                Problem::new(Rule::UnverifiedPowershell, format!("{message}, which not every boot image contains"));
            at_step(problem, first.step, "").help(
                "add the optional components WinPE-WMI, WinPE-NetFX, WinPE-Scripting and WinPE-PowerShell to the boot image",
            )
        }
        Some(BootImage { path, place, lacking_for_powershell: None }) => {
            let problem = Problem::new(
                Rule::UnverifiedPowershell,
                format!("{message}, but `{path}` does not list its optional components"),
            );
            let problem = at_step(problem, first.step, "").at(place.clone(), "");
            problem.help("use a boot image with WinPE-WMI, WinPE-NetFX, WinPE-Scripting and WinPE-PowerShell")
        }
        Some(BootImage { lacking_for_powershell: Some(lacking), .. }) if lacking.is_empty() => return,
        Some(BootImage { path, place, lacking_for_powershell: Some(lacking) }) => {
            let problem = Problem::new(Rule::MissingPowershell, format!("{message}, which `{path}` does not contain"));
            let lacks = format!("lacks {}", lacking.join(", "));
            at_step(problem, first.step, "needs PowerShell").at(place.clone(), lacks).help(
                "add these components in the properties of the boot image in Configuration Manager, or move the \
                 step after `setup-windows`",
            )
        }
    };
    rules.add(problem);
}

/// Finds the first script that certainly runs in Windows PE.
fn first_script<'a>(rules: &Rules<'a>) -> Option<PlacedStep<'a>> {
    let scripts = rules.running("run-powershell-script");
    scripts.into_iter().find(|at| at.reached.runs_only_in(System::WindowsPe))
}
