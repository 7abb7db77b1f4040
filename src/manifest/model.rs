//! The manifest as its author means it, typed.
//!
//! These types are the one description of the manifest: the doc comments become the schema's titles and
//! descriptions (and so what an editor shows), `deserialize` reads the rendered value, and `resolve` works with
//! the result. Every string in them has been rendered already.

mod base;
mod boot;
mod capture;
mod content;
mod library;
mod policy_files;
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
pub use capture::{CaptureManifest, CaptureSource, CaptureTable, Compression, NONE, Placeholders, WINDOWS};
pub use content::*;
pub use library::{Library, LibraryContent, LibraryTable};
pub use site::*;

/// A tsmedia manifest: one task sequence medium, for one or many sites.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// The version of the manifest's form. Always 1.
    #[schemars(range(min = 1, max = 1), example = 1)]
    pub manifest_version: u32,
    /// The medium: what it is and how it is called.
    pub media: MediaTable,
    /// The file that is made.
    pub output: OutputTable,
    /// How the medium starts. A base supplies what is not given here.
    pub boot: BootTable,
    /// A medium that Configuration Manager made, on which this one is built: what it tells its client, the programs of
    /// the client, boot image and boot files are taken from it where the manifest says nothing else.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "medium": "genuine/boot.iso", "password": { "env": "BASE_PASSWORD" } }))]
    pub base: Option<BaseTable>,
    /// The sites that the medium is made for. Each gets an output of its own.
    #[serde(default)]
    pub sites: Vec<Site>,
    /// Client certificate presented to management points. A site's own `certificate` takes precedence. Stand-alone media
    /// take a PFX file only, and capture media none.
    #[serde(default)]
    pub certificate: Option<CertificateTable>,
    /// Who may use the medium.
    #[serde(default)]
    pub security: SecurityTable,
    /// Variables for the task sequence, used in place of those of collections and computers: text, a number, a boolean,
    /// or where a secret is found. They are on the medium, encrypted with its password.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "OSDTimeZone": "W. Europe Standard Time" }))]
    pub variables: BTreeMap<String, VariableValue>,
    /// Variables whose names begin with `_`, which Configuration Manager reserves for itself: what it writes to its own
    /// media and no key of the manifest stands for.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "_SMSTSPreferredMPEnabled": "1" }))]
    pub reserved_variables: BTreeMap<String, VariableValue>,
    /// A command that runs in Windows PE before a task sequence is chosen.
    #[serde(default)]
    pub prestart: Option<PrestartTable>,
    /// The policies of stand-alone media, as the site returns them. They replace the one that is made of the task sequence.
    #[serde(default)]
    pub policy: Option<PolicyTable>,
    /// Values for templates, as `vars.NAME`. Nearer ones replace them: `vars` of a site, then `--vars FILE`, then
    /// `--var NAME=VALUE`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "language": "en-US" }))]
    pub vars: BTreeMap<String, serde_json::Value>,
    /// The task sequence that stand-alone media carry, or the one that prestaged media are computed for. It is checked
    /// against what else the medium carries. Capture media need none.
    #[serde(default)]
    pub task_sequence: Option<TaskSequenceTable>,
    /// Content that manifests share, in files of their own.
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
    /// Loose files and folders, placed anywhere on the medium.
    #[serde(default)]
    pub file: Vec<ExtraFile>,
}

impl Manifest {
    /// The base of the medium with its JSON pointer: that of the site, or the one for all.
    pub fn base(&self) -> Option<(&BaseTable, &'static str)> {
        let of_site = self.sites.first().and_then(|site| site.base.as_ref()).map(|base| (base, "/sites/0/base"));
        of_site.or_else(|| self.base.as_ref().map(|base| (base, "/base")))
    }

    /// The form of the medium.
    pub fn format(&self) -> OutputFormat {
        let usual = if self.media.kind == Kind::Prestaged { OutputFormat::Wim } else { OutputFormat::Iso };
        self.output.format.unwrap_or(usual)
    }

    /// Returns whether starting from the disc is to wait for a key.
    pub fn prompt(&self) -> bool {
        self.boot.prompt.unwrap_or(!self.media.unattended)
    }

    /// What the medium is called on the outside.
    pub fn label(&self) -> &str {
        if self.media.kind == Kind::Prestaged { &self.media.name } else { &self.media.label }
    }
}

