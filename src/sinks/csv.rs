//! CSV by RFC 4180: CRLF, a header, UTF-8 without a mark.
//!
//! NULL is an empty field without quotes, an empty text is `""`: no writer at hand keeps the two
//! apart, hence this one. Decimals are plain at their scale, instants RFC 3339 in UTC, binary
//! base64, nested values JSON.

use std::borrow::Cow;
use std::io::Write;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int64Type, SchemaRef, TimestampMicrosecondType,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::date_of_days;
use crate::plan::FormulaGuard;

use super::json::write_json;
use super::upload::{Upload, Uploaded, encoder_error};

/// Lines are sent on when they have grown to this.
const SEND_BYTES: usize = 64 << 10;

/// A CSV file that is being written.
pub(super) struct CsvEncoder {
    path: String,
    upload: Upload,
    guard: FormulaGuard,
    guarded_cells: u64,
    size_bytes: u64,
    lines: Vec<u8>,
    cell: Vec<u8>,
}

impl CsvEncoder {
    pub fn new(
        upload: Upload,
        path: &str,
        schema: &SchemaRef,
        guard: FormulaGuard,
    ) -> Result<Self> {
        let mut encoder = Self {
            path: path.to_owned(),
            upload,
            guard,
            guarded_cells: 0,
            size_bytes: 0,
            lines: Vec::new(),
            cell: Vec::new(),
        };
        for (i, field) in schema.fields().iter().enumerate() {
            if i > 0 {
                encoder.lines.push(b',');
            }
            write_field(field.name().as_bytes(), &mut encoder.lines);
        }
        encoder.lines.extend(b"\r\n");
        encoder.send()?;
        Ok(encoder)
    }

    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        for row in 0..rows.num_rows() {
            for (i, column) in rows.columns().iter().enumerate() {
                if i > 0 {
                    self.lines.push(b',');
                }
                if column.is_valid(row) {
                    self.write_cell(column, row)?;
                }
            }
            self.lines.extend(b"\r\n");
            if self.lines.len() >= SEND_BYTES {
                self.send()?;
            }
        }
        self.send()
    }

    fn write_cell(&mut self, column: &dyn Array, row: usize) -> Result<()> {
        if let Some(texts) = column.as_string_opt::<i32>() {
            let text = guarded(texts.value(row), self.guard);
            self.guarded_cells += u64::from(matches!(text, Cow::Owned(_)));
            write_field(text.as_bytes(), &mut self.lines);
            return Ok(());
        }
        self.cell.clear();
        match column.data_type() {
            DataType::List(_) | DataType::Struct(_) => write_json(column, row, &mut self.cell)?,
            _ => write_plain(column, row, &mut self.cell)?,
        }
        write_field(&self.cell, &mut self.lines);
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        self.size_bytes += self.lines.len() as u64;
        let sent = self.upload.write_all(&self.lines);
        self.lines.clear();
        sent.map_err(|e| encoder_error(&self.path, e))
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Ends the file; gives the number of guarded cells as well.
    pub fn close(self) -> Result<(Uploaded, u64)> {
        Ok((self.upload.finish()?, self.guarded_cells))
    }
}

/// A field, quoted where it must be. An empty one is quoted: without quotes it would be NULL.
fn write_field(text: &[u8], out: &mut Vec<u8>) {
    let quoted = text.is_empty() || text.iter().any(|b| matches!(b, b'"' | b',' | b'\r' | b'\n'));
    if !quoted {
        out.extend(text);
        return;
    }
    out.push(b'"');
    for part in text.split_inclusive(|b| *b == b'"') {
        out.extend(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

/// A text as it is written: with an apostrophe where the guard asks for one.
pub(super) fn guarded(text: &str, guard: FormulaGuard) -> Cow<'_, str> {
    match guard {
        FormulaGuard::Prefix if runs_as_formula(text) => Cow::Owned(format!("'{text}")),
        _ => Cow::Borrowed(text),
    }
}

/// Whether a spreadsheet may run the text: it begins with one of the signs that start a formula,
/// full-width forms included, or does so after blanks. TAB and CR count wherever they lead.
fn runs_as_formula(text: &str) -> bool {
    let signs = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    text.starts_with(['\t', '\r']) || text.trim_start().starts_with(signs)
}

/// Appends a value that is neither text nor nested.
///
/// # Errors
/// `Unexpected` for a type that no contract can have.
pub(super) fn write_plain(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<()> {
    let unexpected = "a value cannot be written as text";
    let text = match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Binary => STANDARD.encode(array.as_binary::<i32>().value(row)),
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let date = date_of_days(days);
            date.ok_or_else(|| Error::new(ErrorKind::Unexpected, unexpected))?.to_string()
        }
        DataType::Timestamp(..) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            Timestamp::from_microsecond(micros)
                .or_err(ErrorKind::Unexpected, unexpected)?
                .to_string()
        }
        other => {
            return Err(Error::new(ErrorKind::Unexpected, unexpected).with("type", other));
        }
    };
    out.extend(text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        for (text, field) in [
            ("plain", "plain"),
            ("", "\"\""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" blank ", " blank "),
        ] {
            let mut out = Vec::new();
            write_field(text.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), field);
        }
    }

    #[test]
    fn formulas_are_told_by_how_they_begin() {
        for text in ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "  =1", "＝1"] {
            assert!(runs_as_formula(text), "{text:?}");
        }
        for text in ["", "1=1", "a@b.c", "'=1", "\u{200b}x"] {
            assert!(!runs_as_formula(text), "{text:?}");
        }
    }
}
