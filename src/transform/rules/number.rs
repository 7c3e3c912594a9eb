//! Exact decimal numbers of rules: 256 bits and a scale, never rounded.
//!
//! Numbers of 128 bits are computed with as such, as nearly all are, and in 256 where an operation
//! needs more.

use std::cmp::Ordering;

use arrow::datatypes::i256;

/// The operation's result does not fit 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overflow;

/// `unscaled` / 10^`scale`. Two forms of one number are equal by [`Number::compare`] only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    unscaled: Unscaled,
    scale: u32,
}

/// A number in 128 bits, or one that may need 256.
#[derive(Debug, Clone, Copy)]
enum Unscaled {
    Short(i128),
    Long(i256),
}

use Unscaled::{Long, Short};

impl Number {
    pub(super) const ZERO: Self = Self { unscaled: Short(0), scale: 0 };

    pub(super) fn new(unscaled: i128, scale: u32) -> Self {
        Self { unscaled: Short(unscaled), scale }
    }

    /// The number that a text spells: digits with an optional sign and an optional fraction,
    /// no exponent, nothing around them. `None` when it spells none.
    ///
    /// # Errors
    /// [`Overflow`] when it spells a number of more than 256 bits.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, Overflow> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Ok(None),
            None => (unsigned, ""),
        };
        let mut digits = whole.bytes().chain(fraction.bytes());
        if whole.is_empty() || !digits.all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        let mut unscaled = Short(0);
        for digit in whole.bytes().chain(fraction.bytes()) {
            let digit = Short(i128::from(digit - b'0'));
            let shifted = unscaled.multiply(Short(10)).and_then(|n| n.add(digit));
            unscaled = shifted.ok_or(Overflow)?;
        }
        let scale = u32::try_from(fraction.len()).map_err(|_| Overflow)?;
        let number = Self { unscaled, scale };
        Ok(Some(if text.starts_with('-') { number.negate()? } else { number }))
    }

    pub(super) fn add(self, other: Self) -> Result<Self, Overflow> {
        let scale = self.scale.max(other.scale);
        let (left, right) = (self.at_scale(scale), other.at_scale(scale));
        let unscaled = left.zip(right).and_then(|(left, right)| left.add(right));
        unscaled.map(|unscaled| Self { unscaled, scale }).ok_or(Overflow)
    }

    pub(super) fn subtract(self, other: Self) -> Result<Self, Overflow> {
        self.add(other.negate()?)
    }

    pub(super) fn multiply(self, other: Self) -> Result<Self, Overflow> {
        let unscaled = self.unscaled.multiply(other.unscaled);
        let scale = self.scale + other.scale;
        unscaled.map(|unscaled| Self { unscaled, scale }).ok_or(Overflow)
    }

    pub(super) fn negate(self) -> Result<Self, Overflow> {
        let unscaled = self.unscaled.negate().ok_or(Overflow)?;
        Ok(Self { unscaled, ..self })
    }

    pub(super) fn abs(self) -> Result<Self, Overflow> {
        if self.unscaled.sign().is_lt() { self.negate() } else { Ok(self) }
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.at_scale(scale), other.at_scale(scale)) {
            (Some(left), Some(right)) => left.compare(right),
            // One was widened beyond 256 bits, so its magnitude is the greater.
            (None, _) => self.unscaled.sign(),
            (_, None) => other.unscaled.sign().reverse(),
        }
    }

    /// The unscaled number at a scale that is not smaller; `None` beyond 256 bits.
    fn at_scale(self, scale: u32) -> Option<Unscaled> {
        if self.scale == scale || self.unscaled.sign().is_eq() {
            return Some(self.unscaled);
        }
        let digits = scale - self.scale;
        let power = match 10_i64.checked_pow(digits) {
            Some(power) => Short(power.into()),
            None => Long(i256::from_i128(10).checked_pow(digits)?),
        };
        self.unscaled.multiply(power)
    }
}

