//! Removes inherited entries of lists (`[remove]`).

use std::sync::LazyLock;

use camino::Utf8PathBuf;
use serde_json::{Value as Json, json};

use crate::problem::{Place, Problem, Problems};

use super::super::model::{ALL, MERGED_LISTS, MergedList, REMOVE, RemoveTable};
use super::SourceFolders;
use super::identity::{compared, entries_mut, identity, written_identity};
use crate::paths::relative;
use authoring::Dialect;
use authoring::doc::Doc;
use authoring::schema::{CompiledSchema, generate};
use authoring::schema_errors::SchemaChecker;
use authoring::spanned::{Node, Table, Value};
use authoring::suggestions::{join, nearest};

/// Number of identities that a help text lists.
const MAX_LISTED: usize = 8;

/// Entries that a manifest or a profile removes from those under it.
#[derive(Debug, Default)]
pub struct Removals(Vec<Removal>);

/// Entries to remove from one list.
#[derive(Debug)]
struct Removal {
    list: &'static MergedList,
    which: Which,
}

#[derive(Debug)]
enum Which {
    /// Everything; with the place of the value.
    All(Place),
    /// One entry, as written, with its place.
    One(String, Place),
}

impl Removals {
    /// Takes the table out of a manifest or profile. Mistakes in it are added to `problems`.
    pub fn take(tree: &mut Node, problems: &mut Problems) -> Self {
        let Value::Table(root) = &mut tree.value else { return Self::default() };
        let Some(entry) = root.remove(REMOVE) else { return Self::default() };
        let removals = Self(MERGED_LISTS.iter().flat_map(|list| parse(list, &entry.node)).collect());
        let alone = Node { value: Value::Table(Table(vec![entry])), place: tree.place.clone() };
        let (json, spans) = alone.flatten();
        let found = SchemaChecker::new(RemoveDialect).check(Doc { json: &json, spans: &spans, sources: problems });
        found.into_iter().for_each(|problem| problems.add(problem));
        removals
    }

    /// Removes the entries from the profiles under the manifest. Entries that the profiles don't
    /// have are errors if all profiles could be read.
    pub fn apply(&self, under: &mut Node, are_complete: bool, folders: &SourceFolders, problems: &mut Problems) {
        for removal in &self.0 {
            let problem = removal.apply(under, folders);
            problem.filter(|_| are_complete).into_iter().for_each(|problem| problems.add(problem));
        }
    }
}

impl Removal {
    fn apply(&self, under: &mut Node, folders: &SourceFolders) -> Option<Problem> {
        let nodes = &mut Vec::new();
        let nodes = entries_mut(self.list, under).unwrap_or(nodes);
        let (one, many) = self.list.names;
        let (name, place) = match &self.which {
            Which::All(place) if nodes.is_empty() => {
                let problem = Problem::error(format!("no profile has {many}, so there is nothing to remove"));
                return Some(problem.at(place.clone(), "").help("remove the key"));
            }
            Which::All(_) => {
                nodes.clear();
                return None;
            }
            Which::One(name, place) => (name, place),
        };
        let n_before = nodes.len();
        let wanted = compared(self.list, name, place, folders);
        nodes.retain(|node| identity(self.list, node, folders).as_ref() != Some(&wanted));
        if nodes.len() < n_before {
            return None;
        }
        // A path is written differently in a file of another folder.
        let from_here =
            |node: &Node| relative(folders.get(&place.source)?, identity(self.list, node, folders)?.as_ref());
        let as_written = |node: &Node| written_identity(self.list, node).map(str::to_owned);
        let known = nodes.iter().filter_map(|node| match self.list.is_path {
            true => from_here(node).map(Utf8PathBuf::into_string).or_else(|| as_written(node)),
            false => as_written(node),
        });
        let known: Vec<_> = known.collect();
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        let problem = Problem::error(format!("no profile has the {one} `{name}`, so it can't be removed"));
        Some(problem.at(place.clone(), "").help(match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("remove it; no profile has {many}"),
            None => format!("the inherited {many} are {}", listed(&known)),
        }))
    }
}

/// Returns names for a help text.
fn listed(names: &[&str]) -> String {
    let shown: Vec<_> = names.iter().take(MAX_LISTED).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(MAX_LISTED) {
        0 => join(&shown, "and"),
        n_more => format!("{} and {n_more} more", shown.join(", ")),
    }
}

/// Parses the removals from one list. The schema reports values of a wrong type.
fn parse(list: &'static MergedList, remove: &Node) -> Vec<Removal> {
    let node = list.path.iter().try_fold(remove, |node, key| node.as_table()?.get(key));
    let text = |node: &Node| Some(Which::One(node.as_str()?.to_owned(), node.place.clone()));
    let all = match node.map(|node| (&node.value, node)) {
        Some((Value::Array(nodes), _)) => nodes.iter().filter_map(text).collect(),
        Some((Value::String(word), node)) if word == ALL => vec![Which::All(node.place.clone())],
        _ => Vec::new(),
    };
    all.into_iter().map(|which| Removal { list, which }).collect()
}

/// Schema of the table by itself: profiles with it are not checked as a whole.
#[derive(Debug)]
struct RemoveDialect;

impl Dialect for RemoveDialect {
    fn name(&self) -> &'static str {
        "the manifest"
    }

    fn schema(&self) -> &'static CompiledSchema {
        static SCHEMA: LazyLock<CompiledSchema> = LazyLock::new(|| {
            let table = generate::<RemoveTable>();
            CompiledSchema::new(json!({ "type": "object", "properties": { REMOVE: table } }))
        });
        &SCHEMA
    }

    fn advice(&self, name: &str, value: &Json) -> Option<String> {
        let key = name.rsplit('.').next()?;
        let text = value.as_str()?;
        Some(format!("write a list: `{key} = [{}]`", Json::from(text)))
    }
}
