//! Putting a medium on a stick: what the stick is, what it holds, why it is left as it is, and what was done.

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

/// How many files that are not the medium's are named.
const MAX_FOREIGN: usize = 5;

/// What a disk is and what it holds, in lines.
pub fn target(target: &DeviceTarget, contents: Option<&DriveContents>) -> Page {
    let disk = &target.disk;
    let nameless = if target.is_device { "a disk that does not say what it is" } else { "a file in place of a disk" };
    let mut words = vec![if disk.model.is_empty() { nameless } else { &disk.model }.to_owned()];
    words.extend(disk.serial.iter().map(|serial| format!("serial {serial}")));
    words.push(Size(disk.len).to_string());
    let mut page = Page::of_line(format!("`{}`: {}", target.path, words.join(", ")));
    let Some(contents) = contents else { return page };
    if contents.is_blank {
        page.line(format!("  it {}", nothing(contents.looked)));
        return page;
    }
    if let Some(medium) = &contents.medium {
        page.line(format!("  it holds {}", medium_words(medium)));
    }
    for held in &contents.volumes {
        page.line(format!("  {}", volume(held)));
    }
    for UsageSign { what, at } in &contents.signs {
        page.line(format!("  outside of partitions: {what}, at byte {at}"));
    }
    if let Some(at) = contents.first_data {
        page.line(format!("  unknown data, from byte {at} on"));
    }
    let n_more = contents.foreign.len().saturating_sub(MAX_FOREIGN);
    if !contents.foreign.is_empty() {
        let named = contents.foreign.iter().take(MAX_FOREIGN).map(|path| format!("`{path}`"));
        let more = if n_more > 0 { format!(", and {n_more} more") } else { String::new() };
        page.line(format!("  not of that medium: {}{more}", named.collect::<Vec<_>>().join(", ")));
    }
    page
}

/// That a drive is empty, as far as that is known.
fn nothing(looked: SearchExtent) -> String {
    match looked {
        SearchExtent::Sample { end_len, n_places } => format!(
            "seems to hold nothing: {} at both ends and {n_places} places between are zero, and the rest is looked at \
             before it is written over",
            Size(end_len)
        ),
        SearchExtent::All | SearchExtent::Enough => "holds nothing".into(),
    }
}

fn volume(held: &DrivePartition) -> String {
    let what = match held.file_system {
        FileSystem::Empty => "no file system".to_owned(),
        FileSystem::Unknown => "something unknown".to_owned(),
        known => known.to_string(),
    };
    let label = held.label.as_ref().map_or_else(String::new, |label| format!(" `{label}`"));
    match held.number {
        Some(number) => format!("partition {number}: {what}{label}, {}", Size(held.place.len)),
        None => format!("no partitions: {what}{label}"),
    }
}

fn medium_words(medium: &MediumToml) -> String {
    let said = |wanted: &str| medium.description.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
    let site = said("site").map_or_else(String::new, |site| format!(" for the site `{site}`"));
    format!("the medium `{}`{site}, labelled `{}`", said("name").unwrap_or_default(), medium.label)
}

/// Why a medium is not put on a disk, with the way out. `line` is what was typed.
pub fn refusal(refusal: &DiskRefusal, target: &DeviceTarget, line: &str) -> Error {
    let (why, help) = words(refusal, target, line);
    let rule = refusal.rule().map_or_else(String::new, |rule| format!(" [{rule}]"));
    Error::new(format!("`{}` is left as it is: {why}{rule}", target.path)).help(help)
}

