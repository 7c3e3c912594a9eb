//! The key and the version of each row, in forms that can be compared without their types.
//!
//! A key is bytes that sort as the key's fields do; both are null where they could not be read.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Int64Array, PrimitiveArray, RecordBatch,
};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use arrow::row::{RowConverter, SortField};

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::KEY_PART_SEPARATOR;

/// Encodes one or several columns of a batch as comparable bytes.
#[derive(Debug)]
pub(super) struct KeyEncoder {
    columns: Vec<usize>,
    converter: Option<RowConverter>,
}

impl KeyEncoder {
    /// An encoder of the named output columns of `contract`.
    pub(super) fn new(contract: &Contract, names: &[String]) -> Result<Self> {
        let schema = contract.output_schema();
        let columns = names
            .iter()
            .map(|name| schema.index_of(name))
            .collect::<Result<Vec<_>, _>>()
            .or_err(ErrorKind::Unexpected, "could not find the key's fields")?;
        let text = |i: &usize| schema.field(*i).data_type() == &DataType::Utf8;
        let converter = if columns.len() == 1 && columns.iter().all(text) {
            None // the bytes of a text already sort as the text does
        } else {
            let fields =
                columns.iter().map(|i| SortField::new(schema.field(*i).data_type().clone()));
            Some(
                RowConverter::new(fields.collect())
                    .or_err(ErrorKind::Unexpected, "could not encode the key's fields")?,
            )
        };
        Ok(Self { columns, converter })
    }

    /// The encoded key of each row; null where any part is null.
    pub(super) fn encode(&self, rows: &RecordBatch) -> Result<BinaryArray> {
        let columns: Vec<ArrayRef> =
            self.columns.iter().map(|i| ArrayRef::clone(rows.column(*i))).collect();
        let Some(converter) = &self.converter else {
            return Ok(columns[0].as_string::<i32>().clone().into());
        };
        let encoded = converter
            .convert_columns(&columns)
            .or_err(ErrorKind::Unexpected, "could not encode keys")?;
        let mut keys = BinaryBuilder::with_capacity(rows.num_rows(), rows.num_rows() * 16);
        for row in 0..rows.num_rows() {
            if columns.iter().any(|c| c.is_null(row)) {
                keys.append_null();
            } else {
                keys.append_value(encoded.row(row).data());
            }
        }
        Ok(keys.finish())
    }

    /// The key of one row as people read it; `None` where a part could not be read.
    pub(super) fn text(&self, rows: &RecordBatch, row: usize) -> Option<String> {
        let parts = self.columns.iter().map(|i| {
            let column = rows.column(*i);
            (column.is_valid(row)).then(|| match column.data_type() {
                DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
                _ => column
                    .as_primitive_opt::<Int64Type>()
                    .map_or_else(String::new, |values| values.value(row).to_string()),
            })
        });
        parts.collect::<Option<Vec<_>>>().map(|parts| parts.join(KEY_PART_SEPARATOR))
    }
}

/// The first bytes of a key as a number: keys that differ in them compare as the numbers do, and
/// most keys do. Of equal numbers the bytes decide.
pub(super) fn key_prefix(key: &[u8]) -> u128 {
    if let Some(bytes) = key.first_chunk() {
        return u128::from_be_bytes(*bytes);
    }
    let mut bytes = [0; size_of::<u128>()];
    bytes[..key.len()].copy_from_slice(key);
    u128::from_be_bytes(bytes)
}

/// The version of each row: integers as they are, instants as µs since 1970 UTC.
pub(super) fn versions(rows: &RecordBatch, field: &str) -> Result<Int64Array> {
    let column = rows.column_by_name(field).ok_or_else(|| {
        Error::new(ErrorKind::Unexpected, "the version field is not in the batch")
    })?;
    match column.data_type() {
        DataType::Int64 => Ok(column.as_primitive::<Int64Type>().clone()),
        DataType::Timestamp(..) => {
            let instants: &PrimitiveArray<TimestampMicrosecondType> = column.as_primitive();
            Ok(instants.reinterpret_cast::<Int64Type>())
        }
        other => Err(Error::new(ErrorKind::Unexpected, format!("a version cannot be {other}"))),
    }
}
