//! PKCS #12 files (RFC 7292), the PFX of Windows: a certificate with its private key, under a password.
//!
//! Read is what openssl and Windows write: PBES1 with 3DES and RC2, PBES2 with AES and 3DES ([`cipher`]), and a MAC by
//! SHA-1 or SHA-2. Written is the oldest of them, 3DES and SHA-1, which every Windows PE opens: AES in PFX files came with
//! Windows 10 1709, and what reads the variables of a medium is older. The password of a file on a medium stands on the
//! same medium, so that nothing is lost by it.
//!
//! BER is read too, which other programs write ([`ber`]). What follows the file's own bytes is not looked at.
//!
//! Not supported: public-key privacy and integrity modes, PBMAC1, and keys other than RSA's.

mod cipher;
mod write;

use std::fmt;

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use zeroize::Zeroizing;

use super::{Certificate, Malformed, ber};
use crate::format::asn1::SEQUENCE;
use crate::format::certificate::private_key::PrivateKey;
use crate::limits::{MAX_CERTIFICATE_LEN, MAX_PFX_DEPTH};
use cipher::{Protection, Work};

pub use write::protected;

/// Data and encrypted data of PKCS #7 (RFC 2315, 14).
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
/// The bags of RFC 7292, 4.2: a key, an encrypted key, a certificate, a list of bags.
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const BAGS_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.6");
/// A certificate of X.509 in a bag (RFC 7292, 4.2.3).
const X509: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");

/// What is in a file.
#[derive(Debug)]
pub struct Opened {
    /// The certificate that the key belongs to.
    pub certificate: Certificate,
    /// The other certificates, in the order of the file: those of the authorities above it.
    pub others: Vec<Certificate>,
    /// The private key.
    pub key: PrivateKey,
}

/// Why a file can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// It ends early.
    Truncated,
    /// It is no such file.
    NotOne(String),
    /// The password is not the file's.
    WrongPassword,
    /// It is protected in a way that is not supported.
    Unsupported(String),
    /// There is no private key in it.
    NoKey,
    /// There is no certificate in it.
    NoCertificate,
    /// None of its certificates belongs to its key.
    KeyOfNone,
}

/// Opens a file with its password.
///
/// # Errors
///
/// When it can't be opened or used, with the reason.
pub fn open(bytes: &[u8], password: &str) -> Result<Opened, NotOpened> {
    if bytes.len() > MAX_CERTIFICATE_LEN {
        return Err(NotOpened::NotOne(format!("it has {} bytes, and no such file is so long", bytes.len())));
    }
    if bytes.first() != Some(&SEQUENCE) {
        return Err(not_one("it does not begin as one"));
    }
    let whole = definite(bytes)?;
    let whole = AnyRef::from_der(&whole).map_err(|error| not_opened(&error))?;
    let parts = fields(whole.value())?;
    let [version, safes, rest @ ..] = parts.as_slice() else { return Err(not_one("it has no parts")) };
    if version.tag() != Tag::Integer || version.value() != [3] {
        return Err(not_one("it does not begin as one of version 3"));
    }
    let safes = data(*safes)?;
    let mut found = Found { work: Work::default(), keys: Vec::new(), certificates: Vec::new() };
    match rest.first() {
        Some(mac) => {
            let password = cipher::checked(password, *mac, safes, &mut found.work)?;
            found.safes(safes, &password)?;
        }
        // Nothing but the padding of what is encrypted tells whether it is the password.
        None => match found.safes(safes, &cipher::Password::new(password)) {
            Err(NotOpened::WrongPassword) if password.is_empty() => found.safes(safes, &cipher::Password::none())?,
            ended => ended?,
        },
    }
    found.chosen()
}

/// What was found so far.
struct Found {
    work: Work,
    keys: Vec<PrivateKey>,
    certificates: Vec<Certificate>,
}

impl Found {
    /// The authenticated safe: content that is in clear or encrypted, each a list of bags.
    fn safes(&mut self, safes: &[u8], password: &cipher::Password) -> Result<(), NotOpened> {
        let safes = definite(safes)?;
        for safe in fields(sequence(&safes)?)? {
            let parts = fields(safe.value())?;
            let kind = parts.first().and_then(|kind| kind.decode_as::<ObjectIdentifier>().ok());
            match kind {
                Some(DATA) => self.bags(data(safe)?, password, MAX_PFX_DEPTH)?,
                Some(ENCRYPTED_DATA) => {
                    let content = parts.get(1).ok_or_else(|| not_one("a part of it is empty"))?;
                    let decrypted = self.decrypted(sequence(content.value())?, password)?;
                    self.bags(&decrypted, password, MAX_PFX_DEPTH)?;
                }
                Some(other) => return Err(NotOpened::Unsupported(format!("protected by `{other}`"))),
                None => return Err(not_one("a part of it has no type")),
            }
        }
        Ok(())
    }

