//! Access to everything that manifests refer to: folders, files, WIM files, boot programs, secrets
//! and kept keys.
//!
//! Resolution steps access sources only through [`Sources`], which tests replace. [`SourceIndex`]
//! reads each source once per run, however many sites share it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::lfs_pointers;
use super::medium_path::{self, MediumTrees};
use super::programs::{ProgramCache, ReadAs, ReadProgram};
use super::secrets::{FetchedSecret, SecretOrigin, Secrets};
use super::tree::{self, ListedFolder};
use super::wim::KnownWim;
use crate::content::Content;
use crate::error::{Error, Result};
use crate::format::certificate::private_key::PrivateKey;
use crate::limits;
use crate::progress::ProgressReporter;
use crate::secret::{FingerprintKey, Secret};
use crate::source::read_start;
use crate::store::{self, CacheFolder, Objects};
use crate::volume::Node;
use authoring::file::is_lfs_pointer;

/// Sources of media. Repeated calls for one source return equal results.
pub(super) trait Sources {
    /// Returns `true` if a path leads to a folder.
    fn is_folder(&self, path: &Utf8Path) -> io::Result<bool>;

    /// Lists a folder and everything below it.
    fn folder(&self, path: &Utf8Path) -> io::Result<Arc<ListedFolder>>;

    /// Finds a file, without reading it.
    fn file(&self, path: &Utf8Path) -> io::Result<Content>;

    /// Reads a file of at most `max_len` bytes.
    fn read(&self, path: &Utf8Path, max_len: u64) -> io::Result<Vec<u8>>;

    /// Reads the first `len` bytes of a file.
    fn read_start(&self, path: &Utf8Path, len: usize) -> io::Result<Vec<u8>>;

    /// Reads a file of at most `max_len` bytes into memory that is wiped.
    fn read_secret(&self, path: &Utf8Path, max_len: usize) -> io::Result<Secret>;

    /// Returns `true` if a file is a Git LFS pointer; `false` if it can't be read.
    fn is_lfs_pointer(&self, path: &Utf8Path) -> bool;

    /// Opens a WIM file, or its cached facts.
    fn wim(&self, path: &Utf8Path) -> Result<Rc<KnownWim>>;

    /// Reads the boot programs in a content.
    fn programs(&self, content: &Content, read_as: ReadAs) -> Result<Rc<Vec<ReadProgram>>>;

    /// Fetches a secret.
    fn secret(&self, origin: SecretOrigin) -> FetchedSecret;

    /// Reads the bytes of a file found before, which may be secret.
    ///
    /// # Errors
    ///
    /// The file is longer than `max_len`, unreadable, or changed since it was found.
    fn read_content(&self, content: &Content, max_len: usize) -> Result<Secret>;

    /// Returns the key for fingerprints of secrets; `None` if no randomness is available for one.
    fn fingerprint_key(&self) -> Result<Option<Arc<FingerprintKey>>>;

    /// Returns the kept private key of self-signed certificates; `None` without a cache.
    fn certificate_key(&self) -> Result<Option<PrivateKey>>;
}

/// The sources on disk, each read once.
#[derive(Default)]
pub(super) struct SourceIndex {
    walked: RefCell<HashMap<Utf8PathBuf, Arc<ListedFolder>>>,
    media: MediumTrees,
    wims: RefCell<HashMap<Utf8PathBuf, Rc<KnownWim>>>,
    programs: ProgramCache,
    pub secrets: RefCell<Secrets>,
    /// Cache of earlier runs for WIM files, programs and folders.
    pub cache: Option<Rc<Objects>>,
    pub reporter: ProgressReporter,
    /// Folder of the keys; `None` if they must not be written.
    pub key_folder: Option<CacheFolder>,
    pub fingerprint_key: RefCell<Option<Arc<FingerprintKey>>>,
}

impl SourceIndex {
    /// Creates an index that finds secrets in `secrets`.
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets: RefCell::new(secrets), ..Self::default() }
    }

    /// Writes new facts about WIM files to the cache.
    pub fn remember(&self) {
        self.wims.borrow().values().for_each(|wim| wim.remember());
    }
}

