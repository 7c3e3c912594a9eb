//! The one error type of the crate: what was being done, to what, why it failed, how to mend it.
//!
//! Owns the kinds of failure and their exit codes. Does not own bad rows (those are
//! [`crate::model::Reason`]s, never errors) and does not print: `main` prints the chain.

use std::fmt;

/// What went wrong, as far as a caller or a scheduler can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A bug or a surprise of the machine. Exit 1.
    Unexpected,
    /// A command, job, contract or catalog that is wrong as written. Exit 2.
    Usage,
    /// The quality gate refused to publish, for instance too many rejects. Exit 3.
    Gate,
    /// Credentials are missing or do not allow the call. Exit 4.
    Permission,
    /// A passing fault outlived its retries; the checkpoint is kept. Exit 5.
    Transient,
    /// Another run holds or has changed what this run wants to publish. Exit 6.
    Conflict,
    /// A checksum, a count or the ledger does not agree. Exit 7.
    Verification,
    /// The commit may or may not have landed; nothing was deleted. Exit 8.
    CommitUnknown,
    /// Stopped by SIGINT after a checkpoint. Exit 130.
    Interrupted,
    /// Stopped by SIGTERM after a checkpoint. Exit 143.
    Terminated,
}

impl ErrorKind {
    /// The process exit code of this kind; the table is part of the command's promise.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Gate => 3,
            Self::Permission => 4,
            Self::Transient => 5,
            Self::Conflict => 6,
            Self::Verification => 7,
            Self::CommitUnknown => 8,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// A failure with its context. `Display` is one line without the causes; the chain is in
/// [`std::error::Error::source`]. Never holds a row value or a secret.
pub struct Error {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    help: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind`. `message` says what was being done and why it failed: lower case,
    /// no full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: Vec::new(), help: None, source: None }
    }

    /// Names what was being worked on, as `("file", path)`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((name, value.to_string()));
        self
    }

    /// Says how the user can mend it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind, which fixes the exit code.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// How to mend it, when the user can.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Whether running the same command again may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Transient | ErrorKind::Interrupted | ErrorKind::Terminated)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (i, (name, value)) in self.context.iter().enumerate() {
            f.write_str(if i == 0 { " (" } else { ", " })?;
            write!(f, "{name}: {value}")?;
        }
        if !self.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)?;
        causes(self).try_for_each(|error| write!(f, "\n  caused by: {error}"))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}

/// What caused `error`, the nearest cause first.
pub fn causes<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| cause.source())
}

/// An error and its causes on one line, each told once.
#[must_use]
pub fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error).fold(error.to_string(), |text, cause| {
        let says = cause.to_string();
        if text.contains(&says) { text } else { format!("{text}: {says}") }
    })
}

/// Gives a foreign error a kind and a message where it happens.
pub trait ResultExt<T> {
    /// Wraps the error as the cause of a new one.
    ///
    /// # Errors
    /// The same failure, as an [`Error`] of `kind`.
    fn or_err(self, kind: ErrorKind, message: impl Into<String>) -> Result<T>;
}

impl<T, E> ResultExt<T> for std::result::Result<T, E>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn or_err(self, kind: ErrorKind, message: impl Into<String>) -> Result<T> {
        self.map_err(|source| Error::new(kind, message).with_source(source))
    }
}
