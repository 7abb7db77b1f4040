//! Authenticode signatures, as the certificate table of a PE file holds them: whose they are, and whether they are good.
//!
//! Follows "Windows Authenticode Portable Executable Signature Format" 1.0 (2008) over PKCS #7 (RFC 2315), and UEFI 2.10,
//! 32.2.4, which makes of it what firmware goes by. [`Signature::read`] compares the signed digest with the file's, checks
//! the signature and those of the certificates beside it. The time of a time stamp is read as it is claimed; firmware
//! asks for none, and for no validity either. Not supported: digests other than SHA-256, keys other than RSA's, nested
//! signatures (`signtool /as` on what Windows alone reads), encodings that are not DER.

mod authority;

use std::fmt;

use ::der::Decode as _;
use sha2::Digest as _;
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::digest::Sha256;
use crate::format::certificate::Certificate;
use crate::format::certificate::signature::{Algorithm, Hash, Scheme, Unchecked};
use crate::limits::MAX_CERTIFICATE_CHAIN;

pub use authority::{Authority, By, Recognised};

use crate::format::asn1::{Der, INTEGER, OCTET_STRING, SEQUENCE, SET, context};
pub(crate) use authority::common_name;

/// A signature over a PE file.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Whether it is good for this file.
    pub state: State,
    /// The digest that it is over, such as `SHA-256`, or the number of another.
    pub digest: String,
    /// The signer's certificate, the one of whoever signed that, and so on, as far as they are with the signature and
    /// each is signed by the next.
    pub chain: Vec<Certificate>,
    /// The day that a time stamp claims for it, as `2026-01-31`.
    pub stamped: Option<String>,
}

/// Whether a signature is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is the signer's, over this file, and the certificates fit together.
    Good,
    /// It is over another digest: the file was altered after it was signed.
    Altered,
    /// It is not of the key in the signer's certificate, or that is not of the one that it names: what is wrong.
    Forged(&'static str),
    /// It can't be checked here: why not.
    Unchecked(String),
}

/// Why a signature can't be read, as a fragment about "it".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `1.2.840.113549.1.7.2`, signed data.
const SIGNED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 2];
/// `1.3.6.1.4.1.311.2.1.4`, the content that Authenticode signs.
const INDIRECT_DATA: &[u8] = &[0x2B, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 4];
/// `1.2.840.113549.1.9.4`, the digest of the content among the attributes.
const MESSAGE_DIGEST: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 4];
/// `1.2.840.113549.1.9.5`, the time of a counter-signature.
const SIGNING_TIME: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 5];
/// `1.2.840.113549.1.9.6`, a time stamp of the old form.
const COUNTER_SIGNATURE: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 6];
/// `1.3.6.1.4.1.311.3.3.1`, one of RFC 3161.
const TIME_STAMP_TOKEN: &[u8] = &[0x2B, 6, 1, 4, 1, 0x82, 0x37, 3, 3, 1];
/// `1.2.840.113549.1.1.1`: the algorithm of the key, where that of the signature should be, with the digest beside it.
const RSA_KEY: &str = "1.2.840.113549.1.1.1";

/// Digests by number (RFC 5754, RFC 3370).
const DIGESTS: [(&[u8], &str, Hash); 5] = [
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], "SHA-256", Hash::Sha256),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], "SHA-384", Hash::Sha384),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], "SHA-512", Hash::Sha512),
    (&[0x2B, 0x0E, 3, 2, 0x1A], "SHA-1", Hash::Sha1),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 5], "MD5", Hash::Md5),
];

impl Signature {
    /// Reads a signature over a file with this digest.
    ///
    /// # Errors
    ///
    /// When it is no Authenticode signature, or is damaged so that nobody can say whose it is.
    pub fn read(bytes: &[u8], file: &Sha256) -> Result<Self, Malformed> {
        Parts::read(bytes).ok_or(Malformed("it is no Authenticode signature, or damaged"))?.judged(file)
    }

    /// The Microsoft authority that its certificates lead to, if it is one that firmware knows.
    pub fn authority(&self) -> Option<Recognised> {
        authority::recognise(&self.chain)
    }

    /// The name of the signer.
    pub fn signer(&self) -> String {
        self.chain.first().map_or("nobody".into(), |certificate| shortened(certificate, |it| it.encoded_names().0))
    }

    /// The name of whoever signed the last certificate: what firmware has to know.
    pub fn issuer(&self) -> String {
        self.chain.last().map_or("nobody".into(), |certificate| shortened(certificate, |it| it.encoded_names().1))
    }
}

