//! Table of the toolkit's scripts and step classes, with the treatment of steps that use them.
//!
//! Effects of scripts are documented in Microsoft's "Toolkit reference" (the pages "Scripts" and
//! "Task sequence steps"). The few missing ones (`ZTIWinRE.wsf`, `ZTIOptIn.wsf`) follow from the
//! names of their steps in public `ts.xml` files. The equivalent steps of Configuration Manager are
//! this project's judgement.

/// Treatment of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Replace it with steps of Configuration Manager.
    Convert(Counterpart),
    /// Remove it, since the engine or another step does its work.
    Drop,
    /// Keep it as it is, disabled.
    Keep,
}

/// Equivalent of a step in Configuration Manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counterpart {
    /// Set Dynamic Variables, for facts about the computer.
    Gather,
    /// Check Readiness.
    Readiness,
    /// Format and Partition Disk.
    PartitionDisk,
    /// Apply Operating System Image with the steps that configure it, depending on the arguments.
    OperatingSystem,
    /// Apply Windows Settings and Apply Network Settings.
    Settings,
    /// Apply Driver Package or Auto Apply Drivers.
    Drivers,
    /// Capture Network Settings, or the settings for Apply Network Settings.
    Network,
    /// Install Software Updates.
    SoftwareUpdates,
    /// Run Command Line with the command of an application, from a package.
    Application,
    /// Capture User State or Restore User State, depending on the arguments.
    UserState,
    /// Enable BitLocker, or Pre-provision BitLocker in Windows PE.
    BitLocker,
    /// Disable BitLocker.
    DisableBitLocker,
    /// Run PowerShell Script, which installs roles and features.
    InstallRoles,
    /// Run PowerShell Script, which removes roles and features.
    UninstallRoles,
    /// Run PowerShell Script.
    PowerShell,
    /// Prepare Windows for Capture.
    Sysprep,
    /// Capture Operating System Image.
    CaptureImage,
    /// Set Task Sequence Variable.
    SetVariable,
}

/// Script of the toolkit, with the classes that run it.
#[derive(Debug)]
pub struct ToolkitScript {
    /// Names of the script and of the classes that run it.
    pub names: &'static [&'static str],
    /// Treatment of a step.
    pub treatment: Treatment,
    /// Reason.
    pub why: &'static str,
    /// Task for the author; empty if there is none.
    pub todo: &'static str,
}

const fn entry(
    names: &'static [&'static str],
    treatment: Treatment,
    why: &'static str,
    todo: &'static str,
) -> ToolkitScript {
    ToolkitScript { names, treatment, why, todo }
}

use Counterpart as To;
use Treatment::{Convert, Drop, Keep};

