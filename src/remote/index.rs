//! Artifact of a medium: its configuration with the extents, and its manifest with the chunks as layers.

use serde::{Deserialize, Serialize};

use super::artifact::{Annotations, ArtifactManifest, BlobDescriptor, CHUNK_TYPE, CONFIG_TYPE, MEDIUM_TYPE, to_bytes};
use super::chunker::{MAX_AVERAGE, MIN_AVERAGE};
use super::chunks::{ChunkedMedium, MediumChunk};
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::limits::{MAX_REMOTE_CHUNK_LEN, MAX_REMOTE_CHUNKS, MAX_REMOTE_CONFIG_LEN, MAX_REMOTE_MEDIUM_LEN};

/// Version of the format.
const FORMAT: u32 = 1;

/// Configuration of a medium.
#[derive(Debug, Serialize, Deserialize)]
struct MediumConfig {
    /// Version of the format.
    format: u32,
    /// Length of the medium in bytes.
    len: u64,
    /// Average length of chunks of large contents, in bytes.
    average: u64,
    /// Offset and length of each region that is not zero.
    extents: Vec<(u64, u64)>,
}

/// Artifact of a medium, ready to be stored.
pub(super) struct MediumArtifact {
    pub(super) config: Vec<u8>,
    pub(super) manifest: ArtifactManifest,
}

impl MediumArtifact {
    pub(super) fn new(medium: &ChunkedMedium, annotations: Annotations) -> Result<Self> {
        let extents = medium.extents.iter().map(|extent| (extent.offset, extent.len)).collect();
        let config = to_bytes(&MediumConfig { format: FORMAT, len: medium.len, average: medium.average, extents })?;
        let layer = |chunk: &MediumChunk| BlobDescriptor::known(CHUNK_TYPE, chunk.sha256, chunk.len);
        let layers = medium.chunks.iter().map(layer).collect();
        let mut manifest = ArtifactManifest::new(MEDIUM_TYPE, BlobDescriptor::new(CONFIG_TYPE, &config), layers);
        manifest.annotations = annotations;
        Ok(Self { config, manifest })
    }
}

/// Fails if a manifest is not that of a medium, before its configuration is read.
pub(super) fn check_manifest(manifest: &ArtifactManifest) -> Result<()> {
    if manifest.artifact_type != MEDIUM_TYPE || manifest.config.media_type != CONFIG_TYPE {
        return Err(Error::new(format!("it is an artifact of type `{}`, not a medium", manifest.artifact_type)));
    }
    let config_len = manifest.config.size;
    if config_len > MAX_REMOTE_CONFIG_LEN {
        return Err(Error::new(format!(
            "its configuration has {config_len} bytes; at most {MAX_REMOTE_CONFIG_LEN} are accepted"
        )));
    }
    let n_chunks = manifest.layers.len();
    if n_chunks > MAX_REMOTE_CHUNKS {
        return Err(Error::new(format!("it has {n_chunks} chunks; at most {MAX_REMOTE_CHUNKS} are accepted")));
    }
    for layer in &manifest.layers {
        if layer.media_type != CHUNK_TYPE {
            return Err(Error::new(format!("its layer `{}` is not a chunk", layer.media_type)));
        }
        if layer.size == 0 || layer.size > MAX_REMOTE_CHUNK_LEN {
            return Err(Error::new(format!(
                "a chunk has {} bytes; 1 to {MAX_REMOTE_CHUNK_LEN} are accepted",
                layer.size
            )));
        }
    }
    Ok(())
}

