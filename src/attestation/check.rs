//! Verifies the bundles beside a medium with a public key.

use std::io;

use camino::Utf8Path;
use serde_json::Value as Json;

use super::AttestationKind;
use super::bundle::{self, Bundle};
use super::digest::sha256_of;
use super::statement::Statement;
use crate::digest::Sha256;
use crate::error::Result;
use crate::format::signing_key::VerificationKey;
use crate::limits::{self, MAX_ATTESTATION_LEN};
use crate::output::ReadSeek;
use crate::progress::Progress;

/// Statement about a medium whose signature is valid.
#[derive(Clone, Debug)]
pub struct CheckedAttestation {
    /// Path of the bundle.
    pub path: String,
    /// Kind of the statement.
    pub kind: AttestationKind,
    /// Builder and inputs; `None` if the statement is not a provenance.
    pub origin: Option<Origin>,
}

/// Builder and inputs that a provenance names. The texts are those of the signer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// URI of the builder.
    pub builder: String,
    /// Version of tsmedia that made the statement.
    pub version: Option<String>,
    /// Path of the manifest.
    pub manifest: Option<String>,
    /// Site that the medium is for.
    pub site: Option<String>,
    /// Number of input files.
    pub n_inputs: usize,
}

/// Fault of the bundles of a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationFault {
    /// Path of the bundle; `None` if there is none.
    pub path: Option<String>,
    /// Reason, as a fragment about "it".
    pub why: String,
}

/// Verifies all bundles beside a medium: the signature with `key`, and that the statement is about exactly these bytes.
///
/// # Errors
///
/// If the medium can't be read, or the run is interrupted. Bundles that can't be read are faults.
pub fn check(
    medium: &Utf8Path,
    image: &mut dyn ReadSeek,
    key: &VerificationKey,
    progress: &Progress,
) -> Result<(Vec<CheckedAttestation>, Vec<AttestationFault>)> {
    let sha256 = sha256_of(image, progress)?;
    let (mut checked, mut faults) = (Vec::new(), Vec::new());
    for kind in AttestationKind::ALL {
        let path = kind.bundle_path(medium);
        let text = match limits::read_text(&path, MAX_ATTESTATION_LEN) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            text => text.map_err(|error| format!("it can't be read: {error}")),
        };
        match text.and_then(|text| check_bundle(&text, kind, &sha256, key)) {
            Ok(origin) => checked.push(CheckedAttestation { path: path.into_string(), kind, origin }),
            Err(why) => faults.push(AttestationFault { path: Some(path.into_string()), why }),
        }
    }
    if checked.is_empty() && faults.is_empty() {
        let expected = AttestationKind::Provenance.bundle_path(medium);
        faults.push(AttestationFault {
            path: None,
            why: format!("not signed: it has no bundle beside it, such as `{expected}`"),
        });
    }
    Ok((checked, faults))
}

fn check_bundle(
    text: &str,
    kind: AttestationKind,
    sha256: &Sha256,
    key: &VerificationKey,
) -> std::result::Result<Option<Origin>, String> {
    let bundle = Bundle::parse(text)?;
    if !bundle.is_signed_by(key) {
        return Err(match bundle.hint == bundle::hint(key) {
            true => "its signature is invalid: the statement was modified after it was signed".to_owned(),
            false => format!("it was not signed with this key: it names the key `{}`", bundle.hint),
        });
    }
    // Only now is the payload more than foreign text.
    let statement = Statement::parse(&bundle.payload)?;
    statement.check(kind, sha256)?;
    Ok((kind == AttestationKind::Provenance).then(|| Origin::read(&statement.predicate)))
}

impl Origin {
    /// Reads a provenance. Missing fields stay empty, since other tools write them in other ways.
    fn read(predicate: &Json) -> Self {
        let text = |pointer: &str| predicate.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        let inputs = predicate.pointer("/buildDefinition/resolvedDependencies").and_then(Json::as_array);
        Self {
            builder: text("/runDetails/builder/id").unwrap_or_default(),
            version: text("/runDetails/builder/version/tsmedia"),
            manifest: text("/buildDefinition/externalParameters/manifest"),
            site: text("/buildDefinition/externalParameters/site"),
            n_inputs: inputs.map_or(0, Vec::len),
        }
    }
}
