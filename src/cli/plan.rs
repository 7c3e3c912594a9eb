//! `consign plan`: what a run would do.

use clap::Args;

use super::job_args::JobArgs;
use super::output;
use super::surroundings::Here;
use crate::error::Result;
use crate::pipeline;
use crate::report::plan::render;

const EXAMPLES: &str = "\
Examples:
  consign plan orders-table
  consign plan orders-daily --date 2026-08-01 --json

Sources are opened and cut, and no row is read.";

/// Show what a run would read, which part of it the source leaves out, and where it would go
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Plan {
    #[command(flatten)]
    job: JobArgs,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Plan {
    /// Prints the plan.
    pub fn execute(self, here: &Here) -> Result<()> {
        let summary = pipeline::plan(&self.job.plan(here)?)?;
        output::show(&summary, self.json, render)
    }
}
