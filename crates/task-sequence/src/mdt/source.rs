//! A group or step as a `ts.xml` has it.

use crate::xml::document::Element;

use super::table::{Counterpart, Entry, Treatment, entry_of};

/// A group or step of the toolkit.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Class, empty for a step without one.
    pub class: String,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// `true` if it is passed over.
    pub is_disabled: bool,
    /// `true` if the sequence goes on when it fails.
    pub continues_on_error: bool,
    /// The folder that it runs in.
    pub folder: String,
    /// Exit codes that are a success.
    pub success_codes: String,
    /// The command line.
    pub command: String,
    /// Variables: name, property and value.
    pub variables: Vec<(String, String, String)>,
    /// File name of the script that the command line runs.
    pub script: Option<String>,
    /// What follows the script.
    pub arguments: String,
}

impl Source {
    /// Reads an element.
    pub fn new(element: &Element) -> Self {
        let attribute = |name: &str| element.attribute(name).unwrap_or_default().trim().to_owned();
        let is_true = |name: &str| attribute(name).eq_ignore_ascii_case("true");
        let command = element.child("action").map(Element::own_text).unwrap_or_default().trim().to_owned();
        let (script, arguments) = match script(&command) {
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

    /// The value of a variable that says something.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let found = self.variables.iter().find(|variable| variable.0.eq_ignore_ascii_case(name));
        found.map(|variable| variable.2.as_str()).filter(|value| !value.is_empty())
    }

    /// The value of a property that says something.
    pub fn property(&self, name: &str) -> Option<&str> {
        let found = self.variables.iter().find(|variable| variable.1.eq_ignore_ascii_case(name));
        found.map(|variable| variable.2.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns `true` if the script has an argument such as `/PE`.
    pub fn has_argument(&self, argument: &str) -> bool {
        self.arguments.split_whitespace().any(|one| one.trim_start_matches(['/', '-']).eq_ignore_ascii_case(argument))
    }

    /// The script or class that it uses.
    pub fn origin(&self) -> String {
        let class = self.class.strip_prefix("SMS_TaskSequence_").unwrap_or(&self.class);
        match (&self.script, class) {
            (_, class) if class.starts_with("BDD_") => class.to_owned(),
            (Some(script), _) => script.clone(),
            (None, "") => "command line".to_owned(),
            (None, class) => class.strip_suffix("Action").unwrap_or(class).to_owned(),
        }
    }

    /// What the table says of it.
    pub fn entry(&self) -> Option<&'static Entry> {
        // A class of Configuration Manager says more than the script that the toolkit runs for it.
        let is_own = self.class.starts_with("SMS_TaskSequence_") && !self.class.ends_with("RunCommandLineAction");
        if is_own { None } else { entry_of(&self.class, self.script.as_deref()) }
    }

    /// The step that takes its place.
    pub fn counterpart(&self) -> Option<Counterpart> {
        match self.entry()?.treatment {
            Treatment::Convert(counterpart) => Some(counterpart),
            Treatment::Drop | Treatment::Keep => None,
        }
    }

    /// Returns `true` if it applies an image: `LTIApply.wsf` does several things by its arguments, and upgrades keep the
    /// system.
    pub fn applies_image(&self) -> bool {
        let others = ["PE", "POST", "STAGE", "BCD", "CLEAN"];
        self.class != "BDD_UpgradeOS" && !others.iter().any(|argument| self.has_argument(argument))
    }
}

/// The script of a command line, if it is one of the toolkit's kind, and what follows it.
fn script(command: &str) -> Option<(String, String)> {
    let lower = command.to_ascii_lowercase();
    let end = [".wsf", ".vbs", ".ps1"].iter().filter_map(|ending| Some(lower.find(ending)? + ending.len())).min()?;
    let start = command[..end].rfind(['\\', '/', '"', ' ']).map_or(0, |at| at + 1);
    let arguments = command[end..].trim_start_matches('"').trim();
    Some((command[start..end].to_owned(), arguments.to_owned()))
}
