//! Possible states at a point of a sequence.

use std::collections::BTreeSet;

use crate::MediaKind;
use crate::compare::{is_certainly_ordered, is_like};
use crate::condition::Operator;
use crate::read_only::{KnownValue, known_value};
use crate::start_source::StartSource;

use super::shared_map::SharedMap;

/// System that is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Windows PE.
    WindowsPe,
    /// Full operating system, old or new.
    FullOs,
}

/// State of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disk {
    /// Unchanged.
    Untouched,
    /// Partitioned, but without a formatted partition.
    Bare,
    /// With a formatted partition.
    Formatted,
}

/// Origin of knowledge about a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Kind of medium.
    Medium,
    /// System that is running.
    System,
    /// Step that sets the variable, by its index.
    Set(usize),
    /// Condition of a step or group that requires a value, by its index.
    Required(usize),
}

/// Knowledge about a variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct VariableFact {
    /// Tells whether the variable may be missing.
    may_lack: bool,
    /// Possible values in lower case, if the variable is set.
    values: ValueSet,
    origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum ValueSet {
    OneOf(BTreeSet<String>),
    AnyBut(BTreeSet<String>),
}

/// Possible state at a point of a sequence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct World {
    /// System that is running.
    pub system: System,
    /// Tells whether an earlier step may have been in the wrong system.
    pub is_uncertain: bool,
    /// Tells whether an operating system was applied.
    pub has_applied: bool,
    /// Tells whether the applied operating system was set up.
    pub has_set_up: bool,
    /// State of the disk.
    pub disk: Disk,
    /// Knowledge about variables by name, in lower case. Worlds are copied whenever a test splits
    /// them, so the map shares common entries.
    facts: SharedMap<VariableFact>,
}

/// Variables that the kind of medium determines for the whole run.
const MEDIUM_VARIABLES: [&str; 6] = [
    "_SMSTSMediaType",
    "_SMSTSLaunchMode",
    "_SMSTSPackageID",
    "_SMSTSAdvertID",
    "_SMSTSClientGUID",
    "_SMSTSUserStarted",
];
const IN_WINDOWS_PE: &str = "_smstsinwinpe";

/// Read-only variables that keep their value while the engine runs. All others change with every
/// step.
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
/// Prefixes of variables that steps set.
const STEP_PREFIXES: [&str; 3] = ["osd", "smsts", "ts"];

impl VariableFact {
    fn unknown(origin: Origin) -> Self {
        Self { may_lack: true, values: ValueSet::AnyBut(BTreeSet::new()), origin }
    }

    fn one_of<const N: usize>(values: [&str; N], origin: Origin) -> Self {
        Self { may_lack: false, values: ValueSet::OneOf(values.map(Into::into).into()), origin }
    }

    fn is_possible(&self) -> bool {
        self.may_lack || self.values != ValueSet::OneOf(BTreeSet::new())
    }

    /// Splits the knowledge by the result of a test: if it is true, and if it is false.
    fn split(&self, operator: Operator, value: &str) -> (Self, Self) {
        let nothing = ValueSet::OneOf(BTreeSet::new());
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
                    ValueSet::OneOf(values) => {
                        let (same, other) = values.iter().cloned().partition(|one| *one == value);
                        (with(ValueSet::OneOf(same)), without(ValueSet::OneOf(other)))
                    }
                    ValueSet::AnyBut(never) if never.contains(&value) => (with(nothing), self.clone()),
                    ValueSet::AnyBut(never) => {
                        let mut never = never.clone();
                        never.insert(value.clone());
                        (with(ValueSet::OneOf([value].into())), without(ValueSet::AnyBut(never)))
                    }
                }
            }
            Operator::Like => self.split_by(|one| Some(is_like(one, value))),
            Operator::Greater | Operator::GreaterEqual | Operator::Less | Operator::LessEqual => {
                self.split_by(|one| is_certainly_ordered(one, value).then(|| operator.holds(Some(one), value)))
            }
        }
    }

    /// Splits the knowledge by a test that is false for a missing variable; `None` if the result
    /// for a value is unknown.
    fn split_by(&self, test: impl Fn(&str) -> Option<bool>) -> (Self, Self) {
        let ValueSet::OneOf(values) = &self.values else { return (self.clone(), self.clone()) };
        let test = &test;
        let kept = |wanted: bool| values.iter().filter(move |one| test(one).is_none_or(|it| it == wanted)).cloned();
        let held = Self { values: ValueSet::OneOf(kept(true).collect()), ..self.clone() };
        (held, Self { values: ValueSet::OneOf(kept(false).collect()), ..self.clone() })
    }
}

