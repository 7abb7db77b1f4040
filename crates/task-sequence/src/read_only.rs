//! Read-only variables that Microsoft documents ("Task sequence variables"), with the source of
//! their values.
//!
//! The engine, reachability and the rules share this table. A value that the documentation leaves
//! open is unknown: a simulated run then names the fact to add, and never assumes that the variable
//! is not set. Two entries are inferred from public reports: `_SMSTSMediaType` is not set without a
//! medium, and `_SMSTSPackageID` is `INMEM_TS` on stand-alone media.

use crate::start_source::{LaunchDevice, StartSource};

/// Documented variable that steps can't set by name.
#[derive(Debug)]
pub struct ReadOnly {
    /// Name of the variable.
    pub name: &'static str,
    /// Description of its value.
    pub doc: &'static str,
    /// Source of its value.
    pub source: ValueSource,
}

/// Source of the value of a read-only variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// Kept up to date by the engine.
    Run,
    /// Determined by the source that the sequence was started from, as far as [`known_value`] knows
    /// it.
    Medium,
    /// Set only by steps of this type.
    Step(&'static str),
    /// Given by the fact with this key.
    Fact(&'static str),
    /// Given only by `variables` in the fact file.
    Variables,
}

/// Knowledge about the value of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownValue {
    /// Has this value.
    Text(&'static str),
    /// Not set.
    Unset,
    /// Has one of these values, or is not set (`None`).
    OneOf(&'static [Option<&'static str>]),
    /// Has an unknown value.
    Present,
    /// May be set or not, to an unknown value.
    Nothing,
}

const fn row(name: &'static str, source: ValueSource, doc: &'static str) -> ReadOnly {
    ReadOnly { name, doc, source }
}

const DYNAMIC: ValueSource = ValueSource::Step("set-dynamic-variables");
const READINESS: ValueSource = ValueSource::Step("check-readiness");
const UPGRADE: ValueSource = ValueSource::Step("upgrade-operating-system");
const APPLICATION: ValueSource = ValueSource::Step("install-application");

