//! What of an output depends on secrets, and what may be kept of it.
//!
//! Everything else of an output may be kept in the open: its identity leaves out the bytes of such files, and what the
//! record, saved plans and the cache have of those is keyed with a [`Veil`]. The medium itself carries plain digests
//! of them, as it carries the files.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Output, lists};
use crate::content::Content;
use crate::digest::Digest;
use crate::secret::{Secret, Veil};
use crate::volume::Node;

/// What of an output depends on secrets.
#[derive(Clone, Debug)]
pub struct Veiled {
    veil: Arc<Veil>,
    files: Vec<String>,
    values: Vec<VeiledValue>,
}

/// A secret that went into an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VeiledValue {
    /// What it is, in words: ``the variable `OSDJoinPassword` ``.
    pub name: String,
    /// Its digest under a veil.
    pub digest: Digest,
}

/// What is kept of the secrets of an output that was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptSecrets {
    /// Which veil the digests are under. Under another one nobody can tell whether they are the same.
    pub veil: Digest,
    /// The digest of all files that depend on them.
    pub digest: Digest,
    /// The files of the medium whose digests are under the veil too.
    pub files: Vec<String>,
    /// The secrets one by one.
    pub values: Vec<VeiledValue>,
}

impl Veiled {
    /// Nothing yet, to be kept under a veil.
    pub fn new(veil: Arc<Veil>) -> Self {
        Self { veil, files: Vec::new(), values: Vec::new() }
    }

    /// Takes in a secret that the output depends on: what it is, in words.
    pub fn add_value(&mut self, name: impl Into<String>, value: &Secret) {
        let name = name.into();
        let digest = self.veil.digest(&name, value.bytes());
        self.values.push(VeiledValue { name, digest });
    }

    /// Takes in a file, by its path on the medium, whose bytes depend on secrets.
    pub fn add_file(&mut self, path: &str) {
        self.files.push(path.to_owned());
    }

    /// Whether nothing depends on secrets.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl Output {
    /// Whether the bytes of the file at a path of the medium depend on secrets. Of the lists only those that list
    /// such a file do.
    pub fn is_veiled(&self, path: &str) -> bool {
        let is_list = [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].contains(&path);
        match is_list {
            true => self.veiled_files().next().is_some(),
            false => self.veiled_files().any(|(veiled, _)| veiled == path),
        }
    }

    /// The files here that depend on secrets.
    fn veiled_files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.veiled.iter().flat_map(|veiled| &veiled.files);
        files.filter_map(|path| match self.root.get(path) {
            Some(Node::File(Content::Bytes(bytes))) => Some((path.as_str(), &bytes[..])),
            _ => None,
        })
    }

    /// The digest of the files that depend on secrets, if there are any: what the medium carries beside its identity.
    pub fn secrets(&self) -> Option<Digest> {
        let mut hasher = blake3::Hasher::new();
        let mut n_files = 0;
        for (path, bytes) in self.veiled_files() {
            for part in [path.as_bytes(), bytes] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
            n_files += 1;
        }
        (n_files > 0).then(|| Digest(*hasher.finalize().as_bytes()))
    }

    /// What may be kept of [`secrets`](Output::secrets), of this output or of one that is to become it.
    pub fn under_veil(&self, secrets: Digest) -> Option<Digest> {
        let mut digest = self.veiled.as_ref()?.veil.digest("secrets of a medium", &secrets.0);
        // The cache keeps so much of it.
        digest.0[20..].fill(0);
        Some(digest)
    }

    /// What may be kept of the digest of one of its files.
    pub fn kept_digest(&self, path: &str, blake3: Digest) -> Digest {
        match self.veiled.as_ref().filter(|_| self.is_veiled(path)) {
            Some(veiled) => veiled.veil.digest(path, &blake3.0),
            None => blake3,
        }
    }

    /// What may be kept of its secrets, if it depends on any.
    pub fn kept_secrets(&self) -> Option<KeptSecrets> {
        let (veiled, secrets) = (self.veiled.as_ref()?, self.secrets()?);
        let mut files: Vec<_> = self.veiled_files().map(|(path, _)| path.to_owned()).collect();
        files.extend([lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].map(str::to_owned));
        let digest = self.under_veil(secrets)?;
        Some(KeptSecrets { veil: veiled.veil.id(), digest, files, values: veiled.values.clone() })
    }
}
