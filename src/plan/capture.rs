//! Plans captured WIM files.
//!
//! A capture is kept if all its sources look unchanged, by their sizes and times. Otherwise everything is captured
//! again.

use std::collections::BTreeMap;

use super::reason::{self, TargetFields};
use super::{Action, EntryChange, ExistingFile, FileCount, Inputs, PlannedChange, Reason, finished_file};
use crate::record::{RecordedCapture, RecordedSource};
use crate::target::{CaptureRequest, Target};

pub(super) fn change(inputs: &Inputs, target: &Target, request: &CaptureRequest) -> PlannedChange {
    let existing = (inputs.existing)(&target.name);
    let recorded = inputs.record.capture(&target.name);
    let reasons = reasons(target, request, recorded, existing);
    if reasons.is_empty() {
        return PlannedChange::new(&target.name, Action::Keep, existing.file_len(), reasons);
    }
    let action = if existing == ExistingFile::Missing { Action::Create } else { Action::Rebuild };
    PlannedChange {
        in_the_way: matches!(existing, ExistingFile::Foreign { .. }) && recorded.is_none(),
        n_capture: Some(request.len()),
        ..PlannedChange::new(&target.name, action, 0, reasons)
    }
}

fn reasons(
    target: &Target,
    request: &CaptureRequest,
    recorded: Option<&RecordedCapture>,
    existing: ExistingFile,
) -> Vec<Reason> {
    let device =
        request.all_sources().find(|source| source.seen.is_device).map(|source| Reason::Device(source.title.clone()));
    let is_as_here = matches!(existing, ExistingFile::Medium { id, .. } if id == request.local_id());
    let Some(recorded) = recorded else {
        return match existing {
            // The record was lost, but the cache knows the file.
            ExistingFile::Medium { .. } if is_as_here => device.into_iter().collect(),
            _ => vec![finished_file::unrecorded(existing)],
        };
    };
    let mut reasons: Vec<_> = finished_file::since_recorded(existing, recorded.len).into_iter().collect();
    reasons.extend(differences(target, request, recorded));
    // The cache of this machine has details of the sources that the record lacks.
    if reasons.is_empty() && matches!(existing, ExistingFile::Medium { id, .. } if id != recorded.id) && !is_as_here {
        reasons.push(Reason::Unseen);
    }
    reasons.extend(device);
    reasons
}

/// Lists the differences between a capture and the recorded one.
pub(super) fn differences(target: &Target, request: &CaptureRequest, recorded: &RecordedCapture) -> Vec<Reason> {
    if request.id() == recorded.id {
        return Vec::new();
    }
    let fields = |date, description, values| TargetFields { label: None, date, description, values: Some(values) };
    let old = fields(recorded.date, texts(&recorded.description), &recorded.values[..]);
    let new = fields(request.date.unix(), texts(&request.description), &target.values[..]);
    let mut reasons = reason::field_changes(recorded.format_version, &old, &new);
    let old_of = |title: &str| recorded.sources.iter().find(|source| source.title == title);
    let entry = |title: &str, old: Option<&RecordedSource>, new: Option<FileCount>| {
        let old = old.map(|old| FileCount { n_files: old.n_files, len: old.len });
        Reason::Entry(EntryChange { title: Some(title.to_owned()), path: None, old, new, files: Vec::new() })
    };
    for source in request.all_sources() {
        let old = old_of(&source.title);
        if old.is_none_or(|old| old.listing != source.seen.listing) {
            let new = FileCount { n_files: source.seen.n_files, len: source.seen.len };
            reasons.push(entry(&source.title, old, Some(new)));
        }
    }
    for old in &recorded.sources {
        if !request.all_sources().any(|source| source.title == old.title) {
            reasons.push(entry(&old.title, Some(old), None));
        }
    }
    if reasons.is_empty() {
        reasons.push(Reason::Order);
    }
    reasons
}

fn texts(description: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    description.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Claim, plan};
    use super::*;
    use crate::date::Date;
    use crate::digest::Digest;
    use crate::format::partitions::Selection;
    use crate::format::wim::capture::ContentCompression;
    use crate::record::Record;
    use crate::target::{CaptureSource, ExclusionList, Recipe, SourceSnapshot, TargetFacts};

    fn request(is_device: bool) -> CaptureRequest {
        let table = serde_json::json!({ "path": "a.wim", "source": [] });
        let seen = SourceSnapshot {
            n_files: 1,
            len: 9,
            listing: Digest::hash(b"listing"),
            stats: Digest::hash(b"stats"),
            newest_ns: 0,
            is_device,
        };
        let path = "disk".into();
        CaptureRequest {
            sources: vec![CaptureSource {
                title: "source `disk`".into(),
                path,
                name: None,
                partitions: Selection::All,
                references: Vec::new(),
                seen,
            }],
            table: serde_json::from_value(table).unwrap(),
            packing: ContentCompression::None,
            exclusions: ExclusionList::Windows,
            update_from: None,
            date: Date::EARLIEST,
            description: BTreeMap::new(),
        }
    }

    fn target(request: &CaptureRequest) -> Target {
        let recipe = Recipe::Capture(Box::new(request.clone()));
        Target { path: "a.wim".into(), name: "a.wim".into(), values: Vec::new(), recipe, facts: TargetFacts::default() }
    }

    fn recorded(request: &CaptureRequest) -> RecordedCapture {
        RecordedCapture::new(&target(request), request, "guid".into(), 50)
    }

    fn reasons_of(request: &CaptureRequest) -> Vec<Reason> {
        let mut record = Record::default();
        record.put_capture(recorded(request));
        let existing = |_: &str| ExistingFile::Medium { id: request.local_id(), secrets: None, len: 50 };
        let plan = plan(&Inputs {
            targets: &[target(request)],
            others: &[],
            digests: &|_| None,
            record: &record,
            existing: &existing,
            claim: &|_| Claim::Made,
            is_cut_off: &|_| false,
            patching: None,
        });
        plan.unwrap().changes.into_iter().next().unwrap().reasons
    }

    #[test]
    fn a_device_is_captured_anew_each_time_and_a_file_that_is_as_it_was_is_not() {
        assert_eq!(reasons_of(&request(false)), []);
        assert_eq!(reasons_of(&request(true)), [Reason::Device("source `disk`".into())]);
    }

    #[test]
    fn sources_in_another_order_are_another_capture() {
        let mut before = request(false);
        before.sources.push(CaptureSource { title: "source `data`".into(), ..before.sources[0].clone() });
        let mut after = before.clone();
        after.sources.reverse();
        let recorded = recorded(&before);
        assert_eq!(differences(&target(&before), &before, &recorded), []);
        assert_eq!(differences(&target(&after), &after, &recorded), [Reason::Order]);
    }
}