/// The medium: what it is and how it is called.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MediaTable {
    /// The name of the medium, used in messages and, as `media.name`, in templates.
    #[schemars(length(min = 1), example = &"win11")]
    pub name: String,
    /// What the medium is for.
    #[schemars(example = &"stand-alone")]
    pub kind: Kind,
    /// How the client finds its management point; needed as soon as sites have some. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(example = &"dynamic")]
    pub mode: Option<Mode>,
    /// Manifests that are laid under this one: the name of a built-in profile, the path of a file, or a list of
    /// them. Tables merge key by key; everything else is replaced by the nearer one, later ones of a list being nearer.
    #[serde(default)]
    #[schemars(with = "super::profile::Written", example = &"dvd-dl", example = ["profiles/common.toml", "uefi"])]
    pub profile: serde_json::Value,
    /// The volume label, also written to `MediaLabel.txt`: one line, 32 characters at most. A stick bears the first 11,
    /// in capitals. Prestaged media have none.
    #[serde(default = "default_label")]
    #[schemars(length(min = 1), example = &"WIN11 {{ site.code }}")]
    pub label: String,
    /// Who made the medium: 50 characters at most. Prestaged media only, in the XML of whose WIM file it stands.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Deployment team")]
    pub created_by: Option<String>,
    /// Which version of the medium this is: 32 characters at most. Prestaged media only.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"2026.1")]
    pub version: Option<String>,
    /// What else there is to say of the medium: 127 characters at most. Prestaged media only.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"For the depot in Berlin")]
    pub comment: Option<String>,
    /// Whether `autorun.inf` is written. Antimalware often blocks it.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub autorun: bool,
    /// Rules with a lower severity for this medium, by name or number. `tsmedia check --explain` explains them, and
    /// `check` reports how often each was broken.
    #[serde(default)]
    #[schemars(
        schema_with = "super::schema::lowerable_rules",
        example = serde_json::json!({ "dynamic-list-on-stand-alone": "warning" })
    )]
    pub rules: BTreeMap<String, LoweredTo>,
    /// The date of everything on the medium, from 1980 to 2099; 1980-01-01 unless this or `SOURCE_DATE_EPOCH`
    /// says otherwise. A day is its first second in UTC.
    #[serde(default)]
    #[schemars(with = "super::source_date::Written", example = &"2026-01-01")]
    pub source_date: Option<String>,
    /// Whether nobody is asked for network settings or a task sequence. A password is asked for all the same.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub unattended: bool,
    /// GUIDs of the site's objects for unknown computers, by architecture; `true` takes those of the site's `data`.
    /// Without them, unknown computers can't use the medium. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "x64": "5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5f" }))]
    pub unknown_computers: Option<UnknownComputers>,
    /// Whether the users that a task sequence names become the primary users of the computer. Bootable and prestaged
    /// media only.
    #[serde(default)]
    pub device_affinity: Option<DeviceAffinity>,
    /// The title of the windows that the client shows. Not for capture media.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Contoso")]
    pub branding_title: Option<String>,
    /// The language of what Windows PE shows, as the decimal number of its locale: 1033 is American English, 1031 is
    /// German.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535), example = 1031)]
    pub language: Option<u32>,
    /// The deployment whose task sequence is started without asking. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}[0-9A-F]{5}$"),
        extend("patternErrorMessage" = "a deployment ID is a site code and five hexadecimal digits, in capitals"),
        example = &"BER20005"
    )]
    pub preferred_advertisement: Option<String>,
    /// The day, or moment, from which the medium may be used, by the clock of the computer. Stand-alone media only.
    #[serde(default)]
    #[schemars(with = "Option<super::source_date::Written>", example = &"2026-01-01")]
    pub valid_from: Option<String>,
    /// The day, or moment, from which it may not be used any more. Stand-alone media only.
    #[serde(default)]
    #[schemars(with = "Option<super::source_date::Written>", example = &"2026-12-31")]
    pub expires: Option<String>,
}

/// What computers that the site does not know are taken for: the GUIDs of its objects for unknown computers, which the
/// console shows in the collection `All Unknown Computers`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UnknownComputers {
    /// Those with processors for x64.
    #[serde(default)]
    #[schemars(with = "Option<Guid>", example = &"5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5f")]
    pub x64: Option<String>,
    /// Those with processors for x86.
    #[serde(default)]
    #[schemars(with = "Option<Guid>", example = &"5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5e")]
    pub x86: Option<String>,
    /// Those with processors for arm64.
    #[serde(default)]
    #[schemars(with = "Option<Guid>", example = &"5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5d")]
    pub arm64: Option<String>,
}

/// How a GUID is written.
struct Guid;

impl JsonSchema for Guid {
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

/// Whether the users that a task sequence names become the primary users of a computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceAffinity {
    /// They do not.
    DoNotAllow,
    /// They do when an administrator approves.
    AdministratorApproval,
    /// They do.
    AutoApproval,
}

/// Who may use the medium.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecurityTable {
    /// The password that has to be entered to use the medium. It encrypts the variables and the policy; packages are
    /// never encrypted.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "env": "MEDIA_PASSWORD" }))]
    pub password: Option<SecretRef>,
    /// How variables and policy are encrypted.
    #[serde(default)]
    #[schemars(extend("default" = "aes-128"))]
    pub encryption: Encryption,
    /// Whether a password is taken that is easily guessed.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub accept_weak_password: bool,
}

/// How variables and policy are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// AES with 128 bits, as most versions of Configuration Manager have it.
    #[default]
    #[serde(rename = "aes-128")]
    Aes128,
    /// AES with 256 bits, as newer versions have it.
    #[serde(rename = "aes-256")]
    Aes256,
}

