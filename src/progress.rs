//! Counts progress and passes on requests to cancel, between the thread that works and the one that shows. Prints nothing
//! itself.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// Bytes done and bytes to do, with a flag to cancel the work.
#[derive(Default, Debug)]
pub struct Progress {
    total: AtomicU64,
    done: AtomicU64,
    cancelled: Arc<AtomicBool>,
    subject: Mutex<String>,
}

impl Progress {
    /// Starts over with `total` bytes to do.
    pub fn start(&self, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Adds to the bytes done.
    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sets both numbers, for work whose total changes on the way.
    pub fn set(&self, done: u64, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.done.store(done, Ordering::Relaxed);
    }

    /// Sets the subject shown with the progress, such as the path of an output. Empty if it is obvious.
    pub fn set_subject(&self, subject: &str) {
        subject.clone_into(&mut self.subject.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns the subject.
    pub fn subject(&self) -> String {
        self.subject.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns bytes done and bytes to do.
    pub fn counts(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// Requests the work to stop at its next check.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Returns the flag behind [`Progress::cancel`], for a signal handler to set.
    pub fn cancel_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// Returns whether the work was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Returns an error of the kind [`Interrupted`](crate::error::ErrorKind::Interrupted) if the work was cancelled. Call it
    /// at every step of long work.
    pub fn check_cancelled(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::interrupted()) } else { Ok(()) }
    }
}

/// Shows the progress of single pieces of long work, and lets the user cancel them. The default shows nothing.
#[derive(Clone, Default)]
pub struct ProgressReporter(Option<Rc<Show>>);

type Show = dyn Fn(&str, IsLong, &mut dyn FnMut(&Progress));

/// `true` for work of minutes rather than seconds, which logs should mention.
pub type IsLong = bool;

impl ProgressReporter {
    /// Returns a reporter that calls `show` with a description of the work, its [`IsLong`], and the work to run.
    pub fn new(show: impl Fn(&str, IsLong, &mut dyn FnMut(&Progress)) + 'static) -> Self {
        Self(Some(Rc::new(show)))
    }

    /// Runs `work` and shows its progress. `doing` describes it, such as "copying `x`".
    pub fn watch<T>(&self, doing: &str, is_long: IsLong, work: impl FnOnce(&Progress) -> Result<T>) -> Result<T> {
        let Some(show) = &self.0 else { return work(&Progress::default()) };
        let (mut work, mut result) = (Some(work), None);
        show(doing, is_long, &mut |progress| result = work.take().map(|work| work(progress)));
        result.unwrap_or_else(|| Err(Error::new(format!("{doing}: the work did not run"))))
    }
}

impl fmt::Debug for ProgressReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "ProgressReporter(…)" } else { "ProgressReporter(none)" })
    }
}
