//! A module uses only the layers below its own. The table is the one in `src/lib.rs` and in the design.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up. Modules of one layer may use each other.
const LAYERS: [(&str, &[&str]); 6] = [
    (
        "words",
        &[
            "problem",
            "error",
            "digest",
            "file_identity",
            "firmware",
            "foreign_text",
            "size",
            "date",
            "git_lfs",
            "inputs",
            "limits",
            "merge_conflict",
            "progress",
            "rule",
            "secret",
            "shell",
        ],
    ),
    ("bytes", &["write", "patch", "output", "format", "volume", "layout", "source", "content", "store"]),
    ("meaning", &["manifest", "sequence", "resolve", "media"]),
    ("decision", &["plan", "record", "diff", "map"]),
    ("deeds", &["apply", "capture", "verify", "gather", "watch", "device", "simulate"]),
    ("command line", &["cli", "report"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The top-level module that a file belongs to, and those that it names as `crate::…`.
fn uses(path: &Path, root: &Path) -> (String, Vec<String>) {
    let first = path.strip_prefix(root).expect("below src").components().next().expect("a name");
    let module = Path::new(first.as_os_str()).file_stem().expect("a stem").to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("a source");
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut used = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        assert!(!rest.starts_with('{'), "{}: one `use crate::module` a line, please", path.display());
        used.push(rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect());
    }
    (module, used)
}

#[test]
fn a_module_uses_only_the_layers_below_its_own() {
    let level: BTreeMap<&str, usize> =
        LAYERS.iter().enumerate().flat_map(|(level, (_, modules))| modules.iter().map(move |m| (*m, level))).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut n_uses = 0;
    for path in files {
        let (module, used) = uses(&path, &root);
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let own = level.get(module.as_str()).unwrap_or_else(|| panic!("`{module}` is in no layer"));
        for other in used {
            let below = level.get(other.as_str()).unwrap_or_else(|| panic!("{}: `{other}`?", path.display()));
            assert!(below <= own, "{}: `{module}` uses `{other}`, which is above it", path.display());
            n_uses += 1;
        }
    }
    assert!(n_uses > 10, "only {n_uses} uses found: the test reads the wrong place");
}