/// The common name of a certificate's subject or issuer, or all of the subject where it has none.
fn shortened(certificate: &Certificate, name: impl Fn(&Certificate) -> Vec<u8>) -> String {
    common_name(&name(certificate)).unwrap_or_else(|| certificate.subject())
}

/// The first part of an encoding that has parts; nothing of any other.
pub(crate) fn first_part(encoding: &[u8]) -> &[u8] {
    let whole = Der(encoding).next_of(SEQUENCE);
    whole.and_then(|whole| Der(whole.value).next()).map_or(&[], |part| part.whole)
}

/// The parts of a signature (RFC 2315, 9.1 and 9.2), not yet judged.
struct Parts<'a> {
    /// The content without its tag and length, which is what its digest is over.
    content: &'a [u8],
    certificates: Vec<&'a [u8]>,
    /// The issuer, encoded, and the serial number of the signer's certificate.
    signer: (&'a [u8], &'a [u8]),
    digest: &'a [u8],
    attributes: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// Attributes that are not signed, one after the other.
    unsigned: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (signed, content) = signed_data(bytes, INDIRECT_DATA)?;
        let content = Der(content).next_of(SEQUENCE)?.value;
        let mut rest = signed;
        let mut certificates = Vec::new();
        if let Some(set) = rest.next_if(context(0)) {
            let mut all = Der(set.value);
            while let Some(one) = all.next() {
                certificates.push(one.whole);
            }
        }
        rest.next_if(context(1));
        let mut signer = Der(Der(rest.next_of(SET)?.value).next_of(SEQUENCE)?.value);
        signer.next_of(INTEGER)?;
        let mut who = Der(signer.next_of(SEQUENCE)?.value);
        let who = (who.next_of(SEQUENCE)?.whole, who.next_of(INTEGER)?.value);
        let digest = Der(signer.next_of(SEQUENCE)?.value).next()?.value;
        let attributes = signer.next_of(context(0))?.whole;
        let algorithm = signer.next_of(SEQUENCE)?.whole;
        let signature = signer.next_of(OCTET_STRING)?.value;
        let unsigned = signer.next_if(context(1)).map(|set| set.value).unwrap_or_default();
        Some(Self { content, certificates, signer: who, digest, attributes, algorithm, signature, unsigned })
    }

    fn judged(&self, file: &Sha256) -> Result<Signature, Malformed> {
        let certificates: Vec<_> = self.certificates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
        let is_signer = |certificate: &&Certificate| {
            certificate.encoded_names().1 == self.signer.0 && stripped(certificate.serial()) == stripped(self.signer.1)
        };
        let signer = certificates.iter().find(is_signer);
        let signer = signer.ok_or(Malformed("the certificate of its signer is not with it, or can't be read"))?;
        let (chain, broken) = chain(signer, &certificates);
        let known = DIGESTS.iter().find(|(oid, ..)| *oid == self.digest);
        let digest = known.map_or("of an unknown kind".into(), |(_, name, _)| (*name).to_owned());
        let signed = self.signed_digest().ok_or(Malformed("the digest that it is over can't be read"))?;
        let state = match known {
            Some((oid, _, Hash::Sha256)) if *oid == signed.0 => self.state(file, signed.1, signer, broken),
            _ => State::Unchecked(format!("its digest is {digest}")),
        };
        Ok(Signature { state, digest, chain, stamped: self.stamped() })
    }

    fn state(&self, file: &Sha256, signed: &[u8], signer: &Certificate, broken: Option<Unchecked>) -> State {
        if signed != file.0 {
            return State::Altered;
        }
        let content = sha2::Sha256::digest(self.content);
        let told = attribute(&self.attributes_as_set()[..], MESSAGE_DIGEST)
            .and_then(|value| Der(value).next_of(OCTET_STRING).map(|digest| digest.value.to_vec()));
        if told.as_deref() != Some(&content[..]) {
            return State::Forged("what is signed is not its content");
        }
        let checked = match (signer.public_key(), self.algorithm()) {
            (Some(key), Some(algorithm)) => key.verify(algorithm, &self.attributes_as_set(), self.signature),
            _ => Err(Unchecked::Unsupported),
        };
        match (checked, broken) {
            (Err(Unchecked::Wrong), _) => State::Forged("it is not of the key in the signer's certificate"),
            (_, Some(Unchecked::Wrong)) => State::Forged("a certificate is not signed by the one that it names"),
            (Err(Unchecked::Unsupported), _) | (_, Some(Unchecked::Unsupported)) => {
                State::Unchecked("its key or algorithm is not RSA's".into())
            }
            (Ok(()), None) => State::Good,
        }
    }

    /// The attributes as they are signed: as a set, whatever tag they have where they are (RFC 2315, 9.3).
    fn attributes_as_set(&self) -> Vec<u8> {
        let mut attributes = self.attributes.to_vec();
        if let Some(tag) = attributes.first_mut() {
            *tag = SET;
        }
        attributes
    }

    fn algorithm(&self) -> Option<Algorithm> {
        let identifier = AlgorithmIdentifierOwned::from_der(self.algorithm).ok()?;
        if identifier.oid.to_string() == RSA_KEY {
            let (.., hash) = DIGESTS.iter().find(|(oid, ..)| *oid == self.digest)?;
            return Some(Algorithm::Known(Scheme::Pkcs1, *hash));
        }
        Some(Algorithm::of(&identifier))
    }

    /// The kind and value of the digest of the file: the last field of the content (`DigestInfo`).
    fn signed_digest(&self) -> Option<(&'a [u8], &'a [u8])> {
        let mut content = Der(self.content);
        content.next_of(SEQUENCE)?;
        let mut info = Der(content.next_of(SEQUENCE)?.value);
        let kind = Der(info.next_of(SEQUENCE)?.value).next()?.value;
        Some((kind, info.next_of(OCTET_STRING)?.value))
    }

    /// The day of a time stamp of either form.
    fn stamped(&self) -> Option<String> {
        if let Some(token) = attribute_in(self.unsigned, TIME_STAMP_TOKEN) {
            // RFC 3161, 2.4.2: version, policy, what is stamped, serial number, time.
            let (_, content) = signed_data(token, &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 0x10, 1, 4])?;
            let mut info = Der(Der(Der(content).next_of(OCTET_STRING)?.value).next_of(SEQUENCE)?.value);
            let time = info.nth(4)?;
            return day(time.value);
        }
        let counter = attribute_in(self.unsigned, COUNTER_SIGNATURE)?;
        let mut signer = Der(Der(counter).next_of(SEQUENCE)?.value);
        let attributes = std::iter::from_fn(|| signer.next()).find(|field| field.tag == context(0))?;
        let time = attribute_in(attributes.value, SIGNING_TIME)?;
        day(Der(time).next()?.value)
    }
}

