//! Captures in a comparison: of folders that Git tracks, and of others.

use std::fs;

use crate::fixtures::git::{commit, git};
use crate::fixtures::sandbox::Sandbox;

const MANIFEST: &str = r#"manifest-version = 1

[capture]
path = "images/reference.wim"
description = "The reference machine"

[[capture.source]]
path = "reference"

[[capture.source]]
path = "downloads"
"#;

/// A capture of a tracked folder and one that Git ignores.
fn repository() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.put(".gitignore", ".tsmedia/\nimages/\ndownloads/\n");
    sandbox.put("capture.toml", MANIFEST);
    sandbox.put("reference/Windows/win.ini", "[fonts]\n");
    sandbox.put("reference/Windows/notes.txt", "as delivered\n");
    sandbox.put("reference/Users/readme.txt", "hello\n");
    sandbox.put("downloads/driver.inf", "[Version]\n");
    git(&sandbox, &["init", "--quiet"]);
    commit(&sandbox, "Start");
    git(&sandbox, &["switch", "--quiet", "--create", "change"]);
    sandbox
}

#[test]
fn captures_are_compared_by_the_files_that_git_tracks() {
    let sandbox = repository();
    // Git does not say when files were changed, and knows nothing of the other folder.
    let file = fs::File::options().write(true).open(sandbox.path("reference/Windows/win.ini")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    sandbox.put("downloads/driver.inf", "[Version]\nClass=Net\n");
    let mut seen = sandbox.see("plan --base main capture.toml");
    sandbox.put("reference/Windows/win.ini", "[fonts]\n[extensions]\n");
    fs::remove_file(sandbox.path("reference/Windows/notes.txt")).unwrap();
    sandbox.put("reference/Users/guide.txt", "see the manual\n");
    git(&sandbox, &["add", "--all"]);
    seen += &sandbox.see("plan --base main --verbose capture.toml");
    seen += &sandbox.see("plan --base main --format markdown capture.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn settings_sources_and_manifests_of_captures_are_compared() {
    let sandbox = repository();
    let manifest = MANIFEST.replace("The reference machine", "The machine of March");
    sandbox.put("capture.toml", manifest.replace("path = \"downloads\"", "path = \"reference/Users\""));
    let mut seen = sandbox.see("plan --base main capture.toml");
    sandbox.put("lab/capture.toml", MANIFEST.replace("path = \"", "path = \"../").replace("../images", "images"));
    fs::remove_file(sandbox.path("capture.toml")).unwrap();
    commit(&sandbox, "Move the capture");
    seen += &sandbox.see("plan --base main capture.toml lab/capture.toml");
    insta::assert_snapshot!(seen);
}
