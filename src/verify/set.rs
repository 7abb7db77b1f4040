//! Whether media are all discs of a set, and of one: by what each says that it is.
//!
//! A disc says its number and the set that it belongs to, and the last one how many there are. That two discs of one
//! set come from different builds is not seen here; a disc compared with its manifest shows it.

use std::collections::{BTreeMap, BTreeSet};

use crate::output::lists::DiscOfSet;

/// What is wrong with several media as sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetFault {
    /// A disc is not there.
    Missing {
        /// The set that it belongs to.
        set: String,
        /// Its number.
        number: usize,
    },
    /// No disc says that it is the last: there are more than these.
    NoLast {
        /// The set.
        set: String,
        /// The highest number that is there.
        highest: usize,
    },
    /// Several media say that they are the same disc.
    Twice {
        /// The set.
        set: String,
        /// The number of the disc.
        number: usize,
        /// The media.
        names: Vec<String>,
    },
    /// A disc says that it is the last, and there are discs that follow it: it is of an older build.
    NotLast {
        /// The medium.
        name: String,
        /// How many discs it says that there are.
        n_discs: usize,
        /// The highest number that is there.
        highest: usize,
    },
    /// A medium belongs to another set than most.
    Foreign {
        /// The medium.
        name: String,
        /// What it says that it is; nothing if it is no disc of a set.
        disc: Option<DiscOfSet>,
    },
}

/// What is wrong with media of these names as sets. Nothing is wrong with media of which none is a disc of a set, nor
/// with several whole sets.
pub fn check(media: &[(String, Option<DiscOfSet>)]) -> Vec<SetFault> {
    let mut sets: BTreeMap<&str, Vec<(&str, &DiscOfSet)>> = BTreeMap::new();
    for (name, disc) in media {
        if let Some(disc) = disc {
            sets.entry(&disc.set).or_default().push((name, disc));
        }
    }
    let most = sets.values().map(Vec::len).max().unwrap_or(0);
    // The first of those with the most discs is the one that is meant.
    let is_meant = |set: &str| sets[set].len() == most;
    let Some(meant) = media.iter().filter_map(|(_, disc)| disc.as_ref()).find(|disc| is_meant(&disc.set)) else {
        return Vec::new();
    };
    let is_whole = |set: &str| faults_of(set, &sets[set]).is_empty();
    let mut faults = faults_of(&meant.set, &sets[meant.set.as_str()]);
    for (name, disc) in media {
        let is_foreign = match disc {
            Some(disc) => disc.set != meant.set && !is_whole(&disc.set),
            // Where the set is whole, nobody takes a medium of its own for one of it.
            None => !is_whole(&meant.set),
        };
        if is_foreign {
            faults.push(SetFault::Foreign { name: name.clone(), disc: disc.clone() });
        }
    }
    faults
}

fn faults_of(set: &str, discs: &[(&str, &DiscOfSet)]) -> Vec<SetFault> {
    /// What a damaged medium says must not make a list without end.
    const MAX_MISSING: usize = 99;
    let mut faults = Vec::new();
    let numbers: BTreeSet<_> = discs.iter().map(|(_, disc)| disc.number).collect();
    let highest = numbers.iter().copied().max().unwrap_or(0);
    let last = discs.iter().filter_map(|(_, disc)| disc.n_discs).max();
    let missing = (1..=last.unwrap_or(0).max(highest)).filter(|number| !numbers.contains(number)).take(MAX_MISSING);
    faults.extend(missing.map(|number| SetFault::Missing { set: set.to_owned(), number }));
    if last.is_none() {
        faults.push(SetFault::NoLast { set: set.to_owned(), highest });
    }
    for number in numbers {
        let names = discs.iter().filter(|(_, disc)| disc.number == number).map(|(name, _)| (*name).to_owned());
        let names: Vec<_> = names.collect();
        if names.len() > 1 {
            faults.push(SetFault::Twice { set: set.to_owned(), number, names });
        }
    }
    for (name, disc) in discs {
        if let Some(n_discs) = disc.n_discs.filter(|n_discs| *n_discs < highest) {
            faults.push(SetFault::NotLast { name: (*name).to_owned(), n_discs, highest });
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disc(set: &str, number: usize, n_discs: Option<usize>) -> (String, Option<DiscOfSet>) {
        (format!("{set}.{number}"), Some(DiscOfSet { set: set.into(), number, n_discs }))
    }

    #[test]
    fn whole_sets_and_media_of_their_own_are_in_order() {
        let set = |name| vec![disc(name, 2, None), disc(name, 1, None), disc(name, 3, Some(3))];
        assert_eq!(check(&set("a")), []);
        assert_eq!(check(&[set("a"), set("b")].concat()), []);
        assert_eq!(check(&[("one".into(), None), ("two".into(), None)]), []);
        assert_eq!(check(&[set("a"), vec![("one".into(), None)]].concat()), []);
    }

    #[test]
    fn what_is_missing_foreign_there_twice_or_old_is_named() {
        let missing = |number| SetFault::Missing { set: "a".into(), number };
        assert_eq!(check(&[disc("a", 1, None), disc("a", 4, Some(4))]), [missing(2), missing(3)]);
        let no_last = SetFault::NoLast { set: "a".into(), highest: 2 };
        assert_eq!(check(&[disc("a", 1, None), disc("a", 2, None)]), [no_last]);
        let (name, foreign) = disc("b", 2, None);
        assert_eq!(
            check(&[disc("a", 1, None), (name.clone(), foreign.clone()), disc("a", 3, Some(3))]),
            [missing(2), SetFault::Foreign { name, disc: foreign }]
        );
        let twice = SetFault::Twice { set: "a".into(), number: 1, names: vec!["a.1".into(), "a.1".into()] };
        assert_eq!(check(&[disc("a", 1, None), disc("a", 1, None), disc("a", 2, Some(2))]), [twice]);
        let old = SetFault::NotLast { name: "a.2".into(), n_discs: 2, highest: 3 };
        assert_eq!(check(&[disc("a", 1, None), disc("a", 2, Some(2)), disc("a", 3, Some(3))]), [old]);
        let alone = SetFault::Foreign { name: "one".into(), disc: None };
        assert_eq!(check(&[disc("a", 2, Some(2)), ("one".into(), None)]), [missing(1), alone]);
        assert_eq!(check(&[disc("a", 1, None), disc("a", 2, Some(usize::MAX))]).len(), 99);
    }
}
