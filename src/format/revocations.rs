//! Secure Boot revocation lists (`dbx`): programs and certificates that firmware rejects, and
//! minimum versions of Microsoft boot managers.
//!
//! Follows UEFI 2.10, 32.4.1 (`EFI_SIGNATURE_LIST`): digests of images, certificates, digests of
//! certificates. Reads plain lists, signed updates (8.2.2, `EFI_VARIABLE_AUTHENTICATION_2`; the
//! signature is not checked, since the user chooses the file), and the variable as Linux shows it,
//! after four bytes of attributes. Secure Version Numbers are entries with an owner of their own,
//! as in Microsoft's `secureboot_objects`. Not supported: other entry types, which are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::format::certificate::Certificate;

/// Contents of a revocation list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    /// Authenticode digests of revoked images.
    pub images: BTreeSet<Sha256>,
    /// Revoked certificates. Programs signed with them, directly or through a chain, are revoked.
    pub certificates: Vec<Certificate>,
    /// Digests of the signed parts of revoked certificates.
    pub certificate_digests: BTreeSet<Sha256>,
    /// Lowest permitted Secure Version Number by program.
    pub versions: BTreeMap<EfiGuid, SecureVersion>,
    /// Number of entries of unsupported types.
    pub n_others: usize,
}

/// Secure Version Number. A boot manager stops if the number in the firmware is higher than its
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecureVersion {
    /// Incremented with each revocation.
    pub major: u16,
    /// Has been 0 so far.
    pub minor: u16,
}

impl SecureVersion {
    /// Splits the number as programs and lists store it: the major part is the upper half.
    pub fn from_number(number: u32) -> Self {
        Self { major: (number >> 16) as u16, minor: number as u16 }
    }
}

impl fmt::Display for SecureVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Parses `7.0` or `7`.
impl FromStr for SecureVersion {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        Ok(Self { major: major.parse()?, minor: minor.parse()? })
    }
}

/// GUID in its binary form, whose first three fields are little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EfiGuid(pub [u8; 16]);

impl EfiGuid {
    /// Creates a GUID from its fields.
    const fn new(a: u32, b: u16, c: u16, rest: [u8; 8]) -> Self {
        let ([a0, a1, a2, a3], [b0, b1], [c0, c1]) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
        let [d0, d1, d2, d3, d4, d5, d6, d7] = rest;
        Self([a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, d2, d3, d4, d5, d6, d7])
    }
}

/// Windows boot manager, as a program with a Secure Version Number (`EFI_BOOTMGR_DBXSVN_GUID`).
pub const BOOT_MANAGER: EfiGuid =
    EfiGuid::new(0x9d13_2b61, 0x59d5, 0x4388, [0xab, 0x1c, 0x18, 0x5c, 0x3c, 0xb2, 0xeb, 0x92]);
/// Owner of Secure Version Numbers.
const VERSION_OWNER: EfiGuid =
    EfiGuid::new(0x9d13_2b6c, 0x59d5, 0x4388, [0xab, 0x1c, 0x18, 0x5c, 0xfc, 0xb2, 0xeb, 0x92]);
/// `EFI_CERT_SHA256_GUID`.
const SHA256: EfiGuid = EfiGuid::new(0xc1c4_1626, 0x504c, 0x4092, [0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28]);
/// `EFI_CERT_X509_GUID`.
const X509: EfiGuid = EfiGuid::new(0xa5c0_59a1, 0x94e4, 0x4aa7, [0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72]);
/// `EFI_CERT_X509_SHA256_GUID`.
const X509_SHA256: EfiGuid =
    EfiGuid::new(0x3bd2_a492, 0x96c0, 0x4079, [0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03, 0xed]);
/// `EFI_CERT_TYPE_PKCS7_GUID`: signature type of an update.
const PKCS7: EfiGuid = EfiGuid::new(0x4aaf_d29d, 0x68df, 0x49ee, [0x8a, 0xa9, 0x34, 0x7d, 0x37, 0x56, 0x65, 0xa7]);

/// All entry types (UEFI 2.10, 32.4.1), to recognise a list.
const TYPES: [EfiGuid; 11] = [
    SHA256,
    X509,
    X509_SHA256,
    // RSA2048, RSA2048_SHA256, SHA1, RSA2048_SHA1
    EfiGuid::new(0x3c57_66e8, 0x269c, 0x4e34, [0xaa, 0x14, 0xed, 0x77, 0x6e, 0x85, 0xb3, 0xb6]),
    EfiGuid::new(0xe2b3_6190, 0x879b, 0x4a3d, [0xad, 0x8d, 0xf2, 0xe7, 0xbb, 0xa3, 0x27, 0x84]),
    EfiGuid::new(0x826c_a512, 0xcf10, 0x4ac9, [0xb1, 0x87, 0xbe, 0x01, 0x49, 0x66, 0x31, 0xbd]),
    EfiGuid::new(0x67f8_444f, 0x8743, 0x48f1, [0xa3, 0x28, 0x1e, 0xaa, 0xb8, 0x73, 0x60, 0x80]),
    // SHA384, SHA512
    EfiGuid::new(0xff3e_5307, 0x9fd0, 0x48c9, [0x85, 0xf1, 0x8a, 0xd5, 0x6c, 0x70, 0x1e, 0x01]),
    EfiGuid::new(0x093e_0fae, 0xa6c4, 0x4f50, [0x9f, 0x1b, 0xd4, 0x1e, 0x2b, 0x89, 0xc1, 0x9a]),
    // X509_SHA384, X509_SHA512
    EfiGuid::new(0x7076_876e, 0x80c2, 0x4ee6, [0xaa, 0xd2, 0x28, 0xb3, 0x49, 0xa6, 0x86, 0x5b]),
    EfiGuid::new(0x446d_bf63, 0x2502, 0x4cda, [0xbc, 0xfa, 0x24, 0x65, 0xd2, 0xb0, 0xfe, 0x9d]),
];

