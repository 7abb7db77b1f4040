//! Formats changes of `tsmedia.lock`.

use serde_json::{Value, json};

use crate::project::{LockChange, LockChanges};

/// Returns changes of locks as JSON.
pub fn lock_json(all: &[LockChanges]) -> Value {
    let changes = |changes: &LockChanges| {
        let change = |(path, change): &(String, LockChange)| {
            let change = match change {
                LockChange::Added => "added",
                LockChange::Changed => "changed",
                LockChange::Missing => "missing",
            };
            json!({ "path": path, "change": change })
        };
        let files: Vec<_> = changes.changes.iter().map(change).collect();
        json!({ "lock": changes.lock, "files": files, "locked": { "files": changes.n_files, "len": changes.len } })
    };
    json!({ "locks": all.iter().map(changes).collect::<Vec<_>>() })
}
