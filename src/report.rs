//! How values look: for people on a terminal, and as JSON for programs. Each kind of value has its own file.
//!
//! Nothing here reads the environment: whether there is colour, and how wide a line may be, is told by the caller.

mod bcd;
mod cache;
mod captured;
mod certificate;
mod conversion;
pub mod device;
pub mod diff;
mod disc;
mod failure;
mod folders;
pub mod map;
mod medium;
mod moved;
mod page;
pub mod plan;
pub mod policy;
mod problems;
mod program;
mod reason;
mod reference;
mod rules;
mod screen;
pub mod sequence;
pub mod simulated;
mod steps_reference;
pub mod svg;
mod verified;
mod windows;

pub use bcd::{StoreFound, boot_store, boot_store_json};
pub use cache::{cache, cache_json};
pub use captured::{captured, captured_json, images};
pub use certificate::certificate_json;
pub use conversion::{conversion, conversion_json};
pub use failure::{failure, warning};
pub use medium::{Said, WimDetails, parsed_medium, parsed_medium_json, wim, wim_json};
pub use moved::{moved, moved_json};
pub use page::Page;
pub use problems::{graphical, json, summary};
pub use program::{program, program_json, program_line};
pub use reference::{RULES_WITHOUT_EXAMPLE, rules as rules_reference};
pub use rules::{lowering, rule, rule_json, rules, rules_json};
pub use screen::SCREEN;
pub use steps_reference::steps as steps_reference;
pub use verified::{fault, set_fault, set_json, verified_json};

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

/// A count and what is counted, such as `1 file` or `2 files`.
pub fn counted(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}
