//! Types of the manifest.
//!
//! They are its only definition: doc comments become titles and descriptions in the schema (and
//! hovers in editors), rendered manifests are deserialized into them, and `resolve` works with
//! them. All strings are rendered.

mod base;
mod boot;
mod capture;
mod content;
mod library;
mod merged_lists;
mod policy_files;
mod rule_names;
mod site;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::VariableValue;
use super::capacity::Capacity;
use super::content_path;

pub use crate::sequence::MediaKind as Kind;
use authoring::SecretRef;

pub use base::BaseTable;
pub use boot::*;
pub use capture::{CaptureCompression, CaptureManifest, CaptureSource, CaptureTable, NONE, Placeholders, WINDOWS};
pub use content::*;
pub use library::{LibraryContent, LibrarySchema, LibraryTable, PackageIdSchema};
pub use merged_lists::RemoveTable;
pub(super) use merged_lists::{ALL, MERGED_LISTS, MergedList, REMOVE};
pub use site::*;

/// Manifest of tsmedia: one task sequence medium, for one or more sites.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// Version of the manifest format. Always 1.
    #[schemars(range(min = 1, max = 1), example = 1)]
    pub manifest_version: u32,
    /// Name, kind and general options of the medium.
    pub media: MediaTable,
    /// Inherited entries to remove from lists, so that this manifest does without them or lists them in full itself.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "package": ["BER00021"] }))]
    pub remove: Option<RemoveTable>,
    /// Path, format and capacity of the output file.
    pub output: OutputTable,
    /// Boot image, boot files and firmware of the medium. A base supplies keys that are not set here.
    pub boot: BootTable,
    /// Existing Configuration Manager medium to build on. Variables, client programs, boot image and boot files are
    /// taken from it unless the manifest sets them.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "medium": "genuine/boot.iso", "password": { "env": "BASE_PASSWORD" } }))]
    pub base: Option<BaseTable>,
    /// Sites to build the medium for. Each site gets its own output file.
    #[serde(default)]
    pub sites: Vec<Site>,
    /// Client certificate presented to management points. A site's own `certificate` takes precedence. Stand-alone
    /// media accept a PFX file only; capture media have no certificate.
    #[serde(default)]
    pub certificate: Option<CertificateTable>,
    /// Password and encryption of the medium.
    #[serde(default)]
    pub security: SecurityTable,
    /// Task sequence variables: text, numbers, booleans, or references to secrets. They take precedence over variables
    /// of collections and computers, and are stored on the medium, encrypted with its password.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "OSDTimeZone": "W. Europe Standard Time" }))]
    pub variables: BTreeMap<String, VariableValue>,
    /// Variables with the prefix `_`, which is reserved for Configuration Manager. Use this table for variables of its
    /// own media without a key in this manifest.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "_SMSTSPreferredMPEnabled": "1" }))]
    pub reserved_variables: BTreeMap<String, VariableValue>,
    /// Command to run in Windows PE before a task sequence is selected.
    #[serde(default)]
    pub prestart: Option<PrestartTable>,
    /// Policies for stand-alone media, as returned by the site. They replace the policy generated from the task
    /// sequence.
    #[serde(default)]
    pub policy: Option<PolicyTable>,
    /// Values for templates, used as `vars.NAME`. They are overridden by `vars` of a site, then by `--vars FILE`, then
    /// by `--var NAME=VALUE`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "language": "en-US" }))]
    pub vars: BTreeMap<String, serde_json::Value>,
    /// Task sequence carried by stand-alone media, or the one that prestaged media are built for. It is checked against
    /// the other content of the medium. Optional for capture media.
    #[serde(default)]
    pub task_sequence: Option<TaskSequenceTable>,
    /// Libraries of content shared by several manifests.
    #[serde(default)]
    pub library: LibraryTable,
    /// Operating system images, placed under `SMS\PKG\<id>`. Stand-alone and prestaged media only.
    #[serde(default)]
    pub operating_system: Vec<OperatingSystem>,
    /// Packages, placed under `SMS\PKG\<id>`. Stand-alone and prestaged media only.
    #[serde(default)]
    pub package: Vec<Package>,
    /// Applications, placed under `SMS\PKG\<id>`. Stand-alone and prestaged media only.
    #[serde(default)]
    pub application: Vec<Application>,
    /// Driver packages, placed under `SMS\PKG\<id>`. Stand-alone and prestaged media only.
    #[serde(default)]
    pub driver_package: Vec<Package>,
    /// Additional files and folders, placed anywhere on the medium.
    #[serde(default)]
    pub file: Vec<ExtraFile>,
}

