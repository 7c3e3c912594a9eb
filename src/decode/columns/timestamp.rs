//! Instants in microseconds UTC, and beside them the offset they were written with.
//!
//! A local time without offset is kept as if it were UTC, its offset null, when the contract
//! has a policy for it; `transform` resolves it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int16Array, TimestampMicrosecondArray};

use crate::catalog::schema::UTC_DESIGNATOR;
use crate::catalog::{EpochUnit, TimestampType, WrittenOffset};
use crate::decode::civil::{Instant, parse_instant};
use crate::decode::columns::cells::Cells;
use crate::decode::columns::{Context, Misfit, TYPE_MISMATCH, exact};
use crate::decode::direct::Unusual;
use crate::decode::value::{Kind, Value};
use crate::model::ReasonCode;

#[derive(Debug)]
pub(super) struct TimestampColumn {
    form: TimestampType,
    /// What is kept for a time that names no offset of a zone.
    utc_minutes: i16,
    micros: Cells<i64>,
    offset_minutes: Cells<i16>,
    finished_offsets: Option<Int16Array>,
}

impl TimestampColumn {
    pub fn new(form: TimestampType) -> Self {
        let is_held_against_zone =
            form.local.as_ref().is_some_and(|local| local.offset == WrittenOffset::Reject);
        Self {
            form,
            utc_minutes: if is_held_against_zone { UTC_DESIGNATOR } else { 0 },
            micros: Cells::new(),
            offset_minutes: Cells::new(),
            finished_offsets: None,
        }
    }

    pub fn append(&mut self, value: Value<'_>, cx: &mut Context) -> Result<(), Misfit> {
        let instant = self.instant(value, cx)?;
        self.push(instant)
    }

    /// Appends the instant that a text names.
    #[inline]
    pub fn read(&mut self, text: &[u8]) -> Result<(), Unusual> {
        let instant = self.written(text).map_err(|_| Unusual)?;
        self.push(instant).map_err(|_| Unusual)
    }

    /// Appends the instant `millis` after 1970 UTC.
    #[inline]
    pub fn read_millis(&mut self, millis: i64) -> Result<(), Unusual> {
        let micros = millis.checked_mul(1_000).ok_or(Unusual)?;
        self.push(self.utc(micros)).map_err(|_| Unusual)
    }

    fn instant(&self, value: Value<'_>, cx: &mut Context) -> Result<Instant, Misfit> {
        Ok(match (value.kind(), self.form.epoch) {
            (Kind::Text(text), _) => self.written(text.decode(&mut cx.scratch))?,
            (Kind::Millis(millis), _) => {
                let micros = millis.checked_mul(1_000).ok_or(out_of_range(Some(millis)))?;
                self.utc(micros)
            }
            (Kind::Null | Kind::Boolean(_), _) | (_, None) => return Err(TYPE_MISMATCH),
            (_, Some(unit)) => self.utc(epoch_micros(value, unit, cx)?),
        })
    }

    fn written(&self, text: &[u8]) -> Result<Instant, ReasonCode> {
        let instant = parse_instant(text)?;
        Ok(match text.last() {
            Some(b'Z' | b'z') => self.utc(instant.micros),
            _ => instant,
        })
    }

    fn push(&mut self, instant: Instant) -> Result<(), Misfit> {
        match instant.offset_minutes {
            // The range is checked when the instant is known.
            None if self.form.local.is_some() => {}
            None => return Err(ReasonCode::OffsetMissing.into()),
            Some(_) if (self.form.min_micros..=self.form.max_micros).contains(&instant.micros) => {}
            Some(_) => return Err(out_of_range(Some(instant.micros.div_euclid(1_000)))),
        }
        self.micros.push(instant.micros);
        self.offset_minutes.push_option(instant.offset_minutes);
        Ok(())
    }

    fn utc(&self, micros: i64) -> Instant {
        Instant { micros, offset_minutes: Some(self.utc_minutes) }
    }

    pub fn append_null(&mut self) {
        self.micros.push_null();
        self.offset_minutes.push_null();
    }

    pub fn truncate(&mut self, len: usize) {
        self.micros.truncate(len);
        self.offset_minutes.truncate(len);
    }

    pub fn finish(&mut self) -> ArrayRef {
        let (offsets, nulls) = self.offset_minutes.finish();
        self.finished_offsets = Some(Int16Array::new(offsets, nulls));
        let (micros, nulls) = self.micros.finish();
        Arc::new(TimestampMicrosecondArray::new(micros, nulls).with_timezone("UTC"))
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
