//! What verifying a medium found.

use serde_json::{Value as Json, json};

use super::Page;
use super::program::programs_json;
use crate::output::lists::SaidDisc;
use crate::size::Size;
use crate::verify::set::SetFault;
use crate::verify::{Fault, Verified};

/// A fault in a line.
pub fn fault(fault: &Fault) -> Page {
    let (word, text) = match fault {
        Fault::CutOff { len, needed } => {
            ("cut off", format!("the medium has {}, and its files need {}", Size(*len), Size(*needed)))
        }
        Fault::Structure => ("damaged", "directories, boot programs or the space between files".into()),
        Fault::List { path, why } => ("damaged", format!("{path}: {why}")),
        Fault::Damaged(path) => ("damaged", path.clone()),
        Fault::Unreadable(path) => ("unreadable", path.clone()),
        Fault::Missing(path) => ("missing", path.clone()),
        Fault::Extra(path) => ("extra", path.clone()),
        Fault::Refused { path, why } => ("refused", format!("{path}: {why}")),
        Fault::Differs(path) => ("differs", format!("{path} is not what the manifest makes of it")),
        Fault::NotThere(path) => ("differs", format!("{path} is in the manifest and not on the medium")),
        Fault::NotInManifest(path) => ("differs", format!("{path} is on the medium and not in the manifest")),
        Fault::OtherValue { key, medium, manifest } => {
            let value = |value: &Option<String>| match value {
                Some(value) => format!("`{value}`"),
                None => "nothing".into(),
            };
            ("differs", format!("{key}: {} on the medium, {} in the manifest", value(medium), value(manifest)))
        }
        Fault::OtherIdentity => (
            "differs",
            "date, boot programs or empty folders are not the manifest's, or another tsmedia made it".into(),
        ),
    };
    let mut page = Page::default();
    page.row(format!("{word:<12}"), text);
    page
}

/// What is wrong with a set, in a line.
pub fn set_fault(fault: &SetFault) -> Page {
    let (word, text) = match fault {
        SetFault::Missing { set, number } => ("missing", format!("disc {number} of the set {set}")),
        SetFault::NoLast { set, highest } => {
            ("missing", format!("what follows disc {highest} of the set {set}, which is not the last"))
        }
        SetFault::Twice { set, number, names } => {
            ("twice", format!("disc {number} of the set {set}: `{}`", names.join("`, `")))
        }
        SetFault::NotLast { name, n_discs, highest } => {
            ("old", format!("`{name}` says that there are {n_discs} discs, and there is a disc {highest}"))
        }
        SetFault::Foreign { name, disc: Some(SaidDisc { set, number, .. }) } => {
            ("foreign", format!("`{name}` is disc {number} of another set, {set}"))
        }
        SetFault::Foreign { name, disc: None } => ("foreign", format!("`{name}` is no disc of a set")),
    };
    let mut page = Page::default();
    page.row(format!("{word:<12}"), text);
    page
}

/// What was found of several media and of the sets that they are, as data.
pub fn set_json(media: &[(String, &Verified)], faults: &[SetFault]) -> Json {
    let media = media.iter().map(|(path, verified)| {
        let mut value = verified_json(verified);
        value["path"] = path.as_str().into();
        value
    });
    let fault = |fault: &SetFault| match fault {
        SetFault::Missing { set, number } => json!({ "fault": "missing", "set": set, "disc": number }),
        SetFault::NoLast { set, highest } => json!({ "fault": "no-last", "set": set, "highest": highest }),
        SetFault::Twice { set, number, names } => {
            json!({ "fault": "twice", "set": set, "disc": number, "paths": names })
        }
        SetFault::NotLast { name, n_discs, highest } => {
            json!({ "fault": "not-last", "path": name, "discs": n_discs, "highest": highest })
        }
        SetFault::Foreign { name, disc } => {
            let (set, number) = (disc.as_ref().map(|disc| &disc.set), disc.as_ref().map(|disc| disc.number));
            json!({ "fault": "foreign", "path": name, "set": set, "disc": number })
        }
    };
    json!({ "media": media.collect::<Vec<_>>(), "faults": faults.iter().map(fault).collect::<Vec<_>>() })
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
        Fault::Refused { path, why } => json!({ "fault": "refused", "path": path, "why": why }),
        Fault::Differs(path) => json!({ "fault": "differs", "path": path }),
        Fault::NotThere(path) => json!({ "fault": "not-there", "path": path }),
        Fault::NotInManifest(path) => json!({ "fault": "not-in-manifest", "path": path }),
        Fault::OtherValue { key, medium, manifest } => {
            json!({ "fault": "other-value", "key": key, "medium": medium, "manifest": manifest })
        }
        Fault::OtherIdentity => json!({ "fault": "other-identity" }),
    };
    let mut value = json!({
        "label": verified.label,
        "len": verified.len,
        "files": verified.files.len(),
        "programs": programs_json(&verified.programs),
        "sound": verified.faults.iter().all(Fault::is_difference),
        "faults": verified.faults.iter().map(fault).collect::<Vec<_>>(),
    });
    if let Some(disc) = verified.medium.as_ref().and_then(|medium| medium.disc()) {
        value["set"] = disc.set.into();
        value["disc"] = disc.number.into();
    }
    value
}
