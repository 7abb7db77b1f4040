//! Files for GitHub, GitLab and Azure Pipelines, checked by `check-jsonschema`, which has the schemas of all three.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Returns the mistakes in a file, or an empty text. `None` if the tool is missing.
fn mistakes(schema: &str, options: &[&str], file: &Path) -> Option<String> {
    let mut command = Command::new("check-jsonschema");
    command.args(["--builtin-schema", &format!("vendor.{schema}")]).args(options).arg(file);
    let Ok(output) = command.output() else {
        assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "check-jsonschema is needed: see tests/run");
        eprintln!("check-jsonschema is not installed: skipped");
        return None;
    };
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    Some(if output.status.success() { String::new() } else { said })
}

/// The schemas have patterns that are valid only without the flag for Unicode.
const GITLAB: &[&str] = &["--data-transform", "gitlab-ci", "--regex-variant", "nonunicode"];
const AZURE: &[&str] = &["--data-transform", "azure-pipelines", "--regex-variant", "nonunicode"];

fn in_repository(path: &str) -> PathBuf {
    Path::new(ROOT).join(path)
}

#[test]
fn actions_workflows_and_pipelines_follow_their_schemas() {
    let workflows = [".github/workflows/ci.yml", "examples/repository/.github/workflows/media.yml"];
    let mut files: Vec<_> = workflows.map(|path| ("github-workflows", &[][..], path)).into();
    files.push(("github-actions", &[], ".github/actions/tsmedia/action.yml"));
    files.push(("gitlab-ci", GITLAB, "examples/repository/.gitlab-ci.yml"));
    files.push(("azure-pipelines", AZURE, "examples/repository/azure-pipelines.yml"));
    for (schema, options, path) in files {
        let Some(mistakes) = mistakes(schema, options, &in_repository(path)) else { return };
        assert_eq!(mistakes, "", "{path}");
    }
}

/// Checks texts, of which the last must be wrong.
fn assert_only_last_is_wrong(schema: &str, options: &[&str], texts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    for (at, text) in texts.iter().enumerate() {
        let file = folder.path().join("file.yml");
        fs::write(&file, text).unwrap();
        let Some(mistakes) = mistakes(schema, options, &file) else { return };
        assert_eq!(mistakes.is_empty(), at + 1 < texts.len(), "{mistakes}\n{text}");
    }
}

#[test]
fn the_jobs_for_azure_follow_its_schema_once_their_steps_are_given() {
    let text = fs::read_to_string(in_repository(".ci/pipelines/azure.yml")).unwrap();
    // The schema has no expressions in lists of steps.
    let steps = "      - ${{ each step in parameters.prepare }}:\n          - ${{ step }}\n";
    assert_eq!(text.matches(steps).count(), 2);
    let text = text.replace(steps, "      - bash: ./download-images\n");
    let wrong = text.replace("condition:", "conditions:");
    assert_only_last_is_wrong("azure-pipelines", AZURE, &[&text, &wrong]);
}

/// Replaces inputs with the values that the sample repository gives, or their defaults, as GitLab does.
fn with_inputs(header: &str, jobs: &str) -> String {
    let sample = fs::read_to_string(in_repository("examples/repository/.gitlab-ci.yml")).unwrap();
    let given = |name: &str| {
        let line = sample.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
        line.map(str::to_owned)
    };
    let mut jobs = jobs.to_owned();
    let names = header.lines().filter_map(|line| line.strip_prefix("    ").filter(|line| !line.starts_with(' ')));
    for name in names.map(|line| line.trim_end_matches(':')) {
        let (_, about) = header.split_once(&format!("\n    {name}:\n")).unwrap();
        let lines = about.lines().take_while(|line| line.starts_with("      "));
        let default = lines.filter_map(|line| line.trim().strip_prefix("default: ")).next().map(str::to_owned);
        let value = given(name).or(default).unwrap_or_else(|| panic!("the sample gives no `{name}`"));
        jobs = jobs.replace(&format!("\"$[[ inputs.{name} ]]\""), &value);
        jobs = jobs.replace(&format!("$[[ inputs.{name} ]]"), value.trim_matches('"'));
    }
    jobs
}

#[test]
fn the_jobs_for_gitlab_follow_its_schema_once_their_inputs_are_given() {
    let text = fs::read_to_string(in_repository(".ci/pipelines/gitlab.yml")).unwrap();
    let (header, jobs) = text.split_once("\n---\n").unwrap();
    let jobs = with_inputs(header, jobs);
    assert!(!jobs.contains("$[["), "{jobs}");
    assert!(jobs.contains("\"tsmedia plan\":"), "{jobs}");
    let wrong = jobs.replace("reports:\n", "report:\n");
    assert_only_last_is_wrong("gitlab-ci", GITLAB, &[header, &jobs, &wrong]);
}
