//! Integers of 64 bits. 1.0 is one, 1.1 is none.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};

use crate::decode::columns::cells::Cells;
use crate::decode::columns::{Context, Misfit, exact};
use crate::decode::direct::Unusual;
use crate::decode::number::{Exact, written_integer};
use crate::decode::piece::Piece;
use crate::decode::value::{Kind, Value};

#[derive(Debug)]
pub(super) struct IntegerColumn {
    coerce: bool,
    cells: Cells<i64>,
}

impl IntegerColumn {
    pub fn new(coerce: bool) -> Self {
        Self { coerce, cells: Cells::new() }
    }

    pub fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        let integer = match value.kind() {
            Kind::Integer(integer) => integer,
            _ => exact(value, self.coerce, cx)?.to_integer()?,
        };
        self.cells.push(integer);
        Ok(())
    }

    /// Appends the integer that a number of DynamoDB spells.
    #[inline]
    pub fn read(&mut self, number: Piece<'_>) -> Result<(), Unusual> {
        let integer = match written_integer(number) {
            Some(integer) => integer,
            None => Exact::parse(number.bytes())
                .and_then(|exact| exact.to_integer().ok())
                .ok_or(Unusual)?,
        };
        self.cells.push(integer);
        Ok(())
    }

    /// Appends an integer.
    #[inline]
    pub fn read_integer(&mut self, integer: i64) -> Result<(), Unusual> {
        self.cells.push(integer);
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
        Arc::new(Int64Array::new(values, nulls))
    }
}
