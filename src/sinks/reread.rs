//! The second reader: opens a written file from the store and says what is in it.
//!
//! Shares with the writers only the object and the contract. Reads in bounded memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Decimal128Type;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::file::statistics::Statistics;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{DataFile, FileFormat, KEY_PART_SEPARATOR, Sums};
use crate::plan::FormulaGuard;

use super::day_writer::key_text;
use super::object::StoredObject;
use super::{Destination, Probe};

/// What a file was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reread {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 (hex) of the bytes.
    pub sha256: String,
    /// Rows.
    pub rows: u64,
    /// Key of the first row.
    pub min_key: Option<String>,
    /// Key of the last row.
    pub max_key: Option<String>,
    /// Sum of every top-level decimal column.
    pub sums: BTreeMap<String, String>,
}

/// Reads a data file from end to end: first its bytes, then what they say.
///
/// # Errors
/// `Verification` when the file is missing, altered or not of the contract's schema;
/// `Permission` and `Transient` from the store.
pub fn reread(destination: &Destination, file: &DataFile, contract: &Contract) -> Result<Reread> {
    let object = StoredObject::open(destination, &file.path)?;
    let sha256 = object.require_unaltered(file)?;
    let mut contents = Contents::new(contract);
    match file.format {
        FileFormat::Parquet => contents.read_parquet(&object, contract)?,
        FileFormat::Csv => contents.read_csv(&object, contract)?,
    }
    let (min_key, max_key) = contents.keys.unzip();
    Ok(Reread {
        bytes: object.bytes,
        sha256,
        rows: contents.rows,
        min_key,
        max_key,
        sums: contents.sums.to_text(),
    })
}

/// Gives the rows of a published Parquet file to `each`, in order.
///
/// # Errors
/// `Verification` when the file is missing, altered, not of the contract's schema or has another
/// number of rows; `Permission` and `Transient` from the store; whatever `each` gives.
pub fn read_rows(
    destination: &Destination,
    file: &DataFile,
    contract: &Contract,
    each: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    read_rows_until(destination, file, contract, |rows| each(rows).map(ControlFlow::Continue))
}

