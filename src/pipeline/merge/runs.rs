//! Sorted runs read side by side: the rows of one day, by key, and by source order between equal
//! keys.
//!
//! Does not own which runs are read at once (`passes`) nor what becomes of a row (`merge`).

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::path::PathBuf;

use arrow::array::{Array, BinaryArray, RecordBatch, UInt32Array, UInt64Array};

use crate::error::Result;
use crate::model::SplitId;
use crate::pipeline::candidates::RunColumns;
use crate::pipeline::keys::key_prefix;
use crate::pipeline::staged::{self, StagedReader};
use crate::state::{DaySegment, StagedFile};

/// The rows of one day in a run.
pub(super) struct DayRun {
    pub(super) dir: PathBuf,
    pub(super) file: StagedFile,
    pub(super) segment: DaySegment,
    /// Whether it was made by a merge and is of no use after the next one.
    pub(super) is_passing: bool,
}

impl DayRun {
    /// Removes the file.
    ///
    /// # Errors
    /// From the staging place.
    pub(super) fn remove(&self) -> Result<()> {
        staged::remove(&self.dir, &self.file)
    }
}

/// Where a merge stands.
pub(in crate::pipeline) struct MergedRow<'a> {
    pub(in crate::pipeline) split: SplitId,
    /// Ordinal of the row within its split.
    pub(in crate::pipeline) row: u64,
    /// Batch of the run, and the row within it.
    pub(in crate::pipeline) rows: &'a RecordBatch,
    pub(in crate::pipeline) index: usize,
    /// Number of the run, and of the batch within it.
    pub(super) run: usize,
    pub(super) batch: usize,
}

/// Runs that are read side by side, a batch of each in memory.
pub(super) struct SortedRows {
    cursors: Vec<Cursor>,
    heap: BinaryHeap<Head>,
    columns: RunColumns,
    /// Whether the top of the heap was handed out.
    is_taken: bool,
}

impl SortedRows {
    /// Opens `runs`.
    ///
    /// # Errors
    /// From the staging place.
    pub(super) fn open(runs: &[DayRun], columns: &RunColumns) -> Result<Self> {
        let cursors: Vec<Cursor> = runs.iter().map(Cursor::open).collect::<Result<_>>()?;
        let heap = BinaryHeap::with_capacity(cursors.len());
        let mut rows = Self { cursors, heap, columns: columns.clone(), is_taken: false };
        for run in 0..rows.cursors.len() {
            rows.heap.extend(rows.cursors[run].next_head(run, columns)?);
        }
        Ok(rows)
    }

    /// Number of runs.
    pub(super) fn runs(&self) -> usize {
        self.cursors.len()
    }

    /// The next row; none when there is no more.
    ///
    /// # Errors
    /// From the staging place.
    pub(super) fn next(&mut self) -> Result<Option<MergedRow<'_>>> {
        if self.is_taken
            && let Some(mut head) = self.heap.peek_mut()
            && !head.advance()
        {
            match self.cursors[head.run].next_head(head.run, &self.columns)? {
                Some(next) => *head = next,
                None => drop(PeekMut::pop(head)),
            }
        }
        self.is_taken = true;
        Ok(self.heap.peek().map(|head| MergedRow {
            split: head.split(),
            row: head.ordinals.value(head.row),
            rows: &head.rows,
            index: head.row,
            run: head.run,
            batch: self.cursors[head.run].next,
        }))
    }
}

/// A run, read batch by batch as far as its segment of the day goes.
struct Cursor {
    reader: StagedReader,
    next: usize,
    end: usize,
}

impl Cursor {
    fn open(run: &DayRun) -> Result<Self> {
        let DaySegment { first_batch, batches, .. } = run.segment;
        let reader = StagedReader::open(&run.dir, &run.file)?;
        Ok(Self { reader, next: first_batch, end: first_batch + batches })
    }

    fn next_head(&mut self, run: usize, columns: &RunColumns) -> Result<Option<Head>> {
        if self.next == self.end {
            return Ok(None);
        }
        let rows = self.reader.batch(self.next)?;
        self.next += 1;
        let keys = columns.key().encode(&rows)?;
        Ok(Some(Head {
            prefix: key_prefix(keys.value(0)),
            keys,
            splits: columns.splits(&rows).clone(),
            ordinals: columns.rows(&rows).clone(),
            row: 0,
            rows,
            run,
        }))
    }
}

/// Where a cursor stands; the least one is the greatest of the heap.
struct Head {
    prefix: u128,
    keys: BinaryArray,
    splits: UInt32Array,
    ordinals: UInt64Array,
    row: usize,
    rows: RecordBatch,
    run: usize,
}

impl Head {
    /// Goes to the next row of the batch, if there is one.
    fn advance(&mut self) -> bool {
        self.row += 1;
        let has_next = self.row < self.keys.len();
        if has_next {
            self.prefix = key_prefix(self.keys.value(self.row));
        }
        has_next
    }

    fn split(&self) -> SplitId {
        SplitId(self.splits.value(self.row))
    }

    fn position(&self) -> (&[u8], SplitId, u64) {
        (self.keys.value(self.row), self.split(), self.ordinals.value(self.row))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_prefix = other.prefix.cmp(&self.prefix);
        by_prefix.then_with(|| other.position().cmp(&self.position()))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}
