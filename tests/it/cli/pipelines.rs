//! Output for pipelines: formats of `check`, jobs of `plan --matrix`, `--keep-going`, `show`, and `diff` of several sites.

use std::fs;
use std::process::Command;

use serde_json::Value as Json;

use crate::fixtures::sandbox::{MANIFEST, Sandbox};

/// A repository with a manifest in a folder, one beside it, and a file that is neither.
fn repository() -> Sandbox {
    let sandbox = Sandbox::in_folder("lab");
    fs::create_dir(sandbox.path("../.git")).unwrap();
    sandbox.put("other.toml", MANIFEST.replace("win11", "win10"));
    sandbox
}

/// Mistakes at a line that all sites share, and in the text of one of them.
fn broken() -> Sandbox {
    let sandbox = repository();
    sandbox.edit("packages/vpn", "packages/vpm");
    sandbox.edit("[[sites]]\ncode = \"HAM\"", "[[sites]]\ncode = \"HAMBURG-ALTONA-1\"");
    sandbox.edit("label = \"WIN11 {{ site.code }}\"", "label = \"WINDOWS 11 24H2 {{ site.code }} FOR LAPTOPS\"");
    sandbox.put("readme.toml", "text");
    sandbox
}

#[test]
fn problems_are_printed_for_forges_and_test_reports() {
    let sandbox = broken();
    let mut seen = String::new();
    for format in ["github", "gitlab", "sarif", "junit"] {
        seen += &sandbox.see(&format!("check --format {format} media.toml other.toml"));
    }
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(seen.replace(&version, "\"version\": \"<version>\""));
}

#[test]
fn formats_are_valid_if_nothing_or_everything_is_wrong() {
    let sandbox = repository();
    let mut seen = String::new();
    for format in ["github", "gitlab", "sarif", "junit"] {
        seen += &sandbox.see(&format!("check --format {format} other.toml"));
        seen += &sandbox.see(&format!("check --format {format} nothing.toml"));
    }
    seen += &sandbox.see("check --format github --json");
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(seen.replace(&version, "\"version\": \"<version>\""));
    let printed = sandbox.done(&["check", "--format", "junit"]);
    sandbox.put("junit.xml", printed);
    sandbox.run_other("python3", &["-c", "import xml.dom.minidom as x; x.parse('junit.xml')"]);
}

#[test]
fn a_bad_manifest_stops_only_its_own_media() {
    let sandbox = broken();
    let all = "media.toml other.toml nothing.toml readme.toml";
    let mut seen = sandbox.see(&format!("check {all}")) + &sandbox.see(&format!("check --keep-going {all}"));
    seen += &sandbox.see("check --keep-going other.toml images/boot.wim");
    seen += &sandbox.see(&format!("plan --keep-going {all}"));
    seen += &sandbox.see(&format!("apply --keep-going {all}"));
    assert_eq!(sandbox.list("out"), ["win10-BER.iso", "win10-HAM.iso"]);
    seen += &sandbox.see("plan --keep-going nothing.toml");
    seen += &sandbox.see("plan --keep-going --out saved.plan");
    // A build that fails stops only its own media, too.
    sandbox.put("media.toml", MANIFEST);
    sandbox.put("out/win11-BER.iso", "not ours");
    fs::remove_file(sandbox.path("out/win10-HAM.iso")).unwrap();
    seen += &sandbox.see("apply --keep-going media.toml other.toml");
    assert!(sandbox.path("out/win10-HAM.iso").exists());
    let ran = sandbox.run(&["plan", "--keep-going", "--json", "other.toml", "nothing.toml"]);
    let plan: Json = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&plan["failed"], &plan["summary"]["keep"]), (&serde_json::json!(["nothing.toml"]), &2.into()));
    assert_eq!(plan["problems"][0]["origins"][0]["manifest"], "nothing.toml");
    insta::assert_snapshot!(seen);
}

/// Runs the jobs of a matrix as a pipeline would.
fn run_jobs(sandbox: &Sandbox, jobs: &[&str]) {
    for job in jobs {
        for line in job.lines() {
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &format!("{} apply --yes {line}", env!("CARGO_BIN_EXE_tsmedia"))])
                .current_dir(&sandbox.root);
            let ran = shell.output().unwrap();
            assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        }
    }
}

