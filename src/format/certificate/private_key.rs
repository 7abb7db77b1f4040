//! Private keys of RSA (RFC 8017), read from PEM or DER, as PKCS #8 (RFC 5958) or PKCS #1.
//!
//! Signatures are PKCS #1 v1.5 over SHA-256, which have no random part. Encrypted keys are not read.

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

/// The bits of keys that are made, and the most that Configuration Manager's documents allow.
pub const KEY_BITS: usize = 2_048;

/// A private key of RSA. Its bytes are wiped when it is dropped.
pub struct PrivateKey {
    key: RsaPrivateKey,
    pkcs8: Zeroizing<Vec<u8>>,
}

/// Why a file holds no private key that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAKey {
    /// It is under a password of its own.
    Encrypted,
    /// It is a key of another kind, or something else: its PEM label.
    Other(String),
    /// It is nothing that could be read.
    Unreadable,
}

impl PrivateKey {
    /// The key in a file: PEM or DER, PKCS #8 or PKCS #1.
    ///
    /// # Errors
    ///
    /// When there is none that can be used.
    pub fn read(bytes: &[u8]) -> Result<Self, NotAKey> {
        if bytes.len() > MAX_CERTIFICATE_LEN {
            return Err(NotAKey::Unreadable);
        }
        if !pem::is_armoured(bytes) {
            return Self::from_der(bytes).ok_or(NotAKey::Unreadable);
        }
        let mut other = None;
        for part in pem::parts(bytes) {
            let Ok((label, der)) = part else { continue };
            match label.as_str() {
                "PRIVATE KEY" | "RSA PRIVATE KEY" => return Self::from_der(&der).ok_or(NotAKey::Other(label)),
                "ENCRYPTED PRIVATE KEY" => return Err(NotAKey::Encrypted),
                _ => other = other.or(Some(label)),
            }
        }
        Err(other.map_or(NotAKey::Unreadable, NotAKey::Other))
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        Self::from_pkcs8(der).or_else(|| Self::new(RsaPrivateKey::from_pkcs1_der(der).ok()?))
    }

    /// A new key, of the system's randomness: another one each time.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub fn random() -> Result<Self, String> {
        let mut random = UnwrapErr(getrandom::SysRng);
        // A system that can't be asked is told of rather than panicked over.
        getrandom::fill(&mut [0; 1]).map_err(|error| error.to_string())?;
        let key = RsaPrivateKey::new(&mut random, KEY_BITS).map_err(|error| error.to_string())?;
        Self::new(key).ok_or_else(|| "the key could not be written down".into())
    }

    /// The same as PEM, for a file.
    pub fn to_pem(&self) -> Zeroizing<String> {
        // What was decoded can be encoded.
        self.key.to_pkcs8_pem(LineEnding::LF).unwrap_or_default()
    }

    /// A key in PKCS #8, if it is one of RSA.
    pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
        Self::new(RsaPrivateKey::from_pkcs8_der(der).ok()?)
    }

    fn new(key: RsaPrivateKey) -> Option<Self> {
        let document = key.to_pkcs8_der().ok()?;
        Some(Self { pkcs8: Zeroizing::new(document.as_bytes().to_vec()), key })
    }

    /// Its PKCS #8 encoding.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// How many bits it has.
    pub fn bits(&self) -> usize {
        self.key.n().bits() as usize
    }

    /// Whether a certificate is for this key.
    pub fn belongs_to(&self, certificate: &Certificate) -> bool {
        matches!(certificate.public_key(), Some(PublicKey::Rsa(key)) if key == self.public())
    }

    /// Signs `message` (PKCS #1 v1.5 over SHA-256).
    pub(super) fn sign(&self, message: &[u8]) -> der::Result<Vec<u8>> {
        let digest = Sha256::digest(message);
        self.key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest).map_err(|_| der::ErrorKind::Failed.into())
    }

    /// Returns the public key.
    pub(super) fn public(&self) -> RsaPublicKey {
        RsaPublicKey::from(&self.key)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} bits)", self.bits())
    }
}
