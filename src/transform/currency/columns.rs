//! The columns of amounts: read as the contract says, and what is derived from them.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Decimal128Array, Decimal128Builder, StringBuilder,
};
use arrow::datatypes::DataType;

use super::Amount;
use super::resolve::{Pair, Resolved};
use crate::catalog::{AmountUnit, Rounding};
use crate::fx::Factor;
use crate::fx::rates::Dated;
use crate::model::ReasonCode;
use crate::transform::findings::Findings;

/// What stands for the rate file of a dollar in dollars, which has no rate.
const BY_DEFINITION: &str = "definition";

/// Digits of a decimal column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) precision: u8,
    pub(super) scale: u8,
}

impl Shape {
    fn data_type(self) -> DataType {
        DataType::Decimal128(self.precision, i8::try_from(self.scale).unwrap_or(i8::MAX))
    }

    fn holds(self, unscaled: i128) -> bool {
        unscaled.unsigned_abs() < 10u128.pow(u32::from(self.precision))
    }
}

/// A column that is derived from an amount.
pub(super) enum Output {
    Usd { column: usize, path: Arc<str>, shape: Shape },
    Rate { column: usize, path: Arc<str>, shape: Shape },
    RateDate { column: usize },
    Source { column: usize },
}

impl Amount {
    /// The unscaled amounts of a column. One that is finer than its currency, or no whole number
    /// of minor units, is refused and none.
    pub(super) fn read(
        &self,
        read: &Decimal128Array,
        resolved: &Resolved,
        found: &mut Findings,
    ) -> Vec<Option<i128>> {
        let scale = self.shape.scale;
        // Of each pair: what an amount must be a multiple of.
        let steps: Vec<Option<i128>> = (resolved.pairs.iter())
            .map(|pair| {
                let digits = pair.digits.ok()?;
                let places = match self.money.unit {
                    AmountUnit::Minor => u32::from(scale),
                    AmountUnit::Major if self.money.finer => 0,
                    AmountUnit::Major => u32::from(scale.saturating_sub(digits)),
                };
                10i128.checked_pow(places)
            })
            .collect();
        let mut unscaled = Vec::with_capacity(read.len());
        for (row, number) in (0..read.len()).zip(0u32..) {
            let step = resolved.place(row).and_then(|place| steps.get(place).copied().flatten());
            let (true, Some(step)) = (read.is_valid(row), step) else {
                unscaled.push(None);
                continue;
            };
            let value = read.value(row);
            if !is_multiple(value, step) {
                let code = match self.money.unit {
                    AmountUnit::Major => ReasonCode::AmountTooFine,
                    AmountUnit::Minor => ReasonCode::IntegerHasFraction,
                };
                found.add(number, code, &self.path);
                unscaled.push(None);
                continue;
            }
            let amount = match self.money.unit {
                AmountUnit::Major => Some(value),
                AmountUnit::Minor => {
                    let amount = resolved.pair(row).and_then(|pair| self.of_minor(value, pair));
                    if amount.is_none() {
                        found.add(number, ReasonCode::DecimalTooFine, &self.path);
                    }
                    amount
                }
            };
            unscaled.push(amount);
        }
        unscaled
    }

    /// The amount that so many whole minor units are, when the column has the digits for it.
    fn of_minor(&self, units: i128, pair: &Pair) -> Option<i128> {
        let power = 10i128.checked_pow(u32::from(pair.digits.ok()?))?;
        (units % power == 0).then_some(units / power)
    }

    /// The column anew, where what was read is not what is written.
    pub(super) fn rewritten(&self, unscaled: &[Option<i128>]) -> Option<ArrayRef> {
        (self.money.unit == AmountUnit::Minor).then(|| {
            let amounts: Decimal128Array = unscaled.iter().copied().collect();
            Arc::new(amounts.with_data_type(self.shape.data_type())) as ArrayRef
        })
    }
}

/// Whether `value` is a multiple of `step`, mostly told in 64 bits.
fn is_multiple(value: i128, step: i128) -> bool {
    match (i64::try_from(value), i64::try_from(step)) {
        (Ok(value), Ok(step)) => value % step == 0,
        _ => value % step == 0,
    }
}

impl Output {
    /// Which column it is.
    pub(super) fn column(&self) -> usize {
        match self {
            Self::Usd { column, .. }
            | Self::Rate { column, .. }
            | Self::RateDate { column }
            | Self::Source { column } => *column,
        }
    }

    /// The column for these amounts. Null where an amount or its rate is none, which has a reason
    /// of its own, and where the outcome is larger than the column, which gets one here.
    pub(super) fn build(
        &self,
        amounts: &[Option<i128>],
        shape: Shape,
        resolved: &Resolved,
        rounding: Rounding,
        source: &str,
        found: &mut Findings,
    ) -> ArrayRef {
        let dated = |row: usize| resolved.pair(row).and_then(|pair| pair.rate);
        let converted = amounts.iter().enumerate().map(|(row, amount)| amount.and(dated(row)));
        match self {
            Self::RateDate { .. } => {
                Arc::new(converted.map(|dated| Some(dated?.day)).collect::<Date32Array>())
            }
            Self::Source { .. } => {
                let mut sources =
                    StringBuilder::with_capacity(amounts.len(), amounts.len() * source.len());
                for (row, dated) in converted.enumerate() {
                    let is_dollar = resolved.pair(row).is_some_and(|pair| pair.is_dollar);
                    sources.append_option(dated.map(|_| match is_dollar {
                        true => BY_DEFINITION,
                        false => source,
                    }));
                }
                Arc::new(sources.finish())
            }
            Self::Rate { path, shape: own, .. } => {
                let rate = |dated: &Dated| {
                    Factor::new(&dated.rate, 0, own.scale)?.apply(1, Rounding::HalfEven)
                };
                let by_pair: Vec<_> =
                    resolved.pairs.iter().map(|pair| pair.rate.as_ref().and_then(rate)).collect();
                let values = |row: usize, _: i128| by_pair.get(resolved.place(row)?).copied()?;
                decimals(amounts, *own, path, found, &dated, values)
            }
            Self::Usd { path, shape: own, .. } => {
                let factor = |dated: &Dated| Factor::new(&dated.rate, shape.scale, own.scale);
                let by_pair: Vec<_> =
                    resolved.pairs.iter().map(|pair| pair.rate.as_ref().and_then(factor)).collect();
                let values = |row: usize, amount: i128| {
                    let factor = by_pair.get(resolved.place(row)?)?.as_ref()?;
                    factor.apply(amount, rounding)
                };
                decimals(amounts, *own, path, found, &dated, values)
            }
        }
    }
}

/// A decimal column of what `value` gives for each amount that has a rate.
fn decimals(
    amounts: &[Option<i128>],
    shape: Shape,
    path: &Arc<str>,
    found: &mut Findings,
    dated: &impl Fn(usize) -> Option<Dated>,
    value: impl Fn(usize, i128) -> Option<i128>,
) -> ArrayRef {
    let mut column =
        Decimal128Builder::with_capacity(amounts.len()).with_data_type(shape.data_type());
    for ((row, amount), number) in amounts.iter().enumerate().zip(0u32..) {
        let Some(amount) = amount.filter(|_| dated(row).is_some()) else {
            column.append_null();
            continue;
        };
        let value = value(row, amount).filter(|value| shape.holds(*value));
        if value.is_none() {
            found.add(number, ReasonCode::DecimalOutOfRange, path);
        }
        column.append_option(value);
    }
    Arc::new(column.finish())
}