/// Combines a checked manifest and its configuration.
///
/// # Errors
///
/// If the configuration is not valid, or describes other data than the chunks hold.
pub(super) fn chunked(manifest: &ArtifactManifest, config: &[u8]) -> Result<ChunkedMedium> {
    let config: MediumConfig =
        serde_json::from_slice(config).map_err(|error| Error::new("its configuration is not valid").because(error))?;
    if config.format != FORMAT {
        return Err(Error::new(format!("it has format {}; this tsmedia reads format {FORMAT}", config.format)));
    }
    if config.len > MAX_REMOTE_MEDIUM_LEN {
        return Err(Error::new(format!(
            "the medium has {} bytes; at most {MAX_REMOTE_MEDIUM_LEN} are accepted",
            config.len
        )));
    }
    if !config.average.is_power_of_two() || !(MIN_AVERAGE..=MAX_AVERAGE).contains(&config.average) {
        return Err(Error::new(format!("its chunks have {} bytes on average, which is not valid", config.average)));
    }
    let (mut extents, mut at, mut data_len) = (Vec::with_capacity(config.extents.len()), 0, 0_u64);
    for (offset, len) in config.extents {
        match offset.checked_add(len) {
            Some(end) if offset >= at && len > 0 && end <= config.len => at = end,
            _ => return Err(Error::new(format!("its extent of {len} bytes at byte {offset} is not valid"))),
        }
        extents.push(Region { offset, len });
        data_len += len;
    }
    let chunks: Vec<_> =
        manifest.layers.iter().map(|layer| MediumChunk { sha256: layer.digest, len: layer.size }).collect();
    let chunks_len: u64 = chunks.iter().map(|chunk| chunk.len).sum();
    if chunks_len != data_len {
        return Err(Error::new(format!("its chunks have {chunks_len} bytes, but its extents {data_len}")));
    }
    Ok(ChunkedMedium { len: config.len, average: config.average, extents, chunks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    fn medium() -> ChunkedMedium {
        let region = |offset, len| Region { offset, len };
        let chunk = |byte, len| MediumChunk { sha256: Sha256([byte; 32]), len };
        ChunkedMedium {
            len: 100,
            average: 1 << 20,
            extents: vec![region(0, 10), region(20, 30)],
            chunks: vec![chunk(1, 15), chunk(2, 25)],
        }
    }

    #[test]
    fn an_artifact_reads_back() {
        let artifact = MediumArtifact::new(&medium(), Annotations::new()).unwrap();
        check_manifest(&artifact.manifest).unwrap();
        assert_eq!(chunked(&artifact.manifest, &artifact.config).unwrap(), medium());
    }

    #[test]
    fn hostile_configurations_are_refused() {
        let artifact = MediumArtifact::new(&medium(), Annotations::new()).unwrap();
        let text = String::from_utf8(artifact.config).unwrap();
        for (from, to, why) in [
            ("\"format\":1", "\"format\":2", "this tsmedia reads format 1"),
            ("\"len\":100", "\"len\":49", "30 bytes at byte 20"),
            ("\"len\":100", "\"len\":99999999999999", "at most"),
            ("[20,30]", "[9,30]", "30 bytes at byte 9"),
            ("[20,30]", "[18446744073709551610,30]", "is not valid"),
            ("[20,30]", "[20,0]", "0 bytes at byte 20"),
            ("[20,30]", "[20,29]", "40 bytes, but its extents 39"),
            ("\"average\":1048576", "\"average\":3", "3 bytes on average"),
            ("\"average\":1048576", "\"average\":1073741824", "on average"),
            ("[0,10]", "[0]", "configuration is not valid"),
        ] {
            assert!(text.contains(from), "{text}");
            let error = chunked(&artifact.manifest, text.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(error.with_causes().contains(why), "{to}: {}", error.with_causes());
        }
        let mut manifest = artifact.manifest.clone();
        manifest.layers[0].size = MAX_REMOTE_CHUNK_LEN + 1;
        assert!(check_manifest(&manifest).is_err());
        manifest.layers = vec![artifact.manifest.layers[0].clone(); MAX_REMOTE_CHUNKS + 1];
        assert!(check_manifest(&manifest).unwrap_err().to_string().contains("4001 chunks; at most 4000"));
        manifest.artifact_type = "application/vnd.example".into();
        assert!(check_manifest(&manifest).unwrap_err().to_string().contains("not a medium"));
    }
}
