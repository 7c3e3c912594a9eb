//! The second half of a run: each day's sorted runs become one stream of rows in key order.
//!
//! Owns the k-way merge and its accounting: every staged candidate is emitted, dropped as an
//! older copy, or left out or refused by a rule over several rows. Does not own what is done with the
//! stream.

use std::cmp::Ordering;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};

use arrow::array::{Array, BinaryArray, RecordBatch, UInt64Array};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::{SplitId, Sums};
use crate::state::{Checkpoint, Staging};
use crate::transform::output_rows;

use super::candidates::RunColumns;
use super::keys::key_prefix;
use super::row_set::{RowSet, SplitRows};
use super::staged::StagedReader;

/// Rows of an emitted batch, or fewer when they are large.
const MAX_BATCH_ROWS: usize = 8192;
const MAX_BATCH_BYTES: usize = 16 << 20;

/// What a day's merge did.
#[derive(Debug, Clone)]
pub(super) struct Merged {
    /// Rows emitted, by split.
    pub(super) emitted: BTreeMap<SplitId, u64>,
    /// Sums over the rows that were not emitted.
    pub(super) struck_sums: Sums,
}

/// A row that a rule over several rows refuses, where the merge stands on it.
pub(super) struct RefusedRow<'a> {
    pub(super) split: SplitId,
    pub(super) row: u64,
    /// Batch of the run, and the row within it.
    pub(super) rows: &'a RecordBatch,
    pub(super) index: usize,
}

/// What the merges of all days draw on.
#[derive(Clone, Copy)]
pub(super) struct Extracted<'a> {
    pub(super) contract: &'a Contract,
    pub(super) staging: &'a Staging,
    pub(super) checkpoints: &'a [Checkpoint],
    /// Older copies of a key.
    pub(super) older: &'a RowSet,
    /// Candidates that a rule over several rows leaves out.
    pub(super) left_out: &'a RowSet,
    /// Candidates that a rule over several rows refuses.
    pub(super) refused: &'a RowSet,
    /// SHA-256 of the rate file that amounts were converted by.
    pub(super) fx_table: Option<&'a str>,
}

/// Merges the runs of `day`: output rows in key order go to `emit`, refused ones to `refuse`.
///
/// # Errors
/// From the staging place, and whatever `emit` and `refuse` give.
pub(super) fn merge_day(
    day: i32,
    extracted: Extracted<'_>,
    mut emit: impl FnMut(&RecordBatch) -> Result<()>,
    mut refuse: impl FnMut(&RefusedRow<'_>) -> Result<()>,
) -> Result<Merged> {
    let contract = extracted.contract;
    let columns = RunColumns::new(contract);
    let mut cursors = open_cursors(day, extracted)?;
    let mut heap: BinaryHeap<Head> = BinaryHeap::with_capacity(cursors.len());
    for (index, cursor) in cursors.iter_mut().enumerate() {
        heap.extend(cursor.next_batch(&columns)?.map(|batch| batch.head(index, cursor.split)));
    }
    let mut chunk = Chunk::new(contract, &columns, cursors.len());
    let mut emitted = vec![0_u64; cursors.len()];
    let mut merged =
        Merged { emitted: BTreeMap::new(), struck_sums: Sums::new(&contract.output_schema()) };
    while let Some(mut head) = heap.peek_mut() {
        let cursor = &mut cursors[head.cursor];
        let ordinal = head.ordinals.value(head.row);
        let rows = cursor.current()?;
        if cursor.older.contains(ordinal) || cursor.left_out.contains(ordinal) {
            merged.struck_sums.add_row(rows, head.row);
        } else if cursor.refused.contains(ordinal) {
            merged.struck_sums.add_row(rows, head.row);
            refuse(&RefusedRow { split: cursor.split, row: ordinal, rows, index: head.row })?;
        } else {
            emitted[head.cursor] += 1;
            chunk.push(head.cursor, rows, head.row);
            if chunk.is_full() {
                emit(&chunk.take()?)?;
            }
        }
        if !head.advance() {
            chunk.leave_batch(head.cursor);
            match cursor.next_batch(&columns)? {
                Some(batch) => *head = batch.head(head.cursor, cursor.split),
                None => drop(PeekMut::pop(head)),
            }
        }
    }
    if !chunk.is_empty() {
        emit(&chunk.take()?)?;
    }
    for (cursor, rows) in cursors.iter().zip(emitted).filter(|(_, rows)| *rows > 0) {
        *merged.emitted.entry(cursor.split).or_default() += rows;
    }
    Ok(merged)
}

/// A run, read batch by batch as far as its segment of the day goes.
struct Cursor<'a> {
    split: SplitId,
    reader: StagedReader,
    next: usize,
    end: usize,
    current: Option<RecordBatch>,
    older: SplitRows<'a>,
    left_out: SplitRows<'a>,
    refused: SplitRows<'a>,
}

