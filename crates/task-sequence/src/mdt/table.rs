//! The toolkit's scripts and step classes, and what becomes of a step that uses one.
//!
//! What a script does is known from Microsoft's "Toolkit reference" (the pages "Scripts" and "Task sequence steps") and,
//! for the few that it leaves out (`ZTIWinRE.wsf`, `ZTIOptIn.wsf`), from the names of their steps in public `ts.xml` files.
//! Which step of Configuration Manager has the same effect is this project's judgement.

/// What becomes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// A step of Configuration Manager takes its place.
    Convert(Counterpart),
    /// It is left out: the engine or another step does its work.
    Drop,
    /// It is kept as it is, disabled.
    Keep,
}

/// The step that takes the place of the toolkit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counterpart {
    /// Facts of the computer as variables: Set Dynamic Variables.
    Gather,
    /// Check Readiness.
    Readiness,
    /// Format and Partition Disk.
    PartitionDisk,
    /// Apply Operating System Image with the steps that configure it; arguments can ask for something else.
    OperatingSystem,
    /// Apply Windows Settings and Apply Network Settings.
    Settings,
    /// Apply Driver Package or Auto Apply Drivers.
    Drivers,
    /// Capture Network Settings, or the settings that Apply Network Settings gets.
    Network,
    /// Install Software Updates.
    SoftwareUpdates,
    /// The command line of an application, from a package.
    Application,
    /// Capture User State or Restore User State, by the arguments.
    UserState,
    /// Enable BitLocker, or Pre-provision BitLocker in Windows PE.
    BitLocker,
    /// Disable BitLocker.
    DisableBitLocker,
    /// Run PowerShell Script that installs roles and features.
    InstallRoles,
    /// Run PowerShell Script that removes roles and features.
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

/// A script or class.
#[derive(Debug)]
pub struct Entry {
    /// Names of the script and of the classes that run it.
    pub names: &'static [&'static str],
    /// What becomes of a step.
    pub treatment: Treatment,
    /// Why.
    pub why: &'static str,
    /// What the author has to do; empty if nothing.
    pub todo: &'static str,
}

const fn entry(names: &'static [&'static str], treatment: Treatment, why: &'static str, todo: &'static str) -> Entry {
    Entry { names, treatment, why, todo }
}

use Counterpart as To;
use Treatment::{Convert, Drop, Keep};

/// The table.
pub const ENTRIES: &[Entry] = &[
    // The frame of a deployment.
    entry(
        &["ZTIGather.wsf", "BDD_Gather"],
        Convert(To::Gather),
        "sets DeploymentType, make, model and serial number",
        "put rules of CustomSettings.ini into `rules`, or values under `[variables]` of the manifest",
    ),
    entry(&["ZTIValidate.wsf", "BDD_Validate"], Convert(To::Readiness), "checks memory, processor and disk", ""),
    entry(&["ZTINextPhase.wsf"], Drop, "conditions on PHASE became ones on Windows PE", ""),
    entry(&["ZTISetVariable.wsf"], Convert(To::SetVariable), "", ""),
    entry(&["ZTIBIOSCheck.wsf"], Drop, "compares the BIOS with the toolkit's list of known problems", ""),
    entry(&["LTICopyScripts.wsf"], Drop, "the engine keeps its own files", ""),
    entry(&["LTICleanup.wsf"], Drop, "the engine cleans up by itself", ""),
    entry(
        &["LTISuspend.wsf"],
        Drop,
        "only suspends deployments of the toolkit",
        "pause with Run Command Line if needed",
    ),
    entry(&["ZTICopyLogs.wsf"], Drop, "the client keeps the logs of the engine", ""),
    entry(
        &["ZTITatoo.wsf"],
        Drop,
        "writes what the toolkit deployed to registry and WMI",
        "write values with `reg add` if inventory reads them",
    ),
    entry(&["ZTIOptIn.wsf"], Keep, "opts in to error reporting", "use a policy instead"),
    entry(&["ZTISCCM.wsf", "BDD_UsePackage"], Drop, "makes the toolkit's files available", ""),
    // Disks and images.
    entry(&["ZTIDiskpart.wsf"], Convert(To::PartitionDisk), "", ""),
    entry(&["LTIApply.wsf", "BDD_InstallOS"], Convert(To::OperatingSystem), "", ""),
    entry(&["ZTIVHDCreate.wsf"], Keep, "native boot from a VHD has no step", "deploy to a disk, or run diskpart"),
    entry(
        &["ZTIConfigure.wsf"],
        Convert(To::Settings),
        "writes names, locale and domain to the answer file",
        "give `user-name`, `organization` and the domain or workgroup",
    ),
    entry(&["ZTIWinRE.wsf"], Drop, "Windows Setup places the recovery environment", ""),
    entry(
        &["ZTIPatches.wsf", "BDD_InstallUpdatesOffline"],
        Drop,
        "adds updates and language packs to the image offline",
        "add them to the image with DISM, or deploy updates",
    ),
    entry(
        &["BDD_InstallLanguagePacksOffline"],
        Drop,
        "adds language packs to the image offline",
        "add them to the image with DISM",
    ),
    entry(
        &["ZTILangPacksOnline.wsf", "BDD_InstallLanguagePacksOnline"],
        Keep,
        "has no step of its own",
        "run `dism /online /add-package` from a package",
    ),
    entry(&["ZTIDrivers.wsf", "BDD_InjectDrivers"], Convert(To::Drivers), "", ""),
    // Settings and networks.
    entry(&["ZTINicConfig.wsf"], Convert(To::Network), "", ""),
    entry(
        &["ZTIDomainJoin.wsf", "BDD_RecoverDomainJoin"],
        Drop,
        "Apply Network Settings joins the domain",
        "give `domain`, `user` and `password` there",
    ),
    entry(
        &["ZTIGroups.wsf"],
        Keep,
        "captures and restores members of local groups; has no step",
        "use policies or a script",
    ),
    entry(
        &["ZTIApplyGPOPack.wsf"],
        Drop,
        "applies security baselines of Windows 7",
        "apply current baselines by policy or with LGPO.exe",
    ),
    // Software.
    entry(&["ZTIApplications.wsf", "BDD_InstallApplication"], Convert(To::Application), "", ""),
    entry(
        &["ZTIWindowsUpdate.wsf"],
        Convert(To::SoftwareUpdates),
        "installs updates that are deployed, not all of Windows Update",
        "leave it disabled on stand-alone media, which have no site",
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
        "has no step of its own",
        "run Install-ADDSForest or Install-ADDSDomainController",
    ),
    entry(&["ZTIConfigureDNS.wsf", "BDD_ConfigureDNS"], Keep, "has no step of its own", "use Add-DnsServerPrimaryZone"),
    entry(&["ZTIConfigureDHCP.wsf", "BDD_ConfigureDHCP"], Keep, "has no step of its own", "run Add-DhcpServerv4Scope"),
    entry(&["ZTIAuthorizeDHCP.wsf"], Keep, "has no step of its own", "run Add-DhcpServerInDC"),
    entry(
        &["ZTIExecuteRunbook.wsf", "BDD_ExecuteRunbook"],
        Keep,
        "has no step of its own",
        "call the runbook's web service",
    ),
    // In-place upgrades.
    entry(&["BDD_UpgradeOS"], Convert(To::OperatingSystem), "", ""),
];

/// The entry of a script or class.
pub fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// The entry of a step, by its class or else its script.
pub fn entry_of(class: &str, script: Option<&str>) -> Option<&'static Entry> {
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
