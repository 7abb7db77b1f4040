//! Conversion of the toolkit's steps for disks and BitLocker.

use crate::{Step, Values};

use super::context::ConvertedStep;
use super::draft::{Draft, table, table_keys};
use super::toolkit_step::ToolkitStep;

/// Maximum number of partitions of a GPT disk.
const MAX_PARTITIONS: usize = 128;
/// Types of partitions that are not formatted.
const UNFORMATTED: [&str; 2] = ["msr", "extended"];

/// Converts a step to Format and Partition Disk.
pub fn partition(source: &ToolkitStep) -> Option<ConvertedStep> {
    let keys = table_keys("partition-disk", "partitions");
    let partitions: Vec<Values> = (0..MAX_PARTITIONS).map_while(|number| read_partition(source, number)).collect();
    if partitions.is_empty() {
        return default_layout(source, keys);
    }
    let style = source.variable("OSDPartitionStyle");
    let draft = Draft::new("partition-disk")?
        .set("disk", source.variable("OSDDiskIndex").unwrap_or_default())
        .set("style", style.unwrap_or("MBR"))
        .tables("partitions", partitions);
    let outcome = ConvertedStep::converted([draft.step(&source.name, &source.description)]);
    Some(match style {
        Some(_) => outcome,
        None => outcome.todo("check `style`: the step names no partition style"),
    })
}

fn read_partition(source: &ToolkitStep, number: usize) -> Option<Values> {
    let value = |name: &str| source.variable(&format!("OSDPartitions{number}{name}"));
    let kind = value("Type")?.to_lowercase();
    let mut pairs = vec![("type", kind.as_str())];
    // A partition that takes the remaining space has 100 percent, or no size.
    pairs.extend(value("Size").map(|size| ("size", size)));
    pairs.extend(value("SizeUnits").filter(|_| value("Size").is_some()).map(|unit| ("size-unit", unit)));
    if !UNFORMATTED.contains(&kind.as_str()) {
        pairs.extend(value("FileSystem").map(|system| ("file-system", system)));
        pairs.extend(value("VolumeName").map(|name| ("name", name)));
        pairs.extend(
            value("QuickFormat").filter(|quick| quick.eq_ignore_ascii_case("false")).map(|_| ("quick-format", "false")),
        );
        pairs.extend(value("VolumeLetterVariable").map(|variable| ("variable", variable)));
    }
    let is_boot = value("Bootable").is_some_and(|boot| boot.eq_ignore_ascii_case("true"));
    if is_boot && source.variable("OSDPartitionStyle").is_none_or(|style| style.eq_ignore_ascii_case("MBR")) {
        pairs.push(("boot", "true"));
    }
    Some(table(table_keys("partition-disk", "partitions"), &pairs))
}

/// Creates the default layouts of the toolkit for UEFI and BIOS.
fn default_layout(source: &ToolkitStep, keys: &'static [crate::catalog::Key]) -> Option<ConvertedStep> {
    use crate::condition::{Condition, Operator, Test};
    let windows = [("type", "primary"), ("file-system", "ntfs"), ("name", "Windows"), ("variable", "OSDisk")];
    let one = |pairs: &[(&str, &str)]| table(keys, pairs);
    let efi = [("type", "efi"), ("file-system", "fat32"), ("size", "499"), ("name", "Boot")];
    let boot = [("type", "primary"), ("file-system", "ntfs"), ("size", "499"), ("name", "Boot"), ("boot", "true")];
    let layout = |style: &str, name: &str, is_uefi: &str, partitions: Vec<Values>| -> Option<Step> {
        let draft = Draft::new("partition-disk")?.set("style", style).tables("partitions", partitions);
        let mut step = draft.step(&format!("{} ({name})", source.name), &source.description);
        let (variable, value) = ("_SMSTSBootUEFI".to_owned(), is_uefi.to_owned());
        step.condition = Some(Condition::Test(Test::Variable { name: variable, operator: Operator::Equals, value }));
        Some(step)
    };
    let uefi = layout("gpt", "UEFI", "true", vec![one(&efi), one(&[("type", "msr"), ("size", "128")]), one(&windows)])?;
    let bios = layout("mbr", "BIOS", "false", vec![one(&boot), one(&windows)])?;
    Some(ConvertedStep::converted([uefi, bios]).todo("check the two layouts: the step lists no partitions"))
}

/// Converts a step to Enable BitLocker, or to Pre-provision BitLocker in Windows PE.
pub fn bitlocker(source: &ToolkitStep, in_windows_pe: bool) -> Option<ConvertedStep> {
    if in_windows_pe {
        return Some(ConvertedStep::converted([
            Draft::new("pre-provision-bitlocker")?.step(&source.name, &source.description)
        ]));
    }
    let mode = source.variable("OSDBitLockerMode").unwrap_or("TPM");
    let draft = Draft::new("enable-bitlocker")?
        .set("mode", mode)
        .set("drive", source.variable("OSDBitLockerTargetDrive").unwrap_or_default())
        .set("recovery-key", source.variable("OSDBitLockerCreateRecoveryPassword").unwrap_or_default())
        .set("wait", source.variable("OSDBitLockerWaitForEncryption").unwrap_or_default());
    // The toolkit stores the PIN in the sequence. It is replaced by a reference.
    let draft = if mode.eq_ignore_ascii_case("TPMPin") { draft.secret("pin", "BITLOCKER_PIN") } else { draft };
    Some(ConvertedStep::converted([draft.step(&source.name, &source.description)]))
}
