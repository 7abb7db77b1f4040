//! Formats the content and the task sequences of a finished medium, by ID.

use serde_json::{Value as Json, json};

use super::{Page, counted};
use crate::import::{ContentOutline, MediumOutline, SequenceOutline};
use crate::size::Size;

/// Tables of a manifest in the order of the report, with their headings.
const TABLES: [(&str, &str); 4] = [
    ("operating-system", "operating systems"),
    ("application", "applications"),
    ("package", "packages"),
    ("driver-package", "driver packages"),
];

/// Text in place of task sequences that are encrypted.
pub(super) const NOT_READ: &str = "not read; give the password of the medium with `--password-from`";

/// Adds sections for task sequences and for each kind of content.
pub fn add_outline(page: &mut Page, outline: &MediumOutline) {
    let n_columns = outline.content.iter().map(|content| content.id.len()).max().unwrap_or_default();
    match &outline.sequences {
        None => {
            page.gap();
            page.line(format!("task sequences: {NOT_READ}"));
        }
        Some(sequences) if sequences.is_empty() => {}
        Some(sequences) => section(page, "task sequences", sequences.iter().map(sequence_row), n_columns),
    }
    for (table, heading) in TABLES {
        let rows: Vec<_> = outline.content.iter().filter(|content| content.table == table).map(content_row).collect();
        if !rows.is_empty() {
            section(page, heading, rows.into_iter(), n_columns);
        }
    }
}

/// Adds the task sequences and the content to the JSON of a medium.
pub fn add_outline_json(medium: &mut Json, outline: &MediumOutline) {
    let sequences = outline.sequences.as_ref().map(|all| all.iter().map(sequence_json).collect::<Vec<_>>());
    medium["sequences"] = json!(sequences);
    medium["content"] = outline.content.iter().map(content_json).collect();
}

fn sequence_json(sequence: &SequenceOutline) -> Json {
    json!({ "id": sequence.id, "name": sequence.name, "steps": sequence.n_steps })
}

fn content_json(content: &ContentOutline) -> Json {
    let images = content.images.iter().map(|image| json!({ "index": image.index, "name": image.name }));
    json!({
        "id": content.id,
        "kind": content.table,
        "name": content.name,
        "files": content.n_files,
        "len": content.len,
        "images": images.collect::<Vec<_>>(),
    })
}

fn section(page: &mut Page, heading: &str, rows: impl Iterator<Item = (String, String)>, n_columns: usize) {
    page.gap();
    page.line(format!("{heading}:"));
    rows.for_each(|(id, text)| page.row(format!("  {id:n_columns$}  "), text));
}

/// Returns the ID of a task sequence, and its name with the number of its steps.
pub(super) fn sequence_row(sequence: &SequenceOutline) -> (String, String) {
    let steps = match sequence.n_steps {
        Some(n_steps) => counted(n_steps, "step"),
        None => "steps unknown, since its text can't be read".into(),
    };
    (sequence.id.clone().unwrap_or_else(|| "-".into()), format!("{}, {steps}", sequence.name))
}

fn content_row(content: &ContentOutline) -> (String, String) {
    let size = format!("{} in {}", Size(content.len), counted(content.n_files, "file"));
    let images = content.images.iter().map(|image| match &image.name {
        Some(name) => format!("image {}: {name}", image.index),
        None => format!("image {}", image.index),
    });
    let parts: Vec<_> = content.name.iter().cloned().chain([size]).chain(images).collect();
    (content.id.clone(), parts.join(", "))
}
