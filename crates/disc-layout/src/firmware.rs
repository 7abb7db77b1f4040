//! Firmware that starts a computer.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Firmware of a computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    /// UEFI, which starts `EFI\BOOT\BOOT<arch>.EFI`.
    Uefi,
    /// PC BIOS, which starts a boot sector, then `bootmgr`.
    Bios,
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uefi => "UEFI",
            Self::Bios => "BIOS",
        })
    }
}
