//! `check --format` in the eyes of other programs: SARIF by the schema of OASIS, Code Quality by the fields that GitLab
//! documents, and JUnit by a reader of test reports.

use std::process::Command;

use crate::fixtures::sandbox::Sandbox;

/// Manifests with errors, warnings and notes, in files with names that have to be escaped.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let manifest = String::from_utf8(sandbox.get("media.toml")).unwrap();
    sandbox.put("bad & <odd>/media.toml", manifest.replace("kind = \"stand-alone\"", "kind = \"stand \\\"alone\\\"\""));
    let long = manifest.replace("label = \"WIN11", "label = \"A LABEL THAT IS LONGER THAN THIRTY-TWO CHARACTERS");
    sandbox.put(
        "long/media.toml",
        long.replace("= \"images", "= \"../images").replace("= \"boot-files", "= \"../boot-files"),
    );
    sandbox.put("none.toml", "manifest-version = 1\n");
    sandbox
}

/// Prints the problems of all manifests.
fn report(sandbox: &Sandbox, format: &str) -> String {
    let manifests = ["media.toml", "bad & <odd>/media.toml", "long/media.toml", "none.toml"];
    let arguments = [&["check", "--format", format][..], &manifests].concat();
    let output = sandbox.command(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns what a reader found in a report, each line once with its count. `None` if the reader is not installed.
fn read(sandbox: &Sandbox, format: &str, report: &str) -> Option<String> {
    sandbox.put("report", report);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/check_readers/read.py");
    let read = Command::new("python3").args([script, format, sandbox.path("report").as_str()]).output().unwrap();
    let found = String::from_utf8(read.stdout).unwrap();
    if read.status.code() == Some(77) {
        assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "{found}: see tests/run");
        eprintln!("{found}: skipped");
        return None;
    }
    assert!(read.status.success(), "{format}: {}{found}", String::from_utf8_lossy(&read.stderr));
    let mut lines: Vec<_> = found.lines().collect();
    lines.sort_unstable();
    let counted = lines.chunk_by(|one, other| one == other).map(|same| format!("{} × {}\n", same.len(), same[0]));
    Some(counted.collect())
}

#[test]
fn other_programs_read_every_format_of_check() {
    let sandbox = sandbox();
    let mut seen = String::new();
    for format in ["sarif", "gitlab", "junit"] {
        let Some(found) = read(&sandbox, format, &report(&sandbox, format)) else { return };
        assert!(!found.contains("wrong at"), "{format}: {found}");
        seen += &format!("{format}:\n{found}\n");
    }
    insta::assert_snapshot!(seen, @"
    sarif:
    3 × error general
    1 × error missing-boot-image
    1 × error unknown-media-kind
    1 × note missing-task-sequence
    1 × note unstartable-boot-program

    gitlab:
    3 × critical general
    1 × critical missing-boot-image
    1 × critical unknown-media-kind
    1 × info missing-task-sequence
    1 × info unstartable-boot-program

    junit:
    1 × bad & <odd>/media.toml check: failure
    1 × long/media.toml check: failure
    1 × media.toml BER: passed
    1 × media.toml HAM: passed
    1 × none.toml check: failure
    ");
}

#[test]
fn the_schemas_refuse_what_the_formats_do_not_have() {
    let sandbox = sandbox();
    for (format, old, new) in [("sarif", "\"level\": \"note\"", "\"level\": \"hint\""), ("gitlab", "critical", "fatal")]
    {
        let report = report(&sandbox, format);
        assert!(report.contains(old), "{report}");
        let Some(found) = read(&sandbox, format, &report.replacen(old, new, 1)) else { return };
        assert_eq!(found.matches("wrong at").count(), 1, "{found}");
    }
}
