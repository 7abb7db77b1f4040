//! What starts a task sequence: a medium, the network, or the client of a running system.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::MediaKind;

/// What a sequence is started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Started {
    /// Bootable media: `_SMSTSMediaType` is `BootMedia`.
    Bootable,
    /// Prestaged media: `OEMMedia`.
    Prestaged,
    /// Stand-alone media: `FullMedia`.
    StandAlone,
    /// Capture media as tsmedia makes them: `FullMedia`, too.
    Capture,
    /// The network: `PXE`.
    Pxe,
    /// The Configuration Manager client of a running system: no medium.
    Client,
}

/// What carries a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Launch {
    /// `CD`.
    Cd,
    /// `DVD`.
    Dvd,
    /// A stick: `UFD+FORMAT`.
    Usb,
}

impl From<MediaKind> for Started {
    fn from(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Bootable => Self::Bootable,
            MediaKind::Prestaged => Self::Prestaged,
            MediaKind::StandAlone => Self::StandAlone,
            MediaKind::Capture => Self::Capture,
        }
    }
}

impl Started {
    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bootable => "a bootable medium",
            Self::Prestaged => "a prestaged medium",
            Self::StandAlone => "a stand-alone medium",
            Self::Capture => "a capture medium",
            Self::Pxe => "the network",
            Self::Client => "a running system",
        }
    }
}
