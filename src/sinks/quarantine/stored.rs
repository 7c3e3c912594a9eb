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

use super::{OFFSET_COLUMN, REASONS_COLUMN, ROW_COLUMN, SPLIT_COLUMN, schema};

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
pub(in crate::sinks) fn read_batches(
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

fn row_at(rows: &RecordBatch, row: usize) -> Result<QuarantineRow> {
    use base64::Engine;
    let text = |column: usize| rows.column(column).as_string::<i32>().value(row).to_owned();
    let optional = |column: usize| rows.column(column).is_valid(row).then(|| text(column));
    let days = rows.column(5).as_primitive::<Date32Type>();
    let seen = rows.column(13).as_primitive::<TimestampMicrosecondType>().value(row);
    let seen = Timestamp::from_microsecond(seen)
        .or_err(ErrorKind::Verification, "a quarantine row has no instant")?;
    Ok(QuarantineRow {
        split: text(0),
        split_id: SplitId(rows.column(SPLIT_COLUMN).as_primitive::<UInt32Type>().value(row)),
        row: rows.column(ROW_COLUMN).as_primitive::<UInt64Type>().value(row),
        offset_bytes: rows.column(OFFSET_COLUMN).as_primitive::<UInt64Type>().value(row),
        key: optional(4),
        dt: days.is_valid(row).then(|| date_of_days(days.value(row))).flatten(),
        reasons: reasons_at(rows.column(REASONS_COLUMN).as_list(), row),
        raw_base64: base64::engine::general_purpose::STANDARD
            .encode(rows.column(7).as_binary::<i32>().value(row)),
        raw_format: text(8),
        raw_sha256: text(9),
        contract: text(10),
        contract_version: text(11),
        run_id: text(12),
        first_seen: seen.to_string(),
        attempts: rows.column(14).as_primitive::<Int32Type>().value(row),
    })
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
