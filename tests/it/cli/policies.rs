//! Policies that a site returned, or that a base has.

use std::process::Command;

use serde_json::{Value as Json, json};

use super::base::write;
use super::data::{DEFAULT_PASSWORD, extract, guid_in, read};
use crate::fixtures::sandbox::Sandbox;

const GUID: &str = "7E0D6A5C-9F3B-4C1E-8A2D-5B6C7D8E9F01";
/// The password of an account in the policies.
const PLANTED: &str = "PLANTED-0a7c91f3";

/// The steps of a manifest's own sequence: an operating system, a program of a package and two applications.
const SEQUENCE: &str = r#"sequence-version = 1
name = "Deploy <again>"
boot-image = "BER00007"

[[steps]]
type = "upgrade-operating-system"
name = "Upgrade Windows"
package = "BER00021"

[[steps]]
type = "install-package"
name = "Install VPN"
package = "BER00021"
program = "Install"

[[steps]]
type = "install-package"
name = "Update VPN"
package = "BER00021"
program = "Update"

[[steps]]
type = "install-package"
name = "Printers"
package = "BER00022"
program = "Install"

[[steps]]
type = "install-application"
name = "Applications"
applications = [{ id = "ScopeId_1/Application_1/3" }, { id = "ScopeId_1/Application_2", name = "Viewer" }]
"#;

/// A policy in the form that public tools print, with a property for each pair.
fn policy(id: &str, class: &str, properties: &[(&str, &str)]) -> String {
    let properties: String = properties
        .iter()
        .map(|(name, value)| {
            format!(
                "\t<property name=\"{name}\" type=\"8\">\n\t\t<value>\n\t\t\t{value}\n\t\t</value>\n\t</property>\n"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" ?>\n<Policy PolicyType=\"Machine\" SchemaVersion=\"1.00\" PolicyID=\"{id}\" \
         PolicyVersion=\"4.00\" PolicySource=\"SMS:BER\">\n<PolicyRule PolicyRuleID=\"{{5}}\">\n<PolicyAction \
         PolicyActionType=\"WMI-XML\">\n<instance class=\"{class}\">\n{properties}</instance>\n</PolicyAction>\n\
         </PolicyRule>\n</Policy>\n"
    )
}

fn deployment() -> String {
    let sequence = "<![CDATA[<sequence version=\"3.10\"><referenceList><reference package=\"BER00021\" \
                    program=\"Install\"/><reference package=\"BER00099\"/></referenceList><step \
                    type=\"SMS_TaskSequence_RunCommandLineAction\" name=\"Scripts\"><action>cmd</action><defaultVarList>\
                    <variable name=\"PackageID\" property=\"PackageID\">BER00099</variable></defaultVarList></step>\
                    </sequence>]]>";
    policy(
        "{11111111-0000-0000-0000-000000000001}",
        "CCM_TaskSequence",
        &[
            ("ADV_AdvertisementID", "BER20005"),
            ("PKG_Name", "<![CDATA[Deploy of the site]]>"),
            ("PKG_PackageID", "BER00050"),
            ("TS_BootImageID", "BER00005"),
            ("TS_Sequence", sequence),
        ],
    )
}

fn program() -> String {
    let properties = [
        ("PKG_Name", "VPN &amp; more"),
        ("PKG_PackageID", "BER00021"),
        ("PKG_SourceVersion", "3"),
        ("PKG_SourceHash", "1:0A0B"),
        ("PRG_ProgramID", "Install"),
    ];
    policy("{11111111-0000-0000-0000-000000000002}", "CCM_SoftwareDistribution", &properties)
}

fn application() -> String {
    policy(
        "{11111111-0000-0000-0000-000000000003}",
        "CCM_ApplicationCIAssignment",
        &[("Name", "ScopeId_1/Application_1")],
    )
}

fn account() -> String {
    let password = [("NetworkAccessPassword", PLANTED)];
    policy("{11111111-0000-0000-0000-000000000004}", "CCM_NetworkAccessAccount", &password)
}

/// The arrays of a method as PowerShell writes them.
fn returned(policies: &[String]) -> String {
    let assignments = vec!["<PolicyAssignment PolicyAssignmentID=\"{9}\"/>"; policies.len()];
    json!({ "ReturnValue": 0, "PolicyXmls": policies, "PolicyAssignmentXmls": assignments }).to_string()
}

/// A medium for one site without content that depends on it.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.edit(
        "\n[[package]]",
        "\n[policy]\nfile = [\"deploy.json\", \"client.xml\"]\n\n[task-sequence]\nfile = \"deploy.toml\"\n\n[[package]]",
    );
    sandbox.put("deploy.toml", SEQUENCE);
    sandbox.put("deploy.json", returned(&[deployment(), program(), application()]));
    sandbox.put("client.xml", account());
    sandbox
}

