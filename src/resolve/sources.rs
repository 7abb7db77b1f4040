//! Access to everything that manifests refer to: folders, files, WIM files, boot programs, secrets and kept keys.
//!
//! The steps of `resolve` reach sources through [`Sources`] alone, so that tests can put others in place of those on
//! disk. [`SourceIndex`] looks at each source once per run, however many sites refer to it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::inside::{self, Media};
use super::pointers;
use super::programs::{As, Programs, Read};
use super::secrets::{Fetched, Origin, Secrets};
use super::tree::{self, Walked};
use super::wim::KnownWim;
use crate::content::Content;
use crate::error::{Error, Result};
use crate::format::certificate::private_key::PrivateKey;
use crate::limits;
use crate::progress::Audience;
use crate::secret::{Secret, Veil};
use crate::source::read_start;
use crate::store::{self, Objects};
use crate::volume::Node;
use authoring::file::is_lfs_pointer;

/// Sources of media. Every method may be called again for the same source, and gives the same answer.
pub(super) trait Sources {
    /// Returns whether a path leads to a folder.
    fn is_folder(&self, path: &Utf8Path) -> io::Result<bool>;

    /// Lists a folder with everything below it.
    fn folder(&self, path: &Utf8Path) -> io::Result<Arc<Walked>>;

    /// Finds a file, without reading it.
    fn file(&self, path: &Utf8Path) -> io::Result<Content>;

    /// Reads a file of at most `max_len` bytes.
    fn read(&self, path: &Utf8Path, max_len: u64) -> io::Result<Vec<u8>>;

    /// Reads the first `len` bytes of a file.
    fn read_start(&self, path: &Utf8Path, len: usize) -> io::Result<Vec<u8>>;

    /// Reads a file of at most `max_len` bytes into memory that is wiped.
    fn read_secret(&self, path: &Utf8Path, max_len: usize) -> io::Result<Secret>;

    /// Returns whether a file is a Git LFS pointer; `false` if it can't be read.
    fn is_lfs_pointer(&self, path: &Utf8Path) -> bool;

    /// Opens a WIM file, or finds in the cache what is asked of it.
    fn wim(&self, path: &Utf8Path) -> Result<Rc<KnownWim>>;

    /// Reads the boot programs in a content.
    fn programs(&self, content: &Content, taken_for: As) -> Result<Rc<Vec<Read>>>;

    /// Fetches a secret.
    fn secret(&self, origin: Origin) -> Fetched;

    /// Reads the bytes of a file that was found, which may be secret.
    ///
    /// # Errors
    ///
    /// The file has more bytes than `max_len`, can't be read, or is not what it was when it was found.
    fn read_content(&self, content: &Content, max_len: usize) -> Result<Secret>;

    /// Returns the key under which fingerprints of secrets are made; `None` if there is no randomness for one.
    fn veil(&self) -> Result<Option<Arc<Veil>>>;

    /// Returns the private key of self-signed certificates that the cache keeps; `None` without a cache.
    fn certificate_key(&self) -> Result<Option<PrivateKey>>;
}

/// The sources on disk, each looked at once.
#[derive(Default)]
pub(super) struct SourceIndex {
    walked: RefCell<HashMap<Utf8PathBuf, Arc<Walked>>>,
    media: Media,
    wims: RefCell<HashMap<Utf8PathBuf, Rc<KnownWim>>>,
    programs: Programs,
    pub secrets: RefCell<Secrets>,
    /// What is known of WIM files, programs and folders from earlier runs.
    pub cache: Option<Rc<Objects>>,
    pub audience: Audience,
    /// Folder of the key for fingerprints of secrets.
    pub veil_folder: Option<Utf8PathBuf>,
    pub veil: RefCell<Option<Arc<Veil>>>,
}

impl SourceIndex {
    /// Creates an index that finds secrets in `secrets`.
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets: RefCell::new(secrets), ..Self::default() }
    }

    /// Writes what was learnt of WIM files to the caches.
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

    fn folder(&self, path: &Utf8Path) -> io::Result<Arc<Walked>> {
        if let Some(walked) = self.walked.borrow().get(path) {
            return Ok(Arc::clone(walked));
        }
        let mut walked = match self.media.folder(path)? {
            Some(walked) => walked,
            None => tree::walk(path)?,
        };
        walked.pointers = pointers::find(&walked, self.cache.as_deref());
        let walked = Arc::new(walked);
        self.walked.borrow_mut().insert(path.to_owned(), Arc::clone(&walked));
        Ok(walked)
    }

    fn file(&self, path: &Utf8Path) -> io::Result<Content> {
        match self.media.file(path)? {
            Some(source) => Ok(Content::Source(source)),
            None => tree::file(path),
        }
    }

    fn read(&self, path: &Utf8Path, max_len: u64) -> io::Result<Vec<u8>> {
        match self.media.file(path)? {
            Some(source) => inside::read(&source, max_len),
            None => limits::read(path, max_len),
        }
    }

    fn read_start(&self, path: &Utf8Path, len: usize) -> io::Result<Vec<u8>> {
        if let Some(source) = self.media.file(path)? {
            return inside::read_start(&source, len);
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
            Ok(Some(source)) => pointers::is_pointer(&source),
            _ => is_lfs_pointer(path).unwrap_or(false),
        }
    }

    fn wim(&self, path: &Utf8Path) -> Result<Rc<KnownWim>> {
        if let Some(wim) = self.wims.borrow().get(path) {
            return Ok(Rc::clone(wim));
        }
        let known = match self.media.file(path).map_err(inside::error_of)? {
            Some(source) => KnownWim::open_source(source, self.cache.clone())?,
            None => KnownWim::open(path, self.cache.clone())?,
        };
        let wim = Rc::new(known.before(self.audience.clone()));
        self.wims.borrow_mut().insert(path.to_owned(), Rc::clone(&wim));
        Ok(wim)
    }

    fn programs(&self, content: &Content, taken_for: As) -> Result<Rc<Vec<Read>>> {
        self.programs.of(content, taken_for, self.cache.as_deref())
    }

    fn secret(&self, origin: Origin) -> Fetched {
        self.secrets.borrow_mut().fetch(origin)
    }

    fn read_content(&self, content: &Content, max_len: usize) -> Result<Secret> {
        let source = match content {
            Content::Bytes(bytes) => return Ok(Secret::new(bytes.to_vec())),
            Content::Source(source) => source,
        };
        if source.len() > max_len as u64 {
            let message = format!("`{}` has {} bytes, and {max_len} are read at most", source.path(), source.len());
            return Err(Error::new(message));
        }
        Ok(Secret::new(read_start(source, source.len() as usize)?))
    }

    fn veil(&self) -> Result<Option<Arc<Veil>>> {
        if self.veil.borrow().is_none() {
            let kept = self.veil_folder.as_ref().map(|folder| store::veil(folder)).transpose()?;
            *self.veil.borrow_mut() = kept.or_else(|| Veil::random().ok()).map(Arc::new);
        }
        Ok(self.veil.borrow().clone())
    }

    fn certificate_key(&self) -> Result<Option<PrivateKey>> {
        let folder = self.cache.as_ref().and_then(|cache| cache.kept_in());
        folder.map(store::certificate_key).transpose()
    }
}
