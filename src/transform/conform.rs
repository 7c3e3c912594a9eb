//! Rows that passed, in the schema of the files: required fields become not nullable.
//!
//! Arrays are rebuilt around the same buffers; no value is copied.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowNativeType, DataType, Field, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::error::{Error, ErrorKind, Result, ResultExt};

const WRONG_COLUMNS: &str = "could not give rows the schema of their files";

/// The leading columns of `rows`, which follow the nullable output schema, in the output schema.
///
/// # Errors
/// `Unexpected`, with the field named, when a value is null that the schema requires, or when
/// the columns are not those of the schema.
pub fn output_rows(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if rows.num_columns() < schema.fields().len() {
        return Err(
            Error::new(ErrorKind::Unexpected, WRONG_COLUMNS).with("columns", rows.num_columns())
        );
    }
    let fields = schema.fields().iter().zip(rows.columns());
    let columns = fields.map(|(field, array)| conform(array, field, None, field.name()));
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_>>()?)
        .or_err(ErrorKind::Unexpected, WRONG_COLUMNS)
}

/// `array` with the type of `field`. Nulls below `parent`'s nulls belong to no row.
fn conform(
    array: &ArrayRef,
    field: &Field,
    parent: Option<&NullBuffer>,
    path: &str,
) -> Result<ArrayRef> {
    if !field.is_nullable() && has_null(array, parent) {
        let message = "a value is null where the contract requires one";
        return Err(Error::new(ErrorKind::Unexpected, message).with("field", path));
    }
    let rebuilt: ArrayRef = match field.data_type() {
        DataType::List(element) => {
            let list = array.as_list_opt::<i32>().ok_or_else(|| wrong_type(path))?;
            let (offsets, values) = referenced(list);
            let values = conform(&values, element, None, &format!("{path}[]"))?;
            let nulls = list.nulls().cloned();
            Arc::new(
                ListArray::try_new(Arc::clone(element), offsets, values, nulls)
                    .or_err(ErrorKind::Unexpected, WRONG_COLUMNS)?,
            )
        }
        DataType::Struct(fields) => {
            let parts = array.as_struct_opt().ok_or_else(|| wrong_type(path))?;
            let nulls = NullBuffer::union(parts.nulls(), parent);
            let columns = fields.iter().zip(parts.columns()).map(|(field, column)| {
                conform(column, field, nulls.as_ref(), &format!("{path}.{}", field.name()))
            });
            let columns = columns.collect::<Result<_>>()?;
            Arc::new(
                StructArray::try_new(fields.clone(), columns, parts.nulls().cloned())
                    .or_err(ErrorKind::Unexpected, WRONG_COLUMNS)?,
            )
        }
        same if same == array.data_type() => Arc::clone(array),
        _ => return Err(wrong_type(path)),
    };
    Ok(rebuilt)
}

fn has_null(array: &ArrayRef, parent: Option<&NullBuffer>) -> bool {
    match (array.nulls(), parent) {
        (None, _) => false,
        (Some(nulls), None) => nulls.null_count() > 0,
        (Some(nulls), Some(parent)) => !parent.contains(nulls),
    }
}

/// The elements that the lists refer to, without those a slice or a filter left behind.
fn referenced(list: &ListArray) -> (OffsetBuffer<i32>, ArrayRef) {
    let (start, end) = (list.value_offsets()[0], list.value_offsets()[list.len()]);
    let (skip, length) = (start.as_usize(), (end - start).as_usize());
    let offsets = if start == 0 {
        list.offsets().clone()
    } else {
        OffsetBuffer::new(list.value_offsets().iter().map(|offset| offset - start).collect())
    };
    (offsets, list.values().slice(skip, length))
}

fn wrong_type(path: &str) -> Error {
    Error::new(ErrorKind::Unexpected, WRONG_COLUMNS).with("field", path)
}

#[cfg(test)]
mod tests;
