//! `consign run`: do a job.

use clap::Args;

use super::job_args::JobArgs;
use super::output;
use super::signals::watched;
use super::surroundings::Here;
use crate::config::Environment;
use crate::error::{Error, Result};
use crate::pipeline;
use crate::report::text;

const EXAMPLES: &str = "\
Examples:
  consign run orders-daily
  consign run orders-daily --date 2026-08-01
  consign run orders-daily --from 2026-08-01 --to 2026-08-07 --threads 4 --memory 2GB
  consign run ./my-job.toml --dry-run
  consign run orders-daily --json | jq .ledger

The same days of the same input are published once: running again says so and changes nothing.
Tables and collections are read anew each time, and their days are replaced.
Ctrl-C lets the run finish what is in hand and keeps the checkpoint; the same command resumes.
Twice stops at once.";

/// Read, validate and publish what a job names
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    #[command(flatten)]
    job: JobArgs,
    /// Do everything but publish, and tell whether publishing would be refused
    #[arg(long)]
    dry_run: bool,
    /// Begin anew instead of going on with an interrupted reading of a table or collection
    #[arg(long)]
    fresh: bool,
    /// Refuse to read a MongoDB collection that gives no snapshot
    #[arg(long)]
    require_snapshot: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Run {
    /// Runs the job and prints what became of every row.
    pub fn execute(self, here: &Here) -> Result<()> {
        let mut plan = self.job.plan(here)?;
        if self.require_snapshot {
            plan.require_snapshots();
        }
        let options =
            pipeline::Options { dry_run: self.dry_run, fresh: self.fresh, started_at: here.now };
        let summary = watched(here, |progress| pipeline::run(&plan, progress, options))
            .map_err(with_command)?;
        output::show(&summary, self.json, text::render)
    }
}

/// Says how to go on, when going on may help.
fn with_command(error: Error) -> Error {
    if !error.is_retryable() {
        return error;
    }
    let why = error.help().map(|help| format!("{help}\n")).unwrap_or_default();
    error.with_help(format!("{why}resume: {}", Environment::command_line()))
}
