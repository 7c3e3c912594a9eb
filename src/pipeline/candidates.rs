//! Candidate rows on their way to disk: runs sorted by (day, key), cut at day borders.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Date32Array, RecordBatch, UInt32Array,
    UInt64Array,
};
use arrow::compute::{interleave_record_batch, take, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type, UInt64Type};
use arrow::error::ArrowError;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::{SplitId, Sums};
use crate::state::{DaySegment, StagedRun};

use super::keys::{KeyEncoder, key_prefix};
use super::route::{Routed, Verdict};
use super::staged::StagedWriter;

/// Rows of a staged batch, of which a merge holds one for each run…
const MAX_BATCH_ROWS: usize = 1024;
/// …or fewer, when rows are large: about this many bytes.
pub(super) const STAGED_BATCH_BYTES: usize = 64 << 10;
/// Sorted rows that are copied at once, bytes: few, so that one run after the other is copied through
/// the same memory; but each column of them is a way through all that is held.
const GATHERED_BYTES: usize = 16 << 20;
/// Bytes of a run at first: what mostly lies in a cache is copied into order faster, and memory that is
/// soon free again is not asked for anew. Later runs are larger, so that a merge has few to read…
const FIRST_RUN_BYTES: usize = 24 << 20;
/// …by this part of what lies in files already.
const RUN_GROWTH: u64 = 16;

/// The columns of a run: the output columns, then those that only the pipeline sees. The day of a row
/// is that of its segment, its key is read from the output columns.
#[derive(Debug, Clone)]
pub(super) struct RunColumns {
    schema: SchemaRef,
    output: usize,
    keeps_raw: bool,
    key: Arc<KeyEncoder>,
}

impl RunColumns {
    /// Columns of the runs of a contract's rows. Source bytes travel along only when a rule over
    /// several rows can still refuse a candidate.
    ///
    /// # Errors
    /// As [`KeyEncoder::new`].
    pub(super) fn new(contract: &Contract) -> Result<Self> {
        let rows = contract.nullable_output_schema();
        let keeps_raw = !contract.unique.is_empty();
        let mut fields = rows.fields().to_vec();
        let mut add =
            |name: &str, data_type| fields.push(Arc::new(Field::new(name, data_type, true)));
        add("#row", DataType::UInt64);
        add("#split", DataType::UInt32);
        if keeps_raw {
            add("#raw", DataType::Binary);
            add("#raw_offset", DataType::UInt64);
        }
        let schema = Arc::new(Schema::new(fields));
        let key = Arc::new(KeyEncoder::new(contract, &contract.key)?);
        Ok(Self { schema, output: rows.fields().len(), keeps_raw, key })
    }

    /// Indices of the output columns.
    pub(super) fn output(&self) -> Vec<usize> {
        (0..self.output).collect()
    }

    /// Indices of all columns.
    pub(super) fn all(&self) -> Vec<usize> {
        (0..self.schema.fields().len()).collect()
    }

    /// The key of a run's rows, or of any batch that begins with the output columns.
    pub(super) fn key(&self) -> &KeyEncoder {
        &self.key
    }

