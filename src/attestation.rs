//! Descriptions of finished media, the proof of their origin, and signatures of both.
//!
//! [`Inventory`] lists the contents of a finished medium, from the medium alone. It is written as SPDX 2.3 ([`spdx`]) and
//! as CycloneDX 1.6 ([`cyclonedx`]). [`provenance`] states in SLSA v1 which inputs a medium was built from. Each of these
//! documents can be signed as an in-toto statement ([`statement`]) in a bundle of Sigstore ([`bundle`], [`signer`]). [`check`] verifies
//! the bundles beside a medium.
//!
//! The documents are deterministic: their date is that of the medium, and identifiers come from digests. They have no
//! digests of files that depend on secrets, since these would let anyone test guesses.
//!
//! The documents are written here, not with a crate: each needs a small part of its format, and tests validate it with
//! the official tools.

pub mod bundle;
pub mod check;
mod components;
pub mod cyclonedx;
mod digest;
mod inventory;
pub mod provenance;
pub mod signer;
pub mod spdx;
pub mod statement;

use camino::{Utf8Path, Utf8PathBuf};

pub use components::{Component, ComponentKind};
pub use inventory::{Inventory, InventoryFile};

/// Kind of a document about a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttestationKind {
    /// Contents, in SPDX 2.3.
    Spdx,
    /// Contents, in CycloneDX 1.6.
    CycloneDx,
    /// Inputs and builder, in SLSA v1.
    Provenance,
}

impl AttestationKind {
    /// All kinds, in the order written.
    pub const ALL: [Self; 3] = [Self::Spdx, Self::CycloneDx, Self::Provenance];

    /// Name for messages and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spdx => "SPDX",
            Self::CycloneDx => "CycloneDX",
            Self::Provenance => "provenance",
        }
    }

    /// Part of the names of its files.
    fn extension(self) -> &'static str {
        match self {
            Self::Spdx => "spdx",
            Self::CycloneDx => "cdx",
            Self::Provenance => "provenance",
        }
    }

    /// Type of the predicate in an in-toto statement.
    pub fn predicate_type(self) -> &'static str {
        match self {
            Self::Spdx => "https://spdx.dev/Document/v2.3",
            Self::CycloneDx => "https://cyclonedx.org/bom",
            Self::Provenance => "https://slsa.dev/provenance/v1",
        }
    }

    /// Path of the document about a medium: `win11.iso.spdx.json` beside `win11.iso`.
    pub fn document_path(self, medium: &Utf8Path) -> Utf8PathBuf {
        beside(medium, self.extension(), "json")
    }

    /// Path of the signed document: `win11.iso.spdx.sigstore.json` beside `win11.iso`.
    pub fn bundle_path(self, medium: &Utf8Path) -> Utf8PathBuf {
        beside(medium, self.extension(), "sigstore.json")
    }
}

fn beside(medium: &Utf8Path, kind: &str, extension: &str) -> Utf8PathBuf {
    medium.with_file_name(format!("{}.{kind}.{extension}", medium.file_name().unwrap_or_default()))
}

/// Formats a document: indented, with a line break at the end.
pub fn to_text(document: &serde_json::Value) -> String {
    format!("{document:#}\n")
}
