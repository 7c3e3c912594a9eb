//! The files of one day in one format: rows in key order, a new part when one is full.
//!
//! Where a part ends depends on the rows alone: they are handed to the encoder in granules of a
//! fixed number, and sizes are looked at between granules only.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DynComparator, RecordBatch, UInt64Array, make_comparator,
};
use arrow::compute::{SortOptions, concat_batches, take_arrays};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, SchemaRef};
use jiff::civil::Date;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::{DataFile, FileFormat, KEY_PART_SEPARATOR, Sums};
use crate::plan::{FormulaGuard, SinkSpec};

use super::csv::{CsvEncoder, guarded};
use super::parquet::{FileMetadata, ParquetEncoder};
use super::upload::{Upload, Uploaded};
use super::{Destination, Probe, WrittenFile};

/// Rows that are encoded at once: few, since a row may take megabytes.
const GRANULE_ROWS: usize = 1024;

/// Writes the files of one day.
pub struct DayWriter {
    sink: SinkSpec,
    contract: Arc<Contract>,
    schema: SchemaRef,
    metadata: FileMetadata,
    destination: Destination,
    folder: String,
    dt: Date,
    key: KeyOrder,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    part: Option<Part>,
    files: Vec<WrittenFile>,
}

impl DayWriter {
    /// A writer of the files of `dt` below `_data/dt=…/v-<run_id>/`.
    ///
    /// # Errors
    /// `Unexpected` when the contract's key cannot be ordered.
    pub fn new(
        sink: &SinkSpec,
        contract: &Arc<Contract>,
        metadata: &FileMetadata,
        destination: &Destination,
        run_id: &str,
        dt: Date,
    ) -> Result<Self> {
        let schema = contract.output_schema();
        let guard = match sink {
            SinkSpec::Csv { formula_guard, .. } => *formula_guard,
            SinkSpec::Parquet { .. } => FormulaGuard::Off,
        };
        Ok(Self {
            sink: sink.clone(),
            contract: Arc::clone(contract),
            key: KeyOrder::new(contract, &schema, guard)?,
            schema,
            metadata: metadata.clone(),
            destination: destination.clone(),
            folder: format!("_data/dt={dt}/v-{run_id}"),
            dt,
            waiting: Vec::new(),
            waiting_rows: 0,
            part: None,
            files: Vec::new(),
        })
    }

