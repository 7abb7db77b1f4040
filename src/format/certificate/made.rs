//! A certificate that signs itself, made of a private key: the same key, name and times give the same bytes.
//!
//! Keys are RSA (RFC 8017), read from PEM or DER, as PKCS #8 (RFC 5958) or PKCS #1; signatures are PKCS #1 v1.5 over
//! SHA-256, which have no random part. Keys under a password of their own are not read.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use der::asn1::{BitString, GeneralizedTime, OctetString, UtcTime};
use der::{Decode, Encode, Sequence};
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::UnwrapErr;
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};
use x509_cert::certificate::Version;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};
use zeroize::Zeroizing;

use super::signature::PublicKey;
use super::{CLIENT_AUTHENTICATION, Certificate, pem};
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
        matches!(certificate.public_key(), Some(PublicKey::Rsa(key)) if key == RsaPublicKey::from(&self.key))
    }

    /// The certificate that is for this key and signed by it: good for proving who a client is, from one moment to
    /// another, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// When the name or a moment can't be written.
    pub fn self_signed(&self, common_name: &str, not_before: u64, not_after: u64) -> der::Result<Certificate> {
        let public = RsaPublicKey::from(&self.key);
        let spki = public.to_public_key_der().map_err(|_| der::ErrorKind::Failed)?;
        let name = Name::from_str(&format!("CN={common_name}"))?;
        let algorithm = AlgorithmIdentifierOwned {
            oid: der::asn1::ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"),
            parameters: Some(der::asn1::Any::null()),
        };
        let key_id = sha1::Sha1::digest(spki.as_bytes());
        // Two certificates of one issuer never have the same number (RFC 5280, 4.1.2.2).
        let mut serial = [0; 16];
        let seed = format!("tsmedia serial number\0{common_name}\0{not_before}\0{not_after}\0");
        serial.copy_from_slice(&Sha256::new().chain_update(seed).chain_update(spki.as_bytes()).finalize()[..16]);
        serial[0] = serial[0] & 0x7F | 0x40;
        let usage = KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment;
        let tbs = Tbs {
            version: Version::V3,
            serial: SerialNumber::new(&serial)?,
            algorithm: algorithm.clone(),
            issuer: name.clone(),
            validity: Validity::new(moment(not_before)?, moment(not_after)?),
            subject: name,
            key: SubjectPublicKeyInfoOwned::from_der(spki.as_bytes())?,
            extensions: vec![
                extension::<BasicConstraints>(true, &BasicConstraints { ca: false, path_len_constraint: None })?,
                extension::<KeyUsage>(true, &KeyUsage(usage))?,
                extension::<ExtendedKeyUsage>(false, &ExtendedKeyUsage(vec![CLIENT_AUTHENTICATION]))?,
                extension::<SubjectKeyIdentifier>(false, &SubjectKeyIdentifier(OctetString::new(key_id.as_slice())?))?,
            ],
        };
        let digest = Sha256::digest(tbs.to_der()?);
        let signature = self.key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest).map_err(|_| der::ErrorKind::Failed)?;
        let whole = Signed { tbs, algorithm, signature: BitString::from_bytes(&signature)? }.to_der()?;
        Certificate::from_der(&whole).map_err(|_| der::ErrorKind::Failed.into())
    }
}

#[derive(Sequence)]
struct Signed {
    tbs: Tbs,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

/// RFC 5280, 4.1.
#[derive(Sequence)]
struct Tbs {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: Version,
    serial: SerialNumber,
    algorithm: AlgorithmIdentifierOwned,
    issuer: Name,
    validity: Validity,
    subject: Name,
    key: SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

fn extension<T: Encode + der::oid::AssociatedOid>(critical: bool, value: &T) -> der::Result<Extension> {
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}

/// Two digits of the year up to 2049, and four from then on (RFC 5280, 4.1.2.5).
fn moment(unix: u64) -> der::Result<Time> {
    let duration = Duration::from_secs(unix);
    match UtcTime::from_unix_duration(duration) {
        Ok(time) => Ok(Time::UtcTime(time)),
        Err(_) => Ok(Time::GeneralTime(GeneralizedTime::from_unix_duration(duration)?)),
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} bits)", self.bits())
    }
}
