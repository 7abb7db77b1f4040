//! Content libraries: what a medium takes from them, and why.

use std::fs;

use tsmedia::inputs::Inputs;
use tsmedia::manifest::{Options, load_with_inputs};
use tsmedia::problem::Problems;

use crate::fixtures::sandbox::Sandbox;

const MANIFEST: &str = r#"manifest-version = 1

[media]
name = "win11"
kind = "stand-alone"
source-date = 2026-01-01

[output]
path = "out/{{ media.name }}.iso"

[boot]
files = "../boot-files"
prompt = false

[library]
files = ["../shared/library.toml"]
content = "referenced"

[task-sequence]
file = "deploy.toml"

[[package]]
id = "BER00022"
source = "own"
"#;

const LIBRARY: &str = r#"library-version = 1

[[boot-image]]
id = "BER00005"
name = "Windows PE"
file = "../images/boot.wim"

[[package]]
id = "BER00021"
name = "VPN client"
version = "5.2"
source = "packages/vpn"

[[package]]
id = "BER00022"
source = "packages/replaced-by-the-manifest"

# Nothing refers to it.
[[package]]
id = "BER00023"
source = "packages/{{ vars.nothing }}"

[[package]]
id = "BER00011"
source = "windows"

[[package]]
id = "BER00002"
source = "client"

[[application]]
id = "Content_1"
model-name = "ScopeId_1/Application_1"
name = "Editor"
source = "applications/editor"
dependencies = ["Content_2"]

[[application]]
id = "Content_2"
source = "applications/runtime"
dependencies = ["ScopeId_1/Application_1"]

[[task-sequence]]
id = "BER00040"
file = "programs.toml"
"#;

const SEQUENCE: &str = r#"sequence-version = 1
name = "Deploy"
boot-image = "BER00005"

[[steps]]
type = "set-variable"
name = "No status"
variable = "SMSTSDisableStatusRetry"
value = "true"

[[steps]]
type = "partition-disk"
name = "Partition"
style = "gpt"
partitions = [
    { type = "efi", size = 500, file-system = "fat32" },
    { name = "Windows", size = 100, size-unit = "percent", file-system = "ntfs" },
]
condition = { variable = "_SMSTSMediaType", operator = "not-equals", value = "OEMMedia" }

[[steps]]
type = "apply-operating-system"
name = "Apply Windows"
upgrade-package = "BER00011"

[[steps]]
type = "setup-windows"
name = "Setup"
client-package = "BER00002"

[[steps]]
type = "run-command-line"
name = "Prepare"
package = "BER00022"
command-line = "cmd /c prepare.cmd"

[[steps]]
type = "run-task-sequence"
name = "Programs"
task-sequence = "BER00040"

[[steps]]
type = "run-command-line"
name = "Disabled"
package = "BER00098"
command-line = "cmd /c never.cmd"
disabled = true

[[steps]]
type = "run-command-line"
name = "Only with a network"
package = "BER00099"
command-line = "cmd /c network.cmd"
condition = { variable = "_SMSTSMediaType", operator = "not-equals", value = "FullMedia" }
"#;

const PROGRAMS: &str = r#"sequence-version = 1
name = "Install programs"

[[steps]]
type = "run-command-line"
name = "Install VPN"
package = "BER00021"
command-line = "cmd /c setup.cmd"

[[steps]]
type = "run-command-line"
name = "Configure VPN"
package = "BER00021"
command-line = "cmd /c configure.cmd"

[[steps]]
type = "install-application"
name = "Install Editor"
applications = [{ id = "ScopeId_1/Application_1/3" }]
"#;

/// A manifest in a folder beside the library.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.put_boot();
    sandbox.put("media/media.toml", MANIFEST);
    sandbox.put("media/deploy.toml", SEQUENCE);
    sandbox.put("media/own/prepare.cmd", "rem\r\n");
    sandbox.put("shared/library.toml", LIBRARY);
    sandbox.put("shared/programs.toml", PROGRAMS);
    sandbox.put("shared/windows/setup.exe", "stands for Setup");
    sandbox.put("shared/client/ccmsetup.exe", "stands for the client");
    sandbox.put("shared/packages/vpn/setup.cmd", "rem installs the client\r\n");
    sandbox.put("shared/applications/editor/setup.cmd", "rem editor\r\n");
    sandbox.put("shared/applications/runtime/setup.cmd", "rem runtime\r\n");
    sandbox
}

