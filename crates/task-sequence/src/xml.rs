//! XML of Configuration Manager for task sequences: `<sequence version="3.10">`.
//!
//! The grammar is that of exports of the console: groups and steps, each with an optional
//! condition; a step has a command line and variables. The [`catalog`](super::catalog) maps the
//! values of steps, in both directions. Everything else is kept, so that writing a sequence that
//! was read gives the same document ([`normal_form`]). Exports contain no secrets (R147); media do
//! ([`write_with_secrets`]). Sequences of the Microsoft Deployment Toolkit are converted first
//! ([`mdt`](crate::mdt)).

mod arrays;
mod command;
mod conditions;
pub mod document;
mod normalize;
mod references;
mod script;
mod secrets;
mod step;
mod values;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};

pub(crate) use references::ANY_PROGRAM;

use super::catalog::{self, Environment};
use super::{Body, Foreign, Sequence, Step, Variable};
use crate::limits::MAX_SEQUENCE_DEPTH;

use document::Element;

pub use document::push_escaped;
pub use normalize::normal_form;
pub use references::{Reference, references};
pub use secrets::write_with_secrets;

/// Version that is written, unless a sequence was imported with [`OLD_VERSION`].
pub const VERSION: &str = "3.10";
/// Version that older consoles, scripts and the Microsoft Deployment Toolkit write, with the same
/// grammar.
pub const OLD_VERSION: &str = "3.00";
/// Prefix of class names.
const PREFIX: &str = "SMS_TaskSequence_";
/// Maximum length of the name and the description of a step, in characters (R75).
pub(crate) const MAX_NAME: usize = 100;
pub(crate) const MAX_DESCRIPTION: usize = 255;
/// Name for a step without one.
pub(crate) const NAMELESS: &str = "(no name)";

/// Writes a sequence as XML, without its name, description and boot image, which are stored
/// elsewhere.
///
/// # Errors
///
/// Fails if a text contains a character that is not allowed in XML, or if a condition tests for an
/// operating system whose query only the site knows.
pub fn write(sequence: &Sequence) -> Result<String> {
    let mut root = Element::new("sequence").with("version", sequence.xml_version.as_deref().unwrap_or(VERSION));
    let references = references(sequence);
    if !references.is_empty() {
        let mut list = Element::new("referenceList");
        for reference in references {
            list.push(reference.to_element()?);
        }
        root.push(list);
    }
    let mut globals = globals(sequence);
    globals.retain(|variable| !sequence.omitted.contains(&variable.name) || sequence.variables.contains(variable));
    if !globals.is_empty() {
        let mut list = Element::new("globalVarList");
        globals.iter().for_each(|variable| list.push(variable_element(variable)));
        root.push(list);
    }
    for step in &sequence.steps {
        root.push(step_element(step)?);
    }
    document::write(&root)
}

/// Returns the IDs of the packages that a sequence refers to, in the order of its steps, excluding
/// child task sequences.
pub fn packages(sequence: &Sequence) -> Vec<String> {
    let own = references(sequence).into_iter().filter(|one| one.program.as_deref() != Some(ANY_PROGRAM));
    let mut packages: Vec<_> = own.filter_map(|one| one.package).collect();
    let mut seen = BTreeSet::new();
    packages.retain(|package| seen.insert(package.clone()));
    packages
}

/// Returns the variables that apply to the whole sequence.
fn globals(sequence: &Sequence) -> Vec<Variable> {
    let mut found = Vec::new();
    for (_, step) in sequence.walk() {
        let Some(action) = step.action() else { continue };
        let of_step = step::variables(action).into_iter().filter(|variable| step::is_global(action.kind, variable));
        found.extend(of_step.map(|variable| Variable { is_hidden: false, ..variable }));
    }
    // The first variable of a name determines the position, but an imported value takes precedence over one of a step.
    let mut places = BTreeMap::new();
    let mut all: Vec<Variable> = Vec::new();
    let own = found.into_iter().map(|variable| (variable, false));
    for (variable, is_kept) in own.chain(sequence.variables.iter().map(|kept| (kept.clone(), true))) {
        match places.entry(variable.name.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(all.len());
                all.push(variable);
            }
            Entry::Occupied(occupied) if is_kept => all[*occupied.get()] = variable,
            Entry::Occupied(_) => {}
        }
    }
    all
}

