//! EFI boot programs as Secure Boot sees them: architecture, signatures and revocation.
//!
//! [`BootProgram`] holds everything that has to be read from the file. [`BootProgram::signatures`]
//! checks its signatures, and [`BootProgram::revoked_by`] looks for it in a revocation list, as
//! firmware does (UEFI 2.10, 32.5.3.3, and EDK II's `DxeImageVerificationLib`: one revoked
//! signature is enough).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::digest::Sha256;
use crate::format::authenticode::{self, Signature};
use crate::format::pe::{FileVersion, MalformedPe, Pe, Subsystem};
use crate::format::revocations::{BOOT_MANAGER, Revocations, SecureVersion};
use crate::format::wim::Architecture;

/// An EFI boot program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BootProgram {
    /// Architecture, if Windows PE exists for it.
    pub architecture: Option<Architecture>,
    /// Architecture as a number (PE Format, "Machine Types").
    pub machine: u16,
    /// `true` for an EFI application, which firmware can start.
    pub is_application: bool,
    /// Authenticode SHA-256 digest, which revocation lists contain, too.
    pub sha256: Sha256,
    /// File version from the version resource.
    pub version: Option<[u16; 4]>,
    /// Secure Version Number of a Windows boot manager.
    pub secure_version: Option<SecureVersion>,
    /// Entries of the certificate table.
    certificate_table: Vec<Vec<u8>>,
}

/// Name of the resource with a boot manager's Secure Version Number.
const SECURE_VERSION: &str = "BOOTMGRSECURITYVERSIONNUMBER";

impl BootProgram {
    /// Reads a boot program.
    ///
    /// # Errors
    ///
    /// If `bytes` is not a PE file, or is damaged.
    pub fn read(bytes: &[u8]) -> Result<Self, MalformedPe> {
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

    /// Checks the signatures, in the order of the certificate table.
    pub fn signatures(&self) -> Vec<Result<Signature, authenticode::MalformedSignature>> {
        self.certificate_table.iter().map(|bytes| Signature::read(bytes, &self.sha256)).collect()
    }

    /// Returns `true` if the program has a signature, valid or not.
    pub fn is_signed(&self) -> bool {
        !self.certificate_table.is_empty()
    }

    /// Name of the architecture, or its number.
    pub fn processors(&self) -> String {
        self.architecture.map_or_else(|| format!("processors of type {:#06x}", self.machine), |known| known.to_string())
    }

    /// Finds the first entry of a revocation list that prevents the program from starting.
    pub fn revoked_by(&self, revocations: &Revocations) -> Option<Revocation> {
        if revocations.images.contains(&self.sha256) {
            return Some(Revocation::Image(self.sha256));
        }
        let chains = self.signatures().into_iter().flatten().map(|signature| signature.chain);
        for certificate in chains.flatten() {
            // An authority need not be part of the signature: firmware also looks for the issuer in
            // its list.
            let listed = revocations.certificates.iter().find(|revoked| {
                revoked.der() == certificate.der()
                    || (certificate.is_issued_by(revoked) && certificate.check_signed_by(revoked).is_ok())
            });
            let by_digest = || {
                let digest = tbs_digest(certificate.der());
                revocations.certificate_digests.contains(&digest).then_some(&certificate)
            };
            if let Some(revoked) = listed.or_else(by_digest) {
                let (subject, _) = revoked.encoded_names();
                let name = authenticode::common_name(&subject).unwrap_or_else(|| revoked.subject());
                return Some(Revocation::Certificate(name));
            }
        }
        let lowest = revocations.versions.get(&BOOT_MANAGER).copied();
        match (self.secure_version, lowest) {
            (Some(own), Some(lowest)) if own < lowest => Some(Revocation::Version { own, lowest }),
            _ => None,
        }
    }
}

/// Reason why a boot program is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The digest of the program is listed.
    Image(Sha256),
    /// A certificate in the chain of a signature is listed, or its issuer is: the common name.
    Certificate(String),
    /// The Secure Version Number of the boot manager is too low, so that it stops by itself.
    Version {
        /// Secure Version Number of the program.
        own: SecureVersion,
        /// Lowest Secure Version Number that may start.
        lowest: SecureVersion,
    },
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(digest) => write!(f, "its digest {digest} is revoked"),
            Self::Certificate(name) => write!(f, "it is signed with the certificate of `{name}`, which is revoked"),
            Self::Version { own, lowest } => {
                write!(f, "its Secure Version Number is {own}; boot managers below {lowest} refuse to start")
            }
        }
    }
}

/// Digest of the signed part of a certificate (RFC 5280, 4.1.1.1), its first field.
fn tbs_digest(certificate: &[u8]) -> Sha256 {
    Sha256::hash(authenticode::first_field(certificate))
}

/// Architecture of the computers that start a program with this path from removable media (UEFI
/// 2.10, 3.5.1.1); `None` for other paths.
pub fn removable_media_architecture(path: &str) -> Option<Architecture> {
    let path = path.to_ascii_lowercase();
    match path.strip_prefix("efi/boot/boot")?.strip_suffix(".efi")? {
        "x64" => Some(Architecture::X64),
        "ia32" => Some(Architecture::X86),
        "aa64" => Some(Architecture::Arm64),
        "arm" => Some(Architecture::Arm),
        _ => None,
    }
}

/// Returns `true` if Secure Boot checks the file at this path of a medium: an EFI program.
pub fn is_boot_program(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.ends_with(".efi") && (path.starts_with("efi/") || !path.contains('/'))
}
