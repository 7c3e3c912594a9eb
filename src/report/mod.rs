//! What a run has to say when it is over: the summary that the command line prints and `--json`
//! gives.
//!
//! [`text`] renders it for people. Does not own printing (that is `cli`) and holds no row value.

pub mod plan;
pub mod table;
pub mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fx::RatesUsed;
use crate::model::{DataFile, Ledger, PrivacyRecord, SourceSummary, ZoneDifference};
use crate::telemetry::Stage;

/// How a run ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A commit record was created.
    Published,
    /// The same slice of the same input stands published already; nothing new was.
    AlreadyPublished,
    /// `--dry-run`: nothing was written.
    DryRun,
}

/// A run that ended well.
#[derive(Debug, Clone, Serialize)]
pub struct RunSummary {
    /// Version of this document's form.
    pub format_version: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Name of the job.
    pub job: String,
    /// `dataset@major`.
    pub dataset: String,
    /// Semantic version of the contract.
    pub contract_version: String,
    /// The run: of this execution, or of the one that published before.
    pub run_id: String,
    /// Number of the commit record; absent for a dry run.
    pub commit: Option<u64>,
    /// Root URL of the dataset.
    pub target: String,
    /// The run's clock, RFC 3339.
    pub as_of: String,
    /// Days published, ascending.
    pub days: Vec<String>,
    /// Where the sources lie and what they promise.
    pub sources: Vec<SourceSummary>,
    /// Why publishing would be refused; only a dry run can say so and end well.
    pub refusal: Option<String>,
    /// What became of every row.
    pub ledger: Ledger,
    /// Rejects by reason code; a row with several reasons counts under each.
    pub reasons: BTreeMap<String, u64>,
    /// Rows that broke a rule of severity `warn`, by rule; older copies of a key among them.
    pub warnings: BTreeMap<String, u64>,
    /// Which exchange rates were used, when amounts were converted; a dry run has not counted.
    pub fx: Option<RatesUsed>,
    /// What was done to personal data, when the dataset is private; a dry run has not counted.
    pub privacy: Option<PrivacyRecord>,
    /// Zones of the data of which another time zone database says something else: readers who have
    /// it see other days and local times than the run wrote.
    pub zone_differences: Vec<ZoneDifference>,
    /// Published data files, by day, format and part.
    pub files: Vec<DataFile>,
    /// Files of the quarantine.
    pub quarantine_files: Vec<DataFile>,
    /// Files of the derived view `latest/`, as paths below the target.
    pub latest: Vec<String>,
    /// Splits taken over from an interrupted run.
    pub resumed_splits: u64,
    /// Wall time, milliseconds.
    pub elapsed_ms: u64,
    /// Wall time by stage, milliseconds. A file is re-read once it is written, while others are
    /// still being written: `verifying` is the time in which nothing else was left to do.
    pub stage_ms: BTreeMap<Stage, u64>,
    /// Time that threads spent re-reading files, waiting for the store included and added up over
    /// them, milliseconds.
    pub reread_thread_ms: u64,
}
