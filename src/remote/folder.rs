//! Repository in a folder: an OCI image layout (Image Format 1.1, `image-layout.md`), which skopeo and umoci read too.
//!
//! Blobs are written first, the index last, so a reader never sees a medium without its chunks. Blobs that nothing refers
//! to any more are not removed.

use std::fs::File;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};

use super::artifact::{ArtifactIndex, ArtifactManifest, BlobDescriptor, MANIFEST_TYPE, REF_NAME, to_bytes};
use super::reference::RemoteVersion;
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::limits::{MAX_REMOTE_ANSWER_LEN, MAX_REMOTE_MANIFEST_LEN};
use crate::write::{DiskOps, IfBusy, Temporary, open, replace};

/// Contents of the file that marks a layout.
const LAYOUT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";

/// OCI image layout in a folder.
#[derive(Debug)]
pub(super) struct FolderLayout {
    root: Utf8PathBuf,
    disk: DiskOps,
}

impl FolderLayout {
    pub(super) fn new(root: &Utf8Path, disk: &DiskOps) -> Self {
        Self { root: root.to_owned(), disk: disk.clone() }
    }

    fn blob_path(&self, digest: &Sha256) -> Utf8PathBuf {
        self.root.join(format!("blobs/sha256/{digest}"))
    }

    fn index(&self) -> Result<ArtifactIndex> {
        let path = self.root.join("index.json");
        match read(&path, MAX_REMOTE_MANIFEST_LEN)? {
            None => Ok(ArtifactIndex::new(Vec::new())),
            Some(bytes) => {
                ArtifactIndex::parse(&bytes).map_err(|error| Error::new(format!("reading `{path}`")).because(error))
            }
        }
    }

    /// Digest of the manifest of a version, if there is one.
    pub(super) fn resolve(&self, version: &RemoteVersion) -> Result<Option<Sha256>> {
        let manifests = self.index()?.manifests;
        let found = manifests.into_iter().find(|manifest| match version {
            RemoteVersion::Tag(tag) => manifest.annotations.get(REF_NAME) == Some(tag),
            RemoteVersion::Digest(digest) => manifest.digest == *digest,
        });
        Ok(found.map(|manifest| manifest.digest))
    }

    /// Reads the bytes of a manifest, which are not verified yet.
    pub(super) fn manifest(&self, digest: &Sha256) -> Result<Option<Vec<u8>>> {
        read(&self.blob_path(digest), MAX_REMOTE_MANIFEST_LEN)
    }

    pub(super) fn has_blob(&self, blob: &BlobDescriptor) -> bool {
        let metadata = std::fs::symlink_metadata(self.blob_path(&blob.digest));
        metadata.is_ok_and(|metadata| metadata.is_file() && metadata.len() == blob.size)
    }

    /// Reads the bytes of a blob, which are not verified yet.
    pub(super) fn blob(&self, blob: &BlobDescriptor) -> Result<Vec<u8>> {
        let path = self.blob_path(&blob.digest);
        let bytes = read(&path, blob.size)?;
        bytes.ok_or_else(|| Error::io("opening", &path, io::ErrorKind::NotFound.into()))
    }

    pub(super) fn write_blob(&self, digest: &Sha256, bytes: &[u8]) -> Result<()> {
        self.prepare()?;
        // Another run may write the same chunk.
        let temporary = Temporary::create(&self.disk, &self.blob_path(digest), IfBusy::Wait)?;
        temporary.write(bytes, 0)?;
        temporary.finish().map(drop)
    }

    /// Writes a manifest and lists it in the index, in place of the one that has the tag.
    pub(super) fn write_manifest(&self, digest: &Sha256, bytes: &[u8], tag: Option<&str>) -> Result<()> {
        self.write_blob(digest, bytes)?;
        let path = self.root.join("oci-layout");
        let layout = open::open_or_create(&path).map_err(|error| open::failed("opening", &path, error))?;
        // One run at a time changes the index.
        layout.lock().map_err(|error| Error::io("locking", &path, error))?;
        let mut index = self.index()?;
        let is_old = |manifest: &BlobDescriptor| match manifest.annotations.get(REF_NAME) {
            None => manifest.digest == *digest,
            Some(name) => Some(name.as_str()) == tag,
        };
        index.manifests.retain(|manifest| !is_old(manifest));
        let mut entry = BlobDescriptor::known(MANIFEST_TYPE, *digest, bytes.len() as u64);
        entry.artifact_type = Some(ArtifactManifest::parse(bytes)?.artifact_type);
        entry.annotations.extend(tag.map(|tag| (REF_NAME.to_owned(), tag.to_owned())));
        index.manifests.push(entry);
        replace(&self.disk, &self.root.join("index.json"), &to_bytes(&index)?)?;
        self.write_layout(&layout, &path)
    }

    fn write_layout(&self, layout: &File, path: &Utf8Path) -> Result<()> {
        let len = layout.metadata().map_err(|error| Error::io("looking at", path, error))?.len();
        if len == LAYOUT.len() as u64 { Ok(()) } else { replace(&self.disk, path, LAYOUT) }
    }

    pub(super) fn tags(&self) -> Result<Vec<String>> {
        let manifests = self.index()?.manifests;
        Ok(manifests.into_iter().filter_map(|mut manifest| manifest.annotations.remove(REF_NAME)).collect())
    }

    /// Manifests about another one, given its digest.
    pub(super) fn referrers(&self, subject: &Sha256) -> Result<Vec<BlobDescriptor>> {
        let mut referrers = Vec::new();
        let untagged = |manifest: &BlobDescriptor| !manifest.annotations.contains_key(REF_NAME);
        for entry in self.index()?.manifests.into_iter().filter(untagged) {
            let manifest = self.manifest(&entry.digest)?.map(|bytes| ArtifactManifest::parse(&bytes));
            if let Some(Ok(manifest)) = manifest
                && manifest.subject.is_some_and(|of| of.digest == *subject)
            {
                referrers.push(BlobDescriptor { artifact_type: Some(manifest.artifact_type), ..entry });
            }
        }
        Ok(referrers)
    }

    /// Creates the folders. None may be a link, which would lead writes elsewhere.
    fn prepare(&self) -> Result<()> {
        ["blobs", "blobs/sha256", "index.json", "oci-layout"]
            .iter()
            .try_for_each(|name| open::refuse_link(&self.root.join(name)))
    }
}

/// Reads a regular file. `None` if there is none.
fn read(path: &Utf8Path, max_len: u64) -> Result<Option<Vec<u8>>> {
    let file = match open::open_to_inspect(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(|error| open::failed("opening", path, error))?,
    };
    let mut bytes = Vec::new();
    let max_len = max_len.max(MAX_REMOTE_ANSWER_LEN);
    file.take(max_len + 1).read_to_end(&mut bytes).map_err(|error| Error::io("reading", path, error))?;
    if bytes.len() as u64 > max_len {
        return Err(Error::new(format!("`{path}` has more than {max_len} bytes, the most expected")));
    }
    Ok(Some(bytes))
}
