//! The time. `XTASK_CLOCK` (Unix seconds) stops the clock, so that tests and reproducible runs show the same output.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// Now, in UTC; the second that `XTASK_CLOCK` names where it is set.
pub fn now() -> DateTime<Utc> {
    let fixed = std::env::var("XTASK_CLOCK").ok().and_then(|text| text.parse().ok());
    fixed.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).unwrap_or_else(Utc::now)
}

/// `2026-01-31T12:00:00Z`
pub fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Waits.
pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// Waits without blocking a thread.
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}
