use camino::Utf8PathBuf;

use crate::inputs::Inputs;
use crate::problem::Problems;
use crate::report::simulated;
use crate::sequence;
use crate::simulate::{SequenceEnd, Trace, Unmet, medium_of_facts, read, simulate};
use authoring::values::Context;

/// Runs a task sequence with facts, both given as the text of files.
fn run(steps: &str, facts: &str) -> (Trace, Vec<Unmet>) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| Utf8PathBuf::from_path_buf(folder.path().join(name)).unwrap();
    std::fs::write(path("s.toml"), format!("sequence-version = 1\nname = 'S'\n{steps}")).unwrap();
    std::fs::write(path("f.toml"), format!("facts-version = 1\n{facts}")).unwrap();
    let (mut problems, mut inputs) = (Problems::default(), Inputs::default());
    let sequence = sequence::read(&path("s.toml"), &Context::new(), &mut problems, &mut inputs).unwrap();
    let facts = read(&path("f.toml"), &mut problems, &mut inputs).unwrap().unwrap();
    let medium = medium_of_facts(&facts, &mut problems);
    assert_eq!(problems.sorted().iter().map(|problem| &problem.message).collect::<Vec<_>>(), Vec::<&String>::new());
    let trace = simulate(&sequence.unwrap(), &facts.facts, &medium.unwrap());
    let unmet = facts.facts.expect.map(|expect| expect.unmet(&trace)).unwrap_or_default();
    (trace, unmet)
}

/// Returns the lines of a trace without the first.
fn lines(trace: &Trace) -> String {
    simulated::trace("", trace).to_string().trim_start_matches('\n').to_owned()
}

fn command(name: &str, more: &str) -> String {
    format!("type = 'run-command-line'\nname = '{name}'\ncommand-line = 'x'\n{more}\n")
}

