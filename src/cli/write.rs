//! `tsmedia write`: writes a finished medium to a USB stick.

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
    /// Finished medium with `format = "usb"`.
    medium: Utf8PathBuf,
    /// Stick: a whole disk such as `/dev/sdb`, or a file in place of one.
    device: Utf8PathBuf,
    /// Erase the data on the stick with this name, which the refusal prints.
    #[arg(long, value_name = "NAME")]
    erase: Option<String>,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    file_kind::expect_medium(&arguments.medium)?;
    let image = MediumFile::open(&arguments.medium)?;
    screen.warn_of_journal(&arguments.medium);
    let system = System::at("/");
    let target = DeviceTarget::find(&arguments.device, &system)?;
    image.check_target(&target)?;
    let mut refusals = target.refusals(image.len);
    let (mut contents, mut status, mut drive) = (None, None, None);
    if refusals.is_empty() {
        // Open exclusively before looking, so that no other process can change the stick between the check and the write.
        drive = if arguments.dry_run { None } else { Some(target.open(&system)?) };
        let found = screen
            .with_progress(&format!("examining {}", target.path), |progress| DriveContents::read(&target, progress))?;
        let found_standing = found.status(image.medium.as_ref(), image.n_partitions);
        refusals.extend(match &arguments.erase {
            Some(named) if *named != target.disk.title() => Some(DiskRefusal::OtherName { named: named.clone() }),
            None if found_standing == DriveStatus::Other => Some(DiskRefusal::HoldsData),
            _ => None,
        });
        (contents, status) = (Some(found), Some(found_standing));
    }
    let tell = |outcome: &report::WriteOutcome| report::json(&target, contents.as_ref(), status, outcome);
    let Some((status, contents)) = status.zip(contents.as_ref()).filter(|_| refusals.is_empty()) else {
        let line = format!("tsmedia write {} {}", arguments.medium, arguments.device);
        let errors: Vec<_> = refusals.iter().map(|refusal| report::refusal(refusal, &target, &line)).collect();
        if screen.json {
            errors.iter().for_each(|error| screen.print_error(error));
            screen.print_json(&tell(&report::WriteOutcome::Refused(refusals)))?;
        } else {
            screen.status_page(&report::target(&target, contents.as_ref()));
            errors.iter().for_each(|error| screen.print_error(error));
        }
        return Ok(Outcome::ProblemsFound);
    };
    if arguments.dry_run {
        return match screen.json {
            true => screen.print_json(&tell(&report::WriteOutcome::Planned)),
            false => screen.print_page(&report::intent(status, image.len, &target, contents)),
        };
    }
    let mut drive = match drive {
        Some(drive) => drive,
        None => target.open(&system)?,
    };
    // `Empty` still checks that the bytes it overwrites are zero, because a large stick was only sampled. With `--erase`,
    // the user accepted the loss, so `Whole` skips that.
    let how = match status {
        DriveStatus::Same | DriveStatus::OtherBuild => TransferMode::Differences,
        DriveStatus::Blank if arguments.erase.is_none() => TransferMode::Empty,
        DriveStatus::Blank | DriveStatus::Other => TransferMode::Whole,
    };
    let done = copy(&image, &target, &mut drive, how, screen)?;
    if screen.json {
        screen.print_json(&tell(&report::WriteOutcome::Done(done)))?;
    } else {
        screen.status(&report::done(&target, &done));
    }
    Ok(Outcome::Done)
}

/// Writes the medium, reads it back, and makes the stick bootable.
fn copy(
    image: &MediumFile,
    target: &DeviceTarget,
    drive: &mut OpenDrive,
    how: TransferMode,
    screen: &Screen,
) -> Result<TransferResult> {
    let mut transfer = Transfer::new(image, drive, &target.path, how)?;
    let done = screen
        .with_progress(&format!("writing {}", target.path), |progress| transfer.write(progress))
        .and_then(|()| {
            screen.with_progress(&format!("reading back {}", target.path), |progress| transfer.check(progress))
        })
        .and_then(|()| transfer.finish());
    done.map_err(|error| if transfer.is_begun() { unfinished(target, how, error) } else { error })
}

/// Returns the error for a write that failed or was interrupted after the first byte.
fn unfinished(target: &DeviceTarget, how: TransferMode, error: Error) -> Error {
    let has_advice = error.advice().is_some();
    let path = &target.path;
    let lost = if how == TransferMode::Empty { "" } else { "; its previous data is lost" };
    let failed = Error::new(format!("`{path}` is incomplete and not bootable{lost}"));
    let failed = failed.because(error);
    if has_advice { failed } else { failed.help("write the medium again before you use the stick") }
}
