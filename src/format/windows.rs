//! Properties of a Windows installation in a WIM image: kernel, version, optional components of
//! Windows PE, drivers for network and storage, programs of Configuration Manager.
//!
//! Read from files in the image: the headers of `ntoskrnl.exe`, and the hives `SOFTWARE`, `DRIVERS`
//! and `SYSTEM`. Packages have the states of Component Based Servicing ("CBS Servicing States
//! Chart"). The class of a driver is in the value `Version` of its package in the driver database:
//! an unknown word, the architecture, an unknown word, then class, date and version of the driver.
//! Microsoft does not document this value; it is read as libguestfs and others write it. Not
//! supported: driver databases before Windows 8, and matching drivers to devices.

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::format::wim::Architecture;
use crate::format::wim::WindowsVersion;

pub use read::read;

/// Properties of a Windows in an image. Missing or unreadable ones are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WindowsFacts {
    /// Architecture of the kernel.
    pub architecture: Option<Architecture>,
    /// Version from the registry, or from the kernel.
    pub version: Option<WindowsVersion>,
    /// Installed optional components of Windows PE, such as `WinPE-WMI`, in the spelling of their
    /// packages and without languages.
    pub components: Option<BTreeSet<String>>,
    /// `true` if `powershell.exe` exists.
    pub has_powershell_program: bool,
    /// `true` if `drvload.exe`, which loads drivers, exists.
    pub has_drvload: bool,
    /// Drivers, if there is a driver database.
    pub drivers: Option<Drivers>,
    /// Architectures with programs of Configuration Manager (`sms\bin\…\TsBootShell.exe`).
    pub clients: BTreeSet<Architecture>,
    /// Files that could not be read: path and reason.
    pub unread: Vec<(String, String)>,
}

/// Drivers by the name of their INF file, such as `netvsc.inf`. Added ones are called `oem0.inf`
/// and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Drivers {
    /// Drivers of network adapters.
    pub network: BTreeSet<String>,
    /// Drivers of storage controllers.
    pub storage: BTreeSet<String>,
}

/// Device class of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriverClass {
    /// `Net`.
    Network,
    /// `SCSIAdapter` or `HDC`.
    Storage,
    /// Any other class.
    Other,
}

impl DriverClass {
    /// Class with a GUID, with or without braces, ignoring case.
    pub fn from_guid(guid: &str) -> Self {
        match guid.trim_matches(['{', '}']).to_ascii_lowercase().as_str() {
            "4d36e972-e325-11ce-bfc1-08002be10318" => Self::Network,
            "4d36e97b-e325-11ce-bfc1-08002be10318" | "4d36e96a-e325-11ce-bfc1-08002be10318" => Self::Storage,
            _ => Self::Other,
        }
    }
}

/// Components that PowerShell in Windows PE needs (Microsoft, "Adding Windows PowerShell support to
/// Windows PE").
pub const POWERSHELL: [&str; 4] = ["WinPE-WMI", "WinPE-NetFX", "WinPE-Scripting", "WinPE-PowerShell"];

impl WindowsFacts {
    /// Returns `true` if the image appears to contain a Windows.
    pub fn is_windows(&self) -> bool {
        self.architecture.is_some() || self.version.is_some() || self.components.is_some() || self.drivers.is_some()
    }

    /// Components that are not installed, ignoring case; `None` if the installed ones are unknown.
    pub fn missing_components<'a>(&self, components: &[&'a str]) -> Option<Vec<&'a str>> {
        let installed = self.components.as_ref()?;
        let is_there = |name: &&str| installed.iter().any(|other| other.eq_ignore_ascii_case(name));
        Some(components.iter().filter(|name| !is_there(name)).copied().collect())
    }

    /// Missing components for PowerShell scripts (R108); `None` if the installed ones are unknown.
    pub fn missing_for_powershell(&self) -> Option<Vec<&'static str>> {
        // Without a list of components, `powershell.exe` must have been added in another way, and
        // works.
        self.missing_components(&POWERSHELL).or_else(|| self.has_powershell_program.then(Vec::new))
    }

    /// Returns `true` if Windows PE can run PowerShell scripts; `None` if that is unknown.
    pub fn has_powershell(&self) -> Option<bool> {
        Some(self.missing_for_powershell()?.is_empty())
    }
}
