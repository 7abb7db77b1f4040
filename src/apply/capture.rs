//! Captures that a manifest orders: what there is under their names, and making them.
//!
//! A captured WIM file says nothing of what it was made of. It is known by what the cache remembers of it, or by the GUID
//! and the length that are recorded.

use std::fs;
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};

use super::look::{Looked, recorded_path};
use super::{Work, unchanged};
use crate::capture::{self, About, Captured, Exclusions, SourceOptions};
use crate::content::Stat;
use crate::error::{Error, ErrorKind, Result};
use crate::format::fat::CodePage;
use crate::media::order::{LeaveOut, Order, Ordered};
use crate::output::WIM_MAGIC;
use crate::plan::{self, Action, Change, Claim, Existing};
use crate::progress::Progress;
use crate::record::Record;
use crate::store::Store;
use crate::write::open;

/// What to do with the captures of a manifest.
pub(super) fn decide(
    work: &Work,
    record: &Record,
    existing: &dyn Fn(&str) -> Existing,
    claim: &dyn Fn(&str) -> Claim,
) -> Vec<Change> {
    plan::capture::plan(&plan::capture::Inputs { orders: work.orders, others: work.others, record, existing, claim })
}

fn path_of(work: &Work, name: &str) -> Option<Utf8PathBuf> {
    match work.orders.iter().find(|order| order.name == name) {
        Some(order) => Some(order.path.clone()),
        None => recorded_path(work, name),
    }
}

/// What there is under a name.
pub(super) fn look_at(work: &Work, name: &str, store: &Store, record: &Record) -> Looked {
    path_of(work, name).map_or(Looked::outside(), |path| look(&path, name, store, record))
}

fn look(path: &Utf8Path, name: &str, store: &Store, record: &Record) -> Looked {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Looked::missing() };
    let stat = Stat::of(&metadata);
    let len = stat.len;
    if let Some((known, id, secrets)) = store.finished(name) {
        if known == stat {
            return Looked::new(Existing::Medium { id, secrets, len }, stat, Claim::Made);
        }
        if (known.device, known.inode) == (stat.device, stat.inode) {
            return Looked::new(Existing::Touched { len }, stat, Claim::Unknown);
        }
    }
    match (record.capture(name), guid(path)) {
        (Some(recorded), Some((guid, stat))) if guid == recorded.guid => {
            let existing = Existing::Medium { id: recorded.id, secrets: None, len: stat.len };
            Looked::new(existing, stat, Claim::Unknown)
        }
        _ => Looked::new(Existing::Foreign { len }, stat, Claim::Unknown),
    }
}

/// The GUID of a WIM file, in hexadecimal digits, and what the file system says of the file; nothing if it is none.
fn guid(path: &Utf8Path) -> Option<(String, Stat)> {
    /// Behind the magic and four numbers of the header.
    const GUID: std::ops::Range<usize> = 0x18..0x28;
    let mut header = [0; GUID.end];
    let mut file = open::open_to_look(path).ok()?;
    file.read_exact(&mut header).ok()?;
    let stat = Stat::of(&file.metadata().ok()?);
    let guid = header[GUID].iter().map(|byte| format!("{byte:02x}")).collect();
    header.starts_with(WIM_MAGIC).then_some((guid, stat))
}

/// Captures, and takes the WIM file into record and memo.
pub(super) fn make(
    order: &Order,
    store: &mut Store,
    record: &mut Record,
    work: &Work,
    progress: &Progress,
) -> Result<Captured> {
    // What changes from now on shows, also where the clock of the file system is coarse.
    store.wait_past(order.newest_ns());
    let mut order = order.look_again().map_err(|error| {
        Error::new(format!("looking at the sources of `{}`", order.name)).because(error).help("run it again")
    })?;
    let options = |source: &Ordered| SourceOptions {
        path: source.path.clone(),
        name: source.name.clone(),
        partitions: source.partitions.clone(),
        references: source.references.clone(),
    };
    let sources: Vec<_> = order.sources.iter().map(options).collect();
    let captured = capture::capture(
        &capture::Work {
            sources: &sources,
            target: &order.path,
            about: About {
                description: order.table.description.clone(),
                created_by: order.table.created_by.clone(),
                version: order.table.version.clone(),
            },
            packing: order.packing,
            n_threads: 0,
            exclusions: match &order.exclusions {
                LeaveOut::Windows => Exclusions::Windows,
                LeaveOut::Nothing => Exclusions::None,
                LeaveOut::Listed(path) => Exclusions::File(path),
            },
            placeholders: order.table.placeholders,
            oem_code_page: CodePage::new(order.table.oem_code_page).unwrap_or_default(),
            with_check: order.table.check,
            strict: order.table.strict,
            date: order.date,
            existing: capture::Existing::Replace,
            update_from: order.update_from.as_ref().map(|source| source.path.as_path()),
            sysfs: work.sysfs,
            disk: work.means.disk.clone(),
        },
        progress,
    )?;
    // What is incomplete is out of date: it is captured again until nothing is left out.
    let incomplete: Vec<_> = captured.unreadable().map(|skipped| skipped.source.as_str()).collect();
    if !incomplete.is_empty() {
        order.description.insert("left out".into(), incomplete.join(", "));
    }
    remember(&order, captured.stat, store, record)?;
    Ok(captured)
}

/// Takes a WIM file that is as it should be into record and memo; says whether it was not there. `looked` is what the
/// file system said of it when it was found to be so.
pub(super) fn remember_kept(
    order: &Order,
    looked: Option<Stat>,
    store: &mut Store,
    record: &mut Record,
) -> Result<bool> {
    let stat = unchanged(&order.path, looked)?;
    let is_known = store.finished(&order.name) == Some((stat, order.id_here(), None));
    if is_known && record.capture(&order.name).is_some_and(|recorded| recorded.values == order.values) {
        return Ok(false);
    }
    remember(order, stat, store, record)?;
    Ok(true)
}

fn remember(order: &Order, stat: Stat, store: &mut Store, record: &mut Record) -> Result<()> {
    let Some((guid, _)) = guid(&order.path).filter(|(_, found)| *found == stat) else {
        return Err(Error::new(format!("another process wrote `{}` meanwhile", order.path))
            .of_kind(ErrorKind::Stale)
            .help("run it again"));
    };
    record.put_capture(order, guid, stat.len);
    store.remember_finished(&order.name, stat, order.id_here(), None);
    Ok(())
}

/// Removes a WIM file that no manifest captures any more, if it is the recorded one, and forgets it.
pub(super) fn delete(change: &Change, store: &mut Store, record: &mut Record, work: &Work) -> Result<()> {
    let found = look_at(work, &change.name, store, record);
    if let Some(path) = path_of(work, &change.name).filter(|_| found.claim == Claim::Made)
        && matches!(found.existing, Existing::Medium { .. })
    {
        work.means.disk.remove(&path).map_err(|error| Error::io("removing", &path, error))?;
    }
    store.forget_finished(&change.name);
    record.remove(&change.name);
    Ok(())
}

/// Whether a change is of a capture.
pub(super) fn is_one(change: &Change, work: &Work, record: &Record) -> bool {
    let is_ordered = work.orders.iter().any(|order| order.name == change.name);
    is_ordered || (change.action == Action::Delete && record.capture(&change.name).is_some())
}
