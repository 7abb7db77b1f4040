//! Entries of lists that are merged with those of profiles, and the texts that identify them.

use super::super::model::MergedList;
use super::SourceFolders;
use crate::paths::normalized;
use crate::problem::Place;
use authoring::spanned::{Node, Value};

/// Returns the entries of a list; `None` if the tree does not have it.
pub fn entries_mut<'a>(list: &MergedList, tree: &'a mut Node) -> Option<&'a mut Vec<Node>> {
    let mut node = tree;
    for key in list.path {
        let Value::Table(table) = &mut node.value else { return None };
        node = &mut table.0.iter_mut().find(|entry| entry.name == *key)?.node;
    }
    match &mut node.value {
        Value::Array(nodes) => Some(nodes),
        _ => None,
    }
}

/// Returns the text that identifies an entry; `None` if the entry has none, which the schema
/// reports.
pub fn identity(list: &MergedList, entry: &Node, folders: &SourceFolders) -> Option<String> {
    Some(compared(list, written_identity(list, entry)?, &entry.place, folders))
}

/// Returns the text that identifies an entry, as written.
pub fn written_identity<'a>(list: &MergedList, entry: &'a Node) -> Option<&'a str> {
    if list.keys.is_empty() {
        return entry.as_str();
    }
    let table = entry.as_table()?;
    list.keys.iter().find_map(|key| table.get(key)?.as_str())
}

/// Returns an identity in the form that is compared. `place` is where it is written.
pub fn compared(list: &MergedList, text: &str, place: &Place, folders: &SourceFolders) -> String {
    match folders.get(&place.source).filter(|_| list.is_path) {
        Some(folder) => normalized(&folder.join(text)).into_string(),
        None if list.is_windows_path => text.trim_end_matches('/').to_lowercase(),
        None => text.to_owned(),
    }
}
