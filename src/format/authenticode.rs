//! Authenticode signatures from the certificate table of a PE file, and of catalogs (`.cat`), which sign drivers.
//!
//! Follows "Windows Authenticode Portable Executable Signature Format" 1.0 (2008) on top of PKCS #7
//! (RFC 2315), and UEFI 2.10, 32.2.4, for what firmware requires. [`Signature::read`] compares the
//! signed digest with that of the file and checks the signature and the enclosed certificate chain.
//! The time of a time stamp is reported but not verified; firmware requires neither time stamps nor
//! valid dates. Not supported: digests other than SHA-256, keys other than RSA, nested signatures
//! (`signtool /as`, which only Windows reads), BER encodings.

mod authority;

use std::fmt;

use ::der::Decode as _;
use sha2::Digest as _;
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::digest::{DigestKinds, Digests, Sha256};
use crate::format::certificate::Certificate;
use crate::format::certificate::signature::{HashAlgorithm, SignatureAlgorithm, SignatureError, SignatureScheme};
use crate::limits::MAX_CERTIFICATE_CHAIN;

pub use authority::{Authority, AuthorityMatch, RecognisedAuthority};

use crate::format::asn1::{Der, INTEGER, OCTET_STRING, SEQUENCE, SET, context_tag};
pub(crate) use authority::common_name;

/// Authenticode signature of a PE file.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Result of checking the signature against the file.
    pub state: SignatureState,
    /// Name of the signed digest algorithm, such as `SHA-256`.
    pub digest: String,
    /// Certificate of the signer, followed by its issuers, as far as the signature contains them
    /// and each is signed by the next one.
    pub chain: Vec<Certificate>,
    /// Date of the time stamp as `2026-01-31`, not verified.
    pub stamped: Option<String>,
}

/// Result of checking a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureState {
    /// The signature and the certificate chain are valid for this file.
    Good,
    /// The signed digest is not that of the file, which was modified after signing.
    Altered,
    /// The signature or the certificate chain is invalid, with the reason.
    Forged(&'static str),
    /// The signature could not be checked, with the reason.
    Unchecked(String),
}

/// Reason why a signature can't be read. Completes a sentence about "it".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedSignature(&'static str);

impl fmt::Display for MalformedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// OID of PKCS #7 signed data, `1.2.840.113549.1.7.2`.
const SIGNED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 2];
/// OID of the signed Authenticode content, `1.3.6.1.4.1.311.2.1.4`.
const INDIRECT_DATA: &[u8] = &[0x2B, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 4];
/// OID of the content of a catalog, a certificate trust list, `1.3.6.1.4.1.311.10.1`.
const TRUST_LIST: &[u8] = &[0x2B, 6, 1, 4, 1, 0x82, 0x37, 10, 1];
/// OID of the attribute with the content's digest, `1.2.840.113549.1.9.4`.
const MESSAGE_DIGEST: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 4];
/// OID of the signing time in a counter-signature, `1.2.840.113549.1.9.5`.
const SIGNING_TIME: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 5];
/// OID of a PKCS #9 counter-signature, the old form of time stamps, `1.2.840.113549.1.9.6`.
const COUNTER_SIGNATURE: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 6];
/// OID of a time stamp token of RFC 3161, `1.3.6.1.4.1.311.3.3.1`.
const TIME_STAMP_TOKEN: &[u8] = &[0x2B, 6, 1, 4, 1, 0x82, 0x37, 3, 3, 1];
/// OID of RSA keys. Some signers write it in place of a signature algorithm and give the digest
/// algorithm separately.
const RSA_KEY: &str = "1.2.840.113549.1.1.1";

/// Digest algorithms by OID (RFC 5754, RFC 3370).
const DIGESTS: [(&[u8], &str, HashAlgorithm); 5] = [
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], "SHA-256", HashAlgorithm::Sha256),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], "SHA-384", HashAlgorithm::Sha384),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], "SHA-512", HashAlgorithm::Sha512),
    (&[0x2B, 0x0E, 3, 2, 0x1A], "SHA-1", HashAlgorithm::Sha1),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 5], "MD5", HashAlgorithm::Md5),
];

