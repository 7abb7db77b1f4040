//! Time used for expiry checks. It is passed in, and affects only problems, never bytes.

/// The current time, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The current time.
    pub now: u64,
    /// Report anything that expires within this many seconds as an error.
    pub failing_within: Option<u64>,
}
