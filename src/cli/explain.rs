//! `consign explain`: why a row was refused, and whether it would be now.

use clap::Args;

use super::surroundings::Here;
use super::{job_args, job_of_run, output};
use crate::config::Overrides;
use crate::error::Result;
use crate::model::Sensitive;
use crate::pipeline::{self, ExplainRequest, ExplainedReason, ExplainedRow, PresentJudgement};
use crate::plan::DaySelection;

const EXAMPLES: &str = "\
Examples:
  consign explain 01989000-7000-7000-8000-000000000000 ord_7f3k9q2m
  consign explain 01989000-7000-7000-8000-000000000000 0:41 --job orders-usd
  consign explain 01989000-7000-7000-8000-000000000000 orders.bson:41 --json

Values are told by type and shape alone, personal or not. Copies of the row's key and rules over
several rows are not looked at; `consign quarantine replay --dry-run` looks at them.";

/// Say why a row was refused, and whether the present contract would accept it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    /// The run that refused the row
    run: String,
    /// The row: SPLIT:ROW, the split by its number or name, or its key
    row: String,
    /// Job that gives contract, rates and target [default: the only one, or the one whose target
    /// on this machine holds the run]
    #[arg(long)]
    job: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Explain {
    /// Explains and prints.
    pub fn execute(self, here: &Here) -> Result<()> {
        let job = job_of_run::find(self.job.as_deref(), Some(&self.run), here)?;
        let overrides = Overrides { days: Some(DaySelection::Found), ..Overrides::default() };
        let plan = job_args::plan_of(&job, &overrides, here, &|_| Some(Sensitive::new("")))?;
        let rows = pipeline::explain(&ExplainRequest {
            target: &plan.target,
            aws: &plan.aws,
            contract: &plan.contract,
            rates: plan.rates.as_deref(),
            run: &self.run,
            row: &self.row,
        })?;
        output::show(&rows, self.json, |rows| {
            rows.iter().map(render).collect::<Vec<_>>().join("\n")
        })
    }
}

fn render(row: &ExplainedRow) -> String {
    let by = &row.refused_by;
    let state = match (row.state, row.taken_by_commit) {
        ("replayed", Some(commit)) => format!("replayed by commit {commit}"),
        ("discarded", Some(commit)) => format!("discarded by commit {commit}"),
        ("replaced", _) => "over: another run has read its day since".to_owned(),
        _ => "still in the quarantine".to_owned(),
    };
    let mut text = format!(
        "{} row {} (split {}) of run {}\n  {state}; first seen {}, tried {} times; {} bytes of {}\n\
         \nrefused by {} ({}, sha256 {})\n{}",
        row.split,
        row.row,
        row.split_id.0,
        row.run_id,
        row.first_seen,
        row.attempts,
        row.raw_bytes,
        row.raw_format,
        by.dataset,
        by.version,
        short(&by.sha256),
        reasons(&row.reasons),
    );
    text += &match &row.now {
        None => "\nthe quarantine may hold its first bytes alone: only a run can judge it\n".into(),
        Some(now) => present(row, now),
    };
    text
}

fn present(row: &ExplainedRow, now: &PresentJudgement) -> String {
    let judgement = &now.judgement;
    let same = if row.refused_by.is_present { "the same contract" } else { "the present contract" };
    let verdict = match (judgement.verdict, &judgement.excluded_by) {
        ("publish", _) => "on its own it would be accepted".to_owned(),
        (_, Some(rule)) => format!("it would be left out by the rule {rule}"),
        _ => "it would be refused".to_owned(),
    };
    let mut text = format!(
        "\n{same} now, {} ({}, sha256 {}): {verdict}; day {}\n{}",
        judgement.dataset,
        judgement.contract_version,
        short(&now.contract_sha256),
        judgement.day.as_deref().unwrap_or("unknown"),
        reasons(&now.explained),
    );
    for rule in &judgement.warnings {
        text += &format!("  warning: it breaks the rule {rule}\n");
    }
    text
}

fn reasons(reasons: &[ExplainedReason]) -> String {
    let mut text = String::new();
    for reason in reasons {
        text += &format!("  {}: {}\n", reason.code, reason.meaning);
        let found = reason.found.as_ref().filter(|_| reason.shapes.is_empty());
        for (label, said) in [
            ("field", &reason.field),
            ("rule", &reason.rule),
            ("expression", &reason.expression),
            ("found", &found.cloned()),
        ] {
            if let Some(said) = said {
                text += &format!("      {label}: {said}\n");
            }
        }
        for shape in &reason.shapes {
            text += &format!("      found: {shape}\n");
        }
    }
    text
}

/// As much of a hash as people compare.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}
