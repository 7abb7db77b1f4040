//! Merges a manifest with its profiles: tables key by key, lists of tables entry by entry.
//!
//! The entries of profiles come first, in the order of the profiles. An entry is identified by its
//! text before templates are rendered. If one side has several entries with one identity (for
//! different `when`), those of the nearer file replace all others. Of a list of texts, a text that
//! both sides have stays at its nearer place.

use std::collections::BTreeMap;
use std::mem;

use crate::problem::{Place, Problems};

use super::super::model::{MERGED_LISTS, MergedList};
use super::SourceFolders;
use super::identity::{entries_mut, identity};
use super::removals::Removals;
use authoring::spanned::{Node, Table, Value};

/// Merges a manifest with its profiles, the farthest first. Unless `are_complete`, a profile is
/// missing, so removals of unknown entries are not reported.
pub fn merge_layers(
    profiles: Vec<Node>,
    manifest: Node,
    are_complete: bool,
    folders: &SourceFolders,
    problems: &mut Problems,
) -> Node {
    let mut merged = Node { value: Value::Table(Table::default()), place: manifest.place.clone() };
    for mut near in profiles.into_iter().chain([manifest]) {
        let removals = Removals::take(&mut near, problems);
        removals.apply(&mut merged, are_complete, folders, problems);
        for list in &MERGED_LISTS {
            match list.keys {
                [] => merge_texts(list, &mut near, &mut merged, folders),
                _ => merge_tables(list, &mut near, &mut merged, folders, problems),
            }
        }
        merged = near.merged_over(merged);
    }
    merged
}

/// Replaces a list of tables of the nearer layer with that of both layers.
fn merge_tables(list: &MergedList, near: &mut Node, far: &mut Node, folders: &SourceFolders, problems: &mut Problems) {
    let (Some(near), Some(far)) = (entries_mut(list, near), entries_mut(list, far)) else { return };
    let mut nearer: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    let mut added = Vec::new();
    let identities_far: Vec<_> = far.iter().map(|entry| identity(list, entry, folders)).collect();
    for entry in mem::take(near) {
        match identity(list, &entry, folders) {
            Some(one) if identities_far.iter().flatten().any(|far| *far == one) => {
                nearer.entry(one).or_default().push(entry)
            }
            _ => added.push(entry),
        }
    }
    let is_alone = |one: &str| identities_far.iter().flatten().filter(|other| *other == one).count() == 1;
    let mut replaced = Vec::new();
    for (entry, one) in mem::take(far).into_iter().zip(&identities_far) {
        let Some(one) = one else {
            near.push(entry);
            continue;
        };
        match nearer.remove(one) {
            None if replaced.contains(&one) => {}
            None => near.push(entry),
            Some(mut group) if group.len() == 1 && is_alone(one) => {
                let Some(over) = group.pop() else { continue };
                relate(&over, &entry.place, "extends this entry", problems);
                relate(&entry, &over.place, "extended here", problems);
                near.push(over.merged_over(entry));
            }
            Some(group) => {
                group.iter().for_each(|over| relate(over, &entry.place, "replaces this entry", problems));
                near.extend(group);
                replaced.push(one);
            }
        }
    }
    near.append(&mut added);
}

/// Adds the texts of the farther layer before those of the nearer one.
fn merge_texts(list: &MergedList, near: &mut Node, far: &mut Node, folders: &SourceFolders) {
    let (Some(near), Some(far)) = (entries_mut(list, near), entries_mut(list, far)) else { return };
    let texts: Vec<_> = near.iter().filter_map(|node| identity(list, node, folders)).collect();
    let is_new = |node: &Node| identity(list, node, folders).is_none_or(|text| !texts.contains(&text));
    let added = mem::take(near);
    near.extend(mem::take(far).into_iter().filter(is_new));
    near.extend(added);
}

/// Relates every value of an entry to an entry of another layer.
fn relate(entry: &Node, to: &Place, words: &'static str, problems: &mut Problems) {
    problems.relate(entry.place.clone(), to.clone(), words);
    match &entry.value {
        Value::Array(nodes) => nodes.iter().for_each(|node| relate(node, to, words, problems)),
        Value::Table(table) => table.0.iter().for_each(|entry| {
            problems.relate(entry.key.clone(), to.clone(), words);
            relate(&entry.node, to, words, problems);
        }),
        _ => {}
    }
}
