//! Repository of media: a registry or a folder. Everything that is read here has been compared with its digest.

use super::access::RemoteAccess;
use super::artifact::{ArtifactManifest, BlobDescriptor};
use super::folder::FolderLayout;
use super::reference::{RemotePlace, RemoteReference, RemoteVersion, is_tag};
#[cfg(feature = "network")]
use super::registry::Registry;
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::limits::{MAX_REMOTE_MANIFEST_LEN, MAX_REMOTE_TAGS};
use crate::progress::Progress;
use crate::write::DiskOps;

/// Open repository.
#[derive(Debug)]
pub struct Repository {
    place: RemotePlace,
    kind: RepositoryKind,
}

#[derive(Debug)]
enum RepositoryKind {
    Folder(FolderLayout),
    #[cfg(feature = "network")]
    Registry(Registry),
}

/// Manifest with its digest.
#[derive(Clone, Debug)]
pub struct StoredManifest {
    /// SHA-256 digest of its bytes.
    pub digest: Sha256,
    /// Length in bytes.
    pub len: u64,
    /// Contents.
    pub manifest: ArtifactManifest,
}

impl Repository {
    /// Opens a repository. Nothing is read yet.
    ///
    /// # Errors
    ///
    /// If this tsmedia was built without registries.
    pub fn open(place: &RemotePlace, access: &RemoteAccess, disk: &DiskOps) -> Result<Self> {
        let kind = match place {
            RemotePlace::Folder(folder) => RepositoryKind::Folder(FolderLayout::new(folder, disk)),
            #[cfg(feature = "network")]
            RemotePlace::Registry { host, repository } => {
                RepositoryKind::Registry(Registry::new(host, repository, access)?)
            }
            #[cfg(not(feature = "network"))]
            RemotePlace::Registry { .. } => {
                let _ = access;
                return Err(Error::new(format!("`{place}` is in a registry, which this tsmedia was built without"))
                    .help("build it with the feature `network`, or use a folder (`file://`)"));
            }
        };
        Ok(Self { place: place.clone(), kind })
    }

    /// Digest of the manifest of a version, if there is one.
    pub fn resolve(&self, version: &RemoteVersion) -> Result<Option<Sha256>> {
        match &self.kind {
            RepositoryKind::Folder(folder) => folder.resolve(version),
            #[cfg(feature = "network")]
            RepositoryKind::Registry(registry) => registry.resolve(version),
        }
        .map_err(|error| self.failed(error))
    }

    /// Reads a manifest, if there is one.
    ///
    /// # Errors
    ///
    /// If it can't be read, has another digest, or is not the manifest of an artifact.
    pub fn manifest(&self, version: &RemoteVersion) -> Result<Option<StoredManifest>> {
        let bytes = match &self.kind {
            RepositoryKind::Folder(folder) => match folder.resolve(version)? {
                Some(digest) => folder.manifest(&digest)?.map(|bytes| (bytes, Some(digest))),
                None => None,
            },
            #[cfg(feature = "network")]
            RepositoryKind::Registry(registry) => {
                registry.manifest(version).map_err(|error| self.failed(error))?.map(|bytes| (bytes, None))
            }
        };
        let Some((bytes, listed)) = bytes else { return Ok(None) };
        let digest = Sha256::hash(&bytes);
        let wanted = match version {
            RemoteVersion::Digest(wanted) => Some(*wanted),
            RemoteVersion::Tag(_) => listed,
        };
        let name = RemoteReference { place: self.place.clone(), version: Some(version.clone()) };
        if let Some(wanted) = wanted.filter(|wanted| *wanted != digest) {
            return Err(other_digest(&format!("the manifest of `{name}`"), &digest, &wanted));
        }
        let manifest = ArtifactManifest::parse(&bytes)
            .map_err(|error| Error::new(format!("reading the manifest of `{name}`")).because(error))?;
        Ok(Some(StoredManifest { digest, len: bytes.len() as u64, manifest }))
    }

