//! `consign quarantine`: the refused rows of a dataset, and why they were refused.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::surroundings::Here;
use super::{output, reasons, target};
use crate::error::Result;
use crate::pipeline;
use crate::report::table::count;
use crate::report::text;

const EXAMPLES: &str = "\
Examples:
  consign quarantine stats orders-daily
  consign quarantine show orders-daily --reason not_in_list --limit 10
  consign quarantine show out/exported_orders --json > refused.jsonl

`consign reasons` explains the codes.";

/// Look at the rows that were refused
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
    /// Count refused rows by reason
    Stats(Stats),
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
    /// Shows or counts.
    pub fn execute(self, here: &Here) -> Result<()> {
        match self.command {
            Command::Show(show) => show.execute(here),
            Command::Stats(stats) => stats.execute(here),
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
        let mut rows = 0;
        let mut reasons = BTreeMap::<String, u64>::new();
        self.which.each(here, &mut |row| {
            rows += 1;
            // A row counts once under each of its codes, as in the ledger's reasons.
            let mut found: Vec<_> = codes(&row).collect();
            found.sort_unstable();
            found.dedup();
            for code in found {
                *reasons.entry(code.to_owned()).or_default() += 1;
            }
            Ok(true)
        })?;
        if self.json {
            output::print_json(&json!({"rows": rows, "reasons": reasons}))?;
        } else {
            let rows = count(rows);
            output::print(&format!("{rows} rows in quarantine\n{}", text::reasons(&reasons)))?;
        }
        Ok(())
    }
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
