//! PKCS #12 files (RFC 7292), also called PFX: a certificate and its private key under a password.
//!
//! Reads everything that openssl and Windows write: PBES1 with 3DES and RC2, PBES2 with AES and
//! 3DES ([`cipher`]), and a MAC with SHA-1 or SHA-2, in DER or BER ([`ber`]). Trailing bytes are
//! ignored.
//!
//! Writes 3DES and SHA-1, which every Windows PE can open: AES in PFX files came with Windows 10
//! 1709, and media have to work with older readers. This does not weaken a medium, since the
//! password of the file is stored next to it.
//!
//! Not supported: public-key privacy and integrity modes, PBMAC1, keys other than RSA.

mod cipher;
mod write;

use std::fmt;

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use zeroize::Zeroizing;

use super::{Certificate, MalformedCertificate, ber};
use crate::format::asn1::SEQUENCE;
use crate::format::certificate::private_key::PrivateKey;
use crate::limits::{MAX_CERTIFICATE_LEN, MAX_PFX_DEPTH};
use cipher::{IterationBudget, Protection};

pub use write::encode;

// Content types of PKCS #7 (RFC 2315, 14).
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
// Bag types (RFC 7292, 4.2): key, encrypted key, certificate, nested bags.
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const BAGS_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.6");
/// Certificate type of a certificate bag (RFC 7292, 4.2.3).
const X509: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");

/// Contents of a PFX file.
#[derive(Debug)]
pub struct PfxContents {
    /// Certificate of the private key.
    pub certificate: Certificate,
    /// Other certificates in the order of the file, usually those of its issuers.
    pub others: Vec<Certificate>,
    /// Private key.
    pub key: PrivateKey,
}

/// Reason why a PFX file can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PfxError {
    /// The file ends early.
    Truncated,
    /// The file is damaged or not a PFX file.
    Invalid(String),
    /// Wrong password.
    WrongPassword,
    /// Unsupported algorithm or key. Completes the sentence "it is …".
    Unsupported(String),
    /// No private key.
    NoKey,
    /// No certificate.
    NoCertificate,
    /// No certificate matches the private key.
    NoMatchingCertificate,
}

/// Opens a PFX file.
///
/// # Errors
///
/// If the file is damaged or not supported, the password is wrong, or there is no key with a
/// matching certificate.
pub fn open(bytes: &[u8], password: &str) -> Result<PfxContents, PfxError> {
    if bytes.len() > MAX_CERTIFICATE_LEN {
        return Err(PfxError::Invalid(format!("it has {} bytes; at most {MAX_CERTIFICATE_LEN} are read", bytes.len())));
    }
    if bytes.first() != Some(&SEQUENCE) {
        return Err(malformed("it does not begin like one"));
    }
    let whole = to_der(bytes)?;
    let whole = AnyRef::from_der(&whole).map_err(|error| from_der_error(&error))?;
    let parts = fields(whole.value())?;
    let [version, safes, rest @ ..] = parts.as_slice() else { return Err(malformed("its fields are missing")) };
    if version.tag() != Tag::Integer || version.value() != [3] {
        return Err(malformed("its version is not 3"));
    }
    let safes = data_content(*safes)?;
    let mut found = PfxReader { work: IterationBudget::default(), keys: Vec::new(), certificates: Vec::new() };
    match rest.first() {
        Some(mac) => {
            let password = cipher::check_password(password, *mac, safes, &mut found.work)?;
            found.read_safes(safes, &password)?;
        }
        // Without a MAC, a wrong password shows in the padding of decrypted data only.
        None => match found.read_safes(safes, &cipher::Password::new(password)) {
            Err(PfxError::WrongPassword) if password.is_empty() => {
                found.read_safes(safes, &cipher::Password::none())?
            }
            result => result?,
        },
    }
    found.into_contents()
}

