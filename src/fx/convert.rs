//! The arithmetic of a conversion: exact integers, and one rounding at the very end.
//!
//! `usd = amount × numerator ÷ denominator`, where the fraction holds both quotes of a cross rate
//! and the scales of both columns. Nothing is rounded before the division. Does not own which
//! rate is used.

use arrow::datatypes::i256;

use super::rates::Rate;
use crate::catalog::Rounding;

/// By what an unscaled amount of one scale is multiplied and divided to give unscaled dollars of
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor {
    numerator: i256,
    denominator: i256,
    /// The same in 128 bits, when it fits.
    narrow: Option<(i128, i128)>,
}

impl Factor {
    /// The factor of `rate` from amounts with `from_scale` digits after the point to dollars with
    /// `to_scale`. None when it is beyond 256 bits, which no rate that could be read and no scale
    /// that a contract may have lead to.
    #[must_use]
    pub fn new(rate: &Rate, from_scale: u8, to_scale: u8) -> Option<Self> {
        let up = rate.per.scale() + u32::from(to_scale);
        let down = rate.usd.scale() + u32::from(from_scale);
        let numerator = shifted(rate.usd.mantissa(), up.saturating_sub(down))?;
        let denominator = shifted(rate.per.mantissa(), down.saturating_sub(up))?;
        let common = greatest_common_divisor(numerator, denominator)?;
        let numerator = numerator.checked_div(common)?;
        let denominator = denominator.checked_div(common)?;
        let narrow = numerator.to_i128().zip(denominator.to_i128());
        Some(Self { numerator, denominator, narrow })
    }

    /// The dollars that `unscaled` is, rounded once; none when they are beyond 128 bits.
    #[must_use]
    pub fn apply(&self, unscaled: i128, rounding: Rounding) -> Option<i128> {
        if let Some((numerator, denominator)) = self.narrow
            && let Some(product) = unscaled.checked_mul(numerator)
        {
            let quotient = product / denominator;
            let rest = (product - quotient * denominator).unsigned_abs();
            let other = denominator.unsigned_abs() - rest;
            let away = goes_away(rest.cmp(&other), quotient & 1 == 1, rest == 0, rounding);
            return Some(if away { quotient + product.signum() } else { quotient });
        }
        let product = i256::from_i128(unscaled).checked_mul(self.numerator)?;
        let quotient = product.checked_div(self.denominator)?;
        let rest = product.checked_rem(self.denominator)?.checked_abs()?;
        let other = self.denominator.checked_sub(rest)?;
        let quotient = quotient.to_i128()?;
        let is_exact = rest == i256::ZERO;
        let away = goes_away(rest.cmp(&other), quotient & 1 == 1, is_exact, rounding);
        if away { quotient.checked_add(unscaled.signum()) } else { Some(quotient) }
    }
}

/// Whether a quotient that was cut towards zero is moved away from it: `half` compares what was
/// cut off with a half.
fn goes_away(half: std::cmp::Ordering, is_odd: bool, is_exact: bool, rounding: Rounding) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    match half {
        _ if is_exact => false,
        Less => false,
        Greater => true,
        Equal => match rounding {
            Rounding::HalfEven => is_odd,
            Rounding::HalfUp => true,
        },
    }
}

fn shifted(mantissa: i128, digits: u32) -> Option<i256> {
    i256::from_i128(mantissa).checked_mul(i256::from_i128(10).checked_pow(digits)?)
}

fn greatest_common_divisor(a: i256, b: i256) -> Option<i256> {
    let (mut a, mut b) = (a, b);
    while b != i256::ZERO {
        (a, b) = (b, a.checked_rem(b)?);
    }
    Some(a)
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
