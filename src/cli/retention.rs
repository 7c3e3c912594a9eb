//! `consign retention`: what is due to be forgotten, and forgetting it.

use clap::{Args, Subcommand};

use super::job_args::JobArgs;
use super::output;
use super::signals::watched;
use super::surroundings::Here;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{self, Proof, RetentionOutcome, RetentionSummary};
use crate::report::table::{Table, count};

const EXAMPLES: &str = "\
Examples:
  consign retention plan orders-private
  consign retention plan orders-private --as-of 2026-12-01T00:00:00Z --json
  consign retention apply orders-private

Days with rows that came of age are published anew without what the contract takes from them; old
versions that still hold it, refused rows that were kept long enough and files of runs that died are
deleted, after the commit that says so. Then everything that is left is searched for what went.
Run it every day: a second time there is nothing to do, and after an interruption it goes on.

Exits 7 when something that must be gone was found, or could not be read.";

/// Forget personal data whose time is over, everywhere below a dataset, and prove it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Retention {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what apply would do, and change nothing
    Plan(Which),
    /// Do it, and search everything that is left for what went
    Apply(Which),
}

#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    job: JobArgs,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Retention {
    /// Plans or applies.
    pub fn execute(self, here: &Here) -> Result<()> {
        let (which, apply) = match self.command {
            Command::Plan(which) => (which, false),
            Command::Apply(which) => (which, true),
        };
        let plan = which.job.plan(here)?;
        let options = pipeline::Options { dry_run: !apply, fresh: false, started_at: here.now };
        let summary =
            watched(here, |progress| pipeline::retention(&plan, apply, progress, options))?;
        output::show(&summary, which.json, render)?;
        require_clean(summary.proof.as_ref(), &summary.target)
    }
}

/// Fails when something was found that must be gone, or could not be looked for.
pub(super) fn require_clean(proof: Option<&Proof>, target: &str) -> Result<()> {
    let Some(searched) = proof.map(|proof| &proof.searched).filter(|s| !s.is_clean()) else {
        return Ok(());
    };
    let message = "it is not proved that what must be gone is gone";
    Err(Error::new(ErrorKind::Verification, message)
        .with("target", target)
        .with("places where values were found", searched.hits.len())
        .with("objects that could not be read", searched.unreadable.len())
        .with_help(
            "the objects are listed above; one of a run that may still be at work goes two days \
             after the run began",
        ))
}

fn render(summary: &RetentionSummary) -> String {
    let RetentionSummary { target, as_of, .. } = summary;
    let mut text = match (summary.outcome, summary.commit) {
        (RetentionOutcome::NothingToDo, _) => {
            return format!("{target}\nnothing to do at {as_of}\n");
        }
        (RetentionOutcome::Planned, _) => {
            format!("{target}\nwould do at {as_of}; nothing is changed\n")
        }
        (_, Some(commit)) => format!("{target}\ncommit {commit}, at {as_of}\n"),
        (_, None) => {
            format!("{target}\nfinished what an earlier retention had begun, at {as_of}\n")
        }
    };
    let mut days = Table::new("lrl");
    for day in &summary.days {
        let rows = match day.changed_rows {
            None => format!("{} rows", count(day.rows)),
            Some(changed) => format!("{} of {} rows changed", count(changed), count(day.rows)),
        };
        let since = day.due_since.map_or(String::new(), |at| format!("due since {at}"));
        days.row([day.dt.to_string(), rows, since]);
    }
    text += &days.to_string();
    let rows: u64 = summary.quarantined_rows.values().sum();
    if rows > 0 {
        text += &format!("{} rows leave the quarantine\n", count(rows));
    }
    let bytes: u64 = summary.objects.iter().map(|object| object.bytes).sum();
    text +=
        &format!("{} objects go, {} bytes\n", count(summary.objects.len() as u64), count(bytes));
    for (paths, what) in
        [(&summary.staging, "staging folder"), (&summary.unfinished, "unfinished file")]
    {
        for path in paths {
            text += &format!("{what} goes: {path}\n");
        }
    }
    text + &summary.proof.as_ref().map_or_else(String::new, proof)
}

/// The proof, for people.
pub(super) fn proof(proof: &Proof) -> String {
    let searched = &proof.searched;
    let mut text = format!(
        "proof: {} objects, {} bytes searched for {} values: {}\n",
        count(searched.objects),
        count(searched.bytes),
        count(searched.values),
        if searched.is_clean() { "none is there".to_owned() } else { "NOT PROVED".to_owned() },
    );
    text +=
        &format!("       {} published rows hold nothing that is due\n", count(proof.rows_checked));
    if proof.values_elsewhere > 0 {
        text += &format!(
            "       {} values more stand lawfully in other rows and were not searched for\n",
            count(proof.values_elsewhere)
        );
    }
    for hit in &searched.hits {
        text += &format!(
            "found: {} ({}, {} times)\n",
            hit.object,
            hit.place.as_str(),
            count(hit.count)
        );
    }
    for object in &searched.unreadable {
        text += &format!("cannot be read: {object}\n");
    }
    text
}
