//! Dates and instants as ISO 8601 writes them, to days and microseconds since 1970.
//!
//! Does not own ranges and policies of the contract (`columns`), nor time zones (`transform`).

use crate::model::ReasonCode;

use super::word::digit_values;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
const MICROS_PER_DAY: i64 = 24 * 60 * MICROS_PER_MINUTE;

/// Milliseconds of a day.
pub(super) const MILLIS_PER_DAY: i64 = MICROS_PER_DAY / 1_000;

/// 0001-01-01 and 9999-12-31, in days since 1970.
pub(super) const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

/// An instant, or a civil time that waits for its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant {
    /// Since 1970 UTC; without an offset, as if the civil time were UTC.
    pub micros: i64,
    /// Minutes east of UTC, as written.
    pub offset_minutes: Option<i16>,
}

/// The day that `YYYY-MM-DD` names, in days since 1970; the year may be 0000.
pub(super) fn parse_date(text: &[u8]) -> Option<i64> {
    let mut reader = Reader(text);
    let days = reader.date()?;
    reader.0.is_empty().then_some(days)
}

/// The instant that `text` names: `YYYY-MM-DDTHH:MM[:SS[.fraction]]` with `Z`, an offset
/// `±HH[[:]MM]` or neither; a space may stand for the `T`.
///
/// # Errors
/// `TimestampMalformed`, and `TimestampTooFine` for digits finer than a microsecond.
pub(super) fn parse_instant(text: &[u8]) -> Result<Instant, ReasonCode> {
    let mut reader = Reader(text);
    let (micros, too_fine) = reader.civil_micros().ok_or(ReasonCode::TimestampMalformed)?;
    let offset_minutes = reader.offset().ok_or(ReasonCode::TimestampMalformed)?;
    if !reader.0.is_empty() {
        return Err(ReasonCode::TimestampMalformed);
    }
    if too_fine {
        return Err(ReasonCode::TimestampTooFine);
    }
    let micros = micros - i64::from(offset_minutes.unwrap_or(0)) * MICROS_PER_MINUTE;
    Ok(Instant { micros, offset_minutes })
}

/// What is left of a text.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// Takes the next byte if it is one of `wanted`.
    fn take(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        wanted.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    /// Takes a number of two digits, `max` at most.
    fn two_digits(&mut self, max: i64) -> Option<i64> {
        let [first, second, rest @ ..] = self.0 else { return None };
        self.0 = rest;
        digits([*first, *second]).filter(|n| *n <= max)
    }

    fn date(&mut self) -> Option<i64> {
        let ([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2], rest) = self.0.split_first_chunk()?
        else {
            return None;
        };
        self.0 = rest;
        let [century, year, month, day] =
            pairs([*y1, *y2, *y3, *y4, *m1, *m2, *d1, *d2])?.map(u32::from);
        days_since_1970(century * 100 + year, month, day)
    }

    /// Takes `HH:MM`, and `:SS` when it is there: the seconds, and whether those were there.
    fn time(&mut self) -> Option<(i64, bool)> {
        let [h1, h2, b':', m1, m2, rest @ ..] = self.0 else { return None };
        let hours = digits([*h1, *h2]).filter(|hours| *hours <= 23)?;
        let minutes = digits([*m1, *m2]).filter(|minutes| *minutes <= 59)?;
        let minutes = hours * 60 + minutes;
        let [b':', s1, s2, after @ ..] = rest else {
            self.0 = rest;
            return (rest.first() != Some(&b':')).then_some((minutes * 60, false));
        };
        self.0 = after;
        let seconds = digits([*s1, *s2]).filter(|seconds| *seconds <= 59)?;
        Some((minutes * 60 + seconds, true))
    }

    /// Takes date and time: microseconds, and whether finer digits were left off.
    fn civil_micros(&mut self) -> Option<(i64, bool)> {
        let days = self.date()?;
        self.take(b"Tt ")?;
        let (seconds, has_seconds) = self.time()?;
        let (fraction, too_fine) =
            if has_seconds && self.take(b".").is_some() { self.fraction()? } else { (0, false) };
        Some((days * MICROS_PER_DAY + seconds * MICROS_PER_SECOND + fraction, too_fine))
    }

    /// Takes the digits of a fraction of a second, one at least.
    fn fraction(&mut self) -> Option<(i64, bool)> {
        let len = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(len).filter(|_| len > 0)?;
        self.0 = rest;
        let digit = |i: usize| digits.get(i).map_or(0, |digit| i64::from(digit - b'0'));
        let micros = (0..6).fold(0, |sum, i| sum * 10 + digit(i));
        Some((micros, digits.iter().skip(6).any(|digit| *digit != b'0')))
    }

    /// Takes the offset in minutes. The outer option is whether it is well written, the inner
    /// whether there is one.
    #[expect(clippy::option_option, reason = "malformed and absent are two answers")]
    fn offset(&mut self) -> Option<Option<i16>> {
        match self.take(b"Zz+-") {
            None => Some(None),
            Some(b'Z' | b'z') => Some(Some(0)),
            Some(sign) => {
                let hours = self.two_digits(23)?;
                let colon = self.take(b":").is_some();
                let minutes = if colon || !self.0.is_empty() { self.two_digits(59)? } else { 0 };
                let minutes = i16::try_from(hours * 60 + minutes).ok()?;
                Some(Some(if sign == b'-' { -minutes } else { minutes }))
            }
        }
    }
}

