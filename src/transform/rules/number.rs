//! Exact decimal numbers of rules: 256 bits and a scale, never rounded.

use std::cmp::Ordering;

use arrow::datatypes::i256;

use super::short::Short;

/// The operation's result does not fit 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overflow;

/// `unscaled` / 10^`scale`. Two forms of one number are equal by [`Number::compare`] only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    unscaled: i256,
    scale: u32,
}

impl Number {
    pub(super) const ZERO: Self = Self { unscaled: i256::ZERO, scale: 0 };

    pub(super) fn new(unscaled: i128, scale: u32) -> Self {
        Self { unscaled: i256::from_i128(unscaled), scale }
    }

    /// The number that a text spells: digits with an optional sign and an optional fraction,
    /// no exponent, nothing around them. `None` when it spells none.
    ///
    /// # Errors
    /// [`Overflow`] when it spells a number of more than 256 bits.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, Overflow> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        if !unsigned.starts_with(|first: char| first.is_ascii_digit()) {
            return Ok(None); // as most texts
        }
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Ok(None),
            None => (unsigned, ""),
        };
        let mut digits = whole.bytes().chain(fraction.bytes());
        if !digits.all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        let ten = i256::from_i128(10);
        let mut unscaled = i256::ZERO;
        for digit in whole.bytes().chain(fraction.bytes()) {
            let digit = i256::from_i128(i128::from(digit - b'0'));
            let shifted = unscaled.checked_mul(ten).and_then(|n| n.checked_add(digit));
            unscaled = shifted.ok_or(Overflow)?;
        }
        let scale = u32::try_from(fraction.len()).map_err(|_| Overflow)?;
        let number = Self { unscaled, scale };
        Ok(Some(if text.starts_with('-') { number.negate()? } else { number }))
    }

    /// The unscaled number and the scale, when it has no more than 128 bits.
    pub(super) fn short(self) -> Option<Short> {
        Some(Short { unscaled: self.unscaled.to_i128()?, scale: self.scale })
    }

    pub(super) fn add(self, other: Self) -> Result<Self, Overflow> {
        let scale = self.scale.max(other.scale);
        let (left, right) = (self.at_scale(scale), other.at_scale(scale));
        let unscaled = left.zip(right).and_then(|(left, right)| left.checked_add(right));
        unscaled.map(|unscaled| Self { unscaled, scale }).ok_or(Overflow)
    }

    pub(super) fn subtract(self, other: Self) -> Result<Self, Overflow> {
        self.add(other.negate()?)
    }

    pub(super) fn multiply(self, other: Self) -> Result<Self, Overflow> {
        let unscaled = product(self.unscaled, other.unscaled);
        let scale = self.scale + other.scale;
        unscaled.map(|unscaled| Self { unscaled, scale }).ok_or(Overflow)
    }

    pub(super) fn negate(self) -> Result<Self, Overflow> {
        let unscaled = self.unscaled.checked_neg().ok_or(Overflow)?;
        Ok(Self { unscaled, ..self })
    }

    pub(super) fn abs(self) -> Result<Self, Overflow> {
        if self.unscaled.is_negative() { self.negate() } else { Ok(self) }
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        let sign = |number: Self| number.unscaled.cmp(&i256::ZERO);
        let scale = self.scale.max(other.scale);
        match (self.at_scale(scale), other.at_scale(scale)) {
            (Some(left), Some(right)) => left.cmp(&right),
            // One was widened beyond 256 bits, so its magnitude is the greater.
            (None, _) => sign(self),
            (_, None) => sign(other).reverse(),
        }
    }

    /// The unscaled number at a scale that is not smaller; `None` beyond 256 bits.
    fn at_scale(self, scale: u32) -> Option<i256> {
        if self.scale == scale || self.unscaled == i256::ZERO {
            return Some(self.unscaled);
        }
        let digits = scale - self.scale;
        let power = match 10_i64.checked_pow(digits) {
            Some(power) => i256::from_i128(power.into()),
            None => i256::from_i128(10).checked_pow(digits)?,
        };
        product(self.unscaled, power)
    }
}

/// The product, in 64 by 64 bits where that is enough, which is nearly always and much faster.
fn product(left: i256, right: i256) -> Option<i256> {
    let short = |n: i256| n.to_i128().and_then(|n| i64::try_from(n).ok()).map(i128::from);
    match (short(left), short(right)) {
        (Some(left), Some(right)) => Some(i256::from_i128(left * right)),
        _ => left.checked_mul(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap().unwrap()
    }

    #[test]
    fn texts_that_spell_a_number_are_read_exactly() {
        assert_eq!(number("0012.500").compare(Number::new(125, 1)), Ordering::Equal);
        assert_eq!(number("-0.1").compare(Number::new(-1, 1)), Ordering::Equal);
        assert_eq!(number("+7").compare(Number::new(7, 0)), Ordering::Equal);
        for text in ["", "-", "1.", ".5", "1e3", " 1", "1,0", "ord_1", "٣", "--1"] {
            assert!(Number::parse(text).unwrap().is_none(), "{text:?}");
        }
        assert!(Number::parse(&"9".repeat(80)).is_err());
    }

    #[test]
    fn comparison_is_exact_where_widening_would_overflow() {
        let huge = number(&"9".repeat(76));
        let fine = number(&format!("0.{}1", "0".repeat(70)));
        assert_eq!(huge.compare(fine), Ordering::Greater);
        assert_eq!(fine.compare(huge), Ordering::Less);
        assert_eq!(huge.negate().unwrap().compare(fine), Ordering::Less);
        assert_eq!(fine.compare(huge.negate().unwrap()), Ordering::Greater);
        assert_eq!(fine.compare(Number::ZERO), Ordering::Greater);
    }

    #[test]
    fn arithmetic_keeps_every_digit_or_says_that_it_cannot() {
        let tenth = number("0.1");
        let sum = (0..10).fold(Number::ZERO, |sum, _| sum.add(tenth).unwrap());
        assert_eq!(sum.compare(Number::new(1, 0)), Ordering::Equal);
        let product = number("12345678901234567890.123").multiply(number("-0.001")).unwrap();
        assert_eq!(product.compare(number("-12345678901234567.890123")), Ordering::Equal);
        assert_eq!(
            product.abs().unwrap().compare(number("12345678901234567.890123")),
            Ordering::Equal
        );
        let large = number(&"9".repeat(70));
        assert_eq!(large.multiply(large).err(), Some(Overflow));
    }
}
