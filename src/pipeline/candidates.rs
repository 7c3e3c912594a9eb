//! Candidate rows on their way to disk: runs sorted by (day, key), cut at day borders.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, BinaryBuilder, Date32Array, RecordBatch, UInt64Array,
};
use arrow::compute::{interleave_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Date32Type, Field, Schema, SchemaRef, UInt64Type};

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::state::{DaySegment, StagedRun};

use super::route::{Routed, Verdict};
use super::staged::StagedWriter;

/// Rows of a staged batch, of which a merge holds one for each run…
const MAX_BATCH_ROWS: usize = 1024;
/// …or fewer, when rows are large: about this many bytes.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// The columns of a run: the output columns, then those that only the pipeline sees.
#[derive(Debug, Clone)]
pub(super) struct RunColumns {
    schema: SchemaRef,
    output: usize,
    keeps_raw: bool,
}

impl RunColumns {
    /// Columns of the runs of a contract's rows. Source bytes travel along only when a rule over
    /// several rows can still refuse a candidate.
    pub(super) fn new(contract: &Contract) -> Self {
        let rows = contract.nullable_output_schema();
        let keeps_raw = !contract.unique.is_empty();
        let mut fields = rows.fields().to_vec();
        let mut add =
            |name: &str, data_type| fields.push(Arc::new(Field::new(name, data_type, true)));
        add("#day", DataType::Date32);
        add("#key", DataType::Binary);
        add("#row", DataType::UInt64);
        if keeps_raw {
            add("#raw", DataType::Binary);
            add("#raw_offset", DataType::UInt64);
        }
        let schema = Arc::new(Schema::new(fields));
        Self { schema, output: rows.fields().len(), keeps_raw }
    }

    /// Indices of the output columns.
    pub(super) fn output(&self) -> Vec<usize> {
        (0..self.output).collect()
    }

    fn days<'a>(&self, rows: &'a RecordBatch) -> &'a Date32Array {
        rows.column(self.output).as_primitive::<Date32Type>()
    }

    /// Encoded keys of a run's rows.
    pub(super) fn keys<'a>(&self, rows: &'a RecordBatch) -> &'a BinaryArray {
        rows.column(self.output + 1).as_binary()
    }

    /// Ordinals within the split of a run's rows.
    pub(super) fn rows<'a>(&self, rows: &'a RecordBatch) -> &'a UInt64Array {
        rows.column(self.output + 2).as_primitive::<UInt64Type>()
    }

    /// Source bytes and their offset of one row of a run, when they travel along.
    pub(super) fn raw<'a>(&self, rows: &'a RecordBatch, row: usize) -> Option<(&'a [u8], u64)> {
        self.keeps_raw.then(|| {
            let bytes = rows.column(self.output + 3).as_binary::<i32>().value(row);
            (bytes, rows.column(self.output + 4).as_primitive::<UInt64Type>().value(row))
        })
    }

    /// A batch of a run from its columns.
    pub(super) fn batch(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .or_err(ErrorKind::Unexpected, "a batch does not have the contract's columns")
    }

    /// The candidates of a batch, with the hidden columns.
    pub(super) fn of_routed(&self, routed: &Routed, keys: &BinaryArray) -> Result<RecordBatch> {
        let batch = &routed.batch;
        let rows = routed.rows_with(Verdict::Candidate);
        let days = batch.business_dates.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Unexpected, "a batch came without business dates")
        })?;
        let mut columns = batch.columns.columns().to_vec();
        columns.push(Arc::new(days.clone()));
        columns.push(Arc::new(keys.clone()));
        let ordinals = (batch.first_row..).take(batch.num_rows());
        columns.push(Arc::new(UInt64Array::from_iter_values(ordinals)));
        if self.keeps_raw {
            columns.extend(raw_columns(routed));
        }
        let all = self.batch(columns)?;
        if rows.len() == all.num_rows() {
            return Ok(all);
        }
        take_record_batch(&all, &rows).or_err(ErrorKind::Unexpected, "could not take candidates")
    }
}