#[test]
fn jobs_of_a_matrix_build_everything_between_them() {
    let sandbox = repository();
    sandbox.put("it's/media.toml", MANIFEST.replace("\"packages", "\"../packages").replace("\"images", "\"../images"));
    let text = String::from_utf8(sandbox.get("it's/media.toml")).unwrap();
    let text =
        text.replace("\"boot-files", "\"../boot-files").replace("\"readme.txt\"\npath", "\"../readme.txt\"\npath");
    sandbox.put("it's/media.toml", text.replace("label = \"WIN11", "label = \"{{ vars.label }}"));
    let plan = "plan media.toml other.toml it's/media.toml --var label=it's";
    let mut seen = String::new();
    for options in [
        "--matrix github",
        "--matrix github --max-jobs 2",
        "--matrix github --by site",
        "--matrix gitlab --max-jobs 3",
        "--matrix azure --max-jobs 3 --site BER",
        "--matrix github --max-jobs 0",
        "--max-jobs 3",
    ] {
        seen += &sandbox.see(&format!("{plan} {options}"));
    }
    let words: Vec<_> = plan.split(' ').chain(["--matrix", "github", "--max-jobs", "4"]).collect();
    let matrix: Json = serde_json::from_str(&sandbox.done(&words)).unwrap();
    let jobs: Vec<_> =
        matrix["include"].as_array().unwrap().iter().map(|job| job["arguments"].as_str().unwrap()).collect();
    assert_eq!(jobs.len(), 4);
    run_jobs(&sandbox, &jobs);
    assert!(sandbox.done(&plan.split(' ').collect::<Vec<_>>()).starts_with("nothing to do: all 6"));
    // A site that is gone can't be selected, so its manifest is one job.
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.edit("WIN11 {{", "W11 {{");
    seen += &sandbox.see(&format!("{plan} --matrix github"));
    let matrix: Json = serde_json::from_str(&sandbox.done(&words)).unwrap();
    run_jobs(&sandbox, &[matrix["include"][0]["arguments"].as_str().unwrap()]);
    assert!(!sandbox.path("out/win11-HAM.iso").exists());
    for system in ["github", "gitlab", "azure"] {
        seen += &sandbox.see(&format!("{plan} --matrix {system}"));
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn a_saved_plan_is_shown_as_it_was_planned() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    sandbox.put("packages/vpn/new.txt", "new\n");
    sandbox.edit("WIN11 {{", "W11 {{");
    let planned = sandbox.done(&["plan"]);
    let as_data = sandbox.done(&["plan", "--json"]);
    sandbox.done(&["plan", "--out", "ci.plan"]);
    assert_eq!(sandbox.done(&["show", "ci.plan"]), planned);
    assert_eq!(
        sandbox.done(&["show", "ci.plan", "--json"]),
        as_data.replace("\"command\": \"plan\"", "\"command\": \"show\"")
    );
    // It needs nothing but the file, and changes nothing.
    sandbox.put("elsewhere/ci.plan", sandbox.get("ci.plan"));
    let elsewhere = sandbox.command(&["show", "ci.plan"]).current_dir(sandbox.path("elsewhere")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&elsewhere.stdout), planned);
    assert_eq!(sandbox.list("elsewhere"), ["ci.plan"]);
    let mut seen =
        sandbox.see("show ci.plan --verbose") + &sandbox.see("show media.toml") + &sandbox.see("show gone.plan");
    let mut old: Json = serde_json::from_slice(&sandbox.get("ci.plan")).unwrap();
    old["plan-version"] = 1.into();
    old["manifests"][0].as_object_mut().unwrap().remove("changes");
    sandbox.put("old.plan", old.to_string());
    seen += &(sandbox.see("show old.plan") + &sandbox.see("apply old.plan"));
    insta::assert_snapshot!(seen);
}

#[test]
fn all_common_sites_are_compared_in_one_report() {
    let sandbox = Sandbox::new();
    sandbox.edit("[[sites]]\ncode = \"HAM\"", "[[sites]]\ncode = \"HAM\"\n\n[[sites]]\ncode = \"MUC\"");
    sandbox.done(&["apply"]);
    let mut seen = sandbox.see("diff media.record.json --detailed-exitcode");
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    seen += &sandbox.see("diff media.record.json");
    sandbox.edit("code = \"MUC\"", "code = \"ROM\"");
    sandbox.put("readme.txt", "Moin, moin\n");
    seen += &sandbox.see("diff media.record.json --detailed-exitcode");
    seen += &sandbox.see("diff media.record.json --site BER --detailed-exitcode");
    let ran = sandbox.run(&["diff", "media.record.json", "--json"]);
    let diff: Json = serde_json::from_slice(&ran.stdout).unwrap();
    let sites: Vec<_> =
        diff["media"].as_array().unwrap().iter().map(|medium| medium["site"].as_str().unwrap()).collect();
    assert_eq!((sites, &diff["same"]), (vec!["BER", "HAM"], &false.into()));
    let only: Vec<_> = diff["only"].as_array().unwrap().iter().map(|one| (&one["side"], &one["site"])).collect();
    assert_eq!(only, [(&"old".into(), &"MUC".into()), (&"new".into(), &"ROM".into())]);
    insta::assert_snapshot!(seen);
}