/// Worked example of Microsoft's documentation on `Continue on error`.
#[test]
fn failures_go_where_continue_on_error_sends_them() {
    let mut steps = "[[steps]]\ntype = 'group'\nname = 'G1'\ncontinue-on-error = true\n".to_owned();
    for (name, more) in [("1", "continue-on-error = true"), ("2", ""), ("3", "")] {
        steps += &format!("[[steps.steps]]\n{}", command(name, more));
    }
    steps += "[[steps]]\ntype = 'group'\nname = 'G2'\n";
    for name in ["4", "5", "6"] {
        steps += &format!("[[steps.steps]]\n{}", command(name, ""));
    }
    let fails = |name: &str| format!("[[step]]\nname = '{name}'\nexit-codes = [1]\n");
    let facts = format!("media = 'client'\n{}{}{}", fails("1"), fails("2"), fails("4"));
    insta::assert_snapshot!(lines(&run(&steps, &facts).0), @r"
      OS  group G1
      OS  fail    1: exit code 1; the success codes are 0 and 3010
                    continues with the next step (continue on error)
      OS  fail    2: exit code 1; the success codes are 0 and 3010
                    continues after `G1` (continue on error)
      OS  group G2
      OS  fail    4: exit code 1; the success codes are 0 and 3010
                    ends the task sequence
    the task sequence fails at `G2 / 4`, after 0 restarts: exit code 1; the success codes are 0 and 3010
    ");
}

const BUILD: &str = r#"
[[steps]]
type = "restart-computer"
name = "Restart in Windows PE"
target = "windows-pe"
condition = { variable = "_SMSTSInWinPE", value = "false" }

[[steps]]
type = "partition-disk"
name = "Partition Disk 0 - UEFI"
style = "gpt"
partitions = [{ size = 100, size-unit = "percent", file-system = "ntfs" }]
condition = { all = [{ variable = "_SMSTSClientCache", operator = "not-exists" }, { variable = "_SMSTSBootUEFI", value = "true" }] }

[[steps]]
type = "apply-operating-system"
name = "Apply Operating System"
image = "BER00010"
index = 1

[[steps]]
type = "auto-apply-drivers"
name = "Apply Device Drivers"
condition = { variable = "_SMSTSMediaType", operator = "not-equals", value = "FullMedia" }

[[steps]]
type = "set-dynamic-variables"
name = "Model"
rules = [
    { make = "Contoso", model = "Lap*", set = { Kind = "laptop of %OSDTargetSystemDrive%" } },
    { make = "Contoso", model = "Tower", set = { Kind = "tower" } },
]

[[steps]]
type = "setup-windows"
name = "Setup Windows"
client-package = "BER00002"

[[steps]]
type = "run-command-line"
name = "Tools"
command-line = "cmd /c tools.cmd"
package = "BER00021"

[[steps]]
type = "prepare-windows-for-capture"
name = "Prepare OS"

[[steps]]
type = "capture-operating-system-image"
name = "Capture"
destination = '\\server\share\a.wim'
user = 'CONTOSO\capture'
"#;

#[test]
fn a_build_and_capture_goes_from_windows_pe_to_the_system_and_back() {
    let facts = "media = 'bootable'\nlaunch = 'usb'\ncontent = ['BER00010']\n\
                 [computer]\nmake = 'contoso'\nmodel = 'Laptop 14'\n\
                 [[step]]\nname = 'Tools'\nexit-codes = [3010]\n\
                 [expect]\nresult = 'success'\nruns = ['Apply Operating System', 'Capture']\nskips = ['Restart in Windows PE']\n\
                 restarts = 3\nends-in = 'windows-pe'\ndownloads = ['BER00002', 'BER00021']\n\
                 variables = { Kind = 'laptop of C:' }\n\
                 [[step]]\nname = 'Apply Operating System'\nsets = { OSDTargetSystemDrive = 'C:' }\n";
    let (trace, unmet) = run(BUILD, facts);
    insta::assert_snapshot!(lines(&trace), @"
      PE  skip  Restart in Windows PE: `_SMSTSInWinPE` is `true` (required: = `false`)
      PE  run   Partition Disk 0 - UEFI
      PE  run   Apply Operating System (exit code 0)
                  uses BER00010 from the medium
                  sets OSDTargetSystemDrive = C:
      PE  run   Apply Device Drivers
      PE  run   Model
                  sets _SMSTSMake = contoso
                  sets _SMSTSModel = Laptop 14
                  sets Kind = laptop of C:
      PE  run   Setup Windows
                  downloads BER00002
                  restarts into full OS: into the new system
      OS  run   Tools (exit code 3010)
                  downloads BER00021
                  restarts into full OS: exit code 3010
      OS  run   Prepare OS
                  restarts into Windows PE: for the capture
      PE  run   Capture
    the task sequence succeeds in Windows PE, after 3 restarts
    ");
    assert_eq!(unmet, []);
}

#[test]
fn what_can_not_work_fails_where_it_would_on_the_target() {
    let fails = |steps: &str, facts: &str, expected: &str| match run(steps, facts).0.end {
        SequenceEnd::Failure { why, .. } => assert_eq!(why, expected, "{steps}"),
        SequenceEnd::Success => panic!("{steps} succeeds"),
    };
    let step = |text: &str| format!("[[steps]]\nname = 'X'\ncontinue-on-error = true\n{text}");
    let alone = "media = 'stand-alone'";
    fails(
        &step("type = 'restart-computer'\ntarget = 'windows-pe'"),
        alone,
        "the computer has no formatted partition to restart from",
    );
    fails(&step("type = 'setup-windows'\nclient-package = 'BER00002'"), alone, "no operating system was applied");
    let last = |text: &str| step(text).replace("continue-on-error = true\n", "");
    fails(
        &last("type = 'install-software-updates'"),
        "media = 'client'\nstarts-in = 'windows-pe'",
        "the step runs only in full OS, but Windows PE is running",
    );
    fails(&last("type = 'auto-apply-drivers'"), alone, "the step needs the site, which such media do not have");
    fails(
        &last("type = 'prepare-windows-for-capture'"),
        "media = 'client'\ndomain-member = true",
        "Sysprep fails on domain members",
    );
    fails(
        &last("type = 'set-variable'\nvariable = '_SMSTSInWinPE'\nvalue = 'x'"),
        alone,
        "`_SMSTSInWinPE` is read-only: it begins with `_`",
    );
    let grows = "[[steps]]\nname = 'X'\ntype = 'set-variable'\nvariable = 'A'\nvalue = '%A%%A%%A%%A%'\n".repeat(50);
    let grows = format!("{}value = '0123456789'\n{grows}", grows.split("value").next().unwrap());
    fails(&grows, alone, "the value of `A` has 10240 characters; at most 4000 are allowed (long-variable-value)");
    let package = last("type = 'run-command-line'\ncommand-line = 'x'\npackage = 'BER00021'");
    fails(
        &package,
        "media = 'stand-alone'\ncontent = []",
        "`BER00021` is not on the medium, and there is no site to get it from",
    );
}

#[test]
fn steps_are_tried_again_as_often_as_they_may_be_and_ask_to_be() {
    let steps = format!("[[steps]]\n{}[[steps]]\n{}", command("Flaky", "retries = 2"), command("Asks", ""));
    let facts = "media = 'client'\n[[step]]\nname = 'Flaky'\nexit-codes = [1, 1, 0]\n[[step]]\nname = 'Asks'\n\
                 sets = { SMSTSRebootRequested = 'HD' }\n";
    insta::assert_snapshot!(lines(&run(&steps, facts).0), @r"
      OS  run   Flaky (exit code 0)
                  is retried: exit code 1
                  is retried: exit code 1
      OS  run   Asks (exit code 0)
                  sets SMSTSRebootRequested = HD
                  restarts into full OS: `SMSTSRebootRequested` is `HD`
    the task sequence succeeds in full OS, after 1 restart
    ");
}

#[test]
fn a_command_that_says_its_exit_code_ends_with_it_unless_the_facts_know_better() {
    let step = |name: &str, line: &str| {
        format!(
            "[[steps]]\ntype = 'run-command-line'\nname = '{name}'\ncontinue-on-error = true\ncommand-line = '{line}'\n"
        )
    };
    let steps = [step("A", "cmd /c exit 1"), step("B", "CMD.exe /c exit /b %Code%"), step("C", "cmd /c exit 5")];
    let facts = "media = 'client'\nvariables = { Code = '7' }\n[[step]]\nname = 'C'\nexit-codes = [0]\n";
    insta::assert_snapshot!(lines(&run(&steps.concat(), facts).0), @r"
      OS  fail  A: exit code 1; the success codes are 0 and 3010
                  continues with the next step (continue on error)
      OS  fail  B: exit code 7; the success codes are 0 and 3010
                  continues with the next step (continue on error)
      OS  run   C (exit code 0)
    the task sequence succeeds in full OS, after 0 restarts
    ");
}

#[test]
fn what_was_staged_is_taken_from_the_disk_until_that_is_partitioned() {
    let apply = "[[steps]]\ntype = 'apply-operating-system'\nname = 'Apply'\nimage = 'BER00010'\n";
    let wipe =
        "[[steps]]\ntype = 'partition-disk'\nname = 'Wipe'\nstyle = 'gpt'\npartitions = [{ file-system = 'ntfs' }]\n";
    let facts = "media = 'prestaged'\ncontent = ['BER00010']\n";
    insta::assert_snapshot!(lines(&run(&[apply, wipe, apply].concat(), facts).0), @r"
      PE  run   Apply
                  uses BER00010 from the medium
                  leaves OSDTargetSystemDrive unknown: the drive letter in `OSDTargetSystemDrive` is not known; add `sets` to its `[[step]]`
      PE  run   Wipe
      PE  run   Apply
                  downloads BER00010
                  leaves OSDTargetSystemDrive unknown: the drive letter in `OSDTargetSystemDrive` is not known; add `sets` to its `[[step]]`
    the task sequence succeeds in Windows PE, after 0 restarts
    ");
}

#[test]
fn a_secret_is_there_and_nobody_knows_its_value() {
    let set = |name: &str, text: &str| format!("[[steps]]\ntype = 'set-variable'\nname = '{name}'\n{text}\n");
    let asks = |name: &str, more: &str| {
        format!("[[steps]]\n{}", command(name, &format!("condition = {{ variable = 'Line', {more} }}")))
    };
    let steps = [
        set("Key", "variable = 'Key'\nsecret-value = { env = 'KEY' }"),
        set("Line", "variable = 'Line'\nvalue = '/k:%Key%'"),
        asks("Compares", "operator = 'like', value = '/k:*'"),
        asks("Is There", "operator = 'exists'"),
        set("Again", "variable = 'Line'\nvalue = 'known'"),
        asks("Compares Again", "value = 'known'"),
    ];
    insta::assert_snapshot!(lines(&run(&steps.concat(), "media = 'client'").0), @"
      OS  run   Key
                  sets Key = ********
      OS  run   Line
                  sets Line = ********
      OS  ?     Compares: `Line` is a secret; add `variables.Line` to give it a value
      OS  run   Is There
      OS  run   Again
                  sets Line = known
      OS  run   Compares Again
    the task sequence succeeds in full OS, after 0 restarts
    1 step may or may not run (?); the simulation continues without it
    ");
}

#[test]
fn what_is_expected_and_does_not_come_is_told() {
    let steps = format!("[[steps]]\n{}[[steps]]\n{}", command("A", ""), command("B", "disabled = true"));
    let facts = "media = 'client'\n[expect]\nresult = 'failure'\nruns = ['B', 'A']\nskips = ['A']\nfails = ['C']\n\
                 variables = { X = '1' }\nrestarts = 1\nends-in = 'windows-pe'\ndownloads = ['BER00021']\n";
    let unmet = run(&steps, facts).1;
    insta::assert_snapshot!(simulated::unmet("x", &unmet), @r"
    unmet  x: `result`: the task sequence succeeds
    unmet  x: `runs`: `B` is skipped: disabled
    unmet  x: `skips`: `A` runs
    unmet  x: `fails`: `C` is never reached
    unmet  x: `variables`: `X` is not set at the end, not `1`
    unmet  x: `restarts`: the computer restarts 0 times
    unmet  x: `ends-in`: the task sequence ends in full OS
    unmet  x: `downloads`: nothing comes from a distribution point
    ");
}

fn when(name: &str, condition: &str) -> String {
    format!("[[steps]]\n{}", command(name, &format!("condition = {condition}")))
}

#[test]
fn queries_are_answered_from_the_facts_or_are_unknown() {
    let wmi = |name: &str, query: &str| when(name, &format!("{{ wmi = \"{query}\" }}"));
    let steps = [
        wmi("Surface", "SELECT * FROM Win32_ComputerSystem WHERE Model LIKE '%Surface Pro [34]%'"),
        wmi("Dell", "select Model from win32_computersystem where manufacturer like '%Dell%' or model = 'x'"),
        wmi("BIOS", "SELECT * FROM Win32_BIOS WHERE SMBIOSBIOSVersion = '1.0'"),
        wmi("Battery", "SELECT * FROM Win32_Battery"),
        wmi("Graphics", "SELECT * FROM Win32_VideoController WHERE Name LIKE 'Contoso%'"),
        wmi("Printer", "SELECT * FROM Win32_Printer"),
        wmi("Virtual", "SELECT * FROM Win32_ComputerSystem WHERE HypervisorPresent = TRUE AND Model LIKE 'Surface%'"),
        wmi("No query", "SELECT Model FROM"),
    ];
    let facts = "media = 'bootable'\n[computer]\nmake = 'Microsoft Corporation'\nmodel = 'Surface Pro 3'\nbattery = true\n\
                 [[wmi]]\nclass = 'Win32_VideoController'\nrows = [{ Name = 'Fabrikam' }, { Name = 'Contoso X' }]\n\
                 [[wmi]]\nquery = 'select * from win32_printer'\nresult = false\n\
                 [[wmi]]\nclass = 'Win32_ComputerSystem'\nrows = [{ HypervisorPresent = true }]\n";
    insta::assert_snapshot!(lines(&run(&steps.concat(), facts).0), @"
      PE  run   Surface
      PE  skip  Dell: `select Model from win32_computersystem where manufacturer like '%Dell%' or model = 'x'` has no result
      PE  ?     BIOS: `Win32_BIOS.SMBIOSBIOSVersion` is not known; add `computer.bios.version`
      PE  run   Battery
      PE  run   Graphics
      PE  skip  Printer: `SELECT * FROM Win32_Printer` has no result
      PE  run   Virtual
      PE  ?     No query: can't parse the WMI query `SELECT Model FROM`: a class is missing before the end; add `[[wmi]]` with this `query` and its `result`
    the task sequence succeeds in Windows PE, after 0 restarts
    2 steps may or may not run (?); the simulation continues without them
    ");
}

#[test]
fn a_table_of_queries_is_still_taken() {
    let steps = [
        when("Known", "{ wmi = 'SELECT * FROM Win32_Fan' }"),
        when("Not", "{ wmi = 'SELECT * FROM Win32_Printer' }"),
        when("Unknown", "{ wmi = 'SELECT * FROM Win32_Disk' }"),
    ];
    let facts = "media = 'bootable'\n[wmi]\n'select * from Win32_Fan' = true\n'SELECT * FROM Win32_Printer' = false\n";
    insta::assert_snapshot!(lines(&run(&steps.concat(), facts).0), @r#"
      PE  run   Known
      PE  skip  Not: `SELECT * FROM Win32_Printer` has no result
      PE  ?     Unknown: the instances of `Win32_Disk` are not known; add `[[wmi]]` with `class = "Win32_Disk"` and its `rows`
    the task sequence succeeds in Windows PE, after 0 restarts
    1 step may or may not run (?); the simulation continues without it
    "#);
}

#[test]
fn read_only_variables_are_known_from_medium_run_and_steps_or_are_unknown() {
    let asks = |name: &str, test: &str| when(name, &format!("{{ variable = {test} }}"));
    let step = |kind: &str, name: &str, more: &str| format!("[[steps]]\ntype = '{kind}'\nname = '{name}'\n{more}\n");
    let steps = [
        asks("Stand-alone", "'_SMSTSPackageID', value = 'INMEM_TS'"),
        asks("Deployment", "'_SMSTSAdvertID', operator = 'exists'"),
        asks("Name", "'_SMSTSPackageName', value = 'S'"),
        asks("Model before", "'_SMSTSModel', operator = 'exists'"),
        asks("Log", "'_SMSTSLogPath', operator = 'exists'"),
        asks("Odd", "'_SMSTSOdd', operator = 'exists'"),
        asks("Not set", "'Role', value = 'x'"),
        asks("BIOS", "'_SMSTSBootUEFI', operator = 'not-equals', value = 'true'"),
        asks("BIOS or not", "'_SMSTSBootUEFI', operator = 'exists'"),
        step(
            "set-dynamic-variables",
            "Gather",
            "rules = [{ model = 'Laptop*', set = { Kind = 'laptop of %_SMSTSMake%' } }, { serial-number = '1', set = { Owner = 'me' } }]",
        ),
        asks("Model after", "'_SMSTSModel', operator = 'like', value = 'laptop*'"),
        asks("Serial", "'_SMSTSSerialNumber', value = '5'"),
        asks("Owner", "'Owner', value = 'you'"),
        asks("Perhaps mine", "'Owner', value = 'me'"),
        step(
            "check-readiness",
            "Readiness",
            "memory = 4096\nprocessor-speed = 1000\nuefi = true\ncontinue-on-error = true",
        ),
        asks("Memory", "'_TS_CRMEMORY', value = '1'"),
        asks("Speed", "'_TS_CRSPEED', value = '1'"),
        asks("Firmware", "'_TS_CRUEFI', value = '0'"),
        asks("Network", "'_TS_CRNETWORK', operator = 'exists'"),
        asks("Failed", "'_SMSTSLastActionSucceeded', value = 'true'"),
        step("set-variable", "Line", "variable = 'Line'\nvalue = '/serial:%_SMSTSSerialNumber%'"),
        asks("Has line", "'Line', operator = 'exists'"),
        asks("Which line", "'Line', value = '/serial:5'"),
        asks("Current", "'_SMSTSCurrentActionName', value = 'Has line'"),
    ];
    let facts =
        "media = 'stand-alone'\nfirmware = 'bios'\n[computer]\nmake = 'Contoso'\nmodel = 'Laptop 14'\nmemory = 8192\n";
    insta::assert_snapshot!(lines(&run(&steps.concat(), facts).0));
}

#[test]
fn files_registry_and_products_are_unknown_unless_facts_tell() {
    let steps = [
        when("There", "{ file = 'C:\\\\a.txt' }").replace("\\\\", "\\"),
        when("Not there", "{ file = 'C:\\\\b.txt' }").replace("\\\\", "\\"),
        when("Unknown", "{ file = 'C:\\\\c.txt' }").replace("\\\\", "\\"),
        when("Folder", "{ folder = '%_SMSTSLogPath%' }"),
    ];
    let facts = "media = 'client'\n[[file]]\npath = 'C:\\a.txt'\n[[file]]\npath = 'C:\\b.txt'\nexists = false\n";
    insta::assert_snapshot!(lines(&run(&steps.concat(), facts).0), @r"
      OS  run   There
      OS  skip  Not there: the file `C:\b.txt` does not exist or does not match
      OS  ?     Unknown: whether the file `C:\c.txt` exists is not known; add `[[file]]` with its `path`, and `exists = false` if it does not exist
      OS  ?     Folder: `_SMSTSLogPath` is not known; add `variables._SMSTSLogPath`
    the task sequence succeeds in full OS, after 0 restarts
    2 steps may or may not run (?); the simulation continues without them
    ");
}

#[test]
fn nothing_is_stated_or_expected_that_depends_on_a_step_that_is_not_known_to_run() {
    let steps = [
        "[[steps]]\ntype = 'group'\nname = 'Servers'\ncondition = { variable = '_SMSTSOrgName', value = 'Servers' }\n",
        "[[steps.steps]]\ntype = 'set-variable'\nname = 'Role'\nvariable = 'Role'\nvalue = 'server'\n",
        "[[steps.steps]]\ntype = 'restart-computer'\nname = 'Restart'\ntarget = 'hard-disk'\n",
        &when("Only servers", "{ variable = 'Role', value = 'server' }"),
        &format!("[[steps]]\n{}", command("All", "")),
        "[[steps]]\ntype = 'set-variable'\nname = 'Copy'\nvariable = 'Copy'\nvalue = 'of %Role%'\n",
    ];
    let facts = "media = 'client'\n[expect]\nresult = 'success'\nruns = ['All']\nskips = ['Only servers', 'Restart', 'Servers']\n\
                 restarts = 0\nends-in = 'full-os'\nvariables = { Role = '', Copy = 'of %Role%' }\n";
    let (trace, unmet) = run(&steps.concat(), facts);
    insta::assert_snapshot!(format!("{}\n{}", lines(&trace), simulated::unmet("x", &unmet)), @"
      OS  ?     Servers: `_SMSTSOrgName` is not known; add `variables._SMSTSOrgName`
      OS  ?     Only servers: depends on `Servers`, which may or may not run
      OS  run   All
      OS  run   Copy
                  sets Copy = of %Role%
                  depends on `Servers`, which may or may not run
    the task sequence succeeds in full OS, after 0 restarts
    1 step may or may not run (?); the simulation continues without it
      if `Servers` runs, the task sequence succeeds in full OS, after 1 restart

    unmet  x: `skips`: `Only servers` may or may not run: depends on `Servers`, which may or may not run
    unmet  x: `skips`: `Servers` may or may not run: `_SMSTSOrgName` is not known; add `variables._SMSTSOrgName`
    unmet  x: `variables`: `Copy` is not known at the end: `Copy` depends on `Servers`, which may or may not run
    unmet  x: `variables`: `Role` is not known at the end: `Role` depends on `Servers`, which may or may not run
    unmet  x: `skips`: if `Servers` runs, `Restart` runs; `_SMSTSOrgName` is not known; add `variables._SMSTSOrgName`
    unmet  x: `restarts`: if `Servers` runs, the computer restarts 1 times; `_SMSTSOrgName` is not known; add `variables._SMSTSOrgName`
    ");
    let known = facts.replace("[expect]", "variables = { _SMSTSOrgName = 'Laptops' }\n[expect]");
    assert_eq!(run(&steps.concat(), &known).1, []);
}

#[test]
fn programs_may_have_prepared_the_disk() {
    let steps = [
        "[[steps]]\n",
        &command("Diskpart", ""),
        "[[steps]]\ntype = 'apply-operating-system'\nname = 'Apply'\nimage = 'BER00010'\n",
        "[[steps]]\ntype = 'setup-windows'\nname = 'Setup'\nclient-package = 'BER00002'\n",
    ];
    insta::assert_snapshot!(lines(&run(&steps.concat(), "media = 'bootable'").0), @"
      PE  run   Diskpart
      PE  run   Apply
                  downloads BER00010
                  whether there is a formatted partition is not known; `Diskpart` may have done it
                  leaves OSDTargetSystemDrive unknown: the drive letter in `OSDTargetSystemDrive` is not known; add `sets` to its `[[step]]`
      PE  run   Setup
                  downloads BER00002
                  whether there is a partition to restart from is not known; `Diskpart` may have done it
                  restarts into full OS: into the new system
    the task sequence succeeds in full OS, after 1 restart
    ");
}

#[test]
fn an_exit_code_and_content_that_are_not_known_meet_no_expectation() {
    let steps = "[[steps]]\ntype = 'run-command-line'\nname = 'Exit'\ncommand-line = 'cmd /c exit %_SMSTSWTG%'\n\
                 [[steps]]\ntype = 'run-command-line'\nname = 'Load'\ncommand-line = 'x'\n\
                 [[steps]]\ntype = 'install-application'\nname = 'Application'\napplications = [{ id = '%_SMSTSMP%' }]\n";
    let facts = "media = 'client'\n[expect]\nresult = 'success'\ndownloads = []\n";
    let (trace, unmet) = run(steps, facts);
    insta::assert_snapshot!(format!("{}\n{}", lines(&trace), simulated::unmet("x", &unmet)), @"
      OS  run   Exit
                  the exit code is not known: `_SMSTSWTG` is not known; add `variables._SMSTSWTG`
      OS  run   Load
      OS  run   Application
                  the content `%_SMSTSMP%` is not known: `_SMSTSMP` is not known; add `variables._SMSTSMP`
    the task sequence succeeds in full OS, after 0 restarts

    unmet  x: `result`: `Exit`: the exit code is not known: `_SMSTSWTG` is not known; add `variables._SMSTSWTG`
    unmet  x: `downloads`: `Application`: the content `%_SMSTSMP%` is not known: `_SMSTSMP` is not known; add `variables._SMSTSMP`
    ");
}

#[test]
fn what_another_sequence_sets_is_unknown_unless_facts_tell() {
    let steps = [
        "[[steps]]\ntype = 'run-task-sequence'\nname = 'Child'\ntask-sequence = 'BER00050'\n",
        &when("Asks", "{ variable = 'Role', value = 'server' }"),
    ];
    insta::assert_snapshot!(lines(&run(&steps.concat(), "media = 'client'").0), @"
      OS  run   Child
                  the steps of the child task sequence are not run; add a `[[step]]` with what it `sets`
      OS  ?     Asks: `Role` is not known: `Child` may set it; add a `[[step]]` for `Child` with what it `sets`
    the task sequence succeeds in full OS, after 0 restarts
    1 step may or may not run (?); the simulation continues without it
    ");
    let facts = "media = 'client'\n[[step]]\nname = 'Child'\nsets = { Role = 'server' }\n";
    insta::assert_snapshot!(lines(&run(&steps.concat(), facts).0), @"
      OS  run   Child (exit code 0)
                  sets Role = server
      OS  run   Asks
    the task sequence succeeds in full OS, after 0 restarts
    ");
}
