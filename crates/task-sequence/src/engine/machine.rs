//! The computer that a sequence runs on.

use super::computer::Computer;
use super::variables::Variables;
use super::wmi::Row;
use crate::Action;
use crate::catalog::Environment;

/// A computer that a sequence runs on: answers what conditions ask, and runs the programs of steps.
///
/// The defaults are those of a computer of which nothing is known.
pub trait Machine {
    /// State before the first step.
    fn start(&self) -> Start {
        Start::default()
    }

    /// Numbers and names of the computer, for rules of Set Dynamic Variables.
    fn computer(&self) -> Computer {
        Computer::default()
    }

    /// Runs a step; `path` holds the names of the groups around it and its own. `None` if nothing is known of how it
    /// ends.
    fn run(&mut self, _path: &[String], _action: Option<&Action>, _variables: &Variables) -> Option<Ending> {
        None
    }

    /// Data of a registry value. Hives have their short names, such as `HKLM`.
    fn registry(&self, _key: &str, _value: &str) -> Found<String> {
        Found::Unknown
    }

    /// State of a file.
    fn file(&self, _path: &str) -> Found<FileState> {
        Found::Unknown
    }

    /// State of a folder.
    fn folder(&self, _path: &str) -> Found<FileState> {
        Found::Unknown
    }

    /// Outcome of a query of Windows Management Instrumentation, if it is known for the whole text.
    fn query(&self, _namespace: &str, _query: &str) -> Option<bool> {
        None
    }

    /// Instances of a class of Windows Management Instrumentation.
    fn rows(&self, _namespace: &str, _class: &str) -> Option<Vec<Row>> {
        None
    }

    /// Returns `true` if a product with this product code, or with the other upgrade code if one is given, is
    /// installed.
    fn has_product(&self, _product_code: &str, _upgrade_code: Option<&str>) -> Option<bool> {
        None
    }

    /// The site's name for the running system.
    fn os(&self) -> Option<String> {
        None
    }

    /// Language of the running system.
    fn os_language(&self) -> Option<i64> {
        None
    }
}

/// Result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// It is there.
    Yes(T),
    /// It is not there.
    No,
    /// It is not known.
    Unknown,
}

/// State of a computer before the first step.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Whether the firmware is UEFI.
    pub is_uefi: bool,
    /// The running system, if it is not the usual one of the medium.
    pub environment: Option<Environment>,
    /// Whether the disk has a partition that the computer can restart from.
    pub is_formatted: bool,
    /// Whether the computer is a member of a domain.
    pub is_domain_member: bool,
    /// Variables, which take precedence over those of the medium.
    pub variables: Vec<(String, String)>,
}

/// How the program of a step ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Its exit code, if it is known.
    pub exit_code: Option<i64>,
    /// Variables that it sets.
    pub sets: Vec<(String, String)>,
}

/// State of a file or folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileState {
    /// Version of a file.
    pub version: Option<String>,
    /// Time of the last change, as conditions have it.
    pub modified: Option<String>,
}
