//! Which rows are of age, and when the next one comes of age.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use jiff::Timestamp;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};

const MICROS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// A period of days of 24 hours, in µs.
#[must_use]
pub fn period_micros(days: u32) -> i64 {
    i64::from(days).saturating_mul(MICROS_PER_DAY)
}

/// Tells the age of rows, by the clock field and the periods of a contract.
#[derive(Debug, Clone)]
pub struct RowAges {
    /// Number of the clock's column.
    clock: usize,
    /// Ascending.
    periods_days: Vec<u32>,
    as_of_micros: i64,
}

impl RowAges {
    /// For a contract whose rows can come of age; `None` for others.
    ///
    /// # Errors
    /// `Usage` when the clock is no field of the contract.
    pub fn new(contract: &Contract, as_of: Timestamp) -> Result<Option<Self>> {
        let Some(privacy) = &contract.privacy else { return Ok(None) };
        let periods_days: Vec<u32> = contract.privacy_periods().into_iter().collect();
        if periods_days.is_empty() {
            return Ok(None);
        }
        let clock = contract.fields.iter().position(|field| field.name == privacy.clock);
        let clock = clock.ok_or_else(|| {
            Error::new(ErrorKind::Usage, "the clock of the contract's privacy is no field")
                .with("dataset", contract.label())
                .with("field", &privacy.clock)
        })?;
        Ok(Some(Self { clock, periods_days, as_of_micros: as_of.as_microsecond() }))
    }

    /// Rows of age for some field, of rows with the contract's output columns.
    #[must_use]
    pub fn of_age(&self, rows: &RecordBatch) -> BooleanArray {
        let first = self.periods_days.first().copied().unwrap_or(u32::MAX);
        BooleanArray::from(self.older_than(self.clock(rows), first))
    }

    /// The next instant at which one of the rows comes of age for some field.
    #[must_use]
    pub fn earliest_expiry(&self, rows: &RecordBatch) -> Option<Timestamp> {
        let clock = self.clock(rows).as_primitive::<TimestampMicrosecondType>();
        let young = |limit: i64| clock.iter().flatten().filter(move |at| *at > limit).min();
        let expiries = self.periods_days.iter().filter_map(|&days| {
            let period = period_micros(days);
            young(self.as_of_micros.saturating_sub(period))?.checked_add(period)
        });
        expiries.min().and_then(|micros| Timestamp::from_microsecond(micros).ok())
    }

    /// Rows of age by period, without periods for which there are none.
    pub(super) fn by_period(&self, rows: &RecordBatch) -> BTreeMap<u32, BooleanBuffer> {
        let clock = self.clock(rows);
        let mut by_period = BTreeMap::new();
        for &days in &self.periods_days {
            let older = self.older_than(clock, days);
            if older.count_set_bits() == 0 {
                break; // of a longer period there are none either
            }
            by_period.insert(days, older);
        }
        by_period
    }

    fn clock<'r>(&self, rows: &'r RecordBatch) -> &'r ArrayRef {
        rows.column(self.clock)
    }

    /// Rows whose clock plus the period is not behind `as_of`.
    fn older_than(&self, clock: &ArrayRef, days: u32) -> BooleanBuffer {
        let limit = self.as_of_micros.saturating_sub(period_micros(days));
        let clock = clock.as_primitive::<TimestampMicrosecondType>();
        let values = clock.values();
        BooleanBuffer::collect_bool(clock.len(), |row| clock.is_valid(row) && values[row] <= limit)
    }
}
