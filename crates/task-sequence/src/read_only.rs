//! Read-only variables as Microsoft documents them ("Task sequence variables"), and how their values are known.
//!
//! The engine, reachability and the rules all go by this table. What the documentation leaves open is not known: a
//! simulated run then names the fact to add, and never says that such a variable is not set. Inferred, not documented:
//! `_SMSTSMediaType` is not set where no medium is involved, and `_SMSTSPackageID` is `INMEM_TS` on stand-alone media
//! (seen in public reports).

use crate::started::{Launch, Started};

/// A documented variable that steps can't set by name.
#[derive(Debug)]
pub struct ReadOnly {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub doc: &'static str,
    /// Where its value comes from.
    pub source: Source,
}

/// Where the value of a read-only variable comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The engine keeps it up to date.
    Run,
    /// What the sequence was started from, as far as [`of_medium`] knows.
    Medium,
    /// Steps of this type set it, and nothing before.
    Step(&'static str),
    /// A fact of this key tells.
    Fact(&'static str),
    /// Only `variables` of the fact file can tell.
    Variables,
}

/// What is known of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It has this value.
    Text(&'static str),
    /// It is not set.
    Unset,
    /// It has one of these values, or is not set (`None`).
    OneOf(&'static [Option<&'static str>]),
    /// It has a value that is not known.
    Present,
    /// Nothing.
    Nothing,
}

const fn row(name: &'static str, source: Source, doc: &'static str) -> ReadOnly {
    ReadOnly { name, doc, source }
}

const DYNAMIC: Source = Source::Step("set-dynamic-variables");
const READINESS: Source = Source::Step("check-readiness");
const UPGRADE: Source = Source::Step("upgrade-operating-system");
const APPLICATION: Source = Source::Step("install-application");

/// All documented read-only variables, by name.
#[rustfmt::skip]
pub const ALL: [ReadOnly; 62] = [
    row("_OSDDetectedWinDir", Source::Variables, "Windows folder of an installation found when Windows PE starts"),
    row("_OSDDetectedWinDrive", Source::Variables, "drive of an installation found when Windows PE starts"),
    row("_OSDMigrateUsmtPackageID", Source::Step("capture-user-state"), "package with the user state migration tool, for capturing"),
    row("_OSDMigrateUsmtRestorePackageID", Source::Step("restore-user-state"), "package with the user state migration tool, for restoring"),
    row("_SMSTSAdvertID", Source::Medium, "ID of the deployment; undefined on stand-alone media"),
    row("_SMSTSAppInstallNeedsRetry", APPLICATION, "true if an application failed and is to be tried again"),
    row("_SMSTSAssetTag", DYNAMIC, "asset tag of the computer"),
    row("_SMSTSBootImageID", Source::Variables, "ID of the boot image that the sequence refers to; not set if it refers to none"),
    row("_SMSTSBootUEFI", Source::Run, "set if the computer is in UEFI mode"),
    row("_SMSTSClientCache", Source::Medium, "path of the content that is cached on the local drive; not set if there is none"),
    row("_SMSTSClientGUID", Source::Medium, "GUID of the client; not set on stand-alone media"),
    row("_SMSTSCurrentActionName", Source::Run, "name of the running step"),
    row("_SMSTSDefaultGateways", DYNAMIC, "default gateways of the computer"),
    row("_SMSTSDownloadOnDemand", Source::Variables, "true if content is downloaded when it is needed"),
    row("_SMSTSInWinPE", Source::Run, "true in Windows PE"),
    row("_SMSTSIPAddresses", DYNAMIC, "IP addresses of the computer"),
    row("_SMSTSLastActionName", Source::Run, "name of the last step that ran"),
    row("_SMSTSLastActionRetCode", Source::Run, "return code of the last step that ran"),
    row("_SMSTSLastActionSucceeded", Source::Run, "true if the last step that ran succeeded"),
    row("_SMSTSLastContentDownloadLocation", Source::Run, "last place that content was downloaded from"),
    row("_SMSTSLaunchMode", Source::Medium, "how the sequence was started: SMS, UFD, UFD+FORMAT, CD, DVD, PXE or HD"),
    row("_SMSTSLogPath", Source::Variables, "folder of the log"),
    row("_SMSTSMacAddresses", DYNAMIC, "MAC addresses of the computer"),
    row("_SMSTSMachineName", Source::Fact("computer.name"), "name of the computer in status messages"),
    row("_SMSTSMake", DYNAMIC, "make of the computer"),
    row("_SMSTSMDataPath", Source::Variables, "folder that SMSTSLocalDataDrive asks for"),
    row("_SMSTSMediaType", Source::Medium, "kind of medium: BootMedia, FullMedia, PXE or OEMMedia"),
    row("_SMSTSModel", DYNAMIC, "model of the computer"),
    row("_SMSTSMP", Source::Variables, "URL or IP address of a management point"),
    row("_SMSTSMPPort", Source::Variables, "port of a management point"),
    row("_SMSTSOrgName", Source::Variables, "title of the progress dialog"),
    row("_SMSTSOSUpgradeActionReturnCode", UPGRADE, "exit code of Windows Setup"),
    row("_SMSTSPackageID", Source::Medium, "ID of the task sequence"),
    row("_SMSTSPackageName", Source::Run, "name of the task sequence"),
    row("_SMSTSRunFromDP", Source::Variables, "true if packages are run from a distribution point"),
    row("_SMSTSSerialNumber", DYNAMIC, "serial number of the computer"),
    row("_SMSTSSetupRollback", UPGRADE, "true if Windows Setup rolled an upgrade back"),
    row("_SMSTSSiteCode", Source::Variables, "code of the site"),
    row("_SMSTSTimezone", Source::Variables, "time zone"),
    row("_SMSTSType", Source::Variables, "1 for a generic sequence, 2 for one that deploys an operating system"),
    row("_SMSTSUseCRL", Source::Variables, "whether the revocation list is used over HTTPS"),
    row("_SMSTSUserStarted", Source::Medium, "true if a user started the sequence; set in Software Center only"),
    row("_SMSTSUseSSL", Source::Variables, "true if management points are asked over HTTPS"),
    row("_SMSTSUUID", DYNAMIC, "UUID of the computer"),
    row("_SMSTSWTG", Source::Variables, "whether the computer runs Windows To Go"),
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
    row("_TSSecureBoot", Source::Fact("computer.secure-boot"), "NA, Enabled or Disabled"),
];

