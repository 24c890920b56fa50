//! A stretch of bytes that must not leave: where it is, which rule says so, and whose secret it is.

use sha2::{Digest as _, Sha256};

use super::class::Class;

/// Which secret it is, whatever it is written like: half a SHA-256 of the plain value, kept in memory only.
pub type Identity = [u8; 16];

/// The identity of a plain value.
pub fn identity(value: &[u8]) -> Identity {
    let digest: [u8; 32] = Sha256::digest(value).into();
    let (half, _) = digest.split_at(16);
    half.try_into().unwrap_or_default()
}

/// Which stage found it; an earlier one names the secret better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A value that is known to be secret.
    Known,
    /// The shape that a provider gives its secrets.
    Shape,
    /// The value of a key whose name says that it is secret.
    Key,
}

/// A stretch to hide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte, by its place in the buffer.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Which stage found it.
    pub stage: Stage,
    /// What sort of secret: `github-token`; an index into the labels of the matcher.
    pub label: u32,
    /// Which secret; `None`: that of its own bytes.
    pub identity: Option<Identity>,
    /// The secret may be longer than what a rule can see: hide on while this class holds.
    pub open: Option<Class>,
}

impl Span {
    /// A stretch that a shape or a key gives away.
    pub fn new(stage: Stage, label: u32, start: usize, end: usize) -> Self {
        Self { start, end, stage, label, identity: None, open: None }
    }

    /// Hides on after its end.
    #[must_use]
    pub fn open(mut self, class: Option<Class>) -> Self {
        self.open = class;
        self
    }

    /// Sorts by place; of those that begin together the better named first.
    pub fn order(&self) -> impl Ord + use<> {
        (self.start, self.stage, std::cmp::Reverse(self.end), self.label)
    }
}