/// Reason why a revocation list can't be read. Completes a sentence about "it".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedRevocations(&'static str);

impl fmt::Display for MalformedRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const TRUNCATED: MalformedRevocations = MalformedRevocations("it is truncated");

impl Revocations {
    /// Parses a revocation list.
    ///
    /// # Errors
    ///
    /// If `bytes` is not a revocation list, or is damaged.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedRevocations> {
        let mut rest = unwrap_lists(bytes)?;
        let mut revoked = Self::default();
        while !rest.is_empty() {
            // UEFI 2.10, 32.4.1: type, length of the list, of its header, and of an entry.
            let (head, _) = rest.split_first_chunk::<28>().ok_or(TRUNCATED)?;
            let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
            let (kind, len, header_len, entry_len) = (guid(head), word(16), word(20), word(24));
            const WRONG: MalformedRevocations = MalformedRevocations("one of its lists has impossible lengths");
            if len < 28 {
                return Err(WRONG);
            }
            let list = rest.get(..len).ok_or(TRUNCATED)?;
            let entries = list.get(28usize.checked_add(header_len).ok_or(WRONG)?..).ok_or(WRONG)?;
            if entry_len <= 16 || !entries.len().is_multiple_of(entry_len) {
                return Err(WRONG);
            }
            for entry in entries.chunks_exact(entry_len) {
                revoked.add_entry(kind, guid(entry), &entry[16..])?;
            }
            rest = &rest[len..];
        }
        Ok(revoked)
    }

    fn add_entry(&mut self, kind: EfiGuid, owner: EfiGuid, data: &[u8]) -> Result<(), MalformedRevocations> {
        const SHORT: MalformedRevocations = MalformedRevocations("one of its entries is too short for its type");
        if kind == SHA256 && owner == VERSION_OWNER {
            // Version of the format, program, number; the rest is reserved.
            let (&[1, ref program @ .., a, b, c, d], _) = data.split_first_chunk::<21>().ok_or(SHORT)? else {
                self.n_others += 1;
                return Ok(());
            };
            let version = SecureVersion::from_number(u32::from_le_bytes([a, b, c, d]));
            let known = self.versions.entry(EfiGuid(*program)).or_insert(version);
            *known = version.max(*known);
        } else if kind == SHA256 {
            let (digest, _) = data.split_first_chunk().ok_or(SHORT)?;
            self.images.insert(Sha256(*digest));
        } else if kind == X509_SHA256 {
            // A time follows, after which signatures are revoked. Time stamps are not verified, so
            // all are.
            let (digest, _) = data.split_first_chunk().ok_or(SHORT)?;
            self.certificate_digests.insert(Sha256(*digest));
        } else if kind == X509 {
            let certificate = Certificate::from_der(data);
            self.certificates
                .push(certificate.map_err(|_| MalformedRevocations("one of its certificates can't be read"))?);
        } else {
            self.n_others += 1;
        }
        Ok(())
    }
}

/// Strips the header of an update or a variable.
fn unwrap_lists(bytes: &[u8]) -> Result<&[u8], MalformedRevocations> {
    let begins = |bytes: &[u8]| bytes.len() >= 28 && TYPES.contains(&guid(bytes));
    if bytes.is_empty() {
        return Err(MalformedRevocations("it is empty"));
    }
    if begins(bytes) {
        return Ok(bytes);
    }
    if let Some(rest) = bytes.get(4..).filter(|rest| begins(rest)) {
        return Ok(rest);
    }
    // A time of 16 bytes, then length, revision and type of the certificate, and the signature
    // type.
    if bytes.get(24..40).is_some_and(|kind| guid(kind) == PKCS7) && bytes[20..24] == [0x00, 0x02, 0xF1, 0x0E] {
        let len = u32::from_le_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]) as usize;
        let rest = bytes.get(16usize.saturating_add(len)..).ok_or(TRUNCATED)?;
        if begins(rest) {
            return Ok(rest);
        }
    }
    Err(MalformedRevocations("it is not a signature list or an update of one"))
}

/// First 16 bytes. Panics if there are fewer.
fn guid(bytes: &[u8]) -> EfiGuid {
    let mut guid = [0; 16];
    guid.copy_from_slice(&bytes[..16]);
    EfiGuid(guid)
}
