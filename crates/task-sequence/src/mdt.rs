//! Task sequences of the Microsoft Deployment Toolkit (`ts.xml`).
//!
//! Facts are those of Microsoft's "Toolkit reference" for the toolkit (scripts, task sequence steps, properties) and of
//! public `ts.xml` files.

use crate::xml::document::Element;

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
