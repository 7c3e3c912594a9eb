//! Exact numbers: decimal text, integers, decimal128 and the integral doubles, to integers and
//! scaled integers without rounding. No float is ever made.

use crate::model::ReasonCode;

use super::piece::Piece;
use super::word::{ONES, digit_values, zero_bytes};

/// Powers of ten up to 10^38, the largest that 128 bits can hold.
const POWERS_OF_TEN: [u128; 39] = {
    let mut powers = [1; 39];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// Digits that a coefficient may have to be held; no contract type has more.
const MAX_DIGITS: i64 = 38;

/// Digits of the coefficient of a decimal128.
const MAX_COEFFICIENT_DIGITS: usize = 34;

/// Exponents beyond this are as good as infinite, and safe to calculate with.
const MAX_EXPONENT: i64 = 1_000_000_000_000;

/// Greatest integer below which a double can hold every other one: 2^53.
const MAX_EXACT_DOUBLE: u64 = 1 << 53;

/// A finite number: `±coefficient × 10^exponent`. The coefficient does not end in 0, unless it
/// is 0 with exponent 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exact {
    negative: bool,
    /// Meaningless when `digits` exceeds [`MAX_DIGITS`]: then no contract type can hold it.
    coefficient: u128,
    digits: i64,
    exponent: i64,
}

impl Exact {
    const ZERO: Self = Self { negative: false, coefficient: 0, digits: 0, exponent: 0 };

    /// The number that `text` spells: `-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (negative, text) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if let Some((coefficient, fraction)) = short_number(text) {
            return Some(Self::short(negative, coefficient, -fraction));
        }
        let mut number = Self { negative, ..Self::ZERO };
        // Zeros are held back: at the end they only raise the exponent.
        let mut zeros = 0;
        let (integer, rest) = split_digits(text)?;
        integer.iter().for_each(|digit| number.push(*digit, &mut zeros));
        let mut rest = rest;
        if let Some(after) = rest.strip_prefix(b".") {
            let (fraction, after) = split_digits(after)?;
            fraction.iter().for_each(|digit| number.push(*digit, &mut zeros));
            number.exponent -= i64::try_from(fraction.len()).ok()?;
            rest = after;
        }
        if let [b'e' | b'E', after @ ..] = rest {
            let (down, after) = match after {
                [b'-', after @ ..] => (true, after),
                [b'+', after @ ..] => (false, after),
                _ => (false, after),
            };
            let (digits, after) = split_digits(after)?;
            let exponent = digits.iter().fold(0, |sum: i64, digit| {
                (sum.saturating_mul(10).saturating_add(i64::from(digit - b'0'))).min(MAX_EXPONENT)
            });
            number.exponent += if down { -exponent } else { exponent };
            rest = after;
        }
        if !rest.is_empty() {
            return None;
        }
        if number.digits == 0 {
            return Some(Self::ZERO);
        }
        number.exponent += zeros;
        Some(number)
    }

    fn push(&mut self, digit: u8, zeros: &mut i64) {
        let digit = digit - b'0';
        if digit == 0 {
            *zeros += i64::from(self.digits > 0);
            return;
        }
        self.digits += *zeros + 1;
        if self.digits <= MAX_DIGITS {
            let power = usize::try_from(*zeros + 1).unwrap_or(0);
            self.coefficient = self.coefficient * power_of_ten(power) + u128::from(digit);
        }
        *zeros = 0;
    }

    /// `±coefficient × 10^exponent`, as [`Self::new`] in 64 bits, which divide faster.
    fn short(negative: bool, mut coefficient: u64, mut exponent: i64) -> Self {
        if coefficient == 0 {
            return Self::ZERO;
        }
        while coefficient.is_multiple_of(10) {
            coefficient /= 10;
            exponent += 1;
        }
        let digits = i64::from(coefficient.ilog10()) + 1;
        Self { negative, coefficient: coefficient.into(), digits, exponent }
    }

    /// `±coefficient × 10^exponent`; the coefficient has at most 38 digits.
    fn new(negative: bool, coefficient: u128, exponent: i64) -> Self {
        if coefficient == 0 {
            return Self::ZERO;
        }
        let mut number = Self { negative, coefficient, digits: 0, exponent };
        while number.coefficient.is_multiple_of(10) {
            number.coefficient /= 10;
            number.exponent += 1;
        }
        number.digits = i64::from(number.coefficient.ilog10()) + 1;
        number
    }

    /// The number as an integer of 64 bits.
    pub fn to_integer(self) -> Result<i64, ReasonCode> {
        if self.exponent < 0 {
            return Err(ReasonCode::IntegerHasFraction);
        }
        self.scaled(MAX_DIGITS, 0)
            .and_then(|value| i64::try_from(value).ok())
            .ok_or(ReasonCode::IntegerOutOfRange)
    }

    /// The number times 10^scale, for a decimal of `precision` digits.
    pub fn to_decimal(self, precision: u8, scale: u8) -> Result<i128, ReasonCode> {
        if self.digits + self.exponent > i64::from(precision) - i64::from(scale) {
            return Err(ReasonCode::DecimalOutOfRange);
        }
        if -self.exponent > i64::from(scale) {
            return Err(ReasonCode::DecimalTooFine);
        }
        self.scaled(i64::from(precision), scale).ok_or(ReasonCode::DecimalOutOfRange)
    }

    /// The number times 10^scale, if that is an integer of at most `max_digits` digits.
    fn scaled(self, max_digits: i64, scale: u8) -> Option<i128> {
        let up = usize::try_from(self.exponent + i64::from(scale)).ok()?;
        if self.digits + i64::try_from(up).ok()? > max_digits.min(MAX_DIGITS) {
            return None;
        }
        let magnitude = i128::try_from(self.coefficient * power_of_ten(up)).ok()?;
        Some(if self.negative { -magnitude } else { magnitude })
    }
}

