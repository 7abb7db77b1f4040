//! Sorted map whose copies share their entries.
//!
//! It is a search tree that is balanced by hashes of its keys (a treap). Copying is free, a change
//! copies the path to one entry, and a comparison skips shared subtrees: its cost depends on the
//! differences, not on the sizes.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Sorted map from names to values, which is cheap to copy.
#[derive(Clone, Debug)]
pub struct SharedMap<V>(Tree<V>);

type Tree<V> = Option<Arc<Node<V>>>;

#[derive(Debug)]
struct Node<V> {
    name: Arc<str>,
    value: Arc<V>,
    /// Priority, greater than that of all nodes below.
    priority: u64,
    /// Number of entries in the subtree.
    len: usize,
    left: Tree<V>,
    right: Tree<V>,
}

impl<V> SharedMap<V> {
    /// Returns the value of a name.
    pub fn get(&self, name: &str) -> Option<&V> {
        let mut tree = &self.0;
        while let Some(node) = tree {
            tree = match name.cmp(&node.name) {
                Ordering::Less => &node.left,
                Ordering::Greater => &node.right,
                Ordering::Equal => return Some(&node.value),
            };
        }
        None
    }

    /// Sets the value of a name.
    pub fn insert(&mut self, name: &str, value: V) {
        let (left, _, right) = split(&self.0, name);
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let (name, value, priority) = (Arc::from(name), Arc::new(value), hasher.finish());
        let node = Node { name, value, priority, len: 1, left: None, right: None };
        self.0 = merge(&merge(&left, &Some(Arc::new(node))), &right);
    }

    /// Removes a name.
    pub fn remove(&mut self, name: &str) {
        if self.get(name).is_some() {
            let (left, _, right) = split(&self.0, name);
            self.0 = merge(&left, &right);
        }
    }

    /// Returns the entries whose names have a prefix, sorted by name.
    pub fn with_prefix<'a>(&'a self, prefix: &str) -> Vec<(&'a str, &'a V)> {
        let mut found = Vec::new();
        collect(&self.0, prefix, &mut found);
        found
    }
}

impl<V> Default for SharedMap<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V: Ord> Ord for SharedMap<V> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl<V: Ord> PartialOrd for SharedMap<V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<V: Ord> PartialEq for SharedMap<V> {
    fn eq(&self, other: &Self) -> bool {
        len(&self.0) == len(&other.0) && self.cmp(other).is_eq()
    }
}

impl<V: Ord> Eq for SharedMap<V> {}

impl<V> Node<V> {
    /// Copies the node with other subtrees.
    fn over(&self, left: Tree<V>, right: Tree<V>) -> Tree<V> {
        let len = 1 + len(&left) + len(&right);
        let (name, value) = (Arc::clone(&self.name), Arc::clone(&self.value));
        Some(Arc::new(Self { name, value, priority: self.priority, len, left, right }))
    }
}

fn len<V>(tree: &Tree<V>) -> usize {
    tree.as_ref().map_or(0, |node| node.len)
}

/// Splits a tree at a name: the entries before it, its own, and those after it.
fn split<V>(tree: &Tree<V>, name: &str) -> (Tree<V>, Tree<V>, Tree<V>) {
    let Some(node) = tree else { return (None, None, None) };
    match name.cmp(&node.name) {
        Ordering::Less => {
            let (before, own, after) = split(&node.left, name);
            (before, own, node.over(after, node.right.clone()))
        }
        Ordering::Greater => {
            let (before, own, after) = split(&node.right, name);
            (node.over(node.left.clone(), before), own, after)
        }
        Ordering::Equal => (node.left.clone(), tree.clone(), node.right.clone()),
    }
}

/// Joins two trees. All names of the first are before those of the second.
fn merge<V>(left: &Tree<V>, right: &Tree<V>) -> Tree<V> {
    match (left, right) {
        (None, tree) | (tree, None) => tree.clone(),
        (Some(one), Some(other)) if one.priority >= other.priority => {
            one.over(one.left.clone(), merge(&one.right, right))
        }
        (Some(_), Some(other)) => other.over(merge(left, &other.left), other.right.clone()),
    }
}

fn collect<'a, V>(tree: &'a Tree<V>, prefix: &str, found: &mut Vec<(&'a str, &'a V)>) {
    let Some(node) = tree else { return };
    let has_prefix = node.name.starts_with(prefix);
    if has_prefix || prefix < &*node.name {
        collect(&node.left, prefix, found);
    }
    if has_prefix {
        found.push((&node.name, &node.value));
    }
    if has_prefix || prefix > &*node.name {
        collect(&node.right, prefix, found);
    }
}

