//! Content libraries: the table of a manifest that names them, and the form of their files.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::content_path;
use super::always;

/// Libraries of content shared by several manifests.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LibraryTable {
    /// Library files. An entry in a later file replaces entries with the same ID in earlier files.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), example = ["library.toml"])]
    pub files: Vec<String>,
    /// Content to take from the libraries. Stand-alone and prestaged media only.
    #[serde(default)]
    pub content: LibraryContent,
}

/// Content to take from the libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LibraryContent {
    /// Take nothing: the medium carries only what the manifest lists.
    #[default]
    Listed,
    /// Take everything that steps of the task sequence and its child task sequences refer to, including dependencies of
    /// applications. Disabled steps, and steps that never run from the medium, are ignored. Entries of the manifest
    /// take precedence over those of the libraries.
    Referenced,
}

/// Content library: content shared by several manifests, identified by ID.
#[derive(Debug, Clone, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LibrarySchema {
    /// Version of the library format. Always 1.
    #[schemars(range(min = 1, max = 1), example = 1)]
    pub library_version: u32,
    /// Operating system images.
    #[serde(default)]
    pub operating_system: Vec<LibraryImage>,
    /// Packages, and operating system upgrade packages.
    #[serde(default)]
    pub package: Vec<LibraryPackage>,
    /// Driver packages.
    #[serde(default)]
    pub driver_package: Vec<LibraryPackage>,
    /// Applications.
    #[serde(default)]
    pub application: Vec<LibraryApplication>,
    /// Boot images. A medium uses the one that its task sequence names, unless `[boot]` or a base sets an image.
    #[serde(default)]
    pub boot_image: Vec<LibraryImage>,
    /// Child task sequences. Their steps take the place of the step that runs them.
    #[serde(default)]
    pub task_sequence: Vec<LibrarySequence>,
}

/// Package or driver package of a library.
#[derive(Debug, Clone, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LibraryPackage {
    /// Package ID: a site code and five hexadecimal digits.
    #[schemars(with = "PackageIdSchema", example = &"BER00021")]
    pub id: String,
    /// Name, shown in messages.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"VPN client")]
    pub name: Option<String>,
    /// Version, shown in messages.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"5.2")]
    pub version: Option<String>,
    /// Folder (or single file) with the content, relative to the library file.
    #[schemars(with = "content_path::ContentPath", example = &"packages/vpn")]
    pub source: String,
    /// Patterns of files to leave out of the folder, as in `.gitignore`. They follow those of `media.exclude`.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), example = ["*.pdb", "/docs/"])]
    pub exclude: Vec<String>,
    /// Condition for the entry to be in the library, such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// WIM file of a library.
#[derive(Debug, Clone, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LibraryImage {
    /// Package ID: a site code and five hexadecimal digits.
    #[schemars(with = "PackageIdSchema", example = &"BER00010")]
    pub id: String,
    /// Name, shown in messages.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Windows 11 Enterprise")]
    pub name: Option<String>,
    /// Version, shown in messages.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"24H2")]
    pub version: Option<String>,
    /// WIM file, relative to the library file.
    #[schemars(with = "content_path::ContentPath", example = &"images/install.wim")]
    pub file: String,
    /// Number of the image in the WIM file, starting at 1. Required if the file has several images.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535), example = 3)]
    pub index: Option<u32>,
    /// Condition for the entry to be in the library, such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// Application of a library.
#[derive(Debug, Clone, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LibraryApplication {
    /// Content ID of the application.
    #[schemars(
        regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"),
        extend("patternErrorMessage" = "a content ID is up to 64 letters, digits, `_` and `-`"),
        example = &"Content_4ba2d1f6-1c53-4e45-8b1c-6a3d0a5f7d11"
    )]
    pub id: String,
    /// Identity of the application at the site, which task sequences refer to.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"ScopeId_5A1F2C3B/Application_4ba2d1f6")]
    pub model_name: Option<String>,
    /// Name, shown in messages.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Editor")]
    pub name: Option<String>,
    /// Version, shown in messages.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"12.1")]
    pub version: Option<String>,
    /// Folder (or single file) with the content, relative to the library file.
    #[schemars(with = "content_path::ContentPath", example = &"applications/editor")]
    pub source: String,
    /// Required applications, by `id` or `model-name`. A medium that takes this application takes them too.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), example = ["Content_90c7a3f2-5b1d-4d8e-a6f4-2e9b7c0d1a35"])]
    pub dependencies: Vec<String>,
    /// Patterns of files to leave out of the folder, as in `.gitignore`. They follow those of `media.exclude`.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), example = ["*.pdb", "/docs/"])]
    pub exclude: Vec<String>,
    /// Condition for the entry to be in the library, such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// Task sequence of a library.
#[derive(Debug, Clone, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LibrarySequence {
    /// Package ID: a site code and five hexadecimal digits.
    #[schemars(with = "PackageIdSchema", example = &"BER00040")]
    pub id: String,
    /// Name, shown in messages.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Install office programs")]
    pub name: Option<String>,
    /// Version, shown in messages.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"2026.1")]
    pub version: Option<String>,
    /// Task sequence file, relative to the library file. Its templates can use the same values as the manifest.
    #[schemars(length(min = 1), example = &"sequences/office.toml")]
    pub file: String,
    /// Condition for the entry to be in the library, such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// Schema of a package ID.
pub struct PackageIdSchema;

impl JsonSchema for PackageIdSchema {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PackageId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[A-Z0-9]{3}[0-9A-F]{5}$",
            "patternErrorMessage": "a package ID is a site code and five hexadecimal digits, in capitals",
        })
    }
}
