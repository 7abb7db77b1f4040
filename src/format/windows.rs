//! What a Windows in a WIM image says of itself: kernel, version, optional components of Windows PE, drivers for network
//! and storage, programs of Configuration Manager.
//!
//! Read out of files of the image, which is not mounted: the headers of `ntoskrnl.exe`, and the hives `SOFTWARE`,
//! `DRIVERS` and `SYSTEM`. Packages and their states are those of Component Based Servicing ("CBS Servicing States
//! Chart"); the class of a driver stands in the value `Version` of its package in the driver database: an unknown word,
//! the processors, an unknown word, the class, date and version of the driver. Microsoft does not document that value;
//! it is read as libguestfs and others write it. Not supported: driver databases before Windows 8, and whether a driver
//! suits a device.

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::format::wim::Architecture;
use crate::format::wim::WindowsVersion;

pub use read::read;

/// What is known of a Windows in an image. What could not be read, or is not there, is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WindowsFacts {
    /// The processors that its kernel is for.
    pub architecture: Option<Architecture>,
    /// Its version: that of the registry, or else of the kernel.
    pub version: Option<WindowsVersion>,
    /// The optional components of Windows PE that are installed, such as `WinPE-WMI`, in the spelling of their packages
    /// and without languages.
    pub components: Option<BTreeSet<String>>,
    /// Whether the program is there that runs PowerShell scripts.
    pub has_powershell_program: bool,
    /// Whether the program is there that loads drivers (`drvload.exe`).
    pub has_drvload: bool,
    /// Its drivers, where it has a driver database.
    pub drivers: Option<Drivers>,
    /// The processors that it has programs of Configuration Manager for (`sms\bin\…\TsBootShell.exe`).
    pub clients: BTreeSet<Architecture>,
    /// What is there and could not be read: the path of each file, and why.
    pub unread: Vec<(String, String)>,
}

/// Drivers by the names of their INF files, such as `netvsc.inf`; those that were added are `oem0.inf` and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Drivers {
    /// Of network adapters.
    pub network: BTreeSet<String>,
    /// Of storage controllers.
    pub storage: BTreeSet<String>,
}

/// What a driver is for, by the class in its INF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriverClass {
    /// `Net`.
    Network,
    /// `SCSIAdapter` or `HDC`.
    Storage,
    /// Anything else.
    Other,
}

impl DriverClass {
    /// The class of a GUID, with or without braces, in any case.
    pub fn from_guid(guid: &str) -> Self {
        match guid.trim_matches(['{', '}']).to_ascii_lowercase().as_str() {
            "4d36e972-e325-11ce-bfc1-08002be10318" => Self::Network,
            "4d36e97b-e325-11ce-bfc1-08002be10318" | "4d36e96a-e325-11ce-bfc1-08002be10318" => Self::Storage,
            _ => Self::Other,
        }
    }
}

/// The components that PowerShell in Windows PE needs (Microsoft, "Adding Windows PowerShell support to Windows PE").
pub const POWERSHELL: [&str; 4] = ["WinPE-WMI", "WinPE-NetFX", "WinPE-Scripting", "WinPE-PowerShell"];

impl WindowsFacts {
    /// Whether anything in the image says that it is a Windows.
    pub fn is_windows(&self) -> bool {
        self.architecture.is_some() || self.version.is_some() || self.components.is_some() || self.drivers.is_some()
    }

    /// Which of these components are not installed; none where nothing tells which ones are. Case does not matter.
    pub fn missing_components<'a>(&self, components: &[&'a str]) -> Option<Vec<&'a str>> {
        let installed = self.components.as_ref()?;
        let is_there = |name: &&str| installed.iter().any(|other| other.eq_ignore_ascii_case(name));
        Some(components.iter().filter(|name| !is_there(name)).copied().collect())
    }

    /// The components that Windows PE lacks to run PowerShell scripts (R108); none where nothing tells.
    pub fn missing_for_powershell(&self) -> Option<Vec<&'static str>> {
        // The program without its components would be somebody's own work.
        self.missing_components(&POWERSHELL).or_else(|| self.has_powershell_program.then(Vec::new))
    }

    /// Whether Windows PE can run PowerShell scripts; none where nothing tells.
    pub fn has_powershell(&self) -> Option<bool> {
        Some(self.missing_for_powershell()?.is_empty())
    }
}
