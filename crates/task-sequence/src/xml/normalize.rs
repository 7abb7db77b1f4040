//! Normal form of a document, which is equal for documents with the same task sequence.
//!
//! Consoles differ in the defaults that they write: variables without a value may be present or
//! not, and variables of an older or newer console are missing or have their default. These are
//! left out, and variables and references are sorted. Everything else is compared exactly.

use crate::catalog::{self, StepKind};
use crate::error::Result;

use super::document::{self, Element};
use super::{PREFIX, values};

/// Returns the normal form of a document, one element per line.
///
/// # Errors
///
/// Fails if the text is not well-formed XML.
pub fn normal_form(text: &str) -> Result<String> {
    let root = document::parse(text)?;
    let mut lines = String::new();
    append(&root, None, 0, &mut lines);
    Ok(lines)
}

fn append(element: &Element, kind: Option<&StepKind>, depth: usize, lines: &mut String) {
    let indent = "  ".repeat(depth);
    let mut attributes = element.attributes.clone();
    let defaults: &[(&str, &str)] = match element.name.as_str() {
        "step" => &[("disable", "false"), ("continueOnError", "false"), ("retryCount", "0"), ("runFromNet", "false")],
        "group" => &[("disable", "false"), ("continueOnError", "false")],
        _ => &[],
    };
    attributes.retain(|(name, value)| {
        !defaults.contains(&(name.as_str(), value.as_str())) && (name.as_str(), value.as_str()) != ("description", "")
    });
    attributes.sort();
    let shown: String = attributes.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
    let text = element.own_text();
    let text = if text.is_empty() { String::new() } else { format!(" {text:?}") };
    *lines += &format!("{indent}{}{shown}{text}\n", element.name);
    let class = element.attribute("type").and_then(|class| class.strip_prefix(PREFIX));
    let kind = if element.name == "step" { class.and_then(catalog::find_by_class) } else { kind };
    let mut parts = Vec::new();
    let operands: Vec<&Element> = element.children().collect();
    if element.name == "condition" && operands.len() > 1 {
        // Operands without an operator mean `and`.
        let mut all = Element::new("operator").with("type", "and");
        operands.into_iter().for_each(|operand| all.push(operand.clone()));
        append(&all, kind, depth + 1, lines);
        return;
    }
    for child in operands {
        if child.name == "variable" && (child.content.is_empty() || is_default(child, kind)) {
            continue;
        }
        let mut part = String::new();
        append(child, kind, depth + 1, &mut part);
        parts.push(part);
    }
    if ["referenceList", "globalVarList", "defaultVarList", "expression"].contains(&element.name.as_str()) {
        parts.sort();
    }
    lines.extend(parts);
}

/// Returns `true` if a variable of a step has the default of its type.
fn is_default(variable: &Element, kind: Option<&StepKind>) -> bool {
    let Some(kind) = kind else { return false };
    let (name, value) = (variable.attribute("name"), variable.own_text());
    let by_key =
        kind.keys.iter().any(|key| name == Some(key.variable()) && values::default(key) == Some(value.clone()));
    let derived = ["RunAsUser", "DoNotShowVariableValue"].contains(&variable.attribute("property").unwrap_or_default());
    let retries = variable.attribute("property") == Some("RetryCount") && value == "0";
    by_key || derived && value == "false" || retries
}
