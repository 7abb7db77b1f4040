//! X.509 certificates (RFC 5280), and checking their signatures.
//!
//! [`Certificate`] is read from DER, PEM or PKCS #7 ([`pem`]); [`signature`] checks who signed it,
//! and [`name`] compares distinguished names. [`pfx`] reads and writes PKCS #12 files with a
//! certificate and its private key, and [`self_signed`] creates a self-signed certificate.
//!
//! Not supported: indefinite lengths in a certificate, signatures other than RSA (RFC 8017),
//! revocation, name and policy constraints. A certificate that can't be checked is not the same as
//! one that fails.

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

use crate::digest::{Sha1, Sha256};
use crate::format::asn1::{Der, SEQUENCE};
use crate::limits::MAX_CERTIFICATE_LEN;
use fields::CertificateFields;

/// OID of client authentication (RFC 5280, 4.2.1.12).
pub const CLIENT_AUTHENTICATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
/// OID of any purpose (RFC 5280, 4.2.1.12).
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// An X.509 certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    fields: CertificateFields,
}

/// Reason why a certificate can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MalformedCertificate {
    /// The encoding ends early.
    Truncated,
    /// The data are damaged or not a certificate, with a fragment that gives the reason.
    Invalid(String),
}

/// Public key of a certificate, by type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectKey {
    /// RSA, with the number of bits.
    Rsa(usize),
    /// Elliptic curve, by name or OID.
    Elliptic(String),
    /// Other algorithm, by OID.
    Other(String),
}

impl Certificate {
    /// Decodes the certificate at the start of `der` and ignores the rest.
    ///
    /// # Errors
    ///
    /// If `der` does not start with a certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, MalformedCertificate> {
        if der.len() > MAX_CERTIFICATE_LEN {
            return Err(MalformedCertificate::Invalid(format!(
                "it has {} bytes; at most {MAX_CERTIFICATE_LEN} are read",
                der.len()
            )));
        }
        let whole = Der(der).next_tagged(SEQUENCE).ok_or_else(|| match is_truncated(der) {
            true => MalformedCertificate::Truncated,
            false => {
                MalformedCertificate::Invalid("its encoding is invalid: it does not begin like a certificate".into())
            }
        })?;
        let fields = CertificateFields::read(whole.whole)
            .map_err(|why| MalformedCertificate::Invalid(format!("its encoding is invalid: {why}")))?;
        Ok(Self { der: whole.whole.to_vec(), fields })
    }

    /// DER encoding of the certificate.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Subject in the notation of RFC 4514.
    pub fn subject(&self) -> String {
        self.fields.subject.to_string()
    }

    /// Issuer in the notation of RFC 4514.
    pub fn issuer(&self) -> String {
        self.fields.issuer.to_string()
    }

    /// Encoded subject and issuer, for comparing.
    pub fn encoded_names(&self) -> (Vec<u8>, Vec<u8>) {
        (self.fields.subject.der().to_vec(), self.fields.issuer.der().to_vec())
    }

    /// Serial number as encoded, big-endian.
    pub fn serial(&self) -> &[u8] {
        &self.fields.serial
    }

    /// Start of the validity, in seconds since 1970.
    pub fn not_before(&self) -> u64 {
        self.fields.validity.0
    }

    /// Last second of the validity, since 1970.
    pub fn not_after(&self) -> u64 {
        self.fields.validity.1
    }

    /// Returns `true` for a certificate authority, by basic constraints. Version 1 certificates
    /// have none.
    pub fn is_ca(&self) -> bool {
        self.fields.extensions.is_ca
    }

    /// Returns `true` if the key usage permits signing certificates, or there is no key usage.
    pub fn may_sign_certificates(&self) -> bool {
        self.fields.extensions.key_usage.is_none_or(|usage| usage & 0x04 != 0)
    }

    /// Returns `true` if the key usage permits digital signatures, which client authentication
    /// needs, or there is no key usage.
    pub fn may_sign(&self) -> bool {
        self.fields.extensions.key_usage.is_none_or(|usage| usage & 0x80 != 0)
    }

    /// OIDs of the permitted purposes; `None` if any purpose is permitted.
    pub fn purposes(&self) -> Option<&[ObjectIdentifier]> {
        self.fields.extensions.purposes.as_deref()
    }

    /// Returns `true` if the certificate may be used for a purpose.
    pub fn allows(&self, purpose: ObjectIdentifier) -> bool {
        self.purposes().is_none_or(|all| all.iter().any(|one| *one == purpose || *one == ANY_PURPOSE))
    }

    /// Public key, by type.
    pub fn key(&self) -> SubjectKey {
        let info = &self.fields.key;
        let algorithm = info.algorithm.oid;
        if algorithm == signature::RSA {
            return match self.public_key() {
                Some(signature::PublicKey::Rsa(key)) => SubjectKey::Rsa(signature::key_bits(&key)),
                _ => SubjectKey::Other("RSA, of a length that is not supported".into()),
            };
        }
        if algorithm == signature::ELLIPTIC {
            let curve = info.algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
            return SubjectKey::Elliptic(curve.map_or("unnamed".into(), signature::curve_name));
        }
        SubjectKey::Other(algorithm.to_string())
    }

    /// Signature algorithm.
    pub fn signature_algorithm(&self) -> signature::SignatureAlgorithm {
        signature::SignatureAlgorithm::from_identifier(&self.fields.algorithm)
    }

    /// SHA-256 digest of the encoding.
    pub fn fingerprint(&self) -> Sha256 {
        Sha256::hash(&self.der)
    }

    /// SHA-1 digest of the encoding, called thumbprint in Windows.
    pub fn thumbprint(&self) -> Sha1 {
        Sha1::hash(&self.der)
    }

    /// Returns `true` if subject and issuer are the same, as [`name`] compares names.
    pub fn is_self_issued(&self) -> bool {
        self.fields.subject == self.fields.issuer
    }

    /// Returns `true` if `issuer` has the name of this certificate's issuer, as [`name`] compares
    /// names.
    pub fn is_issued_by(&self, issuer: &Self) -> bool {
        self.fields.issuer == issuer.fields.subject
    }

    /// Returns `true` if the authority key identifier names another key or certificate than
    /// `issuer` (RFC 5280, 4.2.1.1). Chain validation then rejects `issuer`. The identifier is
    /// optional.
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

impl fmt::Display for MalformedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("it is truncated"),
            Self::Invalid(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA, {bits} bits"),
            Self::Elliptic(curve) => write!(f, "elliptic curve {curve}"),
            Self::Other(other) => f.write_str(other),
        }
    }
}

/// Converts a decoder's error.
fn from_der_error(error: &der::Error) -> MalformedCertificate {
    match error.kind() {
        der::ErrorKind::Incomplete { .. } => MalformedCertificate::Truncated,
        kind => MalformedCertificate::Invalid(format!("its encoding is invalid: {kind}")),
    }
}

/// Returns `true` if `der` begins a sequence and ends before its end.
fn is_truncated(der: &[u8]) -> bool {
    matches!(ber::to_der(der), Err(MalformedCertificate::Truncated)) && der.first() == Some(&SEQUENCE)
}
