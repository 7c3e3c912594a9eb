//! The quarantine: refused rows as a Parquet dataset of their own, source bytes included.
//!
//! Staged while a run is on ([`RejectBuilder`]), stamped and written when it publishes
//! ([`write_quarantine`]), read to be counted, shown and replayed ([`read_quarantine`]).

mod sift;
mod stored;
mod writer;

pub use sift::{Sifted, Sifting, sift_quarantine};
pub use stored::{QuarantineRow, RefusedBytes, StoredReason, each_refused, read_quarantine};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, AsArray, BinaryBuilder, Date32Builder, Int32Array, Int64Builder,
    ListBuilder, RecordBatch, StringArray, StringBuilder, StructBuilder, TimestampMicrosecondArray,
    UInt32Builder, UInt64Array, UInt64Builder,
};
use arrow::datatypes::{
    DataType, Field, Fields, Schema, SchemaRef, TimeUnit, UInt32Type, UInt64Type,
};
use jiff::Timestamp;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::{DataFile, RawFormat, Reason, Split, SplitId, days_of_date};

use super::Destination;
use writer::QuarantineWriter;

/// Column of a staged batch with the ordinal of the row within its split.
pub const ROW_COLUMN: usize = 2;

const SPLIT_COLUMN: usize = 1;
const OFFSET_COLUMN: usize = 3;
const KEY_COLUMN: usize = 4;
const DT_COLUMN: usize = 5;
const REASONS_COLUMN: usize = 6;
const RAW_COLUMN: usize = 7;
const RUN_COLUMN: usize = 12;
const SEEN_COLUMN: usize = 13;
const ATTEMPTS_COLUMN: usize = 14;

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

/// When and how often the rows of a quarantine were refused before.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// Never: they are first seen at this instant.
    First(Timestamp),
    /// They lay in a quarantine before.
    Before(&'a Histories),
}

/// What is known of the rows of each split from when they were refused before, by their ordinal.
pub type Histories = BTreeMap<SplitId, Vec<History>>;

/// What is known of a row from when it was refused before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Ordinal within the split it was first read from.
    pub row: u64,
    /// Offset of its bytes within the (inflated) object.
    pub offset_bytes: u64,
    /// When it was first refused.
    pub first_seen: Timestamp,
    /// How often it was tried until now.
    pub attempts: i32,
}

/// Writes staged batches as the quarantine of a run, stamped with the run, and with when the rows
/// were first seen and how often they were tried. Rows that were refused before get their first
/// place back. Gives no file when there are no rows.
///
/// # Errors
/// `Unexpected` when a row is not among those that were refused before, `Permission` and
/// `Transient` from the store, whatever `batches` gives.
pub fn write_quarantine(
    destination: &Destination,
    run_id: &str,
    seen: Seen<'_>,
    batches: impl Iterator<Item = Result<RecordBatch>>,
) -> Result<Vec<DataFile>> {
    let path = format!("_quarantine/v-{run_id}/part-00000.parquet");
    let schema = schema();
    let mut writer = QuarantineWriter::new(destination, path);
    for batch in batches {
        writer.write(&stamp(&batch?, &schema, run_id, seen)?)?;
    }
    Ok(writer.finish()?.into_iter().collect())
}

fn stamp(
    rows: &RecordBatch,
    schema: &SchemaRef,
    run_id: &str,
    seen: Seen<'_>,
) -> Result<RecordBatch> {
    let count = rows.num_rows();
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(run_id, count))));
    let (first_seen, attempts) = match seen {
        Seen::First(at) => (
            TimestampMicrosecondArray::from_value(at.as_microsecond(), count),
            Int32Array::from_value(1, count),
        ),
        Seen::Before(histories) => {
            let of_rows = histories_of(rows, histories)?;
            columns[ROW_COLUMN] =
                Arc::new(UInt64Array::from_iter_values(of_rows.iter().map(|h| h.row)));
            columns[OFFSET_COLUMN] =
                Arc::new(UInt64Array::from_iter_values(of_rows.iter().map(|h| h.offset_bytes)));
            let seen = of_rows.iter().map(|h| h.first_seen.as_microsecond());
            let attempts = of_rows.iter().map(|h| h.attempts.saturating_add(1));
            (
                TimestampMicrosecondArray::from_iter_values(seen),
                Int32Array::from_iter_values(attempts),
            )
        }
    };
    columns.push(Arc::new(first_seen.with_timezone("UTC")));
    columns.push(Arc::new(attempts));
    RecordBatch::try_new(Arc::clone(schema), columns)
        .or_err(ErrorKind::Unexpected, "could not stamp refused rows")
}

fn histories_of<'a>(rows: &RecordBatch, histories: &'a Histories) -> Result<Vec<&'a History>> {
    let splits = rows.column(SPLIT_COLUMN).as_primitive::<UInt32Type>().values();
    let ordinals = rows.column(ROW_COLUMN).as_primitive::<UInt64Type>().values();
    (splits.iter().zip(ordinals))
        .map(|(split, row)| {
            let of_split = histories.get(&SplitId(*split));
            let index = usize::try_from(*row).unwrap_or(usize::MAX);
            of_split.and_then(|rows| rows.get(index)).ok_or_else(|| {
                Error::new(ErrorKind::Unexpected, "a row was not refused before")
                    .with("split", split)
                    .with("row", row)
            })
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
