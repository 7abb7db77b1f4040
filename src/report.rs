//! Formats results as text for a terminal and as JSON. Each kind of result has its own module.
//!
//! Nothing here reads the environment: the caller passes colours and widths.

mod attested;
mod bcd;
mod cache;
mod captured;
mod certificate;
mod checked;
mod condense;
mod conversion;
mod destroy;
pub mod device;
pub mod diff;
mod disc;
mod document;
mod failure;
pub mod findings;
mod folders;
pub mod html;
pub mod impact;
mod lock;
pub mod map;
pub mod markdown;
pub mod matrix;
mod medium;
mod outline;
mod page;
pub mod plan;
pub mod policy;
mod problems;
mod program;
mod reason;
pub mod reference;
mod remote;
mod repeated;
mod rules;
pub mod sequence;
pub mod simulated;
mod stale_plan;
pub mod svg;
mod verified;
mod windows;

pub use attested::{attestation_json, attestation_line, attested_json, key_json, signed_json};
pub use bcd::{MediumBootStore, boot_store, boot_store_json};
pub use cache::{cache, cache_json};
pub use captured::{captured, captured_json, images};
pub use certificate::certificate_json;
pub use checked::checked_json;
pub use condense::SCREEN_LINES;
pub use conversion::{conversion, conversion_json};
pub use destroy::destroy_preview;
pub use document::{DocumentKind, document, inspected};
pub use failure::{failure, warning};
pub use lock::lock_json;
pub use medium::{MediumDetails, WimDetails, parsed_medium, parsed_medium_json, wim, wim_json};
pub use outline::{add_outline, add_outline_json};
pub use page::Page;
pub use problems::{graphical, json, summary};
pub use program::{program, program_json, program_line};
pub use remote::{pulled_json, pushed_json, synced_json};
pub use rules::{lowering, lowerings_json, rule, rules, rules_json};
pub use stale_plan::{stale_plan, with_stale};
pub use verified::{VerifiedMedium, fault, set_fault, verified_json};

use camino::Utf8Path;

use crate::paths::normalized;
use crate::problem::SourceText;

/// Style of text output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextStyle {
    /// Use colours; they never carry meaning alone.
    pub colour: bool,
    /// Use lines and signs beyond ASCII.
    pub unicode: bool,
    /// Columns of a line.
    pub width: usize,
}

impl Default for TextStyle {
    /// Returns the style for files and pipes: no colour, Unicode, 100 columns.
    fn default() -> Self {
        Self { colour: false, unicode: true, width: 100 }
    }
}

/// Formats a count with its noun, such as `1 file`, `2 files` or `2 media`.
pub fn counted(n: usize, word: &str) -> String {
    match (n, word) {
        (1, _) => format!("1 {word}"),
        (_, "medium") => format!("{n} media"),
        _ => format!("{n} {word}s"),
    }
}

/// Name of a source, such as `profiles/site.toml` for `media/../profiles/site.toml`, which a manifest in `media` names as
/// `../profiles/site.toml`.
fn shown_name(source: &SourceText) -> String {
    match source.name.contains("/../") {
        true => normalized(Utf8Path::new(&source.name)).into_string(),
        false => source.name.clone(),
    }
}
