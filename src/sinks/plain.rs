//! Values that are neither texts nor nested, as text: decimals at their scale, instants RFC 3339
//! in UTC, binary base64. CSV and JSON write them alike.

use arrow::array::{
    Array, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Int64Array,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, TimeUnit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::date_of_days;

const PRINTER: DateTimePrinter = DateTimePrinter::new();
const UNEXPECTED: &str = "a value cannot be written as text";

/// A column by its type, which is looked up once and not for each cell.
pub(super) enum Values<'a> {
    Integers(&'a Int64Array),
    Decimals(&'a Decimal128Array, usize),
    Booleans(&'a BooleanArray),
    Binaries(&'a BinaryArray),
    Dates(&'a Date32Array),
    Instants(&'a TimestampMicrosecondArray),
}

impl<'a> Values<'a> {
    /// # Errors
    /// `Unexpected` for a type that no contract can have.
    pub fn new(column: &'a dyn Array) -> Result<Self> {
        let unexpected =
            || Error::new(ErrorKind::Unexpected, UNEXPECTED).with("type", column.data_type());
        Ok(match column.data_type() {
            DataType::Int64 => Self::Integers(column.as_primitive()),
            DataType::Decimal128(_, scale) => {
                let scale = usize::try_from(*scale).map_err(|_| unexpected())?;
                Self::Decimals(column.as_primitive(), scale)
            }
            DataType::Boolean => Self::Booleans(column.as_boolean()),
            DataType::Binary => Self::Binaries(column.as_binary()),
            DataType::Date32 => Self::Dates(column.as_primitive()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Instants(column.as_primitive()),
            _ => return Err(unexpected()),
        })
    }

    /// Appends the value at `row`, which is not null.
    ///
    /// # Errors
    /// `Unexpected` for a day or an instant beyond the calendar.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Integers(values) => {
                out.extend(itoa::Buffer::new().format(values.value(row)).as_bytes());
            }
            Self::Decimals(values, scale) => write_decimal(values.value(row), *scale, out),
            Self::Booleans(values) => {
                out.extend(if values.value(row) { &b"true"[..] } else { b"false" });
            }
            Self::Binaries(values) => write_base64(values.value(row), out)?,
            Self::Dates(values) => {
                let date = date_of_days(values.value(row))
                    .ok_or_else(|| Error::new(ErrorKind::Unexpected, UNEXPECTED))?;
                PRINTER.print_date(&date, out).or_err(ErrorKind::Unexpected, UNEXPECTED)?;
            }
            Self::Instants(values) => {
                let instant = Timestamp::from_microsecond(values.value(row));
                (instant.and_then(|instant| PRINTER.print_timestamp(&instant, out)))
                    .or_err(ErrorKind::Unexpected, UNEXPECTED)?;
            }
        }
        Ok(())
    }
}

/// `unscaled` with its point `scale` digits from the right, and a zero before it at least.
fn write_decimal(unscaled: i128, scale: usize, out: &mut Vec<u8>) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let magnitude = unscaled.unsigned_abs();
    let (mut long, mut short) = (itoa::Buffer::new(), itoa::Buffer::new());
    // Nearly all amounts fit 64 bits, which are divided faster.
    let digits = match u64::try_from(magnitude) {
        Ok(magnitude) => short.format(magnitude),
        Err(_) => long.format(magnitude),
    };
    let digits = digits.as_bytes();
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    out.extend(if whole.is_empty() { b"0" } else { whole });
    if scale > 0 {
        out.push(b'.');
        out.resize(out.len() + scale - fraction.len(), b'0');
        out.extend(fraction);
    }
}

fn write_base64(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let room = out.get_mut(start..).unwrap_or_default();
    STANDARD.encode_slice(bytes, room).map(drop).or_err(ErrorKind::Unexpected, UNEXPECTED)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Decimal128Type, DecimalType};
    use proptest::prelude::*;

    use super::*;

    fn text(column: &dyn Array) -> Result<String> {
        let mut out = b"before".to_vec();
        Values::new(column)?.write(0, &mut out)?;
        Ok(String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned())
    }

    fn decimal(unscaled: i128, scale: i8) {
        let column = Decimal128Array::from(vec![unscaled]);
        let column = column.with_precision_and_scale(38, scale).unwrap();
        let wanted = Decimal128Type::format_decimal(unscaled, 38, scale);
        assert_eq!(text(&column).unwrap(), wanted);
    }

    #[test]
    fn extremes_are_written_as_by_the_plain_way() {
        let greatest = 10_i128.pow(38) - 1;
        let wide = i128::from(u64::MAX);
        for unscaled in [0, 1, 9, 10, 99, 100, 999, i64::MAX.into(), wide, wide + 1, greatest] {
            for scale in 0..=38 {
                decimal(unscaled, scale);
                decimal(-unscaled, scale);
            }
        }
        for number in [0, i64::MIN, i64::MAX] {
            assert_eq!(text(&Int64Array::from(vec![number])).unwrap(), number.to_string());
        }
        let (first, last) =
            (Timestamp::MIN.as_microsecond(), Timestamp::MAX.as_second() * 1_000_000);
        for micros in [first, -1, 0, last] {
            let instant = Timestamp::from_microsecond(micros).unwrap().to_string();
            assert_eq!(text(&TimestampMicrosecondArray::from(vec![micros])).unwrap(), instant);
        }
        // 9999-12-31 is how many say "never".
        for (days, date) in [(2_932_896, "9999-12-31"), (-719_528, "0000-01-01")] {
            assert_eq!(text(&Date32Array::from(vec![days])).unwrap(), date);
        }
        for beyond in [i64::MIN, last + 1, i64::MAX] {
            text(&TimestampMicrosecondArray::from(vec![beyond])).unwrap_err();
        }
        text(&Date32Array::from(vec![2_932_897])).unwrap_err();
    }

    proptest! {
        #[test]
        fn values_are_written_as_by_the_plain_way(
            number in any::<i64>(),
            unscaled in -(10_i128.pow(38) - 1)..10_i128.pow(38),
            digits in 0_u32..38,
            scale in 0_i8..=38,
            days in -4_371_587_i32..=2_932_896,
            micros in -377_705_023_201_000_000_i64..=253_402_207_200_000_000,
            bytes in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            prop_assert_eq!(text(&Int64Array::from(vec![number])).unwrap(), number.to_string());
            decimal(unscaled / 10_i128.pow(digits), scale);
            let date = date_of_days(days).unwrap().to_string();
            prop_assert_eq!(text(&Date32Array::from(vec![days])).unwrap(), date);
            for micros in [micros, micros / 1_000_000 * 1_000_000] {
                let instant = Timestamp::from_microsecond(micros).unwrap().to_string();
                let column = TimestampMicrosecondArray::from(vec![micros]);
                prop_assert_eq!(text(&column).unwrap(), instant);
            }
            let base64 = STANDARD.encode(&bytes);
            prop_assert_eq!(text(&BinaryArray::from(vec![bytes.as_slice()])).unwrap(), base64);
        }
    }
}