impl Signature {
    /// Reads a signature and checks it for a file with the SHA-256 digest `file`.
    ///
    /// # Errors
    ///
    /// If `bytes` is not an Authenticode signature, or the signer's certificate is missing.
    pub fn read(bytes: &[u8], file: &Sha256) -> Result<Self, MalformedSignature> {
        SignatureParts::read(bytes, INDIRECT_DATA)
            .ok_or(MalformedSignature("it is not an Authenticode signature, or it is damaged"))?
            .check(Some(file))
    }

    /// Reads the signature of a catalog and checks it. [`SignatureState::Altered`] means that the catalog does not list
    /// `member`, a file that is not a program, by its SHA-1 or SHA-256 digest.
    ///
    /// # Errors
    ///
    /// If `bytes` is not a catalog, or the signer's certificate is missing.
    pub fn read_catalog(bytes: &[u8], member: &[u8]) -> Result<Self, MalformedSignature> {
        let parts = SignatureParts::read(bytes, TRUST_LIST)
            .ok_or(MalformedSignature("it is not a signed catalog, or it is damaged"))?;
        let mut signature = parts.check(None)?;
        let digests = Digests::hash_kinds(member, DigestKinds::Sha1Too);
        let sha1 = digests.sha1.map(|sha1| sha1.0).unwrap_or_default();
        let lists = |digest: &[u8]| parts.content.windows(digest.len()).any(|bytes| bytes == digest);
        if signature.state == SignatureState::Good && !lists(&digests.sha256.0) && !lists(&sha1) {
            signature.state = SignatureState::Altered;
        }
        Ok(signature)
    }

    /// Microsoft authority that the certificate chain leads to; `None` for any other.
    pub fn authority(&self) -> Option<RecognisedAuthority> {
        authority::recognise(&self.chain)
    }

    /// Common name of the signer.
    pub fn signer(&self) -> String {
        self.chain
            .first()
            .map_or("unknown".into(), |certificate| common_name_or_subject(certificate, |it| it.encoded_names().0))
    }

    /// Common name of the issuer of the last certificate in the chain, which firmware has to trust.
    pub fn issuer(&self) -> String {
        self.chain
            .last()
            .map_or("unknown".into(), |certificate| common_name_or_subject(certificate, |it| it.encoded_names().1))
    }
}

/// Common name from `name`; the whole subject if there is none.
fn common_name_or_subject(certificate: &Certificate, name: impl Fn(&Certificate) -> Vec<u8>) -> String {
    common_name(&name(certificate)).unwrap_or_else(|| certificate.subject())
}

/// Encoding of the first field of a sequence; empty if `encoding` is not one.
pub(crate) fn first_field(encoding: &[u8]) -> &[u8] {
    let whole = Der(encoding).next_tagged(SEQUENCE);
    whole.and_then(|whole| Der(whole.value).next()).map_or(&[], |part| part.whole)
}

/// Fields of a signature (RFC 2315, 9.1 and 9.2).
struct SignatureParts<'a> {
    /// Content without its tag and length: the signed digest covers just that.
    content: &'a [u8],
    certificates: Vec<&'a [u8]>,
    /// Encoded issuer and serial number of the signer's certificate.
    signer: (&'a [u8], &'a [u8]),
    digest: &'a [u8],
    attributes: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// Unsigned attributes, one after the other.
    unsigned: &'a [u8],
}

impl<'a> SignatureParts<'a> {
    /// Reads the fields; `None` if one is missing or malformed.
    fn read(bytes: &'a [u8], content_type: &[u8]) -> Option<Self> {
        let (signed, content) = signed_data(bytes, content_type)?;
        let content = Der(content).next_tagged(SEQUENCE)?.value;
        let mut rest = signed;
        let mut certificates = Vec::new();
        if let Some(set) = rest.next_if(context_tag(0)) {
            let mut all = Der(set.value);
            while let Some(one) = all.next() {
                certificates.push(one.whole);
            }
        }
        // Certificate revocation lists, which firmware ignores.
        rest.next_if(context_tag(1));
        let mut signer = Der(Der(rest.next_tagged(SET)?.value).next_tagged(SEQUENCE)?.value);
        signer.next_tagged(INTEGER)?;
        let mut who = Der(signer.next_tagged(SEQUENCE)?.value);
        let who = (who.next_tagged(SEQUENCE)?.whole, who.next_tagged(INTEGER)?.value);
        let digest = Der(signer.next_tagged(SEQUENCE)?.value).next()?.value;
        let attributes = signer.next_tagged(context_tag(0))?.whole;
        let algorithm = signer.next_tagged(SEQUENCE)?.whole;
        let signature = signer.next_tagged(OCTET_STRING)?.value;
        let unsigned = signer.next_if(context_tag(1)).map(|set| set.value).unwrap_or_default();
        Some(Self { content, certificates, signer: who, digest, attributes, algorithm, signature, unsigned })
    }

