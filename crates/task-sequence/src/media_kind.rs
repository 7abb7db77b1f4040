//! Kinds of task sequence media.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a medium is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MediaKind {
    /// Captures a reference machine: carries a boot image and the client's programs that capture, or a task sequence that
    /// does.
    Capture,
    /// Starts a deployment; everything else comes from the network.
    Bootable,
    /// Is put on disks before they are delivered: one WIM file with the boot image, the operating system image and
    /// chosen content. The task sequence comes from the network.
    Prestaged,
    /// Deploys without a network: carries the operating system image, packages, applications and drivers.
    StandAlone,
}

impl MediaKind {
    /// The kind as the manifest and the medium itself write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Bootable => "bootable",
            Self::Prestaged => "prestaged",
            Self::StandAlone => "stand-alone",
        }
    }

    /// Whether its sequence is on it. That of the others comes from the site, which such media never ask.
    pub fn carries_sequence(self) -> bool {
        matches!(self, Self::Capture | Self::StandAlone)
    }
}
