//! Statements about a medium, such as a bill of materials or a signature: artifacts of their own whose subject is the
//! manifest of the medium (Image Format 1.1, "Manifest with `subject`").

use super::artifact::{ArtifactManifest, BlobDescriptor, EMPTY, EMPTY_TYPE, TITLE};
use super::reference::RemoteVersion;
use super::repository::{Repository, StoredManifest};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::limits::{MAX_REMOTE_ATTACHMENT_LEN, MAX_REMOTE_ATTACHMENTS};
use crate::progress::Progress;

/// Statement about a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Media type of its bytes, such as `application/spdx+json`; also the type of the artifact.
    pub media_type: String,
    /// File name, without a folder.
    pub name: String,
    /// Contents.
    pub bytes: Vec<u8>,
}

/// Stores an attachment of a manifest that is stored.
pub(super) fn store(repository: &Repository, subject: &StoredManifest, attachment: &Attachment) -> Result<()> {
    let config = BlobDescriptor::new(EMPTY_TYPE, EMPTY);
    let mut layer = BlobDescriptor::new(&attachment.media_type, &attachment.bytes);
    for (blob, bytes) in [(&config, EMPTY), (&layer, &attachment.bytes)] {
        if !repository.has_blob(blob)? {
            repository.write_blob(blob, bytes)?;
        }
    }
    layer.annotations.insert(TITLE.into(), attachment.name.clone());
    let mut manifest = ArtifactManifest::new(&attachment.media_type, config, vec![layer]);
    let media_type = &subject.manifest.media_type;
    manifest.subject = Some(BlobDescriptor::known(media_type, subject.digest, subject.len));
    manifest.annotations.insert(TITLE.into(), attachment.name.clone());
    repository.write_manifest(&manifest, None).map(drop)
}

/// Reads the attachments of a manifest. Those with more than one file, or with a name that is not a plain file name, are
/// left out: other tools attach other things.
///
/// # Errors
///
/// If there are more than [`MAX_REMOTE_ATTACHMENTS`], or one can't be read.
pub(super) fn load(repository: &Repository, subject: &Sha256, progress: &Progress) -> Result<Vec<Attachment>> {
    let referrers = repository.referrers(subject)?;
    if referrers.len() > MAX_REMOTE_ATTACHMENTS {
        let n_found = referrers.len();
        return Err(Error::new(format!("there are {n_found} attachments; at most {MAX_REMOTE_ATTACHMENTS} are read")));
    }
    let mut attachments = Vec::new();
    for referrer in referrers {
        let Some(stored) = repository.manifest(&RemoteVersion::Digest(referrer.digest))? else { continue };
        let is_about = stored.manifest.subject.as_ref().is_some_and(|of| of.digest == *subject);
        let [layer] = &stored.manifest.layers[..] else { continue };
        let name = layer.annotations.get(TITLE).filter(|name| is_file_name(name));
        let (true, Some(name)) = (is_about, name) else { continue };
        if layer.size > MAX_REMOTE_ATTACHMENT_LEN {
            let len = layer.size;
            return Err(Error::new(format!(
                "the attachment `{name}` has {len} bytes; at most {MAX_REMOTE_ATTACHMENT_LEN} are read"
            )));
        }
        let bytes = repository.blob(layer, progress)?;
        attachments.push(Attachment { media_type: stored.manifest.artifact_type, name: name.clone(), bytes });
    }
    attachments.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(attachments)
}

/// Returns `true` for a name that is safe on every file system, and not hidden.
pub fn is_file_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+ ".contains(&byte);
    !name.is_empty() && name.len() <= 200 && name.bytes().all(is_plain) && !name.starts_with(['.', ' ', '-'])
}
