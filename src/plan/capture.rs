//! What to do with the WIM files that manifests capture, and why.
//!
//! One is kept when nothing that it was made of looks other than it did. Looking is all that is done: what a source
//! holds is known by its sizes and times. What is not kept is captured anew as a whole.

use std::collections::BTreeSet;

use super::{Action, Change, Claim, EntryChange, Existing, Reason, Tally, unclaimed};
use crate::date::Date;
use crate::media::order::Order;
use crate::output::FORMAT_VERSION;
use crate::record::{Record, RecordedCapture, RecordedSource};

/// Everything that is decided from.
pub struct Inputs<'a> {
    /// The captures to decide on.
    pub orders: &'a [Order],
    /// The names of outputs that the manifest makes too and that are left alone this time.
    pub others: &'a [String],
    /// What was made.
    pub record: &'a Record,
    /// What there is under a name. The identity of a WIM file is [`Order::id_here`] where the cache knows it, and
    /// otherwise the recorded one.
    pub existing: &'a dyn Fn(&str) -> Existing,
    /// By which right what is recorded and not made any more is removed.
    pub claim: &'a dyn Fn(&str) -> Claim,
}

/// Decides what to do; what is to be deleted comes last.
pub fn plan(inputs: &Inputs) -> Vec<Change> {
    let mut changes: Vec<_> = inputs.orders.iter().map(|order| change(inputs, order)).collect();
    let is_made = |name: &str| {
        inputs.orders.iter().any(|order| order.name == name) || inputs.others.iter().any(|other| other == name)
    };
    for recorded in inputs.record.captures().filter(|recorded| !is_made(&recorded.name)) {
        let existing = (inputs.existing)(&recorded.name);
        let is_recorded = matches!(existing, Existing::Medium { .. });
        let reason = unclaimed(existing, is_recorded, (inputs.claim)(&recorded.name));
        let in_the_way = reason != Reason::Unclaimed && reason != Reason::Gone;
        changes.push(made(recorded.name.clone(), Action::Delete, existing.len(), vec![reason], in_the_way));
    }
    changes
}

fn change(inputs: &Inputs, order: &Order) -> Change {
    let existing = (inputs.existing)(&order.name);
    let recorded = inputs.record.capture(&order.name);
    let reasons = reasons(order, recorded, existing);
    if reasons.is_empty() {
        return made(order.name.clone(), Action::Keep, existing.len(), reasons, false);
    }
    let action = if existing == Existing::Missing { Action::Create } else { Action::Rebuild };
    let in_the_way = matches!(existing, Existing::Foreign { .. }) && recorded.is_none();
    Change { n_capture: Some(order.len()), ..made(order.name.clone(), action, 0, reasons, in_the_way) }
}

fn made(name: String, action: Action, len: u64, reasons: Vec<Reason>, in_the_way: bool) -> Change {
    Change { name, action, len, n_write: 0, n_keep: 0, reasons, in_the_way, disc: None, prompt: None, n_capture: None }
}

fn reasons(order: &Order, recorded: Option<&RecordedCapture>, existing: Existing) -> Vec<Reason> {
    let device = order.all().find(|source| source.seen.is_device).map(|source| Reason::Device(source.title.clone()));
    let is_as_here = matches!(existing, Existing::Medium { id, .. } if id == order.id_here());
    let Some(recorded) = recorded else {
        return match existing {
            // The record was lost, and the cache knows it.
            Existing::Medium { .. } if is_as_here => device.into_iter().collect(),
            Existing::Missing => vec![Reason::New],
            Existing::Foreign { .. } => vec![Reason::NotOurs],
            _ => vec![Reason::NotRecorded],
        };
    };
    let mut reasons = Vec::new();
    match existing {
        Existing::Missing => reasons.push(Reason::Gone),
        Existing::Touched { len } if len == recorded.len => reasons.push(Reason::Touched),
        Existing::Touched { len } => reasons.push(Reason::Length { recorded: recorded.len, found: len }),
        Existing::Foreign { .. } => reasons.push(Reason::NotOurs),
        Existing::Medium { len, .. } if len != recorded.len => {
            reasons.push(Reason::Length { recorded: recorded.len, found: len });
        }
        Existing::Medium { .. } => {}
    }
    reasons.extend(differences(order, recorded));
    // The cache of this machine knows more of the sources than a record can say.
    if reasons.is_empty() && matches!(existing, Existing::Medium { id, .. } if id != recorded.id) && !is_as_here {
        reasons.push(Reason::Unseen);
    }
    reasons.extend(device);
    reasons
}

