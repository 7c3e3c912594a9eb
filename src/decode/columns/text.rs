//! Text: UTF-8 without NUL. Ids of MongoDB become text; numbers only with `coerce`.

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};

use crate::decode::columns::cells::ByteCells;
use crate::decode::columns::{Context, Misfit, TYPE_MISMATCH};
use crate::decode::direct::Unusual;
use crate::decode::number::{Decimal128, Exact, integer_of_double};
use crate::decode::piece::Piece;
use crate::decode::value::{Kind, Type, Value};
use crate::model::ReasonCode;

/// BSON's subtype of a UUID in the order of its text.
const UUID_SUBTYPE: u8 = 4;

#[derive(Debug)]
pub(super) struct TextColumn {
    coerce: bool,
    cells: ByteCells,
}

impl TextColumn {
    pub fn new(coerce: bool) -> Self {
        Self { coerce, cells: ByteCells::new() }
    }

    pub fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        if let Kind::Text(text) = value.kind() {
            let bytes = text.decode(&mut cx.scratch);
            if bytes.len() > cx.walk.max_text_bytes {
                return Err(ReasonCode::TextTooLong.into());
            }
            // Some text of the row is not UTF-8: is it this one?
            if cx.walk.facts.text_not_utf8 && std::str::from_utf8(bytes).is_err() {
                return Err(ReasonCode::TextNotUtf8.into());
            }
            // A NUL in JSON is an escape.
            if (text.escaped || value.ty != Type::S) && memchr::memchr(0, bytes).is_some() {
                return Err(ReasonCode::TextHasNul.into());
            }
            self.cells.push(bytes);
        } else {
            write_text(value, self.coerce, &mut cx.scratch)?;
            self.cells.push(&cx.scratch);
        }
        Ok(())
    }

    /// Appends a text that is UTF-8 and has no NUL.
    #[inline]
    pub fn read(&mut self, text: Piece<'_>, cx: &Context) -> Result<(), Unusual> {
        if text.len() > cx.walk.max_text_bytes {
            return Err(Unusual);
        }
        self.cells.push_piece(text);
        Ok(())
    }

    pub fn append_null(&mut self) {
        self.cells.push_null();
    }

    pub fn truncate(&mut self, len: usize) {
        self.cells.truncate(len);
    }

    pub fn finish(&mut self) -> ArrayRef {
        let (offsets, bytes, nulls) = self.cells.finish();
        // The walk has seen that every text is UTF-8; this looks again, at all of them at once.
        Arc::new(StringArray::new(offsets, bytes, nulls))
    }
}

/// Writes to `out` the text of a value that is none in the source.
fn write_text(value: Value<'_>, coerce: bool, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let write_integer = |integer: i64, out: &mut Vec<u8>| {
        // Writing to memory does not fail.
        let _ = write!(out, "{integer}");
    };
    out.clear();
    match value.kind() {
        Kind::ObjectId(bytes) => write_hex(bytes, out),
        Kind::Binary { subtype: UUID_SUBTYPE, bytes } if bytes.len() == 16 => {
            for (i, part) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
                if i > 0 {
                    out.push(b'-');
                }
                write_hex(bytes.get(part).unwrap_or_default(), out);
            }
        }
        Kind::Number(text) if coerce => {
            if text.escaped {
                out.extend_from_slice(text.decode(&mut Vec::new()));
            } else {
                out.extend_from_slice(text.bytes);
            }
            Exact::parse(out).ok_or(ReasonCode::NumberMalformed)?;
        }
        Kind::Integer(integer) if coerce => write_integer(integer, out),
        Kind::Double(bits) if coerce => write_integer(integer_of_double(bits)?, out),
        Kind::Decimal128(bits) if coerce => {
            Decimal128::from_bits(bits).ok_or(ReasonCode::DecimalNotFinite)?.write(out);
        }
        _ => return Err(TYPE_MISMATCH),
    }
    Ok(())
}

fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]));
}