fn variable_element(variable: &Variable) -> Element {
    let element = Element::new("variable").with("name", &variable.name).with("property", &variable.property);
    let element = if variable.is_hidden { element.with("hidden", "true") } else { element };
    element.text(&variable.value)
}

fn step_element(step: &Step) -> Result<Element> {
    if let Body::Foreign(foreign) = &step.body
        && let Some(xml) = &foreign.xml
    {
        let failed = |error: Error| error.within(format!("can't read the XML of `{}`", step.name));
        return document::parse(xml).map_err(failed);
    }
    // Errors name the innermost step, since groups pass them on unchanged.
    let failed = |error: Error| error.within(format!("can't write the step `{}` as XML", step.name));
    let name = match &step.body {
        Body::Group(_) => "group",
        Body::Action(action) => action.kind.element(),
        Body::Foreign(_) => "step",
    };
    let mut element = Element::new(name);
    element.attributes = attributes(step);
    for (name, value) in &step.attributes {
        match element.attributes.iter_mut().find(|attribute| attribute.0 == *name) {
            Some(attribute) => attribute.1.clone_from(value),
            None => element.attributes.push((name.clone(), value.clone())),
        }
    }
    if let Some(condition) = &step.condition {
        element.push(conditions::write(condition).map_err(failed)?);
    }
    let (line, variables) = match &step.body {
        Body::Group(steps) => {
            for step in steps {
                element.push(step_element(step)?);
            }
            return Ok(element);
        }
        Body::Action(action) => (step::command_line(action), Some(step::variables(action))),
        Body::Foreign(foreign) => (foreign.command.clone(), foreign.variables.clone()),
    };
    element.push(Element::new("action").text(line));
    // Consoles write the list even if it is empty.
    if let Some(variables) = variables {
        let mut list = Element::new("defaultVarList");
        variables.iter().for_each(|variable| list.push(variable_element(variable)));
        element.push(list);
    }
    Ok(element)
}

/// Returns the attributes that follow from a step or group, without those that were kept.
fn attributes(step: &Step) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
    let (class, runs_in, codes, retries, timeout) = match &step.body {
        Body::Group(_) => {
            add("name", &step.name);
            add("description", &step.description);
            if step.continues_on_error {
                add("continueOnError", "true");
            }
            if step.is_disabled {
                add("disable", "true");
            }
            return all;
        }
        Body::Action(action) => {
            let class = format!("{PREFIX}{}", action.kind.class);
            let codes = step::format_codes(action.success_codes());
            let retries = action.retries.unwrap_or(action.kind.retries());
            (class, action.kind.runs_in(), codes, retries, action.timeout)
        }
        Body::Foreign(foreign) => {
            (foreign.class.clone(), Some(foreign.environment.attribute()), "0".to_owned(), 0, None)
        }
    };
    add("type", &class);
    add("name", &step.name);
    add("description", &step.description);
    if step.is_disabled {
        add("disable", "true");
    }
    if step.continues_on_error {
        add("continueOnError", "true");
    }
    if let Some(minutes) = timeout {
        // Minutes in the editor and in sequence files, seconds in the XML.
        add("timeout", &(minutes * 60).to_string());
    }
    if let Some(runs_in) = runs_in {
        add("runIn", runs_in);
    }
    add("successCodeList", &codes);
    add("retryCount", &retries.to_string());
    let from_network = step
        .action()
        .is_some_and(|action| action.kind.key("run-from-network").is_some() && action.is_set("run-from-network"));
    add("runFromNet", if from_network { "true" } else { "false" });
    all
}

