//! `tsmedia write`: puts a finished medium on a stick.

use camino::Utf8PathBuf;
use clap::Args;

use super::Outcome;
use super::file_kind;
use super::screen::Screen;
use crate::device::{
    DeviceTarget, DiskRefusal, DriveContents, DriveStatus, MediumFile, OpenDrive, System, Transfer, TransferMode,
    TransferResult,
};
use crate::error::{Error, Result};
use crate::report::device as report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A finished medium with `format = "usb"`.
    medium: Utf8PathBuf,
    /// The stick: a whole disk such as `/dev/sdb`, or a file that stands for one.
    device: Utf8PathBuf,
    /// Erase what the stick holds, if this is its name; a refusal says the name.
    #[arg(long, value_name = "NAME")]
    erase: Option<String>,
    /// Say what would be done, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    file_kind::expect_medium(&arguments.medium)?;
    let image = MediumFile::open(&arguments.medium)?;
    screen.tell_of_journal(&arguments.medium);
    let system = System::at("/");
    let target = DeviceTarget::find(&arguments.device, &system)?;
    image.check_target(&target)?;
    let mut refusals = target.refusals(image.len);
    let (mut contents, mut status, mut drive) = (None, None, None);
    if refusals.is_empty() {
        // What is looked at is what is written to: nobody else writes to it from here on.
        drive = if arguments.dry_run { None } else { Some(target.open(&system)?) };
        let found =
            screen.watch(&format!("looking at {}", target.path), |progress| DriveContents::read(&target, progress))?;
        let found_standing = found.status(image.medium.as_ref(), image.n_partitions);
        refusals.extend(match &arguments.erase {
            Some(named) if *named != target.disk.title() => Some(DiskRefusal::OtherName { named: named.clone() }),
            None if found_standing == DriveStatus::Other => Some(DiskRefusal::HoldsData),
            _ => None,
        });
        (contents, status) = (Some(found), Some(found_standing));
    }
    let tell = |outcome: &report::Outcome| report::json(&target, contents.as_ref(), status, outcome);
    let Some((status, contents)) = status.zip(contents.as_ref()).filter(|_| refusals.is_empty()) else {
        if screen.json {
            screen.json(&tell(&report::Outcome::Refused(refusals)))?;
        } else {
            screen.say_page(&report::target(&target, contents.as_ref()));
            let line = format!("tsmedia write {} {}", arguments.medium, arguments.device);
            refusals.iter().for_each(|refusal| screen.error(&report::refusal(refusal, &target, &line)));
        }
        return Ok(Outcome::Wrong);
    };
    if arguments.dry_run {
        return match screen.json {
            true => screen.json(&tell(&report::Outcome::Planned)),
            false => screen.data(&report::intent(status, image.len, &target, contents)),
        };
    }
    let mut drive = match drive {
        Some(drive) => drive,
        None => target.open(&system)?,
    };
    let how = match status {
        DriveStatus::Same | DriveStatus::OtherBuild => TransferMode::Differences,
        DriveStatus::Blank if arguments.erase.is_none() => TransferMode::Empty,
        DriveStatus::Blank | DriveStatus::Other => TransferMode::Whole,
    };
    let done = copy(&image, &target, &mut drive, how, screen)?;
    if screen.json {
        screen.json(&tell(&report::Outcome::Done(done)))?;
    } else {
        screen.say(&report::done(&target, &done));
    }
    Ok(Outcome::Done)
}

/// Writes, reads back, and makes the stick bootable.
fn copy(
    image: &MediumFile,
    target: &DeviceTarget,
    drive: &mut OpenDrive,
    how: TransferMode,
    screen: &Screen,
) -> Result<TransferResult> {
    let mut transfer = Transfer::new(image, drive, &target.path, how)?;
    let done = screen
        .watch(&format!("writing {}", target.path), |progress| transfer.write(progress))
        .and_then(|()| screen.watch(&format!("reading back {}", target.path), |progress| transfer.check(progress)))
        .and_then(|()| transfer.finish());
    done.map_err(|error| if transfer.is_begun() { unfinished(target, how, error) } else { error })
}

/// What is said when it went wrong, or was ended, after the first byte.
fn unfinished(target: &DeviceTarget, how: TransferMode, error: Error) -> Error {
    let has_advice = error.advice().is_some();
    let path = &target.path;
    let lost = if how == TransferMode::Empty { "" } else { ", and what it held is lost" };
    let failed = Error::new(format!("`{path}` is unfinished: nothing starts from it{lost}"));
    let failed = failed.because(error);
    if has_advice { failed } else { failed.help("write it again before it is used") }
}
