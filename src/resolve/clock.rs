//! The time by which expiry checks go. It is handed in, decides what is reported, and never a byte.

/// The current time, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The current time.
    pub now: u64,
    /// Anything that expires within this many seconds is an error.
    pub failing_within: Option<u64>,
}
