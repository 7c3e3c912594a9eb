//! Refused rows as they lie in the quarantine, and reading them back.

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray, ListArray, RecordBatch, StructArray};
use arrow::datatypes::{
    Date32Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type, UInt64Type,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::{DataFile, SplitId, date_of_days};
use crate::sinks::Destination;
use crate::sinks::object::StoredObject;

use super::{
    ATTEMPTS_COLUMN, DT_COLUMN, KEY_COLUMN, OFFSET_COLUMN, RAW_COLUMN, REASONS_COLUMN, ROW_COLUMN,
    RUN_COLUMN, SEEN_COLUMN, SPLIT_COLUMN, schema,
};

/// Rows decoded at once; the source bytes of one may take megabytes.
const READ_ROWS: usize = 64;

/// A refused row as it lies in the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineRow {
    /// Split it came from, as people call it.
    pub split: String,
    /// Number of the split within the run.
    pub split_id: SplitId,
    /// Ordinal within the split.
    pub row: u64,
    /// Offset of its bytes within the (inflated) object.
    pub offset_bytes: u64,
    /// Its key, when it could be read.
    pub key: Option<String>,
    /// Its business date, when it could be told.
    pub dt: Option<Date>,
    /// Every reason against it.
    pub reasons: Vec<StoredReason>,
    /// Its source bytes, base64.
    pub raw_base64: String,
    /// Format of these bytes.
    pub raw_format: String,
    /// SHA-256 (hex) of these bytes.
    pub raw_sha256: String,
    /// `dataset@major`.
    pub contract: String,
    /// Semantic version of the contract.
    pub contract_version: String,
    /// The run that refused it.
    pub run_id: String,
    /// When it was first refused, RFC 3339 UTC.
    pub first_seen: String,
    /// How often it was tried.
    pub attempts: i32,
}

impl QuarantineRow {
    /// Its source bytes.
    ///
    /// # Errors
    /// `Verification` when they are not those that the row was refused with.
    pub fn raw(&self) -> Result<Vec<u8>> {
        use base64::Engine;
        let broken = "the source bytes of a quarantine row cannot be read";
        let raw = base64::engine::general_purpose::STANDARD
            .decode(&self.raw_base64)
            .or_err(ErrorKind::Verification, broken)?;
        if hex::encode(Sha256::digest(&raw)) == self.raw_sha256 {
            return Ok(raw);
        }
        Err(Error::new(
            ErrorKind::Verification,
            "the source bytes of a quarantine row were altered",
        )
        .with("split", &self.split)
        .with("row", self.row))
    }

    /// The codes of its reasons, each once.
    #[must_use]
    pub fn codes(&self) -> BTreeSet<&str> {
        self.reasons.iter().map(|reason| reason.code.as_str()).collect()
    }
}

/// A reason as it lies in the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredReason {
    /// Stable code, see [`crate::model::ReasonCode`].
    pub code: String,
    /// Path of the contract field.
    pub field: Option<String>,
    /// Name of the contract's rule.
    pub rule: Option<String>,
    /// Type of the value in the source.
    pub found: Option<String>,
    /// Milliseconds since 1970 as the source had them, for dates out of range.
    pub raw_millis: Option<i64>,
}

/// Gives every row of a quarantine file to `each`, until it answers `false`.
///
/// # Errors
/// `Verification` when the file is missing or damaged, or holds another number of rows than
/// `file` says, `Permission` and `Transient` from the
/// store, whatever `each` gives.
pub fn read_quarantine(
    destination: &Destination,
    file: &DataFile,
    each: &mut dyn FnMut(QuarantineRow) -> Result<bool>,
) -> Result<()> {
    let mut go_on = true;
    let found = read_batches(destination, file, &mut |rows| {
        for row in 0..rows.num_rows() {
            go_on = each(row_at(rows, row)?)?;
            if !go_on {
                break;
            }
        }
        Ok(go_on)
    })?;
    if found == file.rows || !go_on {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Verification,
        "a quarantine file does not hold what was written to it",
    )
    .with("file", &file.path)
    .with("written", file.rows)
    .with("read back", found))
}

