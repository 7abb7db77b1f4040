//! Waits until an input changes and then until writing stops.
//!
//! Notifications are only hints: some are lost, such as for a file in a folder that was just created, and some are
//! caused by tsmedia itself. A hint only means that it is time to look again; the plan decides if there is anything to
//! do. Folders are watched rather than files, since editors save by renaming another file over the old one. If the
//! system can't watch more folders, or does not notice changes (network file systems), [`Watch`] polls instead.

mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use camino::Utf8Path;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use rustix::io::Errno;

use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::progress::Progress;
use places::WatchedPlaces;

/// Time without changes after which to look.
const QUIET: Duration = Duration::from_millis(300);
/// Maximum time to wait for changes to stop.
const MAX_UNREST: Duration = Duration::from_secs(10);
/// Interval of checks for Ctrl-C.
const TICK: Duration = Duration::from_millis(50);
/// Interval of polling if the system can't notify.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Watches inputs for changes.
pub struct Watch {
    sight: Sight,
    places: WatchedPlaces,
    notice: Option<Error>,
}

enum Sight {
    Hints(Hints),
    Looks {
        every: Duration,
        /// State of all inputs when [armed](Watch::arm).
        seen: Digest,
    },
}

impl Watch {
    /// Uses notifications, or polls at an interval if one is given.
    pub fn new(look_every: Option<Duration>) -> Self {
        let looks = |every| Sight::Looks { every, seen: Digest([0; 32]) };
        let (sight, notice) = match look_every {
            Some(every) => (looks(every), None),
            None => match Hints::new() {
                Ok(hints) => (Sight::Hints(hints), None),
                Err(error) => (looks(LOOK_EVERY), Some(blind(&error))),
            },
        };
        Self { sight, places: WatchedPlaces::default(), notice }
    }

    /// Watches these inputs from now on. Returns `true` if something was not watched before; it may have changed
    /// unnoticed and must be read once more.
    pub fn arm(&mut self, inputs: &Inputs) -> bool {
        let places = WatchedPlaces::new(inputs);
        let are_same = places == self.places;
        self.places = places;
        if let Sight::Hints(hints) = &mut self.sight {
            match hints.watch(&self.places) {
                Ok(is_new) => return is_new,
                Err(error) => {
                    self.notice = Some(blind(&error));
                    self.sight = Sight::Looks { every: LOOK_EVERY, seen: Digest([0; 32]) };
                }
            }
        }
        if let Sight::Looks { seen, .. } = &mut self.sight {
            let now = look(&self.places, &BTreeSet::new());
            let is_new = !are_same || *seen != now;
            *seen = now;
            return is_new;
        }
        false
    }

    /// Current state of the inputs, without these paths.
    pub fn look<'a>(&self, without: impl IntoIterator<Item = &'a Utf8Path>) -> Digest {
        let without = without.into_iter().filter_map(places::resolve).collect();
        look(&self.places, &without)
    }

    /// Reason why notifications can't be used, on the first call only.
    pub fn take_notice(&mut self) -> Option<Error> {
        self.notice.take()
    }

    /// Waits until an input changed since arming, and then until changes stop.
    ///
    /// # Errors
    ///
    /// If the run is interrupted.
    pub fn wait(&mut self, progress: &Progress) -> Result<()> {
        match &mut self.sight {
            Sight::Hints(hints) => hints.wait(&self.places, progress),
            Sight::Looks { every, seen } => {
                let mut last = *seen;
                loop {
                    let start = Instant::now();
                    while start.elapsed() < *every {
                        progress.check_cancelled()?;
                        thread::sleep(TICK.min(*every));
                    }
                    let now = look(&self.places, &BTreeSet::new());
                    // A state that is still changing has not settled.
                    if now == last && now != *seen {
                        return Ok(());
                    }
                    last = now;
                }
            }
        }
    }
}

/// Hashes paths and metadata of all inputs, except some paths. Only folders are read.
fn look(places: &WatchedPlaces, without: &BTreeSet<PathBuf>) -> Digest {
    let mut hasher = blake3::Hasher::new();
    places.visit(&mut |path, metadata| {
        if without.contains(path) {
            return;
        }
        let Stat { device, inode, len, modified_ns, changed_ns } = Stat::from_metadata(metadata);
        hasher.update(path.as_os_str().as_encoded_bytes());
        hasher.update(
            [0, device, inode, len, modified_ns as u64, changed_ns as u64].map(u64::to_le_bytes).as_flattened(),
        );
    });
    Digest(*hasher.finalize().as_bytes())
}