fn words(refusal: &DiskRefusal, target: &DeviceTarget, line: &str) -> (String, String) {
    let list = "give a stick; `lsblk` lists the disks that there are";
    match refusal {
        DiskRefusal::Empty => ("there is no card in it".into(), "put one in".into()),
        DiskRefusal::System(at) => (format!("`{at}` is on it, this computer runs from it"), list.into()),
        DiskRefusal::Used(DeviceUse { name, by: UseKind::Mount(at) }) => {
            (format!("`{name}` is mounted at `{at}`"), format!("unmount it: `umount '{at}'`"))
        }
        DiskRefusal::Used(DeviceUse { name, by: UseKind::Swap }) => {
            (format!("memory is swapped to `{name}`"), format!("end that: `swapoff /dev/{name}`"))
        }
        DiskRefusal::Used(DeviceUse { name, by: UseKind::Device(by, mapped) }) => {
            let mapped = mapped.as_ref().map_or_else(String::new, |mapped| format!(" (`{mapped}`)"));
            let help =
                "close what is made of it: `cryptsetup close`, `vgchange -an`, `mdadm --stop` or `dmsetup remove`";
            (format!("`{by}`{mapped} is made of `{name}`"), help.into())
        }
        DiskRefusal::NotRemovable => ("it is neither a removable disk nor one on USB".into(), list.into()),
        DiskRefusal::ReadOnly => (
            "it takes no writes".into(),
            "some sticks and most cards have a switch for that; a worn out one stays so".into(),
        ),
        DiskRefusal::OtherSectors(len) => (
            format!("its sectors have {len} bytes, and media are made for sectors of 512"),
            "take another stick: few have such sectors".into(),
        ),
        DiskRefusal::TooSmall { len, needed } => (
            format!("it holds {len}, and the medium takes {needed}"),
            "take a larger one, or give `[output]` a `capacity` that the medium is to fit in".into(),
        ),
        DiskRefusal::OtherName { named } => (
            format!("it is `{}`, and `--erase` names `{named}`", target.disk.title()),
            "another stick may have its place by now; see which one is meant".into(),
        ),
        DiskRefusal::HoldsData => (
            "what it holds would be lost".into(),
            format!("to erase all of it: `{line} --erase {}`", target.disk.title()),
        ),
    }
}

/// What would be done, for people.
pub fn intent(status: DriveStatus, len: u64, target: &DeviceTarget, contents: &DriveContents) -> Page {
    let len = Size(len);
    Page::of_line(match status {
        DriveStatus::Blank => {
            format!("{len} would be written to `{}`, which {}", target.path, nothing(contents.looked))
        }
        DriveStatus::Same | DriveStatus::OtherBuild => {
            format!("what differs of {len} would be written to `{}`, which holds the medium already", target.path)
        }
        DriveStatus::Other => format!("{len} would be written to `{}`, and what it holds would be lost", target.path),
    })
}

/// What was done, in a line.
pub fn done(target: &DeviceTarget, done: &TransferResult) -> String {
    let (path, written, kept) = (&target.path, Size(done.n_written), Size(done.n_kept));
    match done {
        TransferResult { n_written: 0, .. } => format!("kept      {path}: all {kept} were there already"),
        TransferResult { n_kept: 0, .. } => format!("written   {path}: {written}, read back and found right"),
        _ => format!("written   {path}: {written}, read back and found right; {kept} needed no writing"),
    }
}

/// All of it as data.
pub fn json(
    target: &DeviceTarget,
    contents: Option<&DriveContents>,
    status: Option<DriveStatus>,
    outcome: &Outcome,
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
        Outcome::Done(done) => (Some(done.n_written), Some(done.n_kept)),
        _ => (None, None),
    };
    let refusals = match outcome {
        Outcome::Refused(refusals) => refusals.iter().map(|refusal| refusal_json(refusal, target)).collect(),
        _ => Vec::new(),
    };
    json!({
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
    })
}

/// How putting a medium on a stick ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not to be done.
    Planned,
    /// It was not done, and why.
    Refused(Vec<DiskRefusal>),
    /// It was done.
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
    json!({ "refusal": kind, "rule": refusal.rule().map(Rule::slug), "rule-number": refusal.rule().map(Rule::code), "message": words(refusal, target, "").0 })
}

#[cfg(test)]
mod tests;
