//! Reasons that follow from the file under a target's name.

use super::{Claim, ExistingFile, Reason};
use crate::record::Recorded;

/// Reason to make a target that is not recorded.
pub(super) fn unrecorded(existing: ExistingFile) -> Reason {
    match existing {
        ExistingFile::Missing => Reason::New,
        ExistingFile::Foreign { .. } => Reason::NotOurs,
        _ => Reason::NotRecorded,
    }
}

/// Reason to replace a file whose recorded length is `recorded` bytes. `None` if it is unchanged.
pub(super) fn since_recorded(existing: ExistingFile, recorded: u64) -> Option<Reason> {
    match existing {
        ExistingFile::Missing => Some(Reason::Gone),
        ExistingFile::Touched { len } if len == recorded => Some(Reason::Touched),
        ExistingFile::Foreign { .. } => Some(Reason::NotOurs),
        ExistingFile::Medium { len, .. } if len == recorded => None,
        ExistingFile::Touched { len } | ExistingFile::Medium { len, .. } => {
            Some(Reason::Length { recorded, found: len })
        }
    }
}

/// Reason to delete a recorded target that the manifest no longer makes, or to leave it alone.
pub(super) fn unclaimed(existing: ExistingFile, recorded: &Recorded, claim: Claim) -> Reason {
    match (claim, existing) {
        (Claim::Outside, _) => Reason::Outside,
        (_, ExistingFile::Missing) => Reason::Gone,
        (Claim::Made, _) if existing.is_recorded(recorded) => Reason::Unclaimed,
        (Claim::Unknown, _) if existing.is_recorded(recorded) => Reason::NotMadeHere,
        _ => Reason::NotOurs,
    }
}
