//! Columns between arrow and polars, through the Arrow C data interface.
//!
//! Both sides define the interface's two structs for themselves, with the layout that the
//! specification fixes, so one is moved into the other as it is. Numbers cross without a copy.

use arrow::array::{Array, ArrayRef, make_array};
use arrow::datatypes::Field;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use arrow::record_batch::RecordBatch;
use polars::prelude::{Column, CompatLevel, DataFrame, IntoLazy, LazyFrame, PlSmallStr, Series};
use polars_arrow::ffi::{self as polars_ffi, export_array_to_c, export_field_to_c};

use crate::error::{ErrorKind, Result, ResultExt};

const TO_POLARS: &str = "could not hand columns to polars";
const FROM_POLARS: &str = "could not take columns from polars";

/// The columns of a batch as a polars query to build on.
pub(super) fn lazy_frame(batch: &RecordBatch) -> Result<LazyFrame> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, array)| to_polars(field, array)).collect::<Result<_>>()?;
    let frame = DataFrame::new(batch.num_rows(), columns);
    Ok(frame.or_err(ErrorKind::Unexpected, TO_POLARS)?.lazy())
}

/// The rows of a polars frame, in one batch.
pub(super) fn record_batch(frame: DataFrame) -> Result<RecordBatch> {
    let columns = frame.columns().iter().map(|column| {
        let array = from_polars(&column.as_materialized_series().rechunk())?;
        Ok((column.name().to_string(), array))
    });
    RecordBatch::try_from_iter(columns.collect::<Result<Vec<_>>>()?)
        .or_err(ErrorKind::Unexpected, FROM_POLARS)
}

#[allow(unsafe_code, reason = "the C data interface is the only road into polars")]
fn to_polars(field: &Field, array: &ArrayRef) -> Result<Column> {
    let (array, schema) = to_ffi(&array.to_data()).or_err(ErrorKind::Unexpected, TO_POLARS)?;
    // SAFETY: both pairs of types are `repr(C)` with the fields that the C data interface fixes.
    // The moved-out side is not dropped, so each release callback runs once, on the other side.
    let (array, schema) = unsafe {
        (
            std::mem::transmute::<FFI_ArrowArray, polars_ffi::ArrowArray>(array),
            std::mem::transmute::<FFI_ArrowSchema, polars_ffi::ArrowSchema>(schema),
        )
    };
    // SAFETY: both were just exported by arrow and describe each other.
    let array = unsafe {
        let field = polars_ffi::import_field_from_c(&schema);
        let field = field.or_err(ErrorKind::Unexpected, TO_POLARS)?;
        polars_ffi::import_array_from_c(array, field.dtype)
    };
    let array = array.or_err(ErrorKind::Unexpected, TO_POLARS)?;
    let series = Series::try_from((PlSmallStr::from_str(field.name()), array));
    Ok(series.or_err(ErrorKind::Unexpected, TO_POLARS)?.into())
}

#[allow(unsafe_code, reason = "the C data interface is the only road out of polars")]
fn from_polars(series: &Series) -> Result<ArrayRef> {
    let array = series.to_arrow(0, CompatLevel::oldest());
    let field = series.field().to_arrow(CompatLevel::oldest());
    let (array, schema) = (export_array_to_c(array), export_field_to_c(&field));
    // SAFETY: as in `to_polars`; the pair was just exported by polars and describes each other.
    let data = unsafe {
        let schema = std::mem::transmute::<polars_ffi::ArrowSchema, FFI_ArrowSchema>(schema);
        from_ffi(std::mem::transmute::<polars_ffi::ArrowArray, FFI_ArrowArray>(array), &schema)
    };
    Ok(make_array(data.or_err(ErrorKind::Unexpected, FROM_POLARS)?))
}
