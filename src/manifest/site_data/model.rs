//! Content of a site file.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::model::{PackageIdSchema, SiteKind, UnknownComputers};

/// Public facts about a Configuration Manager site, as exported by `Export-TsmediaSite.ps1`. They include no secrets.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SiteData {
    /// Schema of the file, for editors.
    #[serde(default, rename = "$schema")]
    #[schemars(example = &"site.schema.json")]
    pub schema: Option<String>,
    /// Version of the site file format. Always 1.
    #[schemars(range(min = 1, max = 1), example = 1)]
    pub site_version: u32,
    /// Site code: three letters or digits, in capitals.
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}$"),
        extend("patternErrorMessage" = "a site code is three letters or digits, in capitals"),
        example = &"BER"
    )]
    pub code: String,
    /// Type of site in its hierarchy.
    #[serde(default)]
    pub kind: Option<SiteKind>,
    /// URLs of the site's management points, in order of preference. Media with a certificate from a PFX file use those
    /// with `https://`, media with a self-signed certificate use those with `http://`.
    #[serde(default)]
    #[schemars(example = ["https://mp1.ber.example.com"])]
    pub management_points: Vec<String>,
    /// HTTP port of the site's management points.
    #[serde(default)]
    #[schemars(range(min = 1), example = 80)]
    pub http_port: Option<u16>,
    /// HTTPS port of the site's management points.
    #[serde(default)]
    #[schemars(range(min = 1), example = 443)]
    pub https_port: Option<u16>,
    /// HTTPS state of the site: the value of `IISSSLState`.
    #[serde(default)]
    #[schemars(example = 31)]
    pub ssl_state: Option<u32>,
    /// Use the first matching certificate if a client has several.
    #[serde(default)]
    #[schemars(example = true)]
    pub use_first_certificate: Option<bool>,
    /// Trusted root key of the site, in hexadecimal digits.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^([0-9A-Fa-f]{2})+$"),
        extend("patternErrorMessage" = "a root key is an even number of hexadecimal digits"),
        example = &"0602000000A40000525341310008000001000100"
    )]
    pub root_key: Option<String>,
    /// Certificate that the site signs policies with, as PEM.
    #[serde(default)]
    #[schemars(with = "Option<PemSchema>", example = &"-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n")]
    pub signing_certificate: Option<String>,
    /// Certificate of the root authority for HTTPS management points, as PEM.
    #[serde(default)]
    #[schemars(with = "Option<PemSchema>", example = &"-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n")]
    pub root_ca: Option<String>,
    /// Certificates of the issuing authorities below the root authority, as PEM.
    #[serde(default)]
    #[schemars(with = "Vec<PemSchema>", example = ["-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"])]
    pub issuing_cas: Vec<String>,
    /// GUIDs of the site's unknown-computer objects. Media use them with `unknown-computers = true`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "x64": "5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5f" }))]
    pub unknown_computers: Option<UnknownComputers>,
    /// Boot image packages of the site.
    #[serde(default)]
    pub boot_images: Vec<BootImagePackage>,
    /// Packages with content for media.
    #[serde(default)]
    pub packages: Vec<SitePackage>,
    /// Applications of the site.
    #[serde(default)]
    pub applications: Vec<SiteApplication>,
}

/// Boot image package of a site.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BootImagePackage {
    /// Package ID.
    #[schemars(with = "PackageIdSchema", example = &"BER00005")]
    pub id: String,
    /// Name in the console.
    #[schemars(example = &"Boot image (x64)")]
    pub name: String,
    /// Version, as entered by an administrator.
    #[serde(default)]
    #[schemars(example = &"10.0.26100.1")]
    pub version: Option<String>,
    /// Version number of the content.
    #[serde(default)]
    #[schemars(example = 3)]
    pub source_version: Option<u32>,
    /// Path of the source files at the site.
    #[serde(default)]
    #[schemars(example = &"\\\\cm1\\sources\\boot\\boot.wim")]
    pub source: Option<String>,
    /// Processor architecture of the boot image.
    #[serde(default)]
    #[schemars(example = &"x64")]
    pub architecture: Option<SiteArchitecture>,
    /// Hash of the content, as computed by the site.
    #[serde(default)]
    #[schemars(with = "Option<HashSchema>", example = &"B94D27B9934D3E08A52E52D7DA7DABFAC484EFE37A5380EE9088F7ACE2EFCDE9")]
    pub hash: Option<String>,
}

/// Package of a site with content for media.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SitePackage {
    /// Package ID.
    #[schemars(with = "PackageIdSchema", example = &"BER00021")]
    pub id: String,
    /// Kind of package.
    #[schemars(example = &"package")]
    pub kind: PackageKind,
    /// Name in the console.
    #[schemars(example = &"VPN client")]
    pub name: String,
    /// Version, as entered by an administrator.
    #[serde(default)]
    #[schemars(example = &"5.1")]
    pub version: Option<String>,
    /// Version number of the content.
    #[serde(default)]
    #[schemars(example = 3)]
    pub source_version: Option<u32>,
    /// Path of the source files at the site.
    #[serde(default)]
    #[schemars(example = &"\\\\cm1\\sources\\vpn")]
    pub source: Option<String>,
    /// Hash of the content, as computed by the site.
    #[serde(default)]
    #[schemars(with = "Option<HashSchema>", example = &"B94D27B9934D3E08A52E52D7DA7DABFAC484EFE37A5380EE9088F7ACE2EFCDE9")]
    pub hash: Option<String>,
}

/// Kind of package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PackageKind {
    /// Package with programs or files.
    Package,
    /// Driver package.
    DriverPackage,
    /// Operating system image.
    OperatingSystem,
    /// Operating system upgrade package.
    UpgradePackage,
}

/// Application of a site.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SiteApplication {
    /// Identity of the application at the site, which task sequences refer to.
    #[schemars(length(min = 1), example = &"ScopeId_5A1F2C3B/Application_4ba2d1f6")]
    pub model_name: String,
    /// Name in the console.
    #[schemars(example = &"Editor")]
    pub name: String,
    /// Version of the software.
    #[serde(default)]
    #[schemars(example = &"8.6")]
    pub version: Option<String>,
    /// Revision of the application.
    #[serde(default)]
    #[schemars(example = 4)]
    pub revision: Option<u32>,
}

/// Processor architecture of a boot image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SiteArchitecture {
    /// 64-bit Intel and AMD processors.
    X64,
    /// 32-bit Intel and AMD processors.
    X86,
    /// 64-bit ARM processors.
    Arm64,
}

impl SiteArchitecture {
    /// Returns the name that site files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::X86 => "x86",
            Self::Arm64 => "arm64",
        }
    }
}

/// Schema of a certificate.
struct PemSchema;

impl JsonSchema for PemSchema {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pem".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^-----BEGIN CERTIFICATE-----",
            "patternErrorMessage": "a certificate in PEM format begins with `-----BEGIN CERTIFICATE-----`",
        })
    }
}

/// Schema of a hash.
struct HashSchema;

impl JsonSchema for HashSchema {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hash".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$",
            "patternErrorMessage": "a hash is 40 or 64 hexadecimal digits",
        })
    }
}
