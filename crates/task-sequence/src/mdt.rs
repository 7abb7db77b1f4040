//! Conversion of task sequences of the Microsoft Deployment Toolkit (`ts.xml`) to steps of
//! Configuration Manager.
//!
//! Sources are Microsoft's "Toolkit reference" (scripts, task sequence steps, properties) and
//! public `ts.xml` files. The [`table`] lists the treatment of each script and class;
//! [`convert`](self::convert()) also reports the result for each step and what its author has to
//! do.

mod actions;
mod conditions;
mod context;
mod convert;
mod disks;
mod draft;
mod share;
mod software;
pub mod table;
mod toolkit_step;

use crate::error::Result;
use crate::xml::document::Element;
use crate::{Body, Sequence};

use convert::Converter;

pub use share::{Application, ContentKind, Share, ShareContent};

/// Report of the conversion of a sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversion {
    /// Reports of its steps, in order.
    pub steps: Vec<StepReport>,
    /// Variables that conditions and steps read, but that no step sets.
    pub unset: Vec<String>,
}

/// Report of the conversion of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// Names of the groups around the step, outermost first.
    pub path: Vec<String>,
    /// Name of the step.
    pub name: String,
    /// Script or class that the step used.
    pub origin: String,
    /// `true` if the step was already disabled.
    pub is_disabled: bool,
    /// Result of the conversion.
    pub fate: ConversionStatus,
    /// Types of the steps that replace it.
    pub became: Vec<&'static str>,
    /// Reason; empty if the types explain themselves.
    pub why: String,
    /// Task for the author; empty if there is none.
    pub todo: String,
}

/// Result of the conversion of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversionStatus {
    /// Converted.
    Converted,
    /// Converted and moved after the step that applies the operating system.
    Moved,
    /// Converted, but disabled until the author completes it.
    Unfinished,
    /// Removed.
    Dropped,
    /// Kept as it was, disabled.
    Kept,
}

impl ConversionStatus {
    /// Returns the word for reports and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Converted => "converted",
            Self::Moved => "moved",
            Self::Unfinished => "unfinished",
            Self::Dropped => "dropped",
            Self::Kept => "kept",
        }
    }
}

/// Converts a sequence of the toolkit. Content that its steps refer to gets package IDs in `share`.
///
/// # Errors
///
/// Fails if a condition can't be read, or if the sequence is larger than a site stores.
pub fn convert(root: &Element, share: &mut Share) -> Result<(Sequence, Conversion)> {
    let mut converter = Converter::new(root, share);
    let mut steps = converter.children(root)?;
    steps.append(&mut converter.context.state.deferred);
    let is_set = |name: &String| converter.context.set.iter().any(|set| set.eq_ignore_ascii_case(name));
    let mut unset: Vec<String> = converter.context.read.iter().filter(|name| !is_set(name)).cloned().collect();
    unset.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    let conversion = Conversion { steps: converter.reports, unset };
    // The toolkit starts its own Windows PE image, but a task sequence refers to a boot image.
    let boot_image = Some(share.package_id("boot image", "Boot image", ContentKind::BootImage));
    Ok((Sequence { steps: without_empty_groups(steps), boot_image, ..Sequence::default() }, conversion))
}

/// Removes groups that have lost all their steps.
fn without_empty_groups(steps: Vec<crate::Step>) -> Vec<crate::Step> {
    let mut kept = Vec::new();
    for mut step in steps {
        if let Body::Group(children) = step.body {
            let children = without_empty_groups(children);
            if children.is_empty() {
                continue;
            }
            step.body = Body::Group(children);
        }
        kept.push(step);
    }
    kept
}

/// Returns `true` for a sequence that the toolkit runs itself, recognized by its content.
///
/// Versions don't distinguish them, since consoles write 3.00 as well. Sequences of Configuration Manager
/// with steps of the toolkit's integration run them with `smsswd.exe`.
pub fn is_toolkit(sequence: &Element) -> bool {
    sequence.children().any(is_of_toolkit)
}

fn is_of_toolkit(element: &Element) -> bool {
    match element.name.as_str() {
        // Only the Deployment Workbench stores which groups are expanded, and gives groups an empty action.
        "group" => {
            element.attribute("expand").is_some()
                || element.child("action").is_some()
                || element.children().any(is_of_toolkit)
        }
        "step" => {
            let line = element.child("action").map(Element::own_text).unwrap_or_default().to_lowercase();
            let is_of_console = line.contains("smsswd.exe");
            !is_of_console && (line.contains("%scriptroot%") || line.contains(".wsf"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
