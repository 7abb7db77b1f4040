//! Self-signed certificates. Equal keys, names and times give equal bytes.

use std::str::FromStr;
use std::time::Duration;

use der::asn1::{BitString, GeneralizedTime, OctetString, UtcTime};
use der::{Decode, Encode, Sequence};
use rsa::pkcs8::EncodePublicKey;
use sha2::{Digest, Sha256};
use x509_cert::certificate::Version;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

use super::private_key::PrivateKey;
use super::{CLIENT_AUTHENTICATION, Certificate};

/// Creates a self-signed certificate for client authentication. Times are in seconds since 1970.
///
/// # Errors
///
/// If the name or a time can't be encoded.
pub fn self_signed(key: &PrivateKey, common_name: &str, not_before: u64, not_after: u64) -> der::Result<Certificate> {
    let spki = key.public_key().to_public_key_der().map_err(|_| der::ErrorKind::Failed)?;
    let name = Name::from_str(&format!("CN={common_name}"))?;
    let algorithm = AlgorithmIdentifierOwned {
        oid: der::asn1::ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"),
        parameters: Some(der::asn1::Any::null()),
    };
    let key_id = sha1::Sha1::digest(spki.as_bytes());
    // Serial numbers of an issuer have to be unique (RFC 5280, 4.1.2.2) and positive.
    let mut serial = [0; 16];
    let seed = format!("tsmedia serial number\0{common_name}\0{not_before}\0{not_after}\0");
    serial.copy_from_slice(&Sha256::new().chain_update(seed).chain_update(spki.as_bytes()).finalize()[..16]);
    serial[0] = serial[0] & 0x7F | 0x40;
    let usage = KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment;
    let tbs = TbsCertificate {
        version: Version::V3,
        serial: SerialNumber::new(&serial)?,
        algorithm: algorithm.clone(),
        issuer: name.clone(),
        validity: Validity::new(encode_time(not_before)?, encode_time(not_after)?),
        subject: name,
        key: SubjectPublicKeyInfoOwned::from_der(spki.as_bytes())?,
        extensions: vec![
            extension::<BasicConstraints>(true, &BasicConstraints { ca: false, path_len_constraint: None })?,
            extension::<KeyUsage>(true, &KeyUsage(usage))?,
            extension::<ExtendedKeyUsage>(false, &ExtendedKeyUsage(vec![CLIENT_AUTHENTICATION]))?,
            extension::<SubjectKeyIdentifier>(false, &SubjectKeyIdentifier(OctetString::new(key_id.as_slice())?))?,
        ],
    };
    let signature = key.sign(&tbs.to_der()?)?;
    let whole = SignedCertificate { tbs, algorithm, signature: BitString::from_bytes(&signature)? }.to_der()?;
    Certificate::from_der(&whole).map_err(|_| der::ErrorKind::Failed.into())
}

#[derive(Sequence)]
struct SignedCertificate {
    tbs: TbsCertificate,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

/// Signed fields of a certificate (RFC 5280, 4.1).
#[derive(Sequence)]
struct TbsCertificate {
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

/// Encodes a time: `UTCTime` until 2049, `GeneralizedTime` from then on (RFC 5280, 4.1.2.5).
fn encode_time(unix: u64) -> der::Result<Time> {
    let duration = Duration::from_secs(unix);
    match UtcTime::from_unix_duration(duration) {
        Ok(time) => Ok(Time::UtcTime(time)),
        Err(_) => Ok(Time::GeneralTime(GeneralizedTime::from_unix_duration(duration)?)),
    }
}
