//! Civil days from 0001-01-01 to 9999-12-31: `YYYY-MM-DD`, or a BSON date at midnight UTC.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Builder};

use crate::decode::civil::{DAYS, MILLIS_PER_DAY, parse_date};
use crate::decode::columns::{Context, Misfit, TYPE_MISMATCH};
use crate::decode::value::{Kind, Value};
use crate::model::ReasonCode;

#[derive(Debug, Default)]
pub(super) struct DateColumn {
    builder: Date32Builder,
}

impl DateColumn {
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
        self.builder.append_value(day);
        Ok(())
    }

    pub fn append_null(&mut self) {
        self.builder.append_null();
    }

    pub fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}
