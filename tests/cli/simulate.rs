//! `simulate`: runs of task sequences without a target, one by one and beside each other.

use insta::assert_snapshot;

use crate::desk::Desk;

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

fn desk() -> Desk {
    let desk = Desk::new();
    desk.put("deploy.toml", SEQUENCE);
    desk.put("facts/uefi.toml", "facts-version = 1\nmedia = \"stand-alone\"\n");
    desk.put(
        "facts/bios.toml",
        "facts-version = 1\nname = \"old BIOS\"\nmedia = \"bootable\"\nfirmware = \"bios\"\n\
         [[step]]\nname = \"Install VPN\"\nexit-codes = [1603]\n\
         [expect]\nresult = \"success\"\nfails = [\"Install VPN\"]\nskips = [\"Say that all is well\"]\n",
    );
    desk
}

#[test]
fn a_run_is_told_step_by_step_and_several_beside_each_other() {
    let desk = desk();
    let facts = "--facts facts/uefi.toml --facts facts/bios.toml";
    let mut seen = desk.see(&format!("simulate deploy.toml --site BER {facts}"));
    seen += &desk.see(&format!("simulate deploy.toml --site BER {facts} --matrix"));
    seen += &desk.see("simulate deploy.toml --site BER --facts facts/uefi.toml --json");
    assert_snapshot!(seen);
}

#[test]
fn what_is_expected_and_does_not_come_and_what_is_wrong_in_files_fails() {
    let desk = desk();
    let facts =
        "facts-version = 1\nmedia = \"stand-alone\"\n[expect]\nresult = \"failure\"\ndownloads = [\"BER00021\"]\n";
    desk.put("facts/wrong.toml", facts);
    let mut seen = desk.see("simulate deploy.toml --site BER --facts facts/wrong.toml --matrix");
    desk.put("facts/wrong.toml", "facts-version = 1\nmedia = \"standalone\"\n[[step]]\nnme = \"x\"\n");
    seen += &desk.see("simulate deploy.toml --site BER --facts facts/wrong.toml");
    seen += &desk.see("simulate deploy.toml --facts facts/uefi.toml");
    assert_snapshot!(seen);
}