/// What follows the content of signed data, and that content (RFC 2315, 7 and 9.1), if it is of this type.
fn signed_data<'a>(bytes: &'a [u8], content_type: &[u8]) -> Option<(Der<'a>, &'a [u8])> {
    let mut info = Der(Der(bytes).next_of(SEQUENCE)?.value);
    if info.next()?.value != SIGNED_DATA {
        return None;
    }
    let mut signed = Der(Der(info.next_of(context(0))?.value).next_of(SEQUENCE)?.value);
    signed.next_of(INTEGER)?;
    signed.next_of(SET)?;
    let mut content = Der(signed.next_of(SEQUENCE)?.value);
    if content.next()?.value != content_type {
        return None;
    }
    let content = content.next_of(context(0))?.value;
    Some((signed, content))
}

/// The first value of an attribute of a set.
fn attribute<'a>(set: &'a [u8], oid: &[u8]) -> Option<&'a [u8]> {
    attribute_in(Der(set).next_of(SET)?.value, oid)
}

/// The values of an attribute among some that follow each other.
fn attribute_in<'a>(attributes: &'a [u8], oid: &[u8]) -> Option<&'a [u8]> {
    let mut attributes = Der(attributes);
    while let Some(attribute) = attributes.next_of(SEQUENCE) {
        let mut attribute = Der(attribute.value);
        if attribute.next()?.value == oid {
            return Some(attribute.next_of(SET)?.value);
        }
    }
    None
}

/// The certificates from the signer's on, and what is wrong with the first link that is not as it says.
fn chain(signer: &Certificate, all: &[Certificate]) -> (Vec<Certificate>, Option<Unchecked>) {
    let mut chain = vec![signer.clone()];
    while let Some(last) = chain.last().filter(|last| !last.is_self_issued() && chain.len() < MAX_CERTIFICATE_CHAIN) {
        // Two certificates may bear one name: the one that fits counts.
        let named: Vec<_> = all.iter().filter(|issuer| last.is_issued_by(issuer)).collect();
        let mut wrong = None;
        let found = named.iter().find(|issuer| match last.is_signed_by(issuer) {
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

/// A number without leading zeros.
fn stripped(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// The day of a time as ASN.1 writes it: `GeneralizedTime` with four digits of the year, `UTCTime` with two, which are
/// of this century below 50 (RFC 5280, 4.1.2.5).
fn day(time: &[u8]) -> Option<String> {
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