    /// Reads a blob and compares it with its digest. Adds its bytes to the progress as they arrive.
    ///
    /// # Errors
    ///
    /// If it can't be read completely, or has another length or digest.
    pub fn blob(&self, blob: &BlobDescriptor, progress: &Progress) -> Result<Vec<u8>> {
        let bytes = match &self.kind {
            RepositoryKind::Folder(folder) => {
                let bytes = folder.blob(blob)?;
                progress.add(bytes.len() as u64);
                bytes
            }
            #[cfg(feature = "network")]
            RepositoryKind::Registry(registry) => registry.blob(blob, progress).map_err(|error| self.failed(error))?,
        };
        let what = format!("blob `sha256:{}` of `{}`", blob.digest, self.place);
        if bytes.len() as u64 != blob.size {
            return Err(Error::new(format!("{what} has {} bytes; {} were expected", bytes.len(), blob.size)));
        }
        match Sha256::hash(&bytes) {
            digest if digest == blob.digest => Ok(bytes),
            digest => Err(other_digest(&what, &digest, &blob.digest)),
        }
    }

    /// Returns `true` if the repository has a blob.
    pub fn has_blob(&self, blob: &BlobDescriptor) -> Result<bool> {
        match &self.kind {
            RepositoryKind::Folder(folder) => Ok(folder.has_blob(blob)),
            #[cfg(feature = "network")]
            RepositoryKind::Registry(registry) => registry.has_blob(blob).map_err(|error| self.failed(error)),
        }
    }

    /// Stores a blob.
    pub fn write_blob(&self, blob: &BlobDescriptor, bytes: &[u8]) -> Result<()> {
        match &self.kind {
            RepositoryKind::Folder(folder) => folder.write_blob(&blob.digest, bytes),
            #[cfg(feature = "network")]
            RepositoryKind::Registry(registry) => {
                registry.write_blob(&blob.digest, bytes).map_err(|error| self.failed(error))
            }
        }
    }

    /// Stores a manifest whose blobs are stored, and gives it a tag.
    pub fn write_manifest(&self, manifest: &ArtifactManifest, tag: Option<&str>) -> Result<StoredManifest> {
        let bytes = super::artifact::to_bytes(manifest)?;
        let digest = Sha256::hash(&bytes);
        match &self.kind {
            RepositoryKind::Folder(folder) => folder.write_manifest(&digest, &bytes, tag)?,
            #[cfg(feature = "network")]
            RepositoryKind::Registry(registry) => {
                registry.write_manifest(manifest, &digest, &bytes, tag).map_err(|error| self.failed(error))?;
            }
        }
        Ok(StoredManifest { digest, len: bytes.len() as u64, manifest: manifest.clone() })
    }

    /// Tags in ascending order. Those that are not valid are left out.
    pub fn tags(&self) -> Result<Vec<String>> {
        let mut tags = match &self.kind {
            RepositoryKind::Folder(folder) => folder.tags(),
            #[cfg(feature = "network")]
            RepositoryKind::Registry(registry) => registry.tags(),
        }
        .map_err(|error| self.failed(error))?;
        if tags.len() > MAX_REMOTE_TAGS {
            let n_tags = tags.len();
            return Err(Error::new(format!("`{}` has {n_tags} tags; at most {MAX_REMOTE_TAGS} are read", self.place)));
        }
        tags.retain(|tag| is_tag(tag));
        tags.sort();
        tags.dedup();
        Ok(tags)
    }

    /// Manifests about another one.
    pub fn referrers(&self, subject: &Sha256) -> Result<Vec<BlobDescriptor>> {
        let mut referrers = match &self.kind {
            RepositoryKind::Folder(folder) => folder.referrers(subject),
            #[cfg(feature = "network")]
            RepositoryKind::Registry(registry) => registry.referrers(subject),
        }
        .map_err(|error| self.failed(error))?;
        referrers.retain(|referrer| referrer.size <= MAX_REMOTE_MANIFEST_LEN);
        referrers.sort_by_key(|referrer| referrer.digest);
        referrers.dedup_by_key(|referrer| referrer.digest);
        Ok(referrers)
    }

    fn failed(&self, error: Error) -> Error {
        let kind = error.kind();
        Error::new(format!("using `{}`", self.place)).because(error).with_kind(kind)
    }
}

fn other_digest(what: &str, digest: &Sha256, wanted: &Sha256) -> Error {
    Error::new(format!("{what} has the digest `sha256:{digest}`; `sha256:{wanted}` was expected"))
        .help("it was damaged or replaced; publish the medium again")
}
