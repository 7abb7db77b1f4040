//! What verifying a medium found.

use serde_json::{Value as Json, json};

use crate::size::Size;
use crate::verify::{Fault, Verified};

/// A fault in a line.
pub fn fault(fault: &Fault) -> String {
    match fault {
        Fault::CutOff { len, needed } => {
            format!("cut off     the medium has {}, and its files need {}", Size(*len), Size(*needed))
        }
        Fault::Structure => "damaged     directories, boot programs or the space between files".into(),
        Fault::List { path, why } => format!("damaged     {path}: {why}"),
        Fault::Damaged(path) => format!("damaged     {path}"),
        Fault::Unreadable(path) => format!("unreadable  {path}"),
        Fault::Missing(path) => format!("missing     {path}"),
        Fault::Extra(path) => format!("extra       {path}"),
        Fault::Differs(path) => format!("differs     {path} is not what the manifest makes of it"),
        Fault::NotThere(path) => format!("differs     {path} is in the manifest and not on the medium"),
        Fault::NotInManifest(path) => format!("differs     {path} is on the medium and not in the manifest"),
        Fault::OtherValue { key, medium, manifest } => {
            let value = |value: &Option<String>| match value {
                Some(value) => format!("`{value}`"),
                None => "nothing".into(),
            };
            format!("differs     {key}: {} on the medium, {} in the manifest", value(medium), value(manifest))
        }
        Fault::OtherIdentity => {
            "differs     date, boot programs or empty folders are not the manifest's, or another tsmedia made it".into()
        }
    }
}

/// What was found, as data.
pub fn verified_json(verified: &Verified) -> Json {
    let fault = |fault: &Fault| match fault {
        Fault::CutOff { len, needed } => json!({ "fault": "cut-off", "len": len, "needed": needed }),
        Fault::Structure => json!({ "fault": "structure" }),
        Fault::List { path, why } => json!({ "fault": "list", "path": path, "why": why }),
        Fault::Damaged(path) => json!({ "fault": "damaged", "path": path }),
        Fault::Unreadable(path) => json!({ "fault": "unreadable", "path": path }),
        Fault::Missing(path) => json!({ "fault": "missing", "path": path }),
        Fault::Extra(path) => json!({ "fault": "extra", "path": path }),
        Fault::Differs(path) => json!({ "fault": "differs", "path": path }),
        Fault::NotThere(path) => json!({ "fault": "not-there", "path": path }),
        Fault::NotInManifest(path) => json!({ "fault": "not-in-manifest", "path": path }),
        Fault::OtherValue { key, medium, manifest } => {
            json!({ "fault": "other-value", "key": key, "medium": medium, "manifest": manifest })
        }
        Fault::OtherIdentity => json!({ "fault": "other-identity" }),
    };
    json!({
        "label": verified.label,
        "len": verified.len,
        "files": verified.files.len(),
        "sound": verified.faults.iter().all(Fault::is_difference),
        "faults": verified.faults.iter().map(fault).collect::<Vec<_>>(),
    })
}