    /// Writes rows of the contract's output schema that come after all rows before, by key.
    ///
    /// # Errors
    /// `Unexpected` when keys do not ascend, `Permission` and `Transient` from the store.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.key.require_ascending(rows)?;
        let mut rows = rows.clone();
        while self.waiting_rows + rows.num_rows() >= GRANULE_ROWS {
            let missing = GRANULE_ROWS - self.waiting_rows;
            self.waiting.push(rows.slice(0, missing));
            rows = rows.slice(missing, rows.num_rows() - missing);
            self.write_granule()?;
        }
        if rows.num_rows() > 0 {
            self.waiting_rows += rows.num_rows();
            self.waiting.push(rows);
        }
        Ok(())
    }

    /// Ends the last file. A day without rows has one file without rows.
    ///
    /// # Errors
    /// `Permission` and `Transient` from the store.
    pub fn close(mut self) -> Result<Vec<WrittenFile>> {
        if self.waiting_rows > 0 {
            self.write_granule()?;
        }
        if self.part.is_none() && self.files.is_empty() {
            self.part = Some(self.begin_part()?);
        }
        self.end_part()?;
        Ok(self.files)
    }

    fn write_granule(&mut self) -> Result<()> {
        let rows = match self.waiting.as_slice() {
            [rows] => rows.clone(),
            several => concat_batches(&self.schema, several)
                .or_err(ErrorKind::Unexpected, "could not join rows")?,
        };
        self.waiting.clear();
        self.waiting_rows = 0;
        let mut part = match self.part.take() {
            Some(part) => part,
            None => self.begin_part()?,
        };
        part.write(&rows, &self.key)?;
        let full = part.encoder.size_bytes() >= self.target_bytes();
        self.part = Some(part);
        if full { self.end_part() } else { Ok(()) }
    }

    fn begin_part(&self) -> Result<Part> {
        let format = match self.sink {
            SinkSpec::Parquet { .. } => FileFormat::Parquet,
            SinkSpec::Csv { .. } => FileFormat::Csv,
        };
        let path = format!("{}/part-{:05}.{}", self.folder, self.files.len(), format.extension());
        let upload = Upload::new(&self.destination, &path);
        let encoder = match self.sink {
            SinkSpec::Parquet { compression, row_group_bytes, .. } => {
                Encoder::Parquet(Box::new(ParquetEncoder::new(
                    upload,
                    &path,
                    &self.contract,
                    &self.schema,
                    &self.metadata,
                    compression,
                    row_group_bytes,
                )?))
            }
            SinkSpec::Csv { formula_guard, .. } => {
                Encoder::Csv(Box::new(CsvEncoder::new(upload, &path, &self.schema, formula_guard)?))
            }
        };
        Ok(Part {
            path,
            format,
            encoder,
            rows: 0,
            keys: None,
            sums: Sums::new(&self.schema),
            probes: Vec::new(),
        })
    }

    fn end_part(&mut self) -> Result<()> {
        let Some(part) = self.part.take() else { return Ok(()) };
        self.files.push(part.close(self.dt)?);
        Ok(())
    }

    fn target_bytes(&self) -> u64 {
        match self.sink {
            SinkSpec::Parquet { target_bytes, .. } | SinkSpec::Csv { target_bytes, .. } => {
                target_bytes
            }
        }
    }
}

/// A file that is being written.
struct Part {
    path: String,
    format: FileFormat,
    encoder: Encoder,
    rows: u64,
    keys: Option<(String, String)>,
    sums: Sums,
    probes: Vec<Probe>,
}

enum Encoder {
    Parquet(Box<ParquetEncoder>),
    Csv(Box<CsvEncoder>),
}

impl Encoder {
    fn size_bytes(&self) -> u64 {
        match self {
            Self::Parquet(encoder) => encoder.size_bytes(),
            Self::Csv(encoder) => encoder.size_bytes(),
        }
    }
}

impl Part {
    fn write(&mut self, rows: &RecordBatch, key: &KeyOrder) -> Result<()> {
        match &mut self.encoder {
            Encoder::Parquet(encoder) => {
                encoder.write(rows)?;
                count_probes(&mut self.probes, rows);
            }
            Encoder::Csv(encoder) => encoder.write(rows)?,
        }
        self.sums.add(rows);
        self.rows += rows.num_rows() as u64;
        let last = key.text(rows, rows.num_rows() - 1);
        self.keys = Some(match self.keys.take() {
            Some((first, _)) => (first, last),
            None => (key.text(rows, 0), last),
        });
        Ok(())
    }

    fn close(self, dt: Date) -> Result<WrittenFile> {
        let (Uploaded { bytes, sha256 }, guarded_cells) = match self.encoder {
            Encoder::Parquet(encoder) => (encoder.close()?, 0),
            Encoder::Csv(encoder) => encoder.close()?,
        };
        let (min_key, max_key) = self.keys.unzip();
        let file = DataFile {
            path: self.path,
            format: self.format,
            dt: Some(dt),
            bytes,
            sha256,
            rows: self.rows,
            min_key,
            max_key,
            sums: self.sums.to_text(),
        };
        Ok(WrittenFile { file, probes: self.probes, guarded_cells })
    }
}

