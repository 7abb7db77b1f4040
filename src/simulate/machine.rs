//! Computer that is described by a fact file.

use super::expect::is_named;
use super::facts::{Facts, Found, Product, RegistryValue, System};
use crate::firmware::Firmware;
use crate::sequence::Action;
use crate::sequence::catalog::Environment;
use crate::sequence::engine::{
    self, Computer, FileState, Machine, ProgramResult, StartState, Variables, WmiRow, short_hive,
};

/// Computer that answers from a fact file.
pub struct FactMachine<'a> {
    facts: &'a Facts,
    /// Number of runs of each step, by its path.
    n_runs: Vec<(Vec<String>, usize)>,
}

impl<'a> FactMachine<'a> {
    /// Creates a computer before the first step.
    pub fn new(facts: &'a Facts) -> Self {
        Self { facts, n_runs: Vec::new() }
    }

    /// Counts a run of a step, and returns the number of earlier runs.
    fn count(&mut self, path: &[String]) -> usize {
        let index = match self.n_runs.iter().position(|(known, _)| known == path) {
            Some(index) => index,
            None => {
                self.n_runs.push((path.to_vec(), 0));
                self.n_runs.len() - 1
            }
        };
        let n_runs = &mut self.n_runs[index].1;
        *n_runs += 1;
        *n_runs - 1
    }
}

impl Machine for FactMachine<'_> {
    fn start(&self) -> StartState {
        let facts = self.facts;
        StartState {
            is_uefi: facts.firmware == Firmware::Uefi,
            environment: facts.starts_in.map(|system| match system {
                System::WindowsPe => Environment::WindowsPe,
                System::FullOs => Environment::FullOs,
            }),
            is_formatted: facts.formatted,
            is_domain_member: facts.domain_member,
            variables: facts.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }

    fn computer(&self) -> Computer {
        self.facts.computer.clone()
    }

    fn run(&mut self, path: &[String], _action: Option<&Action>, _variables: &Variables) -> Option<ProgramResult> {
        // A fact that names more of the groups around the step is more specific.
        let named = self.facts.step.iter().filter(|fact| is_named(path, &fact.name));
        let fact = named.max_by_key(|fact| fact.name.matches('/').count())?;
        let exit_code = match fact.exit_codes.len() {
            0 => None,
            n_codes => Some(fact.exit_codes[self.count(path).min(n_codes - 1)]),
        };
        let sets = fact.sets.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Some(ProgramResult { exit_code, sets })
    }

    fn registry(&self, key: &str, value: &str) -> engine::Lookup<String> {
        let is_it = |found: &&RegistryValue| {
            short_hive(&found.key).eq_ignore_ascii_case(key) && found.value.eq_ignore_ascii_case(value)
        };
        match self.facts.registry.iter().find(is_it) {
            Some(found) if found.exists => engine::Lookup::Yes(found.data.clone()),
            Some(_) => engine::Lookup::No,
            None => engine::Lookup::Unknown,
        }
    }

    fn file(&self, path: &str) -> engine::Lookup<FileState> {
        state(&self.facts.file, path)
    }

    fn folder(&self, path: &str) -> engine::Lookup<FileState> {
        state(&self.facts.folder, path)
    }

    fn query(&self, namespace: &str, query: &str) -> Option<bool> {
        self.facts.wmi.result(namespace, query)
    }

    fn rows(&self, namespace: &str, class: &str) -> Option<Vec<WmiRow>> {
        self.facts.wmi.rows(namespace, class)
    }

    fn has_product(&self, product_code: &str, upgrade_code: Option<&str>) -> Option<bool> {
        let same = |left: &str, right: &str| !left.is_empty() && left.eq_ignore_ascii_case(right);
        let is_it = |product: &&Product| {
            upgrade_code.is_some_and(|code| same(&product.upgrade_code, code))
                || same(&product.product_code, product_code)
        };
        let mut known = self.facts.software.iter().filter(is_it).peekable();
        known.peek()?;
        Some(known.any(|product| product.installed))
    }

    fn os(&self) -> Option<String> {
        self.facts.os.clone()
    }

    fn os_language(&self) -> Option<i64> {
        self.facts.os_language
    }
}

fn state(found: &[Found], path: &str) -> engine::Lookup<FileState> {
    let plain = |path: &str| path.trim_end_matches('\\').to_lowercase();
    match found.iter().find(|found| plain(&found.path) == plain(path)) {
        Some(found) if found.exists => {
            engine::Lookup::Yes(FileState { version: found.version.clone(), modified: found.modified.clone() })
        }
        Some(_) => engine::Lookup::No,
        None => engine::Lookup::Unknown,
    }
}
