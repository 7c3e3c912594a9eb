//! Booleans. The texts `true` and `false` are ones only with `coerce`, numbers never.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder};

use crate::decode::columns::{Context, Misfit, TYPE_MISMATCH};
use crate::decode::value::{Kind, Value};

#[derive(Debug)]
pub(super) struct BooleanColumn {
    coerce: bool,
    builder: BooleanBuilder,
}

impl BooleanColumn {
    pub fn new(coerce: bool) -> Self {
        Self { coerce, builder: BooleanBuilder::new() }
    }

    pub fn append(&mut self, value: Value<'_>, _: &mut Context) -> Result<(), Misfit> {
        let boolean = match value.kind() {
            Kind::Boolean(boolean) => boolean,
            Kind::Text(text) if self.coerce && text.is(b"true") => true,
            Kind::Text(text) if self.coerce && text.is(b"false") => false,
            _ => return Err(TYPE_MISMATCH),
        };
        self.builder.append_value(boolean);
        Ok(())
    }

    pub fn append_null(&mut self) {
        self.builder.append_null();
    }

    pub fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}