impl Unscaled {
    fn add(self, other: Self) -> Option<Self> {
        if let (Short(left), Short(right)) = (self, other)
            && let Some(sum) = left.checked_add(right)
        {
            return Some(Short(sum));
        }
        self.long().checked_add(other.long()).map(Long)
    }

    /// The product, in 64 by 64 bits where that is enough, which is nearly always and much faster.
    fn multiply(self, other: Self) -> Option<Self> {
        if let (Short(left), Short(right)) = (self, other)
            && let (Ok(left), Ok(right)) = (i64::try_from(left), i64::try_from(right))
        {
            return Some(Short(i128::from(left) * i128::from(right)));
        }
        self.long().checked_mul(other.long()).map(Self::shortest)
    }

    fn negate(self) -> Option<Self> {
        if let Short(number) = self
            && let Some(negative) = number.checked_neg()
        {
            return Some(Short(negative));
        }
        self.long().checked_neg().map(Long)
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Short(left), Short(right)) => left.cmp(&right),
            _ => self.long().cmp(&other.long()),
        }
    }

    /// How it compares with zero.
    fn sign(self) -> Ordering {
        match self {
            Short(number) => number.cmp(&0),
            Long(number) => number.cmp(&i256::ZERO),
        }
    }

    fn long(self) -> i256 {
        match self {
            Short(number) => i256::from_i128(number),
            Long(number) => number,
        }
    }

    fn shortest(number: i256) -> Self {
        number.to_i128().map_or(Long(number), Short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    /// A number as the rules had it before: 256 bits throughout.
    type Wide = (i256, u32);

    fn wide(number: Number) -> Wide {
        (number.unscaled.long(), number.scale)
    }

    fn wide_at((unscaled, scale): Wide, wanted: u32) -> Option<i256> {
        match scale == wanted || unscaled == i256::ZERO {
            true => Some(unscaled),
            false => unscaled.checked_mul(i256::from_i128(10).checked_pow(wanted - scale)?),
        }
    }

    fn wide_sum(left: Wide, right: Wide) -> Option<Wide> {
        let scale = left.1.max(right.1);
        Some((wide_at(left, scale)?.checked_add(wide_at(right, scale)?)?, scale))
    }

    /// Numbers about every border: of 64, of 128 and of 256 bits.
    fn numbers() -> impl Strategy<Value = Number> {
        let short = prop_oneof![
            -1000..1000_i128,
            (0..128_u32, -2..2_i128).prop_map(|(bit, near)| (1_i128 << bit).wrapping_add(near)),
            any::<i128>(),
        ];
        let number = (short, 0..60_u32).prop_map(|(unscaled, scale)| Number::new(unscaled, scale));
        (number.clone(), number, any::<bool>()).prop_map(|(number, other, is_long)| {
            match number.multiply(other) {
                Ok(product) if is_long => product,
                _ => number,
            }
        })
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_256_bits(left in numbers(), right in numbers()) {
            let (a, b) = (wide(left), wide(right));
            let negative = |(unscaled, scale): Wide| Some((unscaled.checked_neg()?, scale));
            prop_assert_eq!(left.add(right).ok().map(wide), wide_sum(a, b));
            let difference = negative(b).and_then(|b| wide_sum(a, b));
            prop_assert_eq!(left.subtract(right).ok().map(wide), difference);
            let product = a.0.checked_mul(b.0).map(|product| (product, a.1 + b.1));
            prop_assert_eq!(left.multiply(right).ok().map(wide), product);
            prop_assert_eq!(left.negate().ok().map(wide), negative(a));
            let absolute = if a.0.is_negative() { negative(a) } else { Some(a) };
            prop_assert_eq!(left.abs().ok().map(wide), absolute);
            let scale = a.1.max(b.1);
            if let (Some(a), Some(b)) = (wide_at(a, scale), wide_at(b, scale)) {
                prop_assert_eq!(left.compare(right), a.cmp(&b));
            }
            prop_assert_eq!(left.compare(right), right.compare(left).reverse());
        }
    }
}