#[test]
fn policies_of_a_site_are_put_on_the_medium_and_compared_with_its_sequence() {
    let sandbox = sandbox();
    let mut seen = sandbox.see("check");
    sandbox.put("packages/printers/setup.cmd", "rem");
    for (folder, id, table, more) in [
        ("printers", "BER00022", "package", ""),
        ("printers", "Content_1", "application", "model-name = \"ScopeId_1/Application_1\"\n"),
        ("printers", "Content_2", "application", "model-name = \"ScopeId_1/Application_2\"\n"),
    ] {
        let entry = format!("\n[[{table}]]\nid = \"{id}\"\n{more}source = \"packages/{folder}\"\n\n[[file]]");
        sandbox.edit("\n[[file]]", &entry);
    }
    sandbox.put(
        "site.json",
        json!({
            "site-version": 1,
            "code": "BER",
            "packages": [
                { "id": "BER00021", "kind": "package", "name": "VPN", "source-version": 4 },
                { "id": "BER00022", "kind": "package", "name": "Printers", "source-version": 1 },
            ],
        })
        .to_string(),
    );
    sandbox.edit("code = \"BER\"", "code = \"BER\"\ndata = \"site.json\"");
    seen += &sandbox.see("check");
    sandbox.done(&["apply"]);
    extract(&sandbox, "out/win11-BER.iso", "data");
    seen += &sandbox.see("inspect data/Policy.xml");
    seen += &sandbox.see("inspect data/Policy.xml --json");
    insta::assert_snapshot!(seen);
    let variables = read(&sandbox, DEFAULT_PASSWORD, &["data/Variables.dat".into()]);
    let policy = read(&sandbox, &guid_in(&variables), &["data/Policy.xml".into()]);
    sandbox.put("policy.xml", &policy[policy.find("<?xml").unwrap()..]);
    // As public readers find deployments and accounts.
    let find = "import xml.etree.ElementTree as tree\n\
                root = tree.parse('policy.xml').getroot()\n\
                for name in ['CCM_TaskSequence', 'CCM_SoftwareDistribution', 'CCM_NetworkAccessAccount']:\n\
                \tprint(name, len(root.findall(f\".//*[@class='{name}']\")))\n\
                print(len(root.findall('.//PolicyAssignment')))";
    assert_eq!(
        sandbox.run_other("python3", &["-c", find]),
        "CCM_TaskSequence 1\nCCM_SoftwareDistribution 1\nCCM_NetworkAccessAccount 1\n3\n"
    );
    let searched = ["-rl", PLANTED, "media.record.json", ".tsmedia"];
    let kept = Command::new("grep").args(searched).current_dir(&sandbox.root).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "");
}

