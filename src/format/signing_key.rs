//! Keys that sign and verify attestations.
//!
//! Supported are ECDSA with P-256 and SHA-256 (FIPS 186-5, with the nonces of RFC 6979), Ed25519 (RFC 8032), and RSA of at
//! least 2,048 bits with PKCS #1 v1.5 and SHA-256 (RFC 8017). All are deterministic. Private keys are read from PKCS #8,
//! SEC 1 or PKCS #1 in PEM, public keys from PEM (RFC 7468, 13). Not supported: encrypted keys, other curves.

use std::fmt;

use ed25519_dalek::Signer as _;
use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _};
use rsa::traits::PublicKeyParts as _;
use zeroize::Zeroizing;

use super::certificate::pem;
use super::certificate::private_key::PrivateKey;
use super::certificate::signature::{HashAlgorithm, PublicKey, SignatureAlgorithm, SignatureScheme};
use crate::digest::Sha256;
use crate::limits::MAX_CERTIFICATE_LEN;

/// Fewest bits of an RSA key.
const MIN_RSA_BITS: usize = 2_048;

/// Reason why a file has no usable key. Completes a sentence about "it".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The private key is encrypted.
    Encrypted,
    /// The file has a private key, and a public one is needed.
    Private,
    /// The file has something else, by its PEM label.
    Other(String),
    /// The algorithm or the curve is not supported.
    Unsupported,
    /// The RSA key is too short: its length in bits.
    Short(usize),
    /// The file has no key.
    NotAKey,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => f.write_str("its private key is encrypted"),
            Self::Private => f.write_str("it has a private key instead of a public one"),
            Self::Other(label) => write!(f, "it has a part `{label}` and no key"),
            Self::Unsupported => f.write_str("its key is not one of P-256, Ed25519 and RSA"),
            Self::Short(bits) => write!(f, "its RSA key has {bits} bits; at least {MIN_RSA_BITS} are required"),
            Self::NotAKey => f.write_str("it has no key in PEM"),
        }
    }
}

impl KeyError {
    /// Returns help that can be typed, for a file with this fault.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Encrypted => "decrypt it with `openssl pkey -in KEY -out PLAIN`, or sign with `--command`",
            Self::Private => "write its public key to a file with `openssl pkey -in KEY -pubout -out PUBLIC`",
            Self::Other(label) if label.contains("CERTIFICATE") => {
                "write the key of a certificate to a file with `openssl x509 -in CERTIFICATE -pubkey -noout`"
            }
            _ => "create a key with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY`",
        }
    }
}

/// Private key. It is wiped from memory when it is dropped.
pub enum SigningKey {
    /// ECDSA with P-256.
    P256(Box<p256::ecdsa::SigningKey>),
    /// Ed25519.
    Ed25519(Box<ed25519_dalek::SigningKey>),
    /// RSA.
    Rsa(Box<PrivateKey>),
}