/// Gives the rows of a quarantine file to `each`, a few at a time, until it answers `false`. Gives
/// the number of rows that were read.
pub(super) fn read_batches(
    destination: &Destination,
    file: &DataFile,
    each: &mut dyn FnMut(&RecordBatch) -> Result<bool>,
) -> Result<u64> {
    let object = StoredObject::open(destination, &file.path)?;
    object.require_unaltered(file)?;
    let reader = object.parquet()?;
    if reader.schema().fields() != schema().fields() {
        let message = "a file does not have the columns of a quarantine";
        return Err(Error::new(ErrorKind::Verification, message).with("file", &file.path));
    }
    let mut found = 0;
    for rows in reader.with_batch_size(READ_ROWS).build().map_err(|e| object.unreadable(e))? {
        let rows = rows.map_err(|e| object.unreadable(e))?;
        found += rows.num_rows() as u64;
        if !each(&rows)? {
            break;
        }
    }
    Ok(found)
}

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

/// Gives every row of a quarantine file to `each`.
///
/// # Errors
/// `Verification` when the file is missing or altered, `Permission` and `Transient` from the store.
pub fn each_refused(
    destination: &Destination,
    file: &DataFile,
    each: &mut dyn FnMut(&RefusedBytes<'_>),
) -> Result<()> {
    let mut first_place = 0;
    read_batches(destination, file, &mut |rows| {
        refused_in(rows, first_place)?.iter().for_each(&mut *each);
        first_place += rows.num_rows() as u64;
        Ok(true)
    })?;
    Ok(())
}

/// The rows of a batch that begins at this place of its file.
pub(super) fn refused_in(rows: &RecordBatch, first_place: u64) -> Result<Vec<RefusedBytes<'_>>> {
    let keys = rows.column(KEY_COLUMN).as_string::<i32>();
    let raw = rows.column(RAW_COLUMN).as_binary::<i32>();
    let runs = rows.column(RUN_COLUMN).as_string::<i32>();
    (first_place..)
        .zip(0..rows.num_rows())
        .map(|(place, row)| {
            Ok(RefusedBytes {
                run_id: runs.value(row),
                key: keys.is_valid(row).then(|| keys.value(row)),
                dt: day_at(rows, row),
                first_seen: first_seen_at(rows, row)?,
                raw: raw.value(row),
                place,
            })
        })
        .collect()
}

fn row_at(rows: &RecordBatch, row: usize) -> Result<QuarantineRow> {
    use base64::Engine;
    let text = |column: usize| rows.column(column).as_string::<i32>().value(row).to_owned();
    let optional = |column: usize| rows.column(column).is_valid(row).then(|| text(column));
    Ok(QuarantineRow {
        split: text(0),
        split_id: SplitId(rows.column(SPLIT_COLUMN).as_primitive::<UInt32Type>().value(row)),
        row: rows.column(ROW_COLUMN).as_primitive::<UInt64Type>().value(row),
        offset_bytes: rows.column(OFFSET_COLUMN).as_primitive::<UInt64Type>().value(row),
        key: optional(KEY_COLUMN),
        dt: day_at(rows, row),
        reasons: reasons_at(rows.column(REASONS_COLUMN).as_list(), row),
        raw_base64: base64::engine::general_purpose::STANDARD
            .encode(rows.column(RAW_COLUMN).as_binary::<i32>().value(row)),
        raw_format: text(8),
        raw_sha256: text(9),
        contract: text(10),
        contract_version: text(11),
        run_id: text(RUN_COLUMN),
        first_seen: first_seen_at(rows, row)?.to_string(),
        attempts: rows.column(ATTEMPTS_COLUMN).as_primitive::<Int32Type>().value(row),
    })
}

fn day_at(rows: &RecordBatch, row: usize) -> Option<Date> {
    let days = rows.column(DT_COLUMN).as_primitive::<Date32Type>();
    days.is_valid(row).then(|| date_of_days(days.value(row))).flatten()
}

fn first_seen_at(rows: &RecordBatch, row: usize) -> Result<Timestamp> {
    let seen = rows.column(SEEN_COLUMN).as_primitive::<TimestampMicrosecondType>();
    Timestamp::from_microsecond(seen.value(row))
        .or_err(ErrorKind::Verification, "a quarantine row has no instant")
}

fn reasons_at(reasons: &ListArray, row: usize) -> Vec<StoredReason> {
    let reasons = reasons.value(row);
    let reasons: &StructArray = reasons.as_struct();
    let text = |column: usize, i: usize| {
        let texts = reasons.column(column).as_string::<i32>();
        texts.is_valid(i).then(|| texts.value(i).to_owned())
    };
    let millis = reasons.column(4).as_primitive::<Int64Type>();
    (0..reasons.len())
        .map(|i| StoredReason {
            code: text(0, i).unwrap_or_default(),
            field: text(1, i),
            rule: text(2, i),
            found: text(3, i),
            raw_millis: millis.is_valid(i).then(|| millis.value(i)),
        })
        .collect()
}
