//! The quarantine: refused rows as a Parquet dataset of their own, source bytes included.
//!
//! Staged while a run is on ([`RejectBuilder`]), stamped and written when it publishes
//! ([`write_quarantine`]), read to be counted, shown and replayed ([`read_quarantine`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, BinaryBuilder, Date32Builder, Int32Array, Int64Builder,
    ListArray, ListBuilder, RecordBatch, StringArray, StringBuilder, StructArray, StructBuilder,
    TimestampMicrosecondArray, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::{
    DataType, Date32Type, Field, Fields, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit,
    TimestampMicrosecondType, UInt32Type, UInt64Type,
};
use jiff::Timestamp;
use jiff::civil::Date;
use parquet::arrow::ArrowWriter;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::{
    DataFile, FileFormat, RawFormat, Reason, Split, SplitId, date_of_days, days_of_date,
};
use crate::plan::ParquetCompression;

use super::Destination;
use super::object::StoredObject;
use super::parquet::properties;
use super::upload::{Upload, encoder_error};

/// Column of a staged batch with the ordinal of the row within its split.
pub const ROW_COLUMN: usize = 2;

const REASONS_COLUMN: usize = 6;
pub(super) const ROW_GROUP_BYTES: u64 = 64 << 20;
/// Rows decoded at once; the source bytes of one may take megabytes.
const READ_ROWS: usize = 64;

/// A row that is refused, as the pipeline knows it.
#[derive(Debug)]
pub struct RejectedRow<'a> {
    /// Split it came from.
    pub split: &'a Split,
    /// Ordinal within the split.
    pub row: u64,
    /// Offset of its bytes within the (inflated) object.
    pub offset_bytes: u64,
    /// Its key, when it could be read.
    pub key: Option<&'a str>,
    /// Its business date, when it could be told.
    pub dt: Option<Date>,
    /// Every reason against it.
    pub reasons: &'a [&'a Reason],
    /// Its source bytes.
    pub raw: &'a [u8],
    /// Format of these bytes.
    pub raw_format: RawFormat,
}

/// Refused rows on their way to a staged batch.
pub struct RejectBuilder {
    contract: String,
    contract_version: String,
    bytes: usize,
    split: StringBuilder,
    split_id: UInt32Builder,
    row: UInt64Builder,
    offset_bytes: UInt64Builder,
    key: StringBuilder,
    dt: Date32Builder,
    reasons: ListBuilder<StructBuilder>,
    raw: BinaryBuilder,
    raw_format: StringBuilder,
    raw_sha256: StringBuilder,
}

impl RejectBuilder {
    /// No rows yet, of a dataset of `contract`.
    #[must_use]
    pub fn new(contract: &Contract) -> Self {
        let reasons = StructBuilder::from_fields(reason_fields(), 0);
        Self {
            contract: contract.label(),
            contract_version: contract.version.clone(),
            bytes: 0,
            split: StringBuilder::new(),
            split_id: UInt32Builder::new(),
            row: UInt64Builder::new(),
            offset_bytes: UInt64Builder::new(),
            key: StringBuilder::new(),
            dt: Date32Builder::new(),
            reasons: ListBuilder::new(reasons).with_field(reason_element()),
            raw: BinaryBuilder::new(),
            raw_format: StringBuilder::new(),
            raw_sha256: StringBuilder::new(),
        }
    }

    /// Adds a row.
    pub fn append(&mut self, rejected: &RejectedRow<'_>) {
        self.split.append_value(&rejected.split.name);
        self.split_id.append_value(rejected.split.id.0);
        self.row.append_value(rejected.row);
        self.offset_bytes.append_value(rejected.offset_bytes);
        self.key.append_option(rejected.key);
        self.dt.append_option(rejected.dt.map(days_of_date));
        for reason in rejected.reasons {
            append_reason(self.reasons.values(), reason);
        }
        self.reasons.append(true);
        self.raw.append_value(rejected.raw);
        self.raw_format.append_value(rejected.raw_format.as_str());
        self.raw_sha256.append_value(hex::encode(Sha256::digest(rejected.raw)));
        self.bytes += rejected.raw.len() + 256 + 128 * rejected.reasons.len();
    }

    /// Rows held.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.row.len()
    }

    /// Bytes held, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows as a staged batch; the builder is empty again.
    ///
    /// # Errors
    /// `Unexpected` when the columns do not fit together.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let rows = self.rows();
        self.bytes = 0;
        let constant = |text: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows)))
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.split.finish()),
            Arc::new(self.split_id.finish()),
            Arc::new(self.row.finish()),
            Arc::new(self.offset_bytes.finish()),
            Arc::new(self.key.finish()),
            Arc::new(self.dt.finish()),
            Arc::new(self.reasons.finish()),
            Arc::new(self.raw.finish()),
            Arc::new(self.raw_format.finish()),
            Arc::new(self.raw_sha256.finish()),
            constant(&self.contract),
            constant(&self.contract_version),
        ];
        RecordBatch::try_new(staged_schema(), columns)
            .or_err(ErrorKind::Unexpected, "could not stage refused rows")
    }
}

fn append_reason(reasons: &mut StructBuilder, reason: &Reason) {
    let texts =
        [Some(reason.code.as_str()), reason.field.as_deref(), reason.rule.as_deref(), reason.found];
    for (i, text) in texts.into_iter().enumerate() {
        if let Some(builder) = reasons.field_builder::<StringBuilder>(i) {
            builder.append_option(text);
        }
    }
    if let Some(builder) = reasons.field_builder::<Int64Builder>(texts.len()) {
        builder.append_option(reason.raw_millis);
    }
    reasons.append(true);
}

