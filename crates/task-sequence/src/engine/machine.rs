//! The computer that a sequence runs on.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Variables;
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

    /// Runs the program of a step; `path` holds the names of the groups around it and its own. `None` if nothing is
    /// known of how it ends.
    fn run(&mut self, _path: &[String], _action: &Action, _variables: &Variables) -> Option<Ending> {
        None
    }

    /// Data of a registry value. Hives have their short names, such as `HKLM`.
    fn registry(&self, _key: &str, _value: &str) -> Option<String> {
        None
    }

    /// State of a file.
    fn file(&self, _path: &str) -> Option<FileState> {
        None
    }

    /// State of a folder.
    fn folder(&self, _path: &str) -> Option<FileState> {
        None
    }

    /// Returns `true` if a query of Windows Management Instrumentation has a result.
    fn has_rows(&self, _query: &str) -> bool {
        false
    }

    /// Returns `true` if a product with this product code, or with the other upgrade code if one is given, is installed.
    fn has_product(&self, _product_code: &str, _upgrade_code: Option<&str>) -> bool {
        false
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

/// A computer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Computer {
    /// Its name.
    #[serde(default)]
    #[schemars(example = &"MININT-1")]
    pub name: Option<String>,
    /// The manufacturer.
    #[serde(default)]
    #[schemars(example = &"Contoso")]
    pub make: Option<String>,
    /// The model.
    #[serde(default)]
    #[schemars(example = &"Laptop 14")]
    pub model: Option<String>,
    /// The serial number.
    #[serde(default)]
    #[schemars(example = &"5CG1234567")]
    pub serial_number: Option<String>,
    /// The asset tag.
    #[serde(default)]
    #[schemars(example = &"A-100")]
    pub asset_tag: Option<String>,
    /// The UUID.
    #[serde(default)]
    #[schemars(example = &"4c4c4544-0000-1000-8000-000000000000")]
    pub uuid: Option<String>,
    /// The MAC addresses.
    #[serde(default)]
    #[schemars(example = EXAMPLE_MAC)]
    pub mac_addresses: Vec<String>,
    /// The default gateways.
    #[serde(default)]
    #[schemars(example = EXAMPLE_GATEWAY)]
    pub default_gateways: Vec<String>,
}

// Constants, since schemars reads literal arrays only with a feature of `syn` that this crate by itself doesn't turn on.
const EXAMPLE_MAC: [&str; 1] = ["00:15:5D:00:00:01"];
const EXAMPLE_GATEWAY: [&str; 1] = ["10.0.0.1"];
