//! Values as people write them: sizes, percentages, days, instants, places.
//!
//! Pure parsing with messages for people; the same for job files and the command line.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

/// Units of sizes, longest name first so that `MiB` is not read as `B`.
const UNITS: [(&str, u64); 10] = [
    ("KIB", 1 << 10),
    ("MIB", 1 << 20),
    ("GIB", 1 << 30),
    ("TIB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
    ("", 1),
];

/// Bytes of a size such as `512MB` (decimal), `512MiB` (binary) or `4096`.
///
/// # Errors
/// A message for people when it is not a whole, positive number with a known unit.
pub fn size_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size; write for instance \"512MB\" or \"64MiB\"");
    let upper = text.trim().to_ascii_uppercase();
    let (number, unit_bytes) = UNITS
        .iter()
        .find_map(|(unit, bytes)| Some((upper.strip_suffix(unit)?.trim_end(), *bytes)))
        .ok_or_else(wrong)?;
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    match number.parse::<u64>().map_err(|_| wrong())?.checked_mul(unit_bytes) {
        Some(0) => Err("a size must be greater than zero".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err(format!("`{text}` is larger than any machine")),
    }
}

/// Millionths of a percentage such as `1`, `0.5` or `12.0000`: 1 % is 10,000 of them. Exact.
///
/// # Errors
/// A message for people when it is not a number from 0 to 100 with at most four digits after
/// the point.
pub fn percent_millionths(text: &str) -> Result<u32, String> {
    let wrong = || {
        format!(
            "`{text}` is not a percentage from 0 to 100 with at most four digits after the point"
        )
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let fraction = fraction.trim_end_matches('0');
    if !digits(whole) || !(fraction.is_empty() || digits(fraction)) || fraction.len() > 4 {
        return Err(wrong());
    }
    let whole: u32 = whole.parse().map_err(|_| wrong())?;
    let fraction: u32 = format!("{fraction:0<4}").parse().map_err(|_| wrong())?;
    whole
        .checked_mul(10_000)
        .and_then(|m| m.checked_add(fraction))
        .filter(|m| *m <= 1_000_000)
        .ok_or_else(wrong)
}

/// A calendar day written `YYYY-MM-DD`.
///
/// # Errors
/// A message for people when it is not one.
pub fn day(text: &str) -> Result<Date, String> {
    let wrong = || format!("`{text}` is not a day; write for instance 2026-08-01");
    // jiff takes longer forms too; a day is exactly ten characters.
    if text.len() != "2026-08-01".len() {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

/// A length of time such as `90s`, `2h` or `1h 30m`.
///
/// # Errors
/// A message for people when it is not one, or is negative.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is not a length of time; write for instance \"2h\" or \"90m\"");
    let parsed: SignedDuration = text.trim().parse().map_err(|_| wrong())?;
    Duration::try_from(parsed).map_err(|_| wrong())
}

/// An instant written as RFC 3339, or a day, which means its start in UTC.
///
/// # Errors
/// A message for people when it is neither.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(day) = day(text) {
        return jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_err(|e| e.to_string());
    }
    text.parse()
        .map_err(|_| format!("`{text}` is not an instant; write for instance 2026-08-03T06:00:00Z"))
}

/// A path or URL where sources or datasets lie. One with a user name or password in it is
/// refused, and not repeated.
///
/// # Errors
/// A message for people.
pub fn place(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a place must not be empty".to_owned());
    }
    if let Some((_, rest)) = text.split_once("://")
        && rest.split('/').next().is_some_and(|authority| authority.contains('@'))
    {
        return Err("a URL must not hold a user name or password".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal_or_binary_as_written() {
        assert_eq!(size_bytes("512MB"), Ok(512_000_000));
        assert_eq!(size_bytes("512 MiB"), Ok(512 << 20));
        assert_eq!(size_bytes("1gb"), Ok(1_000_000_000));
        assert_eq!(size_bytes("4096"), Ok(4096));
        assert_eq!(size_bytes("7B"), Ok(7));
        for wrong in ["", "MB", "1.5GB", "-1MB", "+1MB", "12XB", "1 2MB", "0", "99999999999TB"] {
            assert!(size_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn percentages_are_exact() {
        assert_eq!(percent_millionths("1"), Ok(10_000));
        assert_eq!(percent_millionths("1.0"), Ok(10_000));
        assert_eq!(percent_millionths("0.0001"), Ok(1));
        assert_eq!(percent_millionths("0.00010000"), Ok(1));
        assert_eq!(percent_millionths("12.345"), Ok(123_450));
        assert_eq!(percent_millionths("100"), Ok(1_000_000));
        for wrong in
            ["", ".", ".5", "1e1", "100.0001", "101", "-1", "+1", "0.00001", "nan", "1.2.3"]
        {
            assert!(percent_millionths(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lengths_of_time_have_units() {
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7_200)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5_400)));
        for wrong in ["", "2", "-2h", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_and_instants_have_one_form() {
        assert_eq!(day("2026-08-01"), Ok(jiff::civil::date(2026, 8, 1)));
        for wrong in ["2026-8-1", "2026-02-30", "01.08.2026", "20260801", "2026-08-01T00:00:00"] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
        let midnight = "2026-08-03T00:00:00Z".parse();
        assert_eq!(instant("2026-08-03").ok(), midnight.ok());
        assert!(instant("2026-08-03T06:00:00").is_err(), "an instant needs its offset");
    }

    #[test]
    fn a_place_with_userinfo_is_refused_and_not_repeated() {
        assert_eq!(place("out/orders"), Ok("out/orders".to_owned()));
        assert_eq!(place("s3://bucket/a@b"), Ok("s3://bucket/a@b".to_owned()));
        let refused = place("mongodb://me:hunter2@host/db").unwrap_err();
        assert!(!refused.contains("hunter2"));
        assert!(place("  ").is_err());
    }
}
