//! Candidate rows on their way to disk: runs sorted by (day, key), cut at day borders.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Date32Array, RecordBatch, UInt32Array,
    UInt64Array,
};
use arrow::compute::{interleave, take_record_batch};
use arrow::datatypes::{DataType, Date32Type, Field, Schema, SchemaRef, UInt32Type, UInt64Type};

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::SplitId;
use crate::state::{DaySegment, StagedRun};

use super::keys::key_prefix;
use super::route::{Routed, Verdict};
use super::staged::StagedWriter;

/// Rows of a staged batch, of which a merge holds one for each run…
const MAX_BATCH_ROWS: usize = 1024;
/// …or fewer, when rows are large: about this many bytes.
pub(super) const STAGED_BATCH_BYTES: usize = 128 << 10;

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
        add("#split", DataType::UInt32);
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

    /// Indices of all columns.
    pub(super) fn all(&self) -> Vec<usize> {
        (0..self.schema.fields().len()).collect()
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

    /// Splits of a run's rows.
    pub(super) fn splits<'a>(&self, rows: &'a RecordBatch) -> &'a UInt32Array {
        rows.column(self.output + 3).as_primitive::<UInt32Type>()
    }

    /// Source bytes and their offset of one row of a run, when they travel along.
    pub(super) fn raw<'a>(&self, rows: &'a RecordBatch, row: usize) -> Option<(&'a [u8], u64)> {
        self.keeps_raw.then(|| {
            let bytes = rows.column(self.output + 4).as_binary::<i32>().value(row);
            (bytes, rows.column(self.output + 5).as_primitive::<UInt64Type>().value(row))
        })
    }

    /// A batch of a run from its columns.
    pub(super) fn batch(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .or_err(ErrorKind::Unexpected, "a batch does not have the contract's columns")
    }

    /// The candidates of a batch of `split`, with the hidden columns.
    pub(super) fn of_routed(
        &self,
        routed: &Routed,
        split: SplitId,
        keys: &BinaryArray,
    ) -> Result<RecordBatch> {
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
        columns.push(Arc::new(UInt32Array::from_value(split.0, batch.num_rows())));
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

/// A run on its way to a file: in small batches, cut at the borders of days.
pub(super) struct RunWriter {
    file: StagedWriter,
    days: Vec<DaySegment>,
    batches: usize,
}

impl RunWriter {
    /// Begins the run `name` in `dir`.
    pub(super) fn create(dir: &Path, name: String, columns: &RunColumns) -> Result<Self> {
        let file = StagedWriter::create(dir, name, &columns.schema)?;
        Ok(Self { file, days: Vec::new(), batches: 0 })
    }

    /// Appends rows of `day`, each of about `row_bytes`. They come after all rows before, by day
    /// and key.
    pub(super) fn write(&mut self, day: i32, rows: &RecordBatch, row_bytes: usize) -> Result<()> {
        let batch_rows = (STAGED_BATCH_BYTES / row_bytes.max(1)).clamp(1, MAX_BATCH_ROWS);
        let batches = rows.num_rows().div_ceil(batch_rows);
        for batch in 0..batches {
            let first = batch * batch_rows;
            self.file.write(&rows.slice(first, batch_rows.min(rows.num_rows() - first)))?;
        }
        match self.days.last_mut() {
            Some(segment) if segment.day == day => segment.batches += batches,
            _ => self.days.push(DaySegment { day, first_batch: self.batches, batches }),
        }
        self.batches += batches;
        Ok(())
    }

    /// Ends the run and makes it durable.
    pub(super) fn finish(self) -> Result<StagedRun> {
        Ok(StagedRun { file: self.file.finish()?, days: self.days })
    }

    /// Ends a run that nobody needs after a crash.
    pub(super) fn finish_passing(self) -> Result<StagedRun> {
        Ok(StagedRun { file: self.file.finish_passing()?, days: self.days })
    }
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
        let mut run = RunWriter::create(dir, name, &self.columns)?;
        let order = self.sorted();
        let row_bytes = self.bytes / order.len().max(1);
        let places: Vec<_> = order.iter().map(|place| (place.batch, place.row)).collect();
        let rows = self.columns.batch(gather(std::mem::take(&mut self.held), &places)?)?;
        let mut first_row = 0;
        for of_day in order.chunk_by(|a, b| a.day == b.day) {
            run.write(of_day[0].day, &rows.slice(first_row, of_day.len()), row_bytes)?;
            first_row += of_day.len();
        }
        self.runs.push(run.finish()?);
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

    /// Places of what is held, by day, key and source order.
    fn sorted(&self) -> Vec<Place> {
        let sort_columns: Vec<_> = (self.held.iter())
            .map(|b| (self.columns.days(b), self.columns.keys(b), self.columns.rows(b)))
            .collect();
        let mut order = Vec::with_capacity(self.held.iter().map(RecordBatch::num_rows).sum());
        for (batch, (days, keys, _)) in sort_columns.iter().enumerate() {
            order.extend((0..keys.len()).map(|row| Place {
                prefix: key_prefix(keys.value(row)),
                day: days.value(row),
                batch,
                row,
            }));
        }
        let in_full = |place: &Place| {
            let (_, keys, rows) = sort_columns[place.batch];
            (keys.value(place.row), rows.value(place.row))
        };
        order.sort_unstable_by(|a, b| {
            let by_prefix = (a.day, a.prefix).cmp(&(b.day, b.prefix));
            by_prefix.then_with(|| in_full(a).cmp(&in_full(b)))
        });
        order
    }
}

/// The rows at `places`, column by column: one column of many rows fits the processor's caches, all
/// of them do not. A column is let go when it is copied, so the copy does not double what is held.
fn gather(held: Vec<RecordBatch>, places: &[(usize, usize)]) -> Result<Vec<ArrayRef>> {
    let mut columns: Vec<_> =
        held.into_iter().map(|rows| rows.into_parts().1.into_iter()).collect();
    let mut gathered = Vec::new();
    loop {
        let parts: Vec<ArrayRef> = columns.iter_mut().filter_map(Iterator::next).collect();
        if parts.is_empty() {
            return Ok(gathered);
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        let column = interleave(&parts, places);
        gathered.push(column.or_err(ErrorKind::Unexpected, "could not sort candidates")?);
    }
}

/// Where a held row lies, and what it is sorted by first: most rows need no look at their batch.
struct Place {
    day: i32,
    prefix: u128,
    batch: usize,
    row: usize,
}
