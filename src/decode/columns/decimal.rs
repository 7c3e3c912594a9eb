//! Decimals of fixed scale: exact or refused, never rounded.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Builder};
use arrow::datatypes::DataType;

use crate::decode::columns::{Context, Misfit, exact};
use crate::decode::number::short_decimal;
use crate::decode::value::{Kind, Value};

#[derive(Debug)]
pub(super) struct DecimalColumn {
    precision: u8,
    scale: u8,
    coerce: bool,
    builder: Decimal128Builder,
}

impl DecimalColumn {
    pub fn new(precision: u8, scale: u8, coerce: bool) -> Self {
        let arrow_scale = i8::try_from(scale).unwrap_or(i8::MAX);
        let builder =
            Decimal128Builder::new().with_data_type(DataType::Decimal128(precision, arrow_scale));
        Self { precision, scale, coerce, builder }
    }

    pub fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        let (precision, scale) = (self.precision, self.scale);
        let decimal = match value.kind() {
            Kind::Number(text) => short_decimal(text.bytes, precision, scale),
            _ => None,
        };
        let decimal = match decimal {
            Some(decimal) => decimal,
            None => exact(value, self.coerce, cx)?.to_decimal(precision, scale)?,
        };
        self.builder.append_value(decimal);
        Ok(())
    }

    pub fn append_null(&mut self) {
        self.builder.append_null();
    }

    pub fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}
