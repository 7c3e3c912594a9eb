//! The currency and the day of each row, each pair of them looked up once.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, Date32Array, StringArray};

use crate::fx::rates::Dated;
use crate::fx::{Code, Rates, Standing, standing};
use crate::model::{ReasonCode, date_of_days};
use crate::transform::findings::Findings;

/// Marks rows without a currency.
const NONE: u32 = u32::MAX;

/// What is known of the rows of a batch by their currency and day.
pub(super) struct Resolved {
    /// Which of `pairs` each row has.
    rows: Vec<u32>,
    pub(super) pairs: Vec<Pair>,
}

/// A currency on a day.
pub(super) struct Pair {
    /// Digits of the minor unit, or why the currency is refused.
    pub(super) digits: Result<u8, ReasonCode>,
    /// Its rate, when it has one.
    pub(super) rate: Option<Dated>,
    /// Whether it is the dollar itself.
    pub(super) is_dollar: bool,
    has_day: bool,
}

impl Resolved {
    /// Looks up the `currencies` of rows with these `days`.
    pub(super) fn new(
        currencies: &StringArray,
        days: Option<&Date32Array>,
        rates: Option<&Rates>,
        max_staleness_days: u32,
    ) -> Self {
        let mut known: HashMap<(Option<Code>, Option<i32>), u32> = HashMap::new();
        let mut resolved = Self { rows: Vec::with_capacity(currencies.len()), pairs: Vec::new() };
        let mut last = None;
        for row in 0..currencies.len() {
            if currencies.is_null(row) {
                resolved.rows.push(NONE);
                continue;
            }
            let code = Code::parse(currencies.value(row));
            let day = days.and_then(|days| days.is_valid(row).then(|| days.value(row)));
            let key = (code, day);
            let place = match last {
                Some((before, place)) if before == key => place,
                _ => *known.entry(key).or_insert_with(|| {
                    let pair = Pair::new(code, day, rates, max_staleness_days);
                    resolved.pairs.push(pair);
                    u32::try_from(resolved.pairs.len() - 1).unwrap_or(NONE)
                }),
            };
            last = Some((key, place));
            resolved.rows.push(place);
        }
        resolved
    }

    /// The place in `pairs` of a row's currency and day.
    pub(super) fn place(&self, row: usize) -> Option<usize> {
        self.rows.get(row).filter(|place| **place != NONE).map(|place| *place as usize)
    }

    /// The currency and day of a row.
    pub(super) fn pair(&self, row: usize) -> Option<&Pair> {
        self.place(row).and_then(|place| self.pairs.get(place))
    }

    /// Refuses rows whose currency is none.
    pub(super) fn refuse_currencies(&self, path: &Arc<str>, found: &mut Findings) {
        if self.pairs.iter().all(|pair| pair.digits.is_ok()) {
            return;
        }
        for (row, number) in (0..self.rows.len()).zip(0u32..) {
            if let Some(Err(code)) = self.pair(row).map(|pair| pair.digits) {
                found.add(number, code, path);
            }
        }
    }

    /// Refuses rows that have an amount, a currency and a day, and no rate.
    pub(super) fn refuse_missing_rates(
        &self,
        amounts: &[Option<i128>],
        path: &Arc<str>,
        found: &mut Findings,
    ) {
        if self.pairs.iter().all(|pair| pair.rate.is_some()) {
            return;
        }
        for ((row, number), amount) in (0..self.rows.len()).zip(0u32..).zip(amounts) {
            let lacks_rate =
                |pair: &Pair| pair.digits.is_ok() && pair.has_day && pair.rate.is_none();
            if amount.is_some() && self.pair(row).is_some_and(lacks_rate) {
                found.add(number, ReasonCode::FxRateMissing, path);
            }
        }
    }
}

impl Pair {
    fn new(
        code: Option<Code>,
        day: Option<i32>,
        rates: Option<&Rates>,
        max_staleness_days: u32,
    ) -> Self {
        let digits = match code.and_then(standing) {
            None => Err(ReasonCode::CurrencyUnknown),
            Some(Standing::Historic) => Err(ReasonCode::CurrencyHistoric),
            Some(Standing::Withdrawn { last_day, .. })
                if day.and_then(date_of_days).is_some_and(|day| day > last_day) =>
            {
                Err(ReasonCode::CurrencyHistoric)
            }
            Some(Standing::Current { digits } | Standing::Withdrawn { digits, .. }) => Ok(digits),
        };
        let rate = match (code, day, rates) {
            (Some(code), Some(day), Some(rates)) if digits.is_ok() => {
                rates.rate_on(code, day, max_staleness_days)
            }
            _ => None,
        };
        Self { digits, rate, is_dollar: code == Some(Code::USD), has_day: day.is_some() }
    }
}
