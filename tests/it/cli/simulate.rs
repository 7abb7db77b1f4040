//! `simulate`: runs of task sequences without a target, one by one and beside each other.

use insta::assert_snapshot;

use crate::fixtures::sandbox::Sandbox;

const SEQUENCE: &str = r#"sequence-version = 1
name = "Deploy Windows in {{ site.code }}"

[[steps]]
type = "group"
name = "Install Operating System"

[[steps.steps]]
type = "partition-disk"
name = "Partition Disk 0 - BIOS"
style = "mbr"
partitions = [{ size = 100, size-unit = "percent", file-system = "ntfs" }]
condition = { variable = "_SMSTSBootUEFI", operator = "not-equals", value = "true" }

[[steps.steps]]
type = "partition-disk"
name = "Partition Disk 0 - UEFI"
style = "gpt"
partitions = [
    { type = "efi", size = 500, file-system = "fat32" },
    { size = 100, size-unit = "percent", file-system = "ntfs" },
]
condition = { variable = "_SMSTSBootUEFI", value = "true" }

[[steps.steps]]
type = "apply-operating-system"
name = "Apply Operating System"
image = "BER00010"
index = 1

[[steps.steps]]
type = "setup-windows"
name = "Setup Windows and Configuration Manager"
client-package = "BER00002"

[[steps]]
type = "group"
name = "Set Up Operating System"
continue-on-error = true

[[steps.steps]]
type = "run-command-line"
name = "Install VPN"
command-line = "cmd /c install.cmd"
package = "BER00021"

[[steps.steps]]
type = "set-variable"
name = "Say that all is well"
variable = "AllIsWell"
value = "true"
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put("deploy.toml", SEQUENCE);
    sandbox.put("facts/uefi.toml", "facts-version = 1\nmedia = \"stand-alone\"\n");
    sandbox.put(
        "facts/bios.toml",
        "facts-version = 1\nname = \"old BIOS\"\nmedia = \"bootable\"\nfirmware = \"bios\"\n\
         [[step]]\nname = \"Install VPN\"\nexit-codes = [1603]\n\
         [expect]\nresult = \"success\"\nfails = [\"Install VPN\"]\nskips = [\"Say that all is well\"]\n",
    );
    sandbox
}

#[test]
fn a_run_is_told_step_by_step_and_several_beside_each_other() {
    let sandbox = sandbox();
    let facts = "--facts facts/uefi.toml --facts facts/bios.toml";
    let mut seen = sandbox.see(&format!("simulate deploy.toml --site BER {facts}"));
    seen += &sandbox.see(&format!("simulate deploy.toml --site BER {facts} --matrix"));
    seen += &sandbox.see("simulate deploy.toml --site BER --facts facts/uefi.toml --json");
    assert_snapshot!(seen);
}

#[test]
fn what_is_expected_and_does_not_come_and_what_is_wrong_in_files_fails() {
    let sandbox = sandbox();
    let facts =
        "facts-version = 1\nmedia = \"stand-alone\"\n[expect]\nresult = \"failure\"\ndownloads = [\"BER00021\"]\n";
    sandbox.put("facts/wrong.toml", facts);
    let mut seen = sandbox.see("simulate deploy.toml --site BER --facts facts/wrong.toml --matrix");
    sandbox.put("facts/wrong.toml", "facts-version = 1\nmedia = \"standalone\"\n[[step]]\nnme = \"x\"\n");
    seen += &sandbox.see("simulate deploy.toml --site BER --facts facts/wrong.toml");
    seen += &sandbox.see("simulate deploy.toml --facts facts/uefi.toml");
    assert_snapshot!(seen);
}

/// The medium that carries the sequence, for two sites.
const CARRIER: &str = r#"manifest-version = 1

[media]
name = "win11"
kind = "stand-alone"
label = "WIN11"
language = 1031

[output]
format = "usb"
path = "out/{{ site.code }}.img"

[boot]
image = { file = "images/boot.wim" }

[[sites]]
code = "BER"

[[sites]]
code = "HAM"

[variables]
OSDTimeZone = "W. Europe Standard Time"
JoinPassword = { env = "JOIN_PASSWORD" }

