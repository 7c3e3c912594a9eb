//! CSV by RFC 4180: CRLF, a header, UTF-8 without a mark.
//!
//! NULL is an empty field without quotes, an empty text is `""`: no writer at hand keeps the two
//! apart, hence this one. Decimals are plain at their scale, instants RFC 3339 in UTC, binary
//! base64, nested values JSON.

use std::borrow::Cow;
use std::io::Write;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowNativeType, DataType, SchemaRef};
use memchr::{memchr, memchr2, memchr3};

use crate::error::Result;
use crate::plan::FormulaGuard;

use super::json::JsonColumn;
use super::plain::Values;
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
        };
        for (i, field) in schema.fields().iter().enumerate() {
            if i > 0 {
                encoder.lines.push(b',');
            }
            write_text(field.name().as_bytes(), &mut encoder.lines);
        }
        encoder.lines.extend(b"\r\n");
        encoder.send()?;
        Ok(encoder)
    }

    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let columns: Vec<_> = rows.columns().iter().map(Column::new).collect::<Result<_>>()?;
        for row in 0..rows.num_rows() {
            for (i, column) in columns.iter().enumerate() {
                if i > 0 {
                    self.lines.push(b',');
                }
                let is_guarded = column.write_cell(row, self.guard, &mut self.lines)?;
                self.guarded_cells += u64::from(is_guarded);
            }
            self.lines.extend(b"\r\n");
            if self.lines.len() >= SEND_BYTES {
                self.send()?;
            }
        }
        self.send()
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

/// A column whose type is looked up once and not for each cell.
struct Column<'a> {
    nulls: Option<&'a NullBuffer>,
    cells: Cells<'a>,
}

enum Cells<'a> {
    /// Texts, and whether one of them may need quotes.
    Texts(&'a StringArray, bool),
    Values(Values<'a>),
    Nested(JsonColumn<'a>),
}

impl<'a> Column<'a> {
    fn new(column: &'a ArrayRef) -> Result<Self> {
        let cells = match column.data_type() {
            DataType::Utf8 => {
                let texts = column.as_string();
                Cells::Texts(texts, needs_quotes(text_bytes(texts, 0..texts.len())))
            }
            DataType::List(_) | DataType::Struct(_) => {
                Cells::Nested(JsonColumn::new(column.as_ref(), 0..column.len())?)
            }
            _ => Cells::Values(Values::new(column.as_ref())?),
        };
        Ok(Self { nulls: column.nulls(), cells })
    }

    /// Appends the field at `row`; gives whether it is guarded.
    fn write_cell(&self, row: usize, guard: FormulaGuard, out: &mut Vec<u8>) -> Result<bool> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(false);
        }
        let start = out.len();
        let mut is_guarded = false;
        match &self.cells {
            Cells::Texts(texts, may_need_quotes) => {
                let text = guarded(texts.value(row), guard);
                is_guarded = matches!(text, Cow::Owned(_));
                if *may_need_quotes {
                    write_text(text.as_bytes(), out);
                } else {
                    out.extend(text.as_bytes());
                }
            }
            Cells::Values(values) => values.write(row, out)?,
            Cells::Nested(values) => {
                out.push(b'"');
                values.write(row, out)?;
                if memchr2(b'"', b',', &out[start + 1..]).is_some() {
                    out.push(b'"');
                } else {
                    out.remove(start);
                }
            }
        }
        if out.len() == start {
            out.extend(b"\"\""); // without quotes it would be NULL
        }
        Ok(is_guarded)
    }
}

/// The bytes of the texts of `rows`, one after another.
pub(super) fn text_bytes(texts: &StringArray, rows: Range<usize>) -> &[u8] {
    let offsets = texts.value_offsets();
    &texts.value_data()[offsets[rows.start].as_usize()..offsets[rows.end].as_usize()]
}

fn needs_quotes(text: &[u8]) -> bool {
    memchr3(b'"', b',', b'\n', text).is_some() || memchr(b'\r', text).is_some()
}

/// Appends a text, quoted where it must be.
fn write_text(text: &[u8], out: &mut Vec<u8>) {
    if needs_quotes(text) {
        out.push(b'"');
        write_doubled(text, out);
        out.push(b'"');
    } else {
        out.extend(text);
    }
}

/// Appends a text with every quote twice.
pub(super) fn write_doubled(text: &[u8], out: &mut Vec<u8>) {
    for part in text.split_inclusive(|b| *b == b'"') {
        out.extend(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
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
    if text.bytes().next().is_none_or(|first| first.is_ascii_alphanumeric()) {
        return false;
    }
    let signs = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    text.starts_with(['\t', '\r']) || text.trim_start().starts_with(signs)
}

#[cfg(test)]
mod tests;
