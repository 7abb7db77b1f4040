//! Starts writing a target to disk while sources are still being read and hashed.
//!
//! The target has to be synced before it gets its name. Started early, most of that is done by then. Nothing waits here,
//! and no error is reported: the final sync does both.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::fs::{Advice, fadvise};

use crate::layout::Region;
use crate::write::temporary::Temporary;

/// Number of written bytes after which writing to disk starts.
const START_LEN: u64 = 16 << 20;
/// Pause between two checks for written bytes.
const PAUSE: Duration = Duration::from_millis(10);

/// Written regions of a target that are not on their way to the disk.
#[derive(Default)]
pub(super) struct EarlyWriteback(Mutex<Vec<Region>>);

impl EarlyWriteback {
    /// Adds a region that was written.
    pub(super) fn add(&self, offset: u64, len: u64) {
        let mut regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match regions.last_mut().filter(|last| last.end() == offset) {
            Some(last) => last.len += len,
            None => regions.push(Region { offset, len }),
        }
    }

    /// Writes regions to disk as they are added, until `is_done`. Unpark the thread to make it check.
    pub(super) fn run(&self, target: &Temporary, is_done: &AtomicBool) {
        while !is_done.load(Ordering::Acquire) {
            thread::park_timeout(PAUSE);
            for Region { offset, len } in self.take() {
                // Linux starts to write dirty pages of the range, and only drops clean ones, which these are not yet.
                // `sync_file_range` would do the same, but there is no safe binding.
                let _ = fadvise(target.file(), offset, NonZeroU64::new(len), Advice::DontNeed);
            }
        }
    }

    /// Takes all regions if there are enough.
    fn take(&self) -> Vec<Region> {
        let mut regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match regions.iter().map(|region| region.len).sum::<u64>() >= START_LEN {
            true => std::mem::take(&mut regions),
            false => Vec::new(),
        }
    }
}
