//! Formats the faults that `verify` found.

use serde_json::{Value as Json, json};

use super::Page;
use super::attested::attestation_json;
use super::program::programs_json;
use crate::attestation::check::CheckedAttestation;
use crate::output::lists::DiscOfSet;
use crate::size::Size;
use crate::verify::set::SetFault;
use crate::verify::{MediumFault, Verified};

/// Verified medium, with the statements about it.
#[derive(Debug)]
pub struct VerifiedMedium {
    /// Path, as given.
    pub path: String,
    /// Result of the verification.
    pub verified: Verified,
    /// Statements with a valid signature. `None` if no key was given.
    pub attestations: Option<Vec<CheckedAttestation>>,
}

/// Formats a fault in one line.
pub fn fault(fault: &MediumFault) -> Page {
    let (word, text) = match fault {
        MediumFault::CutOff { len, needed } => {
            ("truncated", format!("the medium has {}, but its files need {}", Size(*len), Size(*needed)))
        }
        MediumFault::Structure => ("damaged", "directories, boot programs or the space between files".into()),
        MediumFault::List { path, why } => ("damaged", format!("{path}: {why}")),
        MediumFault::Damaged(path) => ("damaged", path.clone()),
        MediumFault::Unreadable(path) => ("unreadable", path.clone()),
        MediumFault::Missing(path) => ("missing", path.clone()),
        MediumFault::Extra(path) => ("extra", path.clone()),
        MediumFault::Refused { path, why } => ("refused", format!("{path}: {why}")),
        MediumFault::Attestation { path: Some(path), why } => ("invalid", format!("{path}: {why}")),
        MediumFault::Attestation { path: None, why } => ("unsigned", why.clone()),
        MediumFault::Differs(path) => ("differs", format!("{path}: content differs from the manifest")),
        MediumFault::NotThere(path) => ("differs", format!("{path}: in the manifest, not on the medium")),
        MediumFault::NotInManifest(path) => ("differs", format!("{path}: on the medium, not in the manifest")),
        MediumFault::OtherValue { key, medium, manifest } => {
            let value = |value: &Option<String>| match value {
                Some(value) => format!("`{value}`"),
                None => "nothing".into(),
            };
            ("differs", format!("{key}: {} on the medium, {} in the manifest", value(medium), value(manifest)))
        }
        MediumFault::OtherIdentity => {
            ("differs", "date, boot programs, empty folders, or the version of tsmedia that built it".into())
        }
    };
    let mut page = Page::default();
    page.row(format!("{word:<12}"), text);
    page
}

/// Formats a fault of a media set in one line.
pub fn set_fault(fault: &SetFault) -> Page {
    let (word, text) = match fault {
        SetFault::Missing { set, number } => ("missing", format!("disc {number} of the set {set}")),
        SetFault::NoLast { set, highest } => {
            ("missing", format!("discs after disc {highest} of the set {set}, which is not the last"))
        }
        SetFault::Twice { set, number, names } => {
            ("duplicate", format!("disc {number} of the set {set}: `{}`", names.join("`, `")))
        }
        SetFault::NotLast { name, n_discs, highest } => {
            ("outdated", format!("`{name}` is of a set of {n_discs} discs, but there is a disc {highest}"))
        }
        SetFault::Foreign { name, disc: Some(DiscOfSet { set, number, .. }) } => {
            ("foreign", format!("`{name}` is disc {number} of another set, {set}"))
        }
        SetFault::Foreign { name, disc: None } => ("foreign", format!("`{name}` is not a disc of a set")),
    };
    let mut page = Page::default();
    page.row(format!("{word:<12}"), text);
    page
}

/// Returns the results for media, and the faults of their sets, as JSON.
pub fn verified_json(media: &[VerifiedMedium], faults: &[SetFault]) -> Json {
    let is_sound = faults.is_empty() && media.iter().all(|medium| is_sound(&medium.verified));
    let media = media.iter().map(medium_json);
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
    json!({ "sound": is_sound, "media": media.collect::<Vec<_>>(), "faults": faults.iter().map(fault).collect::<Vec<_>>() })
}

/// Returns `true` if a medium is intact, whether it matches the manifest or not.
fn is_sound(verified: &Verified) -> bool {
    verified.faults.iter().all(MediumFault::is_difference)
}

fn medium_json(medium: &VerifiedMedium) -> Json {
    let VerifiedMedium { path, verified, attestations } = medium;
    let fault = |fault: &MediumFault| match fault {
        MediumFault::CutOff { len, needed } => json!({ "fault": "cut-off", "len": len, "needed": needed }),
        MediumFault::Structure => json!({ "fault": "structure" }),
        MediumFault::List { path, why } => json!({ "fault": "list", "path": path, "why": why }),
        MediumFault::Damaged(path) => json!({ "fault": "damaged", "path": path }),
        MediumFault::Unreadable(path) => json!({ "fault": "unreadable", "path": path }),
        MediumFault::Missing(path) => json!({ "fault": "missing", "path": path }),
        MediumFault::Extra(path) => json!({ "fault": "extra", "path": path }),
        MediumFault::Refused { path, why } => json!({ "fault": "refused", "path": path, "why": why }),
        MediumFault::Attestation { path: Some(path), why } => {
            json!({ "fault": "attestation", "path": path, "why": why })
        }
        MediumFault::Attestation { path: None, why } => json!({ "fault": "unsigned", "why": why }),
        MediumFault::Differs(path) => json!({ "fault": "differs", "path": path }),
        MediumFault::NotThere(path) => json!({ "fault": "not-there", "path": path }),
        MediumFault::NotInManifest(path) => json!({ "fault": "not-in-manifest", "path": path }),
        MediumFault::OtherValue { key, medium, manifest } => {
            json!({ "fault": "other-value", "key": key, "medium": medium, "manifest": manifest })
        }
        MediumFault::OtherIdentity => json!({ "fault": "other-identity" }),
    };
    let described = |key: &str| {
        let mut description = verified.medium.iter().flat_map(|medium| &medium.description);
        description.find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    };
    let mut value = json!({
        "path": path,
        "site": described("site"),
        "kind": described("kind"),
        "label": verified.label,
        "len": verified.len,
        "files": verified.files.len(),
        "programs": programs_json(&verified.programs),
        "sound": is_sound(verified),
        "faults": verified.faults.iter().map(fault).collect::<Vec<_>>(),
    });
    if let Some(attestations) = attestations {
        value["attestations"] = attestations.iter().map(attestation_json).collect();
    }
    if let Some(disc) = verified.medium.as_ref().and_then(|medium| medium.disc()) {
        value["set"] = disc.set.into();
        value["disc"] = disc.number.into();
    }
    value
}
