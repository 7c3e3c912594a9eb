//! Text: UTF-8 without NUL. Ids of MongoDB become text; numbers only with `coerce`.

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, NullBufferBuilder, StringArray};
use arrow::buffer::OffsetBuffer;

use crate::decode::columns::{Context, Misfit, TYPE_MISMATCH};
use crate::decode::number::{Decimal128, Exact, integer_of_double};
use crate::decode::value::{Kind, Type, Value};
use crate::model::ReasonCode;

/// BSON's subtype of a UUID in the order of its text.
const UUID_SUBTYPE: u8 = 4;

#[derive(Debug)]
pub(super) struct TextColumn {
    coerce: bool,
    bytes: Vec<u8>,
    /// Where each text ends among the bytes.
    ends: Vec<i32>,
    validity: NullBufferBuilder,
}

impl TextColumn {
    pub fn new(coerce: bool) -> Self {
        let validity = NullBufferBuilder::new(0);
        Self { coerce, bytes: Vec::new(), ends: Vec::new(), validity }
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
            self.append_bytes(bytes);
        } else {
            write_text(value, self.coerce, &mut cx.scratch)?;
            self.append_bytes(&cx.scratch);
        }
        Ok(())
    }

    #[inline]
    fn append_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.end(true);
    }

    pub fn append_null(&mut self) {
        self.end(false);
    }

    fn end(&mut self, valid: bool) {
        self.ends.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
        self.validity.append(valid);
    }

    pub fn finish(&mut self) -> ArrayRef {
        let (bytes, texts) = (self.bytes.len(), self.ends.len());
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(bytes));
        let ends = std::mem::replace(&mut self.ends, Vec::with_capacity(texts));
        let offsets = OffsetBuffer::new(std::iter::once(0).chain(ends).collect());
        // The walk has seen that every text is UTF-8; this looks again, at all of them at once.
        Arc::new(StringArray::new(offsets, bytes.into(), self.validity.finish()))
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
