//! The Windows PE image that a medium starts.

use std::rc::Rc;

use super::wim::KnownWim;
use crate::format::wim::{Architecture, WindowsVersion};

/// The image of a WIM file that a medium starts.
pub(super) struct WindowsPe {
    pub wim: Rc<KnownWim>,
    pub index: u32,
    /// The processors that it says it is for.
    pub architecture: Option<Architecture>,
    /// The version of Windows PE, if it is known.
    pub version: Option<WindowsVersion>,
}

impl WindowsPe {
    /// Returns the processors that the image is for, or is taken to be for.
    pub fn processors(&self) -> Architecture {
        self.architecture.unwrap_or(Architecture::X64)
    }
}