/// A command that runs in Windows PE before a task sequence is chosen. The boot image names it in
/// `TSConfig.INI`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PrestartTable {
    /// The command line: one that does not begin with `cmd /c` may never come to an end.
    #[schemars(length(min = 1), example = &"cmd /c prestart.cmd")]
    pub command: String,
    /// The folder (or file) that it runs in, with all that it needs.
    #[serde(default, deserialize_with = "content_path::optional")]
    #[schemars(with = "Option<content_path::Written>", example = &"prestart")]
    pub files: Option<String>,
    /// Where `files` are: on the medium, so that a change of a script leaves the boot image alone, or in the boot image.
    #[serde(default, rename = "where")]
    #[schemars(extend("default" = "medium"))]
    pub place: PrestartPlace,
    /// The package that the files are on the medium: the folder `SMS\PKG\<package>`. Without `files`, a package of the
    /// medium that the command runs in.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}[0-9A-F]{5}$"),
        extend("patternErrorMessage" = "a package ID is a site code and five hexadecimal digits, in capitals"),
        extend("default" = "SMS10000"),
        example = &"BER00099"
    )]
    pub package: Option<String>,
}

/// Place of the files of a prestart command.
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
    /// Returns the package on the medium that the command runs in; `None` if it needs nothing but the boot image.
    pub fn package_on_medium(&self) -> Option<&str> {
        let needs_medium = self.place == PrestartPlace::Medium && (self.files.is_some() || self.package.is_some());
        needs_medium.then(|| self.package.as_deref().unwrap_or(PRESTART_PACKAGE))
    }
}

/// The package of a prestart command that names none. IDs with this prefix belong to Configuration Manager itself, so no
/// package of a site has it.
pub const PRESTART_PACKAGE: &str = "SMS10000";

/// The policies of stand-alone media, as the site returns them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PolicyTable {
    /// Files with the policies of the site, put on the medium encrypted: XML documents, or JSON with the arrays that the
    /// methods `GetTsPoliciesSaMedia` and `GetClientConfigPolicies` return (`PolicyXmls` and `PolicyAssignmentXmls`).
    #[serde(deserialize_with = "policy_files::read")]
    #[schemars(with = "policy_files::Written", example = &"policy/deploy.json")]
    pub file: Vec<String>,
}

/// The task sequence of a medium.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TaskSequenceTable {
    /// The sequence file: TOML whose templates see the same as those of the manifest.
    #[schemars(length(min = 1), example = &"sequences/deploy.toml")]
    pub file: String,
}

/// What a rule of the field is lowered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoweredTo {
    /// It is said, and the medium is built.
    Warning,
    /// `check` says it, and nothing else does.
    Note,
    /// It is not said; `check` counts how often it would have been.
    Off,
}

/// The label of media that are given none, as Configuration Manager has it.
pub(super) fn default_label() -> String {
    "Configuration Manager".into()
}

/// The file that is made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OutputTable {
    /// The form of the medium; `iso` unless said, and `wim` for prestaged media, which have no other.
    #[serde(default)]
    pub format: Option<OutputFormat>,
    /// How the partition of a stick (`format = "usb"`) is written down.
    #[serde(default)]
    #[schemars(extend("default" = "mbr"))]
    pub partition_table: PartitionTable,
    /// What becomes of files that are too large for the FAT32 of a stick (`format = "usb"`): 4 GiB and more. They are
    /// refused unless said.
    #[serde(default)]
    pub large_files: Option<LargeFiles>,
    /// Where the output is put, relative to the manifest. Sites need a path each: use `site.code` in it.
    #[schemars(length(min = 1), example = &"out/{{ media.name }}-{{ site.code }}.iso")]
    pub path: String,
    /// What the medium can hold; unlimited unless said.
    #[serde(default)]
    #[schemars(extend("default" = "unlimited"))]
    pub capacity: Capacity,
    /// Whether stand-alone media that one disc does not hold become sets of discs: `NAME.1.iso`, `NAME.2.iso` and so on.
    #[serde(default = "always")]
    #[schemars(extend("default" = true))]
    pub spanning: bool,
}

/// The form of a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutputFormat {
    /// A disc image: UDF 1.02 with ISO 9660 and Joliet over the same files.
    Iso,
    /// The image of a USB stick: a partition of FAT32, which UEFI starts from.
    Usb,
    /// A WIM file with one image. Prestaged media only.
    Wim,
}

/// What becomes of files that are too large for FAT32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LargeFiles {
    /// They are on a second partition, of NTFS, with all else of the folder `SMS`.
    Ntfs,
    /// WIM files below `SMS\PKG` are split into parts: `install.wim` is `install000.swm`, `install001.swm` and so on.
    /// Others are refused.
    Split,
}

/// How the partition of a stick is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionTable {
    /// In a master boot record: read by every firmware and every Windows.
    #[default]
    Mbr,
    /// In a GUID partition table: for firmware that asks for one.
    Gpt,
}

fn always() -> bool {
    true
}
