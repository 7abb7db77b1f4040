//! Capturing WIM files, and taking finished ones into record and cache.
//!
//! A captured WIM file says nothing of what it was made of. It is known by what the cache remembers of it, or by the GUID
//! and the length that are recorded.

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
    // What changes from now on shows, also where the clock of the file system is coarse.
    run.store.wait_past(request.newest_ns());
    let mut request = request.refresh().map_err(|error| {
        Error::new(format!("looking at the sources of `{}`", target.name)).because(error).help("run it again")
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
    // What is incomplete is out of date: it is captured again until nothing is left out.
    let incomplete: Vec<_> = captured.unreadable().map(|skipped| skipped.source.as_str()).collect();
    if !incomplete.is_empty() {
        request.description.insert("left out".into(), incomplete.join(", "));
    }
    remember(run, target, &request, captured.stat)?;
    Ok(captured)
}

/// Records a finished WIM file and takes it into the cache; `false` if it was there. `looked` is what the file system
/// said of it when it was found to be as it should be.
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
        return Err(Error::new(format!("another process wrote `{}` meanwhile", target.path))
            .with_kind(ErrorKind::Stale)
            .help("run it again"));
    };
    run.record.put_capture(RecordedCapture::new(target, request, guid, stat.len));
    run.store.remember_finished(&target.name, stat, request.local_id(), None);
    Ok(())
}

fn guid_at(path: &Utf8Path) -> Option<(String, Stat)> {
    let mut file = open::open_to_inspect(path).ok()?;
    Some((guid(&mut file)?, Stat::from_metadata(&file.metadata().ok()?)))
}

/// The GUID of a WIM file, in hexadecimal digits; `None` if it is not one.
pub(super) fn guid(file: &mut File) -> Option<String> {
    /// Behind the magic and four numbers of the header.
    const GUID: std::ops::Range<usize> = 0x18..0x28;
    let mut header = [0; GUID.end];
    file.read_exact(&mut header).ok()?;
    header.starts_with(WIM_MAGIC).then(|| header[GUID].iter().map(|byte| format!("{byte:02x}")).collect())
}
