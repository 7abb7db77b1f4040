//! RSA private keys (RFC 8017), read from PEM or DER as PKCS #8 (RFC 5958) or PKCS #1.
//!
//! Signs with PKCS #1 v1.5 and SHA-256, which is deterministic. Encrypted keys are not supported.

use std::fmt;

use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rsa::rand_core::UnwrapErr;
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::signature::PublicKey;
use super::{Certificate, pem};
use crate::limits::MAX_CERTIFICATE_LEN;

/// Length of generated keys in bits, the longest that Configuration Manager's documentation
/// permits.
pub const KEY_BITS: usize = 2_048;

/// An RSA private key. It is wiped from memory when it is dropped.
pub struct PrivateKey {
    key: RsaPrivateKey,
    pkcs8: Zeroizing<Vec<u8>>,
}

/// Reason why a file contains no usable private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateKeyError {
    /// The key is encrypted.
    Encrypted,
    /// A key of another type, or something else, by its PEM label.
    Other(String),
    /// Not a key.
    Unreadable,
}

impl PrivateKey {
    /// Reads the key in a file: PEM or DER, PKCS #8 or PKCS #1.
    ///
    /// # Errors
    ///
    /// If the file contains no usable key.
    pub fn read(bytes: &[u8]) -> Result<Self, PrivateKeyError> {
        if bytes.len() > MAX_CERTIFICATE_LEN {
            return Err(PrivateKeyError::Unreadable);
        }
        if !pem::is_armoured(bytes) {
            return Self::from_der(bytes).ok_or(PrivateKeyError::Unreadable);
        }
        let mut other = None;
        for part in pem::read_parts(bytes) {
            let Ok((label, der)) = part else { continue };
            match label.as_str() {
                "PRIVATE KEY" | "RSA PRIVATE KEY" => return Self::from_der(&der).ok_or(PrivateKeyError::Other(label)),
                "ENCRYPTED PRIVATE KEY" => return Err(PrivateKeyError::Encrypted),
                _ => other = other.or(Some(label)),
            }
        }
        Err(other.map_or(PrivateKeyError::Unreadable, PrivateKeyError::Other))
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        Self::from_pkcs8(der).or_else(|| Self::new(RsaPrivateKey::from_pkcs1_der(der).ok()?))
    }

    /// Generates a key from the system's random numbers.
    ///
    /// # Errors
    ///
    /// If the system provides no random numbers.
    pub fn generate() -> Result<Self, String> {
        let mut random = UnwrapErr(getrandom::SysRng);
        // `UnwrapErr` panics when the system has no random numbers: find out before.
        getrandom::fill(&mut [0; 1]).map_err(|error| error.to_string())?;
        let key = RsaPrivateKey::new(&mut random, KEY_BITS).map_err(|error| error.to_string())?;
        Self::new(key).ok_or_else(|| "the key could not be encoded".into())
    }

    /// Encodes the key as PEM.
    pub fn to_pem(&self) -> Zeroizing<String> {
        // A decoded key can be encoded again.
        self.key.to_pkcs8_pem(LineEnding::LF).unwrap_or_default()
    }

    /// Decodes a key in PKCS #8; `None` if it is not an RSA key.
    pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
        Self::new(RsaPrivateKey::from_pkcs8_der(der).ok()?)
    }

    fn new(key: RsaPrivateKey) -> Option<Self> {
        let document = key.to_pkcs8_der().ok()?;
        Some(Self { pkcs8: Zeroizing::new(document.as_bytes().to_vec()), key })
    }

    /// PKCS #8 encoding of the key.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Length of the key in bits.
    pub fn bits(&self) -> usize {
        self.key.n().bits() as usize
    }

    /// Returns `true` if the certificate is for this key.
    pub fn matches_certificate(&self, certificate: &Certificate) -> bool {
        matches!(certificate.public_key(), Some(PublicKey::Rsa(key)) if key == self.public_key())
    }

    /// Signs `message` with PKCS #1 v1.5 and SHA-256.
    pub(crate) fn sign(&self, message: &[u8]) -> der::Result<Vec<u8>> {
        let digest = Sha256::digest(message);
        self.key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest).map_err(|_| der::ErrorKind::Failed.into())
    }

    /// Public key.
    pub(crate) fn public_key(&self) -> RsaPublicKey {
        RsaPublicKey::from(&self.key)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} bits)", self.bits())
    }
}
