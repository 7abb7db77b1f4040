//! How far a deed has come, and whether it should stop. Shared between the thread that works and the one
//! that shows; this module shows nothing itself.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// Bytes done out of bytes to do, and a request to stop.
#[derive(Default, Debug)]
pub struct Progress {
    total: AtomicU64,
    done: AtomicU64,
    cancelled: Arc<AtomicBool>,
    subject: Mutex<String>,
}

impl Progress {
    /// Starts anew with `total` bytes to do.
    pub fn start(&self, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Adds `bytes` to what is done.
    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Has `done` bytes done out of `total`, which may have become another number on the way.
    pub fn show(&self, done: u64, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.done.store(done, Ordering::Relaxed);
    }

    /// Names what the work is done to from now on, such as an output; empty where that goes without saying.
    pub fn on(&self, subject: &str) {
        subject.clone_into(&mut self.subject.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What the work is done to.
    pub fn subject(&self) -> String {
        self.subject.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes done and bytes to do.
    pub fn state(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// Asks the deed to stop at its next step.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// The flag that asks the deed to stop, for a signal handler to set.
    pub fn cancel_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// Whether somebody asked the deed to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Fails when somebody asked the deed to stop: to be called at every step.
    pub fn check_cancelled(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::interrupted()) } else { Ok(()) }
    }
}

/// Whoever shows how far deeds have come that take long among others that don't, and asks them to stop: nobody, unless
/// told otherwise.
#[derive(Clone, Default)]
pub struct Audience(Option<Rc<Show>>);

type Show = dyn Fn(&str, IsLong, &mut dyn FnMut(&Progress));

/// Whether a deed takes minutes rather than seconds, so that a log should say it too.
pub type IsLong = bool;

impl Audience {
    /// One that has a deed done, whose words it is given and whether it is a long one, and shows how far it has come.
    pub fn new(show: impl Fn(&str, IsLong, &mut dyn FnMut(&Progress)) + 'static) -> Self {
        Self(Some(Rc::new(show)))
    }

    /// Does a deed before this audience. `doing` says what it is, such as "copying `x`".
    pub fn watch<T>(&self, doing: &str, is_long: IsLong, deed: impl FnOnce(&Progress) -> Result<T>) -> Result<T> {
        let Some(show) = &self.0 else { return deed(&Progress::default()) };
        let (mut deed, mut result) = (Some(deed), None);
        show(doing, is_long, &mut |progress| result = deed.take().map(|deed| deed(progress)));
        result.unwrap_or_else(|| Err(Error::new(format!("{doing}: it was not done"))))
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Audience" } else { "Nobody" })
    }
}
