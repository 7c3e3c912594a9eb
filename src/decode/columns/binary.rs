//! Bytes: DynamoDB's base64, strictly read, and BSON binary of any subtype.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::decode::columns::cells::ByteCells;
use crate::decode::columns::{Context, Misfit, TYPE_MISMATCH};
use crate::decode::value::{Kind, Value};
use crate::model::ReasonCode;

#[derive(Debug)]
pub(super) struct BinaryColumn {
    cells: ByteCells,
    decoded: Vec<u8>,
}

impl BinaryColumn {
    pub fn new() -> Self {
        Self { cells: ByteCells::new(), decoded: Vec::new() }
    }

    pub fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        let bytes = match value.kind() {
            Kind::Base64(text) => {
                self.decoded.clear();
                STANDARD
                    .decode_vec(text.decode(&mut cx.scratch), &mut self.decoded)
                    .map_err(|_| ReasonCode::BinaryMalformed)?;
                &self.decoded
            }
            Kind::Binary { bytes, .. } => bytes,
            _ => return Err(TYPE_MISMATCH),
        };
        if bytes.len() > cx.walk.max_text_bytes {
            return Err(ReasonCode::TextTooLong.into());
        }
        self.cells.push(bytes);
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
        Arc::new(BinaryArray::new(offsets, bytes, nulls))
    }
}
