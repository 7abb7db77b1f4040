//! Signatures of certificates, checked: RSA with PKCS #1 v1.5 and PSS padding (RFC 8017) over SHA-1 and SHA-2.
//!
//! Not supported: elliptic curves, DSA, MD5. Such a signature is [`Unchecked`], never taken for a good one.

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

/// Signature algorithms with what they are: RFC 8017 (C), RFC 5758, RFC 3279.
const ALGORITHMS: [(&str, Scheme, Hash); 10] = [
    ("1.2.840.113549.1.1.4", Scheme::Pkcs1, Hash::Md5),
    ("1.2.840.113549.1.1.5", Scheme::Pkcs1, Hash::Sha1),
    ("1.2.840.113549.1.1.11", Scheme::Pkcs1, Hash::Sha256),
    ("1.2.840.113549.1.1.12", Scheme::Pkcs1, Hash::Sha384),
    ("1.2.840.113549.1.1.13", Scheme::Pkcs1, Hash::Sha512),
    ("1.2.840.10045.4.1", Scheme::Ecdsa, Hash::Sha1),
    ("1.2.840.10045.4.3.2", Scheme::Ecdsa, Hash::Sha256),
    ("1.2.840.10045.4.3.3", Scheme::Ecdsa, Hash::Sha384),
    ("1.2.840.10045.4.3.4", Scheme::Ecdsa, Hash::Sha512),
    // RSA with SHA-1 as OIW had it, which old Microsoft tools write.
    ("1.3.14.3.2.29", Scheme::Pkcs1, Hash::Sha1),
];

/// The digest that a signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// The way in which it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RSA with PKCS #1 v1.5 padding.
    Pkcs1,
    /// RSA with PSS padding.
    Pss,
    /// ECDSA.
    Ecdsa,
}

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// One that is known.
    Known(Scheme, Hash),
    /// Another, by its number.
    Other(ObjectIdentifier),
}

/// Why a signature is not known to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unchecked {
    /// It is not that of the key.
    Wrong,
    /// The key or the algorithm is none that can be checked here.
    Unsupported,
}

/// A key that signatures are checked with.
#[derive(Clone, Debug)]
pub enum PublicKey {
    /// An RSA key.
    Rsa(RsaPublicKey),
}

impl Algorithm {
    /// The algorithm that an identifier names.
    pub fn of(identifier: &AlgorithmIdentifierOwned) -> Self {
        let oid = identifier.oid;
        if oid == RSA_PSS {
            return pss_hash(identifier).map_or(Self::Other(oid), |hash| Self::Known(Scheme::Pss, hash));
        }
        let known =
            ALGORITHMS.iter().find(|(number, ..)| ObjectIdentifier::new(number).is_ok_and(|number| number == oid));
        known.map_or(Self::Other(oid), |(_, scheme, hash)| Self::Known(*scheme, *hash))
    }

    /// Whether it is over a digest of the SHA-2 family.
    pub fn is_sha2(self) -> bool {
        matches!(self, Self::Known(_, Hash::Sha256 | Hash::Sha384 | Hash::Sha512))
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, hash) = match self {
            Self::Known(scheme, hash) => (scheme, hash),
            Self::Other(oid) => return oid.fmt(f),
        };
        let scheme = match scheme {
            Scheme::Pkcs1 => "RSA",
            Scheme::Pss => "RSA-PSS",
            Scheme::Ecdsa => "ECDSA",
        };
        let hash = match hash {
            Hash::Md5 => "MD5",
            Hash::Sha1 => "SHA-1",
            Hash::Sha256 => "SHA-256",
            Hash::Sha384 => "SHA-384",
            Hash::Sha512 => "SHA-512",
        };
        write!(f, "{scheme} with {hash}")
    }
}