fn put_edited(sandbox: &Sandbox, path: &str, old: &str, new: &str) {
    let text = String::from_utf8(sandbox.get(path)).unwrap();
    assert!(text.contains(old), "{old} is not in {path}");
    sandbox.put(path, text.replacen(old, new, 1));
}

/// Paths below `SMS/PKG` of a medium, as 7z lists them.
fn packages(sandbox: &Sandbox, medium: &str) -> String {
    let listed = sandbox.run_other("7z", &["l", "-ba", "-slt", medium]);
    let paths = listed.lines().filter_map(|line| line.strip_prefix("Path = "));
    let mut paths: Vec<_> = paths.filter(|path| path.starts_with("SMS/PKG/")).collect();
    paths.sort();
    paths.join("\n") + "\n"
}

#[test]
fn a_medium_takes_what_its_task_sequences_refer_to() {
    let sandbox = sandbox();
    let mut seen = ["check", "plan", "apply", "plan", "plan --json", "render"]
        .map(|command| sandbox.see(&format!("{command} media/media.toml")))
        .concat();
    seen += &packages(&sandbox, "media/out/win11.iso");
    let steps = "facts-version = 1\nfirmware = 'uefi'\n[[step]]\nname = 'Install VPN'\nexit-codes = [1]\n";
    sandbox.put("facts.toml", steps);
    seen += &sandbox.see("simulate media/media.toml --facts facts.toml");
    insta::assert_snapshot!(seen);
    // Rendered, it is a manifest of its own that gives the same medium.
    let rendered = sandbox.done(&["render", "media/media.toml"]);
    sandbox.put("rendered.toml", rendered.replace("out/win11.iso", "out/rendered.iso"));
    sandbox.done(&["apply", "rendered.toml"]);
    assert_eq!(sandbox.get("media/out/rendered.iso"), sandbox.get("media/out/win11.iso"));
}

#[test]
fn a_change_of_the_library_changes_the_medium() {
    let sandbox = sandbox();
    sandbox.done(&["apply", "media/media.toml"]);
    // What is not used decides nothing.
    put_edited(&sandbox, "shared/library.toml", "replaced-by-the-manifest", "elsewhere");
    assert!(sandbox.done(&["plan", "media/media.toml"]).starts_with("nothing to do"));
    sandbox.put("shared/packages/vpn-6/setup.cmd", "rem installs the next client\r\n");
    put_edited(&sandbox, "shared/library.toml", "packages/vpn", "packages/vpn-{{ vars.vpn }}");
    put_edited(&sandbox, "media/media.toml", "[[package]]", "[vars]\nvpn = 6\n\n[[package]]");
    insta::assert_snapshot!(sandbox.see("plan media/media.toml"));
}

#[test]
fn what_the_library_lacks_is_told_at_the_step() {
    let sandbox = sandbox();
    put_edited(&sandbox, "media/deploy.toml", "BER00005", "BER00006");
    put_edited(&sandbox, "media/deploy.toml", "package = \"BER00022\"", "package = \"Content_2\"");
    put_edited(&sandbox, "shared/programs.toml", "BER00021", "BER00024");
    put_edited(&sandbox, "shared/programs.toml", "package = \"BER00021\"", "package = \"BER00005\"");
    put_edited(
        &sandbox,
        "shared/programs.toml",
        "Application_1/3\"",
        "Application_1/3\" }, { id = \"ScopeId_9/Viewer\"",
    );
    put_edited(&sandbox, "shared/library.toml", "Content_2\"]", "Content_3\"]");
    put_edited(&sandbox, "media/deploy.toml", "package = \"Content_2\"", "package = \"XYZ12345\"");
    put_edited(
        &sandbox,
        "media/deploy.toml",
        "[[steps]]\ntype = \"run-command-line\"\nname = \"Disabled\"",
        "[[steps]]\ntype = \"run-task-sequence\"\nname = \"Other programs\"\ntask-sequence = \"BER00041\"\n\n\
         [[steps]]\ntype = \"run-command-line\"\nname = \"Disabled\"",
    );
    insta::assert_snapshot!(sandbox.see("check media/media.toml"));
}

