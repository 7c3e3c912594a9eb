//! Integers of 64 bits. 1.0 is one, 1.1 is none.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder};

use crate::decode::columns::{Context, Misfit, exact};
use crate::decode::value::Value;

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
        self.builder.append_value(exact(value, self.coerce, cx)?.to_integer()?);
        Ok(())
    }

    pub fn append_null(&mut self) {
        self.builder.append_null();
    }

    pub fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}
