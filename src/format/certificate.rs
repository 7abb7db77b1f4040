//! X.509 certificates (RFC 5280) as they come from others: read, and their signatures checked.
//!
//! [`Certificate`] is one that was read, from DER, PEM or PKCS #7 ([`pem`]); [`signature`] checks who signed it, and
//! [`name`] compares names; [`pfx`] reads and writes the PKCS #12 files that hold one with its private key; [`made`] makes
//! one that signs itself.
//!
//! Not supported: lengths of a certificate that are told by an end mark, signatures other than RSA's (RFC 8017),
//! revocation, name and policy constraints. A certificate that can't be checked is told apart from one that fails.

mod ber;
mod fields;
pub mod name;
pub mod pem;
pub mod pfx;
pub mod private_key;
pub mod self_signed;
pub mod signature;

use std::fmt;

use der::asn1::ObjectIdentifier;
use sha1::Digest as _;

use crate::digest::{Sha1, Sha256};
use crate::format::asn1::{Der, SEQUENCE};
use crate::limits::MAX_CERTIFICATE_LEN;
use fields::Fields;

/// Client authentication (RFC 5280, 4.2.1.12).
pub const CLIENT_AUTHENTICATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
/// Any purpose (RFC 5280, 4.2.1.12).
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// A certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    fields: Fields,
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
    /// Reads the certificate that begins an encoding; what follows it is not looked at.
    ///
    /// # Errors
    ///
    /// When it is none, or ends early.
    pub fn from_der(der: &[u8]) -> Result<Self, Malformed> {
        if der.len() > MAX_CERTIFICATE_LEN {
            return Err(Malformed::NotOne(format!("it has {} bytes, and no certificate is so long", der.len())));
        }
        let whole = Der(der).next_of(SEQUENCE).ok_or_else(|| match is_cut_off(der) {
            true => Malformed::Truncated,
            false => Malformed::NotOne("its encoding is not right: it does not begin as one".into()),
        })?;
        let fields =
            Fields::read(whole.whole).map_err(|why| Malformed::NotOne(format!("its encoding is not right: {why}")))?;
        Ok(Self { der: whole.whole.to_vec(), fields })
    }

    /// Its DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whom it is for, as RFC 4514 writes names.
    pub fn subject(&self) -> String {
        self.fields.subject.to_string()
    }

    /// Who signed it, likewise.
    pub fn issuer(&self) -> String {
        self.fields.issuer.to_string()
    }

    /// The encoded names of whom it is for and who signed it, for comparing.
    pub fn encoded_names(&self) -> (Vec<u8>, Vec<u8>) {
        (self.fields.subject.der().to_vec(), self.fields.issuer.der().to_vec())
    }

    /// The serial number, big endian, as it is encoded.
    pub fn serial(&self) -> &[u8] {
        &self.fields.serial
    }

    /// From when it is valid, in seconds since 1970.
    pub fn not_before(&self) -> u64 {
        self.fields.validity.0
    }

    /// Up to when it is valid, that second included.
    pub fn not_after(&self) -> u64 {
        self.fields.validity.1
    }

    /// Whether it says that it is one of a certificate authority. Those of version 1 say nothing.
    pub fn is_ca(&self) -> bool {
        self.fields.extensions.is_ca
    }

    /// Whether its key may sign certificates: it says so, or nothing of it.
    pub fn may_sign_certificates(&self) -> bool {
        self.fields.extensions.key_usage.is_none_or(|usage| usage & 0x04 != 0)
    }

    /// Whether its key may sign data, as proving who one is takes: it says so, or nothing of it.
    pub fn may_sign(&self) -> bool {
        self.fields.extensions.key_usage.is_none_or(|usage| usage & 0x80 != 0)
    }

    /// What it may be used for, by number; none if it does not say, and any use is meant.
    pub fn purposes(&self) -> Option<&[ObjectIdentifier]> {
        self.fields.extensions.purposes.as_deref()
    }

    /// Whether it may be used for something: it names that, any purpose, or none at all.
    pub fn serves(&self, purpose: ObjectIdentifier) -> bool {
        self.purposes().is_none_or(|all| all.iter().any(|one| *one == purpose || *one == ANY_PURPOSE))
    }

    /// The key that it is for.
    pub fn key(&self) -> Key {
        let info = &self.fields.key;
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
        signature::Algorithm::of(&self.fields.algorithm)
    }

    /// The SHA-256 digest of the encoding: the fingerprint that certificates are told apart by.
    pub fn fingerprint(&self) -> Sha256 {
        Sha256(sha2::Sha256::digest(&self.der).into())
    }

    /// The SHA-1 digest of the encoding, which Windows calls the thumbprint.
    pub fn thumbprint(&self) -> Sha1 {
        Sha1::hash(&self.der)
    }

    /// Returns whether it names itself as its issuer, as [`name`] compares names.
    pub fn is_self_issued(&self) -> bool {
        self.fields.subject == self.fields.issuer
    }

    /// Returns whether it names that certificate's subject as its issuer, as [`name`] compares names.
    pub fn is_issued_by(&self, issuer: &Self) -> bool {
        self.fields.issuer == issuer.fields.subject
    }

    /// Returns whether it says that another key signed it, or that key's other certificate (RFC 5280, 4.2.1.1): programs that
    /// check chains then don't take this one for the issuer's. It need not say anything.
    pub fn names_other_key(&self, issuer: &Self) -> bool {
        let named = &self.fields.extensions.authority;
        let is_other_key = match (&named.key_id, &issuer.fields.extensions.key_id) {
            (Some(named), Some(own)) => named != own,
            _ => false,
        };
        let is_other_certificate = named
            .certificate
            .as_ref()
            .is_some_and(|(name, serial)| *name != issuer.fields.issuer || *serial != issuer.fields.serial);
        is_other_key || is_other_certificate
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

/// Returns whether a sequence begins an encoding that ends before it does.
fn is_cut_off(der: &[u8]) -> bool {
    matches!(ber::definite(der), Err(Malformed::Truncated)) && der.first() == Some(&SEQUENCE)
}
