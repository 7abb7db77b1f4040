//! Writes the record of a run while its targets are finished, one after the other.
//!
//! The record of many media is long, and one of them is a small part of it. So a finished target is appended to a log
//! beside the record, and the record is rewritten only when the log has become as long as the record. The log is part of
//! the record when that is loaded, so a killed run loses nothing that it finished.

use std::borrow::Cow;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::{Record, Recorded, RecordedCapture, RecordedFile, RecordedMedium};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::limits::MAX_RECORD_LEN;
use crate::write::{ChangeLog, DiskOps, read_log, remove_log};

/// Writes the record of a run.
#[derive(Debug)]
pub struct RecordWriter<'a> {
    path: &'a Utf8Path,
    disk: &'a DiskOps,
    log: Option<ChangeLog>,
}

/// Change of one target in the log.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LoggedChange<'a> {
    Medium { summary: Cow<'a, RecordedMedium>, files: Cow<'a, [RecordedFile]> },
    Capture(Cow<'a, RecordedCapture>),
    Removed(Cow<'a, str>),
}

impl<'a> RecordWriter<'a> {
    /// Creates a writer of the record at `path`.
    pub fn new(path: &'a Utf8Path, disk: &'a DiskOps) -> Self {
        Self { path, disk, log: None }
    }

    /// Makes the record of one target last. Everything else must be as it was when it was last saved or loaded.
    pub fn save_target(&mut self, record: &Record, name: &str) -> Result<()> {
        let Some((state, record_len)) = record.on_disk.get() else { return self.save(record) };
        let change = change_of(record, name)?;
        let log = match self.log.take().filter(|log| log.continues(&state)) {
            Some(log) => log,
            // Don't create a log that is not worth it.
            None if change.len() as u64 >= record_len => return self.save(record),
            None => ChangeLog::open(self.disk, self.path, &state, MAX_RECORD_LEN)?,
        };
        let log = self.log.insert(log);
        if log.log_len() + change.len() as u64 >= record_len {
            return self.save(record);
        }
        log.append(self.disk, &change)
    }

    /// Writes the record in full.
    pub fn save(&mut self, record: &Record) -> Result<()> {
        self.log = None;
        record.save(self.path, self.disk)
    }

    /// Writes the record in full if a part of it is only in the log, or the file has to be replaced. Otherwise removes the
    /// log that a run left which ended after it had written the record.
    pub fn finish(&mut self, record: &Record) -> Result<()> {
        if self.log.is_some() || record.has_log || record.is_damaged() {
            return self.save(record);
        }
        // Best effort: such a log is never read.
        let _ = remove_log(self.disk, self.path);
        Ok(())
    }
}

/// Encodes the record of a target.
fn change_of(record: &Record, name: &str) -> Result<Vec<u8>> {
    let change = match record.get(name) {
        Some(Recorded::Medium(medium)) => {
            LoggedChange::Medium { summary: Cow::Borrowed(medium), files: record.files(name)?.into() }
        }
        Some(Recorded::Capture(capture)) => LoggedChange::Capture(Cow::Borrowed(capture)),
        None => LoggedChange::Removed(name.into()),
    };
    serde_json::to_vec(&change).map_err(|error| Error::new("writing the record").because(error))
}

impl Record {
    /// Adds the changes of the log beside a record that was read in this state.
    pub(super) fn add_logged(&mut self, path: &Utf8Path, state: &Digest) {
        for change in read_log(path, state, MAX_RECORD_LEN) {
            self.has_log = true;
            // The changes after one that can't be read may depend on it.
            let Ok(change) = serde_json::from_slice(&change) else { return };
            match change {
                LoggedChange::Medium { summary, files } => {
                    self.files.insert(summary.name.clone(), files.into_owned());
                    self.targets.insert(summary.name.clone(), Recorded::Medium(summary.into_owned()));
                }
                LoggedChange::Capture(capture) => self.put_capture(capture.into_owned()),
                LoggedChange::Removed(name) => self.remove(&name),
            }
        }
    }
}
