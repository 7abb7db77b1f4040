//! Content of a medium.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::content_path;
use super::always;

/// Operating system image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OperatingSystem {
    /// Package ID: a site code and five hexadecimal digits.
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}[0-9A-F]{5}$"),
        extend("patternErrorMessage" = "a package ID is a site code and five hexadecimal digits, in capitals"),
        example = &"BER00010"
    )]
    pub id: String,
    /// WIM file that contains the image.
    #[serde(deserialize_with = "content_path::deserialize")]
    #[schemars(with = "content_path::ContentPath", example = &"images/install.wim")]
    pub file: String,
    /// Number of the image that the task sequence applies, starting at 1. Required if the WIM file has several images.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535), example = 3)]
    pub index: Option<u32>,
    /// Condition for the entry to be on the medium, such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// Package or driver package.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Package {
    /// Package ID: a site code and five hexadecimal digits.
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}[0-9A-F]{5}$"),
        extend("patternErrorMessage" = "a package ID is a site code and five hexadecimal digits, in capitals"),
        example = &"BER00021"
    )]
    pub id: String,
    /// Folder (or single file) with the content.
    #[serde(deserialize_with = "content_path::deserialize")]
    #[schemars(with = "content_path::ContentPath", example = &"packages/vpn")]
    pub source: String,
    /// Patterns of files to leave out of the folder, as in `.gitignore`. They follow those of `media.exclude`.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), example = ["*.pdb", "/docs/"])]
    pub exclude: Vec<String>,
    /// Condition for the entry to be on the medium, such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// Application.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Application {
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
    /// Folder (or single file) with the content.
    #[serde(deserialize_with = "content_path::deserialize")]
    #[schemars(with = "content_path::ContentPath", example = &"applications/editor")]
    pub source: String,
    /// Patterns of files to leave out of the folder, as in `.gitignore`. They follow those of `media.exclude`.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), example = ["*.pdb", "/docs/"])]
    pub exclude: Vec<String>,
    /// Condition for the entry to be on the medium, such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// Additional file, or folder with all its contents.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExtraFile {
    /// File or folder to add.
    #[serde(deserialize_with = "content_path::deserialize")]
    #[schemars(with = "content_path::ContentPath", example = &"extras/readme.txt")]
    pub source: String,
    /// Path on the medium, from its root. For a folder, `.` is the root itself.
    #[schemars(length(min = 1), example = &"readme.txt")]
    pub path: String,
    /// Patterns of files to leave out of the folder, as in `.gitignore`. They follow those of `media.exclude`.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), example = ["*.pdb", "/docs/"])]
    pub exclude: Vec<String>,
    /// Condition for the entry to be on the medium, such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// Tables of content: key, singular and plural.
pub const CONTENT: [(&str, &str, &str); 4] = [
    ("operating-system", "operating system image", "operating system images"),
    ("package", "package", "packages"),
    ("application", "application", "applications"),
    ("driver-package", "driver package", "driver packages"),
];
