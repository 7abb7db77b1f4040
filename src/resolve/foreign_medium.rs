//! Reads an existing medium of any origin: its files, variables and policies.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::base::read_encrypted_files;
use super::sources::{SourceIndex, Sources};
use crate::error::{Error, Result};
use crate::format::medium_tree::{MediumTree, path_on_medium};
use crate::format::wim::WimImageFacts;
use crate::limits::MAX_SCRIPT_LEN;
use crate::media::data::{self, BaseData, Bootstrap};
use crate::volume::{Folder, Node};

/// An existing medium: a disc, the image of a stick, or a folder with its files.
pub struct ForeignMedium {
    /// Path of the medium.
    pub path: Utf8PathBuf,
    /// Volume label; empty for a folder.
    pub label: String,
    /// The medium is a folder.
    pub is_folder: bool,
    /// The medium is a disc, not a folder or the image of a stick.
    pub is_disc: bool,
    /// Files of the medium.
    pub root: Arc<Folder>,
    /// Paths of unreadable files, each with the reason.
    pub faults: Vec<(String, String)>,
    /// `TsmBootstrap.ini`; `None` if it is not a task sequence medium.
    pub bootstrap: Option<Bootstrap>,
    sources: SourceIndex,
}

impl ForeignMedium {
    /// Opens a medium.
    ///
    /// # Errors
    ///
    /// The path can't be read, or is neither a medium nor a folder.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        let sources = SourceIndex::default();
        let failed = |error| Error::io("reading", path, error);
        let is_folder = sources.is_folder(path).map_err(failed)?;
        let mut medium = Self {
            path: path.to_owned(),
            label: String::new(),
            is_folder,
            is_disc: false,
            root: Arc::default(),
            faults: Vec::new(),
            bootstrap: None,
            sources,
        };
        if is_folder {
            let walked = medium.sources.folder(path).map_err(failed)?;
            medium.faults = walked.faults.iter().map(|fault| (fault.path.to_string(), fault.why.clone())).collect();
            medium.root = Arc::clone(&walked.folder);
        } else {
            let tree = MediumTree::open(path)?;
            medium.faults = tree.faults.into_iter().map(|fault| (fault.path, fault.why)).collect();
            (medium.label, medium.is_disc, medium.root) = (tree.label, tree.is_disc, tree.root);
        }
        if let Some(Node::File(content)) = medium.root.get(data::BOOTSTRAP_FILE) {
            medium.bootstrap = Bootstrap::read(medium.sources.read_content(content, MAX_SCRIPT_LEN as usize)?.bytes());
        }
        Ok(medium)
    }

    /// Decrypts the variables and policies of the medium. `None` if it has no variables.
    ///
    /// # Errors
    ///
    /// A file can't be read or decrypted with this password.
    pub fn data(&self, password: Option<&str>) -> Result<Option<BaseData>> {
        let (Some(bootstrap), Some(Node::File(variables))) = (&self.bootstrap, self.root.get(data::VARIABLES_FILE))
        else {
            return Ok(None);
        };
        let (variables, others) = read_encrypted_files(&self.sources, variables, &self.root)?;
        let data = BaseData::read(bootstrap.clone(), &variables, &others, password);
        data.map(Some).map_err(|(file, why)| {
            Error::new(format!("`{file}` of `{}` can't be read: {why}", self.path))
                .help("give the password of the medium with `--password-from`")
        })
    }

    /// Returns the images in a WIM file of the medium.
    ///
    /// # Errors
    ///
    /// The file can't be read, or is not a WIM file.
    pub fn images(&self, path: &str) -> Result<Vec<WimImageFacts>> {
        let path = if self.is_folder { self.path.join(path) } else { path_on_medium(&self.path, path) };
        Ok(self.sources.wim(&path)?.facts().images.clone())
    }
}
