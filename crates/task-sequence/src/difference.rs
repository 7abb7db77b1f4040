//! Differences between two task sequences, in terms of steps rather than lines.
//!
//! Two steps correspond if they have the same name and type, preferably in the same group. A step
//! without a counterpart counts as renamed if a step in the same group has equal values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Body, Sequence, Step, Value};

/// Change of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Names of the groups around the step and of the step itself: in the new sequence, or in the
    /// old one if it was removed.
    pub path: Vec<String>,
    /// Kind of change.
    pub kind: ChangeKind,
}

/// Kind of change of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Only in the new sequence.
    Added,
    /// Only in the old sequence.
    Removed,
    /// In another group, or at another position in its group.
    Moved {
        /// Names of the groups that were around the step; equal to the new ones if only its
        /// position changed.
        from: Vec<String>,
    },
    /// Renamed.
    Renamed {
        /// Old name.
        from: String,
    },
    /// Values changed.
    Changed(
        /// Keys in alphabetical order, each with its old and new value; `None` for a key that is
        /// not set.
        Vec<(String, Option<String>, Option<String>)>,
    ),
}

/// Compares two sequences.
///
/// A step that was moved and changed appears twice. Changes of the sequence's own name, description
/// and boot image have an empty path.
pub fn differences(old: &Sequence, new: &Sequence) -> Vec<Difference> {
    let of_sequence = |sequence: &Sequence| {
        let mut values = BTreeMap::from([("name".to_owned(), sequence.name.clone())]);
        values.insert("description".into(), sequence.description.clone());
        values.insert("boot-image".into(), sequence.boot_image.clone().unwrap_or_default());
        values.insert("xml-version".into(), sequence.xml_version.clone().unwrap_or_default());
        values.retain(|_, value| !value.is_empty());
        values
    };
    let mut found = Vec::new();
    let changed = changes(&of_sequence(old), &of_sequence(new));
    if !changed.is_empty() {
        found.push(Difference { path: Vec::new(), kind: ChangeKind::Changed(changed) });
    }
    let (old, new) = (places(old), places(new));
    let pairs = pairs(&old, &new);
    let moved = out_of_order(&old, &new, &pairs);
    for (at, place) in new.iter().enumerate() {
        // One step can have several changes: renamed, moved and changed are reported separately.
        let mut add = |kind| found.push(Difference { path: place.path.clone(), kind });
        let Some(was) = pairs[at] else {
            // Steps in a new group are covered by the group.
            if place.group.is_none_or(|group| pairs[group].is_some()) {
                add(ChangeKind::Added);
            }
            continue;
        };
        let before = &old[was];
        if before.step.name != place.step.name {
            add(ChangeKind::Renamed { from: before.step.name.clone() });
        }
        if moved.contains(&at) {
            let mut from = before.path.clone();
            from.pop();
            add(ChangeKind::Moved { from });
        }
        let changed = changes(&before.values(), &place.values());
        if !changed.is_empty() {
            add(ChangeKind::Changed(changed));
        }
    }
    for (at, place) in old.iter().enumerate() {
        let is_gone = |at: usize| !pairs.contains(&Some(at));
        if is_gone(at) && place.group.is_none_or(|group| !is_gone(group)) {
            found.push(Difference { path: place.path.clone(), kind: ChangeKind::Removed });
        }
    }
    found
}

/// Step with its position.
struct LocatedStep<'a> {
    step: &'a Step,
    path: Vec<String>,
    /// Index of the group around the step.
    group: Option<usize>,
}

impl LocatedStep<'_> {
    fn kind(&self) -> &str {
        match &self.step.body {
            Body::Group(_) => "group",
            Body::Action(action) => action.kind.name,
            Body::Foreign(foreign) => &foreign.class,
        }
    }

    /// Returns all values of the step except its name, as text.
    fn values(&self) -> BTreeMap<String, String> {
        let step = self.step;
        let mut values = BTreeMap::from([("description".to_owned(), step.description.clone())]);
        let mut flag =
            |key: &str, is_set: bool| values.insert(key.to_owned(), if is_set { "true" } else { "" }.to_owned());
        flag("disabled", step.is_disabled);
        flag("continue-on-error", step.continues_on_error);
        values.insert("condition".into(), step.condition.as_ref().map(ToString::to_string).unwrap_or_default());
        match &step.body {
            Body::Group(_) => {}
            Body::Action(action) => {
                values.extend(action.values.iter().map(|(key, value)| ((*key).to_owned(), display(value))));
                let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
                values.insert("timeout".into(), number(action.timeout));
                values.insert("retries".into(), number(action.retries));
                let codes = action.success_codes.as_ref().map(|codes| Value::Integers(codes.clone()));
                values.insert("success-codes".into(), codes.as_ref().map(display).unwrap_or_default());
                let others = action.variables.iter();
                values.extend(others.map(|variable| (variable.property.clone(), variable.value.clone())));
            }
            Body::Foreign(foreign) => {
                values.insert("command".into(), foreign.command.clone());
                let others = foreign.variables.iter().flatten();
                values.extend(others.map(|variable| (variable.property.clone(), variable.value.clone())));
            }
        }
        values.retain(|_, value| !value.is_empty());
        values
    }
}

