//! Exact numbers against long hand, the `bson` crate and each other.

use super::*;
use proptest::prelude::*;

fn decimal(text: &str, precision: u8, scale: u8) -> Result<i128, ReasonCode> {
    Exact::parse(text.as_bytes()).expect("a number").to_decimal(precision, scale)
}

fn integer(text: &str) -> Result<i64, ReasonCode> {
    Exact::parse(text.as_bytes()).expect("a number").to_integer()
}

#[test]
fn decimals_are_exact_or_refused() {
    use ReasonCode::{DecimalOutOfRange, DecimalTooFine};
    for (text, wanted) in [
        ("0", Ok(0)),
        ("-0.000", Ok(0)),
        ("0E-999999999999999999999", Ok(0)),
        ("10", Ok(10_000)),
        ("99.99", Ok(99_990)),
        ("-1.5", Ok(-1_500)),
        ("1.2340000000000000000000000000000000000000000000000", Ok(1_234)),
        ("1.2345", Err(DecimalTooFine)),
        ("1e-3", Ok(1)),
        ("1e-4", Err(DecimalTooFine)),
        ("1E+2", Ok(100_000)),
        ("1.5e14", Ok(150_000_000_000_000_000)),
        ("999999999999999.999", Ok(999_999_999_999_999_999)),
        ("1000000000000000", Err(DecimalOutOfRange)),
        ("1e999999999999999999999999", Err(DecimalOutOfRange)),
        ("1e-99999999999999999999999", Err(DecimalTooFine)),
        ("0000000000000000000000000000000000000000000000012", Ok(12_000)),
    ] {
        assert_eq!(decimal(text, 18, 3), wanted, "{text}");
    }
    let nines = "9".repeat(38);
    assert_eq!(decimal(&nines, 38, 0), Ok(10_i128.pow(38) - 1));
    assert_eq!(decimal(&format!("-0.{nines}"), 38, 38), Ok(1 - 10_i128.pow(38)));
    assert_eq!(decimal(&format!("{nines}9"), 38, 0), Err(DecimalOutOfRange));
    assert_eq!(decimal(&format!("0.{nines}9"), 38, 38), Err(DecimalTooFine));
}

#[test]
fn integers_have_no_fraction_and_64_bits() {
    use ReasonCode::{IntegerHasFraction, IntegerOutOfRange};
    for (text, wanted) in [
        ("1.0", Ok(1)),
        ("1.1", Err(IntegerHasFraction)),
        ("-0", Ok(0)),
        ("12e3", Ok(12_000)),
        ("1200e-2", Ok(12)),
        ("9223372036854775807", Ok(i64::MAX)),
        ("-9223372036854775808", Ok(i64::MIN)),
        ("9223372036854775808", Err(IntegerOutOfRange)),
        ("1e40", Err(IntegerOutOfRange)),
    ] {
        assert_eq!(integer(text), wanted, "{text}");
    }
}

