//! Kinds of task sequence media.

use schemars::JsonSchema;
use serde::Deserialize;

/// Kind of medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MediaKind {
    /// Captures a reference computer. It carries a boot image, and either the capture programs of the client or a task
    /// sequence that captures.
    Capture,
    /// Starts a deployment. Everything else comes from the network.
    Bootable,
    /// Prepares disks before delivery. It is one WIM file with the boot image, the operating system image and selected
    /// content. The task sequence comes from the network.
    Prestaged,
    /// Deploys without a network. It carries the operating system image, packages, applications and drivers.
    StandAlone,
}

impl MediaKind {
    /// Returns the name in manifests and on media.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Bootable => "bootable",
            Self::Prestaged => "prestaged",
            Self::StandAlone => "stand-alone",
        }
    }

    /// Returns `true` if the medium carries its task sequence. Other kinds get it from the site.
    pub fn carries_sequence(self) -> bool {
        matches!(self, Self::Capture | Self::StandAlone)
    }
}
