//! X.509 certificates (RFC 5280) as they come from others: read, and their signatures checked.
//!
//! [`Certificate`] is one that was read, from DER or PEM ([`pem`]); [`signature`] checks who signed it; [`pfx`] reads and
//! writes the PKCS #12 files that hold one with its private key; [`made`] makes one that signs itself.
//!
//! Not supported: encodings that are BER and not DER, signatures other than RSA's (RFC 8017), revocation, name and
//! policy constraints. A certificate that can't be checked is told apart from one that fails.

pub mod made;
pub mod pem;
pub mod pfx;
pub mod signature;

use std::fmt;

use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use sha1::Digest as _;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

use crate::digest::{Sha1, Sha256};
use crate::limits::MAX_CERTIFICATE_LEN;

/// Client authentication (RFC 5280, 4.2.1.12).
pub const CLIENT_AUTHENTICATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
/// Any purpose (RFC 5280, 4.2.1.12).
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// A certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    parsed: x509_cert::Certificate,
    basic_constraints: Option<BasicConstraints>,
    key_usage: Option<KeyUsage>,
    purposes: Option<Vec<ObjectIdentifier>>,
}

/// Why bytes are no certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The encoding ends before the certificate does.
    Truncated,
    /// It is something else, or damaged: what the decoder found.
    NotOne(String),
}

/// The key that a certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// An RSA key of so many bits.
    Rsa(usize),
    /// A key on an elliptic curve, with the curve's name or number.
    Elliptic(String),
    /// Another one: the number of its algorithm.
    Other(String),
}

impl Certificate {
    /// Reads a certificate from its DER encoding, which has to be all there is.
    ///
    /// # Errors
    ///
    /// When it is none, or ends early.
    pub fn from_der(der: &[u8]) -> Result<Self, Malformed> {
        if der.len() > MAX_CERTIFICATE_LEN {
            return Err(Malformed::NotOne(format!("it has {} bytes, and no certificate is so long", der.len())));
        }
        let parsed = x509_cert::Certificate::from_der(der).map_err(|error| malformed(&error))?;
        let tbs = parsed.tbs_certificate();
        let basic_constraints = tbs.get_extension::<BasicConstraints>().map_err(|error| malformed(&error))?;
        let key_usage = tbs.get_extension::<KeyUsage>().map_err(|error| malformed(&error))?;
        let purposes = tbs.get_extension::<ExtendedKeyUsage>().map_err(|error| malformed(&error))?;
        Ok(Self {
            der: der.to_vec(),
            basic_constraints: basic_constraints.map(|(_, constraints)| constraints),
            key_usage: key_usage.map(|(_, usage)| usage),
            purposes: purposes.map(|(_, ExtendedKeyUsage(purposes))| purposes),
            parsed,
        })
    }

    /// Its DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whom it is for, as RFC 4514 writes names.
    pub fn subject(&self) -> String {
        shown(self.parsed.tbs_certificate().subject().to_string())
    }

    /// Who signed it, likewise.
    pub fn issuer(&self) -> String {
        shown(self.parsed.tbs_certificate().issuer().to_string())
    }

    /// The encoded names of whom it is for and who signed it, for comparing.
    pub fn encoded_names(&self) -> (Vec<u8>, Vec<u8>) {
        let tbs = self.parsed.tbs_certificate();
        // What was decoded can be encoded.
        let encoded = |name: &x509_cert::name::Name| name.to_der().unwrap_or_default();
        (encoded(tbs.subject()), encoded(tbs.issuer()))
    }

    /// The serial number, big endian, as it is encoded.
    pub fn serial(&self) -> &[u8] {
        self.parsed.tbs_certificate().serial_number().as_bytes()
    }

    /// From when it is valid, in seconds since 1970.
    pub fn not_before(&self) -> u64 {
        self.parsed.tbs_certificate().validity().not_before.to_unix_duration().as_secs()
    }

    /// Up to when it is valid, that second included.
    pub fn not_after(&self) -> u64 {
        self.parsed.tbs_certificate().validity().not_after.to_unix_duration().as_secs()
    }

    /// Whether it says that it is one of a certificate authority. Those of version 1 say nothing.
    pub fn is_ca(&self) -> bool {
        self.basic_constraints.as_ref().is_some_and(|constraints| constraints.ca)
    }

    /// Whether its key may sign certificates: it says so, or nothing of it.
    pub fn may_sign_certificates(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.key_cert_sign())
    }

    /// Whether its key may sign data, as proving who one is takes: it says so, or nothing of it.
    pub fn may_sign(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.digital_signature())
    }

    /// What it may be used for, by number; none if it does not say, and any use is meant.
    pub fn purposes(&self) -> Option<&[ObjectIdentifier]> {
        self.purposes.as_deref()
    }

    /// Whether it may be used for something: it names that, any purpose, or none at all.
    pub fn serves(&self, purpose: ObjectIdentifier) -> bool {
        self.purposes.as_ref().is_none_or(|all| all.iter().any(|one| *one == purpose || *one == ANY_PURPOSE))
    }

    /// The key that it is for.
    pub fn key(&self) -> Key {
        let info = self.parsed.tbs_certificate().subject_public_key_info();
        let algorithm = info.algorithm.oid;
        if algorithm == signature::RSA {
            return match self.public_key() {
                Some(signature::PublicKey::Rsa(key)) => Key::Rsa(signature::bits(&key)),
                _ => Key::Other("RSA, of a length that is not supported".into()),
            };
        }
        if algorithm == signature::ELLIPTIC {
            let curve = info.algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
            return Key::Elliptic(curve.map_or("unnamed".into(), signature::curve_name));
        }
        Key::Other(algorithm.to_string())
    }

    /// The algorithm that it is signed with.
    pub fn signed_with(&self) -> signature::Algorithm {
        signature::Algorithm::of(self.parsed.signature_algorithm())
    }

    /// The SHA-256 digest of the encoding: the fingerprint that certificates are told apart by.
    pub fn fingerprint(&self) -> Sha256 {
        Sha256(sha2::Sha256::digest(&self.der).into())
    }

    /// The SHA-1 digest of the encoding, which Windows calls the thumbprint.
    pub fn thumbprint(&self) -> Sha1 {
        Sha1::of(&self.der)
    }

    /// Whether it names itself as its issuer.
    pub fn is_self_issued(&self) -> bool {
        let tbs = self.parsed.tbs_certificate();
        tbs.subject() == tbs.issuer()
    }

    /// Whether it names that certificate's subject as its issuer.
    pub fn is_issued_by(&self, issuer: &Self) -> bool {
        self.parsed.tbs_certificate().issuer() == issuer.parsed.tbs_certificate().subject()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, {})", self.subject(), self.fingerprint())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("it ends before the certificate does"),
            Self::NotOne(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA, {bits} bits"),
            Self::Elliptic(curve) => write!(f, "elliptic curve {curve}"),
            Self::Other(other) => f.write_str(other),
        }
    }
}

/// What a decoder's complaint means.
fn malformed(error: &der::Error) -> Malformed {
    match error.kind() {
        der::ErrorKind::Incomplete { .. } => Malformed::Truncated,
        kind => Malformed::NotOne(format!("its encoding is not right: {kind}")),
    }
}

/// A name out of a foreign file, which may hold anything: nothing that a terminal acts on is left in it.
fn shown(name: String) -> String {
    let is_bad = |c: char| {
        c.is_control() || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    if !name.contains(is_bad) {
        return name;
    }
    name.chars().map(|c| if is_bad(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}
