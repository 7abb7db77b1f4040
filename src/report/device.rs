//! Formats the stick that `write` is given: its contents, the reasons to refuse it, and the result.

use serde_json::{Value as Json, json};

use super::Page;
use crate::device::{
    DeviceTarget, DeviceUse, DiskRefusal, DriveContents, DrivePartition, DriveStatus, SearchExtent, TransferResult,
    UsageSign, UseKind,
};
use crate::error::Error;
use crate::format::file_system::FileSystem;
use crate::output::lists::MediumToml;
use crate::rule::Rule;
use crate::size::Size;

/// Maximum number of foreign files listed.
const MAX_FOREIGN: usize = 5;

/// Formats the name, size and contents of a disk.
pub fn target(target: &DeviceTarget, contents: Option<&DriveContents>) -> Page {
    let disk = &target.disk;
    let nameless = if target.is_device { "a disk without a model name" } else { "a file in place of a disk" };
    let mut words = vec![if disk.model.is_empty() { nameless } else { &disk.model }.to_owned()];
    words.extend(disk.serial.iter().map(|serial| format!("serial {serial}")));
    words.push(Size(disk.len).to_string());
    let mut page = Page::of_line(format!("`{}`: {}", target.path, words.join(", ")));
    let Some(contents) = contents else { return page };
    if contents.is_blank {
        page.line(format!("  it {}", emptiness(contents.looked)));
        return page;
    }
    if let Some(medium) = &contents.medium {
        page.line(format!("  it contains {}", medium_description(medium)));
    }
    for held in &contents.volumes {
        page.line(format!("  {}", volume(held)));
    }
    for UsageSign { what, at } in &contents.signs {
        page.line(format!("  outside partitions: {what}, at byte {at}"));
    }
    if let Some(at) = contents.first_data {
        page.line(format!("  unknown data from byte {at}"));
    }
    let n_more = contents.foreign.len().saturating_sub(MAX_FOREIGN);
    if !contents.foreign.is_empty() {
        let named = contents.foreign.iter().take(MAX_FOREIGN).map(|path| format!("`{path}`"));
        let more = if n_more > 0 { format!(", and {n_more} more") } else { String::new() };
        page.line(format!("  files that are not part of the medium: {}{more}", named.collect::<Vec<_>>().join(", ")));
    }
    page
}

/// States that a drive is empty, and how thoroughly it was checked.
fn emptiness(looked: SearchExtent) -> String {
    match looked {
        SearchExtent::Sample { end_len, n_places } => format!(
            "seems to be empty: {} at both ends and {n_places} samples in between are zero; the rest is checked before \
             it is overwritten",
            Size(end_len)
        ),
        SearchExtent::All | SearchExtent::Enough => "is empty".into(),
    }
}

fn volume(held: &DrivePartition) -> String {
    let what = match held.file_system {
        FileSystem::Empty => "no file system".to_owned(),
        FileSystem::Unknown => "unknown file system".to_owned(),
        known => known.to_string(),
    };
    let label = held.label.as_ref().map_or_else(String::new, |label| format!(" `{label}`"));
    match held.number {
        Some(number) => format!("partition {number}: {what}{label}, {}", Size(held.place.len)),
        None => format!("no partitions: {what}{label}"),
    }
}

fn medium_description(medium: &MediumToml) -> String {
    let value =
        |wanted: &str| medium.description.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
    let site = value("site").map_or_else(String::new, |site| format!(" for the site `{site}`"));
    format!("the medium `{}`{site}, labelled `{}`", value("name").unwrap_or_default(), medium.label)
}

/// Returns the error for a refused disk. `line` is the command line, for help that can be typed.
pub fn refusal(refusal: &DiskRefusal, target: &DeviceTarget, line: &str) -> Error {
    let (why, help) = refusal_text(refusal, target, line);
    let rule = refusal.rule().map_or_else(String::new, |rule| format!(" [{rule}]"));
    Error::new(format!("can't write to `{}`: {why}{rule}", target.path)).help(help)
}

fn refusal_text(refusal: &DiskRefusal, target: &DeviceTarget, line: &str) -> (String, String) {
    let list = "choose a USB stick; `lsblk` lists the disks";
    match refusal {
        DiskRefusal::Empty => ("no card is inserted".into(), "insert one".into()),
        DiskRefusal::System(at) => (format!("it contains `{at}` of the running system"), list.into()),
        DiskRefusal::Used(DeviceUse { name, by: UseKind::Mount(at) }) => {
            (format!("`{name}` is mounted at `{at}`"), format!("unmount it: `umount '{at}'`"))
        }
        DiskRefusal::Used(DeviceUse { name, by: UseKind::Swap }) => {
            (format!("`{name}` is used for swap"), format!("turn swap off: `swapoff /dev/{name}`"))
        }
        DiskRefusal::Used(DeviceUse { name, by: UseKind::Device(by, mapped) }) => {
            let mapped = mapped.as_ref().map_or_else(String::new, |mapped| format!(" (`{mapped}`)"));
            let help = "close it first, with `cryptsetup close`, `vgchange -an`, `mdadm --stop` or `dmsetup remove`";
            (format!("`{name}` is used by `{by}`{mapped}"), help.into())
        }
        DiskRefusal::NotRemovable => ("it is neither removable nor connected by USB".into(), list.into()),
        DiskRefusal::ReadOnly => (
            "it is write-protected".into(),
            "check the switch of the stick or card; a worn-out one stays read-only".into(),
        ),
        DiskRefusal::OtherSectors(len) => (
            format!("its sectors have {len} bytes, but media need sectors of 512 bytes"),
            "use another stick; most have sectors of 512 bytes".into(),
        ),
        DiskRefusal::TooSmall { len, needed } => (
            format!("its size is {len}, but the medium needs {needed}"),
            "use a larger stick, or set `capacity` in `[output]` to limit the size of the medium".into(),
        ),
        DiskRefusal::OtherName { named } => (
            format!("its name is `{}`, but `--erase` names `{named}`", target.disk.title()),
            "check that this is the right stick; device paths change when sticks are plugged in".into(),
        ),
        DiskRefusal::HoldsData => (
            "it contains other data, which would be lost".into(),
            format!("to erase all of it, run `{line} --erase {}`", target.disk.title()),
        ),
    }
}

