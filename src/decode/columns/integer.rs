//! Integers of 64 bits. 1.0 is one, 1.1 is none.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder};

use crate::decode::columns::{Context, Misfit, exact};
use crate::decode::value::{Kind, Value};

#[derive(Debug)]
pub(super) struct IntegerColumn {
    coerce: bool,
    builder: Int64Builder,
}

impl IntegerColumn {
    pub fn new(coerce: bool) -> Self {
        Self { coerce, builder: Int64Builder::new() }
    }

    pub fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        let integer = match value.kind() {
            Kind::Integer(integer) => integer,
            _ => exact(value, self.coerce, cx)?.to_integer()?,
        };
        self.builder.append_value(integer);
        Ok(())
    }

    pub fn append_null(&mut self) {
        self.builder.append_null();
    }

    pub fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}