[task-sequence]
file = "deploy.toml"

[[operating-system]]
id = "BER00010"
file = "images/install.wim"

[[package]]
id = "BER00002"
source = "packages/client"

[[package]]
id = "BER00021"
source = "packages/vpn"
"#;

#[test]
fn the_sequence_of_a_manifest_runs_from_its_medium_for_each_site() {
    let sandbox = sandbox();
    sandbox.put("media.toml", CARRIER);
    sandbox.put(
        "deploy.toml",
        format!(
            "{SEQUENCE}{}",
            "[[steps.steps]]\ntype = \"set-variable\"\nname = \"Where\"\nvariable = \"Where\"\n\
             value = \"{{ site.code }}, %OSDTimeZone%, %SMSTSLanguageFolder%, %_SMSTSLaunchMode%\"\n\
             [[steps.steps]]\ntype = \"run-command-line\"\nname = \"Join\"\ncommand-line = \"cmd /c join.cmd\"\n\
             condition = { variable = \"JoinPassword\", operator = \"exists\" }\n\
             [[steps.steps]]\ntype = \"run-command-line\"\nname = \"Try the Password of the Lab\"\n\
             command-line = \"cmd /c lab.cmd\"\ncondition = { variable = \"JoinPassword\", value = \"lab\" }\n"
        ),
    );
    let facts = "facts-version = 1\n[expect]\nresult = \"success\"\ndownloads = []\nruns = [\"Join\"]\n";
    sandbox.put("facts/uefi.toml", facts);
    sandbox.put("facts/lab.toml", "facts-version = 1\nfirmware = \"bios\"\nvariables = { JoinPassword = \"lab\" }\n");
    let mut seen = sandbox.see("simulate --site BER --facts facts/uefi.toml");
    seen += &sandbox.see("simulate media.toml --facts facts/uefi.toml --facts facts/lab.toml --matrix");
    let json = sandbox.done(&["simulate", "--site", "HAM", "--facts", "facts/lab.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let run = &json["runs"][0];
    assert_eq!((&run["site"], &run["sequence"]), (&"HAM".into(), &"Deploy Windows in HAM".into()));
    assert_eq!(run["variables"]["Where"], "HAM, W. Europe Standard Time, 1031, UFD+FORMAT");
    assert_snapshot!(seen);
}

#[test]
fn the_sequence_of_a_capture_medium_runs_from_the_windows_that_is_captured() {
    let sandbox = Sandbox::empty();
    sandbox.done(&["init", "--template", "capture-only", "."]);
    sandbox.put(
        "media.toml",
        "manifest-version = 1\n[media]\nname = \"capture\"\nkind = \"capture\"\n[output]\npath = \"out/capture.iso\"\n\
         [boot]\nimage = { file = \"images/boot.wim\" }\n[task-sequence]\nfile = \"capture-only.toml\"\n",
    );
    sandbox.put(
        "facts.toml",
        "facts-version = 1\n[[folder]]\npath = 'C:\\Windows\\CCM'\n[expect]\nresult = \"success\"\n",
    );
    assert_snapshot!(sandbox.see("simulate --facts facts.toml"), @"
    $ tsmedia simulate --facts facts.toml
    | facts
    |   OS  group Capture the Reference Machine
    |   OS  run     Prepare Configuration Manager Client
    |   OS  run     Prepare OS
    |                 restarts into Windows PE: for the capture
    |   PE  run     Capture the Reference Machine
    | the task sequence succeeds in Windows PE, after 1 restart
    ! 1 run as expected
    = 0
    ");
}

#[test]
fn what_contradicts_a_manifest_or_is_not_in_it_is_told() {
    let sandbox = sandbox();
    sandbox.put("media.toml", CARRIER);
    sandbox.put("facts/other.toml", "facts-version = 1\nmedia = \"pxe\"\n");
    let mut seen = sandbox.see("simulate --facts facts/other.toml");
    sandbox.put("facts/other.toml", "facts-version = 1\nfirmware = \"bios\"\ncontent = [\"BER00010\"]\n");
    seen += &sandbox.see("simulate --facts facts/other.toml --site BER --matrix");
    seen += &sandbox.see("simulate deploy.toml --site BER --facts facts/other.toml");
    sandbox.put("media.toml", CARRIER.replace("[task-sequence]\nfile = \"deploy.toml\"\n", ""));
    seen += &sandbox.see("simulate --facts facts/uefi.toml");
    sandbox.edit("kind = \"stand-alone\"", "kind = \"bootable\"");
    let bootable = String::from_utf8(sandbox.get("media.toml")).unwrap();
    sandbox.put("media.toml", bootable.split("[[operating-system]]").next().unwrap());
    seen += &sandbox.see("simulate --facts facts/uefi.toml");
    // What is wrong with the manifest, its sequence included, is told before anything runs.
    sandbox.put("media.toml", CARRIER.replace("BER00021", "BER00022"));
    seen += &sandbox.see("simulate --facts facts/uefi.toml --site BER");
    assert_snapshot!(seen);
}

#[test]
fn names_of_steps_that_are_not_in_the_sequence_and_incomplete_answers_are_told() {
    let sandbox = sandbox();
    sandbox.put(
        "facts/names.toml",
        "facts-version = 1\nmedia = \"stand-alone\"\n[[step]]\nname = \"Instal VPN\"\nexit-codes = [1]\n\
         [expect]\nruns = [\"Set Up Operating System/Install VPN\", \"Set Up Operating System/Instal VPN\"]\n\
         skips = [\"Say that all is well\"]\nfails = [\"Q\"]\n",
    );
    let mut seen = sandbox.see("simulate deploy.toml --site BER --facts facts/names.toml");
    sandbox.put("media.toml", CARRIER);
    seen += &sandbox.see("simulate --site HAM --facts facts/names.toml");
    sandbox.put(
        "facts/wmi.toml",
        "facts-version = 1\nmedia = \"stand-alone\"\n[[wmi]]\nquery = \"SELECT * FROM A\"\n\
         [[wmi]]\nclass = \"A\"\n[[wmi]]\nnamespace = \"root\"\n[[wmi]]\nquery = \"a\"\nclass = \"b\"\n\
         [[wmi]]\nclass = \"b\"\nrows = []\nresult = true\n[[wmi]]\nquery = \"b\"\nrows = []\nresult = true\n",
    );
    seen += &sandbox.see("simulate deploy.toml --site BER --facts facts/wmi.toml");
    sandbox.put(
        "facts/wmi.toml",
        "facts-version = 1\nmedia = \"stand-alone\"\n[[wmi]]\nqery = \"SELECT * FROM A\"\nresult = 1\n",
    );
    seen += &sandbox.see("simulate deploy.toml --site BER --facts facts/wmi.toml");
    assert_snapshot!(seen);
}

#[test]
fn a_step_that_is_not_known_to_run_is_told_in_every_form() {
    let sandbox = Sandbox::empty();
    sandbox.put(
        "s.toml",
        "sequence-version = 1\nname = \"S\"\n\
         [[steps]]\ntype = \"run-command-line\"\nname = \"Laptop\"\ncommand-line = \"cmd /c exit 1\"\n\
         condition = { wmi = \"SELECT * FROM Win32_ComputerSystem WHERE Model LIKE 'Laptop%'\" }\n\
         [[steps]]\ntype = \"run-command-line\"\nname = \"All\"\ncommand-line = \"all.exe\"\n",
    );
    sandbox.put("unknown.toml", "facts-version = 1\nmedia = \"client\"\n[expect]\nresult = \"success\"\n");
    sandbox.put(
        "tower.toml",
        "facts-version = 1\nmedia = \"client\"\n[computer]\nmodel = \"Tower\"\n[expect]\nresult = \"success\"\n",
    );
    let mut seen = sandbox.see("simulate s.toml --facts unknown.toml");
    seen += &sandbox.see("simulate s.toml --facts unknown.toml --facts tower.toml --matrix");
    seen += &sandbox.see("simulate s.toml --facts unknown.toml --json");
    assert_snapshot!(seen);
}
