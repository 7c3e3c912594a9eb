//! Small contracts and batches for the tests of this room.

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMicrosecondArray};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use bytes::Bytes;

use crate::catalog::contract::BusinessDate;
use crate::catalog::{Contract, Exchange, Field, FieldType, Limits, TimestampType};
use crate::model::{Batch, RawFormat, RawRows, SplitId, ZoneSpans};

/// An optional field without checks.
pub(super) fn field(name: &str, data_type: FieldType) -> Field {
    Field::new(name, data_type)
}

pub(super) fn list(element: Field) -> FieldType {
    FieldType::List { element: Box::new(element), set: false }
}

/// Instants from 2000 to 2100, without a policy for local times.
pub(super) fn timestamp() -> FieldType {
    FieldType::Timestamp(TimestampType {
        epoch: None,
        local: None,
        min_micros: 946_684_800_000_000,
        max_micros: 4_102_444_800_000_000,
    })
}

pub(super) fn contract(fields: Vec<Field>) -> Contract {
    Contract {
        id: "id".to_owned(),
        dataset: "orders".to_owned(),
        version: "1.0.0".to_owned(),
        description: String::new(),
        sha256: String::new(),
        fields,
        key: vec!["id".to_owned()],
        version_field: "updated_at".to_owned(),
        business_date: BusinessDate {
            field: "created_at".to_owned(),
            zone: "America/New_York".to_owned(),
        },
        exchange: Exchange::default(),
        privacy: None,
        limits: Limits::default(),
        rules: vec![],
        unique: vec![],
    }
}

pub(super) fn times(micros: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"))
}

/// Decoded rows of `contract`.
pub(super) fn batch(contract: &Contract, columns: Vec<ArrayRef>, rows: usize) -> Batch {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let schema = contract.decoded_schema();
    batch_of(RecordBatch::try_new_with_options(schema, columns, &options).unwrap())
}

/// Rows without reasons, of any schema.
pub(super) fn batch_of(columns: RecordBatch) -> Batch {
    Batch {
        split: SplitId(0),
        first_row: 0,
        raw: RawRows {
            format: RawFormat::DynamodbJson,
            bytes: Bytes::new(),
            offset_bytes: 0,
            ranges: vec![(0, 0); columns.num_rows()],
        },
        columns,
        business_dates: None,
        written_at: None,
        reasons: vec![],
        exclusions: vec![],
        warnings: vec![],
        zones: ZoneSpans::default(),
    }
}

/// The reasons of a batch as (row, code, field or rule).
pub(super) fn reasons(batch: &Batch) -> Vec<(u32, &'static str, String)> {
    let named = batch.reasons.iter().map(|r| {
        let name = r.reason.field.as_deref().or(r.reason.rule.as_deref()).unwrap_or("");
        (r.row, r.reason.code.as_str(), name.to_owned())
    });
    named.collect()
}
