//! `consign quarantine`: the refused rows of a dataset, why they were refused, and what becomes of
//! them.

mod discard;
mod replay;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::surroundings::Here;
use super::{output, reasons, target};
use crate::error::Result;
use crate::pipeline::{self, QuarantineAccount, QuarantineStats};
use crate::report::table::{Table, count};
use crate::report::text;

const EXAMPLES: &str = "\
Examples:
  consign quarantine stats orders-daily
  consign quarantine show orders-daily --reason not_in_list --limit 10
  consign quarantine show out/exported_orders --json > refused.jsonl
  consign quarantine replay --job orders-usd --reason fx_rate_missing
  consign quarantine discard RUN --reason row_malformed --because 'written by a test'

Rows that were replayed or discarded, and rows of days that another run has read since, are not
shown; `stats` accounts for them. `consign explain` tells more of one row, without its values;
`consign reasons` explains the codes.";

/// Look at the rows that were refused, try them again or give them up
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Quarantine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show refused rows, each with all its reasons
    Show(Show),
    /// Count refused rows by reason, and account for all that ever were
    Stats(Stats),
    Replay(replay::Replay),
    Discard(discard::Discard),
}

#[derive(Debug, Args)]
struct Which {
    /// Where the dataset lies, or the job that publishes it [default: the only job's]
    #[arg(value_name = "TARGET|JOB")]
    target: Option<String>,
    /// Only rows that this run refused
    #[arg(long, value_name = "ID")]
    run: Option<String>,
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    which: Which,
    /// Only rows with this reason
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// At most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Print one JSON object a line, with the source bytes
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Stats {
    #[command(flatten)]
    which: Which,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Quarantine {
    /// Does what was asked.
    pub fn execute(self, here: &Here) -> Result<()> {
        match self.command {
            Command::Show(show) => show.execute(here),
            Command::Stats(stats) => stats.execute(here),
            Command::Replay(replay) => replay.execute(here),
            Command::Discard(discard) => discard.execute(here),
        }
    }
}

impl Which {
    fn each(&self, here: &Here, each: &mut dyn FnMut(Value) -> Result<bool>) -> Result<()> {
        let target = target::find(self.target.as_deref(), here)?;
        pipeline::quarantine(&target.url, &target.aws, self.run.as_deref(), each)
    }
}

impl Show {
    fn execute(self, here: &Here) -> Result<()> {
        let wanted = self.reason.as_deref().map(reasons::code).transpose()?;
        let mut left = self.limit.unwrap_or(u64::MAX);
        if left == 0 {
            return Ok(());
        }
        self.which.each(here, &mut |row| {
            if wanted.is_some_and(|code| !codes(&row).any(|found| found == code.as_str())) {
                return Ok(true);
            }
            let text = if self.json { format!("{row}\n") } else { render(&row) };
            left -= 1;
            Ok(output::print(&text)? && left > 0)
        })
    }
}

impl Stats {
    fn execute(self, here: &Here) -> Result<()> {
        let target = target::find(self.which.target.as_deref(), here)?;
        let run = self.which.run.as_deref();
        let stats = pipeline::quarantine_stats(&target.url, &target.aws, run)?;
        output::show(&stats, self.json, counted)
    }
}

fn counted(stats: &QuarantineStats) -> String {
    let QuarantineAccount { replayed_as, expired_by, .. } = &stats.account;
    let account = &stats.account;
    let mut table = Table::new("lrl");
    for (what, rows, detail) in [
        ("ever quarantined", account.ever_quarantined, String::new()),
        (
            "= replayed",
            account.replayed,
            format!(
                "written {}, excluded {}, deduplicated {}",
                replayed_as.written, replayed_as.excluded, replayed_as.deduplicated
            ),
        ),
        ("+ still there", account.still_there, String::new()),
        ("+ discarded", account.discarded, String::new()),
        (
            "+ expired",
            account.expired,
            format!(
                "day read anew {}, by age {}, with a person {}",
                expired_by.replaced, expired_by.retention, expired_by.erasure
            ),
        ),
    ] {
        table.row([what.to_owned(), count(rows), detail]);
    }
    let rows = count(stats.rows);
    format!("{rows} rows in quarantine\n{}\n{table}", text::reasons(&stats.reasons))
}

fn codes(row: &Value) -> impl Iterator<Item = &str> {
    let reasons = row["reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
    reasons.iter().filter_map(|reason| reason["code"].as_str())
}

/// A refused row for people: its key, its place, and a line a reason.
fn render(row: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::Null => "?".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut text =
        format!("{}  {} row {}\n", plain(&row["key"]), plain(&row["split"]), plain(&row["row"]));
    let reasons = row["reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
    for reason in reasons {
        text += &format!("    {}", plain(&reason["code"]));
        for (name, label) in [("field", ""), ("rule", "rule "), ("found", "found ")] {
            if !reason[name].is_null() {
                text += &format!("  {label}{}", plain(&reason[name]));
            }
        }
        text.push('\n');
    }
    text
}
