//! Comparisons with a commit, as for a pull request.

mod captures;
mod sequences;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Output;

use crate::fixtures::git::{commit, git};
use crate::fixtures::sandbox::Sandbox;

/// Two manifests with one profile, for three media that share a package. The boot image is not tracked.
fn repository() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.put_boot();
    sandbox.put(".gitignore", ".tsmedia/\nout/\nimages/\n");
    sandbox.put(
        "profiles/common.toml",
        "[media]\nsource-date = 2026-01-01\n\n[boot]\nimage = { file = \"../images/boot.wim\" }\nfiles = \
         \"../boot-files\"\nprompt = false\n",
    );
    sandbox.put("media/client/media.toml", manifest("client", &["BER", "HAM"]));
    sandbox.put("media/server/media.toml", manifest("server", &["BER"]));
    sandbox.put("packages/vpn/setup.cmd", "rem installs the client\r\n");
    sandbox.put("packages/vpn/vpn.conf", "server = vpn.example.com\n");
    sandbox.put("packages/agent/agent.msi", [7; 300_000]);
    git(&sandbox, &["init", "--quiet"]);
    commit(&sandbox, "Start");
    git(&sandbox, &["switch", "--quiet", "--create", "change"]);
    sandbox
}

fn manifest(name: &str, sites: &[&str]) -> String {
    let sites: String = sites.iter().map(|site| format!("\n[[sites]]\ncode = \"{site}\"\n")).collect();
    format!(
        r#"manifest-version = 1

[media]
name = "{name}"
kind = "stand-alone"
label = "{name} {{{{ site.code }}}}"
profile = "../../profiles/common.toml"

[output]
path = "out/{name}-{{{{ site.code }}}}.iso"
{sites}
[[package]]
id = "BER00021"
source = "../../packages/vpn"

[[package]]
id = "BER00022"
source = "../../packages/agent"
"#
    )
}

fn edit(sandbox: &Sandbox, path: &str, old: &str, new: &str) {
    let text = String::from_utf8(sandbox.get(path)).unwrap();
    assert!(text.contains(old), "{old} is not in {path}");
    sandbox.put(path, text.replacen(old, new, 1));
}

const BOTH: [&str; 2] = ["media/client/media.toml", "media/server/media.toml"];

/// Transcript of `plan --base main` for both manifests, with more arguments.
fn plan(sandbox: &Sandbox, arguments: &[&str], columns: Option<&str>) -> String {
    let all = [&["plan", "--base", "main"], arguments, &BOTH].concat();
    let mut command = sandbox.command(&all);
    if let Some(columns) = columns {
        command.env("COLUMNS", columns);
    }
    sandbox.see_ran(&all.join(" "), &command.output().unwrap())
}

fn text(ran: &Output) -> String {
    String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr)
}

