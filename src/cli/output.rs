//! Standard output. That its reader has gone, as `head` does, is an end and not an error.

use std::io::{ErrorKind as IoErrorKind, Write};

use serde::Serialize;

use crate::error::{ErrorKind, Result, ResultExt as _};

/// Prints `text` as it is. False when nobody reads any more.
///
/// # Errors
/// `Unexpected` when it cannot be written, for instance to a full disk.
pub(super) fn print(text: &str) -> Result<bool> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == IoErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).or_err(ErrorKind::Unexpected, "cannot write the output"),
    }
}

/// Prints one JSON document, indented.
///
/// # Errors
/// `Unexpected` as for [`print`].
pub(super) fn print_json(document: &impl Serialize) -> Result<bool> {
    let text = serde_json::to_string_pretty(document)
        .or_err(ErrorKind::Unexpected, "cannot write the output as JSON")?;
    print(&(text + "\n"))
}

/// Prints `document` as one JSON document, or for people what `render` makes of it.
///
/// # Errors
/// `Unexpected` as for [`print`].
pub(super) fn show<T: Serialize>(
    document: &T,
    json: bool,
    render: impl FnOnce(&T) -> String,
) -> Result<()> {
    if json { print_json(document) } else { print(&render(document)) }.map(|_| ())
}