/// Adds the rows of a staged batch to counts by code: a row counts once under each of its codes.
pub fn count_reasons(rows: &RecordBatch, counts: &mut BTreeMap<String, u64>) {
    let Some(reasons) = rows.column(REASONS_COLUMN).as_list_opt::<i32>() else { return };
    for reasons in reasons.iter().flatten() {
        let codes = reasons.as_struct().column(0).as_string::<i32>();
        for code in codes.iter().flatten().collect::<BTreeSet<_>>() {
            *counts.entry(code.to_owned()).or_default() += 1;
        }
    }
}

/// Writes staged batches as the quarantine of a run, stamped with the run and the instant at
/// which the rows were first seen. Gives no file when there are no rows.
///
/// # Errors
/// `Permission` and `Transient` from the store, whatever `batches` gives.
pub fn write_quarantine(
    destination: &Destination,
    run_id: &str,
    first_seen: Timestamp,
    batches: impl Iterator<Item = Result<RecordBatch>>,
) -> Result<Vec<DataFile>> {
    let path = format!("_quarantine/v-{run_id}/part-00000.parquet");
    let schema = schema();
    let mut writer: Option<ArrowWriter<Upload>> = None;
    let mut rows = 0;
    for batch in batches {
        let batch = batch?;
        if batch.num_rows() == 0 {
            continue;
        }
        let stamped = stamp(&batch, &schema, run_id, first_seen)?;
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                let properties =
                    properties(ParquetCompression::Zstd, Some(ROW_GROUP_BYTES))?.build();
                let upload = Upload::new(destination, &path);
                let begun = ArrowWriter::try_new(upload, Arc::clone(&schema), Some(properties));
                writer.insert(begun.map_err(|e| encoder_error(&path, e))?)
            }
        };
        writer.write(&stamped).map_err(|e| encoder_error(&path, e))?;
        rows += stamped.num_rows() as u64;
    }
    let Some(writer) = writer else { return Ok(Vec::new()) };
    let uploaded = writer.into_inner().map_err(|e| encoder_error(&path, e))?.finish()?;
    Ok(vec![DataFile {
        path,
        format: FileFormat::Parquet,
        dt: None,
        bytes: uploaded.bytes,
        sha256: uploaded.sha256,
        rows,
        min_key: None,
        max_key: None,
        sums: BTreeMap::new(),
    }])
}

fn stamp(
    rows: &RecordBatch,
    schema: &SchemaRef,
    run_id: &str,
    first_seen: Timestamp,
) -> Result<RecordBatch> {
    let count = rows.num_rows();
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(run_id, count))));
    let seen = TimestampMicrosecondArray::from_value(first_seen.as_microsecond(), count);
    columns.push(Arc::new(seen.with_timezone("UTC")));
    columns.push(Arc::new(Int32Array::from_value(1, count)));
    RecordBatch::try_new(Arc::clone(schema), columns)
        .or_err(ErrorKind::Unexpected, "could not stamp refused rows")
}

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
    let object = StoredObject::open(destination, &file.path)?;
    object.require_unaltered(file)?;
    let reader = object.parquet()?;
    if reader.schema().fields() != schema().fields() {
        return Err(Error::new(
            ErrorKind::Verification,
            "a file does not have the columns of a quarantine",
        )
        .with("file", &file.path));
    }
    let reader = reader.with_batch_size(READ_ROWS).build().map_err(|e| object.unreadable(e))?;
    let mut found = 0;
    for rows in reader {
        let rows = rows.map_err(|e| object.unreadable(e))?;
        found += rows.num_rows() as u64;
        for row in 0..rows.num_rows() {
            if !each(row_at(&rows, row)?)? {
                return Ok(());
            }
        }
    }
    if found == file.rows {
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
        split_id: SplitId(rows.column(1).as_primitive::<UInt32Type>().value(row)),
        row: rows.column(ROW_COLUMN).as_primitive::<UInt64Type>().value(row),
        offset_bytes: rows.column(3).as_primitive::<UInt64Type>().value(row),
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

fn reason_fields() -> Fields {
    Fields::from(vec![
        Field::new("code", DataType::Utf8, false),
        Field::new("field", DataType::Utf8, true),
        Field::new("rule", DataType::Utf8, true),
        Field::new("found", DataType::Utf8, true),
        Field::new("raw_millis", DataType::Int64, true),
    ])
}

fn reason_element() -> Field {
    Field::new("element", DataType::Struct(reason_fields()), false)
}

/// Columns of a staged batch.
fn staged_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("split", DataType::Utf8, false),
        Field::new("split_id", DataType::UInt32, false),
        Field::new("row", DataType::UInt64, false),
        Field::new("offset_bytes", DataType::UInt64, false),
        Field::new("key", DataType::Utf8, true),
        Field::new("dt", DataType::Date32, true),
        Field::new("reasons", DataType::List(Arc::new(reason_element())), false),
        Field::new("raw", DataType::Binary, false),
        Field::new("raw_format", DataType::Utf8, false),
        Field::new("raw_sha256", DataType::Utf8, false),
        Field::new("contract", DataType::Utf8, false),
        Field::new("contract_version", DataType::Utf8, false),
    ]))
}

/// Columns of a quarantine file.
pub(super) fn schema() -> SchemaRef {
    let mut fields = staged_schema().fields().to_vec();
    fields.push(Arc::new(Field::new("run_id", DataType::Utf8, false)));
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    fields.push(Arc::new(Field::new("first_seen", instant, false)));
    fields.push(Arc::new(Field::new("attempts", DataType::Int32, false)));
    Arc::new(Schema::new(fields))
}
