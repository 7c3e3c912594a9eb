//! Rows on their way through decode and transform: columns, raw bytes and verdicts side by side.
//!
//! Does not own what a verdict means (see [`super::Reason`]) nor any rule that gives one.

use arrow::array::{Date32Array, Int64Array};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;

use super::{RawFormat, Reason, SplitId, ZoneSpans};

/// Rows of one page. A row that is refused or excluded keeps its place until the pipeline
/// routes it, so every array, range and verdict speaks of the same row numbers.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Split the rows came from.
    pub split: SplitId,
    /// Ordinal within the split of row 0.
    pub first_row: u64,
    /// One row per source row. After decode: the contract's decoded schema, every column
    /// nullable, a misfit cell null. After the steps: the contract's output columns.
    pub columns: RecordBatch,
    /// Business date of each row, null where it could not be told; set by the transform.
    pub business_dates: Option<Date32Array>,
    /// When each row was written, µs since 1970, where rows are changes of items; null where it
    /// cannot be read. A deletion is a change that [`crate::plan::DELETED_IN_SOURCE`] excludes: of
    /// its columns only the key is filled.
    pub written_at: Option<Int64Array>,
    /// Source bytes of each row.
    pub raw: RawRows,
    /// Reasons to refuse rows, ordered by row; several for one row are all kept.
    pub reasons: Vec<RowReason>,
    /// Rows that a declared rule leaves out, ordered by row.
    pub exclusions: Vec<RowExclusion>,
    /// Rows that break a rule of severity `warn`, as (rule, rows).
    pub warnings: Vec<(String, u64)>,
    /// Zones by which times of rows were resolved, held against, or told of, over the rows of the
    /// days asked for; set by the transform.
    pub zones: ZoneSpans,
}

impl Batch {
    /// Rows of the batch.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.columns.num_rows()
    }

    /// Adds reasons found by a step and keeps the order by row. Reasons of one row stay in the
    /// order in which they were found.
    pub fn add_reasons(&mut self, mut found: Vec<RowReason>) {
        if !found.is_empty() {
            self.reasons.append(&mut found);
            self.reasons.sort_by_key(|r| r.row);
        }
    }
}

/// The source bytes of a batch: one buffer, one range a row.
#[derive(Debug, Clone)]
pub struct RawRows {
    /// Format of the bytes.
    pub format: RawFormat,
    /// Bytes of the page.
    pub bytes: Bytes,
    /// Offset of the page within the (inflated) object, in bytes.
    pub offset_bytes: u64,
    /// Start and end of each row within `bytes`.
    pub ranges: Vec<(u32, u32)>,
}

impl RawRows {
    /// Source bytes of row `row`; a cheap view, not a copy.
    #[must_use]
    pub fn row(&self, row: usize) -> Bytes {
        let (start, end) = self.ranges[row];
        self.bytes.slice(start as usize..end as usize)
    }

    /// Offset of row `row` within the (inflated) object, in bytes.
    #[must_use]
    pub fn row_offset_bytes(&self, row: usize) -> u64 {
        self.offset_bytes + u64::from(self.ranges[row].0)
    }
}

/// A reason and the row it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowReason {
    /// Row within the batch.
    pub row: u32,
    /// Why the row is refused.
    pub reason: Reason,
}

/// A row left out by a declared rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowExclusion {
    /// Row within the batch.
    pub row: u32,
    /// Name of the rule that decided: the first that holds, in the contract's order.
    pub rule: std::sync::Arc<str>,
}