#[test]
fn content_that_is_taken_is_reported_where_the_library_has_it() {
    let sandbox = sandbox();
    fs::remove_dir_all(sandbox.path("shared/packages")).unwrap();
    fs::remove_file(sandbox.path("shared/programs.toml")).unwrap();
    let seen = sandbox.see("check media/media.toml");
    sandbox.put("shared/programs.toml", PROGRAMS);
    put_edited(&sandbox, "media/media.toml", "[[package]]", "[vars]\nyear = 2026\n\n[[package]]");
    put_edited(&sandbox, "shared/library.toml", "id = \"BER00002\"", "id = \"{{ vars.year }}\"");
    put_edited(&sandbox, "shared/library.toml", "id = \"BER00011\"", "id = \"BER00011\"\nwhen = \"{{ 'yes' }}\"");
    put_edited(
        &sandbox,
        "shared/library.toml",
        "version = \"5.2\"\nsource = \"packages/vpn\"",
        "source = \"{{ vars.vpn }}\"",
    );
    put_edited(&sandbox, "shared/library.toml", "id = \"Content_2\"", "id = \"Content_1\"");
    insta::assert_snapshot!(seen + &sandbox.see("check media/media.toml"));
}

#[test]
fn sites_have_their_own_entries() {
    let sandbox = sandbox();
    put_edited(&sandbox, "media/media.toml", "win11\"", "win11-{{ site.code }}\"");
    put_edited(
        &sandbox,
        "media/media.toml",
        "../shared/library.toml\"",
        "../shared/library.toml\", \"{{ site.code }}.toml\"",
    );
    let sites = "[[sites]]\ncode = \"BER\"\n\n[[sites]]\ncode = \"HAM\"\n\n[[package]]";
    put_edited(&sandbox, "media/media.toml", "[[package]]", sites);
    put_edited(&sandbox, "media/deploy.toml", "BER00005", "{{ site.code }}00005");
    put_edited(&sandbox, "shared/library.toml", "id = \"BER00005\"", "id = \"{{ site.code }}00005\"");
    put_edited(
        &sandbox,
        "shared/library.toml",
        "id = \"BER00021\"",
        "id = \"BER00021\"\nwhen = \"{{ site.code == 'BER' }}\"",
    );
    sandbox.put("media/BER.toml", "library-version = 1\n");
    sandbox.put("media/HAM.toml", "library-version = 1\n[[package]]\nid = \"BER00021\"\nsource = \"ham\"\n");
    sandbox.put("media/ham/setup.cmd", "rem installs the client of Hamburg\r\n");
    let mut seen = sandbox.see("check media/media.toml") + &sandbox.see("plan media/media.toml");
    sandbox.done(&["apply", "media/media.toml"]);
    for code in ["BER", "HAM"] {
        let medium = format!("media/out/win11-{code}.iso");
        seen += &packages(&sandbox, &medium);
        seen += &sandbox.run_other("7z", &["e", "-so", &medium, "SMS/PKG/BER00021/setup.cmd"]);
    }
    put_edited(&sandbox, "media/BER.toml", "1\n", "1\n[[package]]\nid = \"BER00021\"\nsource = \"berlin\"\n");
    seen += &sandbox.see("check media/media.toml --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn prestaged_media_take_content_too() {
    let sandbox = sandbox();
    put_edited(&sandbox, "media/media.toml", "kind = \"stand-alone\"", "kind = \"prestaged\"");
    put_edited(&sandbox, "media/media.toml", ".iso\"", ".wim\"");
    put_edited(&sandbox, "media/media.toml", "prompt = false\n", "");
    let seen = sandbox.see("check media/media.toml");
    put_edited(&sandbox, "media/deploy.toml", "value = \"FullMedia\"", "value = \"OEMMedia\"");
    put_edited(&sandbox, "media/deploy.toml", "upgrade-package = \"BER00011\"", "image = \"BER00010\"");
    put_edited(
        &sandbox,
        "shared/library.toml",
        "[[package]]",
        "[[operating-system]]\nid = \"BER00010\"\nfile = \"../images/boot.wim\"\n\n[[package]]",
    );
    insta::assert_snapshot!(seen + &sandbox.see("check media/media.toml") + &sandbox.see("plan media/media.toml"));
}

/// `watch` and the language server look at these again.
#[test]
fn libraries_and_child_task_sequences_are_inputs() {
    let sandbox = sandbox();
    let mut inputs = Inputs::default();
    let (options, mut problems) = (Options::default(), Problems::default());
    load_with_inputs(&sandbox.path("media/media.toml"), &options, &mut problems, &mut inputs).unwrap();
    assert!(!problems.has_errors());
    for path in
        ["media/media.toml", "media/deploy.toml", "media/../shared/library.toml", "media/../shared/programs.toml"]
    {
        assert!(inputs.paths().any(|input| input == sandbox.path(path)), "{path}: {inputs:?}");
    }
}
