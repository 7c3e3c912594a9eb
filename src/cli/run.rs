//! `consign run`: do a job.

use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;

use super::output;
use super::progress::shown;
use super::signals::Signals;
use super::surroundings::Here;
use crate::catalog::Catalog;
use crate::config::{Overrides, Surroundings, resolve, values};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline;
use crate::plan::DaySelection;
use crate::report::text;
use crate::telemetry::Progress;

const EXAMPLES: &str = "\
Examples:
  consign run orders-daily
  consign run orders-daily --date 2026-08-01
  consign run orders-daily --from 2026-08-01 --to 2026-08-07 --threads 4 --memory 2GB
  consign run ./my-job.toml --dry-run
  consign run orders-daily --json | jq .ledger

The same days of the same input are published once: running again says so and changes nothing.
Ctrl-C lets the run finish what is in hand and keeps the checkpoint; the same command resumes.
Twice stops at once.";

/// Read, validate and publish what a job names
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    /// Name of a file in `jobs/`, or a path to one
    job: String,
    /// Publish this day instead of the job's days
    #[arg(long, value_name = "DAY", value_parser = values::day, conflicts_with_all = ["from", "to"])]
    date: Option<Date>,
    /// Publish the days from this one…
    #[arg(long, value_name = "DAY", value_parser = values::day, requires = "to")]
    from: Option<Date>,
    /// …to this one, both included
    #[arg(long, value_name = "DAY", value_parser = values::day, requires = "from")]
    to: Option<Date>,
    /// The run's clock: the only "now" that can reach the output [default: the time of the call]
    #[arg(long, value_name = "INSTANT", value_parser = values::instant)]
    as_of: Option<Timestamp>,
    /// Worker threads [default: the job's, else one a processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Memory budget, for instance 512MB or 2GiB [default: the job's, else 512MB]
    #[arg(long, value_name = "SIZE", value_parser = values::size_bytes)]
    memory: Option<u64>,
    /// Do everything but publish, and tell whether publishing would be refused
    #[arg(long)]
    dry_run: bool,
    /// Begin anew instead of going on with an interrupted reading of a table or collection
    #[arg(long)]
    fresh: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Run {
    /// Runs the job and prints what became of every row.
    pub fn execute(self, here: &Here) -> Result<()> {
        let overrides = self.overrides()?;
        let project = here.project()?;
        let job = project.job(&self.job)?;
        let contract = Catalog::open(&project.schemas())?.resolve(&job.dataset)?;
        let surroundings = Surroundings {
            now: here.now,
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            root: project.root(),
            state_dir: &here.state_dir(&project),
        };
        let plan = resolve(&job, contract, &overrides, &surroundings)?;
        let options =
            pipeline::Options { dry_run: self.dry_run, fresh: self.fresh, started_at: here.now };

        let progress = Arc::new(Progress::default());
        let signals = Signals::watch(&progress, &here.bar)?;
        let summary = shown(here, &progress, || pipeline::run(&plan, &progress, options))
            .map_err(|error| signals.explain(error))?;
        if self.json {
            output::print_json(&summary)?;
        } else {
            output::print(&text::render(&summary))?;
        }
        Ok(())
    }

    fn overrides(&self) -> Result<Overrides> {
        let days = match (self.date, self.from, self.to) {
            (Some(day), _, _) => Some(DaySelection::Range { first: day, last: day }),
            (None, Some(first), Some(last)) if last < first => {
                return Err(Error::new(ErrorKind::Usage, "--to lies before --from")
                    .with("from", first)
                    .with("to", last));
            }
            (None, Some(first), Some(last)) => Some(DaySelection::Range { first, last }),
            _ => None,
        };
        Ok(Overrides {
            days,
            as_of: self.as_of,
            threads: self.threads.map(usize::from),
            memory_bytes: self.memory,
        })
    }
}
