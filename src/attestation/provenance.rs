//! Provenance of a medium as SLSA v1 (<https://slsa.dev/spec/v1.0/provenance>).
//!
//! It is only made for a medium that has the bytes that its manifest would make now. So the inputs that it names are those
//! of the medium, whenever and wherever it was built.

use serde_json::{Map, Value as Json, json};

use crate::digest::Sha256;
use crate::output::TemplateValue;
use crate::secret::names::is_secret_name;

/// Type of a build (SLSA v1, `buildType`). Its external parameters are the fields of [`Provenance`].
pub const BUILD_TYPE: &str = "urn:tsmedia:medium:v1";
/// Builder if none is named: the computer of the author, which nothing vouches for.
pub const LOCAL_BUILDER: &str = "urn:tsmedia:builder:local";

/// Origin of a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Path of the manifest, relative to the root of its repository.
    pub manifest: String,
    /// Site that the medium is for.
    pub site: Option<String>,
    /// Template values that the medium depends on.
    pub values: Vec<TemplateValue>,
    /// Files that the medium was built from, by path relative to the root of the repository. Files with secrets are left
    /// out.
    pub inputs: Vec<BuildInput>,
    /// URI of the builder.
    pub builder: String,
    /// Format version of the medium.
    pub format_version: u32,
}

/// File that a medium was built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildInput {
    /// Path relative to the root of the repository.
    pub name: String,
    /// Digest.
    pub sha256: Sha256,
}

/// Returns the predicate of a statement. Values with names of secrets are left out.
pub fn predicate(provenance: &Provenance) -> Json {
    let values = provenance.values.iter().filter(|value| !is_secret_name(&value.name));
    let values: Map<_, _> = values.map(|value| (value.name.clone(), value.value.clone())).collect();
    let inputs =
        provenance.inputs.iter().map(|input| json!({ "name": input.name, "digest": { "sha256": input.sha256 } }));
    let mut parameters = json!({ "manifest": provenance.manifest });
    if let Some(site) = &provenance.site {
        parameters["site"] = site.as_str().into();
    }
    parameters["vars"] = values.into();
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": parameters,
            "internalParameters": { "formatVersion": provenance.format_version },
            "resolvedDependencies": inputs.collect::<Vec<_>>(),
        },
        "runDetails": {
            "builder": {
                "id": provenance.builder,
                "version": { "tsmedia": env!("CARGO_PKG_VERSION") },
            },
        },
    })
}