impl Manifest {
    /// Returns the base of the medium with its JSON pointer: the one of the site, or the general one.
    pub fn base(&self) -> Option<(&BaseTable, &'static str)> {
        let of_site = self.sites.first().and_then(|site| site.base.as_ref()).map(|base| (base, "/sites/0/base"));
        of_site.or_else(|| self.base.as_ref().map(|base| (base, "/base")))
    }

    /// Returns the format of the medium.
    pub fn format(&self) -> OutputFormat {
        let usual = if self.media.kind == Kind::Prestaged { OutputFormat::Wim } else { OutputFormat::Iso };
        self.output.format.unwrap_or(usual)
    }

    /// Returns `true` if the disc waits for a key press before it starts.
    pub fn prompt(&self) -> bool {
        self.boot.prompt.unwrap_or(!self.media.unattended)
    }

    /// Returns the label of the medium: the name, for prestaged media.
    pub fn label(&self) -> &str {
        if self.media.kind == Kind::Prestaged { &self.media.name } else { &self.media.label }
    }
}

/// Name, kind and general options of the medium.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MediaTable {
    /// Name of the medium, used in messages and, as `media.name`, in templates.
    #[schemars(length(min = 1), example = &"win11")]
    pub name: String,
    /// Kind of medium.
    #[schemars(example = &"stand-alone")]
    pub kind: Kind,
    /// Method for finding a management point. Required if a site has management points or a cloud management gateway.
    /// Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(example = &"dynamic")]
    pub mode: Option<Mode>,
    /// Manifests to inherit from: the name of a built-in profile, the path of a file, or a list of them. Tables are
    /// merged key by key, and lists of tables entry by entry: entries with the same ID, path or site code are one. Other
    /// values are overridden by later profiles in the list, and by this manifest.
    #[serde(default)]
    #[schemars(with = "super::profile::ProfileNames", example = &"dvd-dl", example = ["profiles/common.toml", "uefi"])]
    pub profile: serde_json::Value,
    /// Volume label, also written to `MediaLabel.txt`: one line, at most 32 characters. USB sticks use the first 11
    /// characters, in capitals. Prestaged media have no label.
    #[serde(default = "default_label")]
    #[schemars(length(min = 1), example = &"WIN11 {{ site.code }}")]
    pub label: String,
    /// Creator of the medium, written to the XML of the WIM file: at most 50 characters. Prestaged media only.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Deployment team")]
    pub created_by: Option<String>,
    /// Version of the medium: at most 32 characters. Prestaged media only.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"2026.1")]
    pub version: Option<String>,
    /// Comment on the medium: at most 127 characters. Prestaged media only.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"For the depot in Berlin")]
    pub comment: Option<String>,
    /// Write an `autorun.inf`. Antimalware software often blocks it.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub autorun: bool,
    /// Rules with a lower severity for this medium, by name or number. `tsmedia check --explain` explains a rule, and
    /// `check` reports how often each one was broken.
    #[serde(default)]
    #[schemars(
        schema_with = "rule_names::lowerable_rules",
        example = serde_json::json!({ "dynamic-list-on-stand-alone": "warning" })
    )]
    pub rules: BTreeMap<String, LoweredTo>,
    /// Rules to accept for this medium, by name or number: their warnings and notes are not shown. `check` counts them,
    /// and notes accepted rules that nothing breaks. Rules that profiles accept are accepted too.
    #[serde(default)]
    #[schemars(schema_with = "rule_names::acceptable_rules", example = ["unsigned-boot-program"])]
    pub accept: Vec<String>,
    /// Patterns of files to leave out of all folders with content, as in `.gitignore`. `.git`, `.DS_Store`, `Thumbs.db`
    /// and `desktop.ini` are left out in any case, unless a pattern such as `!desktop.ini` keeps them. Patterns of
    /// profiles come first.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), example = ["*.pdb", "!desktop.ini"])]
    pub exclude: Vec<String>,
    /// Date of everything on the medium, from 1980 to 2099. A date without a time means midnight UTC. Defaults to
    /// `SOURCE_DATE_EPOCH`, or to 1980-01-01 if that is not set.
    #[serde(default)]
    #[schemars(with = "super::source_date::SourceDate", example = &"2026-01-01")]
    pub source_date: Option<String>,
    /// Skip the network and task sequence prompts. The password prompt stays.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub unattended: bool,
    /// GUIDs of the site's unknown-computer objects, by architecture; `true` uses those in the site's `data` file.
    /// Without them, unknown computers can't use the medium. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "x64": "5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5f" }))]
    pub unknown_computers: Option<UnknownComputers>,
    /// Assignment of the users named by a task sequence as primary users of the computer. Bootable and prestaged media
    /// only.
    #[serde(default)]
    pub device_affinity: Option<DeviceAffinity>,
    /// Title of the windows shown by the client. Not for capture media.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Contoso")]
    pub branding_title: Option<String>,
    /// Display language in Windows PE, as a decimal locale ID: 1033 is American English, 1031 is German.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535), example = 1031)]
    pub language: Option<u32>,
    /// ID of the deployment to start without asking. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}[0-9A-F]{5}$"),
        extend("patternErrorMessage" = "a deployment ID is a site code and five hexadecimal digits, in capitals"),
        example = &"BER20005"
    )]
    pub preferred_advertisement: Option<String>,
    /// Date or time from which the medium can be used. It is written to the medium, but clients do not enforce it.
    /// Stand-alone media only.
    #[serde(default)]
    #[schemars(with = "Option<super::source_date::SourceDate>", example = &"2026-01-01")]
    pub valid_from: Option<String>,
    /// Date or time from which the medium can no longer be used. It is written to the medium, but clients do not
    /// enforce it. Stand-alone media only.
    #[serde(default)]
    #[schemars(with = "Option<super::source_date::SourceDate>", example = &"2026-12-31")]
    pub expires: Option<String>,
}

