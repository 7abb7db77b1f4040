//! Task sequences in the policies of a medium, as sequence files.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::foreign_text;
use crate::sequence::policy::{self, Instance, TASK_SEQUENCE};
use crate::sequence::{self, Body, Sequence, Step, Variable, xml};

/// A task sequence that a policy carried.
pub struct Recovered {
    /// Path of its file in the project.
    pub path: Utf8PathBuf,
    /// The sequence, without the values of its secrets.
    pub sequence: Sequence,
    /// The text of its file.
    pub text: String,
}

/// Recovers the task sequences in the texts of policies, each with the path of its file. Returns sentences about those that
/// can't be read.
pub(super) fn recover(texts: &[(&str, &str)]) -> (Vec<Recovered>, Vec<String>) {
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
    let mut recovered: Vec<Recovered> = Vec::new();
    for sequence in found {
        let name = sequence::export::file_name(&sequence.name);
        let mut paths = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
        let is_free = |path: &Utf8PathBuf| !recovered.iter().any(|other| other.path == *path);
        let path = paths.find_map(|name| Some(Utf8PathBuf::from(format!("sequences/{name}.toml"))).filter(is_free));
        let text = foreign_text::toml(&sequence::write(&sequence, &BTreeMap::new())).into_owned();
        recovered.extend(path.map(|path| Recovered { path, sequence, text }));
    }
    (recovered, failed)
}

/// Reads the sequence of a policy.
fn read(text: &str, instance: &Instance) -> Result<Sequence, String> {
    let range = instance.range("TS_Sequence").ok_or("the policy has no `TS_Sequence`")?;
    if instance.sequence.is_none() {
        return Err("its text is not XML, as where a site compresses it".into());
    }
    let value = xml::document::parse(&format!("<value>{}</value>", &text[range])).map_err(|error| error.to_string())?;
    let mut sequence = xml::read(value.own_text().trim()).map_err(|error| error.to_string())?;
    sequence.name = instance.property("PKG_Name").unwrap_or("Task sequence").to_owned();
    sequence.boot_image = instance.property("TS_BootImageID").map(str::to_owned);
    clear(&mut sequence.variables);
    clear_steps(&mut sequence.steps);
    Ok(sequence)
}

/// Clears the values of hidden variables, which an export of the console has not either.
fn clear(variables: &mut [Variable]) {
    variables.iter_mut().filter(|variable| variable.is_hidden).for_each(|variable| variable.value.clear());
}

fn clear_steps(steps: &mut [Step]) {
    for step in steps {
        match &mut step.body {
            Body::Group(steps) => clear_steps(steps),
            Body::Action(action) => clear(&mut action.variables),
            Body::Foreign(foreign) => clear(foreign.variables.as_deref_mut().unwrap_or_default()),
        }
    }
}
