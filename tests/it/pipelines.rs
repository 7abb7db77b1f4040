//! The templates for pipelines of GitHub, GitLab and Azure DevOps: their comment in a pull request, written to stand-ins
//! that answer as the three do, and their files, checked against the published schemas.

mod azure;
mod forge;
mod github;
mod gitlab;
mod repository;
mod schemas;
mod server;

use std::fs;
use std::process::Command;

use azure::Azure;
use forge::{Forge, ME, OTHER, TOKEN};
use github::GitHub;
use gitlab::GitLab;
use server::{Fault, Server};

const MARKER: &str = "<!-- tsmedia plan -->";
const NOTHING: &str = "<!-- tsmedia plan -->\nThis change affects no medium.";

/// Runs the script that keeps the comment. Returns its exit code and messages.
fn keep<F: Forge>(server: &Server<F>, plan: &str) -> (i32, String) {
    keep_with(server, plan, &[])
}

fn keep_with<F: Forge>(server: &Server<F>, plan: &str, environment: &[(&str, &str)]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.md");
    fs::write(&file, plan).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/pipelines/comment");
    let mut command = Command::new("python3");
    command.args(["-W", "error", script]).arg(&file).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("TSMEDIA_TOKEN", TOKEN).envs(F::environment(&server.url)).envs(environment.iter().copied());
    let output = command.output().unwrap();
    assert!(output.stdout.is_empty());
    let messages = String::from_utf8(output.stderr).unwrap().replace(&server.url, "<server>");
    assert!(!messages.contains(TOKEN), "{messages}");
    (output.status.code().unwrap(), messages)
}

fn leads_its_life<F: Forge>() {
    let server = Server::<F>::start();
    server.api().add(OTHER, "Looks good");
    assert_eq!(keep(&server, ""), (0, "comment not needed\n".into()));
    let plan = format!("{MARKER}\n### 1 medium changes\n");
    assert_eq!(keep(&server, &plan), (0, "comment created\n".into()));
    assert_eq!(keep(&server, &plan), (0, "comment up to date\n".into()));
    let other = format!("{MARKER}\n### 2 media change: „ä“ 💿\n");
    assert_eq!(keep(&server, &other), (0, "comment updated\n".into()));
    assert_eq!(server.api().comments(), [(OTHER, "Looks good".to_owned()), (ME, other)]);
    assert_eq!(keep(&server, ""), (0, "comment updated\n".into()));
    assert_eq!(server.api().comments()[1].1.trim(), NOTHING);
    // A comment of another name is another comment.
    let named = "<!-- tsmedia plan lab -->\n### 1 medium changes\n";
    let ran = keep_with(&server, named, &[]);
    assert_eq!((ran.0, server.api().comments().len()), (0, 2), "{}", ran.1);
}

#[test]
fn one_comment_leads_its_life_everywhere() {
    leads_its_life::<GitHub>();
    leads_its_life::<GitLab>();
    leads_its_life::<Azure>();
}

fn finds_its_own<F: Forge>() {
    let server = Server::<F>::start();
    let plan = format!("{MARKER}\n### 1 medium changes\n");
    let quoted = format!("{MARKER}\nsomeone else's");
    server.api().add(OTHER, &quoted);
    server.api().add(ME, &format!("As in {MARKER}"));
    (0..230).for_each(|n| server.api().add(OTHER, &format!("comment {n}")));
    server.api().add(ME, &format!("{MARKER}\nold"));
    server.api().add(ME, &format!("{MARKER}\nby a pipeline at the same time"));
    assert_eq!(keep(&server, &plan), (0, "comment updated\n".into()));
    let comments = server.api().comments();
    assert_eq!(comments[0], (OTHER, quoted));
    assert_eq!(comments[232..], [(ME, plan)], "the comment is not alone");
    assert_eq!(comments.len(), 233);
}

#[test]
fn its_own_comment_is_found_by_marker_and_author_on_later_pages() {
    finds_its_own::<GitHub>();
    finds_its_own::<GitLab>();
    finds_its_own::<Azure>();
}

