//! The script of the templates in the sample repository, from the check to the comment, in the environment of each forge.

use std::process::Output;

use camino::Utf8Path;

use super::azure::Azure;
use super::forge::{Forge, ME, TOKEN};
use super::github::GitHub;
use super::gitlab::GitLab;
use super::server::Server;
use super::{MARKER, NOTHING};
use crate::examples::repository::life::{FORK, Life};

/// Runs the script in a clone. Only the environment names the base of the pull request.
fn run<F: Forge>(life: &Life, server: &Server<F>, command: &str, base: (&str, &str)) -> Output {
    let program = Utf8Path::new(env!("CARGO_BIN_EXE_tsmedia")).parent().unwrap();
    let mut script = life.command("bash", FORK.name);
    script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/pipelines/run"));
    script.env("PATH", format!("{program}:{}", std::env::var("PATH").unwrap()));
    script.env("TSMEDIA_COMMAND", command).env("TSMEDIA_MANIFESTS", "media/*/media.toml");
    script.env("TSMEDIA_TOKEN", TOKEN).envs(F::environment(&server.url)).env(base.0, base.1);
    script.env("GITHUB_STEP_SUMMARY", life.path(FORK.name, "summary"));
    script.env("GITHUB_OUTPUT", life.path(FORK.name, "output"));
    script.output().unwrap()
}

fn comments_on_a_pull_request<F: Forge>(base: (&str, &str)) -> (Life, Output) {
    let life = Life::new("80");
    let server = Server::<F>::start();
    life.clone(FORK);
    life.git(FORK.name, &["switch", "--quiet", "--create", "vpn"]);
    let ran = |command| {
        let output = run(&life, &server, command, base);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        output
    };
    ran("plan");
    assert!(server.api().comments().is_empty());
    life.edit(FORK, "packages/vpn/vpn.conf", "vpn.ber", "vpn2.ber");
    let plan = ran("plan");
    let comments = server.api().comments();
    assert_eq!((comments.len(), comments[0].0), (1, ME));
    let first = format!("{MARKER}\n### 2 of 6 media change");
    assert!(comments[0].1.starts_with(&first), "{}", comments[0].1);
    assert!(comments[0].1.contains("(packages/vpn): "), "{}", comments[0].1);
    life.edit(FORK, "packages/vpn/vpn.conf", "vpn2.ber", "vpn.ber");
    ran("plan");
    assert_eq!(server.api().comments()[0].1.trim(), NOTHING);
    ran("check");
    // A mistake fails the job, and the comment stays.
    life.edit(FORK, "media/boot/media.toml", "kind = \"bootable\"", "kind = \"bootible\"");
    for command in ["check", "plan"] {
        let output = run(&life, &server, command, base);
        assert_eq!(output.status.code(), Some(1), "{command}");
    }
    assert_eq!(server.api().comments().len(), 1);
    (life, plan)
}

#[test]
fn the_github_action_keeps_one_comment_up_to_date() {
    let (life, _) = comments_on_a_pull_request::<GitHub>(("TSMEDIA_BASE", "origin/main"));
    let read = |name: &str| std::fs::read_to_string(life.path(FORK.name, name)).unwrap();
    assert_eq!(read("output"), "changed=false\nchanged=true\nchanged=false\n");
    assert!(read("summary").starts_with(MARKER));
}

#[test]
fn the_jobs_for_gitlab_keep_one_note_up_to_date() {
    let (life, _) = comments_on_a_pull_request::<GitLab>(("CI_MERGE_REQUEST_DIFF_BASE_SHA", "origin/main"));
    let report = std::fs::read(life.path(FORK.name, "check.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let severities = report.as_array().unwrap().iter().map(|problem| problem["severity"].as_str().unwrap());
    assert!(severities.into_iter().any(|severity| severity == "critical"), "{report}");
}

#[test]
fn the_jobs_for_azure_keep_one_comment_up_to_date() {
    let (life, plan) = comments_on_a_pull_request::<Azure>(("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main"));
    let stdout = String::from_utf8(plan.stdout).unwrap();
    assert_eq!(stdout, format!("##vso[task.uploadsummary]{}\n", life.path(FORK.name, "plan.md")));
}
