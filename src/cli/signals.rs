//! Signals that end a run: Ctrl-C (SIGINT), SIGTERM and SIGHUP.
//!
//! The first signal cancels the work, which then cleans up: an output that is being patched gets its name back. The second
//! one ends the process at once. Signals that were ignored when the process started stay ignored, for `nohup` and for
//! shells that start background jobs.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use super::INTERRUPTED;
use crate::progress::Progress;

/// Makes signals cancel the work instead of killing the process.
pub(super) fn catch(progress: &Progress) {
    static HEEDED: Once = Once::new();
    HEEDED.call_once(|| {
        let ignored = ignored();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if ignored >> (signal - 1) & 1 == 0 {
                // If registering fails, the signal keeps its default action and ends the process.
                let _ = handle(signal, progress.cancel_flag());
            }
        }
    });
}

fn handle(signal: i32, cancelled: Arc<AtomicBool>) -> io::Result<()> {
    // Handlers run in the order of registration. The shutdown comes first, so that the first signal finds the flag unset.
    flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), Arc::clone(&cancelled))?;
    flag::register(signal, cancelled)?;
    Ok(())
}

/// Makes writes beyond the file size limit (`ulimit -f`) fail with an error. By default, SIGXFSZ kills the process.
pub(super) fn survive_file_size_limit() {
    let _ = flag::register(SIGXFSZ, Arc::default());
}

/// Returns the mask of ignored signals; bit 0 is signal 1 (`proc_pid_status(5)`).
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