fn open_cursors(day: i32, extracted: Extracted<'_>) -> Result<Vec<Cursor<'_>>> {
    let Extracted { staging, checkpoints, older, left_out, refused, .. } = extracted;
    let mut cursors = Vec::new();
    for checkpoint in checkpoints {
        let split = checkpoint.split.id;
        let dir = staging.split_dir(split);
        for run in &checkpoint.runs {
            for segment in run.days.iter().filter(|segment| segment.day == day) {
                cursors.push(Cursor {
                    split,
                    reader: StagedReader::open(&dir, &run.file)?,
                    next: segment.first_batch,
                    end: segment.first_batch + segment.batches,
                    current: None,
                    older: older.of_split(split),
                    left_out: left_out.of_split(split),
                    refused: refused.of_split(split),
                });
            }
        }
    }
    Ok(cursors)
}

impl Cursor<'_> {
    fn next_batch(&mut self, columns: &RunColumns) -> Result<Option<BatchColumns>> {
        if self.next == self.end {
            self.current = None;
            return Ok(None);
        }
        let rows = self.reader.batch(self.next)?;
        self.next += 1;
        let batch =
            BatchColumns { keys: columns.keys(&rows).clone(), rows: columns.rows(&rows).clone() };
        self.current = Some(rows);
        Ok(Some(batch))
    }

    fn current(&self) -> Result<&RecordBatch> {
        self.current
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Unexpected, "a run ended before its day did"))
    }
}

/// The columns of a batch that order it.
struct BatchColumns {
    keys: BinaryArray,
    rows: UInt64Array,
}

impl BatchColumns {
    fn head(self, cursor: usize, split: SplitId) -> Head {
        let prefix = key_prefix(self.keys.value(0));
        Head { keys: self.keys, ordinals: self.rows, row: 0, prefix, split, cursor }
    }
}

/// Where a cursor stands; the least one is the greatest of the heap.
struct Head {
    keys: BinaryArray,
    ordinals: UInt64Array,
    row: usize,
    prefix: u128,
    split: SplitId,
    cursor: usize,
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

    fn position(&self) -> (&[u8], SplitId, u64) {
        (self.keys.value(self.row), self.split, self.ordinals.value(self.row))
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

/// Rows picked for the next emitted batch, and the staged batches they lie in.
struct Chunk {
    output: SchemaRef,
    output_columns: Vec<usize>,
    batches: Vec<RecordBatch>,
    /// Place in `batches` of each cursor's current batch, and the bytes of a row in it.
    places: Vec<Option<(usize, usize)>>,
    picked: Vec<(usize, usize)>,
    /// Bytes of the picked rows, taking those of one batch as equally large.
    bytes: usize,
}

impl Chunk {
    fn new(contract: &Contract, columns: &RunColumns, cursors: usize) -> Self {
        Self {
            output: contract.output_schema(),
            output_columns: columns.output(),
            batches: Vec::new(),
            places: vec![None; cursors],
            picked: Vec::with_capacity(MAX_BATCH_ROWS),
            bytes: 0,
        }
    }

    fn push(&mut self, cursor: usize, rows: &RecordBatch, row: usize) {
        let (place, row_bytes) = *self.places[cursor].get_or_insert_with(|| {
            self.batches.push(rows.clone());
            (self.batches.len() - 1, data_bytes(rows) / rows.num_rows())
        });
        self.picked.push((place, row));
        self.bytes += row_bytes;
    }

    fn leave_batch(&mut self, cursor: usize) {
        self.places[cursor] = None;
    }

    fn is_full(&self) -> bool {
        self.picked.len() == MAX_BATCH_ROWS || self.bytes >= MAX_BATCH_BYTES
    }

    fn is_empty(&self) -> bool {
        self.picked.is_empty()
    }

    /// The picked rows as output rows.
    fn take(&mut self) -> Result<RecordBatch> {
        let doing = "could not merge runs";
        let batches = std::mem::take(&mut self.batches);
        let batches: Vec<RecordBatch> = (batches.iter())
            .map(|rows| rows.project(&self.output_columns))
            .collect::<Result<_, _>>()
            .or_err(ErrorKind::Unexpected, doing)?;
        let rows = interleave_record_batch(&batches.iter().collect::<Vec<_>>(), &self.picked)
            .or_err(ErrorKind::Unexpected, doing)?;
        self.places.fill(None);
        self.picked.clear();
        self.bytes = 0;
        output_rows(&rows, &self.output)
    }
}

/// Bytes of the values of a batch. The size of its buffers says nothing: those of a staged batch are
/// all cut from one, which would count for each column.
fn data_bytes(rows: &RecordBatch) -> usize {
    let columns = rows.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    columns.filter_map(Result::ok).sum()
}

#[cfg(test)]
mod tests;
