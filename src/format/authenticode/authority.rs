//! The authorities of Microsoft that firmware trusts or not, and how they are told.
//!
//! By the SHA-256 fingerprint of the certificate, which is in every signature of Microsoft's own. The fingerprints are
//! those of the files in Microsoft's repository `secureboot_objects`; their SHA-1 thumbprints are in its "Windows Secure
//! Boot Key Creation and Management Guidance" too. By name alone where that certificate is missing or is another: a name
//! is what anybody can write, and firmware does not go by it.

use std::fmt;

use crate::digest::Sha256;
use crate::foreign_text::{from_utf8, from_utf16};
use crate::format::asn1::{Der, SEQUENCE, SET};
use crate::format::certificate::Certificate;

/// An authority of Microsoft that signs boot programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authority {
    /// Signs Windows since 2011. Where CVE-2023-24932 is mitigated in full, firmware has revoked it.
    WindowsProductionPca2011,
    /// Signs Windows since 2023.
    WindowsUefiCa2023,
    /// Signs the programs of others since 2011.
    UefiCa2011,
    /// Signs the programs of others since 2023.
    UefiCa2023,
}

/// An authority, and how it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// Which.
    pub authority: Authority,
    /// By what.
    pub by: By,
}

/// What an authority was told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Its certificate.
    Fingerprint,
    /// The name that a certificate gives as its issuer's, which is not with the signature.
    IssuerName,
    /// The name of a certificate that is another than Microsoft's.
    OtherCertificate,
}

impl Authority {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::WindowsProductionPca2011, Self::WindowsUefiCa2023, Self::UefiCa2011, Self::UefiCa2023];

    /// Its common name.
    pub fn name(self) -> &'static str {
        match self {
            Self::WindowsProductionPca2011 => "Microsoft Windows Production PCA 2011",
            Self::WindowsUefiCa2023 => "Windows UEFI CA 2023",
            Self::UefiCa2011 => "Microsoft Corporation UEFI CA 2011",
            Self::UefiCa2023 => "Microsoft UEFI CA 2023",
        }
    }

    /// The SHA-256 digest of its certificate.
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

/// The authority that a chain leads to.
pub(super) fn recognise(chain: &[Certificate]) -> Option<Recognised> {
    for certificate in chain {
        let fingerprint = certificate.fingerprint();
        if let Some(authority) = Authority::ALL.into_iter().find(|authority| authority.fingerprint() == fingerprint) {
            return Some(Recognised { authority, by: By::Fingerprint });
        }
    }
    let named = |name: &[u8]| {
        let name = common_name(name)?;
        Authority::ALL.into_iter().find(|authority| authority.name() == name)
    };
    let of_subjects = chain.iter().skip(1).find_map(|certificate| named(&certificate.encoded_names().0));
    if let Some(authority) = of_subjects {
        return Some(Recognised { authority, by: By::OtherCertificate });
    }
    let authority = named(&chain.last()?.encoded_names().1)?;
    Some(Recognised { authority, by: By::IssuerName })
}

/// The common name in an encoded name (`2.5.4.3`), if there is one. Of several the last counts, which is the nearest.
pub(crate) fn common_name(name: &[u8]) -> Option<String> {
    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    let mut parts = Der(Der(name).next_of(SEQUENCE)?.value);
    let mut found = None;
    while let Some(part) = parts.next_of(SET) {
        let mut pair = Der(Der(part.value).next_of(SEQUENCE)?.value);
        if pair.next()?.value != COMMON_NAME {
            continue;
        }
        let text = pair.next()?;
        let name = match text.tag {
            // BMPString, two bytes a character; all others have one byte or are UTF-8.
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

/// Digits as they are published, at compile time.
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
