//! Checks that a module uses only modules of lower layers. The table must match those in `src/lib.rs` and the
//! architecture.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::fixtures::repository::{self, files_below};

/// Modules of the crate `disc-layout` that are reexported. They are below all layers.
const BELOW: [&str; 6] = ["content", "date", "firmware", "layout", "source", "volume"];

/// Returns the level of each module in the table of layers of the crate's documentation; 0 is the highest. Modules of one
/// layer may use each other.
fn layers() -> BTreeMap<String, usize> {
    let text = fs::read_to_string(repository::root().join("src/lib.rs")).expect("the crate");
    let rows =
        text.lines().skip_while(|line| *line != "//! |---|---|").skip(1).take_while(|line| line.starts_with("//! |"));
    let modules = rows.map(|row| row.rsplit(" | ").next().expect("a column").trim_end_matches(" |"));
    let levels = modules.enumerate().flat_map(|(level, modules)| modules.split(", ").map(move |name| (name, level)));
    levels.map(|(name, level)| (name.trim_matches('`').to_owned(), level)).collect()
}

/// Returns the top-level module of a file, and the modules that it refers to as `crate::…`.
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
    let level = layers();
    let root = repository::root().join("src");
    let files: Vec<_> = files_below("src", "rs").into_iter().map(|path| repository::root().join(path)).collect();
    let mut n_uses = 0;
    for path in files {
        let (module, used) = uses(&path, &root);
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let own = level.get(&module).unwrap_or_else(|| panic!("`{module}` is in no layer"));
        for other in used.into_iter().filter(|other| !BELOW.contains(&other.as_str())) {
            let below = level.get(&other).unwrap_or_else(|| panic!("{}: `{other}`?", path.display()));
            assert!(below >= own, "{}: `{module}` uses `{other}`, which is above it", path.display());
            n_uses += 1;
        }
    }
    assert!(n_uses > 10, "only {n_uses} uses found: the test reads the wrong place");
}

/// Modules that may open files for writing, create folders or rename, and the reasons.
const WRITERS: [(&str, &str); 4] = [
    ("write/open.rs", "it is the one that does it for all others"),
    ("write/disk.rs", "it renames what was opened there"),
    ("baseline/view.rs", "it makes folders and links in a temporary folder of its own"),
    ("device/drive.rs", "it opens the disk that the user named, and nothing beside it"),
];

/// Functions that open files for writing, create files or folders, or replace files.
const WRITING: [&str; 26] = [
    "File::create",
    ".write(true)",
    ".append(true)",
    ".create(true)",
    ".create_new(true)",
    "fs::write(",
    "fs::copy(",
    "fs::rename(",
    "fs::hard_link(",
    "fs::create_dir",
    "DirBuilder",
    "fs::remove_dir_all(",
    "fs::remove_file(",
    "fs::set_permissions(",
    "unix::fs::symlink",
    "unix::fs::chown",
    "OFlags::WRONLY",
    "OFlags::RDWR",
    "OFlags::CREAT",
    "OFlags::TRUNC",
    "OFlags::APPEND",
    "OFlags::TMPFILE",
    "renameat",
    "mkdirat",
    "linkat",
    "utimensat",
];

#[test]
fn one_module_opens_files_for_writing() {
    let root = repository::root().join("src");
    let files: Vec<_> = files_below("src", "rs").into_iter().map(|path| repository::root().join(path)).collect();
    let mut found = BTreeMap::new();
    for path in &files {
        let text = fs::read_to_string(path).expect("a source");
        let name = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
        if is_test(&name, &files, &root) {
            continue;
        }
        // Tests come last in a file.
        let end =
            ["mod ", "pub(crate) fn "].iter().filter_map(|test| text.find(&format!("#[cfg(test)]\n{test}"))).min();
        let code = &text[..end.unwrap_or(text.len())];
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if let Some(call) = WRITING.iter().find(|call| line.contains(**call)) {
                found.entry(name.clone()).or_insert_with(Vec::new).push((*call, line.trim().to_owned()));
            }
        }
    }
    let is_writer = |name: &String| WRITERS.iter().any(|(writer, _)| writer == name);
    let others: Vec<_> = found.iter().filter(|(name, _)| !is_writer(name)).collect();
    assert!(others.is_empty(), "these open files by themselves, and not with `write::open`: {others:#?}");
    assert!(found.contains_key("write/open.rs") && found.contains_key("device/drive.rs"), "{found:?}");
}

/// Returns `true` if a source file is compiled for tests only, by its name or because its parent declares it so.
fn is_test(name: &str, files: &[PathBuf], root: &Path) -> bool {
    if name.ends_with("tests.rs") || name.contains("/tests/") {
        return true;
    }
    let path = root.join(name);
    let stem = path.file_stem().expect("a stem").to_string_lossy().into_owned();
    let folder = path.parent().expect("a folder");
    let parents = [folder.with_extension("rs"), folder.join("mod.rs"), root.join("lib.rs")];
    let declares = |parent: &&PathBuf| {
        let text = fs::read_to_string(parent).unwrap_or_default();
        text.contains(&format!("#[cfg(test)]\npub(crate) mod {stem};"))
            || text.contains(&format!("#[cfg(test)]\nmod {stem};"))
    };
    files.iter().filter(|file| parents.contains(file)).any(|parent| declares(&parent))
}
