//! JSON documents: one envelope for the output of every command.
//!
//! A document has the keys `format`, `command` and `problems`, followed by those of its kind, which are there even if the
//! command failed. `docs/reference/json.md` specifies every field; the schemas are generated from it.

use camino::Utf8Path;
use serde_json::{Value as Json, json};

use super::plan;
use crate::plan::Plan;

/// Version of all JSON documents. Adding fields does not change it.
pub const FORMAT: u32 = 1;

/// Declares the kinds of documents: the command, the name of the schema, and the keys of the document of a command that
/// failed.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $command:literal, $schema:literal, $empty:expr;)*) => {
        /// Kind of a JSON document.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum DocumentKind {
            $($(#[$doc])* $kind,)*
            /// Output of a command that has no JSON of its own: only its problems are JSON.
            Other(&'static str),
        }

        impl DocumentKind {
            /// Kinds that have a schema.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Command that prints it.
            pub fn command(self) -> &'static str {
                match self {
                    $(Self::$kind => $command,)*
                    Self::Other(command) => command,
                }
            }

            /// Name of its schema.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $schema,)*
                    Self::Other(command) => command,
                }
            }

            /// JSON Schema of the document; `None` if the command has no JSON of its own.
            pub fn schema(self) -> Option<&'static str> {
                match self {
                    $(Self::$kind => {
                        Some(include_str!(concat!("../../schemas/output/", $schema, ".schema.json")))
                    })*
                    Self::Other(_) => None,
                }
            }

            /// Keys of a document without a result, in the order of its schema.
            fn empty(self) -> Json {
                match self {
                    $(Self::$kind => $empty,)*
                    Self::Other(_) => json!({}),
                }
            }
        }
    };
}

kinds! {
    /// Problems of manifests and task sequences, and what they build.
    Check = "check", "check", json!({ "outputs": [], "sequences": [], "lowered": [] });
    /// Rules, explained.
    Rules = "check --explain", "rules", json!({ "rules": [] });
    /// Manifests with profiles and templates applied.
    Render = "render", "render", json!({ "manifests": [] });
    /// Planned changes.
    Plan = "plan", "plan", plan::json(&Plan::default(), &[]);
    /// Changes of a saved plan.
    Show = "show", "show", plan::json(&Plan::default(), &[]);
    /// Changes that were made, or the reasons that a saved plan is out of date.
    Apply = "apply", "apply", super::with_stale(plan::json(&Plan::default(), &[]), &[]);
    /// Media that were deleted.
    Destroy = "destroy", "destroy", plan::json(&Plan::default(), &[]);
    /// One round of `watch`.
    Watch = "watch", "watch", plan::json(&Plan::default(), &[]);
    /// Contents of a file.
    Inspect = "inspect", "inspect", json!({ "file": null });
    /// Layout of a medium.
    Layout = "inspect --layout", "layout", json!({ "layout": null });
    /// Faults of media.
    Verify = "verify", "verify", json!({ "sound": null, "media": [], "faults": [] });
    /// Documents written about media.
    Attest = "attest", "attest", json!({ "media": [] });
    /// Signed documents.
    Sign = "sign", "sign", json!({ "key": null, "media": [] });
    /// Differences between media or task sequences.
    Diff = "diff", "diff", json!({ "same": null, "media": [], "only": [], "steps": [] });
    /// Medium written to a stick.
    Write = "write", "write", json!({ "stick": null });
    /// Published medium.
    Push = "push", "push", json!({ "medium": null });
    /// Fetched medium.
    Pull = "pull", "pull", json!({ "medium": null });
    /// Media of a folder.
    Sync = "sync", "sync", json!({ "repository": null, "media": [] });
    /// Client certificate of a medium.
    Certificate = "certificate", "certificate", json!({ "certificate": null });
    /// Simulated runs.
    Simulate = "simulate", "simulate", json!({ "runs": [] });
    /// Captured WIM file.
    Capture = "capture", "capture", json!({ "capture": null });
    /// Files created from a finished medium.
    Import = "import", "import", json!({ "files": [], "unknown": [] });
    /// Task sequences of an export.
    SequenceImport = "sequence import", "sequence-import", json!({ "sequences": [] });
    /// Task sequence as a tree.
    SequenceShow = "sequence show", "sequence-show", json!({ "sequence": null });
    /// Changes of locks.
    Lock = "lock", "lock", json!({ "locks": [] });
    /// Contents of caches.
    Cache = "cache", "cache", json!({ "caches": [] });
}

/// Returns a document with the envelope. Keys that `result` lacks are those of a command without a result.
pub fn document(kind: DocumentKind, problems: Vec<Json>, result: &Json) -> Json {
    let mut document = json!({ "format": FORMAT, "command": kind.command(), "problems": problems });
    for values in [&kind.empty(), result] {
        for (key, value) in values.as_object().into_iter().flatten() {
            document[key] = value.clone();
        }
    }
    document
}

/// Returns the result of `inspect`: the path of the file, followed by its contents.
pub fn inspected(path: &Utf8Path, contents: &Json) -> Json {
    let mut file = json!({ "path": path });
    for (key, value) in contents.as_object().into_iter().flatten() {
        file[key] = value.clone();
    }
    json!({ "file": file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_replaces_the_empty_keys_and_keeps_their_order() {
        let document = document(DocumentKind::Import, vec![json!("p")], &json!({ "files": ["a.toml"] }));
        let text = r#"{"format":1,"command":"import","problems":["p"],"files":["a.toml"],"unknown":[]}"#;
        assert_eq!(document.to_string(), text);
    }
}
