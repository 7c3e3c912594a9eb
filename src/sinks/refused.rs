//! Quarantine files without some of their rows: those that stay keep every byte, when they were
//! first seen and how often they were tried.
//!
//! Does not own which rows go.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use jiff::Timestamp;
use jiff::civil::Date;
use parquet::arrow::ArrowWriter;

use crate::error::{ErrorKind, Result, ResultExt};
use crate::model::{DataFile, FileFormat, date_of_days};
use crate::plan::ParquetCompression;

use super::Destination;
use super::parquet::properties;
use super::quarantine::stored::read_batches;
use super::quarantine::{ROW_GROUP_BYTES, schema};
use super::upload::{Upload, encoder_error};

/// Numbers of the columns that tell a row.
const KEY_COLUMN: usize = 4;
const DT_COLUMN: usize = 5;
const RAW_COLUMN: usize = 7;
const RUN_COLUMN: usize = 12;
const SEEN_COLUMN: usize = 13;

/// A refused row as far as it decides whether it stays.
#[derive(Debug)]
pub struct RefusedBytes<'a> {
    /// The run that refused it.
    pub run_id: &'a str,
    /// Its key, when it could be read.
    pub key: Option<&'a str>,
    /// Its business date, when it could be told.
    pub dt: Option<Date>,
    /// When it was first refused.
    pub first_seen: Timestamp,
    /// Its source bytes.
    pub raw: &'a [u8],
    /// Its place in the file.
    pub place: u64,
}

/// What becomes of a row of a quarantine file that is sifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sifting {
    /// It stays.
    Stays,
    /// It goes.
    Goes,
    /// A replay took it or people gave it up before, so that only its bytes are left: they are not
    /// written again.
    WasTaken {
        /// Whether they had to go now in any case.
        is_due: bool,
    },
}

/// What became of the rows of a quarantine file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sifted {
    /// The file with the rows that stay; none when none do, or when nothing was written.
    pub file: Option<DataFile>,
    /// Rows that stay, by day.
    pub kept: BTreeMap<Option<Date>, u64>,
    /// Rows that go, by day.
    pub gone: BTreeMap<Option<Date>, u64>,
    /// Rows that go, by the run that refused them.
    pub gone_by_run: BTreeMap<String, u64>,
    /// Rows that were taken before and whose bytes have to go.
    pub taken_due: u64,
}

impl Sifted {
    /// Whether something has to go.
    #[must_use]
    pub fn has_due(&self) -> bool {
        !self.gone.is_empty() || self.taken_due > 0
    }
}

/// Reads `file` and, with `to`, writes the rows that stay to a new file at that path.
///
/// # Errors
/// `Verification` when the file is missing or altered, `Conflict` when one is at `to` already,
/// `Permission` and `Transient` from the store.
pub fn sift_quarantine(
    destination: &Destination,
    file: &DataFile,
    to: Option<&str>,
    sifting: &dyn Fn(&RefusedBytes<'_>) -> Sifting,
) -> Result<Sifted> {
    let mut sifted = Sifted::default();
    let mut writer: Option<(&str, ArrowWriter<Upload>)> = None;
    let (mut rows_kept, mut first_place) = (0, 0);
    read_batches(destination, file, &mut |rows| {
        let stays = judge(rows, first_place, sifting, &mut sifted)?;
        first_place += rows.num_rows() as u64;
        let (Some(path), true) = (to, stays.true_count() > 0) else { return Ok(true) };
        let kept = filter_record_batch(rows, &stays)
            .or_err(ErrorKind::Unexpected, "could not take rows out of a quarantine file")?;
        rows_kept += kept.num_rows() as u64;
        let (_, writer) = match &mut writer {
            Some(writer) => writer,
            None => writer.insert((path, begin(destination, path)?)),
        };
        writer.write(&kept).map_err(|e| encoder_error(path, e))?;
        Ok(true)
    })?;
    if let Some((path, writer)) = writer {
        let uploaded = writer.into_inner().map_err(|e| encoder_error(path, e))?.finish()?;
        sifted.file = Some(DataFile {
            path: path.to_owned(),
            format: FileFormat::Parquet,
            dt: None,
            bytes: uploaded.bytes,
            sha256: uploaded.sha256,
            rows: rows_kept,
            min_key: None,
            max_key: None,
            sums: BTreeMap::new(),
        });
    }
    Ok(sifted)
}

fn begin(destination: &Destination, path: &str) -> Result<ArrowWriter<Upload>> {
    let properties = properties(ParquetCompression::Zstd, Some(ROW_GROUP_BYTES))?.build();
    let upload = Upload::new(destination, path);
    ArrowWriter::try_new(upload, Arc::clone(&schema()), Some(properties))
        .map_err(|e| encoder_error(path, e))
}

/// Which rows stay; counts both.
fn judge(
    rows: &RecordBatch,
    first_place: u64,
    sifting: &dyn Fn(&RefusedBytes<'_>) -> Sifting,
    sifted: &mut Sifted,
) -> Result<BooleanArray> {
    let keys = rows.column(KEY_COLUMN).as_string::<i32>();
    let days = rows.column(DT_COLUMN).as_primitive::<Date32Type>();
    let raw = rows.column(RAW_COLUMN).as_binary::<i32>();
    let runs = rows.column(RUN_COLUMN).as_string::<i32>();
    let seen = rows.column(SEEN_COLUMN).as_primitive::<TimestampMicrosecondType>();
    let mut stays = Vec::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        let refused = RefusedBytes {
            run_id: runs.value(row),
            key: keys.is_valid(row).then(|| keys.value(row)),
            dt: days.is_valid(row).then(|| date_of_days(days.value(row))).flatten(),
            first_seen: Timestamp::from_microsecond(seen.value(row))
                .or_err(ErrorKind::Verification, "a quarantine row has no instant")?,
            raw: raw.value(row),
            place: first_place + row as u64,
        };
        let fate = sifting(&refused);
        match fate {
            Sifting::Stays => *sifted.kept.entry(refused.dt).or_default() += 1,
            Sifting::Goes => {
                *sifted.gone.entry(refused.dt).or_default() += 1;
                *sifted.gone_by_run.entry(refused.run_id.to_owned()).or_default() += 1;
            }
            Sifting::WasTaken { is_due } => sifted.taken_due += u64::from(is_due),
        }
        stays.push(fate == Sifting::Stays);
    }
    Ok(BooleanArray::from(stays))
}
