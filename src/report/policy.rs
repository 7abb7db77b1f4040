//! Formats policies of a site: IDs, names, versions and references.

use serde_json::{Value as Json, json};

use super::Page;
use crate::sequence::policy::{Policy, PolicyInstance};

/// Properties of an instance to print, with their labels in text and their keys in JSON.
const SHOWN: [(&str, &str, &str); 6] = [
    ("PKG_Name", "name", "name"),
    ("PKG_PackageID", "package", "package"),
    ("PKG_SourceVersion", "version", "version"),
    ("PRG_ProgramID", "program", "program"),
    ("TS_BootImageID", "boot image", "boot-image"),
    ("PKG_SourceHash", "hash", "hash"),
];

/// Adds policies to a page.
pub fn add(page: &mut Page, policies: &[Policy]) {
    for policy in policies {
        let id = policy.id.as_deref().unwrap_or("without an ID");
        page.line(match &policy.version {
            Some(version) => format!("  policy {id}, version {version}"),
            None => format!("  policy {id}"),
        });
        for instance in &policy.instances {
            let properties = SHOWN.iter().filter_map(|(name, shown, _)| Some((shown, instance.property(name)?)));
            let properties: String = properties.map(|(shown, value)| format!(", {shown} {value}")).collect();
            page.line(format!("    {}{properties}", instance.class));
            for line in sequence_lines(instance) {
                page.line(line);
            }
        }
    }
}

fn sequence_lines(instance: &PolicyInstance) -> Vec<String> {
    let Some(sequence) = &instance.sequence else { return Vec::new() };
    let steps = match sequence.n_steps {
        1 => "1 step".to_owned(),
        n => format!("{n} steps"),
    };
    let mut lines = vec![format!("      task sequence with {steps}")];
    for reference in &sequence.references {
        let program = reference.program.as_ref().map(|program| format!(", program {program}")).unwrap_or_default();
        let step = reference.step.as_ref().map(|step| format!(" (step `{step}`)")).unwrap_or_default();
        lines.push(format!("      refers to {}{program}{step}", reference.id()));
    }
    lines
}

/// Returns policies as JSON.
pub fn to_json(policies: &[Policy]) -> Json {
    let instance = |instance: &PolicyInstance| {
        let mut json = json!({ "class": instance.class });
        for (name, _, key) in SHOWN {
            if let Some(value) = instance.property(name) {
                json[key] = value.into();
            }
        }
        if let Some(sequence) = &instance.sequence {
            let references = sequence
                .references
                .iter()
                .map(|reference| json!({ "id": reference.id(), "program": reference.program, "step": reference.step }));
            json["sequence"] = json!({ "steps": sequence.n_steps, "references": references.collect::<Vec<_>>() });
        }
        json
    };
    let policy = |policy: &Policy| {
        let instances: Vec<_> = policy.instances.iter().map(instance).collect();
        json!({ "id": policy.id, "version": policy.version, "instances": instances })
    };
    policies.iter().map(policy).collect()
}