/// Reads a sequence from XML, which contains no name, description or boot image.
///
/// # Errors
///
/// Fails if the text is not well-formed XML, or not a sequence of a known version.
pub fn read(text: &str) -> Result<Sequence> {
    read_element(&document::parse(text)?)
}

/// Reads a sequence from its element, like [`read`].
///
/// # Errors
///
/// Fails like [`read`].
pub fn read_element(root: &Element) -> Result<Sequence> {
    if root.name != "sequence" {
        return Err(Error::unsupported(format!(
            "the root element is `<{}>`; a task sequence is a `<sequence>`",
            root.name
        )));
    }
    let xml_version = match root.attribute("version") {
        Some(VERSION) => None,
        Some(OLD_VERSION) => Some(OLD_VERSION.to_owned()),
        Some(version) => {
            let message = format!(
                "unsupported version {version} of the task sequence; supported are {OLD_VERSION} and {VERSION}"
            );
            return Err(Error::unsupported(message));
        }
        None => return Err(Error::unsupported(format!("the task sequence has no version; expected {VERSION}"))),
    };
    let mut sequence = Sequence { xml_version, ..Sequence::default() };
    let (mut references, mut variables) = (Vec::new(), Vec::new());
    for element in &root.content {
        let document::XmlNode::Element(element) = element else { continue };
        match element.name.as_str() {
            "referenceList" => {
                for child in element.children() {
                    references.push(Reference::from_element(child)?);
                }
            }
            "globalVarList" => variables.extend(element.children().map(read_variable)),
            _ => sequence.steps.push(read_step(element, 0)?),
        }
    }
    // Whatever differs from the references and variables that the steps imply is kept, in both
    // directions.
    let computed = self::references(&sequence);
    let missing = computed.iter().filter(|reference| !references.contains(reference));
    sequence.omitted = missing.map(ToString::to_string).collect();
    references.retain(|reference| !computed.contains(reference));
    variables.retain(|variable: &Variable| !variable.value.is_empty());
    let computed: BTreeMap<String, Variable> =
        globals(&sequence).into_iter().map(|variable| (variable.name.clone(), variable)).collect();
    let is_missing = |variable: &&Variable| !variables.iter().any(|one| one.name == variable.name);
    let missing = computed.values().filter(|variable| !variable.value.is_empty()).filter(is_missing);
    sequence.omitted.extend(missing.map(|variable| variable.name.clone()));
    variables.retain(|variable| computed.get(&variable.name) != Some(variable));
    (sequence.references, sequence.variables) = (references, variables);
    Ok(sequence)
}

/// Reads the condition of a group or step, if it has one.
///
/// # Errors
///
/// Fails if the condition does not follow the grammar.
pub fn read_condition(element: &Element) -> Result<Option<crate::Condition>> {
    let Some(condition) = element.child("condition") else { return Ok(None) };
    let name = element.attribute("name").unwrap_or_default();
    let failed = |error: Error| error.within(format!("can't read the condition of `{name}`"));
    conditions::read(condition).map_err(failed)
}

fn read_variable(element: &Element) -> Variable {
    let text = |name| element.attribute(name).unwrap_or_default().to_owned();
    let is_hidden = is_true(element.attribute("hidden"));
    Variable { name: text("name"), property: text("property"), is_hidden, value: element.own_text() }
}