#[test]
fn a_branch_without_changes_changes_no_medium() {
    let sandbox = repository();
    let mut seen = plan(&sandbox, &["--detailed-exitcode"], None);
    seen += &plan(&sandbox, &["--format", "markdown"], None);
    // Files with new times and the same bytes are equal.
    sandbox.put("packages/vpn/vpn.conf", "server = vpn.example.com\n");
    sandbox.put("media/server/notes.txt", "Nothing on any medium.\n");
    commit(&sandbox, "Notes");
    seen += &plan(&sandbox, &[], None);
    insta::assert_snapshot!(seen, @"
    $ tsmedia plan --base main --detailed-exitcode media/client/media.toml media/server/media.toml
    | no medium changes compared with `main`
    = 0

    $ tsmedia plan --base main --format markdown media/client/media.toml media/server/media.toml
    = 0

    $ tsmedia plan --base main media/client/media.toml media/server/media.toml
    | no medium changes compared with `main`
    = 0
    ");
    assert!(!sandbox.path("media/client/media.record.json").exists());
}

/// One change of each kind.
fn changed() -> Sandbox {
    let sandbox = repository();
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    sandbox.put("packages/vpn/ca.crt", "-----BEGIN CERTIFICATE-----\n");
    edit(&sandbox, "media/client/media.toml", "code = \"HAM\"\n", "code = \"HAM\"\n\n[[sites]]\ncode = \"MUC\"\n");
    edit(&sandbox, "media/server/media.toml", "out/server", "out/core");
    edit(&sandbox, "media/client/media.toml", "label = \"client", "label = \"c");
    sandbox
}

#[test]
fn changes_are_grouped_and_each_medium_has_its_cost() {
    let sandbox = changed();
    let mut seen = plan(&sandbox, &["--detailed-exitcode"], Some("80"));
    seen += &plan(&sandbox, &["--verbose"], Some("120"));
    seen += &plan(&sandbox, &["--no-patch", "--site", "BER"], Some("80"));
    insta::assert_snapshot!(seen);
}

#[test]
fn a_comparison_needs_neither_media_nor_a_record_and_agrees_with_the_plan_of_finished_media() {
    let sandbox = repository();
    sandbox.done(&["apply", BOTH[0], BOTH[1]]);
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&sandbox.done(&[arguments, &BOTH].concat())).unwrap()
    };
    let (compared, planned) = (json(&["plan", "--json", "--base", "main"]), json(&["plan", "--json"]));
    let outputs = |plan: &serde_json::Value| {
        let fields = |output: &serde_json::Value| {
            ["manifest", "site", "path", "action", "len", "reasons"].map(|field| output[field].clone())
        };
        plan["outputs"].as_array().unwrap().iter().map(fields).collect::<Vec<_>>()
    };
    assert_eq!(outputs(&compared).len(), 3);
    assert_eq!(outputs(&compared), outputs(&planned));
    let kept = compared["outputs"][0]["kept"].as_u64().unwrap();
    assert!(kept > 300_000, "{kept}");
}