/// Describes what would be written to the disk.
pub fn intent(status: DriveStatus, len: u64, target: &DeviceTarget, contents: &DriveContents) -> Page {
    let len = Size(len);
    Page::of_line(match status {
        DriveStatus::Blank => {
            format!("would write {len} to `{}`, which {}", target.path, emptiness(contents.looked))
        }
        DriveStatus::Same | DriveStatus::OtherBuild => {
            format!("would write the differences to `{}`, which already contains the medium ({len})", target.path)
        }
        DriveStatus::Other => format!("would write {len} to `{}`, and erase its data", target.path),
    })
}

/// Returns the result in one line.
pub fn done(target: &DeviceTarget, done: &TransferResult) -> String {
    let (path, written, kept) = (&target.path, Size(done.n_written), Size(done.n_kept));
    match done {
        TransferResult { n_written: 0, .. } => format!("kept      {path}: all {kept} are up to date"),
        TransferResult { n_kept: 0, .. } => format!("written   {path}: {written}, verified by reading back"),
        _ => format!("written   {path}: {written}, verified by reading back; {kept} were up to date"),
    }
}

/// Returns the disk, its contents and the outcome as JSON.
pub fn json(
    target: &DeviceTarget,
    contents: Option<&DriveContents>,
    status: Option<DriveStatus>,
    outcome: &WriteOutcome,
) -> Json {
    let disk = &target.disk;
    let holds = contents.map(|contents| {
        let volume = |held: &DrivePartition| {
            json!({
                "partition": held.number,
                "offset": held.place.offset,
                "len": held.place.len,
                "file-system": held.file_system.to_string(),
                "label": held.label,
            })
        };
        json!({
            "volumes": contents.volumes.iter().map(volume).collect::<Vec<_>>(),
            "signs": contents.signs.iter().map(|sign| json!({ "what": sign.what, "offset": sign.at })).collect::<Vec<_>>(),
            "first-data": contents.first_data,
            "looked-at": match contents.looked {
                SearchExtent::Enough => "enough",
                SearchExtent::All => "all",
                SearchExtent::Sample { .. } => "sample",
            },
            "medium": contents.medium.as_ref().map(|medium| medium.id.to_string()),
            "other-files": contents.foreign,
        })
    });
    let status = status.map(|status| match status {
        DriveStatus::Blank => "blank",
        DriveStatus::Same => "same",
        DriveStatus::OtherBuild => "other-build",
        DriveStatus::Other => "other",
    });
    let (written, kept) = match outcome {
        WriteOutcome::Done(done) => (Some(done.n_written), Some(done.n_kept)),
        _ => (None, None),
    };
    let refusals = match outcome {
        WriteOutcome::Refused(refusals) => refusals.iter().map(|refusal| refusal_json(refusal, target)).collect(),
        _ => Vec::new(),
    };
    let stick = json!({
        "device": {
            "path": target.path,
            "name": disk.title(),
            "model": disk.model,
            "serial": disk.serial,
            "len": disk.len,
        },
        "holds": holds,
        "standing": status,
        "refusals": refusals,
        "written": written,
        "kept": kept,
    });
    json!({ "stick": stick })
}

/// Outcome of writing a medium to a stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Dry run; nothing was written.
    Planned,
    /// Refused for these reasons; nothing was written.
    Refused(Vec<DiskRefusal>),
    /// Written and verified.
    Done(TransferResult),
}

fn refusal_json(refusal: &DiskRefusal, target: &DeviceTarget) -> Json {
    let kind = match refusal {
        DiskRefusal::Empty => "empty",
        DiskRefusal::System(_) => "system",
        DiskRefusal::Used(DeviceUse { by: UseKind::Mount(_), .. }) => "mounted",
        DiskRefusal::Used(DeviceUse { by: UseKind::Swap, .. }) => "swap",
        DiskRefusal::Used(DeviceUse { by: UseKind::Device(..), .. }) => "in-use",
        DiskRefusal::NotRemovable => "not-removable",
        DiskRefusal::ReadOnly => "read-only",
        DiskRefusal::OtherSectors(_) => "other-sectors",
        DiskRefusal::TooSmall { .. } => "too-small",
        DiskRefusal::OtherName { .. } => "other-name",
        DiskRefusal::HoldsData => "holds-data",
    };
    json!({ "refusal": kind, "rule": refusal.rule().map(Rule::slug), "rule-number": refusal.rule().map(Rule::code), "message": refusal_text(refusal, target, "").0 })
}

#[cfg(test)]
mod tests;