impl From<i64> for Exact {
    fn from(value: i64) -> Self {
        Self::short(value < 0, value.unsigned_abs(), 0)
    }
}

fn power_of_ten(n: usize) -> u128 {
    POWERS_OF_TEN.get(n).copied().unwrap_or(0)
}

/// The digits of a short plain number as one integer, and how many of them are a fraction: what
/// money is mostly written like.
fn short_number(text: &[u8]) -> Option<(u64, i64)> {
    const MAX_SHORT_BYTES: usize = 19; // with its point, 18 digits; without, 10^19 fits 64 bits
    if text.len() > MAX_SHORT_BYTES {
        return None;
    }
    let mut coefficient = 0;
    let mut point = None;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => coefficient = coefficient * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    let fraction = match point {
        None if text.is_empty() => return None,
        None => 0,
        Some(0) => return None,
        Some(at) => text.len() - at - 1,
    };
    (point.is_none() || fraction > 0).then_some((coefficient, i64::try_from(fraction).ok()?))
}

/// What [`short_number`] gives for a text of at most eight bytes, all of them looked at at once.
#[inline]
fn word_number(text: Piece<'_>) -> Option<(u64, i64)> {
    const ZEROS: u64 = ONES * b'0' as u64;
    let unused_bits = u32::try_from(8_usize.checked_sub(text.len())?).ok()? * 8;
    // The text stands at the upper end, zeros before it.
    let unused = !u64::MAX.checked_shl(unused_bits)?;
    let mut digits = text.word()? << unused_bits | ZEROS & unused;
    let points = zero_bytes(digits ^ (ONES * u64::from(b'.')));
    let mut fraction = 0;
    if points != 0 {
        let point = points & points.wrapping_neg();
        fraction = i64::from(point.leading_zeros() / 8);
        // What stands before the point moves up into its place.
        let below = (point - 1) >> 7;
        if fraction == 0 || below == unused {
            return None;
        }
        let above = !(below << 8 | 0xff);
        digits = digits & above | (digits & below) << 8 | u64::from(b'0');
    }
    let values = digit_values(digits)?;
    // Neighbours become one number of two digits, of four, of eight.
    let pairs = (values * 10 + (values >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some(((fours * 10_000 + (fours >> 32)) & 0xffff_ffff, fraction))
}

/// The decimal of `precision` digits that a short plain number spells; none when it is another
/// number, or none that fits, which [`Exact`] tells apart.
pub(super) fn short_decimal(text: &[u8], precision: u8, scale: u8) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        text => (false, text),
    };
    let (coefficient, fraction) = short_number(digits)?;
    short_scaled(negative, coefficient, i64::from(scale) - fraction, precision)
}

/// `±coefficient × 10^up`, if that has at most `precision` digits.
#[inline]
fn short_scaled(negative: bool, coefficient: u64, up: i64, precision: u8) -> Option<i128> {
    let up = usize::try_from(up).ok()?;
    // Two factors of 64 bits, whose product always fits.
    let power = u64::try_from(*POWERS_OF_TEN.get(up)?).ok()?;
    let magnitude = u128::from(coefficient) * u128::from(power);
    if magnitude >= *POWERS_OF_TEN.get(usize::from(precision))? {
        return None;
    }
    let magnitude = i128::try_from(magnitude).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

/// The decimal that [`short_decimal`] gives for a number as it stands in its row.
#[inline]
pub(super) fn written_decimal(text: Piece<'_>, precision: u8, scale: u8) -> Option<i128> {
    match word_number(text) {
        Some((coefficient, fraction)) => {
            short_scaled(false, coefficient, i64::from(scale) - fraction, precision)
        }
        None => short_decimal(text.bytes(), precision, scale),
    }
}

/// The integer that [`short_integer`] gives for a number as it stands in its row.
#[inline]
pub(super) fn written_integer(text: Piece<'_>) -> Option<i64> {
    match word_number(text) {
        Some((integer, 0)) => i64::try_from(integer).ok(),
        _ => short_integer(text.bytes()),
    }
}

/// The integer that a short plain number without a point spells; none when it is another number.
pub(super) fn short_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        text => (false, text),
    };
    let (coefficient, 0) = short_number(digits)? else { return None };
    let magnitude = i64::try_from(coefficient).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

