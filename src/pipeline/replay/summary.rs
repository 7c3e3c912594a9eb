//! What is asked of a replay, and what it has to say.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{DataFile, Ledger, ReasonCode};
use crate::publish::ReplayedRows;

use super::again::Why;

/// Which rows are to be tried again.
#[derive(Debug, Clone, Default)]
pub struct ReplayRequest {
    /// The run that refused them, or a replay that refused them again; every run when absent.
    pub run: Option<String>,
    /// Rows with one of these reasons; all rows when empty.
    pub reasons: Vec<ReasonCode>,
}

/// What became of the rows of every run that was replayed.
#[derive(Debug, Clone, Serialize)]
pub struct ReplaySummary {
    /// Version of this document's form.
    pub format_version: u32,
    /// Name of the job.
    pub job: String,
    /// `dataset@major`.
    pub dataset: String,
    /// Semantic version of the contract.
    pub contract_version: String,
    /// Root URL of the dataset.
    pub target: String,
    /// By the run that first refused the rows, oldest first.
    pub runs: Vec<RunReplay>,
}

/// How the replay of one run ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayOutcome {
    /// A commit record was created.
    Replayed,
    /// There was no row to try.
    NothingToDo,
    /// `--dry-run`: nothing was written.
    DryRun,
}

/// What became of the rows of one run.
#[derive(Debug, Clone, Serialize)]
pub struct RunReplay {
    /// How it ended.
    pub outcome: ReplayOutcome,
    /// The run that first refused the rows.
    pub run_id: String,
    /// The replay itself; absent when nothing was written.
    pub replay_run_id: Option<String>,
    /// Number of its commit record; absent when nothing was written.
    pub commit: Option<u64>,
    /// Days that are published anew, ascending.
    pub days: Vec<String>,
    /// What became of the rows that were tried.
    pub rows: ReplayedRows,
    /// Rows that stay where they are, untried.
    pub left_alone: LeftAlone,
    /// Why rows were refused again, by reason code.
    pub reasons: BTreeMap<String, u64>,
    /// Rows that were tried and rows of the days published anew.
    pub ledger: Ledger,
    /// Published data files.
    pub files: Vec<DataFile>,
}

/// Rows that were asked for and stay in the quarantine untried, by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftAlone {
    /// A replay has tried them by this contract, these rates and this program.
    pub tried_already: u64,
    /// They could not be compared with the copies of their key when they were first refused.
    pub not_compared: u64,
    /// Their day, as the contract tells it now, is none that their run published and that stands.
    pub day_not_there: u64,
    /// Their day was published by another schema or without Parquet, so that no row can be added.
    pub day_of_other_form: u64,
}

impl LeftAlone {
    /// All of them.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let Self { tried_already, not_compared, day_not_there, day_of_other_form } = self;
        tried_already + not_compared + day_not_there + day_of_other_form
    }

    pub(super) fn count(&mut self, why: Why) {
        match why {
            Why::NotCompared => self.not_compared += 1,
            Why::DayNotThere => self.day_not_there += 1,
            Why::DayOfOtherForm => self.day_of_other_form += 1,
        }
    }
}

impl RunReplay {
    /// Of a run of which no row is tried.
    pub(super) fn nothing_to_do(run_id: &str, left_alone: LeftAlone) -> Self {
        Self {
            outcome: ReplayOutcome::NothingToDo,
            run_id: run_id.to_owned(),
            replay_run_id: None,
            commit: None,
            days: Vec::new(),
            rows: ReplayedRows::default(),
            left_alone,
            reasons: BTreeMap::new(),
            ledger: Ledger::default(),
            files: Vec::new(),
        }
    }
}