#[test]
fn a_comment_begins_with_its_marker_and_the_summary() {
    let sandbox = changed();
    let mut seen = plan(&sandbox, &["--format", "markdown"], None);
    seen += &sandbox.see("plan --format markdown --comment-name servers media/server/media.toml");
    sandbox.done(&["apply", BOTH[1]]);
    seen += &sandbox.see("plan --format markdown media/server/media.toml");
    seen += &sandbox.see("plan --format markdown --comment-name a--b media/server/media.toml");
    seen += &sandbox.see("plan --format markdown --json media/server/media.toml");
    seen += &sandbox.see("plan --without-secrets media/server/media.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn removed_and_new_manifests_are_compared() {
    let sandbox = repository();
    fs::remove_dir_all(sandbox.path("media/server")).unwrap();
    sandbox.put("media/kiosk/media.toml", manifest("kiosk", &["BER"]));
    commit(&sandbox, "Replace the server");
    // Found below the common folder of the manifests, and also if it is named.
    let mut seen = sandbox.see("plan --base main media/client/media.toml media/kiosk/media.toml");
    seen += &sandbox.see("plan --base main media/server/media.toml");
    seen += &sandbox.see("plan --base main media/kiosk/media.toml");
    seen += &sandbox.see("plan --base main media/none/media.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn profiles_and_values_are_read_from_the_base() {
    let sandbox = repository();
    for path in BOTH {
        let text = String::from_utf8(sandbox.get(path)).unwrap();
        sandbox.put(path, format!("{text}\n[variables]\nOSDTimeZone = \"{{{{ vars.zone }}}}\"\n"));
    }
    sandbox.put("vars.toml", "zone = \"W. Europe Standard Time\"\n");
    commit(&sandbox, "Variables");
    git(&sandbox, &["switch", "--quiet", "--create", "next"]);
    sandbox.put("vars.toml", "zone = \"UTC\"\n");
    edit(&sandbox, "profiles/common.toml", "2026-01-01", "2026-02-01");
    let mut seen = sandbox.see(&format!("plan --base change --vars vars.toml {}", BOTH.join(" ")));
    // The profile is the only change of a medium, and names no file of the medium.
    git(&sandbox, &["checkout", "--quiet", "vars.toml"]);
    seen += &sandbox.see(&format!("plan --base change --vars vars.toml --verbose {}", BOTH.join(" ")));
    insta::assert_snapshot!(seen);
}

#[test]
fn untracked_files_and_links_are_those_of_the_work_tree_on_both_sides() {
    let sandbox = repository();
    // Not tracked, and as large as it likes: it is not read.
    sandbox.put("packages/agent/cache.bin", [1; 1_000]);
    symlink("agent.msi", sandbox.path("packages/agent/current.msi")).unwrap();
    git(&sandbox, &["add", "packages/agent/current.msi"]);
    git(&sandbox, &["commit", "--quiet", "--message", "Link"]);
    git(&sandbox, &["branch", "--force", "linked"]);
    let all = |reference: &str| sandbox.see(&format!("plan --base {reference} {}", BOTH.join(" ")));
    let mut seen = all("linked");
    sandbox.put("packages/agent/agent.msi", [8; 300_000]);
    seen += &all("linked");
    insta::assert_snapshot!(seen, @"
    $ tsmedia plan --base linked media/client/media.toml media/server/media.toml
    | no medium changes compared with `linked`
    = 0

    $ tsmedia plan --base linked media/client/media.toml media/server/media.toml
    | 3 of 3 media change compared with `linked`: 3 to rebuild; 2.06 MB to write
    |
    | package `BER00022` (packages/agent): 2 files changed; 601 kB in total
    |   in 3 media at 2 sites
    |     ~ agent.msi (300 kB, different content)
    |     ~ current.msi (300 kB, different content)
    |
    | rebuild  media/client/out/client-BER.iso (1.80 MB, 688 kB to write)
    | rebuild  media/client/out/client-HAM.iso (1.80 MB, 688 kB to write)
    | rebuild  media/server/out/server-BER.iso (1.80 MB, 688 kB to write)
    = 0
    ");
}

#[test]
fn content_beside_the_repository_is_found_from_the_base() {
    let sandbox = Sandbox::in_folder("repository");
    sandbox.edit("packages/vpn", "../shared/vpn");
    sandbox.put("../shared/vpn/setup.cmd", "rem installs the client\r\n");
    sandbox.put(".gitignore", "out/\n.tsmedia/\n");
    git(&sandbox, &["init", "--quiet"]);
    commit(&sandbox, "Start");
    sandbox.put("readme.txt", "Servus\n");
    let seen = text(&sandbox.run(&["plan", "--base", "HEAD"]));
    assert!(seen.starts_with("1 of 2 media changes") && !seen.contains("BER00021"), "{seen}");
}

#[test]
fn base_manifests_with_mistakes_are_named_and_fail_nothing() {
    let sandbox = repository();
    edit(&sandbox, "media/server/media.toml", "kind = \"stand-alone\"", "kind = \"standalone\"");
    commit(&sandbox, "Break the server");
    git(&sandbox, &["branch", "--force", "main"]);
    edit(&sandbox, "media/server/media.toml", "kind = \"standalone\"", "kind = \"stand-alone\"");
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    let mut seen = plan(&sandbox, &[], None);
    seen += &plan(&sandbox, &["--format", "markdown"], None);
    insta::assert_snapshot!(seen);
}

#[test]
fn the_base_is_the_merge_base() {
    let sandbox = repository();
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    commit(&sandbox, "Change");
    git(&sandbox, &["switch", "--quiet", "main"]);
    sandbox.put("packages/agent/agent.msi", [8; 300_000]);
    commit(&sandbox, "Something else");
    git(&sandbox, &["switch", "--quiet", "change"]);
    let seen = text(&sandbox.run(&["plan", "--base", "main", BOTH[1]]));
    assert!(seen.contains("`vpn.conf` changed") && !seen.contains("BER00022"), "{seen}");
}

#[test]
fn references_that_lead_nowhere_have_help() {
    let sandbox = repository();
    let mut seen = sandbox.see("plan --base nothing media/client/media.toml");
    seen += &sandbox.see("plan --base origin/main media/client/media.toml");
    seen += &sandbox.see("plan --base=--output=x media/client/media.toml");
    git(&sandbox, &["checkout", "--quiet", "--orphan", "other"]);
    commit(&sandbox, "Other");
    seen += &sandbox.see("plan --base main media/client/media.toml");
    let outside = Sandbox::new();
    seen += &outside.see("plan --base main");
    // A clone of one commit knows its branch, but not where it began.
    let shallow = Sandbox::empty();
    let url = format!("file://{}", sandbox.root);
    git(&sandbox, &["switch", "--quiet", "change"]);
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    commit(&sandbox, "Change");
    git(&shallow, &["clone", "--quiet", "--depth=1", "--no-single-branch", &url, "clone"]);
    seen += &shallow.see("plan --base origin/main clone/media/client/media.toml");
    insta::assert_snapshot!(seen.replace(outside.root.as_str(), "<folder>"));
    assert!(!sandbox.path("x").exists());
}

#[test]
fn without_secrets_what_depends_on_them_counts_as_unchanged() {
    let sandbox = repository();
    for path in BOTH {
        let text = String::from_utf8(sandbox.get(path)).unwrap();
        let security = "[security]\npassword = { env = \"MEDIA_PASSWORD\" }\n\n[variables]\nOSDTimeZone = \"UTC\"\n";
        sandbox.put(path, format!("{text}\n{security}"));
    }
    commit(&sandbox, "Secrets");
    git(&sandbox, &["branch", "--force", "main"]);
    let mut seen = plan(&sandbox, &["--without-secrets"], None);
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    // A variable in the encrypted file.
    edit(&sandbox, "media/server/media.toml", "OSDTimeZone = \"UTC\"", "OSDTimeZone = \"CET\"");
    seen += &plan(&sandbox, &["--without-secrets"], None);
    seen += &plan(&sandbox, &["--without-secrets", "--format", "markdown"], None);
    seen += &plan(&sandbox, &[], None);
    insta::assert_snapshot!(seen);
    assert!(!sandbox.path("media/client/.tsmedia/veil").exists());
}

#[test]
fn large_files_of_the_base_come_from_the_store_of_git_lfs() {
    let sandbox = repository();
    let contents = [[1; 5_000], [2; 5_000]];
    let digests = contents.map(|bytes| sha256(&bytes));
    let pointer =
        |at: usize| format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 5000\n", digests[at]);
    // Without the filter of Git LFS, the pointers are committed as they are.
    sandbox.put("packages/agent/large.cab", pointer(0));
    commit(&sandbox, "Large file");
    git(&sandbox, &["branch", "--force", "main"]);
    sandbox.put("packages/agent/large.cab", contents[0]);
    let mut seen = plan(&sandbox, &[], None);
    sandbox.put("packages/agent/large.cab", contents[1]);
    seen += &plan(&sandbox, &[], None);
    let object = format!(".git/lfs/objects/{}/{}/{}", &digests[0][..2], &digests[0][2..4], digests[0]);
    sandbox.put(&object, contents[0]);
    seen += &plan(&sandbox, &[], None);
    insta::assert_snapshot!(seen.replace(&digests[0], "<digest>"));
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn nothing_of_the_repository_runs_and_nothing_is_left() {
    let sandbox = repository();
    sandbox.put(".gitattributes", "*.conf diff=planted\n");
    commit(&sandbox, "Attributes");
    let planted = format!("touch {}/planted", sandbox.root);
    for key in ["core.fsmonitor", "diff.external", "diff.planted.textconv", "diff.planted.command"] {
        git(&sandbox, &["config", key, &planted]);
    }
    for hook in ["post-index-change", "post-checkout", "reference-transaction"] {
        sandbox.put(&format!(".git/hooks/{hook}"), format!("#!/bin/sh\n{planted}\n"));
        sandbox.run_other("chmod", &["+x", &format!(".git/hooks/{hook}")]);
    }
    let _ = fs::remove_file(sandbox.path("planted"));
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    let index = sandbox.get(".git/index");
    let temporary = tempfile::tempdir().unwrap();
    let mut command = sandbox.command(&["plan", "--base", "main", BOTH[1]]);
    let ran = command.env("TMPDIR", temporary.path()).output().unwrap();
    assert!(text(&ran).contains("`vpn.conf` changed"), "{}", text(&ran));
    assert!(!sandbox.path("planted").exists());
    assert!(sandbox.get(".git/index") == index);
    assert_eq!(temporary.path().read_dir().unwrap().count(), 0);
}