/// Public key.
#[derive(Clone, Debug, PartialEq)]
pub struct VerificationKey {
    kind: VerificationKind,
    /// DER encoding of the subject public key information (RFC 5280, 4.1.2.7).
    spki: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
enum VerificationKind {
    P256(p256::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
    Rsa(rsa::RsaPublicKey),
}

impl SigningKey {
    /// Reads the private key in a PEM file.
    ///
    /// # Errors
    ///
    /// If the file has no usable key.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = find_part(bytes, |label, der| match label {
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Some(Self::from_der(der)),
            "ENCRYPTED PRIVATE KEY" => Some(Err(KeyError::Encrypted)),
            _ => None,
        })?;
        match &key {
            Self::Rsa(rsa) if rsa.bits() < MIN_RSA_BITS => Err(KeyError::Short(rsa.bits())),
            _ => Ok(key),
        }
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let p256 = || p256::SecretKey::from_pkcs8_der(der).or_else(|_| p256::SecretKey::from_sec1_der(der)).ok();
        if let Some(key) = p256() {
            return Ok(Self::P256(Box::new(key.into())));
        }
        if let Ok(key) = ed25519_dalek::SigningKey::from_pkcs8_der(der) {
            return Ok(Self::Ed25519(Box::new(key)));
        }
        PrivateKey::read(der).map(|key| Self::Rsa(Box::new(key))).map_err(|_| KeyError::Unsupported)
    }

    /// Signs a message. The signature of an elliptic curve is in DER (RFC 3279, 2.2.3).
    ///
    /// # Errors
    ///
    /// If the key is damaged.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.try_sign(message).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
            Self::Ed25519(key) => Some(key.try_sign(message).ok()?.to_bytes().to_vec()),
            Self::Rsa(key) => key.sign(message).ok(),
        }
    }

    /// Public key that verifies its signatures.
    ///
    /// # Errors
    ///
    /// If the key can't be encoded.
    pub fn verification_key(&self) -> Result<VerificationKey, KeyError> {
        VerificationKey::new(match self {
            Self::P256(key) => VerificationKind::P256(*key.verifying_key()),
            Self::Ed25519(key) => VerificationKind::Ed25519(key.verifying_key()),
            Self::Rsa(key) => VerificationKind::Rsa(key.public_key()),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl VerificationKey {
    /// Reads the public key in a PEM file.
    ///
    /// # Errors
    ///
    /// If the file has no usable key.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        find_part(bytes, |label, der| match label {
            "PUBLIC KEY" => Some(Self::from_der(der)),
            label if label.ends_with("PRIVATE KEY") => Some(Err(KeyError::Private)),
            _ => None,
        })
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(der) {
            return Self::new(VerificationKind::P256(key));
        }
        if let Ok(key) = ed25519_dalek::VerifyingKey::from_public_key_der(der) {
            return Self::new(VerificationKind::Ed25519(key));
        }
        match rsa::RsaPublicKey::from_public_key_der(der) {
            Ok(key) => Self::new(VerificationKind::Rsa(key)),
            Err(_) => Err(KeyError::Unsupported),
        }
    }

    fn new(kind: VerificationKind) -> Result<Self, KeyError> {
        let spki = match &kind {
            VerificationKind::P256(key) => key.to_public_key_der(),
            VerificationKind::Ed25519(key) => key.to_public_key_der(),
            VerificationKind::Rsa(key) => {
                let bits = key.n().bits() as usize;
                if bits < MIN_RSA_BITS {
                    return Err(KeyError::Short(bits));
                }
                key.to_public_key_der()
            }
        };
        let spki = spki.map_err(|_| KeyError::Unsupported)?.as_bytes().to_vec();
        Ok(Self { kind, spki })
    }

    /// Name of the algorithm.
    pub fn algorithm(&self) -> &'static str {
        match self.kind {
            VerificationKind::P256(_) => "ECDSA P-256",
            VerificationKind::Ed25519(_) => "Ed25519",
            VerificationKind::Rsa(_) => "RSA",
        }
    }

    /// SHA-256 digest of the encoded key, which names it.
    pub fn fingerprint(&self) -> Sha256 {
        Sha256::hash(&self.spki)
    }

    /// Returns `true` if the signature of a message was made with this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            VerificationKind::P256(key) => {
                use p256::ecdsa::signature::Verifier as _;
                let read = p256::ecdsa::Signature::from_der(signature);
                read.is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            VerificationKind::Ed25519(key) => {
                let read = ed25519_dalek::Signature::from_slice(signature);
                read.is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
            }
            VerificationKind::Rsa(key) => {
                let algorithm = SignatureAlgorithm::Known(SignatureScheme::Pkcs1, HashAlgorithm::Sha256);
                PublicKey::Rsa(key.clone()).verify(algorithm, message, signature).is_ok()
            }
        }
    }

    /// Returns a signature in the encoding that [`verifies`](Self::verifies) reads. Tokens return the two numbers of an
    /// ECDSA signature one after the other (PKCS #11, 6.3.1), and openssl returns them in DER.
    pub fn normalized(&self, signature: Vec<u8>) -> Vec<u8> {
        match &self.kind {
            VerificationKind::P256(_) => match p256::ecdsa::Signature::from_slice(&signature) {
                Ok(read) => read.to_der().as_bytes().to_vec(),
                Err(_) => signature,
            },
            _ => signature,
        }
    }
}

/// Returns the result for the first part of a PEM file that `read` accepts.
fn find_part<T>(
    bytes: &[u8],
    read: impl Fn(&str, &Zeroizing<Vec<u8>>) -> Option<Result<T, KeyError>>,
) -> Result<T, KeyError> {
    if bytes.len() > MAX_CERTIFICATE_LEN {
        return Err(KeyError::NotAKey);
    }
    let mut other = None;
    for (label, der) in pem::read_parts(bytes).into_iter().flatten() {
        if let Some(read) = read(&label, &der) {
            return read;
        }
        other.get_or_insert(label);
    }
    Err(other.map_or(KeyError::NotAKey, KeyError::Other))
}

#[cfg(test)]
mod tests;
