//! The file under a target's name, against what the record says of it.

use super::{Claim, Existing, Reason};
use crate::record::Recorded;

/// Reason to make a target that is not recorded.
pub(super) fn unrecorded(existing: Existing) -> Reason {
    match existing {
        Existing::Missing => Reason::New,
        Existing::Foreign { .. } => Reason::NotOurs,
        _ => Reason::NotRecorded,
    }
}

/// What happened to a finished file since a length of `recorded` bytes was recorded; nothing if it is as it was.
pub(super) fn since_recorded(existing: Existing, recorded: u64) -> Option<Reason> {
    match existing {
        Existing::Missing => Some(Reason::Gone),
        Existing::Touched { len } if len == recorded => Some(Reason::Touched),
        Existing::Foreign { .. } => Some(Reason::NotOurs),
        Existing::Medium { len, .. } if len == recorded => None,
        Existing::Touched { len } | Existing::Medium { len, .. } => Some(Reason::Length { recorded, found: len }),
    }
}

/// Reason to remove a recorded target that no manifest makes any more, or to leave it alone.
pub(super) fn unclaimed(existing: Existing, recorded: &Recorded, claim: Claim) -> Reason {
    match (claim, existing) {
        (Claim::Outside, _) => Reason::Outside,
        (_, Existing::Missing) => Reason::Gone,
        (Claim::Made, _) if existing.is_recorded(recorded) => Reason::Unclaimed,
        (Claim::Unknown, _) if existing.is_recorded(recorded) => Reason::NotMadeHere,
        _ => Reason::NotOurs,
    }
}