fn is_true(value: Option<&str>) -> bool {
    value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn read_step(element: &Element, depth: usize) -> Result<Step> {
    let text = |name| element.attribute(name).unwrap_or_default().to_owned();
    if depth > MAX_SEQUENCE_DEPTH {
        return Err(Error::TooLarge(format!("groups are nested deeper than {MAX_SEQUENCE_DEPTH} levels")));
    }
    let body = match element.name.as_str() {
        "group" => read_group(element, depth)?,
        "step" | "subtasksequence" => read_body(element),
        _ => None,
    };
    let body = match body {
        Some(body) => body,
        None => {
            let xml = Some(document::write(element)?);
            let foreign = Foreign {
                class: String::new(),
                xml,
                command: String::new(),
                environment: Environment::Any,
                variables: None,
            };
            Body::Foreign(Box::new(foreign))
        }
    };
    let condition = read_condition(element)?;
    let (mut name, mut description) = (text("name"), text("description"));
    if name.is_empty() {
        name = NAMELESS.to_owned();
    }
    name = name.chars().take(MAX_NAME).collect();
    description = description.chars().take(MAX_DESCRIPTION).collect();
    let mut step = Step {
        name,
        description,
        is_disabled: is_true(element.attribute("disable")),
        continues_on_error: is_true(element.attribute("continueOnError")),
        condition,
        body,
        attributes: Default::default(),
        places: Default::default(),
    };
    if let Body::Foreign(foreign) = &step.body
        && foreign.xml.is_some()
    {
        // The XML of the whole element already contains these.
        (step.is_disabled, step.continues_on_error, step.condition) = (false, false, None);
        return Ok(step);
    }
    if let Body::Action(action) = &mut step.body {
        // A time limit that the editor would not accept is kept as an attribute.
        let minutes =
            element.attribute("timeout").and_then(|seconds| seconds.parse().ok()).map(|seconds: i64| seconds / 60);
        action.timeout = minutes.filter(|minutes| (1..=999).contains(minutes));
    }
    let written = attributes(&step);
    // Keep the attributes that writing the step would not produce.
    let is_kept = |(name, value): &&(String, String)| match written.iter().find(|one| one.0 == *name) {
        Some(written) => written.1 != *value,
        None => !(["disable", "continueOnError"].contains(&name.as_str()) && value.eq_ignore_ascii_case("false")),
    };
    step.attributes = element.attributes.iter().filter(is_kept).cloned().collect();
    Ok(step)
}

/// Reads the steps of a group; `None` if it contains anything that a group can't hold.
fn read_group(element: &Element, depth: usize) -> Result<Option<Body>> {
    let is_text =
        |content: &document::XmlNode| matches!(content, document::XmlNode::Text(text) if !text.trim().is_empty());
    if element.content.iter().any(is_text) || element.children().filter(|child| child.name == "condition").count() > 1 {
        return Ok(None);
    }
    let steps = element.children().filter(|child| child.name != "condition");
    let steps = steps.map(|child| read_step(child, depth + 1)).collect::<Result<_>>()?;
    Ok(Some(Body::Group(steps)))
}

/// Reads the action of a step; `None` if the element does not follow the grammar.
fn read_body(element: &Element) -> Option<Body> {
    for child in element.children() {
        let is_known = ["condition", "action", "defaultVarList"].contains(&child.name.as_str());
        if !is_known || element.children().filter(|other| other.name == child.name).count() > 1 {
            return None;
        }
    }
    let class = element.attribute("type").filter(|class| !class.is_empty())?;
    let command = element.child("action").map(Element::own_text).unwrap_or_default();
    let list = element.child("defaultVarList");
    let variables = list.map(|list| list.children().map(read_variable).collect::<Vec<_>>());
    if let Some(kind) = class.strip_prefix(PREFIX).and_then(catalog::find_by_class) {
        let variables = variables.unwrap_or_default();
        return Some(Body::Action(Box::new(step::read_action(kind, variables, &command, element))));
    }
    if element.name != "step" {
        return None;
    }
    let environment = match element.attribute("runIn") {
        Some("WinPE") => Environment::WindowsPe,
        Some("FullOS") => Environment::FullOs,
        _ => Environment::Any,
    };
    let foreign = Foreign { class: class.to_owned(), xml: None, command, environment, variables };
    Some(Body::Foreign(Box::new(foreign)))
}

/// Returns `true` if a step has parts that were kept because the catalog has no key for them.
pub fn has_unmapped_parts(step: &Step) -> bool {
    let of_action = step.action().is_some_and(|action| action.command.is_some() || !action.variables.is_empty());
    of_action || !step.attributes.is_empty() || matches!(step.body, Body::Foreign(_))
}

#[cfg(test)]
mod tests;
