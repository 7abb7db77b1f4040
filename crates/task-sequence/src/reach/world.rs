//! What may be so at a place of a sequence.

use std::collections::BTreeSet;

use crate::MediaKind;
use crate::compare::{is_like, is_ordered_for_sure};
use crate::condition::Operator;
use crate::read_only::{Known, of_medium};
use crate::started::Started;

use super::shared_map::SharedMap;

/// The system that the sequence is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Windows PE.
    WindowsPe,
    /// The full operating system, old or new.
    FullOs,
}

/// What the sequence has made of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disk {
    /// It is as it was.
    Untouched,
    /// It was partitioned, and no partition was formatted.
    Bare,
    /// It has a formatted partition.
    Formatted,
}

/// Whence something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// From the kind of medium.
    Medium,
    /// From the system that the sequence is in.
    System,
    /// From a step that sets it.
    Set(usize),
    /// From the condition of a step or group.
    Wanted(usize),
}

/// What a variable may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fact {
    /// Whether it may be missing.
    may_lack: bool,
    /// What it may be where it is there, in small letters.
    values: Values,
    origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Values {
    OneOf(BTreeSet<String>),
    AnyBut(BTreeSet<String>),
}

/// What may be so at a place of a sequence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct World {
    /// The system that the sequence is in.
    pub system: System,
    /// Whether a step lies before that is in the wrong system.
    pub is_doubtful: bool,
    /// Whether an operating system was applied.
    pub has_applied: bool,
    /// Whether the applied system was set up.
    pub has_set_up: bool,
    /// What became of the disk.
    pub disk: Disk,
    /// What is known of variables, by their names in small letters. Worlds are copied with every test that splits them, so
    /// they share what they have in common.
    facts: SharedMap<Fact>,
}

/// Variables of which the kind of medium tells something that lasts.
const OF_MEDIUM: [&str; 6] = [
    "_SMSTSMediaType",
    "_SMSTSLaunchMode",
    "_SMSTSPackageID",
    "_SMSTSAdvertID",
    "_SMSTSClientGUID",
    "_SMSTSUserStarted",
];
const IN_WINDOWS_PE: &str = "_smstsinwinpe";

/// Variables of the engine that stay as they are from one start of it to the next; others change with every step.
const LASTING: [&str; 10] = [
    "_smstsmediatype",
    "_smstslaunchmode",
    "_smstspackageid",
    "_smstsadvertid",
    "_smstsclientguid",
    "_smstsbootuefi",
    "_smstsmake",
    "_smstsmodel",
    "_smstssitecode",
    "_smstsuserstarted",
];
/// How the names of variables begin that steps leave behind.
const OF_STEPS: [&str; 3] = ["osd", "smsts", "ts"];

impl Fact {
    fn unknown(origin: Origin) -> Self {
        Self { may_lack: true, values: Values::AnyBut(BTreeSet::new()), origin }
    }

    fn one_of<const N: usize>(values: [&str; N], origin: Origin) -> Self {
        Self { may_lack: false, values: Values::OneOf(values.map(Into::into).into()), origin }
    }

    fn is_possible(&self) -> bool {
        self.may_lack || self.values != Values::OneOf(BTreeSet::new())
    }

    /// What it may be where a test holds, and where it does not.
    fn split(&self, operator: Operator, value: &str) -> (Self, Self) {
        let nothing = Values::OneOf(BTreeSet::new());
        let swapped = |operator| {
            let (held, failed) = self.split(operator, value);
            (failed, held)
        };
        match operator {
            Operator::Exists => (Self { may_lack: false, ..self.clone() }, Self { values: nothing, ..self.clone() }),
            Operator::NotExists => swapped(Operator::Exists),
            Operator::NotEquals => swapped(Operator::Equals),
            Operator::NotLike => swapped(Operator::Like),
            Operator::Equals => {
                let value = value.to_lowercase();
                let with = |values| Self { may_lack: false, values, ..self.clone() };
                let without = |values| Self { values, ..self.clone() };
                match &self.values {
                    Values::OneOf(values) => {
                        let (same, other) = values.iter().cloned().partition(|one| *one == value);
                        (with(Values::OneOf(same)), without(Values::OneOf(other)))
                    }
                    Values::AnyBut(never) if never.contains(&value) => (with(nothing), self.clone()),
                    Values::AnyBut(never) => {
                        let mut never = never.clone();
                        never.insert(value.clone());
                        (with(Values::OneOf([value].into())), without(Values::AnyBut(never)))
                    }
                }
            }
            Operator::Like => self.split_by(|one| Some(is_like(one, value))),
            Operator::Greater | Operator::GreaterEqual | Operator::Less | Operator::LessEqual => {
                self.split_by(|one| is_ordered_for_sure(one, value).then(|| operator.holds(Some(one), value)))
            }
        }
    }

    /// By a test that a missing variable does not pass, as far as is known; nothing if it is not.
    fn split_by(&self, test: impl Fn(&str) -> Option<bool>) -> (Self, Self) {
        let Values::OneOf(values) = &self.values else { return (self.clone(), self.clone()) };
        let test = &test;
        let kept = |wanted: bool| values.iter().filter(move |one| test(one).is_none_or(|it| it == wanted)).cloned();
        let held = Self { values: Values::OneOf(kept(true).collect()), ..self.clone() };
        (held, Self { values: Values::OneOf(kept(false).collect()), ..self.clone() })
    }
}

