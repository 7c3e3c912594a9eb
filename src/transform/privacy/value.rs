//! What stays of the values of one column whose rows are of age.
//!
//! Nothing of an old value is left in the buffers of the new array, below NULLs neither.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, Int64Array, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};

use crate::catalog::{Then, TimeUnit};
use crate::model::{date_of_days, days_of_date};

const MICROS_PER_HOUR: i64 = 3_600_000_000;
const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

/// `array` with what `then` leaves of the values at `places`.
pub(super) fn what_stays(array: &ArrayRef, places: &BooleanBuffer, then: &Then) -> ArrayRef {
    match (then, array.data_type()) {
        (Then::FirstCharacters(count), DataType::Utf8) => {
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            texts(array, places, |text| {
                text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end])
            })
        }
        (Then::Word(word), DataType::Utf8) => texts(array, places, |_| word),
        (Then::EmailDomain, DataType::Utf8) => {
            texts(array, places, |text| text.rsplit_once('@').map_or(text, |(_, domain)| domain))
        }
        (Then::DownTo(unit), DataType::Timestamp(..)) => {
            let times = array.as_primitive::<TimestampMicrosecondType>();
            let times = times.iter().enumerate().map(|(place, time)| match places.value(place) {
                true => time.map(|micros| instant_down_to(micros, *unit)),
                false => time,
            });
            let zone = match array.data_type() {
                DataType::Timestamp(_, zone) => zone.clone(),
                _ => None,
            };
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone_opt(zone))
        }
        (Then::DownTo(unit), DataType::Date32) => {
            let days = array.as_primitive::<Date32Type>();
            let days = days.iter().enumerate().map(|(place, day)| match places.value(place) {
                true => day.map(|day| day_down_to(day, *unit)),
                false => day,
            });
            Arc::new(days.collect::<Date32Array>())
        }
        (Then::Multiple { unscaled, .. }, DataType::Int64) => {
            let numbers = array.as_primitive::<Int64Type>().iter().enumerate();
            let numbers = numbers.map(|(place, number)| match places.value(place) {
                true => number.and_then(|n| {
                    i64::try_from(multiple(n.into(), *unscaled, |m| i64::try_from(m).is_ok())).ok()
                }),
                false => number,
            });
            Arc::new(numbers.collect::<Int64Array>())
        }
        (Then::Multiple { unscaled, scale }, DataType::Decimal128(precision, own_scale)) => {
            let finer = u32::try_from(*own_scale).unwrap_or(0).saturating_sub(u32::from(*scale));
            // A step that no number of this scale reaches leaves 0 of all of them.
            let step = 10_i128.checked_pow(finer).and_then(|power| unscaled.checked_mul(power));
            let step = step.unwrap_or(i128::MAX);
            let bound = 10_i128.checked_pow(u32::from(*precision)).unwrap_or(i128::MAX);
            let numbers = array.as_primitive::<Decimal128Type>().iter().enumerate();
            let numbers = numbers.map(|(place, number)| match places.value(place) {
                true => number.map(|n| multiple(n, step, |m| -bound < m && m < bound)),
                false => number,
            });
            let data_type = array.data_type().clone();
            Arc::new(numbers.collect::<Decimal128Array>().with_data_type(data_type))
        }
        // The contract allows nothing else; what it cannot mean leaves nothing.
        _ => nulls(array, places),
    }
}

/// `array` with NULL at `places`.
fn nulls(array: &ArrayRef, places: &BooleanBuffer) -> ArrayRef {
    let kept = |place: u32| (!places.value(place as usize)).then_some(place);
    let kept: UInt32Array = (0..).take(array.len()).map(kept).collect();
    take(array, &kept, None).unwrap_or_else(|_| {
        arrow::array::new_null_array(array.data_type(), array.len()) // indices are in bounds
    })
}

fn texts<'a>(
    array: &'a ArrayRef,
    places: &BooleanBuffer,
    stays: impl Fn(&'a str) -> &'a str,
) -> ArrayRef {
    let texts = array.as_string::<i32>().iter().enumerate();
    let texts = texts.map(|(place, text)| match places.value(place) {
        true => text.map(&stays),
        false => text,
    });
    Arc::new(texts.collect::<StringArray>())
}

/// The greatest multiple of `step` up to `number`; towards 0 where that does not fit.
fn multiple(number: i128, step: i128, fits: impl Fn(i128) -> bool) -> i128 {
    let below = number.checked_sub(number.rem_euclid(step));
    below.filter(|multiple| fits(*multiple)).unwrap_or(number - number % step)
}

fn instant_down_to(micros: i64, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Hour => micros - micros.rem_euclid(MICROS_PER_HOUR),
        TimeUnit::Day | TimeUnit::Month | TimeUnit::Year => {
            let day = i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap_or(0);
            i64::from(day_down_to(day, unit)) * MICROS_PER_DAY
        }
    }
}

fn day_down_to(day: i32, unit: TimeUnit) -> i32 {
    let Some(date) = date_of_days(day) else { return day };
    days_of_date(match unit {
        TimeUnit::Hour | TimeUnit::Day => return day,
        TimeUnit::Month => date.first_of_month(),
        TimeUnit::Year => date.first_of_year(),
    })
}
