//! Writer of PKCS #12 files: key and certificates encrypted with 3DES, and a MAC with SHA-1.
//!
//! Reproducible: equal keys, certificates and passwords give equal bytes. Salts are derived from
//! the private key, which is unknown to others, so they are as unpredictable as random ones.

use der::asn1::{Any, ObjectIdentifier, OctetString};
use der::{Encode, Sequence, Tag};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::cipher::{self, Password};
use super::{CERTIFICATE_BAG, DATA, ENCRYPTED_DATA, SHROUDED_KEY_BAG, X509};
use crate::format::certificate::Certificate;
use crate::format::certificate::private_key::PrivateKey;

/// OID of the attribute that links a certificate to its key (RFC 2985, 5.5.2).
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");
/// Key ID that Windows writes.
const KEY_ID: [u8; 4] = [1, 0, 0, 0];
/// Iteration count that Windows writes.
const ITERATIONS: u32 = 2_000;

#[derive(Sequence)]
struct Pfx {
    version: u8,
    safes: ContentInfo,
    mac: MacData,
}

/// Content info (RFC 2315, 7).
#[derive(Sequence)]
struct ContentInfo {
    kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: Any,
}

#[derive(Sequence)]
struct MacData {
    mac: DigestInfo,
    salt: OctetString,
    iterations: u32,
}

#[derive(Sequence)]
struct DigestInfo {
    algorithm: AlgorithmIdentifierOwned,
    digest: OctetString,
}

/// Encrypted data (RFC 2315, 13).
#[derive(Sequence)]
struct EncryptedData {
    version: u8,
    content: EncryptedContent,
}

#[derive(Sequence)]
struct EncryptedContent {
    kind: ObjectIdentifier,
    algorithm: AlgorithmIdentifierOwned,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    content: OctetString,
}

#[derive(Sequence)]
struct Bag {
    kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    value: Any,
    #[asn1(optional = "true")]
    attributes: Option<der::asn1::SetOfVec<BagAttribute>>,
}

#[derive(Sequence, PartialEq, Eq, PartialOrd, Ord, Clone, Debug, der::ValueOrd)]
struct BagAttribute {
    kind: ObjectIdentifier,
    values: der::asn1::SetOfVec<OctetString>,
}

#[derive(Sequence)]
struct CertificateBag {
    kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    der: OctetString,
}

#[derive(Sequence)]
struct ShroudedKey {
    algorithm: AlgorithmIdentifierOwned,
    encrypted: OctetString,
}

#[derive(Sequence)]
struct SaltAndIterations {
    salt: OctetString,
    iterations: u32,
}

/// Encodes a private key, its certificate and the certificates of its issuers as a PFX file.
///
/// # Errors
///
/// None in practice: all parts were decoded before.
pub fn encode(
    key: &PrivateKey,
    certificate: &Certificate,
    others: &[Certificate],
    password: &str,
) -> der::Result<Vec<u8>> {
    let password = Password::new(password);
    let der = |other: &Certificate| other.der().to_vec();
    // Salts are derived instead of random, so that the same inputs give the same bytes. They still differ for each
    // certificate and purpose, which is what a salt is for.
    let seed: Vec<u8> = std::iter::once(certificate).chain(others).flat_map(der).collect();
    let salt = |purpose: &str| salt(key, purpose, &seed);

    let key_salt = salt("key");
    let shrouded = ShroudedKey {
        algorithm: encryption_algorithm(&key_salt)?,
        encrypted: OctetString::new(cipher::encrypt(key.pkcs8(), &password, &key_salt, ITERATIONS))?,
    };
    let keys = vec![Bag {
        kind: SHROUDED_KEY_BAG,
        value: Any::encode_from(&shrouded)?,
        attributes: Some(key_id_attribute()?),
    }];

    let mut bags = Vec::new();
    for (at, certificate) in std::iter::once(certificate).chain(others).enumerate() {
        let bag = CertificateBag { kind: X509, der: OctetString::new(certificate.der())? };
        // Windows finds the certificate of the key by this attribute; those of issuers have none.
        let attributes = if at == 0 { Some(key_id_attribute()?) } else { None };
        bags.push(Bag { kind: CERTIFICATE_BAG, value: Any::encode_from(&bag)?, attributes });
    }
    let certificate_salt = salt("certificates");
    let encrypted = EncryptedData {
        version: 0,
        content: EncryptedContent {
            kind: DATA,
            algorithm: encryption_algorithm(&certificate_salt)?,
            content: OctetString::new(cipher::encrypt(&bags.to_der()?, &password, &certificate_salt, ITERATIONS))?,
        },
    };

    let safes = vec![
        ContentInfo { kind: ENCRYPTED_DATA, content: Any::encode_from(&encrypted)? },
        plain_content(keys.to_der()?)?,
    ];
    let safes = safes.to_der()?;
    let mac_salt = salt("mac");
    let mac = cipher::sha1_mac(&password, &mac_salt, ITERATIONS, &safes);
    let algorithm = AlgorithmIdentifierOwned { oid: cipher::SHA1, parameters: Some(Any::null()) };
    let mac = MacData {
        mac: DigestInfo { algorithm, digest: OctetString::new(mac.as_slice())? },
        salt: OctetString::new(mac_salt)?,
        iterations: ITERATIONS,
    };
    Pfx { version: 3, safes: plain_content(safes)?, mac }.to_der()
}

/// Unencrypted content.
fn plain_content(bytes: Vec<u8>) -> der::Result<ContentInfo> {
    Ok(ContentInfo { kind: DATA, content: Any::new(Tag::OctetString, bytes)? })
}

/// Algorithm identifier of 3DES with a salt.
fn encryption_algorithm(salt: &[u8; 8]) -> der::Result<AlgorithmIdentifierOwned> {
    let parameters = SaltAndIterations { salt: OctetString::new(*salt)?, iterations: ITERATIONS };
    Ok(AlgorithmIdentifierOwned { oid: cipher::SHA1_3DES, parameters: Some(Any::encode_from(&parameters)?) })
}

fn key_id_attribute() -> der::Result<der::asn1::SetOfVec<BagAttribute>> {
    let values = der::asn1::SetOfVec::try_from(vec![OctetString::new(KEY_ID)?])?;
    der::asn1::SetOfVec::try_from(vec![BagAttribute { kind: LOCAL_KEY_ID, values }])
}

/// Derives a salt from the private key and the contents of the file.
fn salt(key: &PrivateKey, purpose: &str, contents: &[u8]) -> [u8; 8] {
    let mut salt = [0; 8];
    if let Ok(mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key.pkcs8()) {
        let mac =
            mac.chain_update(format!("tsmedia pfx salt: {purpose}\0")).chain_update(contents).finalize().into_bytes();
        salt.copy_from_slice(&mac[..8]);
    }
    salt
}