/// Counts, for each decimal column, the rows at or above 0 and those at or above the first value
/// of the file: one threshold between the signs, one amid the values.
fn count_probes(probes: &mut Vec<Probe>, rows: &RecordBatch) {
    let schema = rows.schema();
    let decimals = schema.fields().iter().zip(rows.columns()).filter_map(|(field, column)| {
        Some((field.name(), column.as_primitive_opt::<Decimal128Type>()?))
    });
    for (name, values) in decimals {
        let known = probes.iter().any(|probe| &probe.column == name);
        if !known && let Some(first) = values.iter().flatten().next() {
            for at_least in [0, first] {
                probes.push(Probe { column: name.clone(), at_least, rows: 0 });
            }
        }
        for probe in probes.iter_mut().filter(|probe| &probe.column == name) {
            let reached = values.iter().flatten().filter(|value| *value >= probe.at_least);
            probe.rows += reached.count() as u64;
        }
    }
}

/// The order of a contract's key.
struct KeyOrder {
    columns: Vec<usize>,
    /// The key of the last row, a row of its own.
    last: Option<Vec<ArrayRef>>,
    guard: FormulaGuard,
}

impl KeyOrder {
    fn new(contract: &Contract, schema: &SchemaRef, guard: FormulaGuard) -> Result<Self> {
        let columns: Vec<usize> = (contract.key.iter())
            .map(|name| schema.index_of(name))
            .collect::<Result<_, _>>()
            .or_err(ErrorKind::Unexpected, "could not order the contract's key")?;
        Ok(Self { columns, last: None, guard })
    }

    /// Every key is greater than the one before: no key is written twice, and merging is proved
    /// right row by row.
    fn require_ascending(&mut self, rows: &RecordBatch) -> Result<()> {
        let Some(last_row) = rows.num_rows().checked_sub(1) else { return Ok(()) };
        let keys: Vec<ArrayRef> =
            self.columns.iter().map(|i| Arc::clone(rows.column(*i))).collect();
        let within = comparators(&keys, &keys)?;
        let mut ascends = (0..last_row).all(|row| compare_keys(&within, row, row + 1).is_lt());
        if let Some(last) = &self.last {
            ascends &= compare_keys(&comparators(last, &keys)?, 0, 0).is_lt();
        }
        if !ascends {
            return Err(Error::new(ErrorKind::Unexpected, "rows did not come in key order"));
        }
        let last_row = UInt64Array::from(vec![last_row as u64]);
        let last = take_arrays(&keys, &last_row, None);
        self.last = Some(last.or_err(ErrorKind::Unexpected, COMPARING)?);
        Ok(())
    }

    fn text(&self, rows: &RecordBatch, row: usize) -> String {
        key_text(rows, &self.columns, row, self.guard)
    }
}

const COMPARING: &str = "could not compare keys";

fn comparators(left: &[ArrayRef], right: &[ArrayRef]) -> Result<Vec<DynComparator>> {
    (left.iter().zip(right))
        .map(|(left, right)| make_comparator(left, right, SortOptions::default()))
        .collect::<Result<_, _>>()
        .or_err(ErrorKind::Unexpected, COMPARING)
}

/// Compares row `left` of the left columns with row `right` of the right ones.
fn compare_keys(columns: &[DynComparator], left: usize, right: usize) -> Ordering {
    let mut ordered = columns.iter().map(|compare| compare(left, right));
    ordered.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// A key as people read it in the file.
pub(super) fn key_text(
    rows: &RecordBatch,
    columns: &[usize],
    row: usize,
    guard: FormulaGuard,
) -> String {
    let part = |i: &usize| match rows.column(*i).data_type() {
        DataType::Utf8 => {
            guarded(rows.column(*i).as_string::<i32>().value(row), guard).into_owned()
        }
        _ => {
            let integers = rows.column(*i).as_primitive_opt::<Int64Type>();
            integers.map_or_else(String::new, |values| values.value(row).to_string())
        }
    };
    columns.iter().map(part).collect::<Vec<_>>().join(KEY_PART_SEPARATOR)
}
