//! `consign quarantine replay`: refused rows, tried again by the present contract and rates.

use clap::Args;

use crate::cli::job_args::RunArgs;
use crate::cli::signals::watched;
use crate::cli::surroundings::Here;
use crate::cli::{job_args, job_of_run, output, reasons};
use crate::error::Result;
use crate::model::Sensitive;
use crate::pipeline::{self, Options, ReplayOutcome, ReplayRequest, ReplaySummary, RunReplay};
use crate::plan::DaySelection;
use crate::report::table::{Table, count};
use crate::report::text;

const EXAMPLES: &str = "\
Examples:
  consign quarantine replay 01989000-7000-7000-8000-000000000000 --reason fx_rate_missing
  consign quarantine replay --job orders-usd --reason fx_rate_missing     of every run
  consign quarantine replay --job orders-usd --dry-run

A row that is accepted now is published with the rows of its day, as a commit of its own; one that
is not stays in the quarantine, tried once more. Rows of days that another run has read since are
not tried, and the sources are not read. That rows are refused again is no failure: exit code 0.";

/// Try refused rows again by the present contract and exchange rates
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Replay {
    /// Only rows that this run refused [default: every run]
    run: Option<String>,
    /// Job that gives contract, rates and target [default: the only one, or the one whose target
    /// on this machine holds the run]
    #[arg(long)]
    job: Option<String>,
    /// Only rows with this reason; may be given several times
    #[arg(long, value_name = "CODE")]
    reason: Vec<String>,
    /// Tell what would become of the rows, and publish nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    run_args: RunArgs,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Replay {
    /// Replays and prints what became of the rows.
    pub fn execute(self, here: &Here) -> Result<()> {
        let job = job_of_run::find(self.job.as_deref(), self.run.as_deref(), here)?;
        let overrides = self.run_args.overrides(Some(DaySelection::Found));
        // The sources are not read, so nothing that opens them is asked for.
        let plan = job_args::plan_of(&job, &overrides, here, &|_| Some(Sensitive::new("")))?;
        let reasons = self.reason.iter().map(|typed| reasons::code(typed));
        let request = ReplayRequest { run: self.run, reasons: reasons.collect::<Result<_>>()? };
        let options = Options { dry_run: self.dry_run, fresh: false, started_at: here.now };
        let summary =
            watched(here, |progress| pipeline::replay(&plan, &request, progress, options))?;
        output::show(&summary, self.json, render)
    }
}

fn render(summary: &ReplaySummary) -> String {
    if summary.runs.is_empty() {
        return format!("{}: nothing to do: no row was ever refused\n", summary.job);
    }
    let runs = summary.runs.iter().map(|run| of_run(summary, run));
    runs.collect::<Vec<_>>().join("\n")
}

fn of_run(summary: &ReplaySummary, run: &RunReplay) -> String {
    let rows = &run.rows;
    let outcome = match (run.outcome, run.commit) {
        (ReplayOutcome::NothingToDo, _) => "nothing to do: no row to try".to_owned(),
        (ReplayOutcome::DryRun, _) => "dry run, nothing was published".to_owned(),
        (ReplayOutcome::Replayed, None) => "replayed".to_owned(),
        (ReplayOutcome::Replayed, Some(commit)) => format!("replayed as commit {commit}"),
    };
    let mut text = format!("{}: run {}: {outcome}\n", summary.job, run.run_id);
    if rows.tried > 0 {
        let mut table = Table::new("rrrrr");
        table.row(["tried", "written", "refused again", "excluded", "deduplicated"]);
        let counts =
            [rows.tried, rows.written, rows.refused_again, rows.excluded, rows.deduplicated];
        table.row(counts.map(count));
        text += &table.to_string();
    }
    if !run.days.is_empty() {
        text += &format!("days with these rows: {}\n", run.days.join(", "));
    }
    let left = &run.left_alone;
    for (rows, why) in [
        (left.tried_already, "a replay has tried them by this very contract, rates and program"),
        (
            left.not_compared,
            "they were never compared with the copies of their key; run the job again",
        ),
        (left.day_not_there, "their day is none that their run published and that still stands"),
        (
            left.day_of_other_form,
            "their day was published by another schema or without Parquet; run the job again",
        ),
    ] {
        if rows > 0 {
            text += &format!("left where they are: {}: {why}\n", count(rows));
        }
    }
    if !run.reasons.is_empty() {
        text += &text::reasons(&run.reasons);
    }
    text
}
