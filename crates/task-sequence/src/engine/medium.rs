//! What a run starts from.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::MediaKind;
use crate::rules::is_content;

/// What a run starts from.
#[derive(Clone, Debug)]
pub struct Medium {
    /// What it is.
    pub started: Started,
    /// What carries it.
    pub launch: Launch,
    /// What it tells the client: names and values; of a secret no value.
    pub variables: Vec<(String, Option<String>)>,
    /// What it carries.
    pub content: Content,
}

/// What a medium carries.
#[derive(Clone, Debug)]
pub enum Content {
    /// All that is asked for.
    All,
    /// Nothing.
    None,
    /// What bears these names.
    Named(Vec<String>),
    /// What a manifest says: IDs, each with what else task sequences call it.
    Carried(Vec<(String, Option<String>)>),
}

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

impl Medium {
    /// Returns `true` if it carries what a step calls so.
    pub fn carries(&self, id: &str) -> bool {
        match &self.content {
            Content::All => true,
            Content::None => false,
            Content::Named(names) => names.iter().any(|name| name.eq_ignore_ascii_case(id)),
            Content::Carried(content) => content.iter().any(|(own, name)| is_content(own, name.as_deref(), id)),
        }
    }
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
    /// The value of `_SMSTSMediaType`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Bootable => "BootMedia",
            Self::Prestaged => "OEMMedia",
            Self::StandAlone | Self::Capture => "FullMedia",
            Self::Pxe => "PXE",
            Self::Client => "",
        }
    }

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
