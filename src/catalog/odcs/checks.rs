//! `logicalTypeOptions` of a field: what its values must satisfy.
//!
//! Bounds are read as exact decimals from their text. Does not own the checking.

use jiff::Timestamp;
use regex::Regex;

use super::section::Section;
use crate::catalog::contract::{Checks, FieldType, Format};
use crate::catalog::expression::parse_number;

/// Checks of a text.
pub(super) fn of_text(options: &Section<'_, '_>) -> Checks {
    let min_length = options.count("minLength");
    let max_length = options.count("maxLength");
    check_order(options, "minLength", min_length, "maxLength", max_length);
    Checks {
        pattern: options.text("pattern").and_then(|(pattern, line)| {
            whole(pattern)
                .map_err(|why| {
                    let message =
                        format!("`pattern` of {} is no regular expression: {why}", options.what);
                    options.mistakes.add(line, message);
                })
                .ok()
        }),
        min_length,
        max_length,
        format: options.word("format", &[("email", Format::Email), ("uuid", Format::Uuid)]),
        ..Checks::default()
    }
}

/// `pattern` so that it must match the whole text.
fn whole(pattern: &str) -> Result<Regex, String> {
    // Alone first, so that a stray parenthesis cannot close the group around it.
    Regex::new(pattern).and_then(|_| Regex::new(&format!("^(?:{pattern})$"))).map_err(|error| {
        let told = error.to_string();
        let last = told.lines().last().unwrap_or_default();
        last.trim_start_matches("error: ").to_owned()
    })
}

/// Checks of a number with `scale` digits after the point.
pub(super) fn of_number(options: &Section<'_, '_>, scale: u8) -> Checks {
    let bound = |key| -> Option<(i128, u8)> {
        let (text, line) = options.text(key)?;
        let number = parse_number(text);
        let why = match number {
            None => "must be a number written with digits and a point",
            Some((_, finer)) if finer > scale => "has more digits after the point than its field",
            Some(_) => return number,
        };
        options.mistakes.add(line, format!("`{key}` of {} {why}, not {text:?}", options.what));
        None
    };
    let (minimum, maximum) = (bound("minimum"), bound("maximum"));
    let at_scale = |(unscaled, from): (i128, u8)| {
        let power = 10i128.checked_pow(u32::from(scale.saturating_sub(from)))?;
        unscaled.checked_mul(power)
    };
    for (key, number) in [("minimum", minimum), ("maximum", maximum)] {
        if number.is_some_and(|n| at_scale(n).is_none()) {
            options.mistake(key, format!("`{key}` of {} is beyond its field", options.what));
        }
    }
    check_order(
        options,
        "minimum",
        minimum.and_then(at_scale),
        "maximum",
        maximum.and_then(at_scale),
    );
    Checks { minimum, maximum, ..Checks::default() }
}

/// Checks of a list.
pub(super) fn of_list(options: &Section<'_, '_>) -> Checks {
    let min_items = options.count("minItems");
    let max_items = options.count("maxItems");
    check_order(options, "minItems", min_items, "maxItems", max_items);
    Checks { min_items, max_items, ..Checks::default() }
}

/// Range of an instant, µs since 1970 UTC.
pub(super) fn of_timestamp(options: &Section<'_, '_>) -> (i64, i64) {
    let bound = |key| {
        let (text, line) = options.required_text(key)?;
        let instant = text.parse::<Timestamp>().ok();
        if instant.is_none() {
            let message = format!(
                "`{key}` of {} must be an instant like 2000-01-01T00:00:00Z, not {text:?}",
                options.what
            );
            options.mistakes.add(line, message);
        }
        instant.map(Timestamp::as_microsecond)
    };
    let (minimum, maximum) = (bound("minimum"), bound("maximum"));
    check_order(options, "minimum", minimum, "maximum", maximum);
    (minimum.unwrap_or_default(), maximum.unwrap_or_default())
}

fn check_order<T: PartialOrd>(
    options: &Section<'_, '_>,
    low: &'static str,
    least: Option<T>,
    high: &'static str,
    greatest: Option<T>,
) {
    if let (Some(least), Some(greatest)) = (least, greatest)
        && least > greatest
    {
        options.mistake(low, format!("`{low}` of {} is greater than its `{high}`", options.what));
    }
}

/// Refuses the options that a field of this type does not have.
pub(super) fn finish(options: Section<'_, '_>, data_type: &FieldType) {
    options.finish(match data_type {
        FieldType::Text => &["pattern", "minLength", "maxLength", "format"],
        FieldType::Integer | FieldType::Decimal { .. } => &["minimum", "maximum"],
        FieldType::Timestamp(_) => &["minimum", "maximum", "timezone"],
        FieldType::List { .. } => &["minItems", "maxItems", "uniqueItems"],
        FieldType::Boolean | FieldType::Date | FieldType::Binary | FieldType::Struct(_) => &[],
    });
}
