//! Decimals of fixed scale: exact or refused, never rounded.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array};
use arrow::datatypes::DataType;

use crate::decode::columns::cells::Cells;
use crate::decode::columns::{Context, Misfit, exact};
use crate::decode::direct::Unusual;
use crate::decode::number::{Decimal128, Exact, short_decimal, written_decimal};
use crate::decode::piece::Piece;
use crate::decode::value::{Kind, Value};

#[derive(Debug)]
pub(super) struct DecimalColumn {
    precision: u8,
    scale: u8,
    coerce: bool,
    cells: Cells<i128>,
}

impl DecimalColumn {
    pub fn new(precision: u8, scale: u8, coerce: bool) -> Self {
        Self { precision, scale, coerce, cells: Cells::new() }
    }

    pub fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        let (precision, scale) = (self.precision, self.scale);
        let decimal = match value.kind() {
            Kind::Number(text) => short_decimal(text.bytes, precision, scale),
            Kind::Decimal128(bits) => Decimal128::from_bits(bits)
                .and_then(|decimal| decimal.short_decimal(precision, scale)),
            _ => None,
        };
        let decimal = match decimal {
            Some(decimal) => decimal,
            None => exact(value, self.coerce, cx)?.to_decimal(precision, scale)?,
        };
        self.cells.push(decimal);
        Ok(())
    }

    /// Appends the decimal that a number of DynamoDB spells.
    #[inline]
    pub fn read(&mut self, number: Piece<'_>) -> Result<(), Unusual> {
        let (precision, scale) = (self.precision, self.scale);
        let decimal = match written_decimal(number, precision, scale) {
            Some(decimal) => decimal,
            None => Exact::parse(number.bytes())
                .and_then(|exact| exact.to_decimal(precision, scale).ok())
                .ok_or(Unusual)?,
        };
        self.cells.push(decimal);
        Ok(())
    }

    /// Appends the decimal that the bits of a decimal128 are.
    #[inline]
    pub fn read_bits(&mut self, bits: u128) -> Result<(), Unusual> {
        let (precision, scale) = (self.precision, self.scale);
        let decimal = Decimal128::from_bits(bits).ok_or(Unusual)?;
        let decimal = match decimal.short_decimal(precision, scale) {
            Some(decimal) => decimal,
            None => decimal.exact().to_decimal(precision, scale).map_err(|_| Unusual)?,
        };
        self.cells.push(decimal);
        Ok(())
    }

    pub fn append_null(&mut self) {
        self.cells.push_null();
    }

    pub fn truncate(&mut self, len: usize) {
        self.cells.truncate(len);
    }

    pub fn finish(&mut self) -> ArrayRef {
        let scale = i8::try_from(self.scale).unwrap_or(i8::MAX);
        let (values, nulls) = self.cells.finish();
        let decimals = Decimal128Array::new(values, nulls);
        Arc::new(decimals.with_data_type(DataType::Decimal128(self.precision, scale)))
    }
}
