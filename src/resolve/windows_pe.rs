//! The Windows PE image that a medium starts.

use std::rc::Rc;
use std::sync::Arc;

use super::request::{MediumRequest, unreadable};
use super::wim::KnownWim;
use crate::content::Content;
use crate::format::wim::{Architecture, WindowsVersion};
use crate::problem::{Problem, Problems};
use crate::size::Size;
use crate::volume::{Folder, Node};

/// The image of a WIM file that a medium starts.
pub(super) struct WindowsPe {
    pub wim: Rc<KnownWim>,
    pub index: u32,
    /// Architecture of the kernel, or of the image's description.
    pub architecture: Option<Architecture>,
    /// Version of Windows PE, if known.
    pub version: Option<WindowsVersion>,
}

impl WindowsPe {
    /// Returns the architecture of the image, x64 if unknown.
    pub fn processors(&self) -> Architecture {
        self.architecture.unwrap_or(Architecture::X64)
    }

    /// Reads a file of the boot image: the one that the manifest adds, or the one that is in the image. `Ok(None)` if
    /// neither has it. Failures are reported at `pointer`.
    pub fn read_file(
        &self,
        request: &MediumRequest<'_>,
        additions: &Folder,
        path: &str,
        limit: u64,
        pointer: &str,
        problems: &mut Problems,
    ) -> Result<Option<Arc<[u8]>>, ()> {
        let content = match additions.get(path) {
            Some(Node::File(content)) => Some(content.clone()),
            Some(Node::Folder(_)) => None,
            None => {
                let found = self.wim.extract(self.index, path, limit);
                found.map_err(|error| request.failed(&error, pointer, problems))?
            }
        };
        match content {
            None => Ok(None),
            Some(Content::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Content::Source(source)) if source.len() > limit => {
                let message = format!("`{}` has {} bytes, too many for `{path}`", source.path(), source.len());
                let problem = Problem::error(message).at(request.place(pointer), "needs this file");
                problems.add(problem.help(format!("at most {} are read", Size(limit))));
                Err(())
            }
            Some(Content::Source(source)) => match request.sources.read(source.path(), limit) {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(error) => {
                    problems.add(unreadable(request.rendered, source.path(), &error, pointer));
                    Err(())
                }
            },
        }
    }
}
