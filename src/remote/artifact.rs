//! Manifests and indexes of OCI artifacts (Image Format 1.1, `manifest.md`, `image-index.md` and `descriptor.md`).
//!
//! Only the properties that media need are read; others are ignored, as the specification asks for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::limits::MAX_REMOTE_MANIFEST_LEN;

/// Media type of manifests.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of indexes.
pub const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of the empty JSON object, which stands in for a configuration.
pub const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// The empty JSON object.
pub const EMPTY: &[u8] = b"{}";
/// Type of an artifact that is a medium.
pub const MEDIUM_TYPE: &str = "application/vnd.tsmedia.medium.v1";
/// Media type of the configuration of a medium.
pub const CONFIG_TYPE: &str = "application/vnd.tsmedia.medium.config.v1+json";
/// Media type of a chunk.
pub const CHUNK_TYPE: &str = "application/vnd.tsmedia.medium.chunk.v1";
/// Annotation with the file name of a medium or attachment.
pub const TITLE: &str = "org.opencontainers.image.title";
/// Annotation with the tag of a manifest in an image layout.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Annotations of a manifest or descriptor.
pub type Annotations = BTreeMap<String, String>;

/// Descriptor of a blob or manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlobDescriptor {
    /// Media type.
    pub media_type: String,
    /// SHA-256 digest.
    #[serde(with = "sha256")]
    pub digest: Sha256,
    /// Length in bytes.
    pub size: u64,
    /// Type of the artifact, if it is a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: Annotations,
}

/// Manifest of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactManifest {
    /// Version of the schema, always 2.
    pub schema_version: u32,
    /// Media type, always [`MANIFEST_TYPE`].
    #[serde(default)]
    pub media_type: String,
    /// Type of the artifact.
    #[serde(default)]
    pub artifact_type: String,
    /// Configuration.
    pub config: BlobDescriptor,
    /// Blobs.
    pub layers: Vec<BlobDescriptor>,
    /// Manifest that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<BlobDescriptor>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: Annotations,
}

/// Index of manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactIndex {
    /// Version of the schema, always 2.
    pub schema_version: u32,
    /// Media type, always [`INDEX_TYPE`].
    #[serde(default)]
    pub media_type: String,
    /// Manifests.
    pub manifests: Vec<BlobDescriptor>,
}

impl BlobDescriptor {
    /// Describes bytes in memory.
    pub fn new(media_type: &str, bytes: &[u8]) -> Self {
        Self::known(media_type, Sha256::hash(bytes), bytes.len() as u64)
    }

    /// Describes a blob with a known digest.
    pub fn known(media_type: &str, digest: Sha256, size: u64) -> Self {
        let (media_type, annotations) = (media_type.to_owned(), Annotations::new());
        Self { media_type, digest, size, artifact_type: None, annotations }
    }
}

impl ArtifactManifest {
    /// Creates a manifest without a subject.
    pub fn new(artifact_type: &str, config: BlobDescriptor, layers: Vec<BlobDescriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST_TYPE.into(),
            artifact_type: artifact_type.into(),
            config,
            layers,
            subject: None,
            annotations: Annotations::new(),
        }
    }

    /// Parses a manifest.
    ///
    /// # Errors
    ///
    /// If it is not the manifest of an artifact.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let manifest: Self = parse(bytes)?;
        if manifest.schema_version != 2 || manifest.media_type != MANIFEST_TYPE {
            return Err(Error::new(format!("it is `{}`, not a manifest of an artifact", manifest.media_type)));
        }
        Ok(manifest)
    }
}

impl ArtifactIndex {
    /// Creates an index.
    pub fn new(manifests: Vec<BlobDescriptor>) -> Self {
        Self { schema_version: 2, media_type: INDEX_TYPE.into(), manifests }
    }

    /// Parses an index.
    ///
    /// # Errors
    ///
    /// If it is not an index of manifests.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let index: Self = parse(bytes)?;
        // The media type is optional in a layout.
        if index.schema_version != 2 || !["", INDEX_TYPE].contains(&index.media_type.as_str()) {
            return Err(Error::new(format!("it is `{}`, not an index", index.media_type)));
        }
        Ok(index)
    }
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::new("it is not valid").because(error))
}

/// Formats a document in the one form that all runs give it.
///
/// # Errors
///
/// If it is longer than registries accept.
pub fn to_bytes(document: &impl Serialize) -> Result<Vec<u8>> {
    let bytes = serde_json::to_vec(document).map_err(|error| Error::new("formatting a manifest").because(error))?;
    if bytes.len() as u64 > MAX_REMOTE_MANIFEST_LEN {
        return Err(Error::new(format!(
            "the manifest has {} bytes; registries accept at most {MAX_REMOTE_MANIFEST_LEN}",
            bytes.len()
        )));
    }
    Ok(bytes)
}

/// Writes a digest as `sha256:` and its hexadecimal digits.
mod sha256 {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::digest::Sha256;

    pub(super) fn serialize<S: Serializer>(digest: &Sha256, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("sha256:{digest}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sha256, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hex = text.strip_prefix("sha256:").filter(|hex| !hex.bytes().any(|byte| byte.is_ascii_uppercase()));
        hex.and_then(|hex| hex.parse().ok()).ok_or_else(|| de::Error::custom("a digest that is not SHA-256"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_read_back_and_others_are_refused() {
        let mut manifest = ArtifactManifest::new(
            MEDIUM_TYPE,
            BlobDescriptor::new(CONFIG_TYPE, b"{}"),
            vec![BlobDescriptor::new(CHUNK_TYPE, b"chunk")],
        );
        manifest.annotations.insert(TITLE.into(), "win11.iso".into());
        let bytes = to_bytes(&manifest).unwrap();
        assert_eq!(ArtifactManifest::parse(&bytes).unwrap(), manifest);
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            ("\"schemaVersion\":2", "\"schemaVersion\":1"),
            ("image.manifest.v1", "image.index.v1"),
            ("sha256:4", "sha512:4"),
            ("\"size\":2", "\"size\":-2"),
        ] {
            assert!(text.contains(from), "{text}");
            assert!(ArtifactManifest::parse(text.replace(from, to).as_bytes()).is_err(), "{to}");
        }
    }
}
