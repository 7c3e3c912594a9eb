//! How a failure is told: one line a cause, and how to mend it.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::error::{Error, causes};

/// Prints the error with its causes and its help to standard error, once.
pub fn print(error: &Error) {
    // When standard error is gone too, the exit code still tells.
    let _ = std::io::stderr().write_all(render(error).as_bytes());
}

fn render(error: &Error) -> String {
    let mut text = format!("error: {error}\n");
    let mut help = error.help();
    let mut said = error.to_string();
    for cause in causes(error) {
        let says = cause.to_string();
        // Some libraries repeat their cause in their own message.
        if !said.contains(&says) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  caused by: {says}");
        }
        help = help.or_else(|| cause.downcast_ref::<Error>()?.help());
        said = says;
    }
    if let Some(help) = help {
        let _ = writeln!(text, "help: {help}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn the_chain_is_told_once_with_the_first_help() {
        let io = std::io::Error::other("disk on fire");
        let inner = Error::new(ErrorKind::Transient, "cannot write the file")
            .with("file", "part-00000.parquet")
            .with_source(io)
            .with_help("make room");
        let outer = Error::new(ErrorKind::Transient, "the day was not written").with_source(inner);
        assert_eq!(
            render(&outer),
            "error: the day was not written\n  \
               caused by: cannot write the file (file: part-00000.parquet)\n  \
               caused by: disk on fire\n\
             help: make room\n"
        );
    }

    #[test]
    fn a_cause_already_told_is_not_repeated() {
        let error = Error::new(ErrorKind::Usage, "cannot read: no such file")
            .with_source(std::io::Error::other("no such file"));
        assert_eq!(render(&error), "error: cannot read: no such file\n");
    }
}