/// Everything in which a capture differs from the recorded one.
pub fn differences(order: &Order, recorded: &RecordedCapture) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if order.id() == recorded.id {
        return reasons;
    }
    if recorded.format_version != FORMAT_VERSION {
        reasons.push(Reason::FormatVersion { old: recorded.format_version, new: FORMAT_VERSION });
    }
    let mut value = |key: &str, old: Option<String>, new: Option<String>| {
        if old != new {
            reasons.push(Reason::Value { key: key.to_owned(), old, new });
        }
    };
    let day = Date::from_unix(recorded.date).map_or_else(|| recorded.date.to_string(), |date| date.to_string());
    value("date", Some(day), Some(order.date.to_string()));
    for key in recorded.description.keys().chain(order.description.keys()).collect::<BTreeSet<_>>() {
        value(key, recorded.description.get(key).cloned(), order.description.get(key).cloned());
    }
    for (name, old, new) in super::value_changes(&recorded.values, &order.values) {
        reasons.push(Reason::TemplateValue { name, old, new });
    }
    let old_of = |title: &str| recorded.sources.iter().find(|source| source.title == title);
    let entry = |title: &str, old: Option<&RecordedSource>, new: Option<Tally>| {
        let old = old.map(|old| Tally { n_files: old.n_files, len: old.len });
        Reason::Entry(EntryChange { title: Some(title.to_owned()), path: None, old, new, files: Vec::new() })
    };
    for source in order.all() {
        let old = old_of(&source.title);
        if old.is_none_or(|old| old.listing != source.seen.listing) {
            let new = Tally { n_files: source.seen.n_files, len: source.seen.len };
            reasons.push(entry(&source.title, old, Some(new)));
        }
    }
    for old in &recorded.sources {
        if !order.all().any(|source| source.title == old.title) {
            reasons.push(entry(&old.title, Some(old), None));
        }
    }
    if reasons.is_empty() {
        reasons.push(Reason::Order);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::digest::Digest;
    use crate::format::partitions::Selection;
    use crate::format::wim::capture::Packing;
    use crate::media::order::{LeaveOut, Ordered, Seen};

    fn order(is_device: bool) -> Order {
        let table = serde_json::json!({ "path": "a.wim", "source": [] });
        let seen = Seen {
            n_files: 1,
            len: 9,
            listing: Digest::of(b"listing"),
            stats: Digest::of(b"stats"),
            newest_ns: 0,
            is_device,
        };
        let path = "disk".into();
        Order {
            path: "a.wim".into(),
            name: "a.wim".into(),
            sources: vec![Ordered {
                title: "source `disk`".into(),
                path,
                name: None,
                partitions: Selection::All,
                references: Vec::new(),
                seen,
            }],
            table: serde_json::from_value(table).unwrap(),
            packing: Packing::None,
            exclusions: LeaveOut::Windows,
            update_from: None,
            date: Date::EARLIEST,
            description: BTreeMap::new(),
            values: Vec::new(),
        }
    }

    fn reasons_of(order: &Order) -> Vec<Reason> {
        let mut record = Record::default();
        record.put_capture(order, "guid".into(), 50);
        let existing = |_: &str| Existing::Medium { id: order.id_here(), secrets: None, len: 50 };
        let orders = [order.clone()];
        let changes = plan(&Inputs {
            orders: &orders,
            others: &[],
            record: &record,
            existing: &existing,
            claim: &|_| Claim::Made,
        });
        changes.into_iter().next().unwrap().reasons
    }

    #[test]
    fn a_device_is_captured_anew_each_time_and_a_file_that_is_as_it_was_is_not() {
        assert_eq!(reasons_of(&order(false)), []);
        assert_eq!(reasons_of(&order(true)), [Reason::Device("source `disk`".into())]);
    }

    #[test]
    fn sources_in_another_order_are_another_capture() {
        let mut before = order(false);
        before.sources.push(Ordered { title: "source `data`".into(), ..before.sources[0].clone() });
        let mut record = Record::default();
        record.put_capture(&before, "guid".into(), 50);
        let mut after = before.clone();
        after.sources.reverse();
        let recorded = record.capture("a.wim").unwrap();
        assert_eq!(differences(&before, recorded), []);
        assert_eq!(differences(&after, recorded), [Reason::Order]);
    }
}
