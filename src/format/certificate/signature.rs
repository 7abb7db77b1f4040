//! Signature verification: RSA with PKCS #1 v1.5 and PSS padding (RFC 8017), over SHA-1 and SHA-2.
//!
//! Not supported: elliptic curves, DSA, MD5. Such signatures fail with
//! [`SignatureError::Unsupported`] and are never accepted.

use der::asn1::ObjectIdentifier;
use rsa::RsaPublicKey;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::traits::PublicKeyParts;
use sha1::Digest;
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::Certificate;
use crate::format::asn1::{Der, SEQUENCE};

pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// Signature algorithms by OID (RFC 8017 C, RFC 5758, RFC 3279).
const ALGORITHMS: [(&str, SignatureScheme, HashAlgorithm); 10] = [
    ("1.2.840.113549.1.1.4", SignatureScheme::Pkcs1, HashAlgorithm::Md5),
    ("1.2.840.113549.1.1.5", SignatureScheme::Pkcs1, HashAlgorithm::Sha1),
    ("1.2.840.113549.1.1.11", SignatureScheme::Pkcs1, HashAlgorithm::Sha256),
    ("1.2.840.113549.1.1.12", SignatureScheme::Pkcs1, HashAlgorithm::Sha384),
    ("1.2.840.113549.1.1.13", SignatureScheme::Pkcs1, HashAlgorithm::Sha512),
    ("1.2.840.10045.4.1", SignatureScheme::Ecdsa, HashAlgorithm::Sha1),
    ("1.2.840.10045.4.3.2", SignatureScheme::Ecdsa, HashAlgorithm::Sha256),
    ("1.2.840.10045.4.3.3", SignatureScheme::Ecdsa, HashAlgorithm::Sha384),
    ("1.2.840.10045.4.3.4", SignatureScheme::Ecdsa, HashAlgorithm::Sha512),
    // RSA with SHA-1 as defined by OIW; old Microsoft tools write it.
    ("1.3.14.3.2.29", SignatureScheme::Pkcs1, HashAlgorithm::Sha1),
];

/// Digest algorithm of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum HashAlgorithm {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// Signature scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureScheme {
    /// RSA with PKCS #1 v1.5 padding.
    Pkcs1,
    /// RSA with PSS padding.
    Pss,
    /// ECDSA.
    Ecdsa,
}

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// Known scheme and digest.
    Known(SignatureScheme, HashAlgorithm),
    /// Unknown algorithm, by OID.
    Other(ObjectIdentifier),
}

/// Reason why a signature was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// The signature was not made with the key.
    Wrong,
    /// Key or algorithm can't be checked.
    Unsupported,
}

/// A public key that can check signatures.
#[derive(Clone, Debug)]
pub enum PublicKey {
    /// An RSA key.
    Rsa(RsaPublicKey),
}

impl SignatureAlgorithm {
    /// Parses an algorithm identifier.
    pub fn from_identifier(identifier: &AlgorithmIdentifierOwned) -> Self {
        let oid = identifier.oid;
        if oid == RSA_PSS {
            return pss_hash(identifier).map_or(Self::Other(oid), |hash| Self::Known(SignatureScheme::Pss, hash));
        }
        let known =
            ALGORITHMS.iter().find(|(number, ..)| ObjectIdentifier::new(number).is_ok_and(|number| number == oid));
        known.map_or(Self::Other(oid), |(_, scheme, hash)| Self::Known(*scheme, *hash))
    }

    /// Returns `true` for a digest of the SHA-2 family.
    pub fn is_sha2(self) -> bool {
        matches!(self, Self::Known(_, HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512))
    }
}

impl std::fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, hash) = match self {
            Self::Known(scheme, hash) => (scheme, hash),
            Self::Other(oid) => return oid.fmt(f),
        };
        let scheme = match scheme {
            SignatureScheme::Pkcs1 => "RSA",
            SignatureScheme::Pss => "RSA-PSS",
            SignatureScheme::Ecdsa => "ECDSA",
        };
        let hash = match hash {
            HashAlgorithm::Md5 => "MD5",
            HashAlgorithm::Sha1 => "SHA-1",
            HashAlgorithm::Sha256 => "SHA-256",
            HashAlgorithm::Sha384 => "SHA-384",
            HashAlgorithm::Sha512 => "SHA-512",
        };
        write!(f, "{scheme} with {hash}")
    }
}