/// The numbers that four pairs of digits spell.
#[inline]
fn pairs(digits: [u8; 8]) -> Option<[u8; 4]> {
    let values = digit_values(u64::from_le_bytes(digits))?;
    // Tens stand below their ones: ten times the lower byte comes to the upper one.
    let [_, a, _, b, _, c, _, d] = (values + ((values * 10) << 8)).to_le_bytes();
    Some([a, b, c, d])
}

/// The number that digits spell.
fn digits<const N: usize>(digits: [u8; N]) -> Option<i64> {
    let values = digits.map(|digit| digit.wrapping_sub(b'0'));
    let all_are = values.iter().all(|value| *value < 10);
    all_are.then(|| values.iter().fold(0, |sum, value| sum * 10 + i64::from(*value)))
}

/// Days since 1970 of a day in the proleptic Gregorian calendar, if there is such a day.
fn days_since_1970(year: u32, month: u32, day: u32) -> Option<i64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last, and 400 years early, so that none is
    // below zero; 719,468 + 146,097 days lie between -0400-03-01 and 1970-01-01.
    let (year, month) = if month > 2 { (year + 400, month) } else { (year + 399, month + 12) };
    let before = year * 1461 / 4 - year / 100 + year / 400;
    Some(i64::from(before + (month * 153 - 457) / 5 + day - 1) - 719_468 - 146_097)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use jiff::civil::Date;
    use jiff::tz::Offset;
    use proptest::prelude::*;

    fn instant(text: &str) -> Result<(i64, Option<i16>), ReasonCode> {
        parse_instant(text.as_bytes()).map(|instant| (instant.micros, instant.offset_minutes))
    }

    #[test]
    fn instants_are_read_as_written() {
        for (text, wanted) in [
            ("1970-01-01T00:00:00Z", (0, Some(0))),
            ("1970-01-01t00:00:01z", (1_000_000, Some(0))),
            ("1970-01-01 00:01", (60_000_000, None)),
            ("1970-01-01T00:00:00.5+01:00", (-3_599_500_000, Some(60))),
            ("1970-01-01T00:00:00-0330", (12_600_000_000, Some(-210))),
            ("1970-01-01T00:00:00+10", (-36_000_000_000, Some(600))),
            ("1970-01-01T00:00:00.123456000Z", (123_456, Some(0))),
            ("1970-01-01T00:00:00-00:00", (0, Some(0))),
        ] {
            assert_eq!(instant(text), Ok(wanted), "{text}");
        }
        assert_eq!(instant("1970-01-01T00:00:00.1234567Z"), Err(ReasonCode::TimestampTooFine));
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "1970-01-01",
            "1970-01-01T",
            "1970-01-01T00",
            "1970-01-01T24:00:00Z",
            "1970-01-01T23:60:00Z",
            "1970-01-01T23:59:60Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00,5Z",
            "1970-01-01T00:00:00 Z",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00+01:60",
            "1970-01-01T00:00:00+1",
            "1970-01-01T00:00:00+01:",
            "1970-01-01T00:00:00+01:00:00",
            "1970-01-01T00:00:00Z[UTC]",
            "1970-1-01T00:00:00Z",
            "19700101T000000Z",
            "1970-02-30T00:00:00Z",
            "-1970-01-01T00:00:00Z",
            "1970-01-01T00:00:0\u{661}Z",
        ] {
            assert_eq!(instant(text), Err(ReasonCode::TimestampMalformed), "{text}");
        }
    }

    #[test]
    fn every_day_of_the_calendar_is_itself() {
        let mut date = Date::constant(1, 1, 1);
        for day in DAYS {
            assert_eq!(parse_date(date.to_string().as_bytes()), Some(day), "{date}");
            date = date.tomorrow().unwrap_or(date);
        }
        for text in
            ["1900-02-29", "2023-02-29", "2023-04-31", "2023-00-01", "2023-13-01", "2023-01-00"]
        {
            assert_eq!(parse_date(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn instants_agree_with_jiff(
            micros in -62_135_000_000_000_000_i64..253_402_000_000_000_000, minutes in -1439_i32..1440,
        ) {
            let offset = Offset::from_seconds(minutes * 60).unwrap();
            let text = Timestamp::from_microsecond(micros).unwrap().display_with_offset(offset);
            let wanted = Ok((micros, i16::try_from(minutes).ok()));
            prop_assert_eq!(instant(&text.to_string()), wanted, "{}", text);
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,40}", cut in 0_usize..40) {
            let _ = instant(&text);
            let written = "2024-02-29T23:59:59.123456789+13:45";
            let _ = instant(&format!("{}{text}", &written[..cut.min(written.len())]));
        }
    }
}
