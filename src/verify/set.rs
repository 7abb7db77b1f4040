//! Checks that media are the discs of one complete set, by what each records of itself.
//!
//! A disc records its number and its set, and the last one also the number of discs. Discs of one set from different
//! builds are not detected here; comparing a disc with its manifest detects them.

use std::collections::{BTreeMap, BTreeSet};

use crate::output::lists::DiscOfSet;

/// Fault of several media as a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetFault {
    /// A disc is missing.
    Missing {
        /// Identifier of the set.
        set: String,
        /// Number of the disc.
        number: usize,
    },
    /// No disc is marked as the last, so there are more.
    NoLast {
        /// Identifier of the set.
        set: String,
        /// Highest disc number present.
        highest: usize,
    },
    /// Several media are the same disc.
    Twice {
        /// Identifier of the set.
        set: String,
        /// Number of the disc.
        number: usize,
        /// Names of the media.
        names: Vec<String>,
    },
    /// A disc is marked as the last, but others follow, so it is from an older build.
    NotLast {
        /// Name of the medium.
        name: String,
        /// Number of discs that it records.
        n_discs: usize,
        /// Highest disc number present.
        highest: usize,
    },
    /// A medium belongs to another set than most.
    Foreign {
        /// Name of the medium.
        name: String,
        /// Position that it records. `None` if it is not part of a set.
        disc: Option<DiscOfSet>,
    },
}

/// Checks media, given by name, as sets. There is no fault if none is part of a set, or if all sets are complete.
pub fn check(media: &[(String, Option<DiscOfSet>)]) -> Vec<SetFault> {
    let mut sets: BTreeMap<&str, Vec<(&str, &DiscOfSet)>> = BTreeMap::new();
    for (name, disc) in media {
        if let Some(disc) = disc {
            sets.entry(&disc.set).or_default().push((name, disc));
        }
    }
    let most = sets.values().map(Vec::len).max().unwrap_or(0);
    // The set with the most discs is the intended one; of several, the first.
    let is_meant = |set: &str| sets[set].len() == most;
    let Some(meant) = media.iter().filter_map(|(_, disc)| disc.as_ref()).find(|disc| is_meant(&disc.set)) else {
        return Vec::new();
    };
    let is_whole = |set: &str| faults_of(set, &sets[set]).is_empty();
    let mut faults = faults_of(&meant.set, &sets[meant.set.as_str()]);
    for (name, disc) in media {
        let is_foreign = match disc {
            Some(disc) => disc.set != meant.set && !is_whole(&disc.set),
            // A single medium next to a complete set is not a mistake.
            None => !is_whole(&meant.set),
        };
        if is_foreign {
            faults.push(SetFault::Foreign { name: name.clone(), disc: disc.clone() });
        }
    }
    faults
}

fn faults_of(set: &str, discs: &[(&str, &DiscOfSet)]) -> Vec<SetFault> {
    /// Limit of reported numbers, since a damaged medium may record any number.
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
