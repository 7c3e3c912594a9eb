//! What a run will do, as plain data: the outcome of resolving a job against the catalog.
//!
//! Does not own how it was resolved (`config::resolve`) nor how it is done (`pipeline`).

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::catalog::Contract;

/// Everything a run needs to know before it reads a byte.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the job.
    pub job: String,
    /// The dataset version to produce.
    pub contract: Arc<Contract>,
    /// Where rows come from, in the job's order.
    pub sources: Vec<SourceSpec>,
    /// Days to publish.
    pub days: DaySelection,
    /// The run's clock: the only "now" that can reach the output.
    pub as_of: Timestamp,
    /// Root URL of the dataset: `_log/`, `_data/`, `_quarantine/` and `latest/` lie below it.
    pub target: String,
    /// Files to write, at least one.
    pub sinks: Vec<SinkSpec>,
    /// How many rejects may be, before publishing is refused.
    pub reject_budget: RejectBudget,
    /// Whether the derived view `latest/` is written after the commit.
    pub latest: bool,
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Memory budget of the whole run, bytes.
    pub memory_bytes: u64,
    /// Local folder for staged runs and checkpoints of this job.
    pub staging: PathBuf,
}

/// A source of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// A DynamoDB Export to S3.
    DynamodbExport {
        /// URL of the folder that holds `manifest-summary.json`.
        url: String,
    },
    /// A file of mongodump.
    Mongodump {
        /// URL of the `.bson` or `.bson.gz` file.
        url: String,
        /// Documents it must hold, when the job states it.
        expected_rows: Option<u64>,
        /// SHA-256 (hex) of the file as stored, when the job states it.
        expected_sha256: Option<String>,
    },
}

/// Days that a run publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaySelection {
    /// Every day that the source has rows for.
    Found,
    /// From `first` to `last`, both included; a day without rows is published empty.
    Range {
        /// First day.
        first: Date,
        /// Last day.
        last: Date,
    },
}

impl DaySelection {
    /// Whether rows of `day` belong to the run.
    #[must_use]
    pub fn contains(self, day: Date) -> bool {
        match self {
            Self::Found => true,
            Self::Range { first, last } => first <= day && day <= last,
        }
    }
}

/// A kind of file to write for each day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkSpec {
    /// Parquet.
    Parquet {
        /// Compression codec.
        compression: ParquetCompression,
        /// Size at which the next file is begun, bytes.
        target_bytes: u64,
        /// Size of a row group, bytes.
        row_group_bytes: u64,
    },
    /// CSV.
    Csv {
        /// Size at which the next file is begun, bytes.
        target_bytes: u64,
        /// What to do with text that a spreadsheet would run as a formula.
        formula_guard: FormulaGuard,
    },
}

/// Codec of Parquet pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParquetCompression {
    /// zstd level 1: profile `lake`.
    Zstd,
    /// snappy: profile `bi`.
    Snappy,
}

/// Text cells of CSV that begin with `=`, `+`, `-`, `@`, TAB or CR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormulaGuard {
    /// Written as they are.
    Off,
    /// Written with a leading apostrophe, and counted.
    Prefix,
}

/// How many rejects may be. Both bounds hold; rows that were read count as the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectBudget {
    /// Share of the rows that are in the run's window, in millionths: 1 % is 10,000.
    pub max_millionths: u32,
    /// Number of rows.
    pub max_rows: Option<u64>,
}

/// Name of the rule under which rows of other days are counted.
pub const OUTSIDE_WINDOW: &str = "outside_window";