impl PublicKey {
    /// Verifies a signature over a message.
    ///
    /// # Errors
    ///
    /// If the signature is invalid or can't be checked.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let SignatureAlgorithm::Known(_, hash) = algorithm else { return Err(SignatureError::Unsupported) };
        match hash {
            HashAlgorithm::Md5 => Err(SignatureError::Unsupported),
            HashAlgorithm::Sha1 => self.verify_digest(algorithm, &sha1::Sha1::digest(message), signature),
            HashAlgorithm::Sha256 => self.verify_digest(algorithm, &sha2::Sha256::digest(message), signature),
            HashAlgorithm::Sha384 => self.verify_digest(algorithm, &sha2::Sha384::digest(message), signature),
            HashAlgorithm::Sha512 => self.verify_digest(algorithm, &sha2::Sha512::digest(message), signature),
        }
    }

    /// Verifies a signature over a message with the given digest.
    ///
    /// # Errors
    ///
    /// If the signature is invalid or can't be checked.
    pub fn verify_digest(
        &self,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        use rsa::pkcs1v15::Pkcs1v15Sign;
        use rsa::pss::Pss;
        let Self::Rsa(key) = self;
        let verified = match algorithm {
            SignatureAlgorithm::Known(SignatureScheme::Pkcs1, HashAlgorithm::Sha1) => {
                key.verify(Pkcs1v15Sign::new::<sha1::Sha1>(), digest, signature)
            }
            SignatureAlgorithm::Known(SignatureScheme::Pkcs1, HashAlgorithm::Sha256) => {
                key.verify(Pkcs1v15Sign::new::<sha2::Sha256>(), digest, signature)
            }
            SignatureAlgorithm::Known(SignatureScheme::Pkcs1, HashAlgorithm::Sha384) => {
                key.verify(Pkcs1v15Sign::new::<sha2::Sha384>(), digest, signature)
            }
            SignatureAlgorithm::Known(SignatureScheme::Pkcs1, HashAlgorithm::Sha512) => {
                key.verify(Pkcs1v15Sign::new::<sha2::Sha512>(), digest, signature)
            }
            SignatureAlgorithm::Known(SignatureScheme::Pss, HashAlgorithm::Sha256) => {
                key.verify(Pss::<sha2::Sha256>::new(), digest, signature)
            }
            SignatureAlgorithm::Known(SignatureScheme::Pss, HashAlgorithm::Sha384) => {
                key.verify(Pss::<sha2::Sha384>::new(), digest, signature)
            }
            SignatureAlgorithm::Known(SignatureScheme::Pss, HashAlgorithm::Sha512) => {
                key.verify(Pss::<sha2::Sha512>::new(), digest, signature)
            }
            _ => return Err(SignatureError::Unsupported),
        };
        verified.map_err(|_| SignatureError::Wrong)
    }
}

impl Certificate {
    /// Public key of the certificate; `None` if it can't check signatures.
    pub fn public_key(&self) -> Option<PublicKey> {
        let info = &self.fields.key;
        if info.algorithm.oid != RSA {
            return None;
        }
        let key = info.subject_public_key.as_bytes()?;
        RsaPublicKey::from_pkcs1_der(key).ok().map(PublicKey::Rsa)
    }

    /// Checks that a certificate is signed by the key of `signer`, which may be the certificate
    /// itself.
    ///
    /// # Errors
    ///
    /// If the signature is invalid or can't be checked.
    pub fn check_signed_by(&self, signer: &Self) -> Result<(), SignatureError> {
        let key = signer.public_key().ok_or(SignatureError::Unsupported)?;
        let signed = tbs_bytes(&self.der).ok_or(SignatureError::Wrong)?;
        key.verify(self.signature_algorithm(), signed, &self.fields.signature)
    }
}

/// Length of an RSA key in bits.
pub(super) fn key_bits(key: &RsaPublicKey) -> usize {
    key.n().bits() as usize
}

/// Name of an elliptic curve (RFC 5480, 2.1.1.1); its OID if unknown.
pub(super) fn curve_name(oid: ObjectIdentifier) -> String {
    match oid.to_string().as_str() {
        "1.2.840.10045.3.1.7" => "P-256".into(),
        "1.3.132.0.34" => "P-384".into(),
        "1.3.132.0.35" => "P-521".into(),
        other => other.into(),
    }
}

/// Signed bytes of a certificate (RFC 5280, 4.1.1.3).
fn tbs_bytes(der: &[u8]) -> Option<&[u8]> {
    Some(Der(Der(der).next_tagged(SEQUENCE)?.value).next()?.whole)
}

/// Digest of a PSS signature with the usual parameters: one digest algorithm throughout, and a salt
/// of its length (RFC 4055, 3.1). `None` for others.
fn pss_hash(identifier: &AlgorithmIdentifierOwned) -> Option<HashAlgorithm> {
    #[derive(der::Sequence)]
    struct Parameters {
        #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
        hash: Option<AlgorithmIdentifierOwned>,
        #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
        mask: Option<AlgorithmIdentifierOwned>,
        #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
        salt_len: Option<u32>,
    }
    let parameters: Parameters = identifier.parameters.as_ref()?.decode_as().ok()?;
    let hash = parameters.hash?.oid;
    let masked_with: AlgorithmIdentifierOwned = parameters.mask?.parameters?.decode_as().ok()?;
    let (hash, len) = [
        (SHA256, HashAlgorithm::Sha256, 32),
        (SHA384, HashAlgorithm::Sha384, 48),
        (SHA512, HashAlgorithm::Sha512, 64),
        (SHA1, HashAlgorithm::Sha1, 20),
    ]
    .into_iter()
    .find_map(|(oid, known, len)| (oid == hash && oid == masked_with.oid).then_some((known, len)))?;
    (parameters.salt_len == Some(len)).then_some(hash)
}
