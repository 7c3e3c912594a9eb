//! Tests of the arithmetic, against long division by hand.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;

fn rate(usd: &str, per: &str) -> Rate {
    Rate { usd: Decimal::from_str_exact(usd).unwrap(), per: Decimal::from_str_exact(per).unwrap() }
}

fn converted(amount: i128, scales: (u8, u8), usd: &str, per: &str) -> Option<i128> {
    Factor::new(&rate(usd, per), scales.0, scales.1).unwrap().apply(amount, Rounding::HalfEven)
}

#[test]
fn a_cross_rate_is_rounded_once() {
    // 10.00 EUR at 1.0867; 1,000 JPY at 1.0867 / 162.34; 1.234 KWD at 3.2571.
    assert_eq!(converted(1_000, (2, 4), "1.0867", "1"), Some(108_670));
    assert_eq!(converted(1_000_000, (3, 4), "1.0867", "162.34"), Some(66_940));
    assert_eq!(converted(1_234, (3, 4), "3.2571", "1"), Some(40_193));
    // Through the rate as it is shown, to four digits, the yen would be 6.7000.
    let shown = Factor::new(&rate("1.0867", "162.34"), 0, 4).unwrap();
    assert_eq!(shown.apply(1, Rounding::HalfEven), Some(67));
}

#[test]
fn halves_go_where_the_contract_says() {
    let half = Factor::new(&rate("0.5", "1"), 2, 2).unwrap();
    let rounded = |rounding| [1, 3, 5, -1, -3, 4].map(|cents| half.apply(cents, rounding).unwrap());
    assert_eq!(rounded(Rounding::HalfEven), [0, 2, 2, 0, -2, 2]);
    assert_eq!(rounded(Rounding::HalfUp), [1, 2, 3, -1, -2, 2]);
    // A hair above and below a half are no halves.
    let above = Factor::new(&rate("0.500000000001", "1"), 2, 2).unwrap();
    let below = Factor::new(&rate("0.499999999999", "1"), 2, 2).unwrap();
    assert_eq!(above.apply(1, Rounding::HalfEven), Some(1));
    assert_eq!(below.apply(1, Rounding::HalfUp), Some(0));
}

#[test]
fn dollars_stay_what_they_are() {
    assert_eq!(
        Factor::new(&Rate::ONE, 3, 4).unwrap().apply(-1_234, Rounding::HalfEven),
        Some(-12_340)
    );
}

#[test]
fn what_128_bits_cannot_hold_is_none_and_never_wraps() {
    let large = 10i128.pow(38) - 1;
    assert_eq!(converted(large, (0, 4), "1", "1"), None);
    assert_eq!(converted(large, (0, 8), "999999.999999999999", "0.000000000001"), None);
    assert_eq!(converted(large, (9, 2), "1.5", "3"), Some(5 * 10i128.pow(30)));
    assert_eq!(converted(i128::MIN, (0, 0), "1", "1"), Some(i128::MIN));
}

/// The same by long division over decimal digits, which shares no arithmetic with the code.
fn by_hand(amount: i128, from: u8, to: u8, rate: &Rate, rounding: Rounding) -> Option<i128> {
    let per = rate.per.mantissa().unsigned_abs();
    let mut digits = times(amount.unsigned_abs(), rate.usd.mantissa().unsigned_abs());
    let up = rate.per.scale() + u32::from(to);
    let down = rate.usd.scale() + u32::from(from);
    digits.extend(vec![0; up.saturating_sub(down) as usize]);
    let mut rest = 0u128;
    let mut quotient: Vec<u8> = vec![];
    for digit in digits {
        rest = rest * 10 + u128::from(digit);
        quotient.push(u8::try_from(rest / per).unwrap());
        rest %= per;
    }
    let cut = down.saturating_sub(up) as usize;
    let padded: Vec<u8> = std::iter::repeat_n(0, cut).chain(quotient).collect();
    let (whole, fraction) = padded.split_at(padded.len() - cut);
    let mut value = 0i128;
    for digit in whole {
        value = value.checked_mul(10)?.checked_add(i128::from(*digit))?;
    }
    let (above_half, is_half) = match fraction {
        [] => (rest * 2 > per, rest * 2 == per),
        [first, others @ ..] => {
            let beyond = rest > 0 || others.iter().any(|digit| *digit > 0);
            (*first > 5 || (*first == 5 && beyond), *first == 5 && !beyond)
        }
    };
    let away = above_half || (is_half && (rounding == Rounding::HalfUp || value % 2 == 1));
    let value = value.checked_add(i128::from(away))?;
    Some(if amount < 0 { -value } else { value })
}

/// Decimal digits of a product, most significant first.
fn times(a: u128, b: u128) -> Vec<u8> {
    let mut digits = vec![];
    let mut carry = 0u128;
    for digit in a.to_string().bytes().rev() {
        carry += u128::from(digit - b'0') * b;
        digits.push(u8::try_from(carry % 10).unwrap());
        carry /= 10;
    }
    while carry > 0 {
        digits.push(u8::try_from(carry % 10).unwrap());
        carry /= 10;
    }
    digits.reverse();
    digits
}

/// Rates as a file may have them: at most 18 digits, at most 12 of them after the point.
fn quotes() -> impl Strategy<Value = Decimal> {
    let digits = prop_oneof![1i64..100, 1i64..2_000_000, 1i64..1_000_000_000_000_000_000];
    (digits, 0u32..=12).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale))
}

proptest! {
    #[test]
    fn every_conversion_is_that_of_long_division(
        amount in prop_oneof![-100_000i128..100_000, -(10i128.pow(18))..10i128.pow(18), -(10i128.pow(38))..10i128.pow(38)],
        from in 0u8..=38,
        to in 0u8..=8,
        usd in quotes(),
        per in prop_oneof![Just(Decimal::ONE), Just(Decimal::TWO), quotes()],
        up in any::<bool>(),
    ) {
        let rate = Rate { usd, per };
        let rounding = if up { Rounding::HalfUp } else { Rounding::HalfEven };
        let factor = Factor::new(&rate, from, to).unwrap();
        prop_assert_eq!(factor.apply(amount, rounding), by_hand(amount, from, to, &rate, rounding));
    }
}
