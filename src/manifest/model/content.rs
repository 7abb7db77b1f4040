//! The content of a medium.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::content_path;
use super::always;

/// An operating system image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OperatingSystem {
    /// The package ID: a site code and five hexadecimal digits.
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}[0-9A-F]{5}$"),
        extend("patternErrorMessage" = "a package ID is a site code and five hexadecimal digits, in capitals"),
        example = &"BER00010"
    )]
    pub id: String,
    /// The WIM file.
    #[serde(deserialize_with = "content_path::one")]
    #[schemars(with = "content_path::Written", example = &"images/install.wim")]
    pub file: String,
    /// Which image in it the task sequence applies, counted from 1. Needed when it holds several.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535), example = 3)]
    pub index: Option<u32>,
    /// Whether it is on the medium: a condition such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// A package or driver package.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Package {
    /// The package ID: a site code and five hexadecimal digits.
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}[0-9A-F]{5}$"),
        extend("patternErrorMessage" = "a package ID is a site code and five hexadecimal digits, in capitals"),
        example = &"BER00021"
    )]
    pub id: String,
    /// The folder (or file) that holds its content.
    #[serde(deserialize_with = "content_path::one")]
    #[schemars(with = "content_path::Written", example = &"packages/vpn")]
    pub source: String,
    /// Whether it is on the medium: a condition such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// An application.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Application {
    /// The content ID of the application.
    #[schemars(
        regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"),
        extend("patternErrorMessage" = "a content ID is up to 64 letters, digits, `_` and `-`"),
        example = &"Content_4ba2d1f6-1c53-4e45-8b1c-6a3d0a5f7d11"
    )]
    pub id: String,
    /// What task sequences call it: its identity at the site.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"ScopeId_5A1F2C3B/Application_4ba2d1f6")]
    pub model_name: Option<String>,
    /// The folder (or file) that holds its content.
    #[serde(deserialize_with = "content_path::one")]
    #[schemars(with = "content_path::Written", example = &"applications/editor")]
    pub source: String,
    /// Whether it is on the medium: a condition such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// A loose file, or a folder with everything in it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExtraFile {
    /// The file or folder.
    #[serde(deserialize_with = "content_path::one")]
    #[schemars(with = "content_path::Written", example = &"extras/readme.txt")]
    pub source: String,
    /// Where it goes on the medium, from its root. For a folder, `.` is the root itself.
    #[schemars(length(min = 1), example = &"readme.txt")]
    pub path: String,
    /// Whether it is on the medium: a condition such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// The tables of content: the key, the name of one entry and that of several.
pub const CONTENT: [(&str, &str, &str); 4] = [
    ("operating-system", "operating system image", "operating system images"),
    ("package", "package", "packages"),
    ("application", "application", "applications"),
    ("driver-package", "driver package", "driver packages"),
];
