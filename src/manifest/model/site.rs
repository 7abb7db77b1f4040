//! What the manifest says of sites, and of the certificate that media prove themselves with to them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use authoring::SecretRef;

use super::BaseTable;

/// How the client finds its management point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The first management point may send the client to another one, by where it is.
    Dynamic,
    /// Only the one management point of the site is asked.
    SiteBased,
}

/// A site that the medium is made for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Site {
    /// The site code: three letters or digits, in capitals.
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}$"),
        extend("patternErrorMessage" = "a site code is three letters or digits, in capitals"),
        example = &"BER"
    )]
    pub code: String,
    /// Site file: a JSON file that `Export-TsmediaSite.ps1` wrote at the site. It supplies the keys of the site that are
    /// not set here, the site code too.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"sites/BER.json")]
    pub data: Option<String>,
    /// Whether it is a primary site, or the central administration site.
    #[serde(default)]
    #[schemars(extend("default" = "primary"))]
    pub kind: SiteKind,
    /// The management points that the client asks, as addresses, the first one first. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(example = ["https://mp1.ber.example.com"])]
    pub management_points: Vec<String>,
    /// The cloud management gateway that the client asks in place of a management point, as its address. Bootable media
    /// only, `site-based` and with a password.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"https://gateway.example.com/CCM_Proxy_MutualAuth/72057594037927941")]
    pub cloud_management_gateway: Option<String>,
    /// The port at which management points of the site answer HTTP. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(range(min = 1), example = 80)]
    pub http_port: Option<u16>,
    /// The port at which management points of the site answer HTTPS. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(range(min = 1), example = 443)]
    pub https_port: Option<u16>,
    /// The state of HTTPS at the site, as the number that the site uses for it. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(example = 31)]
    pub ssl_state: Option<u32>,
    /// Whether a client takes the first certificate that fits, if several do. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(example = true)]
    pub use_first_certificate: Option<bool>,
    /// The trusted root key of the site in hexadecimal digits, by which clients without Active Directory trust a
    /// management point: `SMSPublicRootKey` in `mobileclient.tcf` of the site server. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^([0-9A-Fa-f]{2})+$"),
        extend("patternErrorMessage" = "a root key is an even number of hexadecimal digits"),
        example = &"0602000000A40000525341310008000001000100"
    )]
    pub root_key: Option<String>,
    /// The certificate that the site signs policies with: a file in PEM or DER, or the PEM text itself. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"certs/site-signing.cer")]
    pub signing_certificate: Option<String>,
    /// The certificate of the root authority that the certificates of HTTPS management points come from: a file in PEM
    /// or DER, or the PEM text itself.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"certs/root.cer")]
    pub root_ca: Option<String>,
    /// The certificates of the authorities below it: files in PEM or DER, or PEM texts.
    #[serde(default)]
    #[schemars(example = ["certs/issuing.cer"])]
    pub issuing_cas: Vec<String>,
    /// What media of this site prove themselves with, in place of `[certificate]`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "pfx": { "file": "certs/ber.pfx", "password": { "env": "PFX_PASSWORD" } } }))]
    pub certificate: Option<CertificateTable>,
    /// The medium that the medium of this site is built on, in place of `[base]`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "medium": "genuine/boot-BER.iso" }))]
    pub base: Option<BaseTable>,
    /// Values for templates that replace those of `[vars]` for this site.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "language": "de-DE" }))]
    pub vars: BTreeMap<String, serde_json::Value>,
}

/// What a site is in its hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SiteKind {
    /// A primary site, which has clients and management points.
    #[default]
    Primary,
    /// The central administration site above the primary ones.
    Central,
}

/// What media prove themselves with to management points: a certificate of a public key infrastructure, or one that
/// signs itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CertificateTable {
    /// A PFX file with a certificate for client authentication and its private key: for HTTPS.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "file": "certs/media.pfx", "password": { "env": "PFX_PASSWORD" } }))]
    pub pfx: Option<PfxFile>,
    /// A certificate that is made for the medium and signs itself: for HTTP.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "start": "2026-01-01", "expires": "2027-01-01", "key": { "env": "MEDIA_KEY" } }))]
    pub self_signed: Option<SelfSigned>,
}

/// A PFX file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PfxFile {
    /// The file.
    #[schemars(length(min = 1), example = &"certs/media.pfx")]
    pub file: String,
    /// Its password.
    #[schemars(example = serde_json::json!({ "env": "PFX_PASSWORD" }))]
    pub password: SecretRef,
}

/// A certificate that signs itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SelfSigned {
    /// The day, or moment, from which it is valid; the medium's `source-date` unless said.
    #[serde(default)]
    #[schemars(with = "Option<super::super::source_date::Written>", example = &"2026-01-01")]
    pub start: Option<String>,
    /// The day, or moment, at which it expires; one year after it starts unless said.
    #[serde(default)]
    #[schemars(with = "Option<super::super::source_date::Written>", example = &"2027-01-01")]
    pub expires: Option<String>,
    /// Its private key: RSA with 2048 bits, as PEM. Without one, a key is made once and kept in the cache.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "env": "MEDIA_KEY" }))]
    pub key: Option<SecretRef>,
}