/// GUIDs of the site's unknown-computer objects, which the console shows in the collection `All Unknown Computers`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UnknownComputers {
    /// GUID of the object for x64 computers.
    #[serde(default)]
    #[schemars(with = "Option<GuidSchema>", example = &"5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5f")]
    pub x64: Option<String>,
    /// GUID of the object for x86 computers.
    #[serde(default)]
    #[schemars(with = "Option<GuidSchema>", example = &"5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5e")]
    pub x86: Option<String>,
    /// GUID of the object for arm64 computers.
    #[serde(default)]
    #[schemars(with = "Option<GuidSchema>", example = &"5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5d")]
    pub arm64: Option<String>,
}

/// Schema of a GUID.
struct GuidSchema;

impl JsonSchema for GuidSchema {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Guid".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
            "patternErrorMessage": "a GUID is 32 hexadecimal digits with hyphens between, and without braces",
        })
    }
}

/// Assignment of primary users by task sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceAffinity {
    /// Never assign primary users.
    DoNotAllow,
    /// Assign primary users after approval by an administrator.
    AdministratorApproval,
    /// Assign primary users without approval.
    AutoApproval,
}

/// Password and encryption of the medium.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecurityTable {
    /// Password required to use the medium. It encrypts the variables and the policy; packages are never encrypted.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "env": "MEDIA_PASSWORD" }))]
    pub password: Option<SecretRef>,
    /// Encryption algorithm for variables and policy.
    #[serde(default)]
    #[schemars(extend("default" = "aes-128"))]
    pub encryption: Encryption,
    /// Accept a password with an estimated entropy of less than 64 bits, which can be brute-forced from a copy of the
    /// medium.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub accept_weak_password: bool,
}

/// Encryption algorithm for variables and policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// AES with 128-bit keys, used by most versions of Configuration Manager.
    #[default]
    #[serde(rename = "aes-128")]
    Aes128,
    /// AES with 256-bit keys, used by newer versions of Configuration Manager.
    #[serde(rename = "aes-256")]
    Aes256,
}

/// Command to run in Windows PE before a task sequence is selected. The boot image names it in `TSConfig.INI`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PrestartTable {
    /// Command line. Start it with `cmd /c`: other commands may never return.
    #[schemars(length(min = 1), example = &"cmd /c prestart.cmd")]
    pub command: String,
    /// Folder (or single file) with everything that the command needs. The command runs in it.
    #[serde(default, deserialize_with = "content_path::deserialize_optional")]
    #[schemars(with = "Option<content_path::ContentPath>", example = &"prestart")]
    pub files: Option<String>,
    /// Patterns of files to leave out of `files`, as in `.gitignore`. They follow those of `media.exclude`.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), example = ["*.pdb", "/docs/"])]
    pub exclude: Vec<String>,
    /// Location of `files`. On the medium, a script can change without a new boot image.
    #[serde(default, rename = "where")]
    #[schemars(extend("default" = "medium"))]
    pub place: PrestartPlace,
    /// ID of the package for `files` on the medium, in `SMS\PKG\<package>`. Without `files`, ID of an existing package
    /// of the medium to run the command in.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}[0-9A-F]{5}$"),
        extend("patternErrorMessage" = "a package ID is a site code and five hexadecimal digits, in capitals"),
        extend("default" = "SMS10000"),
        example = &"BER00099"
    )]
    pub package: Option<String>,
}

