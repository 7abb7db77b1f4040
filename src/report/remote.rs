//! Formats published and fetched media as JSON.

use camino::Utf8Path;
use serde_json::{Value as Json, json};

use crate::remote::{PullAction, Pulled, Pushed, RemoteReference, SyncOutcome, SyncedMedium};

/// Returns a published medium as JSON.
pub fn pushed_json(reference: &RemoteReference, path: &Utf8Path, pushed: &Pushed) -> Json {
    json!({ "medium": {
        "path": path,
        "reference": reference.to_string(),
        "digest": format!("sha256:{}", pushed.digest),
        "len": pushed.len,
        "chunks": pushed.n_chunks,
        "sent": { "chunks": pushed.n_sent, "len": pushed.sent_len },
        "attachments": pushed.n_attachments,
    } })
}

/// Returns a fetched medium as JSON.
pub fn pulled_json(reference: &RemoteReference, path: &Utf8Path, pulled: &Pulled) -> Json {
    let mut medium = json!({ "path": path, "reference": reference.to_string() });
    for (key, value) in details(pulled).as_object().into_iter().flatten() {
        medium[key] = value.clone();
    }
    let attachments = pulled.attachments.iter().map(|it| json!({ "name": it.name, "type": it.media_type }));
    medium["attachments"] = attachments.collect::<Vec<_>>().into();
    json!({ "medium": medium })
}

fn details(pulled: &Pulled) -> Json {
    let action = match pulled.action {
        PullAction::Keep => "keep",
        PullAction::Create => "create",
        PullAction::Patch => "patch",
        PullAction::Rebuild => "rebuild",
    };
    json!({
        "action": action,
        "digest": format!("sha256:{}", pulled.digest),
        "len": pulled.len,
        "chunks": pulled.n_chunks,
        "fetched": { "chunks": pulled.n_fetched, "len": pulled.fetched_len, "index-len": pulled.index_len },
    })
}

/// Returns the media of a folder as JSON.
pub fn synced_json(reference: &RemoteReference, synced: &[SyncedMedium]) -> Json {
    let medium = |medium: &SyncedMedium| {
        let (outcome, pulled) = match &medium.outcome {
            SyncOutcome::UpToDate => ("keep", None),
            SyncOutcome::Pulled(pulled) => ("pull", Some(details(pulled))),
            SyncOutcome::Deleted => ("delete", None),
            SyncOutcome::Orphaned => ("unlisted", None),
            SyncOutcome::Failed(_) => ("failed", None),
        };
        json!({ "tag": medium.tag, "path": medium.path, "outcome": outcome, "pulled": pulled })
    };
    json!({ "repository": reference.to_string(), "media": synced.iter().map(medium).collect::<Vec<_>>() })
}
