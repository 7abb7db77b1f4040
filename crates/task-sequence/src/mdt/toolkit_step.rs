//! Groups and steps as they are written in a `ts.xml`.

use crate::xml::document::Element;

use super::table::{Counterpart, ToolkitScript, Treatment, find_for_step};

/// Group or step of the toolkit.
#[derive(Clone, Debug, Default)]
pub struct ToolkitStep {
    /// Class; empty for a step without one.
    pub class: String,
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// `true` if the step is skipped.
    pub is_disabled: bool,
    /// `true` if the sequence continues when the step fails.
    pub continues_on_error: bool,
    /// Folder that the command runs in.
    pub folder: String,
    /// Exit codes that count as success.
    pub success_codes: String,
    /// Command line.
    pub command: String,
    /// Variables: name, property and value.
    pub variables: Vec<(String, String, String)>,
    /// File name of the script that the command line runs.
    pub script: Option<String>,
    /// Arguments of the script.
    pub arguments: String,
}

impl ToolkitStep {
    /// Reads an element.
    pub fn new(element: &Element) -> Self {
        let attribute = |name: &str| element.attribute(name).unwrap_or_default().trim().to_owned();
        let is_true = |name: &str| attribute(name).eq_ignore_ascii_case("true");
        let command = element.child("action").map(Element::own_text).unwrap_or_default().trim().to_owned();
        let (script, arguments) = match split_script(&command) {
            Some((script, arguments)) => (Some(script), arguments),
            None => (None, String::new()),
        };
        let variable = |variable: &Element| {
            let text = |name: &str| variable.attribute(name).unwrap_or_default().to_owned();
            (text("name"), text("property"), variable.own_text().trim().to_owned())
        };
        let list = element.child("defaultVarList").into_iter().flat_map(Element::children);
        Self {
            class: attribute("type"),
            name: attribute("name"),
            description: attribute("description"),
            is_disabled: is_true("disable"),
            continues_on_error: is_true("continueOnError"),
            folder: attribute("startIn"),
            success_codes: attribute("successCodeList"),
            command,
            variables: list.map(variable).collect(),
            script,
            arguments,
        }
    }

    /// Returns the value of a variable; `None` if it is empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let found = self.variables.iter().find(|variable| variable.0.eq_ignore_ascii_case(name));
        found.map(|variable| variable.2.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns the value of a property; `None` if it is empty.
    pub fn property(&self, name: &str) -> Option<&str> {
        let found = self.variables.iter().find(|variable| variable.1.eq_ignore_ascii_case(name));
        found.map(|variable| variable.2.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns `true` if the script has an argument such as `/PE`.
    pub fn has_argument(&self, argument: &str) -> bool {
        self.arguments.split_whitespace().any(|one| one.trim_start_matches(['/', '-']).eq_ignore_ascii_case(argument))
    }

    /// Returns the script or class that the step uses.
    pub fn origin(&self) -> String {
        let class = self.class.strip_prefix("SMS_TaskSequence_").unwrap_or(&self.class);
        match (&self.script, class) {
            (_, class) if class.starts_with("BDD_") => class.to_owned(),
            (Some(script), _) => script.clone(),
            (None, "") => "command line".to_owned(),
            (None, class) => class.strip_suffix("Action").unwrap_or(class).to_owned(),
        }
    }

    /// Returns the entry of the table for the step.
    pub fn entry(&self) -> Option<&'static ToolkitScript> {
        // A class of Configuration Manager is more specific than the script that the toolkit runs for it.
        let is_own = self.class.starts_with("SMS_TaskSequence_") && !self.class.ends_with("RunCommandLineAction");
        if is_own { None } else { find_for_step(&self.class, self.script.as_deref()) }
    }

    /// Returns the step that replaces it.
    pub fn counterpart(&self) -> Option<Counterpart> {
        match self.entry()?.treatment {
            Treatment::Convert(counterpart) => Some(counterpart),
            Treatment::Drop | Treatment::Keep => None,
        }
    }

    /// Returns `true` if the step applies an image.
    ///
    /// `LTIApply.wsf` does several things depending on its arguments, and upgrades keep the system.
    pub fn applies_image(&self) -> bool {
        let others = ["PE", "POST", "STAGE", "BCD", "CLEAN"];
        self.class != "BDD_UpgradeOS" && !others.iter().any(|argument| self.has_argument(argument))
    }
}

/// Splits a command line into a script of one of the toolkit's types and its arguments.
fn split_script(command: &str) -> Option<(String, String)> {
    let lower = command.to_ascii_lowercase();
    let end = [".wsf", ".vbs", ".ps1"].iter().filter_map(|ending| Some(lower.find(ending)? + ending.len())).min()?;
    let start = command[..end].rfind(['\\', '/', '"', ' ']).map_or(0, |at| at + 1);
    let arguments = command[end..].trim_start_matches('"').trim();
    Some((command[start..end].to_owned(), arguments.to_owned()))
}
