//! Task sequences of the Microsoft Deployment Toolkit (`ts.xml`), converted to steps of Configuration Manager.
//!
//! Facts are those of Microsoft's "Toolkit reference" for the toolkit (scripts, task sequence steps, properties) and of
//! public `ts.xml` files. The [`table`] says what becomes of each script and class; [`convert`](self::convert()) also
//! reports what became of each step and what its author has to do.

mod actions;
mod conditions;
mod context;
mod convert;
mod disks;
mod draft;
mod share;
mod software;
mod source;
pub mod table;

use crate::error::Result;
use crate::xml::document::Element;
use crate::{Body, Sequence};

use convert::Converter;

pub use share::{Application, Content, ContentKind, Share};

/// What became of a sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversion {
    /// Its steps, in their order.
    pub steps: Vec<StepReport>,
    /// Variables that conditions and steps read and that no step sets.
    pub unset: Vec<String>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// Names of the groups around it, the outermost first.
    pub path: Vec<String>,
    /// Its name.
    pub name: String,
    /// The script or class that it used.
    pub origin: String,
    /// `true` if it was disabled already.
    pub is_disabled: bool,
    /// What became of it.
    pub fate: Fate,
    /// Types of the steps that took its place.
    pub became: Vec<&'static str>,
    /// Why; empty if the types say it.
    pub why: String,
    /// What its author has to do; empty if nothing.
    pub todo: String,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was converted.
    Converted,
    /// It was converted and moved behind the step that applies the operating system.
    Moved,
    /// It was converted and disabled until its author has done the rest.
    Unfinished,
    /// It was left out.
    Dropped,
    /// It was kept as it is, disabled.
    Kept,
}

impl Fate {
    /// The word for it, in reports and JSON.
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

/// Converts a sequence of the toolkit. Content that steps refer to gets package IDs in `share`.
///
/// # Errors
///
/// A condition can't be read, or the sequence is larger than any that is stored.
pub fn convert(root: &Element, share: &mut Share) -> Result<(Sequence, Conversion)> {
    let mut converter = Converter::new(root, share);
    let mut steps = converter.children(root)?;
    steps.append(&mut converter.context.state.deferred);
    let is_set = |name: &String| converter.context.set.iter().any(|set| set.eq_ignore_ascii_case(name));
    let mut unset: Vec<String> = converter.context.read.iter().filter(|name| !is_set(name)).cloned().collect();
    unset.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    let conversion = Conversion { steps: converter.reports, unset };
    // The toolkit starts its own image of Windows PE, and a sequence names one.
    let boot_image = Some(share.package_id("boot image", "Boot image", ContentKind::BootImage));
    Ok((Sequence { steps: without_empty_groups(steps), boot_image, ..Sequence::default() }, conversion))
}

/// Leaves out groups that have lost all of their steps.
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

/// Returns `true` for a sequence that the toolkit runs by itself, recognized by its content: versions are no evidence,
/// since consoles also write 3.00. Sequences of Configuration Manager with steps of the toolkit's integration run
/// them with `smsswd.exe`.
pub fn is_toolkit(sequence: &Element) -> bool {
    sequence.children().any(is_of_toolkit)
}

fn is_of_toolkit(element: &Element) -> bool {
    match element.name.as_str() {
        // The Deployment Workbench remembers which groups are expanded, and gives groups an empty action.
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
