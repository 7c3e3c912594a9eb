//! Nested values as JSON text, for formats that have no nesting.
//!
//! Decimals are JSON strings, so that no reader makes floats of them; instants and days are
//! written as in CSV, binary as base64, NULL as `null`.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};

use crate::error::{Error, ErrorKind, Result, ResultExt};

use super::csv::write_plain;

/// Appends the value at `row` as JSON.
///
/// # Errors
/// `Unexpected` for a type that no contract can have.
pub(super) fn write_json(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<()> {
    if array.is_null(row) {
        out.extend(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            write_all(b'[', b']', 0..list.len(), out, |i, out| write_json(list.as_ref(), i, out))
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            write_all(b'{', b'}', 0..columns.len(), out, |i, out| {
                write_text(fields[i].name(), out)?;
                out.push(b':');
                write_json(columns[i].as_ref(), row, out)
            })
        }
        DataType::Utf8 => write_text(array.as_string::<i32>().value(row), out),
        DataType::Int64 => {
            out.extend(array.as_primitive::<Int64Type>().value(row).to_string().as_bytes());
            Ok(())
        }
        DataType::Boolean => {
            out.extend(if array.as_boolean().value(row) { &b"true"[..] } else { b"false" });
            Ok(())
        }
        _ => {
            let mut text = Vec::new();
            write_plain(array, row, &mut text)?;
            let text = std::str::from_utf8(&text)
                .or_err(ErrorKind::Unexpected, "could not write a value as JSON")?;
            write_text(text, out)
        }
    }
}

fn write_all(
    open: u8,
    close: u8,
    items: std::ops::Range<usize>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(usize, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    out.push(open);
    for i in items {
        if i > 0 {
            out.push(b',');
        }
        write(i, out)?;
    }
    out.push(close);
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(out, text).map_err(|e| {
        Error::new(ErrorKind::Unexpected, "could not write a text as JSON").with_source(e)
    })
}
