//! No file of a crate uses a file that uses it, directly or through others. A module may use those within it and the
//! other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::fixtures::repository::{self, files_below};

/// Module of a crate, such as `["manifest", "rules"]`; empty for the root.
type Module = Vec<String>;

/// Returns the modules of a crate that are not tests, with their code.
fn modules(root: &str) -> BTreeMap<Module, String> {
    let mut modules = BTreeMap::new();
    for file in files_below(root, "rs") {
        let module: Module = file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let module = module[root.split('/').count()..].to_vec();
        if module.iter().any(|part| part == "tests") || module == ["lib"] || module == ["main"] {
            continue;
        }
        let text = fs::read_to_string(repository::root().join(&file)).expect("a source");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        modules.insert(module, code.lines().filter(is_code).collect::<Vec<_>>().join("\n"));
    }
    modules
}

/// Returns the paths in code that start with `crate`, `self` or `super`, those in braces one by one.
fn paths(code: &str) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let is_start = !code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':'));
            if is_start {
                read_path(&code[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    found
}

/// Reads a path, or several with a common start, and returns the code after it.
fn read_path<'a>(code: &'a str, start: &mut Vec<&'a str>, found: &mut Vec<Vec<&'a str>>) -> &'a str {
    let mut rest = code.trim_start();
    let n_start = start.len();
    loop {
        if let Some(mut inner) = rest.strip_prefix('{') {
            while !inner.trim_start().starts_with('}') {
                inner = read_path(inner, start, found);
                // What follows an entry is its other name, a comma, or the end.
                inner = &inner[inner.find([',', '}']).expect("braces are closed")..];
                inner = inner.strip_prefix(',').unwrap_or(inner);
            }
            rest = &inner.trim_start()[1..];
            break;
        }
        let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        start.push(&rest[..len]);
        rest = &rest[len..];
        match rest.strip_prefix("::") {
            Some(after) => rest = after,
            None => {
                found.push(start.clone());
                break;
            }
        }
    }
    start.truncate(n_start);
    rest
}

/// Returns the module that a path in another module leads to; `None` if it is outside of the crate's files.
fn target(path: &[&str], from: &Module, modules: &BTreeMap<Module, String>) -> Option<Module> {
    let n_super = path.iter().take_while(|part| **part == "super").count();
    let base = match path[0] {
        "crate" => &[][..],
        "self" => from,
        _ => &from[..from.len().checked_sub(n_super)?],
    };
    let named = path.iter().skip(n_super.max(1)).map(|part| (*part).to_owned());
    let whole: Module = base.iter().cloned().chain(named).collect();
    (1..=whole.len()).rev().map(|len| whole[..len].to_vec()).find(|module| modules.contains_key(module))
}

/// Finds a circle through modules that were not seen before, and returns it from its first to its last module.
fn circle(
    module: &Module,
    uses: &BTreeMap<Module, BTreeSet<Module>>,
    above: &mut Vec<Module>,
    seen: &mut BTreeSet<Module>,
) -> Option<Vec<String>> {
    if let Some(first) = above.iter().position(|other| other == module) {
        return Some(above[first..].iter().map(|module| module.join("::")).collect());
    }
    if !seen.insert(module.clone()) {
        return None;
    }
    above.push(module.clone());
    let found = uses[module].iter().find_map(|used| circle(used, uses, above, seen));
    above.pop();
    found
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let mut n_uses = 0;
    for root in ["src", "crates/authoring/src", "crates/task-sequence/src", "crates/disc-layout/src"] {
        let modules = modules(root);
        let mut uses = BTreeMap::new();
        for (module, code) in &modules {
            let used = paths(code).iter().filter_map(|path| target(path, module, &modules)).collect::<BTreeSet<_>>();
            let is_apart = |other: &Module| !other.starts_with(module) && !module.starts_with(other);
            let used: BTreeSet<_> = used.into_iter().filter(is_apart).collect();
            n_uses += used.len();
            uses.insert(module.clone(), used);
        }
        let mut seen = BTreeSet::new();
        let found = modules.keys().find_map(|module| circle(module, &uses, &mut Vec::new(), &mut seen));
        assert!(found.is_none(), "{root}: a circle: {found:?}");
    }
    assert!(n_uses > 1000, "only {n_uses} uses found: the test reads the wrong place");
}

#[test]
fn paths_in_braces_are_read_one_by_one() {
    let code = "use super::{a::{self, B}, c as d};\nlet x = crate::e::f();";
    let found = paths(code).iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(found, ["crate::e::f", "super::a::self", "super::a::B", "super::c"]);
}
