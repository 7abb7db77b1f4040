//! Names of steps in fact files.

use authoring::suggestions::nearest;

use super::expect::is_named;
use super::facts::FactFile;
use crate::problem::{Problem, Problems};
use crate::sequence::Sequence;

/// Checks that each step that a fact file names is in one of the sequences.
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
            None => "name a step as the sequence does, with the groups around it if need be: `Group/Step`".into(),
        };
        problems.add(Problem::error(format!("the sequence has no step `{name}`")).at(place.clone(), "").help(help));
    }
}

/// The names of each step and of the groups around it.
fn paths(sequence: &Sequence) -> Vec<Vec<String>> {
    let walk = sequence.walk().into_iter();
    walk.map(|(around, step)| around.iter().copied().chain([step]).map(|step| step.name.clone()).collect()).collect()
}
