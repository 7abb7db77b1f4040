//! Changed task sequences: their steps are named, instead of the files on media that follow from them.

use super::{BOTH, edit, plan, repository};
use crate::fixtures::git::{commit, git};
use crate::fixtures::sandbox::Sandbox;

const SEQUENCE: &str = r#"sequence-version = 1
name = "Client"

[[steps]]
type = "set-variable"
name = "Send No Status"
variable = "SMSTSDisableStatusRetry"
value = "true"

[[steps]]
type = "apply-operating-system"
name = "Apply Operating System"
image = "BER00010"
index = 1

[[steps]]
type = "setup-windows"
name = "Setup Windows"
client-package = "BER00022"

[[steps]]
type = "group"
name = "Install"

[[steps.steps]]
type = "run-command-line"
name = "Install VPN"
package = "BER00021"
command-line = "cmd /c setup.cmd"

[[steps.steps]]
type = "run-command-line"
name = "Install Agent"
package = "BER00022"
command-line = "msiexec /i agent.msi"
"#;

/// The repository with one sequence for all media, of which each site renders a name of its own.
fn with_sequence() -> Sandbox {
    let sandbox = repository();
    sandbox.put("sequences/client.toml", SEQUENCE);
    for path in BOTH {
        let text = String::from_utf8(sandbox.get(path)).unwrap();
        let more = "\n[task-sequence]\nfile = \"../../sequences/client.toml\"\n\n[[operating-system]]\nid = \
                    \"BER00010\"\nfile = \"../../images/boot.wim\"\nindex = 1\n";
        sandbox.put(path, text + more);
    }
    commit(&sandbox, "Add the sequence");
    git(&sandbox, &["branch", "--force", "main"]);
    sandbox
}

#[test]
fn the_changed_steps_of_a_sequence_are_named() {
    let sandbox = with_sequence();
    edit(&sandbox, "sequences/client.toml", "msiexec /i agent.msi", "msiexec /i agent.msi /qn");
    let mut seen = plan(&sandbox, &[], Some("80"));
    // What else changed in the files that tsmedia writes is not hidden by the steps.
    let text = String::from_utf8(sandbox.get(BOTH[1])).unwrap();
    sandbox.put(BOTH[1], format!("{text}\n[variables]\nOSDTimeZone = \"UTC\"\n"));
    seen += &plan(&sandbox, &[], Some("80"));
    sandbox.put(BOTH[1], text);
    edit(
        &sandbox,
        "sequences/client.toml",
        "[[steps.steps]]\ntype = \"run-command-line\"\nname = \"Install VPN\"",
        "[[steps.steps]]\ntype = \"set-variable\"\nname = \"Note <b>Start</b>\"\nvariable = \"Started\"\nvalue = \
         \"true\"\n\n[[steps.steps]]\ntype = \"run-command-line\"\nname = \"Install VPN\"",
    );
    edit(&sandbox, "sequences/client.toml", "Send No Status", "Be Quiet");
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    seen += &plan(&sandbox, &["--verbose"], Some("120"));
    seen += &plan(&sandbox, &["--format", "markdown"], None);
    insta::assert_snapshot!(seen);
}

#[test]
fn steps_are_data_too_and_sites_may_differ_in_them() {
    let sandbox = with_sequence();
    edit(&sandbox, "sequences/client.toml", "cmd /c setup.cmd", "cmd /c setup.cmd {{ site.code }}");
    let seen = plan(&sandbox, &[], Some("80"));
    let json = sandbox.done(&[&["plan", "--base", "main", "--json"][..], &BOTH].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let reasons = &json["outputs"][1]["reasons"];
    insta::assert_snapshot!(format!("{seen}{}", serde_json::to_string_pretty(reasons).unwrap()));
}

#[test]
fn a_sequence_that_is_only_formatted_in_another_way_changes_nothing() {
    let sandbox = with_sequence();
    sandbox.put("sequences/client.toml", format!("# The sequence of clients.\n{SEQUENCE}"));
    let seen = plan(&sandbox, &[], Some("80"));
    assert!(seen.contains("no medium changes"), "{seen}");
}