#[test]
fn files_that_are_no_policies_are_refused() {
    let sandbox = sandbox();
    sandbox.edit("\n[task-sequence]\nfile = \"deploy.toml\"\n", "");
    let mut seen = String::new();
    for text in [
        "<html><body>Sign in</body></html>".to_owned(),
        program() + &program(),
        json!(["<Policy/>", "<Policy>"]).to_string(),
        json!({ "PolicyXmls": ["<Policy/>"], "PolicyAssignmentXmls": [] }).to_string(),
        format!("{{ \"Password\": \"{PLANTED}\" }}"),
        "\0".into(),
    ] {
        sandbox.put("client.xml", &text);
        seen += &sandbox.see("check");
    }
    sandbox.edit("file = [\"deploy.json\", \"client.xml\"]", "file = []");
    seen += &sandbox.see("check");
    sandbox.edit("file = []", "file = [\"c:\\\\x\", 4]");
    seen += &sandbox.see("check");
    insta::assert_snapshot!(seen);
    assert!(!seen.contains(PLANTED));
}

/// A stand-alone medium as the site makes it, with one of the two packages that its sequence refers to.
pub fn genuine() -> Json {
    let documents = [deployment(), program(), application()].map(|policy| {
        let (_, root) = policy.split_once('\n').unwrap();
        root.to_owned()
    });
    json!({
        "type": "FullMedia",
        "password": null,
        "cipher": "aes-128-cbc",
        "variables": { "_SMSMediaGuid": GUID, "_SMSTSMediaType": "FullMedia", "_SMSTSSiteCode": "BER" },
        "policies": { "SMS/data/Policy.xml": format!("<All>{}</All>", documents.concat()) },
        "files": {
            "SMS/bin/x64/TSMBAutorun.exe": "program",
            "SMS/PKG/BER00021/setup.cmd": "rem of the site",
            "LaunchMedia.cmd": "start SMS\\bin\\x64\\TSMBAutorun.exe",
            "MediaLabel.txt": "label=Berlin\r\n",
        },
    })
}

/// A medium on that base, with nothing else in its manifest.
fn sandbox_on_base() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.put_boot();
    write(&sandbox, "genuine", &genuine());
    sandbox.put(
        "media.toml",
        "manifest-version = 1\n\n[media]\nname = \"win11\"\nkind = \"stand-alone\"\nsource-date = 2026-01-01\n\n\
         [output]\npath = \"out/win11.iso\"\n\n[base]\nmedium = \"genuine\"\n",
    );
    sandbox
}

#[test]
fn content_that_the_sequence_of_a_base_needs_is_looked_for_on_the_medium() {
    let sandbox = sandbox_on_base();
    let mut seen = sandbox.see("check");
    sandbox.put("packages/scripts/run.cmd", "rem");
    sandbox.put("packages/vpn/setup.cmd", "rem of ours");
    let manifest = String::from_utf8(sandbox.get("media.toml")).unwrap();
    let scripts = "\n[[package]]\nid = \"BER00099\"\nsource = \"packages/scripts\"\n";
    let vpn = "\n[[package]]\nid = \"BER00021\"\nsource = \"packages/vpn\"\n";
    sandbox.put("media.toml", manifest.clone() + scripts);
    seen += &sandbox.see("check");
    sandbox.put("media.toml", manifest + scripts + vpn);
    seen += &sandbox.see("check");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_sequence_takes_the_place_of_the_one_in_the_policies_of_the_base() {
    let sandbox = sandbox_on_base();
    sandbox.put("deploy.toml", SEQUENCE);
    sandbox.put(
        "media.toml",
        String::from_utf8(sandbox.get("media.toml")).unwrap() + "\n[task-sequence]\nfile = \"deploy.toml\"\n",
    );
    let mut seen = sandbox.see("check");
    sandbox.edit("\n[task-sequence]", "\n[media.rules]\nmissing-content = \"warning\"\n\n[task-sequence]");
    sandbox.done(&["apply"]);
    extract(&sandbox, "out/win11.iso", "data");
    seen += &sandbox.see("inspect data/Policy.xml");
    let policy = read(&sandbox, GUID, &["data/Policy.xml".into()]);
    seen += &policy.replace('\t', "  ");
    insta::assert_snapshot!(seen);
}