fn is_bounded<F: Forge>() {
    let server = Server::<F>::start();
    // A limit counts characters, not bytes.
    let of_len = |len: usize| format!("{MARKER}{}", "ä".repeat(len - MARKER.len()));
    assert_eq!(keep(&server, &of_len(F::MAX_LEN)).0, 0);
    let (code, messages) = keep(&server, &of_len(F::MAX_LEN + 1));
    assert_eq!(code, 1);
    assert!(messages.contains(&F::MAX_LEN.to_string()), "{messages}");
    assert_eq!(server.api().comments()[0].1.chars().count(), F::MAX_LEN);
}

#[test]
fn the_limits_of_the_servers_are_reported() {
    is_bounded::<GitHub>();
    is_bounded::<GitLab>();
    is_bounded::<Azure>();
}

fn reports_faults<F: Forge>() -> String {
    let mut seen = String::new();
    let plan = format!("{MARKER}\n### 1 medium changes\n");
    for fault in [Fault::BadToken, Fault::ReadOnlyToken, Fault::SignInPage, Fault::Redirect, Fault::Broken] {
        let server = Server::<F>::start();
        server.fail(fault);
        let (code, messages) = keep(&server, &plan);
        assert!(server.api().comments().is_empty(), "{fault:?}");
        seen += &format!("{} {fault:?}: exit code {code}\n{messages}\n", F::NAME);
    }
    seen
}

#[test]
fn what_a_token_may_not_do_is_reported_with_a_remedy() {
    let seen = [reports_faults::<GitHub>(), reports_faults::<GitLab>(), reports_faults::<Azure>()];
    insta::assert_snapshot!("comment_faults", seen.concat());
}

fn waits<F: Forge>() {
    let plan = format!("{MARKER}\n### 1 medium changes\n");
    let server = Server::<F>::start();
    server.api().add(ME, &format!("{MARKER}\nold"));
    server.fail(Fault::Busy(429, 3));
    assert_eq!(keep(&server, &plan), (0, "comment updated\n".into()));
    server.fail(Fault::Busy(429, 4));
    assert_eq!(keep(&server, &plan).0, 1);
    // A comment that may have been created is not created again.
    let server = Server::<F>::start();
    server.fail(Fault::LostAnswer);
    assert_eq!(keep(&server, &plan).0, 1);
    assert_eq!(server.api().comments().len(), 1);
    assert_eq!(keep(&server, &plan), (0, "comment up to date\n".into()));
}

#[test]
fn busy_servers_are_asked_again_without_a_second_comment() {
    waits::<GitHub>();
    waits::<GitLab>();
    waits::<Azure>();
}

#[test]
fn without_pull_request_or_token_there_is_no_comment_and_no_error() {
    let skipped = |why: &str| (0, format!("comment skipped: {why}\n"));
    let no_token = "there is no token, as in pipelines of forks";
    let no_pull_request = "the pipeline does not run for a pull request";
    let github = Server::<GitHub>::start();
    assert_eq!(keep_with(&github, MARKER, &[("TSMEDIA_TOKEN", "")]), skipped(no_token));
    assert_eq!(keep_with(&github, MARKER, &[("PULL_REQUEST", "")]), skipped(no_pull_request));
    let gitlab = Server::<GitLab>::start();
    assert_eq!(keep_with(&gitlab, MARKER, &[("TSMEDIA_TOKEN", "")]), skipped(no_token));
    assert_eq!(keep_with(&gitlab, MARKER, &[("CI_MERGE_REQUEST_IID", "")]), skipped(no_pull_request));
    let azure = Server::<Azure>::start();
    let elsewhere = skipped("the repository is not in Azure Repos but in GitHub");
    assert_eq!(keep_with(&azure, MARKER, &[("BUILD_REPOSITORY_PROVIDER", "GitHub")]), elsewhere);
    for requests in [github.requests(), gitlab.requests(), azure.requests()] {
        assert!(requests.is_empty(), "{requests:?}");
    }
}
