//! References of a task sequence in a policy.
//!
//! The steps contain passwords, so only IDs and names of steps are copied out of the text.

use std::collections::BTreeMap;

use super::{Part, attribute, walk};
use crate::error::{Error, Result};
use crate::limits::MAX_SEQUENCE_STEPS;
use crate::xml::ANY_PROGRAM;

/// Maximum number of programs of one package, and of IDs in one step, that are compared.
const MAX_PROGRAMS: usize = 50;

/// Task sequence in a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarriedSequence {
    /// Number of steps, excluding groups.
    pub n_steps: usize,
    /// References in the order of their list.
    pub references: Vec<PolicyReference>,
}

/// Reference of a task sequence to content, a program or an application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyReference {
    /// ID of the package.
    pub package: Option<String>,
    /// Program of the package; `*` for another task sequence.
    pub program: Option<String>,
    /// Name of the application.
    pub application: Option<String>,
    /// Name of the first step whose variables contain the ID and, if there is one, the program.
    pub step: Option<String>,
}

impl PolicyReference {
    /// Returns the ID that steps use for the target.
    pub fn id(&self) -> &str {
        self.package.as_deref().or(self.application.as_deref()).unwrap_or_default()
    }
}

impl CarriedSequence {
    /// Reads the text of `TS_Sequence`.
    ///
    /// # Errors
    ///
    /// Fails if the text is not the XML of a task sequence, for example because a site compressed
    /// it.
    pub(super) fn read(text: &str) -> Result<Self> {
        let mut read = Self::default();
        let mut is_sequence = false;
        walk(text, |path, part, _| {
            let name = path.last().map_or("", String::as_str);
            match part {
                Part::Start(_) if path.len() == 1 => is_sequence = name == "sequence",
                Part::Start(_) if name == "step" => read.n_steps += 1,
                Part::Start(element) if name == "reference" => {
                    let [package, program, application] =
                        ["package", "program", "application"].map(|name| attribute(element, name));
                    let reference =
                        PolicyReference { package: package?, program: program?, application: application?, step: None };
                    if !reference.id().is_empty() && read.references.len() < MAX_SEQUENCE_STEPS {
                        read.references.push(reference);
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        match is_sequence {
            true => read.name_steps(text)?,
            false => return Err(Error::unsupported("the text is not a task sequence")),
        }
        Ok(read)
    }

    /// Finds the first step of each reference.
    ///
    /// This takes a second pass, since the list of references may follow the steps.
    fn name_steps(&mut self, text: &str) -> Result<()> {
        let mut by_id: BTreeMap<String, Vec<&mut PolicyReference>> = BTreeMap::new();
        for reference in &mut self.references {
            let of_id = by_id.entry(reference.id().to_owned()).or_default();
            // Limited, since every step with the ID is compared with each of them.
            if of_id.len() < MAX_PROGRAMS {
                of_id.push(reference);
            }
        }
        let mut steps: Vec<(usize, StepTexts)> = Vec::new();
        walk(text, |path, part, _| {
            match part {
                Part::Start(element) if path.last().is_some_and(|name| name == "step") => {
                    let name = attribute(element, "name")?.unwrap_or_default();
                    steps.push((path.len(), StepTexts { name, ..StepTexts::default() }));
                }
                Part::Text(value) => {
                    if let Some((_, step)) = steps.last_mut() {
                        step.add(value.trim(), &by_id);
                    }
                }
                Part::End if steps.last().is_some_and(|(depth, _)| *depth == path.len()) => {
                    let Some((_, step)) = steps.pop() else { return Ok(()) };
                    for id in &step.ids {
                        let references = by_id.get_mut(id).into_iter().flatten();
                        references.filter(|one| step.contains(one)).for_each(|one| one.step = Some(step.name.clone()));
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }
}

/// Texts of a step that are IDs or programs of references.
#[derive(Default)]
struct StepTexts {
    name: String,
    ids: Vec<String>,
    programs: Vec<String>,
}

impl StepTexts {
    fn add(&mut self, text: &str, by_id: &BTreeMap<String, Vec<&mut PolicyReference>>) {
        if self.ids.len() < MAX_PROGRAMS && by_id.contains_key(text) && !self.ids.iter().any(|id| id == text) {
            self.ids.push(text.to_owned());
        }
        // Consoles write the ID of a package before its program, so the ID is already known here.
        let mut programs =
            self.ids.iter().filter_map(|id| by_id.get(id)).flatten().filter_map(|one| one.program.as_deref());
        if !self.programs.iter().any(|own| own == text) && programs.any(|program| program == text) {
            self.programs.push(text.to_owned());
        }
    }

    /// Returns `true` if the step contains a reference that has no step yet.
    fn contains(&self, reference: &PolicyReference) -> bool {
        let has_program = |program: &String| program == ANY_PROGRAM || self.programs.contains(program);
        reference.step.is_none() && reference.program.as_ref().is_none_or(has_program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_with_the_steps_that_need_them() {
        let text = "<sequence version=\"3.10\"><step type=\"a\" name=\"Install VPN\"><defaultVarList><variable \
                    name=\"P\" property=\"PackageID\">BER00012</variable><variable>Install</variable></defaultVarList>\
                    </step><group name=\"g\"><step name=\"Other\"/></group><referenceList>\
                    <reference package=\"BER00012\" program=\"Install\"/><reference application=\"ScopeId_1/App_2\"/>\
                    <reference/></referenceList></sequence>";
        let read = CarriedSequence::read(text).unwrap();
        assert_eq!(read.n_steps, 2);
        let seen: Vec<_> =
            read.references.iter().map(|one| (one.id(), one.program.as_deref(), one.step.as_deref())).collect();
        assert_eq!(seen, [("BER00012", Some("Install"), Some("Install VPN")), ("ScopeId_1/App_2", None, None)]);
    }

    #[test]
    fn other_texts_are_no_sequence() {
        for text in ["789C4B2B", "<policy/>", "", "<sequence>"] {
            assert!(CarriedSequence::read(text).is_err(), "{text}");
        }
    }
}