/// Part of a tree that remains to be compared.
enum Rest<'a, V> {
    Tree(&'a Arc<Node<V>>),
    Entry(&'a Node<V>),
}

/// Compares trees as sequences of their entries.
fn compare<V: Ord>(one: &Tree<V>, other: &Tree<V>) -> Ordering {
    let (mut left, mut right) = (Vec::from_iter(one.as_ref().map(Rest::Tree)), Vec::new());
    right.extend(other.as_ref().map(Rest::Tree));
    loop {
        match (left.last(), right.last()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(Rest::Tree(one)), Some(Rest::Tree(other))) if Arc::ptr_eq(one, other) => {
                left.pop();
                right.pop();
            }
            // The larger tree may contain the other one as a shared subtree, so open it first.
            (Some(Rest::Tree(one)), Some(Rest::Tree(other))) if one.len < other.len => open(&mut right),
            (Some(Rest::Tree(_)), _) => open(&mut left),
            (_, Some(Rest::Tree(_))) => open(&mut right),
            (Some(Rest::Entry(one)), Some(Rest::Entry(other))) => {
                let is_shared = Arc::ptr_eq(&one.name, &other.name) && Arc::ptr_eq(&one.value, &other.value);
                let order = match is_shared {
                    true => Ordering::Equal,
                    false => one.name.cmp(&other.name).then_with(|| one.value.cmp(&other.value)),
                };
                if order.is_ne() {
                    return order;
                }
                left.pop();
                right.pop();
            }
        }
    }
}

/// Replaces the tree on top of the stack by its parts, first entry on top.
fn open<'a, V>(rest: &mut Vec<Rest<'a, V>>) {
    if let Some(Rest::Tree(node)) = rest.pop() {
        rest.extend(node.right.as_ref().map(Rest::Tree));
        rest.push(Rest::Entry(node));
        rest.extend(node.left.as_ref().map(Rest::Tree));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    thread_local! {
        static COMPARED: Cell<usize> = const { Cell::new(0) };
    }

    /// Value that counts comparisons.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Counted(usize);

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARED.set(COMPARED.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    /// Returns the number of nodes of the first tree that the second does not share.
    fn own<V>(one: &Tree<V>, other: &Tree<V>) -> usize {
        fn nodes<V>(tree: &Tree<V>, all: &mut Vec<*const Node<V>>) {
            let Some(node) = tree else { return };
            all.push(Arc::as_ptr(node));
            nodes(&node.left, all);
            nodes(&node.right, all);
        }
        let (mut own, mut others) = (Vec::new(), Vec::new());
        nodes(one, &mut own);
        nodes(other, &mut others);
        own.iter().filter(|node| !others.contains(node)).count()
    }

    #[test]
    fn a_change_costs_a_path_and_a_comparison_what_differs() {
        let mut map = SharedMap::default();
        (0..4000).for_each(|at| map.insert(&format!("variable{at}"), Counted(at)));
        let mut changed = map.clone();
        changed.insert("variable1234", Counted(0));
        assert!(own(&changed.0, &map.0) < 64, "{} of 4000 nodes were copied", own(&changed.0, &map.0));
        COMPARED.set(0);
        assert_eq!(changed.cmp(&map), Ordering::Less);
        assert_eq!(COMPARED.get(), 1);
    }

    proptest! {
        #[test]
        fn it_does_what_a_sorted_map_does(
            changes in proptest::collection::vec(("[_a-c]{1,3}", proptest::option::of(0..3_u8)), 0..60),
            others in proptest::collection::vec(("[_a-c]{1,3}", proptest::option::of(0..3_u8)), 0..9),
        ) {
            let (mut map, mut model) = (SharedMap::default(), BTreeMap::new());
            let apply = |changes: &[(String, Option<u8>)], map: &mut SharedMap<u8>, model: &mut BTreeMap<String, u8>| {
                for (name, value) in changes {
                    match value {
                        Some(value) => {
                            map.insert(name, *value);
                            model.insert(name.clone(), *value);
                        }
                        None => {
                            map.remove(name);
                            model.remove(name);
                        }
                    }
                }
            };
            apply(&changes, &mut map, &mut model);
            let (mut other, mut other_model) = (map.clone(), model.clone());
            apply(&others, &mut other, &mut other_model);
            for (map, model) in [(&map, &model), (&other, &other_model)] {
                for prefix in ["", "_", "a", "ab", "c"] {
                    let wanted: Vec<_> =
                        model.iter().map(|(name, value)| (name.as_str(), value)).filter(|it| it.0.starts_with(prefix)).collect();
                    prop_assert_eq!(map.with_prefix(prefix), wanted);
                }
            }
            prop_assert_eq!(map.cmp(&other), model.cmp(&other_model));
            prop_assert_eq!(map == other, model == other_model);
        }
    }
}
