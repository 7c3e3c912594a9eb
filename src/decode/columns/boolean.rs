//! Booleans. The texts `true` and `false` are ones only with `coerce`, numbers never.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::buffer::BooleanBuffer;

use crate::decode::columns::cells::Cells;
use crate::decode::columns::{Context, Misfit, TYPE_MISMATCH};
use crate::decode::direct::Unusual;
use crate::decode::value::{Kind, Value};

#[derive(Debug)]
pub(super) struct BooleanColumn {
    coerce: bool,
    /// 1 for true.
    cells: Cells<u8>,
}

impl BooleanColumn {
    pub fn new(coerce: bool) -> Self {
        Self { coerce, cells: Cells::new() }
    }

    pub fn append(&mut self, value: Value<'_>, _: &mut Context) -> Result<(), Misfit> {
        let boolean = match value.kind() {
            Kind::Boolean(boolean) => boolean,
            Kind::Text(text) if self.coerce && text.is(b"true") => true,
            Kind::Text(text) if self.coerce && text.is(b"false") => false,
            _ => return Err(TYPE_MISMATCH),
        };
        self.cells.push(u8::from(boolean));
        Ok(())
    }

    /// Appends a boolean.
    #[inline]
    pub fn read(&mut self, boolean: bool) -> Result<(), Unusual> {
        self.cells.push(u8::from(boolean));
        Ok(())
    }

    pub fn append_null(&mut self) {
        self.cells.push_null();
    }

    pub fn truncate(&mut self, len: usize) {
        self.cells.truncate(len);
    }

    pub fn finish(&mut self) -> ArrayRef {
        let (values, nulls) = self.cells.finish();
        let values: BooleanBuffer = values.iter().map(|value| *value == 1).collect();
        Arc::new(BooleanArray::new(values, nulls))
    }
}
