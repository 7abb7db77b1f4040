//! Signs the documents about a medium, with a key or by a command.
//!
//! A command gets the bytes to sign on standard input and prints the signature, so that keys stay in tokens (PKCS #11) or
//! with a service. Each signature is verified before a bundle is written.

use std::io;
use std::process::Command;

use base64ct::{Base64, Encoding as _};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::AttestationKind;
use super::bundle::{self, Bundle, pre_authentication_encoding};
use super::digest::sha256_of;
use super::statement::{Statement, about_another, statement};
use crate::bounded_command;
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::format::signing_key::{SigningKey, VerificationKey};
use crate::limits::{self, MAX_ATTESTATION_LEN, MAX_SIGNATURE_LEN};
use crate::output::ReadSeek;
use crate::progress::Progress;
use crate::write::{DiskOps, open, replace};

/// Makes signatures.
#[derive(Debug)]
pub struct Signer {
    /// Source of the signatures.
    source: SignatureSource,
    /// Key that verifies them.
    pub public_key: VerificationKey,
}

#[derive(Debug)]
enum SignatureSource {
    Key(SigningKey),
    /// Command for the shell.
    Command(String),
}

impl Signer {
    /// Signs with a private key.
    ///
    /// # Errors
    ///
    /// If the key is damaged.
    pub fn with_key(key: SigningKey) -> Result<Self> {
        let public_key = key.verification_key().map_err(|why| Error::new(format!("the key can't be used: {why}")))?;
        Ok(Self { source: SignatureSource::Key(key), public_key })
    }

    /// Signs by a command for the shell. `public_key` is the key that the command signs with.
    pub fn with_command(command: &str, public_key: VerificationKey) -> Self {
        Self { source: SignatureSource::Command(command.to_owned()), public_key }
    }

    /// Signs a message, and verifies the signature.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        match &self.source {
            SignatureSource::Key(key) => {
                let signature = key.sign(message).filter(|signature| self.public_key.verifies(message, signature));
                signature.ok_or_else(|| Error::new("the key can't sign"))
            }
            SignatureSource::Command(command) => {
                let printed = run(command, message)?;
                let text = str::from_utf8(&printed).ok().map(|text| text.split_whitespace().collect::<String>());
                let decoded = text.and_then(|text| Base64::decode_vec(&text).ok());
                let candidates = [Some(printed.to_vec()), decoded].into_iter().flatten();
                let mut candidates = candidates.map(|signature| self.public_key.normalized(signature));
                candidates.find(|signature| self.public_key.verifies(message, signature)).ok_or_else(|| {
                    let (len, algorithm) = (printed.len(), self.public_key.algorithm());
                    Error::new(format!(
                        "`{command}` printed {len} bytes that are not a signature with the public key ({algorithm})"
                    ))
                    .help("the command has to sign its standard input, with SHA-256 unless the key is Ed25519")
                })
            }
        }
    }
}

/// Runs a command for the shell with an input, and returns its standard output. Its standard error is passed through.
fn run(command: &str, input: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    let ran = bounded_command::run(&mut shell, input, MAX_SIGNATURE_LEN);
    match ran.map_err(|error| Error::new(format!("running `{command}`")).because(error))? {
        Some((status, printed)) if status.success() => Ok(printed),
        Some((status, _)) => Err(Error::new(format!("`{command}` failed with {status}"))),
        None => Err(Error::new(format!("`{command}` printed more than {MAX_SIGNATURE_LEN} bytes"))
            .help("print the signature alone")),
    }
}

/// Signs the documents beside a medium. Returns their kinds, and the paths of the bundles.
///
/// # Errors
///
/// If there are none, or one is about another medium.
pub fn sign(
    medium: &Utf8Path,
    image: &mut dyn ReadSeek,
    signer: &Signer,
    progress: &Progress,
) -> Result<Vec<(AttestationKind, Utf8PathBuf)>> {
    let name = medium.file_name().unwrap_or_default();
    let sha256 = sha256_of(image, progress)?;
    let mut bundles = Vec::new();
    for kind in AttestationKind::ALL {
        let path = kind.document_path(medium);
        let text = match limits::read_text(&path, MAX_ATTESTATION_LEN) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            text => text.map_err(|error| Error::io("reading", &path, error))?,
        };
        let payload = payload(kind, &text, name, &sha256).map_err(|why| {
            Error::new(format!("`{path}` can't be signed: {why}"))
                .help(format!("run `tsmedia attest {medium}` to write it again"))
        })?;
        let signature = signer.sign(&pre_authentication_encoding(&payload))?;
        let bundle = Bundle { payload, signature, hint: bundle::hint(&signer.public_key) };
        bundles.push((kind, kind.bundle_path(medium), bundle.to_json()));
    }
    if bundles.is_empty() {
        return Err(Error::new(format!("`{medium}` has no documents to sign"))
            .help(format!("run `tsmedia attest {medium}` first")));
    }
    for (_, path, text) in &bundles {
        open::refuse_link(path)?;
        replace(&DiskOps::default(), path, text.as_bytes())?;
    }
    Ok(bundles.into_iter().map(|(kind, path, _)| (kind, path)).collect())
}

/// Returns the statement of a document. The error is the reason why it is not about the medium, as a fragment about "it".
fn payload(kind: AttestationKind, text: &str, name: &str, sha256: &Sha256) -> std::result::Result<Vec<u8>, String> {
    if kind == AttestationKind::Provenance {
        Statement::parse(text.as_bytes())?.check(kind, sha256)?;
        return Ok(text.as_bytes().to_vec());
    }
    let document: Json = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let digest = match kind {
        AttestationKind::Spdx => document.pointer("/packages/0/checksums/0/checksumValue"),
        _ => document.pointer("/metadata/component/hashes/0/content"),
    };
    let digest = digest.and_then(Json::as_str).unwrap_or("none");
    if digest != sha256.to_string() {
        return Err(about_another(digest, sha256));
    }
    Ok(statement(name, sha256, kind, &document).to_string().into_bytes())
}
