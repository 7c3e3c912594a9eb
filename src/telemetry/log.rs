//! Starts the log: which events, in which form, to which writer.
//!
//! Levels: error, data may be lost or someone must act; warn, worth a look after the run; info,
//! the run's own story, a few lines; debug, for whoever mends the program.

use std::str::FromStr as _;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::{Error, ErrorKind, Result};

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text {
        /// Whether colours may be used.
        colour: bool,
    },
    /// One JSON object a line, for collectors.
    Json,
}

/// Crates whose traces show requests whole, with the tokens that credentials are asked for with, and
/// the commands of a `credential_process` with their arguments.
const TELL_SECRETS: [&str; 2] = ["aws_", "h2"];

/// Starts the log of this process; a second call changes nothing. `filter` is written as
/// `info` or `consign=debug,warn`. What may hold a secret is left out whatever it says.
///
/// # Errors
/// `Usage` when the filter cannot be read.
pub fn start<W>(filter: &str, form: Form, writer: W) -> Result<()>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::from_str(filter).map_err(|e| {
        Error::new(ErrorKind::Usage, "cannot read the log filter")
            .with("filter", filter)
            .with_source(e)
            .with_help("write for instance `info` or `consign=debug,warn`")
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // An error means that a log was started before: in tests, and that one stays.
    let _ = match form {
        Form::Json => {
            log.json().flatten_event(true).finish().with(filter_fn(holds_no_secret)).try_init()
        }
        Form::Text { colour } => {
            let log = log.with_ansi(colour).with_target(false).finish();
            log.with(filter_fn(holds_no_secret)).try_init()
        }
    };
    Ok(())
}

fn holds_no_secret(event: &Metadata<'_>) -> bool {
    let tells = TELL_SECRETS.iter().any(|begin| event.target().starts_with(begin));
    *event.level() != Level::TRACE || !tells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_a_usage_error() {
        let refused = start("consign=loud", Form::Json, std::io::sink).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Usage);
        assert!(refused.help().is_some());
    }
}
