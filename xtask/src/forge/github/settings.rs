//! How to talk to a GitHub: where, as which repository, with how much patience. Plain values.

use std::time::Duration;

/// The settings of a line.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://api.github.com`, or an Enterprise server's `https://host/api/v3`.
    pub api: String,
    /// `owner/name`
    pub repository: String,
    /// The longest wait that the server may ask for before the command ends and says when to come again.
    pub max_wait: Duration,
    /// After so long one request is not tried again, however its attempts failed; none where nothing waits behind it.
    pub within: Option<Duration>,
    /// To get a connection.
    pub connect: Duration,
    /// Without a byte moving on a connection. There is no total time-out: a large asset on a slow line is no error.
    pub stall: Duration,
    /// Transfers at once.
    pub parallel: usize,
    /// Waits are shortened by this factor, and shown in full: tests only.
    pub haste: u32,
}

impl Settings {
    /// The defaults for a repository there.
    ///
    /// 64 transfers at once: GitHub allows 100 concurrent requests for everything that a user runs at the same time, and nothing else of this
    /// program is under way then, so that a third is left to others. More would not be faster: 80 content-creating requests a minute are allowed,
    /// a burst that 64 connections work off in little more than one round trip; after it the pace decides, not the number of connections.
    pub fn new(api: impl Into<String>, repository: impl Into<String>) -> Self {
        Self {
            api: api.into(),
            repository: repository.into(),
            max_wait: Duration::from_secs(600),
            within: None,
            connect: Duration::from_secs(20),
            stall: Duration::from_secs(60),
            parallel: 64,
            haste: haste(),
        }
    }

    /// How long to really wait for a wait of that length.
    pub(super) fn hastened(&self, wait: Duration) -> Duration {
        wait / self.haste.max(1)
    }
}

/// `XTASK_TEST_HASTE=100` makes waits a hundred times shorter, so that a test need not sit through a rate limit. Builds with debug assertions only.
fn haste() -> u32 {
    let told = cfg!(debug_assertions).then(|| std::env::var("XTASK_TEST_HASTE").ok()?.parse().ok()).flatten();
    told.unwrap_or(1)
}