fn places(sequence: &Sequence) -> Vec<LocatedStep<'_>> {
    fn below<'a>(steps: &'a [Step], path: &[String], group: Option<usize>, found: &mut Vec<LocatedStep<'a>>) {
        for step in steps {
            let path: Vec<_> = path.iter().cloned().chain([step.name.clone()]).collect();
            let at = found.len();
            found.push(LocatedStep { step, path: path.clone(), group });
            below(step.children(), &path, Some(at), found);
        }
    }
    let mut found = Vec::new();
    below(&sequence.steps, &[], None, &mut found);
    found
}

/// Predicate that matches an old step with a new one, given the pairs that are already known.
type IsSame<'a> = dyn Fn(&LocatedStep<'_>, &LocatedStep<'_>, &[Option<usize>]) -> bool + 'a;

/// Returns, for each new step, the index of its counterpart in the old sequence.
fn pairs(old: &[LocatedStep<'_>], new: &[LocatedStep<'_>]) -> Vec<Option<usize>> {
    let mut pairs: Vec<Option<usize>> = vec![None; new.len()];
    let mut is_taken = vec![false; old.len()];
    let mut pair = |is_same: &IsSame<'_>| {
        for at in 0..new.len() {
            if pairs[at].is_some() {
                continue;
            }
            let same = |was: &usize| !is_taken[*was] && old[*was].kind() == new[at].kind();
            let found = (0..old.len()).filter(same).find(|was| is_same(&old[*was], &new[at], &pairs));
            if let Some(was) = found {
                is_taken[was] = true;
                pairs[at] = Some(was);
            }
        }
    };
    // Pair from strict to loose, so that an exact match is never taken by a similar step: same place and
    // values, same place, same name anywhere.
    pair(&|old, new, _| old.path == new.path && old.values() == new.values());
    pair(&|old, new, _| old.path == new.path);
    pair(&|old, new, _| old.step.name == new.step.name);
    // Last, pair renamed steps: another name in the same group, with equal values and children.
    pair(&|old, new, pairs| {
        let same_group = match (old.group, new.group) {
            (None, None) => true,
            (Some(old), Some(new)) => pairs[new] == Some(old),
            _ => false,
        };
        same_group
            && old.values() == new.values()
            && (!new.values().is_empty() || new.step.children() == old.step.children())
    });
    pairs
}

/// Returns the new steps that are in another group than before, or at another position among the
/// steps that stayed in their group.
fn out_of_order(old: &[LocatedStep<'_>], new: &[LocatedStep<'_>], pairs: &[Option<usize>]) -> Vec<usize> {
    let group_was = |at: usize| new[at].group.map(|group| pairs[group]);
    // A step stays in its group if that group is the counterpart of its old one, even if it was renamed.
    let stayed = |at: &usize| pairs[*at].is_some_and(|was| old[was].group.map(Some) == group_was(*at));
    let mut moved: Vec<_> = (0..new.len()).filter(|at| pairs[*at].is_some() && !stayed(at)).collect();
    let mut groups: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    (0..new.len()).filter(stayed).for_each(|at| groups.entry(new[at].group).or_default().push(at));
    for steps in groups.values() {
        let order: Vec<_> = steps.iter().filter_map(|at| pairs[*at]).collect();
        let keeps = longest_increasing_subsequence(&order);
        moved.extend(steps.iter().enumerate().filter(|(index, _)| !keeps.contains(index)).map(|(_, at)| *at));
    }
    moved
}

/// Returns the indexes of a longest increasing subsequence: the steps that need not have been
/// moved.
fn longest_increasing_subsequence(numbers: &[usize]) -> Vec<usize> {
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        let before = (0..at).filter(|before| numbers[*before] < *number).max_by_key(|before| best[*before].0);
        best.push((before.map_or(1, |before| best[before].0 + 1), before));
    }
    let mut row = Vec::new();
    // Of several longest ones, take the first, so that the steps at the front count as unmoved.
    let mut at = (0..numbers.len()).rev().max_by_key(|at| best[*at].0);
    while let Some(index) = at {
        row.push(index);
        at = best[index].1;
    }
    row
}

fn changes(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> Vec<(String, Option<String>, Option<String>)> {
    let mut keys: Vec<_> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let changed = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    changed.map(|key| (key.clone(), old.get(key).cloned(), new.get(key).cloned())).collect()
}

/// Formats a value as text. A secret is described by its source.
fn display(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Secret(reference) => match (&reference.env, &reference.file, &reference.command) {
            (Some(env), ..) => format!("the secret in the environment variable {env}"),
            (_, Some(file), _) => format!("the secret in the file {file}"),
            (.., command) => {
                format!("the secret that {} prints", command.iter().flatten().next().map_or("", String::as_str))
            }
        },
        Value::Texts(texts) => texts.join(", "),
        Value::Integers(numbers) => numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", "),
        Value::Map(map) => map.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", "),
        Value::Tables(tables) => {
            let table = |values: &super::Values| {
                let values = values.iter().map(|(key, value)| format!("{key} = {}", display(value)));
                format!("{{ {} }}", values.collect::<Vec<_>>().join(", "))
            };
            tables.iter().map(table).collect::<Vec<_>>().join(", ")
        }
    }
}
