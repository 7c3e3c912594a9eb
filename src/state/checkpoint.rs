//! What is known of a split once it is extracted, or as far as it is; and of a live reading as a
//! whole.
//!
//! Plain data, written as JSON beside the staged files. Its form may change with every version
//! of the program: the staging folder's key holds the version.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Position, SourcePlan, Split, ZoneSpans};

/// How live sources were cut when they began to be read, so that an interrupted reading is taken
/// up with the same splits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveReading {
    /// When reading began.
    pub started_at: Timestamp,
    /// The live sources by their index in the plan.
    pub sources: BTreeMap<usize, SourcePlan>,
}

/// A split as far as it is read: what was read, what was decided row by row, which files hold
/// the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The split, to be sure that it is still the same one.
    pub split: Split,
    /// Where the split is read on; absent when it is finished.
    pub position: Option<Position>,
    /// Rows that the decoder saw.
    pub rows_read: u64,
    /// Verdicts by [`crate::model::Ledger::day_key`], before copies of a key are compared.
    pub days: BTreeMap<String, Verdicts>,
    /// Rows that broke a rule of severity `warn`, by rule.
    pub warnings: BTreeMap<String, u64>,
    /// Zones by which times of rows were told.
    pub zones: ZoneSpans,
    /// Candidate rows, sorted by (day, key).
    pub runs: Vec<StagedRun>,
    /// Key index of every row whose key and version could be read, a batch a bucket.
    pub indexes: Vec<StagedFile>,
    /// Values of each unique rule, in the contract's order, a batch a bucket.
    pub unique_values: Vec<Vec<StagedFile>>,
    /// Refused rows, in source order.
    pub rejects: Vec<StagedFile>,
    /// Sum of every decimal column over the candidates, exact text.
    pub sums: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Every file that must still be there for the checkpoint to be worth anything.
    pub fn files(&self) -> impl Iterator<Item = &StagedFile> {
        (self.runs.iter().map(|run| &run.file))
            .chain(&self.indexes)
            .chain(self.unique_values.iter().flatten())
            .chain(&self.rejects)
    }
}

/// Rows by verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// Rows that may be published.
    pub candidates: u64,
    /// Rows with a reason against them.
    pub quarantined: u64,
    /// Rows that a rule leaves out, by rule.
    pub excluded: BTreeMap<String, u64>,
}

impl Verdicts {
    /// Adds other verdicts to these.
    pub fn add(&mut self, other: &Self) {
        self.candidates += other.candidates;
        self.quarantined += other.quarantined;
        for (rule, rows) in &other.excluded {
            *self.excluded.entry(rule.clone()).or_default() += rows;
        }
    }

    /// Rows in all.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.candidates + self.quarantined + self.excluded.values().sum::<u64>()
    }
}

/// A staged file: its name within the split's folder, and its size to tell a cut one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedFile {
    /// Name within the split's folder.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// A sorted run and where each day lies in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedRun {
    /// The file.
    pub file: StagedFile,
    /// Days in ascending order.
    pub days: Vec<DaySegment>,
}

/// Consecutive batches of a run that hold the rows of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySegment {
    /// Days since 1970-01-01.
    pub day: i32,
    /// Index of the first batch.
    pub first_batch: usize,
    /// Number of batches.
    pub batches: usize,
}
