//! Civil days from 0001-01-01 to 9999-12-31: `YYYY-MM-DD`, or a BSON date at midnight UTC.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array};

use crate::decode::civil::{DAYS, MILLIS_PER_DAY, parse_date};
use crate::decode::columns::cells::Cells;
use crate::decode::columns::{Context, Misfit, TYPE_MISMATCH};
use crate::decode::direct::Unusual;
use crate::decode::value::{Kind, Value};
use crate::model::ReasonCode;

#[derive(Debug)]
pub(super) struct DateColumn {
    cells: Cells<i32>,
}

impl DateColumn {
    pub fn new() -> Self {
        Self { cells: Cells::new() }
    }

    pub fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        let (days, raw_millis) = match value.kind() {
            Kind::Text(text) => {
                let days = parse_date(text.decode(&mut cx.scratch));
                (days.ok_or(ReasonCode::DateMalformed)?, None)
            }
            Kind::Millis(millis) => (millis.div_euclid(MILLIS_PER_DAY), Some(millis)),
            _ => return Err(TYPE_MISMATCH),
        };
        let Some(day) = i32::try_from(days).ok().filter(|_| DAYS.contains(&days)) else {
            return Err(Misfit { code: ReasonCode::DateOutOfRange, raw_millis });
        };
        if raw_millis.is_some_and(|millis| millis.rem_euclid(MILLIS_PER_DAY) != 0) {
            return Err(ReasonCode::DateMalformed.into());
        }
        self.cells.push(day);
        Ok(())
    }

    /// Appends the day that a text names.
    #[inline]
    pub fn read(&mut self, text: &[u8]) -> Result<(), Unusual> {
        let days = parse_date(text).filter(|days| DAYS.contains(days)).ok_or(Unusual)?;
        self.cells.push(i32::try_from(days).map_err(|_| Unusual)?);
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
        Arc::new(Date32Array::new(values, nulls))
    }
}