/// Notifications of the system.
struct Hints {
    watcher: RecommendedWatcher,
    hints: Receiver<notify::Result<Event>>,
    /// Watched folders, with what identifies each.
    watched: BTreeMap<PathBuf, PlaceIdentity>,
}

type PlaceIdentity = (u64, u64, Option<SystemTime>);

impl Hints {
    fn new() -> notify::Result<Self> {
        let (sender, hints) = channel();
        let watcher = notify::recommended_watcher(move |hint: notify::Result<Event>| {
            // Reading is not a change, and a build reads many files.
            let is_reading = |event: &Event| matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
            if !hint.as_ref().is_ok_and(is_reading) {
                // Sending fails only when the program ends.
                let _ = sender.send(hint);
            }
        })?;
        Ok(Self { watcher, hints, watched: BTreeMap::new() })
    }

    /// Watches exactly the folders of these places. Returns `true` if any of them is new.
    fn watch(&mut self, places: &WatchedPlaces) -> notify::Result<bool> {
        let identity = |folder: &Path| -> Option<PlaceIdentity> {
            let metadata = fs::metadata(folder).ok()?;
            Some((metadata.dev(), metadata.ino(), metadata.created().ok()))
        };
        let wanted: BTreeMap<_, _> =
            places.folders().into_iter().filter_map(|folder| Some((folder.clone(), identity(&folder)?))).collect();
        let gone: Vec<_> = self
            .watched
            .iter()
            .filter(|(folder, own)| wanted.get(*folder) != Some(own))
            .map(|(f, _)| f.clone())
            .collect();
        for folder in gone {
            self.forget(&folder);
        }
        let mut is_new = false;
        for (folder, identity) in wanted {
            if self.watched.contains_key(&folder) {
                continue;
            }
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => is_new = true,
                Err(error) if is_limit(&error) => return Err(error),
                // It was just removed, of which its parent notifies, or it is a parent folder that must not be listed.
                Err(_) => {}
            }
            self.watched.insert(folder, identity);
        }
        Ok(is_new)
    }

    fn forget(&mut self, folder: &Path) {
        // This fails if the folder is gone, and the system no longer watches it.
        let _ = self.watcher.unwatch(folder);
        self.watched.remove(folder);
    }

    fn wait(&mut self, places: &WatchedPlaces, progress: &Progress) -> Result<()> {
        let mut first_and_last: Option<(Instant, Instant)> = None;
        loop {
            progress.check_cancelled()?;
            match self.hints.recv_timeout(TICK) {
                Ok(hint) => {
                    if self.take(hint, places) {
                        let now = Instant::now();
                        first_and_last = Some((first_and_last.map_or(now, |(first, _)| first), now));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Error::new("the system stopped watching")),
            }
            if first_and_last.is_some_and(|(first, last)| last.elapsed() >= QUIET || first.elapsed() >= MAX_UNREST) {
                return Ok(());
            }
        }
    }

    /// Returns `true` if a hint concerns an input.
    fn take(&mut self, hint: notify::Result<Event>, places: &WatchedPlaces) -> bool {
        let Ok(event) = hint else { return true };
        // A removed folder may be recreated with the same name, even the same inode, but is not watched then.
        if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
            for path in &event.paths {
                let below = self.watched.range(path.clone()..).take_while(|(folder, _)| folder.starts_with(path));
                let below: Vec<_> = below.map(|(folder, _)| folder.clone()).collect();
                below.iter().for_each(|folder| self.forget(folder));
            }
        }
        // After an overflow, it is not known what changed.
        event.need_rescan() || event.paths.iter().any(|path| places.concern(path))
    }
}

fn is_limit(error: &notify::Error) -> bool {
    matches!(error.kind, ErrorKind::MaxFilesWatch)
}

/// Error that explains why changes can't be watched, with help.
fn blind(error: &notify::Error) -> Error {
    let (what, setting) = match &error.kind {
        ErrorKind::MaxFilesWatch => ("the system can't watch more folders", "max_user_watches"),
        ErrorKind::Io(error) if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) => {
            ("the system has no more watchers", "max_user_instances")
        }
        _ => {
            let what = format!("the system can't report changes ({error})");
            return Error::new(format!("{what}: checking every {} seconds instead", LOOK_EVERY.as_secs()));
        }
    };
    let path = format!("/proc/sys/fs/inotify/{setting}");
    let limit: u64 = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let every = LOOK_EVERY.as_secs();
    Error::new(format!("{what} (`fs.inotify.{setting}` is {limit}): checking every {every} seconds instead"))
        .help(format!("raise the limit with `sudo sysctl fs.inotify.{setting}={}`", (limit * 4).max(1_024)))
}

#[cfg(test)]
mod tests;