impl PublicKey {
    /// Whether a signature over a message is this key's.
    ///
    /// # Errors
    ///
    /// When it is not, or can't be checked.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unchecked> {
        let Algorithm::Known(_, hash) = algorithm else { return Err(Unchecked::Unsupported) };
        match hash {
            Hash::Md5 => Err(Unchecked::Unsupported),
            Hash::Sha1 => self.verify_digest(algorithm, &sha1::Sha1::digest(message), signature),
            Hash::Sha256 => self.verify_digest(algorithm, &sha2::Sha256::digest(message), signature),
            Hash::Sha384 => self.verify_digest(algorithm, &sha2::Sha384::digest(message), signature),
            Hash::Sha512 => self.verify_digest(algorithm, &sha2::Sha512::digest(message), signature),
        }
    }

    /// The same of a message whose digest is known.
    ///
    /// # Errors
    ///
    /// When it is not, or can't be checked.
    pub fn verify_digest(&self, algorithm: Algorithm, digest: &[u8], signature: &[u8]) -> Result<(), Unchecked> {
        use rsa::pkcs1v15::Pkcs1v15Sign;
        use rsa::pss::Pss;
        let Self::Rsa(key) = self;
        let verified = match algorithm {
            Algorithm::Known(Scheme::Pkcs1, Hash::Sha1) => {
                key.verify(Pkcs1v15Sign::new::<sha1::Sha1>(), digest, signature)
            }
            Algorithm::Known(Scheme::Pkcs1, Hash::Sha256) => {
                key.verify(Pkcs1v15Sign::new::<sha2::Sha256>(), digest, signature)
            }
            Algorithm::Known(Scheme::Pkcs1, Hash::Sha384) => {
                key.verify(Pkcs1v15Sign::new::<sha2::Sha384>(), digest, signature)
            }
            Algorithm::Known(Scheme::Pkcs1, Hash::Sha512) => {
                key.verify(Pkcs1v15Sign::new::<sha2::Sha512>(), digest, signature)
            }
            Algorithm::Known(Scheme::Pss, Hash::Sha256) => key.verify(Pss::<sha2::Sha256>::new(), digest, signature),
            Algorithm::Known(Scheme::Pss, Hash::Sha384) => key.verify(Pss::<sha2::Sha384>::new(), digest, signature),
            Algorithm::Known(Scheme::Pss, Hash::Sha512) => key.verify(Pss::<sha2::Sha512>::new(), digest, signature),
            _ => return Err(Unchecked::Unsupported),
        };
        verified.map_err(|_| Unchecked::Wrong)
    }
}

impl Certificate {
    /// The key that it is for, if signatures of it can be checked.
    pub fn public_key(&self) -> Option<PublicKey> {
        let info = &self.fields.key;
        if info.algorithm.oid != RSA {
            return None;
        }
        let key = info.subject_public_key.as_bytes()?;
        RsaPublicKey::from_pkcs1_der(key).ok().map(PublicKey::Rsa)
    }

    /// Whether it is signed by the key of another certificate, or of itself.
    ///
    /// # Errors
    ///
    /// When it is not, or can't be checked.
    pub fn is_signed_by(&self, signer: &Self) -> Result<(), Unchecked> {
        let key = signer.public_key().ok_or(Unchecked::Unsupported)?;
        let signed = signed_part(&self.der).ok_or(Unchecked::Wrong)?;
        key.verify(self.signed_with(), signed, &self.fields.signature)
    }
}

/// The bits of an RSA key.
pub(super) fn bits(key: &RsaPublicKey) -> usize {
    key.n().bits() as usize
}

/// The name of a curve (RFC 5480, 2.1.1.1), or its number.
pub(super) fn curve_name(oid: ObjectIdentifier) -> String {
    match oid.to_string().as_str() {
        "1.2.840.10045.3.1.7" => "P-256".into(),
        "1.3.132.0.34" => "P-384".into(),
        "1.3.132.0.35" => "P-521".into(),
        other => other.into(),
    }
}

/// The bytes that the signature of a certificate is over, as they stand there (RFC 5280, 4.1.1.3).
fn signed_part(der: &[u8]) -> Option<&[u8]> {
    Some(Der(Der(der).next_of(SEQUENCE)?.value).next()?.whole)
}

/// The digest of a PSS signature whose parameters are those that everybody uses: one digest throughout (RFC 4055, 3.1).
fn pss_hash(identifier: &AlgorithmIdentifierOwned) -> Option<Hash> {
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
    let (hash, len) =
        [(SHA256, Hash::Sha256, 32), (SHA384, Hash::Sha384, 48), (SHA512, Hash::Sha512, 64), (SHA1, Hash::Sha1, 20)]
            .into_iter()
            .find_map(|(oid, known, len)| (oid == hash && oid == masked_with.oid).then_some((known, len)))?;
    (parameters.salt_len == Some(len)).then_some(hash)
}