/// Splits after the leading digits, of which there must be one at least.
fn split_digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if len == 0 { None } else { text.split_at_checked(len) }
}

/// The integer that the bits of a double stand for.
///
/// # Errors
/// `DecimalNotFinite` for NaN and infinities; `TypeMismatch` for a fraction, and beyond 2^53,
/// where a double no longer tells neighbours apart.
pub(super) fn integer_of_double(bits: u64) -> Result<i64, ReasonCode> {
    let exponent = (bits >> 52) & 0x7ff;
    let mantissa = bits & ((1 << 52) - 1);
    if exponent == 0x7ff {
        return Err(ReasonCode::DecimalNotFinite);
    }
    if exponent == 0 && mantissa == 0 {
        return Ok(0);
    }
    let significand = mantissa | 1 << 52;
    // The value is significand × 2^(exponent − 1075).
    let magnitude = match exponent {
        1076 if mantissa == 0 => MAX_EXACT_DOUBLE,
        1023..=1075 if significand.trailing_zeros() >= shift(exponent) => {
            significand >> shift(exponent)
        }
        _ => return Err(ReasonCode::TypeMismatch),
    };
    let magnitude = i64::try_from(magnitude).map_err(|_| ReasonCode::TypeMismatch)?;
    Ok(if bits >> 63 == 1 { -magnitude } else { magnitude })
}

fn shift(exponent: u64) -> u32 {
    u32::try_from(1075_u64.saturating_sub(exponent)).unwrap_or(u32::MAX)
}

/// A decimal128 taken apart: `±coefficient × 10^exponent`, trailing zeros as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal128 {
    negative: bool,
    coefficient: u128,
    exponent: i64,
}

impl Decimal128 {
    /// Takes the bits (BID encoding) apart; none for NaN and infinities.
    pub fn from_bits(bits: u128) -> Option<Self> {
        const MAX_COEFFICIENT: u128 = POWERS_OF_TEN[MAX_COEFFICIENT_DIGITS] - 1;
        const BIAS: i64 = 6176;
        let negative = bits >> 127 == 1;
        if (bits >> 123) & 0xf == 0xf {
            return None;
        }
        let (exponent, coefficient) = if (bits >> 125) & 0b11 == 0b11 {
            // Such coefficients begin at 2^113, above the maximum.
            ((bits >> 111) & 0x3fff, u128::MAX)
        } else {
            ((bits >> 113) & 0x3fff, bits & ((1 << 113) - 1))
        };
        // IEEE 754: a coefficient above the maximum means 0.
        let coefficient = if coefficient > MAX_COEFFICIENT { 0 } else { coefficient };
        Some(Self { negative, coefficient, exponent: i64::try_from(exponent).ok()? - BIAS })
    }

    /// The decimal of `precision` digits that a number with a short coefficient is; none when it is
    /// another number, or none that fits, which [`Exact`] tells apart.
    #[inline]
    pub fn short_decimal(self, precision: u8, scale: u8) -> Option<i128> {
        let coefficient = u64::try_from(self.coefficient).ok()?;
        short_scaled(self.negative, coefficient, self.exponent + i64::from(scale), precision)
    }

    /// The number, exactly.
    pub fn exact(self) -> Exact {
        match u64::try_from(self.coefficient) {
            Ok(coefficient) => Exact::short(self.negative, coefficient, self.exponent),
            Err(_) => Exact::new(self.negative, self.coefficient, self.exponent),
        }
    }

    /// Appends the canonical text: plain where it is short, else with an exponent.
    pub fn write(self, out: &mut Vec<u8>) {
        use std::io::Write as _;

        if self.negative {
            out.push(b'-');
        }
        // Room for the digits of any coefficient; writing to memory does not fail.
        let mut room = [0; MAX_COEFFICIENT_DIGITS];
        let mut unused = room.as_mut_slice();
        let _ = write!(unused, "{}", self.coefficient);
        let digits = MAX_COEFFICIENT_DIGITS - unused.len();
        let digits = room.get(..digits).unwrap_or_default();
        let len = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let adjusted = self.exponent + len - 1;
        let point = if self.exponent > 0 || adjusted < -6 {
            1
        } else {
            usize::try_from(len + self.exponent).unwrap_or(0)
        };
        if point == 0 {
            out.extend_from_slice(b"0.");
            let zeros = usize::try_from(-self.exponent - len).unwrap_or(0);
            out.extend(std::iter::repeat_n(b'0', zeros));
            out.extend_from_slice(digits);
        } else {
            let (integer, fraction) = digits.split_at_checked(point).unwrap_or((digits, &[]));
            out.extend_from_slice(integer);
            if !fraction.is_empty() {
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
        }
        if self.exponent > 0 || adjusted < -6 {
            let _ = write!(out, "E{adjusted:+}");
        }
    }
}

#[cfg(test)]
mod tests;
