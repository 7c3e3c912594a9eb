//! Nested values as JSON text, for formats that have no nesting.
//!
//! Decimals are JSON strings, so that no reader makes floats of them; instants and days are
//! written as in CSV, binary as base64, NULL as `null`. Every quote is written twice, as it stands
//! within a quoted field of CSV, so that no text is gone through once more.

use std::ops::Range;

use arrow::array::{Array, AsArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowNativeType, DataType};

use crate::error::{ErrorKind, Result, ResultExt};

use super::csv::{text_bytes, write_doubled};
use super::plain::Values;

/// A column as JSON.
pub(super) struct JsonColumn<'a> {
    nulls: Option<&'a NullBuffer>,
    cells: Cells<'a>,
}

enum Cells<'a> {
    List {
        offsets: &'a [i32],
        items: Box<JsonColumn<'a>>,
    },
    /// Columns, each with what stands before it: a comma but for the first, its name, a colon.
    Struct(Vec<(Vec<u8>, JsonColumn<'a>)>),
    Texts {
        texts: &'a StringArray,
        escaped: bool,
    },
    Bare(Values<'a>),
    Quoted(Values<'a>),
}

impl<'a> JsonColumn<'a> {
    /// The rows of a column that are going to be written.
    ///
    /// # Errors
    /// `Unexpected` for a type that no contract can have.
    pub fn new(column: &'a dyn Array, rows: Range<usize>) -> Result<Self> {
        let cells = match column.data_type() {
            DataType::List(_) => {
                let list = column.as_list::<i32>();
                let offsets = list.value_offsets();
                let items = offsets[rows.start].as_usize()..offsets[rows.end].as_usize();
                let items = Box::new(Self::new(list.values().as_ref(), items)?);
                Cells::List { offsets, items }
            }
            DataType::Struct(fields) => {
                let columns = fields.iter().zip(column.as_struct().columns()).enumerate();
                let named = columns.map(|(i, (field, column))| {
                    let mut before = if i > 0 { vec![b','] } else { Vec::new() };
                    write_escaped(field.name(), &mut before)?;
                    before.push(b':');
                    Ok((before, Self::new(column.as_ref(), rows.clone())?))
                });
                Cells::Struct(named.collect::<Result<_>>()?)
            }
            DataType::Utf8 => {
                let texts = column.as_string();
                // Without a way out of the loop, so that many bytes are looked at in one step.
                let escaped = (text_bytes(texts, rows).iter())
                    .fold(false, |any, b| any | (*b < b' ' || *b == b'"' || *b == b'\\'));
                Cells::Texts { texts, escaped }
            }
            DataType::Int64 | DataType::Boolean => Cells::Bare(Values::new(column)?),
            _ => Cells::Quoted(Values::new(column)?),
        };
        Ok(Self { nulls: column.nulls(), cells })
    }

    /// Appends the value at `row`.
    ///
    /// # Errors
    /// `Unexpected` for a day or an instant beyond the calendar.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            out.extend(b"null");
            return Ok(());
        }
        match &self.cells {
            Cells::List { offsets, items } => {
                out.push(b'[');
                let first = offsets[row].as_usize();
                for item in first..offsets[row + 1].as_usize() {
                    if item > first {
                        out.push(b',');
                    }
                    items.write(item, out)?;
                }
                out.push(b']');
            }
            Cells::Struct(columns) => {
                out.push(b'{');
                for (before, column) in columns {
                    out.extend(before);
                    column.write(row, out)?;
                }
                out.push(b'}');
            }
            Cells::Texts { texts, escaped: true } => write_escaped(texts.value(row), out)?,
            Cells::Texts { texts, escaped: false } => {
                out.extend(b"\"\"");
                out.extend(texts.value(row).as_bytes());
                out.extend(b"\"\"");
            }
            Cells::Bare(values) => values.write(row, out)?,
            Cells::Quoted(values) => {
                out.extend(b"\"\"");
                values.write(row, out)?;
                out.extend(b"\"\"");
            }
        }
        Ok(())
    }
}

/// Appends a text as a JSON string.
fn write_escaped(text: &str, out: &mut Vec<u8>) -> Result<()> {
    let json =
        serde_json::to_vec(text).or_err(ErrorKind::Unexpected, "could not write a text as JSON")?;
    write_doubled(&json, out);
    Ok(())
}
