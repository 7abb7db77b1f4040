//! Sites of a manifest, and the client certificate for their management points.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use authoring::SecretRef;

use super::BaseTable;

/// Method for finding a management point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Ask the first management point, which may redirect the client to another one by its location.
    Dynamic,
    /// Ask only the single management point of the site.
    SiteBased,
}

/// Site to build the medium for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Site {
    /// Site code: three letters or digits, in capitals.
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}$"),
        extend("patternErrorMessage" = "a site code is three letters or digits, in capitals"),
        example = &"BER"
    )]
    pub code: String,
    /// Site file: a JSON file written by `Export-TsmediaSite.ps1` at the site. It supplies the keys of the site that
    /// are not set here, including the site code.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"sites/BER.json")]
    pub data: Option<String>,
    /// Type of site: a primary site or the central administration site.
    #[serde(default)]
    #[schemars(extend("default" = "primary"))]
    pub kind: SiteKind,
    /// URLs of the management points to ask, in order of preference. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(example = ["https://mp1.ber.example.com"])]
    pub management_points: Vec<String>,
    /// URL of the cloud management gateway to ask instead of a management point. Requires `mode = "site-based"` and a
    /// media password. Bootable media only.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"https://gateway.example.com/CCM_Proxy_MutualAuth/72057594037927941")]
    pub cloud_management_gateway: Option<String>,
    /// HTTP port of the site's management points. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(range(min = 1), example = 80)]
    pub http_port: Option<u16>,
    /// HTTPS port of the site's management points. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(range(min = 1), example = 443)]
    pub https_port: Option<u16>,
    /// HTTPS state of the site, as the number in its property `IISSSLState`. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(example = 31)]
    pub ssl_state: Option<u32>,
    /// Use the first matching certificate if a client has several. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(example = true)]
    pub use_first_certificate: Option<bool>,
    /// Trusted root key of the site, in hexadecimal digits: `SMSPublicRootKey` in `mobileclient.tcf` on the site
    /// server. Clients without Active Directory need it to trust a management point. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^([0-9A-Fa-f]{2})+$"),
        extend("patternErrorMessage" = "a root key is an even number of hexadecimal digits"),
        example = &"0602000000A40000525341310008000001000100"
    )]
    pub root_key: Option<String>,
    /// Certificate that the site signs policies with: a file in PEM or DER format, or the PEM text itself. Bootable and
    /// prestaged media only.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"certs/site-signing.cer")]
    pub signing_certificate: Option<String>,
    /// Certificate of the root authority for HTTPS management points: a file in PEM or DER format, or the PEM text
    /// itself.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"certs/root.cer")]
    pub root_ca: Option<String>,
    /// Certificates of the issuing authorities below the root authority: files in PEM or DER format, or PEM texts.
    #[serde(default)]
    #[schemars(example = ["certs/issuing.cer"])]
    pub issuing_cas: Vec<String>,
    /// Client certificate presented to management points by media of this site. Takes precedence over `[certificate]`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "pfx": { "file": "certs/ber.pfx", "password": { "env": "PFX_PASSWORD" } } }))]
    pub certificate: Option<CertificateTable>,
    /// Existing Configuration Manager medium to build on for this site. Takes precedence over `[base]`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "medium": "genuine/boot-BER.iso" }))]
    pub base: Option<BaseTable>,
    /// Values for templates for this site. They override those of `[vars]`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "language": "de-DE" }))]
    pub vars: BTreeMap<String, serde_json::Value>,
}

/// Type of site in its hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SiteKind {
    /// Primary site, with clients and management points.
    #[default]
    Primary,
    /// Central administration site, above the primary sites.
    Central,
}

/// Client certificate presented to management points: from a public key infrastructure, or self-signed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CertificateTable {
    /// PFX file with a client authentication certificate and its private key, for HTTPS.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "file": "certs/media.pfx", "password": { "env": "PFX_PASSWORD" } }))]
    pub pfx: Option<PfxFile>,
    /// Self-signed certificate generated for the medium, for HTTP.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "start": "2026-01-01", "expires": "2027-01-01", "key": { "env": "MEDIA_KEY" } }))]
    pub self_signed: Option<SelfSigned>,
}

/// PFX file with a client authentication certificate and its private key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PfxFile {
    /// Path of the PFX file.
    #[schemars(length(min = 1), example = &"certs/media.pfx")]
    pub file: String,
    /// Password of the PFX file.
    #[schemars(example = serde_json::json!({ "env": "PFX_PASSWORD" }))]
    pub password: SecretRef,
}

/// Self-signed certificate generated for the medium.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SelfSigned {
    /// Date or time from which the certificate is valid. Defaults to `source-date` of the medium.
    #[serde(default)]
    #[schemars(with = "Option<super::super::source_date::SourceDate>", example = &"2026-01-01")]
    pub start: Option<String>,
    /// Date or time at which the certificate expires. Defaults to one year after `start`.
    #[serde(default)]
    #[schemars(with = "Option<super::super::source_date::SourceDate>", example = &"2027-01-01")]
    pub expires: Option<String>,
    /// Private key of the certificate: RSA with 2,048 bits, as PEM. By default, a key is generated once and kept in the
    /// cache of this computer.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "env": "MEDIA_KEY" }))]
    pub key: Option<SecretRef>,
}
