//! Extracts task sequences from the policies of a medium to sequence files.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::foreign_text;
use crate::sequence::policy::{self, PolicyInstance, TASK_SEQUENCE};
use crate::sequence::{self, Body, Sequence, Step, Variable, xml};

/// A task sequence extracted from a policy.
pub struct RecoveredSequence {
    /// Path of its file in the project.
    pub path: Utf8PathBuf,
    /// The task sequence, without the values of its secrets.
    pub sequence: Sequence,
    /// Content of the file.
    pub text: String,
}

/// Extracts the task sequences in policies, given by path and text. Returns sentences about those
/// that can't be read.
pub(super) fn recover(texts: &[(&str, &str)]) -> (Vec<RecoveredSequence>, Vec<String>) {
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for (path, text) in texts {
        let policies = policy::read(text).unwrap_or_default();
        for instance in policies.iter().flat_map(|policy| &policy.instances).filter(|one| one.class == TASK_SEQUENCE) {
            match read(text, instance) {
                Ok(sequence) => found.push(sequence),
                Err(why) => failed.push(format!("A task sequence in `{path}` can't be read: {why}.")),
            }
        }
    }
    let mut recovered: Vec<RecoveredSequence> = Vec::new();
    for sequence in found {
        let name = sequence::export::file_name(&sequence.name);
        let mut paths = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
        let is_free = |path: &Utf8PathBuf| !recovered.iter().any(|other| other.path == *path);
        let path = paths.find_map(|name| Some(Utf8PathBuf::from(format!("sequences/{name}.toml"))).filter(is_free));
        let text = foreign_text::toml(&sequence::write(&sequence, &BTreeMap::new())).into_owned();
        recovered.extend(path.map(|path| RecoveredSequence { path, sequence, text }));
    }
    (recovered, failed)
}

/// Reads the task sequence in a policy instance, without the values of its secrets.
pub(super) fn read(text: &str, instance: &PolicyInstance) -> Result<Sequence, String> {
    let range = instance.range("TS_Sequence").ok_or("the policy has no `TS_Sequence`")?;
    if instance.sequence.is_none() {
        return Err("its text is not XML; a site may have compressed it".into());
    }
    let value = xml::document::parse(&format!("<value>{}</value>", &text[range])).map_err(|error| error.to_string())?;
    let mut sequence = xml::read(value.own_text().trim()).map_err(|error| error.to_string())?;
    sequence.name = instance.property("PKG_Name").unwrap_or("Task sequence").to_owned();
    sequence.boot_image = instance.property("TS_BootImageID").map(str::to_owned);
    clear_hidden_values(&mut sequence.variables);
    clear_steps(&mut sequence.steps);
    Ok(sequence)
}

/// Clears the values of hidden variables, as an export by the console does.
fn clear_hidden_values(variables: &mut [Variable]) {
    variables.iter_mut().filter(|variable| variable.is_hidden).for_each(|variable| variable.value.clear());
}

fn clear_steps(steps: &mut [Step]) {
    for step in steps {
        match &mut step.body {
            Body::Group(steps) => clear_steps(steps),
            Body::Action(action) => clear_hidden_values(&mut action.variables),
            Body::Foreign(foreign) => clear_hidden_values(foreign.variables.as_deref_mut().unwrap_or_default()),
        }
    }
}