fn raw_columns(routed: &Routed) -> [ArrayRef; 2] {
    let raw = &routed.batch.raw;
    let mut bytes = BinaryBuilder::new();
    (0..routed.verdicts.len()).for_each(|row| match routed.verdicts[row] {
        Verdict::Candidate => bytes.append_value(raw.row(row)),
        _ => bytes.append_null(),
    });
    let offsets = (0..routed.verdicts.len()).map(|row| raw.row_offset_bytes(row));
    [Arc::new(bytes.finish()), Arc::new(UInt64Array::from_iter_values(offsets))]
}

/// Runs of one split in the making.
pub(super) struct RunBuilder {
    columns: RunColumns,
    held: Vec<RecordBatch>,
    bytes: usize,
    runs: Vec<StagedRun>,
}

impl RunBuilder {
    /// No runs yet.
    pub(super) fn new(columns: RunColumns) -> Self {
        Self { columns, held: Vec::new(), bytes: 0, runs: Vec::new() }
    }

    /// Adds rows as [`RunColumns::of_routed`] gives them.
    pub(super) fn push(&mut self, rows: RecordBatch) {
        if rows.num_rows() > 0 {
            self.bytes += rows.get_array_memory_size();
            self.held.push(rows);
        }
    }

    /// Bytes held in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sorts what is held and moves it to a file.
    pub(super) fn flush(&mut self, dir: &Path) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let name = format!("run-{:03}.arrow", self.runs.len());
        let mut file = StagedWriter::create(dir, name, &self.columns.schema)?;
        let order = self.sorted();
        let batches: Vec<&RecordBatch> = self.held.iter().collect();
        let row_bytes = (self.bytes / order.len().max(1)).max(1);
        let batch_rows = (MAX_BATCH_BYTES / row_bytes).clamp(1, MAX_BATCH_ROWS);
        let mut days = Vec::new();
        let mut written = 0;
        for (day, range) in self.days_of(&order) {
            let first_batch = written;
            for rows in order[range].chunks(batch_rows) {
                let rows = interleave_record_batch(&batches, rows)
                    .or_err(ErrorKind::Unexpected, "could not sort candidates")?;
                file.write(&rows)?;
                written += 1;
            }
            days.push(DaySegment { day, first_batch, batches: written - first_batch });
        }
        self.runs.push(StagedRun { file: file.finish()?, days });
        self.held.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Goes on behind runs that are on disk already.
    pub(super) fn resume(&mut self, runs: Vec<StagedRun>) {
        self.runs = runs;
    }

    /// The runs on disk.
    pub(super) fn runs(&self) -> &[StagedRun] {
        &self.runs
    }

    /// Positions (batch, row) of what is held, by day, key and source order.
    fn sorted(&self) -> Vec<(usize, usize)> {
        let sort_columns: Vec<_> = (self.held.iter())
            .map(|b| (self.columns.days(b), self.columns.keys(b), self.columns.rows(b)))
            .collect();
        let mut order: Vec<(usize, usize)> = (self.held.iter().enumerate())
            .flat_map(|(batch, rows)| (0..rows.num_rows()).map(move |row| (batch, row)))
            .collect();
        let at = |(batch, row): (usize, usize)| {
            let (days, keys, rows) = sort_columns[batch];
            (days.value(row), keys.value(row), rows.value(row))
        };
        order.sort_unstable_by(|a, b| at(*a).cmp(&at(*b)));
        order
    }

    fn days_of(&self, order: &[(usize, usize)]) -> Vec<(i32, Range<usize>)> {
        let day = |&(batch, row): &(usize, usize)| self.columns.days(&self.held[batch]).value(row);
        let mut start = 0;
        (order.chunk_by(|a, b| day(a) == day(b)))
            .map(|rows| {
                let range = start..start + rows.len();
                start = range.end;
                (day(&rows[0]), range)
            })
            .collect()
    }
}
