//! Columns of a batch: found by name when a step is built, put together again when it ran.

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};

/// Number of the column `name` of `schema`, one of `contract`'s schemas.
///
/// # Errors
/// `Usage` when there is none.
pub(super) fn column_index(contract: &Contract, schema: &SchemaRef, name: &str) -> Result<usize> {
    schema.index_of(name).map_err(|_| {
        Error::new(ErrorKind::Usage, "the contract refers to a field that it does not read")
            .with("dataset", contract.label())
            .with("field", name)
    })
}

/// A batch of `columns`, whose types are those of `schema`.
pub(super) fn record_batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> RecordBatch {
    StructArray::new(schema.fields().clone(), columns, None).into()
}
