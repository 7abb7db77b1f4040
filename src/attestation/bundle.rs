//! Signed statements: DSSE envelopes (DSSE v1.0.2) in bundles of Sigstore v0.3, in JSON.
//!
//! The bundle names the public key by its SHA-256 digest. Not supported: certificates, transparency logs and time stamps
//! of Sigstore's public services, and envelopes with several signatures.

use base64ct::{Base64, Encoding as _};
use serde::Deserialize;
use serde_json::json;

use crate::format::signing_key::VerificationKey;

/// Media type of a bundle.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Type of the payload: an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Signed statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The statement.
    pub payload: Vec<u8>,
    /// Signature of its [`pre_authentication_encoding`].
    pub signature: Vec<u8>,
    /// Name of the public key, as written by the signer.
    pub hint: String,
}

/// Returns the bytes that are signed (DSSE protocol, "PAE").
pub fn pre_authentication_encoding(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Returns the name of a key in bundles: its SHA-256 digest in Base64.
pub fn hint(key: &VerificationKey) -> String {
    Base64::encode_string(&key.fingerprint().0)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBundle {
    media_type: String,
    verification_material: RawMaterial,
    dsse_envelope: Option<RawEnvelope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMaterial {
    public_key: Option<RawKey>,
}

#[derive(Deserialize)]
struct RawKey {
    #[serde(default)]
    hint: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEnvelope {
    payload: String,
    payload_type: String,
    signatures: Vec<RawSignature>,
}

#[derive(Deserialize)]
struct RawSignature {
    sig: String,
}

impl Bundle {
    /// Formats the bundle.
    pub fn to_json(&self) -> String {
        let bundle = json!({
            "mediaType": BUNDLE,
            "verificationMaterial": { "publicKey": { "hint": self.hint }, "tlogEntries": [] },
            "dsseEnvelope": {
                "payload": Base64::encode_string(&self.payload),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{ "sig": Base64::encode_string(&self.signature), "keyid": "" }],
            },
        });
        format!("{bundle:#}\n")
    }

    /// Reads a bundle. Its signature is not verified.
    ///
    /// # Errors
    ///
    /// If it is not a bundle of this version with one signature: the reason, as a fragment about "it".
    pub fn parse(text: &str) -> Result<Self, String> {
        let raw: RawBundle =
            serde_json::from_str(text).map_err(|error| format!("it is not a bundle of Sigstore: {error}"))?;
        if raw.media_type != BUNDLE {
            return Err(format!("its media type is `{}`; `{BUNDLE}` was expected", raw.media_type));
        }
        let key = raw.verification_material.public_key;
        let key = key.ok_or("it has a certificate in place of a public key, which is not supported")?;
        let envelope = raw.dsse_envelope.ok_or("it has no DSSE envelope")?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(format!("its payload is `{}`; `{PAYLOAD_TYPE}` was expected", envelope.payload_type));
        }
        let [signature] = &envelope.signatures[..] else {
            return Err(format!("it has {} signatures; 1 was expected", envelope.signatures.len()));
        };
        let decode = |text: &str| Base64::decode_vec(text).map_err(|_| "it has invalid Base64".to_owned());
        Ok(Self { payload: decode(&envelope.payload)?, signature: decode(&signature.sig)?, hint: key.hint })
    }

    /// Returns `true` if the bundle was signed with a key.
    pub fn is_signed_by(&self, key: &VerificationKey) -> bool {
        key.verifies(&pre_authentication_encoding(&self.payload), &self.signature)
    }
}