/// Keys and certificates read so far.
struct PfxReader {
    work: IterationBudget,
    keys: Vec<PrivateKey>,
    certificates: Vec<Certificate>,
}

impl PfxReader {
    /// Reads the authenticated safe: plain or encrypted content, each a list of bags.
    fn read_safes(&mut self, safes: &[u8], password: &cipher::Password) -> Result<(), PfxError> {
        let safes = to_der(safes)?;
        for safe in fields(sequence(&safes)?)? {
            let parts = fields(safe.value())?;
            let kind = parts.first().and_then(|kind| kind.decode_as::<ObjectIdentifier>().ok());
            match kind {
                Some(DATA) => self.read_bags(data_content(safe)?, password, MAX_PFX_DEPTH)?,
                Some(ENCRYPTED_DATA) => {
                    let content = parts.get(1).ok_or_else(|| malformed("a part of it is empty"))?;
                    let decrypted = self.decrypt(sequence(content.value())?, password)?;
                    self.read_bags(&decrypted, password, MAX_PFX_DEPTH)?;
                }
                Some(other) => return Err(PfxError::Unsupported(format!("protected by `{other}`"))),
                None => return Err(malformed("a part of it has no type")),
            }
        }
        Ok(())
    }

    /// Decrypts encrypted data (RFC 2315, 13).
    fn decrypt(&mut self, data: &[u8], password: &cipher::Password) -> Result<Zeroizing<Vec<u8>>, PfxError> {
        let parts = fields(data)?;
        let content = fields(parts.get(1).ok_or_else(|| malformed("encrypted data has no content"))?.value())?;
        let [_, algorithm, encrypted] = content.as_slice() else {
            return Err(malformed("encrypted data has no content"));
        };
        // The implicit tag hides the string's type from `to_der`, so its pieces have to be joined
        // here.
        let encrypted = match encrypted.tag().is_constructed() {
            true => ber::join_pieces(encrypted.value()).map_err(from_malformed)?,
            false => Zeroizing::new(encrypted.value().to_vec()),
        };
        Protection::parse(*algorithm)?.decrypt(&encrypted, password, &mut self.work)
    }

    fn read_bags(&mut self, bags: &[u8], password: &cipher::Password, depth: usize) -> Result<(), PfxError> {
        let depth = depth.checked_sub(1).ok_or_else(|| malformed("its bags are nested too deeply"))?;
        let bags = to_der(bags)?;
        for bag in fields(sequence(&bags)?)? {
            let parts = fields(bag.value())?;
            let [kind, value, ..] = parts.as_slice() else { return Err(malformed("a bag is empty")) };
            let value = value.value();
            match kind.decode_as::<ObjectIdentifier>() {
                Ok(KEY_BAG) => self.keys.extend(PrivateKey::from_pkcs8(value)),
                Ok(SHROUDED_KEY_BAG) => {
                    let shrouded = fields(sequence(value)?)?;
                    let [algorithm, encrypted] = shrouded.as_slice() else { return Err(malformed("a key is empty")) };
                    let key = Protection::parse(*algorithm)?.decrypt(encrypted.value(), password, &mut self.work)?;
                    let key = PrivateKey::from_pkcs8(&key);
                    self.keys.push(key.ok_or_else(|| {
                        PfxError::Unsupported("a file with a private key that is damaged or not an RSA key".into())
                    })?);
                }
                Ok(CERTIFICATE_BAG) => self.read_certificate(value)?,
                Ok(BAGS_BAG) => self.read_bags(value, password, depth)?,
                // Revocation lists and secrets are not needed.
                _ => {}
            }
        }
        Ok(())
    }

