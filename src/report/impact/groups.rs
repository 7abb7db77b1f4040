//! Groups the reasons of many planned changes by the thing that changed.

use std::collections::{BTreeSet, HashMap};

use super::super::condense::ReportItem;
use super::super::reason;
use crate::baseline::Comparison;
use crate::plan::{EntryChange, MediumChange, Reason};
use crate::report::counted;

/// Change of one thing, such as a package, in one or more media.
pub(in crate::report) struct ChangeGroup<'a> {
    /// Thing that changed: start of all lines.
    subject: String,
    /// Source of the thing, such as the folder of a package.
    source: Option<String>,
    /// Order among the groups.
    rank: u8,
    /// Different changes of the thing.
    pub(in crate::report) variants: Vec<Variant<'a>>,
}

/// One change of a thing, with the media in which it is the same.
pub(in crate::report) struct Variant<'a> {
    /// Description.
    pub(in crate::report) line: String,
    /// Description with details.
    pub(in crate::report) item: ReportItem,
    /// Reason in data. `None` for a new name.
    pub(in crate::report) reason: Option<&'a Reason>,
    pub(in crate::report) media: Vec<&'a MediumChange>,
}

impl<'a> ChangeGroup<'a> {
    /// Media that are affected.
    pub(in crate::report) fn media(&self) -> Vec<&'a MediumChange> {
        self.variants.iter().flat_map(|variant| variant.media.iter().copied()).collect()
    }

    /// Number of affected media and sites.
    pub(in crate::report) fn reach(&self) -> String {
        reach(&self.media())
    }

    /// Describes the change, or names the thing if it changes in different ways.
    pub(in crate::report) fn heading(&self) -> String {
        let subject = match &self.source {
            Some(source) => format!("{} ({source})", self.subject),
            None => self.subject.clone(),
        };
        match &self.variants[..] {
            [one] => format!("{subject}{}", one.line.strip_prefix(self.subject.as_str()).unwrap_or_default()),
            variants => format!("{subject}: {} different changes, {}", variants.len(), self.reach()),
        }
    }
}

/// Number of media, and of their sites.
pub(in crate::report) fn reach(media: &[&MediumChange]) -> String {
    match sites(media).len() {
        0 => format!("in {}", counted(media.len(), "medium")),
        n_sites => format!("in {} at {}", counted(media.len(), "medium"), counted(n_sites, "site")),
    }
}

/// Sites of media, sorted.
pub(in crate::report) fn sites<'a>(media: &[&'a MediumChange]) -> BTreeSet<&'a str> {
    media.iter().filter_map(|medium| medium.change.site.as_deref()).collect()
}

/// Groups the reasons of planned changes: content first, and of one kind those with the most media first.
pub(in crate::report) fn groups<'a>(
    media: &'a [MediumChange],
    comparison: Option<&Comparison>,
) -> Vec<ChangeGroup<'a>> {
    let mut groups = GroupList::default();
    for medium in media {
        if let Some(old) = &medium.change.renamed_from {
            let details = vec![format!("{old} → {}", medium.path)];
            let item = ReportItem { line: "renamed".into(), brief: details.clone(), details };
            groups.add(("renamed".into(), None, 2), item, None, medium);
        }
        for reason in &medium.change.reasons {
            // Formatting the files of a package for each of its media would take long.
            if groups.add_known(reason, medium) {
                continue;
            }
            let mut item = reason::item(reason, &medium.change);
            match (reason, comparison) {
                // They say how, not why: the action of each medium does so too.
                (Reason::NoGain | Reason::NotPatchable, _) => continue,
                (Reason::New, Some(comparison)) => {
                    item.line = format!("new: `{}` does not have it", comparison.reference);
                }
                (Reason::Unclaimed, Some(_)) => item.line = "removed".into(),
                _ => {}
            }
            let (subject, rank) = subject(reason, &item.line);
            groups.add((subject, source_of(reason, medium), rank), item, Some(reason), medium);
        }
    }
    let mut groups = groups.groups;
    groups.sort_by(|one, other| {
        let key = |group: &ChangeGroup| (group.rank, std::cmp::Reverse(group.media().len()));
        (key(one), &one.subject, &one.source).cmp(&(key(other), &other.subject, &other.source))
    });
    for group in &mut groups {
        group.variants.sort_by(|one, other| {
            let key = |variant: &Variant| std::cmp::Reverse(variant.media.len());
            (key(one), &one.line, &one.item.details).cmp(&(key(other), &other.line, &other.item.details))
        });
    }
    groups
}

/// Returns the source of a changed content entry, if it is known.
fn source_of(reason: &Reason, medium: &MediumChange) -> Option<String> {
    match reason {
        Reason::Entry(entry) => medium.sources.get(entry.title.as_ref()?).map(ToString::to_string),
        _ => None,
    }
}

/// Groups while they are collected.
#[derive(Default)]
struct GroupList<'a> {
    groups: Vec<ChangeGroup<'a>>,
    /// Groups by subject and source.
    index: HashMap<(String, Option<String>), usize>,
}

impl<'a> GroupList<'a> {
    /// Adds a medium to an equal change of a content entry. Returns `false` if there is none yet.
    fn add_known(&mut self, reason: &Reason, medium: &'a MediumChange) -> bool {
        let Reason::Entry(EntryChange { title: Some(title), .. }) = reason else { return false };
        let found = self.index.get(&(title.clone(), source_of(reason, medium)));
        let variants = found.map(|at| &mut self.groups[*at].variants).into_iter().flatten();
        let known = variants.into_iter().find(|variant| variant.reason == Some(reason));
        known.map(|variant| variant.media.push(medium)).is_some()
    }

    fn add(
        &mut self,
        (subject, source, rank): (String, Option<String>, u8),
        item: ReportItem,
        reason: Option<&'a Reason>,
        medium: &'a MediumChange,
    ) {
        let at = *self.index.entry((subject.clone(), source.clone())).or_insert(self.groups.len());
        if at == self.groups.len() {
            self.groups.push(ChangeGroup { subject, source, rank, variants: Vec::new() });
        }
        let variants = &mut self.groups[at].variants;
        // Renamed media have one line in common, and each its own names.
        let is_alike = |variant: &Variant| match reason {
            None => variant.reason.is_none(),
            Some(_) => variant.item == item && variant.reason == reason,
        };
        match variants.iter_mut().find(|variant| is_alike(variant)) {
            Some(variant) => {
                if reason.is_none() {
                    variant.item.details.extend(item.details);
                    variant.item.brief.extend(item.brief);
                }
                variant.media.push(medium);
            }
            None => variants.push(Variant { line: item.line.clone(), item, reason, media: vec![medium] }),
        }
    }
}

/// Returns the thing that changed, which is the start of its line, and its rank.
fn subject(reason: &Reason, line: &str) -> (String, u8) {
    let before_colon = || line.split_once(": ").map_or(line, |(subject, _)| subject).to_owned();
    match reason {
        Reason::Entry(entry) => (entry.title.clone().unwrap_or_else(before_colon), 0),
        Reason::Sequence(change) => (reason::sequence_title(change), 0),
        Reason::Value { .. } | Reason::TemplateValue { .. } | Reason::Boot(..) => (before_colon(), 1),
        _ => (line.to_owned(), 2),
    }
}