/// The documented variable of this name, if it is one.
pub fn find(name: &str) -> Option<&'static ReadOnly> {
    ALL.iter().find(|row| row.name.eq_ignore_ascii_case(name))
}

/// Returns true if the engine reserves the name.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with('_')
}

/// What is known of a variable from what the sequence was started from, as long as no step has run.
pub fn of_medium(name: &str, started: Started) -> Known {
    let is_alone = started == Started::StandAlone;
    match name {
        "_SMSTSMediaType" => match started {
            Started::Bootable => Known::Text("BootMedia"),
            Started::Prestaged => Known::Text("OEMMedia"),
            Started::StandAlone | Started::Capture => Known::Text("FullMedia"),
            Started::Pxe => Known::Text("PXE"),
            Started::Client => Known::Unset,
        },
        "_SMSTSLaunchMode" => match started {
            Started::Client => Known::Text("SMS"),
            Started::Pxe => Known::Text("PXE"),
            Started::Prestaged => Known::Text("HD"),
            // A disc image may be put on a stick.
            _ => Known::OneOf(&[Some("CD"), Some("DVD"), Some("UFD"), Some("UFD+FORMAT")]),
        },
        "_SMSTSPackageID" if is_alone => Known::Text("INMEM_TS"),
        "_SMSTSPackageID" => Known::Present,
        "_SMSTSAdvertID" | "_SMSTSClientGUID" if is_alone => Known::Unset,
        "_SMSTSUserStarted" if started == Started::Client => Known::OneOf(&[Some("true"), Some("false")]),
        "_SMSTSUserStarted" => Known::Unset,
        // Nothing was downloaded yet, but a client may have done so beforehand, and prestaged media are a cache.
        "_SMSTSClientCache" if !matches!(started, Started::Client | Started::Prestaged) => Known::Unset,
        _ => Known::Nothing,
    }
}

/// Value of `_SMSTSLaunchMode` for what carries the medium.
pub fn launch_mode(started: Started, launch: Launch) -> &'static str {
    match (of_medium("_SMSTSLaunchMode", started), launch) {
        (Known::Text(known), _) => known,
        (_, Launch::Cd) => "CD",
        (_, Launch::Dvd) => "DVD",
        (_, Launch::Usb) => "UFD+FORMAT",
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
            if let Source::Step(kind) = row.source {
                assert!(crate::catalog::kinds().any(|known| known.name == kind), "{kind}");
            }
        }
        assert_eq!(find("_smstsmake").map(|row| row.name), Some("_SMSTSMake"));
    }
}
