//! Manifest of a capture: a WIM file of folders, volumes and disks, used by media.
//!
//! It is a type of its own and not a kind of medium, because the two share only sites and template values.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::{Site, always};
use crate::date::Date;
use crate::format::fat::CodePage;
use crate::manifest::source_date;

/// Manifest of a capture: one WIM file, for one or more sites.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CaptureManifest {
    /// Version of the manifest format. Always 1.
    #[schemars(range(min = 1, max = 1), example = 1)]
    pub manifest_version: u32,
    /// Sources to capture, and the WIM file to write. A manifest with this table does not build a medium.
    pub capture: CaptureTable,
    /// Sites to capture for. Each site gets its own WIM file.
    #[serde(default)]
    pub sites: Vec<Site>,
    /// Values for templates, used as `vars.NAME`. They are overridden by `vars` of a site, then by `--vars FILE`, then
    /// by `--var NAME=VALUE`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "language": "en-US" }))]
    pub vars: BTreeMap<String, serde_json::Value>,
}

/// Sources to capture, and the WIM file to write. A manifest with this table does not build a medium.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CaptureTable {
    /// Path of the WIM file to write, relative to the manifest. Each site needs a different path: use `site.code` in
    /// it.
    #[schemars(length(min = 1), example = &"images/reference.wim")]
    pub path: String,
    /// Folders, volumes and disks to capture, in this order. Each NTFS or FAT volume becomes one image.
    #[schemars(length(min = 1), example = serde_json::json!([{ "path": "reference.qcow2" }]))]
    pub source: Vec<CaptureSource>,
    /// Description of the images: at most 255 characters.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Windows 11 with the usual programs")]
    pub description: Option<String>,
    /// Creator of the images: at most 255 characters.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Deployment team")]
    pub created_by: Option<String>,
    /// Version of the images: at most 32 letters and digits.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"2026.1")]
    pub version: Option<String>,
    /// Compression of file contents.
    #[serde(default)]
    #[schemars(extend("default" = "lzx"))]
    pub compression: CaptureCompression,
    /// Files to leave out: `windows` for those that Windows' own capture leaves out, `none` for no files, or the path
    /// of a list in the format of `WimScript.ini`.
    #[serde(default = "default_exclusions")]
    #[schemars(length(min = 1), example = &"windows")]
    pub exclusions: String,
    /// Treatment of files with contents that are not on their volume: deduplicated, moved to remote storage, or kept in
    /// a cloud. Read without Windows and their driver, such files contain only zeros.
    #[serde(default)]
    #[schemars(extend("default" = "refuse"))]
    pub placeholders: Placeholders,
    /// OEM code page of short file names on FAT volumes, such as 850 for Western Europe. FAT volumes do not record it.
    /// Long file names do not need it.
    #[serde(default = "default_code_page")]
    #[schemars(schema_with = "code_page_schema")]
    pub oem_code_page: u16,
    /// Add an integrity table to the WIM file.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub check: bool,
    /// Fail if a volume of a disk can't be read. Otherwise such volumes are left out with a warning, and every run
    /// captures the WIM file again until all volumes can be read.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub strict: bool,
    /// WIM file of an earlier capture. Files with the same size and times are copied from it without being read again.
    /// The bytes of the new WIM file depend on it.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"images/reference-2025.wim")]
    pub update_from: Option<String>,
    /// Creation date of the images, from 1980 to 2099. A date without a time means midnight UTC. Defaults to
    /// `SOURCE_DATE_EPOCH`, or to 1980-01-01 if that is not set.
    #[serde(default)]
    #[schemars(with = "crate::manifest::source_date::SourceDate", example = &"2026-01-01")]
    pub source_date: Option<String>,
}

impl CaptureTable {
    /// Returns the time set by `source-date`.
    pub fn date(&self) -> Option<Date> {
        source_date::parse(self.source_date.as_deref()?)
    }
}

/// Folder, volume or disk to capture.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CaptureSource {
    /// Folder, image file or block device to capture.
    #[schemars(length(min = 1), example = &"reference.qcow2")]
    pub path: String,
    /// Name of the image. Defaults to the name of the source. If a disk has several volumes, their partition numbers
    /// are appended.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Windows 11")]
    pub name: Option<String>,
    /// Numbers of the partitions of a disk to capture; all others are skipped. A listed partition that can't be
    /// captured is an error.
    #[serde(default)]
    #[schemars(length(min = 1), inner(range(min = 1)), example = &[3])]
    pub partitions: Vec<u32>,
    /// Numbers of the partitions of a disk to skip. Can't be combined with `partitions`.
    #[serde(default)]
    #[schemars(length(min = 1), inner(range(min = 1)), example = &[1, 4])]
    pub skip_partitions: Vec<u32>,
    /// Files that a virtual disk may refer to: backing files, parents, data files, and extents outside the folder of
    /// their descriptor. Disks that refer to any other file are refused.
    #[serde(default)]
    #[schemars(length(min = 1), example = &["base.qcow2"])]
    pub allow_references: Vec<String>,
    /// Condition for the source to be captured, such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// Value of `capture.exclusions` for the files that Windows' own capture leaves out.
pub const WINDOWS: &str = "windows";
/// Value of `capture.exclusions` that leaves nothing out.
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

/// Compression of file contents in a captured WIM file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CaptureCompression {
    /// No compression.
    None,
    /// XPRESS: fast, but the WIM file is larger.
    Xpress,
    /// LZX: the compression that Windows uses.
    #[default]
    Lzx,
    /// LZMS over many files at once: the smallest WIM file, but slow. Such an image can't be booted.
    Solid,
}

impl CaptureCompression {
    /// Returns the name used in manifests.
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
    /// Fail, and list the files.
    #[default]
    Refuse,
    /// Leave the files out of the image.
    LeaveOut,
    /// Capture the files as they are, with their reparse points.
    Keep,
}

impl Placeholders {
    /// Returns the name used in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::LeaveOut => "leave-out",
            Self::Keep => "keep",
        }
    }
}
