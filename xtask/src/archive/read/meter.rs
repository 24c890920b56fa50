//! Counts the bytes that come out of an archive, and stops a bomb. No I/O of its own.

use std::io::{self, Read};

use super::Policy;
use crate::kernel::{Error, Result, human_bytes};

/// What came out, and what may.
pub struct Meter {
    limit: u64,
    ratio: bool,
    out: u64,
}

impl Meter {
    /// The tighter of the two limits holds.
    pub fn new(policy: &Policy, packed: Option<u64>) -> Self {
        let by_ratio = packed.map_or(u64::MAX, |packed| packed.saturating_mul(policy.max_ratio).max(policy.free_bytes));
        Self { limit: policy.max_bytes.min(by_ratio), ratio: by_ratio < policy.max_bytes, out: 0 }
    }

    /// An entry says how long it is: refused before anything of it is unpacked.
    pub fn announce(&self, size: u64) -> Result<()> {
        if size > self.limit.saturating_sub(self.out) { Err(self.bomb()) } else { Ok(()) }
    }

    fn bomb(&self) -> Error {
        let why = if self.ratio { "far more than its own size explains" } else { "more than is allowed" };
        hostile(format!("more than {} come out of it, {why}", human_bytes(self.limit)))
    }

    /// Counts what is read through it.
    pub fn watch<'a, R: Read>(&'a mut self, inner: R) -> Metered<'a, R> {
        Metered { inner, meter: self }
    }
}

/// A reader whose bytes count.
pub struct Metered<'a, R> {
    inner: R,
    meter: &'a mut Meter,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.meter.out = self.meter.out.saturating_add(read as u64);
        if self.meter.out > self.meter.limit { Err(io::Error::other(self.meter.bomb())) } else { Ok(read) }
    }
}

/// The error for what no honest archive has.
pub fn hostile(message: impl Into<String>) -> Error {
    Error::refused(message).hint("nothing outside the folder was touched; don't use this archive unless you know who made it, and why so")
}