#[test]
fn what_is_no_number_is_none() {
    for text in ["", "-", "+1", ".5", "5.", "1e", "1e+", "1 ", " 1", "0x1", "NaN", "1_0", "1.e2"] {
        assert_eq!(Exact::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn decimal128_that_are_no_number_are_none() {
    for text in ["NaN", "-NaN", "sNaN", "Infinity", "-Infinity"] {
        let bytes = text.parse::<bson::Decimal128>().unwrap().bytes();
        assert_eq!(Decimal128::from_bits(u128::from_le_bytes(bytes)), None, "{text}");
    }
}

/// The digits of a plain number, times 10^scale, when that is an integer: long hand.
fn by_hand(integer: &str, fraction: &str, exponent: i32, scale: i32) -> Option<String> {
    let digits = format!("{integer}{fraction}");
    let shift = exponent + scale - i32::try_from(fraction.len()).unwrap();
    let shifted = if shift >= 0 {
        digits + &"0".repeat(usize::try_from(shift).unwrap())
    } else {
        let keep = digits.len().saturating_sub(usize::try_from(-shift).unwrap());
        let (kept, cut) = digits.split_at(keep);
        if cut.bytes().any(|b| b != b'0') {
            return None;
        }
        kept.to_owned()
    };
    let trimmed = shifted.trim_start_matches('0');
    Some(if trimmed.is_empty() { "0" } else { trimmed }.to_owned())
}

/// A text as it stands in a row, with `behind` after it.
fn in_a_row(text: &str, behind: &str, take: impl FnOnce(Piece<'_>)) {
    take(Piece::new(format!("{text}{behind}").as_bytes(), text.len()).unwrap());
}

proptest! {
    #[test]
    fn eight_bytes_at_once_are_read_as_one_by_one(
        text in "([0-9]{0,5}\\.?[0-9]{0,5}|[-+./0-9:e\\x00\\x80]{0,9})", behind in "[0-9\"}.]{0,9}",
        precision in 1_u8..=38, scale in 0_u8..=30,
    ) {
        let scale = scale.min(precision);
        in_a_row(&text, &behind, |piece| {
            if let Some(number) = word_number(piece) {
                assert_eq!(short_number(text.as_bytes()), Some(number));
            } else if text.len() <= 8 && behind.len() >= 8 {
                assert_eq!(short_number(text.as_bytes()), None);
            }
            let decimal = short_decimal(text.as_bytes(), precision, scale);
            assert_eq!(written_decimal(piece, precision, scale), decimal);
            assert_eq!(written_integer(piece), short_integer(text.as_bytes()));
        });
    }

    #[test]
    fn short_decimals_are_what_exact_numbers_say(
        text in "-?[0-9]{0,20}(\\.[0-9]{0,12})?", precision in 1_u8..=38, scale in 0_u8..=12,
    ) {
        let scale = scale.min(precision);
        if let Some(decimal) = short_decimal(text.as_bytes(), precision, scale) {
            let exact = Exact::parse(text.as_bytes()).map(|n| n.to_decimal(precision, scale));
            prop_assert_eq!(exact, Some(Ok(decimal)));
        }
        if let Some(integer) = short_integer(text.as_bytes()) {
            let exact = Exact::parse(text.as_bytes()).map(Exact::to_integer);
            prop_assert_eq!(exact, Some(Ok(integer)));
        }
    }

    #[test]
    fn short_decimal128_are_what_exact_numbers_say(
        negative: bool, coefficient: u64, digits in 0_u64..100_000, exponent in -12_i64..12,
        precision in 1_u8..=38, scale in 0_u8..=12,
    ) {
        let scale = scale.min(precision);
        for coefficient in [coefficient, digits].map(u128::from) {
            let number = Decimal128 { negative, coefficient, exponent };
            if let Some(decimal) = number.short_decimal(precision, scale) {
                prop_assert_eq!(number.exact().to_decimal(precision, scale), Ok(decimal));
            }
        }
    }

    #[test]
    fn decimals_agree_with_long_hand(
        integer in "[0-9]{1,24}", fraction in "[0-9]{1,24}", exponent in -30_i32..30,
    ) {
        let text = format!("{integer}.{fraction}e{exponent}");
        let wanted = by_hand(&integer, &fraction, exponent, 9).filter(|d| d.len() <= 38);
        let got = decimal(&text, 38, 9).ok();
        prop_assert_eq!(got.map(|n| n.to_string()), wanted);
    }

    #[test]
    fn doubles_are_integers_only_where_they_are_exact(bits: u64, small in -1e16..1e16_f64) {
        for double in [f64::from_bits(bits), small, small.trunc(), small.trunc() / 4.0] {
            let exact = double.fract() == 0.0 && double.abs() <= 9_007_199_254_740_992.0;
            #[expect(clippy::cast_possible_truncation, reason = "integral and below 2^53")]
            let wanted = exact.then_some(double as i64);
            prop_assert_eq!(integer_of_double(double.to_bits()).ok(), wanted, "{}", double);
        }
    }

    #[test]
    fn decimal128_agrees_with_the_bson_crate(bits: u128, digits in 0_u128..100_000, exponent in 6100_u128..6200) {
        for bits in [bits, bits & !(0b11 << 125), digits | exponent << 113] {
            let reference = bson::Decimal128::from_bytes(bits.to_le_bytes()).to_string();
            match Decimal128::from_bits(bits) {
                None => prop_assert!(reference.contains("NaN") || reference.contains("Inf")),
                Some(decimal) => {
                    let mut text = Vec::new();
                    decimal.write(&mut text);
                    prop_assert_eq!(String::from_utf8(text).unwrap(), reference.clone());
                    let parsed = Exact::parse(reference.as_bytes());
                    prop_assert_eq!(Some(decimal.exact()), parsed);
                }
            }
        }
    }
}
