//! Instants in microseconds UTC, and beside them the offset they were written with.
//!
//! A local time without offset is kept as if it were UTC, its offset null, when the contract
//! has a policy for it; `transform` resolves it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int16Array, Int16Builder, TimestampMicrosecondBuilder};

use crate::catalog::{EpochUnit, TimestampType};
use crate::decode::civil::{Instant, parse_instant};
use crate::decode::columns::{Context, Misfit, TYPE_MISMATCH, exact};
use crate::decode::value::{Kind, Value};
use crate::model::ReasonCode;

#[derive(Debug)]
pub(super) struct TimestampColumn {
    form: TimestampType,
    builder: TimestampMicrosecondBuilder,
    offsets: Int16Builder,
    finished_offsets: Option<Int16Array>,
}

impl TimestampColumn {
    pub fn new(form: TimestampType) -> Self {
        Self {
            form,
            builder: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            offsets: Int16Builder::new(),
            finished_offsets: None,
        }
    }

    pub fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        let instant = self.read(value, cx)?;
        self.builder.append_value(instant.micros);
        self.offsets.append_option(instant.offset_minutes);
        Ok(())
    }

    fn read(&self, value: Value<'_>, cx: &mut Context) -> Result<Instant, Misfit> {
        let instant = match (value.kind(), self.form.epoch) {
            (Kind::Text(text), _) => parse_instant(text.decode(&mut cx.scratch))?,
            (Kind::Millis(millis), _) => {
                let micros = millis.checked_mul(1_000).ok_or(out_of_range(Some(millis)))?;
                Instant { micros, offset_minutes: Some(0) }
            }
            (Kind::Null | Kind::Boolean(_), _) | (_, None) => return Err(TYPE_MISMATCH),
            (_, Some(unit)) => {
                Instant { micros: epoch_micros(value, unit, cx)?, offset_minutes: Some(0) }
            }
        };
        if instant.offset_minutes.is_none() {
            // The range is checked when the instant is known.
            return match self.form.local {
                Some(_) => Ok(instant),
                None => Err(ReasonCode::OffsetMissing.into()),
            };
        }
        if !(self.form.min_micros..=self.form.max_micros).contains(&instant.micros) {
            return Err(out_of_range(Some(instant.micros.div_euclid(1_000))));
        }
        Ok(instant)
    }

    pub fn append_null(&mut self) {
        self.builder.append_null();
        self.offsets.append_null();
    }

    pub fn finish(&mut self) -> ArrayRef {
        self.finished_offsets = Some(self.offsets.finish());
        Arc::new(self.builder.finish())
    }

    pub fn take_offsets(&mut self) -> Option<Int16Array> {
        self.finished_offsets.take()
    }
}

/// The microseconds that a number of `unit`s since 1970 stands for.
fn epoch_micros(value: Value<'_>, unit: EpochUnit, cx: &mut Context) -> Result<i64, Misfit> {
    let scale = match unit {
        EpochUnit::Seconds => 6,
        EpochUnit::Milliseconds => 3,
        EpochUnit::Microseconds => 0,
    };
    let micros = exact(value, false, cx)?.to_decimal(38, scale).map_err(|code| match code {
        ReasonCode::DecimalTooFine => ReasonCode::TimestampTooFine.into(),
        _ => out_of_range(None),
    })?;
    let millis = i64::try_from(micros.div_euclid(1_000)).ok();
    i64::try_from(micros).map_err(|_| out_of_range(millis))
}

fn out_of_range(raw_millis: Option<i64>) -> Misfit {
    Misfit { code: ReasonCode::TimestampOutOfRange, raw_millis }
}