    /// Encrypted data (RFC 2315, 13): version, and what is encrypted, how.
    fn decrypted(&mut self, data: &[u8], password: &cipher::Password) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let parts = fields(data)?;
        let content = fields(parts.get(1).ok_or_else(|| not_one("encrypted data has no content"))?.value())?;
        let [_, algorithm, encrypted] = content.as_slice() else {
            return Err(not_one("encrypted data has no content"));
        };
        // It has a tag of its own, and so it stays in pieces where it is.
        let encrypted = match encrypted.tag().is_constructed() {
            true => ber::pieces(encrypted.value()).map_err(not_whole)?,
            false => Zeroizing::new(encrypted.value().to_vec()),
        };
        Protection::of(*algorithm)?.decrypt(&encrypted, password, &mut self.work)
    }

    fn bags(&mut self, bags: &[u8], password: &cipher::Password, depth: usize) -> Result<(), NotOpened> {
        let depth = depth.checked_sub(1).ok_or_else(|| not_one("its bags lie in each other without end"))?;
        let bags = definite(bags)?;
        for bag in fields(sequence(&bags)?)? {
            let parts = fields(bag.value())?;
            let [kind, value, ..] = parts.as_slice() else { return Err(not_one("a bag is empty")) };
            let value = value.value();
            match kind.decode_as::<ObjectIdentifier>() {
                Ok(KEY_BAG) => self.keys.extend(PrivateKey::from_pkcs8(value)),
                Ok(SHROUDED_KEY_BAG) => {
                    let shrouded = fields(sequence(value)?)?;
                    let [algorithm, encrypted] = shrouded.as_slice() else { return Err(not_one("a key is empty")) };
                    let key = Protection::of(*algorithm)?.decrypt(encrypted.value(), password, &mut self.work)?;
                    let key = PrivateKey::from_pkcs8(&key);
                    self.keys.push(key.ok_or_else(|| {
                        NotOpened::Unsupported("with a private key that is not of RSA, or damaged".into())
                    })?);
                }
                Ok(CERTIFICATE_BAG) => self.certificate(value)?,
                Ok(BAGS_BAG) => self.bags(value, password, depth)?,
                // Revocation lists and secrets are of no use here.
                _ => {}
            }
        }
        Ok(())
    }

    fn certificate(&mut self, bag: &[u8]) -> Result<(), NotOpened> {
        let parts = fields(sequence(bag)?)?;
        let [kind, value] = parts.as_slice() else { return Err(not_one("a certificate is empty")) };
        if !kind.decode_as::<ObjectIdentifier>().is_ok_and(|kind| kind == X509) {
            return Ok(());
        }
        let der = octets(value.value())?;
        let certificate = Certificate::from_der(der).map_err(|malformed| match malformed {
            Malformed::Truncated => not_one("a certificate in it is cut off"),
            Malformed::NotOne(why) => not_one(&format!("a certificate in it is damaged: {why}")),
        })?;
        self.certificates.push(certificate);
        Ok(())
    }

    /// The first key that one of the certificates belongs to.
    fn chosen(self) -> Result<Opened, NotOpened> {
        let Self { keys, mut certificates, .. } = self;
        if keys.is_empty() {
            return Err(if certificates.is_empty() { not_one("there is nothing in it") } else { NotOpened::NoKey });
        }
        if certificates.is_empty() {
            return Err(NotOpened::NoCertificate);
        }
        for key in keys {
            if let Some(at) = certificates.iter().position(|certificate| key.belongs_to(certificate)) {
                let certificate = certificates.remove(at);
                return Ok(Opened { certificate, others: certificates, key });
            }
        }
        Err(NotOpened::KeyOfNone)
    }
}

/// The values that follow each other in a constructed one.
fn fields(value: &[u8]) -> Result<Vec<AnyRef<'_>>, NotOpened> {
    let mut reader = SliceReader::new(value).map_err(|error| not_opened(&error))?;
    let mut fields = Vec::new();
    while !reader.is_finished() {
        fields.push(AnyRef::decode(&mut reader).map_err(|error| not_opened(&error))?);
    }
    Ok(fields)
}

/// What is in an encoded sequence.
fn sequence(encoded: &[u8]) -> Result<&[u8], NotOpened> {
    tagged(encoded, Tag::Sequence)
}

/// What is in an encoded octet string.
fn octets(encoded: &[u8]) -> Result<&[u8], NotOpened> {
    tagged(encoded, Tag::OctetString)
}

fn tagged(encoded: &[u8], tag: Tag) -> Result<&[u8], NotOpened> {
    let any = AnyRef::from_der(encoded).map_err(|error| not_opened(&error))?;
    if any.tag() == tag { Ok(any.value()) } else { Err(not_one(&format!("{} where {tag} belongs", any.tag()))) }
}

/// What is in content info of the type data (RFC 2315, 7): an octet string.
fn data(info: AnyRef<'_>) -> Result<&[u8], NotOpened> {
    let parts = fields(info.value())?;
    let [kind, content] = parts.as_slice() else { return Err(not_one("a part of it is empty")) };
    match kind.decode_as::<ObjectIdentifier>() {
        Ok(DATA) => octets(content.value()),
        Ok(other) => Err(NotOpened::Unsupported(format!("protected by `{other}`"))),
        Err(error) => Err(not_opened(&error)),
    }
}

fn not_one(why: &str) -> NotOpened {
    NotOpened::NotOne(why.into())
}

fn definite(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    ber::definite(bytes).map_err(not_whole)
}

fn not_opened(error: &der::Error) -> NotOpened {
    not_whole(super::malformed(error))
}

fn not_whole(malformed: Malformed) -> NotOpened {
    match malformed {
        Malformed::Truncated => NotOpened::Truncated,
        Malformed::NotOne(why) => NotOpened::NotOne(why),
    }
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("it is cut off"),
            Self::NotOne(why) => write!(f, "it is no PKCS #12 file, or damaged: {why}"),
            Self::WrongPassword => f.write_str("the password is not the file's"),
            Self::Unsupported(how) => write!(f, "it is {how}, which is not supported"),
            Self::NoKey => f.write_str("there is no private key in it"),
            Self::NoCertificate => f.write_str("there is no certificate in it"),
            Self::KeyOfNone => f.write_str("its private key belongs to none of its certificates"),
        }
    }
}
