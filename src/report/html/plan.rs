//! The page of a plan: what changes and why, and each medium as it will be.

use std::collections::BTreeMap;

use super::medium::{MediumReport, content, content_folder_name, facts, files, map, programs};
use super::steps::steps;
use super::{Block, HtmlPage, Row};
use crate::date;
use crate::output::{ContentEntry, Listing, find_entry};
use crate::plan::{Action, Plan, PlannedChange};
use crate::report::counted;
use crate::report::map::ComparedMap;
use crate::report::plan::{details, summary};
use crate::size::Size;
use crate::target::TargetFacts;

/// Number of media that are shown in full; the others are in the table only.
pub const MAX_MEDIA: usize = 50;

/// Medium as it will be once the plan is applied.
#[derive(Debug)]
pub struct MediumSection<'a> {
    /// Planned change.
    pub change: &'a PlannedChange,
    /// The medium, read from its layout.
    pub medium: MediumReport<'a>,
    /// Map of the finished medium that the plan changes, if there is one.
    pub before: Option<ComparedMap<'a>>,
    /// Content entries of the manifest.
    pub entries: &'a [ContentEntry],
    /// Task sequence and expiries.
    pub facts: &'a TargetFacts,
}

/// Page of a plan, to which media are added one by one, as each takes memory.
#[derive(Debug)]
pub struct PlanPage<'a> {
    plan: &'a Plan,
    media: Vec<Block>,
    expiries: BTreeMap<(u64, String), usize>,
}

impl<'a> PlanPage<'a> {
    /// Starts the page of a plan.
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan, media: Vec::new(), expiries: BTreeMap::new() }
    }

    /// Adds the certificates of a medium.
    pub fn add_expiries(&mut self, facts: &TargetFacts) {
        for expiry in &facts.expiries {
            *self.expiries.entry((expiry.until, expiry.what.clone())).or_default() += 1;
        }
    }

    /// Returns `true` if a change is shown in full, and there is room for it.
    pub fn takes(&self, change: &PlannedChange) -> bool {
        let is_made = matches!(change.action, Action::Create | Action::Patch | Action::Rebuild);
        is_made && change.n_capture.is_none() && self.media.len() < MAX_MEDIA
    }

    /// Adds a medium.
    pub fn add(&mut self, planned: &MediumSection<'_>) {
        let MediumSection { change, medium, entries, .. } = planned;
        let entry_name = |path: &str| match find_entry(entries, path) {
            Some(entry) => entry.title.replace('`', ""),
            None => content_folder_name(path),
        };
        let listed = Listing::from(medium.parsed).files;
        let fold = |title: &str, is_open, blocks| Block::Folded { title: title.into(), is_open, blocks };
        let map_title = if planned.before.is_some() { "Map: the medium now, and below it as planned" } else { "Map" };
        let mut blocks = vec![
            Block::Lines { text: details(change) },
            fold("Facts", false, vec![facts(medium)]),
            fold("Content by size", true, vec![content(&listed, &entry_name)]),
            fold(map_title, true, vec![map(medium, planned.before.as_ref())]),
        ];
        let sequence = planned.facts.sequence.as_deref();
        blocks.extend(sequence.map(|sequence| fold("Task sequence", true, vec![steps(sequence)])));
        let programs = programs(medium);
        if !programs.is_empty() {
            blocks.push(fold("Secure Boot", true, programs));
        }
        blocks.push(files(&listed));
        let title = format!("{} {}", change.action.as_str(), change.path());
        self.media.push(Block::Folded { title, is_open: self.media.is_empty(), blocks });
    }

    /// Finishes the page.
    pub fn finish(self) -> HtmlPage {
        let mut blocks = vec![Block::section("changes", "Changes", vec![changes(self.plan)])];
        if !self.expiries.is_empty() {
            let row = |((until, what), n): ((u64, String), usize)| Row {
                cells: vec![what, counted(n, "medium"), date::day(until)],
                state: None,
            };
            let rows = self.expiries.into_iter().map(row).collect();
            let table = Block::Table { head: vec!["what", "used by", "valid until"], rows };
            blocks.push(Block::section("expiry", "Certificates and expiry", vec![table]));
        }
        if !self.media.is_empty() {
            let mut media = self.media;
            if media.len() == MAX_MEDIA {
                let text = format!("Only the first {MAX_MEDIA} media are shown here; plan fewer to see the others.");
                media.push(Block::Text { text });
            }
            blocks.push(Block::section("media", "Media", media));
        }
        HtmlPage { title: "Plan".to_owned(), lead: summary(self.plan), blocks }
    }
}

/// Table of all outputs, those that change first.
fn changes(plan: &Plan) -> Block {
    let mut changes: Vec<_> = plan.changes.iter().collect();
    changes.sort_by_key(|change| change.action == Action::Keep);
    let row = |change: &&PlannedChange| {
        let (len, n_write) = match change.n_capture {
            Some(n_capture) => (String::new(), format!("{} to capture", Size(n_capture))),
            None if change.n_write == 0 => (Size(change.len).to_string(), String::new()),
            None => (Size(change.len).to_string(), Size(change.n_write).to_string()),
        };
        Row { cells: vec![change.action.as_str().to_owned(), change.path().into_string(), len, n_write], state: None }
    };
    Block::Table { head: vec!["action", "output", "length", "to write"], rows: changes.iter().map(row).collect() }
}