/// Location of the files of a prestart command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PrestartPlace {
    /// On the medium, in `SMS\PKG\<package>`. A small script in the boot image looks for that folder on all drives.
    #[default]
    Medium,
    /// In the boot image, in `sms\PKG\SMS10000`.
    BootImage,
}

impl PrestartTable {
    /// Returns the package on the medium that the command runs in; `None` if it only needs the boot
    /// image.
    pub fn package_on_medium(&self) -> Option<&str> {
        let needs_medium = self.place == PrestartPlace::Medium && (self.files.is_some() || self.package.is_some());
        needs_medium.then(|| self.package.as_deref().unwrap_or(PRESTART_PACKAGE))
    }
}

/// Default package of a prestart command. IDs with this prefix are reserved for Configuration Manager, so they never
/// clash with those of a site.
pub const PRESTART_PACKAGE: &str = "SMS10000";

/// Policies for stand-alone media, as returned by the site.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PolicyTable {
    /// Files with the policies of the site, stored encrypted on the medium: XML documents, or JSON with the arrays
    /// returned by the methods `GetTsPoliciesSaMedia` and `GetClientConfigPolicies` (`PolicyXmls` and
    /// `PolicyAssignmentXmls`).
    #[serde(deserialize_with = "policy_files::read")]
    #[schemars(with = "policy_files::PolicyFiles", example = &"policy/deploy.json")]
    pub file: Vec<String>,
}

/// Task sequence of a medium.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TaskSequenceTable {
    /// Task sequence file, in TOML. Its templates can use the same values as the manifest.
    #[schemars(length(min = 1), example = &"sequences/deploy.toml")]
    pub file: String,
}

/// Lower severity of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoweredTo {
    /// Report a warning; the medium is built.
    Warning,
    /// Report a note, in `check` only.
    Note,
    /// Report nothing; `check` counts how often the rule was broken.
    Off,
}

/// Returns the default label, which is also that of Configuration Manager.
pub(super) fn default_label() -> String {
    "Configuration Manager".into()
}

/// Path, format and capacity of the output file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OutputTable {
    /// Format of the medium. Defaults to `wim` for prestaged media, which allow no other, and to `iso` for all others.
    #[serde(default)]
    pub format: Option<OutputFormat>,
    /// Type of partition table of a USB stick (`format = "usb"`).
    #[serde(default)]
    #[schemars(extend("default" = "mbr"))]
    pub partition_table: PartitionTable,
    /// Treatment of files of 4 GiB and more, which do not fit on FAT32. By default, such files are an error on USB
    /// sticks (`format = "usb"`), and allowed on prestaged media.
    #[serde(default)]
    pub large_files: Option<LargeFiles>,
    /// Path of the output file, relative to the manifest. Each site needs a different path: use `site.code` in it.
    #[schemars(length(min = 1), example = &"out/{{ media.name }}-{{ site.code }}.iso")]
    pub path: String,
    /// Capacity of the medium, as the name of a disc type or a size.
    #[serde(default)]
    #[schemars(extend("default" = "unlimited"))]
    pub capacity: Capacity,
    /// Split stand-alone media that do not fit on one disc into a set of discs: `NAME.1.iso`, `NAME.2.iso` and so on.
    #[serde(default = "always")]
    #[schemars(extend("default" = true))]
    pub spanning: bool,
}

/// Format of a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutputFormat {
    /// Disc image: UDF 1.02 with ISO 9660 and Joliet for the same files.
    Iso,
    /// Image of a USB stick with one FAT32 partition, started by UEFI.
    Usb,
    /// WIM file with one image. Prestaged media only.
    Wim,
}

/// Treatment of files that are too large for FAT32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LargeFiles {
    /// Put them on a second partition, formatted with NTFS, together with the rest of the folder `SMS`. USB sticks only.
    Ntfs,
    /// Split WIM files below `SMS\PKG`: `install.wim` becomes `install000.swm`, `install001.swm` and so on. Other large
    /// files are an error.
    Split,
}

/// Type of partition table of a USB stick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionTable {
    /// Master boot record, supported by all firmware and every version of Windows.
    #[default]
    Mbr,
    /// GUID partition table, for firmware that requires one.
    Gpt,
}

fn always() -> bool {
    true
}
