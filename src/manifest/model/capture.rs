//! The manifest of a capture: a WIM file of folders, volumes and disks, to be used by media.
//!
//! It has a type of its own and not a kind of medium, because it shares nothing with one but its sites and values.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::{Site, always};
use crate::date::Date;
use crate::format::fat::CodePage;
use crate::manifest::source_date;

/// A tsmedia manifest that captures: one WIM file, for one or many sites.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CaptureManifest {
    /// The version of the manifest's form. Always 1.
    #[schemars(range(min = 1, max = 1), example = 1)]
    pub manifest_version: u32,
    /// What is captured, and the WIM file that it becomes. A manifest with this table makes no medium.
    pub capture: CaptureTable,
    /// The sites that are captured for. Each gets a WIM file of its own.
    #[serde(default)]
    pub sites: Vec<Site>,
    /// Values for templates, as `vars.NAME`. Nearer ones replace them: `vars` of a site, then `--vars FILE`, then
    /// `--var NAME=VALUE`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "language": "en-US" }))]
    pub vars: BTreeMap<String, serde_json::Value>,
}

/// What is captured, and the WIM file that it becomes. A manifest with this table makes no medium.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CaptureTable {
    /// The WIM file that is made, relative to the manifest. Sites need a path each: use `site.code` in it.
    #[schemars(length(min = 1), example = &"images/reference.wim")]
    pub path: String,
    /// The folders, volumes and disks that are captured, in this order. Each NTFS or FAT volume becomes an image.
    #[schemars(length(min = 1), example = serde_json::json!([{ "path": "reference.qcow2" }]))]
    pub source: Vec<CaptureSource>,
    /// What the images are: 255 characters at most.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Windows 11 with the usual programs")]
    pub description: Option<String>,
    /// Who made the images: 255 characters at most.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Deployment team")]
    pub created_by: Option<String>,
    /// The version of the images: 32 letters and digits at most.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"2026.1")]
    pub version: Option<String>,
    /// How contents are compressed.
    #[serde(default)]
    #[schemars(extend("default" = "lzx"))]
    pub compression: Compression,
    /// What is left out: what Windows' own capture leaves out (`windows`), nothing (`none`), or what a file lists in the
    /// format of `WimScript.ini`.
    #[serde(default = "default_exclusions")]
    #[schemars(length(min = 1), example = &"windows")]
    pub exclusions: String,
    /// Treatment of files whose contents are not on their volume: deduplicated, moved to remote storage, kept in a
    /// cloud. Without Windows and the driver they belong to, they would be read as zeros.
    #[serde(default)]
    #[schemars(extend("default" = "refuse"))]
    pub placeholders: Placeholders,
    /// OEM code page of short names on FAT volumes, such as 850 for Western Europe: no volume names its own. Long names
    /// don't need it.
    #[serde(default = "default_code_page")]
    #[schemars(schema_with = "code_page_schema")]
    pub oem_code_page: u16,
    /// Whether the WIM file gets an integrity table.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub check: bool,
    /// Fail if a volume of a disk can't be read. Otherwise such volumes are left out with a warning, and the WIM file is
    /// captured again each time until none is.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub strict: bool,
    /// The WIM file of an earlier capture, of which what has the same size and times is taken over unread. The bytes of
    /// the new file depend on it.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"images/reference-2025.wim")]
    pub update_from: Option<String>,
    /// When the images are said to be made, from 1980 to 2099; 1980-01-01 unless this or `SOURCE_DATE_EPOCH` says
    /// otherwise. A day is its first second in UTC.
    #[serde(default)]
    #[schemars(with = "crate::manifest::source_date::Written", example = &"2026-01-01")]
    pub source_date: Option<String>,
}

impl CaptureTable {
    /// The moment that `source-date` means, if it is given.
    pub fn date(&self) -> Option<Date> {
        source_date::parse(self.source_date.as_deref()?)
    }
}

/// A folder, a volume or a disk that is captured.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CaptureSource {
    /// The folder, image file or block device.
    #[schemars(length(min = 1), example = &"reference.qcow2")]
    pub path: String,
    /// What its image is called; unless given, as the source. Several volumes of a disk get the numbers of their
    /// partitions behind it.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Windows 11")]
    pub name: Option<String>,
    /// Numbers of the partitions of a disk that are captured, all others being skipped. A partition in this list that
    /// can't be captured is an error.
    #[serde(default)]
    #[schemars(length(min = 1), inner(range(min = 1)), example = &[3])]
    pub partitions: Vec<u32>,
    /// Numbers of the partitions of a disk that are skipped. Not together with `partitions`.
    #[serde(default)]
    #[schemars(length(min = 1), inner(range(min = 1)), example = &[1, 4])]
    pub skip_partitions: Vec<u32>,
    /// Files that a virtual disk may refer to: backing files, parents, data files and extents that are not beside their
    /// descriptor. Disks that refer to other files are refused.
    #[serde(default)]
    #[schemars(length(min = 1), example = &["base.qcow2"])]
    pub allow_references: Vec<String>,
    /// Whether it is captured: a condition such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// The value of `capture.exclusions` that stands for what Windows' own capture leaves out.
pub const WINDOWS: &str = "windows";
/// The value of `capture.exclusions` with which nothing is left out.
pub const NONE: &str = "none";

fn default_exclusions() -> String {
    WINDOWS.into()
}

fn default_code_page() -> u16 {
    CodePage::default().number()
}

fn code_page_schema(_: &mut SchemaGenerator) -> Schema {
    let one = |page: CodePage| serde_json::json!({ "type": "integer", "const": page.number(), "description": format!("{}.", page.region()) });
    let pages: Vec<_> = CodePage::all().map(one).collect();
    json_schema!({ "oneOf": pages, "default": default_code_page() })
}

/// How the contents of a captured WIM file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Not at all.
    None,
    /// XPRESS: fast, and larger.
    Xpress,
    /// LZX: as Windows does it.
    #[default]
    Lzx,
    /// LZMS over many files at once: smallest and slow; nothing boots from it.
    Solid,
}

impl Compression {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Xpress => "xpress",
            Self::Lzx => "lzx",
            Self::Solid => "solid",
        }
    }
}

/// Treatment of captured files whose contents are not on their volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Placeholders {
    /// Fail, and name them.
    #[default]
    Refuse,
    /// Leave them out of the image.
    LeaveOut,
    /// Capture them as they are, with their reparse points.
    Keep,
}

impl Placeholders {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::LeaveOut => "leave-out",
            Self::Keep => "keep",
        }
    }
}
