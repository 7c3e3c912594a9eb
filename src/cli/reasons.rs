//! `consign reasons`: what the codes of refused rows mean.

use clap::Args;
use serde_json::json;

use super::output;
use crate::error::{Error, ErrorKind, Result};
use crate::model::ReasonCode;
use crate::report::table::Table;

/// List the codes under which rows are refused, and what they mean
#[derive(Debug, Args)]
#[command(
    after_help = "The codes are stable: they stand in the quarantine, and people filter by them."
)]
pub(super) struct Reasons {
    /// Only this code
    code: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Reasons {
    /// Prints the codes.
    pub fn execute(self) -> Result<()> {
        let codes = match &self.code {
            Some(typed) => vec![code(typed)?],
            None => ReasonCode::ALL.to_vec(),
        };
        if self.json {
            let entry = |c: &ReasonCode| json!({"code": c.as_str(), "meaning": c.explanation()});
            output::print_json(&codes.iter().map(entry).collect::<Vec<_>>())?;
        } else {
            let mut table = Table::new("ll");
            for code in codes {
                table.row([code.as_str(), code.explanation()]);
            }
            output::print(&table.to_string())?;
        }
        Ok(())
    }
}

/// The code written as `typed`.
pub(super) fn code(typed: &str) -> Result<ReasonCode> {
    ReasonCode::parse(typed).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("unknown reason code `{typed}`"))
            .with_help("`consign reasons` lists them")
    })
}