impl World {
    /// Returns the possible states at the start, from a kind of medium or from any source.
    pub fn at_start(kind: Option<MediaKind>) -> Vec<Self> {
        let mut facts = SharedMap::default();
        for name in MEDIUM_VARIABLES {
            let started = kind.map(StartSource::from);
            let fact = match started.map(|started| known_value(name, started)) {
                Some(KnownValue::Text(text)) => VariableFact::one_of([text.to_lowercase().as_str()], Origin::Medium),
                Some(KnownValue::Unset) => VariableFact { may_lack: true, ..VariableFact::one_of([], Origin::Medium) },
                Some(KnownValue::OneOf(values)) => VariableFact {
                    may_lack: values.contains(&None),
                    values: ValueSet::OneOf(values.iter().flatten().map(|value| value.to_lowercase()).collect()),
                    origin: Origin::Medium,
                },
                Some(KnownValue::Present) => VariableFact { may_lack: false, ..VariableFact::unknown(Origin::Medium) },
                Some(KnownValue::Nothing) | None => continue,
            };
            facts.insert(&name.to_lowercase(), fact);
        }
        let world = |system| Self {
            system,
            is_uncertain: false,
            has_applied: false,
            has_set_up: false,
            disk: Disk::Untouched,
            facts: facts.clone(),
        };
        match kind {
            Some(MediaKind::Prestaged) => vec![world(System::WindowsPe)],
            // Media can be started in Windows as well as from the firmware.
            _ => vec![world(System::WindowsPe), world(System::FullOs)],
        }
    }

    fn fact(&self, name: &str) -> Option<VariableFact> {
        let name = name.to_lowercase();
        if name == IN_WINDOWS_PE {
            let value = if self.system == System::WindowsPe { "true" } else { "false" };
            return Some(VariableFact::one_of([value], Origin::System));
        }
        self.facts.get(&name).cloned()
    }

    /// Returns the origin of knowledge about a variable.
    pub fn origin(&self, name: &str) -> Option<Origin> {
        self.fact(name).map(|fact| fact.origin)
    }

    /// Splits the world by a test of a variable: if it is true, and if it is false. `index` is that
    /// of the step with the test. The result is remembered if `is_tested_after`.
    pub fn split(
        &self,
        name: &str,
        operator: Operator,
        value: &str,
        index: usize,
        is_tested_after: bool,
    ) -> (Option<Self>, Option<Self>) {
        let both = || (Some(self.clone()), Some(self.clone()));
        let is_empty = value.is_empty() && !operator.tests_existence();
        // Values with variables are only known at run time, and comparisons with an empty text are not
        // documented.
        if value.contains('%') || is_empty || name.contains('%') {
            return both();
        }
        let name = name.to_lowercase();
        let fact = self.fact(&name).unwrap_or_else(|| VariableFact::unknown(Origin::Required(index)));
        let (held, failed) = fact.split(operator, value);
        let with = |new: VariableFact| {
            let mut world = self.clone();
            // A read-only variable that changes with every step must not be remembered beyond this test.
            let lasts = !name.starts_with('_') || LASTING.contains(&name.as_str());
            if lasts && is_tested_after && new != fact {
                let origin = match fact.origin {
                    // A later condition on the same variable explains a contradiction better than an earlier
                    // one.
                    Origin::Required(_) => Origin::Required(index),
                    origin => origin,
                };
                world.facts.insert(&name, VariableFact { origin, ..new.clone() });
            }
            new.is_possible().then_some(world)
        };
        (with(held), with(failed))
    }

    /// Sets a variable; to an unknown value if `value` is `None`. An empty value deletes it.
    pub fn set(&mut self, name: &str, value: Option<&str>, index: usize) {
        let origin = Origin::Set(index);
        let fact = match value {
            // No entry means that anything is possible.
            None => return self.facts.remove(&name.to_lowercase()),
            Some("") => VariableFact { may_lack: true, values: ValueSet::OneOf(BTreeSet::new()), origin },
            Some(value) => VariableFact::one_of([value.to_lowercase().as_str()], origin),
        };
        self.facts.insert(&name.to_lowercase(), fact);
    }

    /// Returns the value of a variable in lower case, if it is known.
    pub fn value(&self, name: &str) -> Option<String> {
        match self.fact(name)?.values {
            ValueSet::OneOf(values) if values.len() == 1 => values.into_iter().next(),
            _ => None,
        }
    }

    /// Forgets a variable.
    pub fn forget_variable(&mut self, name: &str) {
        self.facts.remove(&name.to_lowercase());
    }

    /// Marks the world as uncertain, after a step in the wrong system.
    pub fn uncertain(mut self) -> Self {
        self.is_uncertain = true;
        self
    }

    /// Forgets all variables that a program may set.
    pub fn forget_settable(&mut self) {
        let mut facts = SharedMap::default();
        self.facts.with_prefix("_").into_iter().for_each(|(name, fact)| facts.insert(name, fact.clone()));
        self.facts = facts;
    }

    /// Forgets the variables that a step of the catalog may set.
    pub fn forget_results(&mut self) {
        STEP_PREFIXES.iter().for_each(|prefix| self.forget_named(prefix));
    }

    /// Forgets the variables that the engine detects when it starts.
    pub fn forget_detected(&mut self) {
        self.forget_named("_");
    }

    /// Forgets the variables with a prefix, except those that the medium determines.
    fn forget_named(&mut self, prefix: &str) {
        let facts = self.facts.clone();
        for (name, _) in facts.with_prefix(prefix).iter().filter(|(_, fact)| fact.origin != Origin::Medium) {
            self.facts.remove(name);
        }
    }

    /// Forgets all variables except those that the medium determines.
    pub fn forget(&mut self) {
        let mut facts = SharedMap::default();
        for name in MEDIUM_VARIABLES.map(str::to_lowercase) {
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
            let (on, off) = world.split("count", operator, value, 1, true);
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
