//! Interface to the computer that a sequence runs on.

use super::computer::Computer;
use super::variables::Variables;
use super::wmi::WmiRow;
use crate::Action;
use crate::catalog::Environment;

/// Computer that a sequence runs on. It answers the tests of conditions and runs the programs of
/// steps.
///
/// The default methods describe a computer without any known facts.
pub trait Machine {
    /// Returns the state before the first step.
    fn start(&self) -> StartState {
        StartState::default()
    }

    /// Returns facts about the computer.
    fn computer(&self) -> Computer {
        Computer::default()
    }

    /// Runs a step.
    ///
    /// `path` contains the names of the groups around the step and its own. Returns `None` if the
    /// result is unknown.
    fn run(&mut self, _path: &[String], _action: Option<&Action>, _variables: &Variables) -> Option<ProgramResult> {
        None
    }

    /// Returns the data of a registry value. Hives have short names, such as `HKLM`.
    fn registry(&self, _key: &str, _value: &str) -> Lookup<String> {
        Lookup::Unknown
    }

    /// Returns the state of a file.
    fn file(&self, _path: &str) -> Lookup<FileState> {
        Lookup::Unknown
    }

    /// Returns the state of a folder.
    fn folder(&self, _path: &str) -> Lookup<FileState> {
        Lookup::Unknown
    }

    /// Returns the result of a WMI query if it is known for exactly this text.
    fn query(&self, _namespace: &str, _query: &str) -> Option<bool> {
        None
    }

    /// Returns the instances of a WMI class; `None` if they are unknown.
    fn rows(&self, _namespace: &str, _class: &str) -> Option<Vec<WmiRow>> {
        None
    }

    /// Returns `true` if a product with this product code is installed, or one with `upgrade_code`
    /// if that is given.
    fn has_product(&self, _product_code: &str, _upgrade_code: Option<&str>) -> Option<bool> {
        None
    }

    /// Returns the site's name for the running operating system.
    fn os(&self) -> Option<String> {
        None
    }

    /// Returns the language of the running operating system.
    fn os_language(&self) -> Option<i64> {
        None
    }
}

/// Result of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// Exists, with this value.
    Yes(T),
    /// Does not exist.
    No,
    /// Unknown.
    Unknown,
}

/// State of a computer before the first step.
#[derive(Clone, Debug, Default)]
pub struct StartState {
    /// Tells whether the firmware is UEFI.
    pub is_uefi: bool,
    /// Running system; `None` for the usual one of the medium.
    pub environment: Option<Environment>,
    /// Tells whether the disk has a partition that the computer can restart from.
    pub is_formatted: bool,
    /// Tells whether the computer is a member of a domain.
    pub is_domain_member: bool,
    /// Values of variables, which take precedence over those of the medium.
    pub variables: Vec<(String, String)>,
}

/// Result of a step's program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramResult {
    /// Exit code, if it is known.
    pub exit_code: Option<i64>,
    /// Variables that the program sets.
    pub sets: Vec<(String, String)>,
}

/// State of a file or folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileState {
    /// Version of a file.
    pub version: Option<String>,
    /// Time of the last change, in the format of conditions.
    pub modified: Option<String>,
}
