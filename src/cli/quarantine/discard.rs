//! `consign quarantine discard`: giving refused rows up, with a reason.

use clap::Args;

use crate::cli::surroundings::Here;
use crate::cli::{job_of_run, output, reasons, target};
use crate::error::Result;
use crate::pipeline::{self, DiscardRequest};
use crate::report::table::count;

const EXAMPLES: &str = "\
Examples:
  consign quarantine discard 01989000-7000-7000-8000-000000000000 --reason row_malformed \\
      --because 'written by a test of the shop on 2026-08-01'

What is discarded cannot be replayed any more. When and why stand in a commit record; the rows'
bytes stay in the quarantine file until it is swept.";

/// Give refused rows up
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Discard {
    /// The run that refused them
    run: String,
    /// Why they are given up; recorded for good, so name no person
    #[arg(long, value_name = "TEXT")]
    because: String,
    /// Where the dataset lies, or the job that publishes it [default: the only job, or the one
    /// whose target on this machine holds the run]
    #[arg(long, value_name = "TARGET|JOB")]
    job: Option<String>,
    /// Only rows with this reason; may be given several times
    #[arg(long, value_name = "CODE")]
    reason: Vec<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Discard {
    /// Discards and prints how many rows there were.
    pub fn execute(self, here: &Here) -> Result<()> {
        let job = job_of_run::find(self.job.as_deref(), Some(&self.run), here)?;
        let target = target::find(Some(&job), here)?;
        let reasons = self.reason.iter().map(|typed| reasons::code(typed));
        let request = DiscardRequest {
            run: self.run,
            reasons: reasons.collect::<Result<_>>()?,
            because: self.because,
        };
        let summary = pipeline::discard(&target.url, &target.aws, &request, here.now)?;
        if self.json {
            output::print_json(&summary)?;
            return Ok(());
        }
        output::print(&match summary.commit {
            None => format!("run {}: nothing to do: no such row is there\n", summary.run_id),
            Some(commit) => format!(
                "run {}: {} rows discarded as commit {commit}: {}\n",
                summary.run_id,
                count(summary.rows),
                summary.because
            ),
        })?;
        Ok(())
    }
}
