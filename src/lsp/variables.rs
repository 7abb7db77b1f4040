//! Documented variables of task sequences: those of the steps' settings, and those that the client sets.

use crate::sequence::catalog::{self, Form};

/// Variables that the client sets, from the reference of task sequence variables in the documentation of Configuration
/// Manager.
const OF_CLIENT: [(&str, &str); 16] = [
    ("_SMSTSAdvertID", "The ID of the deployment that runs."),
    ("_SMSTSBootImageID", "The package ID of the boot image of the task sequence; empty if it has none."),
    ("_SMSTSBootUEFI", "`true` on a computer in UEFI mode."),
    ("_SMSTSClientGUID", "The GUID of the client; not set from stand-alone media."),
    ("_SMSTSCurrentActionName", "The name of the step that runs."),
    ("_SMSTSInWinPE", "`true` in Windows PE, `false` in the full operating system."),
    ("_SMSTSLastActionRetCode", "The exit code of the last step that ran."),
    ("_SMSTSLastActionSucceeded", "`true` if the last step succeeded."),
    ("_SMSTSLaunchMode", "How the task sequence was started: `SMS`, `UFD`, `UFD+FORMAT`, `CD`, `DVD`, `HD` or `PXE`."),
    ("_SMSTSLogPath", "The folder of the log files."),
    ("_SMSTSMachineName", "The name of the computer."),
    ("_SMSTSMediaType", "The type of the medium: `BootMedia`, `FullMedia`, `PXE` or `OEMMedia`."),
    ("_SMSTSPackageID", "The package ID of the task sequence that runs."),
    ("_SMSTSPackageName", "The name of the task sequence that runs."),
    ("_SMSTSSiteCode", "The code of the site."),
    ("_SMSTSType", "The type of the task sequence: `1` generic, `2` operating system deployment."),
];

/// Returns the documented variables, each with what it means.
pub fn documented() -> Vec<(&'static str, String)> {
    let mut found: Vec<_> = OF_CLIENT.iter().map(|(name, doc)| (*name, format!("{doc} Read-only."))).collect();
    for kind in catalog::kinds() {
        let is_setting = |form: &Form| !matches!(form, Form::Tables(_) | Form::Map | Form::Variable);
        for key in kind.keys.iter().filter(|key| is_setting(&key.form) && key.variable().starts_with("OSD")) {
            if found.iter().all(|(name, _)| *name != key.variable()) {
                found.push((key.variable(), format!("{} `{}` of `{}`.", key.doc, key.name, kind.name)));
            }
        }
    }
    found
}

/// Returns what a variable means, if it is documented. The case of its name does not count.
pub fn doc(name: &str) -> Option<String> {
    documented().into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, doc)| doc)
}