    /// Finds the signer's certificate and checks the signature. `file` is the digest that the content has to sign;
    /// `None` for content of another type.
    fn check(&self, file: Option<&Sha256>) -> Result<Signature, MalformedSignature> {
        let certificates: Vec<_> = self.certificates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
        let is_signer = |certificate: &&Certificate| {
            certificate.encoded_names().1 == self.signer.0
                && strip_leading_zeros(certificate.serial()) == strip_leading_zeros(self.signer.1)
        };
        let signer = certificates.iter().find(is_signer);
        let signer = signer.ok_or(MalformedSignature("its signer's certificate is missing or can't be read"))?;
        let (chain, broken) = build_chain(signer, &certificates);
        let known = DIGESTS.iter().find(|(oid, ..)| *oid == self.digest);
        let digest = known.map_or("unknown".into(), |(_, name, _)| (*name).to_owned());
        let is_sha256 =
            |oid: &[u8]| known.is_some_and(|(known, _, hash)| *known == oid && *hash == HashAlgorithm::Sha256);
        let signed = match file {
            Some(_) => Some(self.signed_digest().ok_or(MalformedSignature("its signed digest can't be read"))?),
            None => None,
        };
        let state = match signed.zip(file) {
            Some(((oid, signed), file)) if is_sha256(oid) && signed != file.0 => SignatureState::Altered,
            Some(((oid, _), _)) if is_sha256(oid) => self.check_state(signer, broken),
            None if is_sha256(self.digest) => self.check_state(signer, broken),
            _ => SignatureState::Unchecked(format!("its digest algorithm is {digest}")),
        };
        Ok(Signature { state, digest, chain, stamped: self.time_stamp_day() })
    }

    fn check_state(&self, signer: &Certificate, broken: Option<SignatureError>) -> SignatureState {
        // The signature covers the attributes, and one of them the digest of the content: both
        // links have to be checked, or the content could be exchanged.
        let content = sha2::Sha256::digest(self.content);
        let listed = attribute(&self.attributes_as_set()[..], MESSAGE_DIGEST)
            .and_then(|value| Der(value).next_tagged(OCTET_STRING).map(|digest| digest.value.to_vec()));
        if listed.as_deref() != Some(&content[..]) {
            return SignatureState::Forged("the signed digest is not that of its content");
        }
        let checked = match (signer.public_key(), self.algorithm()) {
            (Some(key), Some(algorithm)) => key.verify(algorithm, &self.attributes_as_set(), self.signature),
            _ => Err(SignatureError::Unsupported),
        };
        match (checked, broken) {
            (Err(SignatureError::Wrong), _) => {
                SignatureState::Forged("it was not made with the key of the signer's certificate")
            }
            (_, Some(SignatureError::Wrong)) => SignatureState::Forged("a certificate is not signed by its issuer"),
            (Err(SignatureError::Unsupported), _) | (_, Some(SignatureError::Unsupported)) => {
                SignatureState::Unchecked("its key or algorithm is not RSA".into())
            }
            (Ok(()), None) => SignatureState::Good,
        }
    }

    /// Attributes as they were signed: with the tag of a set in place of the implicit one (RFC
    /// 2315, 9.3).
    fn attributes_as_set(&self) -> Vec<u8> {
        let mut attributes = self.attributes.to_vec();
        if let Some(tag) = attributes.first_mut() {
            *tag = SET;
        }
        attributes
    }

    fn algorithm(&self) -> Option<SignatureAlgorithm> {
        let identifier = AlgorithmIdentifierOwned::from_der(self.algorithm).ok()?;
        if identifier.oid.to_string() == RSA_KEY {
            let (.., hash) = DIGESTS.iter().find(|(oid, ..)| *oid == self.digest)?;
            return Some(SignatureAlgorithm::Known(SignatureScheme::Pkcs1, *hash));
        }
        Some(SignatureAlgorithm::from_identifier(&identifier))
    }

