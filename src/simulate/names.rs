//! Check of the names of steps in fact files.

use authoring::suggestions::nearest;

use super::expect::is_named;
use super::facts::FactFile;
use crate::problem::{Problem, Problems};
use crate::sequence::Sequence;

/// Checks that each step in a fact file exists in one of the sequences.
pub fn check_names(sequences: &[&Sequence], file: &FactFile, problems: &mut Problems) {
    let paths: Vec<Vec<String>> = sequences.iter().flat_map(|sequence| paths(sequence)).collect();
    for (name, place) in &file.names {
        if paths.iter().any(|path| is_named(path, name)) {
            continue;
        }
        let own: Vec<_> = match name.contains('/') {
            true => paths.iter().map(|path| path.join("/")).collect(),
            false => paths.iter().filter_map(|path| path.last().cloned()).collect(),
        };
        let help = match nearest(name, own.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write the name as in the task sequence, optionally with the groups around it: `Group/Step`".into(),
        };
        problems
            .add(Problem::error(format!("the task sequence has no step `{name}`")).at(place.clone(), "").help(help));
    }
}

/// Returns the path of each step: the names of the groups around it, and its own.
fn paths(sequence: &Sequence) -> Vec<Vec<String>> {
    let walk = sequence.walk().into_iter();
    walk.map(|(around, step)| around.iter().copied().chain([step]).map(|step| step.name.clone()).collect()).collect()
}
