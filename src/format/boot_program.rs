//! What Secure Boot makes of a program: whom it is for, who signed it, and whether it is revoked.
//!
//! [`BootProgram`] is all that has to be read of the file, once; whose its signatures are and whether they are good is
//! found out of that ([`BootProgram::signatures`]), and whether a revocation list names it ([`BootProgram::revoked_by`])
//! as firmware does it (UEFI 2.10, 32.5.3.3, and EDK II's `DxeImageVerificationLib`: one revoked signature is enough).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::digest::Sha256;
use crate::format::authenticode::{self, Signature};
use crate::format::pe::{FileVersion, Malformed, Pe, Subsystem};
use crate::format::revocations::{BOOT_MANAGER, Revocations, SecureVersion};
use crate::format::wim::Architecture;

/// What is read of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BootProgram {
    /// The processors that it is for, if Windows PE runs on such ones.
    pub architecture: Option<Architecture>,
    /// The same by its number (PE Format, "Machine Types").
    pub machine: u16,
    /// Whether firmware starts it: whether it is an EFI application.
    pub is_application: bool,
    /// The digest that Authenticode signs, and that revocation lists hold.
    pub sha256: Sha256,
    /// The version in its version resource.
    pub version: Option<[u16; 4]>,
    /// The Secure Version Number of a Windows boot manager that has one.
    pub secure_version: Option<SecureVersion>,
    /// The signatures of its certificate table, as they are there.
    certificate_table: Vec<Vec<u8>>,
}

/// What a Windows boot manager calls its Secure Version Number, among its resources.
const SECURE_VERSION: &str = "BOOTMGRSECURITYVERSIONNUMBER";

impl BootProgram {
    /// Reads a program.
    ///
    /// # Errors
    ///
    /// When it is no PE file, or a damaged one.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let pe = Pe::parse(bytes)?;
        let mut hasher = sha2::Sha256::new();
        pe.signed_bytes().for_each(|bytes| hasher.update(bytes));
        let secure_version = pe.raw_resource(SECURE_VERSION).and_then(|bytes| bytes.first_chunk());
        Ok(Self {
            architecture: pe.architecture(),
            machine: pe.machine(),
            is_application: pe.subsystem() == Subsystem::EfiApplication,
            sha256: Sha256(hasher.finalize().into()),
            version: pe.file_version().map(|FileVersion(version)| version),
            secure_version: secure_version.map(|bytes| SecureVersion::from_number(u32::from_le_bytes(*bytes))),
            certificate_table: pe.signatures()?.into_iter().map(<[u8]>::to_vec).collect(),
        })
    }

    /// Its signatures, in their order.
    pub fn signatures(&self) -> Vec<Result<Signature, authenticode::Malformed>> {
        self.certificate_table.iter().map(|bytes| Signature::read(bytes, &self.sha256)).collect()
    }

    /// Whether it has any signature.
    pub fn is_signed(&self) -> bool {
        !self.certificate_table.is_empty()
    }

    /// The processors that it is for, in words.
    pub fn processors(&self) -> String {
        self.architecture.map_or_else(|| format!("processors of type {:#06x}", self.machine), |known| known.to_string())
    }

    /// The first reason in a revocation list for which it does not start.
    pub fn revoked_by(&self, revocations: &Revocations) -> Option<Revoked> {
        if revocations.images.contains(&self.sha256) {
            return Some(Revoked::Image(self.sha256));
        }
        let chains = self.signatures().into_iter().flatten().map(|signature| signature.chain);
        for certificate in chains.flatten() {
            let listed = revocations.certificates.iter().find(|revoked| {
                revoked.der() == certificate.der()
                    || (certificate.is_issued_by(revoked) && certificate.is_signed_by(revoked).is_ok())
            });
            let by_digest = || {
                let digest = signed_part_digest(certificate.der());
                revocations.certificate_digests.contains(&digest).then_some(&certificate)
            };
            if let Some(revoked) = listed.or_else(by_digest) {
                let (subject, _) = revoked.encoded_names();
                let name = authenticode::common_name(&subject).unwrap_or_else(|| revoked.subject());
                return Some(Revoked::Certificate(name));
            }
        }
        let lowest = revocations.versions.get(&BOOT_MANAGER).copied();
        match (self.secure_version, lowest) {
            (Some(own), Some(lowest)) if own < lowest => Some(Revoked::Version { own, lowest }),
            _ => None,
        }
    }
}

/// Why a program does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// Its digest is listed.
    Image(Sha256),
    /// A certificate of its signature, or the one that this is signed by, is listed: the name.
    Certificate(String),
    /// It is a boot manager of too low a Secure Version Number, and refuses to go on.
    Version {
        /// Its own.
        own: SecureVersion,
        /// The lowest that may start.
        lowest: SecureVersion,
    },
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(digest) => write!(f, "its digest {digest} is revoked"),
            Self::Certificate(name) => write!(f, "the certificate of `{name}` is revoked, and it is signed by that"),
            Self::Version { own, lowest } => {
                write!(f, "its Secure Version Number is {own}, and boot managers below {lowest} refuse to go on")
            }
        }
    }
}

/// The digest of what a certificate's signature is over (RFC 5280, 4.1.1.1): its first part.
fn signed_part_digest(certificate: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(authenticode::first_part(certificate)).into())
}

/// The processors of the computers that start a program of this name on a removable medium (UEFI 2.10, 3.5.1.1); none if
/// the name is no such one.
pub fn started_on(path: &str) -> Option<Architecture> {
    let path = path.to_ascii_lowercase();
    match path.strip_prefix("efi/boot/boot")?.strip_suffix(".efi")? {
        "x64" => Some(Architecture::X64),
        "ia32" => Some(Architecture::X86),
        "aa64" => Some(Architecture::Arm64),
        "arm" => Some(Architecture::Arm),
        _ => None,
    }
}

/// Whether a file of a medium is one that Secure Boot looks at, by its path: a program of EFI.
pub fn is_one(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.ends_with(".efi") && (path.starts_with("efi/") || !path.contains('/'))
}
