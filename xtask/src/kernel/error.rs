//! One error type. Its kind decides exit code and outcome (one table, here); hints and findings are data, not text.

use std::{error, fmt};

use super::Finding;

/// The result of anything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure it is: the exit code and the `outcome` that scripts see follow from it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something broke that nobody foresaw.
    Unexpected,
    /// The command line or the configuration is wrong.
    Usage,
    /// Checks found something: nothing was changed.
    Findings,
    /// A precondition says no: nothing was changed.
    Refused,
    /// A question was not answered with yes, or could not be asked.
    Unconfirmed,
    /// Credentials are missing or don't suffice.
    Denied,
    /// Partly done: the same command again goes on from there.
    Partial,
    /// Bytes or data are not what they must be.
    Mismatch,
    /// The target was not healthy: the previous state is back.
    Reverted,
    /// Another run holds the lock.
    Locked,
    /// Interrupted by a signal.
    Interrupted,
}

impl Kind {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Unexpected => 1,
            Self::Usage | Self::Unconfirmed => 2,
            Self::Findings | Self::Refused => 3,
            Self::Denied => 4,
            Self::Partial => 5,
            Self::Mismatch => 6,
            Self::Reverted => 7,
            Self::Locked => 8,
            Self::Interrupted => 130,
        }
    }

    /// The `outcome` of the JSON document.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Unexpected | Self::Usage | Self::Interrupted => "error",
            Self::Findings => "findings",
            Self::Refused | Self::Unconfirmed | Self::Denied | Self::Locked => "refused",
            Self::Partial => "partial",
            Self::Mismatch => "mismatch",
            Self::Reverted => "reverted",
        }
    }
}

/// A failure: a lowercase message that fits "failed: …", what caused it, what to do, and the findings that led to it.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    source: Option<Box<dyn error::Error + Send + Sync>>,
    hints: Vec<String>,
    findings: Vec<Finding>,
}

impl Error {
    /// An error of a kind; the shorthands below read better.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None, hints: Vec::new(), findings: Vec::new() }))
    }

    /// Exit 1.
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Kind::Unexpected, message)
    }

    /// Exit 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Exit 3, outcome `refused`.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// Exit 6.
    pub fn mismatch(message: impl Into<String>) -> Self {
        Self::new(Kind::Mismatch, message)
    }

    /// Exit 5.
    pub fn partial(message: impl Into<String>) -> Self {
        Self::new(Kind::Partial, message)
    }

    /// Exit 3, carrying everything that was found.
    pub fn findings(message: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self::new(Kind::Findings, message).with_findings(findings)
    }

    /// Adds what the person can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Adds findings.
    #[must_use]
    pub fn with_findings(mut self, findings: Vec<Finding>) -> Self {
        self.0.findings.extend(findings);
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error, of another kind.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Puts a frame around it: the new message first, this error as its cause; kind, hints and findings stay.
    #[must_use]
    pub fn within(self, message: impl Into<String>) -> Self {
        let mut outer = Self::new(self.0.kind, message);
        let mut inner = self;
        outer.0.hints = std::mem::take(&mut inner.0.hints);
        outer.0.findings = std::mem::take(&mut inner.0.findings);
        outer.0.source = Some(Box::new(inner));
        outer
    }

    /// What sort of failure.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What to do about it.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// What was found.
    pub fn found(&self) -> &[Finding] {
        &self.0.findings
    }

    /// The message with all its causes, on one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = error::Error::source(self);
        while let Some(error) = cause {
            let next = error.to_string();
            if !text.ends_with(&next) {
                text = format!("{text}: {next}");
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.chain())
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

/// Says what was being done when something failed: `fs::read(p).context(|| format!("read {p}"))`.
pub trait Context<T> {
    /// Wraps the failure; a foreign error becomes [`Kind::Unexpected`], one of ours keeps its kind and hints.
    fn context(self, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Box<dyn error::Error + Send + Sync>>> Context<T> for std::result::Result<T, E> {
    fn context(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| match error.into().downcast::<Error>().map(|ours| *ours).or_else(carried) {
            Ok(ours) => ours.within(message()),
            Err(foreign) => {
                let remedy = foreign.downcast_ref().and_then(remedy);
                let error = Error::unexpected(message()).caused_by(foreign);
                remedy.into_iter().fold(error, Error::hint)
            }
        })
    }
}

/// What to do about the system's commonest refusals.
fn remedy(error: &std::io::Error) -> Option<&'static str> {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Some("make room, then give the same command again: it goes on from there"),
        std::io::ErrorKind::PermissionDenied => Some("look at who owns it and who may write there"),
        std::io::ErrorKind::ReadOnlyFilesystem => Some("that file system can't be written to: choose a place elsewhere"),
        _ => None,
    }
}

/// One of ours that came through a reader or a writer, wrapped as they wrap errors.
fn carried(foreign: Box<dyn error::Error + Send + Sync>) -> std::result::Result<Error, Box<dyn error::Error + Send + Sync>> {
    foreign.downcast::<std::io::Error>().and_then(|io| io.downcast::<Error>().map_err(Into::into))
}

impl<T> Context<T> for Option<T> {
    fn context(self, message: impl FnOnce() -> String) -> Result<T> {
        self.ok_or_else(|| Error::unexpected(message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_keeps_kind_hints_and_causes() {
        let inner: Result<()> = Err(Error::mismatch("digest differs").hint("download it again"));
        let outer = inner.context(|| "verify v1.0.0".into()).unwrap_err();
        assert_eq!((outer.kind(), outer.kind().exit_code()), (Kind::Mismatch, 6));
        assert_eq!(outer.hints(), ["download it again"]);
        assert_eq!(outer.chain(), "verify v1.0.0: digest differs");
    }

    #[test]
    fn ours_survives_a_reader() {
        let through: std::io::Result<()> = Err(std::io::Error::other(Error::refused("a bomb").hint("leave it")));
        let error = through.context(|| "read x".into()).unwrap_err();
        assert_eq!((error.kind(), error.chain().as_str(), error.hints().len()), (Kind::Refused, "read x: a bomb", 1));
    }

    #[test]
    fn a_foreign_error_is_unexpected() {
        let foreign: std::io::Result<()> = Err(std::io::Error::other("disk on fire"));
        let error = foreign.context(|| "read x".into()).unwrap_err();
        assert_eq!((error.kind(), error.chain().as_str()), (Kind::Unexpected, "read x: disk on fire"));
    }
}