/// All documented read-only variables, grouped by name.
#[rustfmt::skip]
pub const ALL: [ReadOnly; 62] = [
    row("_OSDDetectedWinDir", ValueSource::Variables, "Windows folder of an installation found when Windows PE starts"),
    row("_OSDDetectedWinDrive", ValueSource::Variables, "drive of an installation found when Windows PE starts"),
    row("_OSDMigrateUsmtPackageID", ValueSource::Step("capture-user-state"), "package with the user state migration tool, for capturing"),
    row("_OSDMigrateUsmtRestorePackageID", ValueSource::Step("restore-user-state"), "package with the user state migration tool, for restoring"),
    row("_SMSTSAdvertID", ValueSource::Medium, "ID of the deployment; undefined on stand-alone media"),
    row("_SMSTSAppInstallNeedsRetry", APPLICATION, "true if an application failed and will be retried"),
    row("_SMSTSAssetTag", DYNAMIC, "asset tag of the computer"),
    row("_SMSTSBootImageID", ValueSource::Variables, "ID of the boot image of the task sequence; not set if there is none"),
    row("_SMSTSBootUEFI", ValueSource::Run, "set if the computer is in UEFI mode"),
    row("_SMSTSClientCache", ValueSource::Medium, "path of the content cached on the local drive; not set if there is none"),
    row("_SMSTSClientGUID", ValueSource::Medium, "GUID of the client; not set on stand-alone media"),
    row("_SMSTSCurrentActionName", ValueSource::Run, "name of the running step"),
    row("_SMSTSDefaultGateways", DYNAMIC, "default gateways of the computer"),
    row("_SMSTSDownloadOnDemand", ValueSource::Variables, "true if content is downloaded when it is needed"),
    row("_SMSTSInWinPE", ValueSource::Run, "true in Windows PE"),
    row("_SMSTSIPAddresses", DYNAMIC, "IP addresses of the computer"),
    row("_SMSTSLastActionName", ValueSource::Run, "name of the last step that ran"),
    row("_SMSTSLastActionRetCode", ValueSource::Run, "return code of the last step that ran"),
    row("_SMSTSLastActionSucceeded", ValueSource::Run, "true if the last step that ran succeeded"),
    row("_SMSTSLastContentDownloadLocation", ValueSource::Run, "location that content was last downloaded from"),
    row("_SMSTSLaunchMode", ValueSource::Medium, "how the sequence was started: SMS, UFD, UFD+FORMAT, CD, DVD, PXE or HD"),
    row("_SMSTSLogPath", ValueSource::Variables, "folder of the log"),
    row("_SMSTSMacAddresses", DYNAMIC, "MAC addresses of the computer"),
    row("_SMSTSMachineName", ValueSource::Fact("computer.name"), "name of the computer in status messages"),
    row("_SMSTSMake", DYNAMIC, "make of the computer"),
    row("_SMSTSMDataPath", ValueSource::Variables, "folder on the drive in SMSTSLocalDataDrive"),
    row("_SMSTSMediaType", ValueSource::Medium, "kind of medium: BootMedia, FullMedia, PXE or OEMMedia"),
    row("_SMSTSModel", DYNAMIC, "model of the computer"),
    row("_SMSTSMP", ValueSource::Variables, "URL or IP address of a management point"),
    row("_SMSTSMPPort", ValueSource::Variables, "port of a management point"),
    row("_SMSTSOrgName", ValueSource::Variables, "title of the progress dialog"),
    row("_SMSTSOSUpgradeActionReturnCode", UPGRADE, "exit code of Windows Setup"),
    row("_SMSTSPackageID", ValueSource::Medium, "ID of the task sequence"),
    row("_SMSTSPackageName", ValueSource::Run, "name of the task sequence"),
    row("_SMSTSRunFromDP", ValueSource::Variables, "true if packages are run from a distribution point"),
    row("_SMSTSSerialNumber", DYNAMIC, "serial number of the computer"),
    row("_SMSTSSetupRollback", UPGRADE, "true if Windows Setup rolled an upgrade back"),
    row("_SMSTSSiteCode", ValueSource::Variables, "code of the site"),
    row("_SMSTSTimezone", ValueSource::Variables, "time zone"),
    row("_SMSTSType", ValueSource::Variables, "1 for a generic sequence, 2 for one that deploys an operating system"),
    row("_SMSTSUseCRL", ValueSource::Variables, "true if the certificate revocation list is checked over HTTPS"),
    row("_SMSTSUserStarted", ValueSource::Medium, "true if a user started the sequence; set in Software Center only"),
    row("_SMSTSUseSSL", ValueSource::Variables, "true if management points are contacted over HTTPS"),
    row("_SMSTSUUID", DYNAMIC, "UUID of the computer"),
    row("_SMSTSWTG", ValueSource::Variables, "true if the computer runs Windows To Go"),
    row("_TS_CRMEMORY", READINESS, "1 if there is enough memory"),
    row("_TS_CRSPEED", READINESS, "1 if the processor is fast enough"),
    row("_TS_CRDISK", READINESS, "1 if there is enough free disk space"),
    row("_TS_CROSTYPE", READINESS, "1 if the operating system is of the right type"),
    row("_TS_CRARCH", READINESS, "1 if the operating system has the right architecture"),
    row("_TS_CRMINOSVER", READINESS, "1 if the operating system is new enough"),
    row("_TS_CRMAXOSVER", READINESS, "1 if the operating system is old enough"),
    row("_TS_CRCLIENTMINVER", READINESS, "1 if the client is new enough"),
    row("_TS_CROSLANGUAGE", READINESS, "1 if the operating system has the right language"),
    row("_TS_CRACPOWER", READINESS, "1 if the computer is plugged in"),
    row("_TS_CRNETWORK", READINESS, "1 if a network adapter is connected"),
    row("_TS_CRUEFI", READINESS, "1 if the computer is in UEFI mode"),
    row("_TS_CRWIRED", READINESS, "1 if the connected network adapter is not wireless"),
    row("_TS_CRTPMACTIVATED", READINESS, "1 if a TPM 2.0 is activated"),
    row("_TS_CRTPMENABLED", READINESS, "1 if a TPM 2.0 is enabled"),
    row("_TSAppInstallStatus", APPLICATION, "Undefined, Error, Warning or Success"),
    row("_TSSecureBoot", ValueSource::Fact("computer.secure-boot"), "NA, Enabled or Disabled"),
];

