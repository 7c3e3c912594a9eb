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

/// Pairs that are found again without hashing; a batch seldom has more.
const RECENT: usize = 256;

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
        let mut known: HashMap<u64, u32> = HashMap::new();
        let mut recent = [(u64::MAX, NONE); RECENT];
        let mut resolved = Self { rows: Vec::with_capacity(currencies.len()), pairs: Vec::new() };
        for row in 0..currencies.len() {
            if currencies.is_null(row) {
                resolved.rows.push(NONE);
                continue;
            }
            let code = Code::parse(currencies.value(row));
            let day = days.and_then(|days| days.is_valid(row).then(|| days.value(row)));
            let key = packed(code, day);
            let slot = &mut recent[slot_of(key)];
            if slot.0 != key {
                let place = *known.entry(key).or_insert_with(|| {
                    let pair = Pair::new(code, day, rates, max_staleness_days);
                    resolved.pairs.push(pair);
                    u32::try_from(resolved.pairs.len() - 1).unwrap_or(NONE)
                });
                *slot = (key, place);
            }
            resolved.rows.push(slot.1);
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

/// A currency and a day in one number; no pair has that of an empty slot.
fn packed(code: Option<Code>, day: Option<i32>) -> u64 {
    let [a, b, c] = code.map_or([0; 3], Code::letters).map(u64::from);
    let day = day.map_or(0, |day| 1 << 32 | u64::from(day.cast_unsigned()));
    a << 56 | b << 48 | c << 40 | day
}

/// Where a pair is looked for first.
fn slot_of(key: u64) -> usize {
    // The upper bits of a product by an odd number that has no pattern are well mixed.
    usize::from(key.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0])
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
