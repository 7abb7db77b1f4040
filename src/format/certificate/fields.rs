//! Fields of a certificate (RFC 5280, 4.1).
//!
//! As lenient as openssl: serial numbers of any length, attributes of a name in any order, and
//! lengths that could be shorter are accepted. Validation is done elsewhere.

use der::Decode;
use der::asn1::ObjectIdentifier;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::Time;

use super::name::DistinguishedName;
use crate::format::asn1::{BIT_STRING, BOOLEAN, Der, Field, INTEGER, OCTET_STRING, SEQUENCE, context_tag};

/// Fields of a certificate that tsmedia uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateFields {
    pub serial: Vec<u8>,
    pub issuer: DistinguishedName,
    /// First and last second of the validity, since 1970.
    pub validity: (u64, u64),
    pub subject: DistinguishedName,
    pub key: SubjectPublicKeyInfoOwned,
    pub extensions: Extensions,
    pub algorithm: AlgorithmIdentifierOwned,
    pub signature: Vec<u8>,
}

/// Extensions that tsmedia uses (RFC 5280, 4.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    /// Basic constraints: certificate authority.
    pub is_ca: bool,
    /// First eight bits of the key usage; bit 0 is the highest.
    pub key_usage: Option<u8>,
    /// Extended key usage.
    pub purposes: Option<Vec<ObjectIdentifier>>,
    /// Subject key identifier.
    pub key_id: Option<Vec<u8>>,
    /// Authority key identifier.
    pub authority: AuthorityKey,
}

/// Authority key identifier: identifies the key that signed a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AuthorityKey {
    pub key_id: Option<Vec<u8>>,
    /// Issuer and serial number of that key's certificate.
    pub certificate: Option<(DistinguishedName, Vec<u8>)>,
}

impl CertificateFields {
    /// Reads the fields, or names the part that is malformed.
    pub fn read(der: &[u8]) -> Result<Self, &'static str> {
        let no = |what: &'static str| move || what;
        let mut whole = Der(der)
            .next_tagged(SEQUENCE)
            .map(|whole| Der(whole.value))
            .ok_or("it does not begin like a certificate")?;
        let signed = whole.next_tagged(SEQUENCE).ok_or_else(no("it has no fields"))?;
        let algorithm =
            whole.next_tagged(SEQUENCE).and_then(|field| AlgorithmIdentifierOwned::from_der(field.whole).ok());
        let algorithm = algorithm.ok_or_else(no("the algorithm of its signature is malformed"))?;
        let signature = whole.next_tagged(BIT_STRING).and_then(bits).ok_or_else(no("its signature is malformed"))?;
        let mut fields = Der(signed.value);
        // The version, which is missing in version 1.
        fields.next_if(context_tag(0));
        let serial = fields.next_tagged(INTEGER).ok_or_else(no("its serial number is malformed"))?.value.to_vec();
        fields.next_tagged(SEQUENCE).ok_or_else(no("the algorithm of its signature is malformed"))?;
        let issuer = fields.next_tagged(SEQUENCE).and_then(|field| DistinguishedName::read(field.whole));
        let issuer = issuer.ok_or_else(no("the name of its issuer is malformed"))?;
        let validity = fields.next_tagged(SEQUENCE).and_then(|field| {
            let mut times = Der(field.value);
            let mut time = || Some(Time::from_der(times.next()?.whole).ok()?.to_unix_duration().as_secs());
            Some((time()?, time()?))
        });
        let validity = validity.ok_or_else(no("its validity is malformed"))?;
        let subject = fields.next_tagged(SEQUENCE).and_then(|field| DistinguishedName::read(field.whole));
        let subject = subject.ok_or_else(no("the name of its subject is malformed"))?;
        let key = fields.next_tagged(SEQUENCE).and_then(|field| SubjectPublicKeyInfoOwned::from_der(field.whole).ok());
        let key = key.ok_or_else(no("its key is malformed"))?;
        let mut extensions = Extensions::default();
        while let Some(field) = fields.next() {
            if field.tag == context_tag(3) {
                extensions = Extensions::read(field.value).ok_or_else(no("an extension is malformed"))?;
            }
        }
        Ok(Self { serial, issuer, validity, subject, key, extensions, algorithm, signature: signature.to_vec() })
    }
}

impl Extensions {
    fn read(der: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        let mut all = Der(Der(der).next_tagged(SEQUENCE)?.value);
        while !all.0.is_empty() {
            let mut extension = Der(all.next_tagged(SEQUENCE)?.value);
            let kind: ObjectIdentifier = ObjectIdentifier::from_der(extension.next()?.whole).ok()?;
            // Critical or not; unknown critical extensions are left to programs that validate
            // chains.
            extension.next_if(BOOLEAN);
            let value = extension.next_tagged(OCTET_STRING)?.value;
            match kind.to_string().as_str() {
                "2.5.29.19" => {
                    let is_ca = Der(Der(value).next_tagged(SEQUENCE)?.value).next_if(BOOLEAN);
                    found.is_ca = is_ca.is_some_and(|is_ca| is_ca.value.iter().any(|byte| *byte != 0));
                }
                "2.5.29.15" => {
                    let [_, bits @ ..] = Der(value).next_tagged(BIT_STRING)?.value else { return None };
                    found.key_usage = Some(bits.first().copied().unwrap_or(0));
                }
                "2.5.29.37" => {
                    let mut purposes = Der(Der(value).next_tagged(SEQUENCE)?.value);
                    let mut all = Vec::new();
                    while !purposes.0.is_empty() {
                        all.push(ObjectIdentifier::from_der(purposes.next()?.whole).ok()?);
                    }
                    found.purposes = Some(all);
                }
                "2.5.29.14" => found.key_id = Some(Der(value).next_tagged(OCTET_STRING)?.value.to_vec()),
                "2.5.29.35" => found.authority = AuthorityKey::read(value)?,
                _ => {}
            }
        }
        Some(found)
    }
}

impl AuthorityKey {
    /// Reads the extension, whose fields have implicit tags (RFC 5280, 4.2.1.1).
    fn read(der: &[u8]) -> Option<Self> {
        const KEY_ID: u8 = 0x80;
        const SERIAL: u8 = 0x82;
        const DIRECTORY_NAME: u8 = context_tag(4);
        let mut fields = Der(Der(der).next_tagged(SEQUENCE)?.value);
        let key_id = fields.next_if(KEY_ID).map(|field| field.value.to_vec());
        let issuer = fields.next_if(context_tag(1)).and_then(|names| {
            let mut names = Der(names.value);
            let name = std::iter::from_fn(|| names.next()).find(|name| name.tag == DIRECTORY_NAME)?;
            DistinguishedName::read(name.value)
        });
        let serial = fields.next_if(SERIAL).map(|field| field.value.to_vec());
        Some(Self { key_id, certificate: issuer.zip(serial) })
    }
}

/// Bytes of a bit string without unused bits.
fn bits(field: Field<'_>) -> Option<&[u8]> {
    field.value.strip_prefix(&[0])
}
