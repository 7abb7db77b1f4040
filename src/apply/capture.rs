//! Captures WIM files, and adopts finished ones into the record and the cache.
//!
//! A captured WIM file does not describe its sources. It is identified by its entry in the cache, or by the recorded
//! GUID and length.

use std::fs::File;
use std::io::Read;

use camino::Utf8Path;

use super::{ApplyRun, unchanged};
use crate::capture::{self, Captured, ImageDescription, SourceOptions};
use crate::content::Stat;
use crate::error::{Error, ErrorKind, Result};
use crate::format::fat::CodePage;
use crate::output::WIM_MAGIC;
use crate::record::RecordedCapture;
use crate::target::{CaptureRequest, CaptureSource, Target};
use crate::write::open;

/// Captures a WIM file and records it.
pub(super) fn make(run: &mut ApplyRun, target: &Target, request: &CaptureRequest) -> Result<Captured> {
    // After this, changes show even on a file system with a coarse clock.
    run.store.wait_past(request.newest_ns());
    let mut request = request.refresh().map_err(|error| {
        Error::new(format!("looking at the sources of `{}`", target.name)).because(error).help("try again")
    })?;
    let options = |source: &CaptureSource| SourceOptions {
        path: source.path.clone(),
        name: source.name.clone(),
        partitions: source.partitions.clone(),
        references: source.references.clone(),
    };
    let sources: Vec<_> = request.sources.iter().map(options).collect();
    let table = &request.table;
    let captured = capture::capture(
        &capture::CaptureJob {
            sources: &sources,
            target: &target.path,
            about: ImageDescription {
                description: table.description.clone(),
                created_by: table.created_by.clone(),
                version: table.version.clone(),
            },
            packing: request.packing,
            n_threads: 0,
            exclusions: request.exclusions.exclusions(),
            placeholders: table.placeholders,
            oem_code_page: CodePage::new(table.oem_code_page).unwrap_or_default(),
            with_check: table.check,
            strict: table.strict,
            date: request.date,
            existing: capture::IfExists::Replace,
            update_from: request.update_from.as_ref().map(|source| source.path.as_path()),
            sysfs: run.work.sysfs,
            disk: run.work.options.disk.clone(),
        },
        run.progress,
    )?;
    // Leaving out a volume makes the capture out of date, so that it is repeated until nothing is left out.
    let incomplete: Vec<_> = captured.unreadable().map(|skipped| skipped.source.as_str()).collect();
    if !incomplete.is_empty() {
        request.description.insert("left out".into(), incomplete.join(", "));
    }
    remember(run, target, &request, captured.stat)?;
    Ok(captured)
}

/// Adopts a finished WIM file into the record and the cache. Returns `false` if nothing changed. `looked` is its
/// metadata when it was found to be up to date.
pub(super) fn keep(
    run: &mut ApplyRun,
    target: &Target,
    request: &CaptureRequest,
    looked: Option<Stat>,
) -> Result<bool> {
    let stat = unchanged(&target.path, looked)?;
    let is_known = run.store.finished(&target.name) == Some((stat, request.local_id(), None));
    if is_known && run.record.capture(&target.name).is_some_and(|recorded| recorded.values == target.values) {
        return Ok(false);
    }
    remember(run, target, request, stat)?;
    Ok(true)
}

fn remember(run: &mut ApplyRun, target: &Target, request: &CaptureRequest, stat: Stat) -> Result<()> {
    let Some((guid, _)) = guid_at(&target.path).filter(|(_, found)| *found == stat) else {
        return Err(Error::new(format!("another process modified `{}`", target.path))
            .with_kind(ErrorKind::Stale)
            .help("try again"));
    };
    run.record.put_capture(RecordedCapture::new(target, request, guid, stat.len));
    run.store.remember_finished(&target.name, stat, request.local_id(), None);
    Ok(())
}

fn guid_at(path: &Utf8Path) -> Option<(String, Stat)> {
    let mut file = open::open_to_inspect(path).ok()?;
    Some((guid(&mut file)?, Stat::from_metadata(&file.metadata().ok()?)))
}

/// Reads the GUID of a WIM file as hexadecimal digits. `None` if it is not a WIM file.
pub(super) fn guid(file: &mut File) -> Option<String> {
    /// Range of the GUID in the header, after the magic and four numbers.
    const GUID: std::ops::Range<usize> = 0x18..0x28;
    let mut header = [0; GUID.end];
    file.read_exact(&mut header).ok()?;
    header.starts_with(WIM_MAGIC).then(|| header[GUID].iter().map(|byte| format!("{byte:02x}")).collect())
}