impl Sources for SourceIndex {
    fn is_folder(&self, path: &Utf8Path) -> io::Result<bool> {
        match self.media.node(path)? {
            Some(node) => Ok(matches!(node, Node::Folder(_))),
            None => path.metadata().map(|metadata| metadata.is_dir()),
        }
    }

    fn folder(&self, path: &Utf8Path) -> io::Result<Arc<ListedFolder>> {
        if let Some(walked) = self.walked.borrow().get(path) {
            return Ok(Arc::clone(walked));
        }
        let mut walked = match self.media.folder(path)? {
            Some(walked) => walked,
            None => tree::walk(path)?,
        };
        walked.pointers = lfs_pointers::find(&walked, self.cache.as_deref());
        let walked = Arc::new(walked);
        self.walked.borrow_mut().insert(path.to_owned(), Arc::clone(&walked));
        Ok(walked)
    }

    fn file(&self, path: &Utf8Path) -> io::Result<Content> {
        match self.media.file(path)? {
            Some(source) => Ok(Content::Source(source)),
            None => tree::find_file(path),
        }
    }

    fn read(&self, path: &Utf8Path, max_len: u64) -> io::Result<Vec<u8>> {
        match self.media.file(path)? {
            Some(source) => medium_path::read(&source, max_len),
            None => limits::read(path, max_len),
        }
    }

    fn read_start(&self, path: &Utf8Path, len: usize) -> io::Result<Vec<u8>> {
        if let Some(source) = self.media.file(path)? {
            return medium_path::read_start(&source, len);
        }
        let mut bytes = vec![0; len];
        limits::open(path)?.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    fn read_secret(&self, path: &Utf8Path, max_len: usize) -> io::Result<Secret> {
        limits::open_within(path, max_len as u64).and_then(|file| Secret::read_to(file, max_len))
    }

    fn is_lfs_pointer(&self, path: &Utf8Path) -> bool {
        match self.media.file(path) {
            Ok(Some(source)) => lfs_pointers::is_pointer(&source),
            _ => is_lfs_pointer(path).unwrap_or(false),
        }
    }

    fn wim(&self, path: &Utf8Path) -> Result<Rc<KnownWim>> {
        if let Some(wim) = self.wims.borrow().get(path) {
            return Ok(Rc::clone(wim));
        }
        let known = match self.media.file(path).map_err(medium_path::into_error)? {
            Some(source) => KnownWim::open_source(source, self.cache.clone())?,
            None => KnownWim::open(path, self.cache.clone())?,
        };
        let wim = Rc::new(known.before(self.reporter.clone()));
        self.wims.borrow_mut().insert(path.to_owned(), Rc::clone(&wim));
        Ok(wim)
    }

    fn programs(&self, content: &Content, read_as: ReadAs) -> Result<Rc<Vec<ReadProgram>>> {
        self.programs.get(content, read_as, self.cache.as_deref())
    }

    fn secret(&self, origin: SecretOrigin) -> FetchedSecret {
        self.secrets.borrow_mut().fetch(origin)
    }

    fn read_content(&self, content: &Content, max_len: usize) -> Result<Secret> {
        let source = match content {
            Content::Bytes(bytes) => return Ok(Secret::new(bytes.to_vec())),
            Content::Source(source) => source,
        };
        if source.len() > max_len as u64 {
            let message = format!("`{}` has {} bytes; at most {max_len} were expected", source.path(), source.len());
            return Err(Error::new(message));
        }
        Ok(Secret::new(read_start(source, source.len() as usize)?))
    }

    fn fingerprint_key(&self) -> Result<Option<Arc<FingerprintKey>>> {
        if self.fingerprint_key.borrow().is_none() {
            let kept = self.key_folder.as_ref().map(store::fingerprint_key).transpose()?;
            *self.fingerprint_key.borrow_mut() = kept.or_else(|| FingerprintKey::random().ok()).map(Arc::new);
        }
        Ok(self.fingerprint_key.borrow().clone())
    }

    fn certificate_key(&self) -> Result<Option<PrivateKey>> {
        self.key_folder.as_ref().map(store::certificate_key).transpose()
    }
}
