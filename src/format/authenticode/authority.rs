//! Microsoft authorities that sign boot programs, and how a certificate chain is matched to them.
//!
//! Every Microsoft signature contains the authority's certificate, which is matched by SHA-256
//! fingerprint. The fingerprints are those of the files in Microsoft's repository
//! `secureboot_objects`; "Windows Secure Boot Key Creation and Management Guidance" lists the SHA-1
//! thumbprints. If the certificate is missing or has another fingerprint, the name alone is
//! matched: anybody can use that name, and firmware does not trust it.

use std::fmt;

use crate::digest::Sha256;
use crate::foreign_text::{from_utf8, from_utf16};
use crate::format::asn1::{Der, SEQUENCE, SET};
use crate::format::certificate::Certificate;

/// Microsoft authority that signs boot programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authority {
    /// Has signed Windows since 2011. Revoked in firmware with all mitigations of CVE-2023-24932.
    WindowsProductionPca2011,
    /// Has signed Windows since 2023.
    WindowsUefiCa2023,
    /// Has signed third-party programs since 2011.
    UefiCa2011,
    /// Has signed third-party programs since 2023.
    UefiCa2023,
}

/// Authority of a signature and the property that identified it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecognisedAuthority {
    /// Matched authority.
    pub authority: Authority,
    /// Property that matched.
    pub matched_by: AuthorityMatch,
}

/// Property of a certificate chain that identifies an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityMatch {
    /// SHA-256 fingerprint of a certificate in the chain.
    Fingerprint,
    /// Issuer name of the last certificate; the authority's own certificate is missing.
    IssuerName,
    /// Subject name of a certificate with another fingerprint than Microsoft's.
    OtherCertificate,
}

impl Authority {
    /// All authorities.
    pub const ALL: [Self; 4] =
        [Self::WindowsProductionPca2011, Self::WindowsUefiCa2023, Self::UefiCa2011, Self::UefiCa2023];

    /// Common name in the authority's certificate.
    pub fn name(self) -> &'static str {
        match self {
            Self::WindowsProductionPca2011 => "Microsoft Windows Production PCA 2011",
            Self::WindowsUefiCa2023 => "Windows UEFI CA 2023",
            Self::UefiCa2011 => "Microsoft Corporation UEFI CA 2011",
            Self::UefiCa2023 => "Microsoft UEFI CA 2023",
        }
    }

    /// SHA-256 digest of the authority's certificate.
    pub fn fingerprint(self) -> Sha256 {
        Sha256(match self {
            Self::WindowsProductionPca2011 => hex(b"e8e95f0733a55e8bad7be0a1413ee23c51fcea64b3c8fa6a786935fddcc71961"),
            Self::WindowsUefiCa2023 => hex(b"076f1fea90ac29155ebf77c17682f75f1fdd1be196da302dc8461e350a9ae330"),
            Self::UefiCa2011 => hex(b"48e99b991f57fc52f76149599bff0a58c47154229b9f8d603ac40d3500248507"),
            Self::UefiCa2023 => hex(b"f6124e34125bee3fe6d79a574eaa7b91c0e7bd9d929c1a321178efd611dad901"),
        })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Finds the authority that a certificate chain leads to.
pub(super) fn recognise(chain: &[Certificate]) -> Option<RecognisedAuthority> {
    for certificate in chain {
        let fingerprint = certificate.fingerprint();
        if let Some(authority) = Authority::ALL.into_iter().find(|authority| authority.fingerprint() == fingerprint) {
            return Some(RecognisedAuthority { authority, matched_by: AuthorityMatch::Fingerprint });
        }
    }
    let named = |name: &[u8]| {
        let name = common_name(name)?;
        Authority::ALL.into_iter().find(|authority| authority.name() == name)
    };
    // The signer's own certificate may bear any name.
    let of_subjects = chain.iter().skip(1).find_map(|certificate| named(&certificate.encoded_names().0));
    if let Some(authority) = of_subjects {
        return Some(RecognisedAuthority { authority, matched_by: AuthorityMatch::OtherCertificate });
    }
    let authority = named(&chain.last()?.encoded_names().1)?;
    Some(RecognisedAuthority { authority, matched_by: AuthorityMatch::IssuerName })
}

/// Common name (`2.5.4.3`) in an encoded distinguished name. The last one counts if there are
/// several: it is the most specific.
pub(crate) fn common_name(name: &[u8]) -> Option<String> {
    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    let mut parts = Der(Der(name).next_tagged(SEQUENCE)?.value);
    let mut found = None;
    while let Some(part) = parts.next_tagged(SET) {
        let mut pair = Der(Der(part.value).next_tagged(SEQUENCE)?.value);
        if pair.next()?.value != COMMON_NAME {
            continue;
        }
        let text = pair.next()?;
        let name = match text.tag {
            // BMPString has two bytes per character; the other types have one, or are UTF-8.
            0x1E => {
                let units = text.value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                from_utf16(units)
            }
            _ => from_utf8(text.value),
        };
        found = Some(name);
    }
    found
}

/// Decodes a published fingerprint at compile time.
const fn hex(digits: &[u8; 64]) -> [u8; 32] {
    const fn nibble(digit: u8) -> u8 {
        match digit {
            b'0'..=b'9' => digit - b'0',
            _ => digit - b'a' + 10,
        }
    }
    let mut bytes = [0; 32];
    let mut at = 0;
    while at < 32 {
        bytes[at] = nibble(digits[2 * at]) << 4 | nibble(digits[2 * at + 1]);
        at += 1;
    }
    bytes
}