/// Whether `holds` says it of some rows of a published Parquet file. What follows them is not read.
///
/// # Errors
/// As of [`read_rows`].
pub fn any_rows(
    destination: &Destination,
    file: &DataFile,
    contract: &Contract,
    holds: impl Fn(&RecordBatch) -> Result<bool>,
) -> Result<bool> {
    let mut found = false;
    read_rows_until(destination, file, contract, |rows| {
        found = holds(&rows)?;
        Ok(if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

fn read_rows_until(
    destination: &Destination,
    file: &DataFile,
    contract: &Contract,
    mut each: impl FnMut(RecordBatch) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let object = StoredObject::open(destination, &file.path)?;
    object.require_unaltered(file)?;
    let mut found = 0;
    for rows in rows_of(&object, contract)? {
        let rows = rows.map_err(|e| object.unreadable(e))?;
        found += rows.num_rows() as u64;
        if each(rows)?.is_break() {
            return Ok(());
        }
    }
    if found == file.rows {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Verification, "a file does not hold what was written to it")
        .with("file", &file.path)
        .with("written", file.rows)
        .with("read back", found))
}

/// The rows of a Parquet file, which must be of the contract's schema.
fn rows_of(object: &StoredObject, contract: &Contract) -> Result<ParquetRecordBatchReader> {
    let reader = object.parquet()?;
    if reader.schema().fields() != contract.output_schema().fields() {
        return Err(Error::new(
            ErrorKind::Verification,
            "a file does not have the schema of its contract",
        )
        .with("file", object.name())
        .with("contract", contract.label()));
    }
    reader.build().map_err(|e| object.unreadable(e))
}

/// Holds what was found against what the writer said.
///
/// # Errors
/// `Verification` naming the file and everything that differs.
pub fn compare(file: &DataFile, found: &Reread) -> Result<()> {
    let differences: Vec<&str> = [
        ("size", file.bytes == found.bytes),
        ("SHA-256", file.sha256 == found.sha256),
        ("rows", file.rows == found.rows),
        ("least key", file.min_key == found.min_key),
        ("greatest key", file.max_key == found.max_key),
        ("sums", file.sums == found.sums),
    ]
    .into_iter()
    .filter_map(|(what, same)| (!same).then_some(what))
    .collect();
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Verification, "a file does not hold what was written to it")
        .with("file", &file.path)
        .with("differs in", differences.join(", ")))
}

struct Contents {
    key: Vec<usize>,
    rows: u64,
    keys: Option<(String, String)>,
    sums: Sums,
}

impl Contents {
    fn new(contract: &Contract) -> Self {
        let schema = contract.output_schema();
        let key = contract.key.iter().filter_map(|name| schema.index_of(name).ok());
        Self { key: key.collect(), rows: 0, keys: None, sums: Sums::new(&schema) }
    }

    fn read_parquet(&mut self, object: &StoredObject, contract: &Contract) -> Result<()> {
        for rows in rows_of(object, contract)? {
            let rows = rows.map_err(|e| object.unreadable(e))?;
            let Some(last_row) = rows.num_rows().checked_sub(1) else { continue };
            self.sums.add(&rows);
            self.rows += rows.num_rows() as u64;
            let last = key_text(&rows, &self.key, last_row, FormulaGuard::Off);
            self.note_keys(|key| key_text(&rows, key, 0, FormulaGuard::Off), last);
        }
        Ok(())
    }

    fn read_csv(&mut self, object: &StoredObject, contract: &Contract) -> Result<()> {
        let mut reader = csv::ReaderBuilder::new().from_reader(object.reader(0));
        let header = reader.byte_headers().map_err(|e| object.unreadable(e))?;
        if !header.iter().eq(contract.fields.iter().map(|field| field.name.as_bytes())) {
            return Err(Error::new(
                ErrorKind::Verification,
                "a file does not have the columns of its contract",
            )
            .with("file", object.name())
            .with("contract", contract.label()));
        }
        let decimals: Vec<usize> = self.sums.columns().collect();
        let mut row = csv::StringRecord::new();
        let mut last = None;
        while reader.read_record(&mut row).map_err(|e| object.unreadable(e))? {
            for column in &decimals {
                if let Some(text) = row.get(*column).filter(|text| !text.is_empty()) {
                    self.sums
                        .add_value(*column, text)
                        .map_err(|e| e.with("file", object.name()))?;
                }
            }
            self.rows += 1;
            if self.keys.is_none() {
                let first = csv_key(&row, &self.key);
                self.keys = Some((first.clone(), first));
            }
            std::mem::swap(last.get_or_insert_with(csv::StringRecord::new), &mut row);
        }
        if let (Some(last), Some((_, greatest))) = (last, &mut self.keys) {
            *greatest = csv_key(&last, &self.key);
        }
        Ok(())
    }

    fn note_keys(&mut self, first: impl FnOnce(&[usize]) -> String, last: String) {
        self.keys = Some(match self.keys.take() {
            Some((first, _)) => (first, last),
            None => (first(&self.key), last),
        });
    }
}

fn csv_key(row: &csv::StringRecord, key: &[usize]) -> String {
    let parts = key.iter().map(|column| row.get(*column).unwrap_or_default());
    parts.collect::<Vec<_>>().join(KEY_PART_SEPARATOR)
}

/// Counts the rows of a Parquet file that a probe speaks of, as a query engine does: row groups
/// whose statistics rule them out are not read, those that are ruled in are counted unread.
///
/// # Errors
/// `Verification` when the file cannot be read or has no such column; `Permission` and
/// `Transient` from the store.
pub fn filtered_rows(destination: &Destination, file: &DataFile, probe: &Probe) -> Result<u64> {
    let object = StoredObject::open(destination, &file.path)?;
    let builder = object.parquet()?;
    let metadata = builder.metadata().clone();
    let columns = metadata.file_metadata().schema_descr().columns();
    let Some(leaf) = columns.iter().position(|c| c.path().parts() == [probe.column.as_str()])
    else {
        return Err(Error::new(ErrorKind::Verification, "a file has no such column")
            .with("file", &file.path)
            .with("column", &probe.column));
    };
    let mut count = 0;
    let mut to_read = Vec::new();
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let column = group.column(leaf);
        match column.statistics().and_then(bounds) {
            Some((_, greatest, _)) if greatest < probe.at_least => {}
            Some((least, _, nulls)) if least >= probe.at_least => {
                count += u64::try_from(column.num_values()).unwrap_or(0) - nulls;
            }
            _ => to_read.push(index),
        }
    }
    let mask = ProjectionMask::leaves(metadata.file_metadata().schema_descr(), [leaf]);
    let reader = builder
        .with_projection(mask)
        .with_row_groups(to_read)
        .build()
        .map_err(|e| object.unreadable(e))?;
    for rows in reader {
        let rows = rows.map_err(|e| object.unreadable(e))?;
        let values = rows.column(0).as_primitive::<Decimal128Type>();
        count += values.iter().flatten().filter(|v| *v >= probe.at_least).count() as u64;
    }
    Ok(count)
}

/// Least and greatest value and the number of nulls, where the statistics of a decimal column
/// state all three.
fn bounds(statistics: &Statistics) -> Option<(i128, i128, u64)> {
    let (least, greatest) = match statistics {
        Statistics::Int32(s) => (i128::from(*s.min_opt()?), i128::from(*s.max_opt()?)),
        Statistics::Int64(s) => (i128::from(*s.min_opt()?), i128::from(*s.max_opt()?)),
        Statistics::FixedLenByteArray(s) => {
            (big_endian(s.min_opt()?.data())?, big_endian(s.max_opt()?.data())?)
        }
        _ => return None,
    };
    Some((least, greatest, statistics.null_count_opt()?))
}

/// A two's complement number of at most 16 bytes.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let sign = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
    let mut wide = [sign; 16];
    wide.get_mut(16_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}
