//! References of a sequence: packages, with a program if a step runs one, and applications.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::catalog::{Key, ValueType};
use crate::error::{Error, Result};
use crate::{Action, Sequence, Step, Value, is_package, text};

use super::document::{self, Element};

/// Program in a reference to a task sequence.
pub const ANY_PROGRAM: &str = "*";

/// Reference of a sequence.
///
/// As text: `ABC00001`, `ABC00001:Program`, the name of an application, or the XML of any other
/// element.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// ID of the package.
    pub package: Option<String>,
    /// Program of the package; `*` for a task sequence.
    pub program: Option<String>,
    /// Name of the application.
    pub application: Option<String>,
    /// XML of the element, if it has other attributes.
    pub xml: Option<String>,
}

impl Reference {
    fn package(id: &str, program: Option<&str>) -> Self {
        Self { package: Some(id.to_owned()), program: program.map(str::to_owned), ..Self::default() }
    }

    fn application(name: &str) -> Self {
        Self { application: Some(name.to_owned()), ..Self::default() }
    }

    /// Reads an element of the list of references.
    ///
    /// # Errors
    ///
    /// Fails if the element can't be written again.
    pub fn from_element(element: &Element) -> Result<Self> {
        let attribute = |name| element.attribute(name).map(str::to_owned);
        let (package, program, application) = (attribute("package"), attribute("program"), attribute("application"));
        let plain = Self { package, program, application, xml: None };
        // Only references whose text parses to the same reference can be kept as text.
        let Ok(again) = plain.to_string().parse::<Self>();
        let n_attributes = [&plain.package, &plain.program, &plain.application].into_iter().flatten().count();
        let is_plain = element.name == "reference" && n_attributes == element.attributes.len();
        if again == plain && is_plain && element.content.is_empty() {
            return Ok(plain);
        }
        Ok(Self { xml: Some(document::write(element)?), ..Self::default() })
    }

    /// Returns the reference as an element.
    ///
    /// # Errors
    ///
    /// Fails if its XML is not well-formed.
    pub fn to_element(&self) -> Result<Element> {
        if let Some(xml) = &self.xml {
            return document::parse(xml).map_err(|error: Error| error.within("can't read the XML of a reference"));
        }
        let mut element = Element::new("reference");
        let attributes = [("package", &self.package), ("program", &self.program), ("application", &self.application)];
        for (name, value) in attributes {
            element.attributes.extend(value.iter().map(|value| (name.to_owned(), value.clone())));
        }
        Ok(element)
    }
}

impl Reference {
    /// Returns the reference as XML.
    ///
    /// # Errors
    ///
    /// Fails like [`to_element`](Self::to_element), or if a text contains a character that is not
    /// allowed in XML.
    pub fn to_xml(&self) -> Result<String> {
        document::write(&self.to_element()?)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, program, application, xml } = self;
        let text = xml.as_ref().or(package.as_ref()).or(application.as_ref()).map_or("", String::as_str);
        formatter.write_str(text)?;
        match program {
            Some(program) => write!(formatter, ":{program}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Reference {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        if text.starts_with('<') {
            return Ok(Self { xml: Some(text.to_owned()), ..Self::default() });
        }
        Ok(match text.split_once(':') {
            Some((id, program)) if is_package(id) => Self::package(id, Some(program)),
            None if is_package(text) => Self::package(text, None),
            _ => Self::application(text),
        })
    }
}

/// Returns the references of a sequence in the order of its steps. Disabled steps have none.
pub fn references(sequence: &Sequence) -> Vec<Reference> {
    let actions = sequence.enabled().into_iter().filter_map(Step::action);
    let mut found: Vec<Reference> = actions.flat_map(action_references).collect();
    // References that the imported list lacked are not added, so that the document stays the same.
    found.retain(|reference| !sequence.omitted.contains(&reference.to_string()));
    found.extend(sequence.references.iter().cloned());
    let mut seen = BTreeSet::new();
    found.retain(|reference| seen.insert(reference.clone()));
    found
}

fn action_references(action: &Action) -> Vec<Reference> {
    let program = match action.kind.name {
        "run-task-sequence" => Some(ANY_PROGRAM),
        "install-package" => action.text("program").filter(|program| !program.is_empty()),
        _ => None,
    };
    let of_key = |key: &Key| match (&key.value_type, action.values.get(key.name)) {
        (ValueType::Package, Some(Value::Text(package))) => vec![Reference::package(package, program)],
        (ValueType::Packages, Some(Value::Texts(packages))) => {
            packages.iter().map(|package| Reference::package(package, None)).collect()
        }
        (ValueType::Tables(_), Some(Value::Tables(tables))) if action.is("install-application") => {
            tables.iter().filter_map(|table| text(table, "id")).map(Reference::application).collect()
        }
        _ => Vec::new(),
    };
    action.kind.keys.iter().flat_map(of_key).collect()
}