impl World {
    /// What may be so when a sequence begins from a medium, or from anywhere.
    pub fn at_start(kind: Option<MediaKind>) -> Vec<Self> {
        let mut facts = SharedMap::default();
        for name in OF_MEDIUM {
            let started = kind.map(Started::from);
            let fact = match started.map(|started| of_medium(name, started)) {
                Some(Known::Text(text)) => Fact::one_of([text.to_lowercase().as_str()], Origin::Medium),
                Some(Known::Unset) => Fact { may_lack: true, ..Fact::one_of([], Origin::Medium) },
                Some(Known::OneOf(values)) => Fact {
                    may_lack: values.contains(&None),
                    values: Values::OneOf(values.iter().flatten().map(|value| value.to_lowercase()).collect()),
                    origin: Origin::Medium,
                },
                Some(Known::Present) => Fact { may_lack: false, ..Fact::unknown(Origin::Medium) },
                Some(Known::Nothing) | None => continue,
            };
            facts.insert(&name.to_lowercase(), fact);
        }
        let world = |system| Self {
            system,
            is_doubtful: false,
            has_applied: false,
            has_set_up: false,
            disk: Disk::Untouched,
            facts: facts.clone(),
        };
        match kind {
            Some(MediaKind::Prestaged) => vec![world(System::WindowsPe)],
            _ => vec![world(System::WindowsPe), world(System::FullOs)],
        }
    }

    fn fact(&self, name: &str) -> Option<Fact> {
        let name = name.to_lowercase();
        if name == IN_WINDOWS_PE {
            let value = if self.system == System::WindowsPe { "true" } else { "false" };
            return Some(Fact::one_of([value], Origin::System));
        }
        self.facts.get(&name).cloned()
    }

    /// Whence something is known of a variable.
    pub fn origin(&self, name: &str) -> Option<Origin> {
        self.fact(name).map(|fact| fact.origin)
    }

    /// The world in which a test of a variable holds, and the one in which it does not. `index` is the step that asks.
    pub fn ask(&self, name: &str, operator: Operator, value: &str, index: usize) -> (Option<Self>, Option<Self>) {
        let both = || (Some(self.clone()), Some(self.clone()));
        let is_empty = value.is_empty() && !operator.is_about_presence();
        if value.contains('%') || is_empty || name.contains('%') {
            return both();
        }
        let name = name.to_lowercase();
        let fact = self.fact(&name).unwrap_or_else(|| Fact::unknown(Origin::Wanted(index)));
        let (held, failed) = fact.split(operator, value);
        let with = |new: Fact| {
            let mut world = self.clone();
            let lasts = !name.starts_with('_') || LASTING.contains(&name.as_str());
            if lasts && new != fact {
                let origin = match fact.origin {
                    Origin::Wanted(_) => Origin::Wanted(index),
                    origin => origin,
                };
                world.facts.insert(&name, Fact { origin, ..new.clone() });
            }
            new.is_possible().then_some(world)
        };
        (with(held), with(failed))
    }

    /// Sets a variable, to nothing in particular if its value is not known; an empty one is taken away.
    pub fn set(&mut self, name: &str, value: Option<&str>, index: usize) {
        let origin = Origin::Set(index);
        let fact = match value {
            None => return self.facts.remove(&name.to_lowercase()),
            Some("") => Fact { may_lack: true, values: Values::OneOf(BTreeSet::new()), origin },
            Some(value) => Fact::one_of([value.to_lowercase().as_str()], origin),
        };
        self.facts.insert(&name.to_lowercase(), fact);
    }

    /// The value of a variable, in small letters, if it is known.
    pub fn value(&self, name: &str) -> Option<String> {
        match self.fact(name)?.values {
            Values::OneOf(values) if values.len() == 1 => values.into_iter().next(),
            _ => None,
        }
    }

    /// The same, behind a step in the wrong system.
    pub fn doubted(mut self) -> Self {
        self.is_doubtful = true;
        self
    }

    /// Forgets every variable that a program may set.
    pub fn forget_settable(&mut self) {
        let mut facts = SharedMap::default();
        self.facts.with_prefix("_").into_iter().for_each(|(name, fact)| facts.insert(name, fact.clone()));
        self.facts = facts;
    }

    /// Forgets what a step of the catalog may leave behind.
    pub fn forget_results(&mut self) {
        OF_STEPS.iter().for_each(|prefix| self.forget_named(prefix));
    }

    /// Forgets what the engine finds out anew when it starts.
    pub fn forget_found(&mut self) {
        self.forget_named("_");
    }

    /// Forgets the variables whose names begin so, except for what the medium is.
    fn forget_named(&mut self, prefix: &str) {
        let facts = self.facts.clone();
        for (name, _) in facts.with_prefix(prefix).iter().filter(|(_, fact)| fact.origin != Origin::Medium) {
            self.facts.remove(name);
        }
    }

    /// Forgets everything but what the medium is.
    pub fn forget(&mut self) {
        let mut facts = SharedMap::default();
        for name in OF_MEDIUM.map(str::to_lowercase) {
            if let Some(fact) = self.facts.get(&name).filter(|fact| fact.origin == Origin::Medium) {
                facts.insert(&name, fact.clone());
            }
        }
        self.facts = facts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_as_numbers_and_other_texts_are_not_known() {
        let mut world = World::at_start(None).remove(0);
        world.set("Count", Some("10"), 0);
        let ask = |operator, value| {
            let (on, off) = world.ask("count", operator, value, 1);
            (on.is_some(), off.is_some())
        };
        assert_eq!(ask(Operator::Greater, "9"), (true, false));
        assert_eq!(ask(Operator::LessEqual, "9"), (false, true));
        assert_eq!(ask(Operator::Less, "x"), (true, true));
        assert_eq!(ask(Operator::Like, "1?"), (true, false));
        assert_eq!(ask(Operator::Equals, "%Other%"), (true, true));
        assert_eq!(ask(Operator::NotExists, ""), (false, true));
    }
}