    /// Ordinals within the split of a run's rows.
    pub(super) fn rows<'a>(&self, rows: &'a RecordBatch) -> &'a UInt64Array {
        rows.column(self.output).as_primitive::<UInt64Type>()
    }

    /// Splits of a run's rows.
    pub(super) fn splits<'a>(&self, rows: &'a RecordBatch) -> &'a UInt32Array {
        rows.column(self.output + 1).as_primitive::<UInt32Type>()
    }

    /// Source bytes and their offset of one row of a run, when they travel along.
    pub(super) fn raw<'a>(&self, rows: &'a RecordBatch, row: usize) -> Option<(&'a [u8], u64)> {
        self.keeps_raw.then(|| {
            let bytes = rows.column(self.output + 2).as_binary::<i32>().value(row);
            (bytes, rows.column(self.output + 3).as_primitive::<UInt64Type>().value(row))
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
    ) -> Result<Candidates> {
        let batch = &routed.batch;
        let days = batch.business_dates.clone().ok_or_else(|| {
            Error::new(ErrorKind::Unexpected, "a batch came without business dates")
        })?;
        let mut columns = batch.columns.columns().to_vec();
        let ordinals = (batch.first_row..).take(batch.num_rows());
        columns.push(Arc::new(UInt64Array::from_iter_values(ordinals)));
        columns.push(Arc::new(UInt32Array::from_value(split.0, batch.num_rows())));
        if self.keeps_raw {
            columns.extend(raw_columns(routed));
        }
        let picked = routed.rows_with(Verdict::Candidate);
        Candidates::new(self.batch(columns)?, days, keys.clone(), picked)
    }
}

/// The rows of a batch that may be published, among others that may not: sorting copies them anyway.
pub(super) struct Candidates {
    /// With the columns of a run.
    rows: RecordBatch,
    days: Date32Array,
    keys: BinaryArray,
    /// Which of the rows they are, ascending.
    picked: UInt32Array,
}

impl Candidates {
    /// Those of `rows` that are `picked`. The others are let go of when they are many.
    pub(super) fn new(
        rows: RecordBatch,
        days: Date32Array,
        keys: BinaryArray,
        picked: UInt32Array,
    ) -> Result<Self> {
        if picked.len() * 2 > rows.num_rows() {
            return Ok(Self { rows, days, keys, picked });
        }
        let take = || -> Result<_, ArrowError> {
            Ok(Self {
                rows: take_record_batch(&rows, &picked)?,
                days: take(&days, &picked, None)?.as_primitive().clone(),
                keys: take(&keys, &picked, None)?.as_binary().clone(),
                picked: (0..).take(picked.len()).collect(),
            })
        };
        take().or_err(ErrorKind::Unexpected, "could not take candidates")
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

    /// Appends rows of `day`. They come after all rows before, by day and key.
    pub(super) fn write(&mut self, day: i32, rows: &RecordBatch) -> Result<()> {
        let row_bytes = data_bytes(rows) / rows.num_rows().max(1);
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

/// Bytes of the values of a batch. The size of its buffers says nothing: those of a staged batch are
/// all cut from one, which would count for each column.
pub(super) fn data_bytes(rows: &RecordBatch) -> usize {
    let columns = rows.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    columns.filter_map(Result::ok).sum()
}

/// Runs of one split in the making.
pub(super) struct RunBuilder {
    columns: RunColumns,
    held: Vec<Candidates>,
    bytes: usize,
    runs: Vec<StagedRun>,
}

impl RunBuilder {
    /// No runs yet.
    pub(super) fn new(columns: RunColumns) -> Self {
        Self { columns, held: Vec::new(), bytes: 0, runs: Vec::new() }
    }

    /// Adds rows as [`RunColumns::of_routed`] gives them; they come in source order.
    pub(super) fn push(&mut self, candidates: Candidates) {
        if !candidates.picked.is_empty() {
            self.bytes += candidates.rows.get_array_memory_size();
            self.held.push(candidates);
        }
    }

    /// Bytes held in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that the next run should have.
    pub(super) fn run_bytes(&self) -> usize {
        let staged_bytes: u64 = self.runs.iter().map(|run| run.file.bytes).sum();
        usize::try_from(staged_bytes / RUN_GROWTH)
            .map_or(usize::MAX, |by_staged| by_staged.max(FIRST_RUN_BYTES))
    }

    /// Sorts what is held and moves it to a file. Adds it to `sums`.
    pub(super) fn flush(&mut self, dir: &Path, sums: &mut Sums) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let name = format!("run-{:03}.arrow", self.runs.len());
        let mut run = RunWriter::create(dir, name, &self.columns)?;
        let held: Vec<&RecordBatch> = self.held.iter().map(|held| &held.rows).collect();
        let row_bytes = self.bytes / held.iter().map(|rows| rows.num_rows()).sum::<usize>().max(1);
        let at_once = (GATHERED_BYTES / row_bytes.max(1)).max(1);
        for of_day in self.sorted().chunk_by(|a, b| a.day == b.day) {
            for places in of_day.chunks(at_once) {
                let places = places.iter().map(|place| (place.batch as usize, place.row as usize));
                let rows = interleave_record_batch(&held, &places.collect::<Vec<_>>())
                    .or_err(ErrorKind::Unexpected, "could not sort candidates")?;
                sums.add(&rows);
                run.write(of_day[0].day, &rows)?;
            }
        }
        self.runs.push(run.finish()?);
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

    /// Places of what is held, by day, key and source order.
    fn sorted(&self) -> Vec<Place> {
        let mut order = Vec::with_capacity(self.held.iter().map(|held| held.picked.len()).sum());
        for (batch, Candidates { days, keys, picked, .. }) in (0u32..).zip(&self.held) {
            order.extend(picked.values().iter().map(|row| Place {
                prefix: key_prefix(keys.value(*row as usize)),
                day: days.value(*row as usize),
                batch,
                row: *row,
            }));
        }
        let in_full = |place: &Place| {
            let keys = &self.held[place.batch as usize].keys;
            (keys.value(place.row as usize), place.batch, place.row)
        };
        order.sort_unstable_by(|a, b| {
            let by_prefix = (a.day, a.prefix).cmp(&(b.day, b.prefix));
            by_prefix.then_with(|| in_full(a).cmp(&in_full(b)))
        });
        order
    }
}

/// Where a held row lies, and what it is sorted by first: most rows need no look at their batch.
struct Place {
    prefix: u128,
    day: i32,
    batch: u32,
    row: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::load_contract;
    use crate::state::StagedFile;

    #[test]
    fn runs_are_larger_the_more_a_split_has_staged() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let contract = load_contract(&root.join("schemas/users/v1.odcs.yaml")).unwrap();
        let mut runs = RunBuilder::new(RunColumns::new(&contract).unwrap());
        let staged = |bytes| {
            let file = StagedFile { name: "run-000.arrow".to_owned(), bytes };
            vec![StagedRun { file, days: vec![] }]
        };
        assert_eq!(runs.run_bytes(), FIRST_RUN_BYTES);
        runs.resume(staged(100 << 20));
        assert_eq!(runs.run_bytes(), FIRST_RUN_BYTES);
        runs.resume(staged(1 << 30));
        assert_eq!(runs.run_bytes(), 64 << 20);
    }
}
