//! Results of `check` as JSON.

use camino::Utf8PathBuf;
use serde_json::{Value as Json, json};

use super::lowerings_json;
use crate::problem::Lowering;
use crate::project::Project;
use crate::target::Target;

/// Returns the outputs of manifests, the task sequences with their number of steps, and the lowered rules as JSON.
pub fn checked_json(projects: &[Project], sequences: &[(Utf8PathBuf, usize)], lowerings: &[Lowering]) -> Json {
    let output = |project: &Project, target: &Target| {
        json!({
            "manifest": project.manifest(),
            "site": target.site(),
            "kind": target.kind(),
            "output": target.name,
            "path": target.path,
        })
    };
    let outputs =
        projects.iter().flat_map(|project| project.targets().iter().map(move |target| output(project, target)));
    let sequences = sequences.iter().map(|(path, n_steps)| json!({ "path": path, "steps": n_steps }));
    json!({
        "outputs": outputs.collect::<Vec<_>>(),
        "sequences": sequences.collect::<Vec<_>>(),
        "lowered": lowerings_json(lowerings),
    })
}
