//! How values look: for people on a terminal, and as JSON for programs. Each kind of value has its own file.
//!
//! Nothing here reads the environment: whether there is colour, and how wide a line may be, is told by the caller.

pub mod plan;
mod problems;

pub use problems::{graphical, json, summary};

/// How text for people may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether colours may be used. They never carry meaning alone.
    pub colour: bool,
    /// Whether lines and signs beyond ASCII may be used.
    pub unicode: bool,
    /// The columns of a line.
    pub width: usize,
}

impl Default for Look {
    /// No colour, Unicode, 100 columns: what files and pipes get.
    fn default() -> Self {
        Self { colour: false, unicode: true, width: 100 }
    }
}
