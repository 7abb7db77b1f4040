//! Formats the documents about media, their signatures and their keys.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value as Json, json};

use crate::attestation::check::CheckedAttestation;
use crate::attestation::{AttestationKind, Inventory};
use crate::format::signing_key::VerificationKey;

/// Returns a described medium as JSON.
pub fn attested_json(path: &Utf8Path, inventory: &Inventory, written: &[(AttestationKind, Utf8PathBuf)]) -> Json {
    json!({
        "path": path,
        "sha256": inventory.sha256,
        "documents": paths_json(written),
        "components": inventory.components.len(),
        "files": inventory.files.len(),
        "withheld": inventory.withheld,
    })
}

/// Returns the bundles of a medium as JSON.
pub fn signed_json(path: &Utf8Path, bundles: &[(AttestationKind, Utf8PathBuf)]) -> Json {
    json!({ "path": path, "bundles": paths_json(bundles) })
}

fn paths_json(paths: &[(AttestationKind, Utf8PathBuf)]) -> Vec<Json> {
    paths.iter().map(|(kind, path)| json!({ "kind": kind.name(), "path": path })).collect()
}

/// Returns a public key as JSON.
pub fn key_json(key: &VerificationKey) -> Json {
    json!({ "algorithm": key.algorithm(), "sha256": key.fingerprint() })
}

/// Returns a line for a statement with a valid signature.
pub fn attestation_line(checked: &CheckedAttestation) -> String {
    let mut line = format!("signed: {} in `{}`", checked.kind.name(), checked.path);
    if let Some(origin) = &checked.origin {
        line += &format!(": built by {}", origin.builder);
        line += &origin.version.iter().map(|version| format!(" with tsmedia {version}")).collect::<String>();
        line += &origin.manifest.iter().map(|manifest| format!(" from `{manifest}`")).collect::<String>();
        line += &origin.site.iter().map(|site| format!(" for {site}")).collect::<String>();
        line += &format!(" and {}", super::counted(origin.n_inputs, "input"));
    }
    line
}

/// Returns a statement with a valid signature as JSON.
pub fn attestation_json(checked: &CheckedAttestation) -> Json {
    let mut json = json!({ "path": checked.path, "kind": checked.kind.name() });
    if let Some(origin) = &checked.origin {
        json["builder"] = origin.builder.as_str().into();
        json["version"] = json!(origin.version);
        json["manifest"] = json!(origin.manifest);
        json["site"] = json!(origin.site);
        json["inputs"] = origin.n_inputs.into();
    }
    json
}