    fn read_certificate(&mut self, bag: &[u8]) -> Result<(), PfxError> {
        let parts = fields(sequence(bag)?)?;
        let [kind, value] = parts.as_slice() else { return Err(malformed("a certificate is empty")) };
        if !kind.decode_as::<ObjectIdentifier>().is_ok_and(|kind| kind == X509) {
            return Ok(());
        }
        let der = octet_string(value.value())?;
        let certificate = Certificate::from_der(der).map_err(|error| match error {
            MalformedCertificate::Truncated => malformed("a certificate in it is truncated"),
            MalformedCertificate::Invalid(why) => malformed(&format!("a certificate in it is damaged: {why}")),
        })?;
        self.certificates.push(certificate);
        Ok(())
    }

    /// Takes the first key that matches one of the certificates.
    fn into_contents(self) -> Result<PfxContents, PfxError> {
        let Self { keys, mut certificates, .. } = self;
        if keys.is_empty() {
            return Err(if certificates.is_empty() {
                malformed("it contains neither keys nor certificates")
            } else {
                PfxError::NoKey
            });
        }
        if certificates.is_empty() {
            return Err(PfxError::NoCertificate);
        }
        for key in keys {
            if let Some(at) = certificates.iter().position(|certificate| key.matches_certificate(certificate)) {
                let certificate = certificates.remove(at);
                return Ok(PfxContents { certificate, others: certificates, key });
            }
        }
        Err(PfxError::NoMatchingCertificate)
    }
}

/// Fields of a constructed value.
fn fields(value: &[u8]) -> Result<Vec<AnyRef<'_>>, PfxError> {
    let mut reader = SliceReader::new(value).map_err(|error| from_der_error(&error))?;
    let mut fields = Vec::new();
    while !reader.is_finished() {
        fields.push(AnyRef::decode(&mut reader).map_err(|error| from_der_error(&error))?);
    }
    Ok(fields)
}

/// Contents of an encoded sequence.
fn sequence(encoded: &[u8]) -> Result<&[u8], PfxError> {
    tagged(encoded, Tag::Sequence)
}

/// Contents of an encoded octet string.
fn octet_string(encoded: &[u8]) -> Result<&[u8], PfxError> {
    tagged(encoded, Tag::OctetString)
}

fn tagged(encoded: &[u8], tag: Tag) -> Result<&[u8], PfxError> {
    let any = AnyRef::from_der(encoded).map_err(|error| from_der_error(&error))?;
    if any.tag() == tag { Ok(any.value()) } else { Err(malformed(&format!("found {}, expected {tag}", any.tag()))) }
}

/// Octet string in a content info of type data (RFC 2315, 7).
fn data_content(info: AnyRef<'_>) -> Result<&[u8], PfxError> {
    let parts = fields(info.value())?;
    let [kind, content] = parts.as_slice() else { return Err(malformed("a part of it is empty")) };
    match kind.decode_as::<ObjectIdentifier>() {
        Ok(DATA) => octet_string(content.value()),
        Ok(other) => Err(PfxError::Unsupported(format!("protected by `{other}`"))),
        Err(error) => Err(from_der_error(&error)),
    }
}

fn malformed(why: &str) -> PfxError {
    PfxError::Invalid(why.into())
}

fn to_der(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, PfxError> {
    ber::to_der(bytes).map_err(from_malformed)
}

fn from_der_error(error: &der::Error) -> PfxError {
    from_malformed(super::from_der_error(error))
}

fn from_malformed(malformed: MalformedCertificate) -> PfxError {
    match malformed {
        MalformedCertificate::Truncated => PfxError::Truncated,
        MalformedCertificate::Invalid(why) => PfxError::Invalid(why),
    }
}

impl fmt::Display for PfxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("it is truncated"),
            Self::Invalid(why) => write!(f, "it is damaged or not a PKCS #12 file: {why}"),
            Self::WrongPassword => f.write_str("wrong password"),
            Self::Unsupported(how) => write!(f, "it is {how}, which is not supported"),
            Self::NoKey => f.write_str("it contains no private key"),
            Self::NoCertificate => f.write_str("it contains no certificate"),
            Self::NoMatchingCertificate => f.write_str("its private key matches none of its certificates"),
        }
    }
}
