//! Exact sums of decimal columns, in 256 bits: the part of the ledger that speaks of money.
//!
//! No number of rows that a file can hold makes 38 digits overflow 256 bits.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Schema, i256};

use crate::error::{Error, ErrorKind, Result};

/// Running sums of the top-level decimal columns of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums(Vec<Sum>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Sum {
    column: usize,
    name: String,
    scale: usize,
    total: i256,
}

impl Sums {
    /// Zero for each decimal column of `schema`.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let sums = schema.fields().iter().enumerate().filter_map(|(column, field)| {
            let DataType::Decimal128(_, scale) = field.data_type() else { return None };
            let scale = usize::try_from(*scale).unwrap_or(0);
            Some(Sum { column, name: field.name().clone(), scale, total: i256::ZERO })
        });
        Self(sums.collect())
    }

    /// Adds every row of `rows`, whose first columns are those of the schema.
    pub fn add(&mut self, rows: &RecordBatch) {
        for sum in &mut self.0 {
            let values = rows.column(sum.column).as_primitive::<Decimal128Type>();
            sum.total = sum.total.wrapping_add(total(values.iter().flatten()));
        }
    }

    /// Adds one row of `rows`.
    pub fn add_row(&mut self, rows: &RecordBatch, row: usize) {
        for sum in &mut self.0 {
            let values = rows.column(sum.column).as_primitive::<Decimal128Type>();
            if values.is_valid(row) {
                sum.total = sum.total.wrapping_add(i256::from_i128(values.value(row)));
            }
        }
    }

    /// Adds other sums of the same schema.
    pub fn add_sums(&mut self, other: &Self) {
        for (sum, other) in self.0.iter_mut().zip(&other.0) {
            sum.total = sum.total.wrapping_add(other.total);
        }
    }

    /// Adds one value of a column, as plain text at the column's scale.
    ///
    /// # Errors
    /// `Verification` when there is no such decimal column or the text is no decimal of its scale.
    pub fn add_value(&mut self, column: usize, text: &str) -> Result<()> {
        let sum = self.0.iter_mut().find(|sum| sum.column == column);
        let parsed = sum.and_then(|sum| Some((parse(text, sum.scale)?, sum)));
        let (value, sum) = parsed.ok_or_else(|| {
            Error::new(ErrorKind::Verification, "a decimal is not written at its scale")
                .with("column", column)
        })?;
        sum.total = sum.total.wrapping_add(value);
        Ok(())
    }

    /// Positions of the columns that are summed.
    pub fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|sum| sum.column)
    }

    /// Adds sums written by [`Sums::to_text`] or by a file writer.
    ///
    /// # Errors
    /// `Verification` when a column's sum is absent or not a decimal of its scale.
    pub fn add_text(&mut self, texts: &BTreeMap<String, String>) -> Result<()> {
        for sum in &mut self.0 {
            let total = texts.get(&sum.name).and_then(|text| parse(text, sum.scale));
            let total = total.ok_or_else(|| {
                Error::new(ErrorKind::Verification, "a recorded sum cannot be read")
                    .with("column", &sum.name)
            })?;
            sum.total = sum.total.wrapping_add(total);
        }
        Ok(())
    }

    /// Each column's sum as plain text at its scale.
    #[must_use]
    pub fn to_text(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|sum| (sum.name.clone(), format(sum.total, sum.scale))).collect()
    }
}

/// The sum of `values`: in 128 bits as long as these suffice, which is quicker.
fn total(values: impl Iterator<Item = i128>) -> i256 {
    let (mut total, mut part) = (i256::ZERO, 0_i128);
    for value in values {
        part = part.checked_add(value).unwrap_or_else(|| {
            total = total.wrapping_add(i256::from_i128(part));
            value
        });
    }
    total.wrapping_add(i256::from_i128(part))
}

fn parse(text: &str, scale: usize) -> Option<i256> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() != scale {
        return None;
    }
    match short_number(whole, fraction) {
        Some(number) => Some(i256::from_i128(number.into())),
        None => i256::from_string(&format!("{whole}{fraction}")),
    }
}

/// A number of so few digits that 64 bits hold it, which is quicker: every amount of a file is read.
fn short_number(whole: &str, fraction: &str) -> Option<i64> {
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if digits.is_empty() || digits.len() + fraction.len() > 18 {
        return None;
    }
    let magnitude = digits.bytes().chain(fraction.bytes()).try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })?;
    Some(if digits.len() < whole.len() { -magnitude } else { magnitude })
}

fn format(total: i256, scale: usize) -> String {
    let digits = total.to_string();
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_total_may_need_more_than_128_bits() {
        let big = 99_999_999_999_999_999_999_999_999_999_999_999_999_i128;
        assert_eq!(
            format(total([big, big, big, -1].into_iter()), 0),
            format!("299{}6", "9".repeat(35))
        );
        assert_eq!(total([-big, -big, big, big, 7].into_iter()), i256::from_i128(7));
    }

    #[test]
    fn text_and_sum_are_each_others_inverse() {
        for (units, scale, text) in
            [(0, 2, "0.00"), (-5, 2, "-0.05"), (123_456, 4, "12.3456"), (7, 0, "7")]
        {
            assert_eq!(format(i256::from_i128(units), scale), text);
            assert_eq!(parse(text, scale), Some(i256::from_i128(units)));
        }
        assert_eq!(parse("1.5", 2), None);
    }

    proptest! {
        #[test]
        fn short_numbers_are_those_of_the_long_way(
            text in "-{0,2}\\+?[0-9]{0,20}[a-z ]{0,1}[0-9]{0,2}(\\.[0-9]{0,6}[+.-]{0,1}[0-9]{0,2}){0,1}",
        ) {
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let long = i256::from_string(&format!("{whole}{fraction}"));
            prop_assert_eq!(parse(&text, fraction.len()), long);
        }

        #[test]
        fn numbers_of_every_length_come_back(units in any::<i128>(), digits in 0_u32..38, scale in 0_usize..38) {
            let units = i256::from_i128(units / 10_i128.pow(digits));
            prop_assert_eq!(parse(&format(units, scale), scale), Some(units));
        }
    }
}