/// Finds a documented variable by name, ignoring case.
pub fn find(name: &str) -> Option<&'static ReadOnly> {
    ALL.iter().find(|row| row.name.eq_ignore_ascii_case(name))
}

/// Returns `true` if the engine reserves the name.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with('_')
}

/// Returns the knowledge about a variable before any step has run, from the source that the
/// sequence was started from.
pub fn known_value(name: &str, started: StartSource) -> KnownValue {
    let is_alone = started == StartSource::StandAlone;
    match name {
        "_SMSTSMediaType" => match started {
            StartSource::Bootable => KnownValue::Text("BootMedia"),
            StartSource::Prestaged => KnownValue::Text("OEMMedia"),
            StartSource::StandAlone | StartSource::Capture => KnownValue::Text("FullMedia"),
            StartSource::Pxe => KnownValue::Text("PXE"),
            StartSource::Client => KnownValue::Unset,
        },
        "_SMSTSLaunchMode" => match started {
            StartSource::Client => KnownValue::Text("SMS"),
            StartSource::Pxe => KnownValue::Text("PXE"),
            StartSource::Prestaged => KnownValue::Text("HD"),
            // A disc image may have been written to a stick, so the kind of image does not tell.
            _ => KnownValue::OneOf(&[Some("CD"), Some("DVD"), Some("UFD"), Some("UFD+FORMAT")]),
        },
        "_SMSTSPackageID" if is_alone => KnownValue::Text("INMEM_TS"),
        "_SMSTSPackageID" => KnownValue::Present,
        "_SMSTSAdvertID" | "_SMSTSClientGUID" if is_alone => KnownValue::Unset,
        "_SMSTSUserStarted" if started == StartSource::Client => KnownValue::OneOf(&[Some("true"), Some("false")]),
        "_SMSTSUserStarted" => KnownValue::Unset,
        // Nothing is downloaded before the first step. But a client may have downloaded content in advance, and prestaged media are a cache themselves.
        "_SMSTSClientCache" if !matches!(started, StartSource::Client | StartSource::Prestaged) => KnownValue::Unset,
        _ => KnownValue::Nothing,
    }
}

/// Returns the value of `_SMSTSLaunchMode` for a medium on this device.
pub fn launch_mode(started: StartSource, launch: LaunchDevice) -> &'static str {
    match (known_value("_SMSTSLaunchMode", started), launch) {
        (KnownValue::Text(known), _) => known,
        (_, LaunchDevice::Cd) => "CD",
        (_, LaunchDevice::Dvd) => "DVD",
        (_, LaunchDevice::Usb) => "UFD+FORMAT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for (at, row) in ALL.iter().enumerate() {
            assert!(is_reserved(row.name) && !row.doc.is_empty(), "{}", row.name);
            assert!(ALL[..at].iter().all(|other| !other.name.eq_ignore_ascii_case(row.name)), "{} twice", row.name);
            if let ValueSource::Step(kind) = row.source {
                assert!(crate::catalog::kinds().any(|known| known.name == kind), "{kind}");
            }
        }
        assert_eq!(find("_smstsmake").map(|row| row.name), Some("_SMSTSMake"));
    }
}