/// All known scripts and classes.
pub const ENTRIES: &[ToolkitScript] = &[
    // Deployment flow.
    entry(
        &["ZTIGather.wsf", "BDD_Gather"],
        Convert(To::Gather),
        "sets DeploymentType, make, model and serial number",
        "move rules of CustomSettings.ini to `rules`, or values to `[variables]` of the manifest",
    ),
    entry(&["ZTIValidate.wsf", "BDD_Validate"], Convert(To::Readiness), "checks memory, processor and disk", ""),
    entry(&["ZTINextPhase.wsf"], Drop, "conditions on PHASE were converted to conditions on Windows PE", ""),
    entry(&["ZTISetVariable.wsf"], Convert(To::SetVariable), "", ""),
    entry(&["ZTIBIOSCheck.wsf"], Drop, "the step compares the BIOS with the toolkit's list of known problems", ""),
    entry(&["LTICopyScripts.wsf"], Drop, "the engine keeps its own files", ""),
    entry(&["LTICleanup.wsf"], Drop, "the engine cleans up itself", ""),
    entry(
        &["LTISuspend.wsf"],
        Drop,
        "the step only suspends deployments of the toolkit",
        "pause with Run Command Line if needed",
    ),
    entry(&["ZTICopyLogs.wsf"], Drop, "the client keeps the logs of the engine", ""),
    entry(
        &["ZTITatoo.wsf"],
        Drop,
        "the step writes facts about the toolkit's deployment to the registry and WMI",
        "write the values with `reg add` if the inventory needs them",
    ),
    entry(&["ZTIOptIn.wsf"], Keep, "the step opts in to error reporting", "use a policy instead"),
    entry(&["ZTISCCM.wsf", "BDD_UsePackage"], Drop, "the step makes the toolkit's files available", ""),
    // Disks and images.
    entry(&["ZTIDiskpart.wsf"], Convert(To::PartitionDisk), "", ""),
    entry(&["LTIApply.wsf", "BDD_InstallOS"], Convert(To::OperatingSystem), "", ""),
    entry(
        &["ZTIVHDCreate.wsf"],
        Keep,
        "there is no step for native boot from a VHD",
        "deploy to a disk, or run diskpart",
    ),
    entry(
        &["ZTIConfigure.wsf"],
        Convert(To::Settings),
        "writes names, locale and domain to the answer file",
        "set `user-name`, `organization` and the domain or workgroup",
    ),
    entry(&["ZTIWinRE.wsf"], Drop, "Windows Setup places the recovery environment", ""),
    entry(
        &["ZTIPatches.wsf", "BDD_InstallUpdatesOffline"],
        Drop,
        "the step adds updates and language packs to the image offline",
        "add them to the image with DISM, or deploy updates",
    ),
    entry(
        &["BDD_InstallLanguagePacksOffline"],
        Drop,
        "the step adds language packs to the image offline",
        "add them to the image with DISM",
    ),
    entry(
        &["ZTILangPacksOnline.wsf", "BDD_InstallLanguagePacksOnline"],
        Keep,
        "there is no equivalent step",
        "run `dism /online /add-package` from a package",
    ),
    entry(&["ZTIDrivers.wsf", "BDD_InjectDrivers"], Convert(To::Drivers), "", ""),
    // Settings and networks.
    entry(&["ZTINicConfig.wsf"], Convert(To::Network), "", ""),
    entry(
        &["ZTIDomainJoin.wsf", "BDD_RecoverDomainJoin"],
        Drop,
        "Apply Network Settings joins the domain",
        "set `domain`, `user` and `password` there",
    ),
    entry(
        &["ZTIGroups.wsf"],
        Keep,
        "there is no equivalent step for members of local groups",
        "use policies or a script",
    ),
    entry(
        &["ZTIApplyGPOPack.wsf"],
        Drop,
        "the step applies security baselines of Windows 7",
        "apply current baselines by policy or with LGPO.exe",
    ),
    // Software.
    entry(&["ZTIApplications.wsf", "BDD_InstallApplication"], Convert(To::Application), "", ""),
    entry(
        &["ZTIWindowsUpdate.wsf"],
        Convert(To::SoftwareUpdates),
        "installs deployed updates, not all of Windows Update",
        "disable it on stand-alone media, which have no site",
    ),
    entry(&["ZTIOSRole.wsf", "BDD_InstallRoles"], Convert(To::InstallRoles), "", ""),
    entry(&["BDD_UninstallRoles"], Convert(To::UninstallRoles), "", ""),
    entry(&["ZTIPowerShell.wsf", "BDD_RunPowerShellAction"], Convert(To::PowerShell), "", ""),
    // User state and backup.
    entry(&["ZTIUserState.wsf"], Convert(To::UserState), "", "provide the package of the User State Migration Tool"),
    entry(&["ZTIBackup.wsf"], Convert(To::CaptureImage), "", ""),
    entry(&["LTISysprep.wsf"], Convert(To::Sysprep), "runs Sysprep and restarts into Windows PE", ""),
    // BitLocker.
    entry(&["ZTIBde.wsf"], Convert(To::BitLocker), "", ""),
    entry(&["ZTIDisableBDEProtectors.wsf"], Convert(To::DisableBitLocker), "suspends BitLocker over the restart", ""),
    // Servers and orchestration.
    entry(
        &["ZTIConfigureADDS.wsf", "BDD_ConfigureADDS"],
        Keep,
        "there is no equivalent step",
        "run Install-ADDSForest or Install-ADDSDomainController",
    ),
    entry(
        &["ZTIConfigureDNS.wsf", "BDD_ConfigureDNS"],
        Keep,
        "there is no equivalent step",
        "use Add-DnsServerPrimaryZone",
    ),
    entry(
        &["ZTIConfigureDHCP.wsf", "BDD_ConfigureDHCP"],
        Keep,
        "there is no equivalent step",
        "run Add-DhcpServerv4Scope",
    ),
    entry(&["ZTIAuthorizeDHCP.wsf"], Keep, "has no step of its own", "run Add-DhcpServerInDC"),
    entry(
        &["ZTIExecuteRunbook.wsf", "BDD_ExecuteRunbook"],
        Keep,
        "there is no equivalent step",
        "call the runbook's web service",
    ),
    // In-place upgrades.
    entry(&["BDD_UpgradeOS"], Convert(To::OperatingSystem), "", ""),
];

/// Finds a script or class by name.
pub fn find(name: &str) -> Option<&'static ToolkitScript> {
    ENTRIES.iter().find(|entry| entry.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// Finds the entry of a step by its class, or else by its script.
pub fn find_for_step(class: &str, script: Option<&str>) -> Option<&'static ToolkitScript> {
    find(class).or_else(|| script.and_then(find))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_what_is_not_converted_has_a_reason() {
        let mut names: Vec<_> = ENTRIES.iter().flat_map(|entry| entry.names).map(|name| name.to_lowercase()).collect();
        let n_names = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), n_names);
        for entry in ENTRIES.iter().filter(|entry| !matches!(entry.treatment, Treatment::Convert(_))) {
            assert!(!entry.why.is_empty(), "{:?}", entry.names);
            assert!(entry.treatment != Treatment::Keep || !entry.todo.is_empty(), "{:?}", entry.names);
        }
    }
}
