//! Keyed digests of secrets, so that a changed secret is noticed without storing anything that helps to guess it.
//!
//! The identity of an output leaves out the bytes of files that depend on secrets. The record, saved plans and the
//! cache store digests of these files that are keyed with a [`FingerprintKey`]. The medium itself lists plain digests,
//! since it contains the files anyway.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Output, lists};
use crate::content::Content;
use crate::digest::Digest;
use crate::secret::{FingerprintKey, Secret};
use crate::volume::Node;

/// Files and values of an output that depend on secrets.
#[derive(Clone, Debug)]
pub struct SecretContent {
    key: Arc<FingerprintKey>,
    files: Vec<String>,
    values: Vec<SecretFingerprint>,
}

/// Keyed digest of one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretFingerprint {
    /// Description of the secret for messages, such as ``the variable `OSDJoinPassword` ``.
    pub name: String,
    /// Digest keyed with a [`FingerprintKey`].
    pub digest: Digest,
}

/// Digests of the secrets of a built output, as stored in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedSecrets {
    /// Identifier of the fingerprint key. Digests of different keys can't be compared.
    #[serde(rename = "veil")]
    pub key: Digest,
    /// Keyed digest of all files that depend on secrets.
    pub digest: Digest,
    /// Files of the medium whose recorded digests are keyed too.
    pub files: Vec<String>,
    /// Keyed digests of the individual secrets.
    pub values: Vec<SecretFingerprint>,
}

impl SecretContent {
    /// Creates an empty set whose digests are keyed with `key`.
    pub fn new(key: Arc<FingerprintKey>) -> Self {
        Self { key, files: Vec::new(), values: Vec::new() }
    }

    /// Adds a secret that the output depends on. `name` describes it in messages.
    pub fn add_value(&mut self, name: impl Into<String>, value: &Secret) {
        let name = name.into();
        let digest = self.key.digest(&name, value.bytes());
        self.values.push(SecretFingerprint { name, digest });
    }

    /// Adds a file whose bytes depend on secrets, by its path on the medium.
    pub fn add_file(&mut self, path: &str) {
        self.files.push(path.to_owned());
    }

    /// Returns `true` if nothing depends on secrets.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl Output {
    /// Returns `true` if the bytes of the file at `path` depend on secrets. The medium's own lists do if any file does,
    /// since they list its digest.
    pub fn depends_on_secrets(&self, path: &str) -> bool {
        let is_list = [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].contains(&path);
        match is_list {
            true => self.secret_files().next().is_some(),
            false => self.secret_files().any(|(secret, _)| secret == path),
        }
    }

    /// Files of the output that depend on secrets, with their bytes.
    fn secret_files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.secret_content.iter().flat_map(|secret_content| &secret_content.files);
        files.filter_map(|path| match self.root.get(path) {
            Some(Node::File(Content::Bytes(bytes))) => Some((path.as_str(), &bytes[..])),
            _ => None,
        })
    }

    /// Computes the digest of all files that depend on secrets. `None` if there are none. The medium stores it next to
    /// its identity, but nothing else may: it is not keyed.
    pub fn secrets(&self) -> Option<Digest> {
        let mut hasher = blake3::Hasher::new();
        let mut n_files = 0;
        for (path, bytes) in self.secret_files() {
            for part in [path.as_bytes(), bytes] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
            n_files += 1;
        }
        (n_files > 0).then(|| Digest(*hasher.finalize().as_bytes()))
    }

    /// Turns a digest of [`secrets`](Output::secrets) into one that may be stored. `secrets` may come from this output
    /// or from an older version of it.
    pub fn fingerprint_of(&self, secrets: Digest) -> Option<Digest> {
        let mut digest = self.secret_content.as_ref()?.key.digest("secrets of a medium", &secrets.0);
        // The cache has room for 20 bytes.
        digest.0[20..].fill(0);
        Some(digest)
    }

    /// Returns the digest of a file that may be stored: keyed if the file depends on secrets.
    pub fn recordable_digest(&self, path: &str, blake3: Digest) -> Digest {
        match self.secret_content.as_ref().filter(|_| self.depends_on_secrets(path)) {
            Some(secret_content) => secret_content.key.digest(path, &blake3.0),
            None => blake3,
        }
    }

    /// Digests of the secrets for the record. `None` if the output does not depend on any.
    pub fn recorded_secrets(&self) -> Option<RecordedSecrets> {
        let (secret_content, secrets) = (self.secret_content.as_ref()?, self.secrets()?);
        let mut files: Vec<_> = self.secret_files().map(|(path, _)| path.to_owned()).collect();
        files.extend([lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].map(str::to_owned));
        let digest = self.fingerprint_of(secrets)?;
        Some(RecordedSecrets { key: secret_content.key.id(), digest, files, values: secret_content.values.clone() })
    }
}