    /// OID of the digest algorithm and digest of the file, from the last field of the content
    /// (`DigestInfo`).
    fn signed_digest(&self) -> Option<(&'a [u8], &'a [u8])> {
        let mut content = Der(self.content);
        content.next_tagged(SEQUENCE)?;
        let mut info = Der(content.next_tagged(SEQUENCE)?.value);
        let kind = Der(info.next_tagged(SEQUENCE)?.value).next()?.value;
        Some((kind, info.next_tagged(OCTET_STRING)?.value))
    }

    /// Date of the time stamp, in either form.
    fn time_stamp_day(&self) -> Option<String> {
        if let Some(token) = attribute_in(self.unsigned, TIME_STAMP_TOKEN) {
            // RFC 3161, 2.4.2: version, policy, stamped digest, serial number, time.
            let (_, content) = signed_data(token, &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 0x10, 1, 4])?;
            let mut info = Der(Der(Der(content).next_tagged(OCTET_STRING)?.value).next_tagged(SEQUENCE)?.value);
            let time = info.nth(4)?;
            return format_day(time.value);
        }
        let counter = attribute_in(self.unsigned, COUNTER_SIGNATURE)?;
        let mut signer = Der(Der(counter).next_tagged(SEQUENCE)?.value);
        let attributes = std::iter::from_fn(|| signer.next()).find(|field| field.tag == context_tag(0))?;
        let time = attribute_in(attributes.value, SIGNING_TIME)?;
        format_day(Der(time).next()?.value)
    }
}

/// Fields that follow the content of signed data, and the content (RFC 2315, 7 and 9.1); `None` for
/// another content type.
fn signed_data<'a>(bytes: &'a [u8], content_type: &[u8]) -> Option<(Der<'a>, &'a [u8])> {
    let mut info = Der(Der(bytes).next_tagged(SEQUENCE)?.value);
    if info.next()?.value != SIGNED_DATA {
        return None;
    }
    let mut signed = Der(Der(info.next_tagged(context_tag(0))?.value).next_tagged(SEQUENCE)?.value);
    signed.next_tagged(INTEGER)?;
    signed.next_tagged(SET)?;
    let mut content = Der(signed.next_tagged(SEQUENCE)?.value);
    if content.next()?.value != content_type {
        return None;
    }
    let content = content.next_tagged(context_tag(0))?.value;
    Some((signed, content))
}

/// First value of an attribute in an encoded set.
fn attribute<'a>(set: &'a [u8], oid: &[u8]) -> Option<&'a [u8]> {
    attribute_in(Der(set).next_tagged(SET)?.value, oid)
}

/// Values of an attribute in a list of attributes.
fn attribute_in<'a>(attributes: &'a [u8], oid: &[u8]) -> Option<&'a [u8]> {
    let mut attributes = Der(attributes);
    while let Some(attribute) = attributes.next_tagged(SEQUENCE) {
        let mut attribute = Der(attribute.value);
        if attribute.next()?.value == oid {
            return Some(attribute.next_tagged(SET)?.value);
        }
    }
    None
}

/// Certificates from the signer's upwards, and the error of the first link that fails.
fn build_chain(signer: &Certificate, all: &[Certificate]) -> (Vec<Certificate>, Option<SignatureError>) {
    let mut chain = vec![signer.clone()];
    while let Some(last) = chain.last().filter(|last| !last.is_self_issued() && chain.len() < MAX_CERTIFICATE_CHAIN) {
        // Two authorities may have the same name: take the one whose key fits.
        let named: Vec<_> = all.iter().filter(|issuer| last.is_issued_by(issuer)).collect();
        let mut wrong = None;
        let found = named.iter().find(|issuer| match last.check_signed_by(issuer) {
            Ok(()) => true,
            Err(why) => {
                wrong = Some(why);
                false
            }
        });
        match found {
            Some(issuer) => chain.push((**issuer).clone()),
            None => return (chain, wrong),
        }
    }
    (chain, None)
}

/// Number without leading zeros, so that encodings of different lengths compare equal.
fn strip_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// Date of an ASN.1 time: `GeneralizedTime` has four digits for the year, `UTCTime` two, where
/// values below 50 mean the 21st century (RFC 5280, 4.1.2.5).
fn format_day(time: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(time).ok()?;
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let text = match n_digits {
        12 if text.as_bytes()[0] < b'5' => format!("20{text}"),
        12 => format!("19{text}"),
        14 => text.to_owned(),
        _ => return None,
    };
    Some(format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..8]))
}

#[cfg(test)]
mod tests;
