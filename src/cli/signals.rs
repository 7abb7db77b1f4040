//! Signals that end a run: Ctrl-C (SIGINT), SIGTERM and SIGHUP.
//!
//! The first one asks the work to stop, which cleans up after itself: an output that is being patched gets its name back.
//! The second one ends the process at once. A signal that was ignored when the process started stays ignored, as
//! `nohup` and shells that start jobs in the background mean it.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use super::INTERRUPTED;
use crate::progress::Progress;

/// From now on a signal asks the work to stop instead of ending the process.
pub(super) fn heed(progress: &Progress) {
    static HEEDED: Once = Once::new();
    HEEDED.call_once(|| {
        let ignored = ignored();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if ignored >> (signal - 1) & 1 == 0 {
                // Where it can't be handled, it ends the process as it always did.
                let _ = handle(signal, progress.cancel_flag());
            }
        }
    });
}

fn handle(signal: i32, cancelled: Arc<AtomicBool>) -> io::Result<()> {
    // In this order: the first signal finds the flag unset.
    flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), Arc::clone(&cancelled))?;
    flag::register(signal, cancelled)?;
    Ok(())
}

/// Has a write beyond the limit of file sizes (`ulimit -f`) fail with an error, in place of a signal that ends the
/// process without a word.
pub(super) fn survive_file_size_limit() {
    let _ = flag::register(SIGXFSZ, Arc::default());
}

/// The signals that are ignored, the lowest bit for signal 1 (`proc_pid_status(5)`).
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
